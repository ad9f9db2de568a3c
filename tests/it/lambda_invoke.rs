//! The contract of Lambda: each kind of event, its answers, and the same observations as through Function Compute.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sls_to_langfuse::emulator::langfuse::{Fault, When};

use crate::lambda_api::{Answered, Lambda, OWN_LOG_GROUP, settings};
use crate::support::{KEY_ID, KEY_SECRET, Process, SAMPLES, SEED, TOKEN, World, append, event, sls_with};
use sls_to_langfuse::emulator::sls::groups_from_jsonl;

const CLOUDWATCH: &str = include_str!("../../events/lambda-cloudwatch-logs.json");
const KINESIS: &str = include_str!("../../events/lambda-kinesis.json");
const KINESIS_CLOUDWATCH: &str = include_str!("../../events/lambda-kinesis-cloudwatch.json");
const SQS: &str = include_str!("../../events/lambda-sqs.json");

/// The request id that one sample line alone has: the fifth, index 4.
const POISON: &str = "0b7e1f05-4c1d-4a58-9d2b-0f6b1c2d3e05";

/// The examples are older than what is given up by default.
const PATIENT: &[(&str, &str)] = &[("GIVE_UP_AFTER", "off")];

fn parsed(event: &str) -> Value {
    serde_json::from_str(event).unwrap()
}

fn samples() -> Vec<&'static str> {
    SAMPLES.lines().collect()
}

/// The identifiers of the items of an event, in order.
fn ids(event: &Value) -> Vec<String> {
    let id = |record: &Value| record["kinesis"]["sequenceNumber"].as_str().or(record["messageId"].as_str()).unwrap().to_owned();
    event["Records"].as_array().unwrap().iter().map(id).collect()
}

/// The example event of a stream with these payloads instead.
fn kinesis(payloads: &[&[u8]]) -> Value {
    let mut event = parsed(KINESIS);
    event["Records"].as_array_mut().unwrap().truncate(payloads.len());
    for (record, payload) in event["Records"].as_array_mut().unwrap().iter_mut().zip(payloads) {
        record["kinesis"]["data"] = STANDARD.encode(payload).into();
    }
    event
}

/// The example event of a queue with these bodies instead.
fn sqs(bodies: &[&str]) -> Value {
    let mut event = parsed(SQS);
    event["Records"].as_array_mut().unwrap().truncate(bodies.len());
    for (record, body) in event["Records"].as_array_mut().unwrap().iter_mut().zip(bodies) {
        record["body"] = (*body).into();
    }
    event
}

fn failures(ids: &[&String]) -> Value {
    let items: Vec<_> = ids.iter().map(|id| json!({"itemIdentifier": id})).collect();
    json!({ "batchItemFailures": items })
}

fn error_type(answered: &Answered) -> &str {
    assert!(answered.failed, "{answered:?}");
    answered.body["errorType"].as_str().unwrap()
}

fn request_ids(lambda: &Lambda) -> BTreeSet<String> {
    lambda.langfuse.observations().iter().map(|row| row.metadata["request_id"].clone()).collect()
}

#[tokio::test]
async fn every_kind_of_event_sends_the_very_bytes_that_function_compute_sends() {
    let world = World::new().await;
    world.invoke().await.assert_success();
    let expected = world.posts()[0].decoded.clone();
    let settings = [
        ("SLS_ENDPOINT", world.sls.endpoint()),
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", KEY_ID.to_owned()),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", KEY_SECRET.to_owned()),
        ("ALIBABA_CLOUD_SECURITY_TOKEN", TOKEN.to_owned()),
    ];
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    for (event, source) in [
        (parsed(CLOUDWATCH), json!("/gateway/access-log")),
        (parsed(KINESIS), json!("gateway-log")),
        (parsed(KINESIS_CLOUDWATCH), json!("gateway-log")),
        (parsed(SQS), json!("gateway-log")),
        (event(0, SEED, SEED + 5), Value::Null),
    ] {
        let mut lambda = Lambda::with_settings(&settings).await;
        let answered = lambda.invoke(&event).await;
        assert!(!answered.failed, "{source}: {answered:?}");
        match answered.body.get("batchItemFailures") {
            Some(failures) => assert_eq!((failures, answered.body.as_object().unwrap().len()), (&json!([]), 1)),
            None => assert_eq!((&answered.body["shipLines"], &answered.body["requestId"]), (&json!(12), &json!(answered.id))),
        }
        let report = lambda.report().await;
        assert_eq!([&report["ingestLines"], &report["shipLines"], &report["undone"]], [12, 12, 0], "{source}: {report}");
        assert_eq!((&report["source"], &report["outcome"]), (&source, &json!("success")));
        assert_eq!(lambda.posted(), std::slice::from_ref(&expected), "{source}");
    }
}

#[tokio::test]
async fn of_a_batch_only_what_is_undone_comes_again_and_then_only_what_was_not_accepted_is_sent() {
    for event in [parsed(KINESIS), parsed(SQS)] {
        let mut lambda = Lambda::with_settings(PATIENT).await;
        lambda.langfuse.refuse_when(When::text(POISON), Fault::status(500));
        let answered = lambda.invoke(&event).await;
        let ids = ids(&event);
        assert_eq!((answered.failed, &answered.body), (false, &failures(&[&ids[4]])), "{answered:?}");
        let report = lambda.report().await;
        assert_eq!([&report["shipLines"], &report["undone"]], [11, 1]);
        assert_eq!((report["outcome"].as_str(), lambda.process.events("partial_answer").len()), (Some("failure"), 1));
        assert_eq!(lambda.langfuse.observations().len(), 11);
        // What a stream brings again: everything from the undone record on.
        lambda.langfuse.clear_script();
        let mut again = event.clone();
        again["Records"].as_array_mut().unwrap().drain(..4);
        let answered = lambda.invoke(&again).await;
        assert_eq!((answered.failed, answered.body), (false, failures(&[])));
        let report = lambda.report().await;
        assert_eq!([&report["shipLines"], &report["resumed"], &report["requests"]], [8, 7, 1]);
        assert_eq!(lambda.langfuse.observations().iter().map(|row| row.arrivals).collect::<Vec<_>>(), [1; 12]);
    }
}

#[tokio::test]
async fn what_langfuse_never_takes_goes_by_in_a_stream_and_stays_in_a_queue() {
    for (event, failed, pointer) in [
        (parsed(KINESIS), vec![], json!({"stream": "gateway-log", "shard": "shardId-000000000006", "index": 0})),
        (parsed(SQS), vec![4], json!({"queue": "gateway-log", "index": 0})),
    ] {
        let mut lambda = Lambda::new().await;
        lambda.langfuse.refuse_when(When::text(POISON), Fault::status(400));
        let answered = lambda.invoke(&event).await;
        let ids = ids(&event);
        let failed: Vec<_> = failed.iter().map(|index: &usize| &ids[*index]).collect();
        assert_eq!((answered.failed, answered.body), (false, failures(&failed)));
        let report = lambda.report().await;
        assert_eq!([&report["deadLettered"], &report["shipLines"], &report["undone"]], [&json!({"refused": 1}), &json!(11), &json!(0)]);
        let letters = lambda.process.events("dead_letter");
        assert_eq!(letters.len(), 1);
        for (name, value) in pointer.as_object().unwrap() {
            assert_eq!(&letters[0][name], value, "{name}");
        }
        let id = letters[0]["sequenceNumber"].as_str().or(letters[0]["messageId"].as_str()).unwrap();
        assert_eq!((id, &letters[0]["reason"], &letters[0]["status"]), (ids[4].as_str(), &json!("refused"), &json!(400)));
    }
}

#[tokio::test]
async fn a_call_that_gets_nothing_done_is_an_error_so_that_everything_comes_again() {
    for event in [CLOUDWATCH, KINESIS, KINESIS_CLOUDWATCH, SQS] {
        let mut lambda = Lambda::new().await;
        lambda.langfuse.refuse_when(When::ingest(), Fault::status(401));
        let answered = lambda.invoke(&parsed(event)).await;
        assert_eq!(error_type(&answered), "langfuse_keys_refused");
        assert!(answered.body["errorMessage"].as_str().unwrap().contains("LANGFUSE_SECRET_KEY"), "{answered:?}");
        let report = lambda.report().await;
        assert_eq!([&report["shipLines"], &report["outcome"]], [&json!(0), &json!("failure")]);
    }
}

#[tokio::test]
async fn a_subscription_knows_no_partial_answer() {
    let mut lambda = Lambda::with_settings(PATIENT).await;
    lambda.langfuse.refuse_when(When::text(POISON), Fault::status(500));
    let answered = lambda.invoke(&parsed(CLOUDWATCH)).await;
    assert_eq!(error_type(&answered), "langfuse_unavailable");
    // It comes again as it was, and what has arrived is not sent again.
    lambda.langfuse.clear_script();
    let answered = lambda.invoke(&parsed(CLOUDWATCH)).await;
    assert_eq!([&answered.body["shipLines"], &answered.body["resumed"]], [12, 11]);
    assert_eq!(lambda.langfuse.observations().len(), 12);
}

#[tokio::test]
async fn a_dead_letter_of_a_subscription_names_the_log_event() {
    let mut lambda = Lambda::new().await;
    lambda.langfuse.refuse_when(When::text(POISON), Fault::status(400));
    assert!(!lambda.invoke(&parsed(CLOUDWATCH)).await.failed);
    let letter = &lambda.process.events("dead_letter")[0];
    let expected = ["/gateway/access-log", "gateway-0", "38000000000000000000000000000000000000000000000000000004"];
    assert_eq!(["logGroup", "logStream", "eventId"].map(|name| letter[name].as_str().unwrap()), expected);
}

#[tokio::test]
async fn a_queue_of_nothing_but_dead_letters_is_an_error() {
    let mut lambda = Lambda::new().await;
    let answered = lambda.invoke(&sqs(&["{\"request_id\":\"cut"])).await;
    assert_eq!(error_type(&answered), "dead_letters");
    assert_eq!(lambda.report().await["deadLettered"], json!({"damaged": 1}));
}

#[tokio::test]
async fn lines_of_other_programs_are_passed_over_and_damaged_ones_harm_no_neighbour() {
    let lines = samples();
    let (two, array) = (format!("{}\n\n{}\n", lines[0], lines[1]), format!("[{},{}]", lines[2], lines[3]));
    let container = json!({"log": format!("{}\n", lines[5]), "stream": "stdout"}).to_string();
    let plain = "[2026-03-02 02:10:01.037][1][info] starting main dispatch loop";
    let mut lambda = Lambda::new().await;
    let bodies = [two.as_str(), &array, plain, "{\"request_id\":\"cut", "", &container];
    let event = kinesis(&bodies.map(str::as_bytes));
    let answered = lambda.invoke(&event).await;
    assert_eq!((answered.failed, answered.body), (false, failures(&[])));
    let report = lambda.report().await;
    assert_eq!([&report["ingestLines"], &report["shipLines"]], [7, 5]);
    assert_eq!((&report["skipped"], &report["deadLettered"]), (&json!({"not_a_gateway_log": 1}), &json!({"damaged": 1})));
    let letter = lambda.process.events("dead_letter").remove(0);
    assert_eq!((letter["sequenceNumber"].as_str(), letter.get("spanId")), (Some(ids(&event)[3].as_str()), None));
    // The same in a queue, which keeps the damaged one.
    let event = sqs(&bodies);
    let answered = lambda.invoke(&event).await;
    assert_eq!((answered.failed, answered.body), (false, failures(&[&ids(&event)[3]])));
    let expected = [0, 1, 2, 3, 5].map(|index| parsed(lines[index])["request_id"].as_str().unwrap().to_owned());
    assert_eq!(request_ids(&lambda), expected.into_iter().collect());
}

#[tokio::test]
async fn a_record_that_does_not_unpack_is_damaged_alone() {
    let event = parsed(KINESIS_CLOUDWATCH);
    let packed = STANDARD.decode(event["Records"][1]["kinesis"]["data"].as_str().unwrap()).unwrap();
    let line = samples()[0];
    let mut lambda = Lambda::new().await;
    let answered = lambda.invoke(&kinesis(&[&packed[..packed.len() / 2], line.as_bytes()])).await;
    assert_eq!((answered.failed, answered.body), (false, failures(&[])));
    let report = lambda.report().await;
    assert_eq!([&report["deadLettered"], &report["shipLines"]], [&json!({"damaged": 1}), &json!(1)]);
}

#[tokio::test]
async fn an_event_that_makes_no_sense_is_an_error_without_content_and_the_next_one_is_served() {
    let mut lambda = Lambda::new().await;
    let sns = json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "sentinel"}}]}).to_string();
    for event in [
        "null",
        "\"sentinel\"",
        "[]",
        "{}",
        &sns,
        r#"{"awslogs":{"data":"sentinel"}}"#,
        r#"{"awslogs":"sentinel"}"#,
        r#"{"awslogs":{"data":"H4sIAAAAAAAA"}}"#,
        r#"{"Records":[{"eventSource":"aws:kinesis","kinesis":"sentinel"}]}"#,
        r#"{"Records":[{"eventSource":"aws:sqs","body":{"sentinel":1}}]}"#,
        r#"{"source":{"beginCursor":"sentinel"}}"#,
    ] {
        let answered = lambda.call(event, Duration::from_secs(60)).await;
        assert_eq!(error_type(&answered), "invalid_event", "{event}");
        assert!(!answered.body.to_string().contains("sentinel"), "{answered:?}");
    }
    assert!(!lambda.invoke(&parsed(SQS)).await.failed);
    assert_eq!(lambda.report().await["shipLines"], 12);
    assert!(!lambda.process.output().contains("sentinel"), "{}", lambda.process.output());
}

#[tokio::test]
async fn the_deadline_of_the_call_ends_it_in_time_with_an_error() {
    let mut lambda = Lambda::new().await;
    lambda.langfuse.refuse_when(When::ingest(), Fault::Delay(Duration::from_secs(3600)));
    let answered = lambda.call(KINESIS, Duration::from_millis(700)).await;
    assert_eq!(error_type(&answered), "out_of_time");
    let report = lambda.report().await;
    // A tenth of the time, at least 100 ms, is kept back for the answer.
    assert!(report["durationMs"].as_u64().unwrap() >= 500, "{report}");
    assert_eq!((&report["ingestLines"], &report["shipLines"]), (&report["undone"], &json!(0)));
}

#[tokio::test]
async fn the_functions_own_log_is_refused() {
    let gzip = |payload: &Value| {
        use std::io::Write;
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(payload.to_string().as_bytes()).unwrap();
        packed.finish().unwrap()
    };
    let payload = json!({
        "messageType": "DATA_MESSAGE", "owner": "1", "logGroup": OWN_LOG_GROUP, "logStream": "s", "subscriptionFilters": ["f"],
        "logEvents": [{"id": "1", "timestamp": 1_772_417_413_000_u64, "message": samples()[0]}]
    });
    let mut lambda = Lambda::new().await;
    let direct = json!({"awslogs": {"data": STANDARD.encode(gzip(&payload))}});
    assert_eq!(error_type(&lambda.invoke(&direct).await), "loop");
    assert!(lambda.posted().is_empty());
    // In a stream it would block its neighbours: there it is passed over.
    let answered = lambda.invoke(&kinesis(&[samples()[0].as_bytes(), &gzip(&payload), samples()[1].as_bytes()])).await;
    assert_eq!((answered.failed, &answered.body), (false, &json!({"batchItemFailures": []})));
    assert_eq!(lambda.langfuse.observations().len(), 2);
}

#[tokio::test]
async fn a_control_message_is_no_log() {
    let event = parsed(KINESIS_CLOUDWATCH);
    let control = STANDARD.decode(event["Records"][0]["kinesis"]["data"].as_str().unwrap()).unwrap();
    let mut lambda = Lambda::new().await;
    let answered = lambda.invoke(&json!({"awslogs": {"data": STANDARD.encode(control)}})).await;
    assert_eq!((answered.failed, &answered.body["ingestLines"]), (false, &json!(0)));
}

#[tokio::test]
async fn wrong_settings_end_the_start_with_every_problem() {
    for (change, named) in [
        (vec![("LANGFUSE_HOST", ""), ("CONTENT_POLICY", "some")], vec!["LANGFUSE_HOST", "CONTENT_POLICY"]),
        (vec![("AWS_LAMBDA_FUNCTION_NAME", ""), ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")], vec!["_FUNCTION_NAME", "_MEMORY_SIZE"]),
    ] {
        let mut all = settings("https://langfuse.example.com", "127.0.0.1:9");
        all.extend(change.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let mut process = Process::start(&all);
        assert_eq!(process.ended().await, Some(2));
        crate::support::until(|| named.iter().all(|name| process.output().contains(name))).await;
        let told = process.events("invalid_settings").len();
        assert_eq!(told, if named.contains(&"LANGFUSE_HOST") { named.len() } else { 0 }, "{}", process.output());
    }
}

#[tokio::test]
async fn an_sls_trigger_without_credentials_says_which_settings_to_set() {
    let sls = sls_with(&[0]).await;
    append(&sls, 0, groups_from_jsonl(SAMPLES, 5, 1_772_417_413).unwrap());
    let mut lambda = Lambda::with_settings(&[("SLS_ENDPOINT", &sls.endpoint())]).await;
    let answered = lambda.invoke(&event(0, SEED, SEED + 5)).await;
    assert_eq!(error_type(&answered), "no_credentials");
    assert!(answered.body["errorMessage"].as_str().unwrap().contains("ALIBABA_CLOUD_ACCESS_KEY_ID"), "{answered:?}");
}
