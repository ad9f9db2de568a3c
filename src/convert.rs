//! One record's way from log to encoded observation, and the batches it goes into: one for each destination. Pure: values in, values out.

use std::collections::HashSet;
use std::sync::Arc;

use crate::export::batch::{Batch, MAX_REQUEST_BYTES, Source};
use crate::export::otlp::{self, SpanWriter};
use crate::judge::{Judge, Judged};
use crate::origin::Position;
use crate::policy;
use crate::report::SkipReason;
use crate::select::Routed;
use crate::sls::LogRecord;
use crate::spare::Spare;
use crate::spent::Spent;
use crate::trace::{Observation, SpanId};

/// The most that the open batches of one call hold together. Bytes. Two full requests, so that many destinations with few records each
/// cost no more memory than one with many.
const MAX_OPEN_BYTES: u64 = 2 * MAX_REQUEST_BYTES as u64;

/// Fills batches with the observations of one call.
#[derive(Debug)]
pub struct Converter<'s> {
    judge: Judge<'s>,
    writer: SpanWriter,
    /// By destination.
    open: Vec<OpenBatch>,
    tickets: u32,
}

/// The batch of a destination that is being filled.
#[derive(Debug)]
struct OpenBatch {
    /// What the destination has accepted in earlier attempts.
    known: HashSet<SpanId>,
    batch: Batch,
    /// The memory of the next one, with room for a full request, but only where there is no other destination.
    spare: Option<Spare>,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is passed over.
    Skipped(SkipReason),
    /// No route holds for it.
    Unrouted(SpanId),
    /// It goes to its destinations.
    Taken(Taken),
}

/// A record that goes to its destinations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The index of its route; `None` where there are no routes.
    pub route: Option<usize>,
    /// How many destinations it was put into a batch for. 0: all of them had it from an earlier attempt.
    pub copies: usize,
    /// What ties the copies together, where there are several.
    pub ticket: Option<u32>,
}

/// The fate of a record, and the batches that had no room for it and should go out, with their destinations.
#[derive(Debug)]
pub struct Converted {
    /// What became of the record.
    pub fate: Fate,
    /// Full batches, without this record; or with it, where all batches together became too large.
    pub full: Vec<(usize, Batch)>,
}

impl<'s> Converter<'s> {
    /// A converter with an empty batch for each destination, which passes over the observations that are known to have arrived there.
    /// Full requests are written into `spare` memory.
    pub fn new(judge: Judge<'s>, known: impl IntoIterator<Item = HashSet<SpanId>>, spare: Spare) -> Self {
        let mut open: Vec<_> = known.into_iter().map(|known| OpenBatch { known, batch: Batch::default(), spare: None }).collect();
        if let [only] = open.as_mut_slice() {
            (only.batch, only.spare) = (Batch::with_room(&spare), Some(spare));
        }
        Self { judge, writer: SpanWriter::default(), open, tickets: 0 }
    }

    /// Puts a record's observation into the batches of its destinations, or says why it goes nowhere.
    pub fn convert(&mut self, record: &LogRecord<'_>, position: Position) -> Converted {
        let judge = self.judge;
        judge.judge(record, |judged| match judged {
            Judged::Skipped(reason, _) => Converted { fate: Fate::Skipped(reason), full: Vec::new() },
            Judged::Unrouted(observation, _) => Converted { fate: Fate::Unrouted(observation.span_id), full: Vec::new() },
            Judged::Sent(observation, Routed::Along(index, route), _) => self.put(observation, Some(index), &route.to, position),
            Judged::Sent(observation, ..) => self.put(observation, None, &[0], position),
        })
    }

    fn put(&mut self, mut observation: Observation<'_>, route: Option<usize>, to: &[usize], position: Position) -> Converted {
        let span_id = observation.span_id;
        let copies = to.iter().filter(|to| self.lacks(**to, span_id)).count();
        let ticket = (copies > 1).then(|| self.next_ticket());
        let mut converted = Converted { fate: Fate::Taken(Taken { route, copies, ticket }), full: Vec::new() };
        if copies == 0 {
            return converted;
        }
        let spent = Spent::of(&observation, &self.judge.trace.prices).map(Arc::new);
        policy::apply(&mut observation, &self.judge.trace.content);
        let encoded = self.writer.write(&observation);
        let source = Source { position, span_id, route, ticket, spent };
        for to in to {
            let Some(open) = self.open.get_mut(*to).filter(|open| !open.known.contains(&span_id)) else { continue };
            converted.full.extend(open.push(encoded, source.clone()).map(|full| (*to, full)));
        }
        converted.full.extend(self.too_much());
        converted
    }

    /// True if a destination does not have an observation yet.
    fn lacks(&self, destination: usize, span_id: SpanId) -> bool {
        self.open.get(destination).is_some_and(|open| !open.known.contains(&span_id))
    }

    /// Takes out what is in the batches, which may be nothing.
    pub fn take(&mut self) -> Vec<(usize, Batch)> {
        self.open.iter_mut().map(|open| std::mem::take(&mut open.batch)).enumerate().filter(|(_, batch)| !batch.is_empty()).collect()
    }

    fn next_ticket(&mut self) -> u32 {
        self.tickets = self.tickets.wrapping_add(1);
        self.tickets
    }

    /// The largest batch, if all of them hold too much together.
    fn too_much(&mut self) -> Option<(usize, Batch)> {
        if self.open.len() < 2 {
            return None;
        }
        let held: u64 = self.open.iter().map(|open| open.batch.bytes()).sum();
        let (index, largest) =
            self.open.iter_mut().enumerate().max_by_key(|(_, open)| open.batch.bytes()).filter(|_| held > MAX_OPEN_BYTES)?;
        Some((index, std::mem::take(&mut largest.batch)))
    }
}

impl OpenBatch {
    /// Appends an encoded observation and hands over the batch that had no room for it.
    fn push(&mut self, encoded: &[u8], source: Source) -> Option<Batch> {
        let full = self.batch.is_full_for(encoded.len(), otlp::body_len).then(|| {
            let empty = self.spare.as_ref().map(Batch::with_room).unwrap_or_default();
            std::mem::replace(&mut self.batch, empty)
        });
        self.batch.push(encoded, source);
        full
    }
}
