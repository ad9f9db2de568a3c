//! Whether a request is signed by a known key, now: rebuilt from what arrived (`reference/sls.md` §4).

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::access::{AccessKey, check_token};
use super::call::Call;
use super::refusal::Refusal;
use crate::sls::sign::{
    RequestParts, SECURITY_TOKEN, Scope, canonical_request_v4, signature_v1, signature_v4, string_to_sign_v1, string_to_sign_v4,
    timestamp_v4,
};

/// A request more than this off the server's time is refused (`reference/sls.md` §7, RequestTimeExpired).
const ALLOWED_SKEW: Duration = Duration::from_secs(15 * 60);

/// The claim in an `Authorization` header.
#[derive(Debug, PartialEq, Eq)]
enum Claim<'a> {
    V1 { id: &'a str, signature: &'a str },
    V4 { id: &'a str, scope: &'a str, signature: &'a str },
}

impl<'a> Claim<'a> {
    fn parse(authorization: &'a str) -> Option<Self> {
        if let Some(rest) = authorization.strip_prefix("LOG ") {
            let (id, signature) = rest.split_once(':')?;
            return Some(Self::V1 { id, signature });
        }
        let rest = authorization.strip_prefix("SLS4-HMAC-SHA256 Credential=")?;
        let (credential, signature) = rest.split_once(",Signature=")?;
        let (id, scope) = credential.split_once('/')?;
        Some(Self::V4 { id, scope, signature })
    }

    fn id(&self) -> &'a str {
        match self {
            Self::V1 { id, .. } | Self::V4 { id, .. } => id,
        }
    }

    fn signature(&self) -> &'a str {
        match self {
            Self::V1 { signature, .. } | Self::V4 { signature, .. } => signature,
        }
    }
}

/// The key that signed this request.
///
/// # Errors
/// Missing or malformed headers, a clock that is off, an unknown key, a wrong signature, a token that does not hold: in this order.
pub(super) fn signer<'k>(
    call: &Call,
    keys: &'k BTreeMap<String, AccessKey>,
    region: &str,
    now: SystemTime,
) -> Result<&'k AccessKey, Refusal> {
    let authorization = call.header("authorization").ok_or_else(|| Refusal::unauthorized("The request carries no Authorization"))?;
    let claim = Claim::parse(authorization).ok_or_else(|| Refusal::unauthorized("The Authorization is malformed"))?;
    check_method(call, &claim)?;
    check_date(call, &claim, now)?;
    let unknown = || Refusal::new(401, "InvalidAccessKeyId", format!("The access key id you provided is invalid: {}.", claim.id()));
    let key = keys.get(claim.id()).ok_or_else(unknown)?;
    check_signature(call, &claim, key, region)?;
    check_token(key, call.header(SECURITY_TOKEN), now)?;
    Ok(key)
}

/// V1 must name its method and the hash of a body; V4 need not, but must not name another one.
fn check_method(call: &Call, claim: &Claim) -> Result<(), Refusal> {
    match (claim, call.header("x-log-signaturemethod")) {
        (Claim::V1 { .. }, None) => Err(Refusal::missing("x-log-signaturemethod")),
        (Claim::V1 { .. }, Some("hmac-sha1")) if !call.body.is_empty() && call.header("content-md5").is_none() => {
            Err(Refusal::missing("Content-MD5"))
        }
        (Claim::V4 { .. }, _) if call.header("x-log-content-sha256").is_none() => Err(Refusal::missing("x-log-content-sha256")),
        (Claim::V1 { .. }, Some("hmac-sha1")) | (Claim::V4 { .. }, None | Some("hmac-sha256")) => Ok(()),
        _ => Err(Refusal::invalid("x-log-signaturemethod")),
    }
}

fn check_date(call: &Call, claim: &Claim, now: SystemTime) -> Result<(), Refusal> {
    let (name, parse): (_, fn(&str) -> Option<SystemTime>) = match claim {
        Claim::V1 { .. } => ("date", rfc1123),
        Claim::V4 { .. } => ("x-log-date", basic_iso8601),
    };
    let text = call.header(name).ok_or_else(|| Refusal::new(400, "MissingDate", format!("Header {name} is missing")))?;
    let bad_format = || Refusal::new(400, "InvalidDateFormat", format!("Date {text} is not in the required format"));
    let date = parse(text).ok_or_else(bad_format)?;
    let skew = now.duration_since(date).unwrap_or_else(|ahead| ahead.duration());
    if skew <= ALLOWED_SKEW {
        return Ok(());
    }
    let server_time = httpdate::fmt_http_date(now);
    Err(Refusal::new(400, "RequestTimeExpired", format!("Request time {text} has been expired while server time is {server_time}.")))
}

/// Only the form SLS documents, not the older ones HTTP allows.
fn rfc1123(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text).ok().filter(|date| httpdate::fmt_http_date(*date) == text)
}

fn basic_iso8601(text: &str) -> Option<SystemTime> {
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    let date = SystemTime::from(time.timestamp());
    (timestamp_v4(date) == text).then_some(date)
}

fn check_signature(call: &Call, claim: &Claim, key: &AccessKey, region: &str) -> Result<(), Refusal> {
    let query: Vec<_> = call.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let headers = arrived_headers(call, claim);
    let parts =
        RequestParts { method: call.method.as_str(), host: call.host, path: call.path, query: &query, headers: &headers, body: call.body };
    let expected = match claim {
        Claim::V1 { .. } => Some(signature_v1(&string_to_sign_v1(&parts), &key.secret)),
        Claim::V4 { scope, .. } => expected_v4(&parts, scope, call.header("x-log-date").unwrap_or_default(), key, region),
    };
    let matches = expected.as_deref() == Some(claim.signature());
    if matches { Ok(()) } else { Err(Refusal::signature(claim.signature())) }
}

/// None when the scope is for another day, region or service than this server's.
fn expected_v4(parts: &RequestParts, given_scope: &str, timestamp: &str, key: &AccessKey, region: &str) -> Option<String> {
    let scope = Scope { timestamp, region };
    let text = string_to_sign_v4(&canonical_request_v4(parts), &scope);
    (scope.text() == given_scope).then(|| signature_v4(&text, &scope, &key.secret))
}

fn arrived_headers<'a>(call: &Call<'a>, claim: &Claim) -> Vec<(&'a str, &'a str)> {
    let texts = call.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    // The Python SDK adds `x-log-date` to V1 requests after signing them, and the service accepts that (reference/sls.md §4).
    let is_v1 = matches!(claim, Claim::V1 { .. });
    texts.filter(|(name, _)| !(is_v1 && *name == "x-log-date")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn an_authorization_is_read_in_its_two_forms_only() {
        assert_eq!(Claim::parse("LOG id:abc="), Some(Claim::V1 { id: "id", signature: "abc=" }));
        let v4 = "SLS4-HMAC-SHA256 Credential=id/20241121/cn-hangzhou/sls/aliyun_v4_request,Signature=00";
        let scope = "20241121/cn-hangzhou/sls/aliyun_v4_request";
        assert_eq!(Claim::parse(v4), Some(Claim::V4 { id: "id", scope, signature: "00" }));
        for text in ["", "LOG", "LOG id", "log id:abc", "Basic aWQ6YWJj", "SLS4-HMAC-SHA256 Credential=id,Signature=00"] {
            assert_eq!(Claim::parse(text), None, "{text}");
        }
    }

    #[test]
    fn dates_are_accepted_in_the_documented_form_only() {
        let time = UNIX_EPOCH + Duration::from_secs(1_732_156_245);
        assert_eq!(rfc1123("Thu, 21 Nov 2024 02:30:45 GMT"), Some(time));
        assert_eq!(basic_iso8601("20241121T023045Z"), Some(time));
        for text in ["Thursday, 21-Nov-24 02:30:45 GMT", "Thu Nov 21 02:30:45 2024", "Thu, 21 Nov 2024 02:30:45 +0000", ""] {
            assert_eq!(rfc1123(text), None, "{text}");
        }
        for text in ["2024-11-21T02:30:45Z", "20241121T023045", "20241321T023045Z", ""] {
            assert_eq!(basic_iso8601(text), None, "{text}");
        }
    }
}
