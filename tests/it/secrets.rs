//! Secrets and content of logs, planted everywhere and looked for in everything that the process writes.
//!
//! Content goes to Langfuse and nowhere else; keys go into signatures and nowhere else (`design.md` decision 9).

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use prost::Message;
use serde_json::{Value, json};
use sls_to_langfuse::emulator::langfuse::{Fault, LangfuseEmulator, LangfuseWorld, ProjectKey, When};
use sls_to_langfuse::emulator::sls::{AccessKey, Fault as SlsFault, Operation, ShardSpec};
use sls_to_langfuse::sls::wire;

use crate::records::{Prepared, group, log, response};
use crate::support::{Answer, Function, PROJECT, SEED, World, command, event, ordinary_settings, sls_with};

/// In every planted text, in lower case, so that one search finds all of them, in any letter case.
const MARK: &str = "sentinel";

const KEY_ID: &str = "STS.publichalf";
const KEY_SECRET: &str = "sentinel-access-key-secret";
const TOKEN: &str = "sentinel-security-token";
const LANGFUSE_SECRET: &str = "sk-lf-sentinel-langfuse-secret";

/// A call whose every text is planted, those that no one reads included.
fn planted(number: usize) -> wire::Log {
    let ai_log = json!({
        "api": "sentinel-api", "model": "sentinel-model", "request_model": "sentinel-request-model", "chat_id": "sentinel-chat",
        "session_id": "sentinel-session", "consumer": "sentinel-consumer", "question": "sentinel-question 敏感内容",
        "answer": "sentinel-answer", "reasoning": "sentinel-reasoning", "system": "sentinel-system",
        "messages": [{"role": "user", "content": "sentinel-message"}],
        "tool_calls": [{"id": "sentinel-call", "function": {"name": "sentinel-tool", "arguments": "{\"a\":\"sentinel-argument\"}"}}],
        "mcp_tool_name": "-", "fallback_from": "sentinel-fallback", "cache_status": "sentinel-cache", "sentinel-own-key": "sentinel-own-value",
        "input_token": "sentinel-tokens", "output_token": -5, "llm_service_duration": "sentinel-duration"
    });
    log(&[
        ("ai_log", &ai_log.to_string()),
        ("question", "sentinel-top-question"),
        ("answer", "sentinel-top-answer"),
        ("request_body", r#"{"prompt":"sentinel-request-body"}"#),
        ("response_body", "sentinel-response-body"),
        ("consumer", "sentinel-top-consumer"),
        ("authority", "sentinel.example.com"),
        ("user_agent", "sentinel-agent/1.0"),
        ("method", "POST"),
        ("path", "/v1/chat/completions?key=sentinel-path"),
        ("original_path", "/v1/chat/completions?key=sentinel-original-path"),
        ("response_code", "200"),
        ("response_code_details", "sentinel-details"),
        ("response_flags", "sentinel-flags"),
        ("route_name", "sentinel-route"),
        ("upstream_cluster", "sentinel-cluster"),
        ("upstream_host", "sentinel-host"),
        ("upstream_transport_failure_reason", "sentinel-reason"),
        ("x_forwarded_for", "sentinel-address"),
        ("request_id", &format!("sentinel-request-{number}")),
        ("trace_id", &format!("sentinel-trace-{number}")),
        ("traceparent", "sentinel-traceparent"),
        ("start_time", "sentinel-start"),
        ("duration", "sentinel"),
        ("unknown_field", "sentinel-unknown"),
        ("sentinel_unknown_key", "x"),
        ("__tag__:__path__", "sentinel-tag"),
    ])
}

/// Records of every fate: calls, a damaged `ai_log`, plain traffic, something that is no gateway log, bytes that are no text.
fn groups() -> Vec<wire::LogGroup> {
    let mut not_utf8 = planted(3);
    not_utf8.contents.push(wire::Content { key: b"odd".to_vec(), value: [b"sentinel-bytes".as_slice(), &[0xff]].concat() });
    let cut = log(&[
        ("ai_log", r#"{"model":"sentinel-model","question":"sentinel-cut-"#),
        ("request_id", "sentinel-cut"),
        ("path", "/v1/chat/completions"),
        ("method", "POST"),
    ]);
    let plain = log(&[("request_id", "sentinel-plain"), ("method", "GET"), ("path", "/sentinel.html"), ("response_code", "200")]);
    let foreign = log(&[("content", "sentinel-line of another program")]);
    vec![group(vec![planted(1), planted(2), not_utf8]), group(vec![cut, plain, foreign]), group(vec![planted(4)])]
}

/// A world in which all secrets are planted, and everything that it has said.
struct Planted {
    world: World,
    said: Vec<String>,
}

impl Planted {
    async fn new(settings: &[(&str, &str)]) -> Self {
        let sls = sls_with(&[0]).await;
        let expires = SystemTime::now() + Duration::from_secs(3600);
        sls.add_key(AccessKey::permanent(KEY_ID, KEY_SECRET).with_token(TOKEN, expires));
        crate::support::append(&sls, 0, groups());
        sls.create_logstore(PROJECT, "dead-letters", &[ShardSpec { id: 0, seed: 1 }]);
        let keys = vec![ProjectKey::new("pk-lf-public", LANGFUSE_SECRET, "project")];
        let langfuse = LangfuseEmulator::start(0, LangfuseWorld { keys, ..LangfuseWorld::default() }).await.unwrap();
        let mut all = ordinary_settings(&langfuse.base_url(), &sls.endpoint());
        let own = [
            ("LANGFUSE_PUBLIC_KEY", "pk-lf-public"),
            ("LANGFUSE_SECRET_KEY", LANGFUSE_SECRET),
            ("RUST_LOG", "trace"),
            ("RUST_BACKTRACE", "full"),
            ("ALIBABA_CLOUD_ACCESS_KEY_ID", "sentinel-other-id"),
            ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "sentinel-other-secret"),
            ("ALIBABA_CLOUD_SECURITY_TOKEN", "sentinel-other-token"),
            ("DEAD_LETTER_LOGSTORE", "dead-letters"),
        ];
        all.extend(own.iter().chain(settings).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let function = Function::start(&all).await;
        Self { world: World { sls, langfuse, function }, said: Vec::new() }
    }

    async fn call(&mut self, body: &str, headers: &[(&str, &str)]) -> Answer {
        let mut all = vec![("x-fc-access-key-id", KEY_ID), ("x-fc-access-key-secret", KEY_SECRET), ("x-fc-security-token", TOKEN)];
        all.extend(headers);
        let answer = self.world.function.call(body, &all).await;
        self.said.push(answer.text.clone());
        answer
    }

    /// Calls with the whole range.
    async fn invoke(&mut self) -> Answer {
        self.call(&event(0, SEED, SEED + 3).to_string(), &[]).await
    }

    /// The same with little time, so that retries end soon.
    async fn invoke_in_a_hurry(&mut self) -> Answer {
        self.call(&event(0, SEED, SEED + 3).to_string(), &[("x-fc-function-timeout", "1")]).await
    }

    /// Looks through answers, output and dead letters. At least this many lines must have been written, so that the search means something.
    fn assert_nothing_leaked(&self, lines: usize) {
        let output = self.world.function.output();
        assert!(output.lines().count() >= lines, "{output}");
        let letters = self.world.sls.put_groups(PROJECT, "dead-letters");
        let letters = letters.iter().map(|group| String::from_utf8_lossy(&group.encode_to_vec()).into_owned());
        for text in self.said.iter().cloned().chain([output]).chain(letters) {
            if let Some(at) = text.to_lowercase().find(MARK) {
                panic!("leaked: …{}…", text.chars().skip(at.saturating_sub(100)).take(200).collect::<String>());
            }
            for part in ["敏感内容", "publichalf"] {
                assert!(!text.contains(part), "{part}");
            }
        }
    }
}

fn sls_refusal(status: u16, code: &str) -> SlsFault {
    SlsFault::Error { status, code: code.into(), message: format!("{MARK}-message {KEY_SECRET} of {KEY_ID}") }
}

#[tokio::test]
async fn a_success_says_nothing_of_what_it_delivered() {
    for format in ["json", "human"] {
        let mut planted = Planted::new(&[("LOG_FORMAT", format)]).await;
        let answer = planted.invoke().await;
        answer.assert_success();
        assert_eq!((answer.count("ingestLines"), answer.count("shipLines")), (7, 5));
        let row = planted.world.langfuse.observations().into_iter().find(|row| row.input.is_some()).unwrap();
        assert!(row.input.unwrap().contains("sentinel-message"));
        planted.assert_nothing_leaked(4);
    }
}

#[tokio::test]
async fn models_are_told_by_names_that_are_nobody_s_text() {
    let mut planted = Planted::new(&[]).await;
    // Families that are known, with what a caller put before and behind them; and a trace header that is none.
    let names = ["gpt-4o-sentinel", "sentinel/claude-sonnet-4-5-sentinel", "sentinel/qwen-max", "qwen-max-sentinel", "sentinel-model"];
    let record = |(index, name): (usize, &&str)| {
        let ai_log = json!({"model": name, "input_token": 1, "output_token": 2}).to_string();
        log(&[("ai_log", &ai_log), ("request_id", &format!("model-{index}")), ("path", "/v1/chat/completions"), ("method", "POST")])
    };
    crate::support::append(&planted.world.sls, 0, vec![group(names.iter().enumerate().map(record).collect())]);
    let range = event(0, SEED + 3, SEED + 4).to_string();
    let answer =
        planted.call(&range, &[("traceparent", "00-sentinel-trace"), ("x-fc-tracing-opentracing-span-context", "sentinel:1:0:1")]).await;
    answer.assert_success();
    let told: Vec<_> = planted.world.function.events("usage").iter().map(|line| line["model"].as_str().unwrap().to_owned()).collect();
    assert_eq!(told, ["claude-sonnet-4-5", "gpt-4o", "other", "qwen-max"]);
    planted.assert_nothing_leaked(4);
}

#[tokio::test]
async fn refused_events_and_parameters_are_not_quoted() {
    let mut planted = Planted::new(&[]).await;
    for body in ["sentinel", r#""sentinel""#, r#"{"sentinel":"sentinel"}"#, r#"{"source":"sentinel"}"#, r#"{"source":{"sentinel":1,}}"#] {
        assert_eq!(planted.call(body, &[]).await.failure(), ("invalid_event", "event"), "{body}");
    }
    let altered = |pointer: &str, value: Value| {
        let mut event = event(0, SEED, SEED + 3);
        *event.pointer_mut(pointer).unwrap() = value;
        event.to_string()
    };
    for (pointer, value) in [
        ("/source/projectName", json!("sentinel/../x")),
        ("/source/logstoreName", json!("Sentinel Logstore")),
        ("/source/shardId", json!("sentinel")),
        ("/source/beginCursor", json!("sentinel\n")),
        ("/source/endCursor", json!({"sentinel": 1})),
        ("/parameter", json!("sentinel")),
        ("/parameter", json!({"sentinel key of a stranger": "x"})),
        ("/parameter", json!({"environment": "SENTINEL environment"})),
        ("/parameter", json!({"tags": ["sentinel".repeat(100)]})),
        ("/parameter", json!({"sample_rate": "sentinel"})),
        ("/parameter", json!({"release": {"sentinel": 1}})),
        ("/parameter", json!({"langfuse_host": "https://sentinel.example.com"})),
    ] {
        let answer = planted.call(&altered(pointer, value.clone()), &[]).await;
        assert_eq!(answer.failure().1, "event", "{pointer} {value}");
    }
    planted.assert_nothing_leaked(30);
    assert!(planted.world.sls.requests().is_empty());
}

#[tokio::test]
async fn an_endpoint_with_a_password_is_not_quoted() {
    let mut settings = ordinary_settings("http://127.0.0.1:9", "unused");
    settings.remove("SLS_ENDPOINT");
    settings.insert("RUST_LOG".into(), "trace".into());
    let function = Function::start(&settings).await;
    for endpoint in [
        "https://user:sentinel@cn-hangzhou.log.aliyuncs.com",
        "https://127.0.0.1/?sentinel",
        "sentinel://x",
        "https://example.com/sentinel",
    ] {
        let mut event = event(0, SEED, SEED + 3);
        event["source"]["endpoint"] = endpoint.into();
        let answer = function.invoke(&event).await;
        assert_eq!(answer.failure(), ("untrusted_endpoint", "event"), "{endpoint}");
        assert!(!answer.text.contains(MARK), "{}", answer.text);
    }
    assert!(!function.output().contains(MARK));
}

#[tokio::test]
async fn failures_of_reading_quote_neither_the_server_nor_the_keys() {
    let mut planted = Planted::new(&[]).await;
    for fault in [
        sls_refusal(401, "Unauthorized"),
        sls_refusal(401, "SignatureNotMatch"),
        sls_refusal(400, "InvalidCursor"),
        sls_refusal(404, "ProjectNotExist"),
        SlsFault::Plain(404, "<html>sentinel page</html>".into()),
        SlsFault::Plain(418, r#"{"errorMessage":"sentinel","sentinel":"x"}"#.into()),
        SlsFault::CursorBackwards,
    ] {
        planted.world.sls.script(Operation::PullLogs, fault.clone());
        assert_eq!(planted.invoke().await.failure().1, "pull", "{fault:?}");
    }
    // A wrong secret, a foreign token, and texts that no header can carry.
    for headers in [
        [("x-fc-access-key-secret", "sentinel-wrong-secret"), ("x-fc-security-token", TOKEN)],
        [("x-fc-access-key-secret", KEY_SECRET), ("x-fc-security-token", "sentinel-foreign-token")],
        [("x-fc-access-key-secret", KEY_SECRET), ("x-fc-security-token", "sentinel\ttoken")],
    ] {
        planted.call(&event(0, SEED, SEED + 3).to_string(), &headers).await;
    }
    // What the service says in place of a cursor is its word too.
    for text in ["sentinel cursor", "c2VudGluZWw="] {
        (0..5).for_each(|_| planted.world.sls.script(Operation::PullLogs, SlsFault::CursorText(text.into())));
        assert!(matches!(planted.invoke_in_a_hurry().await.failure().1, "pull" | "deadline"));
        while planted.world.sls.pending_faults() > 0 {
            planted.invoke_in_a_hurry().await;
        }
    }
    planted.assert_nothing_leaked(30);
}

#[tokio::test]
async fn redirects_are_told_by_their_host_alone() {
    let location = "https://user:sentinel@login.example.com/sentinel?state=sentinel#sentinel";
    let (_, server) = Prepared::start([response(307, &[("location", location)], "sentinel")]).await;
    let address = format!("http://{}", server.address());
    let mut sls_elsewhere = Planted::new(&[("SLS_ENDPOINT", &address)]).await;
    let answer = sls_elsewhere.invoke().await;
    assert!(answer.text.contains("login.example.com"), "{}", answer.text);
    sls_elsewhere.assert_nothing_leaked(4);
    let mut langfuse_elsewhere = Planted::new(&[("LANGFUSE_HOST", &address)]).await;
    let answer = langfuse_elsewhere.invoke().await;
    assert!(answer.text.contains("login.example.com"), "{}", answer.text);
    langfuse_elsewhere.assert_nothing_leaked(4);
}

#[tokio::test]
async fn failures_of_delivery_quote_neither_the_server_nor_the_records() {
    for fault in [
        Fault::answer(401, "application/json", r#"{"message":"sentinel","error":"sentinel"}"#),
        Fault::answer(403, "application/json", r#"{"message":"sentinel"}"#),
        Fault::answer(404, "text/html", "<html>sentinel</html>"),
        Fault::answer(500, "application/json", r#"{"message":"sentinel"}"#),
        Fault::answer(400, "application/json", r#"{"error":"sentinel"}"#),
        Fault::answer(200, "text/html", "<html>sentinel</html>"),
        Fault::answer(200, "application/json", r#"{"sentinel":"#),
        Fault::Reset,
    ] {
        let mut planted = Planted::new(&[]).await;
        planted.world.langfuse.refuse_when(When::ingest(), fault.clone());
        // On a busy machine the little time may run out before the attempts do.
        assert!(matches!(planted.invoke_in_a_hurry().await.failure().1, "deliver" | "deadline"), "{fault:?}");
        planted.assert_nothing_leaked(4);
    }
}

#[tokio::test]
async fn an_address_where_nobody_listens_is_told_without_its_secrets() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = format!("http://127.0.0.1:{port}");
    for setting in ["LANGFUSE_HOST", "SLS_ENDPOINT"] {
        let mut planted = Planted::new(&[(setting, &nobody)]).await;
        assert_ne!(planted.invoke_in_a_hurry().await.status, 200);
        planted.assert_nothing_leaked(4);
    }
}

#[tokio::test]
async fn dead_letters_hold_no_content() {
    let mut planted = Planted::new(&[]).await;
    let refusal = Fault::answer(400, "application/json", r#"{"error":"sentinel"}"#);
    planted.world.langfuse.refuse_when(When::text("sentinel-request-"), refusal);
    let answer = planted.invoke().await;
    answer.assert_success();
    assert_eq!(answer.report()["deadLettered"], json!({"refused": 4}));
    assert_eq!(planted.world.sls.put_groups(PROJECT, "dead-letters")[0].logs.len(), 4);
    planted.world.sls.script(Operation::PutLogs, sls_refusal(401, "Unauthorized"));
    assert_eq!(planted.invoke().await.failure().1, "dead_letter");
    planted.assert_nothing_leaked(12);
}

#[tokio::test]
async fn a_call_that_is_cut_off_says_nothing_of_its_records() {
    let mut planted = Planted::new(&[]).await;
    planted.world.langfuse.refuse_when(When::ingest(), Fault::Delay(Duration::from_secs(30)));
    assert_eq!(planted.invoke_in_a_hurry().await.failure(), ("out_of_time", "deadline"));
    planted.assert_nothing_leaked(4);
}

#[tokio::test]
async fn bad_settings_are_told_without_their_values() {
    let mut settings: BTreeMap<String, String> = ordinary_settings("http://user:sentinel@127.0.0.1:9", "http://user:sentinel@127.0.0.1");
    let bad = [
        ("LANGFUSE_PUBLIC_KEY", "sentinel with blanks"),
        ("LANGFUSE_SECRET_KEY", "sentinel\nwith a line"),
        ("LANGFUSE_SAMPLE_RATE", "sentinel"),
        ("LANGFUSE_SDK_TIMEOUT", "sentinel"),
        // A choice that is a short word is told, for it is a typing error; what could be a key is not.
        ("LANGFUSE_INGESTION", "sk-lf-sentinel-00000000-0000-0000"),
        ("LANGFUSE_TRACING_ENVIRONMENT", "SENTINEL"),
        ("SLS_ALLOWED_ENDPOINTS", "user:sentinel@x"),
        ("DEAD_LETTER_LOGSTORE", "Sentinel Logstore"),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "sentinel-alone"),
        ("RUST_LOG", "sentinel=what"),
        ("LOG_FORMAT", "sentinel/format"),
        ("SSL_CERT_FILE", "/sentinel/none.pem"),
    ];
    settings.extend(bad.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let function = Function::start(&settings).await;
    let answer = function.invoke(&event(0, SEED, SEED + 3)).await;
    assert_eq!(answer.failure(), ("invalid_settings", "settings"));
    for text in [answer.text.clone(), function.output()] {
        assert!(!text.to_lowercase().contains(MARK), "{text}");
        assert!(bad.iter().filter(|(name, _)| text.contains(name)).count() >= 10, "{text}");
    }
    settings.remove("FC_FUNC_CODE_PATH");
    let ended = command(&settings).output().await.unwrap();
    let told = [ended.stdout, ended.stderr].concat();
    assert_eq!(ended.status.code(), Some(2));
    assert!(!String::from_utf8(told).unwrap().to_lowercase().contains(MARK));
}

#[tokio::test]
async fn the_search_itself_finds_what_is_there() {
    // The guard of this file: content does reach Langfuse, so that its absence elsewhere is worth something.
    let mut planted = Planted::new(&[]).await;
    planted.invoke().await.assert_success();
    let sent = planted.world.posts();
    let sent = String::from_utf8_lossy(&sent[0].decoded).into_owned();
    for text in ["sentinel-message", "sentinel-reasoning", "sentinel-argument", "sentinel-own-value", "sentinel-unknown", "sentinel-agent"]
    {
        assert!(sent.contains(text), "{text}");
    }
    for secret in [KEY_SECRET, TOKEN, LANGFUSE_SECRET, "sentinel-other"] {
        assert!(!sent.contains(secret), "{secret}");
    }
}
