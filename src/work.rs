//! The working part of a call: pieces come in, batches go out, outcomes are settled, all at the same time and all bounded.

pub mod again;
mod turn;
mod window;

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::OwnedSemaphorePermit;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use crate::budget::CallBudget;
use crate::convert::{Converted, Converter, Fate};
use crate::delivery::call::CallDelivery;
use crate::delivery::remake::Keeping;
use crate::delivery::{BatchReport, DeadLetterReason, Stop};
use crate::error::{Failure, Stage};
use crate::export::batch::Batch;
use crate::feed::{Feed, Piece};
use crate::judge::Judge;
use crate::origin::Position;
use crate::pace::Pace;
use crate::report::Report;
use crate::settlement::Settlement;
use crate::sls::LogRecord;
use crate::sls::reader::Range;
use crate::spare::Spare;
use again::{Place, PulledAgain, WayBack};
use turn::Turn;
use window::{Ended, Window};

/// The work of one call.
pub struct Work<'c> {
    settlement: Settlement<'c>,
    converter: Converter<'c>,
    outlets: Vec<Outlet>,
    on_the_way: JoinSet<(usize, BatchReport)>,
    budget: CallBudget,
    /// Why destinations were closed, the first reason there was.
    undone: Option<Failure>,
    /// Why single records are left undone, the first reason there was.
    left: Option<Failure>,
    turn: Turn,
    sends: bool,
    pace: Option<&'c Pace>,
    judge: Judge<'c>,
    spare: Spare,
    way_back: Option<WayBack>,
}

/// A destination in this call.
struct Outlet {
    delivery: CallDelivery,
    /// It has been said that it refuses us.
    refused: bool,
    /// It gets nothing more in this call, and what is for it stays undone.
    closed: bool,
    window: Window,
}

impl<'c> Work<'c> {
    /// Work that settles into `settlement`. There is a delivery for each destination.
    pub fn new(settlement: Settlement<'c>, judge: Judge<'c>, deliveries: Vec<CallDelivery>, budget: CallBudget, spare: &Spare) -> Self {
        let outlet = |delivery: CallDelivery| Outlet { window: Window::of(delivery.kept_up()), delivery, refused: false, closed: false };
        Self {
            settlement,
            converter: Converter::new(judge, deliveries.iter().map(CallDelivery::accepted_before), spare.clone()),
            outlets: deliveries.into_iter().map(outlet).collect(),
            on_the_way: JoinSet::new(),
            budget,
            undone: None,
            left: None,
            turn: Turn::new(Instant::now),
            sends: judge.trace.enabled,
            pace: None,
            judge,
            spare: spare.clone(),
            way_back: None,
        }
    }

    /// The same at a pace, if there is one.
    #[must_use]
    pub fn at_pace(self, pace: Option<&'c Pace>) -> Self {
        Self { pace, ..self }
    }

    /// The same with a way back to its records, if there is one: then not every batch is kept until it is answered. With several
    /// destinations batches are small, and all are kept.
    #[must_use]
    pub fn back_to(self, place: Option<Place>) -> Self {
        Self { way_back: place.filter(|_| self.outlets.len() == 1).map(WayBack::new), ..self }
    }

    /// Does all of it, down to the dead letters.
    ///
    /// # Errors
    /// When something is left undone: a piece that cannot be read, a destination that does not accept, dead letters that cannot be written.
    pub async fn run(mut self, feed: Feed) -> Result<(), Failure> {
        let ended = self.steps(feed).await;
        if ended.is_err() {
            self.settle_what_is_on_its_way().await;
        }
        let written = self.settlement.letters().write().await;
        if written.is_ok() {
            self.keep_checkpoint();
        }
        ended.and(written)
    }

    async fn steps(&mut self, feed: Feed) -> Result<(), Failure> {
        // Dropping a set ends its task with the work, also when time runs out in the middle.
        let (mut reading, mut preparing) = (JoinSet::new(), JoinSet::new());
        // Of several destinations nobody knows yet which will get anything.
        if let ([outlet], true) = (self.outlets.as_slice(), self.sends) {
            let delivery = outlet.delivery.clone();
            preparing.spawn(async move { delivery.prepare().await });
        }
        let mut pieces = feed.read_ahead(&mut reading);
        while let Some(piece) = pieces.recv().await {
            match piece? {
                Some(Piece::Lost(range)) => self.lose(&range),
                Some(piece) => self.convert(&piece).await?,
                None => break,
            }
        }
        if let Some(Err(error)) = reading.join_next().await {
            return Err(task_failure(&error));
        }
        for (destination, last) in self.converter.take() {
            self.send(destination, last).await?;
        }
        while !self.on_the_way.is_empty() {
            self.settle_next().await?;
        }
        self.undone.take().or(self.left.take()).map_or(Ok(()), Err)
    }

    /// Says what no repetition brings back, with everything that names it.
    fn lose(&mut self, lost: &Range) {
        self.settlement.origin().lost(lost);
        let groups = lost.end.number().zip(lost.begin.number()).map_or(0, |(end, begin)| end.saturating_sub(begin));
        let is_known = self.settlement.origin().is_known();
        let report = self.settlement.report();
        report.lost_groups += groups;
        if is_known {
            return;
        }
        let (from, to, Report { request_id, project, logstore, shard, .. }) = (lost.begin.text(), lost.end.text(), &*report);
        tracing::error!(
            event = "range_lost", %request_id, %project, %logstore, shard, from, to, groups,
            "a part of the range has left the retention of the Logstore before it could be delivered"
        );
    }

    async fn convert(&mut self, piece: &Piece) -> Result<(), Failure> {
        let report = self.settlement.report();
        report.pages += 1;
        report.ingest_bytes += piece.size();
        let before = report.ingest_lines;
        self.settlement.origin().read(piece);
        for (position, record) in piece.records() {
            if self.settlement.origin().wants(position, record.as_ref()) {
                for (destination, full) in self.convert_record(record, position) {
                    self.send(destination, full).await?;
                }
            }
            self.turn.end_if_over().await;
        }
        let lines = self.settlement.report().ingest_lines - before;
        self.settlement.origin().converted(lines);
        self.checkpoint().await
    }

    /// Makes sure of what is settled so far: a failure from here on does not undo it.
    async fn checkpoint(&mut self) -> Result<(), Failure> {
        if self.settlement.letters().write_on_the_way().await? {
            self.keep_checkpoint();
        }
        Ok(())
    }

    fn keep_checkpoint(&mut self) {
        if let Some(group) = self.settlement.origin().checkpoint() {
            self.outlets.iter().for_each(|outlet| outlet.delivery.forget_before(group));
        }
    }

    fn convert_record(&mut self, record: Option<LogRecord<'_>>, position: Position) -> Vec<(usize, Batch)> {
        self.settlement.report().ingest_lines += 1;
        // A record that our own code stumbles over is damaged too: it must take neither its neighbours nor the call with it.
        let converted = record.and_then(|record| catch_unwind(AssertUnwindSafe(|| self.converter.convert(&record, position))).ok());
        let Some(Converted { fate, full }) = converted else {
            self.settlement.bury(position, None, DeadLetterReason::Damaged);
            return Vec::new();
        };
        match fate {
            Fate::Skipped(reason) => self.settlement.skip(position, reason),
            Fate::Unrouted(span_id) => self.settlement.bury(position, Some(span_id), DeadLetterReason::Unrouted),
            Fate::Taken(taken) => self.settlement.take(position, taken),
        }
        full
    }

    async fn send(&mut self, destination: usize, batch: Batch) -> Result<(), Failure> {
        let place = self.place(destination).await?;
        if let Some(pace) = self.pace {
            pace.take(batch.len()).await;
        }
        let delivery = self.outlets[destination].delivery.clone();
        let allowance = self.budget.take(delivery.weight(&batch)).await;
        let keeping = self.keeping(&batch, &delivery);
        self.outlets[destination].window.leave();
        self.on_the_way.spawn(async move {
            let _place = place;
            (destination, delivery.deliver(batch, allowance, keeping).await)
        });
        // It leaves now, while the next one is made.
        self.turn.end().await;
        Ok(())
    }

    /// Waits until one more request may wait for an answer. A call that has none on its way waits for no other call.
    async fn place(&mut self, destination: usize) -> Result<Option<OwnedSemaphorePermit>, Failure> {
        loop {
            let Outlet { window, delivery, .. } = &self.outlets[destination];
            let place = if window.is_full() { None } else { delivery.place() };
            if place.is_some() || self.on_the_way.is_empty() {
                return Ok(place);
            }
            self.settle_next().await?;
        }
    }

    fn keeping(&mut self, batch: &Batch, delivery: &CallDelivery) -> Keeping {
        let (judge, budget, spare) = (self.judge, &self.budget, &self.spare);
        let make = |place| PulledAgain::new(place, judge, budget.clone(), spare.clone());
        self.way_back.as_mut().map(|way| way.keeping(batch, delivery, make)).unwrap_or_default()
    }

    async fn settle_next(&mut self) -> Result<(), Failure> {
        let Some(ended) = self.on_the_way.join_next().await else { return Ok(()) };
        let (destination, batch) = ended.map_err(|error| task_failure(&error))?;
        let undone = self.settle(destination, &batch);
        let Outlet { window, delivery, .. } = &mut self.outlets[destination];
        window.settle(if batch.stop.is_none() { Ended::Taken } else { Ended::Stopped });
        delivery.keeps_up_with(window.width());
        if let Some(stop) = &batch.stop {
            self.stop(destination, stop, undone);
        }
        self.left = self.left.take().or(batch.left);
        // While there is a destination that takes what is its own, the others are served before the call fails.
        match self.undone.take_if(|_| self.outlets.iter().all(|outlet| outlet.closed)) {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    /// A destination gets nothing more. Where it refuses us and its records have become dead letters for that, nothing is undone.
    fn stop(&mut self, destination: usize, stop: &Stop, undone: bool) {
        let outlet = &mut self.outlets[destination];
        if undone {
            outlet.closed = true;
            self.undone.get_or_insert_with(|| stop.failure().clone());
        }
        if let Stop::Refused { failure, .. } = stop
            && !undone
            && !std::mem::replace(&mut outlet.refused, true)
        {
            let request_id = &self.settlement.report().request_id;
            tracing::error!(
                event = "destination_refused", %request_id, error_type = failure.error_type, reason = failure.message, hint = &*failure.advice(),
                "a destination refuses this function: its records become dead letters until that is repaired"
            );
        }
    }

    /// After a failure: what has been sent may arrive, and then it counts.
    async fn settle_what_is_on_its_way(&mut self) {
        self.outlets.iter().for_each(|outlet| outlet.delivery.stop());
        while let Some(ended) = self.on_the_way.join_next().await {
            if let Ok((destination, batch)) = ended {
                self.settle(destination, &batch);
            }
        }
    }

    fn settle(&mut self, destination: usize, batch: &BatchReport) -> bool {
        let name = self.outlets[destination].delivery.destination_name();
        self.settlement.settle(batch, name)
    }
}

fn task_failure(error: &JoinError) -> Failure {
    let what = if error.is_panic() { "panicked" } else { "was cancelled" };
    Failure::new(Stage::Internal, "task_failed", format!("a task of the call {what}"), "the range comes again; report this: it is a bug")
}

#[cfg(test)]
mod tests;
