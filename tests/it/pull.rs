//! Reading: pages, ends, damage, refusals, and what a request to SLS looks like. How each fault ends stands in `faults`.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::Response;
use prost::Message;
use serde_json::json;
use sls_to_langfuse::emulator::langfuse::{LangfuseEmulator, LangfuseWorld};
use sls_to_langfuse::emulator::sls::{AccessKey, Action, Fault, Grant, Operation, PageLimits, ShardSpec};
use sls_to_langfuse::sls::cursor::Cursor;
use sls_to_langfuse::sls::wire;

use crate::records::{LOGGED_AT, Prepared, chat, chats, group, log, request_id, request_ids, response};
use crate::support::{
    self, Answer, Function, KEY_ID, KEY_SECRET, LOGSTORE, PROJECT, SEED, TOKEN, World, arrived, event, ordinary_settings,
};

/// Pages of so many groups.
fn pages_of(max_groups: usize) -> PageLimits {
    PageLimits { max_groups, ..PageLimits::default() }
}

fn cursor(number: u64) -> String {
    Cursor::from_number(number).text().to_owned()
}

fn pull(world: &World, fault: Fault) {
    world.sls.script(Operation::PullLogs, fault);
}

fn refusal(status: u16, code: &str, message: &str) -> Fault {
    Fault::Error { status, code: code.into(), message: message.into() }
}

/// Request ids that arrived, each at least once.
#[tokio::test]
async fn many_pages_are_read_up_to_the_end_and_not_a_group_further() {
    let world = World::of(chats(10, 2), &[]).await;
    world.sls.set_page_limits(pages_of(3));
    let answer = world.function.invoke(&event(0, SEED + 1, SEED + 8)).await;
    answer.assert_success();
    assert_eq!(
        [answer.count("ingestLines"), answer.count("shipLines"), answer.count("pages"), answer.count("slsRequests")],
        [14, 14, 3, 3]
    );
    assert_eq!(arrived(&world.langfuse), request_ids(2..16));
    let cursors: Vec<_> = world.sls.requests().iter().map(|request| request.parameter("cursor").unwrap().to_owned()).collect();
    assert_eq!(cursors, [cursor(SEED + 1), cursor(SEED + 4), cursor(SEED + 7)]);
    assert!(world.langfuse.duplicates().is_empty());
}

#[tokio::test]
async fn an_empty_range_succeeds_without_a_request() {
    let world = World::new().await;
    let answer = world.function.invoke(&event(0, SEED + 2, SEED + 2)).await;
    answer.assert_success();
    assert_eq!([answer.count("ingestLines"), answer.count("pages"), answer.count("slsRequests"), answer.count("requests")], [0; 4]);
    assert!(world.sls.requests().is_empty() && world.posts().is_empty());
}

#[tokio::test]
async fn a_range_that_ends_before_it_begins_holds_nothing() {
    let world = World::new().await;
    let answer = world.function.invoke(&event(0, SEED + 3, SEED + 1)).await;
    answer.assert_success();
    assert_eq!(answer.count("ingestLines"), 0);
}

#[tokio::test]
async fn an_empty_page_that_moves_on_is_not_the_end() {
    let world = World::of(chats(5, 1), &[]).await;
    world.sls.set_page_limits(pages_of(2));
    pull(&world, Fault::EmptyPageMovingOn);
    let answer = world.invoke().await;
    answer.assert_success();
    assert_eq!([answer.count("ingestLines"), answer.count("pages"), answer.count("slsRequests")], [3, 2, 3]);
    assert_eq!(arrived(&world.langfuse), request_ids(2..5));
}

#[tokio::test]
async fn an_empty_page_at_the_end_is_the_end() {
    let world = World::of(chats(5, 1), &[]).await;
    pull(&world, Fault::EmptyPageMovingOn);
    let answer = world.invoke().await;
    answer.assert_success();
    assert_eq!([answer.count("ingestLines"), answer.count("slsRequests")], [0, 1]);
}

#[tokio::test]
async fn groups_behind_the_end_are_dropped_when_the_server_ignores_it() {
    let world = World::of(chats(9, 3), &[]).await;
    pull(&world, Fault::IgnoreEnd);
    let answer = world.function.invoke(&event(0, SEED, SEED + 4)).await;
    answer.assert_success();
    assert_eq!([answer.count("ingestLines"), answer.count("shipLines"), answer.count("slsRequests")], [12, 12, 1]);
    assert_eq!(arrived(&world.langfuse), request_ids(0..12));
}

#[tokio::test]
async fn a_cursor_that_goes_backwards_fails_at_once() {
    let world = World::of(chats(5, 1), &[]).await;
    pull(&world, Fault::CursorBackwards);
    let answer = world.function.invoke(&event(0, SEED + 1, SEED + 5)).await;
    answer.assert_balanced();
    assert_eq!((answer.failure(), answer.count("slsRequests")), (("sls_answer_damaged", "pull"), 1));
    let message = answer.body["errorMessage"].as_str().unwrap();
    assert!(message.contains(&cursor(SEED + 1)) && message.contains("lies before"), "{message}");
}

#[tokio::test]
async fn what_stays_wrong_fails_the_call_with_its_cause() {
    // Each in a world of its own, at the same time: all of them wait between their attempts.
    let mut cases = tokio::task::JoinSet::new();
    for (fault, error_type) in [
        (Fault::CorruptBody, "sls_answer_damaged"),
        (Fault::NoCursorHeader, "sls_answer_damaged"),
        (Fault::CursorText("no cursor at all".into()), "sls_answer_damaged"),
        (Fault::Reset, "sls_unreachable"),
        (refusal(500, "InternalServerError", "try again"), "sls_unavailable"),
    ] {
        cases.spawn(async move {
            let world = World::of(chats(5, 1), &[]).await;
            (0..5).for_each(|_| pull(&world, fault.clone()));
            let answer = world.invoke().await;
            answer.assert_balanced();
            assert_eq!(answer.failure(), (error_type, "pull"), "{fault:?}");
            assert_eq!((world.sls.requests().len(), answer.count("slsRequests")), (5, 5), "{fault:?}");
            assert!(world.posts().is_empty(), "{fault:?}");
        });
    }
    let no_groups = response(200, &[("x-log-cursor", &cursor(SEED + 1)), ("x-log-bodyrawsize", "3")], vec![0x0a, 0x7f, 1]);
    let no_compression_we_know =
        [("x-log-cursor", cursor(SEED + 1)), ("x-log-bodyrawsize", "3".into()), ("x-log-compresstype", "br".into())];
    let no_compression_we_know = response(200, &no_compression_we_know.each_ref().map(|(name, value)| (*name, value.as_str())), "abc");
    for page in [no_groups, no_compression_we_know] {
        cases.spawn(async move {
            let (answer, langfuse, asked) = answer_to([page]).await;
            assert_eq!((answer.failure(), asked, answer.count("ingestLines")), (("sls_answer_damaged", "pull"), 5, 0));
            assert!(langfuse.requests().iter().all(|request| request.method == "GET"));
        });
    }
    // A shard that holds less than the range: everything there is arrives, and the failure names the place.
    cases.spawn(async {
        let world = World::of(chats(5, 1), &[]).await;
        let answer = world.function.invoke(&event(0, SEED, SEED + 9)).await;
        answer.assert_balanced();
        assert_eq!((answer.failure(), answer.count("ingestLines")), (("sls_stalled", "pull"), 5));
        let message = answer.body["errorMessage"].as_str().unwrap();
        assert!(message.contains(&cursor(SEED + 5)) && message.contains(&cursor(SEED + 9)), "{message}");
    });
    cases.join_all().await;
}

#[tokio::test]
async fn what_has_left_the_retention_is_told_and_the_rest_of_the_range_arrives() {
    let world = World::of(chats(5, 1), &[]).await;
    world.sls.expire_before(PROJECT, LOGSTORE, 0, 2).unwrap();
    let answer = world.invoke().await;
    answer.assert_success();
    assert_eq!([answer.count("shipLines"), answer.count("slsRequests")], [3, 3]);
    let lost = world.function.events("range_lost");
    assert_eq!((lost[0]["from"].as_str(), lost[0]["to"].as_str()), (Some(cursor(SEED).as_str()), Some(cursor(SEED + 2).as_str())));
}

#[tokio::test]
async fn a_range_that_is_gone_whole_is_told_and_left_behind() {
    let world = World::of(chats(5, 1), &[]).await;
    world.sls.expire_before(PROJECT, LOGSTORE, 0, 5).unwrap();
    let expired = world.invoke().await;
    expired.assert_success();
    assert_eq!(expired.count("lostGroups"), 5);
    let lost = &world.function.events("range_lost")[0];
    assert_eq!((lost["to"].as_str(), lost["groups"].as_u64()), (Some(cursor(SEED + 5).as_str()), Some(5)));
    assert_eq!((lost["project"].as_str(), lost["logstore"].as_str()), (Some(PROJECT), Some(LOGSTORE)));
}

#[tokio::test]
async fn a_shard_that_is_not_there_fails_the_call() {
    let world = World::of(chats(5, 1), &[]).await;
    let answer = world.function.invoke(&event(7, SEED, SEED + 5)).await;
    answer.assert_balanced();
    assert_eq!(answer.failure(), ("sls_shard_gone", "pull"));
    assert!(world.function.events("range_lost").is_empty());
}

#[tokio::test]
async fn a_position_that_is_refused_although_it_is_kept_fails_the_call() {
    let world = World::of(chats(5, 1), &[]).await;
    pull(&world, refusal(400, "InvalidCursor", "Cursor is not valid"));
    let answer = world.invoke().await;
    answer.assert_balanced();
    assert_eq!((answer.failure(), answer.count("slsRequests")), (("sls_cursor_gone", "pull"), 2));
    assert!(world.function.events("range_lost").is_empty());
}

#[tokio::test]
async fn a_clock_that_is_off_is_corrected_once_and_remembered() {
    let world = World::of(chats(5, 1), &[]).await;
    const OFF: Duration = Duration::from_secs(20 * 60);
    for (clock, requests) in
        [((|| SystemTime::now() + OFF) as fn() -> SystemTime, [2, 1]), (|| SystemTime::now() - OFF, [2, 1]), (SystemTime::now, [2, 1])]
    {
        world.sls.set_clock(clock);
        for expected in requests {
            let answer = world.invoke().await;
            answer.assert_success();
            assert_eq!((answer.count("shipLines"), answer.count("slsRequests")), (5, expected));
        }
    }
}

#[tokio::test]
async fn a_page_that_claims_a_terabyte_is_refused_before_any_memory_is_taken() {
    let world = World::of(chats(5, 1), &[]).await;
    pull(&world, Fault::RawSizeIs(1 << 40));
    let answer = world.invoke().await;
    answer.assert_success();
    let counts: Vec<_> = world.sls.requests().iter().map(|request| request.parameter("count").unwrap().to_owned()).collect();
    assert_eq!(counts, ["10", "1", "8"]);
    for lie in [1 << 40, u64::MAX] {
        (0..2).for_each(|_| pull(&world, Fault::RawSizeIs(lie)));
        let answer = world.invoke().await;
        answer.assert_balanced();
        assert_eq!((answer.failure(), answer.count("slsRequests")), (("sls_group_too_large", "pull"), 2));
    }
    if let Some(peak) = support::peak_memory_mb(&world.function) {
        assert!(peak < 64, "{peak} MB");
    }
    world.invoke().await.assert_success();
}

/// How many groups each request asks for where ten of a megabyte lie in one page, the first of which claims another size.
async fn counts(first: Option<Fault>) -> Vec<String> {
    let foreign = log(&[("content", &"x".repeat(1_000_000))]);
    let world = World::of((0..10).map(|_| group(vec![foreign.clone()])).collect(), &[]).await;
    world.sls.set_page_limits(PageLimits { max_bytes: usize::MAX, ..PageLimits::default() });
    first.into_iter().for_each(|fault| pull(&world, fault));
    let answer = world.function.invoke(&event(0, SEED, SEED + 10)).await;
    answer.assert_success();
    assert_eq!(answer.report()["skipped"], json!({"not_a_gateway_log": 10}));
    world.sls.requests().iter().map(|request| request.parameter("count").unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_large_page_is_asked_for_once_and_one_of_too_many_bytes_with_fewer_groups() {
    assert_eq!(counts(None).await, ["10"]);
    assert_eq!(counts(Some(Fault::RawSizeIs(64 << 20))).await, [vec!["10"], vec!["1"; 10]].concat());
}

#[tokio::test]
async fn one_group_larger_than_a_page_is_read_alone() {
    let foreign = log(&[("content", &"x".repeat(1_000_000))]);
    let world = World::of(vec![group(vec![chat(0)]), group(vec![foreign; 12]), group(vec![chat(1)])], &[]).await;
    let answer = world.function.invoke(&event(0, SEED, SEED + 3)).await;
    answer.assert_success();
    assert_eq!((answer.count("ingestLines"), answer.count("shipLines")), (14, 2));
    assert_eq!(arrived(&world.langfuse), request_ids(0..2));
}

#[tokio::test]
async fn values_that_are_no_text_harm_nobody() {
    let mut odd = chat(1);
    odd.contents.push(wire::Content { key: b"custom".to_vec(), value: vec![b'a', 0xff, 0xfe] });
    odd.contents.push(wire::Content { key: vec![0xc3, 0x28], value: b"value".to_vec() });
    let world = World::of(vec![group(vec![chat(0), odd, chat(2)])], &[]).await;
    let answer = world.function.invoke(&event(0, SEED, SEED + 1)).await;
    answer.assert_success();
    assert_eq!(answer.count("shipLines"), 3);
    let rows = world.langfuse.observations();
    let row = rows.iter().find(|row| row.metadata["request_id"] == request_id(1)).unwrap();
    assert_eq!((row.metadata["custom"].as_str(), row.metadata["\u{fffd}("].as_str()), ("a\u{fffd}\u{fffd}", "value"));
}

/// A page of one group that holds these encoded logs, uncompressed, and ends the range.
fn plain_page(logs: &[Vec<u8>], behind: &[u8]) -> Response<Bytes> {
    let mut inner = Vec::new();
    for log in logs {
        prost::encoding::bytes::encode(1, log, &mut inner);
    }
    inner.extend_from_slice(behind);
    let mut page = Vec::new();
    prost::encoding::bytes::encode(1, &inner, &mut page);
    let next = cursor(SEED + 1);
    let size = page.len().to_string();
    response(200, &[("x-log-cursor", &next), ("x-log-bodyrawsize", &size), ("x-log-count", "1")], page)
}

/// A function that reads from a server with prepared answers, and the answer to the event of one group.
async fn answer_to(answers: impl IntoIterator<Item = Response<Bytes>>) -> (Answer, LangfuseEmulator, usize) {
    let (sls, server) = Prepared::start(answers).await;
    let langfuse = LangfuseEmulator::start(0, LangfuseWorld::default()).await.unwrap();
    let function = Function::start(&ordinary_settings(&langfuse.base_url(), &format!("http://{}", server.address()))).await;
    let answer = function.invoke(&event(0, SEED, SEED + 1)).await;
    answer.assert_balanced();
    (answer, langfuse, sls.asked())
}

/// A field of every wire type that no message of SLS has.
const UNKNOWN_FIELDS: [u8; 21] = [0xf8, 0x01, 0x2a, 0xf9, 0x01, 1, 2, 3, 4, 5, 6, 7, 8, 0xfa, 0x01, 0x01, b'x', 0xfd, 0x01, 9, 9];

#[tokio::test]
async fn plain_pages_and_unknown_fields_are_read() {
    let mut unknown = UNKNOWN_FIELDS.to_vec();
    unknown.extend([9, 9]);
    let with_unknown = [chat(1).encode_to_vec(), unknown.clone()].concat();
    let (answer, langfuse, asked) = answer_to([plain_page(&[chat(0).encode_to_vec(), with_unknown], &unknown)]).await;
    answer.assert_success();
    assert_eq!((asked, arrived(&langfuse)), (1, request_ids(0..2)));
}

#[tokio::test]
async fn a_page_in_another_known_compression_is_read() {
    let page = plain_page(&[chat(0).encode_to_vec()], &[]);
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut zlib, page.body()).unwrap();
    let mut packed = page.map(|_| zlib.finish().unwrap().into());
    packed.headers_mut().insert("x-log-compresstype", "deflate".parse().unwrap());
    let (answer, langfuse, _) = answer_to([packed]).await;
    answer.assert_success();
    assert_eq!(arrived(&langfuse), request_ids(0..1));
}

#[tokio::test]
async fn a_damaged_record_is_a_dead_letter_and_its_neighbours_are_delivered() {
    // A field that claims more bytes than the log has.
    let damaged = [chat(1).encode_to_vec(), vec![0x12, 0x7f, 1]].concat();
    let (answer, langfuse, _) = answer_to([plain_page(&[chat(0).encode_to_vec(), damaged, chat(2).encode_to_vec()], &[])]).await;
    answer.assert_success();
    assert_eq!((answer.count("ingestLines"), answer.count("shipLines")), (3, 2));
    assert_eq!(answer.report()["deadLettered"], json!({"damaged": 1}));
    assert_eq!(arrived(&langfuse), request_ids([0, 2]));
}

#[tokio::test]
async fn a_redirect_of_sls_is_not_followed_and_its_host_is_named() {
    let (elsewhere, server) = Prepared::start([plain_page(&[chat(0).encode_to_vec()], &[])]).await;
    for status in [301, 302, 307, 308] {
        let target = format!("http://{}/logstores/x?token=sentinel", server.address());
        let (answer, _, asked) = answer_to([response(status, &[("location", &target)], "moved")]).await;
        assert_eq!((answer.failure(), asked), (("sls_redirects", "pull"), 1), "{status}");
        assert!(answer.body["errorMessage"].as_str().unwrap().contains("127.0.0.1"), "{}", answer.text);
        assert!(!answer.text.contains("sentinel"), "{}", answer.text);
    }
    assert_eq!(elsewhere.asked(), 0);
}

#[tokio::test]
async fn a_request_to_sls_carries_exactly_what_the_protocol_wants() {
    let world = World::of(chats(5, 1), &[]).await;
    world.invoke().await.assert_success();
    let requests = world.sls.requests();
    let request = &requests[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/logstores/ai-gateway-log/shards/0"));
    assert_eq!(request.host, format!("{PROJECT}.{}", world.sls.address()));
    let query = [("type", "log".into()), ("cursor", cursor(SEED)), ("count", "10".into()), ("end_cursor", cursor(SEED + 5))];
    assert_eq!(request.query, query.map(|(name, value)| (name.to_owned(), value)));
    for (name, value) in [
        ("accept", "application/x-protobuf"),
        ("accept-encoding", "lz4"),
        ("x-log-apiversion", "0.6.0"),
        ("x-log-bodyrawsize", "0"),
        ("x-log-signaturemethod", "hmac-sha1"),
        ("x-acs-security-token", TOKEN),
    ] {
        assert_eq!(request.headers.get_all(name).iter().collect::<Vec<_>>(), [value], "{name}");
    }
    assert!(request.headers["authorization"].to_str().unwrap().starts_with(&format!("LOG {KEY_ID}:")));
    let mut names: Vec<_> = request.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    let expected = [
        "accept",
        "accept-encoding",
        "authorization",
        "date",
        "host",
        "user-agent",
        "x-acs-security-token",
        "x-log-apiversion",
        "x-log-bodyrawsize",
        "x-log-signaturemethod",
    ];
    assert_eq!((names.as_slice(), request.body_bytes), (expected.as_slice(), 0));
}

#[tokio::test]
async fn a_permanent_key_sends_no_token() {
    let world = World::of(chats(5, 1), &[]).await;
    world.sls.add_key(AccessKey::permanent(KEY_ID, KEY_SECRET));
    let answer = world.function.call(&event(0, SEED, SEED + 5).to_string(), &[("x-fc-security-token", "")]).await;
    answer.assert_success();
    assert!(!world.sls.requests()[0].headers.contains_key("x-acs-security-token"));
}

#[tokio::test]
async fn the_text_of_a_cursor_goes_back_as_it_came() {
    let world = World::of(chats(5, 1), &[]).await;
    let mut unpadded = event(0, SEED, SEED + 5);
    for member in ["beginCursor", "endCursor"] {
        let text = unpadded["source"][member].as_str().unwrap().trim_end_matches('=').to_owned();
        unpadded["source"][member] = text.into();
    }
    world.function.invoke(&unpadded).await;
    let request = &world.sls.requests()[0];
    assert_eq!(request.parameter("cursor"), unpadded["source"]["beginCursor"].as_str());
    assert_eq!(request.parameter("end_cursor"), unpadded["source"]["endCursor"].as_str());
}

#[tokio::test]
async fn a_pull_that_fails_later_leaves_a_balanced_report() {
    let world = World::of(chats(6, 2), &[]).await;
    world.sls.set_page_limits(pages_of(2));
    world.sls.expire_before(PROJECT, LOGSTORE, 0, 0).unwrap();
    pull(&world, Fault::Delay(Duration::ZERO));
    pull(&world, refusal(401, "Unauthorized", "denied"));
    let answer = world.function.invoke(&event(0, SEED, SEED + 6)).await;
    answer.assert_balanced();
    assert_eq!(answer.failure(), ("sls_refused", "pull"));
    assert_eq!([answer.count("ingestLines"), answer.count("pages"), answer.count("undone")], [4, 1, 4]);
    assert!(answer.body["errorMessage"].as_str().unwrap().contains(&cursor(SEED + 2)));
}

#[tokio::test]
async fn a_slow_sls_is_answered_before_the_time_out() {
    let world = World::of(chats(5, 1), &[]).await;
    pull(&world, Fault::Delay(Duration::from_secs(30)));
    let began = Instant::now();
    let answer = world.function.call(&event(0, SEED, SEED + 5).to_string(), &[("x-fc-function-timeout", "2")]).await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    answer.assert_balanced();
    assert_eq!((answer.failure(), answer.count("slsRequests")), (("out_of_time", "deadline"), 1), "{}", answer.text);
    world.invoke().await.assert_success();
}

#[tokio::test]
async fn a_body_that_drips_is_waited_for() {
    let world = World::of(chats(5, 1), &[]).await;
    pull(&world, Fault::Drip(64, Duration::from_millis(1)));
    let answer = world.invoke().await;
    answer.assert_success();
    assert_eq!((answer.count("shipLines"), answer.count("slsRequests")), (5, 1));
}

#[tokio::test]
async fn calls_at_the_same_time_never_mix_their_credentials() {
    let world = World::new().await;
    let stores = ["logs-of-a", "logs-of-b"];
    for (index, store) in stores.iter().enumerate() {
        world.sls.create_logstore(PROJECT, store, &[ShardSpec { id: 0, seed: SEED }, ShardSpec { id: 1, seed: SEED }]);
        for shard in [0, 1] {
            for at in 0..6 {
                let number = 1000 * index + 100 * shard as usize + at;
                world.sls.append(PROJECT, store, shard, &group(vec![chat(number)]), LOGGED_AT).unwrap();
            }
        }
        let grant = Grant { action: Action::Read, logstore: (*store).to_owned() };
        let expires = SystemTime::now() + Duration::from_secs(3600);
        let key = AccessKey::permanent(format!("STS.{store}"), format!("secret-{store}")).with_token(format!("token-{store}"), expires);
        world.sls.add_key(key.allowed(vec![grant]));
    }
    world.sls.set_page_limits(pages_of(1));
    // So that each call waits while the others run.
    (0..48).for_each(|_| pull(&world, Fault::Delay(Duration::from_millis(5))));
    let call = async |store: &str, shard: u32, own: &str| {
        let mut event = event(shard, SEED, SEED + 6);
        event["source"]["logstoreName"] = store.into();
        let (id, secret, token) = (format!("STS.{own}"), format!("secret-{own}"), format!("token-{own}"));
        let headers = [("x-fc-access-key-id", id.as_str()), ("x-fc-access-key-secret", &secret), ("x-fc-security-token", &token)];
        world.function.call(&event.to_string(), &headers).await
    };
    let [a, b] = stores;
    let answers = tokio::join!(call(a, 0, a), call(b, 0, b), call(a, 1, a), call(b, 1, b), call(a, 0, b));
    for answer in [&answers.0, &answers.1, &answers.2, &answers.3] {
        answer.assert_success();
        assert_eq!((answer.count("shipLines"), answer.count("slsRequests")), (6, 6));
    }
    assert_eq!(answers.4.failure(), ("sls_refused", "pull"));
    let mut refused = 0;
    for request in world.sls.requests() {
        let (_, rest) = request.path.split_once("/logstores/").unwrap();
        let store = rest.split('/').next().unwrap();
        let own = request.headers["authorization"].to_str().unwrap().starts_with(&format!("LOG STS.{store}:"));
        assert_eq!((own, request.status), if own { (true, Some(200)) } else { (false, Some(401)) });
        refused += usize::from(!own);
    }
    assert_eq!((refused, world.langfuse.observations().len()), (1, 24));
}
