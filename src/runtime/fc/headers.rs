//! The headers of a call → an invocation (`reference/function-compute.md` §2.1).

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

use crate::deadline::{DEFAULT_TIMEOUT, Deadline};
use crate::invocation::{Invocation, LogPlace};
use crate::secret::{Credentials, Secret};

/// The longest time-out that the platform knows: a day.
const MAX_TIMEOUT: Duration = Duration::from_secs(86_400);

/// The invocation of an event.
pub fn invocation(headers: &HeaderMap, event: Bytes, deadline: Deadline) -> Invocation {
    let region = text(headers, "x-fc-region").map(str::to_owned);
    Invocation { request_id: request_id(headers), event, credentials: credentials(headers), region, deadline, own_log: own_log(headers) }
}

/// The id of the call; only what such ids consist of, since it goes into log lines.
pub fn request_id(headers: &HeaderMap) -> String {
    let id = text(headers, "x-fc-request-id").unwrap_or_default();
    let id: String = id.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).take(128).collect();
    if id.is_empty() { "-".to_owned() } else { id }
}

/// The id of the platform's own trace of the call: of `traceparent`, else of Jaeger's form in Function Compute's header. Only what is one,
/// since it goes into log lines.
pub fn trace_id(headers: &HeaderMap) -> Option<String> {
    let part = |header: &str, separator: char, index: usize| text(headers, header)?.split(separator).nth(index);
    let found = part("traceparent", '-', 1).or_else(|| part("x-fc-tracing-opentracing-span-context", ':', 0))?;
    let is_id =
        (16..=32).contains(&found.len()) && found.bytes().all(|byte| byte.is_ascii_hexdigit()) && found.bytes().any(|byte| byte != b'0');
    is_id.then(|| found.to_ascii_lowercase())
}

/// Where the platform says it is calling, if it does.
pub fn control_path(headers: &HeaderMap) -> Option<&str> {
    text(headers, "x-fc-control-path")
}

/// The deadline: no absolute time arrives, so it is the time of receipt plus the function's time-out in seconds.
pub fn deadline(headers: &HeaderMap) -> Deadline {
    let seconds = text(headers, "x-fc-function-timeout").and_then(|text| text.trim().parse::<u64>().ok()).filter(|seconds| *seconds > 0);
    Deadline::of_call(seconds.map_or(DEFAULT_TIMEOUT, Duration::from_secs).min(MAX_TIMEOUT))
}

fn credentials(headers: &HeaderMap) -> Option<Credentials> {
    let security_token = text(headers, "x-fc-security-token").map(Secret::new);
    Some(Credentials {
        access_key_id: text(headers, "x-fc-access-key-id")?.to_owned(),
        access_key_secret: Secret::new(text(headers, "x-fc-access-key-secret")?),
        security_token,
    })
}

fn own_log(headers: &HeaderMap) -> Option<LogPlace> {
    let project = text(headers, "x-fc-service-logproject")?.to_owned();
    Some(LogPlace { project, logstore: text(headers, "x-fc-service-logstore")?.to_owned() })
}

/// A header's text; headers that are there but empty count as absent.
fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[tokio::test]
    async fn empty_credentials_are_none() {
        let empty = headers(&[("x-fc-access-key-id", ""), ("x-fc-access-key-secret", ""), ("x-fc-security-token", "")]);
        assert_eq!(credentials(&empty), None);
        let without_token = headers(&[("x-fc-access-key-id", "id"), ("x-fc-access-key-secret", "s"), ("x-fc-security-token", "")]);
        assert_eq!(credentials(&without_token).unwrap().security_token, None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_is_the_time_of_receipt_plus_the_time_out() {
        let left = |timeout: &str| deadline(&headers(&[("x-fc-function-timeout", timeout)])).left().as_secs_f64();
        assert!((left("60") - 57.0).abs() < 0.01);
        assert!((left("3") - 2.7).abs() < 0.01);
        for nonsense in ["0", "-1", "soon"] {
            assert!((left(nonsense) - 57.0).abs() < 0.01, "{nonsense}");
        }
    }

    #[test]
    fn a_request_id_can_break_no_line() {
        assert_eq!(request_id(&headers(&[("x-fc-request-id", "1-67\"}; x")])), "1-67x");
        assert_eq!(request_id(&HeaderMap::new()), "-");
    }

    #[test]
    fn the_trace_id_is_the_platform_s_and_nothing_else() {
        let of = |pairs: &[(&'static str, &str)]| trace_id(&headers(pairs));
        let jaeger = ("x-fc-tracing-opentracing-span-context", "5F22f355044a957a:5708f3a959505b38:5f22f355044a957a:1");
        let w3c = ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        assert_eq!(of(&[jaeger]).as_deref(), Some("5f22f355044a957a"));
        assert_eq!(of(&[jaeger, w3c]).as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
        for nothing in ["", "some text:1:2:3", "00000000000000000000:1:0:1", "5f22:1:2:3"] {
            assert_eq!(of(&[("x-fc-tracing-opentracing-span-context", nothing)]), None, "{nothing}");
        }
    }

    #[test]
    fn the_own_log_is_known_only_whole() {
        let place = own_log(&headers(&[("x-fc-service-logproject", "p"), ("x-fc-service-logstore", "l")]));
        assert_eq!(place, Some(LogPlace { project: "p".into(), logstore: "l".into() }));
        assert_eq!(own_log(&headers(&[("x-fc-service-logproject", "p"), ("x-fc-service-logstore", "")])), None);
    }
}
