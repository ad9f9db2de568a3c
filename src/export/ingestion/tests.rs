//! Whole requests, made of log records as a call makes them, and held against the schema.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::schema::Schema;
use super::*;
use crate::export::otlp::SpanWriter;
use crate::gateway::ParsedRecord;
use crate::sls::{Field, LogRecord, LogTime};
use crate::trace::settings::{JoinUsage, Ownership, TraceSettings};

const TYPED: BatchDialect = BatchDialect { typed_observations: true, usage_details: true };
const UNTYPED: BatchDialect = BatchDialect { typed_observations: false, usage_details: true };
const OLDEST: BatchDialect = BatchDialect { typed_observations: false, usage_details: false };

/// The schema of a request of the batch API, a copy of the project's own reference.
fn requests() -> Schema {
    Schema::parse(include_str!("../../../tests/fixtures/langfuse-ingestion.schema.json"))
}

type Pairs = Vec<(String, String)>;

fn span_of(record: &[(String, String)], settings: &TraceSettings) -> Vec<u8> {
    let fields = record.iter().map(|(key, value)| Field { key: key.as_bytes(), value: value.as_bytes() }).collect();
    let record = LogRecord { time: LogTime { seconds: 1_772_417_405, nanoseconds: None }, fields };
    let parsed = ParsedRecord::of(&record);
    let Ok(call) = parsed.call() else { return Vec::new() };
    SpanWriter::default().write(&crate::trace::map::observation(&record, &call, settings)).to_vec()
}

fn samples() -> Vec<Pairs> {
    let lines = include_str!("../../../tests/fixtures/gateway-samples.jsonl").lines();
    lines.map(|line| serde_json::from_str::<BTreeMap<String, String>>(line).unwrap().into_iter().collect()).collect()
}

fn sample(line: usize) -> Pairs {
    samples().swap_remove(line - 1)
}

fn with(mut record: Pairs, key: &str, value: &str) -> Pairs {
    record.retain(|(known, _)| known != key);
    record.push((key.into(), value.into()));
    record
}

/// The events of a request, after everything that holds for every request was checked.
fn checked(spans: &[u8], dialect: BatchDialect) -> (IngestionRequest, Vec<Value>) {
    let request = events(spans, dialect).unwrap();
    let document: Value = serde_json::from_slice(&request.json).unwrap();
    if !request.events.is_empty() {
        requests().check(&document).unwrap();
    }
    let sent = document["batch"].as_array().unwrap().clone();
    let ids: Vec<_> = sent.iter().map(|event| EnvelopeId::parse(event["id"].as_str().unwrap()).unwrap()).collect();
    assert_eq!(ids, request.events.iter().flat_map(ObservationEvents::ids).collect::<Vec<_>>());
    for event in &sent {
        assert!(event["body"].get("public").is_none());
        assert_eq!(event["timestamp"], event["body"][if event["type"] == "trace-create" { "timestamp" } else { "startTime" }]);
    }
    (request, sent)
}

fn events_of(record: &[(String, String)], settings: &TraceSettings, dialect: BatchDialect) -> Vec<Value> {
    checked(&span_of(record, settings), dialect).1
}

#[test]
fn every_sample_is_accepted_in_every_dialect_and_under_every_setting() {
    let full = TraceSettings {
        environment: Some("prod".into()),
        release: Some("r1".into()),
        version: Some("v1".into()),
        tags: vec!["team-a".into(), "tag \"b\"".into()],
        ..Default::default()
    };
    let joined = TraceSettings { ownership: Ownership::Join, join_usage: JoinUsage::Metadata, ..Default::default() };
    for settings in [TraceSettings::default(), full, joined] {
        let spans: Vec<Vec<u8>> = samples().iter().map(|record| span_of(record, &settings)).collect();
        let calls = spans.iter().filter(|span| !span.is_empty()).count();
        assert!(calls >= 10, "{calls}");
        for dialect in [TYPED, UNTYPED, OLDEST] {
            let (request, sent) = checked(&spans.concat(), dialect);
            assert_eq!((request.events.len(), request.fit()), (calls, Fit::Send));
            let roots = sent.iter().filter(|event| event["type"] == "trace-create").count();
            assert_eq!(
                roots,
                if settings.ownership == Ownership::Join {
                    0
                } else {
                    request.events.iter().filter(|events| events.trace.is_some()).count()
                }
            );
        }
    }
}

#[test]
fn a_streamed_chat_becomes_a_trace_and_a_generation() {
    let settings =
        TraceSettings { environment: Some("prod".into()), release: Some("r1".into()), tags: vec!["team-a".into()], ..Default::default() };
    let sent = events_of(&sample(1), &settings, TYPED);
    let [trace, generation] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!((&trace["type"], &generation["type"]), (&json!("trace-create"), &json!("generation-create")));
    let (trace, generation) = (&trace["body"], &generation["body"]);
    assert_eq!(trace["id"], generation["traceId"]);
    assert_eq!(trace["name"], "demo-chat@a@b");
    assert_eq!((&trace["userId"], &trace["release"], &trace["environment"]), (&json!("demo-user"), &json!("r1"), &json!("prod")));
    assert_eq!(trace["tags"], json!(["team-a"]));
    assert_eq!(
        (&trace["input"], &trace["output"], &trace["metadata"]),
        (&generation["input"], &generation["output"], &generation["metadata"])
    );
    assert_eq!(generation["startTime"], "2026-03-02T02:10:01.037Z");
    assert_eq!(generation["endTime"], "2026-03-02T02:10:02.537Z");
    assert_eq!(generation["completionStartTime"], "2026-03-02T02:10:01.408Z");
    assert_eq!((&generation["level"], &generation["model"]), (&json!("DEFAULT"), &json!("qwen-plus")));
    assert_eq!(generation["usageDetails"], json!({"input": 25, "output": 60, "total": 85}));
    assert_eq!(generation["costDetails"], json!({"input": 0.000_002_816_901, "output": 0.000_016_901_408, "total": 0.000_019_718_309}));
    assert_eq!(generation["input"], json!([{"role": "user", "content": "用一句话解释什么是云原生。"}]));
    assert_eq!(generation["output"]["role"], "assistant");
    assert_eq!(generation["metadata"]["chat_id"], "chatcmpl-demo0001");
    assert_eq!(generation["id"].as_str().map(str::len), Some(16));
    for absent in ["parentObservationId", "statusMessage", "usage", "version"] {
        assert!(generation.get(absent).is_none(), "{absent}");
    }
}

#[test]
fn a_refused_call_is_an_error_with_zero_usage() {
    let sent = events_of(&sample(12), &TraceSettings::default(), TYPED);
    let body = &sent[1]["body"];
    assert_eq!((&body["level"], &body["statusMessage"]), (&json!("ERROR"), &json!("HTTP 429, ai-token-ratelimit.rejected")));
    assert_eq!(body["usageDetails"], json!({"input": 0, "output": 0, "total": 0}));
}

#[test]
fn a_joined_observation_says_nothing_of_the_trace() {
    let settings = TraceSettings { release: Some("r1".into()), ..Default::default() };
    let sent = events_of(&with(sample(4), "parent_span_id", "00f067aa0ba902b7"), &settings, TYPED);
    let [event] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!(event["body"]["parentObservationId"], "00f067aa0ba902b7");
    assert_eq!(event["body"]["metadata"]["session_id"], "sess-demo-4");
    assert!(!event.to_string().contains("r1\""));
}

#[test]
fn types_that_a_server_does_not_know_keep_what_they_carry() {
    let tool = with(sample(1), "ai_log", r#"{"mcp_tool_name":"weather"}"#);
    let typed = events_of(&tool, &TraceSettings::default(), TYPED);
    assert_eq!(typed[1]["type"], "tool-create");
    assert!(typed[1]["body"]["metadata"].get("gw_type").is_none());
    let untyped = events_of(&tool, &TraceSettings::default(), UNTYPED);
    assert_eq!((&untyped[1]["type"], &untyped[1]["body"]["metadata"]["gw_type"]), (&json!("span-create"), &json!("tool")));
    assert!(untyped[0]["body"]["metadata"].get("gw_type").is_none());
    let log = r#"{"model":"text-embedding-v4","input_token":7,"total_token":7}"#;
    let embedding = [("path", "/v1/embeddings"), ("request_id", "r"), ("ai_log", log)].map(|(key, value)| (key.into(), value.into()));
    assert_eq!(events_of(&embedding, &TraceSettings::default(), TYPED)[1]["type"], "embedding-create");
    let untyped = events_of(&embedding, &TraceSettings::default(), UNTYPED);
    assert_eq!((&untyped[1]["type"], &untyped[1]["body"]["metadata"]["gw_type"]), (&json!("generation-create"), &json!("embedding")));
    assert_eq!(untyped[1]["body"]["model"], "text-embedding-v4");
}

#[test]
fn a_logged_field_cannot_pose_as_the_real_type() {
    let tool = with(with(sample(1), "ai_log", r#"{"mcp_tool_name":"weather"}"#), "gw_type", "forged");
    let request = events(&span_of(&tool, &TraceSettings::default()), UNTYPED).unwrap();
    let text = String::from_utf8(request.json).unwrap();
    assert_eq!((text.matches(r#""gw_type":"tool""#).count(), text.matches(r#""log_gw_type":"forged""#).count()), (1, 2));
    let sent: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(sent["batch"][1]["body"]["metadata"]["gw_type"], "tool");
}

#[test]
fn the_oldest_servers_get_counts_that_they_know() {
    let log = r#"{"model":"m","input_token":1200,"output_token":52,"total_token":1252,"cached_tokens":1024,"reasoning_tokens":40}"#;
    let body = events_of(&with(sample(1), "ai_log", log), &TraceSettings::default(), OLDEST).swap_remove(1);
    assert_eq!(body["body"]["usage"], json!({"input": 1200, "output": 52, "total": 1252, "unit": "TOKENS"}));
    assert_eq!(body["body"]["usageDetails"]["input"], 176);
    let only_total =
        events_of(&with(sample(1), "ai_log", r#"{"model":"m","total_token":9}"#), &TraceSettings::default(), OLDEST).swap_remove(1);
    assert_eq!(only_total["body"]["usage"], json!({"total": 9, "unit": "TOKENS"}));
}

#[test]
fn an_environment_is_sent_in_the_servers_form_or_not_at_all() {
    let environment = |name: &str| {
        let settings = TraceSettings { environment: Some(name.into()), ..Default::default() };
        let sent = events_of(&sample(1), &settings, TYPED);
        assert_eq!(sent[0]["body"].get("environment"), sent[1]["body"].get("environment"));
        sent[0]["body"].get("environment").cloned()
    };
    assert_eq!(environment("Langfuse-Prod"), Some(json!("prod")));
    assert_eq!(environment("a b"), None);
}

#[test]
fn the_same_record_repeats_its_envelope_ids_and_a_changed_one_does_not() {
    let span = span_of(&sample(1), &TraceSettings::default());
    let (alone, _) = checked(&span, TYPED);
    let others = [span_of(&sample(2), &TraceSettings::default()), span.clone(), span_of(&sample(12), &TraceSettings::default())].concat();
    let (among_others, _) = checked(&others, TYPED);
    assert_eq!(alone.events[0], among_others.events[1]);
    let changed = checked(&span_of(&with(sample(1), "answer", "another"), &TraceSettings::default()), TYPED).0.events[0];
    assert_ne!(alone.events[0].observation, changed.observation);
    assert_ne!(alone.events[0].trace, changed.trace);
    let ids: HashSet<_> = among_others.events.iter().flat_map(ObservationEvents::ids).collect();
    assert_eq!(ids.len(), 6);
}

/// The published rule, so that a change of it is seen: SHA-256 of type, a zero byte and body, first 16 bytes.
#[test]
fn an_envelope_id_is_a_digest_of_type_and_body() {
    let id = EnvelopeId::of("span-create", b"{}");
    assert_ne!(id, EnvelopeId::of("tool-create", b"{}"));
    assert_eq!(id.to_string(), "8e68a8969f9512c8ce8db4ce085935e3");
    assert_eq!(EnvelopeId::parse(&id.to_string()), Some(id));
    for stranger in
        ["unknown", "", "+e68a8969f9512c8ce8db4ce085935e3", "8E68A8969F9512C8CE8DB4CE085935E3", "8e68a8969f9512c8ce8db4ce085935e3a"]
    {
        assert_eq!(EnvelopeId::parse(stranger), None, "{stranger}");
    }
}

#[test]
fn content_that_would_fill_a_body_twice_stands_in_the_observation_alone() {
    let long = "x".repeat(1_100_000);
    let record = with(with(sample(1), "question", &long), "answer", &long);
    let (request, sent) = checked(&span_of(&record, &TraceSettings::default()), TYPED);
    assert_eq!(request.fit(), Fit::Send);
    assert!(sent[0]["body"].get("input").is_none() && sent[0]["body"].get("output").is_none());
    assert_eq!(sent[0]["body"]["metadata"]["gw_trace_content"], "see the observation");
    assert!(sent[1]["body"]["input"].is_array() && sent[1]["body"]["metadata"].get("gw_trace_content").is_none());
}

#[test]
fn the_exact_size_decides_what_becomes_of_a_body() {
    let fit = |bytes: usize, observations: usize| {
        let one = ObservationEvents { trace: None, observation: EnvelopeId([1; 16]) };
        IngestionRequest { json: vec![b' '; bytes], events: vec![one; observations] }.fit()
    };
    assert_eq!([fit(MAX_BATCH_BYTES, 2), fit(MAX_BATCH_BYTES + 1, 2), fit(MAX_BODY_BYTES + 1, 2)], [Fit::Send, Fit::Divide, Fit::Divide]);
    assert_eq!([fit(MAX_BATCH_BYTES + 1, 1), fit(MAX_BODY_BYTES, 1), fit(MAX_BODY_BYTES + 1, 1)], [Fit::Send, Fit::Send, Fit::TooLarge]);
}

#[test]
fn a_request_without_observations_is_an_empty_batch() {
    assert_eq!(events(&[], TYPED).unwrap(), IngestionRequest { json: br#"{"batch":[]}"#.to_vec(), events: vec![] });
}

#[test]
fn bytes_that_are_no_spans_are_an_error() {
    let span = span_of(&sample(1), &TraceSettings::default());
    assert!(matches!(events(&span[..span.len() - 1], TYPED), Err(IngestionError::NotSpans(_))));
    assert_eq!(events(b"\xff", TYPED).unwrap_err().to_string(), "encoded observations cannot be read back");
}

/// Every attribute that the other path writes is read here, except those that have no place in the batch API.
#[test]
fn no_attribute_of_the_spans_is_forgotten() {
    let settings = TraceSettings {
        environment: Some("prod".into()),
        release: Some("release-7".into()),
        version: Some("version-7".into()),
        tags: vec!["tag-7".into()],
        ..Default::default()
    };
    for record in samples() {
        let span = span_of(&record, &settings);
        let Some(written) = ScopeSpans::decode(span.as_slice()).unwrap().spans.pop() else { continue };
        let whole = ObservedSpan::of(&written);
        for index in 0..written.attributes.len() {
            let mut without = written.clone();
            let removed = without.attributes.remove(index);
            assert_ne!(whole, ObservedSpan::of(&without), "{} is not read", removed.key);
        }
    }
}

#[test]
fn the_schema_refuses_what_it_should() {
    let span = span_of(&sample(1), &TraceSettings { tags: vec!["a".into()], ..Default::default() });
    let good: Value = serde_json::from_slice(&events(&span, OLDEST).unwrap().json).unwrap();
    let schema = requests();
    assert_eq!(schema.check(&good), Ok(()));
    for (pointer, bad) in [
        ("/batch", json!([])),
        ("/batch/1/type", json!("generation")),
        ("/batch/1/timestamp", json!("2026-03-02T02:10:01.037")),
        ("/batch/1/id", json!("")),
        ("/batch/0/body/id", json!("a\rb")),
        ("/batch/0/body/name", json!("x".repeat(1001))),
        ("/batch/0/body/tags", json!([1])),
        ("/batch/1/body/level", json!("error")),
        ("/batch/1/body/startTime", json!(1_772_417_401_037_u64)),
        ("/batch/1/body/usageDetails", json!({"input": 1.5})),
        ("/batch/1/body/usageDetails", json!({"prompt_tokens": 1})),
        ("/batch/1/body/usage", json!({"unit": "tokens"})),
        ("/batch/1/body", json!({"id": "a", "traceId": "b", "startTime": "2026-03-02T02:10:01.037Z", "stranger": 1})),
    ] {
        let mut document = good.clone();
        *document.pointer_mut(pointer).unwrap() = bad;
        assert!(schema.check(&document).is_err(), "{pointer}");
    }
}

/// Text of any kind, and text that looks like the JSON a plugin writes.
fn hostile() -> impl Strategy<Value = String> {
    let structured = "(\\{|\\[)(\"[a-z_\\\\u0-9]{0,8}\"|[0-9.eE+-]{1,30}|null|true|[:,\\[\\]{} ]){0,12}(\\}|\\])?";
    let ai_log = (
        "(model|question|answer|messages|tool_calls|api|session_id|gw_type|safecheck_status|mcp_tool_name|input_token_details)",
        any::<String>(),
        any::<i64>(),
    )
        .prop_map(|(key, text, count)| {
            json!({ key: text, "input_token": count, "output_token": count.wrapping_mul(3), "total_token": text.len() }).to_string()
        });
    prop_oneof![any::<String>(), structured, ai_log, Just("[[]]".to_owned()), Just("\u{0}\u{7f}\u{2028}\"\\".to_owned())]
}

proptest! {
    #[test]
    fn whatever_is_logged_the_request_is_accepted(
        pairs in proptest::collection::vec((
            "(question|answer|ai_log|consumer|trace_id|duration|tenant|response_code|b3|start_time|api|model|session_id|route_name|request_body|response_body|gw_type|input_token|output_token|response_code_details|parent_span_id)",
            hostile(),
        ), 0..10),
        environment in proptest::option::of(any::<String>()),
        tags in proptest::collection::vec(any::<String>(), 0..3),
        path in "(/v1/chat/completions|/v1/messages|/v1/embeddings|/v1/rerank|/mcp)",
    ) {
        let mut record: Pairs = pairs;
        record.push(("path".into(), path));
        record.push(("request_id".into(), "r".into()));
        let settings = TraceSettings { environment, tags, ..Default::default() };
        let span = span_of(&record, &settings);
        for dialect in [TYPED, UNTYPED, OLDEST] {
            let (alone, _) = checked(&span, dialect);
            let (twice, _) = checked(&[span.as_slice(), span.as_slice()].concat(), dialect);
            prop_assert_eq!([alone.events.as_slice(), alone.events.as_slice()].concat(), twice.events);
        }
    }
}
