//! The working part of a call: pieces come in, batches go out, outcomes are settled, all at the same time and all bounded.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::task::{JoinError, JoinSet};
use tokio::time::{Duration, Instant};

use crate::budget::CallBudget;
use crate::convert::Converter;
use crate::dead_letter::DeadLetter;
use crate::delivery::call::CallDelivery;
use crate::delivery::{BatchReport, DeadLetterReason, Outcome};
use crate::error::{Failure, Stage};
use crate::export::batch::{Batch, Source};
use crate::feed::{Feed, Piece};
use crate::origin::{Origin, Position, Settled};
use crate::report::Report;
use crate::sls::LogRecord;
use crate::sls::reader::Range;
use crate::trace::SpanId;
use crate::trace::settings::TraceSettings;

/// Requests of one call on their way at the same time: enough to hide an answer's latency behind conversion.
const MAX_ON_THE_WAY: usize = 3;

/// How long conversion holds the thread before hooks and other calls get a turn.
const TURN: Duration = Duration::from_millis(10);

/// The work of one call.
pub struct Work<'c> {
    origin: &'c mut dyn Origin,
    report: &'c mut Report,
    converter: Converter<'c>,
    delivery: CallDelivery,
    on_the_way: JoinSet<BatchReport>,
    budget: CallBudget,
    letters: Vec<DeadLetter>,
    left: Option<Failure>,
    turn_began: Instant,
    sends: bool,
}

impl<'c> Work<'c> {
    /// Work that counts into `report` and tells `origin`, so that both know what is done when time runs out.
    pub fn new(
        origin: &'c mut dyn Origin,
        trace: &'c TraceSettings,
        delivery: CallDelivery,
        budget: CallBudget,
        report: &'c mut Report,
    ) -> Self {
        let (converter, on_the_way) = (Converter::new(trace, delivery.accepted_before()), JoinSet::new());
        Self {
            origin,
            report,
            converter,
            delivery,
            on_the_way,
            budget,
            letters: Vec::new(),
            left: None,
            turn_began: Instant::now(),
            sends: trace.enabled,
        }
    }

    /// Does all of it and hands over the dead letters.
    ///
    /// # Errors
    /// When something is left undone: a piece that cannot be read, a destination that does not accept.
    pub async fn run(mut self, feed: Feed) -> Result<Vec<DeadLetter>, Failure> {
        let ended = self.steps(feed).await;
        if ended.is_err() {
            self.settle_what_is_on_its_way().await;
        }
        ended.map(|()| self.letters)
    }

    async fn steps(&mut self, feed: Feed) -> Result<(), Failure> {
        // Dropping a set ends its task with the work, also when time runs out in the middle.
        let (mut reading, mut preparing) = (JoinSet::new(), JoinSet::new());
        if self.sends {
            let delivery = self.delivery.clone();
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
        let last = self.converter.take();
        self.send(last).await?;
        while !self.on_the_way.is_empty() {
            self.settle_next().await?;
        }
        self.left.take().map_or(Ok(()), Err)
    }

    /// Says what no repetition brings back, with everything that names it.
    fn lose(&mut self, lost: &Range) {
        let groups = lost.end.number().zip(lost.begin.number()).map_or(0, |(end, begin)| end.saturating_sub(begin));
        self.report.lost_groups += groups;
        let (from, to, Report { request_id, project, logstore, shard, .. }) = (lost.begin.text(), lost.end.text(), &*self.report);
        tracing::error!(
            event = "range_lost", %request_id, %project, %logstore, shard, from, to, groups,
            "a part of the range has left the retention of the Logstore before it could be delivered"
        );
    }

    async fn convert(&mut self, piece: &Piece) -> Result<(), Failure> {
        self.report.pages += 1;
        self.report.ingest_bytes += piece.size();
        self.origin.read(piece);
        for (position, record) in piece.records() {
            if let Some(full) = self.convert_record(record, position) {
                self.send(full).await?;
            }
            self.give_way().await;
        }
        Ok(())
    }

    fn convert_record(&mut self, record: Option<LogRecord<'_>>, position: Position) -> Option<Batch> {
        self.report.ingest_lines += 1;
        // A record that our own code stumbles over is damaged too: it must take neither its neighbours nor the call with it.
        let converted = record.and_then(|record| catch_unwind(AssertUnwindSafe(|| self.converter.convert(&record, position))).ok());
        let Some(converted) = converted else {
            self.dead_letter(position, None, DeadLetterReason::Damaged, None);
            return None;
        };
        if let Some(reason) = converted.skipped {
            self.report.skip(reason);
            self.origin.settled(position, Settled::Done);
        }
        if converted.resumed {
            self.report.resume();
            self.origin.settled(position, Settled::Done);
        }
        converted.full
    }

    async fn give_way(&mut self) {
        if self.turn_began.elapsed() >= TURN {
            tokio::task::yield_now().await;
            self.turn_began = Instant::now();
        }
    }

    async fn send(&mut self, batch: Batch) -> Result<(), Failure> {
        if batch.is_empty() {
            return Ok(());
        }
        while self.on_the_way.len() >= MAX_ON_THE_WAY {
            self.settle_next().await?;
        }
        let allowance = self.budget.take(batch.bytes()).await;
        let delivering = self.delivery.clone().deliver(batch);
        self.on_the_way.spawn(async move {
            let report = delivering.await;
            drop(allowance);
            report
        });
        Ok(())
    }

    async fn settle_next(&mut self) -> Result<(), Failure> {
        let Some(ended) = self.on_the_way.join_next().await else { return Ok(()) };
        let batch = ended.map_err(|error| task_failure(&error))?;
        self.settle(&batch);
        self.left = self.left.take().or(batch.left);
        batch.stop.map_or(Ok(()), |stop| Err(stop.failure().clone()))
    }

    /// After a failure: what has been sent may arrive, and then it counts.
    async fn settle_what_is_on_its_way(&mut self) {
        self.delivery.stop();
        while let Some(ended) = self.on_the_way.join_next().await {
            if let Ok(batch) = ended {
                self.settle(&batch);
            }
        }
    }

    fn settle(&mut self, batch: &BatchReport) {
        self.report.add(batch.stats);
        for (source, outcome) in &batch.outcomes {
            self.settle_one(*source, *outcome);
        }
    }

    fn settle_one(&mut self, source: Source, outcome: Outcome) {
        match outcome {
            Outcome::Delivered => {
                self.report.ship();
                self.origin.settled(source.position, Settled::Done);
            }
            Outcome::Undone => {}
            Outcome::DeadLetter { reason, status } => self.dead_letter(source.position, Some(source.span_id), reason, Some(status)),
        }
    }

    fn dead_letter(&mut self, position: Position, span_id: Option<SpanId>, reason: DeadLetterReason, status: Option<u16>) {
        let letter = DeadLetter::new(self.origin.pointer(position), span_id, reason, status);
        self.origin.settled(position, Settled::DeadLetter);
        tracing::warn!(event = "dead_letter", request_id = %self.report.request_id, members = %letter.json(), "a record cannot be delivered");
        self.report.dead_letter(reason);
        self.letters.push(letter);
    }
}

fn task_failure(error: &JoinError) -> Failure {
    let what = if error.is_panic() { "panicked" } else { "was cancelled" };
    Failure::new(Stage::Internal, "task_failed", format!("a task of the call {what}"), "the range comes again; report this: it is a bug")
}
