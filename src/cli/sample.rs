//! What the demo sends and `emulate sls` holds: the event of `events/` and the twelve sample logs, inside the binary.

use std::sync::Arc;

use super::ending::{Ending, with_hint};
use super::records::identify;
use crate::invocation::TriggerEvent;
use crate::trace::TraceId;

/// The trigger event.
pub const EVENT: &str = include_str!("../../events/sls-trigger.json");

/// Twelve access logs, one JSON object a line.
pub const LOGS: &str = include_str!("../../tests/fixtures/gateway-samples.jsonl");

/// The day of the sample logs, for people who look for them.
pub const DAY: &str = "2 March 2026";

/// The trigger event, read.
pub fn event() -> Result<TriggerEvent, Ending> {
    TriggerEvent::parse(EVENT.as_bytes()).map_err(|failure| Ending::misused(with_hint(&failure)))
}

/// The traces of the sample logs, in their order, each once.
pub fn traces() -> Vec<TraceId> {
    let mut traces = Vec::new();
    for seen in LOGS.lines().filter_map(|line| identify(line, &Arc::default()).ok()??.ok()) {
        if !traces.contains(&seen.trace_id) {
            traces.push(seen.trace_id);
        }
    }
    traces
}
