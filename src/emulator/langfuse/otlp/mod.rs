//! `POST /api/public/otel/v1/traces`: transport rules and answers (`reference/langfuse.md` §2, §3, §4). Interpretation happens in `worker`.

mod attributes;
mod content;
mod decode;
mod direct;
mod genai_usage;
mod kind;
mod legacy;
mod primitive;
mod source;
mod span;
mod validate;
mod worker;

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::auth::Caller;
use super::incoming::Incoming;
use super::reply;
use super::store::Store;
use super::version::{ServerVersion, since};
use super::world::{LangfuseWorld, WriteMode};

/// Where the endpoint is.
pub const PATH: &str = "/api/public/otel/v1/traces";

/// Answers a request whose key is good, and how many spans it held.
pub fn answer(store: &mut Store, world: &LangfuseWorld, caller: &Caller, incoming: &Incoming) -> (Response<Bytes>, usize) {
    match accepted(world, incoming) {
        Ok(Some((spans, direct))) => (published(store, world, caller, &spans, direct), worker::count(&spans)),
        Ok(None) if world.version < since::ANSWER_200 => {
            (reply::json(StatusCode::MULTI_STATUS, &json!({"successes": [], "errors": []})), 0)
        }
        Ok(None) => (reply::json(StatusCode::OK, &json!({})), 0),
        Err(error) => (reply::json(StatusCode::BAD_REQUEST, &json!({ "error": error })), items(incoming)),
    }
}

/// How many spans a request holds, as far as it can be read.
pub fn items(incoming: &Incoming) -> usize {
    readable(incoming).map(|spans| worker::count(&spans)).unwrap_or_default()
}

fn readable(incoming: &Incoming) -> Option<Value> {
    let newest = ServerVersion::new(u32::MAX, 0, 0);
    if incoming.path == PATH { resource_spans(incoming, newest).ok() } else { None }
}

/// The spans of a request and whether it asked for the direct path; nothing where it holds none.
fn accepted(world: &LangfuseWorld, incoming: &Incoming) -> Result<Option<(Value, bool)>, String> {
    let spans = resource_spans(incoming, world.version)?;
    if spans.as_array().is_some_and(Vec::is_empty) || !super::rules::truthy(&spans) {
        return Ok(None);
    }
    if world.version >= since::REQUEST_VALIDATION
        && let Some(refusal) = validate::refusal(&spans)
    {
        return Err(refusal);
    }
    let direct = wants_direct(incoming, world.version)?;
    Ok(Some((spans, direct)))
}

/// The spans as JSON, whatever the encoding.
///
/// # Errors
/// The text of the 400.
pub fn resource_spans(incoming: &Incoming, version: ServerVersion) -> Result<Value, String> {
    let gzip = version >= since::GZIP && incoming.is_gzip();
    let body = if gzip { incoming.inflated().ok_or("Failed to decompress request body")? } else { &incoming.body };
    let content_type = incoming.header("content-type").unwrap_or_default().to_lowercase();
    if content_type.contains("application/json") && version >= since::OTLP_JSON {
        return json_spans(body).ok_or_else(|| "Failed to parse OTel JSON Trace".into());
    }
    if content_type.contains("application/x-protobuf") {
        return decode::protobuf(body, version).map_err(|_| "Failed to parse OTel Protobuf Trace".into());
    }
    Err("Invalid content type".into())
}

fn json_spans(body: &[u8]) -> Option<Value> {
    let mut parsed: Value = serde_json::from_slice(body).ok()?;
    (!parsed.is_null()).then(|| parsed.get_mut("resourceSpans").map(Value::take).unwrap_or_default())
}

/// The ingestion version of a request, or the same effect through a newer SDK (`reference/langfuse.md` §1).
fn wants_direct(incoming: &Incoming, version: ServerVersion) -> Result<bool, String> {
    let given = incoming.langfuse_header("x-langfuse-ingestion-version").filter(|given| !given.is_empty());
    let Some(given) = given.filter(|_| version >= since::INGESTION_VERSION) else { return Ok(by_sdk(incoming)) };
    match leading_number(given) {
        Some(number) if number <= 4 => Ok(number == 4 || by_sdk(incoming)),
        _ => Err(format!("Unsupported x-langfuse-ingestion-version: \"{given}\". Maximum supported: \"4\".")),
    }
}

fn by_sdk(incoming: &Incoming) -> bool {
    let version = incoming.langfuse_header("x-langfuse-sdk-version").and_then(leading_number).unwrap_or_default();
    match incoming.langfuse_header("x-langfuse-sdk-name") {
        Some("python") => version >= 4,
        Some("javascript") => version >= 5,
        _ => false,
    }
}

/// What JavaScript's `parseInt` reads, as far as it is digits.
fn leading_number(text: &str) -> Option<u64> {
    let digits: String = text.trim_start().chars().take_while(char::is_ascii_digit).collect();
    if digits.is_empty() { None } else { Some(digits.parse().unwrap_or(u64::MAX)) }
}

fn published(store: &mut Store, world: &LangfuseWorld, caller: &Caller, spans: &Value, direct: bool) -> Response<Bytes> {
    let mode = world.effective_mode();
    let job = worker::Job { project: &caller.project, version: world.version, mode, direct: direct || mode == WriteMode::EventsOnly };
    if world.keep_sources {
        source::keep(store, &caller.project, spans, world.version);
    }
    let outcome = worker::run(store, job, spans);
    if world.version >= since::ANSWER_200 {
        return reply::json(
            StatusCode::OK,
            &json!({"name": "otel-ingestion-job", "data": {"name": "otel-ingestion-job"}, "attemptsMade": 0}),
        );
    }
    let successes: Vec<Value> = outcome.stored.iter().map(|id| json!({"id": id, "status": 201})).collect();
    let errors: Vec<Value> =
        outcome.dropped.iter().map(|id| json!({"id": id, "status": 400, "message": "Invalid request data", "error": "[]"})).collect();
    reply::json(StatusCode::MULTI_STATUS, &json!({"successes": successes, "errors": errors}))
}

/// Whether a request holds a span with this id.
pub fn has_span(incoming: &Incoming, id: &str) -> bool {
    readable(incoming).is_some_and(|spans| worker::has_span(&spans, id))
}
