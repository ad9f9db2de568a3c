//! What the page gets to read, as JSON. Times are milliseconds since 1970, cost is in US dollars, ids are as stored.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Shown;
use super::preview::preview;
use super::search::Search;
use super::view::{self, Group, Row};
use crate::emulator::langfuse::store::observation::{StoredObservation, StoredTrace};
use crate::emulator::langfuse::store::sources::Source;
use crate::emulator::langfuse::world::WriteMode;

/// Traces of one answer where the request names no limit.
const DEFAULT_LIMIT: usize = 100;
/// Most traces of one answer.
const MAX_LIMIT: usize = 500;

/// The parameters of a request.
type Asked = BTreeMap<String, String>;

/// What changes while things arrive.
pub fn now(shown: Shown<'_>) -> Value {
    let mode = match shown.mode {
        WriteMode::EventsOnly => "events_only",
        WriteMode::Dual => "dual",
        WriteMode::Legacy => "legacy",
    };
    json!({"revision": shown.revision, "traces": view::groups(shown).len(), "arrivals": shown.store.arrivals.len(),
        "lost": shown.store.lost.len(), "release": shown.version.to_string(), "mode": mode})
}

/// The traces that somebody looks for, from `offset` on.
pub fn traces(shown: Shown<'_>, asked: &Asked) -> Value {
    let search = Search::read(asked);
    let found: Vec<_> = view::groups(shown).into_iter().filter(|group| search.finds(group, || group.trace(shown))).collect();
    let number = |name: &str| asked.get(name).and_then(|text| text.parse::<usize>().ok());
    let limit = number("limit").unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);
    let lines = found.iter().skip(number("offset").unwrap_or(0)).take(limit).map(|group| line(group, &group.trace(shown)));
    json!({"revision": shown.revision, "total": found.len(), "traces": lines.collect::<Vec<_>>()})
}

/// One trace: itself with its texts, and its observations without theirs.
pub fn trace(shown: Shown<'_>, asked: &Asked) -> Option<Value> {
    let group = view::group(shown, asked.get("project"), asked.get("id")?)?;
    let trace = group.trace(shown);
    let mut about = line(&group, &trace);
    let more = json!({"release": trace.release, "version": trace.version, "public": trace.public,
        "input": trace.input, "output": trace.output, "metadata": trace.metadata});
    extend(&mut about, more);
    let rows: Vec<Value> = group.rows.iter().map(row).collect();
    Some(json!({"revision": shown.revision, "trace": about, "observations": rows}))
}

/// One observation with everything that is stored of it; where several rows have its id, the one with this start, else the first.
pub fn observation(shown: Shown<'_>, asked: &Asked) -> Option<Value> {
    let group = view::group(shown, asked.get("project"), asked.get("trace")?)?;
    let id = asked.get("id")?;
    let start: Option<i64> = asked.get("start").and_then(|start| start.parse().ok());
    let mut own = group.rows.iter().filter(|row| row.observation.span_id == *id);
    let found = own.find(|row| start.is_none_or(|start| row.observation.start_ms == start))?;
    let mut about = row(found);
    extend(&mut about, details(found.observation));
    Some(about)
}

/// What was sent for an observation, or for a trace where no observation is named.
pub fn raw(shown: Shown<'_>, asked: &Asked) -> Option<Value> {
    let group = view::group(shown, asked.get("project"), asked.get("trace")?)?;
    let (project, trace) = group.name;
    let id = asked.get("id")?;
    if let Some(Source { resource, scope, span }) = shown.store.sources.of(project, trace, id) {
        return Some(json!({"api": "otlp", "resource": resource, "scope": scope, "span": span}));
    }
    let events = group.rows.iter().filter(|row| row.observation.span_id == *id).flat_map(|row| {
        let kind = row.observation.observation_type;
        let event = |update: bool| if update { "update" } else { "create" };
        let events = shown.store.old.events(project, kind, id);
        events
            .iter()
            .map(move |raw| json!({"id": raw.envelope_id, "does": event(raw.update), "timestamp": raw.timestamp_ms, "body": raw.body}))
    });
    let events: Vec<Value> = events.collect();
    (!events.is_empty()).then(|| json!({"api": "batch", "events": events}))
}

/// What was lost, the newest in front.
pub fn lost(shown: Shown<'_>) -> Value {
    let lost = shown.store.lost.iter().rev().take(MAX_LIMIT);
    let lines = lost.map(|lost| json!({"reason": lost.reason.as_str(), "observations": lost.observations, "id": lost.id}));
    json!({"total": shown.store.lost.len(), "lost": lines.collect::<Vec<_>>()})
}

fn line(group: &Group<'_>, trace: &StoredTrace) -> Value {
    let (project, id) = group.name;
    let start = group.start_ms().unwrap_or(trace.timestamp_ms);
    let input = trace.input.as_deref().or_else(|| group.rows.iter().find_map(|row| row.observation.input.as_deref()));
    let total = group.tokens("total");
    let usage = json!({"input": group.tokens("input"), "output": group.tokens("output"), "total": total});
    json!({"project": project, "id": id, "name": trace.name, "start": start, "end": group.end_ms(), "observations": group.rows.len(),
        "level": group.level().as_str(), "models": group.models(), "user": trace.user_id, "session": trace.session_id, "tags": trace.tags,
        "environment": trace.environment, "usage": usage, "cost": group.cost(), "preview": input.map(preview)})
}

fn row(row: &Row<'_>) -> Value {
    let Row { observation: own, arrivals } = *row;
    json!({"id": own.span_id, "parent": own.parent_span_id, "type": own.observation_type.as_str(), "name": own.name,
        "start": own.start_ms, "end": own.end_ms, "firstToken": own.completion_start_ms, "level": own.level.as_str(),
        "statusMessage": own.status_message, "model": own.model, "usage": own.usage_details, "cost": view::cost(own), "arrivals": arrivals})
}

fn details(own: &StoredObservation) -> Value {
    let prompt = own.prompt_name.as_ref().map(|name| json!({"name": name, "version": own.prompt_version}));
    json!({"modelParameters": own.model_parameters, "costDetails": own.cost_details, "input": own.input, "output": own.output,
        "metadata": own.metadata, "prompt": prompt, "version": own.version, "environment": own.environment})
}

fn extend(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend::<Map<String, Value>>(more);
    }
}
