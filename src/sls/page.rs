//! The head of a PullLogs answer, and its body → decoded bytes, within limits. Pure.

use std::io::Read;

use bytes::Bytes;
use http::HeaderMap;

use super::cursor::Cursor;
use super::error::{Damage, SlsError};
use crate::spare::{Buffer, Spare};

/// The largest page that is read, which one log group may be. Bytes. The newest clients refuse to write more than 30 MB (`reference/sls.md` §3).
pub const MAX_PAGE_BYTES: u64 = 32 * 1024 * 1024;

/// The most bytes of a page whose size nobody tells. A server that was asked for LZ4 tells it.
const UNTOLD_BYTES: u64 = 2 * 1024 * 1024;

/// How a page is packed (`x-log-compresstype`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// As it is.
    Plain,
    /// A raw LZ4 block: no frame, no size in front.
    Lz4,
    /// A zlib stream. Not asked for, but read if a server sends it.
    Deflate,
    /// A zstd frame. Not asked for, but read if a server sends it.
    Zstd,
}

const UNPACKING: SlsError = SlsError::Damaged(Damage::Decompression);

/// What the headers of a page say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageHead {
    /// Where to go on.
    pub next: Cursor,
    /// Bytes after decompression; `None` where the header is absent, which only a plain page may do.
    pub raw_size: Option<u64>,
    /// How the body is packed.
    pub packing: Packing,
    /// Number of the last group of the page, a plain decimal in this one header.
    pub last_group: Option<u64>,
    /// How many groups the service says there are (`x-log-count`), where it says so.
    pub count: Option<u64>,
}

impl PageHead {
    /// Reads the headers of an answer with status 200.
    ///
    /// # Errors
    /// A missing cursor, a number that is none, an unknown compression.
    pub fn read(headers: &HeaderMap) -> Result<Self, SlsError> {
        let next = text(headers, "x-log-cursor").filter(|text| !text.is_empty()).ok_or(SlsError::Damaged(Damage::NoCursor))?;
        let raw_size = number(headers, "x-log-bodyrawsize")?;
        let packing = packing(text(headers, "x-log-compresstype").unwrap_or_default())?;
        if raw_size.is_none() && packing != Packing::Plain {
            return Err(SlsError::Damaged(Damage::BadHeader("x-log-bodyrawsize")));
        }
        let last_group = text(headers, "x-log-read-last-cursor").and_then(|text| text.trim().parse().ok());
        let count = text(headers, "x-log-count").and_then(|text| text.trim().parse().ok());
        Ok(Self { next: Cursor::new(next), raw_size, packing, last_group, count })
    }

    /// The most bytes that the packed body of this page can have; a longer one is not read further.
    pub fn packed_limit(&self) -> usize {
        let raw = usize::try_from(self.raw_size.unwrap_or(UNTOLD_BYTES)).unwrap_or(usize::MAX);
        // An incompressible block grows by one byte in 255 and a few more.
        raw.saturating_add(raw / 255).saturating_add(64)
    }

    /// Unpacks the body. The caller has checked [`PageHead::raw_size`] against its limit: this is where the memory is taken, from `spare`
    /// where it can be.
    ///
    /// # Errors
    /// A body that does not unpack, or unpacks to another size than the header says.
    pub fn unpack(&self, body: Buffer, spare: &Spare) -> Result<Bytes, SlsError> {
        let Some(raw_size) = self.raw_size else { return Ok(Bytes::from_owner(body)) };
        let size = usize::try_from(raw_size).map_err(|_| SlsError::Damaged(Damage::WrongSize))?;
        let raw = match self.packing {
            _ if size == 0 => return Ok(Bytes::new()),
            Packing::Plain => Bytes::from_owner(body),
            Packing::Lz4 => lz4(&body, size, spare)?,
            Packing::Deflate => bounded(flate2::read::ZlibDecoder::new(body.as_ref()), raw_size)?,
            Packing::Zstd => bounded(ruzstd::decoding::StreamingDecoder::new(body.as_ref()).map_err(|_| UNPACKING)?, raw_size)?,
        };
        if raw.len() == size { Ok(raw) } else { Err(SlsError::Damaged(Damage::WrongSize)) }
    }
}

fn packing(name: &str) -> Result<Packing, SlsError> {
    match name.to_ascii_lowercase().as_str() {
        "" => Ok(Packing::Plain),
        "lz4" => Ok(Packing::Lz4),
        // The official clients read `gzip` as a zlib stream too (`reference/sls.md` §2).
        "deflate" | "gzip" => Ok(Packing::Deflate),
        "zstd" => Ok(Packing::Zstd),
        _ => Err(SlsError::Damaged(Damage::UnknownCompression)),
    }
}

fn lz4(body: &[u8], size: usize, spare: &Spare) -> Result<Bytes, SlsError> {
    spare.written(size, |raw| lz4_flex::block::decompress_into(body, raw).map_err(|_| UNPACKING))
}

/// Reads a decoder to its end, but never more than one byte beyond the promised size.
fn bounded(decoder: impl Read, raw_size: u64) -> Result<Bytes, SlsError> {
    let mut raw = Vec::new();
    decoder.take(raw_size.saturating_add(1)).read_to_end(&mut raw).map_err(|_| UNPACKING)?;
    Ok(raw.into())
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn number(headers: &HeaderMap, name: &'static str) -> Result<Option<u64>, SlsError> {
    let Some(text) = text(headers, name) else { return Ok(None) };
    text.trim().parse().map(Some).map_err(|_| SlsError::Damaged(Damage::BadHeader(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    fn head(pairs: &[(&'static str, &str)]) -> Result<PageHead, SlsError> {
        let headers = pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect();
        PageHead::read(&headers)
    }

    fn bytes(vector: &serde_json::Value, name: &str) -> Option<Vec<u8>> {
        if let Some(text) = vector[format!("{name}_base64")].as_str() {
            return Some(STANDARD.decode(text).unwrap());
        }
        let hex = vector[format!("{name}_hex")].as_str()?;
        Some((0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect())
    }

    #[test]
    fn unpacks_every_published_body() {
        let all: serde_json::Value = serde_json::from_str(include_str!("../../tests/fixtures/sls-vectors.json")).unwrap();
        let mut unpacked = 0;
        for vector in all["protobuf"].as_array().unwrap().iter().filter(|vector| vector["x-log-compresstype"].is_string()) {
            let kind = vector["x-log-compresstype"].as_str().unwrap();
            let size = vector["x-log-bodyrawsize"].to_string();
            let head = head(&[("x-log-cursor", "MQ=="), ("x-log-bodyrawsize", &size), ("x-log-compresstype", kind)]);
            let raw = head.unwrap().unpack(bytes(vector, "compressed").unwrap().into(), &Spare::default()).unwrap();
            if let Some(expected) = bytes(vector, "raw") {
                assert_eq!(raw, expected, "{}", vector["name"]);
            }
            unpacked += 1;
        }
        assert_eq!(unpacked, 5);
    }

    #[test]
    fn a_lying_size_header_is_damage_in_both_directions() {
        let body = lz4_flex::block::compress(b"twelve bytes");
        for lie in ["11", "13", "4000"] {
            let head = head(&[("x-log-cursor", "MQ=="), ("x-log-bodyrawsize", lie), ("x-log-compresstype", "lz4")]).unwrap();
            assert!(matches!(head.unpack(body.clone().into(), &Spare::default()), Err(SlsError::Damaged(_))), "{lie}");
        }
    }

    #[test]
    fn an_empty_page_is_not_decompressed() {
        let head = head(&[("x-log-cursor", "MQ=="), ("x-log-bodyrawsize", "0"), ("x-log-compresstype", "lz4")]).unwrap();
        assert_eq!(head.unpack(Buffer::default(), &Spare::default()).unwrap(), Bytes::new());
    }

    #[test]
    fn headers_that_leave_no_way_on_are_refused() {
        let missing = |pairs| head(pairs).unwrap_err().to_string();
        assert!(missing(&[("x-log-bodyrawsize", "0")]).contains("x-log-cursor is missing"));
        assert!(missing(&[("x-log-cursor", "MQ=="), ("x-log-compresstype", "lz4")]).contains("x-log-bodyrawsize"));
        assert!(missing(&[("x-log-cursor", "MQ=="), ("x-log-bodyrawsize", "-1")]).contains("x-log-bodyrawsize"));
        assert!(
            missing(&[("x-log-cursor", "MQ=="), ("x-log-bodyrawsize", "1"), ("x-log-compresstype", "br")]).contains("unknown compression")
        );
    }

    #[test]
    fn a_plain_page_may_leave_its_size_out() {
        let head = head(&[("x-log-cursor", "MQ=="), ("x-log-read-last-cursor", "17")]).unwrap();
        assert_eq!((head.last_group, head.unpack(vec![1, 2].into(), &Spare::default()).unwrap()), (Some(17), Bytes::from_static(&[1, 2])));
    }
}
