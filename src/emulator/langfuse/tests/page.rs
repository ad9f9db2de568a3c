//! The page and what it reads: exact answers, the headers on them, and who gets none.

use std::collections::BTreeSet;

use super::*;

/// Another span id, of a child.
const CHILD: &str = "0000000000000002";

/// Status, headers and text of an answer to somebody without keys.
async fn asked(
    emulator: &LangfuseEmulator,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> (u16, reqwest::header::HeaderMap, String) {
    let url = format!("{}{path}", emulator.base_url());
    let request = client().request(method.parse().unwrap(), url);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.headers().clone(), response.text().await.unwrap())
}

async fn read(emulator: &LangfuseEmulator, what: &str) -> Value {
    let (status, _, text) = asked(emulator, "GET", &format!("/_local/{what}"), &[]).await;
    assert_eq!(status, 200, "{what}: {text}");
    serde_json::from_str(&text).unwrap()
}

/// What the page reads, its revision taken out.
async fn shown(emulator: &LangfuseEmulator, what: &str) -> Value {
    let mut answer = read(emulator, what).await;
    assert!(answer.as_object_mut().unwrap().remove("revision").unwrap().as_u64().unwrap() < 1 << 53);
    answer
}

async fn found(emulator: &LangfuseEmulator, what: &str) -> Vec<String> {
    let answer = read(emulator, &format!("traces?{what}")).await;
    answer["traces"].as_array().unwrap().iter().map(|trace| trace["name"].as_str().unwrap().to_owned()).collect()
}

async fn with_sources(version: &str, mode: WriteMode) -> LangfuseEmulator {
    started(LangfuseWorld { version: v(version), mode, keep_sources: true, ..LangfuseWorld::default() }).await
}

fn named(trace: &str, name: &str, attributes: &[(&str, &str)]) -> Span {
    let attributes = attributes.iter().map(|(key, value)| text(key, value)).collect();
    Span { trace_id: bytes(trace), name: name.into(), ..span(attributes) }
}

fn generation() -> Span {
    span(vec![
        text("langfuse.observation.type", "generation"),
        text("langfuse.observation.model.name", "qwen-plus"),
        text("langfuse.observation.usage_details", r#"{"input":176,"input_cached_tokens":1024,"output":15,"total":1215}"#),
        text("langfuse.observation.cost_details", r#"{"input":0.25,"total":0.5}"#),
        text("langfuse.observation.completion_start_time", "2025-05-22T12:00:00.371Z"),
        text("langfuse.observation.level", "WARNING"),
        text("langfuse.observation.input", r#"[{"role":"user","content":"什么是云原生？"}]"#),
        text("langfuse.observation.output", "<script>alert(1)</script>"),
        text("langfuse.observation.metadata.request_id", "r-1"),
        text("langfuse.user.id", "alice"),
        text("langfuse.trace.tags", "a,b"),
    ])
}

#[tokio::test]
async fn the_list_says_what_a_trace_adds_up_to() {
    let emulator = with_sources("4.16.0", WriteMode::EventsOnly).await;
    assert_eq!(shown(&emulator, "traces").await, json!({"total": 0, "traces": []}));
    let child = Span { span_id: bytes(CHILD), parent_span_id: bytes(SPAN), name: "tool".into(), ..span(vec![]) };
    send(&emulator, &request(vec![generation(), child])).await;
    let expected = json!({"total": 1, "traces": [{
        "project": "project-emulator", "id": TRACE, "name": "chat", "start": NOON_MS, "end": NOON_MS + 2500, "observations": 2,
        "level": "WARNING", "models": ["qwen-plus"], "user": "alice", "session": null, "tags": ["a", "b"], "environment": "default",
        "usage": {"input": 1200, "output": 15, "total": 1215}, "cost": 0.5, "preview": "什么是云原生？",
    }]});
    assert_eq!(shown(&emulator, "traces").await, expected);
    let now = json!({"traces": 1, "arrivals": 2, "lost": 0, "release": "4.16.0", "mode": "events_only"});
    assert_eq!(shown(&emulator, "now").await, now);
}

#[tokio::test]
async fn a_trace_names_its_observations_and_an_observation_has_its_texts() {
    let emulator = with_sources("4.16.0", WriteMode::EventsOnly).await;
    send(&emulator, &request(vec![generation()])).await;
    send(&emulator, &request(vec![generation()])).await;
    let row = json!({"id": SPAN, "parent": null, "type": "GENERATION", "name": "chat", "start": NOON_MS, "end": NOON_MS + 2500,
        "firstToken": NOON_MS + 371, "level": "WARNING", "statusMessage": null, "model": "qwen-plus",
        "usage": {"input": 176, "input_cached_tokens": 1024, "output": 15, "total": 1215}, "cost": 0.5, "arrivals": 2});
    let trace = shown(&emulator, &format!("trace?id={TRACE}")).await;
    assert_eq!(trace["observations"], json!([row]));
    assert_eq!(trace["trace"]["output"], "<script>alert(1)</script>");
    let mut expected = row;
    let metadata = emulator.observations()[0].metadata.clone();
    let more = json!({"modelParameters": {}, "costDetails": {"input": 0.25, "total": 0.5}, "input": "[{\"role\":\"user\",\"content\":\"什么是云原生？\"}]",
        "output": "<script>alert(1)</script>", "metadata": metadata, "prompt": null, "version": null, "environment": "default"});
    expected.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    assert_eq!(metadata.get("request_id").map(String::as_str), Some("r-1"));
    assert_eq!(read(&emulator, &format!("observation?trace={TRACE}&id={SPAN}")).await, expected);
    assert_eq!(read(&emulator, &format!("observation?trace={TRACE}&id={SPAN}&start={NOON_MS}&project=project-emulator")).await, expected);
    for nothing in [
        "trace",
        "trace?id=none",
        "trace?id=0af7651916cd43dd8448eb211c80319c&project=other",
        "observation?id=b7ad6b7169203331",
        "observation?trace=0af7651916cd43dd8448eb211c80319c&id=b7ad6b7169203331&start=5",
        "nothing",
        "",
        "page/",
        "page/mod.rs",
    ] {
        assert_eq!(asked(&emulator, "GET", &format!("/_local/{nothing}"), &[]).await.0, 404, "{nothing}");
    }
}

#[tokio::test]
async fn what_was_sent_is_there_as_it_came_if_the_world_keeps_it() {
    let raw = format!("raw?trace={TRACE}&id={SPAN}");
    let sent = || request(vec![Span { parent_span_id: bytes(CHILD), ..span(vec![text("a", "1"), text("a", "2")]) }]);
    for version in ["4.16.0", "3.80.0"] {
        let emulator = with_sources(version, WriteMode::Dual).await;
        send(&emulator, &sent()).await;
        let span = read(&emulator, &raw.replace(SPAN, &emulator.observations()[0].span_id)).await["span"].clone();
        assert_eq!(span["attributes"], json!([{"key": "a", "value": {"stringValue": "1"}}, {"key": "a", "value": {"stringValue": "2"}}]));
        assert_eq!((&span["spanId"], &span["traceId"], &span["parentSpanId"]), (&json!(SPAN), &json!(TRACE), &json!(CHILD)), "{version}");
    }
    let emulator = with_sources("4.16.0", WriteMode::EventsOnly).await;
    send(&emulator, &sent()).await;
    let answer = read(&emulator, &raw).await;
    assert_eq!((&answer["api"], &answer["resource"], &answer["scope"]["name"]), (&json!("otlp"), &json!(null), &json!("gateway")));
    let forgetful = of("4.16.0", WriteMode::EventsOnly).await;
    send(&forgetful, &sent()).await;
    assert_eq!(asked(&forgetful, "GET", &format!("/_local/{raw}"), &[]).await.0, 404);
}

#[tokio::test]
async fn the_batch_api_is_shown_with_its_events_and_its_traces() {
    let emulator = with_sources("3.150.0", WriteMode::Legacy).await;
    let trace =
        event("trace-create", &json!({"id": "t", "name": "whole", "userId": "bob", "sessionId": "s", "tags": ["x"], "input": "in"}));
    let alone = json!({"id": "e-3", "type": "trace-create", "timestamp": "2025-05-22T12:00:00Z", "body": {"id": "alone", "name": "alone"}});
    let body =
        json!({"id": "g", "traceId": "t", "name": "gen", "startTime": "2025-05-22T12:00:01Z", "model": "m", "usageDetails": {"input": 3}});
    let create = json!({"id": "e-1", "type": "generation-create", "timestamp": "2025-05-22T12:00:01Z", "body": body});
    let done = json!({"id": "g", "endTime": "2025-05-22T12:00:03Z"});
    let update = json!({"id": "e-2", "type": "generation-update", "timestamp": "2025-05-22T12:00:03Z", "body": done});
    assert_eq!(batch(&emulator, &[alone, trace, create, update]).await.0, 207);
    assert_eq!(found(&emulator, "").await, ["whole", "alone"]);
    let list = shown(&emulator, "traces").await;
    let expected = json!({"project": "project-emulator", "id": "t", "name": "whole", "start": NOON_MS + 1000, "end": NOON_MS + 3000,
        "observations": 1, "level": "DEFAULT", "models": ["m"], "user": "bob", "session": "s", "tags": ["x"], "environment": "default",
        "usage": {"input": 3, "output": 0, "total": 3}, "cost": null, "preview": "in"});
    assert_eq!(list["traces"][0], expected);
    assert_eq!((&list["traces"][1]["observations"], &list["traces"][1]["start"]), (&json!(0), &json!(NOON_MS)));
    let events = json!([
        {"id": "e-1", "does": "create", "timestamp": NOON_MS + 1000, "body": body},
        {"id": "e-2", "does": "update", "timestamp": NOON_MS + 3000, "body": done},
    ]);
    assert_eq!(read(&emulator, "raw?trace=t&id=g").await, json!({"api": "batch", "events": events}));
}

#[tokio::test]
async fn a_search_joins_words_and_reads_fields() {
    let emulator = with_sources("4.16.0", WriteMode::EventsOnly).await;
    let traces = [
        ("00000000000000000000000000000001", "One", &[("langfuse.user.id", "Alice"), ("langfuse.observation.input", "今天天气如何")][..]),
        ("00000000000000000000000000000002", "Two", &[("langfuse.session.id", "alice"), ("langfuse.observation.model.name", "qwen-plus")]),
        ("00000000000000000000000000000003", "Three", &[("langfuse.trace.tags", "vip"), ("langfuse.observation.level", "ERROR")]),
        (
            "00000000000000000000000000000004",
            "Four",
            &[("langfuse.observation.metadata.request_id", "r-77"), ("langfuse.observation.level", "WARNING")],
        ),
    ];
    for (id, name, attributes) in traces {
        send(&emulator, &request(vec![named(id, name, attributes)])).await;
    }
    let cases = [
        ("", &["Four", "Three", "Two", "One"][..]),
        ("limit=2", &["Four", "Three"]),
        ("limit=2&offset=3", &["One"]),
        ("limit=0", &[]),
        ("search=ALICE", &["Two", "One"]),
        ("search=user:alice", &["One"]),
        ("search=session:ALI", &["Two"]),
        ("search=alice%20qwen", &["Two"]),
        ("search=%E5%A4%A9%E6%B0%94", &["One"]),
        ("search=model:qwen", &["Two"]),
        ("search=tag:vip", &["Three"]),
        ("search=name:t", &["Three", "Two"]),
        ("search=id:0000000000000004", &["Four"]),
        ("search=r-77", &["Four"]),
        ("search=level:error", &["Three"]),
        ("search=type:span%20env:default", &["Four", "Three", "One"]),
        ("search=user:vip", &[]),
        ("search=odd:vip", &[]),
        ("level=error", &["Three"]),
        ("level=warning", &["Four", "Three"]),
        ("level=warning&search=vip", &["Three"]),
    ];
    for (query, expected) in cases {
        assert_eq!(found(&emulator, query).await, expected, "{query}");
    }
    assert_eq!(read(&emulator, "traces?search=alice&limit=1").await["total"], 2);
    // What arrives once more is in front again.
    send(&emulator, &request(vec![named(traces[1].0, "Two", &[])])).await;
    assert_eq!(found(&emulator, "").await, ["Two", "Four", "Three", "One"]);
}

#[tokio::test]
async fn the_revision_changes_with_what_is_shown_and_with_nothing_else() {
    let emulator = with_sources("4.16.0", WriteMode::Dual).await;
    let revision = || async { read(&emulator, "now").await["revision"].as_u64().unwrap() };
    let first = revision().await;
    get(&emulator, "/api/public/v2/observations").await;
    emulator.propagate();
    assert_eq!(revision().await, first);
    post(&emulator, OTLP_PATH, &[PROTOBUF], request(vec![span(vec![])]).encode_to_vec()).await;
    let arrived = revision().await;
    emulator.propagate();
    let copied = revision().await;
    emulator.set_mode(WriteMode::EventsOnly);
    let changed = revision().await;
    emulator.clear();
    assert!(first < arrived && arrived < copied && copied < changed && changed < revision().await);
}

#[tokio::test]
async fn losses_are_told_by_name() {
    let emulator = with_sources("4.16.0", WriteMode::EventsOnly).await;
    send(&emulator, &request(vec![span(vec![text("langfuse.trace.input", "x")])])).await;
    let lost = json!({"total": 1, "lost": [{"reason": "trace_input_output", "observations": 0, "id": SPAN}]});
    assert_eq!(read(&emulator, "lost").await, lost);
}

#[tokio::test]
async fn what_is_forgotten_is_forgotten_as_it_was_sent_too() {
    let world = LangfuseWorld { keep_sources: true, keep: Some(1), ..LangfuseWorld::default() };
    let emulator = started(world).await;
    for (name, id) in [("old", CHILD), ("new", SPAN)] {
        send(&emulator, &request(vec![Span { span_id: bytes(id), ..named(TRACE, name, &[]) }])).await;
    }
    let emulator = &emulator;
    let status = |id: &'static str| async move { asked(emulator, "GET", &format!("/_local/raw?trace={TRACE}&id={id}"), &[]).await.0 };
    assert_eq!((status(CHILD).await, status(SPAN).await), (404, 200));
    assert_eq!(locked(&emulator.state).store.sources.of("project-emulator", TRACE, CHILD), None);
}

#[tokio::test]
async fn every_answer_forbids_what_a_page_of_logged_text_must_not_do() {
    let emulator = with_sources("4.16.0", WriteMode::EventsOnly).await;
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/_local/page/page.css", "text/css; charset=utf-8"),
        ("/_local/page/app.js", "text/javascript; charset=utf-8"),
        ("/_local/traces", "application/json; charset=utf-8"),
        ("/_local/nothing", "application/json; charset=utf-8"),
    ] {
        let (_, headers, _) = asked(&emulator, "GET", path, &[]).await;
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"), "{policy}");
        assert!(policy.ends_with("frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        let fixed = ["x-content-type-options", "referrer-policy", "cache-control", "cross-origin-resource-policy", "x-frame-options"];
        let fixed = fixed.map(|name| headers[name].to_str().unwrap());
        assert_eq!(fixed, ["nosniff", "no-referrer", "no-store", "same-origin", "DENY"], "{path}");
        assert_eq!(headers["content-type"], kind, "{path}");
        assert!(!headers.contains_key("access-control-allow-origin"), "{path}");
    }
}

#[tokio::test]
async fn other_names_other_sites_and_other_methods_get_nothing() {
    let emulator = with_sources("4.16.0", WriteMode::EventsOnly).await;
    send(&emulator, &request(vec![generation()])).await;
    let local = emulator.address().to_string();
    let origin = format!("http://{local}");
    let refused =
        [("host", "evil.example"), ("host", "127.0.0.1.evil.example"), ("origin", "http://evil.example"), ("sec-fetch-site", "cross-site")];
    for header in refused {
        let (status, headers, text) = asked(&emulator, "GET", "/_local/traces", &[header]).await;
        assert_eq!((status, text.contains("alice")), (403, false), "{header:?}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
    }
    assert_eq!(asked(&emulator, "GET", "/", &[("host", "evil.example")]).await.0, 403);
    for header in [("host", "localhost:1"), ("host", "[::1]:1"), ("origin", origin.as_str()), ("sec-fetch-site", "same-origin")] {
        assert_eq!(asked(&emulator, "GET", "/_local/traces", &[header]).await.0, 200, "{header:?}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        assert_eq!(asked(&emulator, method, "/_local/traces", &[]).await.0, 405, "{method}");
    }
}

#[tokio::test]
async fn head_is_answered_as_get_without_the_body() {
    let emulator = with_sources("4.16.0", WriteMode::EventsOnly).await;
    for (path, wanted) in [("/", 200), ("/_local/page/page.css", 200), ("/_local/traces", 200), ("/_local/trace?id=none", 404)] {
        let (status, headers, body) = asked(&emulator, "GET", path, &[]).await;
        assert_eq!((status, body.len().to_string().as_str()), (wanted, headers["content-length"].to_str().unwrap()), "{path}");
        let (status, of_head, body) = asked(&emulator, "HEAD", path, &[]).await;
        assert_eq!((status, body.as_str()), (wanted, ""), "{path}");
        for name in ["content-type", "content-length", "content-security-policy"] {
            assert_eq!(of_head[name], headers[name], "{path} {name}");
        }
    }
    assert_eq!(asked(&emulator, "HEAD", "/", &[("host", "evil.example")]).await.0, 403);
}

#[tokio::test]
async fn langfuse_itself_is_played_as_before() {
    let emulator = with_sources("4.16.0", WriteMode::EventsOnly).await;
    emulator.script_when(When::new(|_| true), 1, Fault::status(503));
    assert_eq!(asked(&emulator, "GET", "/", &[]).await.0, 200);
    assert_eq!(asked(&emulator, "GET", "/_local/now", &[]).await.0, 200);
    assert!(emulator.requests().is_empty());
    assert_eq!(get(&emulator, "/api/public/health").await.0, 503);
    let (status, headers, _) = asked(&emulator, "GET", "/api/public/health", &[("host", "langfuse.example")]).await;
    assert_eq!((status, headers.contains_key("content-security-policy")), (200, false));
    for path in ["/index.html", "/_local", "/api/public/_local/now"] {
        assert_eq!(asked(&emulator, "GET", path, &[]).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn the_page_names_only_files_that_are_there_and_makes_no_markup() {
    let emulator = of("4.16.0", WriteMode::EventsOnly).await;
    let (mut open, mut read) = (vec!["/".to_owned()], Vec::new());
    while let Some(path) = open.pop() {
        let (status, _, text) = asked(&emulator, "GET", &path, &[]).await;
        assert_eq!(status, 200, "{path}");
        let names = text
            .split(['"', '\''])
            .filter_map(|name| Some(format!("/_local/page/{}", name.strip_prefix("./").or(name.strip_prefix("/_local/page/"))?)));
        let new: BTreeSet<String> = names.filter(|name| !read.contains(name) && !open.contains(name)).collect();
        open.extend(new);
        for forbidden in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "srcdoc",
            "style=",
            " onclick",
            "url(",
        ] {
            assert!(!text.contains(forbidden), "{path}: {forbidden}");
        }
        let addresses = text.matches("://").count() - text.matches("http://www.w3.org/2000/svg").count();
        assert_eq!(addresses, 0, "{path}");
        read.push(path);
    }
    assert_eq!(read.len(), 14);
}
