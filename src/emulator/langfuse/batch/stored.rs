//! Accepted events become rows of the old tables (`reference/langfuse.md` §8, §9).

use serde_json::{Map, Value};

use super::event::{Event, Kind};
use super::issues::given;
use crate::emulator::langfuse::rules::{cost, count_of, environment, text_of, time, truthy, usage};
use crate::emulator::langfuse::store::Store;
use crate::emulator::langfuse::store::lost::LostReason;
use crate::emulator::langfuse::store::observation::{Level, ObservationType, StoredObservation};
use crate::emulator::langfuse::store::old_tables::RawEvent;
use crate::emulator::langfuse::store::trace_events::TraceEvent;
use crate::emulator::langfuse::version::ServerVersion;
use crate::emulator::langfuse::world::WriteMode;

/// Where and how events are stored.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// Id of the project.
    pub project: &'a str,
    /// The release whose rules apply.
    pub version: ServerVersion,
    /// The write mode in force.
    pub mode: WriteMode,
}

/// Stores one event. Scores are accepted and not kept: nobody here reads them.
pub fn store(store: &mut Store, job: Job<'_>, event: Event) {
    match event.kind {
        Kind::Trace => trace(store, job, event),
        Kind::Observation { kind, .. } => observation(store, job, kind, event),
        Kind::OldObservation { .. } => {
            let kind = event.body.get("type").and_then(Value::as_str).and_then(ObservationType::from_table);
            observation(store, job, kind.unwrap_or(ObservationType::Span), event);
        }
        Kind::Score | Kind::SdkLog => {}
    }
}

fn trace(store: &mut Store, job: Job<'_>, event: Event) {
    let Some(id) = event.body.get("id").and_then(Value::as_str).map(str::to_owned) else {
        return store.lose(job.project, LostReason::TraceWithoutId, 1, Some(&event.id));
    };
    let timestamp_ms = given_time(&event.body, "timestamp").unwrap_or(event.timestamp_ms);
    let mut fields = event.body;
    fields.retain(|key, _| key != "id" && key != "timestamp" && key != "externalId");
    if let Some(metadata) = fields.get_mut("metadata").filter(|metadata| !metadata.is_object()) {
        *metadata = Value::Object(Map::from_iter([("metadata".to_owned(), metadata.take())]));
    }
    let event = TraceEvent { order_ms: event.timestamp_ms, timestamp_ms, source: Some(event.id), fields };
    store.old.add_trace_event(job.project, &id, event);
}

fn observation(store: &mut Store, job: Job<'_>, kind: ObservationType, event: Event) {
    let id = event.body.get("id").and_then(Value::as_str).map_or_else(random_id, str::to_owned);
    let update = event.kind.is_update();
    let own = RawEvent { envelope_id: event.id, update, timestamp_ms: event.timestamp_ms, body: event.body };
    let arrived = row(job, kind, &id, std::slice::from_ref(&own));
    let events = store.old.add_raw(job.project, kind, &id, own);
    let row = row(job, kind, &id, &events);
    store.old.replace(row.clone());
    if job.mode == WriteMode::Dual {
        store.staging.push(row);
    }
    store.arrivals.push(arrived);
}

fn random_id() -> String {
    format!("{:016x}", fastrand::u64(..))
}

/// The row that events add up to: later ones overwrite, except that the first start stays.
fn row(job: Job<'_>, kind: ObservationType, id: &str, events: &[RawEvent]) -> StoredObservation {
    let mut body = Map::new();
    for event in events {
        overlay(&mut body, &event.body);
    }
    let first_ms = events.first().map(|event| event.timestamp_ms).unwrap_or_default();
    let start_ms = events.iter().find_map(|event| given_time(&event.body, "startTime")).unwrap_or(first_ms);
    let trace_id = given(&body, "traceId").map_or_else(random_id, text_of);
    let bare = StoredObservation::bare(job.project, &trace_id, id, kind, start_ms);
    let row = with_texts(bare, &body);
    if kind.keeps_model() { with_model(row, &body, job.version) } else { row }
}

fn overlay(body: &mut Map<String, Value>, event: &Map<String, Value>) {
    for (key, value) in event {
        match (key.as_str(), body.get_mut(key)) {
            ("input" | "output", _) if !truthy(value) => {}
            ("metadata", Some(Value::Object(stored))) if value.is_object() => stored.extend(value.as_object().cloned().unwrap_or_default()),
            _ => {
                body.insert(key.clone(), value.clone());
            }
        }
    }
}

fn with_texts(row: StoredObservation, body: &Map<String, Value>) -> StoredObservation {
    let text = |key: &str| given(body, key).map(text_of);
    let metadata = match given(body, "metadata") {
        None => Default::default(),
        Some(Value::Object(map)) => map.iter().map(|(key, value)| (key.clone(), text_of(value))).collect(),
        Some(other) => [("metadata".to_owned(), text_of(other))].into(),
    };
    StoredObservation {
        parent_span_id: text("parentObservationId"),
        name: text("name"),
        end_ms: given_time(body, "endTime").map(|end| end.max(row.start_ms)),
        level: text("level").and_then(|level| Level::exact(&level)).unwrap_or_default(),
        status_message: text("statusMessage"),
        input: text("input"),
        output: text("output"),
        metadata,
        version: text("version"),
        environment: text("environment").unwrap_or_else(|| environment::DEFAULT.into()),
        ..row
    }
}

fn with_model(row: StoredObservation, body: &Map<String, Value>, version: ServerVersion) -> StoredObservation {
    let text = |key: &str| given(body, key).map(text_of);
    let parameters = given(body, "modelParameters").and_then(Value::as_object).cloned().unwrap_or_default();
    StoredObservation {
        completion_start_ms: given_time(body, "completionStartTime"),
        model: text("model"),
        model_parameters: parameters.into_iter().collect(),
        usage_details: counts(body, version),
        cost_details: given(body, "costDetails").map(cost::stored).unwrap_or_default(),
        prompt_name: text("promptName"),
        prompt_version: given(body, "promptVersion").and_then(Value::as_i64),
        ..row
    }
}

/// The older `usage`, whose keys `usageDetails` overrides one by one.
fn counts(body: &Map<String, Value>, version: ServerVersion) -> usage::Usage {
    let details = given(body, "usageDetails").and_then(|details| usage::buckets(details, version).ok()).unwrap_or_default();
    let Some(older) = given(body, "usage") else { return usage::with_total(details) };
    let mut counts = usage::Usage::new();
    for (bucket, keys) in
        [("input", ["input", "promptTokens"]), ("output", ["output", "completionTokens"]), ("total", ["total", "totalTokens"])]
    {
        counts.extend(keys.iter().find_map(|key| older.get(*key).and_then(count_of)).map(|count| (bucket.to_owned(), count)));
    }
    counts.extend(details);
    usage::with_total(counts)
}

fn given_time(body: &Map<String, Value>, key: &str) -> Option<i64> {
    given(body, key).and_then(Value::as_str).and_then(time::zoned_ms)
}
