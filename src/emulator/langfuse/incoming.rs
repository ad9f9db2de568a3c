//! One request as the stand-in sees it and as it remembers it. Knows HTTP, not what a body means.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::OnceLock;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};

/// Largest inflated body in bytes; more is a bomb and answered with 400.
const MAX_INFLATED: usize = 64 * 1024 * 1024;

/// A request with its whole body.
#[derive(Debug)]
pub struct Incoming {
    /// Method.
    pub method: Method,
    /// Path, without the query.
    pub path: String,
    /// Query, without the question mark.
    pub query: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Body as it was on the wire.
    pub body: Bytes,
    inflated: OnceLock<Option<Bytes>>,
}

impl Incoming {
    /// Takes a request apart.
    pub fn new(request: Request<Bytes>) -> Self {
        let (head, body) = request.into_parts();
        Self {
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            method: head.method,
            headers: head.headers,
            body,
            inflated: OnceLock::new(),
        }
    }

    /// The parameters of the query, of equal names the last.
    pub fn parameters(&self) -> BTreeMap<String, String> {
        let url = reqwest::Url::parse(&format!("http://localhost/?{}", self.query));
        url.map(|url| url.query_pairs().into_owned().collect()).unwrap_or_default()
    }

    /// A header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A header of Langfuse, whose spelling with underscores works too (`reference/langfuse.md` §1).
    pub fn langfuse_header(&self, name: &str) -> Option<&str> {
        self.header(name).or_else(|| self.header(&name.replace('-', "_")))
    }

    /// Whether the body is declared as gzip.
    pub fn is_gzip(&self) -> bool {
        self.header("content-encoding").is_some_and(|encoding| encoding.contains("gzip"))
    }

    /// The gzip body undone; nothing where it is none or a bomb.
    pub fn inflated(&self) -> Option<&Bytes> {
        self.inflated.get_or_init(|| inflate(&self.body, MAX_INFLATED)).as_ref()
    }

    /// The body with a declared gzip undone where that works.
    pub fn decoded(&self) -> &Bytes {
        if self.is_gzip() { self.inflated().unwrap_or(&self.body) } else { &self.body }
    }
}

fn inflate(body: &[u8], limit: usize) -> Option<Bytes> {
    let mut inflated = Vec::new();
    let bounded = flate2::read::MultiGzDecoder::new(body).take(limit as u64 + 1).read_to_end(&mut inflated);
    (bounded.is_ok() && inflated.len() <= limit).then(|| Bytes::from(inflated))
}

/// A request that the stand-in has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedRequest {
    /// Method.
    pub method: String,
    /// Path, without the query.
    pub path: String,
    /// Query, without the question mark.
    pub query: String,
    /// Headers in the order of arrival, names in lower case; the value of `authorization` is hidden.
    pub headers: Vec<(String, String)>,
    /// Body length on the wire, bytes.
    pub wire_bytes: usize,
    /// Body length after a declared gzip was undone, bytes.
    pub decoded_bytes: usize,
    /// The body after a declared gzip was undone; empty where the world does not keep bodies.
    pub decoded: Bytes,
    /// Spans or events inside; 0 where the body could not be read.
    pub items: usize,
    /// Status of the answer; nothing where the connection died before one.
    pub status: Option<u16>,
    /// Whether a scripted fault made the answer.
    pub faulted: bool,
}

impl RecordedRequest {
    pub(super) fn new(incoming: &Incoming, keep_body: bool, items: usize) -> Self {
        let decoded = incoming.decoded();
        let shown = |name: &str, value: &[u8]| {
            if name == "authorization" { "[hidden]".to_owned() } else { String::from_utf8_lossy(value).into_owned() }
        };
        let headers = incoming.headers.iter().map(|(name, value)| (name.to_string(), shown(name.as_str(), value.as_bytes())));
        Self {
            method: incoming.method.to_string(),
            path: incoming.path.clone(),
            query: incoming.query.clone(),
            headers: headers.collect(),
            wire_bytes: incoming.body.len(),
            decoded_bytes: decoded.len(),
            decoded: if keep_body { decoded.clone() } else { Bytes::new() },
            items,
            status: None,
            faulted: false,
        }
    }

    /// A header by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn answered(&mut self, status: Option<StatusCode>, faulted: bool) {
        self.status = status.map(|status| status.as_u16());
        self.faulted = faulted;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn inflates_up_to_the_limit_and_not_a_byte_more() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&[7; 100]).unwrap();
        let body = encoder.finish().unwrap();
        assert_eq!(inflate(&body, 100), Some(Bytes::from_static(&[7; 100])));
        assert_eq!(inflate(&body, 99), None);
        assert_eq!(inflate(&body[..body.len() - 1], 100), None);
        assert_eq!(inflate(&[], 100), None);
    }
}
