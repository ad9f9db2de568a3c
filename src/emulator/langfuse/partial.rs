//! A batch of which the server takes some events and stumbles over others: 207 with both lists (`reference/langfuse.md` §2).

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};

use super::incoming::Incoming;
use super::reply;

/// Takes the events whose text contains `text` out of a batch: what is left, and the envelope ids of the others.
pub(super) fn without(incoming: &Incoming, text: &str) -> (Incoming, Vec<String>) {
    let mut body: Value = serde_json::from_slice(&incoming.body).unwrap_or_default();
    let mut refused = Vec::new();
    if let Some(Value::Array(events)) = body.get_mut("batch") {
        events.retain(|event| {
            let spared = !event.to_string().contains(text);
            if !spared {
                refused.push(event["id"].as_str().unwrap_or_default().to_owned());
            }
            spared
        });
    }
    (with_body(incoming, Bytes::from(body.to_string())), refused)
}

fn with_body(incoming: &Incoming, body: Bytes) -> Incoming {
    let mut request = Request::new(body);
    *request.method_mut() = incoming.method.clone();
    *request.headers_mut() = incoming.headers.clone();
    // Path and query came out of a request, so they make one again.
    *request.uri_mut() = format!("{}?{}", incoming.path, incoming.query).parse().unwrap_or_default();
    Incoming::new(request)
}

/// The answer with these events among the errors.
pub(super) fn with_errors(real: Response<Bytes>, refused: &[String], status: u16) -> Response<Bytes> {
    let mut body: Value = serde_json::from_slice(real.body()).unwrap_or_default();
    if let Some(Value::Array(errors)) = body.get_mut("errors") {
        errors.extend(refused.iter().map(|id| json!({"id": id, "status": status, "message": "scripted", "error": "scripted"})));
    }
    reply::json(real.status(), &body)
}
