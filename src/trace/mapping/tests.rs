use std::borrow::Cow;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::gateway::ParsedRecord;
use crate::sls::{Field, LogRecord, LogTime};
use crate::trace::map::observation;
use crate::trace::settings::{Ownership, TraceSettings};
use crate::trace::{Observation, Prompt};

const PARENT: &str = "00f067aa0ba902b7";

fn sources(texts: &[&str]) -> Option<Sources> {
    Some(Sources::new(texts.iter().map(|text| Source::parse(text).unwrap()).collect()).unwrap())
}

fn settings(mapping: Mapping) -> TraceSettings {
    TraceSettings { mapping: Arc::new(mapping), ..TraceSettings::default() }
}

fn with_observation(settings: &TraceSettings, pairs: &[(&str, &str)], check: impl FnOnce(Observation<'_>)) {
    let mut all = vec![("request_id", "r"), ("start_time", "2026-03-02T02:10:01.037Z"), ("path", "/v1/chat/completions")];
    all.extend_from_slice(pairs);
    let fields = all.iter().map(|(key, value)| Field { key: key.as_bytes(), value: value.as_bytes() }).collect();
    let record = LogRecord { time: LogTime { seconds: 1_772_417_405, nanoseconds: None }, fields };
    let parsed = ParsedRecord::of(&record);
    check(observation(&record, &parsed.call().unwrap(), settings));
}

fn mark(observation: &Observation<'_>, name: &str) -> Option<String> {
    observation.metadata.iter().find(|(key, _)| key == name).map(|(_, value)| value.to_string())
}

const AI_LOG: &str = r#"{"api":"demo@a@b","consumer":"team-a","session_id":"s-1","chat_id":"c-1"}"#;

#[test]
fn the_first_source_that_has_a_value_counts_and_the_default_only_without_a_mapping() {
    let mapping = Mapping {
        user: sources(&["request_header.x-user-id", "consumer"]),
        session: sources(&["request_body.session"]),
        ..Mapping::default()
    };
    let settings = settings(mapping);
    with_observation(&settings, &[("ai_log", AI_LOG), ("x-user-id", "u-7"), ("request_body", r#"{"session":"s-9"}"#)], |observation| {
        let trace = observation.trace.unwrap();
        assert_eq!((trace.user_id.as_deref(), trace.session_id.as_deref()), (Some("u-7"), Some("s-9")));
    });
    with_observation(&settings, &[("ai_log", AI_LOG)], |observation| {
        let trace = observation.trace.unwrap();
        assert_eq!((trace.user_id.as_deref(), trace.session_id.as_deref()), (Some("team-a"), None));
    });
    with_observation(&TraceSettings::default(), &[("ai_log", AI_LOG)], |observation| {
        let trace = observation.trace.unwrap();
        assert_eq!((trace.user_id.as_deref(), trace.session_id.as_deref()), (Some("team-a"), Some("s-1")));
    });
}

#[test]
fn a_caller_without_authentication_is_nobody() {
    let settings = settings(Mapping { user: sources(&["consumer", "=guest"]), ..Mapping::default() });
    with_observation(&settings, &[("consumer", "none")], |observation| {
        assert_eq!(observation.trace.unwrap().user_id.as_deref(), Some("guest"));
    });
}

#[test]
fn names_are_mapped_but_a_tool_keeps_its_own() {
    let names = |mapping: Mapping, pairs: &[(&str, &str)]| {
        let mut names = (String::new(), String::new());
        with_observation(&settings(mapping), pairs, |observation| {
            names = (observation.name.to_string(), observation.trace.unwrap().name.into_owned());
        });
        names
    };
    let template = || Mapping { name: sources(&["{consumer}@{ai_log.api}"]), ..Mapping::default() };
    let own = |left: &str, right: &str| (left.to_owned(), right.to_owned());
    assert_eq!(names(template(), &[("ai_log", AI_LOG)]), own("team-a@demo@a@b", "team-a@demo@a@b"));
    assert_eq!(names(template(), &[("ai_log", r#"{"api":"demo@a@b"}"#)]), own("demo@a@b", "demo@a@b"));
    let tool = r#"{"api":"demo@a@b","consumer":"team-a","mcp_tool_name":"search"}"#;
    assert_eq!(names(template(), &[("ai_log", tool)]), own("search", "team-a@demo@a@b"));
    let trace_name = Mapping { trace_name: sources(&["=nightly"]), ..template() };
    assert_eq!(names(trace_name, &[("ai_log", AI_LOG)]), own("team-a@demo@a@b", "nightly"));
}

#[test]
fn what_is_too_long_is_cut_visibly_and_kept_beside() {
    let settings = settings(Mapping { user: sources(&["tenant"]), name: sources(&["tenant"]), ..Mapping::default() });
    let long = "u".repeat(201);
    with_observation(&settings, &[("tenant", &long)], |observation| {
        let trace = observation.trace.clone().unwrap();
        assert_eq!(trace.user_id.as_deref(), Some(format!("{}...", "u".repeat(197)).as_str()));
        assert_eq!(observation.name, format!("{}...", "u".repeat(197)));
        assert_eq!(mark(&observation, "gw_user_id").as_deref(), Some(long.as_str()));
    });
    with_observation(&settings, &[("tenant", &"u".repeat(200))], |observation| {
        assert_eq!(observation.trace.clone().unwrap().user_id.as_deref(), Some("u".repeat(200).as_str()));
        assert_eq!(mark(&observation, "gw_user_id"), None);
    });
}

#[test]
fn a_joined_observation_keeps_the_mapped_user_and_session_as_metadata() {
    let mapping = Mapping { user: sources(&["=u"]), session: sources(&["=s"]), parent: sources(&["caller"]), ..Mapping::default() };
    let settings = settings(mapping);
    let traceparent = format!("00-5b8aa5a2d2c872e8321cf37308d69d01-{PARENT}-01");
    let b3 = format!("5b8aa5a2d2c872e8321cf37308d69d01-{PARENT}-1");
    for caller in [PARENT, &traceparent, &b3] {
        with_observation(&settings, &[("caller", caller)], |observation| {
            assert_eq!((observation.parent.unwrap().to_string().as_str(), observation.trace.is_none()), (PARENT, true), "{caller}");
            assert_eq!((mark(&observation, "gw_user_id"), mark(&observation, "gw_session_id")), (Some("u".into()), Some("s".into())));
        });
    }
    with_observation(&settings, &[("caller", "no span"), ("parent_span_id", PARENT)], |observation| {
        assert_eq!(observation.parent.unwrap().to_string(), PARENT, "what the gateway logged");
    });
    let own = TraceSettings { ownership: Ownership::Own, ..settings.clone() };
    with_observation(&own, &[("caller", PARENT)], |observation| assert_eq!(observation.parent, None));
}

#[test]
fn an_environment_is_brought_into_the_form_that_every_server_takes() {
    let settings =
        TraceSettings { environment: Some("set".into()), ..settings(Mapping { environment: sources(&["env"]), ..Mapping::default() }) };
    for (logged, sent, original) in [
        ("prod", "prod", None),
        ("Prod EU", "prod-eu", Some("Prod EU")),
        ("langfuse-langfuse_x", "x", Some("langfuse-langfuse_x")),
        ("langfuse", "set", Some("langfuse")),
        ("生产", "set", Some("生产")),
        ("-", "set", None),
    ] {
        with_observation(&settings, &[("env", logged)], |observation| {
            assert_eq!(observation.environment.as_deref(), Some(sent), "{logged}");
            assert_eq!(mark(&observation, "gw_environment").as_deref(), original, "{logged}");
        });
    }
    with_observation(&settings, &[("env", &"e".repeat(41))], |observation| {
        assert_eq!(observation.environment.as_deref(), Some("e".repeat(40).as_str()));
    });
}

#[test]
fn tags_are_all_that_are_found_each_once_and_a_list_is_several() {
    let mapping =
        Mapping { tags: sources(&["tenant:{tenant}", "request_body.tags", "=gateway", "=gateway", "absent"]), ..Mapping::default() };
    let settings = TraceSettings { tags: vec!["set".into()], ..settings(mapping) };
    let pairs = [("tenant", "t"), ("request_body", r#"{"tags":["a","b",7,"","set"]}"#), ("ai_log", r#"{"cache_status":"hit"}"#)];
    with_observation(&settings, &pairs, |observation| {
        assert_eq!(observation.trace.unwrap().tags, ["set", "tenant:t", "a", "b", "gateway", "cache:hit"]);
    });
    let many: Vec<_> = (0..60).map(|number| number.to_string()).collect();
    let body = serde_json::json!({ "tags": many }).to_string();
    with_observation(&settings, &[("request_body", &body)], |observation| {
        assert_eq!(observation.trace.clone().unwrap().tags.len(), 50);
        assert_eq!(
            mark(&observation, "gw_tags_dropped").as_deref(),
            Some("13"),
            "11 of the list, and the constant as often as it is named"
        );
    });
}

#[test]
fn a_prompt_is_linked_on_a_generation_with_a_whole_version_or_not_at_all() {
    let mapping = Mapping { prompt_name: sources(&["name"]), prompt_version: sources(&["number"]), ..Mapping::default() };
    let settings = settings(mapping);
    let prompt = |pairs: &[(&str, &str)]| {
        let mut found = (None, None);
        with_observation(&settings, pairs, |observation| {
            let version = observation.prompt.as_ref().map(|Prompt { name, version }| (name.to_string(), *version));
            found = (version, mark(&observation, "gw_prompt_not_linked"));
        });
        found
    };
    assert_eq!(prompt(&[("name", "greet"), ("number", "3")]), (Some(("greet".into(), 3)), None));
    for number in ["0", "-1", "1.5", "latest", "2147483648", "-"] {
        assert_eq!(prompt(&[("name", "greet"), ("number", number)]), (None, Some("greet".into())), "{number}");
    }
    assert_eq!(prompt(&[("name", "greet"), ("number", "3"), ("path", "/v1/embeddings")]), (None, Some("greet".into())));
    assert_eq!(prompt(&[("number", "3")]), (None, None));
}

#[test]
fn release_version_and_metadata_are_mapped_and_fall_back() {
    let mapping = Mapping {
        release: sources(&["r"]),
        version: sources(&["v"]),
        metadata: BTreeMap::from([
            ("tenant".to_owned(), sources(&["t"]).unwrap()),
            ("request_id".to_owned(), sources(&["=mine"]).unwrap()),
        ]),
        ..Mapping::default()
    };
    let settings = TraceSettings { release: Some("set".into()), ..settings(mapping) };
    with_observation(&settings, &[("v", "2"), ("t", "acme")], |observation| {
        let trace = observation.trace.clone().unwrap();
        assert_eq!((trace.release.as_deref(), trace.version.as_deref()), (Some("set"), Some("2")));
        assert_eq!((mark(&observation, "tenant"), mark(&observation, "request_id")), (Some("acme".into()), Some("mine".into())));
    });
}

#[test]
fn no_mapping_borrows_everything_from_the_record() {
    with_observation(&TraceSettings::default(), &[("ai_log", AI_LOG)], |observation| {
        let trace = observation.trace.unwrap();
        assert!(matches!((&observation.name, &trace.name), (Cow::Borrowed(_), Cow::Borrowed(_))));
        assert!(matches!(trace.user_id, Some(Cow::Borrowed("team-a"))));
    });
}

fn any_source() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("consumer".to_owned()),
        Just("ai_log.session_id".to_owned()),
        Just("{consumer}-{request_id}".to_owned()),
        Just("request_body.a[0]".to_owned()),
        Just("trace_id".to_owned()),
        "=[a-z0-9][a-z0-9 A-Z-]{0,30}",
    ]
}

proptest! {
    #[test]
    fn identity_start_and_type_never_depend_on_the_mapping(
        texts in proptest::collection::vec(any_source(), 11),
        consumer in "\\PC{0,20}",
        body in r#"\{"a":\["[a-z0-9-]{0,20}"\]\}"#,
    ) {
        let of = |index: usize| sources(&[texts[index].as_str()]);
        let mapping = Mapping {
            user: of(0), session: of(1), name: of(2), trace_name: of(3), tags: of(4), environment: of(5), release: of(6), version: of(7),
            prompt_name: of(8), prompt_version: of(9), parent: of(10), metadata: BTreeMap::new(),
        };
        let pairs = [("consumer", consumer.as_str()), ("request_body", body.as_str())];
        let identity = |settings: &TraceSettings| {
            let mut seen = None;
            with_observation(settings, &pairs, |one| {
                let limits = one.trace.as_ref().is_none_or(|trace| trace.tags.iter().all(|tag| tag.chars().count() <= 200));
                seen = Some((one.trace_id, one.span_id, one.start_ms, one.kind, limits));
            });
            seen
        };
        prop_assert_eq!(identity(&settings(mapping)), identity(&TraceSettings::default()));
    }
}
