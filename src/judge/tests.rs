use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::gateway::ParsedRecord;
use crate::select::{Action, Condition, Conditions, Filter, FilterRule, Route, Routes, Sampling, SamplingRule, Test};
use crate::sls::{Field, LogTime};
use crate::trace::map::is_sampled;
use crate::trace::settings::Ownership;
use crate::trace::{SpanId, TraceId};

/// A chat call with these fields instead of, or beside, the ordinary ones.
fn record<'a>(fields: &[(&'a str, &'a str)]) -> LogRecord<'a> {
    let ordinary = [
        ("request_id", "r-1"),
        ("start_time", "2026-03-02T02:10:13.037Z"),
        ("method", "POST"),
        ("path", "/v1/chat/completions"),
        ("response_code", "200"),
        ("duration", "1500"),
    ];
    let replaced = |name: &str| fields.iter().any(|(other, _)| *other == name);
    let all = ordinary.into_iter().filter(|(name, _)| !replaced(name)).chain(fields.iter().copied());
    let fields = all.map(|(key, value)| Field { key: key.as_bytes(), value: value.as_bytes() }).collect();
    LogRecord { time: LogTime { seconds: 1_772_417_413, nanoseconds: None }, fields }
}

fn at_rate(sample_rate: f64) -> TraceSettings {
    TraceSettings { sample_rate, ..TraceSettings::default() }
}

/// What is decided, in words: the reason and rule of a skip, or the route and what sampling noted.
fn decided(trace: &TraceSettings, selection: &Selection, record: &LogRecord<'_>) -> String {
    Judge { trace, selection }.judge(record, |judged| match judged {
        Judged::Skipped(reason, by) => format!("{} {}", reason.name(), by.sampling.or(by.filter).unwrap_or("-")),
        Judged::Unrouted(..) => "unrouted".to_owned(),
        Judged::Sent(observation, routed, _) => {
            let noted = observation.metadata.iter().filter(|(key, _)| key.starts_with("gw_sampl")).map(|(_, value)| value.as_ref());
            let route = if let Routed::Along(_, route) = routed { route.name.as_str() } else { "sent" };
            [route].into_iter().chain(noted).collect::<Vec<_>>().join(" ")
        }
    })
}

fn when(field: &str, test: Test) -> Conditions {
    Conditions::new(vec![Condition { field: FieldPath::parse(field).unwrap(), test }])
}

fn is(text: &str) -> Test {
    Test::Equals(text.to_owned())
}

fn trace_id(record: &LogRecord<'_>) -> TraceId {
    let parsed = ParsedRecord::of(record);
    observation(record, &parsed.call().unwrap(), &TraceSettings::default()).trace_id
}

#[test]
fn filter_sampling_and_route_decide_in_this_order() {
    let selection = Selection {
        filter: Filter {
            rules: vec![FilterRule { name: "no-tests".into(), action: Action::Exclude, when: when("consumer", is("test")) }],
            of_call: None,
        },
        sampling: Sampling {
            rules: vec![SamplingRule { name: "batch".into(), when: when("ai_log.api", is("batch")), rate: 0.0 }],
            ..Sampling::default()
        },
        routes: Routes {
            rules: vec![Route { name: "a".into(), when: when("consumer", is("team-a")), to: vec![0], on_refusal: Default::default() }],
        },
    };
    let decided = |fields: &[(&'static str, &'static str)]| decided(&at_rate(1.0), &selection, &record(fields));
    assert_eq!(decided(&[("consumer", "test"), ("ai_log", r#"{"api":"batch"}"#)]), "filtered no-tests");
    assert_eq!(decided(&[("consumer", "other"), ("ai_log", r#"{"api":"batch"}"#)]), "sampled_out batch");
    assert_eq!(decided(&[("consumer", "other")]), "unrouted");
    assert_eq!(decided(&[("consumer", "team-a")]), "a");
    assert_eq!(decided(&[("consumer", "team-a"), ("method", "GET"), ("path", "/v1/models")]), "not_a_model_call -");
    let disabled = TraceSettings { enabled: false, ..TraceSettings::default() };
    assert_eq!(super::tests::decided(&disabled, &selection, &record(&[])), "disabled -");
}

#[test]
fn errors_refusals_and_slow_calls_of_own_traces_are_kept_at_a_rate_of_zero() {
    let selection = Selection::default();
    let decided = |fields: &[(&'static str, &'static str)]| decided(&at_rate(0.0), &selection, &record(fields));
    assert_eq!(decided(&[]), "sampled_out -");
    assert_eq!(decided(&[("response_code", "500")]), "sent 0 error");
    assert_eq!(decided(&[("response_flags", "UC")]), "sent 0 error");
    assert_eq!(decided(&[("ai_log", r#"{"safecheck_status":"request deny"}"#)]), "sent 0 denied");
    assert_eq!(decided(&[("ai_log", r#"{"token_ratelimit_status":"limited"}"#)]), "sent 0 denied");
    assert_eq!(decided(&[("response_flags", "DC")]), "sampled_out -", "who hangs up is refused by nobody");
    assert_eq!(decided(&[("duration", "60000")]), "sampled_out -");
    assert_eq!(decided(&[("duration", "60001")]), "sent 0 slow");
    let never_slow = Selection { sampling: Sampling { slow_above: None, ..Sampling::default() }, ..Selection::default() };
    assert_eq!(super::tests::decided(&at_rate(0.0), &never_slow, &record(&[("duration", "600000")])), "sampled_out -");
    let soon = Sampling { slow_above: Some(Duration::from_secs(1)), ..Sampling::default() };
    let soon = Selection { sampling: soon, ..Selection::default() };
    assert_eq!(super::tests::decided(&at_rate(0.0), &soon, &record(&[])), "sent 0 slow");
}

#[test]
fn of_a_trace_that_the_application_decides_about_nothing_is_kept_for_its_own_sake() {
    let joined = TraceSettings { ownership: Ownership::Join, ..at_rate(0.0) };
    for fields in [&[("response_code", "500")][..], &[("duration", "600000")], &[("ai_log", r#"{"safecheck_status":"deny"}"#)]] {
        assert_eq!(decided(&joined, &Selection::default(), &record(fields)), "sampled_out -", "{fields:?}");
    }
}

#[test]
fn the_rate_is_noted_only_where_something_was_left_out() {
    let selection = Selection::default();
    let id = "00000000000000000000000000000001";
    assert_eq!(decided(&at_rate(1.0), &selection, &record(&[("trace_id", id), ("response_code", "500")])), "sent");
    assert_eq!(decided(&at_rate(0.25), &selection, &record(&[("trace_id", id)])), "sent 0.25");
    assert_eq!(decided(&at_rate(0.25), &selection, &record(&[("trace_id", id), ("response_code", "500")])), "sent 0.25 error");
}

#[test]
fn a_session_is_decided_as_one_and_like_its_trace_where_there_is_none() {
    let by_session = Selection { sampling: Sampling { by: SampleBy::Session, ..Sampling::default() }, ..Selection::default() };
    let (mut kept, mut like_the_trace) = (0, 0);
    for session in 0..200 {
        let ai_log = format!(r#"{{"session_id":"session-{session}"}}"#);
        let decide = |request: &str| decided(&at_rate(0.5), &by_session, &record(&[("request_id", request), ("ai_log", &ai_log)]));
        let first = decide("r-1");
        assert!((2..6).all(|request| decide(&format!("r-{request}")) == first), "session {session}");
        kept += usize::from(first.starts_with("sent"));
        let request = format!("r-{session}");
        let alone = record(&[("request_id", &request)]);
        let by_trace = decided(&at_rate(0.5), &Selection::default(), &alone);
        assert_eq!(decided(&at_rate(0.5), &by_session, &alone), by_trace);
        like_the_trace += usize::from(by_trace.starts_with("sent"));
    }
    // Both are fixed by the texts above; half of 200, give or take three standard deviations.
    assert!((79..=121).contains(&kept) && (79..=121).contains(&like_the_trace), "{kept} {like_the_trace}");
}

#[test]
fn a_joined_call_is_decided_by_its_session_too_though_it_shows_none() {
    let by_session = Selection { sampling: Sampling { by: SampleBy::Session, ..Sampling::default() }, ..Selection::default() };
    let joined = TraceSettings { ownership: Ownership::Join, ..at_rate(0.5) };
    for session in 0..50 {
        let ai_log = format!(r#"{{"session_id":"session-{session}"}}"#);
        let record = record(&[("ai_log", &ai_log)]);
        assert_eq!(decided(&joined, &by_session, &record), decided(&at_rate(0.5), &by_session, &record));
    }
}

proptest! {
    #[test]
    fn no_error_of_an_own_trace_is_ever_left_out(
        rate in 0.0..1.0_f64, code in 400_u16..600, request in "[a-z0-9]{1,20}", session in "[a-z]{0,5}", by_session in any::<bool>(), rule in any::<bool>()
    ) {
        let by = if by_session { SampleBy::Session } else { SampleBy::Trace };
        let rules = if rule { vec![SamplingRule { name: "all".into(), when: Conditions::default(), rate }] } else { Vec::new() };
        let selection = Selection { sampling: Sampling { by, rules, ..Sampling::default() }, ..Selection::default() };
        let (code, ai_log) = (code.to_string(), format!(r#"{{"session_id":"{session}"}}"#));
        let record = record(&[("response_code", &code), ("request_id", &request), ("ai_log", &ai_log)]);
        prop_assert_eq!(decided(&at_rate(rate), &selection, &record), format!("sent {rate} error"));
    }

    #[test]
    fn what_nobody_keeps_for_its_own_sake_is_decided_by_the_rule_of_the_sdks(rate in 0.0..=1.0_f64, request in "[a-z0-9]{1,20}", joined in any::<bool>()) {
        let record = record(&[("request_id", &request)]);
        let ownership = if joined { Ownership::Join } else { Ownership::Own };
        let trace = TraceSettings { ownership, ..at_rate(rate) };
        let sent = decided(&trace, &Selection::default(), &record).starts_with("sent");
        prop_assert_eq!(sent, is_sampled(trace_id(&record), rate));
    }

    #[test]
    fn order_of_fields_and_transport_change_no_decision(rate in 0.0..1.0_f64, request in "[a-z0-9]{1,20}", shuffle in any::<u64>(), topic in "[a-z]{0,9}") {
        let session = r#"{"session_id":"s"}"#;
        let plain = record(&[("request_id", &request), ("ai_log", session)]);
        let mut moved = record(&[("request_id", &request), ("ai_log", session), ("__topic__", &topic), ("__tag__:__path__", &topic)]);
        let turns = usize::try_from(shuffle % moved.fields.len() as u64).unwrap();
        moved.fields.rotate_left(turns);
        for by in [SampleBy::Trace, SampleBy::Session] {
            let selection = Selection { sampling: Sampling { by, ..Sampling::default() }, ..Selection::default() };
            prop_assert_eq!(decided(&at_rate(rate), &selection, &plain), decided(&at_rate(rate), &selection, &moved));
        }
    }

    #[test]
    fn no_rule_changes_who_an_observation_is(rate in 0.01..1.0_f64, request in "[a-z0-9]{1,20}") {
        let identity = |trace: &TraceSettings, selection: &Selection| -> Option<(TraceId, SpanId, i64)> {
            Judge { trace, selection }.judge(&record(&[("request_id", &request), ("response_code", "500")]), |judged| match judged {
                Judged::Sent(observation, ..) | Judged::Unrouted(observation, _) => {
                    Some((observation.trace_id, observation.span_id, observation.start_ms))
                }
                Judged::Skipped(..) => None,
            })
        };
        let routes = Routes { rules: vec![Route { name: "a".into(), when: when("consumer", is("a")), to: vec![0], on_refusal: Default::default() }] };
        let sampling = Sampling { by: SampleBy::Session, ..Sampling::default() };
        let ruled = identity(&at_rate(rate), &Selection { routes, sampling, ..Selection::default() });
        prop_assert!(ruled.is_some());
        prop_assert_eq!(ruled, identity(&TraceSettings::default(), &Selection::default()));
    }
}
