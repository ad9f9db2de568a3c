//! Answers by script: which requests they hit and what the peer gets instead of, or after, the real answer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::json;
use tokio::sync::Semaphore;

use super::incoming::Incoming;
use super::version::{ServerVersion, since};
use super::{batch, otlp, reply};
use crate::emulator::server::Reply;

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is stored; this is the answer.
    Status {
        /// Status code.
        status: u16,
        /// Further headers.
        headers: Vec<(String, String)>,
        /// Content type.
        content_type: String,
        /// Body.
        body: String,
    },
    /// Nothing is stored; 429 as Cloud answers it (`reference/langfuse.md` §2).
    RateLimited {
        /// `Retry-After`, whole seconds.
        retry_after: u64,
    },
    /// Nothing is stored; 307 to this place.
    Redirect(String),
    /// Nothing is stored; 200 with a page, as a login wall answers.
    HtmlLogin200,
    /// Nothing is stored; 200 with JSON content type and no body.
    EmptyBody200,
    /// Nothing is stored; 200 with JSON content type and half a JSON text.
    HalfJson200,
    /// Nothing is stored; the connection dies.
    Reset,
    /// Nothing is stored; no answer for so long, then the connection dies.
    Hang(Duration),
    /// Everything is stored; the connection dies before the answer.
    ResetAfterStoring,
    /// Everything is stored; the head of the answer comes, and this many bytes of its body, then the connection dies.
    Cut(usize),
    /// Everything is stored; the body of the answer comes in pieces.
    Drip {
        /// Bytes of one piece.
        piece: usize,
        /// Pause before each piece.
        pause: Duration,
    },
    /// Everything is stored; the answer comes late.
    Delay(Duration),
    /// Everything is stored; the answer comes when the gate is opened.
    Held(Gate),
    /// Of a batch, the events with this text are not stored, and refused with this status; the others are.
    RefuseEvents {
        /// Text.
        text: String,
        /// Status of each event.
        status: u16,
    },
}

/// Holds answers until it is opened, once for all.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Semaphore>);

impl Gate {
    /// A gate that is shut.
    pub fn shut() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets through whoever waits, and whoever comes later.
    pub fn open(&self) {
        self.0.close();
    }

    async fn pass(&self) {
        // There are no permits: what is waited for is the end of the semaphore.
        let _closed = self.0.acquire().await;
    }
}

impl PartialEq for Gate {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Gate {}

impl Fault {
    /// A bare status with a JSON body in the form of §2: for 500 and 503 as Langfuse words them, else only a message.
    pub fn status(status: u16) -> Self {
        let body = match status {
            500 => json!({"message": "Internal Server Error", "error": "InternalServerError"}),
            503 => json!({"message": "Service Unavailable"}),
            _ => json!({"message": "scripted"}),
        };
        Self::answer(status, "application/json; charset=utf-8", &body.to_string())
    }

    /// A status with a body.
    pub fn answer(status: u16, content_type: &str, body: &str) -> Self {
        Self::Status { status, headers: Vec::new(), content_type: content_type.into(), body: body.into() }
    }

    /// Whether the request reaches the server behind the fault.
    pub(super) fn stores(&self) -> bool {
        matches!(
            self,
            Self::ResetAfterStoring | Self::Cut(_) | Self::Drip { .. } | Self::Delay(_) | Self::Held(_) | Self::RefuseEvents { .. }
        )
    }

    /// What the peer gets, given the real answer where there is one.
    pub(super) async fn reply(self, real: Response<Bytes>, version: ServerVersion) -> Reply {
        match self {
            Self::Status { status, headers, content_type, body } => Reply::Whole(scripted(status, &headers, &content_type, body)),
            Self::RateLimited { retry_after } => Reply::Whole(rate_limited(retry_after, version)),
            Self::Redirect(place) => Reply::Whole(reply::with_header(reply::text(StatusCode::TEMPORARY_REDIRECT, ""), "location", &place)),
            Self::HtmlLogin200 => Reply::Whole(reply::page(StatusCode::OK)),
            Self::EmptyBody200 => Reply::Whole(reply::with_type(StatusCode::OK, "application/json", Bytes::new())),
            Self::HalfJson200 => Reply::Whole(reply::with_type(StatusCode::OK, "application/json", "{\"succ")),
            Self::Reset | Self::ResetAfterStoring => Reply::Reset,
            Self::Hang(pause) => {
                tokio::time::sleep(pause).await;
                Reply::Reset
            }
            Self::Cut(keep) => Reply::Cut(real, keep),
            Self::Drip { piece, pause } => Reply::Drip(real, piece, pause),
            Self::Delay(pause) => {
                tokio::time::sleep(pause).await;
                Reply::Whole(real)
            }
            Self::Held(gate) => {
                gate.pass().await;
                Reply::Whole(real)
            }
            Self::RefuseEvents { .. } => Reply::Whole(real),
        }
    }
}

fn scripted(status: u16, headers: &[(String, String)], content_type: &str, body: String) -> Response<Bytes> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let response = reply::with_type(status, content_type, body);
    headers.iter().fold(response, |response, (name, value)| reply::with_header(response, name, value))
}

fn rate_limited(retry_after: u64, version: ServerVersion) -> Response<Bytes> {
    let details = json!({"retryAfterSeconds": retry_after, "limit": 1000, "remaining": 0, "resetAt": "1970-01-01T00:00:00.000Z"});
    let body = json!({"message": "Rate limit exceeded", "code": "rate_limited", "details": details});
    let status = StatusCode::TOO_MANY_REQUESTS;
    let response =
        if version >= since::RATE_LIMIT_JSON { reply::json(status, &body) } else { reply::text(status, "429 - rate limit exceeded") };
    let reset = "Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time)";
    let headers = [
        ("retry-after", retry_after.to_string().as_str()),
        ("x-ratelimit-limit", "1000"),
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", reset),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    headers.iter().fold(response, |response, (name, value)| reply::with_header(response, name, value))
}

type Predicate = dyn Fn(&Incoming) -> bool + Send + Sync;

/// Which requests a fault hits.
#[derive(Clone)]
pub struct When(Arc<Predicate>);

impl fmt::Debug for When {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("When(…)")
    }
}

impl When {
    /// Any condition on a request. It is asked under the stand-in's lock, so it must not call the stand-in.
    pub fn new(predicate: impl Fn(&Incoming) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(predicate))
    }

    /// Posts to the OTLP and the batch endpoint.
    pub fn ingest() -> Self {
        Self::new(|incoming| incoming.path == otlp::PATH || incoming.path == batch::PATH)
    }

    /// Requests to one path.
    pub fn path(path: &str) -> Self {
        let path = path.to_owned();
        Self::new(move |incoming| incoming.path == path)
    }

    /// Posts whose body, a declared gzip undone, contains this text as bytes.
    pub fn text(text: &str) -> Self {
        let text = text.as_bytes().to_owned();
        let found = move |incoming: &Incoming| text.is_empty() || incoming.decoded().windows(text.len()).any(|window| window == text);
        Self::ingest().and(Self::new(found))
    }

    /// Posts that contain a span (its id in hex) or an event with this body id.
    pub fn span(id: &str) -> Self {
        let id = id.to_owned();
        Self::ingest().and(Self::new(move |incoming| otlp::has_span(incoming, &id) || batch::has_body(incoming, &id)))
    }

    /// Both conditions.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::new(move |incoming| self.holds(incoming) && other.holds(incoming))
    }

    /// Where the condition does not hold: also at requests of another kind.
    #[must_use]
    pub fn opposite(self) -> Self {
        Self::new(move |incoming| !self.holds(incoming))
    }

    pub(super) fn holds(&self, incoming: &Incoming) -> bool {
        (self.0)(incoming)
    }
}

/// One entry of the script.
#[derive(Clone, Debug)]
struct Entry {
    when: When,
    fault: Fault,
    /// How often it still applies; nothing for ever.
    left: Option<usize>,
}

/// What is to go wrong, first entry first.
#[derive(Debug, Default)]
pub struct Script {
    entries: Vec<Entry>,
}

impl Script {
    pub(super) fn add(&mut self, when: When, fault: Fault, times: Option<usize>) {
        self.entries.push(Entry { when, fault, left: times });
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    /// The fault for a request, used up by it.
    pub(super) fn next(&mut self, incoming: &Incoming) -> Option<Fault> {
        let place = self.entries.iter().position(|entry| entry.left != Some(0) && entry.when.holds(incoming))?;
        let entry = self.entries.get_mut(place)?;
        entry.left = entry.left.map(|left| left - 1);
        let fault = entry.fault.clone();
        self.entries.retain(|entry| entry.left != Some(0));
        Some(fault)
    }
}
