//! Bookkeeping of one batch on its way: which runs of it are still to be sent, and what became of the others. Pure.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::answer::NoAnswer;
use super::backoff::MAX_ATTEMPTS;
use super::batch_answer::ObservationResult;
use super::ingestion_plan::Api;
use super::memory::AcceptedSpan;
use super::remake::{Keeping, Remake};
use super::request::{Body, NoBody, Run};
use super::{BatchReport, DeadLetterReason, Outcome, SendStats, Stop};
use crate::budget::Allowance;
use crate::error::Failure;
use crate::export::batch::{Batch, Encoded};
use crate::export::cut;

/// The status of an answer that speaks of each event by itself (`reference/langfuse.md` §2).
pub const PER_EVENT: LastAttempt = LastAttempt::Answered(207);

/// Neighbours that go out in one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Which of the batch.
    pub run: Range<usize>,
    /// By which API.
    pub api: Api,
    /// How often these have been sent before.
    pub attempt: u32,
    /// How often they may be sent.
    pub limit: u32,
    /// How long the server asked to wait.
    pub asked: Option<Duration>,
    /// How the last attempt ended.
    pub last: LastAttempt,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LastAttempt {
    /// There was none.
    #[default]
    None,
    /// With this status.
    Answered(u16),
    /// Without an answer.
    NoAnswer(NoAnswer),
}

impl std::fmt::Display for LastAttempt {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => formatter.write_str("not sent"),
            Self::Answered(status) => write!(formatter, "status {status}"),
            Self::NoAnswer(NoAnswer::Unreachable) => formatter.write_str("no connection"),
            Self::NoAnswer(NoAnswer::Certificate) => formatter.write_str("certificate refused"),
            Self::NoAnswer(NoAnswer::TimedOut) => formatter.write_str("timed out"),
            Self::NoAnswer(NoAnswer::Broken) => formatter.write_str("the connection broke"),
        }
    }
}

/// One batch on its way.
#[derive(Debug)]
pub struct Shipment {
    batch: Batch,
    /// The body of the whole batch since it was made. It holds the same as the encoded observations in less memory, so those are handed over
    /// until the batch has to be divided: what waits for an answer is what memory goes into.
    whole: Option<Body>,
    /// Observations that were cut for a server that refused their size, by their index in the batch.
    cut: HashMap<usize, Vec<u8>>,
    outcomes: Vec<Outcome>,
    left: Option<Failure>,
    /// For the memory that it takes.
    allowance: Allowance,
    keeping: Keeping,
    /// Its observations have left, and nobody has kept a copy.
    is_gone: bool,
    /// What it has cost so far.
    pub stats: SendStats,
}

impl Job {
    /// A first attempt.
    pub fn first(run: Range<usize>, api: Api) -> Self {
        Self { run, api, attempt: 0, limit: MAX_ATTEMPTS, asked: None, last: LastAttempt::None }
    }

    /// The same once more.
    pub fn again(self, asked: Option<Duration>, last: LastAttempt) -> Self {
        Self { attempt: self.attempt + 1, asked, last, ..self }
    }

    /// True if it may not be sent again.
    pub fn is_exhausted(&self) -> bool {
        self.attempt >= self.limit
    }

    /// True for a part of a request that used up its attempts.
    pub fn is_part_of_failing(&self) -> bool {
        self.limit < MAX_ATTEMPTS
    }

    /// Both halves as first attempts.
    pub fn halves(&self) -> [Self; 2] {
        let middle = self.run.start + self.run.len() / 2;
        [self.run.start..middle, middle..self.run.end].map(|run| Self::first(run, self.api))
    }
}

impl Shipment {
    /// A batch of which nothing has been sent. It is held with this allowance, which shrinks with what is held, and passes to the first request
    /// where no copy is kept of that.
    pub fn new(batch: Batch, allowance: Allowance, keeping: Keeping) -> Self {
        let (outcomes, stats) = (vec![Outcome::Undone; batch.len()], SendStats::default());
        Self { batch, whole: None, cut: HashMap::new(), outcomes, left: None, allowance, keeping, is_gone: false, stats }
    }

    /// What was to be sent.
    pub fn batch(&self) -> &Batch {
        &self.batch
    }

    /// What makes the observations of a job again, if they are gone.
    pub fn gone(&self, job: &Job) -> Option<Arc<dyn Remake>> {
        match &self.keeping {
            Keeping::Nothing(remake) if self.is_gone && !job.run.is_empty() => Some(remake.clone()),
            _ => None,
        }
    }

    /// Holds the observations again, from now on until they are settled. False: these are others.
    pub fn hold(&mut self, encoded: Encoded, allowance: Allowance) -> bool {
        if encoded.as_slice().len() != self.batch.spans_len() {
            return false;
        }
        self.batch.take_back(encoded);
        (self.allowance, self.keeping, self.is_gone) = (allowance, Keeping::default(), false);
        true
    }

    /// The body of a job: the one it went out with before, or what `make` makes of its encoded observations.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn body(&mut self, job: &Job, make: impl FnOnce(Run<'_>, Api) -> Result<Body, NoBody>) -> Result<Body, NoBody> {
        let is_whole = job.run == (0..self.batch.len()) && !self.cut.contains_key(&job.run.start);
        if let Some(body) = self.whole.as_ref().filter(|body| is_whole && body.api == job.api) {
            return Ok(body.clone());
        }
        if !is_whole || job.api != Api::Otlp {
            return make(Run::Part(self.bytes(job)?), job.api);
        }
        // Nothing else holds them: a body of the whole batch is the only thing that ever takes them, and there is none.
        let body = make(Run::Whole(self.batch.hand_over()), job.api)?;
        let held = body.wire.len() as u64;
        self.allowance.shrink(held);
        match &mut self.keeping {
            Keeping::Copy(counted) => {
                counted.shrink(held);
                self.whole = Some(body.clone());
                Ok(body)
            }
            Keeping::Nothing(_) => {
                self.is_gone = true;
                Ok(body.with(std::mem::take(&mut self.allowance)))
            }
        }
    }

    /// The encoded observations of a job.
    fn bytes(&mut self, job: &Job) -> Result<&[u8], NoBody> {
        if let Some(whole) = self.whole.take_if(|_| !job.run.is_empty()) {
            self.batch.take_back(whole.spans(self.batch.spans_len()).ok_or(NoBody::Unreadable)?);
        }
        let cut = self.cut.get(&job.run.start).filter(|_| job.run.len() == 1);
        Ok(cut.map_or_else(|| self.batch.bytes_of(&job.run), Vec::as_slice))
    }

    /// Makes a lone observation about half as large; false if there is nothing left to cut.
    pub fn cut(&mut self, job: &Job) -> bool {
        let Some(shorter) = self.bytes(job).ok().and_then(cut::halved) else { return false };
        self.cut.insert(job.run.start, shorter);
        true
    }

    /// The spans of a job for whose index in it `wanted` holds, for the memory.
    pub fn spans(&self, job: &Job, wanted: impl Fn(usize) -> bool) -> Vec<AcceptedSpan> {
        let sources = self.batch.sources().get(job.run.clone()).unwrap_or_default();
        sources.iter().enumerate().filter(|(index, _)| wanted(*index)).map(|(_, source)| (source.span_id, source.position.group)).collect()
    }

    /// Leaves what a job holds undone, for this reason; the rest of the batch goes on.
    pub fn leave(&mut self, reason: Failure) {
        self.left.get_or_insert(reason);
    }

    /// Settles a whole run.
    pub fn settle(&mut self, run: Range<usize>, outcome: Outcome) {
        self.outcomes[run].fill(outcome);
    }

    /// Settles a run observation by observation, and returns the jobs for those that must go out again: the ones the server failed on,
    /// and those that need the other API, `otlp`.
    pub fn settle_each(&mut self, job: &Job, results: &[ObservationResult], otlp: Option<Api>) -> Vec<Job> {
        let mut jobs: Vec<Job> = Vec::new();
        for (index, result) in job.run.clone().zip(results) {
            let follow_up = match (result, otlp) {
                (ObservationResult::Retry, _) => Job { run: index..index + 1, ..job.clone().again(None, PER_EVENT) },
                (ObservationResult::EventsOnly, Some(api)) => Job::first(index..index + 1, api),
                (result, _) => {
                    self.outcomes[index] = settled(*result);
                    continue;
                }
            };
            match jobs.last_mut().filter(|last| last.run.end == index && last.api == follow_up.api) {
                Some(last) => last.run.end += 1,
                None => jobs.push(follow_up),
            }
        }
        jobs
    }

    /// What became of it.
    pub fn report(self, stop: Option<Stop>) -> BatchReport {
        let outcomes = self.batch.sources().iter().cloned().zip(self.outcomes).collect();
        BatchReport { outcomes, stats: self.stats, stop, left: self.left }
    }
}

fn settled(result: ObservationResult) -> Outcome {
    match result {
        ObservationResult::Delivered => Outcome::Delivered,
        ObservationResult::Refused(status) => Outcome::DeadLetter { reason: DeadLetterReason::Refused, status },
        ObservationResult::Retry | ObservationResult::EventsOnly => Outcome::Undone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::batch::Source;
    use crate::export::ingestion::BatchDialect;
    use crate::origin::Position;
    use crate::trace::SpanId;

    fn batch(count: u32) -> Batch {
        let mut batch = Batch::default();
        for index in 0..count {
            batch.push(
                &[0],
                Source {
                    position: Position { group: None, index, received: None },
                    span_id: SpanId([1; 8]),
                    route: None,
                    ticket: None,
                    spent: None,
                },
            );
        }
        batch
    }

    #[test]
    fn each_observation_of_an_answer_goes_its_own_way() {
        use ObservationResult::{Delivered, EventsOnly, Refused, Retry};
        let (batch, api) = (batch(7), Api::Batch(BatchDialect::of(None)));
        let mut shipment = Shipment::new(batch, Allowance::default(), Keeping::default());
        let job = Job { run: 1..7, api, attempt: 1, limit: 5, asked: Some(Duration::from_secs(1)), last: LastAttempt::Answered(500) };
        let jobs = shipment.settle_each(&job, &[Delivered, Retry, Retry, Refused(400), EventsOnly, EventsOnly], Some(Api::Otlp));
        let again = Job { run: 2..4, api, attempt: 2, limit: 5, asked: None, last: PER_EVENT };
        assert_eq!(jobs, [again, Job::first(5..7, Api::Otlp)]);
        let outcomes: Vec<_> = shipment.report(None).outcomes.into_iter().map(|(_, outcome)| outcome).collect();
        let refused = Outcome::DeadLetter { reason: DeadLetterReason::Refused, status: 400 };
        assert_eq!(
            outcomes,
            [Outcome::Undone, Outcome::Delivered, Outcome::Undone, Outcome::Undone, refused, Outcome::Undone, Outcome::Undone]
        );
    }

    #[test]
    fn halves_cover_the_run_and_come_out_in_order() {
        let [first, second] = Job::first(3..8, Api::Otlp).halves();
        assert_eq!((first.run, second.run), (3..5, 5..8));
    }
}
