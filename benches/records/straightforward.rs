//! The straightforward way to do the same job in Rust, as one writes it in an afternoon from crates that everybody knows: prost into owned
//! strings, a map of the fields, `serde_json::Value`, the messages of OTLP as a tree, flate2. No wasted work, and no thought of it either.
//!
//! It gives the same attributes for all records of the corpus but costs, which it does not know.

use std::collections::HashMap;
use std::io::Write;

use flate2::write::GzEncoder;
use prost::Message;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sls_to_langfuse::export::wire::{
    AnyValue, ArrayValue, ExportTraceServiceRequest, KeyValue, Resource, ResourceSpans, ScopeSpans, Span, Status, any_value,
};

use crate::corpus::Packed;
use crate::ours::{Compression, Sent};

#[derive(Clone, PartialEq, Message)]
struct Content {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Log {
    #[prost(uint32, tag = "1")]
    time: u32,
    #[prost(message, repeated, tag = "2")]
    contents: Vec<Content>,
}

#[derive(Clone, PartialEq, Message)]
struct LogGroup {
    #[prost(message, repeated, tag = "1")]
    logs: Vec<Log>,
}

#[derive(Clone, PartialEq, Message)]
struct LogGroupList {
    #[prost(message, repeated, tag = "1")]
    log_groups: Vec<LogGroup>,
}

/// As large as the requests of the program.
const REQUEST_BYTES: usize = 1_000_000;

pub fn run(pages: &[Packed], compression: Compression) -> Sent {
    let (mut sent, mut spans, mut size) = (Sent::default(), Vec::new(), 0);
    for page in pages {
        let Ok(raw) = lz4_flex::block::decompress(&page.body, usize::try_from(page.raw_size).unwrap_or_default()) else { continue };
        let Ok(list) = LogGroupList::decode(raw.as_slice()) else { continue };
        for log in list.log_groups.into_iter().flat_map(|group| group.logs) {
            let Some(span) = span(log) else { continue };
            let length = span.encoded_len();
            if size + length > REQUEST_BYTES {
                send(std::mem::take(&mut spans), compression, &mut sent);
                size = 0;
            }
            size += length;
            spans.push(span);
        }
    }
    send(spans, compression, &mut sent);
    sent
}

fn send(spans: Vec<Span>, compression: Compression, sent: &mut Sent) {
    let resource = Resource { attributes: vec![text("service.name", "straightforward")], ..Resource::default() };
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() }];
    let raw = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
    sent.raw += raw.len();
    sent.wire += match compression {
        Compression::None => raw.len(),
        Compression::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
            let _ = encoder.write_all(&raw);
            encoder.finish().unwrap_or_default().len()
        }
    };
}

/// The members of `ai_log` that have an attribute of their own; all others are metadata.
const PLACED: [&str; 16] = [
    "answer",
    "input_token",
    "input_token_details",
    "llm_first_token_duration",
    "llm_service_duration",
    "messages",
    "model",
    "output_token",
    "question",
    "reasoning",
    "reasoning_tokens",
    "session_id",
    "tool_calls",
    "tools",
    "total_token",
    "system",
];

/// The fields of the proxy that become metadata.
const SHOWN: [&str; 12] = [
    "request_id",
    "method",
    "path",
    "authority",
    "route_name",
    "cluster_id",
    "upstream_cluster",
    "upstream_host",
    "response_code",
    "response_code_details",
    "response_flags",
    "user_agent",
];

fn span(log: Log) -> Option<Span> {
    let end = u64::from(log.time) * 1000;
    let fields: HashMap<String, String> = log.contents.into_iter().map(|content| (content.key, content.value)).collect();
    let field = |name: &str| fields.get(name).map(String::as_str).filter(|value| !matches!(*value, "" | "-"));
    let ai: Value = serde_json::from_str(field("ai_log")?).ok()?;
    let start = field("start_time").and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let start = start.and_then(|start| u64::try_from(start.as_millisecond()).ok()).unwrap_or(end);
    let duration: u64 = field("duration").and_then(|text| text.parse().ok()).unwrap_or(0);
    let refused = field("response_code").and_then(|code| code.parse::<u16>().ok()).is_some_and(|code| code >= 400);
    Some(Span {
        trace_id: trace_id(field("trace_id").unwrap_or_default()),
        span_id: Sha256::digest(format!("{:?}{:?}", field("request_id"), field("start_time")))[..8].to_vec(),
        name: ai["api"].as_str().or(field("route_name"))?.to_owned(),
        kind: 3,
        start_time_unix_nano: start * 1_000_000,
        end_time_unix_nano: (start + duration) * 1_000_000,
        attributes: attributes(&fields, &ai, start, refused),
        status: refused.then(|| Status { message: message(&fields), code: 2 }),
        ..Span::default()
    })
}

fn attributes(fields: &HashMap<String, String>, ai: &Value, start: u64, refused: bool) -> Vec<KeyValue> {
    let path = fields.get("path").map(String::as_str).unwrap_or_default();
    let is_embedding = path.ends_with("/embeddings");
    let mut attributes = vec![
        text("langfuse.observation.type", if is_embedding { "embedding" } else { "generation" }),
        text("langfuse.observation.level", if refused { "ERROR" } else { "DEFAULT" }),
        text("langfuse.observation.usage_details", usage(ai, refused).to_string()),
    ];
    if refused {
        attributes.push(text("langfuse.observation.status_message", message(fields)));
    }
    if let Some(model) = ai["model"].as_str() {
        attributes.push(text("langfuse.observation.model.name", model));
    }
    if let Some(wait) = ai["llm_first_token_duration"].as_i64() {
        let first = i64::try_from(start).ok().and_then(|start| jiff::Timestamp::from_millisecond(start + wait).ok());
        attributes.push(text("langfuse.observation.completion_start_time", first.unwrap_or_default().to_string()));
    }
    attributes.push(text("langfuse.observation.input", if is_embedding { plain(&ai["question"]) } else { input(ai) }));
    if let Some(output) = output(ai) {
        attributes.push(text("langfuse.observation.output", output));
    }
    attributes.push(text("langfuse.trace.name", plain(&ai["api"])));
    attributes.push(text("langfuse.user.id", plain(&ai["consumer"])));
    attributes.push(text("langfuse.session.id", plain(&ai["session_id"])));
    if let Some(status) = ai["token_ratelimit_status"].as_str() {
        attributes.push(texts("langfuse.trace.tags", vec![format!("ratelimit:{status}")]));
    }
    let proxy = SHOWN.iter().filter_map(|name| Some((*name, fields.get(*name).filter(|value| *value != "-")?.clone())));
    let plugins = ai.as_object().into_iter().flatten().filter(|(name, _)| !PLACED.contains(&name.as_str()));
    let plugins = plugins.map(|(name, value)| (name.as_str(), plain(value)));
    attributes.extend(proxy.chain(plugins).map(|(name, value)| text(&format!("langfuse.observation.metadata.{name}"), value)));
    attributes
}

fn usage(ai: &Value, refused: bool) -> Value {
    let count = |value: &Value| value.as_u64().unwrap_or(0);
    let cached = count(&ai["input_token_details"]["cached_tokens"]);
    let (input, output, reasoning) = (count(&ai["input_token"]), count(&ai["output_token"]), count(&ai["reasoning_tokens"]));
    if refused && input + output == 0 {
        return json!({"input": 0, "output": 0, "total": 0});
    }
    json!({
        "input": input.saturating_sub(cached), "input_cached_tokens": cached, "output": output.saturating_sub(reasoning),
        "output_reasoning_tokens": reasoning, "total": count(&ai["total_token"]),
    })
}

fn input(ai: &Value) -> String {
    match ai.get("messages") {
        Some(messages) => messages.to_string(),
        None => json!([{"role": "user", "content": ai["question"]}]).to_string(),
    }
}

fn output(ai: &Value) -> Option<String> {
    let (answer, calls) = (ai.get("answer"), ai.get("tool_calls"));
    answer.or(calls)?;
    let mut message = json!({"role": "assistant", "content": answer});
    if let Some(thoughts) = ai.get("reasoning") {
        message["thinking"] = json!([{"type": "thinking", "content": thoughts}]);
    }
    if let Some(calls) = calls {
        message["tool_calls"] = calls.clone();
    }
    Some(message.to_string())
}

fn message(fields: &HashMap<String, String>) -> String {
    format!("HTTP {}", fields.get("response_code").map(String::as_str).unwrap_or_default())
}

fn trace_id(hex: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    hex.as_bytes().chunks(2).filter_map(byte).collect()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn text(key: &str, value: impl Into<String>) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(any_value::Value::StringValue(value.into())) }) }
}

fn texts(key: &str, values: Vec<String>) -> KeyValue {
    let values = values.into_iter().map(|value| AnyValue { value: Some(any_value::Value::StringValue(value)) }).collect();
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(any_value::Value::ArrayValue(ArrayValue { values })) }) }
}
