//! Secrets of every kind, planted in every kind of field, and looked for in every byte that leaves: requests, log, answers, dead letters.
//!
//! Each secret stands in one record and is another one than all the rest, so that what leaks names its place.

use std::collections::BTreeSet;

use prost::Message;
use serde_json::{Value, json};
use sls_to_langfuse::emulator::langfuse::{Fault, LangfuseEmulator, LangfuseWorld, ServerVersion, When};
use sls_to_langfuse::emulator::sls::ShardSpec;
use sls_to_langfuse::export::wire::{ExportTraceServiceRequest, any_value};
use sls_to_langfuse::sls::wire;

use crate::records::{group, log};
use crate::support::{Function, PROJECT, SEED, append, event, ordinary_settings, sls_with};

/// A kind of secret: its name and the secret number so and so of it.
type Kind = (&'static str, fn(usize) -> String);

const KINDS: [Kind; 12] = [
    ("id_card", id_card),
    ("mobile", |number| format!("138{number:08}")),
    ("bank_card", bank_card),
    ("passport", |number| format!("E{:08}", 31_000_000 + number)),
    ("plate", |number| format!("京A{number:05}")),
    ("email", |number| format!("person.{number}@mail.example.com")),
    ("sk", |number| format!("sk-Abcdef{number:06}Ghijklmnop")),
    ("ltai", |number| format!("LTAI5tQwerty{number:06}")),
    ("jwt", |number| format!("eyJhbGciOiJIUzI1NiJ9.eyJzdWIi{number:06}.c2lnbmF0dXJl")),
    ("password", |number| format!("password=hunter{number:06}")),
    ("ipv4", |number| format!("10.{}.{}.77", number / 250 + 1, number % 250 + 1)),
    ("ipv6", |number| format!("2001:db8:{number:x}::8a2e:370:7334")),
];

fn id_card(number: usize) -> String {
    let digits = format!("110105{}{:02}{:02}{:03}", 1950 + number % 50, number % 12 + 1, number % 28 + 1, number % 1000);
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = digits.bytes().zip(weights).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    format!("{digits}{}", b"10X98765432"[(sum % 11) as usize] as char)
}

fn bank_card(number: usize) -> String {
    let digits = format!("622202{number:012}");
    let sum = |check: u32| -> u32 {
        let doubled = digits.bytes().rev().enumerate().map(|(place, digit)| match (place % 2, u32::from(digit - b'0')) {
            (0, digit) => digit * 2 / 10 + digit * 2 % 10,
            (_, digit) => digit,
        });
        doubled.sum::<u32>() + check
    };
    let check = (0..10).find(|check| sum(*check).is_multiple_of(10)).unwrap();
    format!("{digits}{check}")
}

/// The part of a secret that must not leave.
fn core(secret: &str) -> &str {
    secret.strip_prefix("password=").unwrap_or(secret)
}

/// A kind of field, and a record that holds the secret there.
type Place = (&'static str, fn(&str) -> Vec<(String, String)>);

fn field(key: &str, value: impl Into<String>) -> Vec<(String, String)> {
    vec![(key.to_owned(), value.into())]
}

fn member(key: &str, value: Value) -> Vec<(String, String)> {
    field("ai_log", json!({key: value}).to_string())
}

fn said(secret: &str) -> String {
    format!("请记住我的信息 {secret} 谢谢")
}

fn escaped(text: &str) -> String {
    text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()
}

fn tool(key: &str, value: &Value) -> Vec<(String, String)> {
    let mut fields = field(key, json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call"}).to_string());
    let mut body: Value = serde_json::from_str(&fields[0].1).unwrap();
    body.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
    fields[0].1 = body.to_string();
    fields.extend([("ai_log".into(), r#"{"mcp_tool_name":"lookup"}"#.into()), ("path".into(), "/mcp".into())]);
    fields
}

/// A value so long that it is cut inside the secret, or just before or behind it.
fn cut(secret: &str, limit: usize) -> String {
    let inside = secret.len() - secret.bytes().map(usize::from).sum::<usize>() % secret.len();
    format!("{} {secret} and so on, for a while", "x".repeat(limit.saturating_sub(inside)))
}

fn failing(details: String) -> Vec<(String, String)> {
    vec![("response_code".into(), "500".into()), ("response_code_details".into(), details)]
}

fn events(pieces: &[&str]) -> String {
    pieces.iter().map(|piece| format!("data: {}\n\n", json!({"choices": [{"delta": {"content": piece}}]}))).collect()
}

const PLACES: [Place; 62] = [
    ("question", |s| field("question", said(s))),
    ("answer", |s| field("answer", said(s))),
    ("ai_log.question", |s| member("question", json!(said(s)))),
    ("ai_log.answer", |s| member("answer", json!(said(s)))),
    ("an answer in JSON", |s| member("answer", json!(json!({"found": [said(s)]}).to_string()))),
    ("thinking", |s| member("reasoning", json!(said(s)))),
    ("system", |s| member("system", json!(said(s)))),
    ("system blocks", |s| member("system", json!([{"type": "text", "text": said(s)}]))),
    ("messages", |s| member("messages", json!([{"role": "user", "content": said(s)}]))),
    ("parts", |s| member("messages", json!([{"role": "user", "content": [{"type": "text", "text": s}]}]))),
    ("a role", |s| member("messages", json!([{"role": s, "content": "x"}]))),
    ("a member's name", |s| member("messages", json!([{"role": "user", "content": "x", s: 1}]))),
    ("escaped", |s| field("ai_log", format!(r#"{{"messages":[{{"role":"user","content":"{}"}}]}}"#, escaped(s)))),
    ("slashes", |s| field("ai_log", format!(r#"{{"question":"a\/{}\/\n{}"}}"#, s, s.replace('/', "\\/")))),
    ("messages as text", |s| member("messages", json!(json!([{"role": "user", "content": said(s)}]).to_string()))),
    ("go syntax", |s| member("messages", json!(format!("[map[content:{s} role:user]]")))),
    ("go syntax, unreadable", |s| member("tool_calls", json!(format!("[map[x:{s} map[")))),
    ("tool arguments", |s| {
        member("tool_calls", json!([{"id": "c", "function": {"name": "f", "arguments": json!({"who": s}).to_string()}}]))
    }),
    ("deep arguments", |s| {
        let inner = json!({"query": json!({"who": said(s)}).to_string()}).to_string();
        member("tool_calls", json!([{"function": {"name": "f", "arguments": json!({"body": inner}).to_string()}}]))
    }),
    ("a tool's name", |s| member("tool_calls", json!([{"id": s, "function": {"name": s, "arguments": "{}"}}]))),
    ("tools", |s| member("tools", json!([{"type": "function", "function": {"name": "f", "description": said(s)}}]))),
    ("request body", |s| field("request_body", json!({"model": "m", "messages": [{"role": "user", "content": said(s)}]}).to_string())),
    ("request body, unknown", |s| field("request_body", json!({"prompt": said(s)}).to_string())),
    ("request body, cut", |s| field("request_body", format!(r#"{{"messages":[{{"content":"{}"#, said(s)))),
    ("response body", |s| field("response_body", json!({"choices": [{"message": {"role": "assistant", "content": said(s)}}]}).to_string())),
    ("response body, text", |s| field("response_body", said(s))),
    ("event stream", |s| field("response_body", events(&["a", &said(s), "b"]))),
    ("event stream in pieces", |s| {
        let middle = s.floor_char_boundary(s.len() / 2);
        field("response_body", events(&["是 ", &s[..middle], &s[middle..], " 吗"]))
    }),
    ("tool call", |s| tool("request_body", &json!({"params": {"name": "lookup", "arguments": {"who": s}}}))),
    ("tool name in the body", |s| {
        let mut fields = tool("request_body", &json!({"params": {"name": s, "arguments": {}}}));
        fields[1].1 = r#"{"api":"-"}"#.into();
        fields.push(("response_code_details".into(), "mcp:tools/call".into()));
        fields
    }),
    ("tool result", |s| tool("response_body", &json!({"result": {"content": [{"type": "text", "text": said(s)}]}}))),
    ("tool error", |s| tool("response_body", &json!({"error": {"code": -1, "message": said(s)}}))),
    ("unknown field", |s| field("tenant_note", said(s))),
    ("unknown key", |s| field(s, "x")),
    ("unknown member", |s| member("note", json!(said(s)))),
    ("unknown structure", |s| member("note", json!({"a": [{"b": s}]}))),
    ("secret field", |s| field("x-api-key", s)),
    ("user agent", |s| field("user_agent", said(s))),
    ("query", |s| field("path", format!("/v1/chat/completions?who={}", s.replace('@', "%40")))),
    ("path", |s| field("path", format!("/v1/{s}/chat/completions"))),
    ("authority", |s| field("authority", s)),
    ("route", |s| field("route_name", s)),
    ("upstream host", |s| field("upstream_host", s)),
    ("upstream failure", |s| field("upstream_transport_failure_reason", said(s))),
    ("request id", |s| field("request_id", s)),
    ("trace id", |s| field("trace_id", s)),
    ("status message", |s| failing(format!("mcp:tools/call:error({})", said(s)))),
    ("status message, flags", |s| [failing("x".into()), field("response_flags", s)].concat()),
    ("consumer", |s| member("consumer", json!(s))),
    ("consumer, joined", |s| [member("consumer", json!(s)), field("parent_span_id", "00f067aa0ba902b7")].concat()),
    ("session", |s| member("session_id", json!(s))),
    ("model", |s| member("model", json!(s))),
    ("api", |s| member("api", json!(s))),
    ("chat id", |s| member("chat_id", json!(s))),
    ("cache status", |s| member("cache_status", json!(s))),
    ("words of content safety", |s| member("safecheck_riskWords", json!(said(s)))),
    ("start and duration", |s| [field("start_time", s), field("duration", s)].concat()),
    ("tokens", |s| member("input_token", json!(s))),
    ("metadata, cut", |s| field("note", cut(s, 1500))),
    ("session, cut", |s| member("session_id", json!(cut(s, 198)))),
    ("status message, cut", |s| failing(cut(s, 300))),
    ("gateway's cut", |s| {
        let middle = s.floor_char_boundary(s.len() * 2 / 3);
        member("answer", json!(format!("it is {} [truncated] {} and so on", &s[..middle], &s[middle..])))
    }),
];

/// Places where a half may be left by a cut, and must not be.
fn halves(place: &str, secret: &str) -> Vec<String> {
    let cut = place.contains("cut") && !secret.starts_with("password=");
    let half = secret.floor_char_boundary(secret.len() / 2 + 1);
    if cut && half >= 7 { vec![secret[..half].to_owned()] } else { Vec::new() }
}

struct Planted {
    place: &'static str,
    kind: &'static str,
    secret: String,
}

fn planted() -> Vec<(Planted, wire::Log)> {
    let mut all = Vec::new();
    for (at, (place, fields)) in PLACES.iter().enumerate() {
        for (index, (kind, secret)) in KINDS.iter().enumerate() {
            let number = at * KINDS.len() + index + 1;
            let secret = secret(number);
            all.push((Planted { place, kind, secret: secret.clone() }, record(number, fields(&secret))));
        }
    }
    all.extend(broken(all.len() + 1));
    all
}

/// A call with these fields beside the usual ones.
fn record(number: usize, fields: Vec<(String, String)>) -> wire::Log {
    let id = format!("leak-{number:06}");
    let usual = [
        ("request_id", id.as_str()),
        ("path", "/v1/chat/completions"),
        ("method", "POST"),
        ("response_code", "200"),
        ("start_time", "2026-03-02T02:10:01.037Z"),
    ];
    let usual = usual.iter().filter(|(key, _)| !fields.iter().any(|(other, _)| other == key));
    let all: Vec<_> = usual.copied().chain(fields.iter().map(|(key, value)| (key.as_str(), value.as_str()))).collect();
    log(&all)
}

/// Records that break off inside a secret, at every place of it.
fn broken(from: usize) -> Vec<(Planted, wire::Log)> {
    let secret = id_card(from);
    let whole = format!(r#"{{"model":"m","question":"no {secret}"#);
    let cut = |kept: usize| {
        let fields = field("ai_log", &whole[..whole.len() - secret.len() + kept]);
        (Planted { place: "a record that is cut", kind: "id_card", secret: secret.clone() }, record(from + kept, fields))
    };
    (5..=secret.len()).map(cut).collect()
}

/// Everything that left: to Langfuse, the log, the answer and dead letters, decoded in every way that a reader might.
struct Left {
    texts: BTreeSet<String>,
}

impl Left {
    fn find(&self, what: &str) -> Option<&str> {
        let text = self.texts.iter().find(|text| text.contains(what))?;
        let at = text.find(what)?;
        Some(&text[text.floor_char_boundary(at.saturating_sub(80))..text.ceil_char_boundary((at + 120).min(text.len()))])
    }
}

async fn run(policy: &str, api: &str) -> Left {
    let sls = sls_with(&[0]).await;
    sls.create_logstore(PROJECT, "dead-letters", &[ShardSpec { id: 0, seed: 1 }]);
    let logs: Vec<_> = planted().into_iter().map(|(_, log)| log).collect();
    let groups: Vec<_> = logs.chunks(100).map(|logs| group(logs.to_vec())).collect();
    let count = groups.len() as u64;
    append(&sls, 0, groups);
    // The newest servers take no batches.
    let world = if api == "batch" { LangfuseWorld::of_version(ServerVersion::new(3, 130, 0)) } else { LangfuseWorld::default() };
    let langfuse = LangfuseEmulator::start(0, world).await.unwrap();
    langfuse.refuse_when(When::text("leak-000007"), Fault::answer(400, "application/json", r#"{"error":"no"}"#));
    let mut settings = ordinary_settings(&langfuse.base_url(), &sls.endpoint());
    let own = [("CONTENT_POLICY", policy), ("LANGFUSE_INGESTION", api), ("RUST_LOG", "trace"), ("DEAD_LETTER_LOGSTORE", "dead-letters")];
    settings.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let function = Function::start(&settings).await;
    let answer = function.invoke(&event(0, SEED, SEED + count)).await;
    answer.assert_success();
    assert_eq!(answer.count("ingestLines"), logs.len() as u64);
    assert_eq!(answer.report()["deadLettered"], json!({"refused": 1}));
    let letters = sls.put_groups(PROJECT, "dead-letters");
    let mut texts: Vec<_> = letters.iter().map(|group| String::from_utf8_lossy(&group.encode_to_vec()).into_owned()).collect();
    texts.extend([answer.text.clone(), function.output()]);
    for request in langfuse.requests() {
        texts.push(String::from_utf8_lossy(&request.decoded).into_owned());
        texts.push(format!("{} {} {:?}", request.path, request.query, request.headers));
        texts.extend(strings_of(&request.decoded));
    }
    Left { texts: texts.into_iter().collect() }
}

/// Every text in a request, and every text inside these.
fn strings_of(body: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    match (serde_json::from_slice::<Value>(body), ExportTraceServiceRequest::decode(body)) {
        (Ok(json), _) => read(&json, &mut texts),
        (_, Ok(request)) => {
            let spans = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans);
            for span in spans {
                texts.push(span.name.clone());
                texts.extend(span.status.iter().map(|status| status.message.clone()));
                for attribute in &span.attributes {
                    texts.push(attribute.key.clone());
                    values(attribute.value.as_ref().and_then(|value| value.value.as_ref()), &mut texts);
                }
            }
        }
        _ => {}
    }
    texts
}

fn values(value: Option<&any_value::Value>, texts: &mut Vec<String>) {
    match value {
        Some(any_value::Value::StringValue(text)) => read(&Value::from(text.as_str()), texts),
        Some(any_value::Value::ArrayValue(array)) => array.values.iter().for_each(|value| values(value.value.as_ref(), texts)),
        _ => {}
    }
}

fn read(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            texts.push(text.clone());
            texts.push(text.replace("%40", "@"));
            if let Ok(inner @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
                read(&inner, texts);
            }
        }
        Value::Array(members) => members.iter().for_each(|member| read(member, texts)),
        Value::Object(members) => members.iter().for_each(|(key, member)| {
            texts.push(key.clone());
            read(member, texts);
        }),
        number => texts.push(number.to_string()),
    }
}

async fn assert_nothing_leaks(policy: &str) {
    for api in ["otlp", "batch"] {
        let left = run(policy, api).await;
        let mut leaks = Vec::new();
        for (planted, _) in planted() {
            let looked_for = [vec![core(&planted.secret).to_owned()], halves(planted.place, &planted.secret)].concat();
            leaks.extend(looked_for.iter().filter_map(|what| Some(format!("{} in {}: {}", planted.kind, planted.place, left.find(what)?))));
        }
        assert!(leaks.is_empty(), "{policy} by {api}: {} leaks: {leaks:#?}", leaks.len());
        assert!(
            left.find(&format!("\"gw_content_policy\":\"{policy}\"")).is_some() || left.find(policy).is_some(),
            "the policy was applied"
        );
    }
}

#[tokio::test]
async fn no_secret_leaves_under_masked() {
    assert_nothing_leaks("masked").await;
}

#[tokio::test]
async fn no_secret_leaves_under_lengths() {
    assert_nothing_leaks("lengths").await;
    let left = run("lengths", "otlp").await;
    for words in ["请记住", "谢谢", "and so on", "it is "] {
        assert_eq!(left.find(words), None, "{words}");
    }
}

#[tokio::test]
async fn no_secret_leaves_under_none() {
    assert_nothing_leaks("none").await;
    let left = run("none", "otlp").await;
    for words in ["请记住", "谢谢", "and so on", "it is ", "characters]", "tenant_note"] {
        assert_eq!(left.find(words), None, "{words}");
    }
}

#[tokio::test]
async fn the_search_finds_the_secrets_where_nothing_is_masked() {
    // The guard of this file: they do leave under `full`, from every place, so that their absence elsewhere is worth something.
    let left = run("full", "otlp").await;
    let all = planted();
    assert!(all.iter().map(|(planted, _)| &planted.secret).collect::<BTreeSet<_>>().len() >= 200);
    let found: Vec<_> = all.iter().filter(|(planted, _)| left.find(core(&planted.secret)).is_some()).collect();
    let silent: BTreeSet<_> =
        PLACES.iter().map(|(place, _)| *place).filter(|place| !found.iter().any(|(planted, _)| planted.place == *place)).collect();
    // Only halves of these are left under any policy.
    assert_eq!(silent, BTreeSet::from(["event stream in pieces", "gateway's cut", "metadata, cut"]));
    assert!(found.len() * 10 >= all.len() * 9, "{} of {}", found.len(), all.len());
}
