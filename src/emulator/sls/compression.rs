//! Bodies on the wire: which compression a request gets, packing and unpacking (`reference/sls.md` §2, "Compression").

use std::io::{Read, Write};

use flate2::Compression as Level;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use http::header::{ACCEPT_ENCODING, HeaderMap};

use super::refusal::Refusal;

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Plain,
    /// A raw LZ4 block: no frame, no size in front.
    Lz4,
    /// A zlib stream.
    Deflate,
}

impl Compression {
    /// The one an answer gets. A request for zstd alone gets deflate: there is no encoder for it here, and a client has to go by
    /// `x-log-compresstype` anyway.
    pub(super) fn negotiated(headers: &HeaderMap) -> Result<Self, Refusal> {
        let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        let tokens: Vec<_> = values.flat_map(|value| value.split(',')).map(token).filter(|token| !token.is_empty()).collect();
        let accepts = |kind: &str| tokens.iter().any(|token| token.eq_ignore_ascii_case(kind));
        match () {
            () if tokens.is_empty() => Ok(Self::Plain),
            () if accepts("lz4") => Ok(Self::Lz4),
            () if accepts("zstd") || accepts("deflate") => Ok(Self::Deflate),
            () => Err(Refusal::new(400, "InvalidAcceptEncoding", "Accept-Encoding is not supported")),
        }
    }

    /// The one a body claims with `x-log-compresstype`.
    pub(super) fn claimed(text: Option<&str>) -> Result<Self, Refusal> {
        match text {
            None | Some("") => Ok(Self::Plain),
            Some("lz4") => Ok(Self::Lz4),
            Some("deflate") => Ok(Self::Deflate),
            Some(other) => Err(Refusal::new(400, "InvalidCompressType", format!("CompressType {other} is not supported"))),
        }
    }

    /// The value of `x-log-compresstype`.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Lz4 => Some("lz4"),
            Self::Deflate => Some("deflate"),
        }
    }

    pub(super) fn pack(self, raw: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Plain => raw,
            Self::Lz4 => lz4_flex::block::compress(&raw),
            Self::Deflate => deflate(&raw),
        }
    }

    /// The raw bytes, if there are exactly `raw_size` of them. The caller has bounded that size.
    pub(super) fn unpack(self, body: &[u8], raw_size: usize) -> Option<Vec<u8>> {
        let raw = match self {
            Self::Plain => Some(body.to_vec()),
            Self::Lz4 => lz4_flex::block::decompress(body, raw_size).ok(),
            Self::Deflate => inflate(body, raw_size),
        };
        raw.filter(|raw| raw.len() == raw_size)
    }
}

/// A coding without its weight.
fn token(item: &str) -> &str {
    item.split(';').next().unwrap_or_default().trim()
}

fn deflate(raw: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Level::fast());
    // Writing to memory does not fail; an empty body would show at once in every client.
    encoder.write_all(raw).and_then(|()| encoder.finish()).unwrap_or_default()
}

/// One byte more than expected is read, so that a longer stream shows and a bomb does not grow.
fn inflate(body: &[u8], raw_size: usize) -> Option<Vec<u8>> {
    let mut raw = Vec::new();
    ZlibDecoder::new(body).take(raw_size as u64 + 1).read_to_end(&mut raw).ok()?;
    Some(raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn negotiated(value: Option<&'static str>) -> Result<Compression, String> {
        let headers = value.map(|value| (ACCEPT_ENCODING, HeaderValue::from_static(value)));
        Compression::negotiated(&headers.into_iter().collect()).map_err(|refusal| refusal.code)
    }

    #[test]
    fn the_answer_is_packed_as_the_request_asks() {
        for (value, expected) in [
            (None, Ok(Compression::Plain)),
            (Some(""), Ok(Compression::Plain)),
            (Some("lz4"), Ok(Compression::Lz4)),
            (Some("zstd, LZ4;q=0.5"), Ok(Compression::Lz4)),
            (Some("deflate"), Ok(Compression::Deflate)),
            (Some("zstd"), Ok(Compression::Deflate)),
            (Some("gzip"), Err("InvalidAcceptEncoding".to_owned())),
            (Some("gzip, br"), Err("InvalidAcceptEncoding".to_owned())),
            (Some("lz4hc"), Err("InvalidAcceptEncoding".to_owned())),
        ] {
            assert_eq!(negotiated(value), expected, "{value:?}");
        }
    }

    #[test]
    fn every_packing_comes_back_with_the_right_size_and_with_no_other() {
        let raw = b"one two one two one two".repeat(50);
        for kind in [Compression::Plain, Compression::Lz4, Compression::Deflate] {
            let packed = kind.pack(raw.clone());
            assert_eq!(kind.unpack(&packed, raw.len()).as_ref(), Some(&raw));
            assert_eq!(kind.unpack(&packed, raw.len() - 1), None, "{kind:?}");
            assert_eq!(kind.unpack(&packed, raw.len() + 1), None, "{kind:?}");
        }
    }

    #[test]
    fn the_compressed_vectors_unpack_to_their_raw_bytes() {
        let file: serde_json::Value = serde_json::from_str(include_str!("../../../tests/fixtures/sls-vectors.json")).unwrap();
        let bytes = |hex: &str| (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect::<Vec<_>>();
        let raw = bytes("0a240a1508d5b6fab90612080a016b1203e580bc25ffc99a3b1a017422017332050a01611200");
        for name in ["small_incompressible", "small_deflate"] {
            let vector = file["protobuf"].as_array().unwrap().iter().find(|vector| vector["name"] == name).unwrap();
            let kind = Compression::claimed(vector["x-log-compresstype"].as_str()).unwrap();
            assert_eq!(kind.unpack(&bytes(vector["compressed_hex"].as_str().unwrap()), 38).unwrap(), raw);
        }
    }
}
