//! The whole way of a record in this program, from the packed page to the bytes of a request.

use std::collections::HashSet;

use sls_to_langfuse::convert::Converter;
pub use sls_to_langfuse::delivery::destination::Compression;
use sls_to_langfuse::delivery::gzip::Gzip;
use sls_to_langfuse::delivery::ingestion_plan::Api;
use sls_to_langfuse::delivery::request;
use sls_to_langfuse::export::batch::Batch;
use sls_to_langfuse::feed::of_group;
use sls_to_langfuse::judge::Judge;
use sls_to_langfuse::select::Selection;
use sls_to_langfuse::sls::cursor::Cursor;
use sls_to_langfuse::sls::decode;
use sls_to_langfuse::sls::page::{Packing, PageHead};
use sls_to_langfuse::trace::settings::TraceSettings;

use crate::corpus::Packed;

/// What people run: every setting as it is by default.
pub struct Function {
    trace: TraceSettings,
    selection: Selection,
}

/// What left, in sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Bytes on the wire.
    pub wire: usize,
    /// Bytes before compression.
    pub raw: usize,
}

impl Sent {
    /// Makes the request that carries these encoded spans.
    pub fn add(&mut self, spans: &[u8], gzip: Option<&mut Gzip>) {
        let Ok(body) = request::body(spans, Api::Otlp, gzip) else { return };
        self.wire += body.wire.len();
        self.raw += body.raw_len;
    }
}

impl Function {
    pub fn new() -> Self {
        Self { trace: TraceSettings::default(), selection: Selection::default() }
    }

    /// Pages in, request bodies out.
    pub fn deliver(&self, pages: impl IntoIterator<Item = (u64, Vec<u8>)>, compression: Compression) -> Sent {
        let mut sent = Sent::default();
        let mut gzip = compressor(compression);
        self.convert(pages, |batch| sent.add(batch.bytes_of(&(0..batch.len())), gzip.as_mut()));
        sent
    }

    /// Pages in, full batches out.
    pub fn convert(&self, pages: impl IntoIterator<Item = (u64, Vec<u8>)>, mut full: impl FnMut(Batch)) {
        let judge = Judge { trace: &self.trace, selection: &self.selection };
        let mut converter = Converter::new(judge, [HashSet::new()]);
        for (raw_size, body) in pages {
            let Ok(page) = head(raw_size).unpack(body) else { continue };
            for group in decode::groups(&page).flatten() {
                for (position, record) in of_group(None, group) {
                    let Some(record) = record else { continue };
                    converter.convert(&record, position).full.into_iter().for_each(|(_, batch)| full(batch));
                }
            }
        }
        converter.take().into_iter().for_each(|(_, batch)| full(batch));
    }
}

/// What compresses the requests, if anything does.
pub fn compressor(compression: Compression) -> Option<Gzip> {
    match compression {
        Compression::Gzip => Some(Gzip::default()),
        Compression::None => None,
    }
}

/// The pages of a corpus as they come from a socket, each in a buffer of its own.
pub fn received(pages: &[Packed]) -> Vec<(u64, Vec<u8>)> {
    pages.iter().map(|page| (page.raw_size, page.body.clone())).collect()
}

fn head(raw_size: u64) -> PageHead {
    PageHead { next: Cursor::new(""), raw_size: Some(raw_size), packing: Packing::Lz4, last_group: None, count: None }
}
