//! Work against the deadline of its call: it is cut off, and says what it had done by then.

use std::time::Duration;

use crate::deadline::Deadline;
use crate::error::{Failure, Stage, counted};
use crate::report::Report;

/// How long after the deadline requests may take to notice that their time is up: they then end with counts instead of being dropped
/// with none. A part of the reserve of [`Deadline::of_call`], which is at least twice as long.
const GRACE: Duration = Duration::from_millis(50);

/// Why work ended before it was done.
#[derive(Debug)]
pub enum Unfinished {
    /// It failed.
    Failed(Failure),
    /// Its time ran out; what failed last did so because its time was cut.
    OutOfTime(Option<Failure>),
}

/// Does `work` as far as the deadline allows.
///
/// # Errors
/// When it is not done by then, or fails.
pub async fn in_time<T>(deadline: Deadline, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Unfinished> {
    match tokio::time::timeout_at(deadline.instant() + GRACE, work).await {
        Ok(Err(last)) if deadline.left().is_zero() => Err(Unfinished::OutOfTime(Some(last))),
        Ok(ended) => ended.map_err(Unfinished::Failed),
        Err(_) => Err(Unfinished::OutOfTime(None)),
    }
}

impl Unfinished {
    /// The failure of the call that has done what `report` says.
    pub fn failure(self, report: &Report) -> Failure {
        let failure = match self {
            Self::Failed(failure) => failure,
            Self::OutOfTime(last) => out_of_time(last.as_ref()),
        };
        Failure { message: format!("{} ({})", failure.message, so_far(report)), ..failure }
    }
}

/// How far the call has come.
fn so_far(report: &Report) -> String {
    let settled = match report.settled_cursor.as_str() {
        "" => String::new(),
        cursor => format!(", everything before cursor {cursor} settled"),
    };
    let pages = counted(report.pages, "page", "pages");
    format!("so far: {pages} read, {} of {} records delivered{settled}", report.ship_lines, report.ingest_lines)
}

fn out_of_time(last: Option<&Failure>) -> Failure {
    let last = last.map(|failure| format!("; last, {}", failure.message)).unwrap_or_default();
    let message = format!("the time of the call ran out{last}");
    let hint = "nothing is lost: what is undone comes again; raise the function's timeout or let less come at once (triggerInterval, \
                batch size), and look for a slow SLS or Langfuse if little was delivered";
    Failure::new(Stage::Deadline, "out_of_time", message, hint)
}
