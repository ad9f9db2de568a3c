//! Findings as lines for people. Pure.

use crate::cli::output::one_line;
use crate::doctor::{Check, Diagnosis, Status};

/// The longest text of a finding. Characters; policies and lists of settings are the longest there are.
const LONGEST: usize = 1000;

/// One line for each finding, and one that sums them up.
pub fn in_words(diagnosis: &Diagnosis) -> String {
    let runs: Vec<_> = diagnosis.checks.chunk_by(is_skipped_alike).collect();
    let width = runs.iter().map(|run| name(run).chars().count()).max().unwrap_or(0);
    let counts = diagnosis.counts;
    let sum = format!("{} ok, {} to look at, {} failed, {} not checked", counts.ok, counts.warn, counts.fail, counts.skip);
    runs.iter().filter_map(|run| line(run, width)).chain([String::new(), sum]).collect::<Vec<_>>().join("\n")
}

/// What was not looked at for one reason is told in one line.
fn is_skipped_alike(one: &Check, next: &Check) -> bool {
    (one.status, next.status) == (Status::Skip, Status::Skip) && (&one.what, &one.destination) == (&next.what, &next.destination)
}

fn line(run: &[Check], width: usize) -> Option<String> {
    let check = run.first()?;
    let status = match check.status {
        Status::Fail => "FAIL",
        status => status.name(),
    };
    let fix = check.fix.as_deref().map(|fix| format!(" -> {}", one_line(fix, LONGEST))).unwrap_or_default();
    Some(format!("{status:<4}  {:<width$}  {}{fix}", name(run), one_line(&check.what, LONGEST)))
}

fn name(run: &[Check]) -> String {
    let destination = run.first().and_then(|check| check.destination.as_ref()).map(|name| format!("[{name}]")).unwrap_or_default();
    match run {
        [] => String::new(),
        [check] => format!("{}{destination}", check.id),
        [first, .., last] => format!("{} .. {}{destination}", first.id, last.id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_is_one_line_with_what_to_do() {
        let checks = vec![
            Check::ok("settings", "all settings are right"),
            Check::fail("langfuse.keys", "401\n\u{1b}[2J", "check the keys").of(Some("a")),
            Check::warn("sls.retention", "3 days", "raise it"),
            Check::skip("a", "no reason"),
            Check::skip("b", "the keys"),
            Check::skip("c", "the keys"),
            Check::skip("d", "the keys").of(Some("x")),
        ];
        let expected = "ok    settings          all settings are right\n\
                        FAIL  langfuse.keys[a]  401 �[2J -> check the keys\n\
                        warn  sls.retention     3 days -> raise it\n\
                        skip  a                 no reason\n\
                        skip  b .. c            the keys\n\
                        skip  d[x]              the keys\n\
                        \n\
                        1 ok, 1 to look at, 1 failed, 4 not checked";
        assert_eq!(in_words(&Diagnosis::of(checks)), expected);
    }
}
