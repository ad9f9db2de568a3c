//! The spans of a request as they were sent, kept for people who look at them. Rules nothing.

use std::sync::Arc;

use serde_json::Value;

use super::primitive::parse_id;
use crate::emulator::langfuse::store::Store;
use crate::emulator::langfuse::store::sources::Source;
use crate::emulator::langfuse::version::ServerVersion;

const IDS: [&str; 3] = ["traceId", "spanId", "parentSpanId"];

/// Keeps every span of a request whose ids can be read, ids as text.
pub fn keep(store: &mut Store, project: &str, resource_spans: &Value, version: ServerVersion) {
    for resource_span in list(resource_spans) {
        let resource = part(resource_span, "resource");
        for scope_span in list(&resource_span["scopeSpans"]) {
            let scope = part(scope_span, "scope");
            for span in list(&scope_span["spans"]) {
                let Some((trace, id, span)) = named(span, version) else { continue };
                let source = Source { resource: resource.clone(), scope: scope.clone(), span };
                store.sources.keep(project, trace, id, source);
            }
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn part(value: &Value, key: &str) -> Arc<Value> {
    Arc::new(value.get(key).cloned().unwrap_or_default())
}

/// Trace id, span id, and the span with its ids as text.
fn named(span: &Value, version: ServerVersion) -> Option<(String, String, Value)> {
    let id = |key: &str| parse_id(span.get(key)?, version).ok();
    let mut shown = span.clone();
    for key in IDS {
        if let (Some(text), Some(place)) = (id(key), shown.get_mut(key)) {
            *place = Value::String(text);
        }
    }
    Some((id("traceId")?, id("spanId")?, shown))
}
