//! The whole way of a record in this program, from the packed page to the bytes of a request.

use std::collections::HashSet;

use sls_to_langfuse::convert::Converter;
pub use sls_to_langfuse::delivery::destination::Compression;
use sls_to_langfuse::delivery::gzip::Gzip;
use sls_to_langfuse::delivery::ingestion_plan::Api;
use sls_to_langfuse::delivery::request::{self, Run};
use sls_to_langfuse::export::batch::Batch;
use sls_to_langfuse::feed::of_group;
use sls_to_langfuse::judge::Judge;
use sls_to_langfuse::select::Selection;
use sls_to_langfuse::sls::cursor::Cursor;
use sls_to_langfuse::sls::decode;
use sls_to_langfuse::sls::page::{Packing, PageHead};
use sls_to_langfuse::spare::Spare;
use sls_to_langfuse::trace::settings::TraceSettings;

use crate::corpus::Packed;

/// What people run: every setting as it is by default, but for compression. What it keeps from call to call is kept here from round to round.
pub struct Function {
    trace: TraceSettings,
    selection: Selection,
    spare: Spare,
    gzip: Option<Gzip>,
}

/// What left, in sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Bytes on the wire.
    pub wire: usize,
    /// Bytes before compression.
    pub raw: usize,
}

impl Function {
    pub fn new(compression: Compression) -> Self {
        let gzip = (compression == Compression::Gzip).then(Gzip::default);
        Self { trace: TraceSettings::default(), selection: Selection::default(), spare: Spare::default(), gzip }
    }

    /// Pages in, request bodies out.
    pub fn deliver(&mut self, pages: impl IntoIterator<Item = (u64, Vec<u8>)>) -> Sent {
        let (mut sent, mut gzip) = (Sent::default(), self.gzip.take());
        self.convert(pages, |mut batch| {
            let Ok(body) = request::body(Run::Whole(batch.hand_over()), Api::Otlp, gzip.as_mut()) else { return };
            sent.wire += body.wire.len();
            sent.raw += body.raw_len;
        });
        self.gzip = gzip;
        sent
    }

    /// Pages in, full batches out.
    pub fn convert(&self, pages: impl IntoIterator<Item = (u64, Vec<u8>)>, mut full: impl FnMut(Batch)) {
        let judge = Judge { trace: &self.trace, selection: &self.selection };
        let mut converter = Converter::new(judge, [HashSet::new()], self.spare.clone());
        for (raw_size, body) in pages {
            let Ok(page) = head(raw_size).unpack(body.into(), &self.spare) else { continue };
            for group in decode::groups(&page).flatten() {
                for (position, record) in of_group(None, 0, group) {
                    let Some(record) = record else { continue };
                    converter.convert(&record, position).full.into_iter().for_each(|(_, batch)| full(batch));
                }
            }
        }
        converter.take().into_iter().for_each(|(_, batch)| full(batch));
    }
}

/// The pages of a corpus as they come from a socket, each in a buffer of its own.
pub fn received(pages: &[Packed]) -> Vec<(u64, Vec<u8>)> {
    pages.iter().map(|page| (page.raw_size, page.body.clone())).collect()
}

fn head(raw_size: u64) -> PageHead {
    PageHead { next: Cursor::new(""), raw_size: Some(raw_size), packing: Packing::Lz4, last_group: None, count: None }
}
