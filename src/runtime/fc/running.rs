//! The calls that are running, and what becomes of them when the instance stops: they may finish for a while, and then end as failures, so
//! that their ranges come again. Knows no HTTP.

use std::time::Duration;

use tokio::sync::watch;

/// How long calls may go on after a `/pre-stop`: its own time-out is three seconds unless somebody sets it
/// (`reference/function-compute.md` §1.2).
pub const AFTER_PRE_STOP: Duration = Duration::from_millis(2500);

/// How long calls may go on after a SIGTERM: what sends one usually kills ten seconds later.
pub const AFTER_SIGTERM: Duration = Duration::from_secs(8);

/// The running calls of a process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Running {
    count: watch::Sender<usize>,
    /// How often the calls that ran then were ended.
    ends: watch::Sender<u32>,
}

/// One running call, until it is dropped.
struct Counted<'r>(&'r watch::Sender<usize>);

impl Default for Running {
    fn default() -> Self {
        Self { count: watch::Sender::new(0), ends: watch::Sender::new(0) }
    }
}

impl Running {
    /// Runs a call to its end; `None` if it was ended before.
    pub async fn run<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        self.count.send_modify(|count| *count += 1);
        let _counted = Counted(&self.count);
        let mut ends = self.ends.subscribe();
        tokio::select! {
            ended = call => Some(ended),
            _ = ends.changed() => None,
        }
    }

    /// Waits until no call runs, and ends those that still do after `limit`. Calls that come later are not touched.
    pub async fn finish(&self, limit: Duration) {
        let mut count = self.count.subscribe();
        if tokio::time::timeout(limit, count.wait_for(|count| *count == 0)).await.is_err() {
            self.ends.send_modify(|ends| *ends += 1);
        }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use tokio::time::{Instant, sleep};

    const LIMIT: Duration = Duration::from_secs(8);

    #[tokio::test(start_paused = true)]
    async fn what_ends_within_the_limit_is_waited_for_and_what_does_not_is_ended() {
        let (running, began) = (Running::default(), Instant::now());
        let short = running.run(async {
            sleep(Duration::from_secs(3)).await;
            "done"
        });
        let (short, long, ()) = tokio::join!(short, running.run(pending::<()>()), running.finish(LIMIT));
        assert_eq!((short, long, began.elapsed()), (Some("done"), None, LIMIT));
        assert_eq!(running.run(async { 7 }).await, Some(7), "a later call runs");
    }

    #[tokio::test(start_paused = true)]
    async fn without_calls_nothing_is_waited_for() {
        let (running, began) = (Running::default(), Instant::now());
        running.finish(LIMIT).await;
        let slow = running.run(sleep(Duration::from_secs(2)));
        tokio::join!(slow, running.finish(LIMIT));
        assert_eq!(began.elapsed(), Duration::from_secs(2));
    }
}
