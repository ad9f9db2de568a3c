//! How far a replay is, in words.

use std::time::{Duration, Instant};

use crate::cli::again::hint;
use crate::cli::bar::Bar;
use crate::cli::ending::with_hint;
use crate::error::Failure;
use crate::invocation::LogPlace;
use crate::replay::Watch;

/// The progress of one replay.
pub struct Progress {
    bar: Bar,
    total: u64,
    done: u64,
    began: Instant,
}

impl Progress {
    /// Progress towards so many records.
    pub fn of(total: u64) -> Self {
        Self { bar: Bar::of(total), total, done: 0, began: Instant::now() }
    }
}

impl Watch for Progress {
    fn advanced(&mut self, records: u64) {
        self.done += records;
        self.bar.at(self.done, || line(self.done, self.total, self.began.elapsed()));
    }

    fn trouble(&mut self, place: &LogPlace, failure: &Failure) {
        let failure = Failure { comfort: None, hint: hint(failure), ..failure.clone() };
        self.bar.tell(&format!("{}/{}: {}", place.project, place.logstore, with_hint(&failure)));
    }
}

/// How far it is, how fast, and how long it takes still.
fn line(done: u64, total: u64, elapsed: Duration) -> String {
    let rate = done as f64 / elapsed.as_secs_f64().max(0.001);
    let left = if done == 0 { "unknown".to_owned() } else { format!("{:.0} s", total.saturating_sub(done) as f64 / rate) };
    format!("{done} of {total} records, {rate:.0} per second, {left} left")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_how_far_how_fast_and_how_long_still() {
        assert_eq!(line(500, 2000, Duration::from_secs(10)), "500 of 2000 records, 50 per second, 30 s left");
        assert_eq!(line(0, 2000, Duration::from_secs(10)), "0 of 2000 records, 0 per second, unknown left");
        assert_eq!(line(2000, 2000, Duration::ZERO), "2000 of 2000 records, 2000000 per second, 0 s left");
    }
}
