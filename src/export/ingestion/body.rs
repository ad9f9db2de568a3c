//! An observed span → the bodies of its events (`reference/langfuse.md` §7 "Old tables", §8; `langfuse-ingestion.schema.json`). Pure.

use std::collections::BTreeMap;

use super::dialect::{BatchDialect, EventType};
use super::normal::{self, Content};
use super::object::{ObjectWriter, put_object};
use super::span::ObservedSpan;

/// The most of input and output together that a `trace-create` repeats. Bytes. Two copies of more would come near the limit of a body,
/// for the sake of a list that shows the beginning.
const MAX_TRACE_CONTENT_BYTES: usize = 1_000_000;

/// Metadata key: the real type of an observation that the server has no event for (`design.md` §2 "auto", decision 10).
const REAL_TYPE: &str = "gw_type";

/// Metadata key of a trace whose input and output stand in its observation alone.
const CONTENT_LEFT_OUT: &str = "gw_trace_content";

/// Appends the body of a `trace-create`. The trace row has only what is said here: name, attributes, and the input, output and metadata
/// of its root, as OTLP gives them to the old tables (§7).
pub fn put_trace(out: &mut Vec<u8>, span: &ObservedSpan<'_>) {
    let repeats_content = content_len(span) <= MAX_TRACE_CONTENT_BYTES;
    put_object(out, |body| {
        body.text("id", &span.trace_id);
        body.text("timestamp", &span.start);
        body.text("name", normal::name(span.trace_name.unwrap_or(span.name)));
        body.some_text("userId", span.user_id);
        body.some_text("sessionId", span.session_id);
        body.texts("tags", &span.tags);
        body.some_text("release", span.release);
        body.some_text("version", span.version);
        body.some_text("environment", span.environment.as_deref());
        if repeats_content {
            content(body, span);
        }
        metadata(body, span, (!repeats_content).then_some((CONTENT_LEFT_OUT, "see the observation")));
    });
}

/// Appends the body of the event that carries the observation itself.
pub fn put_observation(out: &mut Vec<u8>, span: &ObservedSpan<'_>, event_type: EventType, dialect: BatchDialect) {
    put_object(out, |body| {
        body.text("id", &span.id);
        body.text("traceId", &span.trace_id);
        body.some_text("parentObservationId", span.parent.as_deref());
        body.text("name", normal::name(span.name));
        body.text("startTime", &span.start);
        body.text("endTime", &span.end);
        body.some_text("level", span.level);
        body.some_text("statusMessage", span.status_message);
        body.some_text("environment", span.environment.as_deref());
        body.some_text("version", span.version);
        if event_type.has_model {
            model(body, span, dialect);
        }
        content(body, span);
        metadata(body, span, event_type.real_type.map(|real_type| (REAL_TYPE, real_type)));
    });
}

fn model(body: &mut ObjectWriter<'_>, span: &ObservedSpan<'_>, dialect: BatchDialect) {
    body.some_text("completionStartTime", span.completion_start);
    body.some_text("model", span.model);
    // Both or neither (`reference/langfuse.md` §8).
    if let (Some(name), Some(version)) = (span.prompt_name, span.prompt_version) {
        body.text("promptName", name);
        body.number("promptVersion", version);
    }
    if let Some(counts) = &span.usage {
        body.object("usageDetails", |details| counts.iter().for_each(|(key, count)| details.number(key, count)));
        if !dialect.usage_details {
            body.object("usage", |usage| older_usage(usage, counts));
        }
    }
    if let Some(amounts) = &span.cost {
        body.object("costDetails", |details| amounts.iter().for_each(|(key, amount)| details.number(key, amount)));
    }
}

/// The older form knows three counts, and a price for each: cached and other buckets belong to their side. A side that the details do not
/// name stays away, so that a server which reads both forms takes nothing from here.
fn older_usage(usage: &mut ObjectWriter<'_>, counts: &BTreeMap<String, u64>) {
    for side in ["input", "output"].into_iter().filter(|side| counts.contains_key(*side)) {
        let of_side = counts.iter().filter(|(key, _)| key.starts_with(side));
        usage.number(side, of_side.fold(0u64, |sum, (_, count)| sum.saturating_add(*count)));
    }
    if let Some(total) = counts.get("total") {
        usage.number("total", total);
    }
    usage.text("unit", "TOKENS");
}

fn content(body: &mut ObjectWriter<'_>, span: &ObservedSpan<'_>) {
    for (key, content) in [("input", span.input), ("output", span.output)] {
        match content {
            Some(Content::Json(json)) => body.raw(key, json.as_bytes()),
            Some(Content::Text(text)) => body.text(key, text),
            None => {}
        }
    }
}

fn content_len(span: &ObservedSpan<'_>) -> usize {
    [span.input, span.output].into_iter().flatten().map(Content::len).sum()
}

/// Metadata with one entry of ours, which wins over a logged one of the same name.
fn metadata(body: &mut ObjectWriter<'_>, span: &ObservedSpan<'_>, ours: Option<(&str, &str)>) {
    let logged = span.metadata.iter().copied().filter(|(key, _)| ours.is_none_or(|(our_key, _)| *key != our_key));
    body.object("metadata", |metadata| logged.chain(ours).for_each(|(key, text)| metadata.text(key, text)));
}
