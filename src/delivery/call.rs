//! Delivery as one call sees it: attempts, waits, division of refused requests, and when to stop trying.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::destination::Destination;
use super::request::{self, Body, OTLP_PATH};
use super::verdict::{Block, Verdict, verdict};
use super::{BatchReport, DeadLetterReason, Outcome, SendStats, backoff};
use crate::deadline::Deadline;
use crate::error::{Failure, Stage};
use crate::export::batch::Batch;

/// What all deliveries of one call to one destination share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CallDelivery {
    destination: Arc<Destination>,
    deadline: Deadline,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The destination took something in this call: what it refuses then is refused for its content.
    accepted: AtomicBool,
    /// A request failed for good in this call: further ones would only cost time.
    stopped: AtomicBool,
}

/// How the sending of one run of observations ended.
enum Sent {
    Delivered,
    TooLarge(u16),
    Refused(u16),
    Failed(Failure),
}

/// One batch on its way.
struct Shipment<'b> {
    batch: &'b Batch,
    outcomes: Vec<Outcome>,
    stats: SendStats,
    failure: Option<Failure>,
}

impl CallDelivery {
    /// Delivery of a call that must be done by `deadline`.
    pub fn new(destination: Arc<Destination>, deadline: Deadline) -> Self {
        Self { destination, deadline, state: Arc::default() }
    }

    /// Begins no further request and no further attempt of this call; what is on its way is still waited for.
    pub fn stop(&self) {
        self.state.stopped.store(true, Relaxed);
    }

    /// Sends a batch and settles every observation in it.
    pub async fn deliver(self, batch: Batch) -> BatchReport {
        let mut shipment =
            Shipment { batch: &batch, outcomes: vec![Outcome::Undone; batch.len()], stats: SendStats::default(), failure: None };
        let whole = 0..batch.len();
        let mut waiting = vec![whole];
        while let Some(run) = waiting.pop() {
            if run.is_empty() {
                continue;
            }
            match self.send(&mut shipment, run.clone()).await {
                Sent::Delivered => shipment.settle(run, Outcome::Delivered),
                Sent::TooLarge(_) | Sent::Refused(_) if run.len() > 1 => waiting.extend(halves(run)),
                Sent::TooLarge(status) => self.give_up(&mut shipment, run, DeadLetterReason::TooLarge, status).await,
                Sent::Refused(status) => self.give_up(&mut shipment, run, DeadLetterReason::Refused, status).await,
                Sent::Failed(failure) => shipment.fail(failure),
            }
            if shipment.failure.is_some() {
                self.stop();
                break;
            }
        }
        let outcomes = batch.sources().iter().copied().zip(shipment.outcomes).collect();
        BatchReport { outcomes, stats: shipment.stats, failure: shipment.failure }
    }

    /// Settles a lone observation that the destination does not take.
    async fn give_up(&self, shipment: &mut Shipment<'_>, run: Range<usize>, reason: DeadLetterReason, status: u16) {
        match self.proof_of_health(shipment).await {
            Ok(()) => shipment.settle(run, Outcome::DeadLetter { reason, status }),
            Err(failure) => shipment.fail(failure),
        }
    }

    /// Makes sure that a destination which refuses a lone observation is able to accept anything at all, so that a proxy that refuses
    /// every request never turns a whole range into dead letters.
    async fn proof_of_health(&self, shipment: &mut Shipment<'_>) -> Result<(), Failure> {
        if self.state.accepted.load(Relaxed) {
            return Ok(());
        }
        match self.send(shipment, 0..0).await {
            Sent::Delivered => Ok(()),
            Sent::Failed(failure) => Err(failure),
            Sent::TooLarge(status) | Sent::Refused(status) => Err(self.blocked(status, &Block::Unexpected)),
        }
    }

    /// Sends one run of observations until there is a verdict, the attempts are used up, or the time is.
    async fn send(&self, shipment: &mut Shipment<'_>, run: Range<usize>) -> Sent {
        if let Some(failure) = self.reason_not_to_try() {
            return Sent::Failed(failure);
        }
        let body = request::otlp_body(shipment.batch.bytes_of(&run), self.destination.settings().compression);
        let mut attempt = 0;
        loop {
            let (status, verdict) = self.attempt(shipment, &body, attempt).await;
            let asked = match verdict {
                Verdict::Delivered => {
                    self.state.accepted.store(true, Relaxed);
                    shipment.stats.body_bytes += body.raw_len as u64;
                    return Sent::Delivered;
                }
                Verdict::TooLarge => return Sent::TooLarge(status),
                Verdict::Refused => return Sent::Refused(status),
                Verdict::Blocked(block) => {
                    self.destination.pause(&block);
                    return Sent::Failed(self.blocked(status, &block));
                }
                Verdict::Retry(asked) => asked,
            };
            let wait = backoff::wait(attempt, asked, fastrand::f64());
            attempt += 1;
            let may_try = attempt < backoff::MAX_ATTEMPTS && !self.state.stopped.load(Relaxed);
            if !may_try || !self.deadline.sleep(wait).await {
                return Sent::Failed(self.exhausted(status, attempt));
            }
        }
    }

    async fn attempt(&self, shipment: &mut Shipment<'_>, body: &Body, attempt: u32) -> (u16, Verdict) {
        shipment.stats.requests += 1;
        shipment.stats.retries += u64::from(attempt > 0);
        shipment.stats.wire_bytes += body.wire.len() as u64;
        match self.destination.post(OTLP_PATH, body, self.deadline.left()).await {
            Some(answer) => (answer.status, verdict(&answer)),
            None => (0, Verdict::Retry(None)),
        }
    }

    fn reason_not_to_try(&self) -> Option<Failure> {
        if self.state.stopped.load(Relaxed) {
            return Some(self.exhausted(0, 0));
        }
        let (block, left) = self.destination.paused()?;
        let message = format!("{} refused this function before; it is left alone for {} s more", self.host(), left.as_secs().max(1));
        Some(Failure::new(Stage::Deliver, block.error_type(), message, block.hint()))
    }

    fn blocked(&self, status: u16, block: &Block) -> Failure {
        let message = format!("{} answered with status {status}", self.host());
        Failure::new(Stage::Deliver, block.error_type(), message, block.hint())
    }

    fn exhausted(&self, status: u16, attempts: u32) -> Failure {
        let last = if status == 0 { "no whole answer".to_owned() } else { format!("status {status}") };
        let message = format!("{} did not take a request after {attempts} attempts ({last})", self.host());
        let hint = "nothing is lost: the trigger brings the range again; check that Langfuse is up and reachable from the function";
        Failure::new(Stage::Deliver, "langfuse_unavailable", message, hint)
    }

    fn host(&self) -> String {
        let url = reqwest::Url::parse(&self.destination.settings().base_url).ok();
        let host = url.as_ref().and_then(reqwest::Url::host_str).unwrap_or("host");
        format!("Langfuse at {host}")
    }
}

impl Shipment<'_> {
    fn settle(&mut self, run: Range<usize>, outcome: Outcome) {
        self.outcomes[run].fill(outcome);
    }

    fn fail(&mut self, failure: Failure) {
        self.failure = Some(failure);
    }
}

/// Both halves, the second one first, since the list is taken from its end.
fn halves(run: Range<usize>) -> [Range<usize>; 2] {
    let middle = run.start + run.len() / 2;
    [middle..run.end, run.start..middle]
}
