//! Which endpoint a request is for, and who may call it (`reference/langfuse.md` §2).

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use serde_json::json;

use super::auth::{self, Access, Caller};
use super::incoming::Incoming;
use super::store::Store;
use super::version::since;
use super::world::{Health, LangfuseWorld};
use super::{batch, otlp, read, reply};

const TRACES: &str = "/api/public/traces/";

/// The real answer to a request, and how many spans or events it held.
pub fn answer(store: &mut Store, world: &LangfuseWorld, incoming: &Incoming) -> (Response<Bytes>, usize) {
    if world.body_limit.is_some_and(|limit| incoming.body.len() > limit) {
        return (reply::page(StatusCode::PAYLOAD_TOO_LARGE), 0);
    }
    match incoming.path.as_str() {
        batch::PATH => batch::answer(store, world, incoming),
        otlp::PATH if world.version >= since::OTLP => traces(store, world, incoming),
        _ => (reading(store, world, incoming), 0),
    }
}

fn traces(store: &mut Store, world: &LangfuseWorld, incoming: &Incoming) -> (Response<Bytes>, usize) {
    if incoming.method != Method::POST {
        return (reply::method_not_allowed(), 0);
    }
    match caller(store, world, incoming) {
        Err(refusal) => (refused(refusal), 0),
        Ok(_) if world.suspended => {
            let body = json!({"message": "Ingestion suspended: usage threshold exceeded.", "error": "ForbiddenError"});
            (reply::json(StatusCode::FORBIDDEN, &body), 0)
        }
        Ok(caller) => otlp::answer(store, world, &caller, incoming),
    }
}

/// The caller with a project key.
///
/// # Errors
/// Status and text of the refusal.
fn caller(store: &mut Store, world: &LangfuseWorld, incoming: &Incoming) -> Result<Caller, (StatusCode, &'static str)> {
    let caller = auth::check(world, &mut store.bad_keys, incoming.header("authorization"));
    let caller = caller.map_err(|message| (StatusCode::UNAUTHORIZED, message))?;
    match caller.access {
        Access::Project => Ok(caller),
        Access::Scores => Err((StatusCode::FORBIDDEN, "Access denied: a secret key is needed here")),
    }
}

fn refused((status, message): (StatusCode, &str)) -> Response<Bytes> {
    reply::json(status, &json!({ "message": message }))
}

fn reading(store: &mut Store, world: &LangfuseWorld, incoming: &Incoming) -> Response<Bytes> {
    let path = incoming.path.as_str();
    let keyed =
        matches!(path, "/api/public/projects" | "/api/public/v2/observations" | "/api/public/observations") || path.starts_with(TRACES);
    if !keyed && !matches!(path, "/api/public/health" | "/api/public/ready") {
        return reply::not_found();
    }
    if incoming.method != Method::GET {
        return reply::method_not_allowed();
    }
    if !keyed {
        return if path == "/api/public/health" { health(world) } else { reply::json(StatusCode::OK, &json!({"status": "OK"})) };
    }
    match caller(store, world, incoming) {
        Ok(caller) => keyed_reading(store, world, &caller, incoming),
        Err(refusal) => refused(refusal),
    }
}

fn keyed_reading(store: &Store, world: &LangfuseWorld, caller: &Caller, incoming: &Incoming) -> Response<Bytes> {
    let mode = world.effective_mode();
    match incoming.path.as_str() {
        "/api/public/projects" => {
            let organization = json!({"id": "organization-emulator", "name": "organization-emulator"});
            let project = json!({"id": caller.project, "name": caller.project_name, "organization": organization, "metadata": {}});
            reply::json(StatusCode::OK, &json!({ "data": [project] }))
        }
        "/api/public/v2/observations" => read::observations_v2(store, mode, caller, incoming),
        "/api/public/observations" => read::observations_v1(store, mode, caller, incoming),
        path => read::trace_v1(store, mode, caller, path.strip_prefix(TRACES).unwrap_or_default()),
    }
}

/// No `v` before the version, and no key needed.
fn health(world: &LangfuseWorld) -> Response<Bytes> {
    let said = |status, text: &str, version: &str| reply::json(status, &json!({ "status": text, "version": version }));
    match &world.health {
        Health::Open => said(StatusCode::OK, "OK", &world.version.to_string()),
        Health::Reports(version) => said(StatusCode::OK, "OK", version),
        Health::Unavailable => said(StatusCode::SERVICE_UNAVAILABLE, "Database not available", &world.version.to_string()),
        Health::NotFound => reply::not_found(),
        Health::Unauthorized => reply::json(StatusCode::UNAUTHORIZED, &json!({"message": "Unauthorized"})),
        Health::Page => reply::page(StatusCode::OK),
    }
}
