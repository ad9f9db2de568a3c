//! The stand-in over real sockets. What the tests share stands here.

mod bounds;
mod faults;
mod hostile;
mod ingestion;
mod modes;
mod otlp;
mod page;

use std::io::Write;

use base64::Engine;
use prost::Message;
use serde_json::{Value, json};

use super::*;
use crate::export::wire::{
    AnyValue, ArrayValue, ExportTraceServiceRequest, InstrumentationScope, KeyValue, ResourceSpans, ScopeSpans, Span, any_value,
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";
const NOON_MS: i64 = 1_747_915_200_000;

/// Headers and body of a request, status and body of its answer.
type Exchange<'a> = (&'a [(&'a str, &'a str)], Vec<u8>, u16, String);

fn v(text: &str) -> ServerVersion {
    text.parse().unwrap()
}

fn client() -> reqwest::Client {
    // The second test to come finds the provider installed, which is what it wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

fn basic() -> String {
    let pair = format!("{}:{}", LangfuseWorld::PUBLIC_KEY, LangfuseWorld::SECRET_KEY);
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}

async fn started(world: LangfuseWorld) -> LangfuseEmulator {
    LangfuseEmulator::start(0, world).await.unwrap()
}

async fn of(version: &str, mode: WriteMode) -> LangfuseEmulator {
    started(LangfuseWorld { version: v(version), mode, ..LangfuseWorld::default() }).await
}

/// A post with good credentials; a later header of the same name replaces an earlier one, and an empty one removes it.
async fn post(emulator: &LangfuseEmulator, path: &str, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> (u16, String) {
    let mut map = reqwest::header::HeaderMap::new();
    let authorization = basic();
    for (name, value) in [("authorization", authorization.as_str())].iter().chain(headers) {
        let name = reqwest::header::HeaderName::try_from(*name).unwrap();
        if value.is_empty() {
            map.remove(&name)
        } else {
            map.insert(name, value.parse().unwrap())
        };
    }
    let response = client().post(format!("{}{path}", emulator.base_url())).headers(map).body(body).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

async fn get(emulator: &LangfuseEmulator, path: &str) -> (u16, Value) {
    let response = client().get(format!("{}{path}", emulator.base_url())).header("authorization", basic()).send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
}

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json");
const DIRECT: (&str, &str) = ("x-langfuse-ingestion-version", "4");

async fn send(emulator: &LangfuseEmulator, request: &ExportTraceServiceRequest) -> (u16, String) {
    post(emulator, OTLP_PATH, &[PROTOBUF, DIRECT], request.encode_to_vec()).await
}

async fn send_json(emulator: &LangfuseEmulator, spans: &Value) -> (u16, String) {
    let request = json!({"resourceSpans": [{"scopeSpans": [{"scope": {"name": "mine"}, "spans": spans}]}]});
    post(emulator, OTLP_PATH, &[JSON], request.to_string()).await
}

async fn batch(emulator: &LangfuseEmulator, events: &[Value]) -> (u16, Value) {
    let (status, body) = post(emulator, BATCH_PATH, &[JSON], json!({ "batch": events }).to_string()).await;
    (status, serde_json::from_str(&body).unwrap_or_default())
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn text(key: &str, text: &str) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(any_value::Value::StringValue(text.into())) }) }
}

fn span(attributes: Vec<KeyValue>) -> Span {
    let start = NOON_MS as u64 * 1_000_000;
    Span {
        trace_id: bytes(TRACE),
        span_id: bytes(SPAN),
        name: "chat".into(),
        kind: 3,
        start_time_unix_nano: start,
        end_time_unix_nano: start + 2_500_000_000,
        attributes,
        ..Span::default()
    }
}

fn request(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope = InstrumentationScope { name: "gateway".into(), version: "1".into(), ..InstrumentationScope::default() };
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, schema_url: String::new() }];
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] }
}

fn gzipped(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn event(kind: &str, body: &Value) -> Value {
    json!({"id": "envelope", "type": kind, "timestamp": "2025-05-22T12:00:00Z", "body": body})
}

fn reasons(emulator: &LangfuseEmulator) -> Vec<(LostReason, usize)> {
    emulator.lost().into_iter().map(|lost| (lost.reason, lost.observations)).collect()
}
