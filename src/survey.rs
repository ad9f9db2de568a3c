//! What would become of records, counted and not sent: the result of a dry run. Pure.
//!
//! It asks the same judge as the work of a call, so that it cannot say anything else than what will happen.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;

use crate::delivery::DeadLetterReason;
use crate::judge::{Deciding, Judge, Judged};
use crate::origin::Position;
use crate::select::{Routed, Selection};
use crate::sls::LogRecord;
use crate::trace::{Level, Observation};

/// A range that is shorter says little about a day. Seconds.
const SHORTEST_SPAN: i64 = 60;

const SECONDS_A_DAY: f64 = 86_400.0;

/// The counts. Of an observation that goes to two destinations there are two.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Survey {
    /// Records read. Always: `records = wouldDeliver + Σ skipped + Σ deadLettered`.
    pub records: u64,
    /// Records that would be sent.
    pub would_deliver: u64,
    /// Observations that they would be, one for each destination.
    pub observations: u64,
    /// Reason → records.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Reason → records, as far as it shows without sending.
    pub dead_lettered: BTreeMap<&'static str, u64>,
    /// Name → records that would take it, for every route.
    pub routes: BTreeMap<String, u64>,
    /// Name → records that it decided about, for every filter.
    pub filters: BTreeMap<String, u64>,
    /// Name → records whose rate it gave, for every sampling rule.
    pub sampling_rules: BTreeMap<String, u64>,
    /// Level → records that would be sent.
    pub levels: BTreeMap<&'static str, u64>,
    /// Records that would be sent only because they are errors, refused or slow, by that reason.
    pub kept_at_any_rate: BTreeMap<String, u64>,
    /// Records that would be sent without any count of tokens.
    pub without_usage: u64,
    /// Records that would be sent without a cost of ours; Langfuse prices some models itself.
    pub without_cost: u64,
    /// When the first and the last record were received, UNIX seconds; their own time where nothing tells that.
    #[serde(skip)]
    pub received: Option<(i64, i64)>,
}

/// How many observations a day would be, and how that is known.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Estimate {
    /// Observations a day; `None` where the records say nothing about it.
    pub observations_per_day: Option<u64>,
    /// How it was estimated, or why not.
    pub estimated: String,
}

impl Survey {
    /// No records yet, and every rule with none.
    pub fn of(selection: &Selection) -> Self {
        let named = |names: &mut dyn Iterator<Item = &String>| names.map(|name| (name.clone(), 0)).collect();
        Self {
            routes: named(&mut selection.routes.rules.iter().map(|route| &route.name)),
            filters: named(&mut selection.filter.rules.iter().map(|rule| &rule.name)),
            sampling_rules: named(&mut selection.sampling.rules.iter().map(|rule| &rule.name)),
            ..Self::default()
        }
    }

    /// Counts a record; `None`: one that cannot be read.
    pub fn count(&mut self, judge: &Judge<'_>, position: Position, record: Option<&LogRecord<'_>>) {
        self.records += 1;
        let logged = record.and_then(|record| record.time.milliseconds()).map(|time| time / 1000);
        self.see(position.received.map(i64::from).or(logged));
        // One that our own code stumbles over is damaged, as it is for a call.
        let judged = record.map(|record| catch_unwind(AssertUnwindSafe(|| judge.judge(record, |judged| self.judged(&judged)))));
        if !matches!(judged, Some(Ok(()))) {
            self.bury(DeadLetterReason::Damaged);
        }
    }

    fn judged(&mut self, judged: &Judged<'_, '_>) {
        match judged {
            Judged::Skipped(reason, by) => {
                self.decided(*by);
                *self.skipped.entry(reason.name()).or_default() += 1;
            }
            Judged::Unrouted(_, by) => {
                self.decided(*by);
                self.bury(DeadLetterReason::Unrouted);
            }
            Judged::Sent(observation, routed, by) => {
                self.decided(*by);
                self.sent(observation, routed);
            }
        }
    }

    fn decided(&mut self, by: Deciding<'_>) {
        let counters = [(by.filter, &mut self.filters), (by.sampling, &mut self.sampling_rules)];
        for (name, counter) in counters {
            if let Some(count) = name.and_then(|name| counter.get_mut(name)) {
                *count += 1;
            }
        }
    }

    fn sent(&mut self, observation: &Observation<'_>, routed: &Routed<'_>) {
        self.would_deliver += 1;
        self.observations += match routed {
            Routed::Along(_, route) => route.to.len() as u64,
            Routed::ToTheOne | Routed::Nowhere => 1,
        };
        if let Routed::Along(_, route) = routed {
            *self.routes.entry(route.name.clone()).or_default() += 1;
        }
        let level = match observation.level {
            Level::Default => "DEFAULT",
            Level::Warning => "WARNING",
            Level::Error => "ERROR",
        };
        *self.levels.entry(level).or_default() += 1;
        self.without_usage += u64::from(observation.usage.is_none());
        self.without_cost += u64::from(observation.cost.is_none());
        if let Some((_, because)) = observation.metadata.iter().find(|(key, _)| key == "gw_sampled_because") {
            *self.kept_at_any_rate.entry(because.clone().into_owned()).or_default() += 1;
        }
    }

    fn bury(&mut self, reason: DeadLetterReason) {
        *self.dead_lettered.entry(reason.name()).or_default() += 1;
    }

    fn see(&mut self, time: Option<i64>) {
        let Some(time) = time else { return };
        let (first, last) = self.received.unwrap_or((time, time));
        self.received = Some((first.min(time), last.max(time)));
    }

    /// How many observations a day would be: by the window that was asked for (UNIX seconds), else by when the records were received.
    pub fn estimate(&self, window: Option<RangeInclusive<i64>>) -> Estimate {
        let (span, how) = match (window, self.received) {
            (Some(window), _) => (window.end() - window.start(), "asked for"),
            (None, Some((first, last))) => (last - first, "between the first and the last record"),
            (None, None) => (0, "between the records"),
        };
        if span < SHORTEST_SPAN {
            let estimated = format!("not estimated: the {span} s {how} are too short; take a longer range, such as --from 24h");
            return Estimate { observations_per_day: None, estimated };
        }
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate")]
        let per_day = (self.observations as f64 * SECONDS_A_DAY / span as f64).round() as u64;
        let estimated = format!("{} observations in the {span} s {how}, scaled to a day", self.observations);
        Estimate { observations_per_day: Some(per_day), estimated }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::select::{Conditions, Route, Routes};
    use crate::sls::{Field, LogTime};
    use crate::trace::settings::TraceSettings;

    fn received_at(seconds: u32) -> Position {
        Position { group: None, index: 0, received: Some(seconds) }
    }

    fn call(code: &str) -> LogRecord<'_> {
        let fields = [("request_id", "r"), ("method", "POST"), ("path", "/v1/chat/completions"), ("response_code", code)];
        let fields = fields.map(|(key, value)| Field { key: key.as_bytes(), value: value.as_bytes() }).to_vec();
        LogRecord { time: LogTime { seconds: 7, nanoseconds: None }, fields }
    }

    #[test]
    fn each_record_is_counted_once_and_each_of_its_destinations() {
        let route = Route { name: "both".into(), when: Conditions::default(), to: vec![0, 1], on_refusal: Default::default() };
        let selection = Selection { routes: Routes { rules: vec![route] }, ..Selection::default() };
        let trace = TraceSettings::default();
        let (judge, mut survey) = (Judge { trace: &trace, selection: &selection }, Survey::of(&selection));
        assert_eq!(survey.routes, [("both".to_owned(), 0)].into());
        survey.count(&judge, received_at(100), Some(&call("200")));
        survey.count(&judge, received_at(3700), Some(&call("500")));
        survey.count(&judge, received_at(50), None);
        let stranger = LogRecord { fields: Vec::new(), ..call("200") };
        survey.count(&judge, Position { received: None, ..received_at(0) }, Some(&stranger));
        assert_eq!((survey.records, survey.would_deliver, survey.observations), (4, 2, 4));
        assert_eq!(survey.skipped, [("not_a_gateway_log", 1)].into());
        assert_eq!(survey.dead_lettered, [("damaged", 1)].into());
        assert_eq!((survey.routes["both"], &survey.levels), (2, &[("DEFAULT", 1), ("ERROR", 1)].into()));
        assert_eq!((survey.without_usage, survey.without_cost), (1, 1), "a failed call used nothing and cost nothing");
        assert_eq!(survey.received, Some((7, 3700)), "the log's own time where nothing tells when it was received");
    }

    #[test]
    fn a_day_is_estimated_from_the_window_asked_for_else_from_the_records() {
        let survey = Survey { observations: 100, received: Some((0, 3600)), ..Survey::default() };
        assert_eq!(survey.estimate(None).observations_per_day, Some(2400));
        assert_eq!(survey.estimate(Some(0..=86_400)).observations_per_day, Some(100));
        let short = Survey { received: Some((0, 59)), ..survey };
        assert_eq!(short.estimate(None).observations_per_day, None);
        assert!(short.estimate(None).estimated.starts_with("not estimated: the 59 s"));
        assert_eq!(Survey::default().estimate(None).observations_per_day, None);
    }
}
