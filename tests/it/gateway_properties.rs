//! What holds for every gateway record, however damaged: one outcome, no panic, and an identity that depends on the record alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use proptest::prelude::*;
use prost::Message;
use sls_to_langfuse::export::otlp::{SpanWriter, body_prefix};
use sls_to_langfuse::export::wire::{ExportTraceServiceRequest, Span};
use sls_to_langfuse::gateway::ParsedRecord;
use sls_to_langfuse::sls::{Field, LogRecord, LogTime};
use sls_to_langfuse::trace::map::observation;
use sls_to_langfuse::trace::settings::TraceSettings;

/// Every field that has a meaning, some that a collector adds, and some that nobody knows.
const KEYS: [&str; 40] = [
    "ai_log",
    "question",
    "answer",
    "messages",
    "tool_calls",
    "reasoning",
    "system",
    "consumer",
    "session_id",
    "request_body",
    "response_body",
    "custom_log",
    "start_time",
    "duration",
    "trace_id",
    "traceparent",
    "b3",
    "x_b3_spanid",
    "parent_span_id",
    "span_id",
    "request_id",
    "method",
    "path",
    "original_path",
    "route_name",
    "response_code",
    "response_code_details",
    "response_flags",
    "upstream_host",
    "upstream_cluster",
    "model",
    "input_token",
    "output_token",
    "safecheck_status",
    "ai_log.model",
    "ai_log.input_token_details",
    "tenant",
    "gw_truncated",
    "bytes_sent",
    "attributes",
];

/// The fields whose values name a span (`design.md` decision 1).
const IDENTIFYING: [&str; 12] = [
    "trace_id",
    "request_id",
    "start_time",
    "route_name",
    "upstream_host",
    "method",
    "path",
    "response_code",
    "response_code_details",
    "duration",
    "bytes_received",
    "bytes_sent",
];

/// One price list for all records, because reading it takes longer than all of them.
static SETTINGS: LazyLock<TraceSettings> = LazyLock::new(TraceSettings::default);

type Fields = BTreeMap<&'static str, Vec<u8>>;

fn span_of(fields: &[Field<'_>]) -> Option<(Vec<u8>, Span)> {
    let record = LogRecord { time: LogTime { seconds: 1_772_417_405, nanoseconds: None }, fields: fields.to_vec() };
    let parsed = ParsedRecord::of(&record);
    let call = parsed.call().ok()?;
    let encoded = SpanWriter::default().write(&observation(&record, &call, &SETTINGS)).to_vec();
    let body = [body_prefix(encoded.len()).as_slice(), &encoded].concat();
    let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
    let mut spans: Vec<_> =
        request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect();
    assert_eq!(spans.len(), 1);
    Some((encoded, spans.remove(0)))
}

fn listed<'f>(fields: &'f Fields) -> Vec<Field<'f>> {
    fields.iter().map(|(key, value)| Field { key: key.as_bytes(), value }).collect()
}

fn key() -> impl Strategy<Value = &'static str> {
    (0..KEYS.len()).prop_map(|at| KEYS[at])
}

/// Values of every sort: bytes, JSON and what is left of it, numbers, markers, paths, Go syntax.
fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..60),
        r#"\{("(model|answer|messages|input_token|tool_calls|question|traceparent)":("[a-z\\"ud83é]{0,9}"|-?[0-9.e]{1,6}|null|\[\]|\[\{),?){0,5}\}?"#
            .prop_map(String::into_bytes),
        r"(\[map\[)?(content|text):[a-z \]\[]{0,9}( role:user| type:text)?(\]\])?".prop_map(String::into_bytes),
        "-|<nil>|null||none|/v1/(chat/completions|messages|embeddings|models)|/mcp|POST|GET|200|0|[0-9]{1,20}|UC,DC".prop_map(String::into_bytes),
        any::<String>().prop_map(String::into_bytes),
    ]
}

fn fields() -> impl Strategy<Value = Fields> {
    proptest::collection::btree_map(key(), value(), 0..20)
}

/// A record that is a call, whatever else is in it.
fn call() -> impl Strategy<Value = Fields> {
    (fields(), any::<bool>()).prop_map(|(mut fields, known)| {
        fields.insert("path", b"/v1/chat/completions".to_vec());
        fields.remove("original_path");
        fields.insert("method", b"POST".to_vec());
        fields.insert("response_code_details", b"via_upstream".to_vec());
        if known {
            fields.insert("request_id", b"r-1".to_vec());
            fields.insert("start_time", b"2026-03-02T02:10:01.037Z".to_vec());
        }
        fields.entry("response_code").or_insert_with(|| b"200".to_vec());
        fields
    })
}

/// Ten times the longest value of a Logstore: anything quadratic would not come to an end.
#[test]
fn no_damage_takes_more_than_one_look_at_each_byte() {
    const TIMES: usize = 10 * 1024 * 1024;
    for (unit, field) in [("\"a", "ai_log"), ("\\", "ai_log"), ("[", "ai_log"), ("[map[content:", "messages"), (" [truncated] ", "answer")]
    {
        let begin = if field == "ai_log" { r#"{"model":"m","answer":""# } else { "" };
        let text = format!("{begin}{}", unit.repeat(TIMES / unit.len()));
        let fields = Fields::from([(field, text.into_bytes()), ("path", b"/v1/messages".to_vec()), ("request_id", b"r".to_vec())]);
        let (encoded, _) = span_of(&listed(&fields)).unwrap();
        assert!(encoded.len() < 1_000_000, "{unit:?}: {}", encoded.len());
    }
}

proptest! {
    #[test]
    fn any_bytes_in_any_field_have_one_outcome_and_every_attribute_a_value(fields in fields()) {
        let Some((_, span)) = span_of(&listed(&fields)) else { return Ok(()) };
        prop_assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
        prop_assert!(span.trace_id.len() == 16 && span.span_id.len() == 8);
        let keys: BTreeSet<_> = span.attributes.iter().map(|pair| &pair.key).collect();
        prop_assert_eq!(keys.len(), span.attributes.len());
        prop_assert!(span.attributes.iter().all(|pair| pair.value.as_ref().is_some_and(|value| value.value.is_some())));
    }

    #[test]
    fn a_model_path_is_always_a_call(fields in call()) {
        prop_assert!(span_of(&listed(&fields)).is_some());
    }

    #[test]
    fn no_order_of_fields_and_no_transport_changes_a_byte(fields in call(), seed in any::<u64>()) {
        let mut moved = listed(&fields);
        moved.push(Field { key: b"__pack_meta__", value: b"1|2|3|4" });
        moved.push(Field { key: b"__tag__:__pack_id__", value: b"9" });
        moved.push(Field { key: b"_pod_name_", value: b"other" });
        fastrand::Rng::with_seed(seed).shuffle(&mut moved);
        prop_assert_eq!(span_of(&listed(&fields)).map(|(bytes, _)| bytes), span_of(&moved).map(|(bytes, _)| bytes));
    }

    #[test]
    fn records_that_differ_where_it_counts_never_share_a_span(one in call(), at in 0..IDENTIFYING.len(), other in "[a-z0-9]{1,8}") {
        let mut two = one.clone();
        let changed = IDENTIFYING[at];
        prop_assume!(!matches!(changed, "path" | "method" | "response_code_details"));
        prop_assume!(one.get(changed).is_none_or(|value| *value != other.as_bytes()));
        two.insert(changed, other.into_bytes());
        if let (Some((_, first)), Some((_, second))) = (span_of(&listed(&one)), span_of(&listed(&two))) {
            prop_assert_ne!(first.span_id, second.span_id);
        }
    }
}
