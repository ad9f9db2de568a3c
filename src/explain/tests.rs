//! That an explanation is true: told by mapping records again that were changed here, not by `influence`.

use std::collections::BTreeSet;

use proptest::prelude::*;
use prost::Message;

use super::facts::{DROPPED, METADATA, Mapped};
use super::origins::is_natural;
use super::unused::Reason;
use super::*;
use crate::export::wire;
use crate::sls::{Field, LogTime};
use crate::trace::settings::{JoinUsage, Ownership};

type Pairs = Vec<(String, String)>;

const LOGGED_AT: u32 = 1_772_417_405;

fn mapped(pairs: &[(String, String)], seconds: u32, settings: &TraceSettings) -> Option<Mapped> {
    let fields = pairs.iter().map(|(key, value)| Field { key: key.as_bytes(), value: value.as_bytes() }).collect();
    Mapped::of(&LogRecord { time: LogTime { seconds, nanoseconds: None }, fields }, settings)
}

fn explained(pairs: &[(String, String)], settings: &TraceSettings) -> Explanation {
    let fields = pairs.iter().map(|(key, value)| Field { key: key.as_bytes(), value: value.as_bytes() }).collect();
    explain(&LogRecord { time: LogTime { seconds: LOGGED_AT, nanoseconds: None }, fields }, settings)
}

fn delivery(pairs: &[(String, String)], settings: &TraceSettings) -> Delivered {
    match explained(pairs, settings) {
        Explanation::Delivered(delivered) => delivered,
        Explanation::Skipped(skipped) => panic!("{skipped:?}"),
    }
}

fn samples() -> Vec<Pairs> {
    let lines = include_str!("../../tests/fixtures/gateway-samples.jsonl").lines();
    lines.map(|line| serde_json::from_str::<std::collections::BTreeMap<_, _>>(line).unwrap().into_iter().collect()).collect()
}

/// A chat with these fields beside or instead of the usual ones; an empty text takes one away.
fn chat(more: &[(&str, &str)]) -> Pairs {
    let usual = [
        ("request_id", "r-1"),
        ("start_time", "2026-03-02T02:10:01.037Z"),
        ("duration", "1500"),
        ("method", "POST"),
        ("path", "/v1/chat/completions"),
        ("response_code", "200"),
        ("trace_id", "5b8aa5a2d2c872e8321cf37308d69d01"),
    ];
    let usual = usual.iter().filter(|(key, _)| !more.iter().any(|(other, _)| other == key));
    usual.chain(more).filter(|(_, value)| !value.is_empty()).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// The members of an `ai_log` that is JSON.
fn members(pairs: &[(String, String)]) -> Option<serde_json::Map<String, serde_json::Value>> {
    serde_json::from_str(&pairs.iter().find(|(key, _)| key == "ai_log")?.1).ok()
}

/// The record with its `ai_log` written anew, without these sources, and its time.
fn without(pairs: &[(String, String)], out: &[&str]) -> (Pairs, u32) {
    let mut kept: Pairs = pairs.iter().filter(|(key, _)| !out.contains(&key.as_str())).cloned().collect();
    if let (Some(mut members), Some(ai_log)) = (members(&kept), kept.iter_mut().find(|(key, _)| key == "ai_log")) {
        out.iter().filter_map(|name| name.strip_prefix("ai_log.")).for_each(|name| drop(members.remove(name)));
        ai_log.1 = serde_json::Value::from(members).to_string();
    }
    (kept, if out.contains(&"__time__") { 0 } else { LOGGED_AT })
}

fn mapped_without(pairs: &[(String, String)], out: &[&str], settings: &TraceSettings) -> Option<Mapped> {
    let (kept, seconds) = without(pairs, out);
    mapped(&kept, seconds, settings)
}

fn value(mapped: Option<&Mapped>, name: &str) -> Option<String> {
    mapped?.facts.get(name).map(str::to_owned)
}

/// Everything that an explanation claims, held against records that were changed.
fn hold_to_account(pairs: &[(String, String)], settings: &TraceSettings) {
    let Explanation::Delivered(delivered) = explained(pairs, settings) else { return };
    let real = mapped(pairs, LOGGED_AT, settings).unwrap();
    let values: Vec<_> = delivered.attributes.iter().map(|attribute| (&attribute.name, &attribute.text)).collect();
    assert_eq!(values, real.facts.0.iter().map(|fact| (&fact.name, &fact.text)).collect::<Vec<_>>());
    assert_eq!(values.len(), sent_attributes(&real), "{values:?}");
    let base = mapped_without(pairs, &[], settings).unwrap();
    for unused in &delivered.unused {
        hold_unused_to_account(pairs, settings, &base, unused);
    }
    for attribute in &delivered.attributes {
        hold_sources_to_account(pairs, settings, attribute);
    }
    every_field_is_accounted_for(pairs, &delivered);
}

/// Without its other natural sources an attribute stays as it is, and without any one of the named ones as well it does not.
fn hold_sources_to_account(pairs: &[(String, String)], settings: &TraceSettings, attribute: &Attribute) {
    let named: Vec<_> = attribute.fields().collect();
    let names = sources(pairs);
    let others: Vec<_> =
        names.iter().map(String::as_str).filter(|name| is_natural(&attribute.name, name) && !named.contains(name)).collect();
    let value_without = |out: &[&str]| value(mapped_without(pairs, out, settings).as_ref(), &attribute.name);
    let only_natural = named.iter().all(|name| is_natural(&attribute.name, name));
    if only_natural && !named.is_empty() {
        assert_eq!(value_without(&others).as_ref(), Some(&attribute.text), "{named:?} are not all of {}: {pairs:?}", attribute.name);
    }
    for name in &named {
        let out: Vec<_> = others.iter().copied().filter(|_| only_natural).chain([*name]).collect();
        assert_ne!(value_without(&out).as_ref(), Some(&attribute.text), "{} is not from {name}: {pairs:?}", attribute.name);
    }
}

/// The names of all places of a record.
fn sources(pairs: &[(String, String)]) -> Vec<String> {
    let members = members(pairs).unwrap_or_default();
    let fields = pairs.iter().map(|(key, _)| key.clone()).filter(|key| key != "ai_log" || members.is_empty());
    fields.chain(members.keys().map(|name| format!("ai_log.{name}"))).chain(["__time__".to_owned()]).collect()
}

fn hold_unused_to_account(pairs: &[(String, String)], settings: &TraceSettings, base: &Mapped, unused: &Unused) {
    let changed = mapped_without(pairs, &[&unused.field], settings);
    match unused.reason {
        Reason::Untraced => {}
        Reason::Indirect => assert_ne!(changed.map(|mapped| mapped.span), Some(base.span.clone()), "{unused:?}"),
        Reason::OnlyIdentity => {
            let hash = |name: &str| ["traceId", "spanId", "parentSpanId"].contains(&name);
            let rest = |mapped: &Mapped| mapped.facts.0.iter().filter(|fact| !hash(&fact.name)).cloned().collect::<Vec<_>>();
            assert_eq!(changed.as_ref().map(rest), Some(rest(base)), "{unused:?}");
        }
        Reason::OverTheBound => {
            let rest = |mapped: &Mapped| mapped.facts.0.iter().filter(|fact| fact.name != DROPPED).cloned().collect::<Vec<_>>();
            assert_eq!(changed.as_ref().map(rest), Some(rest(base)), "{unused:?}");
        }
        _ => assert_eq!(changed.map(|mapped| mapped.span), Some(base.span.clone()), "{unused:?} is of use: {pairs:?}"),
    }
}

/// How many attributes the encoded span has, those of its head counted.
fn sent_attributes(mapped: &Mapped) -> usize {
    #[derive(Clone, PartialEq, Message)]
    struct OneSpan {
        #[prost(message, optional, tag = "2")]
        span: Option<wire::Span>,
    }
    let span = OneSpan::decode(mapped.span.as_slice()).unwrap().span.unwrap();
    // Trace id, span id, name, start and end.
    5 + usize::from(!span.parent_span_id.is_empty()) + span.attributes.len()
}

fn every_field_is_accounted_for(pairs: &[(String, String)], delivered: &Delivered) {
    let named = delivered.attributes.iter().flat_map(Attribute::fields);
    let said: BTreeSet<_> = named.chain(delivered.unused.iter().map(|unused| unused.field.as_str())).collect();
    for field in sources(pairs) {
        assert!(said.contains(field.as_str()), "nothing is said of {field}: {pairs:?}");
    }
}

#[test]
fn what_is_said_of_the_samples_is_true() {
    for pairs in samples() {
        for ownership in [Ownership::Auto, Ownership::Join] {
            hold_to_account(&pairs, &TraceSettings { ownership, join_usage: JoinUsage::Metadata, ..TraceSettings::default() });
        }
        hold_to_account(&pairs, &TraceSettings { environment: Some("prod".into()), release: Some("r".into()), ..TraceSettings::default() });
    }
}

/// The text of a field of the corpus; `None` for bytes and repetitions.
fn corpus_text(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Array(parts) => parts.iter().map(corpus_text).collect(),
        part => part.get("json").map(ToString::to_string),
    }
}

/// The records of the corpus that can be changed by name: `ai_log` is a whole object, and no member of it stands beside it, too.
fn corpus() -> Vec<Pairs> {
    let mut records = Vec::new();
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/gateway")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let mut lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let common = lines.next().unwrap()["fields"].as_object().unwrap().clone();
        for case in lines {
            let mut fields = common.clone();
            fields.extend(case["fields"].as_object().cloned().unwrap_or_default());
            fields.retain(|_, value| !value.is_null());
            records.extend(fields.iter().map(|(key, value)| Some((key.clone(), corpus_text(value)?))).collect::<Option<Pairs>>());
        }
    }
    let as_written = |pairs: &Pairs| match pairs.iter().find(|(key, _)| key == "ai_log") {
        None => true,
        Some((_, log)) if log == "-" => true,
        Some((_, log)) => {
            let whole = members(pairs).is_some_and(|members| serde_json::Value::from(members).to_string().len() == log.len());
            whole && !pairs.iter().any(|(key, _)| key.starts_with("ai_log."))
        }
    };
    records.retain(|pairs| as_written(pairs) && pairs.iter().all(|(_, text)| text.len() < 20_000));
    records
}

#[test]
fn what_is_said_of_the_corpus_is_true() {
    let (corpus, settings) = (corpus(), TraceSettings::default());
    assert!(corpus.len() > 400, "only {} records", corpus.len());
    corpus.iter().for_each(|pairs| hold_to_account(pairs, &settings));
}

/// Texts that a field may hold, some of them good for it.
fn any_text(good: &'static [&'static str]) -> impl Strategy<Value = String> {
    let odd = [
        "-",
        "",
        "<nil>",
        "null",
        "0",
        "none",
        "x",
        "1e400",
        "-5",
        "12.0",
        "[map[role:user]]",
        "\u{1b}[2J",
        "00000000000000000000000000000000",
    ];
    prop_oneof![4 => proptest::sample::select(good), 1 => proptest::sample::select(odd.to_vec())].prop_map(str::to_owned)
}

/// Fields with texts that are good for them.
const FIELDS: [(&str, &[&str]); 32] = [
    ("request_id", &["r-1", "r-2"]),
    ("trace_id", &["5b8aa5a2d2c872e8321cf37308d69d01", "demo", "00-5b8aa5a2d2c872e8321cf37308d69d01-00f067aa0ba902b7-01"]),
    ("traceparent", &["00-5b8aa5a2d2c872e8321cf37308d69d01-00f067aa0ba902b7-01"]),
    ("b3", &["5b8aa5a2d2c872e8321cf37308d69d01-00f067aa0ba902b7-1"]),
    ("x-b3-traceid", &["321cf37308d69d01"]),
    ("span_id", &["00f067aa0ba902b7"]),
    ("start_time", &["2026-03-02T02:10:01.037Z", "2026-03-02 10:10:01+08:00", "1772417401037"]),
    ("duration", &["1500", "90"]),
    ("method", &["POST", "GET"]),
    ("path", &["/v1/chat/completions", "/v1/messages", "/v1/embeddings", "/mcp", "/x", "/v1/rerank?a=b"]),
    ("original_path", &["/v1/chat/completions", "/api/v1/apps/a/completion"]),
    ("response_code", &["200", "429", "503"]),
    ("response_flags", &["UC", "DC", "UF,URX"]),
    ("response_code_details", &["via_upstream", "mcp:tools/call:docs/search:result", "mcp:tools/call:error(boom)", "ai-cache.hit"]),
    ("route_name", &["r@a@b"]),
    ("consumer", &["demo-user", "other"]),
    ("question", &["why?", "[{\"type\":\"text\"}]"]),
    ("answer", &["because"]),
    (
        "request_body",
        &[
            "{\"a\":1}",
            "{\"messages\":[]}",
            "{\"jsonrpc\":\"2.0\",\"method\":\"tools/call\",\"params\":{\"name\":\"t\",\"arguments\":{\"q\":1}}}",
        ],
    ),
    ("response_body", &["{\"a\":1}", "{\"choices\":[{\"text\":\"hi\"}]}", "{\"jsonrpc\":\"2.0\",\"result\":{\"isError\":true}}"]),
    // Members that the plugin logs separately.
    ("model", &["qwen-plus", "from-cache", "other-model"]),
    ("input_token", &["25", "x"]),
    ("api", &["demo@a@b"]),
    ("session_id", &["s-2"]),
    ("request_model", &["qwen-max"]),
    ("messages", &["[{\"role\":\"user\",\"content\":\"hi\"}]"]),
    ("total_token", &["85", "7"]),
    ("token_ratelimit_status", &["limited"]),
    ("safecheck_status", &["reqeust deny", "response mask"]),
    ("x_forwarded_for", &["192.0.2.1"]),
    ("tenant", &["t"]),
    ("__tag__:__path__", &["/var/log"]),
];

/// Members of `ai_log` likewise.
const MEMBERS: [(&str, &[&str]); 22] = [
    ("api", &["demo@a@b"]),
    ("model", &["qwen-plus", "gpt-4o", "from-cache", "unknown", "house-model"]),
    ("request_model", &["qwen-max"]),
    ("chat_id", &["chatcmpl-1"]),
    ("session_id", &["s-1"]),
    ("consumer", &["demo-user"]),
    ("response_type", &["stream", "normal"]),
    ("llm_first_token_duration", &["371", "99999"]),
    ("llm_service_duration", &["1488"]),
    ("input_token", &["25", "1200"]),
    ("output_token", &["60"]),
    ("total_token", &["85", "1260", "7"]),
    ("input_token_details", &["{\"cached_tokens\":1024}", "{\"cache_read_input_tokens\":9,\"cache_creation_input_tokens\":1}"]),
    ("cached_tokens", &["1024"]),
    ("question", &["why?", "a [truncated] b"]),
    ("answer", &["because", "so"]),
    ("messages", &["[{\"role\":\"user\",\"content\":\"hi\"}]"]),
    ("tool_calls", &["[{\"id\":\"c\"}]"]),
    ("cache_status", &["hit", "miss"]),
    ("safecheck_status", &["reqeust deny", "request pass"]),
    ("mcp_tool_name", &["search"]),
    ("tenant", &["u"]),
];

/// Some of these, each with a text.
fn some_of(all: &'static [(&'static str, &'static [&'static str])]) -> impl Strategy<Value = Pairs> {
    let chosen = proptest::sample::subsequence((0..all.len()).collect::<Vec<_>>(), 0..=all.len());
    chosen.prop_flat_map(move |chosen| {
        chosen.into_iter().map(|index| any_text(all[index].1).prop_map(move |text| (all[index].0.to_owned(), text))).collect::<Vec<_>>()
    })
}

fn any_settings() -> impl Strategy<Value = TraceSettings> {
    let owners = proptest::sample::select(vec![Ownership::Auto, Ownership::Own, Ownership::Join]);
    let usages = proptest::sample::select(vec![JoinUsage::Usage, JoinUsage::Metadata]);
    (owners, usages).prop_map(|(ownership, join_usage)| TraceSettings { ownership, join_usage, ..TraceSettings::default() })
}

fn any_record() -> impl Strategy<Value = Pairs> {
    (some_of(&FIELDS), some_of(&MEMBERS), any::<bool>()).prop_map(|(mut pairs, members, expanded)| {
        let member = |(key, text): (String, String)| (key, serde_json::from_str(&text).unwrap_or(serde_json::Value::from(text)));
        match expanded {
            true => pairs.extend(members.into_iter().map(|(key, text)| (format!("ai_log.{key}"), text))),
            false => {
                let members: serde_json::Map<_, _> = members.into_iter().map(member).collect();
                pairs.push(("ai_log".to_owned(), serde_json::Value::from(members).to_string()));
            }
        }
        pairs
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn what_is_said_of_generated_records_is_true(pairs in any_record(), settings in any_settings()) {
        hold_to_account(&pairs, &settings);
    }

    #[test]
    fn no_logged_text_steers_a_terminal_or_breaks_a_line(key in any::<String>(), text in any::<String>(), cut in 0usize..400) {
        let log = serde_json::json!({"model": text, "question": text, "consumer": text, "api": text, key.as_str(): text}).to_string();
        let log = String::from_utf8_lossy(&log.as_bytes()[..cut.min(log.len())]).into_owned();
        let pairs = chat(&[("ai_log", &log), ("path", &text), ("response_code_details", &text), (&key, &text), ("content", &text)]);
        for pairs in [&pairs, &vec![(key.clone(), text.clone())]] {
            let explanation = explained(pairs, &TraceSettings::default());
            let (tree, json) = (tree::tree(1, &explanation), json::json(1, &explanation).unwrap());
            let steers = |letter: char| letter.is_control() && letter != '\n' || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            prop_assert!(!tree.contains(steers) && !json.contains(steers) && !json.contains('\n'), "{tree}\n{json}");
            prop_assert!(tree.lines().skip(1).all(|line| line.starts_with(['├', '└', '│', ' '])), "{tree}");
            prop_assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "{json}");
        }
    }
}

/// `value ← sources (how)` of an attribute.
fn told(pairs: &[(String, String)], settings: &TraceSettings, name: &str) -> String {
    let delivered = delivery(pairs, settings);
    let attribute = delivered.attributes.iter().find(|attribute| attribute.name == name);
    let attribute = attribute.unwrap_or_else(|| panic!("no {name}: {delivered:?}"));
    format!("{} ← {} ({})", attribute.text, attribute.from.join(" "), attribute.how.as_deref().unwrap_or("-"))
}

/// Fields of a record, the name of an attribute, and what is told of it.
type Derivation<'c> = (Vec<(&'c str, &'c str)>, &'c str, String);

fn hold<const N: usize>(cases: [Derivation<'_>; N]) {
    for (fields, name, expected) in cases {
        assert_eq!(told(&chat(&fields), &TraceSettings::default(), name), expected, "{fields:?}");
    }
}

#[test]
fn each_derivation_of_an_id_is_told() {
    let id = "5b8aa5a2d2c872e8321cf37308d69d01";
    let parent = format!("00-{id}-00f067aa0ba902b7-01");
    hold([
        (vec![("trace_id", id)], "traceId", format!("{id} ← trace_id (as logged)")),
        (vec![("trace_id", "5B8AA5A2D2C872E8321CF37308D69D01")], "traceId", format!("{id} ← trace_id (in lower case)")),
        (
            vec![("trace_id", "321cf37308d69d01")],
            "traceId",
            "0000000000000000321cf37308d69d01 ← trace_id (8 bytes, with zeros in front)".into(),
        ),
        (vec![("trace_id", "5b8aa5a2-d2c8-72e8-321c-f37308d69d01")], "traceId", format!("{id} ← trace_id (the UUID without its dashes)")),
        (vec![("trace_id", "-"), ("traceparent", &parent)], "traceId", format!("{id} ← traceparent (the trace id in it)")),
        (
            vec![("trace_id", "demo")],
            "traceId",
            "2a97516c354b68848cdbd8f54a226a0a ← trace_id (no trace id in form: first 16 bytes of the SHA-256 of the text)".into(),
        ),
        (
            vec![("trace_id", "-"), ("request_id", "demo")],
            "traceId",
            "2a97516c354b68848cdbd8f54a226a0a ← request_id (no trace id was logged: first 16 bytes of the SHA-256 of the request id)"
                .into(),
        ),
        (vec![("traceparent", &parent)], "parentSpanId", "00f067aa0ba902b7 ← traceparent (the caller's span)".into()),
    ]);
    let join = TraceSettings { ownership: Ownership::Join, ..TraceSettings::default() };
    assert!(told(&chat(&[]), &join, "parentSpanId").ends_with(" ← trace_id (no parent was logged: hash of the trace id)"));
}

#[test]
fn each_derivation_of_a_time_is_told() {
    hold([
        (vec![("start_time", "1772417401037")], "startTime", "2026-03-02T02:10:01.037Z ← start_time (in UTC, whole milliseconds)".into()),
        (
            vec![("start_time", "yesterday")],
            "startTime",
            "2026-03-02T02:10:03.500Z ← duration __time__ (no usable start_time: log time − duration)".into(),
        ),
        (
            vec![("duration", "-5"), ("ai_log", r#"{"llm_service_duration":90}"#)],
            "endTime",
            "2026-03-02T02:10:01.127Z ← start_time ai_log.llm_service_duration (no usable duration: start + llm_service_duration)".into(),
        ),
        (vec![("duration", "-")], "endTime", "2026-03-02T02:10:05.000Z ← __time__ (the log time)".into()),
        (
            vec![("ai_log", r#"{"llm_first_token_duration":9999}"#)],
            "completionStartTime",
            "2026-03-02T02:10:02.537Z ← start_time ai_log.llm_first_token_duration duration (start + llm_first_token_duration, held to the end)".into(),
        ),
    ]);
}

#[test]
fn each_derivation_of_a_name_is_told() {
    let long = "x".repeat(300);
    let api = format!(r#"{{"api":"{long}"}}"#);
    let cut = format!("{}... ← ai_log.api (cut: 197 of 300 characters)", "x".repeat(197));
    hold([
        (
            vec![("ai_log", r#"{"model":"from-cache","request_model":"qwen-max"}"#)],
            "model",
            "qwen-max ← ai_log.request_model (ai_log.model holds a placeholder, so the model asked for)".into(),
        ),
        (vec![("ai_log", api.as_str())], "name", cut),
        (vec![("consumer", "u"), ("ai_log", r#"{"consumer":"u"}"#)], "userId", "u ← ai_log.consumer (-)".into()),
        (
            vec![("ai_log", r#"{"mcp_tool_name":"search"}"#), ("response_code_details", "mcp:tools/call:docs/search:result")],
            "type",
            "tool ← ai_log.mcp_tool_name (a tool of an MCP server was called)".into(),
        ),
        (vec![("ai_log", "-"), ("session_id", "s")], "sessionId", "s ← session_id (-)".into()),
        (
            vec![("ai_log", r#"{"model":"unknown"}"#), ("request_model", "qwen-max")],
            "model",
            "qwen-max ← request_model (ai_log.model holds a placeholder, so the model asked for)".into(),
        ),
        (vec![("route_name", "r@a@b@c")], "name", "r@a@b ← route_name (no API name was logged: the first three parts of the route)".into()),
    ]);
}

#[test]
fn each_derivation_of_a_text_is_told() {
    hold([
        (
            vec![("request_body", r#"{"messages":[]}"#), ("question", "q")],
            "input",
            r#"{"messages":[]} ← request_body (the body, which holds the whole request)"#.into(),
        ),
        (
            vec![("request_body", r#"{"a":1}"#)],
            "input",
            r#"{"a":1} ← request_body (the raw body, for want of messages and question)"#.into(),
        ),
        (
            vec![("response_body", r#"{"choices":[{"text":"hi"}]}"#)],
            "output",
            r#"{"content":"hi","role":"assistant"} ← response_body (the reply in the body)"#.into(),
        ),
        (vec![("ai_log", r#"{"model":"m"} more"#)], "metadata.ai_log", " more ← ai_log (what stands behind the damage)".into()),
        (
            vec![("ai_log", r#"{"model":"m","answer":"it breaks o"#)],
            "metadata.gw_salvaged",
            "ai_log: damaged, 34 of 34 bytes read ← ai_log (ai_log is damaged: what stands before the damage was read)".into(),
        ),
    ]);
}

#[test]
fn each_field_that_reaches_nothing_has_its_reason() {
    let strangers: Vec<_> = (0..45).map(|number| format!("own_{number}")).collect();
    let mut fields = vec![
        ("__tag__:__path__", "p"),
        ("x_forwarded_for", "192.0.2.1"),
        ("response_flags", "-"),
        ("bytes_sent", "7"),
        ("ai_log", r#"{"question":"q"}"#),
        ("question", "q"),
        ("duration", "1"),
        ("duration", "2"),
    ];
    fields.extend(strangers.iter().map(|key| (key.as_str(), "x")));
    let delivered = delivery(&chat(&fields), &TraceSettings::default());
    let reason = |field: &str| delivered.unused.iter().find(|unused| unused.field == field).map(|unused| unused.reason.name());
    for (field, expected) in [
        ("__tag__:__path__", Some("collector")),
        ("x_forwarded_for", Some("network_detail")),
        ("response_flags", Some("no_value")),
        ("bytes_sent", Some("only_identity")),
        ("question", Some("not_needed")),
        ("duration", Some("repeated")),
        ("own_9", Some("over_the_bound")),
        ("own_0", None),
        ("ai_log.question", None),
    ] {
        assert_eq!(reason(field), expected, "{field}");
    }
}

fn gains(pairs: &[(String, String)], settings: &TraceSettings) -> Vec<&'static str> {
    delivery(pairs, settings).advice.iter().map(|advice| advice.gain).collect()
}

#[test]
fn advice_follows_from_what_is_missing() {
    let whole = r#"{"api":"a","model":"qwen-plus","question":"q","answer":"a","chat_round":1,"session_id":"s","consumer":"u",
        "input_token":1,"output_token":1,"llm_first_token_duration":5,"response_type":"stream"}"#;
    let but = |name: &str, text: &str| whole.replace(name, text);
    let own = TraceSettings { ownership: Ownership::Own, ..TraceSettings::default() };
    for (fields, expected) in [
        (vec![("ai_log", whole.to_owned())], vec![]),
        (vec![("ai_log", "-".to_owned())], vec!["statistics"]),
        (vec![("ai_log", but("\"session_id\"", "\"x\""))], vec!["session"]),
        (vec![("ai_log", but("\"u\"", "\"none\""))], vec!["user"]),
        (vec![("ai_log", but("\"answer\"", "\"x\""))], vec!["output"]),
        (vec![("ai_log", but("\"question\"", "\"x\""))], vec!["input"]),
        (vec![("ai_log", but("\"chat_round\":1", "\"chat_round\":3"))], vec!["messages"]),
        (vec![("ai_log", but("\"llm_first_token_duration\"", "\"x\""))], vec!["first_token"]),
        (vec![("ai_log", but("_token\"", "_x\""))], vec!["usage"]),
        (vec![("ai_log", but("qwen-plus", "unknown"))], vec!["model"]),
        (vec![("ai_log", but("qwen-plus", "house-model"))], vec!["cost"]),
        (vec![("ai_log", but("\"q\"", "\"a [truncated] b\""))], vec!["whole_texts"]),
        (vec![("ai_log", but("\"q\"", "\"[map[role:user]]\""))], vec!["structure"]),
        (vec![("ai_log", whole.trim_end_matches('}').to_owned())], vec!["ai_log"]),
        (vec![("ai_log", whole.to_owned()), ("trace_id", "-".to_owned())], vec!["trace_id"]),
        (vec![("ai_log", whole.to_owned()), ("request_id", "-".to_owned())], vec!["request_id"]),
        (vec![("ai_log", whole.to_owned()), ("start_time", "-".to_owned())], vec!["times"]),
    ] {
        let fields: Vec<_> = fields.iter().map(|(key, text)| (*key, text.as_str())).collect();
        assert_eq!(gains(&chat(&fields), &own), expected, "{fields:?}");
    }
    assert_eq!(gains(&chat(&[("ai_log", whole)]), &TraceSettings::default()), ["parent"]);
    let join = TraceSettings { ownership: Ownership::Join, ..TraceSettings::default() };
    assert_eq!(gains(&chat(&[("ai_log", whole)]), &join), ["parent"]);
    assert!(gains(&chat(&[("ai_log", whole), ("parent_span_id", "00f067aa0ba902b7")]), &join).is_empty());
    let refused = [("ai_log", r#"{"token_ratelimit_status":"limited"}"#), ("response_code", "429")];
    assert!(gains(&chat(&refused), &own).is_empty(), "nothing more could have been logged");
}

fn skip(fields: &[(&str, &str)]) -> (String, Vec<String>) {
    let pairs: Pairs = fields.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
    match explained(&pairs, &TraceSettings::default()) {
        Explanation::Skipped(skipped) => (skipped.why, skipped.remedies),
        Explanation::Delivered(delivered) => panic!("{delivered:?}"),
    }
}

#[test]
fn a_skipped_record_says_why_and_only_remedies_that_work() {
    let (why, remedies) = skip(&[("request_id", "r"), ("method", "GET"), ("path", "/v1/chat/completions")]);
    assert!(why.contains("a GET to `/v1/chat/completions`"), "{why}");
    assert_eq!(remedies[0], "it would be a call with method POST");
    let (_, remedies) = skip(&[("request_id", "r"), ("method", "GET"), ("path", "/x")]);
    assert!(!remedies.iter().any(|remedy| remedy == "it would be a call with method POST"), "{remedies:?}");
    let (why, remedies) = skip(&[("request_id", "r"), ("path", "/mcp"), ("response_code_details", "mcp:docs:initialize")]);
    assert!(
        why.contains("tools/call") && remedies == ["it would be a call with response_code_details of a tools/call"],
        "{why} {remedies:?}"
    );
    let (why, remedies) = skip(&[("content", "a line")]);
    assert!(why.contains("route_name") && remedies[0].contains("`content`"), "{why} {remedies:?}");
    let out = TraceSettings { sample_rate: 0.0, ..TraceSettings::default() };
    let Explanation::Skipped(skipped) = explained(&chat(&[]), &out) else { panic!() };
    assert_eq!((skipped.reason, skipped.remedies[0].as_str()), (SkipReason::SampledOut, "raise LANGFUSE_SAMPLE_RATE"));
    let off = TraceSettings { enabled: false, ..TraceSettings::default() };
    assert!(matches!(explained(&chat(&[]), &off), Explanation::Skipped(Skipped { reason: SkipReason::Disabled, .. })));
}

#[test]
fn ten_thousand_fields_are_neither_slow_nor_forgotten() {
    let many: Vec<_> = (0..10_000).map(|number| format!("own_{number}")).collect();
    let fields: Vec<_> = many.iter().map(|key| (key.as_str(), "x")).collect();
    let delivered = delivery(&chat(&fields), &TraceSettings::default());
    let kept = delivered.attributes.iter().filter(|attribute| attribute.name.starts_with("metadata.own_")).count();
    let untraced = delivered.unused.iter().filter(|unused| unused.reason == Reason::Untraced).count();
    let bound = delivered.unused.iter().filter(|unused| unused.reason == Reason::OverTheBound).count();
    assert_eq!(kept + untraced + bound, 10_000);
    assert!(
        delivered.attributes.iter().filter(|attribute| attribute.name.starts_with(METADATA)).all(|attribute| attribute.from.len() <= 1)
    );
}
