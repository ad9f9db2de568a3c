//! What goes wrong → how the call ends → what the report says → what the next call does. One table for each side, through the real binary.
//!
//! Six records in three log groups, one of them no model call; pages hold one group. The next call comes to the same instance, after the
//! fault has gone. What else each answer must be (hints, no content, requests byte for byte) stands in `delivery` and `pull`.

use std::time::{Duration, SystemTime};

use sls_to_langfuse::emulator::langfuse::{Fault, ServerVersion, When, WriteMode};
use sls_to_langfuse::emulator::sls::{AccessKey, Fault as SlsFault, Operation, PageLimits, ShardSpec};
use sls_to_langfuse::sls::wire;
use tokio::task::JoinSet;

use crate::records::{chat, chat_saying, group, log};
use crate::support::{Answer, KEY_ID, KEY_SECRET, LOGSTORE, PROJECT, SEED, TOKEN, World, event};

/// Worlds at the same time: each has a process of its own.
const AT_ONCE: usize = 6;

/// Present in one record, the third.
const ODD: &str = "the-odd-one";

/// Langfuse gets two seconds for each request: a healthy one never needs them, and one that hangs costs no more.
const SETTINGS: [(&str, &str); 1] = [("LANGFUSE_SDK_TIMEOUT", "2")];

/// What is done to a world before its first call.
type Befall = Box<dyn FnOnce(&World) + Send>;

struct Row {
    fault: &'static str,
    befall: Befall,
    ends: &'static str,
    next: &'static str,
    /// Time-out of the call, seconds.
    timeout: &'static str,
}

impl Row {
    fn within(self, timeout: &'static str) -> Self {
        Self { timeout, ..self }
    }
}

fn row(fault: &'static str, befall: impl FnOnce(&World) + Send + 'static, ends: &'static str, next: &'static str) -> Row {
    Row { fault, befall: Box::new(befall), ends, next, timeout: "10" }
}

fn groups() -> Vec<wire::LogGroup> {
    let page = log(&[("request_id", "page"), ("method", "GET"), ("path", "/index.html"), ("response_code", "200"), ("ai_log", "-")]);
    // The last group lies behind the end of the range.
    vec![group(vec![chat(0), chat(1)]), group(vec![chat_saying(2, ODD), page]), group(vec![chat(3), chat(4)]), group(vec![chat(5)])]
}

/// How a call ended and every count that is not zero.
fn told(answer: &Answer) -> String {
    answer.assert_balanced();
    let report = answer.report();
    assert!(answer.status == 200 || answer.body["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{}", answer.text);
    let mut told = match answer.failure() {
        ("", "") => "done:".to_owned(),
        (error_type, stage) => format!("{error_type} in {stage}:"),
    };
    let members = ["ingestLines", "shipLines", "resumed", "undone", "lostGroups", "pages", "slsRequests", "requests", "retries"];
    for (member, name) in members.iter().zip(["read", "shipped", "resumed", "undone", "lost groups", "pages", "pulls", "posts", "retries"])
    {
        match report[member].as_u64().unwrap_or_default() {
            0 => {}
            count => told += &format!(" {count} {name}"),
        }
    }
    for member in ["skipped", "deadLettered"] {
        for (reason, count) in report[member].as_object().unwrap() {
            told += &format!(" {count} {reason}");
        }
    }
    told
}

async fn assert_table(rows: Vec<Row>) {
    let (mut running, mut wrong) = (JoinSet::new(), Vec::new());
    for row in rows {
        while running.len() >= AT_ONCE {
            wrong.extend(running.join_next().await.unwrap().unwrap());
        }
        running.spawn(outcome(row));
    }
    wrong.extend(running.join_all().await.into_iter().flatten());
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What a row should have said, if it says something else.
async fn outcome(row: Row) -> Option<String> {
    let world = World::of(groups(), &SETTINGS).await;
    world.sls.set_page_limits(PageLimits { max_groups: 1, ..PageLimits::default() });
    (row.befall)(&world);
    let call = async || {
        let answer = world.function.call(&event(0, SEED, SEED + 3).to_string(), &[("x-fc-function-timeout", row.timeout)]).await;
        told(&answer)
    };
    let ends = call().await;
    world.langfuse.clear_script();
    world.sls.set_chance(|_| None);
    world.sls.set_clock(SystemTime::now);
    let next = call().await;
    let rows = world.langfuse.observations().len();
    let right = ends == row.ends && next == row.next && rows == shipped(row.next) && world.sls.pending_faults() == 0;
    (!right).then(|| format!("{}\n    {ends}\n    {next}\n    {rows} rows", row.fault))
}

/// How many records a line says have been shipped.
fn shipped(line: &str) -> usize {
    let before = line.split_once(" shipped").map(|(before, _)| before);
    before.and_then(|before| before.rsplit(' ').next()?.parse().ok()).unwrap_or_default()
}

/// The next request to Langfuse goes wrong.
fn once(fault: Fault) -> impl FnOnce(&World) + Send {
    move |world| world.langfuse.script([fault])
}

/// Every request to Langfuse goes wrong.
fn always(fault: Fault) -> impl FnOnce(&World) + Send {
    move |world| world.langfuse.refuse_when(When::ingest(), fault)
}

/// Every request with the odd record goes wrong.
fn odd(fault: Fault) -> impl FnOnce(&World) + Send {
    move |world| world.langfuse.refuse_when(When::text(ODD), fault)
}

/// The same for an older server that is spoken to by the batch API.
fn odd_event(status: u16) -> impl FnOnce(&World) + Send {
    move |world| {
        let version = ServerVersion::new(3, 50, 0);
        world.langfuse.change(|server| (server.version, server.mode) = (version, WriteMode::Legacy));
        world.langfuse.refuse_when(When::ingest(), Fault::RefuseEvents { text: ODD.into(), status });
    }
}

fn with_header(status: u16, name: &str, value: &str) -> Fault {
    let headers = vec![(name.to_owned(), value.to_owned())];
    Fault::Status { status, headers, content_type: "application/json".into(), body: r#"{"message":"later"}"#.into() }
}

/// The page of this number, from 0, goes wrong so many times.
fn pull(page: usize, times: usize, fault: SlsFault) -> impl FnOnce(&World) + Send {
    move |world| {
        (0..page).for_each(|_| world.sls.script(Operation::PullLogs, SlsFault::Delay(Duration::ZERO)));
        (0..times).for_each(|_| world.sls.script(Operation::PullLogs, fault.clone()));
    }
}

fn error(status: u16, code: &str, message: &str) -> SlsFault {
    SlsFault::Error { status, code: code.into(), message: message.into() }
}

fn split_and_expired(world: &World) {
    let children = [1, 2].map(|id| ShardSpec { id, seed: 7 });
    world.sls.split(PROJECT, LOGSTORE, 0, children).unwrap();
    world.sls.remove_shard(PROJECT, LOGSTORE, 0).unwrap();
}

fn end_ignored(world: &World) {
    world.sls.set_page_limits(PageLimits::default());
    world.sls.script(Operation::PullLogs, SlsFault::IgnoreEnd);
}

fn clock(off: i64) -> impl FnOnce(&World) + Send {
    move |world| {
        world.sls.set_clock(move || {
            let shift = Duration::from_secs(off.unsigned_abs());
            if off < 0 { SystemTime::now() - shift } else { SystemTime::now() + shift }
        });
    }
}

const DONE: &str = "done: 6 read 5 shipped 3 pages 3 pulls 1 posts 1 not_a_model_call";
const ONE_PAGE: &str = "done: 6 read 5 shipped 1 pages 1 pulls 1 posts 1 not_a_model_call";
/// After an outage the destination is asked with an empty request before a batch goes out.
const ASKED_FIRST: &str = "done: 6 read 5 shipped 3 pages 3 pulls 2 posts 1 not_a_model_call";
const POSTED_TWICE: &str = "done: 6 read 5 shipped 3 pages 3 pulls 2 posts 1 retries 1 not_a_model_call";
const PULLED_AGAIN: &str = "done: 6 read 5 shipped 3 pages 4 pulls 1 posts 1 not_a_model_call";

#[tokio::test]
async fn every_fault_of_langfuse_ends_as_the_table_says() {
    let page = |status| Fault::answer(status, "text/html", "<html>a page</html>");
    let own_403 = Fault::answer(403, "application/json; charset=utf-8", r#"{"message":"suspended","error":"ForbiddenError"}"#);
    assert_table(vec![
        row("nothing", |_| {}, DONE, DONE),
        row("429, Retry-After: 1", once(Fault::RateLimited { retry_after: 1 }), POSTED_TWICE, DONE),
        row("429 with a date", once(with_header(429, "retry-after", "Thu, 01 Jan 1970 00:00:00 GMT")), POSTED_TWICE, DONE),
        row(
            "429, Retry-After: 3600",
            once(with_header(429, "retry-after", "3600")),
            "langfuse_unavailable in deliver: 6 read 5 undone 3 pages 3 pulls 1 posts 1 not_a_model_call",
            ASKED_FIRST,
        ),
        row(
            "429 for ever",
            always(Fault::RateLimited { retry_after: 0 }),
            "langfuse_unavailable in deliver: 6 read 5 undone 3 pages 3 pulls 5 posts 4 retries 1 not_a_model_call",
            ASKED_FIRST,
        ),
        row("500", once(Fault::status(500)), POSTED_TWICE, DONE),
        row(
            "500 for ever",
            always(Fault::status(500)),
            "langfuse_unavailable in deliver: 6 read 5 undone 3 pages 3 pulls 6 posts 4 retries 1 not_a_model_call",
            ASKED_FIRST,
        ),
        row(
            "500 on one record",
            odd(Fault::status(500)),
            "langfuse_unavailable in deliver: 6 read 4 shipped 1 undone 3 pages 3 pulls 12 posts 6 retries 1 not_a_model_call",
            "done: 6 read 5 shipped 4 resumed 2 pages 2 pulls 1 posts 1 not_a_model_call",
        ),
        row("502, a page", once(page(502)), POSTED_TWICE, DONE),
        row("503", once(Fault::status(503)), POSTED_TWICE, DONE),
        row(
            "503 for ever",
            always(Fault::status(503)),
            "langfuse_unavailable in deliver: 6 read 5 undone 3 pages 3 pulls 6 posts 4 retries 1 not_a_model_call",
            ASKED_FIRST,
        ),
        row("504", once(Fault::status(504)), POSTED_TWICE, DONE),
        row("408", once(Fault::status(408)), POSTED_TWICE, DONE),
        row("reset before anything is stored", once(Fault::Reset), POSTED_TWICE, DONE),
        row("reset after all is stored", once(Fault::ResetAfterStoring), POSTED_TWICE, DONE),
        row(
            "reset for ever",
            always(Fault::Reset),
            "langfuse_unavailable in deliver: 6 read 5 undone 3 pages 3 pulls 6 posts 4 retries 1 not_a_model_call",
            ASKED_FIRST,
        ),
        row("half-written answer", once(Fault::Cut(1)), POSTED_TWICE, DONE),
        row("200, half a JSON text", once(Fault::HalfJson200), POSTED_TWICE, DONE),
        row(
            "200, half a JSON text for ever",
            always(Fault::HalfJson200),
            "langfuse_unavailable in deliver: 6 read 5 undone 3 pages 3 pulls 5 posts 4 retries 1 not_a_model_call",
            ASKED_FIRST,
        ),
        row("200, garbage as JSON", once(Fault::answer(200, "application/json", "\u{0}\u{1}garbage")), POSTED_TWICE, DONE),
        row("200, empty", once(Fault::EmptyBody200), POSTED_TWICE, DONE),
        row(
            "200, a page",
            once(Fault::HtmlLogin200),
            "langfuse_not_there in deliver: 6 read 5 undone 3 pages 3 pulls 1 posts 1 not_a_model_call",
            "langfuse_not_there in deliver: 6 read 5 undone 3 pages 3 pulls 1 not_a_model_call",
        ),
        row(
            "200, JSON as text/plain",
            once(Fault::answer(200, "text/plain", "{}")),
            "langfuse_not_there in deliver: 6 read 5 undone 3 pages 3 pulls 1 posts 1 not_a_model_call",
            "langfuse_not_there in deliver: 6 read 5 undone 3 pages 3 pulls 1 not_a_model_call",
        ),
        row(
            "202",
            once(Fault::answer(202, "application/json", "{}")),
            "langfuse_not_there in deliver: 6 read 5 undone 3 pages 3 pulls 1 posts 1 not_a_model_call",
            "langfuse_not_there in deliver: 6 read 5 undone 3 pages 3 pulls 1 not_a_model_call",
        ),
        row(
            "no answer in time",
            once(Fault::Hang(Duration::from_secs(60))),
            "done: 6 read 5 shipped 3 pages 3 pulls 3 posts 1 retries 1 not_a_model_call",
            DONE,
        ),
        row(
            "no answer in time for ever",
            always(Fault::Hang(Duration::from_secs(60))),
            "out_of_time in deadline: 6 read 5 undone 3 pages 3 pulls 1 posts 1 not_a_model_call",
            ASKED_FIRST,
        )
        .within("1"),
        row("an answer that drips", once(Fault::Drip { piece: 7, pause: Duration::from_millis(1) }), DONE, DONE),
        row(
            "an answer that drips too slowly",
            once(Fault::Drip { piece: 1, pause: Duration::from_secs(60) }),
            "done: 6 read 5 shipped 3 pages 3 pulls 3 posts 1 retries 1 not_a_model_call",
            DONE,
        ),
        row(
            "400 on one record",
            odd(Fault::status(400)),
            "done: 6 read 4 shipped 3 pages 3 pulls 5 posts 1 not_a_model_call 1 refused",
            DONE,
        ),
        row(
            "400 for ever",
            always(Fault::status(400)),
            "langfuse_unexpected_answer in deliver: 6 read 5 undone 3 pages 3 pulls 4 posts 1 not_a_model_call",
            "langfuse_unexpected_answer in deliver: 6 read 5 undone 3 pages 3 pulls 1 not_a_model_call",
        ),
        row(
            "401 for a while",
            once(Fault::status(401)),
            "langfuse_keys_refused in deliver: 6 read 5 undone 3 pages 3 pulls 1 posts 1 not_a_model_call",
            "langfuse_keys_refused in deliver: 6 read 5 undone 3 pages 3 pulls 1 not_a_model_call",
        ),
        row(
            "403 of Langfuse",
            once(own_403),
            "langfuse_permission_refused in deliver: 6 read 5 undone 3 pages 3 pulls 1 posts 1 not_a_model_call",
            "langfuse_permission_refused in deliver: 6 read 5 undone 3 pages 3 pulls 1 not_a_model_call",
        ),
        row("403 of a firewall", once(page(403)), POSTED_TWICE, DONE),
        row(
            "403 of a firewall for ever",
            always(page(403)),
            "langfuse_unavailable in deliver: 6 read 5 undone 3 pages 3 pulls 6 posts 4 retries 1 not_a_model_call",
            ASKED_FIRST,
        ),
        row(
            "403 of a firewall on one record",
            odd(page(403)),
            "langfuse_unavailable in deliver: 6 read 4 shipped 1 undone 3 pages 3 pulls 12 posts 6 retries 1 not_a_model_call",
            "done: 6 read 5 shipped 4 resumed 2 pages 2 pulls 1 posts 1 not_a_model_call",
        ),
        row(
            "404",
            once(Fault::status(404)),
            "langfuse_endpoint_missing in deliver: 6 read 5 undone 3 pages 3 pulls 1 posts 1 not_a_model_call",
            "langfuse_endpoint_missing in deliver: 6 read 5 undone 3 pages 3 pulls 1 not_a_model_call",
        ),
        row(
            "405",
            once(Fault::status(405)),
            "langfuse_endpoint_missing in deliver: 6 read 5 undone 3 pages 3 pulls 1 posts 1 not_a_model_call",
            "langfuse_endpoint_missing in deliver: 6 read 5 undone 3 pages 3 pulls 1 not_a_model_call",
        ),
        row(
            "307",
            once(Fault::Redirect("http://localhost:9/".into())),
            "langfuse_redirects in deliver: 6 read 5 undone 3 pages 3 pulls 1 posts 1 not_a_model_call",
            "langfuse_redirects in deliver: 6 read 5 undone 3 pages 3 pulls 1 not_a_model_call",
        ),
        row("413", once(Fault::status(413)), "done: 6 read 5 shipped 3 pages 3 pulls 3 posts 1 not_a_model_call", DONE),
        row(
            "413 on one record",
            odd(Fault::status(413)),
            "done: 6 read 4 shipped 3 pages 3 pulls 5 posts 1 not_a_model_call 1 too_large",
            DONE,
        ),
        row(
            "418",
            once(Fault::status(418)),
            "langfuse_unexpected_answer in deliver: 6 read 5 undone 3 pages 3 pulls 1 posts 1 not_a_model_call",
            "langfuse_unexpected_answer in deliver: 6 read 5 undone 3 pages 3 pulls 1 not_a_model_call",
        ),
        row("207, one event refused", odd_event(400), "done: 6 read 4 shipped 3 pages 3 pulls 1 posts 1 not_a_model_call 1 refused", DONE),
        row(
            "207, the server fails on one event",
            odd_event(500),
            "langfuse_unavailable in deliver: 6 read 4 shipped 1 undone 3 pages 3 pulls 6 posts 4 retries 1 not_a_model_call",
            "done: 6 read 5 shipped 4 resumed 2 pages 2 pulls 1 posts 1 not_a_model_call",
        ),
    ])
    .await;
}

#[tokio::test]
async fn every_fault_of_sls_ends_as_the_table_says() {
    let busy = || error(503, "ServerBusy", "busy");
    let expired = error(401, "Unauthorized", "The security token you provided has expired.");
    assert_table(vec![
        row("500", pull(0, 1, error(500, "InternalServerError", "")), PULLED_AGAIN, DONE),
        row("503", pull(1, 1, busy()), PULLED_AGAIN, DONE),
        row("503 four times", pull(1, 4, busy()), "done: 6 read 5 shipped 3 pages 7 pulls 1 posts 1 not_a_model_call", DONE),
        row("503 five times", pull(1, 5, busy()), "sls_unavailable in pull: 2 read 2 undone 1 pages 6 pulls", DONE),
        row("502, a page", pull(0, 1, SlsFault::Plain(502, "<html></html>".into())), PULLED_AGAIN, DONE),
        row("read quota", pull(0, 1, error(403, "ReadQuotaExceed", "")), PULLED_AGAIN, DONE),
        row("quota of the shard", pull(1, 1, error(403, "ShardReadQuotaExceed", "")), PULLED_AGAIN, DONE),
        row("reset", pull(0, 1, SlsFault::Reset), PULLED_AGAIN, DONE),
        row("reset at the beginning of a page", pull(1, 1, SlsFault::CutBody(0)), PULLED_AGAIN, DONE),
        row("reset in the middle of a page", pull(1, 1, SlsFault::CutBody(100)), PULLED_AGAIN, DONE),
        row("reset for ever", pull(0, 5, SlsFault::Reset), "sls_unreachable in pull: 5 pulls", DONE),
        row("truncated LZ4", pull(1, 1, SlsFault::ShortBody(100)), PULLED_AGAIN, DONE),
        row(
            "truncated LZ4 for ever",
            pull(1, 5, SlsFault::ShortBody(100)),
            "sls_answer_damaged in pull: 2 read 2 undone 1 pages 6 pulls",
            DONE,
        ),
        row("garbage", pull(1, 1, SlsFault::CorruptBody), PULLED_AGAIN, DONE),
        row("size header too small", pull(1, 1, SlsFault::WrongRawSize(-1)), PULLED_AGAIN, DONE),
        row("size header too large", pull(1, 1, SlsFault::WrongRawSize(1)), PULLED_AGAIN, DONE),
        row("size header much too large", pull(1, 1, SlsFault::WrongRawSize(4000)), PULLED_AGAIN, DONE),
        row("size header says nothing is there", pull(1, 1, SlsFault::RawSizeIs(0)), PULLED_AGAIN, DONE),
        row("size header huge", pull(0, 1, SlsFault::RawSizeIs(1 << 40)), PULLED_AGAIN, DONE),
        row(
            "size header huge, also for one group",
            pull(0, 2, SlsFault::RawSizeIs(u64::MAX)),
            "sls_group_too_large in pull: 2 pulls",
            DONE,
        ),
        row("200, a page", pull(1, 1, SlsFault::Plain(200, "<html></html>".into())), PULLED_AGAIN, DONE),
        row("wrong content type", pull(1, 1, SlsFault::ContentType("text/html".into())), DONE, DONE),
        row("slow page", pull(1, 1, SlsFault::Drip(50, Duration::from_millis(5))), DONE, DONE),
        row("late page", pull(1, 1, SlsFault::Delay(Duration::from_millis(300))), DONE, DONE),
        row(
            "page too late for the call",
            pull(1, 1, SlsFault::Delay(Duration::from_secs(60))),
            "out_of_time in deadline: 2 read 2 undone 1 pages 2 pulls",
            DONE,
        )
        .within("2"),
        row("no cursor", pull(1, 1, SlsFault::NoCursorHeader), PULLED_AGAIN, DONE),
        row("no cursor at all in its header", pull(1, 1, SlsFault::CursorText("no cursor at all".into())), PULLED_AGAIN, DONE),
        row(
            "cursor going backwards",
            pull(1, 1, SlsFault::CursorBackwards),
            "sls_answer_damaged in pull: 2 read 2 undone 1 pages 2 pulls",
            DONE,
        ),
        row("cursor standing still", pull(1, 1, SlsFault::Stall), "sls_stalled in pull: 2 read 2 undone 1 pages 2 pulls", DONE),
        row("end ignored", end_ignored, ONE_PAGE, ONE_PAGE),
        row(
            "cursor refused though it is kept",
            pull(1, 1, error(400, "InvalidCursor", "")),
            "sls_cursor_gone in pull: 2 read 2 undone 1 pages 3 pulls",
            DONE,
        ),
        row(
            "one group expired",
            |world| world.sls.expire_before(PROJECT, LOGSTORE, 0, 1).unwrap(),
            "done: 4 read 3 shipped 1 lost groups 2 pages 4 pulls 1 posts 1 not_a_model_call",
            "done: 4 read 3 shipped 1 lost groups 2 pages 4 pulls 1 posts 1 not_a_model_call",
        ),
        row(
            "all groups expired",
            |world| world.sls.expire_before(PROJECT, LOGSTORE, 0, 3).unwrap(),
            "done: 3 lost groups 2 pulls",
            "done: 3 lost groups 2 pulls",
        ),
        row("shard gone after a split", split_and_expired, "sls_shard_gone in pull: 1 pulls", "sls_shard_gone in pull: 1 pulls"),
        row("clock 20 minutes ahead", clock(1200), PULLED_AGAIN, PULLED_AGAIN),
        row("clock 20 minutes behind", clock(-1200), PULLED_AGAIN, PULLED_AGAIN),
        row("token expired", pull(1, 1, expired), "sls_credentials_expired in pull: 2 read 2 undone 1 pages 2 pulls", DONE),
        row(
            "token expired for ever",
            |world| {
                let past = SystemTime::now() - Duration::from_secs(1);
                world.sls.add_key(AccessKey::permanent(KEY_ID, KEY_SECRET).with_token(TOKEN, past));
            },
            "sls_credentials_expired in pull: 1 pulls",
            "sls_credentials_expired in pull: 1 pulls",
        ),
        row(
            "signature refused",
            pull(1, 1, error(401, "SignatureNotMatch", "")),
            "sls_refused in pull: 2 read 2 undone 1 pages 2 pulls",
            DONE,
        ),
        row(
            "reading not allowed",
            pull(1, 1, error(401, "Unauthorized", "denied by sts or ram")),
            "sls_refused in pull: 2 read 2 undone 1 pages 2 pulls",
            DONE,
        ),
        row(
            "Logstore missing",
            pull(1, 1, error(404, "LogStoreNotExist", "")),
            "sls_refused in pull: 2 read 2 undone 1 pages 2 pulls",
            DONE,
        ),
        row(
            "project overdue",
            pull(1, 1, error(403, "ProjectForbidden", "")),
            "sls_refused in pull: 2 read 2 undone 1 pages 2 pulls",
            DONE,
        ),
    ])
    .await;
}
