//! Protobuf bytes into the JSON form that the server works on from there (`reference/langfuse.md` §4).
//!
//! The server decodes protobuf into plain objects and parks those, so one path of rules serves both encodings here as well.

use prost::Message;
use serde_json::{Map, Value, json};

use crate::emulator::langfuse::rules::number_json;
use crate::emulator::langfuse::version::{ServerVersion, since};
use crate::export::wire;

/// The `resourceSpans` of a protobuf body.
///
/// # Errors
/// When the bytes are no such message.
pub fn protobuf(body: &[u8], version: ServerVersion) -> Result<Value, prost::DecodeError> {
    let request = wire::ExportTraceServiceRequest::decode(body)?;
    Ok(request.resource_spans.into_iter().map(|spans| resource_spans(spans, version)).collect())
}

fn resource_spans(from: wire::ResourceSpans, version: ServerVersion) -> Value {
    let mut into = Map::new();
    if let Some(resource) = from.resource {
        into.insert("resource".into(), json!({ "attributes": attributes(resource.attributes, version) }));
    }
    into.insert("scopeSpans".into(), from.scope_spans.into_iter().map(|spans| scope_spans(spans, version)).collect());
    Value::Object(into)
}

fn scope_spans(from: wire::ScopeSpans, version: ServerVersion) -> Value {
    let mut into = Map::new();
    if let Some(scope) = from.scope {
        let attributes = attributes(scope.attributes, version);
        into.insert("scope".into(), json!({ "name": scope.name, "version": scope.version, "attributes": attributes }));
    }
    into.insert("spans".into(), from.spans.into_iter().map(|from| span(from, version)).collect());
    Value::Object(into)
}

/// Empty ids are taken for absent ones, because the decoder cannot tell them apart; so is a time of 0.
fn span(from: wire::Span, version: ServerVersion) -> Value {
    let mut into = Map::new();
    for (key, id) in [("traceId", from.trace_id), ("spanId", from.span_id), ("parentSpanId", from.parent_span_id)] {
        if !id.is_empty() {
            into.insert(key.into(), Value::from(id));
        }
    }
    for (key, nanos) in [("startTimeUnixNano", from.start_time_unix_nano), ("endTimeUnixNano", from.end_time_unix_nano)] {
        if nanos != 0 {
            into.insert(key.into(), Value::String(nanos.to_string()));
        }
    }
    into.insert("name".into(), Value::String(from.name));
    into.insert("attributes".into(), attributes(from.attributes, version));
    if let Some(given) = from.status {
        into.insert("status".into(), status(given));
    }
    Value::Object(into)
}

fn status(from: wire::Status) -> Value {
    let mut into = Map::from_iter([("code".to_owned(), Value::from(from.code))]);
    if !from.message.is_empty() {
        into.insert("message".into(), Value::String(from.message));
    }
    Value::Object(into)
}

fn attributes(from: Vec<wire::KeyValue>, version: ServerVersion) -> Value {
    from.into_iter().map(|pair| key_value(pair, version)).collect()
}

fn key_value(from: wire::KeyValue, version: ServerVersion) -> Value {
    let mut into = Map::from_iter([("key".to_owned(), Value::String(from.key))]);
    if let Some(value) = from.value {
        into.insert("value".into(), any_value(value, version));
    }
    Value::Object(into)
}

fn any_value(from: wire::AnyValue, version: ServerVersion) -> Value {
    use wire::any_value::Value as Any;
    match from.value {
        None => json!({}),
        Some(Any::StringValue(text)) => json!({ "stringValue": text }),
        Some(Any::BoolValue(flag)) => json!({ "boolValue": flag }),
        Some(Any::IntValue(number)) => json!({ "intValue": integer(number, version) }),
        Some(Any::DoubleValue(number)) => json!({ "doubleValue": number_json(number) }),
        Some(Any::ArrayValue(list)) if list.values.is_empty() => json!({ "arrayValue": {} }),
        Some(Any::ArrayValue(list)) => {
            let values: Vec<Value> = list.values.into_iter().map(|value| any_value(value, version)).collect();
            json!({ "arrayValue": { "values": values } })
        }
        Some(Any::KvlistValue(list)) => json!({ "kvlistValue": { "values": attributes(list.values, version) } }),
        Some(Any::BytesValue(bytes)) => json!({ "bytesValue": { "type": "Buffer", "data": bytes } }),
    }
}

/// Integers pass through doubles; before 3.214 two 32-bit halves were put together with a signed lower half
/// (`reference/langfuse.md` §1, second table).
fn integer(number: i64, version: ServerVersion) -> Value {
    if version >= since::LONG_INTEGERS || number == -1 {
        return number_json(number as f64);
    }
    let (high, low) = ((number >> 32) as i32, number as i32);
    number_json(f64::from(high) * 4_294_967_296.0 + f64::from(low))
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| DIGITS.get(usize::from(digit)))
        .copied()
        .map(char::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_integers_are_unreliable_before_3_214() {
        let old = ServerVersion::new(3, 213, 0);
        for (number, stored) in
            [(5, json!(5)), (2_147_483_648, json!(-2_147_483_648_i64)), (-1, json!(-1)), (-5, json!(-4_294_967_301_i64))]
        {
            assert_eq!(integer(number, old), stored, "{number}");
        }
        assert_eq!(integer(2_147_483_648, ServerVersion::new(3, 214, 0)), json!(2_147_483_648_i64));
    }

    #[test]
    fn not_a_number_becomes_null_and_ids_lower_case_hex() {
        let nan = wire::AnyValue { value: Some(wire::any_value::Value::DoubleValue(f64::NAN)) };
        assert_eq!(any_value(nan, ServerVersion::new(4, 16, 0)), json!({ "doubleValue": null }));
        assert_eq!(hex(&[0x0a, 0xff]), "0aff");
    }
}
