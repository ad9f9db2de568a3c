//! Trace rows of the old tables: events about one trace, folded in the order of their times (`reference/langfuse.md` §7).

use serde_json::{Map, Value};

use super::observation::StoredTrace;
use crate::emulator::langfuse::rules::{environment, text_of, truthy};

/// One event about a trace. In `fields` an absent key says nothing, and null clears.
#[derive(Clone, Debug)]
pub struct TraceEvent {
    /// Where it stands in the order: start of the span, or envelope timestamp; milliseconds since 1970.
    pub order_ms: i64,
    /// What the trace's timestamp becomes if this event is stored first; milliseconds since 1970.
    pub timestamp_ms: i64,
    /// Name of the stored file, for the batch API: an equal one overwrites.
    pub source: Option<String>,
    /// `name`, `userId`, `sessionId`, `release`, `version`, `public`, `tags`, `metadata`, `input`, `output`, `environment`.
    pub fields: Map<String, Value>,
}

/// The row that events add up to.
pub fn folded(project: &str, id: &str, events: &[TraceEvent]) -> Option<StoredTrace> {
    let first = events.first()?;
    let mut ordered: Vec<&TraceEvent> = events.iter().collect();
    ordered.sort_by_key(|event| event.order_ms);
    let mut fields = Map::new();
    for event in ordered {
        overlay(&mut fields, &event.fields);
    }
    let environment = first.fields.get("environment").and_then(Value::as_str).unwrap_or(environment::DEFAULT);
    let row = StoredTrace {
        project: project.to_owned(),
        id: id.to_owned(),
        timestamp_ms: first.timestamp_ms,
        environment: environment.to_owned(),
        ..StoredTrace::default()
    };
    Some(filled(row, &fields))
}

fn overlay(fields: &mut Map<String, Value>, event: &Map<String, Value>) {
    // An event that does not say so turns a public trace private again.
    fields.insert("public".into(), Value::Bool(event.get("public") == Some(&Value::Bool(true))));
    for (key, value) in event {
        match key.as_str() {
            "public" => {}
            "tags" => unite(fields, value),
            "metadata" => deepen(fields.entry("metadata").or_insert_with(|| Value::Object(Map::new())), value),
            "input" | "output" if !truthy(value) => {}
            _ => {
                fields.insert(key.clone(), value.clone());
            }
        }
    }
}

fn unite(fields: &mut Map<String, Value>, tags: &Value) {
    let united = fields.entry("tags").or_insert_with(|| Value::Array(Vec::new()));
    if let (Value::Array(united), Value::Array(tags)) = (united, tags) {
        let new: Vec<Value> = tags.iter().filter(|tag| !united.contains(tag)).cloned().collect();
        united.extend(new);
    }
}

fn deepen(stored: &mut Value, new: &Value) {
    match (stored, new) {
        (Value::Object(stored), Value::Object(new)) => {
            for (key, value) in new {
                deepen(stored.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (stored, new) => stored.clone_from(new),
    }
}

fn filled(mut row: StoredTrace, fields: &Map<String, Value>) -> StoredTrace {
    let text = |key: &str| fields.get(key).filter(|value| !value.is_null()).map(text_of);
    row.name = text("name");
    row.user_id = text("userId");
    row.session_id = text("sessionId");
    row.release = text("release");
    row.version = text("version");
    row.input = text("input");
    row.output = text("output");
    row.public = fields.get("public") == Some(&Value::Bool(true));
    if let Some(Value::Array(tags)) = fields.get("tags") {
        row.tags = tags.iter().map(text_of).collect();
    }
    if let Some(Value::Object(metadata)) = fields.get("metadata") {
        row.metadata = metadata.iter().map(|(key, value)| (key.clone(), text_of(value))).collect();
    }
    row
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(order_ms: i64, fields: Value) -> TraceEvent {
        let Value::Object(fields) = fields else { panic!("an object") };
        TraceEvent { order_ms, timestamp_ms: order_ms, source: None, fields }
    }

    #[test]
    fn the_latest_start_wins_whatever_the_order_of_arrival() {
        let late = event(9, json!({"name": "late", "tags": ["b"], "metadata": {"a": {"x": 1}}, "environment": "one"}));
        let early = event(3, json!({"name": "early", "tags": ["a", "b"], "metadata": {"a": {"y": 2}}, "environment": "two"}));
        let row = folded("p", "t", &[late, early]).unwrap();
        assert_eq!((row.name.as_deref(), row.timestamp_ms, row.environment.as_str()), (Some("late"), 9, "one"));
        assert_eq!(row.tags, ["a", "b"]);
        assert_eq!(row.metadata.get("a").map(String::as_str), Some(r#"{"x":1,"y":2}"#));
    }

    #[test]
    fn a_later_event_clears_release_and_publicity_but_not_input() {
        let first = event(1, json!({"release": "r", "public": true, "input": "in"}));
        let shallow = event(2, json!({}));
        let root = event(3, json!({"release": null, "input": ""}));
        let after_shallow = folded("p", "t", &[first.clone(), shallow.clone()]).unwrap();
        assert_eq!((after_shallow.release.as_deref(), after_shallow.public), (Some("r"), false));
        let after_root = folded("p", "t", &[first, shallow, root]).unwrap();
        assert_eq!((after_root.release, after_root.input.as_deref()), (None, Some("in")));
    }
}
