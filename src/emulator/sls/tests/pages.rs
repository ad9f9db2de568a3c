//! PullLogs, GetCursor and GetCursorTime.

use super::*;

#[tokio::test]
async fn a_window_is_half_open_and_its_pages_fit_together() {
    let emulator = world().await;
    for (from, to) in [(0, 5), (0, 3), (1, 4), (4, 5), (2, 2)] {
        assert_eq!(Ask::pull(from).until(to).answer(&emulator).await.page(), page(from as u32, to as u32), "{from}..{to}");
    }
    assert_eq!(Ask::pull(0).until(5).parameter("count", "3").answer(&emulator).await.page(), page(0, 3));
    assert_eq!(Ask::pull(3).until(5).parameter("count", "3").answer(&emulator).await.page(), page(3, 5));
    assert_eq!(Ask::pull(3).until(1).answer(&emulator).await.page(), page(3, 3), "an end before the start");
    assert_eq!(Ask::pull(3).until(900).answer(&emulator).await.page(), page(3, 5), "an end behind the shard's");
    assert_eq!(Ask::pull(0).parameter("type", "logs").answer(&emulator).await.page(), page(0, 5));
}

#[tokio::test]
async fn the_two_pages_of_the_vectors_come_out_as_written_there() {
    let emulator = world().await;
    emulator.set_page_limits(PageLimits { max_groups: 3, ..PageLimits::default() });
    let file: Value = serde_json::from_str(include_str!("../../../../tests/fixtures/sls-vectors.json")).unwrap();
    let case = &file["paging"]["cases"][0];
    for expected in case["pages"].as_array().unwrap() {
        let ask = Ask::pull(0).parameter("cursor", expected["request_cursor"].as_str().unwrap());
        let got = ask.parameter("end_cursor", case["end_cursor"].as_str().unwrap()).answer(&emulator).await;
        for name in ["x-log-cursor", "x-log-read-last-cursor"] {
            assert_eq!(got.header(name), expected[name].as_str());
        }
        assert_eq!(got.header("x-log-count").unwrap(), expected["x-log-count"].to_string());
    }
}

#[tokio::test]
async fn an_unknown_parameter_is_ignored_so_the_wrong_end_reads_on() {
    let emulator = world().await;
    let ask = Ask::pull(0).parameter("endCursor", &cursor::encode(SEED + 2));
    assert_eq!(ask.answer(&emulator).await.page(), page(0, 5));
}

#[tokio::test]
async fn a_page_says_all_the_service_says() {
    let emulator = world().await;
    let got = Ask::pull(1).until(3).answer(&emulator).await;
    for (name, value) in [
        ("x-log-cursor", Some(cursor::encode(SEED + 3).as_str())),
        ("x-log-count", Some("2")),
        ("x-log-compresstype", Some("lz4")),
        ("x-log-read-last-cursor", Some("1732154287213232002")),
        ("x-log-cursor-time", Some("1732156247")),
        ("x-log-end-of-cursor", Some("0")),
        ("content-type", Some("application/x-protobuf")),
        ("content-encoding", None),
    ] {
        assert_eq!(got.header(name), value, "{name}");
    }
    assert_eq!(Ask::pull(3).answer(&emulator).await.header("x-log-end-of-cursor"), Some("1"));
}

#[tokio::test]
async fn an_empty_page_has_no_body_and_the_cursor_it_was_asked_with() {
    let emulator = world().await;
    let got = Ask::pull(5).answer(&emulator).await;
    assert_eq!(got.page(), page(5, 5));
    assert_eq!((got.header("x-log-bodyrawsize"), got.header("x-log-read-last-cursor"), got.body.len()), (Some("0"), None, 0));
    assert_eq!(got.header("x-log-end-of-cursor"), Some("1"));
}

#[tokio::test]
async fn a_page_is_packed_as_asked() {
    let emulator = world().await;
    for (accepted, packed) in [("lz4", Some("lz4")), ("", None), ("deflate", Some("deflate")), ("zstd,deflate", Some("deflate"))] {
        let got = Ask::pull(0).header("Accept-Encoding", accepted).answer(&emulator).await;
        assert_eq!((got.header("x-log-compresstype"), got.page()), (packed, page(0, 5)));
    }
    assert_eq!(Ask::pull(0).without_header("Accept-Encoding").answer(&emulator).await.header("x-log-compresstype"), None);
}

#[tokio::test]
async fn the_byte_target_of_a_page_is_passed_by_one_group_at_most() {
    let emulator = world().await;
    let one: usize = Ask::pull(0).until(1).answer(&emulator).await.header("x-log-bodyrawsize").unwrap().parse().unwrap();
    emulator.set_page_limits(PageLimits { max_bytes: one + 1, ..PageLimits::default() });
    assert_eq!(Ask::pull(0).answer(&emulator).await.page(), page(0, 2));
    emulator.set_page_limits(PageLimits { max_bytes: 1, ..PageLimits::default() });
    assert_eq!(Ask::pull(2).answer(&emulator).await.page(), page(2, 3));
}

#[tokio::test]
async fn what_has_expired_has_no_cursor_any_more() {
    let emulator = world().await;
    emulator.expire_before("demo-project", "demo-logstore", 0, 2).unwrap();
    assert_eq!(Ask::pull(1).answer(&emulator).await.code(), "InvalidCursor");
    assert_eq!(Ask::pull(2).answer(&emulator).await.page(), page(2, 5));
    let cursor_from = |from: &str| Ask::new("GET", SHARD_0, &[("type", "cursor"), ("from", from)]);
    let begin = cursor_from("begin").answer(&emulator).await.json();
    assert_eq!(begin["cursor"], emulator.cursor("demo-project", "demo-logstore", 0, 2).unwrap());
    assert_eq!(cursor_from("0").answer(&emulator).await.json(), begin);
    assert_eq!(Ask::pull(1).parameter("type", "cursor_time").answer(&emulator).await.code(), "InvalidCursor");
}

#[tokio::test]
async fn a_cursor_is_found_by_the_time_of_arrival() {
    let emulator = world().await;
    let times = [("begin".to_owned(), 0), ("end".to_owned(), 5)];
    let exact = [(0, 0), (1, 1), (4, 4), (5, 5), (600, 5)].map(|(later, index)| ((NOW + later).to_string(), index));
    for (from, index) in times.into_iter().chain(exact) {
        let got = Ask::new("GET", SHARD_0, &[("type", "cursor"), ("from", &from)]).answer(&emulator).await;
        assert_eq!(got.json(), serde_json::json!({"cursor": cursor::encode(SEED + index)}), "{from}");
    }
    assert_eq!(emulator.end_cursor("demo-project", "demo-logstore", 0).unwrap(), cursor::encode(SEED + 5));
}

#[tokio::test]
async fn a_cursor_tells_when_its_group_arrived() {
    let emulator = world().await;
    for index in 0..5 {
        let got = Ask::pull(index).parameter("type", "cursor_time").answer(&emulator).await;
        assert_eq!(got.json(), serde_json::json!({"cursor_time": NOW + index}));
    }
}

#[tokio::test]
async fn requests_are_recorded_with_their_decoded_query() {
    let emulator = world().await;
    Ask::pull(0).until(5).answer(&emulator).await;
    let [recorded] = &emulator.requests()[..] else { panic!("one request") };
    assert_eq!((recorded.host.as_str(), recorded.path.as_str()), ("demo-project.127.0.0.1", SHARD_0));
    assert_eq!(recorded.parameter("end_cursor"), Some(cursor::encode(SEED + 5).as_str()));
    assert_eq!((recorded.operation, recorded.status), (Some(Operation::PullLogs), Some(200)));
    emulator.clear_requests();
    assert!(emulator.requests().is_empty());
}
