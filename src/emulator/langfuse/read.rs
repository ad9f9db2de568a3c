//! Reading back: the small part of the reading API that checks and doctors use (`reference/langfuse.md` §14).

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use super::auth::Caller;
use super::incoming::Incoming;
use super::reply;
use super::rules::time::iso;
use super::store::Store;
use super::store::observation::{StoredObservation, StoredTrace};
use super::world::WriteMode;

/// Rows of one answer where the request names no limit.
const DEFAULT_LIMIT: usize = 50;
/// Most rows of one answer.
const MAX_LIMIT: usize = 1000;

/// `GET /api/public/v2/observations`: rows of `events_full`, duplicates included until the database merges.
pub fn observations_v2(store: &Store, mode: WriteMode, caller: &Caller, incoming: &Incoming) -> Response<Bytes> {
    if mode == WriteMode::Legacy {
        return reply::not_found();
    }
    let query = incoming.parameters();
    let fields = query.get("fields").map_or("core,basic", String::as_str);
    let offset = query.get("cursor").and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
    let rows: Vec<&StoredObservation> = store.events_full.unmerged().iter().filter(|row| wanted(row, caller, &query)).collect();
    let limit = limit(&query);
    let data: Vec<Value> = rows.iter().skip(offset).take(limit).map(|row| grouped(row, fields)).collect();
    let next = offset.saturating_add(limit);
    let meta = if next < rows.len() { json!({ "cursor": next.to_string() }) } else { json!({}) };
    reply::json(StatusCode::OK, &json!({ "data": data, "meta": meta }))
}

/// `GET /api/public/observations`: rows of the old table. 404 in events_only.
pub fn observations_v1(store: &Store, mode: WriteMode, caller: &Caller, incoming: &Incoming) -> Response<Bytes> {
    if mode == WriteMode::EventsOnly {
        return reply::not_found();
    }
    let query = incoming.parameters();
    let rows: Vec<StoredObservation> = store.old.observations().into_iter().filter(|row| wanted(row, caller, &query)).collect();
    let limit = limit(&query);
    let page = query.get("page").and_then(|page| page.parse::<usize>().ok()).unwrap_or(1).max(1);
    let data: Vec<Value> = rows.iter().skip((page - 1).saturating_mul(limit)).take(limit).map(whole).collect();
    let meta = json!({"page": page, "limit": limit, "totalItems": rows.len(), "totalPages": rows.len().div_ceil(limit)});
    reply::json(StatusCode::OK, &json!({ "data": data, "meta": meta }))
}

/// `GET /api/public/traces/{id}`: a row of the old table with its observations. 404 in events_only.
pub fn trace_v1(store: &Store, mode: WriteMode, caller: &Caller, id: &str) -> Response<Bytes> {
    if mode == WriteMode::EventsOnly {
        return reply::not_found();
    }
    let Some(trace) = store.old.trace(&caller.project, id) else {
        let message = format!("Trace {id} not found within authorized project");
        return reply::json(StatusCode::NOT_FOUND, &json!({ "error": "LangfuseNotFoundError", "message": message }));
    };
    let rows = store.old.observations().into_iter().filter(|row| row.project == caller.project && row.trace_id == id);
    reply::json(StatusCode::OK, &trace_json(&trace, rows.map(|row| whole(&row)).collect()))
}

fn limit(query: &BTreeMap<String, String>) -> usize {
    query.get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT)
}

fn wanted(row: &StoredObservation, caller: &Caller, query: &BTreeMap<String, String>) -> bool {
    let equal = |key: &str, value: &str| query.get(key).is_none_or(|wanted| wanted == value);
    row.project == caller.project
        && equal("traceId", &row.trace_id)
        && equal("type", row.observation_type.as_str())
        && equal("name", row.name.as_deref().unwrap_or_default())
        && equal("environment", &row.environment)
}

fn grouped(row: &StoredObservation, fields: &str) -> Value {
    let mut shown = object(core(row));
    for group in fields.split(',').map(str::trim) {
        shown.extend(object(match group {
            "basic" => basic(row),
            "time" => json!({"completionStartTime": row.completion_start_ms.map(iso)}),
            "io" => json!({"input": row.input, "output": row.output}),
            "metadata" => json!({"metadata": row.metadata}),
            "model" => json!({"providedModelName": row.model, "modelParameters": row.model_parameters}),
            "usage" => {
                json!({"usageDetails": row.usage_details, "costDetails": row.cost_details, "totalCost": row.cost_details.get("total")})
            }
            "prompt" => json!({"promptName": row.prompt_name, "promptVersion": row.prompt_version}),
            "trace_context" => json!({"tags": row.tags, "release": row.release, "traceName": row.trace_name}),
            _ => json!({}),
        }));
    }
    Value::Object(shown)
}

/// An observation of the v1 calls, `ObservationsView` of the published API description. Prices are not played, so they are null.
fn whole(row: &StoredObservation) -> Value {
    let mut shown = object(grouped(row, "basic,time,io,metadata,usage,prompt"));
    shown.extend(object(json!({
        "model": row.model, "modelParameters": row.model_parameters, "usage": usage(row), "unit": "TOKENS",
        "modelId": null, "inputPrice": null, "outputPrice": null, "totalPrice": null,
        "calculatedInputCost": row.cost_details.get("input"), "calculatedOutputCost": row.cost_details.get("output"),
        "calculatedTotalCost": row.cost_details.get("total"),
        "latency": row.end_ms.map(|end| seconds(end - row.start_ms)),
        "timeToFirstToken": row.completion_start_ms.map(|first| seconds(first - row.start_ms)),
    })));
    Value::Object(shown)
}

fn usage(row: &StoredObservation) -> Value {
    let count = |bucket: &str| row.usage_details.get(bucket).copied().unwrap_or(0);
    json!({"input": count("input"), "output": count("output"), "total": count("total"), "unit": "TOKENS"})
}

#[allow(clippy::cast_precision_loss, reason = "durations are far below 2^52 milliseconds")]
fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1000.0
}

fn core(row: &StoredObservation) -> Value {
    json!({"id": row.span_id, "traceId": row.trace_id, "startTime": iso(row.start_ms), "endTime": row.end_ms.map(iso),
        "projectId": row.project, "parentObservationId": row.parent_span_id, "type": row.observation_type.as_str()})
}

fn basic(row: &StoredObservation) -> Value {
    json!({"name": row.name, "level": row.level.as_str(), "statusMessage": row.status_message, "version": row.version,
        "environment": row.environment, "bookmarked": false, "public": row.public, "userId": row.user_id, "sessionId": row.session_id,
        "isRootObservation": row.parent_span_id.is_none() || row.app_root})
}

fn trace_json(trace: &StoredTrace, observations: Vec<Value>) -> Value {
    json!({"id": trace.id, "timestamp": iso(trace.timestamp_ms), "name": trace.name, "input": trace.input, "output": trace.output,
        "sessionId": trace.session_id, "userId": trace.user_id, "release": trace.release, "version": trace.version, "tags": trace.tags,
        "public": trace.public, "environment": trace.environment, "metadata": trace.metadata, "projectId": trace.project,
        "createdAt": iso(trace.timestamp_ms), "updatedAt": iso(trace.timestamp_ms), "bookmarked": false, "externalId": null,
        "htmlPath": format!("/project/{}/traces/{}", trace.project, trace.id), "latency": latency(&observations),
        "totalCost": total_cost(&observations), "scores": [], "observations": observations})
}

/// From the first start to the last end, in seconds.
fn latency(observations: &[Value]) -> f64 {
    let moments = |name: &str| observations.iter().filter_map(|row| row[name].as_str()?.parse().ok()).collect::<Vec<jiff::Timestamp>>();
    let (starts, ends) = (moments("startTime"), moments("endTime"));
    let span = starts.iter().min().zip(ends.iter().max()).map_or(0, |(start, end)| end.as_millisecond() - start.as_millisecond());
    seconds(span.max(0))
}

fn total_cost(observations: &[Value]) -> f64 {
    observations.iter().filter_map(|row| row["calculatedTotalCost"].as_f64()).sum()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
