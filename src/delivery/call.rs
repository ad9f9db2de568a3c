//! Delivery as one call sees it: the order of attempts, waits and divisions, and when to stop trying. Which API is used stands in `route`,
//! what becomes of requests that fail for good in `isolation`.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tokio::sync::OnceCell;

use super::answer::NoAnswer;
use super::batch_answer::{BatchVerdict, ObservationResult, batch_verdict};
use super::destination::Destination;
use super::ingestion_plan::Api;
use super::job::{Job, LastAttempt, Shipment};
use super::memory::RangeKey;
use super::remake::Keeping;
use super::request::{Body, NoBody};
use super::route::Route;
use super::verdict::{Verdict, verdict, verdict_of_silence};
use super::{BatchReport, DeadLetterReason, Outcome, Stop, backoff, breaker, failures};
use crate::budget::Allowance;
use crate::deadline::Deadline;
use crate::error::Failure;
use crate::export::batch::Batch;
use crate::trace::SpanId;

/// How many observations go out again although they have arrived, to see the destination accept something.
const SENT_AGAIN_AS_PROOF: usize = 16;

/// What all deliveries of one call to one destination share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CallDelivery {
    pub(super) destination: Arc<Destination>,
    pub(super) deadline: Deadline,
    pub(super) state: Arc<State>,
    range: RangeKey,
    pub(super) gives_up: bool,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// The destination took an observation in this call: the API stays, and what keeps failing may be given up.
    pub(super) accepted: AtomicBool,
    /// The destination answered a request of this call as it should: what it refuses then is refused for its content.
    pub(super) healthy: AtomicBool,
    /// Requests that used up their attempts since something was accepted.
    pub(super) fruitless: AtomicU32,
    /// Further requests of this call would only cost time.
    pub(super) stopped: AtomicBool,
    /// Because a request failed for this reason, the first one in this call.
    pub(super) reason: OnceLock<Stop>,
    /// Whether the destination answers at all, where that was asked.
    pub(super) alive: OnceCell<Result<(), Failure>>,
    /// The API of this call, once it is decided, and what else there is.
    pub(super) route: Mutex<Option<Route>>,
}

/// How one request ended.
pub(super) enum Sent {
    /// One result per observation.
    Settled(Vec<ObservationResult>),
    /// One verdict for all, with the status behind it.
    Whole(u16, Verdict),
    /// No whole answer.
    Nothing(NoAnswer),
    /// A bug of ours.
    Unreadable,
    /// It was not sent: nobody holds it any more.
    Gone(Failure),
}

impl CallDelivery {
    /// Delivery of a call for `range` that must be done by `deadline`. `gives_up`: the range is so old that what keeps failing alone while
    /// others are accepted becomes a dead letter (`design.md` decision 5).
    pub fn new(destination: Arc<Destination>, deadline: Deadline, range: RangeKey, gives_up: bool) -> Self {
        Self { destination, deadline, state: Arc::default(), range, gives_up }
    }

    /// The name of the destination, where it has one.
    pub fn destination_name(&self) -> Option<&str> {
        self.destination.settings().name.as_deref()
    }

    /// Asks the destination what it is, where that decides the API, so that the answer is there when the first batch is.
    pub async fn prepare(&self) {
        if self.destination.paused().is_none() {
            self.route().await;
        }
    }

    /// What the destination has accepted of this range in earlier attempts. Where the range is old enough to give up what keeps failing, some
    /// of it is left out: the rule wants the destination to accept something in this very call, so that goes out once more.
    pub fn accepted_before(&self) -> HashSet<SpanId> {
        let accepted = self.destination.accepted().of(&self.range);
        accepted.into_iter().skip(if self.gives_up { SENT_AGAIN_AS_PROOF } else { 0 }).collect()
    }

    /// Forgets what was accepted of log groups before this one: the next attempt begins behind them.
    pub fn forget_before(&self, group: u64) {
        self.destination.accepted().forget_before(&self.range, group);
    }

    /// Sends a batch, which is held with this allowance as long as it is kept, and settles every observation in it.
    pub async fn deliver(self, batch: Batch, allowance: Allowance, keeping: Keeping) -> BatchReport {
        let whole = 0..batch.len();
        let mut shipment = Shipment::new(batch, allowance, keeping);
        if let Err(stop) = self.may_go_on() {
            return shipment.report(Some(self.stopped_for(stop)));
        }
        let mut jobs = VecDeque::from([Job::first(whole, self.route().await.api)]);
        if let Err(failure) = self.check(&mut shipment).await {
            return shipment.report(Some(self.stopped_for(failure.into())));
        }
        while let Some(job) = jobs.pop_front() {
            match self.work_off(&mut shipment, job).await {
                Ok(more) => enqueue(&mut jobs, more),
                Err(stop) => {
                    self.suspect_if_silent();
                    return shipment.report(Some(self.stopped_for(stop)));
                }
            }
        }
        shipment.report(None)
    }

    /// Sends one job, settles what its answer settles, and returns what is still to be done.
    async fn work_off(&self, shipment: &mut Shipment, job: Job) -> Result<Vec<Job>, Stop> {
        self.wait_before(shipment, &job).await?;
        match self.send(shipment, &job, self.deadline.left()).await {
            Sent::Settled(results) => self.settle(shipment, &job, &results).await,
            Sent::Whole(_, Verdict::Delivered) => {
                shipment.settle(job.run, Outcome::Delivered);
                Ok(Vec::new())
            }
            Sent::Whole(status, Verdict::Retry(asked)) => self.retried(shipment, job.again(asked, LastAttempt::Answered(status))).await,
            Sent::Nothing(reason) => self.unanswered(shipment, job, reason).await,
            Sent::Whole(_, Verdict::TooLarge | Verdict::Refused) if job.run.len() > 1 => Ok(job.halves().into()),
            Sent::Whole(status, Verdict::TooLarge) => self.shrink(shipment, job, status).await,
            Sent::Whole(status, Verdict::Refused) => self.give_up(shipment, job, DeadLetterReason::Refused, status).await,
            Sent::Whole(status, Verdict::Blocked(block)) => self.detour(job, status, &block).await,
            Sent::Unreadable => Err(failures::unreadable().into()),
            Sent::Gone(failure) => Err(failure.into()),
        }
    }

    async fn unanswered(&self, shipment: &mut Shipment, job: Job, reason: NoAnswer) -> Result<Vec<Job>, Stop> {
        match verdict_of_silence(reason) {
            Verdict::Blocked(block) => self.detour(job, 0, &block).await,
            _ if reason == NoAnswer::TimedOut => self.timed_out(shipment, job).await,
            _ => self.retried(shipment, job.again(None, LastAttempt::NoAnswer(reason))).await,
        }
    }

    /// Settles an answer that speaks of each observation.
    async fn settle(&self, shipment: &mut Shipment, job: &Job, results: &[ObservationResult]) -> Result<Vec<Job>, Stop> {
        let otlp = self.route().await.plan.after_events_only();
        if results.contains(&ObservationResult::EventsOnly) {
            self.destination.forget_version().await;
            match otlp {
                Some(api) => self.change_api(api),
                None => return Err(Stop::Refused { status: 207, failure: failures::events_only(&self.destination) }),
            }
        }
        let mut jobs = Vec::new();
        for job in shipment.settle_each(job, results, otlp) {
            jobs.extend(self.retried(shipment, job).await?);
        }
        Ok(jobs)
    }

    /// One more attempt, or what becomes of a job that has used up its attempts.
    pub(super) async fn retried(&self, shipment: &mut Shipment, job: Job) -> Result<Vec<Job>, Stop> {
        match job.is_exhausted() {
            false => Ok(vec![job]),
            true => self.isolate(shipment, job).await,
        }
    }

    /// Waits as long as an attempt must wait, or says why there is none.
    async fn wait_before(&self, shipment: &mut Shipment, job: &Job) -> Result<(), Stop> {
        self.may_go_on()?;
        if self.state.stopped.load(Relaxed) {
            return Err(failures::exhausted(&self.destination, job.last, job.attempt).into());
        }
        let Some(failed_before) = job.attempt.checked_sub(1) else { return Ok(()) };
        let wait = backoff::wait(failed_before, job.asked, fastrand::f64());
        if !breaker::is_worth(wait, job.last) || !self.deadline.sleep(wait).await {
            return Err(failures::too_long_a_wait(&self.destination, job.last, wait).into());
        }
        shipment.stats.waited += wait;
        Ok(())
    }

    /// Sends a job once and reads the answer, within `limit` and the deadline.
    pub(super) async fn send(&self, shipment: &mut Shipment, job: &Job, limit: Duration) -> Sent {
        if let Err(failure) = self.bring_back(shipment, job).await {
            return Sent::Gone(failure);
        }
        let body = match shipment.body(job, |run, api| self.destination.body(run, api)) {
            Ok(body) => body,
            Err(NoBody::TooLarge) => return Sent::Whole(413, Verdict::TooLarge),
            Err(NoBody::Unreadable) => return Sent::Unreadable,
        };
        shipment.stats.requests += 1;
        shipment.stats.retries += u64::from(job.attempt > 0);
        shipment.stats.wire_bytes += body.wire.len() as u64;
        let raw_len = body.raw_len;
        let sent = self.judged(body, limit.min(self.deadline.left())).await;
        self.note(shipment, job, raw_len, &sent);
        sent
    }

    /// Keeps what an answer says about the destination and about what it has.
    fn note(&self, shipment: &mut Shipment, job: &Job, raw_len: usize, sent: &Sent) {
        let accepted = match sent {
            Sent::Whole(_, Verdict::Delivered) => shipment.spans(job, |_| true),
            Sent::Settled(results) => shipment.spans(job, |index| results.get(index) == Some(&ObservationResult::Delivered)),
            _ => return,
        };
        self.state.healthy.store(true, Relaxed);
        self.destination.trust();
        if !accepted.is_empty() {
            self.state.accepted.store(true, Relaxed);
            self.state.fruitless.store(0, Relaxed);
            shipment.stats.body_bytes += raw_len as u64;
            self.destination.accepted().remember(&self.range, accepted);
        }
    }

    async fn judged(&self, mut body: Body, left: Duration) -> Sent {
        let (api, events) = (body.api, std::mem::take(&mut body.events));
        let answer = match self.destination.post(body, left).await {
            Ok(answer) => answer,
            Err(reason) => return Sent::Nothing(reason),
        };
        match api {
            Api::Otlp => Sent::Whole(answer.status, verdict(&answer)),
            Api::Batch(_) => match batch_verdict(&answer, &events) {
                BatchVerdict::Settled(results) => Sent::Settled(results),
                BatchVerdict::Whole(verdict) => Sent::Whole(answer.status, verdict),
            },
        }
    }
}

/// Parts of failing requests wait until all others have been tried: if one thing is wrong, the other half shows at once that the destination
/// takes the rest. Halves of a refused request go first, because the way down to one observation is short.
fn enqueue(jobs: &mut VecDeque<Job>, more: Vec<Job>) {
    for job in more.into_iter().rev() {
        match job.is_part_of_failing() {
            true => jobs.push_back(job),
            false => jobs.push_front(job),
        }
    }
}
