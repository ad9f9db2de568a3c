//! Ids and times of a span (`reference/langfuse.md` §4).

use serde_json::Value;

use super::decode::hex;
use crate::emulator::langfuse::rules::time;
use crate::emulator::langfuse::store::lost::LostReason;
use crate::emulator::langfuse::version::{ServerVersion, since};

/// Text is taken literally (before 3.81: as bytes), lists are bytes, and so is a `Buffer` that went through JSON.
///
/// # Errors
/// When it is none of these.
pub fn parse_id(id: &Value, version: ServerVersion) -> Result<String, LostReason> {
    let list = match id {
        Value::String(text) if version < since::TEXT_IDS => return Ok(hex(text.as_bytes())),
        Value::String(text) => return Ok(text.clone()),
        Value::Array(list) => list,
        other => other.get("data").and_then(Value::as_array).ok_or(LostReason::Malformed)?,
    };
    let bytes: Vec<u8> = list.iter().map(|byte| byte.as_f64().unwrap_or_default() as i64 as u8).collect();
    Ok(hex(&bytes))
}

/// A missing start is the end, and the reverse; both missing: the moment of processing.
pub fn times(span: &Value, version: ServerVersion) -> (i64, Option<i64>) {
    let start = span.get("startTimeUnixNano").and_then(millis);
    let end = span.get("endTimeUnixNano").and_then(millis);
    if version < since::TIMES_FILLED {
        return (start.unwrap_or_else(time::now_ms), end);
    }
    let either = start.or(end).unwrap_or_else(time::now_ms);
    (start.unwrap_or(either), Some(end.unwrap_or(either)))
}

fn millis(nanos: &Value) -> Option<i64> {
    let nanos = match nanos {
        Value::String(text) => text.trim().parse::<i128>().ok()?,
        other => other.as_f64()? as i128,
    };
    // JavaScript's dates end there; beyond it the server has no time at all.
    i64::try_from(nanos / 1_000_000).ok().filter(|ms| ms.unsigned_abs() <= 8_640_000_000_000_000)
}
