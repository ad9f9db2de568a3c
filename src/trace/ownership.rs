//! Whose trace it is: ours, or an application's that our observation joins (`design.md` decision 3). Pure.

use super::ids::{self, SpanId, TraceId};
use super::settings::Ownership;
use crate::gateway::envelope::Raw;
use crate::gateway::{GatewayCall, Value};

/// The place of an observation in its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The trace is ours and this is a root of it.
    Root,
    /// The trace belongs to an application; this hangs below `parent`.
    Joined {
        /// The logged parent, else one derived from the trace id.
        parent: SpanId,
    },
}

/// Decides the place of a call's observation. A parent that the operator's mapping found goes before what the gateway logged.
pub fn place(call: &GatewayCall<'_>, trace_id: TraceId, ownership: Ownership, mapped: Option<SpanId>) -> Place {
    let logged = || mapped.or_else(|| logged_parent(call));
    match ownership {
        Ownership::Own => Place::Root,
        Ownership::Join => Place::Joined { parent: logged().unwrap_or_else(|| ids::derived_parent(trace_id)) },
        Ownership::Auto => logged().map_or(Place::Root, |parent| Place::Joined { parent }),
    }
}

/// The caller's span in a text: 16 hex digits, a whole `traceparent`, or a B3 header.
pub fn span_in(text: &str) -> Option<SpanId> {
    let b3 = || ids::span_id(text.trim().split('-').nth(1)?);
    ids::span_id(text.trim()).or_else(|| Some(ids::traceparent(text)?.1)).or_else(b3)
}

/// The parent that the gateway logged: in a whole `traceparent`, a B3 header, or a field of its own (`reference/gateway-logs.md` §7),
/// at top level or as a custom member of `ai_log`.
fn logged_parent(call: &GatewayCall<'_>) -> Option<SpanId> {
    let envelope = call.envelope;
    let traceparent = |text: &str| Some(ids::traceparent(text)?.1);
    let b3 = |text: &str| ids::span_id(text.split('-').nth(1)?);
    let plain = |text: &str| ids::span_id(text.trim());
    read(envelope.trace_id, traceparent)
        .or_else(|| read(envelope.traceparent, traceparent).or_else(|| member(call, "traceparent", traceparent)))
        .or_else(|| read(envelope.b3, b3).or_else(|| member(call, "b3", b3)))
        .or_else(|| read(envelope.parent_span_id, plain).or_else(|| member(call, "parent_span_id", plain)))
        .or_else(|| read(envelope.x_b3_spanid, plain).or_else(|| member(call, "x_b3_spanid", plain)))
        .or_else(|| member(call, "x-b3-spanid", plain))
        .or_else(|| read(envelope.span_id, plain).or_else(|| member(call, "span_id", plain)))
}

fn read(raw: Raw<'_>, parse: impl Fn(&str) -> Option<SpanId>) -> Option<SpanId> {
    parse(&Value::of_field(raw)?.text()?)
}

fn member(call: &GatewayCall<'_>, name: &str, parse: impl Fn(&str) -> Option<SpanId>) -> Option<SpanId> {
    parse(&call.ai.other(name)?.text()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::ParsedRecord;
    use crate::sls::{Field, LogRecord, LogTime};

    const TRACE: TraceId = TraceId([7; 16]);
    const PARENT: &str = "00f067aa0ba902b7";

    fn place_of(pairs: &[(&str, &str)], ownership: Ownership) -> Place {
        let mut fields: Vec<_> = pairs.iter().map(|(key, value)| Field { key: key.as_bytes(), value: value.as_bytes() }).collect();
        fields.push(Field { key: b"path", value: b"/v1/messages" });
        fields.push(Field { key: b"request_id", value: b"r" });
        let record = LogRecord { time: LogTime { seconds: 1, nanoseconds: None }, fields };
        let parsed = ParsedRecord::of(&record);
        place(&parsed.call().unwrap(), TRACE, ownership, None)
    }

    fn joined() -> Place {
        Place::Joined { parent: ids::span_id(PARENT).unwrap() }
    }

    #[test]
    fn auto_joins_exactly_where_a_parent_is_logged() {
        let traceparent = format!("00-5b8aa5a2d2c872e8321cf37308d69d01-{PARENT}-01");
        let b3 = format!("5b8aa5a2d2c872e8321cf37308d69d01-{PARENT}-1");
        let member = format!(r#"{{"traceparent":"{traceparent}"}}"#);
        for pair in [
            ("trace_id", traceparent.as_str()),
            ("traceparent", &traceparent),
            ("b3", &b3),
            ("parent_span_id", PARENT),
            ("x-b3-spanid", PARENT),
            ("span_id", PARENT),
            ("ai_log", &member),
        ] {
            assert_eq!(place_of(&[pair], Ownership::Auto), joined(), "{pair:?}");
            assert_eq!(place_of(&[pair], Ownership::Own), Place::Root, "{pair:?}");
        }
        for pair in [("trace_id", "5b8aa5a2d2c872e8321cf37308d69d01"), ("span_id", "-"), ("parent_span_id", "0000000000000000")] {
            assert_eq!(place_of(&[pair], Ownership::Auto), Place::Root, "{pair:?}");
        }
    }

    #[test]
    fn join_without_a_logged_parent_hangs_below_a_derived_one() {
        let derived = Place::Joined { parent: ids::derived_parent(TRACE) };
        assert_eq!(place_of(&[], Ownership::Join), derived);
        assert_eq!(place_of(&[("span_id", PARENT)], Ownership::Join), joined());
    }
}
