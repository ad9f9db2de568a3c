//! The least that any program must do with the same bytes: unpack the page, look at every field and check its text, read `ai_log` once,
//! write the bytes that leave, and compress them. It decides nothing and understands nothing.

use libdeflater::{CompressionLvl, Compressor};
use serde::de::IgnoredAny;
use sls_to_langfuse::export::batch::Batch;
use sls_to_langfuse::export::otlp;
use sls_to_langfuse::sls::protobuf::{Fields, Wire};

use crate::corpus::Packed;
use crate::ours::{Compression, Sent};

/// Room for what a request begins with. Bytes.
const HEAD_ROOM: usize = 128;

/// The floor, with its buffers, which it never gives back.
pub struct Floor<'b> {
    /// What leaves, as it leaves.
    batches: &'b [Batch],
    page: Vec<u8>,
    request: Request,
}

/// A request in the making.
struct Request {
    bytes: Vec<u8>,
    packed: Vec<u8>,
    gzip: Option<Compressor>,
}

impl<'b> Floor<'b> {
    pub fn new(batches: &'b [Batch], compression: Compression) -> Self {
        let gzip = (compression == Compression::Gzip).then(|| Compressor::new(CompressionLvl::new(1).unwrap_or_default()));
        Self { batches, page: Vec::new(), request: Request { bytes: vec![0; HEAD_ROOM], packed: Vec::new(), gzip } }
    }

    pub fn run(&mut self, pages: &[Packed]) -> Sent {
        let (mut sent, mut at) = (Sent::default(), Spans { batches: self.batches, batch: 0, span: 0 });
        for page in pages {
            self.page.resize(usize::try_from(page.raw_size).unwrap_or_default(), 0);
            if lz4_flex::block::decompress_into(&page.body, &mut self.page).is_err() {
                continue;
            }
            for log in parts(&self.page, 1).flat_map(|group| parts(group, 1)) {
                look(log);
                let Some(span) = at.next() else { continue };
                self.request.bytes.extend_from_slice(span);
                if at.is_at_the_end_of_a_batch() {
                    self.request.send(&mut sent);
                }
            }
        }
        sent
    }
}

impl Request {
    fn send(&mut self, sent: &mut Sent) {
        let head = otlp::body_prefix(self.bytes.len() - HEAD_ROOM);
        let begin = HEAD_ROOM - head.len();
        self.bytes[begin..HEAD_ROOM].copy_from_slice(&head);
        let raw = std::hint::black_box(&self.bytes[begin..]);
        sent.raw += raw.len();
        sent.wire += match &mut self.gzip {
            None => raw.len(),
            Some(gzip) => {
                self.packed.resize(gzip.gzip_compress_bound(raw.len()).max(self.packed.len()), 0);
                gzip.gzip_compress(raw, &mut self.packed).unwrap_or_default()
            }
        };
        self.bytes.truncate(HEAD_ROOM);
    }
}

/// Every field as text, `ai_log` as JSON besides. The fastest reader of those that were tried, for 3 kB of `ai_log`: serde_json 0.8 µs
/// for one pass that checks everything; simd-json 1.1 µs; sonic-rs 1.1 µs; hifijson 6.3 µs.
fn look(log: &[u8]) {
    for content in parts(log, 2) {
        let (mut key, mut value) = ("", "");
        for field in Fields::of(content) {
            match field {
                Ok((1, Wire::Bytes(bytes))) => key = simdutf8::basic::from_utf8(bytes).unwrap_or_default(),
                Ok((2, Wire::Bytes(bytes))) => value = simdutf8::basic::from_utf8(bytes).unwrap_or_default(),
                _ => {}
            }
        }
        if key == "ai_log" {
            std::hint::black_box(serde_json::from_str::<IgnoredAny>(value).is_ok());
        }
        std::hint::black_box(value);
    }
}

fn parts(message: &[u8], number: u64) -> impl Iterator<Item = &[u8]> {
    Fields::of(message).filter_map(move |field| match field {
        Ok((of, Wire::Bytes(bytes))) if of == number => Some(bytes),
        _ => None,
    })
}

/// The spans of all batches, one after the other.
struct Spans<'b> {
    batches: &'b [Batch],
    batch: usize,
    span: usize,
}

impl<'b> Spans<'b> {
    fn next(&mut self) -> Option<&'b [u8]> {
        if self.is_at_the_end_of_a_batch() {
            (self.batch, self.span) = (self.batch + 1, 0);
        }
        self.span += 1;
        Some(self.batches.get(self.batch)?.bytes_of(&(self.span - 1..self.span)))
    }

    fn is_at_the_end_of_a_batch(&self) -> bool {
        self.batches.get(self.batch).is_some_and(|batch| self.span == batch.len())
    }
}
