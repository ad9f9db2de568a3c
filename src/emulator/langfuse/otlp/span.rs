//! One span with its attributes read, before either table's rules apply (`reference/langfuse.md` §4, §5, §7).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::attributes::{Attributes, WithoutValue};
use super::primitive::{parse_id, times};
use super::{content, kind};
use crate::emulator::langfuse::rules::{text_of, truthy};
use crate::emulator::langfuse::store::lost::LostReason;
use crate::emulator::langfuse::store::observation::ObservationType;
use crate::emulator::langfuse::version::{ServerVersion, since};

/// What a span stands in.
#[derive(Debug)]
pub struct Surroundings {
    /// Attributes of the resource.
    pub resource: Attributes,
    /// The scope object, its attributes read.
    pub scope: Map<String, Value>,
    /// The release whose rules apply.
    pub version: ServerVersion,
}

/// A span that could be read.
#[derive(Debug)]
pub struct Span {
    /// Trace id as stored.
    pub trace_id: String,
    /// Span id as stored.
    pub span_id: String,
    /// Parent, nothing for a root.
    pub parent: Option<String>,
    /// Name, possibly no text in JSON.
    pub name: Value,
    /// Milliseconds since 1970.
    pub start_ms: i64,
    /// Milliseconds since 1970.
    pub end_ms: Option<i64>,
    /// Type.
    pub kind: ObservationType,
    /// Everything said about it.
    pub attributes: Attributes,
    /// Status code 2.
    pub failed: bool,
    /// `status.message`.
    pub status_message: Option<Value>,
}

impl From<WithoutValue> for LostReason {
    fn from(_: WithoutValue) -> Self {
        Self::AttributeWithoutValue
    }
}

impl Surroundings {
    /// Reads a resource and a scope.
    ///
    /// # Errors
    /// When an attribute has no value.
    pub fn read(resource_spans: &Value, scope_spans: &Value, version: ServerVersion) -> Result<Self, LostReason> {
        let resource = Attributes::read(resource_spans.pointer("/resource/attributes"), version)?;
        let attributes = Attributes::read(scope_spans.pointer("/scope/attributes"), version)?;
        let mut scope = scope_spans.get("scope").and_then(Value::as_object).cloned().unwrap_or_default();
        scope.insert("attributes".into(), Value::Object(attributes.0));
        Ok(Self { resource, scope, version })
    }

    /// Scopes whose name begins so suppress the `attributes` part of the metadata.
    pub fn is_sdk(&self) -> bool {
        self.scope.get("name").and_then(Value::as_str).is_some_and(|name| name.starts_with("langfuse-sdk"))
    }

    /// A key of the span, else of the resource.
    pub fn either<'a>(&'a self, span: &'a Span, key: &str) -> Option<&'a Value> {
        span.attributes.truthy(key).or_else(|| self.resource.truthy(key))
    }

    /// The environment as sent.
    pub fn environment(&self, span: &Span) -> String {
        let keys = ["langfuse.environment", "deployment.environment.name", "deployment.environment"];
        keys.iter().find_map(|key| self.either(span, key)).map_or_else(|| "default".to_owned(), text_of)
    }

    /// `langfuse.version`, else the resource's `service.version`.
    pub fn version_of(&self, span: &Span) -> Option<Value> {
        span.attributes.get("langfuse.version").or_else(|| self.resource.get("service.version")).cloned()
    }

    /// `langfuse.release`, of the span or the resource.
    pub fn release_of(&self, span: &Span) -> Option<Value> {
        span.attributes.get("langfuse.release").or_else(|| self.resource.get("langfuse.release")).cloned()
    }
}

impl Span {
    /// Reads a span.
    ///
    /// # Errors
    /// When an attribute has no value or an id is none: the whole request is lost then.
    pub fn read(span: &Value, version: ServerVersion) -> Result<Self, LostReason> {
        let attributes = Attributes::read(span.get("attributes"), version)?;
        let attributes = if version < since::LANGFUSE_ATTRIBUTES { without_langfuse(attributes) } else { attributes };
        let parent = span.get("parentSpanId").filter(|parent| truthy(parent));
        let parent = parent.map(|id| parse_id(id, version)).transpose()?;
        let (start_ms, end_ms) = times(span, version);
        Ok(Self {
            trace_id: parse_id(span.get("traceId").unwrap_or(&Value::Null), version)?,
            span_id: parse_id(span.get("spanId").unwrap_or(&Value::Null), version)?,
            parent: parent.filter(|id| !id.is_empty()),
            name: name(span, &attributes),
            start_ms,
            end_ms,
            kind: kind::of(&attributes, version),
            failed: span.pointer("/status/code").and_then(Value::as_f64) == Some(2.0),
            status_message: span.pointer("/status/message").filter(|message| !message.is_null()).cloned(),
            attributes,
        })
    }

    /// Whether the old tables take it for a root.
    pub fn is_root(&self) -> bool {
        self.parent.is_none() || self.attributes.get("langfuse.internal.as_root").is_some_and(|flag| text_of(flag) == "true")
    }

    /// `langfuse.observation.status_message`, else `status.message`.
    pub fn message(&self) -> Option<&Value> {
        self.attributes.get("langfuse.observation.status_message").or(self.status_message.as_ref())
    }

    /// Agents have neither model nor usage nor cost, to avoid counting twice.
    pub fn is_agent(&self) -> bool {
        let operation = self.attributes.get("gen_ai.operation.name").and_then(Value::as_str);
        matches!(operation, Some("invoke_agent" | "agent_step"))
    }

    /// Model name; the response's beats the request's.
    pub fn model(&self) -> Option<String> {
        let keys = [
            "langfuse.observation.model.name",
            "gen_ai.response.model",
            "ai.model.id",
            "gen_ai.request.model",
            "llm.response.model",
            "llm.model_name",
            "model",
        ];
        self.attributes.first_text(&keys).filter(|_| !self.is_agent())
    }

    /// Model parameters; values that are neither text nor number as JSON text.
    pub fn model_parameters(&self) -> BTreeMap<String, Value> {
        let keys = ["langfuse.observation.model.parameters", "llm.invocation_parameters", "model_config"];
        let given = keys.iter().find_map(|key| self.attributes.json(key));
        let requests = || self.attributes.0.iter().filter_map(|(key, value)| Some((key.strip_prefix("gen_ai.request.")?, value)));
        let pairs = match given {
            Some(Value::Object(map)) => map.into_iter().collect(),
            Some(_) => Vec::new(),
            None => requests().filter(|(key, _)| *key != "model").map(|(key, value)| (key.to_owned(), value.clone())).collect(),
        };
        pairs.into_iter().map(|(key, value)| (key, parameter(value))).collect()
    }

    /// User id.
    pub fn user(&self) -> Option<String> {
        self.attributes.first_text(&["langfuse.user.id", "user.id"])
    }

    /// Session id.
    pub fn session(&self) -> Option<String> {
        self.attributes.first_text(&["langfuse.session.id", "session.id", "gen_ai.conversation.id"])
    }

    /// Tags: a list, JSON text of one, or text with commas.
    pub fn tags(&self) -> Vec<String> {
        let given = self.attributes.truthy("langfuse.trace.tags").or_else(|| self.attributes.truthy("langfuse.tags"));
        let text = match given {
            Some(Value::Array(tags)) => return tags.iter().map(text_of).collect(),
            Some(Value::String(text)) => text,
            _ => return Vec::new(),
        };
        match serde_json::from_str(text) {
            Ok(Value::Array(tags)) => tags.iter().map(text_of).collect(),
            _ => text.split(',').map(|tag| tag.trim().to_owned()).collect(),
        }
    }

    /// `langfuse.trace.public`, `true` as flag or text.
    pub fn public(&self) -> bool {
        self.attributes.get("langfuse.trace.public").is_some_and(|flag| text_of(flag) == "true")
    }

    /// Metadata of the observation.
    pub fn metadata(&self) -> Map<String, Value> {
        content::metadata(&self.attributes, "langfuse.observation.metadata")
    }

    /// Metadata of the trace.
    pub fn trace_metadata(&self) -> Map<String, Value> {
        content::metadata(&self.attributes, "langfuse.trace.metadata")
    }
}

/// Before 3.59 the server knew user, session, environment and tags, but no attribute of observations or traces.
fn without_langfuse(attributes: Attributes) -> Attributes {
    let unknown = ["langfuse.observation.", "langfuse.trace.", "langfuse.internal.", "langfuse.version", "langfuse.release"];
    Attributes(attributes.0.into_iter().filter(|(key, _)| !unknown.iter().any(|prefix| key.starts_with(prefix))).collect())
}

fn parameter(value: Value) -> Value {
    if value.is_string() || value.is_number() { value } else { Value::String(value.to_string()) }
}

fn name(span: &Value, attributes: &Attributes) -> Value {
    let named = attributes.first_text(&["gen_ai.tool.name", "genkit:name", "logfire.msg"]).map(Value::String);
    named.or_else(|| span.get("name").cloned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const V4: ServerVersion = ServerVersion::new(4, 16, 0);

    fn read(span: &Value) -> Span {
        Span::read(span, V4).unwrap()
    }

    #[test]
    fn ids_are_taken_literally() {
        let span = read(&json!({"traceId": "ABC=", "spanId": [10, 255], "parentSpanId": "0000000000000000"}));
        assert_eq!((span.trace_id.as_str(), span.span_id.as_str(), span.parent.as_deref()), ("ABC=", "0aff", Some("0000000000000000")));
        let root = read(&json!({"traceId": "", "spanId": "", "parentSpanId": ""}));
        assert_eq!((root.span_id.as_str(), root.parent.as_deref(), root.is_root()), ("", None, true));
        let old = Span::read(&json!({"traceId": "ab", "spanId": [1]}), ServerVersion::new(3, 80, 0)).unwrap();
        assert_eq!((old.trace_id.as_str(), old.span_id.as_str()), ("6162", "01"));
        assert_eq!(Span::read(&json!({"spanId": "a"}), V4).err(), Some(LostReason::Malformed));
    }

    #[test]
    fn times_are_cut_to_milliseconds_and_fill_each_other() {
        let ids = json!({"traceId": "a", "spanId": "b"});
        let with = |pairs: &[(&str, Value)]| {
            let mut span = ids.clone();
            pairs.iter().for_each(|(key, value)| span[*key] = value.clone());
            let span = read(&span);
            (span.start_ms, span.end_ms)
        };
        assert_eq!(with(&[("startTimeUnixNano", json!("1999999")), ("endTimeUnixNano", json!(5_000_000))]), (1, Some(5)));
        assert_eq!(with(&[("startTimeUnixNano", json!("7000000"))]), (7, Some(7)));
        assert_eq!(with(&[("endTimeUnixNano", json!("7000000")), ("startTimeUnixNano", json!("soon"))]), (7, Some(7)));
        let (start, end) = with(&[]);
        assert_eq!(Some(start), end);
    }

    #[test]
    fn tags_have_three_forms() {
        let tags = |value: Value| {
            let span = json!({"traceId": "a", "spanId": "b", "attributes": [{"key": "langfuse.trace.tags", "value": value}]});
            read(&span).tags()
        };
        assert_eq!(tags(json!({"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": 1}]}})), ["a", "1"]);
        assert_eq!(tags(json!({"stringValue": "[\"a\", \"b\"]"})), ["a", "b"]);
        assert_eq!(tags(json!({"stringValue": "a, b"})), ["a", "b"]);
    }
}
