//! Version 4: HMAC-SHA256 over a canonical request, with a key that is good for one day, region and service.

use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::{RequestParts, SignedHeaders, all_headers, hex, is_service_header, keyed_hash, token_of};
use crate::secret::{Credentials, Secret};

const ALGORITHM: &str = "SLS4-HMAC-SHA256";

/// For which time and region a V4 signature holds.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The value of `x-log-date`: `20241121T023045Z`.
    pub timestamp: &'a str,
    /// Region id, such as `cn-hangzhou`.
    pub region: &'a str,
}

impl Scope<'_> {
    /// The day, `20241121`: everything before the `T`.
    pub fn day(&self) -> &str {
        self.timestamp.split('T').next().unwrap_or_default()
    }

    /// The scope as it stands in `Credential` and in the string to sign.
    pub fn text(&self) -> String {
        format!("{}/{}/sls/aliyun_v4_request", self.day(), self.region)
    }
}

/// The headers to add to a request so that SLS accepts it: `x-log-date`, `x-log-content-sha256`, the token of temporary credentials
/// and `Authorization` (`reference/sls.md` §4, "V4").
pub fn sign_v4(parts: &RequestParts, credentials: &Credentials, now: SystemTime, region: &str) -> SignedHeaders {
    let plain = vec![("x-log-date", timestamp_v4(now)), ("x-log-content-sha256", content_sha256(parts.body))];
    let token = token_of(credentials);
    let headers = all_headers(parts, &plain, token);
    let scope = Scope { timestamp: &plain[0].1, region };
    let text = string_to_sign_v4(&canonical_request_v4(&RequestParts { headers: &headers, ..*parts }), &scope);
    let signature = signature_v4(&text, &scope, &credentials.access_key_secret);
    let credential = format!("{}/{}", credentials.access_key_id, scope.text());
    let authorization = Secret::new(format!("{ALGORITHM} Credential={credential},Signature={signature}"));
    SignedHeaders { authorization, security_token: token.cloned(), plain }
}

/// The canonical request. `parts.headers` must be complete: every `x-log-*` and `x-acs-*` that is sent, and `Content-Type` if there
/// is one. The last line is the hash of `parts.body`, not what `x-log-content-sha256` says.
pub fn canonical_request_v4(parts: &RequestParts) -> String {
    let headers = signed_headers(parts);
    let mut text = format!("{}\n{}\n{}\n", parts.method, parts.path, canonical_query(parts.query));
    for (name, value) in &headers {
        text.extend([name, ":", value.trim(), "\n"]);
    }
    let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
    format!("{text}\n{}\n{}", names.join(";"), content_sha256(parts.body))
}

/// The text V4 signs: algorithm, time, scope and the hash of the canonical request.
pub fn string_to_sign_v4(canonical_request: &str, scope: &Scope) -> String {
    format!("{ALGORITHM}\n{}\n{}\n{}", scope.timestamp, scope.text(), content_sha256(canonical_request.as_bytes()))
}

/// Lower-case hex of the HMAC-SHA256 of a string to sign: what stands behind `Signature=`.
pub fn signature_v4(string_to_sign: &str, scope: &Scope, secret: &Secret) -> String {
    let start = format!("aliyun_v4{}", secret.expose()).into_bytes();
    let steps = [scope.day(), scope.region, "sls", "aliyun_v4_request", string_to_sign];
    hex(&steps.into_iter().fold(start, |key, step| keyed_hash::<hmac::Hmac<Sha256>>(&key, step.as_bytes())))
}

/// `x-log-content-sha256`: lower-case hex of the SHA-256 of the bytes sent.
pub fn content_sha256(body: &[u8]) -> String {
    hex(&Sha256::digest(body))
}

/// `x-log-date`: `20241121T023045Z`.
pub fn timestamp_v4(now: SystemTime) -> String {
    // A clock beyond year 9999 has no such text; the epoch makes the service answer with its own time.
    jiff::Timestamp::try_from(now).unwrap_or(jiff::Timestamp::UNIX_EPOCH).strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn signed_headers<'a>(parts: &RequestParts<'a>) -> Vec<(String, &'a str)> {
    let mut headers: Vec<_> = parts.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), *value)).collect();
    headers.retain(|(name, _)| name == "content-type" || is_service_header(name));
    if !parts.host.is_empty() {
        headers.push(("host".to_owned(), parts.host));
    }
    headers.sort_unstable();
    headers
}

/// Names are taken as they are, only values are encoded (vector `published_signatures`, the last one).
fn canonical_query(query: &[(&str, &str)]) -> String {
    let mut sorted = query.to_vec();
    sorted.sort_unstable();
    let pair = |(name, value): &(&str, &str)| if value.is_empty() { (*name).to_owned() } else { format!("{name}={}", encoded(value)) };
    sorted.iter().map(pair).collect::<Vec<_>>().join("&")
}

/// RFC 3986: everything but unreserved characters becomes `%XX` of its UTF-8 bytes.
fn encoded(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => text.push(char::from(byte)),
            _ => text.extend(["%", &format!("{byte:02X}")]),
        }
    }
    text
}
