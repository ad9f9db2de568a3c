//! Which SLS endpoints are trusted, and how a project is reached through one.
//!
//! In: the text of an endpoint, from an event or from the operator. Out: an [`Endpoint`] that may be asked for the URL to connect to and
//! the `Host` to send, or a refusal that says what to do. Pure: no name is resolved and nothing is sent here. Whoever may invoke the
//! function writes the event, so a host is trusted only by the rules of `reference/sls.md` §1 or because the operator named it.

use std::net::Ipv4Addr;

/// What the operator says about endpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointSettings {
    /// `SLS_ENDPOINT`: replaces the endpoint of every event. Trusted, because the operator wrote it.
    pub replacement: Option<String>,
    /// `SLS_ALLOWED_ENDPOINTS`: exact host names or addresses, lower-case, without port, to trust beside Alibaba's own.
    pub allowed_hosts: Vec<String>,
    /// `SLS_PLAIN_HTTP`: leave `http` of an Alibaba endpoint as it is instead of upgrading it to `https`.
    pub plain_http: bool,
}

/// Why an endpoint is not used. The text carries at most a well-formed host name, never the endpoint as it was written: that may hold a
/// password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It is not `[scheme://]host[:port]`.
    #[error("the SLS endpoint cannot be used: {rule}; write it like https://cn-hangzhou-intranet.log.aliyuncs.com")]
    Malformed {
        /// What it breaks.
        rule: &'static str,
    },
    /// Neither Alibaba's nor named by the operator.
    #[error("the SLS endpoint host {host} is not a host of Alibaba Cloud SLS: add it to SLS_ALLOWED_ENDPOINTS if you trust it")]
    Untrusted {
        /// The host, lower-case.
        host: String,
    },
    /// A host of Alibaba's with a port that Alibaba does not serve.
    #[error(
        "the SLS endpoint {host} carries the unusual port {port}: leave the port out, or add the host to SLS_ALLOWED_ENDPOINTS if you trust it"
    )]
    UnusualPort {
        /// The host, lower-case.
        host: String,
        /// The port as written.
        port: u16,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Scheme {
    Http,
    Https,
}

impl Scheme {
    const fn text(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// A trusted SLS endpoint. Only [`Endpoint::resolve`] makes one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    scheme: Scheme,
    host: String,
    port: u16,
}

impl Endpoint {
    /// Decides which endpoint a call uses: the operator's replacement if there is one (then `text`, the endpoint of the event, is not
    /// looked at), else `text` if its host is trusted (`reference/sls.md` §1; `design.md` §2 "Delivered, and connections").
    ///
    /// A missing scheme means `http`, as in the SDKs; trailing slashes are tolerated. Hosts of the allowed list keep their scheme and may
    /// have any port; Alibaba's hosts keep to the default ports and are upgraded to `https` unless `plain_http`.
    ///
    /// # Errors
    /// [`EndpointError`], when the text is no endpoint or its host is not trusted.
    pub fn resolve(text: &str, settings: &EndpointSettings) -> Result<Self, EndpointError> {
        let endpoint = Self::parse(settings.replacement.as_deref().unwrap_or(text))?;
        if settings.allowed_hosts.contains(&endpoint.host) {
            return Ok(endpoint);
        }
        let alibaba = is_alibaba_host(&endpoint.host);
        if alibaba && endpoint.has_default_port() {
            return Ok(if settings.plain_http { endpoint } else { endpoint.upgraded() });
        }
        match (settings.replacement.is_some(), alibaba) {
            (true, _) => Ok(endpoint),
            (false, true) => Err(EndpointError::UnusualPort { host: endpoint.host, port: endpoint.port }),
            (false, false) => Err(EndpointError::Untrusted { host: endpoint.host }),
        }
    }

    /// The lower-case host without project and port, for messages.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Scheme and authority to connect to for a project, without path or trailing slash. An address is connected to as it is; with a name
    /// the project is a sub-domain (`design.md` §2). `project` must have passed [`is_project_name`].
    pub fn url_base(&self, project: &str) -> String {
        let scheme = self.scheme.text();
        let authority = if self.is_address() { format!("{}{}", self.host, self.port_suffix()) } else { self.host_header(project) };
        format!("{scheme}://{authority}")
    }

    /// The `Host` header for a project: `<project>.<host>`, with the port only when it is not the scheme's default (`reference/sls.md` §1).
    /// `project` must have passed [`is_project_name`].
    pub fn host_header(&self, project: &str) -> String {
        format!("{project}.{}{}", self.host, self.port_suffix())
    }

    /// The region that the host names, for signature V4 (`reference/sls.md` §1 "Region from the host"). None for dual-stack hosts,
    /// `log-global`, addresses and hosts that are not Alibaba's.
    pub fn region(&self) -> Option<&str> {
        let label = alibaba_prefix(&self.host).filter(|prefix| is_region_label(prefix))?;
        Some(["-intranet", "-share", "-vpc"].iter().find_map(|suffix| label.strip_suffix(suffix)).unwrap_or(label))
    }

    fn parse(text: &str) -> Result<Self, EndpointError> {
        let text = text.to_ascii_lowercase();
        let (scheme, rest) = match text.split_once("://") {
            None => (Scheme::Http, text.as_str()),
            Some(("http", rest)) => (Scheme::Http, rest),
            Some(("https", rest)) => (Scheme::Https, rest),
            Some(_) => return Err(malformed("its scheme must be http or https")),
        };
        let (host, port) = authority(rest.trim_end_matches('/'))?;
        Ok(Self { scheme, host: host.to_owned(), port: port.unwrap_or(scheme.default_port()) })
    }

    fn upgraded(self) -> Self {
        Self { scheme: Scheme::Https, port: Scheme::Https.default_port(), ..self }
    }

    fn has_default_port(&self) -> bool {
        self.port == self.scheme.default_port()
    }

    fn port_suffix(&self) -> String {
        if self.has_default_port() { String::new() } else { format!(":{}", self.port) }
    }

    fn is_address(&self) -> bool {
        self.host.parse::<Ipv4Addr>().is_ok()
    }
}

/// Reads one element of `SLS_ALLOWED_ENDPOINTS` as the lower-case host to trust. A port is checked and dropped: the host is trusted on any.
///
/// # Errors
/// [`EndpointError::Malformed`] for a scheme, path, wildcard, user or anything else that is not one exact host.
pub fn allowed_host(text: &str) -> Result<String, EndpointError> {
    let text = text.to_ascii_lowercase();
    authority(&text).map(|(host, _)| host.to_owned())
}

/// True for a project name that may stand unescaped in a host name: 1 to 128 letters, digits and inner `-` or `_` (`reference/sls.md` §1).
pub fn is_project_name(text: &str) -> bool {
    (1..=128).contains(&text.len()) && is_delimited(text, |byte| byte.is_ascii_alphanumeric())
}

/// True for a Logstore name that may stand unescaped in a path: `^[0-9a-z][0-9a-z_-]{0,78}[0-9a-z]$` (`reference/sls.md` §1).
pub fn is_logstore_name(text: &str) -> bool {
    (2..=80).contains(&text.len()) && is_delimited(text, is_lower_alphanumeric)
}

fn is_delimited(text: &str, is_outer: impl Fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    let ends_well = bytes.first().is_some_and(|byte| is_outer(*byte)) && bytes.last().is_some_and(|byte| is_outer(*byte));
    ends_well && bytes.iter().all(|byte| is_outer(*byte) || matches!(byte, b'-' | b'_'))
}

const fn is_lower_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// `host[:port]`, already lower-case.
fn authority(text: &str) -> Result<(&str, Option<u16>), EndpointError> {
    if text.contains('@') {
        return Err(malformed("it must not carry a user"));
    }
    if text.contains(['/', '\\', '?', '#']) {
        return Err(malformed("it must not carry a path or a query"));
    }
    if text.contains(['[', ']']) || text.matches(':').count() > 1 {
        return Err(malformed("IPv6 addresses are not supported"));
    }
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port_number(port)?)),
        None => (text, None),
    };
    if is_host(host) { Ok((host, port)) } else { Err(malformed("its host is not one exact host name or IPv4 address")) }
}

fn port_number(text: &str) -> Result<u16, EndpointError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0).ok_or_else(|| malformed("its port must be a number from 1 to 65535"))
}

fn is_host(text: &str) -> bool {
    let labels_are_well_formed = text.split('.').all(|label| label.len() <= 63 && is_delimited(label, is_lower_alphanumeric));
    // URL parsers read `127.1`, `2130706433` and `0x7f.1` as addresses; only the plain form of an address is taken for one here.
    let last = text.rsplit('.').next().unwrap_or_default();
    let like_an_address = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
    text.len() <= 253 && labels_are_well_formed && (!like_an_address || text.parse::<Ipv4Addr>().is_ok())
}

/// `reference/sls.md` §1, the single rule: `log-global.aliyuncs.com` or
/// `^[a-z0-9]+(-[a-z0-9]+)*(\.dualstack)?\.(log|sls)\.aliyuncs\.com$`.
fn is_alibaba_host(host: &str) -> bool {
    host == "log-global.aliyuncs.com"
        || alibaba_prefix(host).is_some_and(|prefix| is_region_label(prefix.strip_suffix(".dualstack").unwrap_or(prefix)))
}

fn alibaba_prefix(host: &str) -> Option<&str> {
    host.strip_suffix(".log.aliyuncs.com").or_else(|| host.strip_suffix(".sls.aliyuncs.com"))
}

fn is_region_label(text: &str) -> bool {
    text.split('-').all(|word| !word.is_empty() && word.bytes().all(is_lower_alphanumeric))
}

const fn malformed(rule: &'static str) -> EndpointError {
    EndpointError::Malformed { rule }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn vectors() -> Vec<Value> {
        let all: Value = serde_json::from_str(include_str!("../../tests/fixtures/sls-vectors.json")).unwrap();
        all["endpoints"].as_array().unwrap().clone()
    }

    fn resolve(text: &str) -> Result<Endpoint, EndpointError> {
        Endpoint::resolve(text, &EndpointSettings::default())
    }

    fn allowing(host: &str) -> EndpointSettings {
        EndpointSettings { allowed_hosts: vec![host.into()], ..EndpointSettings::default() }
    }

    fn replaced_by(text: &str) -> EndpointSettings {
        EndpointSettings { replacement: Some(text.into()), ..EndpointSettings::default() }
    }

    #[test]
    fn every_vector_parses_to_its_scheme_host_and_port() {
        for vector in vectors() {
            let input = vector["input"].as_str().unwrap();
            let parsed = Endpoint::parse(input).ok();
            let scheme = parsed.as_ref().map(|endpoint| endpoint.scheme.text());
            let host = parsed.as_ref().map(|endpoint| endpoint.host.as_str());
            let port = parsed.as_ref().map(|endpoint| u64::from(endpoint.port));
            assert_eq!((scheme, host, port), (vector["scheme"].as_str(), vector["host"].as_str(), vector["port"].as_u64()), "{input}");
        }
        assert_eq!(vectors().len(), 20);
    }

    #[test]
    fn every_vector_is_trusted_as_the_allow_list_says() {
        for vector in vectors() {
            let input = vector["input"].as_str().unwrap();
            assert_eq!(resolve(input).is_ok(), vector["in_allow_list"].as_bool().unwrap(), "{input}");
        }
    }

    #[test]
    fn every_vector_puts_the_project_before_the_host() {
        for vector in vectors() {
            let Some(expected) = vector["request_host_for_project_demo-project"].as_str() else { continue };
            let endpoint = resolve(vector["input"].as_str().unwrap()).unwrap();
            assert_eq!(endpoint.host_header("demo-project"), expected);
            assert_eq!(endpoint.url_base("demo-project"), format!("https://{expected}"));
        }
    }

    #[test]
    fn plain_http_of_an_alibaba_host_is_upgraded_unless_the_operator_says_no() {
        let plain = EndpointSettings { plain_http: true, ..EndpointSettings::default() };
        for text in ["http://cn-hangzhou.log.aliyuncs.com", "cn-hangzhou.log.aliyuncs.com", "http://cn-hangzhou.log.aliyuncs.com:80"] {
            assert_eq!(resolve(text).unwrap().url_base("p"), "https://p.cn-hangzhou.log.aliyuncs.com", "{text}");
            assert_eq!(Endpoint::resolve(text, &plain).unwrap().url_base("p"), "http://p.cn-hangzhou.log.aliyuncs.com", "{text}");
        }
        let https = Endpoint::resolve("https://cn-hangzhou.log.aliyuncs.com:443/", &plain).unwrap();
        assert_eq!(https.url_base("p"), "https://p.cn-hangzhou.log.aliyuncs.com");
    }

    #[test]
    fn an_alibaba_host_with_an_unusual_port_is_refused() {
        let refused = |port| Err(EndpointError::UnusualPort { host: "cn-hangzhou.log.aliyuncs.com".into(), port });
        assert_eq!(resolve("http://cn-hangzhou.log.aliyuncs.com:8080"), refused(8080));
        assert_eq!(resolve("https://cn-hangzhou.log.aliyuncs.com:80"), refused(80));
        assert_eq!(resolve("cn-hangzhou.log.aliyuncs.com:443"), refused(443));
    }

    #[test]
    fn an_allowed_host_keeps_its_scheme_and_may_have_any_port() {
        let settings = allowing("logs.example.com");
        let endpoint = Endpoint::resolve("HTTP://Logs.Example.com:8080//", &settings).unwrap();
        assert_eq!(endpoint.url_base("demo"), "http://demo.logs.example.com:8080");
        assert_eq!(endpoint.host_header("demo"), "demo.logs.example.com:8080");
        assert_eq!(endpoint.region(), None);
        let named = Endpoint::resolve("http://cn-hangzhou.log.aliyuncs.com", &allowing("cn-hangzhou.log.aliyuncs.com")).unwrap();
        assert_eq!(named.url_base("p"), "http://p.cn-hangzhou.log.aliyuncs.com");
        assert!(Endpoint::resolve("sub.logs.example.com", &settings).is_err(), "an allowed host does not cover its sub-domains");
    }

    #[test]
    fn an_address_needs_the_list_and_gets_the_project_only_in_the_host_header() {
        assert_eq!(resolve("http://127.0.0.1:8080"), Err(EndpointError::Untrusted { host: "127.0.0.1".into() }));
        let endpoint = Endpoint::resolve("http://127.0.0.1:8080", &allowing("127.0.0.1")).unwrap();
        assert_eq!(endpoint.url_base("demo"), "http://127.0.0.1:8080");
        assert_eq!(endpoint.host_header("demo"), "demo.127.0.0.1:8080");
        let https = Endpoint::resolve("https://10.0.0.1", &allowing("10.0.0.1")).unwrap();
        assert_eq!((https.url_base("demo").as_str(), https.host_header("demo").as_str()), ("https://10.0.0.1", "demo.10.0.0.1"));
    }

    #[test]
    fn the_operators_replacement_is_used_whatever_the_event_says() {
        for event in ["http://cn-hangzhou.log.aliyuncs.com", "http://evil.example.com", "", "user@host"] {
            let endpoint = Endpoint::resolve(event, &replaced_by("http://10.1.2.3:9999")).unwrap();
            assert_eq!(endpoint.url_base("p"), "http://10.1.2.3:9999");
        }
        let private = Endpoint::resolve("", &replaced_by("https://sls.private.example:8443/")).unwrap();
        assert_eq!(private.url_base("p"), "https://p.sls.private.example:8443");
        let odd_port = Endpoint::resolve("", &replaced_by("http://cn-hangzhou.log.aliyuncs.com:8080")).unwrap();
        assert_eq!(odd_port.url_base("p"), "http://p.cn-hangzhou.log.aliyuncs.com:8080");
    }

    #[test]
    fn a_replacement_by_an_alibaba_host_is_upgraded_like_any_other() {
        let endpoint = Endpoint::resolve("", &replaced_by("cn-hangzhou-intranet.log.aliyuncs.com")).unwrap();
        assert_eq!(endpoint.url_base("p"), "https://p.cn-hangzhou-intranet.log.aliyuncs.com");
    }

    #[test]
    fn text_that_is_no_endpoint_is_refused_without_being_repeated() {
        let wrong = [
            "",
            "http://",
            "http:///",
            "https:cn-hangzhou.log.aliyuncs.com",
            "http://h/path",
            "http://h?query",
            "http://h#part",
            "http://sentinel:sentinel@h",
            "http://h:",
            "http://h:0",
            "http://h:+80",
            "http://h:65536",
            "http://[::1]",
            "::1",
            "h h",
            "h\\x",
            "-h",
            "h-.example",
            "a..b",
            "h.",
            ".h",
            "*.log.aliyuncs.com",
            "127.1",
            "2130706433",
            "0x7f.0x1",
            "01.2.3.4",
            "日志.log.aliyuncs.com",
        ];
        for text in wrong {
            let error = Endpoint::resolve("", &replaced_by(text)).unwrap_err();
            assert!(matches!(error, EndpointError::Malformed { .. }), "{text}: {error}");
            assert!(!error.to_string().contains("sentinel"), "{error}");
        }
    }

    #[test]
    fn a_refusal_names_the_host_and_what_to_do() {
        let error = resolve("https://logs.example.com").unwrap_err();
        let expected =
            "the SLS endpoint host logs.example.com is not a host of Alibaba Cloud SLS: add it to SLS_ALLOWED_ENDPOINTS if you trust it";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn the_region_is_the_first_label_without_its_network() {
        let cases = [
            ("cn-hangzhou.log.aliyuncs.com", Some("cn-hangzhou")),
            ("cn-hangzhou-intranet.log.aliyuncs.com", Some("cn-hangzhou")),
            ("cn-shanghai-share.log.aliyuncs.com", Some("cn-shanghai")),
            ("ap-southeast-1-vpc.log.aliyuncs.com", Some("ap-southeast-1")),
            ("cn-shanghai-finance-1-intranet.log.aliyuncs.com", Some("cn-shanghai-finance-1")),
            ("cn-shanghai-corp.sls.aliyuncs.com", Some("cn-shanghai-corp")),
            ("cn-beijing.dualstack.log.aliyuncs.com", None),
            ("log-global.aliyuncs.com", None),
        ];
        for (host, region) in cases {
            assert_eq!(resolve(host).unwrap().region(), region, "{host}");
        }
    }

    #[test]
    fn an_allowed_host_is_one_exact_host_and_its_port_is_dropped() {
        assert_eq!(allowed_host("Logs.Example.com:8443").unwrap(), "logs.example.com");
        assert_eq!(allowed_host("10.0.0.1").unwrap(), "10.0.0.1");
        assert_eq!(allowed_host("localhost").unwrap(), "localhost");
        for text in ["https://h.example", "h.example/", "h.example/x", "*.example.com", "h:port", "h:", "", "::1", "u@h"] {
            assert!(allowed_host(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_that_could_bend_a_host_or_a_path_are_refused() {
        for name in ["a", "demo-project", "demo_1", "12345", "UPPER", &"p".repeat(128)] {
            assert!(is_project_name(name), "{name}");
        }
        for name in ["", "-a", "a-", "a.b", "a/b", "a@b", "a b", "日", &"p".repeat(129)] {
            assert!(!is_project_name(name), "{name}");
        }
        for name in ["ab", "internal-alert-history", "a_b", "0-9", &"l".repeat(80)] {
            assert!(is_logstore_name(name), "{name}");
        }
        for name in ["", "a", "A1", "-a", "a_", "a/b", "a.b", "a?b", &"l".repeat(81)] {
            assert!(!is_logstore_name(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_trusted_ends_in_aliyuncs_com(text in "\\PC{0,60}") {
            if let Ok(endpoint) = resolve(&text) {
                prop_assert!(endpoint.host().ends_with(".aliyuncs.com") && endpoint.url_base("p").starts_with("https://p."));
            }
        }

        #[test]
        fn a_foreign_host_is_never_trusted_whatever_surrounds_it(before in "[a-z.@/:?#-]{0,12}", after in "[a-z.@/:?#-]{0,12}") {
            let text = format!("{before}cn-hangzhou.log.aliyuncs.com{after}");
            if let Ok(endpoint) = resolve(&text) {
                prop_assert!(is_alibaba_host(endpoint.host()) && reqwest::Url::parse(&endpoint.url_base("p")).unwrap().host_str() == Some(&endpoint.host_header("p")));
            }
        }
    }
}
