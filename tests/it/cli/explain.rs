//! `explain`: samples to the line, records that are passed over, lines that are none, and settings.

use serde_json::Value;
use tokio::io::AsyncWriteExt;

use super::{LOGS, command, run, temporary};

const FIRST: &str = "\
line 1: delivered
├─ trace id      5b8aa5a2d2c872e8321cf37308d69d01  ← trace_id  (as logged)
├─ span id       46eb655ffa96c5f0  ← trace_id, request_id, start_time, route_name, 8 more  (first 8 bytes of the SHA-256 of the fields that tell one call from another)
├─ type          generation  ← original_path  (by the path)
├─ name          demo-chat@a@b  ← ai_log.api
├─ start         2026-03-02T02:10:01.037Z  ← start_time  (as logged)
├─ first token   2026-03-02T02:10:01.408Z  ← start_time, ai_log.llm_first_token_duration  (start + llm_first_token_duration)
├─ end           2026-03-02T02:10:02.537Z  ← start_time, duration  (start + duration)
├─ level         DEFAULT  (no error status, no fault flag, no refusal)
├─ model         qwen-plus  ← ai_log.model
├─ usage         {\"input\":25,\"output\":60,\"total\":85}  ← ai_log.input_token, ai_log.output_token
├─ cost          {\"input\":0.000002816901,\"output\":0.000016901408,\"total\":0.000019718309}  ← ai_log.model, ai_log.input_token, ai_log.output_token  (USD, price of alibaba-bailian 2026-05, CNY at 7.1)
├─ input         [{\"role\":\"user\",\"content\":\"用一句话解释什么是云原生。\"}]  ← question  (as a message of the user: the last one of the request)
├─ output        {\"role\":\"assistant\",\"content\":\"云原生是一种让应用从设计之初就适合在云上弹性运行的方法。\"}  ← answer  (as a message of the assistant)
├─ trace name    demo-chat@a@b  ← ai_log.api
├─ user          demo-user  ← ai_log.consumer
├─ metadata
│  ├─ request_id  0b7e1f01-4c1d-4a58-9d2b-0f6b1c2d3e01  ← request_id
│  ├─ method  POST  ← method
│  ├─ path  /v1/chat/completions  ← original_path
│  ├─ authority  llm.demo.example.org  ← authority
│  ├─ route_name  demo-chat@a@b@c  ← route_name
│  ├─ cluster_id  gw-demo000000000000000  ← cluster_id
│  ├─ upstream_cluster  outbound|443||llm-demo.internal.dns  ← upstream_cluster
│  ├─ upstream_host  192.0.2.200:443  ← upstream_host
│  ├─ response_code  200  ← response_code
│  ├─ response_code_details  via_upstream  ← response_code_details
│  ├─ user_agent  demo-client/1.0  ← user_agent
│  ├─ api  demo-chat@a@b  ← ai_log.api
│  ├─ chat_id  chatcmpl-demo0001  ← ai_log.chat_id
│  ├─ chat_round  1  ← ai_log.chat_round
│  ├─ consumer  demo-user  ← ai_log.consumer
│  ├─ response_type  stream  ← ai_log.response_type
│  └─ gw_price_source  alibaba-bailian 2026-05, CNY at 7.1  ← ai_log.model  (whose price, as of when)
├─ Without a value
│  └─ session       no session_id was logged; chat_id names one reply, not a conversation
├─ Log fields that are not shown above
│  ├─ only hashed into the span id: bytes_received, bytes_sent, path
│  ├─ no value, only a marker for none: consumer, downstream_transport_failure_reason, response_flags, upstream_transport_failure_reason
│  ├─ not needed: another field says it, or was preferred: __time__, ai_log.llm_service_duration, ai_log.total_token
│  └─ network detail of no interest here: stays in SLS: downstream_local_address, downstream_remote_address, protocol, request_duration, requested_server_name, response_tx_duration, upstream_local_address, upstream_protocol, upstream_service_time, x_forwarded_for
└─ What the gateway could log to get more
   ├─ session: have applications send a session id in a header, and name it as `session_id_header` of ai-statistics
   │  └─ because session_id has no value, and chat_id names one reply only
   └─ parent: if applications use this trace id in Langfuse: set TRACE_OWNERSHIP=join, or log the caller's `traceparent` header
      └─ because no parent span was logged, so this is a root, and a second root would overwrite the application's
";

#[tokio::test]
async fn explain_shows_every_attribute_of_the_samples_with_its_source() {
    let ended = run(&["explain", LOGS], &[]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!(ended.stdout.lines().filter(|line| line.ends_with(": delivered")).count(), 12);
    let (first, rest) = ended.stdout.split_once("\n\nline 2").unwrap();
    for (line, (shown, expected)) in first.lines().zip(FIRST.lines()).enumerate() {
        assert_eq!(shown, expected, "line {}", line + 1);
    }
    assert_eq!(format!("{first}\n"), FIRST);
    for expected in [
        "├─ trace id      569ea7eb45beff62f0a46161498c510a  ← request_id  (no trace id was logged: first 16 bytes of the SHA-256 of the request id)",
        "├─ type          tool  ← ai_log.mcp_tool_name  (a tool of an MCP server was called)",
        "│  ├─ model         ai_log.model holds a placeholder, and no request_model was logged",
        "├─ usage         {\"input\":0,\"output\":0,\"total\":0}  ← response_code  (no counts, and no model worked for it: zero, so that nobody estimates)",
    ] {
        assert!(rest.lines().any(|line| line == expected), "{expected}\n{rest}");
    }
}

#[tokio::test]
async fn explain_says_of_a_skipped_record_what_would_make_it_a_call() {
    let file = temporary("{\"request_id\":\"r\",\"method\":\"GET\",\"path\":\"/v1/models\",\"ai_log\":\"-\"}\n");
    let path = file.path().display().to_string();
    let ended = run(&["explain", &path], &[]).await;
    let expected = "\
line 1: skipped as not_a_model_call
├─ why: a request to `/v1/models` calls no model, whatever ai_log holds: it belongs to MCP, or lists, counts or stores
└─ What would change that
   └─ it would be a call with method POST and a path that ends as a model API's does
";
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), expected, ""));
    let ended = run(&["explain", "--json", &path], &[]).await;
    let seen: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&seen["v"], &seen["line"], &seen["outcome"]), (&Value::from(1), &Value::from(1), &Value::from("skipped")));
    assert_eq!((&seen["reason"], seen["remedies"].as_array().unwrap().len()), (&Value::from("not_a_model_call"), 1));
}

#[tokio::test]
async fn explain_names_lines_that_are_no_records_and_goes_on() {
    let call = r#"{"request_id":"r","method":"POST","path":"/v1/chat/completions","__time__":"1772417403"}"#;
    let mut child = command(&["explain", "-"], &[]);
    let mut child = child.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let input = [format!("{call}\n\nsentinel\n").into_bytes(), vec![0xff, b'\n'], format!("{call}\n").into_bytes()].concat();
    child.stdin.take().unwrap().write_all(&input).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout.starts_with("line 1: delivered\n") && stdout.contains("\n\nline 5: delivered\n"), "{stdout}");
    assert!(stderr.contains("line 3, column 1") && stderr.contains("line 4: not UTF-8") && stderr.contains("2 of 5 lines"), "{stderr}");
    assert!(!stderr.contains("sentinel"));
}

#[tokio::test]
async fn explain_as_json_is_the_same_for_programs() {
    let ended = run(&["explain", "--json", LOGS], &[]).await;
    assert_eq!((ended.code, ended.stdout.lines().count()), (Some(0), 12));
    let seen: Value = serde_json::from_str(ended.stdout.lines().nth(11).unwrap()).unwrap();
    let members: Vec<_> = seen.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["absent", "advice", "attributes", "line", "notes", "outcome", "unused", "v"]);
    let attribute = |name: &str| seen["attributes"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone();
    assert_eq!(attribute("level"), serde_json::json!({"name": "level", "value": "ERROR", "from": ["response_code"]}));
    assert_eq!(attribute("usageDetails")["value"], serde_json::json!({"input": 0, "output": 0, "total": 0}));
    assert_eq!(attribute("tags")["value"], serde_json::json!(["ratelimit:limited"]));
    assert_eq!(attribute("metadata.response_code")["from"], serde_json::json!(["response_code"]));
    let answer = seen["unused"].as_array().unwrap().iter().find(|one| one["field"] == "answer").unwrap();
    assert_eq!(answer["reason"], "no_value");
    assert_eq!(seen["advice"][0]["gain"], "parent");
}

#[tokio::test]
async fn explain_uses_the_settings_in_force_needs_none_and_prints_no_secret() {
    let variables = [
        ("TRACE_OWNERSHIP", "join"),
        ("LANGFUSE_TRACING_ENVIRONMENT", "prod"),
        ("LANGFUSE_SECRET_KEY", "sentinel-secret"),
        ("LANGFUSE_PUBLIC_KEY", "env:NOT_THERE"),
    ];
    let ended = run(&["explain", LOGS], &variables).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert!(ended.stdout.contains("├─ environment   prod  ← setting LANGFUSE_TRACING_ENVIRONMENT\n"), "{}", ended.stdout);
    assert!(ended.stdout.contains("← trace_id, setting TRACE_OWNERSHIP  (no parent was logged: hash of the trace id)"));
    assert!(ended.stdout.contains("│  ├─ user          the trace is an application's: consumer is in metadata"));
    assert!(!ended.stdout.contains("sentinel"));
    let file = temporary("langfuse_sample_rate = 0\n");
    let ended = run(&["explain", LOGS], &[("CONFIG_FILE", &file.path().display().to_string())]).await;
    assert_eq!((ended.code, ended.stdout.matches(": skipped as sampled_out\n").count()), (Some(0), 11), "the failed call is always kept");
    let wrong = run(&["explain", LOGS], &[("TRACE_OWNERSHIP", "ours"), ("CNY_PER_USD", "sentinel")]).await;
    assert_eq!((wrong.code, wrong.stdout.as_str()), (Some(2), ""));
    assert!(wrong.stderr.contains("TRACE_OWNERSHIP") && wrong.stderr.contains("CNY_PER_USD"), "{}", wrong.stderr);
    assert!(!wrong.stderr.contains("sentinel") && !wrong.stderr.contains("LANGFUSE_HOST"), "{}", wrong.stderr);
}

#[tokio::test]
async fn explain_shows_what_would_steer_the_terminal_as_escapes() {
    let line = r#"{"request_id":"r","path":"/v1/messages","question":"a\u001b[2Jb\u202ec\n\u009bd","\u001b]0;x\u0007":"v"}"#;
    let file = temporary(line);
    let path = file.path().display().to_string();
    let tree = run(&["explain", &path], &[]).await.stdout;
    assert!(tree.contains(r"\u{202e}c\n\u{9b}d") && tree.contains(r"\u{1b}]0;x\u{7}  v"), "{tree}");
    let json = run(&["explain", "--json", &path], &[]).await.stdout;
    for shown in [tree, json] {
        assert!(!shown.contains(|letter: char| letter.is_control() && letter != '\n' || letter == '\u{202e}'), "{shown}");
    }
}

#[tokio::test]
async fn explain_names_the_rules_that_decide_about_a_record() {
    let rules = "langfuse_sample_rate = 0
[destination.a]
host = 'https://a.example.com'
public_key = 'env:NOBODY'
secret_key = 'env:NOBODY'
[[filter]]
name = 'no-tests'
action = 'exclude'
when = [{ field = 'consumer', equals = 'test' }]
[[route]]
name = 'team-a'
when = [{ field = 'consumer', equals = 'team-a' }]
to = ['a', 'default']
";
    let record = |consumer: &str, code: u16| {
        format!(
            "{{\"request_id\":\"r\",\"method\":\"POST\",\"path\":\"/v1/chat/completions\",\"response_code\":\"{code}\",\"consumer\":\"{consumer}\"}}\n"
        )
    };
    let (file, logs) =
        (temporary(rules), temporary(&[record("test", 500), record("team-a", 500), record("team-b", 500), record("team-a", 200)].concat()));
    let (config, path) = (file.path().display().to_string(), logs.path().display().to_string());
    let ended = run(&["explain", &path], &[("CONFIG_FILE", &config)]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    for expected in [
        "the [[filter]] no-tests leaves it out",
        "the sample rate is 0; it is kept at any rate (error)",
        "takes the [[route]] team-a, to a and default",
        "no [[route]] holds for it: it becomes a dead letter, unrouted, and is sent nowhere",
        "LANGFUSE_SAMPLE_RATE leaves out the trace of this call",
    ] {
        assert_eq!(
            ended.stdout.matches(expected).count(),
            if expected.starts_with("the sample") { 2 } else { 1 },
            "{expected}: {}",
            ended.stdout
        );
    }
}
