//! Requests of which nobody keeps a copy while they wait for their answer: whatever becomes of them, it is the same as with a copy.

use sls_to_langfuse::emulator::langfuse::{Fault, Gate, When};
use sls_to_langfuse::emulator::sls::{Fault as SlsFault, Operation, SlsEmulator};
use sls_to_langfuse::sls::wire;

use crate::records::{chat_saying, group, request_ids};
use crate::support::{Answer, LOGSTORE, PROJECT, SEED, World, arrived, event, until};

const RECORDS: usize = 200;
const PER_GROUP: usize = 10;

/// About a twentieth of a request.
const QUESTION_BYTES: usize = 45_000;

/// The last record, whose question alone holds this text: by its request everything has been read.
const ODD: usize = RECORDS - 1;
const ODD_TEXT: &str = "the-odd-one";

/// How many requests are held until the end: enough to take all room for copies.
const HELD: usize = 5;

fn groups() -> Vec<wire::LogGroup> {
    let question = |number| format!("{}{}", if number == ODD { ODD_TEXT } else { "" }, "x".repeat(QUESTION_BYTES));
    let records: Vec<_> = (0..RECORDS).map(|number| chat_saying(number, &question(number))).collect();
    records.chunks(PER_GROUP).map(|logs| group(logs.to_vec())).collect()
}

/// A world in which the first requests wait for their answers until the gate is opened.
async fn world() -> (World, Gate) {
    world_of(groups()).await
}

async fn world_of(groups: Vec<wire::LogGroup>) -> (World, Gate) {
    let world = World::of(groups, &[("OTEL_EXPORTER_OTLP_COMPRESSION", "none")]).await;
    let gate = Gate::shut();
    (world, gate)
}

/// Lets the odd request go wrong so often, and the first ones wait.
fn befall(world: &World, gate: &Gate, odd: When, times: usize, fault: Fault) {
    world.langfuse.script_when(odd, times, fault);
    world.langfuse.script_when(When::ingest(), HELD, Fault::Held(gate.clone()));
}

async fn invoke(world: &World) -> Answer {
    invoke_for(world, RECORDS / PER_GROUP).await
}

async fn invoke_for(world: &World, groups: usize) -> Answer {
    let answer = world.function.invoke(&event(0, SEED, SEED + groups as u64)).await;
    answer.assert_balanced();
    answer
}

/// A call whose held requests are answered once the odd one has been posted so often.
async fn invoke_until(world: &World, gate: &Gate, odd: usize) -> Answer {
    tokio::join!(invoke(world), opened(world, gate, odd)).0
}

async fn opened(world: &World, gate: &Gate, odd: usize) {
    until(|| posts_of_the_odd_one(world).len() >= odd).await;
    gate.open();
}

fn posts_of_the_odd_one(world: &World) -> Vec<bytes::Bytes> {
    let is_odd = |body: &bytes::Bytes| memchr::memmem::find(body, ODD_TEXT.as_bytes()).is_some();
    world.posts().into_iter().map(|request| request.decoded).filter(is_odd).collect()
}

/// How many pulls a call makes for which nothing goes wrong.
async fn pulls() -> u64 {
    let (world, _) = world().await;
    let answer = invoke(&world).await;
    answer.assert_success();
    answer.count("slsRequests")
}

#[tokio::test]
async fn what_fails_once_is_pulled_again_and_sent_as_it_was() {
    let (world, gate) = world().await;
    befall(&world, &gate, When::text(ODD_TEXT), 1, Fault::status(500));
    let answer = invoke_until(&world, &gate, 2).await;
    answer.assert_success();
    assert_eq!([answer.count("shipLines"), answer.count("retries")], [RECORDS as u64, 1]);
    assert!(answer.count("slsRequests") > pulls().await);
    let posts = posts_of_the_odd_one(&world);
    assert_eq!(posts.len(), 2);
    assert!(posts[0] == posts[1]);
    assert_eq!(arrived(&world.langfuse), request_ids(0..RECORDS));
    assert!(world.langfuse.duplicates().is_empty());
}

/// Such a group comes in parts, which begin elsewhere when it is pulled again; the tag that says when it was received stands in the last one.
#[tokio::test]
async fn what_fails_once_out_of_one_large_group_is_pulled_again_too() {
    let records = groups().into_iter().flat_map(|group| group.logs).collect();
    let (world, gate) = world_of(vec![group(records)]).await;
    befall(&world, &gate, When::text(ODD_TEXT), 1, Fault::status(500));
    let answer = tokio::join!(invoke_for(&world, 1), opened(&world, &gate, 2)).0;
    answer.assert_success();
    assert_eq!([answer.count("shipLines"), answer.count("retries")], [RECORDS as u64, 1]);
    let posts = posts_of_the_odd_one(&world);
    assert_eq!(posts.len(), 2);
    assert!(posts[0] == posts[1]);
    assert_eq!(arrived(&world.langfuse), request_ids(0..RECORDS));
}

#[tokio::test]
async fn what_keeps_failing_is_pulled_again_only_once() {
    let (world, gate) = world().await;
    befall(&world, &gate, When::text(ODD_TEXT), 3, Fault::status(500));
    let answer = invoke_until(&world, &gate, 4).await;
    answer.assert_success();
    assert_eq!([answer.count("shipLines"), answer.count("retries")], [RECORDS as u64, 3]);
    assert!(answer.count("slsRequests") < 2 * pulls().await);
    assert!(posts_of_the_odd_one(&world).windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn one_that_is_refused_is_found_among_its_neighbours_and_they_arrive() {
    let (world, gate) = world().await;
    befall(&world, &gate, When::text(ODD_TEXT), usize::MAX, Fault::answer(400, "application/json", r#"{"error":"cannot be processed"}"#));
    let answer = invoke_until(&world, &gate, 2).await;
    answer.assert_success();
    assert_eq!(answer.report()["deadLettered"], serde_json::json!({"refused": 1}));
    assert_eq!(arrived(&world.langfuse), request_ids(0..ODD));
    assert!(world.langfuse.duplicates().is_empty());
}

#[tokio::test]
async fn what_cannot_be_pulled_again_is_left_undone_and_comes_again() {
    let refused = |sls: &SlsEmulator| {
        let refusal = SlsFault::Error { status: 404, code: "LogStoreNotExist".into(), message: "denied".into() };
        sls.set_chance(move |operation| (operation == Operation::PullLogs).then(|| refusal.clone()));
    };
    let expired = |sls: &SlsEmulator| sls.expire_before(PROJECT, LOGSTORE, 0, RECORDS / PER_GROUP).unwrap();
    for (error_type, befalls) in [("sls_refused", refused as fn(&SlsEmulator)), ("not_found_again", expired)] {
        let (world, gate) = world().await;
        let sls = world.sls.clone();
        let odd = When::text(ODD_TEXT).and(When::new(move |_| {
            befalls(&sls);
            true
        }));
        befall(&world, &gate, odd, 1, Fault::status(500));
        let answer = invoke_until(&world, &gate, 1).await;
        assert_eq!(answer.failure().0, error_type, "{}", answer.text);
        let undone = answer.count("undone");
        assert!(undone > 0 && undone < RECORDS as u64 / 4, "{}", answer.text);
        assert_eq!(arrived(&world.langfuse), request_ids(0..RECORDS - undone as usize));
    }
}
