//! The contract of the custom runtime: answers, hooks, marks, settings, and what is refused.

use crate::support::{self, Function, LOGSTORE, PROJECT, SEED, World, event, ordinary_settings};
use serde_json::json;

#[tokio::test]
async fn a_success_answers_200_twice_with_the_whole_report() {
    let world = World::new().await;
    let answer = world.invoke().await;
    assert_eq!((answer.status, answer.fc_status.as_str()), (200, "200"));
    for (member, value) in [
        ("ingestLines", json!(12)),
        ("shipLines", json!(12)),
        ("observations", json!(12)),
        ("undone", json!(0)),
        ("pages", json!(1)),
        ("slsRequests", json!(1)),
        ("requests", json!(1)),
        ("retries", json!(0)),
        ("skipped", json!({})),
        ("deadLettered", json!({})),
        ("resumed", json!(0)),
        ("outcome", json!("success")),
        ("project", json!(PROJECT)),
        ("logstore", json!(LOGSTORE)),
        ("shard", json!(0)),
        ("jobName", json!("job")),
        ("taskId", json!("task")),
        ("v", json!(1)),
        ("requestId", json!("1-67b2f0aa-0123456789ab-cdef")),
    ] {
        assert_eq!(answer.body[member], value, "{member}");
    }
    let sent = &world.posts()[0];
    assert_eq!(answer.body["wireBytes"].as_u64(), Some(sent.wire_bytes as u64));
    assert_eq!(answer.body["shipBytes"].as_u64(), Some(sent.decoded_bytes as u64));
    assert_eq!(world.function.events("report").len(), 1);
    assert_eq!(world.function.events("report")[0]["shipLines"], 12);
}

#[tokio::test]
async fn the_same_range_twice_gives_the_same_rows() {
    let world = World::new().await;
    world.invoke().await;
    let first = world.langfuse.observations();
    world.invoke().await;
    let mut second = world.langfuse.observations();
    assert!(second.iter().all(|row| row.arrivals == 2));
    second.iter_mut().for_each(|row| row.arrivals = 1);
    assert_eq!(second, first);
}

#[tokio::test]
async fn calls_are_marked_in_the_log() {
    let world = World::new().await;
    world.invoke().await;
    world.function.call("not an event", &[]).await;
    let output = world.function.output();
    let marks: Vec<_> = output.lines().filter(|line| line.starts_with("FC ")).collect();
    let id = "1-67b2f0aa-0123456789ab-cdef";
    let start = format!("FC Invoke Start RequestId: {id}");
    assert_eq!(
        marks,
        [
            &start,
            &format!("FC Invoke End RequestId: {id}"),
            &start,
            &format!("FC Invoke End RequestId: {id}, Error: Unhandled function error")
        ]
    );
}

#[tokio::test]
async fn hooks_and_health_answer_and_nothing_else_does() {
    let world = World::new().await;
    for (method, path, status) in [
        ("POST", "/initialize", 200),
        ("POST", "/initialize", 200),
        ("GET", "/pre-stop", 200),
        ("GET", "/healthz", 200),
        ("GET", "/invoke", 404),
        ("POST", "/", 404),
        ("GET", "/", 404),
    ] {
        assert_eq!(world.function.request(method, path).await.0, status, "{method} {path}");
    }
}

#[tokio::test]
async fn an_event_that_is_none_fails_without_a_request() {
    let world = World::new().await;
    for body in ["", "[]", "{}", "not json", r#"{"source":{"projectName":"../x"}}"#] {
        let answer = world.function.call(body, &[]).await;
        assert_eq!(
            (answer.status, answer.fc_status.as_str(), answer.body["errorType"].as_str()),
            (404, "404", Some("invalid_event")),
            "{body}"
        );
        assert_eq!(answer.body["report"]["outcome"], "failure");
    }
    assert!(world.sls.requests().is_empty() && world.langfuse.requests().is_empty());
}

#[tokio::test]
async fn a_control_path_that_differs_is_refused() {
    let world = World::new().await;
    let answer = world.function.call(&event(0, SEED, SEED + 5).to_string(), &[("x-fc-control-path", "/http-invoke")]).await;
    assert_eq!((answer.status, answer.fc_status.as_str(), answer.body["errorType"].as_str()), (404, "404", Some("wrong_control_path")));
    assert!(world.sls.requests().is_empty());
    let answer = world.function.call(&event(0, SEED, SEED + 5).to_string(), &[("x-fc-control-path", "(none)")]).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn an_endpoint_that_is_not_trusted_gets_no_signed_request() {
    let mut settings = ordinary_settings("http://127.0.0.1:9", "unused");
    settings.remove("SLS_ENDPOINT");
    let function = Function::start(&settings).await;
    let sls = support::sls_with(&[0]).await;
    for endpoint in
        [sls.endpoint(), "http://cn-hangzhou.log.aliyuncs.com.example.com".into(), "https://user@cn-hangzhou.log.aliyuncs.com".into()]
    {
        let mut event = event(0, SEED, SEED + 5);
        event["source"]["endpoint"] = json!(endpoint);
        let answer = function.invoke(&event).await;
        assert_eq!((answer.fc_status.as_str(), answer.body["errorType"].as_str()), ("404", Some("untrusted_endpoint")), "{endpoint}");
    }
    assert!(sls.requests().is_empty());
}

#[tokio::test]
async fn an_allowed_endpoint_of_the_event_is_used() {
    let sls = support::sls_with(&[0]).await;
    let mut settings = ordinary_settings("http://127.0.0.1:9", "unused");
    settings.remove("SLS_ENDPOINT");
    settings.insert("SLS_ALLOWED_ENDPOINTS".into(), "127.0.0.1".into());
    let function = Function::start(&settings).await;
    let mut event = event(0, SEED, SEED);
    event["source"]["endpoint"] = json!(sls.endpoint());
    assert_eq!(function.invoke(&event).await.status, 200);
}

#[tokio::test]
async fn the_function_never_reads_what_it_writes() {
    let world = World::with_settings(&[("DEAD_LETTER_LOGSTORE", "dead-letters")]).await;
    for logstore in ["function-log", "dead-letters"] {
        let mut event = event(0, SEED, SEED + 5);
        event["source"]["logstoreName"] = json!(logstore);
        let answer = world.function.invoke(&event).await;
        assert_eq!((answer.fc_status.as_str(), answer.body["errorType"].as_str()), ("404", Some("loop")), "{logstore}");
    }
    assert!(world.sls.requests().is_empty());
}

#[tokio::test]
async fn credentials_are_those_of_the_call() {
    let world = World::new().await;
    let wrong = world.function.call(&event(0, SEED, SEED + 5).to_string(), &[("x-fc-access-key-secret", "other")]).await;
    assert_eq!((wrong.fc_status.as_str(), wrong.body["errorType"].as_str()), ("404", Some("sls_refused")));
    assert_eq!(world.invoke().await.status, 200);
    let none =
        world.function.call(&event(0, SEED, SEED + 5).to_string(), &[("x-fc-access-key-id", ""), ("x-fc-access-key-secret", "")]).await;
    assert_eq!(none.body["errorType"].as_str(), Some("no_credentials"));
}

#[tokio::test]
async fn a_trigger_parameter_may_label_but_never_redirect() {
    let world = World::new().await;
    let mut labelled = event(0, SEED, SEED + 5);
    labelled["parameter"] = json!({"environment": "staging", "tags": ["blue"], "release": "r7", "version": "v2"});
    assert_eq!(world.function.invoke(&labelled).await.status, 200);
    let row = &world.langfuse.observations()[0];
    assert_eq!((row.environment.as_str(), row.release.as_deref(), row.version.as_deref()), ("staging", Some("r7"), Some("v2")));
    assert!(row.tags.contains(&"blue".to_owned()));
    for key in ["LANGFUSE_HOST", "langfuse_host", "sls_endpoint", "secret_key", "anything"] {
        let mut redirected = event(0, SEED, SEED + 5);
        redirected["parameter"] = json!({key: "https://evil.example.com"});
        let answer = world.function.invoke(&redirected).await;
        assert_eq!((answer.fc_status.as_str(), answer.body["errorType"].as_str()), ("404", Some("invalid_parameter")), "{key}");
        assert!(answer.body["errorMessage"].as_str().unwrap().contains(key));
    }
}

#[tokio::test]
async fn bad_settings_are_all_told_in_every_answer_on_function_compute() {
    let mut settings = ordinary_settings("not a url", "http://127.0.0.1:9");
    settings.remove("LANGFUSE_SECRET_KEY");
    settings.insert("LANGFUSE_SAMPLE_RATE".into(), "2".into());
    let function = Function::start(&settings).await;
    let answer = function.invoke(&event(0, SEED, SEED + 5)).await;
    assert_eq!((answer.status, answer.fc_status.as_str(), answer.body["stage"].as_str()), (404, "404", Some("settings")));
    let message = answer.body["errorMessage"].as_str().unwrap();
    for name in ["LANGFUSE_HOST", "LANGFUSE_SECRET_KEY", "LANGFUSE_SAMPLE_RATE"] {
        assert!(message.contains(name), "{name}: {message}");
    }
    assert_eq!(function.request("POST", "/initialize").await.0, 404);
    assert_eq!(function.request("GET", "/pre-stop").await.0, 200);
}

#[tokio::test]
async fn bad_settings_elsewhere_end_the_process_with_2() {
    let mut settings = ordinary_settings("https://langfuse.example.com", "http://127.0.0.1:9");
    settings.remove("FC_FUNC_CODE_PATH");
    settings.remove("LANGFUSE_PUBLIC_KEY");
    settings.remove("LANGFUSE_SECRET_KEY");
    let ended = support::command(&settings).output().await.unwrap();
    assert_eq!(ended.status.code(), Some(2));
    let told = String::from_utf8(ended.stderr).unwrap();
    assert!(told.contains("LANGFUSE_PUBLIC_KEY") && told.contains("LANGFUSE_SECRET_KEY"), "{told}");
}

#[tokio::test]
async fn disabled_tracing_skips_every_record_and_moves_on() {
    let world = World::with_settings(&[("LANGFUSE_TRACING_ENABLED", "false")]).await;
    let answer = world.invoke().await;
    assert_eq!((answer.status, &answer.body["skipped"]), (200, &json!({"disabled": 12})));
    assert!(world.langfuse.requests().is_empty());
    assert_eq!(world.function.events("disabled").len(), 1);
}

#[tokio::test]
async fn a_sample_rate_of_zero_leaves_only_what_is_always_kept() {
    let world = World::with_settings(&[("LANGFUSE_SAMPLE_RATE", "0")]).await;
    let answer = world.invoke().await;
    answer.assert_success();
    let kept = world.langfuse.observations();
    assert_eq!(answer.body["skipped"], json!({"sampled_out": 12 - kept.len()}));
    assert!(!kept.is_empty());
    assert!(kept.iter().all(|row| row.parent_span_id.is_none() && row.metadata.contains_key("gw_sampled_because")), "{kept:?}");
}

#[tokio::test]
async fn termination_lets_the_running_call_finish() {
    use sls_to_langfuse::emulator::langfuse::Fault;
    let mut world = World::new().await;
    world.langfuse.script([Fault::Delay(std::time::Duration::from_millis(300))]);
    let body = event(0, SEED, SEED + 5).to_string();
    let pid = world.function.pid().to_string();
    let (answer, ()) = tokio::join!(world.function.call(&body, &[]), async {
        while world.posts().is_empty() {
            tokio::task::yield_now().await;
        }
        std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    });
    assert_eq!((answer.status, answer.body["shipLines"].as_u64()), (200, Some(12)));
    assert_eq!(world.function.ended().await, Some(0));
}
