//! The OTLP trace messages as prost types: what the stand-in decodes and, as the oracle, what tests decode.
//!
//! Names and numbers are those of `opentelemetry/proto/trace/v1`, `common/v1`, `resource/v1` and `collector/trace/v1`; HTTP only
//! (`reference/langfuse.md` §4). Nothing here knows what an attribute means.

/// The body of `POST /api/public/otel/v1/traces`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExportTraceServiceRequest {
    /// Spans, grouped by the resource that produced them.
    #[prost(message, repeated, tag = "1")]
    pub resource_spans: Vec<ResourceSpans>,
}

/// Spans of one resource.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ResourceSpans {
    /// The producer.
    #[prost(message, optional, tag = "1")]
    pub resource: Option<Resource>,
    /// Spans, grouped by instrumentation scope.
    #[prost(message, repeated, tag = "2")]
    pub scope_spans: Vec<ScopeSpans>,
    /// Schema of the resource's attributes.
    #[prost(string, tag = "3")]
    pub schema_url: String,
}

/// A producer of spans.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Resource {
    /// What identifies it.
    #[prost(message, repeated, tag = "1")]
    pub attributes: Vec<KeyValue>,
    /// How many attributes were left out.
    #[prost(uint32, tag = "2")]
    pub dropped_attributes_count: u32,
}

/// Spans of one instrumentation scope.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ScopeSpans {
    /// The library that made the spans.
    #[prost(message, optional, tag = "1")]
    pub scope: Option<InstrumentationScope>,
    /// The spans.
    #[prost(message, repeated, tag = "2")]
    pub spans: Vec<Span>,
    /// Schema of the spans' attributes.
    #[prost(string, tag = "3")]
    pub schema_url: String,
}

/// The library that made spans.
#[derive(Clone, PartialEq, prost::Message)]
pub struct InstrumentationScope {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its version.
    #[prost(string, tag = "2")]
    pub version: String,
    /// Further properties.
    #[prost(message, repeated, tag = "3")]
    pub attributes: Vec<KeyValue>,
    /// How many attributes were left out.
    #[prost(uint32, tag = "4")]
    pub dropped_attributes_count: u32,
}

/// One operation with a start and an end.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Span {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub trace_id: Vec<u8>,
    /// 8 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub span_id: Vec<u8>,
    /// W3C trace state.
    #[prost(string, tag = "3")]
    pub trace_state: String,
    /// 8 bytes; empty for a root.
    #[prost(bytes = "vec", tag = "4")]
    pub parent_span_id: Vec<u8>,
    /// Name of the operation.
    #[prost(string, tag = "5")]
    pub name: String,
    /// `SpanKind`, 3 for a client.
    #[prost(int32, tag = "6")]
    pub kind: i32,
    /// UNIX nanoseconds.
    #[prost(fixed64, tag = "7")]
    pub start_time_unix_nano: u64,
    /// UNIX nanoseconds.
    #[prost(fixed64, tag = "8")]
    pub end_time_unix_nano: u64,
    /// What is said about the operation.
    #[prost(message, repeated, tag = "9")]
    pub attributes: Vec<KeyValue>,
    /// How many attributes were left out.
    #[prost(uint32, tag = "10")]
    pub dropped_attributes_count: u32,
    /// Things that happened inside.
    #[prost(message, repeated, tag = "11")]
    pub events: Vec<Event>,
    /// How many events were left out.
    #[prost(uint32, tag = "12")]
    pub dropped_events_count: u32,
    /// Causes in other traces.
    #[prost(message, repeated, tag = "13")]
    pub links: Vec<Link>,
    /// How many links were left out.
    #[prost(uint32, tag = "14")]
    pub dropped_links_count: u32,
    /// Outcome.
    #[prost(message, optional, tag = "15")]
    pub status: Option<Status>,
    /// W3C trace flags.
    #[prost(fixed32, tag = "16")]
    pub flags: u32,
}

/// Something that happened inside a span.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Event {
    /// UNIX nanoseconds.
    #[prost(fixed64, tag = "1")]
    pub time_unix_nano: u64,
    /// What happened.
    #[prost(string, tag = "2")]
    pub name: String,
    /// What is said about it.
    #[prost(message, repeated, tag = "3")]
    pub attributes: Vec<KeyValue>,
    /// How many attributes were left out.
    #[prost(uint32, tag = "4")]
    pub dropped_attributes_count: u32,
}

/// A reference to a span of another trace.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Link {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub trace_id: Vec<u8>,
    /// 8 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub span_id: Vec<u8>,
    /// W3C trace state.
    #[prost(string, tag = "3")]
    pub trace_state: String,
    /// What is said about the link.
    #[prost(message, repeated, tag = "4")]
    pub attributes: Vec<KeyValue>,
    /// How many attributes were left out.
    #[prost(uint32, tag = "5")]
    pub dropped_attributes_count: u32,
    /// W3C trace flags.
    #[prost(fixed32, tag = "6")]
    pub flags: u32,
}

/// Outcome of a span.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Status {
    /// A text for people.
    #[prost(string, tag = "2")]
    pub message: String,
    /// 0 unset, 1 ok, 2 error.
    #[prost(int32, tag = "3")]
    pub code: i32,
}

/// One attribute. Without a value it destroys a whole request in Langfuse (`reference/langfuse.md` §4), so the value is optional here.
#[derive(Clone, PartialEq, prost::Message)]
pub struct KeyValue {
    /// Attribute name.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Attribute value.
    #[prost(message, optional, tag = "2")]
    pub value: Option<AnyValue>,
}

/// A value of any kind.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AnyValue {
    /// The value; an empty message is valid and means nothing.
    #[prost(oneof = "any_value::Value", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub value: Option<any_value::Value>,
}

/// The kinds of [`AnyValue`].
pub mod any_value {
    /// One of the kinds.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Value {
        /// UTF-8 text.
        #[prost(string, tag = "1")]
        StringValue(String),
        /// True or false.
        #[prost(bool, tag = "2")]
        BoolValue(bool),
        /// A signed integer.
        #[prost(int64, tag = "3")]
        IntValue(i64),
        /// A double.
        #[prost(double, tag = "4")]
        DoubleValue(f64),
        /// A list.
        #[prost(message, tag = "5")]
        ArrayValue(super::ArrayValue),
        /// A map.
        #[prost(message, tag = "6")]
        KvlistValue(super::KeyValueList),
        /// Bytes.
        #[prost(bytes = "vec", tag = "7")]
        BytesValue(Vec<u8>),
    }
}

/// A list of values.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ArrayValue {
    /// The elements.
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<AnyValue>,
}

/// A map, as a list of entries.
#[derive(Clone, PartialEq, prost::Message)]
pub struct KeyValueList {
    /// The entries; a key may repeat.
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<KeyValue>,
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    #[test]
    fn encodes_a_span_with_the_published_field_numbers() {
        let span = Span {
            trace_id: vec![0xab; 16],
            span_id: vec![0xcd; 8],
            name: "n".into(),
            kind: 3,
            start_time_unix_nano: 1,
            end_time_unix_nano: 2,
            status: Some(Status { message: "m".into(), code: 2 }),
            flags: 1,
            ..Span::default()
        };
        let mut expected = vec![0x0a, 16];
        expected.extend([0xab; 16]);
        expected.extend([0x12, 8]);
        expected.extend([0xcd; 8]);
        expected.extend([0x2a, 1, b'n', 0x30, 3]);
        expected.extend([0x39, 1, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend([0x41, 2, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend([0x7a, 5, 0x12, 1, b'm', 0x18, 2]);
        expected.extend([0x85, 0x01, 1, 0, 0, 0]);
        assert_eq!(span.encode_to_vec(), expected);
    }

    #[test]
    fn tells_an_absent_value_from_an_empty_one() {
        let absent = KeyValue { key: "k".into(), value: None };
        let empty = KeyValue { key: "k".into(), value: Some(AnyValue { value: None }) };
        assert_eq!(absent.encode_to_vec(), [0x0a, 1, b'k']);
        assert_eq!(empty.encode_to_vec(), [0x0a, 1, b'k', 0x12, 0]);
        assert_eq!(KeyValue::decode(&empty.encode_to_vec()[..]).unwrap(), empty);
    }
}
