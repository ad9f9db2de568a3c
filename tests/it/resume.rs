//! Progress under repeated failure: what a warm instance makes of a range that comes again.

use std::collections::BTreeSet;

use serde_json::json;
use sls_to_langfuse::emulator::langfuse::{Fault, When};
use sls_to_langfuse::emulator::sls::{Operation, PageLimits, ShardSpec};
use sls_to_langfuse::sls::cursor::Cursor;

use crate::records::{chat_saying, chats, group, request_id};
use crate::support::{Function, PROJECT, SEED, World, event, ordinary_settings};

/// In the question of records that a server dislikes.
const POISON: &str = "poisoned-question";

/// Pages of one log group each.
fn page_by_page(world: &World) {
    world.sls.set_page_limits(PageLimits { max_groups: 1, ..PageLimits::default() });
}

/// Cursors of the pages that were pulled since the last look.
fn pulled(world: &World) -> Vec<u64> {
    let pulls = world.sls.requests().into_iter().filter(|request| request.operation == Some(Operation::PullLogs));
    let cursors = pulls.map(|pull| Cursor::new(pull.parameter("cursor").unwrap()).number().unwrap() - SEED).collect();
    world.sls.clear_requests();
    cursors
}

/// Langfuse takes the request with this record and is down for every other one: of requests under way together, any may come first.
fn down_except_for(world: &World, number: usize) {
    world.langfuse.refuse_when(When::ingest().and(When::text(&request_id(number)).opposite()), Fault::status(503));
}

#[tokio::test]
async fn a_range_that_never_fits_into_one_call_is_finished_by_several() {
    // 1,200 observations: with at most 512 in a request every call comes a little further.
    let world = World::of(chats(12, 100), &[("LANGFUSE_INGESTION", "otlp")]).await;
    page_by_page(&world);
    let whole = event(0, SEED, SEED + 12);
    down_except_for(&world, 0);
    let first = world.function.invoke(&whole).await;
    first.assert_balanced();
    assert_eq!((first.failure(), first.count("shipLines")), (("langfuse_unavailable", "deliver"), 512));
    assert_eq!(first.report()["settledCursor"], Cursor::from_number(SEED + 5).text());
    assert!(first.text.contains("512 of 1200 records delivered, everything before cursor"), "{}", first.text);
    pulled(&world);
    world.langfuse.clear_script();
    down_except_for(&world, 512);
    let second = world.function.invoke(&whole).await;
    second.assert_balanced();
    // The five whole pages are not read again, and of the sixth what had arrived is not sent again.
    assert_eq!(pulled(&world)[0], 5);
    assert_eq!([second.count("ingestLines"), second.count("resumed"), second.count("shipLines")], [1200, 512, 1024]);
    world.langfuse.clear_script();
    let third = world.function.invoke(&whole).await;
    third.assert_success();
    assert_eq!(pulled(&world)[0], 10);
    assert_eq!([third.count("ingestLines"), third.count("resumed"), third.count("shipLines")], [1200, 1024, 1200]);
    assert_eq!(third.report()["settledCursor"], json!(null));
    assert_eq!(world.langfuse.observations().len(), 1200);
    assert!(world.langfuse.duplicates().is_empty());
    // Done is forgotten: whoever wants it again gets all of it.
    assert_eq!(world.function.invoke(&whole).await.count("resumed"), 0);
    assert_eq!(pulled(&world)[0], 0);
}

#[tokio::test]
async fn a_cold_instance_simply_starts_over() {
    let world = World::of(chats(6, 100), &[("LANGFUSE_INGESTION", "otlp")]).await;
    page_by_page(&world);
    down_except_for(&world, 0);
    assert_eq!(world.function.invoke(&event(0, SEED, SEED + 6)).await.count("shipLines"), 512);
    world.langfuse.clear_script();
    let cold = Function::start(&ordinary_settings(&world.langfuse.base_url(), &world.sls.endpoint())).await;
    let answer = cold.invoke(&event(0, SEED, SEED + 6)).await;
    answer.assert_success();
    assert_eq!([answer.count("ingestLines"), answer.count("resumed")], [600, 0]);
    // The same bytes came twice, and are one row each.
    assert_eq!(world.langfuse.observations().len(), 600);
    assert_eq!(world.langfuse.duplicates().len(), 512);
}

#[tokio::test]
async fn what_is_settled_for_one_trigger_is_not_settled_for_another_with_other_parameters() {
    let world = World::of(chats(3, 4), &[]).await;
    page_by_page(&world);
    let mut tagged = event(0, SEED, SEED + 3);
    world.langfuse.refuse_when(When::text(&request_id(9)), Fault::status(500));
    assert_eq!(world.function.invoke(&tagged).await.count("undone"), 1);
    pulled(&world);
    world.langfuse.clear_script();
    tagged["parameter"] = json!({"tags": "b"});
    let other = world.function.invoke(&tagged).await;
    other.assert_success();
    assert_eq!((pulled(&world)[0], other.count("resumed")), (0, 0));
}

#[tokio::test]
async fn a_range_that_comes_back_shorter_is_read_from_its_beginning() {
    let world = World::of(chats(4, 4), &[]).await;
    page_by_page(&world);
    world.langfuse.refuse_when(When::text(&request_id(13)), Fault::status(500));
    assert_eq!(world.function.invoke(&event(0, SEED, SEED + 4)).await.count("undone"), 1);
    pulled(&world);
    let shorter = world.function.invoke(&event(0, SEED, SEED + 2)).await;
    shorter.assert_success();
    assert_eq!((pulled(&world)[0], shorter.count("ingestLines")), (0, 8));
}

#[tokio::test]
async fn an_old_range_goes_on_too_and_sends_enough_again_to_give_the_poisoned_record_up() {
    // The poisoned record stands alone on its page: behind it nothing else could prove that the server takes anything.
    let groups = [chats(3, 4), vec![group(vec![chat_saying(99, POISON)])]].concat();
    let world = World::of(groups, &[]).await;
    page_by_page(&world);
    world.langfuse.refuse_when(When::text(POISON), Fault::status(500));
    let young = event(0, SEED, SEED + 4);
    let first = world.function.invoke(&young).await;
    assert_eq!([first.count("shipLines"), first.count("undone")], [12, 1]);
    pulled(&world);
    let again = world.function.invoke(&young).await;
    assert_eq!((pulled(&world), again.count("undone"), again.count("resumed")), (vec![3], 1, 12));
    let mut old = young;
    old["cursorTime"] = json!(old["cursorTime"].as_i64().unwrap() - 7 * 3600);
    let answer = world.function.invoke(&old).await;
    answer.assert_success();
    assert_eq!((answer.count("ingestLines"), &answer.report()["deadLettered"]), (13, &json!({"gave_up": 1})));
    assert_eq!(pulled(&world)[0], 2, "the last delivered page goes out once more");
    let repeated: BTreeSet<_> = world.langfuse.duplicates().iter().map(|row| row.metadata["request_id"].clone()).collect();
    assert_eq!(repeated, (8..12).map(request_id).collect());
}

#[tokio::test]
async fn dead_letters_of_settled_pages_are_written_before_a_later_failure_and_not_again() {
    let groups = [vec![group(vec![chat_saying(0, POISON)])], chats(6, 100)[1..].to_vec()].concat();
    let world = World::of(groups, &[("DEAD_LETTER_LOGSTORE", "dead-letters"), ("LANGFUSE_INGESTION", "otlp")]).await;
    world.sls.create_logstore(PROJECT, "dead-letters", &[ShardSpec { id: 0, seed: 1 }]);
    page_by_page(&world);
    world.langfuse.refuse_when(When::text(POISON), Fault::status(400));
    // The first request holds 501 observations and is divided down to the poisoned one.
    world.langfuse.refuse_when(When::text(&request_id(599)), Fault::status(503));
    let first = world.function.invoke(&event(0, SEED, SEED + 6)).await;
    first.assert_balanced();
    let letters = || world.sls.put_groups(PROJECT, "dead-letters").iter().map(|group| group.logs.len()).sum::<usize>();
    assert_eq!((first.count("undone"), letters()), (1, 1), "{}", first.text);
    world.langfuse.clear_script();
    let second = world.function.invoke(&event(0, SEED, SEED + 6)).await;
    second.assert_success();
    assert_eq!((second.count("ingestLines"), &second.report()["deadLettered"], letters()), (501, &json!({"refused": 1}), 1));
}

#[tokio::test]
async fn what_can_be_delivered_is_delivered_even_where_dead_letters_cannot_be_written() {
    let groups = [vec![group(vec![chat_saying(0, POISON)])], chats(6, 100)[1..].to_vec()].concat();
    let world = World::of(groups, &[("DEAD_LETTER_LOGSTORE", "no-such-logstore")]).await;
    page_by_page(&world);
    world.langfuse.refuse_when(When::text(POISON), Fault::status(400));
    let answer = world.function.invoke(&event(0, SEED, SEED + 6)).await;
    answer.assert_balanced();
    assert_eq!(answer.failure(), ("dead_letters_not_written", "dead_letter"));
    assert_eq!([answer.count("shipLines"), answer.count("undone")], [500, 0]);
    world.sls.create_logstore(PROJECT, "no-such-logstore", &[ShardSpec { id: 0, seed: 1 }]);
    let again = world.function.invoke(&event(0, SEED, SEED + 6)).await;
    again.assert_success();
    assert_eq!([again.count("resumed"), again.count("shipLines")], [500, 500]);
    assert_eq!(world.sls.put_groups(PROJECT, "no-such-logstore").len(), 1);
    assert!(world.langfuse.duplicates().is_empty());
}
