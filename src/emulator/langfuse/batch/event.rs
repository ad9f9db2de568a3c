//! One event of a batch: its envelope, its kind, its issues (`reference/langfuse.md` §8).

use serde_json::{Map, Value, json};

use super::body;
use super::issues::Issues;
use crate::emulator::langfuse::rules::time;
use crate::emulator::langfuse::store::observation::ObservationType;
use crate::emulator::langfuse::version::{ServerVersion, since};

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `trace-create`.
    Trace,
    /// `score-create`.
    Score,
    /// `sdk-log`.
    SdkLog,
    /// `<type>-create`, `span-update`, `generation-update`.
    Observation {
        /// Its type.
        kind: ObservationType,
        /// Whether it is an update.
        update: bool,
    },
    /// The old `observation-create` and `observation-update`, whose body names the type.
    OldObservation {
        /// Whether it is an update.
        update: bool,
    },
}

impl Kind {
    fn of(name: &str, version: ServerVersion) -> Option<Self> {
        match name {
            "trace-create" => return Some(Self::Trace),
            "score-create" => return Some(Self::Score),
            "sdk-log" => return Some(Self::SdkLog),
            "observation-create" => return Some(Self::OldObservation { update: false }),
            "observation-update" => return Some(Self::OldObservation { update: true }),
            "span-update" => return Some(Self::Observation { kind: ObservationType::Span, update: true }),
            "generation-update" => return Some(Self::Observation { kind: ObservationType::Generation, update: true }),
            _ => {}
        }
        let kind = ObservationType::from_request(name.strip_suffix("-create")?)?;
        (kind.is_original() || version >= since::NEWER_TYPES).then_some(Self::Observation { kind, update: false })
    }

    /// Whether it comes after all creates of its batch.
    pub fn is_update(self) -> bool {
        matches!(self, Self::Observation { update: true, .. } | Self::OldObservation { update: true })
    }
}

/// An event that passed its schema.
#[derive(Clone, Debug)]
pub struct Event {
    /// Envelope id.
    pub id: String,
    /// What it is about.
    pub kind: Kind,
    /// Envelope timestamp, milliseconds since 1970.
    pub timestamp_ms: i64,
    /// Body; unknown keys and nulls are removed.
    pub body: Map<String, Value>,
}

/// The envelope id as far as it can be read: an unreadable one is reported as `unknown`.
pub fn reported_id(event: &Value) -> String {
    event.get("id").and_then(Value::as_str).unwrap_or("unknown").to_owned()
}

/// The type name of an event, if it is a text.
pub fn type_name(event: &Value) -> Option<&str> {
    event.get("type").and_then(Value::as_str)
}

/// Checks an event.
///
/// # Errors
/// The issues, as JSON text.
pub fn parsed(event: &Value, version: ServerVersion) -> Result<Event, String> {
    let mut issues = Issues::default();
    let Some(kind) = type_name(event).and_then(|name| Kind::of(name, version)) else {
        return Err(json!([{"code": "invalid_union", "path": ["type"], "message": "Invalid input"}]).to_string());
    };
    let Value::Object(envelope) = event else { return Err("[]".into()) };
    issues.required_id(envelope, "id");
    let timestamp_ms = envelope.get("timestamp").and_then(Value::as_str).and_then(time::zoned_ms);
    issues.demand(timestamp_ms.is_some(), "timestamp", "Invalid ISO datetime");
    let body = match envelope.get("body") {
        Some(Value::Object(body)) => body::checked(kind, body, version, &mut issues),
        _ => {
            issues.demand(false, "body", "Invalid input: expected object");
            Map::new()
        }
    };
    issues.none()?;
    Ok(Event { id: reported_id(event), kind, timestamp_ms: timestamp_ms.unwrap_or_default(), body })
}
