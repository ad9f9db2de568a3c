//! `POST /api/public/ingestion`: body rules, envelope, per-event answers (`reference/langfuse.md` §2, §3, §8).

mod body;
mod event;
mod issues;
mod stored;

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::auth::{self, Access, Caller};
use super::incoming::Incoming;
use super::reply;
use super::store::Store;
use super::world::{LangfuseWorld, WriteMode};
use event::{Event, Kind};

/// Where the endpoint is.
pub const PATH: &str = "/api/public/ingestion";

/// Largest body in bytes, uncompressed because nothing else is undone (`reference/langfuse.md` §3).
pub const MAX_BODY: usize = 4_718_592;

/// Answers a request, and how many events it held. The body is read before method and key are looked at.
pub fn answer(store: &mut Store, world: &LangfuseWorld, incoming: &Incoming) -> (Response<Bytes>, usize) {
    if incoming.body.len() > MAX_BODY {
        return (reply::text(StatusCode::PAYLOAD_TOO_LARGE, "Body exceeded 4.5mb limit"), 0);
    }
    let Ok(body) = parsed(incoming) else {
        return (reply::text(StatusCode::BAD_REQUEST, "Invalid JSON"), 0);
    };
    if incoming.method != Method::POST {
        return (reply::method_not_allowed(), 0);
    }
    let caller = match auth::check(world, &mut store.bad_keys, incoming.header("authorization")) {
        Ok(caller) => caller,
        Err(text) => return (refused(StatusCode::UNAUTHORIZED, "UnauthorizedError", text), 0),
    };
    if world.suspended {
        return (refused(StatusCode::FORBIDDEN, "ForbiddenError", "Ingestion suspended: usage threshold exceeded."), 0);
    }
    match body.get("batch") {
        Some(Value::Array(events)) => (per_event(store, world, &caller, events), events.len()),
        _ => (wrong_envelope(), 0),
    }
}

fn refused(status: StatusCode, error: &str, message: &str) -> Response<Bytes> {
    reply::json(status, &json!({ "error": error, "message": message }))
}

fn wrong_envelope() -> Response<Bytes> {
    let body = json!({"message": "Invalid request data", "errors": ["Invalid input: expected array, received undefined"]});
    reply::json(StatusCode::BAD_REQUEST, &body)
}

/// The body under the JSON content types; under any other it stays a text, in which no batch is found.
fn parsed(incoming: &Incoming) -> Result<Value, serde_json::Error> {
    let content_type = incoming.header("content-type").unwrap_or_default();
    let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !["application/json", "application/ld+json"].contains(&media.as_str()) {
        return Ok(Value::Null);
    }
    if incoming.body.is_empty() { Ok(json!({})) } else { serde_json::from_str(&String::from_utf8_lossy(&incoming.body)) }
}

fn per_event(store: &mut Store, world: &LangfuseWorld, caller: &Caller, events: &[Value]) -> Response<Bytes> {
    let mode = world.effective_mode();
    let mut accepted = Vec::new();
    let mut errors = Vec::new();
    let mut refused_by_mode = Vec::new();
    for given in events {
        if mode == WriteMode::EventsOnly && !matches!(event::type_name(given), Some("score-create" | "sdk-log")) {
            refused_by_mode.push(mode_error(given));
            continue;
        }
        match event::parsed(given, world.version) {
            Err(issues) => errors.push(error(&event::reported_id(given), 400, "Invalid request data", &issues)),
            Ok(event) if !may_write(caller, &event) => errors.push(error(&event.id, 401, "Authentication error", "Access Scope Denied")),
            Ok(event) if event.kind == Kind::SdkLog => {}
            Ok(event) => accepted.push(event),
        }
    }
    accepted.sort_by_key(|event| (event.kind.is_update(), event.timestamp_ms));
    let successes: Vec<Value> = accepted.iter().map(|event| json!({"id": event.id, "status": 201})).collect();
    errors.extend(refused_by_mode);
    let job = stored::Job { project: &caller.project, version: world.version, mode };
    accepted.into_iter().for_each(|event| stored::store(store, job, event));
    reply::json(StatusCode::MULTI_STATUS, &json!({ "successes": successes, "errors": errors }))
}

fn may_write(caller: &Caller, event: &Event) -> bool {
    caller.access == Access::Project || matches!(event.kind, Kind::Score | Kind::SdkLog)
}

fn error(id: &str, status: u16, message: &str, error: &str) -> Value {
    json!({ "id": id, "status": status, "message": message, "error": error })
}

/// The per-event refusal that is the only reliable sign of the mode (`reference/langfuse.md` §1).
fn mode_error(given: &Value) -> Value {
    let name = event::type_name(given).unwrap_or("unknown");
    let text = format!("Event type \"{name}\" is not accepted by {PATH} when LANGFUSE_MIGRATION_V4_WRITE_MODE is events_only.");
    error(&event::reported_id(given), 400, "Event type not accepted", &text)
}

/// How many events a request holds, as far as it can be read.
pub fn items(incoming: &Incoming) -> usize {
    events(incoming).len()
}

/// Whether a request holds an event with this body id.
pub fn has_body(incoming: &Incoming, id: &str) -> bool {
    events(incoming).iter().filter_map(|event| event.pointer("/body/id")).any(|found| found == id)
}

fn events(incoming: &Incoming) -> Vec<Value> {
    let mut body = if incoming.path == PATH { parsed(incoming).unwrap_or_default() } else { Value::Null };
    match body.get_mut("batch").map(Value::take) {
        Some(Value::Array(events)) => events,
        _ => Vec::new(),
    }
}
