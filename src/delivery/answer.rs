//! What came back for one request: the parts of an HTTP answer that a verdict needs. Pure but for the reading of the body.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};

/// The most of an answer that is read. Bytes. A batch answer names each event in about 200 bytes.
pub const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// One answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Whether the content type is JSON.
    pub is_json: bool,
    /// How long the server asks to wait.
    pub retry_after: Option<Duration>,
    /// Host of a redirect's target.
    pub redirect_host: Option<String>,
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
            redirect_host: text(LOCATION).and_then(|location| reqwest::Url::parse(location).ok()?.host_str().map(str::to_owned)),
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
    fn of_a_redirect_only_the_host_is_kept() {
        let target = |text| answer(&[(LOCATION, text)], "").redirect_host;
        assert_eq!(target("https://login.example.com/sso?state=secret"), Some("login.example.com".to_owned()));
        assert_eq!(target("/login"), None);
    }
}
