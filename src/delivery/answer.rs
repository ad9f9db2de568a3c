//! What came back for one request: the parts of an HTTP answer that a verdict needs. Pure but for the reading of the body.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{CONTENT_TYPE, DATE, LOCATION, RETRY_AFTER};

/// The most of an answer that is read. Bytes. A batch answer names each event in about 200 bytes.
pub const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Why there is no whole answer. Without the library's own text, which may quote the URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// No connection.
    Unreachable,
    /// The server's certificate is not trusted, or is of another name.
    Certificate,
    /// Nothing came in time.
    TimedOut,
    /// The connection broke.
    Broken,
}

impl From<reqwest::Error> for NoAnswer {
    fn from(error: reqwest::Error) -> Self {
        if is_about_certificates(&error) {
            Self::Certificate
        } else if error.is_timeout() {
            Self::TimedOut
        } else if error.is_connect() {
            Self::Unreachable
        } else {
            Self::Broken
        }
    }
}

/// Looks for a refused certificate below the library's error; I/O errors hide their cause in themselves.
fn is_about_certificates(error: &reqwest::Error) -> bool {
    let mut below: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    while let Some(cause) = below {
        let hidden = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let tls = cause.downcast_ref::<rustls::Error>().or_else(|| hidden?.downcast_ref());
        if matches!(tls, Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        below = cause.source();
    }
    false
}

/// One answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Whether the content type is JSON.
    pub is_json: bool,
    /// How long the server asks to wait.
    pub retry_after: Option<Duration>,
    /// Scheme, host and port of a redirect's target; the rest of it may carry secrets.
    pub redirect_origin: Option<String>,
    /// The server's clock, where it says.
    pub date: Option<SystemTime>,
    /// The body, never shown to anyone.
    pub body: Vec<u8>,
}

impl Answer {
    /// Takes the parts of a response; `now` turns a `Retry-After` date into a wait.
    pub fn new(status: u16, headers: &HeaderMap, body: Vec<u8>, now: SystemTime) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        Self {
            status,
            is_json: text(CONTENT_TYPE).is_some_and(is_json),
            retry_after: text(RETRY_AFTER).and_then(|text| retry_after(text, now)),
            date: text(DATE).and_then(|date| httpdate::parse_http_date(date).ok()),
            redirect_origin: text(LOCATION).and_then(|location| Some(reqwest::Url::parse(location).ok()?.origin().ascii_serialization())),
            body,
        }
    }

    /// True if the body is one whole JSON value: a cut answer or a login page is no proof of delivery (`design.md` §2).
    pub fn is_whole_json(&self) -> bool {
        self.is_json && serde_json::from_slice::<serde::de::IgnoredAny>(&self.body).is_ok()
    }
}

fn is_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type == "application/json" || media_type.ends_with("+json")
}

/// Seconds or an HTTP date (RFC 9110 §10.2.3).
fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    Some(httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(headers: &[(http::HeaderName, &str)], body: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        Answer::new(200, &headers, body.into(), httpdate::parse_http_date("Thu, 21 Nov 2024 02:30:45 GMT").unwrap())
    }

    #[test]
    fn only_whole_json_of_a_json_type_proves_a_delivery() {
        let whole = |content_type, body| answer(&[(CONTENT_TYPE, content_type)], body).is_whole_json();
        assert!(whole("application/json", "{}"));
        assert!(whole("application/json; charset=utf-8", r#"{"id":1}"#));
        assert!(!whole("application/json", r#"{"id":1"#));
        assert!(!whole("application/json", ""));
        assert!(!whole("text/html", "{}"));
        assert!(!answer(&[], "{}").is_whole_json());
    }

    #[test]
    fn a_wait_is_read_as_seconds_and_as_a_date() {
        let wait = |text| answer(&[(RETRY_AFTER, text)], "").retry_after;
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("Thu, 21 Nov 2024 02:31:00 GMT"), Some(Duration::from_secs(15)));
        assert_eq!(wait("Thu, 21 Nov 2024 02:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("soon"), None);
    }

    #[test]
    fn of_a_redirect_only_the_origin_is_kept() {
        let target = |text| answer(&[(LOCATION, text)], "").redirect_origin;
        assert_eq!(target("https://user@login.example.com:8443/sso?state=secret"), Some("https://login.example.com:8443".to_owned()));
        assert_eq!(target("/login"), None);
    }
}
