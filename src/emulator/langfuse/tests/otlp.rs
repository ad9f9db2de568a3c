//! The OTLP endpoint: what is refused, what is stored, what is lost.

use super::*;

#[tokio::test]
async fn stores_a_generation_with_everything_that_was_said_about_it() {
    let emulator = started(LangfuseWorld::default()).await;
    let tags = ArrayValue { values: vec![AnyValue { value: Some(any_value::Value::StringValue("a".into())) }] };
    let attributes = vec![
        text("langfuse.observation.type", "generation"),
        text("langfuse.observation.level", "WARNING"),
        text("langfuse.observation.status_message", "slow"),
        text("langfuse.observation.input", r#"[{"role":"user","content":"hi"}]"#),
        text("langfuse.observation.output", r#"{"role":"assistant"}"#),
        text("langfuse.observation.model.name", "qwen-max"),
        text("langfuse.observation.model.parameters", r#"{"temperature":0.5,"stream":true,"stop":null}"#),
        text("langfuse.observation.usage_details", r#"{"input":10,"output":5,"total":15}"#),
        text("langfuse.observation.cost_details", r#"{"input":0.25,"output":0.5,"total":0.75}"#),
        text("langfuse.observation.completion_start_time", "2025-05-22T12:00:01.500Z"),
        text("langfuse.observation.metadata.request_id", "r-1"),
        text("langfuse.trace.name", "Trace"),
        KeyValue { key: "langfuse.trace.tags".into(), value: Some(AnyValue { value: Some(any_value::Value::ArrayValue(tags)) }) },
        text("langfuse.user.id", "user"),
        text("langfuse.session.id", "session"),
        text("langfuse.environment", "Prod"),
        text("langfuse.release", "r1"),
        text("langfuse.version", "v1"),
    ];
    assert_eq!(send(&emulator, &request(vec![span(attributes)])).await.0, 200);
    let row = emulator.observations().remove(0);
    let ids = (row.project.as_str(), row.trace_id.as_str(), row.span_id.as_str(), row.parent_span_id.as_deref());
    assert_eq!(ids, (LangfuseWorld::PROJECT, TRACE, SPAN, None));
    assert_eq!((row.observation_type, row.level, row.name.as_deref()), (ObservationType::Generation, Level::Warning, Some("chat")));
    assert_eq!((row.start_ms, row.end_ms, row.completion_start_ms), (NOON_MS, Some(NOON_MS + 2500), Some(NOON_MS + 1500)));
    assert_eq!((row.status_message.as_deref(), row.model.as_deref()), (Some("slow"), Some("qwen-max")));
    assert_eq!(json!(row.model_parameters), json!({"temperature": 0.5, "stream": "true", "stop": "null"}));
    assert_eq!(json!(row.usage_details), json!({"input": 10, "output": 5, "total": 15}));
    assert_eq!(json!(row.cost_details), json!({"input": 0.25, "output": 0.5, "total": 0.75}));
    assert_eq!(row.input.as_deref(), Some(r#"[{"role":"user","content":"hi"}]"#));
    assert_eq!(row.output.as_deref(), Some(r#"{"role":"assistant"}"#));
    assert_eq!(
        (row.metadata.get("request_id").map(String::as_str), row.metadata.get("scope.name").map(String::as_str)),
        (Some("r-1"), Some("gateway"))
    );
    assert_eq!(row.metadata.get("attributes.langfuse.observation.model.name").map(String::as_str), Some("qwen-max"));
    assert_eq!(row.metadata.get("attributes.langfuse.observation.input"), None);
    assert_eq!(
        (row.user_id.as_deref(), row.session_id.as_deref(), row.trace_name.as_deref()),
        (Some("user"), Some("session"), Some("Trace"))
    );
    assert_eq!(
        (row.tags, row.environment.as_str(), row.release.as_deref(), row.version.as_deref()),
        (vec!["a".into()], "prod", Some("r1"), Some("v1"))
    );
    assert_eq!((row.public, row.arrivals, emulator.lost()), (false, 1, vec![]));
}

#[tokio::test]
async fn answers_each_malformed_request_as_the_server_does() {
    let emulator = started(LangfuseWorld::default()).await;
    let whole = request(vec![span(vec![])]).encode_to_vec();
    let json_whole = json!({"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": TRACE, "spanId": SPAN}]}]}]}).to_string().into_bytes();
    let unlisted = json!({"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": TRACE, "spanId": SPAN, "attributes": {}}]}]}]});
    let snake_inside =
        json!({"resourceSpans": [{"scope_spans": [{"spans": [{"traceId": TRACE, "spanId": SPAN}]}]}]}).to_string().into_bytes();
    let published = r#"{"attemptsMade":0,"data":{"name":"otel-ingestion-job"},"name":"otel-ingestion-job"}"#;
    let error = |text: &str| json!({ "error": text }).to_string();
    let unsupported = |given: &str| error(&format!("Unsupported x-langfuse-ingestion-version: \"{given}\". Maximum supported: \"4\"."));
    let refused = |reason: &str, scopes: &str| {
        error(&format!(
            "Invalid OTLP trace export: 1 of 1 span(s) cannot be processed ({reason}). No span of it was stored. Scopes: {scopes}."
        ))
    };
    let message = |text: &str| json!({ "message": text }).to_string();
    let no_id = request(vec![Span { span_id: vec![], ..span(vec![]) }]).encode_to_vec();
    let cases: Vec<Exchange<'_>> = vec![
        (&[PROTOBUF], vec![], 200, "{}".into()),
        (&[JSON], br#"{"resourceSpans":[]}"#.to_vec(), 200, "{}".into()),
        (&[JSON], br#"{"resource_spans":[{}]}"#.to_vec(), 200, "{}".into()),
        (&[JSON], b"7".to_vec(), 200, "{}".into()),
        (&[JSON], snake_inside, 200, published.into()),
        (&[JSON], b"null".to_vec(), 400, error("Failed to parse OTel JSON Trace")),
        (&[JSON], b"{".to_vec(), 400, error("Failed to parse OTel JSON Trace")),
        (&[JSON], "[".repeat(100_000).into_bytes(), 400, error("Failed to parse OTel JSON Trace")),
        (&[PROTOBUF], b"\xff\xff".to_vec(), 400, error("Failed to parse OTel Protobuf Trace")),
        (&[PROTOBUF], json_whole.clone(), 400, error("Failed to parse OTel Protobuf Trace")),
        (&[("content-type", "application/protobuf")], whole.clone(), 400, error("Invalid content type")),
        (&[], whole.clone(), 400, error("Invalid content type")),
        (&[("content-type", "Application/X-Protobuf; v=1")], whole.clone(), 200, published.into()),
        (&[("content-type", "application/json; charset=utf-8")], json_whole, 200, published.into()),
        (&[PROTOBUF, ("content-encoding", "gzip")], gzipped(&whole), 200, published.into()),
        (&[PROTOBUF, ("content-encoding", "gzip")], whole.clone(), 400, error("Failed to decompress request body")),
        (&[PROTOBUF, ("content-encoding", "deflate")], gzipped(&whole), 400, error("Failed to parse OTel Protobuf Trace")),
        (&[PROTOBUF, ("x-langfuse-ingestion-version", "5")], whole.clone(), 400, unsupported("5")),
        (&[PROTOBUF, ("x_langfuse_ingestion_version", "five")], whole.clone(), 400, unsupported("five")),
        (&[PROTOBUF, ("x-langfuse-ingestion-version", "3")], whole.clone(), 200, published.into()),
        (&[PROTOBUF, ("x-langfuse-ingestion-version", "5")], vec![], 200, "{}".into()),
        (&[PROTOBUF], no_id, 400, refused("spanId:absent", "gateway")),
        (&[JSON], unlisted.to_string().into_bytes(), 400, refused("attributes:not_an_array", "unknown")),
        (&[PROTOBUF, ("authorization", "")], whole.clone(), 401, message("No authorization header")),
        (
            &[PROTOBUF, ("authorization", "Basic cGs6c2s=")],
            whole.clone(),
            401,
            message("Invalid credentials. Confirm that you've configured the correct host."),
        ),
        (&[PROTOBUF, ("authorization", "Bearer pk-lf-emulator")], whole, 403, message("Access denied: a secret key is needed here")),
    ];
    for (headers, body, status, answer) in cases {
        let shown = String::from_utf8_lossy(&body).chars().take(80).collect::<String>();
        assert_eq!(post(&emulator, OTLP_PATH, headers, body).await, (status, answer), "{headers:?} {shown}");
    }
    let whole_requests = 4;
    assert_eq!(emulator.arrivals().len(), whole_requests);
}

#[tokio::test]
async fn other_methods_and_paths_and_a_closed_project() {
    let emulator = started(LangfuseWorld::default()).await;
    let wrong_method = json!({"message": "Method not allowed", "error": "MethodNotAllowedError"});
    assert_eq!(get(&emulator, OTLP_PATH).await, (405, wrong_method.clone()));
    assert_eq!(get(&emulator, BATCH_PATH).await, (405, wrong_method));
    assert_eq!(get(&emulator, "/api/public/nothing").await.0, 404);
    emulator.change(|world| world.suspended = true);
    let (status, body) = send(&emulator, &request(vec![])).await;
    assert_eq!((status, body.contains("ForbiddenError")), (403, true));
}

#[tokio::test]
async fn one_attribute_without_a_value_loses_the_whole_request_after_a_200() {
    for (version, mode) in [("4.16.0", WriteMode::EventsOnly), ("4.16.0", WriteMode::Dual), ("3.214.0", WriteMode::Legacy)] {
        let emulator = of(version, mode).await;
        let poisoned = span(vec![KeyValue { key: "k".into(), value: None }]);
        let other = Span { span_id: vec![1; 8], ..span(vec![]) };
        assert_eq!(send(&emulator, &request(vec![other, poisoned])).await.0, 200);
        assert_eq!((emulator.observations(), reasons(&emulator)), (vec![], vec![(LostReason::AttributeWithoutValue, 2)]));
        let empty = KeyValue { key: "k".into(), value: Some(AnyValue { value: None }) };
        assert_eq!(send(&emulator, &request(vec![span(vec![empty])])).await.0, 200);
        assert_eq!(emulator.observations().len(), 1);
    }
}

#[tokio::test]
async fn json_ids_are_literal_and_zero_parents_are_parents() {
    let emulator = started(LangfuseWorld::default()).await;
    let upper = TRACE.to_uppercase();
    let spans = json!([
        {"traceId": upper, "spanId": SPAN, "parentSpanId": "0000000000000000", "startTimeUnixNano": "1747915200000999999", "status": {"code": "STATUS_CODE_ERROR"}},
        {"traceId": TRACE, "spanId": "", "parentSpanId": "", "startTimeUnixNano": "1747915200001000000", "status": {"code": 2, "message": "m"}},
    ]);
    assert_eq!(send_json(&emulator, &spans).await.0, 200);
    let rows = emulator.observations();
    let shown: Vec<_> = rows
        .iter()
        .map(|row| (row.trace_id.as_str(), row.span_id.as_str(), row.parent_span_id.as_deref(), row.start_ms, row.level))
        .collect();
    let expected =
        [(upper.as_str(), SPAN, Some("0000000000000000"), NOON_MS, Level::Default), (TRACE, "", None, NOON_MS + 1, Level::Error)];
    assert_eq!(shown, expected);
    assert_eq!(rows[1].status_message.as_deref(), Some("m"));
}

#[tokio::test]
async fn trace_input_is_lost_in_events_full_and_kept_in_the_old_tables() {
    let attributes = || vec![text("langfuse.trace.input", "in"), text("langfuse.trace.metadata.a", "b")];
    let direct = started(LangfuseWorld::default()).await;
    send(&direct, &request(vec![span(attributes())])).await;
    assert_eq!(reasons(&direct), [(LostReason::TraceInputOutput, 0)]);
    assert_eq!(direct.trace(LangfuseWorld::PROJECT, TRACE).unwrap().input, None);
    let old = of("3.214.0", WriteMode::Legacy).await;
    send(&old, &request(vec![span(attributes())])).await;
    assert_eq!(old.trace(LangfuseWorld::PROJECT, TRACE).unwrap().input.as_deref(), Some("in"));
    assert_eq!(reasons(&old), []);
}

#[tokio::test]
async fn older_releases_have_less() {
    let whole = request(vec![span(vec![text("model", "m")])]).encode_to_vec();
    let listed = r#"{"errors":[],"successes":[{"id":"b7ad6b7169203331","status":201}]}"#;
    let emulator = of("3.21.0", WriteMode::Legacy).await;
    assert_eq!(post(&emulator, OTLP_PATH, &[PROTOBUF], whole.clone()).await.0, 404);
    emulator.set_version(v("3.22.0"));
    assert_eq!(post(&emulator, OTLP_PATH, &[PROTOBUF], whole.clone()).await, (207, listed.into()));
    assert_eq!(post(&emulator, OTLP_PATH, &[JSON], "{}").await.0, 400);
    assert_eq!(post(&emulator, OTLP_PATH, &[PROTOBUF, ("content-encoding", "gzip")], gzipped(&whole)).await.0, 400);
    assert_eq!(post(&emulator, OTLP_PATH, &[PROTOBUF, ("x-langfuse-ingestion-version", "9")], whole.clone()).await.0, 207);
    emulator.set_version(v("3.30.0"));
    assert_eq!(post(&emulator, OTLP_PATH, &[JSON], "{}").await.0, 207);
    assert_eq!(post(&emulator, OTLP_PATH, &[PROTOBUF, ("content-encoding", "gzip")], gzipped(&whole)).await.0, 207);
    emulator.set_version(v("3.38.0"));
    assert_eq!(post(&emulator, OTLP_PATH, &[PROTOBUF], whole).await.0, 200);
    emulator.set_version(v("4.3.0"));
    emulator.set_mode(WriteMode::EventsOnly);
    assert_eq!(send_json(&emulator, &json!([{"traceId": "t"}])).await.0, 200);
    assert_eq!(reasons(&emulator), [(LostReason::Malformed, 1)]);
}

#[tokio::test]
async fn langfuse_attributes_are_unknown_before_3_59() {
    let emulator = of("3.58.0", WriteMode::Legacy).await;
    let attributes =
        vec![text("langfuse.observation.type", "generation"), text("langfuse.observation.input", "in"), text("langfuse.user.id", "u")];
    send(&emulator, &request(vec![span(attributes)])).await;
    let row = emulator.observations().remove(0);
    assert_eq!((row.observation_type, row.input, row.user_id.as_deref()), (ObservationType::Span, None, Some("u")));
}
