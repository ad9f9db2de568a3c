//! How far a backfill is, in words.

use std::time::{Duration, Instant};

use crate::backfill::patience::Next;
use crate::backfill::state::Standing;
use crate::backfill::{Told, Watcher};
use crate::cli::again::hint;
use crate::cli::bar::Bar;
use crate::cli::ending::with_hint;
use crate::error::Failure;

/// The progress of one run.
pub struct Progress {
    bar: Bar,
    /// How far it was at the beginning, by what earlier runs did.
    before: Standing,
    began: Instant,
    groups_done: u64,
    /// What was told last and how far it was then, so that an outage is told once and not for every slice.
    told: Option<(&'static str, Next, u64)>,
}

impl Progress {
    /// Progress from here on.
    pub fn from(before: Standing) -> Self {
        Self { bar: Bar::of(before.groups), groups_done: before.groups_done, before, began: Instant::now(), told: None }
    }
}

impl Watcher for Progress {
    fn stands(&mut self, standing: &Standing) {
        self.groups_done = standing.groups_done;
        self.bar.at(standing.groups_done, || line(&self.before, standing, self.began.elapsed()));
    }

    fn trouble(&mut self, told: &Told) {
        let failure = Failure { comfort: None, hint: hint(&told.failure), ..told.failure.clone() };
        let next = if let Next::Again(_) = told.next { Next::Again(Duration::ZERO) } else { told.next };
        let telling = Some((failure.error_type, next, self.groups_done));
        if std::mem::replace(&mut self.told, telling) == telling {
            return;
        }
        let next = match next {
            Next::Again(_) => "it is tried again",
            Next::Leave => "it is left for another run; the others go on",
            Next::Stop => "nothing more is begun",
        };
        self.bar.tell(&format!("shard {}: {}\n{next}", told.shard, with_hint(&failure)));
    }

    fn halting(&mut self) {
        self.bar.tell("ending: what has been read is delivered first; once more to end at once");
    }
}

/// How far it is, how fast, and how long it takes still, by what this run did.
fn line(before: &Standing, standing: &Standing, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64().max(0.001);
    #[allow(clippy::cast_precision_loss, reason = "an estimate")]
    let (rate, left) = {
        let records = standing.tally.records.saturating_sub(before.tally.records) as f64;
        let groups = standing.groups_done.saturating_sub(before.groups_done) as f64;
        let left = standing.groups.saturating_sub(standing.groups_done) as f64;
        (records / seconds, (groups > 0.0).then(|| left * seconds / groups))
    };
    let (done, all) = (standing.slices_done, standing.slices);
    format!("{} records, {rate:.0} per second, {} left ({done} of {all} slices)", standing.tally.records, duration(left))
}

fn duration(seconds: Option<f64>) -> String {
    match seconds {
        None => "unknown time".to_owned(),
        Some(seconds) if seconds < 120.0 => format!("{seconds:.0} s"),
        Some(seconds) if seconds < 7200.0 => format!("{:.0} min", seconds / 60.0),
        Some(seconds) => format!("{:.0} h", seconds / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backfill::state::Tally;

    fn standing(records: u64, groups_done: u64, slices_done: usize) -> Standing {
        Standing { tally: Tally { records, ..Tally::default() }, groups_done, groups: 1000, slices_done, slices: 4, lost: 0 }
    }

    #[test]
    fn the_line_tells_how_far_how_fast_and_how_long_still_by_what_this_run_did() {
        let (nothing, ten) = (standing(0, 0, 0), Duration::from_secs(10));
        assert_eq!(line(&nothing, &standing(500, 250, 1), ten), "500 records, 50 per second, 30 s left (1 of 4 slices)");
        assert_eq!(line(&standing(500, 250, 1), &standing(600, 300, 1), ten), "600 records, 10 per second, 2 min left (1 of 4 slices)");
        assert_eq!(line(&nothing, &nothing, ten), "0 records, 0 per second, unknown time left (0 of 4 slices)");
        assert_eq!(line(&nothing, &standing(1000, 1, 0), ten), "1000 records, 100 per second, 3 h left (0 of 4 slices)");
    }
}
