//! One range of a shard: where this attempt begins, pull, convert, deliver, and what the next attempt is left with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::slice::Along;
use super::{Handler, in_time};
use crate::dead_letter::Pointer;
use crate::deadline::Deadline;
use crate::delivery::memory::RangeKey;
use crate::error::Failure;
use crate::feed::Piece;
use crate::invocation::TriggerEvent;
use crate::judge::Judge;
use crate::letters::Letters;
use crate::origin::{Origin, Position, Settled};
use crate::progress::{Progress, Saved};
use crate::report::Report;
use crate::resume;
use crate::settlement::{Done, Settlement};
use crate::sls::calls::Shard;
use crate::sls::client::Logstore;
use crate::sls::reader::{Range, Reader};
use crate::work::Work;
use crate::work::again::Place;

/// A range to be worked off.
pub(super) struct RangeCall<'e> {
    /// What the trigger said.
    pub event: &'e TriggerEvent,
    /// Where it is, with this call's credentials.
    pub shard: Shard,
    /// What is to become of its records.
    pub judge: Judge<'e>,
    /// When the work must be done.
    pub deadline: Deadline,
    /// What somebody who waits for it wants.
    pub along: Along<'e>,
}

/// The range as the source of records.
struct RangeOrigin<'e> {
    event: &'e TriggerEvent,
    progress: Progress,
    along: Along<'e>,
}

impl Handler {
    /// Reads, converts and delivers what is left of the range.
    ///
    /// # Errors
    /// When something is left undone; a warm instance then knows how far it came.
    pub(super) async fn run_range(&self, call: RangeCall<'_>, report: &mut Report) -> Result<(), Failure> {
        let _turn = self.turn(call.deadline).await?;
        let (key, gives_up) = (range_key(call.event), self.gives_up(call.event.cursor_time));
        let saved = self.saved(&key, gives_up);
        let (mark, begin) = resume::start(&call.event.range, &saved, if gives_up { resume::From::Proof } else { resume::From::Settled });
        report.take_over(&mark.counts);
        let mut origin = RangeOrigin { event: call.event, progress: Progress::from(mark, &saved), along: call.along };
        let mut letters = Letters::new(self.dead_letter_place(&call.shard), call.deadline, self.now);

        let sls_requests = Arc::new(AtomicU64::new(0));
        let range = Range { begin, end: call.event.range.end.clone() };
        let place =
            Place { shard: call.shard.clone(), deadline: call.deadline, requests: sls_requests.clone(), copies: self.copies.clone() };
        let reader = Reader::new(call.shard, range, self.pages.for_call(), call.deadline, sls_requests.clone());
        let deliveries = self.deliveries(call.deadline, &key, gives_up);
        let done = Done { origin: &mut origin, report: &mut *report, letters: &mut letters };
        let settlement = Settlement::new(done, &call.judge.selection.routes);
        let work = Work::new(settlement, call.judge, deliveries, self.batches.for_call(), self.sls.spare());
        let work = work.at_pace(call.along.pace).back_to(Some(place));
        let ended = in_time(call.deadline, work.run(call.along.feed(reader))).await;

        report.sls_requests = sls_requests.load(Relaxed) + letters.requests;
        self.leave(&key, &origin.progress, ended.is_err(), report);
        ended.map_err(|ended| ended.failure(report))
    }

    /// What earlier attempts have left. Where records may be given up and there are several destinations, nothing: each of them must accept
    /// something in this very call, and nobody knows of which page that would be.
    fn saved(&self, key: &RangeKey, gives_up: bool) -> Saved {
        if gives_up && self.destinations.len() > 1 { Saved::default() } else { self.resumes.of(key) }
    }

    /// Keeps for the next attempt what this one has settled, or forgets the range if it is done.
    fn leave(&self, key: &RangeKey, progress: &Progress, failed: bool, report: &mut Report) {
        if !failed && report.unsettled() == 0 {
            self.resumes.forget(key);
            self.forget(key);
            return;
        }
        self.resumes.keep(key, progress.saved());
        let settled = progress.saved().settled.cursor();
        report.settled_cursor = settled.map_or_else(|| report.begin_cursor.clone(), |cursor| cursor.text().to_owned());
    }

    fn dead_letter_place(&self, source: &Shard) -> Option<Logstore> {
        let name = self.settings.dead_letter_logstore.clone()?;
        Some(Logstore { name, ..source.logstore.clone() })
    }
}

impl Origin for RangeOrigin<'_> {
    fn pointer(&self, position: Position) -> Pointer {
        self.event.pointer(position)
    }

    fn read(&mut self, piece: &Piece) {
        self.progress.read(piece);
    }

    fn converted(&mut self, records: u64) {
        self.progress.converted(records);
    }

    fn settled(&mut self, position: Position, how: Settled) {
        self.progress.settled(position.group, how);
    }

    fn lost(&mut self, part: &Range) {
        self.along.lost(part);
    }

    fn checkpoint(&mut self) -> Option<u64> {
        let group = self.progress.checkpoint();
        self.along.settled(self.progress.saved());
        group
    }
}

/// Two triggers may bring the same range with different parameters: what one has settled is not settled for the other.
pub(super) fn range_key(event: &TriggerEvent) -> RangeKey {
    RangeKey {
        project: event.place.project.clone(),
        logstore: event.place.logstore.clone(),
        shard: event.shard,
        begin: event.range.begin.text().to_owned(),
        job: format!("{} {}", event.job_name, event.parameter),
    }
}
