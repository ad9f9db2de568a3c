//! The body rules of each kind of event (`reference/langfuse.md` §8). Says what is wrong and what remains; stores nothing.

use serde_json::{Map, Value};

use super::event::Kind;
use super::issues::{Issues, given};
use crate::emulator::langfuse::rules::{environment, truthy, usage};
use crate::emulator::langfuse::store::observation::{Level, ObservationType};
use crate::emulator::langfuse::version::ServerVersion;

const TRACE: &[&str] = &[
    "id",
    "timestamp",
    "name",
    "externalId",
    "input",
    "output",
    "sessionId",
    "userId",
    "environment",
    "metadata",
    "release",
    "version",
    "public",
    "tags",
];
const EVENT: &[&str] = &[
    "id",
    "traceId",
    "environment",
    "name",
    "startTime",
    "metadata",
    "input",
    "output",
    "level",
    "statusMessage",
    "parentObservationId",
    "version",
];
const MODEL: &[&str] =
    &["completionStartTime", "model", "modelParameters", "usage", "usageDetails", "costDetails", "promptName", "promptVersion"];

/// Longest trace name, characters.
const MAX_TRACE_NAME: usize = 1000;

/// The body without unknown keys and nulls; what is wrong with it goes to the issues.
pub fn checked(kind: Kind, body: &Map<String, Value>, version: ServerVersion, issues: &mut Issues) -> Map<String, Value> {
    issues.enter_body();
    match kind {
        Kind::Trace => trace(body, issues),
        Kind::Score => score(body, issues),
        Kind::SdkLog => issues.demand(body.contains_key("log"), "log", "Invalid input"),
        Kind::Observation { kind, .. } => observation(kind, body, version, issues),
        Kind::OldObservation { .. } => old_observation(body, version, issues),
    }
    let mut kept = known(kind, body);
    replace_environment(&mut kept, body, version, issues);
    kept
}

fn known(kind: Kind, body: &Map<String, Value>) -> Map<String, Value> {
    let groups: &[&[&str]] = match kind {
        Kind::Trace => &[TRACE],
        Kind::Score | Kind::SdkLog => &[&["id"]],
        Kind::OldObservation { .. } => &[EVENT, &["endTime", "type"], MODEL],
        Kind::Observation { kind: ObservationType::Event, .. } => &[EVENT],
        Kind::Observation { kind: ObservationType::Span, .. } => &[EVENT, &["endTime"]],
        Kind::Observation { .. } => &[EVENT, &["endTime"], MODEL],
    };
    let keys = groups.iter().flat_map(|group| group.iter());
    keys.filter_map(|key| Some(((*key).to_owned(), given(body, key)?.clone()))).collect()
}

fn replace_environment(kept: &mut Map<String, Value>, body: &Map<String, Value>, version: ServerVersion, issues: &mut Issues) {
    let Some(name) = body.get("environment") else { return };
    match name.as_str().map(|name| environment::stored(name, version)) {
        Some(Some(stored)) => {
            kept.insert("environment".into(), Value::String(stored));
        }
        Some(None) => issues.demand(false, "environment", "Only lower case letters, digits, hyphens and underscores, at most 40"),
        None => issues.demand(false, "environment", "Invalid input: expected string"),
    }
}

fn trace(body: &Map<String, Value>, issues: &mut Issues) {
    issues.id(body, "id");
    issues.times(body, &["timestamp"]);
    issues.texts(body, &["name", "externalId", "sessionId", "userId", "release", "version"]);
    let long = given(body, "name").and_then(Value::as_str).is_some_and(|name| name.chars().count() > MAX_TRACE_NAME);
    issues.demand(!long, "name", "Too big: expected string to have <=1000 characters");
    issues.demand(given(body, "public").is_none_or(Value::is_boolean), "public", "Invalid input: expected boolean");
    let tags = given(body, "tags").is_none_or(|tags| tags.as_array().is_some_and(|tags| tags.iter().all(Value::is_string)));
    issues.demand(tags, "tags", "Invalid input: expected array of strings");
}

fn score(body: &Map<String, Value>, issues: &mut Issues) {
    issues.id(body, "id");
    issues.texts(body, &["traceId", "sessionId", "observationId", "comment"]);
    issues.demand(body.get("name").and_then(Value::as_str).is_some_and(|name| !name.is_empty()), "name", "Invalid input: expected string");
    issues.demand(body.get("value").is_some_and(|value| value.is_number() || value.is_string()), "value", "Invalid input");
}

fn observation(kind: ObservationType, body: &Map<String, Value>, version: ServerVersion, issues: &mut Issues) {
    issues.required_id(body, "id");
    shared(body, issues);
    if kind != ObservationType::Event {
        issues.times(body, &["endTime"]);
    }
    if kind.keeps_model() {
        model(body, version, issues);
    }
}

fn old_observation(body: &Map<String, Value>, version: ServerVersion, issues: &mut Issues) {
    let kind = body.get("type").and_then(Value::as_str).and_then(ObservationType::from_table);
    issues.demand(kind.is_some_and(ObservationType::is_original), "type", "Invalid option: expected one of GENERATION, SPAN, EVENT");
    issues.id(body, "id");
    shared(body, issues);
    issues.times(body, &["endTime"]);
    model(body, version, issues);
}

fn shared(body: &Map<String, Value>, issues: &mut Issues) {
    issues.id(body, "traceId");
    issues.texts(body, &["name", "statusMessage", "parentObservationId", "version"]);
    issues.times(body, &["startTime"]);
    let level = given(body, "level").is_none_or(|level| level.as_str().and_then(Level::exact).is_some());
    issues.demand(level, "level", "Invalid option: expected one of DEBUG, DEFAULT, WARNING, ERROR");
}

fn model(body: &Map<String, Value>, version: ServerVersion, issues: &mut Issues) {
    issues.times(body, &["completionStartTime"]);
    issues.texts(body, &["model", "promptName"]);
    issues.demand(given(body, "modelParameters").is_none_or(are_parameters), "modelParameters", "Invalid input");
    issues.demand(given(body, "usage").is_none_or(is_old_usage), "usage", "Invalid input: expected int");
    let details = given(body, "usageDetails").is_none_or(|details| details.is_object() && usage::stored(details, version).is_ok());
    issues.demand(details, "usageDetails", "Invalid input");
    issues.demand(given(body, "costDetails").is_none_or(Value::is_object), "costDetails", "Invalid input: expected record");
    let number = given(body, "promptVersion").is_none_or(is_int);
    issues.demand(number, "promptVersion", "Invalid input: expected int");
    let truthy = |key: &str| body.get(key).is_some_and(truthy);
    issues.demand(truthy("promptName") == truthy("promptVersion"), "promptName", "Invalid input: prompt name and version go together");
}

/// Values may be text, number, flag, null, a list of **texts**, a map of text to **text**.
fn are_parameters(given: &Value) -> bool {
    let fits = |value: &Value| match value {
        Value::Array(list) => list.iter().all(Value::is_string),
        Value::Object(map) => map.values().all(Value::is_string),
        _ => true,
    };
    given.as_object().is_some_and(|map| map.values().all(fits))
}

/// Integers only; unknown keys do not matter.
fn is_old_usage(given: &Value) -> bool {
    const COUNTS: [&str; 6] = ["input", "output", "total", "promptTokens", "completionTokens", "totalTokens"];
    const COSTS: [&str; 3] = ["inputCost", "outputCost", "totalCost"];
    const UNITS: [&str; 6] = ["CHARACTERS", "TOKENS", "REQUESTS", "SECONDS", "MILLISECONDS", "IMAGES"];
    let Some(map) = given.as_object() else { return false };
    let all =
        |keys: &[&str], fits: fn(&Value) -> bool| keys.iter().all(|key| map.get(*key).is_none_or(|value| value.is_null() || fits(value)));
    all(&COUNTS, is_int) && all(&COSTS, Value::is_number) && all(&["unit"], |unit| unit.as_str().is_some_and(|unit| UNITS.contains(&unit)))
}

fn is_int(value: &Value) -> bool {
    value.as_f64().is_some_and(|number| number.fract() == 0.0)
}
