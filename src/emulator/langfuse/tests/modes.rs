//! Write modes, second deliveries, health, and reading back.

use super::*;

fn at(ms: i64, attributes: Vec<KeyValue>) -> Span {
    let start = (NOON_MS + ms) as u64 * 1_000_000;
    Span { start_time_unix_nano: start, end_time_unix_nano: start, ..span(attributes) }
}

async fn after(emulator: &LangfuseEmulator, spans: Vec<Span>) -> Vec<(i64, &'static str, u32)> {
    for span in spans {
        assert_eq!(send(emulator, &request(vec![span])).await.0, 200);
    }
    let rows = emulator.observations();
    rows.into_iter().map(|row| (row.start_ms - NOON_MS, row.observation_type.as_str(), row.arrivals)).collect()
}

#[tokio::test]
async fn second_deliveries_follow_the_keys_of_each_table() {
    let generation = || vec![text("langfuse.observation.type", "generation")];
    let cases = [
        (vec![at(0, vec![]), at(0, vec![])], vec![(0, "SPAN", 2)], vec![(0, "SPAN", 2)]),
        (vec![at(0, vec![]), at(5, vec![])], vec![(0, "SPAN", 1), (5, "SPAN", 1)], vec![(5, "SPAN", 2)]),
        (vec![at(5, vec![]), at(0, vec![])], vec![(5, "SPAN", 1), (0, "SPAN", 1)], vec![(5, "SPAN", 2)]),
        (vec![at(0, vec![]), at(0, generation())], vec![(0, "GENERATION", 2)], vec![(0, "SPAN", 1), (0, "GENERATION", 1)]),
    ];
    for (spans, direct, old) in cases {
        assert_eq!(after(&of("4.16.0", WriteMode::EventsOnly).await, spans.clone()).await, direct);
        assert_eq!(after(&of("3.214.0", WriteMode::Legacy).await, spans).await, old);
    }
}

#[tokio::test]
async fn a_repeat_doubles_v4_reads_until_the_database_merges() {
    let emulator = started(LangfuseWorld::default()).await;
    let once = request(vec![span(vec![])]);
    send(&emulator, &once).await;
    assert_eq!(emulator.duplicates(), vec![]);
    send(&emulator, &once).await;
    assert_eq!((emulator.unmerged().len(), emulator.arrivals().len(), emulator.duplicates().len()), (2, 2, 1));
    let path = format!("/api/public/v2/observations?traceId={TRACE}");
    assert_eq!(get(&emulator, &path).await.1["data"].as_array().map(Vec::len), Some(2));
    emulator.merge();
    assert_eq!(get(&emulator, &path).await.1["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_dual_server_feeds_events_full_at_once_only_with_the_header() {
    let emulator = of("4.16.0", WriteMode::Dual).await;
    let body = request(vec![span(vec![])]).encode_to_vec();
    post(&emulator, OTLP_PATH, &[PROTOBUF], body.clone()).await;
    assert_eq!((emulator.table(Table::Observations).len(), emulator.table(Table::EventsFull).len()), (1, 0));
    emulator.propagate();
    let rows = emulator.table(Table::EventsFull);
    let shown: Vec<_> = rows.iter().map(|row| (row.span_id.clone(), row.parent_span_id.clone())).collect();
    let root = format!("t-{TRACE}");
    assert_eq!(shown, [(root.clone(), None), (SPAN.to_owned(), Some(root))]);
    emulator.clear();
    for headers in [[DIRECT, ("x-langfuse-sdk-name", "other")], [("x-langfuse-sdk-name", "python"), ("x-langfuse-sdk-version", "4.0.0")]] {
        emulator.clear();
        post(&emulator, OTLP_PATH, &[PROTOBUF, headers[0], headers[1]], body.clone()).await;
        assert_eq!((emulator.table(Table::Observations).len(), emulator.table(Table::EventsFull).len()), (1, 1), "{headers:?}");
        assert_eq!(emulator.arrivals().len(), 1);
    }
}

#[tokio::test]
async fn the_old_tables_drop_what_v4_stores() {
    let drops = [
        (text("langfuse.observation.completion_start_time", "2025-05-22T12:00:01"), LostReason::CompletionStartTime),
        (text("langfuse.observation.prompt.name", "p"), LostReason::PromptLink),
    ];
    for (attribute, reason) in drops {
        let spans = request(vec![span(vec![text("model", "m"), attribute])]);
        let direct = of("4.16.0", WriteMode::EventsOnly).await;
        send(&direct, &spans).await;
        assert_eq!((direct.observations().len(), direct.lost()), (1, vec![]));
        let legacy = of("4.16.0", WriteMode::Legacy).await;
        assert_eq!(send(&legacy, &spans).await.0, 200);
        let lost = Lost { project: LangfuseWorld::PROJECT.into(), reason, observations: 1, id: Some(SPAN.into()) };
        assert_eq!((legacy.observations().len(), legacy.lost()), (0, vec![lost]));
    }
}

#[tokio::test]
async fn a_joined_span_changes_an_old_trace_only_through_trace_attributes() {
    let emulator = of("3.214.0", WriteMode::Legacy).await;
    let root = span(vec![text("langfuse.trace.name", "app"), text("langfuse.user.id", "alice"), text("langfuse.observation.input", "in")]);
    let joined = |attributes| Span { span_id: vec![9; 8], parent_span_id: bytes(SPAN), ..at(100, attributes) };
    send(&emulator, &request(vec![root])).await;
    send(&emulator, &request(vec![joined(vec![text("langfuse.observation.input", "other")])])).await;
    let trace = emulator.trace(LangfuseWorld::PROJECT, TRACE).unwrap();
    assert_eq!((trace.name.as_deref(), trace.user_id.as_deref(), trace.input.as_deref()), (Some("app"), Some("alice"), Some("in")));
    send(&emulator, &request(vec![joined(vec![text("user.id", "bob")])])).await;
    let trace = emulator.trace(LangfuseWorld::PROJECT, TRACE).unwrap();
    assert_eq!((trace.name.as_deref(), trace.user_id.as_deref(), trace.input.as_deref()), (Some("app"), Some("bob"), Some("in")));
}

#[tokio::test]
async fn keys_lead_to_their_projects() {
    let keys = vec![ProjectKey::new("pk-1", "sk-1", "one"), ProjectKey::new("pk-2", "sk-2", "two")];
    let emulator = started(LangfuseWorld { keys, ..LangfuseWorld::default() }).await;
    let header = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode("pk-2:sk-2"));
    let body = request(vec![span(vec![])]).encode_to_vec();
    assert_eq!(post(&emulator, OTLP_PATH, &[PROTOBUF, ("authorization", &header)], body).await.0, 200);
    assert_eq!((emulator.observations_of("one").len(), emulator.observations_of("two").len()), (0, 1));
    let response =
        client().get(format!("{}/api/public/projects", emulator.base_url())).header("authorization", header).send().await.unwrap();
    let organization = r#"{"id":"organization-emulator","name":"organization-emulator"}"#;
    let project = format!(r#"{{"data":[{{"id":"two","metadata":{{}},"name":"two","organization":{organization}}}]}}"#);
    assert_eq!(response.text().await.unwrap(), project);
}

#[tokio::test]
async fn health_can_tell_the_truth_lie_or_be_closed() {
    let emulator = started(LangfuseWorld::default()).await;
    let cases = [
        (Health::Open, (200, json!({"status": "OK", "version": "4.16.0"}))),
        (Health::Reports("3.1.0".into()), (200, json!({"status": "OK", "version": "3.1.0"}))),
        (Health::NotFound, (404, json!({"message": "Not found", "error": "NotFoundError"}))),
        (Health::Unauthorized, (401, json!({"message": "Unauthorized"}))),
        (Health::Page, (200, Value::Null)),
        (Health::Unavailable, (503, json!({"status": "Database not available", "version": "4.16.0"}))),
    ];
    for (health, answer) in cases {
        emulator.change(|world| world.health = health.clone());
        assert_eq!(get(&emulator, "/api/public/health").await, answer, "{health:?}");
    }
    assert_eq!(get(&emulator, "/api/public/ready").await.0, 200);
}

#[tokio::test]
async fn reads_back_by_mode() {
    let emulator = of("4.16.0", WriteMode::Dual).await;
    let attributes = vec![text("model", "m"), text("langfuse.observation.usage_details", r#"{"input":1}"#), text("user.id", "u")];
    send(&emulator, &request(vec![span(attributes)])).await;
    let (v1_list, v1_trace) = (format!("/api/public/observations?traceId={TRACE}"), format!("/api/public/traces/{TRACE}"));
    let v2 = format!("/api/public/v2/observations?traceId={TRACE}&fields=basic,usage,model");
    let expected = json!({"data": [{
        "id": SPAN, "traceId": TRACE, "startTime": "2025-05-22T12:00:00.000Z", "endTime": "2025-05-22T12:00:02.500Z",
        "projectId": LangfuseWorld::PROJECT, "parentObservationId": null, "type": "GENERATION",
        "name": "chat", "level": "DEFAULT", "statusMessage": null, "version": null, "environment": "default", "bookmarked": false,
        "public": false, "userId": "u", "sessionId": null, "isRootObservation": true,
        "usageDetails": {"input": 1, "total": 1}, "costDetails": {}, "totalCost": null, "providedModelName": "m", "modelParameters": {},
    }], "meta": {}});
    assert_eq!(get(&emulator, &v2).await, (200, expected));
    let (status, list) = get(&emulator, &v1_list).await;
    assert_eq!((status, &list["data"][0]["model"], &list["meta"]["totalItems"]), (200, &json!("m"), &json!(1)));
    let (status, trace) = get(&emulator, &v1_trace).await;
    assert_eq!((status, &trace["userId"], trace["observations"].as_array().map(Vec::len)), (200, &json!("u"), Some(1)));
    assert_eq!(get(&emulator, "/api/public/traces/none").await.0, 404);
    emulator.set_mode(WriteMode::EventsOnly);
    assert_eq!((get(&emulator, &v1_list).await.0, get(&emulator, &v1_trace).await.0, get(&emulator, &v2).await.0), (404, 404, 200));
    emulator.set_mode(WriteMode::Legacy);
    assert_eq!(get(&emulator, &v2).await.0, 404);
    assert_eq!(client().get(format!("{}{v1_trace}", emulator.base_url())).send().await.unwrap().status(), 401);
}
