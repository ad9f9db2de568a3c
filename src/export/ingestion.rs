//! Encoded spans of ours → the JSON body of one request of the older batch API (`reference/langfuse.md` §8). Pure.
//!
//! A transcoding of what `otlp` wrote, and of nothing else: an observation in flight exists only as its encoded span, so that a run of
//! them can be divided or sent to the other API. No sockets, no retries, no reading of answers.
//!
//! Each observation becomes one event of its own, and one `trace-create` in front of it if it is a root: observations do not create
//! their trace (§8). A joined observation gets none. Its trace belongs to the application, which creates it with the same id; a
//! `trace-create` of ours would overwrite what the application says of it (§10). If the application never creates it, the observation is
//! stored, but the trace lists of the old tables do not show it: the price of `join`.

mod body;
mod dialect;
mod normal;
mod object;
#[cfg(test)]
#[path = "../../tests/json_schema/mod.rs"]
mod schema;
mod span;
#[cfg(test)]
mod tests;

use std::fmt;

use prost::Message;
use sha2::{Digest, Sha256};

use super::wire::ScopeSpans;
pub use dialect::BatchDialect;
use object::put_object;
use span::ObservedSpan;

/// Above this a body is divided before it is sent, if it holds more than one observation. Bytes of JSON. The server's documentation
/// advises 3.5 MB, `reference/langfuse.md` §3 three; nothing may be compressed.
pub const MAX_BATCH_BYTES: usize = 3_000_000;

/// Above this every server refuses a body. Bytes of JSON (`reference/langfuse.md` §3: 4.5 MiB, hard).
pub const MAX_BODY_BYTES: usize = 4_718_592;

/// Where the events begin and end.
const OPENING: &[u8] = br#"{"batch":["#;
const CLOSING: &[u8] = b"]}";

/// The id of one event in its envelope: a function of type and content, because the server takes an equal id for the same event and
/// overwrites it (`reference/langfuse.md` §9 "Batch"). Displayed as 32 lower-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvelopeId(pub [u8; 16]);

/// The events that one observation became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObservationEvents {
    /// Its `trace-create`; a root has one.
    pub trace: Option<EnvelopeId>,
    /// The observation itself.
    pub observation: EnvelopeId,
}

/// One request of the batch API, ready to be sent as `application/json`, uncompressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngestionRequest {
    /// `{"batch":[…]}`.
    pub json: Vec<u8>,
    /// What each observation became, in the order of the spans.
    pub events: Vec<ObservationEvents>,
}

/// What the size of a body means for sending it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It can be sent.
    Send,
    /// It holds several observations that should be sent in parts.
    Divide,
    /// A lone observation that no server takes.
    TooLarge,
}

/// Why spans could not be transcoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IngestionError {
    /// The bytes are not spans. A bug of ours: they were written by `otlp`.
    #[error("encoded observations cannot be read back")]
    NotSpans(#[from] prost::DecodeError),
}

/// The request that carries these encoded spans: zero or more `spans` fields of `ScopeSpans`, as a batch holds them.
///
/// # Errors
/// When the bytes are not encoded spans.
pub fn events(spans: &[u8], dialect: BatchDialect) -> Result<IngestionRequest, IngestionError> {
    let decoded = ScopeSpans::decode(spans)?;
    let mut writer = EventWriter::with_room(spans.len());
    let events = decoded.spans.iter().map(|span| writer.observation(&ObservedSpan::of(span), dialect)).collect();
    Ok(IngestionRequest { json: writer.finish(), events })
}

impl IngestionRequest {
    /// Whether the body can be sent, by its exact size.
    pub fn fit(&self) -> Fit {
        let limit = if self.events.len() > 1 { MAX_BATCH_BYTES } else { MAX_BODY_BYTES };
        match (self.json.len() <= limit, self.events.len()) {
            (true, _) => Fit::Send,
            (false, ..=1) => Fit::TooLarge,
            (false, _) => Fit::Divide,
        }
    }
}

impl ObservationEvents {
    /// The envelope ids, in the order of the events in the body.
    pub fn ids(&self) -> impl Iterator<Item = EnvelopeId> {
        self.trace.into_iter().chain([self.observation])
    }
}

impl EnvelopeId {
    fn of(event_type: &str, body: &[u8]) -> Self {
        let digest = Sha256::new().chain_update(event_type).chain_update([0]).chain_update(body).finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Self(id)
    }

    /// Reads an id as an answer names it. `None`: no id of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let of_ours = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let number = u128::from_str_radix(text, 16).ok().filter(|_| of_ours)?;
        Some(Self(number.to_be_bytes()))
    }
}

impl fmt::Display for EnvelopeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// A body in the making.
struct EventWriter {
    json: Vec<u8>,
    body: Vec<u8>,
}

impl EventWriter {
    fn with_room(spans: usize) -> Self {
        let mut json = Vec::with_capacity(spans * 2 + 256);
        json.extend_from_slice(OPENING);
        Self { json, body: Vec::new() }
    }

    fn observation(&mut self, span: &ObservedSpan<'_>, dialect: BatchDialect) -> ObservationEvents {
        let event_type = dialect.event_type(span.kind.unwrap_or_default(), span.is_modelled());
        let trace = span.parent.is_none().then(|| self.event("trace-create", &span.start, |out| body::put_trace(out, span)));
        let observation = self.event(event_type.name, &span.start, |out| body::put_observation(out, span, event_type, dialect));
        ObservationEvents { trace, observation }
    }

    /// Appends an event. Its timestamp is the start of the observation, never a clock: it orders the events of one trace (§8).
    fn event(&mut self, event_type: &str, timestamp: &str, write: impl FnOnce(&mut Vec<u8>)) -> EnvelopeId {
        self.body.clear();
        write(&mut self.body);
        let id = EnvelopeId::of(event_type, &self.body);
        if self.json.len() > OPENING.len() {
            self.json.push(b',');
        }
        put_object(&mut self.json, |envelope| {
            envelope.text("id", &id.to_string());
            envelope.text("type", event_type);
            envelope.text("timestamp", timestamp);
            envelope.raw("body", &self.body);
        });
        id
    }

    fn finish(mut self) -> Vec<u8> {
        self.json.extend_from_slice(CLOSING);
        self.json
    }
}
