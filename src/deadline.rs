//! How much time a call has left. Nothing else.

use std::time::Duration;

use tokio::time::Instant;

/// What a call without a known time-out may take. Function Compute sends `x-fc-function-timeout` with every call
/// (`reference/function-compute.md` §2.1); only a call from elsewhere can lack it.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// The moment at which work must have stopped so that the answer still gets out.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    stop: Instant,
}

impl Deadline {
    /// The deadline of a call that was received now and is killed after `timeout`. A tenth of it, between 100 ms and 3 s, is kept back
    /// to write the report and the answer.
    pub fn of_call(timeout: Duration) -> Self {
        let reserve = (timeout / 10).clamp(Duration::from_millis(100), Duration::from_secs(3));
        Self { stop: Instant::now() + timeout.saturating_sub(reserve) }
    }

    /// When work must have stopped.
    pub fn instant(self) -> Instant {
        self.stop
    }

    /// Time left for work.
    pub fn left(self) -> Duration {
        self.stop.saturating_duration_since(Instant::now())
    }

    /// Sleeps, unless the sleep would pass the deadline: then returns false at once.
    pub async fn sleep(self, wait: Duration) -> bool {
        if wait >= self.left() {
            return false;
        }
        tokio::time::sleep(wait).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn keeps_a_tenth_back_within_bounds() {
        for (timeout, left) in [(1, 900), (3, 2700), (60, 57_000), (600, 597_000)] {
            assert_eq!(Deadline::of_call(Duration::from_secs(timeout)).left(), Duration::from_millis(left));
        }
        assert_eq!(Deadline::of_call(Duration::from_millis(50)).left(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn does_not_begin_a_sleep_that_would_pass_it() {
        let deadline = Deadline::of_call(Duration::from_secs(10));
        assert!(deadline.sleep(Duration::from_secs(8)).await);
        assert!(!deadline.sleep(Duration::from_secs(1)).await);
        assert_eq!(deadline.left(), Duration::from_secs(1));
    }
}
