//! The twelve samples through the real binary: what an engineer would have written by hand.

use std::collections::BTreeMap;

use crate::support::World;
use sls_to_langfuse::emulator::langfuse::{Level, ObservationType, StoredObservation};

/// Line, type, model and token counts of a sample.
type Expected<'e> = (&'e str, ObservationType, Option<&'e str>, &'e [(&'e str, u64)]);

/// Line, amounts by bucket and source of the price of a sample.
type Costed<'e> = (&'e str, &'e [(&'e str, f64)], Option<&'e str>);

async fn delivered() -> BTreeMap<String, StoredObservation> {
    let world = World::new().await;
    let answer = world.invoke().await;
    assert_eq!((answer.status, answer.fc_status.as_str()), (200, "200"), "{:?}", answer.body);
    assert!(world.langfuse.lost().is_empty(), "{:?}", world.langfuse.lost());
    assert!(world.langfuse.duplicates().is_empty());
    let rows = world.langfuse.observations();
    assert_eq!(rows.len(), 12);
    rows.into_iter().map(|row| (row.metadata["request_id"][6..8].to_owned(), row)).collect()
}

#[tokio::test]
async fn every_sample_has_its_type_model_and_usage() {
    use ObservationType::{Agent, Embedding, Generation, Tool};
    let rows = delivered().await;
    let expected: [Expected<'_>; 12] = [
        ("01", Generation, Some("qwen-plus"), &[("input", 25), ("output", 60), ("total", 85)]),
        ("02", Generation, Some("gpt-4o"), &[("input", 19), ("output", 7), ("total", 26)]),
        ("03", Generation, Some("qwen-turbo"), &[("input", 11), ("output", 64), ("total", 75)]),
        ("04", Generation, Some("gpt-4o"), &[("input", 25), ("output", 60), ("total", 85)]),
        ("05", Generation, Some("deepseek-reasoner"), &[("input", 25), ("output", 12), ("output_reasoning_tokens", 40), ("total", 77)]),
        (
            "06",
            Generation,
            Some("gpt-4o"),
            &[("input", 176), ("input_cached_tokens", 1024), ("output", 15), ("output_reasoning_tokens", 0), ("total", 1215)],
        ),
        (
            "07",
            Generation,
            Some("claude-sonnet-4-5"),
            &[("input", 30), ("input_cache_creation", 0), ("input_cached_tokens", 2048), ("output", 5), ("total", 2083)],
        ),
        ("08", Embedding, Some("text-embedding-v4"), &[("input", 40), ("output", 0), ("total", 40)]),
        ("09", Tool, None, &[]),
        ("10", Agent, Some("qwen-plus"), &[("input", 25), ("output", 60), ("total", 85)]),
        ("11", Generation, None, &[("input", 0), ("output", 0), ("total", 0)]),
        ("12", Generation, None, &[("input", 0), ("output", 0), ("total", 0)]),
    ];
    for (line, kind, model, usage) in expected {
        let row = &rows[line];
        let usage: BTreeMap<String, u64> = usage.iter().map(|(bucket, count)| ((*bucket).to_owned(), *count)).collect();
        assert_eq!((row.observation_type, row.model.as_deref(), &row.usage_details), (kind, model, &usage), "sample {line}");
    }
}

/// Prices of `reference/model-prices.md` in millionths of a CNY by bucket, 7.1 CNY to the USD.
#[tokio::test]
async fn every_sample_of_a_priced_model_has_its_cost() {
    let rows = delivered().await;
    let expected: [Costed<'_>; 12] = [
        // qwen-plus: 25 × 0.8, 60 × 2
        ("01", &[("input", 20.0), ("output", 120.0)], Some("alibaba-bailian 2026-05, CNY at 7.1")),
        ("02", &[], None),
        // qwen-turbo: 11 × 0.3, 64 × 0.6
        ("03", &[("input", 3.3), ("output", 38.4)], Some("alibaba-bailian 2026-07, CNY at 7.1")),
        ("04", &[], None),
        // deepseek-reasoner: 25 × 1, 12 × 2, 40 × 2
        ("05", &[("input", 25.0), ("output", 24.0), ("output_reasoning_tokens", 80.0)], Some("deepseek 2026-07, CNY at 7.1")),
        ("06", &[], None),
        ("07", &[], None),
        // text-embedding-v4: 40 × 0.5
        ("08", &[("input", 20.0), ("output", 0.0)], Some("alibaba-bailian 2025-08-14, CNY at 7.1")),
        ("09", &[], None),
        ("10", &[("input", 20.0), ("output", 120.0)], Some("alibaba-bailian 2026-05, CNY at 7.1")),
        // From the cache; refused.
        ("11", &[("input", 0.0), ("output", 0.0)], None),
        ("12", &[("input", 0.0), ("output", 0.0)], None),
    ];
    for (line, buckets, source) in expected {
        let row = &rows[line];
        let total = buckets.iter().map(|(_, millionths)| millionths).sum();
        let expected: Vec<_> = buckets.iter().copied().chain((!buckets.is_empty()).then_some(("total", total))).collect();
        let sent: Vec<_> = row.cost_details.keys().map(String::as_str).collect();
        assert_eq!(sent, expected.iter().map(|(bucket, _)| *bucket).collect::<Vec<_>>(), "sample {line}");
        for (bucket, millionths) in expected {
            assert!((row.cost_details[bucket] - millionths / 1e6 / 7.1).abs() < 2e-12, "sample {line}, {bucket}");
        }
        assert_eq!(row.metadata.get("gw_price_source").map(String::as_str), source, "sample {line}");
    }
}

#[tokio::test]
async fn every_sample_has_its_times_and_level() {
    let rows = delivered().await;
    for (line, duration, first_token, level) in [
        ("01", 1500, Some(371), Level::Default),
        ("02", 1500, None, Level::Default),
        ("03", 1910, Some(295), Level::Default),
        ("08", 74, None, Level::Default),
        ("11", 5, None, Level::Default),
        ("12", 3, None, Level::Error),
    ] {
        let row = &rows[line];
        let number: i64 = line.parse().unwrap();
        assert_eq!(row.start_ms, 1_772_417_400_000 + number * 1037, "sample {line}");
        assert_eq!(
            (row.end_ms.unwrap() - row.start_ms, row.completion_start_ms.map(|at| at - row.start_ms)),
            (duration, first_token),
            "sample {line}"
        );
        assert_eq!(row.level, level, "sample {line}");
    }
    assert_eq!(rows["12"].status_message.as_deref(), Some("HTTP 429, ai-token-ratelimit.rejected"));
}

#[tokio::test]
async fn every_sample_has_its_texts_in_the_form_of_a_chat() {
    let rows = delivered().await;
    for (line, input, output) in [
        (
            "01",
            Some(r#"[{"role":"user","content":"用一句话解释什么是云原生。"}]"#),
            Some(r#"{"role":"assistant","content":"云原生是一种让应用从设计之初就适合在云上弹性运行的方法。"}"#),
        ),
        (
            "02",
            Some(r#"[{"content":"Be brief.","role":"system"},{"content":"List three prime numbers.","role":"user"}]"#),
            Some(r#"{"role":"assistant","content":"2, 3, 5"}"#),
        ),
        ("03", None, None),
        (
            "04",
            Some(r#"[{"role":"user","content":"上海明天会下雨吗？"}]"#),
            Some(
                r#"{"role":"assistant","content":null,"tool_calls":[{"function":{"arguments":"{\"city\":\"上海\"}","name":"get_forecast"},"id":"call_demo4","index":0,"type":"function"}]}"#,
            ),
        ),
        (
            "05",
            Some(r#"[{"role":"user","content":"17 是质数吗？"}]"#),
            Some(
                r#"{"role":"assistant","content":"是的，17 是质数。","thinking":[{"type":"thinking","content":"检查 2、3 都不能整除 17。"}]}"#,
            ),
        ),
        (
            "07",
            Some(
                r#"[{"role":"system","content":"You are a reviewer."},{"role":"user","content":[{"text":"Review this diff.","type":"text"}]}]"#,
            ),
            Some(r#"{"role":"assistant","content":"Looks good."}"#),
        ),
        ("09", None, None),
        ("11", Some(r#"[{"role":"user","content":"几点开门？"}]"#), Some(r#"{"role":"assistant","content":"早上九点。"}"#)),
    ] {
        let row = &rows[line];
        assert_eq!((row.input.as_deref(), row.output.as_deref()), (input, output), "sample {line}");
    }
}

#[tokio::test]
async fn every_sample_has_its_user_session_name_and_what_people_filter_on() {
    let rows = delivered().await;
    assert_eq!((rows["01"].user_id.as_deref(), rows["01"].session_id.as_deref()), (Some("demo-user"), None));
    assert_eq!((rows["04"].session_id.as_deref(), rows["10"].session_id.as_deref()), (Some("sess-demo-4"), Some("5d2e")));
    assert_eq!(
        (rows["09"].user_id.as_deref(), rows["09"].name.as_deref(), rows["09"].trace_name.as_deref()),
        (Some("demo-agent"), Some("search_docs"), Some("demo-mcp@a@b"))
    );
    assert_eq!((rows["03"].name.as_deref(), rows["03"].user_id.as_deref()), (Some("ai-route-demo.internal"), None));
    assert_eq!(
        (rows["11"].tags.as_slice(), rows["12"].tags.as_slice()),
        (["cache:hit".to_owned()].as_slice(), ["ratelimit:limited".to_owned()].as_slice())
    );
    assert_eq!(rows["01"].trace_id, "5b8aa5a2d2c872e8321cf37308d69d01");
    assert!(rows.values().all(|row| row.parent_span_id.is_none() && row.environment == "default"));
    for (key, value) in [
        ("chat_id", "chatcmpl-demo0001"),
        ("api", "demo-chat@a@b"),
        ("consumer", "demo-user"),
        ("route_name", "demo-chat@a@b@c"),
        ("response_code", "200"),
        ("response_code_details", "via_upstream"),
        ("upstream_cluster", "outbound|443||llm-demo.internal.dns"),
    ] {
        assert_eq!(rows["01"].metadata[key], value, "{key}");
    }
    assert!(rows["01"].metadata.keys().all(|key| !key.starts_with("__")));
}
