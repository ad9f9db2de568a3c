//! `invoke`: every event, both sources, both targets, and what it refuses.

use serde_json::{Value, json};
use sls_to_langfuse::emulator::sls::{AccessKey, ShardSpec, SlsEmulator, SlsWorld, groups_from_jsonl};

use super::{EVENT, LOGS, keys, langfuse, run, temporary};
use crate::support::{LOGSTORE, PROJECT, SAMPLES, SEED};

#[tokio::test]
async fn invoke_handles_every_event_of_the_project() {
    let expected = |name: &str| if name.contains("empty-range") { 0 } else { 12 };
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/events")).unwrap() {
        let path = entry.unwrap().path();
        let (name, server) = (path.display().to_string(), langfuse().await);
        let logs = if name.contains("/lambda-") { &[][..] } else { &["--logs", LOGS] };
        let ended = run(&[&["invoke", "--event", &name], logs].concat(), &keys(&server.base_url())).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{name}");
        let report: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!((report["shipLines"].as_u64(), report["undone"].as_u64()), (Some(expected(&name)), Some(0)), "{name}");
        assert_eq!(server.observations().len() as u64, expected(&name), "{name}");
    }
}

#[tokio::test]
async fn invoke_shows_what_lambda_would_get() {
    let event = concat!(env!("CARGO_MANIFEST_DIR"), "/events/lambda-sqs.json");
    let ended = run(&["invoke", "--event", event, "--to", "emulator"], &[]).await;
    assert_eq!((ended.code, ended.stderr.matches("└─ ").count()), (Some(0), 12), "{}", ended.stderr);
    assert!(ended.stderr.contains("the answer to Lambda: {\"batchItemFailures\":[]}\n"), "{}", ended.stderr);
    let with_logs = run(&["invoke", "--event", event, "--logs", LOGS, "--to", "emulator"], &[]).await;
    assert_eq!((with_logs.code, with_logs.stdout.as_str()), (Some(2), ""));
    // A queue of nothing but dead letters is an error to Lambda.
    let damaged = temporary(r#"{"Records":[{"messageId":"1","eventSource":"aws:sqs","body":"{\"request_id\":\"cut"}]}"#);
    let ended = run(&["invoke", "--event", &damaged.path().display().to_string(), "--to", "emulator"], &[]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert_eq!(serde_json::from_str::<Value>(&ended.stdout).unwrap()["deadLettered"], json!({"damaged": 1}));
}

#[tokio::test]
async fn invoke_to_the_emulator_shows_the_tree_beside_the_report() {
    let other = langfuse().await;
    let host = other.base_url();
    let mut variables = keys(&host).to_vec();
    variables.push(("HTTP_PROXY", &host));
    let ended = run(&["invoke", "--event", EVENT, "--logs", LOGS, "--to", "emulator"], &variables).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(serde_json::from_str::<Value>(&ended.stdout).unwrap()["shipLines"], 12);
    assert_eq!(ended.stderr.matches("└─ ").count(), 12);
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn invoke_shows_the_first_fifty_traces_of_many() {
    let line = |number: u32| format!("{{\"request_id\":\"r{number}\",\"method\":\"POST\",\"path\":\"/v1/chat/completions\"}}\n");
    let logs = temporary(&(0..60).map(line).collect::<String>());
    let ended = run(&["invoke", "--event", EVENT, "--logs", &logs.path().display().to_string(), "--to", "emulator"], &[]).await;
    assert_eq!((ended.code, ended.stderr.matches("\n└─ ").count()), (Some(0), 50), "{}", ended.stderr);
    assert!(ended.stderr.contains("\nand 10 more traces\n"), "{}", ended.stderr);
    assert_eq!(serde_json::from_str::<Value>(&ended.stdout).unwrap()["shipLines"], 60);
}

#[tokio::test]
async fn invoke_without_logs_reads_from_sls_with_the_keys_of_the_environment() {
    let (server, sls) = (langfuse().await, SlsEmulator::start(0, SlsWorld::default()).await.unwrap());
    sls.create_logstore(PROJECT, LOGSTORE, &[ShardSpec { id: 0, seed: SEED }]);
    crate::support::append(&sls, 0, groups_from_jsonl(SAMPLES, 5, 1).unwrap());
    sls.add_key(AccessKey::permanent("id", "sentinel-secret"));
    let (host, endpoint) = (server.base_url(), sls.endpoint());
    let mut variables = keys(&host).to_vec();
    variables.extend([("SLS_ENDPOINT", endpoint.as_str()), ("ALIBABA_CLOUD_ACCESS_KEY_ID", "id")]);
    variables.push(("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "sentinel-secret"));
    let ended = run(&["invoke", "--event", EVENT], &variables).await;
    assert_eq!((ended.code, server.observations().len()), (Some(0), 12), "{}", ended.stderr);
    variables.last_mut().unwrap().1 = "sentinel-wrong";
    let refused = run(&["invoke", "--event", EVENT], &variables).await;
    assert_eq!(refused.code, Some(1));
    assert_eq!(serde_json::from_str::<Value>(&refused.stdout).unwrap()["outcome"], "failure");
    assert!(refused.stderr.contains("what to do: "), "{}", refused.stderr);
    assert!(!format!("{ended:?}{refused:?}").contains("sentinel"));
}

#[tokio::test]
async fn invoke_lists_every_setting_that_is_missing() {
    let ended = run(&["invoke", "--event", EVENT], &[("LANGFUSE_SAMPLE_RATE", "2")]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    for name in ["LANGFUSE_HOST", "LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY", "LANGFUSE_SAMPLE_RATE", "ALIBABA_CLOUD_ACCESS_KEY_ID"] {
        assert!(ended.stderr.contains(name), "{name}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn invoke_refuses_files_that_it_cannot_use() {
    let (no_event, bad_logs) = (temporary(r#"{"source":1}"#), temporary("{}\nsentinel\n"));
    let cursors = |begin: &str, end: &str| {
        let mut event: Value = serde_json::from_str(include_str!("../../../events/sls-trigger.json")).unwrap();
        event["source"]["beginCursor"] = json!(begin);
        event["source"]["endCursor"] = json!(end);
        temporary(&event.to_string())
    };
    let (opaque, wide) = (cursors("opaque", "cursor"), cursors("MQ==", "OTk5OTk5OTk="));
    let path = |file: &tempfile::NamedTempFile| file.path().display().to_string();
    for (event, logs, expected) in [
        ("/no/such/file".to_owned(), LOGS.to_owned(), "cannot read the event /no/such/file"),
        (EVENT.to_owned(), "/no/such/file".to_owned(), "cannot read the logs /no/such/file"),
        (EVENT.to_owned(), "events".to_owned(), "cannot read the logs events"),
        (path(&no_event), LOGS.to_owned(), "the event is not one of an SLS trigger"),
        (EVENT.to_owned(), path(&bad_logs), "line 2, column 1: not a JSON object"),
        (path(&opaque), LOGS.to_owned(), "base64 of a number"),
        (path(&wide), LOGS.to_owned(), "at most 100000 log groups apart, not 99999998"),
    ] {
        let ended = run(&["invoke", "--event", &event, "--logs", &logs, "--to", "emulator"], &[]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{expected}");
        assert!(ended.stderr.contains(expected) && !ended.stderr.contains("sentinel"), "{}", ended.stderr);
    }
}
