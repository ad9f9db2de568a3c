//! What becomes of requests that the destination refuses, or that keep failing while others of the call are accepted: they are divided until
//! the guilty observation is alone, so that its neighbours arrive (`design.md` decision 5).

use std::sync::atomic::Ordering::Relaxed;

use super::answer::NoAnswer;
use super::breaker::PROBE_TIMEOUT;
use super::call::{CallDelivery, Sent};
use super::job::{Job, LastAttempt, Shipment};
use super::verdict::{Block, Verdict};
use super::{DeadLetterReason, Outcome, Stop, failures};

/// How often a part of a failing request is sent: one repetition, since the whole has had all its attempts.
const ATTEMPTS_OF_A_PART: u32 = 2;

/// How many failing requests are divided while the destination has accepted nothing but an empty one: beyond them it is an outage in which
/// dividing would only cost time.
const MAX_FRUITLESS: u32 = 3;

/// How many parts in a row may fail before an empty request must show that the destination still answers: of two halves one is good.
const MAX_BELIEVED: u32 = 2;

impl CallDelivery {
    /// Cuts a lone observation whose size the destination refuses, as long as there is something to cut.
    pub(super) async fn shrink(&self, shipment: &mut Shipment, job: Job, status: u16) -> Result<Vec<Job>, Stop> {
        self.prove_health(shipment, &job, status).await?;
        self.bring_back(shipment, &job).await?;
        match shipment.cut(&job) {
            true => Ok(vec![Job::first(job.run, job.api)]),
            false => self.give_up(shipment, job, DeadLetterReason::TooLarge, status).await,
        }
    }

    /// Settles a lone observation that the destination refuses.
    pub(super) async fn give_up(&self, shipment: &mut Shipment, job: Job, reason: DeadLetterReason, status: u16) -> Result<Vec<Job>, Stop> {
        self.prove_health(shipment, &job, status).await?;
        shipment.settle(job.run, Outcome::DeadLetter { reason, status });
        Ok(Vec::new())
    }

    /// Divides a job that has used up its attempts, if the destination takes others; alone, it stays undone or, in an old range, is given up.
    ///
    /// # Errors
    /// If this may be an outage: it says nothing about the content, or nobody knows whether the destination takes anything.
    pub(super) async fn isolate(&self, shipment: &mut Shipment, job: Job) -> Result<Vec<Job>, Stop> {
        let exhausted = failures::exhausted(&self.destination, job.last, job.attempt);
        if !speaks_of_content(job.last) || self.state.stopped.load(Relaxed) || !self.takes_others(shipment, &job).await {
            return Err(exhausted.into());
        }
        if job.run.len() > 1 {
            return Ok(job.halves().map(|half| Job { limit: ATTEMPTS_OF_A_PART, ..half }).into());
        }
        match job.last {
            LastAttempt::Answered(status) if self.gives_up && self.state.accepted.load(Relaxed) => {
                shipment.settle(job.run, Outcome::DeadLetter { reason: DeadLetterReason::GaveUp, status });
            }
            // Without an answer nobody has said anything about the record itself.
            _ => shipment.leave(exhausted),
        }
        Ok(Vec::new())
    }

    /// True if the destination takes other things than this job, as far as is known now: what begins as one bad record may be the beginning
    /// of an outage, in which dividing would only cost time.
    async fn takes_others(&self, shipment: &mut Shipment, job: &Job) -> bool {
        let in_a_row = self.state.fruitless.fetch_add(1, Relaxed);
        if !self.state.accepted.load(Relaxed) && in_a_row >= MAX_FRUITLESS {
            return false;
        }
        let in_doubt = !job.is_part_of_failing() || in_a_row >= MAX_BELIEVED;
        !in_doubt || self.answer_to_nothing(shipment, job, 0).await.is_ok()
    }

    /// Makes sure that a destination which refuses a lone observation is able to accept anything at all, so that a proxy that refuses
    /// every request never turns a whole range into dead letters.
    async fn prove_health(&self, shipment: &mut Shipment, job: &Job, refused_with: u16) -> Result<(), Stop> {
        match self.state.healthy.load(Relaxed) {
            true => Ok(()),
            false => self.answer_to_nothing(shipment, job, refused_with).await,
        }
    }

    /// Sends an empty request, which every destination takes that works.
    async fn answer_to_nothing(&self, shipment: &mut Shipment, job: &Job, refused_with: u16) -> Result<(), Stop> {
        match self.send(shipment, &Job::first(0..0, job.api), PROBE_TIMEOUT).await {
            Sent::Settled(_) | Sent::Whole(_, Verdict::Delivered) => Ok(()),
            Sent::Whole(status, Verdict::Retry(_)) => Err(failures::exhausted(&self.destination, LastAttempt::Answered(status), 1).into()),
            Sent::Nothing(reason) => Err(failures::exhausted(&self.destination, LastAttempt::NoAnswer(reason), 1).into()),
            Sent::Whole(status, Verdict::Blocked(block)) => Err(self.blocked(status, &block, job)),
            _ => Err(self.blocked(refused_with, &Block::Unexpected, job)),
        }
    }

    /// Something stands in the way of every request: the destination is left alone for a while.
    pub(super) fn blocked(&self, status: u16, block: &Block, job: &Job) -> Stop {
        self.destination.pause(block, status);
        Stop::Refused { status, failure: failures::blocked(&self.destination, status, block, job.api) }
    }
}

/// What a firewall or a stumbling server may do about what a request holds: 5xx, a 403 that is not Langfuse's own, or the end of the
/// connection. A rate limit or a time-out says nothing about it.
fn speaks_of_content(last: LastAttempt) -> bool {
    matches!(last, LastAttempt::Answered(403 | 207 | 500..=599) | LastAttempt::NoAnswer(NoAnswer::Broken))
}
