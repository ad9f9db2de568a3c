//! The way to the destinations: one HTTP client for all of them, with the roots that are trusted and the proxies in between.

use std::time::Duration;

use crate::secret::Secret;
use crate::tls;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What the operator says about the way to Langfuse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionSettings {
    /// `SSL_CERT_FILE`: further trusted roots as DER, beside the bundled ones.
    pub extra_roots: Vec<Vec<u8>>,
    /// What stands in between.
    pub proxies: ProxySettings,
}

/// The proxies between us and Langfuse, as in `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`: URLs, which may hold passwords.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxySettings {
    /// For https.
    pub https: Option<Secret>,
    /// For http.
    pub http: Option<Secret>,
    /// For both, where there is none of its own.
    pub all: Option<Secret>,
    /// Hosts that are reached directly, separated by commas.
    pub except: Option<String>,
}

/// The library's way from a URL to a proxy of one kind.
type MakeProxy = fn(&str) -> reqwest::Result<reqwest::Proxy>;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The TLS library could not be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The HTTP library could not be set up.
    #[error("the HTTP client cannot be set up: {0}")]
    Http(#[from] reqwest::Error),
}

impl ProxySettings {
    /// The proxies in the order in which they are asked.
    fn proxies(&self) -> Result<Vec<reqwest::Proxy>, reqwest::Error> {
        let except = || self.except.as_deref().and_then(reqwest::NoProxy::from_string);
        let kinds: [(&Option<Secret>, MakeProxy); 3] = [
            (&self.https, |url| reqwest::Proxy::https(url)),
            (&self.http, |url| reqwest::Proxy::http(url)),
            (&self.all, |url| reqwest::Proxy::all(url)),
        ];
        kinds.iter().filter_map(|(url, kind)| Some(kind(url.as_ref()?.expose()).map(|proxy| proxy.no_proxy(except())))).collect()
    }
}

/// The client that speaks to every destination. It follows no redirect.
///
/// # Errors
/// When TLS or HTTP cannot be set up.
pub fn http_client(settings: &ConnectionSettings) -> Result<reqwest::Client, ConnectionError> {
    let http = reqwest::Client::builder()
        .tls_backend_preconfigured(tls::client_config(&settings.extra_roots)?)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .user_agent(concat!("sls-to-langfuse/", env!("CARGO_PKG_VERSION")));
    // The library would read the environment by itself; configuration has read it, and judged it.
    Ok(settings.proxies.proxies()?.into_iter().fold(http.no_proxy(), reqwest::ClientBuilder::proxy).build()?)
}
