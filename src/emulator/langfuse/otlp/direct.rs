//! A span as a row of `events_full` (`reference/langfuse.md` §5, §7). Forgiving: nothing here drops a span.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::span::{Span, Surroundings};
use super::{content, genai_usage};
use crate::emulator::langfuse::rules::{cost, environment, text_of, time, usage};
use crate::emulator::langfuse::store::observation::{Level, ObservationType, StoredObservation};
use crate::emulator::langfuse::version::since;

const OWN: [&str; 2] = ["langfuse.observation.input", "langfuse.observation.output"];

/// The row of a span.
pub fn row(project: &str, span: &Span, around: &Surroundings) -> StoredObservation {
    let text = |key: &str| span.attributes.first_text(&[key]);
    let (input, output) = content::input_output(&span.attributes, OWN, around.version);
    let (usage, cost) = counted(span, around);
    let (prompt_name, prompt_version) = prompt(span);
    let level = Level::of_span(span.attributes.get("langfuse.observation.level"), span.failed, around.version);
    let app_root = around.version >= since::APP_ROOT && text("langfuse.internal.is_app_root").is_some_and(|flag| flag == "true");
    StoredObservation {
        parent_span_id: span.parent.clone(),
        name: Some(text_of(&span.name)).filter(|_| !span.name.is_null()),
        end_ms: span.end_ms,
        completion_start_ms: completion(span).and_then(|given| loose(&given)),
        level: level.unwrap_or_default(),
        status_message: span.message().map(text_of),
        model: span.model(),
        model_parameters: span.model_parameters(),
        usage_details: usage,
        cost_details: cost,
        input,
        output,
        metadata: flattened(metadata(span, around)),
        prompt_name,
        prompt_version,
        user_id: span.user(),
        session_id: span.session(),
        trace_name: text("langfuse.trace.name"),
        tags: span.tags(),
        release: around.release_of(span).map(|release| text_of(&release)),
        version: around.version_of(span).map(|version| text_of(&version)),
        environment: environment::stored(&around.environment(span), around.version).unwrap_or_else(|| environment::DEFAULT.into()),
        public: span.public(),
        app_root,
        ..StoredObservation::bare(project, &span.trace_id, &span.span_id, span.kind, span.start_ms)
    }
}

/// The prompt link, which only generations have.
fn prompt(span: &Span) -> (Option<String>, Option<i64>) {
    if span.kind != ObservationType::Generation {
        return (None, None);
    }
    let version = span.attributes.get("langfuse.observation.prompt.version").and_then(|version| text_of(version).parse().ok());
    (span.attributes.first_text(&["langfuse.observation.prompt.name"]), version)
}

/// Usage and cost. A usage object that spoils the observation in the old tables leaves none here.
fn counted(span: &Span, around: &Surroundings) -> (usage::Usage, cost::Cost) {
    if span.is_agent() {
        return Default::default();
    }
    let usage = usage::stored(&genai_usage::usage(&span.attributes, around.version), around.version);
    (usage.unwrap_or_default(), cost::stored(&genai_usage::cost(&span.attributes)))
}

/// The completion start as the server hands it on: what JavaScript takes for a date, or JSON of such in one layer of quotes.
pub fn completion(span: &Span) -> Option<Value> {
    let given = span.attributes.get("langfuse.observation.completion_start_time")?;
    let unquoted = || serde_json::from_str::<Value>(given.as_str()?).ok();
    Some(given.clone()).filter(is_date).or_else(|| unquoted().filter(is_date))
}

fn is_date(value: &Value) -> bool {
    loose(value).is_some()
}

fn loose(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => time::loose_ms(text),
        other => other.as_f64().filter(|ms| ms.abs() <= 8.64e15).map(|ms| ms as i64),
    }
}

/// User keys win over the server's own three.
fn metadata(span: &Span, around: &Surroundings) -> Map<String, Value> {
    let mut metadata = server_metadata(span, around);
    metadata.extend(span.metadata());
    metadata.extend(span.trace_metadata());
    metadata
}

/// The three keys that the server adds: `attributes`, `resourceAttributes`, `scope`.
pub fn server_metadata(span: &Span, around: &Surroundings) -> Map<String, Value> {
    let mut metadata = Map::new();
    if !around.is_sdk() {
        metadata.insert("attributes".into(), content::leftover(&span.attributes));
    }
    metadata.insert("resourceAttributes".into(), Value::Object(around.resource.0.clone()));
    metadata.insert("scope".into(), Value::Object(around.scope.clone()));
    metadata
}

/// Nested objects become dotted names, lists stay JSON text, null becomes empty.
fn flattened(map: Map<String, Value>) -> BTreeMap<String, String> {
    let mut flat = BTreeMap::new();
    for (key, value) in map {
        flatten(key, value, &mut flat);
    }
    flat
}

fn flatten(path: String, value: Value, flat: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(map) => map.into_iter().for_each(|(key, value)| flatten(format!("{path}.{key}"), value, flat)),
        Value::Null => {
            flat.insert(path, String::new());
        }
        other => {
            flat.insert(path, text_of(&other));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::emulator::langfuse::version::ServerVersion;

    const V4: ServerVersion = ServerVersion::new(4, 16, 0);

    fn stored(attributes: &[(&str, Value)]) -> StoredObservation {
        let list: Vec<Value> = attributes.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
        let span = Span::read(&json!({"traceId": "t", "spanId": "s", "name": "n", "attributes": list}), V4).unwrap();
        let around = Surroundings::read(&json!({}), &json!({"scope": {"name": "mine"}}), V4).unwrap();
        row("p", &span, &around)
    }

    fn text(text: &str) -> Value {
        json!({ "stringValue": text })
    }

    #[test]
    fn reads_completion_start_in_every_form_that_javascript_reads() {
        let start = |value: Value| stored(&[("langfuse.observation.completion_start_time", value)]).completion_start_ms;
        assert_eq!(start(text("2025-05-22T00:00:00.500Z")), Some(1_747_872_000_500));
        assert_eq!(start(text("\"2025-05-22T00:00:00.500Z\"")), Some(1_747_872_000_500));
        assert_eq!(start(text("2025-05-22 00:00:00.500")), Some(1_747_872_000_500));
        assert_eq!(start(json!({"intValue": 1_747_872_000_500_i64})), Some(1_747_872_000_500));
        assert_eq!(start(text("1747872000500000000")), None);
    }

    #[test]
    fn flattens_metadata_and_lets_user_keys_win() {
        let row = stored(&[
            ("langfuse.observation.metadata", text(r#"{"a":{"b":1},"list":[1],"none":null}"#)),
            ("langfuse.observation.metadata.scope", text("user")),
            ("langfuse.trace.metadata.t", json!({"boolValue": true})),
            ("x", json!({"intValue": 2})),
        ]);
        let shown: Vec<(&str, &str)> = row.metadata.iter().map(|(key, text)| (key.as_str(), text.as_str())).collect();
        assert_eq!(shown, [("a.b", "1"), ("attributes.x", "2"), ("list", "[1]"), ("none", ""), ("scope", "user"), ("t", "true")]);
    }

    #[test]
    fn agents_have_no_model_usage_or_cost() {
        let row = stored(&[
            ("gen_ai.operation.name", text("invoke_agent")),
            ("langfuse.observation.type", text("generation")),
            ("langfuse.observation.model.name", text("m")),
            ("langfuse.observation.usage_details", text("{\"input\":1}")),
            ("langfuse.observation.cost_details", text("{\"total\":1}")),
        ]);
        assert_eq!((row.model, row.usage_details.len(), row.cost_details.len()), (None, 0, 0));
    }

    #[test]
    fn a_native_map_is_no_usage() {
        let map = json!({"kvlistValue": {"values": [{"key": "input", "value": {"intValue": 1}}]}});
        assert!(stored(&[("langfuse.observation.usage_details", map)]).usage_details.is_empty());
    }
}
