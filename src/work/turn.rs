//! How long conversion holds the thread before whoever else wants it gets a turn: hooks, other calls, requests on their way.

use tokio::time::{Duration, Instant};

/// After this long the thread is given away at the next record. Three calls at work, each with the compression of one full request behind
/// its turn (six milliseconds of a whole core), then come round within some thirty; giving way costs a microsecond.
pub const TURN: Duration = Duration::from_millis(5);

/// The turn of one call.
#[derive(Debug)]
pub struct Turn {
    began: Instant,
    now: fn() -> Instant,
}

impl Turn {
    /// A turn that begins now, by this clock.
    pub fn new(now: fn() -> Instant) -> Self {
        Self { began: now(), now }
    }

    /// Lets others have the thread if the turn is over.
    pub async fn end_if_over(&mut self) {
        if (self.now)().saturating_duration_since(self.began) >= TURN {
            self.end().await;
        }
    }

    /// Lets others have the thread, and begins the next turn when it comes back.
    pub async fn end(&mut self) {
        tokio::task::yield_now().await;
        self.began = (self.now)();
    }
}
