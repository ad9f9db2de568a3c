//! The check that refuses a whole request since 4.4 (`reference/langfuse.md` §4, "What refuses a whole request").

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::emulator::langfuse::rules::truthy;

/// What is wrong with a request.
#[derive(Debug, Default)]
struct Findings {
    spans: usize,
    bad_spans: usize,
    bad_lists: usize,
    reasons: BTreeMap<String, usize>,
    scopes: BTreeSet<String>,
}

/// The refusal of a request, naming counts and reasons; nothing when it is in order.
pub fn refusal(resource_spans: &Value) -> Option<String> {
    let mut findings = Findings::default();
    for resource in resource_spans.as_array().into_iter().flatten() {
        findings.resource(resource);
    }
    (findings.bad_spans + findings.bad_lists > 0).then(|| findings.text())
}

impl Findings {
    fn resource(&mut self, resource: &Value) {
        if malformed(resource.pointer("/resource/attributes")) {
            self.bad_list("resource.attributes:not_an_array");
        }
        if malformed(resource.get("scopeSpans")) {
            self.bad_list("scopeSpans:not_an_array");
        }
        for scope in list(resource.get("scopeSpans")) {
            self.scope(scope);
        }
    }

    fn scope(&mut self, scope: &Value) {
        let before = self.bad_spans + self.bad_lists;
        if malformed(scope.pointer("/scope/attributes")) {
            self.bad_list("scope.attributes:not_an_array");
        }
        if malformed(scope.get("spans")) {
            self.bad_list("spans:not_an_array");
        }
        for span in list(scope.get("spans")) {
            self.span(span);
        }
        if self.bad_spans + self.bad_lists > before
            && let Some(name) = scope.pointer("/scope/name").and_then(Value::as_str)
        {
            self.scopes.insert(name.to_owned());
        }
    }

    fn span(&mut self, span: &Value) {
        self.spans += 1;
        let reasons = span_reasons(span);
        self.bad_spans += usize::from(!reasons.is_empty());
        for reason in reasons {
            *self.reasons.entry(reason).or_default() += 1;
        }
    }

    fn bad_list(&mut self, reason: &str) {
        self.bad_lists += 1;
        *self.reasons.entry(reason.to_owned()).or_default() += 1;
    }

    fn text(&self) -> String {
        let mut problems = Vec::new();
        if self.bad_spans > 0 {
            problems.push(format!("{} of {} span(s) cannot be processed", self.bad_spans, self.spans));
        }
        if self.bad_lists > 0 {
            problems.push(format!("{} resource- or scope-level field(s) are present but not arrays", self.bad_lists));
        }
        let reasons: Vec<&str> = self.reasons.keys().map(String::as_str).collect();
        let scopes: Vec<&str> = self.scopes.iter().map(String::as_str).take(5).collect();
        let scopes = if scopes.is_empty() { "unknown".to_owned() } else { scopes.join(", ") };
        format!("Invalid OTLP trace export: {} ({}). No span of it was stored. Scopes: {scopes}.", problems.join("; "), reasons.join(", "))
    }
}

fn span_reasons(span: &Value) -> Vec<String> {
    let mut reasons = Vec::new();
    let mut id = |key: &str, given: Option<&Value>| {
        if let Some(reason) = id_reason(given) {
            reasons.push(format!("{key}:{reason}"));
        }
    };
    id("traceId", span.get("traceId"));
    id("spanId", span.get("spanId"));
    if let Some(parent) = span.get("parentSpanId").filter(|parent| truthy(parent)) {
        id("parentSpanId", Some(parent));
    }
    if malformed(span.get("attributes")) {
        reasons.push("attributes:not_an_array".into());
    }
    if malformed(span.get("events")) {
        reasons.push("events:not_an_array".into());
    }
    if list(span.get("events")).iter().any(|event| malformed(event.get("attributes"))) {
        reasons.push("event.attributes:not_an_array".into());
    }
    reasons
}

/// Text and byte arrays can be read as ids, and a `Buffer` that went through JSON.
fn id_reason(given: Option<&Value>) -> Option<&'static str> {
    match given {
        None | Some(Value::Null) => Some("absent"),
        Some(Value::String(_) | Value::Array(_)) => None,
        Some(Value::Object(map))
            if map.get("type").is_some_and(|kind| kind == "Buffer") && map.get("data").is_some_and(Value::is_array) =>
        {
            None
        }
        Some(_) => Some("not_an_id"),
    }
}

fn malformed(list: Option<&Value>) -> bool {
    list.is_some_and(|list| !list.is_null() && !list.is_array())
}

fn list(given: Option<&Value>) -> &[Value] {
    given.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spans(spans: &Value) -> Value {
        json!([{ "scopeSpans": [{ "scope": { "name": "mine" }, "spans": spans }] }])
    }

    #[test]
    fn names_each_reason() {
        let cases = [
            (spans(&json!([{"spanId": "a"}])), "traceId:absent"),
            (spans(&json!([{"traceId": "a"}])), "spanId:absent"),
            (spans(&json!([{"traceId": "a", "spanId": null}])), "spanId:absent"),
            (spans(&json!([{"traceId": 5, "spanId": "a"}])), "traceId:not_an_id"),
            (spans(&json!([{"traceId": "a", "spanId": {"data": [1]}}])), "spanId:not_an_id"),
            (spans(&json!([{"traceId": "a", "spanId": "b", "parentSpanId": 7}])), "parentSpanId:not_an_id"),
            (spans(&json!([{"traceId": "a", "spanId": "b", "attributes": {}}])), "attributes:not_an_array"),
            (spans(&json!([{"traceId": "a", "spanId": "b", "events": "x"}])), "events:not_an_array"),
            (spans(&json!([{"traceId": "a", "spanId": "b", "events": [{"attributes": {}}]}])), "event.attributes:not_an_array"),
            (spans(&json!([null])), "spanId:absent, traceId:absent"),
            (spans(&json!({})), "spans:not_an_array"),
            (json!([{"scopeSpans": {}}]), "scopeSpans:not_an_array"),
            (json!([{"resource": {"attributes": {}}}]), "resource.attributes:not_an_array"),
            (json!([{"scopeSpans": [{"scope": {"attributes": {}}}]}]), "scope.attributes:not_an_array"),
        ];
        for (request, reason) in cases {
            let text = refusal(&request).unwrap_or_default();
            assert!(text.contains(&format!("({reason})")), "{request}: {text}");
        }
    }

    #[test]
    fn counts_the_bad_spans_and_names_their_scope() {
        let request = spans(&json!([{"traceId": "a", "spanId": "b"}, {"traceId": "a"}]));
        let expected =
            "Invalid OTLP trace export: 1 of 2 span(s) cannot be processed (spanId:absent). No span of it was stored. Scopes: mine.";
        assert_eq!(refusal(&request).as_deref(), Some(expected));
    }

    #[test]
    fn lets_through_what_can_be_read() {
        let whole = json!([{"traceId": "", "spanId": [1, 2], "parentSpanId": "", "attributes": [], "events": null}]);
        for request in [spans(&whole), json!([]), json!({}), json!([null]), json!([{"scopeSpans": null}])] {
            assert_eq!(refusal(&request), None, "{request}");
        }
    }
}
