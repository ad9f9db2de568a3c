//! The result of a dry run in words.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::output::counted;
use crate::survey::{Estimate, Survey};

/// What would be done, in a few lines.
pub fn in_words(survey: &Survey, estimate: &Estimate) -> String {
    let per_day = match estimate.observations_per_day {
        Some(count) => format!("about {count} observations ({})", estimate.estimated),
        None => estimate.estimated.clone(),
    };
    let share = |count: u64| format!("{count} ({})", percent(count, survey.would_deliver));
    let mut lines = vec![
        ("read", counted(survey.records, "record", "records")),
        ("would deliver", format!("{} as {}", survey.would_deliver, counted(survey.observations, "observation", "observations"))),
        ("skipped", counts(&survey.skipped)),
        ("dead letters", counts(&survey.dead_lettered)),
        ("levels", counts(&survey.levels)),
        ("without usage", share(survey.without_usage)),
        ("without cost", share(survey.without_cost)),
    ];
    let by_name = [
        ("routes", &survey.routes),
        ("filters", &survey.filters),
        ("sampling rules", &survey.sampling_rules),
        ("at any rate", &survey.kept_at_any_rate),
    ];
    lines.extend(by_name.into_iter().filter(|(_, named)| !named.is_empty()).map(|(title, named)| (title, counts(named))));
    lines.push(("a day", per_day));
    lines.push(("sent", "nothing: this was a dry run".to_owned()));
    lines.iter().map(|(title, text)| format!("  {title:<14} {text}")).collect::<Vec<_>>().join("\n")
}

fn counts(counts: &BTreeMap<impl Display, u64>) -> String {
    let counts: Vec<_> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
    if counts.is_empty() { "none".to_owned() } else { counts.join(", ") }
}

fn percent(part: u64, whole: u64) -> String {
    format!("{} %", (part * 100 + whole / 2).checked_div(whole).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_is_in_the_words() {
        let survey = Survey {
            records: 10,
            would_deliver: 6,
            observations: 7,
            skipped: [("filtered", 3)].into(),
            dead_lettered: [("unrouted", 1)].into(),
            routes: [("team-a".to_owned(), 6), ("team-b".to_owned(), 0)].into(),
            filters: [("no-tests".to_owned(), 3)].into(),
            levels: [("DEFAULT", 4), ("ERROR", 2)].into(),
            without_usage: 1,
            without_cost: 3,
            ..Survey::default()
        };
        let estimate = Estimate { observations_per_day: Some(70), estimated: "how".into() };
        let expected = "  read           10 records\n  \
                          would deliver  6 as 7 observations\n  \
                          skipped        3 filtered\n  \
                          dead letters   1 unrouted\n  \
                          levels         4 DEFAULT, 2 ERROR\n  \
                          without usage  1 (17 %)\n  \
                          without cost   3 (50 %)\n  \
                          routes         6 team-a, 0 team-b\n  \
                          filters        3 no-tests\n  \
                          a day          about 70 observations (how)\n  \
                          sent           nothing: this was a dry run";
        assert_eq!(in_words(&survey, &estimate), expected);
    }
}
