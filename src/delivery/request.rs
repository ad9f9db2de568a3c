//! A run of encoded observations → the body of one OTLP request, compressed as the operator wants. Pure.

use std::io::Write;

use bytes::Bytes;
use flate2::write::GzEncoder;

use super::destination::Compression;
use crate::export::otlp;

/// Path of the OTLP endpoint (`reference/langfuse.md` §4).
pub const OTLP_PATH: &str = "/api/public/otel/v1/traces";

/// A body ready to be sent, any number of times.
#[derive(Clone, Debug)]
pub struct Body {
    /// The bytes on the wire.
    pub wire: Bytes,
    /// How many there were before compression.
    pub raw_len: usize,
    /// `Content-Encoding`, if any.
    pub encoding: Option<&'static str>,
}

/// The body that carries these encoded spans.
pub fn otlp_body(spans: &[u8], compression: Compression) -> Body {
    let prefix = otlp::body_prefix(spans.len());
    let raw_len = prefix.len() + spans.len();
    match compression {
        Compression::None => Body { wire: [prefix.as_slice(), spans].concat().into(), raw_len, encoding: None },
        Compression::Gzip => Body { wire: gzip(&prefix, spans).into(), raw_len, encoding: Some("gzip") },
    }
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
    use std::io::Read;

    #[test]
    fn both_forms_carry_the_same_bytes_and_the_exact_length() {
        let spans = vec![7; 5000];
        let plain = otlp_body(&spans, Compression::None);
        let packed = otlp_body(&spans, Compression::Gzip);
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(packed.wire.as_ref()).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, plain.wire);
        assert_eq!((plain.raw_len, packed.raw_len), (plain.wire.len(), plain.wire.len()));
        assert_eq!(plain.raw_len, otlp::body_len(spans.len()));
        assert_eq!((plain.encoding, packed.encoding), (None, Some("gzip")));
    }
}
