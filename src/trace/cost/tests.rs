//! Costs by hand. Amounts of millionths: a price per 1M tokens times a number of tokens.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::super::prices::{PriceSettings, Region, own_prices};
use super::*;
use crate::gateway::ParsedRecord;
use crate::sls::{Field, LogRecord, LogTime};

/// Monday 2026-11-16, 10:00 in Beijing.
const PEAK_MS: i64 = 1_794_794_400_000;

/// The same day, 13:00 in Beijing.
const OFF_PEAK_MS: i64 = PEAK_MS + 3 * 3_600_000;

/// Made once: the property is asked of hundreds of cases.
static BOOK: LazyLock<PriceBook> = LazyLock::new(|| book(Region::Cn));

fn used(buckets: &[(&'static str, u64)]) -> Usage {
    Usage { buckets: buckets.to_vec(), total: buckets.iter().fold(0, |sum, (_, tokens)| sum.saturating_add(*tokens)), mismatch: None }
}

fn book(region: Region) -> PriceBook {
    PriceBook::new(PriceSettings { region, ..PriceSettings::default() })
}

fn cost_of(book: &PriceBook, model: &str, buckets: &[(&'static str, u64)], start_ms: i64) -> Option<Cost> {
    Cost::of(&used(buckets), &book.price(model)?, start_ms)
}

/// The total in millionths of a CNY, at 7.1 to the USD, must be this.
#[track_caller]
fn costs_cny(model: &str, buckets: &[(&'static str, u64)], millionths: f64) {
    costs_at(PEAK_MS, model, buckets, millionths);
}

#[track_caller]
fn costs_at(start_ms: i64, model: &str, buckets: &[(&'static str, u64)], millionths: f64) {
    let cost = cost_of(&book(Region::Cn), model, buckets, start_ms).unwrap();
    assert!((cost.total - millionths / 1e6 / 7.1).abs() < 5e-12, "{model}: {} USD, not {millionths} millionths of a CNY", cost.total);
    assert!(cost.source.unwrap().ends_with(", CNY at 7.1"));
}

#[track_caller]
fn costs_usd(model: &str, buckets: &[(&'static str, u64)], usd: f64) {
    let cost = cost_of(&book(Region::Intl), model, buckets, PEAK_MS).unwrap();
    assert!((cost.total - usd).abs() < 5e-12, "{model}: {} USD, not {usd}", cost.total);
    assert!(cost.source.unwrap().ends_with(", USD"));
}

#[test]
fn qwen_plus_by_hand() {
    // 25 × 0.8 + 60 × 2 = 20 + 120
    costs_cny("qwen-plus", &[("input", 25), ("output", 60)], 140.0);
    // 600 × 0.8 + 400 × 0.16 + 500 × 2 = 480 + 64 + 1000
    costs_cny("qwen-plus", &[("input", 600), ("input_cached_tokens", 400), ("output", 500)], 1544.0);
    // A call that reasoned pays the thinking price for all output: 1000 × 0.8 + (100 + 400) × 8 = 800 + 4000
    costs_cny("qwen-plus", &[("input", 1000), ("output", 100), ("output_reasoning_tokens", 400)], 4800.0);
    // Reasoning reported as none is none: 1000 × 0.8 + 100 × 2
    costs_cny("qwen-plus", &[("input", 1000), ("output", 100), ("output_reasoning_tokens", 0)], 1000.0);
    // A cache of the caller's: 2000 × 0.8 + 3000 × 1.0 (written) + 5000 × 0.08 (found) + 100 × 2 = 1600 + 3000 + 400 + 200
    let explicit = [("input", 2000), ("input_cached_tokens", 5000), ("input_cache_creation", 3000), ("output", 100)];
    costs_cny("qwen-plus", &explicit, 5200.0);
    // Found again later, nothing written: 2000 × 0.8 + 5000 × 0.08 + 100 × 2 = 1600 + 400 + 200
    costs_cny("qwen-plus", &[("input", 2000), ("input_cached_tokens", 5000), ("input_cache_creation", 0), ("output", 100)], 2200.0);
}

#[test]
fn qwen3_max_by_hand_in_each_tier() {
    // ≤ 32K: 32000 × 2.5 + 1000 × 10 = 80000 + 10000
    costs_cny("qwen3-max", &[("input", 32_000), ("output", 1000)], 90_000.0);
    // > 32K, all tokens at the next price: 32001 × 4 + 1000 × 16 = 128004 + 16000
    costs_cny("qwen3-max", &[("input", 32_001), ("output", 1000)], 144_004.0);
    // Cached input counts for the tier: 1 × 4 + 32000 × 0.8 + 1000 × 16 = 4 + 25600 + 16000
    costs_cny("qwen3-max", &[("input", 1), ("input_cached_tokens", 32_000), ("output", 1000)], 41_604.0);
    // So does input written to a cache: 2000 × 4 + 30000 × 0.4 + 8000 × 5 + 1000 × 16 = 8000 + 12000 + 40000 + 16000
    let explicit = [("input", 2000), ("input_cached_tokens", 30_000), ("input_cache_creation", 8000), ("output", 1000)];
    costs_cny("qwen3-max", &explicit, 76_000.0);
    // > 128K: 200000 × 7 + 10 × 28 = 1400000 + 280; a long output changes no tier: 10 × 2.5 + 50000 × 10 = 25 + 500000
    costs_cny("qwen3-max", &[("input", 200_000), ("output", 10)], 1_400_280.0);
    costs_cny("qwen3-max", &[("input", 10), ("output", 50_000)], 500_025.0);
}

#[test]
fn deepseek_by_hand_with_cache_and_off_peak() {
    // 2000 × 1 + 8000 × 0.02 + 500 × 2 = 2000 + 160 + 1000, at any time of the day
    let chat = [("input", 2000), ("input_cached_tokens", 8000), ("output", 500)];
    costs_at(PEAK_MS, "deepseek-chat", &chat, 3160.0);
    costs_at(OFF_PEAK_MS, "deepseek-chat", &chat, 3160.0);
    // No price of its own for thinking: 25 × 1 + (12 + 40) × 2 = 25 + 104
    costs_cny("deepseek-reasoner", &[("input", 25), ("output", 12), ("output_reasoning_tokens", 40)], 129.0);
    // Peak: 10000 × 2 + 90000 × 0.04 + 2000 × 8 = 20000 + 3600 + 16000; half of it at lunch, and on Saturday
    let flash = [("input", 10_000), ("input_cached_tokens", 90_000), ("output", 2000)];
    costs_at(PEAK_MS, "deepseek-v4-flash", &flash, 39_600.0);
    costs_at(OFF_PEAK_MS, "deepseek-v4-flash", &flash, 19_800.0);
    costs_at(PEAK_MS + 5 * 86_400_000, "deepseek-v4-flash", &flash, 19_800.0);
}

#[test]
fn glm_kimi_and_minimax_by_hand() {
    // 40000 × 4 + 1000 × 16 = 160000 + 16000 (above 32K)
    costs_cny("glm-4.6", &[("input", 40_000), ("output", 1000)], 176_000.0);
    // 5000 × 4 + 5000 × 0.7 + 1000 × 21 = 20000 + 3500 + 21000
    costs_cny("moonshotai/kimi-k2.5", &[("input", 5000), ("input_cached_tokens", 5000), ("output", 1000)], 44_500.0);
    // 1000 × 2.1 + 2000 × 0.21 + 3000 × 2.625 + 500 × 8.4 = 2100 + 420 + 7875 + 4200
    let minimax = [("input", 1000), ("input_cached_tokens", 2000), ("input_cache_creation", 3000), ("output", 500)];
    costs_cny("MiniMax-M2", &minimax, 14_595.0);
}

#[test]
fn doubao_hunyuan_ernie_and_an_embedding_by_hand() {
    // 130000 × 2.4 + 1000 × 24 = 312000 + 24000 (above 128K)
    costs_cny("doubao-seed-1-6-251015", &[("input", 130_000), ("output", 1000)], 336_000.0);
    // 1000 × 0.8 + 1000 × 2 = 800 + 2000; no price for cached input, so the full one: 400 × 0.8 + 600 × 0.8 + 1000 × 2
    costs_cny("hunyuan-turbos-latest", &[("input", 1000), ("output", 1000)], 2800.0);
    costs_cny("hunyuan-turbos-latest", &[("input", 400), ("input_cached_tokens", 600), ("output", 1000)], 2800.0);
    // 1000 × 0.8 + 1000 × 0.2 + 1000 × 3.2 = 800 + 200 + 3200
    costs_cny("ernie-4.5-turbo-128k", &[("input", 1000), ("input_cached_tokens", 1000), ("output", 1000)], 4200.0);
    // 40 × 0.5
    costs_cny("text-embedding-v4", &[("input", 40), ("output", 0)], 20.0);
}

#[test]
fn usd_by_hand() {
    // 1000 × 0.4 + 500 × 1.2 = 400 + 600 millionths
    costs_usd("qwen-plus", &[("input", 1000), ("output", 500)], 0.001);
    // 1000 × 0.4 + 500 × 4 = 400 + 2000 with thinking
    costs_usd("qwen-plus-us", &[("input", 1000), ("output", 400), ("output_reasoning_tokens", 100)], 0.0024);
    // 1000 × 0.07
    costs_usd("text-embedding-v4", &[("input", 1000), ("output", 0)], 0.000_07);
}

#[test]
fn a_cost_names_every_bucket_and_its_source_and_has_twelve_decimals() {
    let buckets = [("input", 25), ("input_cached_tokens", 0), ("output", 12), ("output_reasoning_tokens", 40)];
    let cost = cost_of(&book(Region::Cn), "deepseek-reasoner", &buckets, PEAK_MS).unwrap();
    // 25 / 7.1, 24 / 7.1 and 80 / 7.1 millionths
    let expected =
        [("input", 3.521_127e-6), ("input_cached_tokens", 0.0), ("output", 3.380_282e-6), ("output_reasoning_tokens", 11.267_606e-6)];
    assert_eq!((cost.buckets.as_slice(), cost.total), (expected.as_slice(), 18.169_015e-6));
    assert_eq!(cost.source.as_deref(), Some("deepseek 2026-07, CNY at 7.1"));
}

#[test]
fn another_rate_changes_cny_and_leaves_usd_alone() {
    let settings = PriceSettings { cny_per_usd: 7.25, ..PriceSettings::default() };
    let book = PriceBook::new(PriceSettings { region: Region::Intl, ..settings.clone() });
    let usd = cost_of(&book, "qwen-plus", &[("input", 1000), ("output", 500)], PEAK_MS).unwrap();
    assert_eq!((usd.total, usd.source.as_deref()), (0.001, Some("alibaba-bailian 2026-07, USD")));
    let cny = cost_of(&PriceBook::new(settings), "qwen-long", &[("input", 14_500), ("output", 0)], PEAK_MS).unwrap();
    // 14500 × 0.5 / 7.25 = 1000 millionths
    assert_eq!((cny.total, cny.source.as_deref()), (0.001, Some("alibaba-bailian 2026-05, CNY at 7.25")));
}

#[test]
fn tokens_without_a_price_leave_the_cost_unknown() {
    let book = book(Region::Cn);
    let cost = |buckets: &[(&'static str, u64)]| cost_of(&book, "qwen-plus", buckets, PEAK_MS);
    assert_eq!(cost(&[("input", 10), ("input_audio_tokens", 5), ("output", 1)]), None);
    assert_eq!(cost(&[("input", 10), ("output", 1), ("output_audio_tokens", 5)]), None);
    assert!(cost(&[("input", 10), ("input_audio_tokens", 0), ("output", 1)]).is_some());
    let total_alone = Usage { buckets: Vec::new(), total: 100, mismatch: Some(100) };
    assert_eq!(Cost::of(&total_alone, &book.price("qwen-plus").unwrap(), PEAK_MS), None);
}

#[test]
fn a_cost_beyond_belief_is_none() {
    let book = book(Region::Cn);
    assert_eq!(cost_of(&book, "qwen-plus", &[("input", 1_000_000_000_000), ("output", 1_000_000_000_000)], PEAK_MS), None);
    assert_eq!(cost_of(&book, "qwen-plus", &[("input", u64::MAX), ("input_cached_tokens", u64::MAX)], PEAK_MS), None);
}

/// The cost of a record, and whether it lacks a price.
fn costed(pairs: &[(&str, &str)], model: Option<&str>, usage: Option<&Usage>, level: Level, prices: &PriceBook) -> (Option<Cost>, bool) {
    let all = [("path", "/v1/chat/completions"), ("request_id", "r")].iter().chain(pairs);
    let fields = all.map(|(key, value)| Field { key: key.as_bytes(), value: value.as_bytes() }).collect();
    let record = LogRecord { time: LogTime { seconds: 1, nanoseconds: None }, fields };
    let parsed = ParsedRecord::of(&record);
    let charge = Charge { model, usage, level, start_ms: PEAK_MS };
    let cost = cost(&parsed.call().unwrap(), &charge, prices);
    let unpriced = cost.is_none() && is_unpriced(&charge);
    (cost, unpriced)
}

fn zero(buckets: &[&'static str]) -> Cost {
    Cost { buckets: buckets.iter().map(|name| (*name, 0.0)).collect(), total: 0.0, source: None }
}

#[test]
fn answers_from_the_cache_and_refusals_cost_nothing() {
    let (book, nothing, some) = (book(Region::Cn), Usage::zero(), used(&[("input", 10), ("output", 5)]));
    let hit = [("ai_log", r#"{"cache_status":"hit","model":"qwen-plus"}"#)];
    let from_cache = [("ai_log", r#"{"model":"from-cache"}"#)];
    let plain = [("ai_log", r#"{"model":"qwen-plus"}"#)];
    let free = (Some(zero(&["input", "output"])), false);
    assert_eq!(costed(&hit, Some("qwen-plus"), Some(&some), Level::Default, &book), free);
    assert_eq!(costed(&hit, Some("gpt-4o"), Some(&some), Level::Default, &book), free, "Langfuse would charge it");
    assert_eq!(costed(&from_cache, None, Some(&nothing), Level::Default, &book), free);
    assert_eq!(costed(&from_cache, None, None, Level::Default, &book), (Some(zero(&[])), false));
    assert_eq!(costed(&plain, None, Some(&nothing), Level::Error, &book), free);
    assert_eq!(costed(&plain, Some("qwen-plus"), Some(&nothing), Level::Error, &book), free);
    assert_eq!(costed(&plain, Some("unknown-model"), Some(&nothing), Level::Warning, &book), free);
    // A call that failed after it used tokens is paid for.
    let failed = costed(&plain, Some("qwen-plus"), Some(&some), Level::Error, &book).0.unwrap();
    assert!(failed.total > 0.0);
}

#[test]
fn no_price_is_no_cost_and_marked_only_where_langfuse_has_none_either() {
    let (book, some) = (book(Region::Cn), used(&[("input", 10), ("output", 5)]));
    let plain = [("ai_log", "{}")];
    let none = |model| costed(&plain, model, Some(&some), Level::Default, &book);
    for model in
        ["gpt-4o", "openai/gpt-4o-mini", "o3", "claude-sonnet-4-5", "anthropic/claude-3", "gemini-2.5-pro", "text-embedding-3-small"]
    {
        assert_eq!(none(Some(model)), (None, false), "{model}");
    }
    for model in ["aliyun/gpt-4o", "llama-3", "my-model", "o3x", "text-embedding-v9"] {
        assert_eq!(none(Some(model)), (None, true), "{model}");
    }
    assert_eq!(none(None), (None, false));
    assert_eq!(costed(&plain, Some("qwen-plus"), None, Level::Default, &book), (None, false));
    // Zero tokens of a model that is charged by the picture say nothing about its cost.
    assert_eq!(costed(&plain, Some("wanx-v1"), Some(&Usage::zero()), Level::Default, &book), (None, false));
}

#[test]
fn an_own_price_charges_a_model_that_langfuse_knows() {
    let own = own_prices(br#"[{"pattern": "gpt-4o", "currency": "USD", "tiers": [{"input": 2.5, "output": 10}]}]"#).unwrap();
    let book = PriceBook::new(PriceSettings { own, ..PriceSettings::default() });
    let usage = used(&[("input", 1000), ("output", 100)]);
    let cost = costed(&[("ai_log", "{}")], Some("gpt-4o"), Some(&usage), Level::Default, &book).0.unwrap();
    // 1000 × 2.5 + 100 × 10 = 2500 + 1000 millionths
    assert_eq!((cost.total, cost.source.as_deref()), (0.0035, Some("own price, USD")));
}

proptest! {
    #[test]
    fn a_cost_is_never_negative_and_adds_up_and_grows_with_its_tokens(
        model in "qwen-plus|qwen3-max|qwen3-coder-plus|deepseek-chat|deepseek-v4-flash|glm-4\\.6|kimi-k2\\.5|MiniMax-M2|doubao-seed-1\\.6|ernie-5\\.0|text-embedding-v4",
        counts in proptest::array::uniform5(0u64..3_000_000),
        more in 0usize..5,
        by in 1u64..1000,
        start_ms in 0i64..4_000_000_000_000,
    ) {
        const NAMES: [&str; 5] = ["input", "input_cached_tokens", "input_cache_creation", "output", "output_reasoning_tokens"];
        let book = &*BOOK;
        let buckets = |counts: [u64; 5]| NAMES.into_iter().zip(counts).collect::<Vec<_>>();
        let cost = cost_of(book, &model, &buckets(counts), start_ms).unwrap();
        prop_assert!(cost.total >= 0.0 && cost.buckets.iter().all(|(_, amount)| *amount >= 0.0));
        prop_assert!((cost.total - cost.buckets.iter().map(|(_, amount)| amount).sum::<f64>()).abs() < 1e-9);
        prop_assert!(cost.buckets.iter().all(|(name, _)| name.contains("input") || name.contains("output")));
        prop_assert!(cost.total.to_string().split_once('.').is_none_or(|(_, decimals)| decimals.len() <= 12));
        let mut larger = counts;
        larger[more] += by;
        let input = |counts: [u64; 5]| counts[..3].iter().sum::<u64>();
        let price = book.price(&model).unwrap().price;
        if price.tier(input(larger)) == price.tier(input(counts)) {
            let dearer = cost_of(book, &model, &buckets(larger), start_ms).unwrap();
            prop_assert!(dearer.total >= cost.total, "{counts:?} {larger:?}");
        }
    }
}
