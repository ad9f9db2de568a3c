//! One price: as it is written in a list, and as it is applied. Pure.

use std::sync::Arc;

use serde::Deserialize;

use super::Region;
use super::off_peak::{OffPeak, OffPeakEntry};
use super::pattern::Pattern;

/// The only unit that is known.
const UNIT: &str = "1M tokens";

/// The highest price that is believed, per 1M tokens. The dearest models cost some hundreds.
const MAX_PRICE: f64 = 1_000_000.0;

/// The longest vendor and date. Characters; both are shown in metadata.
const MAX_LABEL_CHARS: usize = 100;

/// The currency of a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Currency {
    /// Renminbi yuan.
    Cny,
    /// US dollars.
    Usd,
}

/// The prices that hold up to some length of input; per 1M tokens, in the currency of the entry (`reference/model-prices.md`, fields).
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// The longest input it holds for, inclusive, in tokens; `None`: no limit.
    pub max_input_tokens: Option<u64>,
    /// Input that no cache knows.
    pub input: f64,
    /// Output.
    pub output: f64,
    /// All output of a call that reasoned; `None`: as `output`.
    pub output_reasoning: Option<f64>,
    /// Input found in an automatic cache; `None`: as `input`.
    pub input_cached: Option<f64>,
    /// Input found in a cache that the caller made; `None`: as `input_cached`.
    pub input_cached_explicit: Option<f64>,
    /// Input written to a cache that the caller made; `None`: as `input`.
    pub input_cache_creation: Option<f64>,
}

/// An entry as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "some fields are for readers of the list only; they are named so that misspelt ones can be refused")]
pub(super) struct PriceEntry {
    pub pattern: String,
    #[serde(default)]
    pub examples: Vec<String>,
    vendor: Option<String>,
    region: Option<Region>,
    currency: Currency,
    unit: Option<String>,
    pub tiers: Vec<Tier>,
    as_of: Option<String>,
    source: Option<String>,
    confidence: Option<String>,
    note: Option<String>,
    /// Never applied: an access log does not say which calls are batch calls.
    batch_factor: Option<f64>,
    off_peak: Option<OffPeakEntry>,
}

/// The fields that cannot be left out, of an entry, a tier or `off_peak`.
pub(super) const REQUIRED_FIELDS: [&str; 8] = ["pattern", "currency", "tiers", "input", "output", "factor", "time_zone", "peak_windows"];

/// A price that can be applied.
#[derive(Clone, Debug)]
pub struct Price {
    pattern: Pattern,
    /// The region it holds in; `None`: everywhere.
    pub region: Option<Region>,
    /// The currency of all its amounts.
    pub currency: Currency,
    tiers: Vec<Tier>,
    /// What else it costs at which times.
    pub off_peak: Option<OffPeak>,
    /// Who published it, and when: such as `deepseek 2026-10`.
    pub origin: String,
    /// Names that it is the price of, as the list has them; its pattern where it has none. At least one.
    names: Vec<Arc<str>>,
}

/// The rule that an entry breaks. Carries nothing of the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PriceRule {
    /// Of the pattern.
    #[error("its pattern must be a regular expression of at most 500 bytes without look-around and back-references")]
    Pattern,
    /// Of the unit.
    #[error("its unit must be \"1M tokens\"")]
    Unit,
    /// Of the tiers.
    #[error("its tiers must ascend in max_input_tokens, and the last one, and only that, must have none")]
    Tiers,
    /// Of the amounts.
    #[error("its prices must be numbers from 0 to 1000000")]
    Amount,
    /// Of vendor and date.
    #[error("its vendor and as_of must have at most 100 characters and no control characters")]
    Label,
    /// Of the times of the day.
    #[error(
        "its off_peak must have a factor from 0 to 1, time_zone \"Asia/Shanghai\" or \"UTC\", and peak_windows such as \"Mon-Fri 09:00-12:00\""
    )]
    OffPeak,
}

impl PriceEntry {
    /// The price of the entry. Its pattern is not looked at before a name is: see [`Price::checked`].
    pub fn price(&self) -> Result<Arc<Price>, PriceRule> {
        if self.unit.as_deref().is_some_and(|unit| unit != UNIT) {
            return Err(PriceRule::Unit);
        }
        check_tiers(&self.tiers)?;
        Ok(Arc::new(Price {
            pattern: Pattern::new(&self.pattern),
            region: self.region,
            currency: self.currency,
            tiers: self.tiers.clone(),
            off_peak: self.off_peak.as_ref().map(OffPeakEntry::off_peak).transpose()?,
            origin: self.origin()?,
            names: self.names(),
        }))
    }

    fn names(&self) -> Vec<Arc<str>> {
        let written = |name: &String| Arc::from(without_prefixes(name).to_lowercase());
        if self.examples.is_empty() { vec![Arc::from(self.pattern.as_str())] } else { self.examples.iter().map(written).collect() }
    }

    fn origin(&self) -> Result<String, PriceRule> {
        let fits = |text: &str| text.chars().count() <= MAX_LABEL_CHARS && !text.chars().any(char::is_control);
        let labels = [Some(self.vendor.as_deref().unwrap_or("own price")), self.as_of.as_deref()];
        let labels: Vec<_> = labels.into_iter().flatten().collect();
        if labels.iter().all(|label| fits(label)) { Ok(labels.join(" ")) } else { Err(PriceRule::Label) }
    }
}

impl Price {
    /// The same if its pattern is one.
    pub(super) fn checked(self: Arc<Self>) -> Result<Arc<Self>, PriceRule> {
        if self.pattern.is_valid() { Ok(self) } else { Err(PriceRule::Pattern) }
    }

    /// True if it is the price of the model of this name. Prefixes that end in `/` are ignored, unless the pattern names them.
    pub fn is_of(&self, name: &str) -> bool {
        self.pattern.is_match(name) || (name.contains('/') && self.pattern.is_match(without_prefixes(name)))
    }

    /// What the list calls the model of this name, which it is the price of: the shortest of its names that this one begins with, which
    /// leaves snapshots out, else the first.
    pub(super) fn public_name(&self, name: &str) -> Arc<str> {
        let lower = without_prefixes(name).to_lowercase();
        let begins = self.names.iter().filter(|known| lower.starts_with(&***known)).min_by_key(|known| known.len());
        begins.or(self.names.first()).cloned().unwrap_or_default()
    }

    /// The tier of a request with this many tokens of input, cached ones included. It decides the price of all tokens of the request.
    pub fn tier(&self, input_tokens: u64) -> Option<&Tier> {
        self.tiers.iter().find(|tier| tier.max_input_tokens.is_none_or(|limit| input_tokens <= limit))
    }
}

/// Patterns compare by their text.
impl PartialEq for Price {
    fn eq(&self, other: &Self) -> bool {
        self.pattern.text() == other.pattern.text()
            && (self.region, self.currency, &self.origin) == (other.region, other.currency, &other.origin)
            && (&self.tiers, &self.off_peak) == (&other.tiers, &other.off_peak)
    }
}

/// A model's name without what gateways and resellers put before it.
pub(super) fn without_prefixes(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, last)| last)
}

fn check_tiers(tiers: &[Tier]) -> Result<(), PriceRule> {
    let Some((last, bounded)) = tiers.split_last() else { return Err(PriceRule::Tiers) };
    let limits: Option<Vec<u64>> = bounded.iter().map(|tier| tier.max_input_tokens).collect();
    let ascend = limits.is_some_and(|limits| limits.is_sorted_by(|lower, upper| lower < upper));
    if !ascend || last.max_input_tokens.is_some() {
        return Err(PriceRule::Tiers);
    }
    if tiers.iter().flat_map(amounts).all(|amount| (0.0..=MAX_PRICE).contains(&amount)) { Ok(()) } else { Err(PriceRule::Amount) }
}

fn amounts(tier: &Tier) -> impl Iterator<Item = f64> {
    let optional = [tier.output_reasoning, tier.input_cached, tier.input_cached_explicit, tier.input_cache_creation];
    [tier.input, tier.output].into_iter().chain(optional.into_iter().flatten())
}
