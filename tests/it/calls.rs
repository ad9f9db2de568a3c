//! Calls as a platform really makes them: over one connection, at once, broken off, too large, and with a panic inside.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use serde_json::Value;
use sls_to_langfuse::emulator::langfuse::{Fault, Gate, When, WriteMode};
use sls_to_langfuse::handler::Handled;
use sls_to_langfuse::invocation::Invocation;
use sls_to_langfuse::report::Report;
use sls_to_langfuse::runtime::{Application, fc};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::records::{chat, chat_saying, chats, group};
use crate::support::{Answer, SEED, World, event, fc_headers, until};

/// The largest event of a synchronous call (`reference/function-compute.md` §1.4), bytes.
const LARGEST_EVENT: usize = 32 * 1024 * 1024;

/// One connection, spoken to by hand.
struct Connection(BufReader<TcpStream>);

impl Connection {
    async fn to(address: &str) -> Self {
        Self(BufReader::new(TcpStream::connect(address).await.unwrap()))
    }

    /// Sends the head of a call, with these headers in place of or beside the ordinary ones.
    async fn send_head(&mut self, headers: &[(&str, &str)]) {
        let mut all = fc_headers();
        all.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let lines: String = all.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        self.send(&format!("POST /invoke HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n")).await;
    }

    async fn send(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).await.unwrap();
    }

    /// Sends a whole call.
    async fn send_call(&mut self, body: &str, headers: &[(&str, &str)]) {
        let length = body.len().to_string();
        self.send_head(&[headers, &[("content-length", &length)]].concat()).await;
        self.send(body).await;
    }

    async fn answer(&mut self) -> Answer {
        let (mut status, mut fc_status, mut length) = (0, String::new(), 0);
        let mut line = String::new();
        while self.0.read_line(&mut line).await.unwrap() > 2 {
            let text = line.trim_end().to_lowercase();
            match text.split_once(": ") {
                None => status = text.split(' ').nth(1).unwrap().parse().unwrap(),
                Some(("x-fc-status", value)) => fc_status = value.to_owned(),
                Some(("content-length", value)) => length = value.parse().unwrap(),
                Some(_) => {}
            }
            line.clear();
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        let text = String::from_utf8(body).unwrap();
        Answer { status, fc_status, body: serde_json::from_str(&text).unwrap_or(Value::Null), text }
    }
}

fn whole_range() -> String {
    event(0, SEED, SEED + 5).to_string()
}

#[tokio::test]
async fn one_connection_serves_many_calls() {
    let world = World::of(chats(5, 1), &[]).await;
    let mut connection = Connection::to(&world.function.address()).await;
    for number in 0..20 {
        let body = if number % 5 == 4 { "no event".to_owned() } else { whole_range() };
        connection.send_call(&body, &[]).await;
        let answer = connection.answer().await;
        answer.assert_balanced();
        assert_eq!(answer.status, if number % 5 == 4 { 404 } else { 200 }, "{number}");
    }
    assert!(world.langfuse.observations().iter().all(|row| row.arrivals == 16));
}

#[tokio::test]
async fn an_event_in_pieces_of_no_told_length_is_read() {
    let world = World::of(chats(5, 1), &[]).await;
    let mut connection = Connection::to(&world.function.address()).await;
    connection.send_head(&[("transfer-encoding", "chunked")]).await;
    for piece in whole_range().as_bytes().chunks(50) {
        connection.send(&format!("{:x}\r\n{}\r\n", piece.len(), std::str::from_utf8(piece).unwrap())).await;
    }
    connection.send("0\r\n\r\n").await;
    connection.answer().await.assert_success();
}

#[tokio::test]
async fn several_calls_at_once_do_not_disturb_each_other() {
    let world = World::of(chats(5, 20), &[]).await;
    let call = async |begin: u64| {
        let answer = world.function.invoke(&event(0, SEED + begin, SEED + 5)).await;
        answer.assert_success();
        assert_eq!(answer.count("shipLines"), 20 * (5 - begin));
    };
    tokio::join!(call(0), call(1), call(2), call(3), call(4), call(0), call(1), call(2));
    let arrivals: u32 = world.langfuse.observations().iter().map(|row| row.arrivals).sum();
    assert_eq!(arrivals, 20 * (5 + 4 + 3 + 2 + 1 + 5 + 4 + 3));
    assert_eq!(world.function.events("report").len(), 8);
}

#[tokio::test]
async fn a_failing_call_does_not_fail_the_one_beside_it() {
    let world = World::of(chats(5, 1), &[]).await;
    let body = whole_range();
    let (wrong, right) = tokio::join!(world.function.call(&body, &[("x-fc-access-key-secret", "another")]), world.invoke());
    assert_eq!(wrong.failure(), ("sls_refused", "pull"));
    right.assert_success();
}

#[tokio::test]
async fn hooks_are_answered_while_a_call_waits() {
    let world = World::of(chats(5, 1), &[]).await;
    world.langfuse.script([Fault::Delay(Duration::from_secs(50))]);
    let mut waiting = Connection::to(&world.function.address()).await;
    waiting.send_call(&whole_range(), &[]).await;
    until(|| !world.posts().is_empty()).await;
    for (method, path) in [("GET", "/healthz"), ("POST", "/initialize")] {
        assert_eq!(world.function.request(method, path).await.0, 200, "{path}");
    }
    world.invoke().await.assert_success();
    assert_eq!((world.function.events("report").len(), world.function.events("abandoned").len()), (1, 0));
}

/// A call that Langfuse keeps waiting for long.
async fn hanging(world: &World) -> Connection {
    world.langfuse.script([Fault::Delay(Duration::from_secs(50))]);
    let mut waiting = Connection::to(&world.function.address()).await;
    waiting.send_call(&whole_range(), &[]).await;
    until(|| !world.posts().is_empty()).await;
    waiting
}

#[tokio::test]
async fn a_notice_that_the_instance_stops_ends_calls_that_do_not_finish_as_failures() {
    let world = World::of(chats(5, 1), &[]).await;
    let mut waiting = hanging(&world).await;
    assert_eq!(world.function.request("GET", "/pre-stop").await.0, 200);
    let answer = waiting.answer().await;
    answer.assert_balanced();
    assert_eq!(answer.failure(), ("instance_stops", "deadline"));
    // Nothing forbids the platform to change its mind.
    world.invoke().await.assert_success();
}

#[tokio::test]
async fn a_signal_to_stop_does_not_wait_for_ever_for_a_call() {
    let mut world = World::of(chats(5, 1), &[]).await;
    let mut waiting = hanging(&world).await;
    std::process::Command::new("kill").args(["-TERM", &world.function.pid().to_string()]).status().unwrap();
    assert_eq!(waiting.answer().await.failure(), ("instance_stops", "deadline"));
    assert_eq!(world.function.ended().await, Some(0));
}

#[tokio::test]
async fn a_caller_that_goes_away_ends_its_call_and_the_next_one_works() {
    let world = World::of(chats(5, 1), &[]).await;
    // More often than calls or pages could pile up unnoticed.
    for round in 0..12 {
        world.langfuse.script([Fault::Delay(Duration::from_secs(30))]);
        let mut connection = Connection::to(&world.function.address()).await;
        let id = format!("abandoned-{round}");
        connection.send_call(&whole_range(), &[("x-fc-request-id", &id)]).await;
        until(|| world.posts().len() == round + 1).await;
        drop(connection);
        let mark = format!("FC Invoke End RequestId: {id}, Error: Unhandled function error\n");
        until(|| world.function.output().contains(&mark)).await;
    }
    assert_eq!((world.function.events("abandoned").len(), world.function.events("report").len()), (12, 0));
    let answer = world.invoke().await;
    answer.assert_success();
    assert_eq!((answer.count("shipLines"), world.posts().len()), (5, 13));
}

#[tokio::test]
async fn a_caller_that_goes_away_before_its_event_is_whole_is_no_harm() {
    let world = World::of(chats(5, 1), &[]).await;
    let mut connection = Connection::to(&world.function.address()).await;
    connection.send_head(&[("content-length", "1000"), ("x-fc-request-id", "half")]).await;
    connection.send("{\"source\":").await;
    drop(connection);
    until(|| world.function.output().contains("FC Invoke End RequestId: half, Error")).await;
    world.invoke().await.assert_success();
}

#[tokio::test]
async fn the_largest_event_is_read_and_a_larger_one_is_refused() {
    let world = World::of(chats(5, 1), &[]).await;
    let mut body = whole_range();
    body.push_str(&" ".repeat(LARGEST_EVENT - body.len()));
    world.function.call(&body, &[]).await.assert_success();
    body.push(' ');
    let answer = world.function.call(&body, &[]).await;
    answer.assert_balanced();
    assert_eq!(answer.failure(), ("unreadable_event", "event"));
    world.invoke().await.assert_success();
}

#[tokio::test]
async fn a_call_without_a_time_out_or_with_nonsense_for_one_works() {
    let world = World::of(chats(5, 1), &[]).await;
    for timeout in ["(none)", "", "soon", "0", "-1", "99999999999999999999", "86400"] {
        let answer = world.function.call(&whole_range(), &[("x-fc-function-timeout", timeout)]).await;
        answer.assert_success();
        assert_eq!(answer.count("shipLines"), 5, "{timeout}");
    }
}

#[tokio::test]
async fn idle_connections_do_not_keep_the_process_alive() {
    let mut world = World::of(chats(5, 1), &[]).await;
    let _never_used = Connection::to(&world.function.address()).await;
    let mut used = Connection::to(&world.function.address()).await;
    used.send_call(&whole_range(), &[]).await;
    used.answer().await.assert_success();
    std::process::Command::new("kill").args(["-TERM", &world.function.pid().to_string()]).status().unwrap();
    assert_eq!(world.function.ended().await, Some(0));
}

/// Panics in a future, panics before there is one, and works, in turn.
struct Stumbling(AtomicU32);

impl Application for Stumbling {
    fn invoke(self: Arc<Self>, invocation: Invocation) -> Pin<Box<dyn Future<Output = Handled> + Send>> {
        match self.0.fetch_add(1, SeqCst) % 3 {
            0 => Box::pin(async move {
                tokio::task::yield_now().await;
                panic!("sentinel {:?}", invocation.event)
            }),
            1 => panic!("sentinel {:?}", invocation.event),
            _ => Box::pin(async move { Handled { report: Report::new(&invocation.request_id), failure: None } }),
        }
    }
}

#[tokio::test]
async fn a_panic_fails_its_call_alone_and_says_nothing_of_the_event() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let serving = tokio::spawn(fc::serve(listener, Arc::new(Stumbling(AtomicU32::new(0))), stopping));
    let mut connection = Connection::to(&address).await;
    for _ in 0..2 {
        for works in [false, false, true] {
            connection.send_call("sentinel", &[]).await;
            let answer = connection.answer().await;
            answer.assert_balanced();
            assert_eq!(answer.status, if works { 200 } else { 404 });
            assert_eq!(answer.failure(), if works { ("", "") } else { ("panic", "internal") });
            assert!(!answer.text.contains("sentinel"), "{}", answer.text);
        }
    }
    stop.send(true).unwrap();
    serving.await.unwrap();
}

#[tokio::test]
async fn calls_beyond_what_memory_allows_wait_for_their_turn_and_work_when_it_comes() {
    let world = Arc::new(World::of(chats(8, 3), &[]).await);
    let gate = Gate::shut();
    world.langfuse.refuse_when(When::ingest(), Fault::Held(gate.clone()));
    let call = |at: u64, timeout: &'static str| {
        let world = world.clone();
        let event = event(0, SEED + at, SEED + at + 1).to_string();
        async move { world.function.call(&event, &[("x-fc-function-timeout", timeout)]).await }
    };
    let at_work: Vec<_> = (0..3).map(|at| tokio::spawn(call(at, "60"))).collect();
    until(|| world.posts().len() == 3).await;
    let late = call(6, "1").await;
    assert_eq!((late.failure(), late.count("slsRequests")), (("out_of_time", "deadline"), 0));
    assert!(late.text.contains("while 3 others were worked on"), "{}", late.text);
    gate.open();
    call(7, "60").await.assert_success();
    for working in at_work {
        working.await.unwrap().assert_success();
    }
}

#[tokio::test]
async fn calls_of_a_warm_instance_go_over_the_connections_of_the_first() {
    let world = World::new().await;
    for _ in 0..5 {
        world.invoke().await.assert_success();
    }
    assert_eq!((world.sls.connections(), world.langfuse.connections()), (1, 1));
    // Of a small range: one page, one batch, and the health page only once.
    let asked = world.langfuse.requests().len() - world.posts().len();
    assert_eq!((world.sls.requests().len(), world.posts().len(), asked), (5, 5, 1));
}

#[tokio::test]
async fn requests_leave_while_sixteen_wait_for_their_answers_and_no_further_one() {
    // Of 512 observations each: sixteen and a part.
    let world = Arc::new(World::of(chats(85, 100), &[]).await);
    let gate = Gate::shut();
    world.langfuse.refuse_when(When::ingest(), Fault::Held(gate.clone()));
    let calling = tokio::spawn({
        let world = world.clone();
        async move { world.function.invoke(&event(0, SEED, SEED + 85)).await }
    });
    until(|| world.posts().len() == 16).await;
    // The seventeenth stands ready long before the instance has answered so many other questions.
    for _ in 0..200 {
        assert_eq!((world.function.request("GET", "/healthz").await.0, world.posts().len()), (200, 16));
    }
    gate.open();
    let answer = calling.await.unwrap();
    answer.assert_success();
    assert_eq!((answer.count("shipLines"), world.langfuse.observations().len()), (8500, 8500));
}

#[tokio::test]
async fn one_more_waits_for_its_answer_for_each_that_was_taken() {
    const EARLY: &str = "answered at once";
    // Of 512 observations each: three that are answered, and more than may wait.
    let said = |number| if number < 3 * 512 { chat_saying(number, EARLY) } else { chat(number) };
    let groups = (0..120).map(|of| group((0..100).map(|number| said(100 * of + number)).collect())).collect();
    let world = Arc::new(World::of(groups, &[]).await);
    let gate = Gate::shut();
    world.langfuse.refuse_when(When::ingest().and(When::text(EARLY).opposite()), Fault::Held(gate.clone()));
    let calling = tokio::spawn({
        let world = world.clone();
        async move { world.function.invoke(&event(0, SEED, SEED + 120)).await }
    });
    until(|| world.posts().len() == 3 + 19).await;
    for _ in 0..200 {
        assert_eq!((world.function.request("GET", "/healthz").await.0, world.posts().len()), (200, 22));
    }
    gate.open();
    calling.await.unwrap().assert_success();
    assert_eq!(world.langfuse.observations().len(), 12_000);
}

#[tokio::test]
async fn calls_at_once_share_what_one_alone_may_have_on_its_way() {
    // A request of the batch API is kept beside what it was made of. The second call finds room for one more than the one that each may always
    // have, and the third waits for room to begin.
    calls_wait_for_answers("batch", &[(2, 2), (12, 4), (12, 4)]).await;
}

#[tokio::test]
async fn what_has_left_keeps_no_other_request_and_no_other_call_waiting() {
    // The first call's are kept, and the others' are not.
    calls_wait_for_answers("otlp", &[(5, 5), (12, 17), (12, 29)]).await;
}

/// Calls one after another, each with so many large records, which a Langfuse that answers none brings to so many requests in all.
async fn calls_wait_for_answers(api: &str, calls: &[(usize, usize)]) {
    // Each is a request of its own, held as it is.
    let question = "q".repeat(800_000);
    let all = calls.iter().map(|(records, _)| records).sum();
    let groups = (0..all).map(|number| group(vec![chat_saying(number, &question)])).collect();
    let settings = [("OTEL_EXPORTER_OTLP_COMPRESSION", "none"), ("LANGFUSE_INGESTION", api)];
    let world = Arc::new(World::of(groups, &settings).await);
    world.langfuse.set_mode(WriteMode::Dual);
    let gate = Gate::shut();
    world.langfuse.refuse_when(When::ingest(), Fault::Held(gate.clone()));
    let (mut calling, mut end) = (Vec::new(), SEED);
    for (call, (records, waiting)) in calls.iter().copied().enumerate() {
        let (called, begin) = (world.clone(), end);
        end += records as u64;
        calling.push(tokio::spawn(async move { called.function.invoke(&event(0, begin, end)).await }));
        until(|| world.posts().len() == waiting).await;
        // A further one would be there long before the instance has answered so many other questions.
        for _ in 0..100 {
            assert_eq!((world.function.request("GET", "/healthz").await.0, world.posts().len()), (200, waiting), "call {call}");
        }
    }
    gate.open();
    for answer in calling {
        answer.await.unwrap().assert_success();
    }
    assert_eq!(world.langfuse.observations().len() as u64, end - SEED);
}
