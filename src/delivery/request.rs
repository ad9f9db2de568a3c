//! A run of encoded observations → the body of one request of either API, compressed as the operator wants. Pure.

use std::io::Write;

use bytes::Bytes;
use flate2::write::GzEncoder;

use super::destination::Compression;
use super::ingestion_plan::Api;
use crate::export::ingestion::{self, Fit, ObservationEvents};
use crate::export::otlp;

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
    /// The events of each observation, by which the batch API answers; empty for OTLP.
    pub events: Vec<ObservationEvents>,
}

/// Why there is no body for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoBody {
    /// The run is too large for one request of this API.
    TooLarge,
    /// The run does not read back: a bug of ours.
    Unreadable,
}

/// The body that carries these encoded spans.
///
/// # Errors
/// [`NoBody`]; never for OTLP, whose batches are of the right size already.
pub fn body(spans: &[u8], api: Api, compression: Compression) -> Result<Body, NoBody> {
    match api {
        Api::Otlp => Ok(otlp_body(spans, compression)),
        Api::Batch(dialect) => {
            let request = ingestion::events(spans, dialect).map_err(|_| NoBody::Unreadable)?;
            if request.fit() != Fit::Send {
                return Err(NoBody::TooLarge);
            }
            let raw_len = request.json.len();
            // The batch endpoint does not undo compression (`reference/langfuse.md` §3).
            Ok(Body { api, wire: request.json.into(), raw_len, encoding: None, events: request.events })
        }
    }
}

fn otlp_body(spans: &[u8], compression: Compression) -> Body {
    let prefix = otlp::body_prefix(spans.len());
    let raw_len = prefix.len() + spans.len();
    let (wire, encoding) = match compression {
        Compression::None => ([prefix.as_slice(), spans].concat(), None),
        Compression::Gzip => (gzip(&prefix, spans), Some("gzip")),
    };
    Body { api: Api::Otlp, wire: wire.into(), raw_len, encoding, events: Vec::new() }
}

fn gzip(prefix: &[u8], spans: &[u8]) -> Vec<u8> {
    // Logs compress to a third or less; a vector grows if they do not.
    let mut encoder = GzEncoder::new(Vec::with_capacity(spans.len() / 3 + 256), flate2::Compression::fast());
    // Writing into memory cannot fail; what was written before an impossible error is a cut stream that the server refuses.
    let _ = encoder.write_all(prefix).and_then(|()| encoder.write_all(spans));
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::ingestion::BatchDialect;
    use std::io::Read;

    #[test]
    fn both_forms_carry_the_same_bytes_and_the_exact_length() {
        let spans = vec![7; 5000];
        let plain = body(&spans, Api::Otlp, Compression::None).unwrap();
        let packed = body(&spans, Api::Otlp, Compression::Gzip).unwrap();
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(packed.wire.as_ref()).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, plain.wire);
        assert_eq!((plain.raw_len, packed.raw_len), (plain.wire.len(), plain.wire.len()));
        assert_eq!(plain.raw_len, otlp::body_len(spans.len()));
        assert_eq!((plain.encoding, packed.encoding), (None, Some("gzip")));
    }

    #[test]
    fn the_batch_api_gets_bare_json_whatever_the_operator_wants_of_otlp() {
        let empty = body(&[], Api::Batch(BatchDialect::of(None)), Compression::Gzip).unwrap();
        assert_eq!((empty.wire.as_ref(), empty.encoding), (br#"{"batch":[]}"#.as_slice(), None));
        assert_eq!(body(&[7, 7], Api::Batch(BatchDialect::of(None)), Compression::Gzip).unwrap_err(), NoBody::Unreadable);
    }
}
