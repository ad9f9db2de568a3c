//! Observations as OTLP spans with the attributes that Langfuse reads (`reference/langfuse.md` §4–§7, §13). Pure.
//!
//! Written straight into bytes, because a tree of owned messages would copy every text twice. The prost types of `wire` are the oracle.
//! Langfuse reads: every attribute has a value, structured data is JSON text, a root has no parent field.

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

use super::json::{put_numbers, put_payload};
use super::protobuf::{field_len, put_bytes, put_fixed64, put_head, put_number, tag, varint_len};
use crate::trace::cost::Cost;
use crate::trace::usage::Usage;
use crate::trace::{Level, Observation, ObservationType, TraceAttributes};

/// What the resource and the scope of every request say: who sent it. No version of ours: Langfuse would take a
/// `service.version` for the version of the application.
const SERVICE: &str = "sls-to-langfuse";

/// `SPAN_KIND_CLIENT`: a gateway calls a model.
const KIND_CLIENT: u64 = 3;

/// `STATUS_CODE_ERROR`.
const STATUS_ERROR: u64 = 2;

/// Fixed-width RFC 3339 with milliseconds, which every version of Langfuse takes.
const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// Encodes observations one by one into a buffer that is used again.
#[derive(Debug, Default)]
pub struct SpanWriter {
    /// Room for a head, then the span: its length, which stands in front of it, is known behind it.
    span: Vec<u8>,
    text: Vec<u8>,
}

/// The longest head of a span: a tag, and a length of which no vector has more bytes.
const MAX_HEAD: usize = 11;

impl SpanWriter {
    /// The observation as one `spans` field of `ScopeSpans`, tag and length included.
    pub fn write(&mut self, observation: &Observation<'_>) -> &[u8] {
        self.span.clear();
        self.span.resize(MAX_HEAD, 0);
        self.head(observation);
        self.attributes(observation);
        self.status(observation);
        self.text.clear();
        put_head(&mut self.text, 2, self.span.len() - MAX_HEAD);
        let begin = MAX_HEAD - self.text.len();
        self.span[begin..MAX_HEAD].copy_from_slice(&self.text);
        &self.span[begin..]
    }

    fn head(&mut self, observation: &Observation<'_>) {
        let span = &mut self.span;
        put_bytes(span, 1, &observation.trace_id.0);
        put_bytes(span, 2, &observation.span_id.0);
        if let Some(parent) = observation.parent {
            put_bytes(span, 4, &parent.0);
        }
        put_bytes(span, 5, observation.name.as_bytes());
        put_number(span, 6, KIND_CLIENT);
        put_fixed64(span, 7, nanoseconds(observation.start_ms));
        put_fixed64(span, 8, nanoseconds(observation.end_ms));
    }

    fn attributes(&mut self, observation: &Observation<'_>) {
        self.put("langfuse.observation.type", type_name(observation.kind));
        self.put("langfuse.observation.level", level_name(observation.level));
        self.put_some("langfuse.observation.status_message", observation.status_message.as_deref());
        self.put_some("langfuse.observation.model.name", observation.model.as_deref());
        if let Some(prompt) = &observation.prompt {
            self.put("langfuse.observation.prompt.name", &prompt.name);
            put_integer(&mut self.span, "langfuse.observation.prompt.version", prompt.version.into());
        }
        self.put_some("langfuse.environment", observation.environment.as_deref());
        if let Some(first_token) = observation.completion_start_ms {
            self.put_written("langfuse.observation.completion_start_time", |text| put_rfc3339(text, first_token));
        }
        if let Some(usage) = &observation.usage {
            self.usage(usage);
        }
        if let Some(cost) = &observation.cost {
            self.cost(cost);
        }
        for (key, payload) in [("langfuse.observation.input", &observation.input), ("langfuse.observation.output", &observation.output)] {
            if let Some(payload) = payload {
                self.put_written(key, |text| put_payload(text, payload));
            }
        }
        if let Some(trace) = &observation.trace {
            self.trace(trace);
        }
        for (key, value) in &observation.metadata {
            put_prefixed(&mut self.span, "langfuse.observation.metadata.", key, value.as_bytes());
        }
    }

    fn usage(&mut self, usage: &Usage) {
        let counts = usage.buckets.iter().copied().chain([("total", usage.total)]);
        self.put_written("langfuse.observation.usage_details", |text| put_numbers(text, counts));
    }

    fn cost(&mut self, cost: &Cost) {
        let amounts = cost.buckets.iter().copied().chain([("total", cost.total)]);
        self.put_written("langfuse.observation.cost_details", |text| put_numbers(text, amounts));
    }

    fn trace(&mut self, trace: &TraceAttributes<'_>) {
        self.put("langfuse.trace.name", &trace.name);
        self.put_some("langfuse.user.id", trace.user_id.as_deref());
        self.put_some("langfuse.session.id", trace.session_id.as_deref());
        self.put_some("langfuse.release", trace.release.as_deref());
        self.put_some("langfuse.version", trace.version.as_deref());
        // An empty array is stored as raw JSON of the protocol (`reference/langfuse.md` §4).
        if !trace.tags.is_empty() {
            put_texts(&mut self.span, "langfuse.trace.tags", &trace.tags);
        }
    }

    fn status(&mut self, observation: &Observation<'_>) {
        if observation.level != Level::Error {
            return;
        }
        let message = observation.status_message.as_deref().unwrap_or_default();
        put_head(&mut self.span, 15, field_len(message.len()) + 2);
        put_bytes(&mut self.span, 2, message.as_bytes());
        put_number(&mut self.span, 3, STATUS_ERROR);
    }

    fn put(&mut self, key: &str, text: &str) {
        put_prefixed(&mut self.span, "", key, text.as_bytes());
    }

    fn put_some(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.put(key, text);
        }
    }

    fn put_written(&mut self, key: &str, write: impl FnOnce(&mut Vec<u8>)) {
        self.text.clear();
        write(&mut self.text);
        put_prefixed(&mut self.span, "", key, &self.text);
    }
}

/// How long the body of a request with so many bytes of spans is: exact, before compression.
pub fn body_len(spans: usize) -> usize {
    field_len(field_len(RESOURCE_LEN) + field_len(scope_spans_len(spans)))
}

/// The bytes of a request body that stand before its spans.
pub fn body_prefix(spans: usize) -> Vec<u8> {
    let mut prefix = Vec::with_capacity(128);
    put_head(&mut prefix, 1, field_len(RESOURCE_LEN) + field_len(scope_spans_len(spans)));
    put_head(&mut prefix, 1, RESOURCE_LEN);
    put_prefixed_as(&mut prefix, 1, "", "service.name", SERVICE.as_bytes());
    put_head(&mut prefix, 2, scope_spans_len(spans));
    put_head(&mut prefix, 1, SCOPE_LEN);
    put_bytes(&mut prefix, 1, SERVICE.as_bytes());
    put_bytes(&mut prefix, 2, env!("CARGO_PKG_VERSION").as_bytes());
    prefix
}

const RESOURCE_LEN: usize = field_len(key_value_len("service.name".len(), SERVICE.len()));
const SCOPE_LEN: usize = field_len(SERVICE.len()) + field_len(env!("CARGO_PKG_VERSION").len());

/// The heads inside of a pair whose lengths are one byte each: of its key, of its value, of the text in that.
const SHORT_HEADS: usize = 6;

const fn scope_spans_len(spans: usize) -> usize {
    field_len(SCOPE_LEN) + spans
}

const fn key_value_len(key: usize, text: usize) -> usize {
    field_len(key) + field_len(field_len(text))
}

/// Appends a text attribute of a span; the key is `prefix` and `key` in one.
#[inline]
fn put_prefixed(span: &mut Vec<u8>, prefix: &str, key: &str, text: &[u8]) {
    put_prefixed_as(span, 9, prefix, key, text);
}

#[inline]
fn put_prefixed_as(out: &mut Vec<u8>, field: u32, prefix: &str, key: &str, text: &[u8]) {
    let key_len = prefix.len() + key.len();
    // Most attributes are so short that each of their lengths is one byte, and need no arithmetic: two fifths of the time.
    if let Ok(short @ 0..0x80) = u8::try_from(key_len + text.len() + SHORT_HEADS) {
        let (key_len, text_len) = (key_len as u8, text.len() as u8);
        out.reserve(2 + usize::from(short));
        out.extend_from_slice(&[tag(field), short, tag(1), key_len]);
        out.extend_from_slice(prefix.as_bytes());
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(&[tag(2), text_len + 2, tag(1), text_len]);
        out.extend_from_slice(text);
    } else {
        put_long_pair(out, field, [prefix, key], text);
    }
}

/// Appends a text attribute of any length.
fn put_long_pair(out: &mut Vec<u8>, field: u32, [prefix, key]: [&str; 2], text: &[u8]) {
    let key_len = prefix.len() + key.len();
    let pair_len = key_value_len(key_len, text.len());
    out.reserve(field_len(pair_len));
    put_head(out, field, pair_len);
    put_head(out, 1, key_len);
    out.extend_from_slice(prefix.as_bytes());
    out.extend_from_slice(key.as_bytes());
    put_head(out, 2, field_len(text.len()));
    put_bytes(out, 1, text);
}

/// Appends a whole number as an attribute.
fn put_integer(span: &mut Vec<u8>, key: &str, number: u64) {
    let value = 1 + varint_len(number);
    put_head(span, 9, field_len(key.len()) + field_len(value));
    put_bytes(span, 1, key.as_bytes());
    put_head(span, 2, value);
    put_number(span, 3, number);
}

/// Appends an attribute that is an array of texts.
fn put_texts(span: &mut Vec<u8>, key: &str, texts: &[impl AsRef<str>]) {
    let array: usize = texts.iter().map(|text| field_len(field_len(text.as_ref().len()))).sum();
    put_head(span, 9, field_len(key.len()) + field_len(field_len(array)));
    put_bytes(span, 1, key.as_bytes());
    put_head(span, 2, field_len(array));
    put_head(span, 5, array);
    for text in texts {
        put_head(span, 1, field_len(text.as_ref().len()));
        put_bytes(span, 1, text.as_ref().as_bytes());
    }
}

fn nanoseconds(milliseconds: i64) -> u64 {
    u64::try_from(milliseconds).unwrap_or(0).saturating_mul(1_000_000)
}

fn put_rfc3339(out: &mut Vec<u8>, milliseconds: i64) {
    // Writing into memory cannot fail.
    let _ = PRINTER.print_timestamp(&Timestamp::from_millisecond(milliseconds).unwrap_or_default(), out);
}

/// The name of a type of observation in Langfuse (`reference/langfuse.md` §5).
pub fn type_name(kind: ObservationType) -> &'static str {
    match kind {
        ObservationType::Generation => "generation",
        ObservationType::Embedding => "embedding",
        ObservationType::Retriever => "retriever",
        ObservationType::Tool => "tool",
        ObservationType::Agent => "agent",
    }
}

/// The name of a level in Langfuse (`reference/langfuse.md` §5).
pub fn level_name(level: Level) -> &'static str {
    match level {
        Level::Default => "DEFAULT",
        Level::Warning => "WARNING",
        Level::Error => "ERROR",
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire;
    use super::*;
    use crate::gateway::ParsedRecord;
    use crate::sls::{Field, LogRecord, LogTime};
    use crate::trace::settings::{JoinUsage, Ownership, TraceSettings};
    use crate::trace::{SpanId, TraceId};
    use proptest::prelude::*;
    use prost::Message;
    use std::collections::BTreeMap;

    fn body(spans: &[u8]) -> Vec<u8> {
        [body_prefix(spans.len()).as_slice(), spans].concat()
    }

    fn decoded(body: &[u8]) -> Vec<wire::Span> {
        let request = wire::ExportTraceServiceRequest::decode(body).unwrap();
        // The oracle wrote the same bytes, so nothing was overlooked and nothing is longer than it must be.
        assert_eq!(request.encode_to_vec(), body);
        assert_eq!(request.resource_spans.len(), 1);
        request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }

    fn attributes(span: &wire::Span) -> BTreeMap<String, String> {
        let text = |value: &wire::AnyValue| match value.value.clone().unwrap() {
            wire::any_value::Value::StringValue(text) => text,
            other => format!("{other:?}"),
        };
        span.attributes.iter().map(|pair| (pair.key.clone(), text(pair.value.as_ref().unwrap()))).collect()
    }

    fn spans_of(record: &[(String, String)], settings: &TraceSettings) -> Vec<wire::Span> {
        let fields = record.iter().map(|(key, value)| Field { key: key.as_bytes(), value: value.as_bytes() }).collect();
        let record = LogRecord { time: LogTime { seconds: 1_772_417_405, nanoseconds: None }, fields };
        let parsed = ParsedRecord::of(&record);
        let Ok(call) = parsed.call() else { return Vec::new() };
        let mut writer = SpanWriter::default();
        decoded(&body(writer.write(&crate::trace::map::observation(&record, &call, settings))))
    }

    fn sample(line: usize) -> Vec<(String, String)> {
        let text = include_str!("../../tests/fixtures/gateway-samples.jsonl").lines().nth(line - 1).unwrap();
        serde_json::from_str::<BTreeMap<String, String>>(text).unwrap().into_iter().collect()
    }

    #[test]
    fn a_streamed_chat_has_every_attribute_that_langfuse_reads() {
        let settings = TraceSettings { environment: Some("prod".into()), tags: vec!["team-a".into()], ..Default::default() };
        let span = spans_of(&sample(1), &settings).remove(0);
        let attributes = attributes(&span);
        let get = |key: &str| attributes[&format!("langfuse.{key}")].as_str();
        assert_eq!(span.name, "demo-chat@a@b");
        assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano), (1_772_417_401_037_000_000, 1_772_417_402_537_000_000));
        assert!(span.parent_span_id.is_empty() && span.status.is_none());
        assert_eq!(get("observation.type"), "generation");
        assert_eq!(get("observation.level"), "DEFAULT");
        assert_eq!(get("observation.model.name"), "qwen-plus");
        assert_eq!(get("observation.completion_start_time"), "2026-03-02T02:10:01.408Z");
        assert_eq!(get("observation.usage_details"), r#"{"input":25,"output":60,"total":85}"#);
        let cost = r#"{"input":0.000002816901,"output":0.000016901408,"total":0.000019718309}"#;
        assert_eq!(
            (get("observation.cost_details"), get("observation.metadata.gw_price_source")),
            (cost, "alibaba-bailian 2026-05, CNY at 7.1")
        );
        assert_eq!(get("observation.input"), r#"[{"role":"user","content":"用一句话解释什么是云原生。"}]"#);
        assert_eq!(get("environment"), "prod");
        assert_eq!(get("user.id"), "demo-user");
        assert_eq!(get("trace.name"), "demo-chat@a@b");
        assert!(get("trace.tags").contains("team-a"));
        assert_eq!(get("observation.metadata.chat_id"), "chatcmpl-demo0001");
        assert!(!attributes.contains_key("langfuse.session.id"));
    }

    #[test]
    fn a_refused_call_is_an_error_with_zero_usage() {
        let span = spans_of(&sample(12), &TraceSettings::default()).remove(0);
        let status = span.status.clone().unwrap();
        assert_eq!((status.code, status.message.as_str()), (2, "HTTP 429, ai-token-ratelimit.rejected"));
        assert_eq!(attributes(&span)["langfuse.observation.usage_details"], r#"{"input":0,"output":0,"total":0}"#);
        assert_eq!(attributes(&span)["langfuse.observation.cost_details"], r#"{"input":0,"output":0,"total":0}"#);
        assert!(!attributes(&span).contains_key("langfuse.observation.metadata.gw_price_source"));
    }

    #[test]
    fn a_cost_is_left_to_whoever_counts_the_call_and_to_langfuse_where_it_has_a_price() {
        let sent = |line: usize, settings: &TraceSettings| {
            let attributes = attributes(&spans_of(&sample(line), settings)[0]);
            let get = |key: &str| attributes.get(&format!("langfuse.observation.{key}")).cloned();
            (get("cost_details").is_some(), get("metadata.gw_price_source"))
        };
        let joined = |join_usage| TraceSettings { ownership: Ownership::Join, join_usage, ..Default::default() };
        assert_eq!(sent(1, &joined(JoinUsage::Metadata)), (false, None));
        assert_eq!(sent(11, &joined(JoinUsage::Metadata)), (false, None), "from the cache");
        assert_eq!(sent(1, &joined(JoinUsage::Usage)), (true, Some("alibaba-bailian 2026-05, CNY at 7.1".to_owned())));
        assert_eq!(sent(2, &TraceSettings::default()), (false, None), "gpt-4o");
        assert_eq!(sent(9, &TraceSettings::default()), (false, None), "a tool");
    }

    #[test]
    fn a_model_without_any_price_is_marked() {
        let mut record = sample(3);
        record.iter_mut().for_each(|(_, value)| *value = value.replace("qwen-turbo", "house-model"));
        let attributes = attributes(&spans_of(&record, &TraceSettings::default())[0]);
        assert_eq!(attributes["langfuse.observation.metadata.gw_price_source"], "none");
        assert!(!attributes.contains_key("langfuse.observation.cost_details"));
    }

    #[test]
    fn a_joined_observation_carries_nothing_of_the_trace() {
        let mut record = sample(4);
        record.push(("parent_span_id".into(), "00f067aa0ba902b7".into()));
        let span = spans_of(&record, &TraceSettings { release: Some("r1".into()), ..Default::default() }).remove(0);
        assert_eq!(span.parent_span_id, [0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7]);
        let keys: Vec<_> = attributes(&span).into_keys().collect();
        for prefix in
            ["langfuse.trace.", "langfuse.user.", "langfuse.session.", "langfuse.release", "langfuse.version", "langfuse.environment"]
        {
            assert!(!keys.iter().any(|key| key.starts_with(prefix)), "{prefix}");
        }
        assert_eq!(attributes(&span)["langfuse.observation.metadata.session_id"], "sess-demo-4");
    }

    #[test]
    fn the_length_of_a_body_is_known_before_it_is_written() {
        for spans in [0, 1, 2, 126, 127, 128, 16_000, 16_383, 16_384, 1_000_000] {
            assert_eq!(body_len(spans), body_prefix(spans).len() + spans, "{spans}");
        }
    }

    #[test]
    fn a_type_and_a_level_exist_for_every_value() {
        assert_eq!(type_name(ObservationType::Retriever), "retriever");
        assert_eq!(level_name(Level::Warning), "WARNING");
        assert_eq!(format!("{} {}", TraceId([0xab; 16]), SpanId([1; 8])), "abababababababababababababababab 0101010101010101");
    }

    proptest! {
        #[test]
        fn the_oracle_reads_and_writes_the_same_bytes(
            pairs in proptest::collection::vec(("(question|answer|ai_log|consumer|trace_id|duration|tenant|response_code|b3)", any::<String>()), 0..8)
        ) {
            let mut record = pairs;
            record.push(("path".into(), "/v1/chat/completions".into()));
            record.push(("request_id".into(), "r".into()));
            let spans = spans_of(&record, &TraceSettings::default());
            prop_assert_eq!(spans.len(), 1);
            prop_assert!(spans[0].attributes.iter().all(|pair| pair.value.as_ref().is_some_and(|value| value.value.is_some())));
        }
    }
}
