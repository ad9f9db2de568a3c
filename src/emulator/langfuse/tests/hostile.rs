//! Whatever a peer sends, every release and mode answers and never panics.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

/// JSON made of the names that the rules look for, in places where they may not belong.
fn odd_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i128>().prop_map(|number| json!(number.to_string())),
        prop::sample::select(vec!["", "t", "generation", "9999-99-99T99:99:99Z", "2025-05-22T12:00:00Z", "[", "{\"input\":1}", "é\r"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key(), inner), 0..6).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    let names = "attributes code completionStartTime costDetails data endTime endTimeUnixNano events id intValue key level message metadata \
        modelParameters name output parentSpanId promptName resource scope scopeSpans spanId spans startTime startTimeUnixNano status \
        stringValue tags timestamp traceId type usage usageDetails value values";
    prop::sample::select(names.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
}

fn worlds() -> impl Iterator<Item = LangfuseWorld> {
    let versions = ["3.22.0", "3.100.0", "3.214.0", "4.3.0", "4.16.0"].map(v).into_iter();
    versions.flat_map(|version| {
        [WriteMode::EventsOnly, WriteMode::Dual, WriteMode::Legacy].map(|mode| LangfuseWorld { version, mode, ..LangfuseWorld::default() })
    })
}

fn statuses(path: &str, content_type: &str, body: &[u8]) -> Vec<u16> {
    let answered = |world: LangfuseWorld| {
        let request = http::Request::post(path).header("authorization", basic()).header("content-type", content_type);
        let incoming = Incoming::new(request.body(Bytes::copy_from_slice(body)).unwrap());
        let mut state = state::State::of(world);
        let (answer, ..) = state.take(&incoming);
        state.store.propagate();
        let _ = (state.store.table(Table::Observations), state.store.table(Table::EventsFull), state.store.old.traces());
        answer.status().as_u16()
    };
    worlds().map(answered).collect()
}

proptest! {
    #[test]
    fn odd_spans(span in odd_json(), attribute in odd_json()) {
        let keys = ["usage_details", "cost_details", "metadata", "model.parameters", "completion_start_time", "level", "input", "prompt.version"];
        let said = |key: &str| json!({"key": format!("langfuse.observation.{key}"), "value": {"stringValue": attribute}});
        let attributes: Vec<Value> = keys.into_iter().map(said).chain([json!({"key": "model", "value": attribute})]).collect();
        let named = json!({"traceId": "t", "spanId": "s", "startTimeUnixNano": attribute, "attributes": attributes});
        for spans in [json!([span]), json!([named]), json!([named, span])] {
            let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).to_string();
            for status in statuses(OTLP_PATH, "application/json", body.as_bytes()) {
                prop_assert!([200, 207, 400].contains(&status), "{status}");
            }
        }
    }

    #[test]
    fn odd_events(body in odd_json(), kind in prop::sample::select(vec!["trace-create", "generation-create", "span-update", "observation-create"])) {
        let mut whole = event(kind, &body);
        if let Some(map) = whole["body"].as_object_mut() {
            map.entry("id").or_insert(json!("o"));
        }
        let body = json!({"batch": [whole, body]}).to_string();
        let all: Vec<u16> = statuses(BATCH_PATH, "application/json", body.as_bytes());
        prop_assert!(all.iter().all(|status| *status == 207), "{all:?}");
    }

    #[test]
    fn odd_bytes(body in prop::collection::vec(any::<u8>(), 0..200)) {
        for content_type in ["application/json", "application/x-protobuf"] {
            statuses(OTLP_PATH, content_type, &body);
        }
        statuses(BATCH_PATH, "application/json", &body);
    }
}
