//! Counted tokens and a price → what a call cost, bucket by bucket, in USD. Pure.
//!
//! The rules are those of `reference/model-prices.md` ("Tier and cost rules"). A cost that is not known is not sent, since a guess would
//! look like a fact in every sum; and a sent cost has always a total, since Langfuse adds none up beside cached or reasoning tokens
//! (`reference/langfuse.md` §6).

use std::sync::Arc;

use super::Level;
use super::prices::{Price, PriceBook, Quote, Tier, is_priced_by_langfuse};
use super::usage::Usage;
use crate::gateway::{GatewayCall, Value};

/// Prices are per so many tokens.
const UNIT_TOKENS: f64 = 1_000_000.0;

/// Langfuse stores twelve decimals (`reference/langfuse.md` §6).
const DECIMALS: f64 = 1e12;

/// Langfuse stores smaller amounts only (`reference/langfuse.md` §6). USD.
const MAX_COST: f64 = 1_000_000.0;

/// What a call cost. Never negative, always below 1,000,000, at most twelve decimals.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// By bucket of the usage, under the same names and in the same order, USD.
    pub buckets: Vec<(&'static str, f64)>,
    /// Their sum, USD.
    pub total: f64,
    /// Whose price of which date it is, and at which rate: such as `deepseek 2026-10, CNY at 7.1`. `None` where nothing was charged.
    pub source: Option<Arc<str>>,
}

/// What the other parts of the mapping found out and a cost depends on.
#[derive(Clone, Copy, Debug)]
pub struct Charge<'c> {
    /// The model that answered, else the one asked for.
    pub model: Option<&'c str>,
    /// Its tokens.
    pub usage: Option<&'c Usage>,
    /// How the call ended.
    pub level: Level,
    /// When it began, UNIX milliseconds.
    pub start_ms: i64,
}

/// The cost of a call; `None` where it is not known.
pub fn cost(call: &GatewayCall<'_>, charge: &Charge<'_>, prices: &PriceBook) -> Option<Cost> {
    if let Some(total) = call.cost {
        return Some(Cost {
            buckets: Vec::new(),
            total: rounded(total),
            source: call.dialect.map(|dialect| format!("logged by {dialect}").into()),
        });
    }
    if is_free(call, charge) {
        return Some(Cost::zero(charge.usage));
    }
    Cost::of(charge.usage?, &prices.price(charge.model?)?, charge.start_ms)
}

/// For a call without a known cost: true if tokens were used and Langfuse, as far as is known, has no price for them either.
pub fn is_unpriced(charge: &Charge<'_>) -> bool {
    let used = charge.usage.is_some_and(|usage| usage.total > 0);
    used && charge.model.is_some_and(|model| !is_priced_by_langfuse(model))
}

/// Nothing is charged for an answer from the gateway's cache, nor for a call that was refused or failed before it used a token.
fn is_free(call: &GatewayCall<'_>, charge: &Charge<'_>) -> bool {
    let model = call.either(call.envelope.model, &call.ai.model);
    let model = model.as_ref().and_then(Value::text).unwrap_or_default();
    let is_hit = |status: &Value<'_>| status.text().is_some_and(|status| status.eq_ignore_ascii_case("hit"));
    let from_cache = model == "from-cache" || call.ai.cache_status.as_ref().is_some_and(is_hit);
    let refused = charge.level != Level::Default || model == "from-security-guard";
    from_cache || (refused && charge.usage.is_some_and(|usage| usage.total == 0))
}

impl Cost {
    /// Nothing, for each bucket.
    fn zero(usage: Option<&Usage>) -> Self {
        let buckets = usage.map_or_else(Vec::new, |usage| usage.buckets.iter().map(|(name, _)| (*name, 0.0)).collect());
        Self { buckets, total: 0.0, source: None }
    }

    /// What these tokens cost at this price, for a call that began at `start_ms` (UNIX milliseconds). `None` where the price says nothing
    /// about some of them, or where the counts are beyond belief.
    pub fn of(usage: &Usage, quote: &Quote, start_ms: i64) -> Option<Self> {
        let Quote { price, per_usd, source } = quote;
        let rates = Rates::of(usage, price)?;
        let factor = price.off_peak.as_ref().map_or(1.0, |off_peak| off_peak.factor_at(start_ms));
        let amount = |tokens: u64, rate: f64| rounded(tokens as f64 * rate * factor / UNIT_TOKENS / per_usd);
        let buckets: Vec<_> = usage
            .buckets
            .iter()
            .map(|(name, tokens)| Some((*name, if *tokens == 0 { 0.0 } else { amount(*tokens, rates.rate(name)?) })))
            .collect::<Option<_>>()?;
        let total = rounded(buckets.iter().map(|(_, amount)| amount).sum());
        (0.0..MAX_COST).contains(&total).then_some(Self { buckets, total, source: Some(source.clone()) })
    }
}

/// The prices of one call, per 1M tokens.
struct Rates<'p> {
    tier: &'p Tier,
    cached: f64,
    output: f64,
}

impl<'p> Rates<'p> {
    fn of(usage: &Usage, price: &'p Price) -> Option<Self> {
        let count = |name: &str| usage.buckets.iter().find(|(bucket, _)| *bucket == name).map(|(_, tokens)| *tokens);
        let of_input = usage.buckets.iter().filter(|(name, _)| name.starts_with("input"));
        if usage.buckets.is_empty() {
            return None;
        }
        let tier = price.tier(of_input.fold(0, |sum, (_, tokens)| sum.saturating_add(*tokens)))?;
        // One request uses one kind of cache; only one that the caller made reports what was written to it.
        let explicit = tier.input_cached_explicit.filter(|_| count("input_cache_creation").is_some());
        let reasoned = count("output_reasoning_tokens").is_some_and(|tokens| tokens > 0);
        Some(Self {
            tier,
            cached: explicit.or(tier.input_cached).unwrap_or(tier.input),
            output: tier.output_reasoning.filter(|_| reasoned).unwrap_or(tier.output),
        })
    }

    /// The price of a bucket. Audio and made images are outside the table; images that are shown to a model are input like text.
    fn rate(&self, bucket: &str) -> Option<f64> {
        match bucket {
            "input_cached_tokens" => Some(self.cached),
            "input_cache_creation" => Some(self.tier.input_cache_creation.unwrap_or(self.tier.input)),
            "input" | "input_image_tokens" | "input_video_tokens" => Some(self.tier.input),
            "output" | "output_reasoning_tokens" => Some(self.output),
            _ => None,
        }
    }
}

fn rounded(amount: f64) -> f64 {
    (amount * DECIMALS).round() / DECIMALS
}

#[cfg(test)]
mod tests;
