//! What was read and what came of it, in words. Pure.

use std::collections::BTreeMap;

use crate::cli::output::{self, counted};
use crate::replay::ledger::{Ledger, Tally, Wanted};
use crate::replay::selection::End;
use crate::replay::{Outcome, plan};

/// What was read, and what is open of it.
pub fn found(ledger: &Ledger, open: &[Wanted]) -> String {
    let tally = ledger.tally();
    let letters: u64 = tally.letters.values().sum();
    let ranges: usize = plan::parts(open).map(|part| part.ranges.len()).sum();
    let mut lines = vec![format!("letters        {letters}{}", in_brackets(&tally.letters))];
    lines.extend(counts([
        ("left out       ", tally.left_out, "by --reason"),
        ("repeated       ", tally.repeated, "name a record that another letter names too"),
        ("done before    ", ledger.done_before(), "of the records"),
        ("misplaced      ", tally.misplaced, "point to another project or to dead letters: not read"),
        ("elsewhere      ", tally.elsewhere, "are of records in another service than SLS: not read"),
        ("other version  ", tally.other_version, "written by another version of this program: not read"),
        ("damaged        ", tally.damaged, "cannot be read"),
        ("other lines    ", tally.foreign, "are no letters"),
    ]));
    let groups = if ranges == 0 { String::new() } else { format!(", in {} of log groups", counted(ranges as u64, "range", "ranges")) };
    lines.push(format!("open           {}{groups}", counted(open.len() as u64, "record", "records")));
    indented(lines)
}

/// What came of it.
pub fn done(outcome: &Outcome) -> String {
    let mut lines = vec![format!("delivered      {}", outcome.delivered)];
    if !outcome.skipped.is_empty() {
        lines.push(format!("passed over    {}", reasons(&outcome.skipped)));
    }
    if !outcome.again.is_empty() {
        lines.push(format!("failed again   {}", reasons(&outcome.again)));
    }
    lines.extend(counts([
        ("expired        ", outcome.count(End::Expired), "have left the Logstore"),
        ("mismatched     ", outcome.count(End::Mismatched), "are not where their letters point: nothing was sent for them"),
        ("undone         ", outcome.count(End::Undone), "are still to be tried"),
    ]));
    let (sls, langfuse) = (counted(outcome.sls_requests, "request", "requests"), counted(outcome.requests, "request", "requests"));
    lines.push(format!("cost           {sls} to SLS, {langfuse} to Langfuse, {} of them repeated", outcome.retries));
    indented(lines)
}

/// Why not everything is done; none: everything is. What has expired is lost, and no repetition brings it back.
pub fn remains(tally: &Tally, outcome: Option<&Outcome>) -> Option<String> {
    let unread = tally.misplaced + tally.elsewhere + tally.other_version + tally.damaged;
    let open = outcome.map_or(0, |outcome| [End::Again, End::Mismatched, End::Undone].iter().map(|end| outcome.count(*end)).sum());
    let mut parts = Vec::new();
    if open > 0 {
        parts.push(format!("{} not done", counted(open, "record is", "records are")));
    }
    if unread > 0 {
        parts.push(format!("{} not read", counted(unread, "letter was", "letters were")));
    }
    if let Some(error) = outcome.and_then(|outcome| outcome.unmarked.as_ref()) {
        let role = "the key needs log:PostLogStoreLogs there; the next replay with this state file writes what is missing";
        parts.push(format!("what is done is not marked in the dead-letter Logstore ({error}): {role}"));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn counts<'a>(lines: impl IntoIterator<Item = (&'a str, u64, &'a str)>) -> Vec<String> {
    lines.into_iter().filter(|(_, count, _)| *count > 0).map(|(label, count, what)| format!("{label}{count} {what}")).collect()
}

fn in_brackets(counts: &BTreeMap<&'static str, u64>) -> String {
    if counts.is_empty() { String::new() } else { format!(" ({})", reasons(counts)) }
}

fn reasons(counts: &BTreeMap<&'static str, u64>) -> String {
    output::reasons(counts.iter().map(|(reason, count)| (reason, *count)))
}

fn indented(lines: Vec<String>) -> String {
    lines.into_iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
