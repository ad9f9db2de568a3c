//! The batch API: bodies, envelopes, events, and what becomes of them.

use super::*;

async fn legacy() -> LangfuseEmulator {
    of("3.214.0", WriteMode::Legacy).await
}

#[tokio::test]
async fn answers_each_malformed_body_as_the_server_does() {
    let emulator = legacy().await;
    let whole = json!({"batch": []}).to_string().into_bytes();
    let envelope = r#"{"errors":["Invalid input: expected array, received undefined"],"message":"Invalid request data"}"#.to_owned();
    let empty = r#"{"errors":[],"successes":[]}"#.to_owned();
    let full = |length: usize| format!("{{\"batch\":[],\"metadata\":\"{}\"}}", "x".repeat(length - 26)).into_bytes();
    let cases: Vec<Exchange<'_>> = vec![
        (&[JSON], whole.clone(), 207, empty.clone()),
        (&[("content-type", "application/ld+json")], whole.clone(), 207, empty.clone()),
        (&[("content-type", "application/json; charset=utf-8")], whole.clone(), 207, empty.clone()),
        (&[("content-type", "text/plain")], whole.clone(), 400, envelope.clone()),
        (&[], whole.clone(), 400, envelope.clone()),
        (&[JSON], vec![], 400, envelope.clone()),
        (&[JSON], b"[]".to_vec(), 400, envelope.clone()),
        (&[JSON], br#"{"batch":{}}"#.to_vec(), 400, envelope),
        (&[JSON], b"{".to_vec(), 400, "Invalid JSON".into()),
        (&[JSON, ("content-encoding", "gzip")], gzipped(&whole), 400, "Invalid JSON".into()),
        (&[JSON], full(BATCH_MAX_BODY), 207, empty),
        (&[JSON], full(BATCH_MAX_BODY + 1), 413, "Body exceeded 4.5mb limit".into()),
        (&[JSON, ("authorization", "")], b"{".to_vec(), 400, "Invalid JSON".into()),
        (&[JSON, ("authorization", "")], whole, 401, r#"{"error":"UnauthorizedError","message":"No authorization header"}"#.into()),
    ];
    for (headers, body, status, answer) in cases {
        let shown = String::from_utf8_lossy(&body).chars().take(80).collect::<String>();
        assert_eq!(post(&emulator, BATCH_PATH, headers, body).await, (status, answer), "{headers:?} {shown}");
    }
}

#[tokio::test]
async fn refuses_single_events_by_the_body_rules() {
    let emulator = legacy().await;
    let body = |extra: &Value| {
        let mut body = json!({"id": "o", "traceId": "t"});
        extra.as_object().unwrap().iter().for_each(|(key, value)| body[key] = value.clone());
        body
    };
    let refused = [
        ("generation-create", json!({"id": ""})),
        ("generation-create", json!({"id": "a\rb"})),
        ("generation-create", json!({"id": "x".repeat(801)})),
        ("generation-create", json!({"id": null})),
        ("generation-create", json!({"startTime": "2025-05-22T12:00:00"})),
        ("generation-create", json!({"startTime": 1_747_915_200_000_i64})),
        ("generation-create", json!({"completionStartTime": "2025-05-22 12:00:00Z"})),
        ("generation-create", json!({"level": "warn"})),
        ("generation-create", json!({"name": 5})),
        ("generation-create", json!({"statusMessage": 5})),
        ("generation-create", json!({"modelParameters": {"response_format": {"schema": {}}}})),
        ("generation-create", json!({"modelParameters": {"logit_bias": {"1": 5}}})),
        ("generation-create", json!({"modelParameters": {"tools": [{}]}})),
        ("generation-create", json!({"usage": {"input": 0.5}})),
        ("generation-create", json!({"usage": {"unit": "WORDS"}})),
        ("generation-create", json!({"usageDetails": "x"})),
        ("generation-create", json!({"promptName": "p"})),
        ("generation-create", json!({"promptVersion": 1})),
        ("generation-create", json!({"promptName": "p", "promptVersion": "1"})),
        ("trace-create", json!({"name": "n".repeat(1001)})),
        ("trace-create", json!({"tags": "a"})),
        ("trace-create", json!({"tags": [1]})),
        ("trace-create", json!({"public": "true"})),
        ("trace-create", json!({"userId": 5})),
        ("trace-create", json!({"environment": null})),
        ("agent-update", json!({})),
        ("nothing-create", json!({})),
        ("score-create", json!({"name": "", "value": 1})),
    ];
    for (kind, extra) in refused {
        let (status, answer) = batch(&emulator, &[event(kind, &body(&extra))]).await;
        assert_eq!((status, &answer["successes"]), (207, &json!([])), "{kind} {extra}");
        assert_eq!((&answer["errors"][0]["id"], &answer["errors"][0]["status"]), (&json!("envelope"), &json!(400)), "{kind} {extra}");
        let issues: Value = serde_json::from_str(answer["errors"][0]["error"].as_str().unwrap()).unwrap();
        assert_eq!(issues.as_array().map(Vec::len), Some(1), "{kind} {extra}: {issues}");
    }
    let accepted = [
        ("generation-create", json!({"modelParameters": {"stop": ["a"], "map": {"a": "b"}, "none": null, "flag": true, "number": 0.5}})),
        (
            "generation-create",
            json!({"usageDetails": {"input": 0.5, "nested": {}}, "costDetails": {"a": "b"}, "name": null, "level": null}),
        ),
        ("generation-create", json!({"promptName": "p", "promptVersion": 1, "unknown": {}})),
        ("span-create", json!({"completionStartTime": 5, "model": 5})),
        ("event-create", json!({"endTime": 5})),
        ("agent-create", json!({"model": "m"})),
        ("trace-create", json!({"environment": "Langfuse Prod", "tags": ["a"], "public": true})),
        ("score-create", json!({"name": "s", "value": 1})),
        ("observation-update", json!({"type": "SPAN"})),
    ];
    for (kind, extra) in accepted {
        let answer = batch(&emulator, &[event(kind, &body(&extra))]).await.1;
        assert_eq!(answer, json!({"successes": [{"id": "envelope", "status": 201}], "errors": []}), "{kind} {extra}");
    }
}

#[tokio::test]
async fn envelopes_are_checked_and_unreadable_ids_reported_as_unknown() {
    let emulator = legacy().await;
    let good = event("span-create", &json!({"id": "o", "traceId": "t"}));
    let with = |key: &str, value: Value| {
        let mut event = good.clone();
        event[key] = value;
        event
    };
    let cases = [
        (json!(null), "unknown"),
        (json!("text"), "unknown"),
        (with("id", json!(5)), "unknown"),
        (with("id", json!("")), ""),
        (with("timestamp", json!("2025-05-22T12:00:00")), "envelope"),
        (with("timestamp", json!(5)), "envelope"),
        (with("type", json!(null)), "envelope"),
        (with("body", json!([])), "envelope"),
    ];
    for (event, id) in cases {
        let answer = batch(&emulator, std::slice::from_ref(&event)).await.1;
        assert_eq!((&answer["errors"][0]["id"], &answer["errors"][0]["status"]), (&json!(id), &json!(400)), "{event}");
    }
    let log = event("sdk-log", &json!({"log": "x"}));
    let answer = batch(&emulator, &[log, with("id", json!("second")), with("timestamp", json!("2025-05-22T11:00:00+00:00"))]).await.1;
    let expected = json!({"successes": [{"id": "envelope", "status": 201}, {"id": "second", "status": 201}], "errors": []});
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn stores_an_observation_by_the_shared_rules() {
    let emulator = legacy().await;
    let generation = event(
        "generation-create",
        &json!({"id": "g", "traceId": "t", "startTime": "2025-05-22T12:00:00.5Z", "endTime": "2025-05-22T12:00:02Z", "model": "m",
            "completionStartTime": "2025-05-22T12:00:01Z", "parentObservationId": "p", "input": {"a": 1}, "output": "o", "level": "ERROR",
            "usage": {"promptTokens": 7, "total": 9}, "usageDetails": {"output": 2}, "costDetails": {"input": 1}, "metadata": [1], "version": "v"}),
    );
    batch(&emulator, &[generation]).await;
    let row = emulator.observations().remove(0);
    assert_eq!((row.span_id.as_str(), row.trace_id.as_str(), row.parent_span_id.as_deref()), ("g", "t", Some("p")));
    assert_eq!((row.start_ms, row.end_ms, row.completion_start_ms), (NOON_MS + 500, Some(NOON_MS + 2000), Some(NOON_MS + 1000)));
    assert_eq!((row.input.as_deref(), row.output.as_deref(), row.level), (Some(r#"{"a":1}"#), Some("o"), Level::Error));
    assert_eq!(json!(row.usage_details), json!({"input": 7, "output": 2, "total": 9}));
    assert_eq!((json!(row.cost_details), json!(row.metadata)), (json!({"input": 1.0, "total": 1.0}), json!({"metadata": "[1]"})));
    assert_eq!((row.user_id, emulator.old_traces()), (None, vec![]), "no trace row comes of an observation");
}

#[tokio::test]
async fn traces_need_their_own_event_with_an_id() {
    let emulator = legacy().await;
    let trace = |body: &Value| event("trace-create", body);
    let answer = batch(&emulator, &[trace(&json!({"name": "n"}))]).await.1;
    assert_eq!(answer["successes"], json!([{"id": "envelope", "status": 201}]));
    assert_eq!((emulator.old_traces(), reasons(&emulator)), (vec![], vec![(LostReason::TraceWithoutId, 1)]));
    batch(&emulator, &[trace(&json!({"id": "t", "name": "n", "userId": "u", "environment": "e", "timestamp": "2025-05-22T11:00:00Z"}))])
        .await;
    batch(&emulator, &[event("span-create", &json!({"id": "s", "traceId": "t"}))]).await;
    let row = emulator.old_traces().remove(0);
    assert_eq!((row.timestamp_ms, row.name.as_deref(), row.environment.as_str()), (NOON_MS - 3_600_000, Some("n"), "e"));
    assert_eq!(emulator.observations()[0].user_id.as_deref(), Some("u"));
}

#[tokio::test]
async fn events_about_one_observation_merge_in_the_order_of_their_timestamps() {
    let emulator = legacy().await;
    let at = |id: &str, kind: &str, time: &str, body: &Value| {
        let mut event = event(kind, body);
        event["id"] = json!(id);
        event["timestamp"] = json!(format!("2025-05-22T12:00:0{time}Z"));
        event
    };
    let update = at("u", "generation-update", "1", &json!({"id": "g", "traceId": "t", "output": "done", "metadata": {"b": 2}}));
    let create =
        at("c", "generation-create", "2", &json!({"id": "g", "traceId": "t", "output": "begun", "input": "in", "metadata": {"a": 1}}));
    let empty = at("e", "generation-update", "3", &json!({"id": "g", "output": "", "input": 0}));
    for event in [update, create.clone(), create.clone(), empty] {
        batch(&emulator, &[event]).await;
    }
    let row = emulator.observations().remove(0);
    assert_eq!((row.input.as_deref(), row.output.as_deref(), row.arrivals), (Some("in"), Some("done"), 4));
    assert_eq!((row.start_ms, json!(row.metadata)), (NOON_MS + 2000, json!({"a": "1", "b": "2"})));
    let moved = at("m", "generation-update", "4", &json!({"id": "g", "startTime": "2025-05-23T12:00:00Z"}));
    batch(&emulator, &[moved]).await;
    assert_eq!(emulator.observations().len(), 1);
    batch(&emulator, &[at("x", "span-create", "5", &json!({"id": "g", "traceId": "t"}))]).await;
    assert_eq!(emulator.observations().len(), 2, "a changed type makes a second row");
}

#[tokio::test]
async fn events_only_refuses_every_observation_and_names_the_mode() {
    let emulator = started(LangfuseWorld::default()).await;
    let score = event("score-create", &json!({"name": "s", "value": 1}));
    let mut numbered = event("trace-create", &json!({"id": "t"}));
    numbered["id"] = json!(7);
    let events = [event("generation-create", &json!({"id": "g"})), score, numbered, event("sdk-log", &json!({"log": 1}))];
    let (status, answer) = batch(&emulator, &events).await;
    assert_eq!((status, &answer["successes"]), (207, &json!([{"id": "envelope", "status": 201}])));
    let text =
        r#"Event type "generation-create" is not accepted by /api/public/ingestion when LANGFUSE_MIGRATION_V4_WRITE_MODE is events_only."#;
    assert_eq!(answer["errors"][0], json!({"id": "envelope", "status": 400, "message": "Event type not accepted", "error": text}));
    assert_eq!((&answer["errors"][1]["id"], answer["errors"].as_array().map(Vec::len)), (&json!("unknown"), Some(2)));
    assert_eq!(emulator.arrivals(), vec![]);
}

#[tokio::test]
async fn a_public_key_alone_writes_scores_only() {
    let emulator = legacy().await;
    let events = json!({"batch": [event("span-create", &json!({"id": "s"})), event("score-create", &json!({"name": "s", "value": "x"}))]});
    let headers = [JSON, ("authorization", "Bearer pk-lf-emulator")];
    let (status, body) = post(&emulator, BATCH_PATH, &headers, events.to_string()).await;
    let error = json!({"id": "envelope", "status": 401, "message": "Authentication error", "error": "Access Scope Denied"});
    let expected = json!({"successes": [{"id": "envelope", "status": 201}], "errors": [error]});
    assert_eq!((status, serde_json::from_str::<Value>(&body).unwrap()), (207, expected));
}

#[tokio::test]
async fn agents_and_forgiving_usage_come_with_later_releases() {
    let emulator = of("3.98.1", WriteMode::Legacy).await;
    let agent = event("agent-create", &json!({"id": "a", "traceId": "t"}));
    assert_eq!(batch(&emulator, std::slice::from_ref(&agent)).await.1["errors"][0]["status"], json!(400));
    let half = event("generation-create", &json!({"id": "g", "traceId": "t", "usageDetails": {"input": 0.5}}));
    assert_eq!(batch(&emulator, std::slice::from_ref(&half)).await.1["errors"][0]["status"], json!(400));
    emulator.set_version(v("3.138.0"));
    assert_eq!(batch(&emulator, &[agent, half]).await.1["successes"].as_array().map(Vec::len), Some(2));
}
