//! Request signatures of SLS, versions 1 and 4: request parts, credentials and a time in, headers out (`reference/sls.md` §4).
//!
//! Pure. Nothing here opens a connection, asks a clock or decides which version an endpoint wants. The functions that build the
//! texts to sign are public, because a verifier (the stand-in) rebuilds them from the headers that arrived.

mod v1;
mod v4;

pub use v1::{content_md5, sign_v1, signature_v1, string_to_sign_v1};
pub use v4::{Scope, canonical_request_v4, content_sha256, sign_v4, signature_v4, string_to_sign_v4, timestamp_v4};

use hmac::{KeyInit, Mac};

use crate::secret::{Credentials, Secret};

/// `SLS_SIGNATURE_VERSION`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignatureVersion {
    /// V1 unless the endpoint demands V4.
    #[default]
    Auto,
    /// HMAC-SHA1.
    V1,
    /// HMAC-SHA256 with a region.
    V4,
}

/// What is known of a request before it is signed, or after it arrived.
#[derive(Clone, Copy, Debug)]
pub struct RequestParts<'a> {
    /// `GET`, `POST` …, upper-case.
    pub method: &'a str,
    /// The `Host` that goes out, with the port when it is not the default one. V4 signs it; empty leaves it out of the signature.
    pub host: &'a str,
    /// The path as sent; never escaped (`reference/sls.md` §4).
    pub path: &'a str,
    /// Names and values before percent-encoding, in any order.
    pub query: &'a [(&'a str, &'a str)],
    /// The other headers, names in any case. For [`sign_v1`] and [`sign_v4`] without those that signing adds.
    pub headers: &'a [(&'a str, &'a str)],
    /// The bytes sent, so after compression.
    pub body: &'a [u8],
}

/// The headers that signing adds to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHeaders {
    /// Those that may be seen: `Date` or `x-log-date`, the method or hash headers.
    pub plain: Vec<(&'static str, String)>,
    /// `Authorization`; mark the header as sensitive.
    pub authorization: Secret,
    /// `x-acs-security-token` of temporary credentials; mark the header as sensitive.
    pub security_token: Option<Secret>,
}

/// Name of the header that carries the token of temporary credentials; it is itself signed.
pub const SECURITY_TOKEN: &str = "x-acs-security-token";

/// The token to send, if the credentials have one. An empty token is none (`reference/function-compute.md` §2.1).
fn token_of(credentials: &Credentials) -> Option<&Secret> {
    credentials.security_token.as_ref().filter(|token| !token.is_empty())
}

/// `parts.headers` and the ones signing adds, as one list.
fn all_headers<'a>(parts: &RequestParts<'a>, added: &'a [(&'static str, String)], token: Option<&'a Secret>) -> Vec<(&'a str, &'a str)> {
    let added = added.iter().map(|(name, value)| (*name, value.as_str()));
    let token = token.map(|token| (SECURITY_TOKEN, token.expose()));
    parts.headers.iter().copied().chain(added).chain(token).collect()
}

/// True for a lower-case name that every signature covers. `x-log-meta-*` belongs to object upload and stays out
/// (`reference/sls.md` §4).
fn is_service_header(name: &str) -> bool {
    (name.starts_with("x-log-") || name.starts_with("x-acs-")) && !name.starts_with("x-log-meta-")
}

/// The value of the first header of this lower-case name, or an empty text.
fn header_value<'a>(headers: &[(&'a str, &'a str)], name: &str) -> &'a str {
    headers.iter().find(|(candidate, _)| candidate.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
}

fn keyed_hash<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Vec<u8> {
    #[allow(clippy::expect_used, reason = "HMAC is defined for keys of every length; the error exists for other MACs")]
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use serde_json::Value;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    /// One case of the vector file, its texts owned so that request parts can borrow from it.
    struct Case {
        method: String,
        host: String,
        path: String,
        query: Vec<(String, String)>,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
        credentials: Credentials,
        vector: Value,
    }

    fn vectors(list: &str, version: &str) -> Vec<Case> {
        let file: Value = serde_json::from_str(include_str!("../../tests/fixtures/sls-vectors.json")).unwrap();
        let cases: Vec<_> =
            file[list].as_array().unwrap().iter().filter(|vector| vector["signature_version"] == version).map(case).collect();
        assert!(!cases.is_empty());
        cases
    }

    fn case(vector: &Value) -> Case {
        let text = |name: &str| vector[name].as_str().unwrap_or_default().to_owned();
        let headers = vector["headers_before_signing"].as_object().or(vector["headers"].as_object()).unwrap();
        let pair = |pair: &Value| (pair[0].as_str().unwrap().to_owned(), pair[1].as_str().unwrap().to_owned());
        Case {
            method: text("method"),
            host: text("host"),
            path: text("path"),
            query: vector["query"].as_array().unwrap().iter().map(pair).collect(),
            headers: headers.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect(),
            body: base64::engine::general_purpose::STANDARD.decode(text("body_base64")).unwrap(),
            credentials: Credentials {
                access_key_id: text("access_key_id"),
                access_key_secret: Secret::new(text("access_key_secret")),
                security_token: vector["security_token"].as_str().map(Secret::new),
            },
            vector: vector.clone(),
        }
    }

    fn borrowed(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
        pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    impl Case {
        fn with_parts<R>(&self, extra: &[(&str, &str)], use_parts: impl FnOnce(&RequestParts) -> R) -> R {
            let (query, mut headers) = (borrowed(&self.query), borrowed(&self.headers));
            headers.extend(extra);
            let Self { method, host, path, body, .. } = self;
            use_parts(&RequestParts { method, host, path, query: &query, headers: &headers, body })
        }

        /// Everything the vector says signing sets, so that a missing or an additional header fails as well.
        fn expect_headers(&self, signed: &SignedHeaders) {
            let mut got: serde_json::Map<String, Value> =
                signed.plain.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect();
            got.insert("Authorization".into(), signed.authorization.expose().into());
            if let Some(token) = &signed.security_token {
                got.insert(SECURITY_TOKEN.into(), token.expose().into());
            }
            assert_eq!(Value::Object(got), self.vector["headers_set_by_signing"], "{}", self.vector["name"]);
        }
    }

    fn fixed_clock() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_732_156_245)
    }

    #[test]
    fn v1_vectors_give_their_string_to_sign_and_headers() {
        let cases = vectors("signatures", "v1");
        assert_eq!(cases.len(), 10);
        for case in cases {
            let signed = case.with_parts(&[], |parts| sign_v1(parts, &case.credentials, fixed_clock()));
            case.expect_headers(&signed);
            let mut sent: Vec<_> = signed.plain.iter().map(|(name, value)| (*name, value.as_str())).collect();
            sent.extend(signed.security_token.as_ref().map(|token| (SECURITY_TOKEN, token.expose())));
            let text = case.with_parts(&sent, string_to_sign_v1);
            assert_eq!(text, case.vector["string_to_sign"], "{}", case.vector["name"]);
        }
    }

    #[test]
    fn v4_vectors_give_their_canonical_request_string_to_sign_and_headers() {
        let cases = vectors("signatures", "v4");
        assert_eq!(cases.len(), 11);
        for case in cases {
            let region = case.vector["region"].as_str().unwrap();
            let signed = case.with_parts(&[], |parts| sign_v4(parts, &case.credentials, fixed_clock(), region));
            case.expect_headers(&signed);
            let mut sent: Vec<_> = signed.plain.iter().map(|(name, value)| (*name, value.as_str())).collect();
            sent.extend(signed.security_token.as_ref().map(|token| (SECURITY_TOKEN, token.expose())));
            let canonical = case.with_parts(&sent, canonical_request_v4);
            assert_eq!(canonical, case.vector["canonical_request"], "{}", case.vector["name"]);
            let scope = Scope { timestamp: case.vector["date"].as_str().unwrap(), region };
            assert_eq!(string_to_sign_v4(&canonical, &scope), case.vector["string_to_sign"]);
        }
    }

    #[test]
    fn v1_signatures_published_by_the_sdks_come_out_the_same() {
        let cases = vectors("published_signatures", "v1");
        assert_eq!(cases.len(), 3);
        for case in cases {
            let md5 = content_md5(&case.body);
            let extra = [("Content-MD5", md5.as_str())];
            let text = case.with_parts(&extra[..usize::from(!case.body.is_empty())], string_to_sign_v1);
            let signature = signature_v1(&text, &case.credentials.access_key_secret);
            assert_eq!(format!("LOG {}:{signature}", case.credentials.access_key_id), case.vector["authorization"], "{text}");
        }
    }

    #[test]
    fn v4_signatures_published_by_the_sdks_come_out_the_same() {
        let cases = vectors("published_signatures", "v4");
        assert_eq!(cases.len(), 3);
        for case in cases {
            let scope = Scope { timestamp: "20220808T032330Z", region: "cn-hangzhou" };
            let sha256 = content_sha256(&case.body);
            let canonical = case.with_parts(&[("x-log-content-sha256", &sha256)], canonical_request_v4);
            let signature = signature_v4(&string_to_sign_v4(&canonical, &scope), &scope, &case.credentials.access_key_secret);
            let authorization = case.vector["authorization"].as_str().unwrap();
            assert_eq!(authorization.rsplit_once("Signature=").unwrap().1, signature, "{canonical}");
        }
    }

    #[test]
    fn an_empty_token_is_neither_sent_nor_signed() {
        let parts = RequestParts { method: "GET", host: "p.h", path: "/logstores", query: &[], headers: &[], body: b"" };
        let mut credentials =
            Credentials { access_key_id: "id".into(), access_key_secret: Secret::new("key"), security_token: Some(Secret::new("")) };
        let with_empty = sign_v1(&parts, &credentials, fixed_clock());
        credentials.security_token = None;
        assert_eq!(with_empty, sign_v1(&parts, &credentials, fixed_clock()));
        assert_eq!(with_empty.security_token, None);
    }

    #[test]
    fn headers_of_object_upload_stay_out_of_both_signatures() {
        let parts = |headers| RequestParts { method: "GET", host: "p.h", path: "/", query: &[], headers, body: b"" };
        let meta = [("X-Log-Meta-Author", "a")];
        assert_eq!(string_to_sign_v1(&parts(&meta)), "GET\n\n\n\n/");
        assert_eq!(canonical_request_v4(&parts(&meta)), canonical_request_v4(&parts(&[])));
    }

    #[test]
    fn printed_signed_headers_show_no_key_material() {
        let parts = RequestParts { method: "GET", host: "p.h", path: "/", query: &[], headers: &[], body: b"" };
        let credentials = Credentials {
            access_key_id: "id".into(),
            access_key_secret: Secret::new("sentinel-secret"),
            security_token: Some(Secret::new("sentinel-token")),
        };
        let printed = format!("{:?}", sign_v4(&parts, &credentials, fixed_clock(), "cn-hangzhou"));
        assert!(!printed.contains("sentinel") && !printed.contains("SLS4-HMAC"), "{printed}");
    }
}
