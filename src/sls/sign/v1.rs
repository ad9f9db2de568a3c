//! Version 1: HMAC-SHA1 over a few headers, the path and the decoded query.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};

use super::{RequestParts, SignedHeaders, all_headers, header_value, hex, is_service_header, keyed_hash, token_of};
use crate::secret::{Credentials, Secret};

/// The headers to add to a request so that SLS accepts it: `Date`, `x-log-signaturemethod`, `Content-MD5` when there is a body,
/// the token of temporary credentials and `Authorization` (`reference/sls.md` §4, "V1").
pub fn sign_v1(parts: &RequestParts, credentials: &Credentials, now: SystemTime) -> SignedHeaders {
    let mut plain = vec![("Date", httpdate::fmt_http_date(now)), ("x-log-signaturemethod", "hmac-sha1".to_owned())];
    if !parts.body.is_empty() {
        plain.push(("Content-MD5", content_md5(parts.body)));
    }
    let token = token_of(credentials);
    let headers = all_headers(parts, &plain, token);
    let text = string_to_sign_v1(&RequestParts { headers: &headers, ..*parts });
    let signature = signature_v1(&text, &credentials.access_key_secret);
    let authorization = Secret::new(format!("LOG {}:{signature}", credentials.access_key_id));
    SignedHeaders { authorization, security_token: token.cloned(), plain }
}

/// The text V1 signs. `parts.headers` must be complete: `Date`, `Content-MD5` and every `x-log-*`, `x-acs-*` that is sent.
pub fn string_to_sign_v1(parts: &RequestParts) -> String {
    let line = |name| header_value(parts.headers, name);
    let mut text = format!("{}\n{}\n{}\n{}\n", parts.method, line("content-md5"), line("content-type"), line("date"));
    let mut signed: Vec<_> = parts.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), *value)).collect();
    signed.retain(|(name, _)| is_service_header(name));
    signed.sort_unstable();
    for (name, value) in signed {
        text.extend([&name, ":", value, "\n"]);
    }
    text.push_str(parts.path);
    push_query(&mut text, parts.query);
    text
}

/// Base64 of the HMAC-SHA1 of a string to sign: the part of `Authorization` behind the colon.
pub fn signature_v1(string_to_sign: &str, secret: &Secret) -> String {
    STANDARD.encode(keyed_hash::<hmac::Hmac<sha1::Sha1>>(secret.expose().as_bytes(), string_to_sign.as_bytes()))
}

/// `Content-MD5` as SLS wants it: upper-case hex of the bytes sent, not base64 (`reference/sls.md` §4).
pub fn content_md5(body: &[u8]) -> String {
    hex(&Md5::digest(body)).to_ascii_uppercase()
}

fn push_query(text: &mut String, query: &[(&str, &str)]) {
    let mut sorted = query.to_vec();
    sorted.sort_unstable();
    for (index, (name, value)) in sorted.into_iter().enumerate() {
        text.extend([if index == 0 { "?" } else { "&" }, name, "=", value]);
    }
}
