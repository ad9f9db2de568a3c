//! Delivery: what answers of Langfuse do to the records, and what a request to it looks like. How each fault ends stands in `faults`.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use serde_json::{Value, json};
use sls_to_langfuse::emulator::langfuse::{Fault, LangfuseWorld, When};
use sls_to_langfuse::emulator::sls::{AccessKey, Action, Grant, Operation, ShardSpec};
use sls_to_langfuse::sls::cursor::Cursor;
use sls_to_langfuse::sls::wire;

use crate::records::{Prepared, chat, chat_saying, chats, group, request_id, request_ids, response};
use crate::support::{Answer, Function, KEY_ID, KEY_SECRET, LOGSTORE, PROJECT, SEED, TOKEN, World, arrived, event, ordinary_settings};

/// Present in the question of one record only.
const POISON: &str = "poisoned-question";

/// One group of so many calls, one of them poisoned.
async fn poisoned(calls: usize, at: usize, settings: &[(&str, &str)]) -> World {
    let logs = (0..calls).map(|number| if number == at { chat_saying(number, POISON) } else { chat(number) }).collect();
    World::of(vec![group(logs)], settings).await
}

async fn invoke(world: &World) -> Answer {
    let answer = world.function.invoke(&event(0, SEED, SEED + 1)).await;
    answer.assert_balanced();
    answer
}

/// A fault with a `Retry-After`.
fn with_retry_after(status: u16, seconds: &str) -> Fault {
    let headers = vec![("retry-after".into(), seconds.into())];
    Fault::Status { status, headers, content_type: "application/json".into(), body: r#"{"message":"later"}"#.into() }
}

#[tokio::test]
async fn what_may_go_better_is_sent_again_and_arrives() {
    // Whether the fault lets the request through decides how often the rows arrive.
    for (fault, arrivals) in [
        (Fault::RateLimited { retry_after: 0 }, 1),
        (Fault::status(500), 1),
        (Fault::answer(403, "application/json", r#"{"reason":"blocked"}"#), 1),
        (Fault::ResetAfterStoring, 2),
        (Fault::Cut(5), 2),
    ] {
        let world = World::of(chats(1, 3), &[]).await;
        world.langfuse.script([fault.clone()]);
        let answer = invoke(&world).await;
        answer.assert_success();
        assert_eq!([answer.count("shipLines"), answer.count("requests"), answer.count("retries")], [3, 2, 1], "{fault:?}");
        let sent = world.posts();
        assert_eq!(answer.count("wireBytes"), sent.iter().map(|request| request.wire_bytes as u64).sum::<u64>(), "{fault:?}");
        assert_eq!(answer.count("shipBytes"), sent[1].decoded_bytes as u64, "{fault:?}");
        assert_eq!(sent[0].decoded, sent[1].decoded, "{fault:?}");
        let rows = world.langfuse.observations();
        assert_eq!(rows.iter().map(|row| row.arrivals).collect::<Vec<_>>(), [arrivals; 3], "{fault:?}");
        assert_eq!(arrived(&world.langfuse), request_ids(0..3), "{fault:?}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_costs_the_next_call_one_small_request_and_none_once_it_answers_again() {
    let world = World::of(chats(1, 300), &[("LANGFUSE_SDK_TIMEOUT", "0.3")]).await;
    world.langfuse.refuse_when(When::ingest(), Fault::Delay(Duration::from_secs(30)));
    let first = invoke(&world).await;
    assert_eq!(first.failure(), ("langfuse_unavailable", "deliver"));
    // The batch, and an empty request that tells a slow server from a dead one.
    assert_eq!([first.count("requests"), first.count("retries"), first.count("undone")], [2, 0, 300]);
    let second = invoke(&world).await;
    assert_eq!(second.failure(), ("langfuse_unavailable", "deliver"));
    assert_eq!([second.count("requests"), second.count("undone")], [1, 300]);
    assert!(second.count("wireBytes") < 200, "{}", second.text);
    world.langfuse.clear_script();
    let third = invoke(&world).await;
    third.assert_success();
    assert_eq!([third.count("requests"), third.count("shipLines")], [2, 300]);
    assert_eq!(invoke(&world).await.count("requests"), 1);
}

#[tokio::test]
async fn a_record_for_which_connections_are_cut_stays_undone_alone_and_is_never_given_up() {
    let world = poisoned(64, 20, &[]).await;
    world.langfuse.refuse_when(When::text(POISON), Fault::Reset);
    let mut old = event(0, SEED, SEED + 1);
    old["cursorTime"] = json!(1_772_417_413);
    for event in [event(0, SEED, SEED + 1), old] {
        let answer = world.function.invoke(&event).await;
        answer.assert_balanced();
        assert_eq!(answer.failure(), ("langfuse_unavailable", "deliver"));
        assert_eq!([answer.count("shipLines"), answer.count("undone")], [63, 1], "{}", answer.text);
        assert_eq!(arrived(&world.langfuse), request_ids((0..64).filter(|number| *number != 20)));
    }
}

#[tokio::test]
async fn a_server_that_begins_to_hang_in_a_call_is_found_out_in_that_call_and_costs_the_next_one_an_empty_request() {
    let world = World::of(chats(4, 400), &[("LANGFUSE_SDK_TIMEOUT", "0.5")]).await;
    let seen = AtomicBool::new(false);
    let all_but_the_first = When::ingest().and(When::new(move |_| seen.swap(true, Relaxed)));
    world.langfuse.refuse_when(all_but_the_first, Fault::Hang(Duration::from_secs(60)));
    let whole = event(0, SEED, SEED + 4);
    let first = world.function.invoke(&whole).await;
    first.assert_balanced();
    assert_eq!(first.failure(), ("langfuse_unavailable", "deliver"));
    // No batch goes out twice: an empty request tells that it would be in vain.
    assert_eq!(first.count("retries"), 0, "{}", first.text);
    assert!(first.count("shipLines") > 0 && first.count("undone") > 0, "{}", first.text);
    let second = world.function.invoke(&whole).await;
    assert_eq!((second.failure(), second.count("requests")), (("langfuse_unavailable", "deliver"), 1));
    assert!(second.count("wireBytes") < 200, "{}", second.text);
    world.langfuse.clear_script();
    let third = world.function.invoke(&whole).await;
    third.assert_success();
    assert_eq!(third.count("shipLines"), 1600);
}

#[tokio::test]
async fn a_request_that_is_too_slow_is_sent_once_more_if_the_server_answers_others() {
    let world = World::of(vec![group(vec![chat(0), chat_saying(1, POISON), chat(2)])], &[("LANGFUSE_SDK_TIMEOUT", "0.3")]).await;
    world.langfuse.refuse_when(When::text(POISON), Fault::Delay(Duration::from_secs(30)));
    let answer = invoke(&world).await;
    assert_eq!(answer.failure(), ("langfuse_unavailable", "deliver"));
    assert_eq!([answer.count("requests"), answer.count("retries"), answer.count("undone")], [3, 1, 3]);
    assert!(answer.count("waitedMs") >= 150, "{}", answer.text);
}

#[tokio::test]
async fn a_server_in_trouble_is_not_waited_for_as_long_as_it_asks() {
    let world = World::of(chats(1, 3), &[]).await;
    world.langfuse.script([with_retry_after(503, "16")]);
    let answer = invoke(&world).await;
    assert_eq!((answer.failure(), answer.count("requests")), (("langfuse_unavailable", "deliver"), 1));
    assert!(answer.text.contains("the next attempt is 16 s away"), "{}", answer.text);
}

#[tokio::test]
async fn a_wait_that_would_pass_the_deadline_is_not_waited() {
    let world = World::of(chats(1, 3), &[]).await;
    world.langfuse.script([Fault::RateLimited { retry_after: 3600 }]);
    let began = Instant::now();
    let answer = invoke(&world).await;
    assert_eq!((answer.failure(), answer.count("requests")), (("langfuse_unavailable", "deliver"), 1));
    assert!(began.elapsed() < Duration::from_secs(5) && answer.text.contains("status 429"), "{}", answer.text);
}

#[tokio::test]
async fn what_a_person_must_change_fails_at_once_and_says_what_to_do() {
    for (fault, error_type, told) in [
        (Fault::status(401), "langfuse_keys_refused", "LANGFUSE_SECRET_KEY"),
        (
            Fault::answer(403, "application/json; charset=utf-8", r#"{"message":"suspended","error":"ForbiddenError"}"#),
            "langfuse_permission_refused",
            "suspended by plan usage",
        ),
        (Fault::status(404), "langfuse_endpoint_missing", "LANGFUSE_HOST"),
        (Fault::status(405), "langfuse_endpoint_missing", "LANGFUSE_HOST"),
        (Fault::HtmlLogin200, "langfuse_not_there", "LANGFUSE_HOST"),
        (Fault::answer(200, "text/plain", "{}"), "langfuse_not_there", "LANGFUSE_HOST"),
        (Fault::answer(202, "application/json", "{}"), "langfuse_not_there", "LANGFUSE_HOST"),
        (Fault::status(418), "langfuse_unexpected_answer", "LANGFUSE_HOST"),
    ] {
        let world = World::of(chats(1, 3), &[]).await;
        world.langfuse.script([fault.clone()]);
        let answer = invoke(&world).await;
        assert_eq!(answer.failure(), (error_type, "deliver"), "{fault:?}");
        assert_eq!([answer.count("requests"), answer.count("undone")], [1, 3], "{fault:?}");
        assert!(answer.body["hint"].as_str().unwrap().contains(told), "{fault:?}: {}", answer.text);
        assert!(answer.body["errorMessage"].as_str().unwrap().contains("127.0.0.1"), "{fault:?}: {}", answer.text);
        assert_eq!(world.function.events("failure").len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_never_followed_and_its_host_is_named() {
    let (elsewhere, server) = Prepared::start([response(200, &[("content-type", "application/json")], "{}")]).await;
    for status in [301, 302, 303, 307, 308] {
        let world = World::of(chats(1, 3), &[]).await;
        let location = format!("http://localhost:{}/api?code=sentinel", server.address().port());
        let headers = vec![("location".into(), location)];
        world.langfuse.script([Fault::Status { status, headers, content_type: "text/plain".into(), body: String::new() }]);
        let answer = invoke(&world).await;
        assert_eq!((answer.failure(), answer.count("requests")), (("langfuse_redirects", "deliver"), 1), "{status}");
        assert!(answer.body["hint"].as_str().unwrap().contains("localhost") && !answer.text.contains("sentinel"), "{}", answer.text);
    }
    assert_eq!(elsewhere.asked(), 0);
}

#[tokio::test]
async fn a_server_that_refused_the_keys_is_left_alone_by_the_next_calls() {
    for fault in [Fault::status(401), Fault::answer(403, "application/json", r#"{"message":"suspended"}"#)] {
        let world = World::of(chats(1, 3), &[]).await;
        world.langfuse.script([fault.clone()]);
        let first = invoke(&world).await;
        let second = invoke(&world).await;
        assert_eq!(second.failure(), first.failure(), "{fault:?}");
        assert_eq!([second.count("requests"), second.count("undone")], [0, 3], "{fault:?}");
        assert_eq!((&second.body["hint"], world.posts().len()), (&first.body["hint"], 1), "{fault:?}");
        // What needs no delivery works on.
        world.function.invoke(&event(0, SEED, SEED)).await.assert_success();
    }
}

#[tokio::test]
async fn a_request_that_is_too_large_is_divided_until_it_fits() {
    let world = World::of(chats(1, 64), &[("OTEL_EXPORTER_OTLP_COMPRESSION", "none")]).await;
    world.langfuse.change(|world| world.body_limit = Some(10_000));
    let answer = invoke(&world).await;
    answer.assert_success();
    assert_eq!([answer.count("shipLines"), answer.count("retries")], [64, 0]);
    assert_eq!(answer.report()["deadLettered"], json!({}));
    assert_eq!(arrived(&world.langfuse), request_ids(0..64));
    assert!(world.langfuse.duplicates().is_empty());
    let (fitting, refused): (Vec<_>, Vec<_>) = world.posts().into_iter().partition(|request| request.status == Some(200));
    assert!(fitting.iter().all(|request| request.wire_bytes <= 10_000) && refused.iter().all(|request| request.wire_bytes > 10_000));
    assert_eq!(answer.count("shipBytes"), fitting.iter().map(|request| request.decoded_bytes as u64).sum::<u64>());
}

/// Three records, the second of which has a question of 120,000 bytes, for a server that takes bodies of so many bytes.
async fn with_a_large_one(body_limit: usize) -> (World, Answer) {
    let large = chat_saying(1, &"好".repeat(40_000));
    let world = World::of(vec![group(vec![chat(0), large, chat(2)])], &[("OTEL_EXPORTER_OTLP_COMPRESSION", "none")]).await;
    world.langfuse.change(|world| world.body_limit = Some(body_limit));
    let answer = invoke(&world).await;
    answer.assert_success();
    (world, answer)
}

#[tokio::test]
async fn a_single_record_that_is_too_large_is_cut_until_it_fits_and_says_so() {
    let (world, answer) = with_a_large_one(50_000).await;
    assert_eq!((answer.count("shipLines"), &answer.report()["deadLettered"]), (3, &json!({})));
    let rows = world.langfuse.observations();
    let row = rows.iter().find(|row| row.metadata["request_id"] == request_id(1)).unwrap();
    let input = row.input.as_ref().unwrap().to_string();
    assert!(input.contains("好好… [cut by sls-to-langfuse]") && input.len() > 25_000, "{}", input.len());
    let said = &row.metadata["gw_truncated"];
    assert!(said.starts_with("input: cut for the server, "), "{said}");
    // All three, the first, the other two, the large one, its half, its quarter, the last.
    assert_eq!(answer.count("requests"), 7);
    // The same record comes out the same again.
    world.langfuse.clear();
    invoke(&world).await.assert_success();
    assert_eq!(world.langfuse.observations().iter().find(|row| row.metadata["request_id"] == request_id(1)).unwrap().input, row.input);
}

#[tokio::test]
async fn a_single_record_that_is_too_large_even_when_cut_is_a_dead_letter() {
    let (world, answer) = with_a_large_one(12_000).await;
    assert_eq!((answer.count("shipLines"), &answer.report()["deadLettered"]), (2, &json!({"too_large": 1})));
    assert_eq!(arrived(&world.langfuse), request_ids([0, 2]));
    let letters = world.function.events("dead_letter");
    assert_eq!(
        (letters[0]["reason"].as_str(), letters[0]["status"].as_u64(), letters[0]["index"].as_u64()),
        (Some("too_large"), Some(413), Some(1))
    );
}

#[tokio::test]
async fn one_refused_record_is_found_wherever_it_stands_and_its_neighbours_arrive() {
    for (calls, at, requests) in [
        (1, 0, 2),
        (2, 1, 3),
        (3, 0, 4),
        (64, 0, 14),
        (64, 31, 13),
        (64, 63, 13),
        (100, 77, 15),
        (500, 0, 18),
        (500, 250, 17),
        (500, 499, 19),
        (512, 300, 19),
    ] {
        let world = poisoned(calls, at, &[]).await;
        world.langfuse.refuse_when(When::text(POISON), Fault::answer(400, "application/json", r#"{"error":"cannot be processed"}"#));
        let answer = invoke(&world).await;
        answer.assert_success();
        assert_eq!(answer.report()["deadLettered"], json!({"refused": 1}), "{calls}, {at}");
        assert_eq!(arrived(&world.langfuse), request_ids((0..calls).filter(|number| *number != at)), "{calls}, {at}");
        assert!(world.langfuse.duplicates().is_empty());
        let allowed = (2.0 * (calls as f64).log2() + 2.0) as u64;
        let sent = world.posts().len() as u64;
        assert!(requests <= allowed, "{calls}, {at}: {requests} requests, {allowed} allowed");
        assert_eq!([answer.count("requests"), sent], [requests; 2], "{calls}, {at}");
        assert_eq!(answer.count("retries"), 0);
    }
}

#[tokio::test]
async fn several_refused_records_are_all_found() {
    let logs = (0..40).map(|number| if number % 13 == 5 { chat_saying(number, POISON) } else { chat(number) }).collect();
    let world = World::of(vec![group(logs)], &[]).await;
    world.langfuse.refuse_when(When::text(POISON), Fault::status(422));
    let answer = invoke(&world).await;
    answer.assert_success();
    assert_eq!(answer.report()["deadLettered"], json!({"refused": 3}));
    assert_eq!(arrived(&world.langfuse), request_ids((0..40).filter(|number| number % 13 != 5)));
}

#[tokio::test]
async fn a_destination_that_refuses_everything_makes_no_dead_letters() {
    for status in [400, 422, 413] {
        let world = World::of(chats(1, 16), &[]).await;
        world.langfuse.refuse_when(When::ingest(), Fault::status(status));
        let answer = invoke(&world).await;
        assert_eq!(answer.failure(), ("langfuse_unexpected_answer", "deliver"), "{status}");
        assert_eq!((answer.count("undone"), &answer.report()["deadLettered"]), (16, &json!({})), "{status}");
        // Down to one record, and one request without any: no further.
        assert_eq!(answer.count("requests"), 6, "{status}");
        assert!(world.function.events("dead_letter").is_empty(), "{status}");
        // A warm instance leaves such a host alone; another one finds it mended.
        assert_eq!(invoke(&world).await.count("requests"), 0, "{status}");
        world.langfuse.clear_script();
        let other = Function::start(&ordinary_settings(&world.langfuse.base_url(), &world.sls.endpoint())).await;
        other.invoke(&event(0, SEED, SEED + 1)).await.assert_success();
        assert_eq!(world.langfuse.observations().len(), 16, "{status}");
    }
}

#[tokio::test]
async fn a_failure_after_a_part_was_delivered_counts_that_part() {
    let world = World::of(chats(1, 8), &[]).await;
    // The second half of a division meets a wall.
    world.langfuse.script([Fault::status(413), Fault::Delay(Duration::ZERO), Fault::status(401)]);
    let answer = invoke(&world).await;
    assert_eq!(answer.failure(), ("langfuse_keys_refused", "deliver"));
    assert_eq!([answer.count("shipLines"), answer.count("undone"), answer.count("requests")], [4, 4, 3]);
    assert_eq!(arrived(&world.langfuse), request_ids(0..4));
}

#[tokio::test]
async fn a_slow_server_is_answered_before_the_time_out() {
    let world = World::of(chats(1, 3), &[]).await;
    world.langfuse.refuse_when(When::ingest(), Fault::Delay(Duration::from_secs(30)));
    let began = Instant::now();
    let answer = world.function.call(&event(0, SEED, SEED + 1).to_string(), &[("x-fc-function-timeout", "2")]).await;
    answer.assert_balanced();
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(answer.failure(), ("out_of_time", "deadline"), "{}", answer.text);
    assert_eq!([answer.count("undone"), answer.count("shipLines"), answer.count("requests")], [3, 0, 1], "{}", answer.text);
}

/// The members of a dead letter's line that are not ours.
fn letter_of(line: &Value) -> Value {
    let own = ["timestamp", "level", "service", "event", "message", "request_id"];
    let members = line.as_object().unwrap().iter().filter(|(name, _)| !own.contains(&name.as_str()));
    Value::Object(members.map(|(name, value)| (name.clone(), value.clone())).collect())
}

#[tokio::test]
async fn a_dead_letter_points_at_its_record_in_the_log_and_in_the_logstore() {
    let groups = vec![group(vec![chat(0)]), group(vec![chat(1), chat_saying(2, POISON), chat(3)])];
    let world = World::of(groups, &[("DEAD_LETTER_LOGSTORE", "dead-letters")]).await;
    world.sls.create_logstore(PROJECT, "dead-letters", &[ShardSpec { id: 0, seed: 1 }]);
    world.langfuse.refuse_when(When::text(POISON), Fault::status(400));
    let answer = world.function.invoke(&event(0, SEED, SEED + 2)).await;
    answer.assert_success();
    // The same record delivered tells which observation the letter must name.
    world.langfuse.clear_script();
    world.function.invoke(&event(0, SEED + 1, SEED + 2)).await.assert_success();
    let rows = world.langfuse.observations();
    let row = rows.iter().find(|row| row.metadata["request_id"] == request_id(2)).unwrap();
    let expected = json!({
        "v": 1, "project": PROJECT, "logstore": LOGSTORE, "shard": 0, "cursor": Cursor::from_number(SEED + 1).text(), "index": 1,
        "spanId": row.span_id, "reason": "refused", "status": 400
    });
    let lines = world.function.events("dead_letter");
    assert_eq!(lines.iter().map(letter_of).collect::<Vec<_>>(), std::slice::from_ref(&expected));
    assert_eq!((lines[0]["level"].as_str(), lines[0]["request_id"].as_str()), (Some("warn"), Some("1-67b2f0aa-0123456789ab-cdef")));
    let groups = world.sls.put_groups(PROJECT, "dead-letters");
    assert_eq!((groups.len(), groups[0].logs.len(), groups[0].topic.as_deref()), (1, 1, Some(b"sls-to-langfuse".as_slice())));
    let written = groups[0].logs[0].contents.iter().map(|content| {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (text(&content.key), text(&content.value))
    });
    let texts = expected.as_object().unwrap().iter().map(|(name, value)| (name.clone(), value.to_string().trim_matches('"').to_owned()));
    assert_eq!(written.collect::<BTreeSet<_>>(), texts.collect::<BTreeSet<_>>());
}

#[tokio::test]
async fn many_dead_letters_are_written_together() {
    let logs = (0..30).map(|number| if number < 25 { chat_saying(number, POISON) } else { chat(number) }).collect();
    let world = World::of(vec![group(logs)], &[("DEAD_LETTER_LOGSTORE", "dead-letters")]).await;
    world.sls.create_logstore(PROJECT, "dead-letters", &[ShardSpec { id: 0, seed: 1 }]);
    world.langfuse.refuse_when(When::text(POISON), Fault::status(400));
    let answer = invoke(&world).await;
    answer.assert_success();
    assert_eq!((answer.count("shipLines"), &answer.report()["deadLettered"]), (5, &json!({"refused": 25})));
    let sizes: Vec<_> = world.sls.put_groups(PROJECT, "dead-letters").iter().map(|group| group.logs.len()).collect();
    assert_eq!(sizes, [25]);
    assert_eq!(world.function.events("dead_letter").len(), 25);
}

#[tokio::test]
async fn dead_letters_that_cannot_be_written_fail_the_call() {
    let world = poisoned(4, 2, &[("DEAD_LETTER_LOGSTORE", "dead-letters")]).await;
    world.langfuse.refuse_when(When::text(POISON), Fault::status(400));
    let absent = invoke(&world).await;
    assert_eq!(absent.failure(), ("dead_letters_not_written", "dead_letter"));
    assert!(absent.text.contains("LogStoreNotExist"), "{}", absent.text);
    // A role that may read and not write.
    world.sls.create_logstore(PROJECT, "dead-letters", &[ShardSpec { id: 0, seed: 1 }]);
    let expires = std::time::SystemTime::now() + Duration::from_secs(3600);
    let reads = vec![Grant { action: Action::Read, logstore: LOGSTORE.into() }];
    world.sls.add_key(AccessKey::permanent(KEY_ID, KEY_SECRET).with_token(TOKEN, expires).allowed(reads.clone()));
    let refused = invoke(&world).await;
    assert_eq!(refused.failure(), ("dead_letters_not_written", "dead_letter"));
    assert!(refused.body["hint"].as_str().unwrap().contains("log:PostLogStoreLogs"), "{}", refused.text);
    assert!(world.sls.put_groups(PROJECT, "dead-letters").is_empty());
    let both = [reads, vec![Grant { action: Action::Write, logstore: "dead-letters".into() }]].concat();
    world.sls.add_key(AccessKey::permanent(KEY_ID, KEY_SECRET).with_token(TOKEN, expires).allowed(both));
    invoke(&world).await.assert_success();
    assert_eq!(world.sls.put_groups(PROJECT, "dead-letters").len(), 1);
}

#[tokio::test]
async fn dead_letters_are_written_again_when_the_service_falters() {
    use sls_to_langfuse::emulator::sls::Fault as SlsFault;
    let busy = SlsFault::Error { status: 503, code: "ServerBusy".into(), message: "busy".into() };
    for (fault, copies) in [(busy, 1), (SlsFault::Reset, 1), (SlsFault::ResetAfterwards, 2)] {
        let world = poisoned(4, 2, &[("DEAD_LETTER_LOGSTORE", "dead-letters")]).await;
        world.sls.create_logstore(PROJECT, "dead-letters", &[ShardSpec { id: 0, seed: 1 }]);
        world.langfuse.refuse_when(When::text(POISON), Fault::status(400));
        world.sls.script(Operation::PutLogs, fault.clone());
        let answer = invoke(&world).await;
        answer.assert_success();
        // A letter twice is harmless: whoever replays it knows the span id.
        assert_eq!((world.sls.put_groups(PROJECT, "dead-letters").len(), answer.count("slsRequests")), (copies, 3), "{fault:?}");
    }
}

/// Delivers one record and gives the request as it was on the wire: headers, their real values included, and the path.
async fn one_request(settings: &[(&str, &str)]) -> (Vec<(String, String)>, World) {
    let world = World::of(chats(1, 1), settings).await;
    let seen: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
    let writer = seen.clone();
    // A condition that never holds sees each request with the headers that records hide.
    let spy = When::new(move |incoming| {
        let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
        *writer.lock().unwrap() = incoming.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        false
    });
    world.langfuse.refuse_when(spy, Fault::Reset);
    invoke(&world).await.assert_success();
    let headers = seen.lock().unwrap().clone();
    (headers, world)
}

#[tokio::test]
async fn a_request_to_langfuse_carries_exactly_what_langfuse_wants() {
    let pair = format!("{}:{}", LangfuseWorld::PUBLIC_KEY, LangfuseWorld::SECRET_KEY);
    let authorization = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
    for (settings, encoding) in [(&[][..], Some("gzip")), (&[("OTEL_EXPORTER_OTLP_COMPRESSION", "none")][..], None)] {
        let (mut headers, world) = one_request(settings).await;
        let request = &world.posts()[0];
        assert_eq!((request.method.as_str(), request.path.as_str(), request.query.as_str()), ("POST", "/api/public/otel/v1/traces", ""));
        assert_eq!(encoding.is_some(), request.wire_bytes != request.decoded_bytes);
        let (host, length) = (world.langfuse.address().to_string(), request.wire_bytes.to_string());
        let version = env!("CARGO_PKG_VERSION");
        let mut expected = vec![
            ("accept", "*/*".to_owned()),
            ("authorization", authorization.clone()),
            ("content-length", length),
            ("content-type", "application/x-protobuf".to_owned()),
            ("host", host),
            ("user-agent", format!("sls-to-langfuse/{version}")),
            ("x-langfuse-ingestion-version", "4".to_owned()),
            ("x-langfuse-sdk-name", "sls-to-langfuse".to_owned()),
            ("x-langfuse-sdk-version", version.to_owned()),
        ];
        expected.extend(encoding.map(|encoding| ("content-encoding", encoding.to_owned())));
        expected.sort();
        headers.sort();
        assert_eq!(headers, expected.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_path_prefix_of_the_host_is_kept() {
    let (prepared, server) = Prepared::start([response(200, &[("content-type", "application/json")], "{}")]).await;
    let world = World::of(chats(1, 1), &[]).await;
    let mut settings = ordinary_settings(&format!("http://{}/langfuse/", server.address()), &world.sls.endpoint());
    settings.insert("LANGFUSE_INGESTION".into(), "otlp".into());
    let function = Function::start(&settings).await;
    function.invoke(&event(0, SEED, SEED + 1)).await.assert_success();
    assert_eq!(prepared.paths(), ["/langfuse/api/public/otel/v1/traces"]);
}

#[tokio::test]
async fn a_proxy_is_for_langfuse_and_never_for_signed_requests() {
    let (proxy, server) = Prepared::start([response(200, &[("content-type", "application/json")], "{}")]).await;
    let address = format!("http://{}", server.address());
    let proxies = [("HTTP_PROXY", address.as_str()), ("HTTPS_PROXY", &address), ("ALL_PROXY", &address)];
    let settings = [proxies.as_slice(), &[("LANGFUSE_INGESTION", "otlp")]].concat();
    let world = World::of(chats(1, 3), &settings).await;
    invoke(&world).await.assert_success();
    assert_eq!(proxy.paths(), ["/api/public/otel/v1/traces"]);
    assert_eq!((world.sls.requests().len(), world.langfuse.requests().len()), (1, 0));
}

#[tokio::test]
async fn no_request_is_larger_than_a_megabyte_unless_one_observation_is() {
    const LIMIT: usize = 1_000_000;
    // Sizes that meet the limit from both sides, with the largest first, last and in between.
    let sizes = [1_200_000, 1, 499_000, 499_000, 3_000, 998_800, 400_000, 400_000, 400_000, 850_000, 10, 850_000];
    let logs = sizes.iter().enumerate().map(|(number, size)| {
        let half = "x".repeat(size / 2);
        let mut log = chat_saying(number, &half);
        log.contents.iter_mut().find(|content| content.key == b"answer").unwrap().value = half.into_bytes();
        group(vec![log])
    });
    let world = World::of(logs.collect(), &[]).await;
    let answer = world.function.invoke(&event(0, SEED, SEED + sizes.len() as u64)).await;
    answer.assert_success();
    assert_eq!(arrived(&world.langfuse), request_ids(0..sizes.len()));
    let requests = world.posts();
    assert!(requests.iter().all(|request| request.decoded_bytes <= LIMIT || request.items == 1));
    assert_eq!(requests.iter().filter(|request| request.decoded_bytes > LIMIT).count(), 1);
    // No two neighbours would have fitted into one request: nothing is wasted either.
    let wasted = requests.windows(2).filter(|pair| pair[0].decoded_bytes + pair[1].decoded_bytes <= LIMIT);
    assert_eq!((wasted.count(), answer.count("requests")), (0, requests.len() as u64));
}

#[tokio::test]
async fn more_records_than_one_request_holds_are_spread_over_requests() {
    let world = World::of(chats(3, 400), &[]).await;
    let answer = world.function.invoke(&event(0, SEED, SEED + 3)).await;
    answer.assert_success();
    let mut items: Vec<_> = world.posts().iter().map(|request| request.items).collect();
    items.sort_unstable();
    assert_eq!((items, answer.count("shipLines")), (vec![176, 512, 512], 1200));
    assert_eq!(arrived(&world.langfuse), request_ids(0..1200));
}

#[tokio::test]
async fn a_pull_that_fails_waits_for_what_is_on_its_way() {
    use sls_to_langfuse::emulator::sls::{Fault as SlsFault, PageLimits};
    let first = (0..600).map(chat).collect();
    let world = World::of(vec![group(first), group(vec![chat(600)]), group(vec![chat(601)])], &[]).await;
    world.sls.set_page_limits(PageLimits { max_groups: 1, ..PageLimits::default() });
    // The first request to Langfuse is long on its way when the second page comes, and still is when the third is refused.
    world.sls.script(Operation::PullLogs, SlsFault::Delay(Duration::ZERO));
    world.sls.script(Operation::PullLogs, SlsFault::Delay(Duration::from_millis(500)));
    world.sls.script(Operation::PullLogs, SlsFault::Error { status: 401, code: "Unauthorized".into(), message: "denied".into() });
    world.langfuse.script([Fault::Delay(Duration::from_millis(1000))]);
    let answer = world.function.invoke(&event(0, SEED, SEED + 3)).await;
    answer.assert_balanced();
    assert_eq!(answer.failure(), ("sls_refused", "pull"));
    assert_eq!(
        [answer.count("ingestLines"), answer.count("shipLines"), answer.count("undone"), answer.count("requests")],
        [601, 512, 89, 1]
    );
    assert_eq!(world.langfuse.observations().len(), 512);
}

/// The span of a record, as it will be delivered: taken from the stand-in after a first, good delivery.
async fn span_of(number: usize, groups: Vec<wire::LogGroup>) -> String {
    let whole = event(0, SEED, SEED + groups.len() as u64);
    let world = World::of(groups, &[]).await;
    world.function.invoke(&whole).await.assert_success();
    world.langfuse.observations().into_iter().find(|row| row.metadata["request_id"] == request_id(number)).unwrap().span_id
}

#[tokio::test]
async fn what_keeps_failing_alone_stays_undone_while_its_neighbours_arrive_and_are_not_sent_again() {
    for fault in [Fault::status(500), Fault::answer(403, "text/html", "<html>blocked</html>")] {
        let groups = || chats(8, 8);
        let poisoned = span_of(20, groups()).await;
        let world = World::of(groups(), &[]).await;
        world.langfuse.refuse_when(When::ingest().and(When::span(&poisoned)), fault.clone());
        let event = event(0, SEED, SEED + 8);
        let answer = world.function.invoke(&event).await;
        answer.assert_balanced();
        assert_eq!(answer.failure(), ("langfuse_unavailable", "deliver"), "{fault:?}");
        assert_eq!([answer.count("shipLines"), answer.count("undone"), answer.count("resumed")], [63, 1, 0], "{fault:?}");
        let before = world.langfuse.arrivals().len();
        let again = world.function.invoke(&event).await;
        assert_eq!([again.count("shipLines"), again.count("resumed"), again.count("undone")], [63, 63, 1], "{fault:?}");
        assert_eq!(world.langfuse.arrivals().len(), before, "nothing was sent twice");
        world.langfuse.clear_script();
        let healed = world.function.invoke(&event).await;
        healed.assert_success();
        assert_eq!([healed.count("shipLines"), healed.count("resumed")], [64, 63], "{fault:?}");
        assert!(world.langfuse.duplicates().is_empty());
        // The range is done and forgotten: whoever asks for it again gets all of it.
        assert_eq!(world.function.invoke(&event).await.count("resumed"), 0);
    }
}

#[tokio::test]
async fn an_old_range_gives_up_what_keeps_failing_alone_and_never_in_an_outage() {
    let poisoned = span_of(3, chats(4, 4)).await;
    let world = World::of(chats(4, 4), &[]).await;
    let mut old = event(0, SEED, SEED + 4);
    old["cursorTime"] = json!(old["cursorTime"].as_i64().unwrap() - 7 * 3600);
    world.langfuse.refuse_when(When::ingest(), Fault::status(503));
    let outage = world.function.invoke(&old).await;
    assert_eq!((outage.failure(), outage.count("undone")), (("langfuse_unavailable", "deliver"), 16));
    assert_eq!(outage.report()["deadLettered"], json!({}));
    world.langfuse.clear_script();
    world.langfuse.refuse_when(When::ingest().and(When::span(&poisoned)), Fault::status(500));
    let answer = world.function.invoke(&old).await;
    answer.assert_success();
    assert_eq!((answer.count("shipLines"), &answer.report()["deadLettered"]), (15, &json!({"gave_up": 1})));
    let letter = &world.function.events("dead_letter")[0];
    assert_eq!(
        (letter["reason"].as_str(), letter["status"].as_u64(), letter["spanId"].as_str()),
        (Some("gave_up"), Some(500), Some(poisoned.as_str()))
    );
}

#[tokio::test]
async fn a_warm_instance_gives_up_by_the_same_rule() {
    let poisoned = span_of(3, chats(4, 4)).await;
    let world = World::of(chats(4, 4), &[]).await;
    world.langfuse.refuse_when(When::ingest().and(When::span(&poisoned)), Fault::status(500));
    let young = event(0, SEED, SEED + 4);
    assert_eq!(world.function.invoke(&young).await.count("undone"), 1);
    let mut old = young;
    old["cursorTime"] = json!(old["cursorTime"].as_i64().unwrap() - 7 * 3600);
    let answer = world.function.invoke(&old).await;
    answer.assert_success();
    assert_eq!((answer.count("shipLines"), &answer.report()["deadLettered"]), (15, &json!({"gave_up": 1})));
}

#[tokio::test]
async fn what_was_accepted_is_remembered_until_the_dead_letters_are_written_too() {
    let world =
        World::of(vec![group(vec![chat(0), chat_saying(1, POISON), chat(2)])], &[("DEAD_LETTER_LOGSTORE", "no-such-logstore")]).await;
    world.langfuse.refuse_when(When::ingest().and(When::text(POISON)), Fault::status(400));
    let first = invoke(&world).await;
    assert_eq!(first.failure(), ("dead_letters_not_written", "dead_letter"));
    assert!(first.body["hint"].as_str().unwrap().starts_with("create the Logstore of DEAD_LETTER_LOGSTORE"), "{}", first.text);
    let second = invoke(&world).await;
    assert_eq!([second.count("resumed"), second.count("shipLines")], [2, 2]);
    assert!(world.langfuse.duplicates().is_empty());
}

#[tokio::test]
async fn with_the_give_up_rule_off_nothing_is_given_up_however_old() {
    let poisoned = span_of(0, chats(1, 4)).await;
    let world = World::of(chats(1, 4), &[("GIVE_UP_AFTER", "off")]).await;
    let mut old = event(0, SEED, SEED + 1);
    old["cursorTime"] = json!(1);
    world.langfuse.refuse_when(When::ingest().and(When::span(&poisoned)), Fault::status(500));
    let answer = world.function.invoke(&old).await;
    assert_eq!([answer.count("shipLines"), answer.count("undone")], [3, 1]);
}
