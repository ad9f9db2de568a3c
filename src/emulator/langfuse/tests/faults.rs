//! Scripted faults, the front end, and what is remembered of requests.

use std::time::Duration;

use super::*;

async fn attempt(emulator: &LangfuseEmulator) -> Result<(u16, String), ()> {
    let body = request(vec![span(vec![])]).encode_to_vec();
    let request =
        client().post(format!("{}{OTLP_PATH}", emulator.base_url())).header("authorization", basic()).header(PROTOBUF.0, PROTOBUF.1);
    let response = request.body(body).send().await.map_err(|_| ())?;
    let status = response.status().as_u16();
    Ok((status, response.text().await.map_err(|_| ())?))
}

#[tokio::test]
async fn faults_apply_one_after_the_other_and_then_no_more() {
    let emulator = started(LangfuseWorld::default()).await;
    emulator.script([
        Fault::status(503),
        Fault::HtmlLogin200,
        Fault::EmptyBody200,
        Fault::HalfJson200,
        Fault::Redirect("https://elsewhere/".into()),
    ]);
    assert_eq!(attempt(&emulator).await, Ok((503, r#"{"message":"Service Unavailable"}"#.into())));
    assert_eq!(attempt(&emulator).await.map(|(status, body)| (status, body.starts_with("<!DOCTYPE html>"))), Ok((200, true)));
    assert_eq!(attempt(&emulator).await, Ok((200, String::new())));
    assert_eq!(attempt(&emulator).await, Ok((200, r#"{"succ"#.into())));
    assert_eq!(attempt(&emulator).await.map(|(status, _)| status), Ok(307));
    assert_eq!(emulator.arrivals(), vec![]);
    assert_eq!(attempt(&emulator).await.map(|(status, _)| status), Ok(200));
    let seen: Vec<_> = emulator.requests().into_iter().map(|request| (request.status, request.faulted, request.items)).collect();
    let expected = [
        (Some(503), true, 1),
        (Some(200), true, 1),
        (Some(200), true, 1),
        (Some(200), true, 1),
        (Some(307), true, 1),
        (Some(200), false, 1),
    ];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_spoiled_answer_may_come_after_storing() {
    let emulator = started(LangfuseWorld::default()).await;
    let drip = Fault::Drip { piece: 60, pause: Duration::from_millis(1) };
    let faults = [Fault::Reset, Fault::ResetAfterStoring, Fault::Cut(5), drip, Fault::Delay(Duration::from_millis(1))];
    emulator.script(faults);
    for (works, stored) in [(false, 0), (false, 1), (false, 2), (true, 3), (true, 4)] {
        assert_eq!((attempt(&emulator).await.is_ok(), emulator.arrivals().len()), (works, stored));
    }
    let statuses: Vec<_> = emulator.requests().into_iter().map(|request| request.status).collect();
    assert_eq!(statuses, [None, None, Some(200), Some(200), Some(200)]);
    assert_eq!(emulator.observations()[0].arrivals, 4);
}

#[tokio::test]
async fn a_request_that_hangs_is_not_stored() {
    let emulator = started(LangfuseWorld::default()).await;
    emulator.script([Fault::Hang(Duration::from_millis(1))]);
    assert_eq!((attempt(&emulator).await, emulator.arrivals().len()), (Err(()), 0));
}

#[tokio::test]
async fn arrivals_are_taken_out_once_and_the_tables_are_empty_then() {
    let emulator = started(LangfuseWorld::default()).await;
    attempt(&emulator).await.unwrap();
    attempt(&emulator).await.unwrap();
    assert_eq!(emulator.take_arrivals().len(), 2);
    assert_eq!((emulator.take_arrivals(), emulator.observations(), emulator.requests()), (vec![], vec![], vec![]));
    attempt(&emulator).await.unwrap();
    assert_eq!((emulator.take_arrivals().len(), emulator.requests().len()), (1, 0));
}

#[tokio::test]
async fn rate_limits_speak_json_since_3_170() {
    let emulator = started(LangfuseWorld::default()).await;
    for (version, json) in [("4.16.0", true), ("3.169.0", false)] {
        emulator.set_version(v(version));
        emulator.script([Fault::RateLimited { retry_after: 17 }]);
        let url = format!("{}{BATCH_PATH}", emulator.base_url());
        let response = client().post(url).send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.headers()["retry-after"].to_str().unwrap()), (429, "17"));
        assert_eq!(serde_json::from_str::<Value>(&response.text().await.unwrap()).is_ok(), json, "{version}");
    }
}

#[tokio::test]
async fn a_poisonous_span_is_refused_for_good_and_others_are_not() {
    let emulator = started(LangfuseWorld::default()).await;
    emulator.refuse_when(When::span(SPAN), Fault::status(500));
    emulator.refuse_when(When::text("needle"), Fault::answer(403, "text/html", "blocked"));
    let other = |attributes| Span { span_id: vec![7; 8], ..span(attributes) };
    for _ in 0..2 {
        assert_eq!(send(&emulator, &request(vec![other(vec![]), span(vec![])])).await.0, 500);
        assert_eq!(send(&emulator, &request(vec![other(vec![text("k", "a needle in hay")])])).await.0, 403);
        let body = gzipped(&request(vec![span(vec![])]).encode_to_vec());
        assert_eq!(post(&emulator, OTLP_PATH, &[PROTOBUF, ("content-encoding", "gzip")], body).await.0, 500);
        assert_eq!(send_json(&emulator, &json!([{"traceId": TRACE, "spanId": SPAN}])).await.0, 500);
        assert_eq!(batch(&emulator, &[event("span-create", &json!({"id": SPAN}))]).await.0, 500);
        assert_eq!(send(&emulator, &request(vec![other(vec![])])).await.0, 200);
    }
    emulator.clear_script();
    assert_eq!(send(&emulator, &request(vec![span(vec![])])).await.0, 200);
}

#[tokio::test]
async fn a_condition_and_a_count_choose_the_requests() {
    let emulator = started(LangfuseWorld::default()).await;
    emulator.script_when(When::path("/api/public/health"), 2, Fault::status(502));
    emulator.script_when(When::new(|incoming| incoming.header("x-odd").is_some()), 1, Fault::status(418));
    let statuses = [get(&emulator, "/api/public/health").await.0, get(&emulator, "/api/public/health").await.0];
    assert_eq!((statuses, get(&emulator, "/api/public/health").await.0), ([502, 502], 200));
    assert_eq!(send(&emulator, &request(vec![])).await.0, 200);
    assert_eq!(post(&emulator, OTLP_PATH, &[PROTOBUF, ("x-odd", "1")], vec![]).await.0, 418);
}

#[tokio::test]
async fn the_front_end_refuses_large_bodies_with_a_page() {
    let emulator = started(LangfuseWorld { body_limit: Some(100), ..LangfuseWorld::default() }).await;
    assert_eq!(post(&emulator, OTLP_PATH, &[PROTOBUF], vec![0; 100]).await.0, 400);
    let (status, body) = post(&emulator, OTLP_PATH, &[PROTOBUF], vec![0; 101]).await;
    assert_eq!((status, body.starts_with("<!DOCTYPE html>")), (413, true));
}

#[tokio::test]
async fn remembers_requests_without_their_keys() {
    let emulator = started(LangfuseWorld::default()).await;
    let plain = request(vec![span(vec![]), Span { span_id: vec![1; 8], ..span(vec![]) }]).encode_to_vec();
    let wire = gzipped(&plain);
    let headers = [PROTOBUF, DIRECT, ("content-encoding", "gzip"), ("x-langfuse-sdk-name", "sls-to-langfuse")];
    post(&emulator, &format!("{OTLP_PATH}?a=b"), &headers, wire.clone()).await;
    let request = emulator.requests().remove(0);
    assert_eq!((request.method.as_str(), request.path.as_str(), request.query.as_str()), ("POST", OTLP_PATH, "a=b"));
    assert_eq!((request.wire_bytes, request.decoded_bytes, request.items), (wire.len(), plain.len(), 2));
    assert_eq!((request.decoded.as_ref(), request.status, request.faulted), (plain.as_slice(), Some(200), false));
    let shown = ["content-type", "content-encoding", "x-langfuse-ingestion-version", "x-langfuse-sdk-name", "authorization"]
        .map(|name| request.header(name));
    assert_eq!(shown, [Some("application/x-protobuf"), Some("gzip"), Some("4"), Some("sls-to-langfuse"), Some("[hidden]")]);
    assert!(!format!("{emulator:?}").contains(LangfuseWorld::SECRET_KEY));
    emulator.change(|world| world.keep_bodies = false);
    post(&emulator, OTLP_PATH, &headers, wire).await;
    assert_eq!(emulator.requests()[1].decoded.len(), 0);
}

#[tokio::test]
async fn the_port_closes_with_the_last_handle() {
    let emulator = started(LangfuseWorld::default()).await;
    let (clone, address) = (emulator.clone(), emulator.address());
    drop(emulator);
    assert_eq!(get(&clone, "/api/public/health").await.0, 200);
    drop(clone);
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}
