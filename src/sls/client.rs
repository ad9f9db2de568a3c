//! One function per call of the SLS API, signed afresh each time. No loops over pages and no retries: those are the reader's.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use http::Method;
use http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, HeaderValue};
use prost::Message;

use super::cursor::Cursor;
use super::endpoint::Endpoint;
use super::error::{Damage, ErrorClass, Refusal, SlsError, TransportKind};
use super::page::PageHead;
use super::sign::{self, RequestParts, SignedHeaders};
use super::wire;
use crate::secret::Credentials;

/// The most bytes of an error answer that are read.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// Speaks HTTP to SLS, for every project and call. Holds no credentials. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SlsClient {
    http: reqwest::Client,
    now: fn() -> SystemTime,
    /// Seconds to add to our clock, learnt from a server that found a signature too old.
    clock_offset: Arc<AtomicI64>,
}

impl SlsClient {
    /// A client that takes the time of signatures from `now`. Signed calls never go through a proxy and never follow a redirect
    /// (`design.md` §2).
    ///
    /// # Errors
    /// When the HTTP library cannot be set up.
    pub fn new(tls: rustls::ClientConfig, now: fn() -> SystemTime) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(5))
            .tcp_nodelay(true)
            .user_agent(concat!("sls-to-langfuse/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { http, now, clock_offset: Arc::default() })
    }

    fn signing_time(&self) -> SystemTime {
        let offset = self.clock_offset.load(Relaxed);
        let distance = Duration::from_secs(offset.unsigned_abs());
        let now = (self.now)();
        if offset < 0 { now.checked_sub(distance) } else { now.checked_add(distance) }.unwrap_or(now)
    }

    /// Takes over the server's clock from the `Date` of its answer (`reference/sls.md` §7, "Clock skew").
    fn learn_time(&self, headers: &HeaderMap) {
        let date = headers.get(http::header::DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
        let Some(server) = date else { return };
        let offset = match server.duration_since((self.now)()) {
            Ok(ahead) => i64::try_from(ahead.as_secs()).unwrap_or(0),
            Err(behind) => -i64::try_from(behind.duration().as_secs()).unwrap_or(0),
        };
        self.clock_offset.store(offset, Relaxed);
    }
}

/// One shard as one call sees it: where it is, and the credentials of that call, which end with it.
#[derive(Clone, Debug)]
pub struct Shard {
    /// Speaks HTTP.
    pub client: SlsClient,
    /// Resolved and trusted.
    pub endpoint: Endpoint,
    /// Checked name.
    pub project: String,
    /// Checked name.
    pub logstore: String,
    /// Number of the shard in the Logstore.
    pub id: u32,
    /// Sign the requests of this call only.
    pub credentials: Credentials,
}

/// The head of a page whose body has not been read yet, so that its size can be refused first.
#[derive(Debug)]
pub struct PageAnswer {
    head: PageHead,
    response: reqwest::Response,
}

impl Shard {
    /// PullLogs (`reference/sls.md` §2): up to `count` log groups of `[cursor, end)`, as LZ4.
    ///
    /// # Errors
    /// A refusal of the service, no answer within `timeout`, or headers without which the page cannot be read.
    pub async fn pull(&self, cursor: &Cursor, end: &Cursor, count: u32, timeout: Duration) -> Result<PageAnswer, SlsError> {
        let count = count.to_string();
        let query = [("type", "log"), ("cursor", cursor.text()), ("count", &count), ("end_cursor", end.text())];
        let mut response = self.get(&query, timeout).await?;
        self.success(&mut response).await?;
        Ok(PageAnswer { head: PageHead::read(response.headers())?, response })
    }

    /// PutLogs (`reference/sls.md` §3) into this Logstore, wherever a shard has room. Not idempotent: a repeated call can write twice.
    ///
    /// # Errors
    /// A refusal of the service, or no answer within `timeout`.
    pub async fn put_logs(&self, group: &wire::LogGroup, timeout: Duration) -> Result<(), SlsError> {
        let raw = group.encode_to_vec();
        let (size, body) = (raw.len().to_string(), lz4_flex::block::compress(&raw));
        let headers = [("Content-Type", "application/x-protobuf"), ("x-log-bodyrawsize", &size), ("x-log-compresstype", "lz4")];
        let path = format!("/logstores/{}/shards/lb", self.logstore);
        let mut response = self.send(Method::POST, &path, &[], &headers, body, timeout).await?;
        self.success(&mut response).await
    }

    async fn get(&self, query: &[(&str, &str)], timeout: Duration) -> Result<reqwest::Response, SlsError> {
        let path = format!("/logstores/{}/shards/{}", self.logstore, self.id);
        let headers = [("Accept", "application/x-protobuf"), ("Accept-Encoding", "lz4"), ("x-log-bodyrawsize", "0")];
        self.send(Method::GET, &path, query, &headers, Vec::new(), timeout).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        headers: &[(&'static str, &str)],
        body: Vec<u8>,
        timeout: Duration,
    ) -> Result<reqwest::Response, SlsError> {
        let host = self.endpoint.host_header(&self.project);
        let sent: Vec<_> = headers.iter().copied().chain([("x-log-apiversion", "0.6.0")]).collect();
        let parts = RequestParts { method: method.as_str(), host: &host, path, query, headers: &sent, body: &body };
        let signed = sign::sign_v1(&parts, &self.credentials, self.client.signing_time());
        let unwritable = SlsError::Transport(TransportKind::Unwritable);
        let Some(headers) = header_map(&host, &sent, &signed) else { return Err(unwritable) };
        let Some(url) = self.url(path, query) else { return Err(unwritable) };
        let request = self.client.http.request(method, url).headers(headers).timeout(timeout);
        // A body of length nothing would still add Content-Length to a GET, which the service does not expect.
        let request = if body.is_empty() { request } else { request.body(body) };
        request.send().await.map_err(transport)
    }

    fn url(&self, path: &str, query: &[(&str, &str)]) -> Option<reqwest::Url> {
        let mut url = reqwest::Url::parse(&format!("{}{path}", self.endpoint.url_base(&self.project))).ok()?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Some(url)
    }

    /// Refuses every answer but 200.
    async fn success(&self, response: &mut reqwest::Response) -> Result<(), SlsError> {
        if response.status() == http::StatusCode::OK {
            return Ok(());
        }
        Err(SlsError::Refused(self.refusal(response).await?))
    }

    async fn refusal(&self, response: &mut reqwest::Response) -> Result<Refusal, SlsError> {
        let request_id = response.headers().get("x-log-requestid").and_then(|id| id.to_str().ok()).unwrap_or("-").to_owned();
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = bounded_body(response, MAX_ERROR_BYTES).await?;
        let refusal = Refusal { redirect_host: redirect_host(&headers), ..Refusal::read(status, &body, &request_id) };
        if refusal.class == ErrorClass::Clock {
            self.client.learn_time(&headers);
        }
        Ok(refusal)
    }
}

impl PageAnswer {
    /// What the headers say.
    pub fn head(&self) -> &PageHead {
        &self.head
    }

    /// Reads the body, at most `limit` bytes of it.
    ///
    /// # Errors
    /// When the answer breaks off, is longer than `limit`, or does not come in time.
    pub async fn body(mut self, limit: usize) -> Result<Vec<u8>, SlsError> {
        bounded_body(&mut self.response, limit).await
    }
}

/// The host that a `Location` names; the rest of it may carry secrets.
fn redirect_host(headers: &HeaderMap) -> Option<String> {
    let location = headers.get(http::header::LOCATION)?.to_str().ok()?;
    reqwest::Url::parse(location).ok()?.host_str().map(str::to_owned)
}

fn header_map(host: &str, sent: &[(&'static str, &str)], signed: &SignedHeaders) -> Option<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(12);
    headers.insert(HOST, HeaderValue::from_str(host).ok()?);
    for (name, value) in sent.iter().copied().chain(signed.plain.iter().map(|(name, value)| (*name, value.as_str()))) {
        headers.insert(HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?);
    }
    headers.insert(AUTHORIZATION, sensitive(signed.authorization.expose())?);
    if let Some(token) = &signed.security_token {
        headers.insert(sign::SECURITY_TOKEN, sensitive(token.expose())?);
    }
    Some(headers)
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

async fn bounded_body(response: &mut reqwest::Response, limit: usize) -> Result<Vec<u8>, SlsError> {
    // All at once where the length is told: a vector that grows by doubling ends up to twice as large, and pages are what memory goes into.
    let told = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let mut body = Vec::with_capacity(told.min(limit));
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        if body.len() + chunk.len() > limit {
            return Err(SlsError::Damaged(Damage::WrongSize));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The kind of a transport error. The library's own text quotes the URL, so it stays here.
fn transport(error: reqwest::Error) -> SlsError {
    SlsError::Transport(if error.is_timeout() {
        TransportKind::TimedOut
    } else if error.is_connect() {
        TransportKind::Connect
    } else if error.is_builder() {
        TransportKind::Unwritable
    } else {
        TransportKind::Broken
    })
}
