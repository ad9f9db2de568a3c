//! Scripted misbehaviour as a client meets it.

use super::*;

#[tokio::test]
async fn errors_come_in_the_order_they_were_scripted_and_once() {
    let emulator = world().await;
    let busy = Fault::Error { status: 503, code: "ServerBusy".into(), message: "The server is busy, please try again later.".into() };
    emulator.script(Operation::PullLogs, busy);
    emulator.script(None, Fault::Plain(502, "<html></html>".into()));
    assert_eq!(emulator.pending_faults(), 2);

    let got = Ask::pull(0).answer(&emulator).await;
    assert_eq!((got.status, got.code().as_str(), got.header("x-log-requestid").is_some()), (503, "ServerBusy", true));
    let got = Ask::pull(0).answer(&emulator).await;
    assert_eq!((got.status, &got.body[..], got.header("x-log-requestid")), (502, &b"<html></html>"[..], None));
    assert_eq!(Ask::pull(0).answer(&emulator).await.page(), page(0, 5));
    assert_eq!(emulator.pending_faults(), 0);
    let statuses: Vec<_> = emulator.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [Some(503), Some(502), Some(200)]);
}

#[tokio::test]
async fn a_fault_waits_for_its_operation_and_for_a_request_that_is_let_in() {
    let emulator = world().await;
    emulator.script(Operation::GetCursor, Fault::Plain(500, String::new()));
    assert_eq!(Ask::pull(0).answer(&emulator).await.status, 200);
    let ask = Ask::new("GET", SHARD_0, &[("type", "cursor"), ("from", "begin")]);
    assert_eq!(ask.clone().key("id", "wrong", None).answer(&emulator).await.status, 401);
    assert_eq!(ask.answer(&emulator).await.status, 500);
}

#[tokio::test]
async fn what_happens_by_chance_comes_after_what_is_scripted_and_only_where_it_fits() {
    let emulator = world().await;
    emulator.set_chance(|operation| (operation != Operation::ListShards).then_some(Fault::Stall));
    emulator.script(Operation::PullLogs, Fault::Plain(502, String::new()));
    assert_eq!(Ask::pull(0).answer(&emulator).await.status, 502);
    assert_eq!(Ask::pull(0).answer(&emulator).await.page(), page(0, 0));
    // A cursor cannot stall.
    let ask = Ask::new("GET", SHARD_0, &[("type", "cursor"), ("from", "begin")]);
    assert_eq!(ask.answer(&emulator).await.status, 200);
}

#[tokio::test]
async fn a_connection_dies_before_or_inside_an_answer() {
    let emulator = world().await;
    for fault in [Fault::Reset, Fault::CutBody(0), Fault::CutBody(7)] {
        emulator.script(None, fault.clone());
        assert!(Ask::pull(0).send(&emulator).await.is_err(), "{fault:?}");
    }
    let statuses: Vec<_> = emulator.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [None, Some(200), Some(200)]);
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_stored_and_one_that_never_arrived_is_not() {
    let emulator = world().await;
    for (fault, stored) in [(Fault::Reset, 0), (Fault::ResetAfterwards, 1)] {
        emulator.script(Operation::PutLogs, fault);
        assert!(Ask::put(&group(1)).send(&emulator).await.is_err());
        assert_eq!(emulator.put_groups("demo-project", "demo-logstore").len(), stored);
    }
}

#[tokio::test]
async fn a_slow_answer_is_whole_in_the_end() {
    let emulator = world().await;
    for fault in [Fault::Delay(Duration::from_millis(1)), Fault::Drip(16, Duration::from_millis(1))] {
        emulator.script(None, fault);
        assert_eq!(Ask::pull(0).answer(&emulator).await.page(), page(0, 5));
    }
}

#[tokio::test]
async fn a_page_lies_about_its_size() {
    let emulator = world().await;
    let honest: u64 = Ask::pull(0).answer(&emulator).await.header("x-log-bodyrawsize").unwrap().parse().unwrap();
    for (fault, size) in
        [(Fault::WrongRawSize(1), honest + 1), (Fault::WrongRawSize(-1), honest - 1), (Fault::RawSizeIs(u64::MAX), u64::MAX)]
    {
        emulator.script(None, fault);
        assert_eq!(Ask::pull(0).answer(&emulator).await.header("x-log-bodyrawsize").unwrap(), size.to_string());
    }
}

#[tokio::test]
async fn a_corrupt_body_is_neither_packed_nor_protobuf() {
    let emulator = world().await;
    for encoding in ["lz4", "deflate", ""] {
        emulator.script(None, Fault::CorruptBody);
        let got = Ask::pull(0).header("Accept-Encoding", encoding).answer(&emulator).await;
        let size = got.header("x-log-bodyrawsize").unwrap().parse().unwrap();
        let kind = compression::Compression::claimed(got.header("x-log-compresstype")).unwrap();
        let raw = kind.unpack(&got.body, size);
        assert!(raw.is_none_or(|raw| LogGroupList::decode(&raw[..]).is_err()), "{encoding}");
    }
}

#[tokio::test]
async fn a_cursor_is_missing_broken_or_goes_backwards() {
    let emulator = world().await;
    for (fault, next) in [
        (Fault::NoCursorHeader, None),
        (Fault::CursorText("?".into()), Some("?".to_owned())),
        (Fault::CursorBackwards, Some(cursor::encode(SEED + 1))),
    ] {
        emulator.script(None, fault);
        let got = Ask::pull(2).answer(&emulator).await;
        assert_eq!((got.status, got.header("x-log-cursor")), (200, next.as_deref()));
        assert_eq!(got.header("x-log-count"), Some("3"));
    }
}

#[tokio::test]
async fn a_page_overshoots_stalls_or_is_empty_and_moves_on() {
    let emulator = world().await;
    emulator.script(None, Fault::IgnoreEnd);
    assert_eq!(Ask::pull(1).until(2).answer(&emulator).await.page(), page(1, 5));
    emulator.script(None, Fault::Stall);
    assert_eq!(Ask::pull(1).until(4).answer(&emulator).await.page(), page(1, 1));
    emulator.script(None, Fault::EmptyPageMovingOn);
    let got = Ask::pull(1).until(4).answer(&emulator).await;
    assert_eq!(got.page(), PageGot { groups: vec![], next: SEED + 4, last: None });
    assert_eq!((got.header("x-log-bodyrawsize"), got.body.len()), (Some("0"), 0));
}
