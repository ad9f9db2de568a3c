//! What the rules of the configuration file do to a record: the same judge as of a call, in words. Pure.

use super::skipped::{self, Skipped};
use crate::judge::{Deciding, Judge, Judged};
use crate::report::SkipReason;
use crate::select::{Route, Routed};
use crate::sls::LogRecord;
use crate::trace::Observation;

/// What the rules say about a record.
pub(super) enum Ruling {
    /// It is passed over.
    Skipped(Skipped),
    /// It goes on, with these remarks.
    GoesOn(Vec<String>),
}

/// The ruling over a record; `destinations` are the names that routes have numbers for.
pub(super) fn ruling(record: &LogRecord<'_>, judge: &Judge<'_>, destinations: &[String]) -> Ruling {
    judge.judge(record, |judged| match judged {
        Judged::Skipped(reason, by) => Ruling::Skipped(skipped(record, reason, by)),
        Judged::Unrouted(observation, by) => {
            let unrouted = "no [[route]] holds for it: it becomes a dead letter, unrouted, and is sent nowhere".to_owned();
            Ruling::GoesOn(remarks(&observation, by).chain([unrouted]).collect())
        }
        Judged::Sent(observation, routed, by) => {
            let way = if let Routed::Along(_, route) = routed { Some(way(route, destinations)) } else { None };
            Ruling::GoesOn(remarks(&observation, by).chain(way).collect())
        }
    })
}

fn skipped(record: &LogRecord<'_>, reason: SkipReason, by: Deciding<'_>) -> Skipped {
    let skipped = skipped::skipped(record, reason);
    let (rule, name) = match (reason, by) {
        (SkipReason::Filtered, Deciding { filter: Some(name), .. }) => ("[[filter]]", name),
        (SkipReason::SampledOut, Deciding { sampling: Some(name), .. }) => ("[[sampling.rule]]", name),
        _ => return skipped,
    };
    Skipped { why: format!("the {rule} {name} leaves it out"), remedies: vec![format!("change the {rule} {name}")], ..skipped }
}

fn remarks(observation: &Observation<'_>, by: Deciding<'_>) -> impl Iterator<Item = String> {
    let rate = observation.metadata.iter().find(|(key, _)| key == "gw_sample_rate").map(|(_, rate)| rate.to_string());
    let because = observation.metadata.iter().find(|(key, _)| key == "gw_sampled_because").map(|(_, because)| because.to_string());
    let sampled = rate.map(|rate| match because {
        Some(because) => format!("the sample rate is {rate}; it is kept at any rate ({because})"),
        None => format!("kept at a sample rate of {rate}"),
    });
    let filter = by.filter.map(|name| format!("the [[filter]] {name} includes it"));
    let sampling = by.sampling.map(|name| format!("the [[sampling.rule]] {name} gives its rate"));
    [filter, sampling, sampled].into_iter().flatten()
}

fn way(route: &Route, destinations: &[String]) -> String {
    let names: Vec<_> = route.to.iter().map(|to| destinations.get(*to).map_or("?", String::as_str)).collect();
    format!("takes the [[route]] {}, to {}", route.name, names.join(" and "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::select::{Conditions, Routes, Sampling, SamplingRule, Selection};
    use crate::sls::{Field, LogTime};
    use crate::trace::settings::TraceSettings;

    fn told(code: &str, selection: &Selection) -> Result<Vec<String>, (SkipReason, String)> {
        let fields = [("request_id", "r"), ("method", "POST"), ("path", "/v1/chat/completions"), ("response_code", code)];
        let fields = fields.map(|(key, value)| Field { key: key.as_bytes(), value: value.as_bytes() }).to_vec();
        let record = LogRecord { time: LogTime { seconds: 7, nanoseconds: None }, fields };
        let trace = TraceSettings::default();
        match ruling(&record, &Judge { trace: &trace, selection }, &["default".to_owned(), "a".to_owned()]) {
            Ruling::Skipped(skipped) => Err((skipped.reason, skipped.why)),
            Ruling::GoesOn(remarks) => Ok(remarks),
        }
    }

    #[test]
    fn every_rule_that_decides_is_named() {
        assert_eq!(told("200", &Selection::default()), Ok(Vec::new()));
        let rules = vec![SamplingRule { name: "few".into(), when: Conditions::default(), rate: 0.0 }];
        let route = Route { name: "both".into(), when: Conditions::default(), to: vec![1, 0], on_refusal: Default::default() };
        let sampling = Sampling { rules, ..Sampling::default() };
        let selection = Selection { sampling, routes: Routes { rules: vec![route] }, ..Selection::default() };
        assert_eq!(told("200", &selection), Err((SkipReason::SampledOut, "the [[sampling.rule]] few leaves it out".into())));
        let expected = [
            "the [[sampling.rule]] few gives its rate",
            "the sample rate is 0; it is kept at any rate (error)",
            "takes the [[route]] both, to a and default",
        ];
        assert_eq!(told("500", &selection), Ok(expected.map(str::to_owned).to_vec()));
    }
}
