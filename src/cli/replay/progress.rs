//! How far a replay is: a bar on a terminal, now and then a line elsewhere. On stderr, beside the result.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::ending::with_hint;
use crate::cli::remark;
use crate::error::Failure;
use crate::invocation::LogPlace;
use crate::replay::Watch;

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How often the bar is drawn while nothing happens, so that its clock goes on.
const TICK: Duration = Duration::from_millis(200);

/// The progress of one replay.
pub struct Progress {
    bar: Option<ProgressBar>,
    total: u64,
    done: u64,
    began: Instant,
    said: Instant,
}

impl Progress {
    /// Progress towards so many records.
    pub fn of(total: u64) -> Self {
        let bar = (total > 0 && std::io::stderr().is_terminal()).then(|| bar(total));
        Self { bar, total, done: 0, began: Instant::now(), said: Instant::now() }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Watch for Progress {
    fn advanced(&mut self, records: u64) {
        self.done += records;
        match &self.bar {
            Some(bar) => bar.set_position(self.done),
            None if self.said.elapsed() >= LINE_EVERY => {
                self.said = Instant::now();
                remark(&line(self.done, self.total, self.began.elapsed()));
            }
            None => {}
        }
    }

    fn trouble(&mut self, place: &LogPlace, failure: &Failure) {
        let text = format!("{}/{}: {}", place.project, place.logstore, with_hint(&for_a_replay(failure)));
        match &self.bar {
            Some(bar) => bar.println(text),
            None => remark(&text),
        }
    }
}

/// No trigger brings a replay's records again; whoever started it does.
fn for_a_replay(failure: &Failure) -> Failure {
    let hint = match failure.error_type {
        "langfuse_unavailable" | "out_of_time" | "sls_unavailable" | "sls_answer_damaged" => {
            "what is done is noted: run the same command again when the server is well".to_owned()
        }
        "sls_credentials_expired" => "set a new ALIBABA_CLOUD_SECURITY_TOKEN with its key, and run the same command again".to_owned(),
        "sls_refused" => {
            "check the access key (log:GetCursorOrData on this Logstore), and that project and Logstore exist at this endpoint".to_owned()
        }
        _ => failure.hint.clone(),
    };
    Failure { hint, ..failure.clone() }
}

fn bar(total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {human_pos} of {human_len} records, {per_sec:0}, {eta} left");
    let bar = ProgressBar::new(total).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(TICK);
    bar
}

/// The same in words.
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
