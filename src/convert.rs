//! One record's way from log to encoded observation, and the batch it goes into. Pure: values in, values out.

use std::collections::HashSet;

use crate::export::batch::{Batch, Source};
use crate::export::otlp::{self, SpanWriter};
use crate::gateway::ParsedRecord;
use crate::origin::Position;
use crate::report::SkipReason;
use crate::sls::LogRecord;
use crate::trace::SpanId;
use crate::trace::map::{is_sampled, observation};
use crate::trace::settings::TraceSettings;

/// Fills batches with the observations of one call.
#[derive(Debug)]
pub struct Converter<'s> {
    settings: &'s TraceSettings,
    known: HashSet<SpanId>,
    writer: SpanWriter,
    batch: Batch,
}

/// What became of a record, and a batch that had no room for it and should go out.
#[derive(Debug, Default)]
pub struct Converted {
    /// Set if the record is passed over.
    pub skipped: Option<SkipReason>,
    /// True if an earlier attempt has delivered it.
    pub resumed: bool,
    /// A full batch, without this record.
    pub full: Option<Batch>,
}

impl<'s> Converter<'s> {
    /// A converter with an empty batch that passes over the observations that are `known` to have arrived.
    pub fn new(settings: &'s TraceSettings, known: HashSet<SpanId>) -> Self {
        Self { settings, known, writer: SpanWriter::default(), batch: Batch::with_room() }
    }

    /// Puts a record's observation into the batch, or says why there is none.
    pub fn convert(&mut self, record: &LogRecord<'_>, position: Position) -> Converted {
        if !self.settings.enabled {
            return skipped(SkipReason::Disabled);
        }
        let parsed = ParsedRecord::of(record);
        let call = match parsed.call() {
            Ok(call) => call,
            Err(skip) => return skipped(SkipReason::Record(skip)),
        };
        let observation = observation(record, &call, self.settings);
        if !is_sampled(observation.trace_id, self.settings.sample_rate) {
            return skipped(SkipReason::SampledOut);
        }
        if self.known.contains(&observation.span_id) {
            return Converted { resumed: true, ..Converted::default() };
        }
        let encoded = self.writer.write(&observation);
        let full = self.batch.is_full_for(encoded.len(), otlp::body_len).then(|| std::mem::replace(&mut self.batch, Batch::with_room()));
        self.batch.push(encoded, Source { position, span_id: observation.span_id });
        Converted { full, ..Converted::default() }
    }

    /// Takes out what is in the batch, which may be nothing.
    pub fn take(&mut self) -> Batch {
        std::mem::take(&mut self.batch)
    }
}

fn skipped(reason: SkipReason) -> Converted {
    Converted { skipped: Some(reason), ..Converted::default() }
}
