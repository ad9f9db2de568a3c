//! A span in the old tables: its observation, or why it is dropped, and its trace event (`reference/langfuse.md` §7, §12).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::span::{Span, Surroundings};
use super::{content, direct};
use crate::emulator::langfuse::rules::{cost, environment, text_of, time, usage};
use crate::emulator::langfuse::store::lost::LostReason;
use crate::emulator::langfuse::store::observation::{Level, StoredObservation};
use crate::emulator::langfuse::store::trace_events::TraceEvent;

/// Longest trace name, characters.
const MAX_TRACE_NAME: usize = 1000;

/// The observation row of a span.
///
/// # Errors
/// Why the schema of the old tables drops it.
pub fn row(project: &str, span: &Span, around: &Surroundings) -> Result<StoredObservation, LostReason> {
    check(span, around)?;
    let level = Level::of_span(span.attributes.get("langfuse.observation.level"), span.failed, around.version).ok_or(LostReason::Level)?;
    let environment = environment::stored(&around.environment(span), around.version).ok_or(LostReason::Environment)?;
    let generous = direct::row(project, span, around);
    let row = StoredObservation {
        level,
        environment,
        end_ms: generous.end_ms.map(|end| end.max(generous.start_ms)),
        metadata: top_level(metadata(span, around)),
        user_id: None,
        session_id: None,
        trace_name: None,
        tags: Vec::new(),
        release: None,
        public: false,
        app_root: false,
        ..generous
    };
    if span.kind.keeps_model() { with_model(row, span, around) } else { Ok(without_model(row)) }
}

fn check(span: &Span, around: &Surroundings) -> Result<(), LostReason> {
    let text_or_null = |value: Option<&Value>| value.is_none_or(|value| value.is_string() || value.is_null());
    if span.span_id.is_empty() {
        return Err(LostReason::EmptySpanId);
    }
    if !text_or_null(Some(&span.name)) {
        return Err(LostReason::Name);
    }
    if !text_or_null(span.message()) {
        return Err(LostReason::StatusMessage);
    }
    if !text_or_null(around.version_of(span).as_ref()) {
        return Err(LostReason::Version);
    }
    Ok(())
}

fn with_model(row: StoredObservation, span: &Span, around: &Surroundings) -> Result<StoredObservation, LostReason> {
    if !span.is_agent() {
        let usage = super::genai_usage::usage(&span.attributes, around.version);
        usage::stored(&usage, around.version).map_err(|usage::Unusable| LostReason::Usage)?;
    }
    let start = direct::completion(span);
    let completion_start_ms = start.as_ref().and_then(Value::as_str).and_then(time::zoned_ms);
    if start.is_some() && completion_start_ms.is_none() {
        return Err(LostReason::CompletionStartTime);
    }
    let name = span.attributes.truthy("langfuse.observation.prompt.name");
    let version = span.attributes.truthy("langfuse.observation.prompt.version");
    let whole = version.and_then(Value::as_f64).is_some_and(|version| version.fract() == 0.0);
    if name.is_some() != version.is_some() || (version.is_some() && !whole) || name.is_some_and(|name| !name.is_string()) {
        return Err(LostReason::PromptLink);
    }
    Ok(StoredObservation { completion_start_ms, ..row })
}

fn without_model(row: StoredObservation) -> StoredObservation {
    StoredObservation {
        completion_start_ms: None,
        model: None,
        model_parameters: BTreeMap::new(),
        usage_details: usage::Usage::new(),
        cost_details: cost::Cost::new(),
        prompt_name: None,
        prompt_version: None,
        ..row
    }
}

/// The server's own three keys win over user keys.
fn metadata(span: &Span, around: &Surroundings) -> Map<String, Value> {
    let mut metadata = span.metadata();
    metadata.extend(direct::server_metadata(span, around));
    metadata
}

fn top_level(map: Map<String, Value>) -> BTreeMap<String, String> {
    map.into_iter().map(|(key, value)| (key, text_of(&value))).collect()
}

/// The event that a span makes about its trace: full for a root, partial where it carries a trace attribute, shallow for an unseen
/// trace. Nothing where it makes none.
///
/// # Errors
/// When the schema drops the event: the observation is then there without a proper trace row.
pub fn trace_event(span: &Span, around: &Surroundings, seen: bool) -> Result<Option<TraceEvent>, LostReason> {
    let fields = if span.is_root() {
        root_fields(span, around)
    } else if has_trace_attribute(span) {
        partial_fields(span, around)
    } else if seen {
        return Ok(None);
    } else {
        Map::new()
    };
    checked(fields, span, around).map(Some)
}

fn checked(mut fields: Map<String, Value>, span: &Span, around: &Surroundings) -> Result<TraceEvent, LostReason> {
    let environment = environment::stored(&around.environment(span), around.version).ok_or(LostReason::TraceRow)?;
    let name_fits = match fields.get("name") {
        None | Some(Value::Null) => true,
        Some(Value::String(name)) => name.chars().count() <= MAX_TRACE_NAME,
        Some(_) => false,
    };
    let texts = ["version", "release"].iter().all(|key| fields.get(*key).is_none_or(|text| text.is_string() || text.is_null()));
    if !name_fits || !texts {
        return Err(LostReason::TraceRow);
    }
    fields.insert("environment".into(), Value::String(environment));
    Ok(TraceEvent { order_ms: span.start_ms, timestamp_ms: span.start_ms, source: None, fields })
}

fn has_trace_attribute(span: &Span) -> bool {
    const KEYS: [&str; 11] = [
        "langfuse.trace.name",
        "langfuse.trace.input",
        "langfuse.trace.output",
        "langfuse.trace.metadata",
        "langfuse.trace.public",
        "langfuse.trace.tags",
        "langfuse.tags",
        "langfuse.user.id",
        "langfuse.session.id",
        "user.id",
        "session.id",
    ];
    let keys = KEYS.iter().any(|key| span.attributes.truthy(key).is_some());
    keys || span.attributes.0.keys().any(|key| key.starts_with("langfuse.trace.metadata"))
}

fn root_fields(span: &Span, around: &Surroundings) -> Map<String, Value> {
    let name = span.attributes.get("langfuse.trace.name").unwrap_or(&span.name).clone();
    let trace = content::input_output(&span.attributes, ["langfuse.trace.input", "langfuse.trace.output"], around.version);
    let own = content::input_output(&span.attributes, ["langfuse.observation.input", "langfuse.observation.output"], around.version);
    let mut metadata = span.trace_metadata();
    metadata.extend(span.metadata());
    metadata.extend(direct::server_metadata(span, around));
    let mut fields = shared_fields(span, around);
    fields.extend([("name".into(), name), ("metadata".into(), Value::Object(metadata))]);
    for (key, trace, own) in [("input", trace.0, own.0), ("output", trace.1, own.1)] {
        let own_key = format!("langfuse.trace.{key}");
        let text = if span.attributes.truthy(&own_key).is_some() { trace } else { own };
        fields.extend(text.map(|text| (key.to_owned(), Value::String(text))));
    }
    fields
}

fn partial_fields(span: &Span, around: &Surroundings) -> Map<String, Value> {
    let mut metadata = span.trace_metadata();
    metadata.insert("resourceAttributes".into(), Value::Object(around.resource.0.clone()));
    metadata.insert("scope".into(), Value::Object(around.scope.clone()));
    let mut fields = shared_fields(span, around);
    fields.insert("metadata".into(), Value::Object(metadata));
    for (key, attribute) in [("name", "langfuse.trace.name"), ("input", "langfuse.trace.input"), ("output", "langfuse.trace.output")] {
        fields.extend(span.attributes.get(attribute).map(|value| (key.to_owned(), value.clone())));
    }
    fields
}

/// What root and partial events have in common. Release and version are sent as null where they are absent, which clears them.
fn shared_fields(span: &Span, around: &Surroundings) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("version".into(), around.version_of(span).unwrap_or_default());
    fields.insert("release".into(), around.release_of(span).unwrap_or_default());
    fields.insert("tags".into(), json!(span.tags()));
    fields.insert("public".into(), Value::Bool(span.public()));
    fields.extend(span.user().map(|user| ("userId".to_owned(), Value::String(user))));
    fields.extend(span.session().map(|session| ("sessionId".to_owned(), Value::String(session))));
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulator::langfuse::version::ServerVersion;

    const V4: ServerVersion = ServerVersion::new(4, 16, 0);

    fn read(extra: &Value, attributes: &[(&str, Value)], version: ServerVersion) -> (Span, Surroundings) {
        let list: Vec<Value> = attributes.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
        let mut span = json!({"traceId": "t", "spanId": "s", "name": "n", "startTimeUnixNano": "9000000", "attributes": list});
        extra.as_object().unwrap().iter().for_each(|(key, value)| span[key] = value.clone());
        (Span::read(&span, version).unwrap(), Surroundings::read(&json!({}), &json!({}), version).unwrap())
    }

    fn outcome(extra: &Value, attributes: &[(&str, Value)], version: ServerVersion) -> Option<LostReason> {
        let (span, around) = read(extra, attributes, version);
        row("p", &span, &around).err()
    }

    fn text(text: &str) -> Value {
        json!({ "stringValue": text })
    }

    #[test]
    fn drops_what_the_batch_schema_refuses() {
        let generation = ("langfuse.observation.type", text("generation"));
        let start = "langfuse.observation.completion_start_time";
        let name = ("langfuse.observation.prompt.name", text("p"));
        let version = "langfuse.observation.prompt.version";
        let cases = [
            (json!({"spanId": ""}), vec![], LostReason::EmptySpanId),
            (json!({"name": 5}), vec![], LostReason::Name),
            (json!({"status": {"message": 5}}), vec![], LostReason::StatusMessage),
            (json!({}), vec![("langfuse.version", json!({"intValue": 5}))], LostReason::Version),
            (json!({}), vec![generation.clone(), (start, text("2025-05-22T00:00:00"))], LostReason::CompletionStartTime),
            (json!({}), vec![generation.clone(), (start, text("2025-05-22 00:00:00Z"))], LostReason::CompletionStartTime),
            (json!({}), vec![generation.clone(), (start, json!({"intValue": 5}))], LostReason::CompletionStartTime),
            (json!({}), vec![generation.clone(), name.clone()], LostReason::PromptLink),
            (json!({}), vec![generation.clone(), name.clone(), (version, text("1"))], LostReason::PromptLink),
        ];
        for (extra, attributes, reason) in cases {
            assert_eq!(outcome(&extra, &attributes, V4), Some(reason), "{attributes:?}");
        }
        let whole = [generation, name, (version, json!({"intValue": 1})), (start, text("2025-05-22T00:00:00Z"))];
        assert_eq!(outcome(&json!({}), &whole, V4), None);
    }

    #[test]
    fn older_releases_drop_more() {
        let level = [("langfuse.observation.level", text("warn"))];
        assert_eq!(outcome(&json!({}), &level, V4), None);
        assert_eq!(outcome(&json!({}), &level, ServerVersion::new(3, 214, 0)), Some(LostReason::Level));
        let environment = [("langfuse.environment", text("Prod"))];
        assert_eq!(outcome(&json!({}), &environment, ServerVersion::new(3, 161, 0)), None);
        assert_eq!(outcome(&json!({}), &environment, ServerVersion::new(3, 160, 0)), Some(LostReason::Environment));
        let usage = [("langfuse.observation.type", text("generation")), ("langfuse.observation.usage_details", text("{\"input\":0.5}"))];
        assert_eq!(outcome(&json!({}), &usage, ServerVersion::new(3, 137, 0)), Some(LostReason::Usage));
    }

    #[test]
    fn plain_spans_lose_their_model_and_ends_are_clamped() {
        let attributes = [
            ("langfuse.observation.type", text("span")),
            ("model", text("m")),
            ("langfuse.observation.usage_details", text("{\"input\":1}")),
            ("langfuse.observation.metadata.scope", text("user")),
        ];
        let (span, around) = read(&json!({"endTimeUnixNano": "1000000"}), &attributes, V4);
        let row = row("p", &span, &around).unwrap();
        assert_eq!((row.model, row.usage_details.len(), row.end_ms), (None, 0, Some(9)));
        assert_eq!(row.metadata.get("scope").map(String::as_str), Some(r#"{"attributes":{}}"#));
    }

    #[test]
    fn a_span_with_a_parent_speaks_of_its_trace_only_if_it_must() {
        let parent = json!({"parentSpanId": "x"});
        let event = |attributes: &[(&str, Value)], seen| {
            let (span, around) = read(&parent, attributes, V4);
            trace_event(&span, &around, seen).map(|event| event.map(|event| event.fields))
        };
        assert_eq!(event(&[], true).unwrap(), None);
        assert_eq!(Value::Object(event(&[], false).unwrap().unwrap()), json!({"environment": "default"}));
        assert_eq!(event(&[("langfuse.release", text("r"))], true).unwrap(), None);
        assert_eq!(event(&[("gen_ai.conversation.id", text("c"))], true).unwrap(), None);
        assert_eq!(event(&[("user.id", text("u"))], true).unwrap().unwrap().get("userId"), Some(&json!("u")));
        assert_eq!(event(&[("langfuse.trace.name", text(&"n".repeat(1001)))], true).err(), Some(LostReason::TraceRow));
    }
}
