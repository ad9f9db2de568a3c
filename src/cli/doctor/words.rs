//! Findings as lines for people. Pure.

use crate::cli::output::one_line;
use crate::doctor::{Check, Diagnosis, Status};

/// The longest text of a finding. Characters; policies and lists of settings are the longest there are.
const LONGEST: usize = 1000;

/// One line for each finding, and one that sums them up.
pub fn in_words(diagnosis: &Diagnosis) -> String {
    let width = diagnosis.checks.iter().map(|check| name(check).chars().count()).max().unwrap_or(0);
    let counts = diagnosis.counts;
    let sum = format!("{} ok, {} to look at, {} failed, {} not checked", counts.ok, counts.warn, counts.fail, counts.skip);
    diagnosis.checks.iter().map(|check| line(check, width)).chain([String::new(), sum]).collect::<Vec<_>>().join("\n")
}

fn line(check: &Check, width: usize) -> String {
    let status = match check.status {
        Status::Fail => "FAIL",
        status => status.name(),
    };
    let fix = check.fix.as_deref().map(|fix| format!(" -> {}", one_line(fix, LONGEST))).unwrap_or_default();
    format!("{status:<4}  {:<width$}  {}{fix}", name(check), one_line(&check.what, LONGEST))
}

fn name(check: &Check) -> String {
    match &check.destination {
        Some(destination) => format!("{}[{destination}]", check.id),
        None => check.id.to_owned(),
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
            Check::skip("langfuse.canary", "the keys are refused"),
        ];
        let expected = "ok    settings          all settings are right\n\
                        FAIL  langfuse.keys[a]  401 �[2J -> check the keys\n\
                        warn  sls.retention     3 days -> raise it\n\
                        skip  langfuse.canary   the keys are refused\n\
                        \n\
                        1 ok, 1 to look at, 1 failed, 1 not checked";
        assert_eq!(in_words(&Diagnosis::of(checks)), expected);
    }
}
