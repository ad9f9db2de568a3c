//! A run of encoded observations → the body of one request of either API, compressed as the operator wants. Pure.

use bytes::Bytes;

use super::gzip::{self, Gzip};
use super::ingestion_plan::Api;
use crate::budget::Allowance;
use crate::export::batch::Encoded;
use crate::export::ingestion::{self, Fit, ObservationEvents};
use crate::export::otlp;
use crate::spare::Spare;

/// Path of the OTLP endpoint (`reference/langfuse.md` §4).
pub const OTLP_PATH: &str = "/api/public/otel/v1/traces";

/// A request ready to be sent.
#[derive(Clone, Debug)]
pub struct Body {
    /// Where it goes.
    pub api: Api,
    /// The bytes on the wire.
    pub wire: Bytes,
    /// How many there were before compression.
    pub raw_len: usize,
    /// `Content-Encoding`, if any.
    pub encoding: Option<&'static str>,
    /// Nobody holds them but who sends them.
    pub leaves: bool,
    /// The events of each observation, by which the batch API answers; empty for OTLP.
    pub events: Vec<ObservationEvents>,
}

/// Bytes with the right to hold them.
struct Counted {
    bytes: Bytes,
    _allowance: Allowance,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Body {
    /// The same, which leaves: its bytes are given back with their allowance when the last of them is written.
    #[must_use]
    pub fn with(self, allowance: Allowance) -> Self {
        Self { wire: Bytes::from_owner(Counted { bytes: self.wire, _allowance: allowance }), leaves: true, ..self }
    }

    /// The encoded spans that an OTLP body carries: the last `length` of its bytes before compression.
    pub fn spans(&self, length: usize) -> Option<Encoded> {
        let raw = match self.encoding {
            Some(_) => gzip::unpack(&self.wire, self.raw_len)?.into(),
            None => self.wire.clone(),
        };
        raw.get(raw.len().checked_sub(length)?..).map(Encoded::from)
    }
}

/// The encoded spans of a request.
#[derive(Debug)]
pub enum Run<'b> {
    /// All of a batch: the request takes their memory over.
    Whole(Encoded),
    /// Some of them.
    Part(&'b [u8]),
}

impl Run<'_> {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Whole(encoded) => encoded.as_slice(),
            Self::Part(spans) => spans,
        }
    }

    /// The memory that its request comes from.
    fn spare(&self) -> Spare {
        match self {
            Self::Whole(encoded) => encoded.spare().cloned().unwrap_or_default(),
            Self::Part(_) => Spare::default(),
        }
    }

    fn behind(self, head: &[u8]) -> Bytes {
        match self {
            Self::Whole(encoded) => encoded.behind(head),
            Self::Part(spans) => [head, spans].concat().into(),
        }
    }
}

/// Why there is no body for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoBody {
    /// The run is too large for one request of this API.
    TooLarge,
    /// The run does not read back: a bug of ours.
    Unreadable,
}

/// The body that carries this run, through `gzip` where the operator wants it compressed.
///
/// # Errors
/// [`NoBody`]; never for OTLP, whose batches are of the right size already.
pub fn body(run: Run<'_>, api: Api, gzip: Option<&mut Gzip>) -> Result<Body, NoBody> {
    match api {
        Api::Otlp => Ok(otlp_body(run, gzip)),
        Api::Batch(dialect) => {
            let request = ingestion::events(run.as_slice(), dialect).map_err(|_| NoBody::Unreadable)?;
            if request.fit() != Fit::Send {
                return Err(NoBody::TooLarge);
            }
            let raw_len = request.json.len();
            // The batch endpoint does not undo compression (`reference/langfuse.md` §3).
            Ok(Body { api, wire: request.json.into(), raw_len, encoding: None, leaves: false, events: request.events })
        }
    }
}

fn otlp_body(run: Run<'_>, gzip: Option<&mut Gzip>) -> Body {
    let prefix = otlp::body_prefix(run.as_slice().len());
    let spare = run.spare();
    let raw = run.behind(&prefix);
    let raw_len = raw.len();
    let (wire, encoding) = match gzip {
        None => (raw, None),
        Some(gzip) => (gzip.pack(&raw, &spare), Some("gzip")),
    };
    Body { api: Api::Otlp, wire, raw_len, encoding, leaves: false, events: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::ingestion::BatchDialect;
    use std::io::Read;

    #[test]
    fn both_forms_carry_the_same_bytes_and_the_exact_length() {
        let spans = vec![7; 5000];
        let plain = body(Run::Whole(Encoded::from(spans.as_slice())), Api::Otlp, None).unwrap();
        let packed = body(Run::Part(&spans), Api::Otlp, Some(&mut Gzip::default())).unwrap();
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(packed.wire.as_ref()).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, plain.wire);
        assert_eq!((plain.raw_len, packed.raw_len), (plain.wire.len(), plain.wire.len()));
        assert_eq!(plain.raw_len, otlp::body_len(spans.len()));
        assert_eq!((plain.encoding, packed.encoding), (None, Some("gzip")));
    }

    #[test]
    fn the_batch_api_gets_bare_json_whatever_the_operator_wants_of_otlp() {
        let empty = body(Run::Part(&[]), Api::Batch(BatchDialect::of(None)), Some(&mut Gzip::default())).unwrap();
        assert_eq!((empty.wire.as_ref(), empty.encoding), (br#"{"batch":[]}"#.as_slice(), None));
        assert_eq!(
            body(Run::Part(&[7, 7]), Api::Batch(BatchDialect::of(None)), Some(&mut Gzip::default())).unwrap_err(),
            NoBody::Unreadable
        );
    }
}
