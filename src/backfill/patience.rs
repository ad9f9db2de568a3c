//! What a failure means for a backfill: wait and try again, leave the slice for another time, or stop. Pure: times are arguments.
//!
//! No trigger brings a slice again, so an outage of SLS or Langfuse is waited out here, up to a bound that the operator sets. What is wrong
//! with keys, permissions or addresses is for a person, and stops everything at once: the state is kept.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Failure, Stage};

/// The first wait before a slice is tried again; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The longest wait: a minute is the window of Langfuse's rate limits (`reference/langfuse.md` §2, "429").
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What a failure says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// It may pass by itself.
    Passing,
    /// It is of this slice alone, and no repetition changes it.
    OfSlice,
    /// The shard is gone, and its logs with it.
    ShardGone,
    /// It is the same for every slice, until a person acts.
    Everywhere,
}

/// What to do after a failure that may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try again after this time.
    Again(Duration),
    /// Leave the slice for another run: others come further.
    Leave,
    /// Stop: nothing has come further for too long.
    Stop,
}

/// How long what may pass is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// From the first failure on.
    pub limit: Duration,
}

/// The trouble that one slice is in.
#[derive(Clone, Copy, Debug)]
pub struct Trouble {
    /// When the first attempt failed since the slice came further.
    pub since: Instant,
    /// When the last attempt began.
    pub attempt: Instant,
    /// How many have failed since.
    pub failed: u32,
}

/// What a failure means.
pub fn meaning(failure: &Failure) -> Meaning {
    match (failure.stage, failure.error_type) {
        (Stage::Pull, "sls_shard_gone") => Meaning::ShardGone,
        (Stage::Pull, "sls_group_too_large" | "sls_cursor_gone") => Meaning::OfSlice,
        (Stage::Pull, "sls_unavailable" | "sls_unreachable" | "sls_answer_damaged" | "sls_stalled") => Meaning::Passing,
        (Stage::Deliver, "langfuse_unavailable") => Meaning::Passing,
        (Stage::DeadLetter | Stage::Deadline | Stage::Internal, _) => Meaning::Passing,
        _ => Meaning::Everywhere,
    }
}

impl Patience {
    /// What to do `now` about a slice in trouble; `progress`: when any slice came further for the last time.
    pub fn next(self, trouble: Trouble, progress: Instant, now: Instant) -> Next {
        let wait = FIRST_WAIT.saturating_mul(1 << trouble.failed.saturating_sub(1).min(6)).min(LONGEST_WAIT);
        let left = self.limit.saturating_sub(now.duration_since(trouble.since));
        if !left.is_zero() {
            return Next::Again(wait.min(left));
        }
        // Half of it, so that what came further while an outage began does not make every other slice wait as long.
        let silence = (self.limit / 2).max(now.duration_since(trouble.attempt));
        if now.duration_since(progress) < silence { Next::Leave } else { Next::Stop }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(stage: Stage, error_type: &'static str) -> Failure {
        Failure::new(stage, error_type, "m", "h")
    }

    #[test]
    fn outages_pass_and_what_a_person_must_repair_does_not() {
        for (stage, error_type, expected) in [
            (Stage::Deliver, "langfuse_unavailable", Meaning::Passing),
            (Stage::Deliver, "langfuse_keys_refused", Meaning::Everywhere),
            (Stage::Deliver, "langfuse_redirects", Meaning::Everywhere),
            (Stage::Pull, "sls_unavailable", Meaning::Passing),
            (Stage::Pull, "sls_unreachable", Meaning::Passing),
            (Stage::Pull, "sls_refused", Meaning::Everywhere),
            (Stage::Pull, "sls_credentials_expired", Meaning::Everywhere),
            (Stage::Pull, "sls_shard_gone", Meaning::ShardGone),
            (Stage::Pull, "sls_group_too_large", Meaning::OfSlice),
            (Stage::DeadLetter, "dead_letters_not_written", Meaning::Passing),
            (Stage::Event, "loop", Meaning::Everywhere),
            (Stage::Deadline, "out_of_time", Meaning::Passing),
        ] {
            assert_eq!(meaning(&failure(stage, error_type)), expected, "{error_type}");
        }
    }

    const MINUTE: Duration = Duration::from_secs(60);

    fn after(began: Instant, minutes: u32) -> Instant {
        began + MINUTE * minutes
    }

    #[test]
    fn waits_double_up_to_a_minute_and_end_with_the_limit() {
        let (patience, since) = (Patience { limit: 10 * MINUTE }, Instant::now());
        let wait = |failed, minutes| patience.next(Trouble { since, attempt: after(since, minutes), failed }, since, after(since, minutes));
        for (failed, seconds) in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (99, 60)] {
            assert_eq!(wait(failed, 1), Next::Again(Duration::from_secs(seconds)), "{failed}");
        }
        assert_eq!(
            patience.next(Trouble { since, attempt: since, failed: 99 }, since, after(since, 10) - FIRST_WAIT),
            Next::Again(FIRST_WAIT)
        );
        assert_eq!(wait(99, 10), Next::Stop);
    }

    #[test]
    fn a_slice_that_fails_alone_is_left_while_the_others_come_further() {
        let (patience, since) = (Patience { limit: 10 * MINUTE }, Instant::now() + MINUTE);
        let trouble = Trouble { since, attempt: after(since, 10), failed: 9 };
        assert_eq!(patience.next(trouble, after(since, 6), after(since, 10)), Next::Leave);
        assert_eq!(patience.next(trouble, after(since, 4), after(since, 10)), Next::Stop);
        let (none, only) = (Patience { limit: Duration::ZERO }, Trouble { since, attempt: since - FIRST_WAIT * 4, failed: 1 });
        assert_eq!(none.next(only, since - FIRST_WAIT, since), Next::Leave, "something came further during the only attempt");
        assert_eq!(none.next(only, since - FIRST_WAIT * 5, since), Next::Stop);
    }
}
