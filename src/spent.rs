//! What delivered records used: tokens and cost by model, for the report. Pure.
//!
//! A model is named only as a list of prices or its vendor names it ([`PriceBook::public_name`]): the name in a record is a caller's text.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::trace::Observation;
use crate::trace::prices::PriceBook;

/// How many models a report names. A gateway serves some dozens, one call rarely more than five; with names of thirty characters a report
/// stays below four kilobytes, so that an index which reads sixteen sees all of it.
const MAX_MODELS: usize = 16;

/// Tokens of one call above which the figure is none: ten times the largest context that is sold. What stands there is something else, a telephone
/// number perhaps, and a sum of one call would repeat it.
const MAX_TOKENS: u64 = 100_000_000;

/// The name of all models that are not named: unknown ones, none, and those beyond the sixteenth.
pub const OTHER: &str = "other";

/// The parts that one USD is counted in: the twelve decimals that Langfuse stores (`reference/langfuse.md` §6).
const PARTS_OF_USD: f64 = 1e12;

/// USD, counted in whole parts so that sums do not depend on their order. Written as a number of USD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usd(u64);

/// What one record used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    model: Option<Arc<str>>,
    input: u64,
    output: u64,
    total: u64,
    /// `None` where it is not known here.
    cost: Option<Usd>,
}

/// What the records of one model used that this call delivered. Each record counts once, however many destinations it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelUsage {
    /// Records.
    pub calls: u64,
    /// Tokens of all buckets of the input, cached ones included.
    pub input_tokens: u64,
    /// Tokens of all buckets of the output, reasoning included.
    pub output_tokens: u64,
    /// All tokens; more than both together where the log has a larger total.
    pub total_tokens: u64,
    /// The cost that was sent along.
    pub cost_usd: Usd,
    /// Of the records those with tokens and without a cost: Langfuse may have a price for them.
    pub unpriced: u64,
}

/// Usage by name of the model. At most sixteen names and [`OTHER`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct UsageByModel(BTreeMap<String, ModelUsage>);

impl Usd {
    /// An amount, rounded; what is no amount counts as nothing.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast of a float saturates, which is what is wanted")]
    fn of(amount: f64) -> Self {
        Self((amount * PARTS_OF_USD).round() as u64)
    }

    /// The amount in USD.
    pub fn amount(self) -> f64 {
        self.0 as f64 / PARTS_OF_USD
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.amount())
    }
}

impl Spent {
    /// What the call behind an observation used; `None` where it has neither a model nor tokens, as that of a tool, or where another
    /// observation counts them.
    pub fn of(observation: &Observation<'_>, names: &PriceBook) -> Option<Self> {
        let usage = observation.usage.as_ref().filter(|usage| usage.total <= MAX_TOKENS);
        if usage.is_none() && observation.model.is_none() {
            return None;
        }
        let of_side = |side: &str| {
            let buckets = usage.into_iter().flat_map(|usage| &usage.buckets).filter(|(name, _)| name.starts_with(side));
            buckets.fold(0, |sum: u64, (_, tokens)| sum.saturating_add(*tokens))
        };
        Some(Self {
            model: observation.model.as_deref().and_then(|model| names.public_name(model)),
            input: of_side("input"),
            output: of_side("output"),
            total: usage.map_or(0, |usage| usage.total),
            cost: observation.cost.as_ref().filter(|_| usage.is_some()).map(|cost| Usd::of(cost.total)),
        })
    }
}

impl UsageByModel {
    /// Counts a record that was delivered.
    pub fn add(&mut self, spent: &Spent) {
        let name = spent.model.as_deref().filter(|name| self.0.contains_key(*name) || self.named() < MAX_MODELS).unwrap_or(OTHER);
        if !self.0.contains_key(name) {
            self.0.insert(name.to_owned(), ModelUsage::default());
        }
        if let Some(sum) = self.0.get_mut(name) {
            sum.add(spent);
        }
    }

    /// The models, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ModelUsage)> {
        self.0.iter().map(|(name, usage)| (name.as_str(), usage))
    }

    /// One call of this model.
    #[cfg(test)]
    pub fn of_one(model: &str) -> Self {
        Self([(model.to_owned(), ModelUsage { calls: 1, ..ModelUsage::default() })].into())
    }

    fn named(&self) -> usize {
        self.0.len() - usize::from(self.0.contains_key(OTHER))
    }
}

impl ModelUsage {
    fn add(&mut self, spent: &Spent) {
        self.calls += 1;
        self.input_tokens = self.input_tokens.saturating_add(spent.input);
        self.output_tokens = self.output_tokens.saturating_add(spent.output);
        self.total_tokens = self.total_tokens.saturating_add(spent.total);
        self.cost_usd = Usd(self.cost_usd.0.saturating_add(spent.cost.unwrap_or_default().0));
        self.unpriced += u64::from(spent.total > 0 && spent.cost.is_none());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(model: Option<&str>, total: u64, cost: Option<f64>) -> Spent {
        Spent { model: model.map(Arc::from), input: total, output: 0, total, cost: cost.map(Usd::of) }
    }

    #[test]
    fn the_rest_of_many_models_is_counted_under_one_name() {
        let mut usage = UsageByModel::default();
        usage.add(&spent(None, 1, None));
        for index in 0..MAX_MODELS + 3 {
            usage.add(&spent(Some(&format!("m-{index:02}")), 10, Some(0.5)));
        }
        usage.add(&spent(Some("m-00"), 10, Some(0.25)));
        assert_eq!(usage.0.len(), MAX_MODELS + 1);
        let other =
            ModelUsage { calls: 4, input_tokens: 31, total_tokens: 31, cost_usd: Usd::of(1.5), unpriced: 1, ..ModelUsage::default() };
        assert_eq!(usage.0[OTHER], other);
        assert_eq!((usage.0["m-00"].calls, usage.0["m-00"].cost_usd.amount()), (2, 0.75));
    }

    #[test]
    fn a_sum_of_small_costs_is_exact_in_any_order() {
        let mut costs = [0.1, 0.2, 0.000_000_000_001, 999_999.0];
        let mut sums = Vec::new();
        for _ in 0..costs.len() {
            costs.rotate_left(1);
            let mut usage = UsageByModel::default();
            costs.iter().for_each(|cost| usage.add(&spent(Some("m"), 1, Some(*cost))));
            sums.push(usage.0["m"].cost_usd);
        }
        assert_eq!(sums, [Usd(999_999_300_000_000_001); 4]);
        assert_eq!(serde_json::to_string(&Usd::of(0.000_3)).unwrap(), "0.0003");
    }

    #[test]
    fn a_record_on_its_way_costs_less_than_a_hundred_bytes_more() {
        assert!(size_of::<Spent>() + size_of::<Arc<Spent>>() <= 72);
    }

    #[test]
    fn what_is_no_amount_counts_as_nothing() {
        assert_eq!([f64::NAN, -1.0, 0.0].map(Usd::of), [Usd(0); 3]);
        assert_eq!(Usd::of(f64::INFINITY), Usd(u64::MAX));
    }
}
