//! What gateway records lack: for each thing that people look for in Langfuse the share of calls that have it, and what would raise it.
//! Pure. Values are looked at and thrown away; only counts and our own advice are kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::check::Check;
use crate::explain::{Delivered, Explanation, explain};
use crate::masking::ContentSettings;
use crate::sls::LogRecord;
use crate::trace::settings::TraceSettings;

/// From here on a share is as it should be. Percent.
const GOOD: u64 = 90;

/// A thing that people look for.
struct Aspect {
    id: &'static str,
    /// What has it, as in "share of …".
    calls: &'static str,
    what: &'static str,
    /// Attributes any of which will do; none: a call has it if there is no advice on `gains`.
    attributes: &'static [&'static str],
    /// Advice on any of these raises the share.
    gains: &'static [&'static str],
    /// Only calls that ended well can have it.
    of_success: bool,
    /// What to do where the gateway's own advice says nothing.
    otherwise: &'static str,
    /// It is a matter of the log's quality, and not of how traces are joined.
    in_score: bool,
}

const MAPPING: &str = "name the field that holds it in [mapping] or in the dialect (docs/mapping.md)";

const ASPECTS: [Aspect; 8] = [
    Aspect {
        id: "quality.usage",
        calls: "successful calls",
        what: "token counts",
        attributes: &["usageDetails"],
        gains: &["usage", "statistics"],
        of_success: true,
        otherwise: MAPPING,
        in_score: true,
    },
    Aspect {
        id: "quality.session",
        calls: "calls",
        what: "a session",
        attributes: &["sessionId", "metadata.gw_session_id"],
        gains: &["session", "statistics"],
        of_success: false,
        otherwise: MAPPING,
        in_score: true,
    },
    Aspect {
        id: "quality.user",
        calls: "calls",
        what: "a user",
        attributes: &["userId", "metadata.gw_user_id"],
        gains: &["user", "statistics"],
        of_success: false,
        otherwise: MAPPING,
        in_score: true,
    },
    Aspect {
        id: "quality.first_token",
        calls: "successful streams",
        what: "the time to the first token",
        attributes: &["completionStartTime"],
        gains: &["first_token", "statistics"],
        of_success: true,
        otherwise: MAPPING,
        in_score: true,
    },
    Aspect {
        id: "quality.input",
        calls: "calls",
        what: "the text of the request",
        attributes: &["input"],
        gains: &["input", "statistics"],
        of_success: false,
        otherwise: MAPPING,
        in_score: true,
    },
    Aspect {
        id: "quality.output",
        calls: "successful calls",
        what: "the text of the reply",
        attributes: &["output"],
        gains: &["output", "statistics"],
        of_success: true,
        otherwise: MAPPING,
        in_score: true,
    },
    Aspect {
        id: "quality.whole",
        calls: "calls",
        what: "their texts whole, neither cut nor damaged",
        attributes: &[],
        gains: &["whole_texts", "ai_log", "structure"],
        of_success: false,
        otherwise: MAPPING,
        in_score: true,
    },
    Aspect {
        id: "quality.parent",
        calls: "calls",
        what: "a parent span, or a trace that cannot be somebody else's",
        attributes: &[],
        gains: &["parent"],
        of_success: false,
        otherwise: MAPPING,
        in_score: false,
    },
];

/// The ids of all checks here, the score last.
pub fn ids() -> impl Iterator<Item = &'static str> {
    ASPECTS.iter().map(|aspect| aspect.id).chain(["quality.score"])
}

#[derive(Clone, Debug, Default)]
struct Tally {
    calls: u64,
    having: u64,
    /// Advice → how many calls without it.
    advice: BTreeMap<String, u64>,
}

/// Counts over the calls seen so far.
#[derive(Clone, Debug)]
pub struct Quality {
    settings: TraceSettings,
    tallies: [Tally; ASPECTS.len()],
}

impl Quality {
    /// No calls yet. What the content policy keeps back is no fault of the log, so it is not applied here.
    pub fn of(settings: &TraceSettings) -> Self {
        let settings = TraceSettings { content: Arc::new(ContentSettings::default()), enabled: true, ..settings.clone() };
        Self { settings, tallies: Default::default() }
    }

    /// Looks at a record; one that is no call is passed over.
    pub fn count(&mut self, record: &LogRecord<'_>) {
        let Explanation::Delivered(call) = explain(record, &self.settings) else { return };
        for (aspect, tally) in ASPECTS.iter().zip(&mut self.tallies) {
            count(aspect, tally, &call);
        }
    }

    /// One finding for each aspect, and the score: the mean of the shares that are a matter of the log's quality.
    pub fn checks(&self) -> Vec<Check> {
        let mut checks: Vec<_> = ASPECTS.iter().zip(&self.tallies).map(|(aspect, tally)| check(aspect, tally)).collect();
        checks.push(self.score());
        checks
    }

    fn score(&self) -> Check {
        let scored = ASPECTS.iter().zip(&self.tallies).filter(|(aspect, _)| aspect.in_score);
        let shares: Vec<u64> = scored.filter_map(|(_, tally)| tally.percent()).collect();
        let Some(score) = shares.iter().sum::<u64>().checked_div(shares.len() as u64) else {
            return Check::skip("quality.score", "no call was looked at");
        };
        let what = format!("quality of the records: {score} of 100, the mean of the shares from usage to whole texts");
        let check = match score >= GOOD {
            true => Check::ok("quality.score", what),
            false => Check::warn("quality.score", what, "raise the lowest shares above; `sls-to-langfuse explain` shows a single record"),
        };
        check.with("score", score)
    }
}

impl Tally {
    /// The share, rounded down: 100 means all.
    fn percent(&self) -> Option<u64> {
        (self.having * 100).checked_div(self.calls)
    }
}

fn count(aspect: &Aspect, tally: &mut Tally, call: &Delivered) {
    let attribute = |name: &str| call.attributes.iter().find(|attribute| attribute.name == name);
    if aspect.of_success && attribute("level").is_none_or(|level| level.text != "DEFAULT") {
        return;
    }
    let advice = call.advice.iter().filter(|advice| aspect.gains.contains(&advice.gain) && advice.is_actionable());
    let advice: Vec<_> = advice.map(|advice| advice.advice.as_str()).collect();
    let having = match aspect.attributes {
        [] => advice.is_empty(),
        names => names.iter().any(|name| attribute(name).is_some()),
    };
    // What nobody could log, such as a first token without a stream, is not missing.
    let is_expected = having || !advice.is_empty() || is_missed(aspect, call);
    tally.calls += u64::from(is_expected);
    tally.having += u64::from(having);
    if !having && let Some(first) = advice.first() {
        *tally.advice.entry((*first).to_owned()).or_default() += 1;
    }
}

/// True if the call lacks it although there is no advice on it at all: nobody knows what another gateway could log.
fn is_missed(aspect: &Aspect, call: &Delivered) -> bool {
    let silent = !call.advice.iter().any(|advice| aspect.gains.contains(&advice.gain));
    silent && aspect.id != "quality.first_token" && call.absent.iter().any(|absent| aspect.attributes.contains(&absent.name))
}

fn check(aspect: &Aspect, tally: &Tally) -> Check {
    let Some(percent) = tally.percent() else {
        return Check::skip(aspect.id, format!("there were no {} that could have {}", aspect.calls, aspect.what));
    };
    let what = format!("{} of {} {} have {} ({percent} %)", tally.having, tally.calls, aspect.calls, aspect.what);
    let check = match percent >= GOOD {
        true => Check::ok(aspect.id, what),
        false => Check::warn(aspect.id, what, fix(aspect, tally)),
    };
    check.with("calls", tally.calls).with("having", tally.having).with("percent", percent)
}

/// The advice that helps most calls.
fn fix(aspect: &Aspect, tally: &Tally) -> String {
    let most = tally.advice.iter().max_by_key(|(_, calls)| **calls);
    most.map_or_else(|| aspect.otherwise.to_owned(), |(advice, calls)| format!("{advice} (helps {calls} of these calls)"))
}

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::*;
    use crate::sls::{Field, LogTime};

    const GOOD_AI_LOG: &str = r#"{"model":"qwen-max","input_token":7,"output_token":5,"session_id":"s","response_type":"stream","llm_first_token_duration":80,"llm_service_duration":90}"#;

    fn fields<'r>(pairs: &[(&'r str, &'r str)]) -> LogRecord<'r> {
        let fields = pairs.iter().map(|(key, value)| Field { key: key.as_bytes(), value: value.as_bytes() }).collect();
        LogRecord { time: LogTime { seconds: 1_772_417_413, nanoseconds: None }, fields }
    }

    fn call<'r>(ai_log: &'r str, more: &[(&'r str, &'r str)]) -> LogRecord<'r> {
        let usual = [
            ("request_id", "r"),
            ("method", "POST"),
            ("path", "/v1/chat/completions"),
            ("response_code", "200"),
            ("response_code_details", "via_upstream"),
            ("start_time", "2026-03-02T02:10:13.000Z"),
            ("duration", "100"),
            ("ai_log", ai_log),
        ];
        fields(&[&usual, more].concat())
    }

    fn of(records: &[LogRecord<'_>]) -> Vec<Check> {
        let mut quality = Quality::of(&TraceSettings::default());
        records.iter().for_each(|record| quality.count(record));
        quality.checks()
    }

    fn statuses(checks: &[Check]) -> Vec<(&str, Status)> {
        checks.iter().map(|check| (check.id, check.status)).collect()
    }

    #[test]
    fn a_record_with_everything_is_perfect() {
        let checks = of(&[call(GOOD_AI_LOG, &[("question", "q"), ("answer", "a"), ("consumer", "u")])]);
        assert!(checks.iter().all(|check| check.status == Status::Ok), "{checks:?}");
        assert_eq!(checks.last().unwrap().facts["score"], 100);
        assert_eq!(checks.iter().map(|check| check.id).collect::<Vec<_>>(), ids().collect::<Vec<_>>());
    }

    #[test]
    fn what_is_missing_is_counted_with_the_switch_that_raises_it() {
        let good = || call(GOOD_AI_LOG, &[("question", "q"), ("answer", "a"), ("consumer", "u")]);
        let poor = r#"{"model":"m","response_type":"stream"}"#;
        let checks = of(&[good(), call(poor, &[]), call(poor, &[("question", "half [truncated] half")])]);
        let find = |id: &str| checks.iter().find(|check| check.id == id).unwrap();
        for (id, having, calls, fix) in [
            ("quality.usage", 1, 3, "include_usage"),
            ("quality.session", 1, 3, "session_id_header"),
            ("quality.user", 1, 3, "x-mse-consumer"),
            ("quality.first_token", 1, 3, "llm_first_token_duration"),
            ("quality.input", 2, 3, "use_default_attributes"),
            ("quality.output", 1, 3, "use_default_attributes"),
            ("quality.whole", 2, 3, "value_length_limit"),
        ] {
            let check = find(id);
            assert_eq!(
                (check.status, check.facts["having"].as_u64(), check.facts["calls"].as_u64()),
                (Status::Warn, Some(having), Some(calls)),
                "{id}"
            );
            assert!(check.fix.as_ref().unwrap().contains(fix), "{id}: {:?}", check.fix);
        }
        assert_eq!(find("quality.score").facts["score"], (33 * 5 + 66 * 2) / 7);
    }

    #[test]
    fn a_route_without_the_plugin_lacks_all_for_one_reason() {
        let checks = of(&[call("-", &[])]);
        let usage = &checks[0];
        assert!(usage.fix.as_ref().unwrap().starts_with("enable the AI statistics plugin"), "{usage:?}");
    }

    #[test]
    fn what_cannot_be_there_is_not_missing() {
        let normal = r#"{"model":"m","input_token":1,"output_token":1,"session_id":"s","response_type":"normal"}"#;
        let checks = of(&[call(normal, &[("question", "q"), ("answer", "a"), ("consumer", "u")])]);
        assert_eq!(checks[3].status, Status::Skip, "a whole reply has no first token");
        assert_eq!(checks.last().unwrap().facts["score"], 100);
        let failed = fields(&[
            ("request_id", "r"),
            ("method", "POST"),
            ("path", "/v1/chat/completions"),
            ("response_code", "500"),
            ("ai_log", "{\"api\":\"a@b@c\"}"),
        ]);
        let checks = of(&[failed]);
        let skipped: Vec<_> = statuses(&checks).into_iter().filter(|(_, status)| *status == Status::Skip).map(|(id, _)| id).collect();
        assert_eq!(skipped, ["quality.usage", "quality.first_token", "quality.output"]);
    }

    #[test]
    fn no_records_give_no_shares() {
        assert!(of(&[]).iter().all(|check| check.status == Status::Skip));
        assert!(of(&[fields(&[("content", "a line of another program")])]).iter().all(|check| check.status == Status::Skip));
    }
}
