//! The field rules that OTLP and the batch API share: times, levels, environments, usage, cost. Pure; no requests, no tables.

pub(super) mod cost;
pub(super) mod environment;
pub(super) mod level;
pub(super) mod time;
pub(super) mod usage;

use serde_json::Value;

/// The text that the server stores for a value: text as it is, anything else as JSON text.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What JavaScript takes for true; the server chooses among keys with it.
pub(super) fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64().is_some_and(|number| number != 0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// A whole number ≥ 0, as JavaScript sees it: `5.0` is one, and beyond 2^53 precision is gone.
pub(super) fn count_of(value: &Value) -> Option<u64> {
    let number = value.as_f64()?;
    let whole = number >= 0.0 && number.fract() == 0.0 && number < 9_007_199_254_740_992.0 * 1024.0;
    whole.then_some(number as u64)
}

/// A double as JSON; whole numbers without a fraction, NaN and infinities as null (`reference/langfuse.md` §4).
pub(super) fn number_json(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 {
        return Value::from(number as i64);
    }
    serde_json::Number::from_f64(number).map_or(Value::Null, Value::Number)
}
