//! What keeps a dead destination from costing minutes of function time: SLS is the buffer, so waiting for it here buys nothing.
//!
//! A destination that gave the last call nothing, or no answer to the question for its version, is *suspected*: the next call first sends it
//! an empty request with little time. If that is not answered the call ends after seconds; if it is, everything goes on at once, so that no
//! time is lost after an outage either. Nothing here counts down: a repaired destination is found by the first call that comes.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::answer::NoAnswer;
use super::call::{CallDelivery, Sent};
use super::job::{Job, LastAttempt, Shipment};
use super::verdict::Verdict;
use super::{Stop, failures};
use crate::error::Failure;

/// How long the answer to an empty request may take.
pub(super) const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a request is sent that is not answered in time: each attempt costs the whole of `LANGFUSE_SDK_TIMEOUT`.
const ATTEMPTS_IN_TIME: u32 = 2;

/// The longest wait that a destination which limits the rate may ask for: its window is a minute (`reference/langfuse.md` §2).
const LONGEST_WAIT_FOR_RATE: Duration = Duration::from_secs(60);

/// The longest wait for a destination in trouble. Waiting is billed like work, and the trigger brings the range again for nothing.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// True if it is cheaper to wait so long before the next attempt than to let the whole call come again.
pub(super) fn is_worth(wait: Duration, last: LastAttempt) -> bool {
    wait <= if last == LastAttempt::Answered(429) { LONGEST_WAIT_FOR_RATE } else { LONGEST_WAIT }
}

impl CallDelivery {
    /// Finds out, once in a call, whether a suspected destination answers.
    ///
    /// # Errors
    /// If it does not.
    pub(super) async fn check(&self, shipment: &mut Shipment) -> Result<(), Failure> {
        let alive = self.state.alive.get_or_init(|| async {
            match self.destination.is_suspected() && !self.state.healthy.load(Relaxed) {
                true => self.probe(shipment).await,
                false => Ok(()),
            }
        });
        alive.await.clone()
    }

    /// A request that was not answered in time: an empty one tells whether the destination is down. Earlier answers of the call say nothing
    /// about that, and every attempt at a destination that hangs costs the whole of `LANGFUSE_SDK_TIMEOUT`.
    pub(super) async fn timed_out(&self, shipment: &mut Shipment, job: Job) -> Result<Vec<Job>, Stop> {
        let limit = job.limit.min(ATTEMPTS_IN_TIME);
        let job = Job { limit, ..job.again(None, LastAttempt::NoAnswer(NoAnswer::TimedOut)) };
        if !job.is_exhausted() && !self.deadline.left().is_zero() {
            self.probe(shipment).await.inspect_err(|_| self.destination.suspect())?;
        }
        self.retried(shipment, job).await
    }

    /// What blocks an empty request is left to the next real one, which knows the way around.
    async fn probe(&self, shipment: &mut Shipment) -> Result<(), Failure> {
        let empty = Job::first(0..0, self.route().await.api);
        let last = match self.send(shipment, &empty, PROBE_TIMEOUT).await {
            Sent::Nothing(reason) => LastAttempt::NoAnswer(reason),
            Sent::Whole(status, Verdict::Retry(_)) => LastAttempt::Answered(status),
            _ => return Ok(()),
        };
        Err(failures::exhausted(&self.destination, last, 1))
    }

    /// Suspects the destination if this call, which failed, had no good answer of it.
    pub(super) fn suspect_if_silent(&self) {
        if !self.state.healthy.load(Relaxed) {
            self.destination.suspect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_limit_is_worth_a_minute_and_trouble_is_not() {
        let seconds = Duration::from_secs;
        let worth = |wait, status| is_worth(seconds(wait), LastAttempt::Answered(status));
        assert_eq!([worth(60, 429), worth(61, 429), worth(15, 503), worth(16, 503)], [true, false, true, false]);
        assert!(!is_worth(seconds(16), LastAttempt::NoAnswer(NoAnswer::TimedOut)));
    }
}
