//! Speaks signed HTTP to SLS: one request, one answer. Which calls there are is the business of `calls`; retries are the reader's.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::Method;
use http::header::{AUTHORIZATION, DATE, HOST, HeaderMap, HeaderName, HeaderValue};

use super::endpoint::Endpoint;
use super::error::{Damage, ErrorClass, Refusal, SlsError, TransportKind};
use super::sign::{self, RequestParts, SignedHeaders};
use super::signing::Signing;
use crate::secret::Credentials;
use crate::spare::{Buffer, Spare};

/// The most bytes of an error answer that are read.
pub(super) const MAX_ERROR_BYTES: usize = 64 * 1024;

/// Speaks HTTP to SLS, for every project and call. Holds no credentials. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SlsClient {
    http: reqwest::Client,
    now: fn() -> SystemTime,
    /// Seconds to add to our clock, learnt from a server that found a signature too old.
    clock_offset: Arc<AtomicI64>,
    spare: Spare,
}

/// A Logstore as one call sees it: where it is, and the credentials of that call, which end with it.
#[derive(Clone, Debug)]
pub struct Logstore {
    /// Speaks HTTP.
    pub client: SlsClient,
    /// Resolved and trusted.
    pub endpoint: Endpoint,
    /// Checked name.
    pub project: String,
    /// Checked name.
    pub name: String,
    /// Sign the requests of this call only.
    pub credentials: Credentials,
    /// How.
    pub signing: Signing,
}

/// One request: everything but where it goes and who signs it.
#[derive(Debug)]
pub(super) struct Request<'r> {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: &'r [(&'r str, &'r str)],
    pub(super) headers: &'r [(&'static str, &'r str)],
    pub(super) body: Vec<u8>,
    /// For the whole answer; `None`: whoever reads it looks at the clock.
    pub(super) timeout: Option<Duration>,
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
        Ok(Self { http, now, clock_offset: Arc::default(), spare: Spare::default() })
    }

    /// The memory that pages are read into, for whoever else needs some.
    pub fn spare(&self) -> &Spare {
        &self.spare
    }

    fn signing_time(&self) -> SystemTime {
        let offset = self.clock_offset.load(Relaxed);
        let distance = Duration::from_secs(offset.unsigned_abs());
        let now = (self.now)();
        if offset < 0 { now.checked_sub(distance) } else { now.checked_add(distance) }.unwrap_or(now)
    }

    /// Takes over the server's clock from the `Date` of its answer, else from the answer's message (`reference/sls.md` §7, "Clock skew").
    fn learn_time(&self, headers: &HeaderMap, told: Option<SystemTime>) {
        let Some(server) = server_time(headers).or(told) else { return };
        let offset = match server.duration_since((self.now)()) {
            Ok(ahead) => i64::try_from(ahead.as_secs()).unwrap_or(0),
            Err(behind) => -i64::try_from(behind.duration().as_secs()).unwrap_or(0),
        };
        self.clock_offset.store(offset, Relaxed);
    }
}

impl Logstore {
    /// Sends a request, signed now, and returns its answer if that is 200.
    pub(super) async fn send(&self, request: Request<'_>) -> Result<reqwest::Response, SlsError> {
        let unwritable = || SlsError::Transport(TransportKind::Unwritable);
        let headers = self.signed_headers(&request).ok_or_else(unwritable)?;
        let url = self.url(&request).ok_or_else(unwritable)?;
        let mut sent = reqwest::Request::new(request.method, url);
        *sent.headers_mut() = headers;
        *sent.timeout_mut() = request.timeout;
        // An empty body would still add Content-Length to a GET, which the service does not expect.
        *sent.body_mut() = (!request.body.is_empty()).then(|| request.body.into());
        let response = self.client.http.execute(sent).await.map_err(|error| transport(&error))?;
        if response.status() == http::StatusCode::OK { Ok(response) } else { Err(self.refusal(response).await) }
    }

    /// Asks for a path without a signature, and returns whatever is answered. Nothing secret goes out.
    pub(super) async fn ask_unsigned(&self, path: String, timeout: Duration) -> Result<reqwest::Response, SlsError> {
        let url = reqwest::Url::parse(&format!("{}{path}", self.endpoint.url_base(&self.project)));
        let url = url.map_err(|_| SlsError::Transport(TransportKind::Unwritable))?;
        let sending = self.client.http.get(url).header(HOST, self.endpoint.host_header(&self.project)).timeout(timeout);
        sending.send().await.map_err(|error| transport(&error))
    }

    fn url(&self, request: &Request<'_>) -> Option<reqwest::Url> {
        let mut url = reqwest::Url::parse(&format!("{}{}", self.endpoint.url_base(&self.project), request.path)).ok()?;
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(request.query);
        }
        Some(url)
    }

    fn signed_headers(&self, request: &Request<'_>) -> Option<HeaderMap> {
        let host = self.endpoint.host_header(&self.project);
        let sent: Vec<_> = request.headers.iter().copied().chain([("x-log-apiversion", "0.6.0")]).collect();
        let (method, path, query, body) = (request.method.as_str(), request.path.as_str(), request.query, request.body.as_slice());
        let parts = RequestParts { method, host: &host, path, query, headers: &sent, body };
        let now = self.client.signing_time();
        let signed = match &self.signing {
            Signing::V1 => sign::sign_v1(&parts, &self.credentials, now),
            Signing::V4 { region } => sign::sign_v4(&parts, &self.credentials, now, region),
        };
        header_map(&host, &sent, &signed)
    }

    async fn refusal(&self, mut response: reqwest::Response) -> SlsError {
        let request_id = response.headers().get("x-log-requestid").and_then(|id| id.to_str().ok()).unwrap_or("-").to_owned();
        let status = response.status().as_u16();
        // A refusal whose text breaks off is still that refusal: the status is known.
        let body = bounded_body(&mut response, MAX_ERROR_BYTES).await.unwrap_or_default();
        let refusal = Refusal { redirect_origin: redirect_origin(response.headers()), ..Refusal::read(status, &body, &request_id) };
        if refusal.class == ErrorClass::Clock {
            self.client.learn_time(response.headers(), refusal.server_time);
        }
        SlsError::Refused(refusal)
    }
}

/// Reads a body, at most `limit` bytes of it.
pub(super) async fn bounded_body(response: &mut reqwest::Response, limit: usize) -> Result<Vec<u8>, SlsError> {
    let mut body = Vec::with_capacity(told_length(response, limit));
    while let Some(chunk) = chunk(response, limit - body.len()).await? {
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The same into spare memory, for bodies that are large.
pub(super) async fn large_body(response: &mut reqwest::Response, limit: usize, spare: &Spare) -> Result<Buffer, SlsError> {
    let mut body = spare.room(told_length(response, limit));
    while let Some(chunk) = chunk(response, limit - body.len()).await? {
        body.extend(&chunk);
    }
    Ok(body)
}

/// The room that a body needs, all of it where the length is told: a vector that grows by doubling ends up to twice as large, and pages are
/// what memory goes into.
fn told_length(response: &reqwest::Response, limit: usize) -> usize {
    response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0).min(limit)
}

/// What comes next of a body of which so many bytes are expected at most.
pub(super) async fn chunk(response: &mut reqwest::Response, most: usize) -> Result<Option<Bytes>, SlsError> {
    let chunk = response.chunk().await.map_err(|error| transport(&error))?;
    if chunk.as_ref().is_some_and(|chunk| chunk.len() > most) {
        return Err(SlsError::Damaged(Damage::WrongSize));
    }
    Ok(chunk)
}

/// What an answer says that the time is.
pub(super) fn server_time(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()
}

/// The origin that a `Location` names; the rest of it may carry secrets.
pub(super) fn redirect_origin(headers: &HeaderMap) -> Option<String> {
    let location = headers.get(http::header::LOCATION)?.to_str().ok()?;
    Some(reqwest::Url::parse(location).ok()?.origin().ascii_serialization())
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

/// The kind of a transport error. The library's own text quotes the URL, so it stays here.
fn transport(error: &reqwest::Error) -> SlsError {
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
