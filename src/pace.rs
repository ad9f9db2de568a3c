//! How fast observations may go out: so many a second, for a backfill that must leave a rate limit to others. A leaf; it knows numbers only.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A pace that all calls of a backfill keep together. Nothing is divided for it: what goes out at once is paid for afterwards, so that in
/// any time no more goes out than the rate allows and one request more.
#[derive(Debug)]
pub struct Pace {
    per_second: f64,
    /// When what has gone out so far is paid for.
    paid: Mutex<Option<Instant>>,
}

impl Pace {
    /// So many observations a second, at least one.
    pub fn new(per_second: u32) -> Self {
        Self { per_second: f64::from(per_second.max(1)), paid: Mutex::new(None) }
    }

    /// Waits until `observations` may go out. Whoever asks first goes first.
    pub async fn take(&self, observations: usize) {
        tokio::time::sleep_until(self.turn(observations, Instant::now())).await;
    }

    /// When they may go out, if somebody asks at `now`. A pause in between saves up nothing.
    fn turn(&self, observations: usize, now: Instant) -> Instant {
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = paid.map_or(now, |paid| paid.max(now));
        #[allow(clippy::cast_precision_loss, reason = "a request holds some thousands at most")]
        let cost = Duration::from_secs_f64(observations as f64 / self.per_second);
        *paid = Some(turn + cost);
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_goes_out_keeps_the_rate_and_the_first_request_goes_at_once() {
        let (pace, began) = (Pace::new(50), Instant::now());
        let mut went = Vec::new();
        for observations in [100, 10, 25, 0, 1] {
            pace.take(observations).await;
            went.push(began.elapsed().as_millis());
        }
        assert_eq!(went, [0, 2000, 2200, 2700, 2700]);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_side_by_side_keep_it_together() {
        let (pace, began) = (std::sync::Arc::new(Pace::new(10)), Instant::now());
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let pace = pace.clone();
            calls.spawn(async move {
                for _ in 0..5 {
                    pace.take(10).await;
                }
            });
        }
        calls.join_all().await;
        assert_eq!(began.elapsed(), Duration::from_secs(19), "twenty requests of a second each, the first for nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_saves_up_nothing() {
        let (pace, began) = (Pace::new(1), Instant::now());
        pace.take(1).await;
        tokio::time::sleep(Duration::from_secs(100)).await;
        pace.take(2).await;
        pace.take(1).await;
        assert_eq!(began.elapsed(), Duration::from_secs(102));
    }
}
