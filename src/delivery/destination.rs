//! One Langfuse project: where it is, how to speak to it, and whether it is being left alone. The only module that opens connections to it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use tokio::time::Instant;

use super::answer::{Answer, MAX_ANSWER_BYTES, NoAnswer};
use super::ingestion_plan::IngestionPlan;
use super::memory::AcceptedSpans;
use super::request::Body;
use super::verdict::Block;
use crate::export::server_version::{HEALTH_PATH, ServerVersion};
use crate::secret::Secret;
use crate::tls;

/// `LANGFUSE_INGESTION`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IngestionApi {
    /// Decide by the server (`design.md` §2, "auto").
    #[default]
    Auto,
    /// OTLP over HTTP with protobuf.
    Otlp,
    /// The older batch API.
    Batch,
}

/// `OTEL_EXPORTER_OTLP_COMPRESSION`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// gzip.
    #[default]
    Gzip,
    /// The bytes as they are.
    None,
}

/// What the operator says about one Langfuse project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationSettings {
    /// `LANGFUSE_HOST` or `LANGFUSE_BASE_URL`: scheme, host, optional port and path prefix; no trailing slash.
    pub base_url: String,
    /// `LANGFUSE_PUBLIC_KEY`.
    pub public_key: String,
    /// `LANGFUSE_SECRET_KEY`.
    pub secret_key: Secret,
    /// `LANGFUSE_SDK_TIMEOUT`: the longest that one request may take.
    pub request_timeout: Duration,
    /// `LANGFUSE_INGESTION`.
    pub api: IngestionApi,
    /// `OTEL_EXPORTER_OTLP_COMPRESSION`.
    pub compression: Compression,
    /// `SSL_CERT_FILE`: further trusted roots as DER, beside the bundled ones.
    pub extra_roots: Vec<Vec<u8>>,
    /// The way to it.
    pub proxies: ProxySettings,
}

/// The proxies between us and a destination, as in `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`: URLs, which may hold passwords.
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

/// How long a warm instance leaves a destination alone that refuses it for its keys, permissions or host (`design.md` decision 5).
const PAUSE: Duration = Duration::from_secs(300);

/// How long the version of a server is believed: an upgrade behind a warm instance shows after this time at the latest.
const VERSION_AGE: Duration = Duration::from_secs(600);

/// How long it is believed that nobody tells the version: a closed health page should not cost every call a request.
const UNKNOWN_VERSION_AGE: Duration = Duration::from_secs(60);

/// How long the health page may take.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// One Langfuse project as a value: address, keys, connections and what is known of its state. Nothing of it is global.
#[derive(Debug)]
pub struct Destination {
    settings: DestinationSettings,
    authorization: HeaderValue,
    http: reqwest::Client,
    now: fn() -> SystemTime,
    paused: Mutex<Option<Pause>>,
    version: tokio::sync::Mutex<Option<KnownVersion>>,
    silent: AtomicBool,
    accepted: AcceptedSpans,
}

/// What the health page said, and how long that is believed.
#[derive(Clone, Copy, Debug)]
struct KnownVersion {
    version: Option<ServerVersion>,
    until: Instant,
}

/// A destination that is left alone for a while, and why.
#[derive(Clone, Debug)]
struct Pause {
    until: Instant,
    block: Block,
}

/// Why a destination could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DestinationError {
    /// The TLS library could not be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The HTTP library could not be set up.
    #[error("the HTTP client cannot be set up: {0}")]
    Http(#[from] reqwest::Error),
}

impl Destination {
    /// A destination; `now` reads dates in answers.
    ///
    /// # Errors
    /// When TLS or HTTP cannot be set up.
    pub fn new(settings: DestinationSettings, now: fn() -> SystemTime) -> Result<Self, DestinationError> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client_config(&settings.extra_roots)?)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .user_agent(concat!("sls-to-langfuse/", env!("CARGO_PKG_VERSION")));
        // The library would read the environment by itself; configuration has read it, and judged it.
        let http = settings.proxies.proxies()?.into_iter().fold(http.no_proxy(), reqwest::ClientBuilder::proxy).build()?;
        let authorization = basic(&settings);
        Ok(Self {
            settings,
            authorization,
            http,
            now,
            paused: Mutex::new(None),
            version: tokio::sync::Mutex::new(None),
            silent: AtomicBool::new(false),
            accepted: AcceptedSpans::default(),
        })
    }

    /// What the operator said about it.
    pub fn settings(&self) -> &DestinationSettings {
        &self.settings
    }

    /// Sends a body and reads the whole answer, within the request time-out and `left`.
    ///
    /// # Errors
    /// Why no whole answer came.
    pub async fn post(&self, body: &Body, left: Duration) -> Result<Answer, NoAnswer> {
        let mut request = self
            .http
            .post(format!("{}{}", self.settings.base_url, body.api.path()))
            .timeout(self.settings.request_timeout.min(left))
            .header(AUTHORIZATION, self.authorization.clone())
            .header(CONTENT_TYPE, body.api.content_type())
            .header("x-langfuse-ingestion-version", "4")
            .header("x-langfuse-sdk-name", "sls-to-langfuse")
            .header("x-langfuse-sdk-version", env!("CARGO_PKG_VERSION"));
        if let Some(encoding) = body.encoding {
            request = request.header(CONTENT_ENCODING, encoding);
        }
        self.answer(request.body(body.wire.clone()).send().await?).await
    }

    /// Asks for `path` with the keys of the project and reads the whole answer, within the request time-out. `None`: no answer came.
    pub async fn get(&self, path: &str) -> Option<Answer> {
        let request = self.http.get(format!("{}{path}", self.settings.base_url)).timeout(self.settings.request_timeout);
        self.answer(request.header(AUTHORIZATION, self.authorization.clone()).send().await.ok()?).await.ok()
    }

    async fn answer(&self, mut response: reqwest::Response) -> Result<Answer, NoAnswer> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            let room = MAX_ANSWER_BYTES - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        }
        Ok(Answer::new(response.status().as_u16(), response.headers(), body, (self.now)()))
    }

    /// Which API to use, by what is wished and, where that depends on it, by the server's version. The version is asked for once in a
    /// while, so that a server that is upgraded behind a warm instance is found out.
    pub async fn plan(&self, left: Duration) -> IngestionPlan {
        if !IngestionPlan::needs_version(self.settings.api) {
            return IngestionPlan::new(self.settings.api, None);
        }
        let mut known = self.version.lock().await;
        let fresh = known.filter(|known| Instant::now() < known.until);
        let version = match fresh {
            Some(known) => known.version,
            None => {
                let version = self.ask_version(HEALTH_TIMEOUT.min(left)).await;
                let age = if version.is_some() { VERSION_AGE } else { UNKNOWN_VERSION_AGE };
                *known = Some(KnownVersion { version, until: Instant::now() + age });
                version
            }
        };
        IngestionPlan::new(self.settings.api, version)
    }

    /// Asks for the version again at the next call: the server has shown that it is not what its health page said.
    pub async fn forget_version(&self) {
        *self.version.lock().await = None;
    }

    async fn ask_version(&self, timeout: Duration) -> Option<ServerVersion> {
        let request = self.http.get(format!("{}{HEALTH_PATH}", self.settings.base_url)).timeout(timeout);
        let response = request.send().await.inspect_err(|_| self.suspect());
        let answer = self.answer(response.ok()?).await.ok()?;
        ServerVersion::of_health(&answer.body)
    }

    /// Notes that it may be down: before anything else is sent, the next request finds out whether it answers at all (see `breaker`).
    pub fn suspect(&self) {
        self.silent.store(true, Relaxed);
    }

    /// Notes that it answers.
    pub fn trust(&self) {
        self.silent.store(false, Relaxed);
    }

    /// True if it has not answered as it should since it was last suspected.
    pub fn is_suspected(&self) -> bool {
        self.silent.load(Relaxed)
    }

    /// What it has accepted of ranges that failed.
    pub fn accepted(&self) -> &AcceptedSpans {
        &self.accepted
    }

    /// Leaves the destination alone from now on: what stands in the way goes only when a person acts, and asking again would hammer a
    /// server that has said no (`design.md` decision 5).
    pub fn pause(&self, block: &Block) {
        *self.lock() = Some(Pause { until: Instant::now() + PAUSE, block: block.clone() });
    }

    /// The block for which the destination is being left alone, and for how long still.
    pub fn paused(&self) -> Option<(Block, Duration)> {
        let pause = self.lock().clone()?;
        let left = pause.until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some((pause.block, left))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Pause>> {
        self.paused.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn basic(settings: &DestinationSettings) -> HeaderValue {
    let pair = format!("{}:{}", settings.public_key, settings.secret_key.expose());
    // Base64 is always a valid header value.
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}
