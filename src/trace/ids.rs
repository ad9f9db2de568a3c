//! Trace and span ids: pure functions of the log record (`design.md` decision 1). A change here is a breaking release.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::gateway::GatewayCall;
use crate::gateway::envelope::{Envelope, Raw, is_of_collector};
use crate::gateway::value::text_of;
use crate::sls::{Field, LogRecord};

/// The names of the fields that a span id is a hash of, in the order in which they are hashed (`design.md` decision 1).
pub const IDENTIFYING: [&str; 12] = [
    "trace_id",
    "request_id",
    "start_time",
    "route_name",
    "upstream_host",
    "method",
    "path",
    "response_code",
    "response_code_details",
    "duration",
    "bytes_received",
    "bytes_sent",
];

/// A trace id: 16 bytes, never all zero. Displayed as 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub [u8; 16]);

/// A span id: 8 bytes, never all zero. Displayed as 16 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(pub [u8; 8]);

/// Who a record is, in traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The trace.
    pub trace_id: TraceId,
    /// The observation.
    pub span_id: SpanId,
    /// True if the trace id is not what the gateway logged, letter for letter.
    pub trace_id_changed: bool,
}

/// The identity of a record.
pub fn identity(record: &LogRecord<'_>, call: &GatewayCall<'_>) -> Identity {
    let envelope = call.envelope;
    let digest = if call.dialect.is_some() { digest_of_all(record) } else { span_digest(record, envelope) };
    let trace_id = logged_trace_id(call).unwrap_or_else(|| {
        let derived = if is_absent(envelope.request_id) { digest } else { sha256(envelope.request_id.unwrap_or_default()) };
        TraceId(first(&derived))
    });
    let trace_id_changed = present(envelope.trace_id).is_some_and(|raw| !is_written_as(raw, &trace_id.0));
    Identity { trace_id, span_id: SpanId(first(&digest)), trace_id_changed }
}

/// The span id of a record, whether it is a call or not: who it would be.
pub fn span_id_of(record: &LogRecord<'_>) -> SpanId {
    SpanId(first(&span_digest(record, &Envelope::of(record))))
}

/// The span id of the parent that a joined trace gets when none is logged.
pub fn derived_parent(trace_id: TraceId) -> SpanId {
    SpanId(first(&sha256(format!("parent:{trace_id}").as_bytes())))
}

/// The trace id that the Langfuse SDKs make of any text (`reference/langfuse.md` §9, rule 1).
pub fn seeded_trace_id(seed: &[u8]) -> TraceId {
    TraceId(first(&sha256(seed)))
}

/// Eight bytes in hex as a span id; all zero is none (W3C Trace Context, "parent-id").
pub fn span_id(hex: &str) -> Option<SpanId> {
    let bytes = hex_bytes(hex)?;
    (bytes != [0; 8]).then_some(SpanId(bytes))
}

/// The parts of a whole `traceparent`: `00-<32 hex>-<16 hex>-<2 hex>`.
pub fn traceparent(text: &str) -> Option<(TraceId, SpanId)> {
    let mut parts = text.trim().split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let plain = version.len() == 2 && flags.len() == 2 && version != "ff" && hex_bytes::<1>(version).is_some();
    let trace_id = hex_bytes(trace).filter(|id| *id != [0; 16]).map(TraceId)?;
    plain.then_some((trace_id, span_id(parent)?))
}

/// True for missing values and the markers of them (`reference/gateway-logs.md` §10), and for ids that are all zero.
fn is_absent(raw: Raw<'_>) -> bool {
    let text = raw.unwrap_or_default().trim_ascii();
    matches!(text, b"" | b"-" | b"<nil>" | b"null") || (text.contains(&b'0') && text.iter().all(|byte| matches!(byte, b'0' | b'-')))
}

fn present(raw: Raw<'_>) -> Raw<'_> {
    raw.filter(|raw| !is_absent(Some(raw)))
}

/// The trace id that the gateway logged: its own field, else the trace context of the caller, at top level or as a custom member of
/// `ai_log` (`reference/gateway-logs.md` §7).
fn logged_trace_id(call: &GatewayCall<'_>) -> Option<TraceId> {
    let envelope = call.envelope;
    if let Some(raw) = present(envelope.trace_id) {
        return Some(canonical(raw));
    }
    let read = |raw: Raw<'_>, names: &[&str], parse: fn(&str) -> Option<TraceId>| {
        let member = || names.iter().find_map(|name| parse(&call.ai.other(name)?.text()?));
        present(raw).and_then(|raw| parse(std::str::from_utf8(raw).ok()?)).or_else(member)
    };
    read(envelope.traceparent, &["traceparent"], |text| Some(traceparent(text)?.0))
        .or_else(|| read(envelope.b3, &["b3"], |text| hex_trace_id(text.trim().split('-').next()?)))
        .or_else(|| read(envelope.x_b3_traceid, &["x_b3_traceid", "x-b3-traceid"], |text| hex_trace_id(text.trim())))
}

/// A logged text as a trace id: a valid id in any of its forms, else the rule of the Langfuse SDKs for foreign ids
/// (`reference/langfuse.md` §9, rule 1).
fn canonical(raw: &[u8]) -> TraceId {
    let text = text_of(raw);
    let trimmed = text.trim();
    let known = hex_trace_id(trimmed).or_else(|| uuid(trimmed)).or_else(|| Some(traceparent(trimmed)?.0));
    known.unwrap_or_else(|| seeded_trace_id(raw))
}

/// 32 or 16 hex digits in either case, the shorter padded on the left.
fn hex_trace_id(text: &str) -> Option<TraceId> {
    if let Some(short) = hex_bytes::<8>(text) {
        let mut id = [0; 16];
        id[8..].copy_from_slice(&short);
        return (short != [0; 8]).then_some(TraceId(id));
    }
    hex_bytes(text).filter(|id| *id != [0; 16]).map(TraceId)
}

fn uuid(text: &str) -> Option<TraceId> {
    let dashes = text.len() == 36 && [8, 13, 18, 23].iter().all(|at| text.as_bytes()[*at] == b'-');
    if dashes { hex_trace_id(&text.replace('-', "")) } else { None }
}

/// True if a text is these bytes in lower-case hex.
fn is_written_as(text: &[u8], bytes: &[u8]) -> bool {
    text.len() == 2 * bytes.len() && text.chunks_exact(2).zip(bytes).all(|(pair, byte)| pair == hex_of(*byte))
}

fn hex_of(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}

fn hex_bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
    }
    Some(bytes)
}

/// The digest that names the observation: over twelve fields that are there in every version of the gateway, or over all fields of the
/// line where the two that make it unique are missing.
fn span_digest(record: &LogRecord<'_>, envelope: &Envelope<'_>) -> [u8; 32] {
    if is_absent(envelope.request_id) || is_absent(envelope.start_time) {
        return digest_of_all(record);
    }
    let mut hash = Sha256::new();
    for value in identifying(envelope) {
        put(&mut hash, value.unwrap_or_default());
    }
    hash.finalize().into()
}

/// The digest over all fields of the line.
fn digest_of_all(record: &LogRecord<'_>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for field in own_fields(record) {
        put(&mut hash, field.key);
        put(&mut hash, field.value);
    }
    hash.finalize().into()
}

/// The values of [`IDENTIFYING`]. A missing one counts as empty.
fn identifying<'a>(envelope: &Envelope<'a>) -> [Raw<'a>; 12] {
    [
        envelope.trace_id,
        envelope.request_id,
        envelope.start_time,
        envelope.route_name,
        envelope.upstream_host,
        envelope.method,
        envelope.path,
        envelope.response_code,
        envelope.response_code_details,
        envelope.duration,
        envelope.bytes_received,
        envelope.bytes_sent,
    ]
}

/// All fields of the line itself, by key, then by value, so that no order of transport shows.
fn own_fields<'a>(record: &LogRecord<'a>) -> Vec<Field<'a>> {
    let mut fields: Vec<_> = record.fields.iter().copied().filter(|field| !is_of_collector(field.key)).collect();
    fields.sort_unstable_by_key(|field| (field.key, field.value));
    fields
}

/// Length (8 bytes, big endian), then the bytes: no two lists of values give the same input.
fn put(hash: &mut Sha256, value: &[u8]) {
    hash.update((value.len() as u64).to_be_bytes());
    hash.update(value);
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The first bytes of a digest, with a one at the end should all of them be zero.
fn first<const N: usize>(digest: &[u8; 32]) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&digest[..N]);
    if bytes == [0; N] {
        bytes[N - 1] = 1;
    }
    bytes
}

fn write_hex(bytes: &[u8], formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
}

impl fmt::Display for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, formatter)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, formatter)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sls::LogTime;
    use proptest::prelude::*;

    fn identity_of(pairs: &[(&str, &str)]) -> Identity {
        let mut fields: Vec<_> = pairs.iter().map(|(key, value)| Field { key: key.as_bytes(), value: value.as_bytes() }).collect();
        fields.push(Field { key: b"question", value: b"q" });
        fields.push(Field { key: b"response_flags", value: b"-" });
        let record = LogRecord { time: LogTime { seconds: 7, nanoseconds: None }, fields };
        let parsed = crate::gateway::ParsedRecord::of(&record);
        identity(&record, &parsed.call().unwrap())
    }

    fn trace_of(id: &str) -> String {
        identity_of(&[("trace_id", id), ("request_id", "r"), ("start_time", "s")]).trace_id.to_string()
    }

    #[test]
    fn a_valid_trace_id_is_kept_in_every_form() {
        let id = "5b8aa5a2d2c872e8321cf37308d69d01";
        assert_eq!(trace_of(id), id);
        assert_eq!(trace_of("5B8AA5A2D2C872E8321CF37308D69D01"), id);
        assert_eq!(trace_of("5b8aa5a2-d2c8-72e8-321c-f37308d69d01"), id);
        assert_eq!(trace_of("321cf37308d69d01"), "0000000000000000321cf37308d69d01");
        assert_eq!(trace_of(&format!("00-{id}-00f067aa0ba902b7-01")), id);
    }

    #[test]
    fn any_other_text_is_hashed_by_the_rule_of_the_sdks() {
        // The value that `create_trace_id(seed="demo")` of the Langfuse SDKs gives.
        assert_eq!(trace_of("demo"), "2a97516c354b68848cdbd8f54a226a0a");
        assert_eq!(trace_of("5b8aa5a2d2c872e8321cf37308d69d0g").len(), 32);
    }

    #[test]
    fn an_absent_trace_id_is_derived_from_the_request_and_never_from_the_marker() {
        let expected = TraceId(first(&sha256(b"r"))).to_string();
        for absent in
            ["-", "", "<nil>", "null", "00000000000000000000000000000000", "0000000000000000", "00000000-0000-0000-0000-000000000000", " "]
        {
            assert_eq!(trace_of(absent), expected, "{absent:?}");
        }
        let neither = identity_of(&[("trace_id", "-"), ("request_id", "-"), ("path", "/x")]);
        assert_eq!(neither.trace_id.0[..8], neither.span_id.0);
    }

    #[test]
    fn only_a_changed_trace_id_is_called_changed() {
        let changed = |id| identity_of(&[("trace_id", id), ("request_id", "r")]).trace_id_changed;
        assert!(!changed("5b8aa5a2d2c872e8321cf37308d69d01") && !changed("-"));
        assert!(changed("5B8AA5A2D2C872E8321CF37308D69D01") && changed("demo"));
    }

    #[test]
    fn span_ids_are_pinned_to_the_byte() {
        let pinned = identity_of(&[("request_id", "r"), ("start_time", "2026-03-02T02:10:01.037Z"), ("trace_id", "-")]);
        let mut input = Vec::new();
        for value in ["-", "r", "2026-03-02T02:10:01.037Z", "", "", "", "", "", "", "", "", ""] {
            input.extend((value.len() as u64).to_be_bytes());
            input.extend(value.as_bytes());
        }
        assert_eq!(pinned.span_id.0, sha256(&input)[..8]);
    }

    #[test]
    fn the_named_fields_are_the_ones_hashed_in_their_order() {
        let pairs = IDENTIFYING.map(|name| (name, name));
        let mut input = Vec::new();
        for name in IDENTIFYING {
            input.extend((name.len() as u64).to_be_bytes());
            input.extend(name.as_bytes());
        }
        assert_eq!(identity_of(&pairs).span_id.0, sha256(&input)[..8]);
    }

    #[test]
    fn a_derived_parent_is_pinned_to_the_byte() {
        // The first 16 digits that `printf 'parent:5b8aa5a2d2c872e8321cf37308d69d01' | sha256sum` prints.
        let trace_id = hex_trace_id("5b8aa5a2d2c872e8321cf37308d69d01").unwrap();
        assert_eq!(derived_parent(trace_id).to_string(), "a569d85616cfeffe");
    }

    #[test]
    fn the_two_legs_of_a_fallback_differ() {
        let leg = |route, start| identity_of(&[("request_id", "r"), ("start_time", start), ("route_name", route)]).span_id;
        assert_ne!(leg("a", "t1"), leg("b", "t1"));
        assert_ne!(leg("a", "t1"), leg("a", "t2"));
    }

    #[test]
    fn the_caller_s_context_names_the_trace_where_the_gateway_does_not() {
        let id = "5b8aa5a2d2c872e8321cf37308d69d01";
        let parent = format!("00-{id}-00f067aa0ba902b7-01");
        assert_eq!(identity_of(&[("trace_id", "-"), ("traceparent", &parent)]).trace_id.to_string(), id);
        assert_eq!(identity_of(&[("b3", &format!("{id}-00f067aa0ba902b7-1"))]).trace_id.to_string(), id);
        assert_eq!(identity_of(&[("x_b3_traceid", id)]).trace_id.to_string(), id);
        let member = format!(r#"{{"traceparent":"{parent}"}}"#);
        assert_eq!(identity_of(&[("trace_id", "-"), ("ai_log", &member)]).trace_id.to_string(), id);
    }

    #[test]
    fn a_traceparent_is_taken_whole_or_not_at_all() {
        let id = "5b8aa5a2d2c872e8321cf37308d69d01";
        for bad in ["00-x-00f067aa0ba902b7-01", "00", &format!("00-{id}-0000000000000000-01"), &format!("ff-{id}-00f067aa0ba902b7-01")] {
            assert_eq!(traceparent(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn transport_metadata_and_field_order_never_change_an_identity(
            mut pairs in proptest::collection::vec(("[a-c_]{1,3}", "[a-z0-9-]{0,6}"), 0..8), seed in any::<u64>()
        ) {
            pairs.retain(|(key, _)| !is_of_collector(key.as_bytes()));
            // Equal keys are undefined in a log (`reference/sls.md` §2); order decides which one wins.
            pairs.sort();
            pairs.dedup_by(|a, b| a.0 == b.0);
            let plain: Vec<_> = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            let mut moved = plain.clone();
            moved.push(("__pack_meta__", "1|2|3|4"));
            moved.push(("_time_", "later"));
            fastrand::Rng::with_seed(seed).shuffle(&mut moved);
            prop_assert_eq!(identity_of(&plain), identity_of(&moved));
        }

        #[test]
        fn foreign_ids_never_panic_and_never_give_zero(id in any::<String>()) {
            let identity = identity_of(&[("trace_id", &id), ("traceparent", &id), ("b3", &id)]);
            prop_assert!(identity.trace_id.0 != [0; 16] && identity.span_id.0 != [0; 8]);
        }
    }
}
