//! What models cost: a list shipped with the project, the operator's own prices before it, and the search for a name in both.
//!
//! `prices.json` beside this file is the project's reference list (`reference/model-prices.md`), compiled on 2026-11-20 from the price
//! pages of the vendors: list prices per 1M tokens of the models that Langfuse does not price itself. To refresh it, put a newer list in
//! its place; the tests below say whether it holds together. Nothing is parsed before the first model is looked up.

mod entry;
mod family;
mod list;
mod off_peak;
mod pattern;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

pub use entry::{Currency, Price, PriceRule, Tier};
pub use family::is_priced_by_langfuse;
pub use list::{PriceListError, own_prices};
pub use off_peak::OffPeak;

/// The list of the project, as text.
const LIST: &str = include_str!("prices.json");

/// How many names are remembered with what was found for them. A gateway serves some dozens of models; names made up by clients must not
/// fill the memory.
const MAX_KNOWN_NAMES: usize = 256;

/// `PRICE_REGION`: whose list prices apply where a vendor has two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Region {
    /// Mainland China, in CNY.
    #[default]
    Cn,
    /// Everywhere else, in USD.
    Intl,
}

/// What the operator decides about prices.
#[derive(Clone, Debug, PartialEq)]
pub struct PriceSettings {
    /// `PRICE_REGION`.
    pub region: Region,
    /// `CNY_PER_USD`: how many CNY one USD costs. The default of 7.1 is a round figure set on 2026-11-20, no quote of a market; the
    /// lists of Alibaba Cloud in both currencies imply about 7.3 (note on `qwen3.7-plus` in `prices.json`).
    pub cny_per_usd: f64,
    /// `PRICES_FILE`: prices that are tried before the shipped ones, in their order.
    pub own: Vec<Arc<Price>>,
    /// `MODEL_ALIASES`: by alias in lower case, the name whose price applies. For the search alone: Langfuse gets the logged name.
    pub aliases: BTreeMap<String, String>,
}

impl Default for PriceSettings {
    fn default() -> Self {
        Self { region: Region::default(), cny_per_usd: 7.1, own: Vec::new(), aliases: BTreeMap::new() }
    }
}

/// Finds the price of a model. One per process instance; shared by its calls.
#[derive(Debug, Default)]
pub struct PriceBook {
    settings: PriceSettings,
    shipped: OnceLock<Vec<Arc<Price>>>,
    known: Mutex<HashMap<String, Known>>,
}

/// The price of a model as it is charged: what the book says about it beside the figures. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Quote {
    /// The figures, in their own currency.
    pub price: Arc<Price>,
    /// How much of that currency one USD is.
    pub per_usd: f64,
    /// Whose price of which date it is, and at which rate: such as `deepseek 2026-10, CNY at 7.1`.
    pub source: Arc<str>,
}

impl Quote {
    fn of(price: Arc<Price>, cny_per_usd: f64) -> Self {
        let (per_usd, paid_in) = match price.currency {
            Currency::Cny => (cny_per_usd, format!("CNY at {cny_per_usd}")),
            Currency::Usd => (1.0, "USD".to_owned()),
        };
        let source = format!("{}, {paid_in}", price.origin).into();
        Self { price, per_usd, source }
    }
}

/// What is known of a name.
#[derive(Clone, Debug, Default)]
struct Known {
    quote: Option<Quote>,
    public_name: Option<Arc<str>>,
}

impl PriceBook {
    /// A book with these settings. Parses nothing yet.
    pub fn new(settings: PriceSettings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// The price of the model of this name: own prices before shipped ones, in each the configured region before the other, in each the
    /// first that matches (`reference/model-prices.md`, matching rules). Never that of a similar model.
    pub fn price(&self, model: &str) -> Option<Quote> {
        self.look_up(model).quote
    }

    /// The name of a model as our own log may tell it (`design.md` decision 9): one that stands in a list of prices, or is made of words
    /// that its vendor uses. A name that is neither is text of a caller's, of which nothing is told: `None`.
    pub fn public_name(&self, model: &str) -> Option<Arc<str>> {
        self.look_up(model).public_name
    }

    fn look_up(&self, model: &str) -> Known {
        if let Some(found) = self.known().get(model) {
            return found.clone();
        }
        let meant = self.meant(model);
        let price = self.search(meant);
        let listed = price.as_ref().map(|price| price.public_name(meant));
        let public_name = listed.or_else(|| family::public_name(meant).map(Arc::from));
        let found = Known { quote: price.map(|price| Quote::of(price, self.settings.cny_per_usd)), public_name };
        let mut known = self.known();
        if known.len() >= MAX_KNOWN_NAMES {
            known.clear();
        }
        known.insert(model.to_owned(), found.clone());
        found
    }

    fn search(&self, name: &str) -> Option<Arc<Price>> {
        let region = self.settings.region;
        let shipped = || self.shipped.get_or_init(|| list::shipped_prices(LIST));
        first_match(&self.settings.own, region, name).or_else(|| first_match(shipped(), region, name))
    }

    /// The name behind an alias. Aliases do not lead to aliases, so they cannot run in circles.
    fn meant<'n>(&'n self, model: &'n str) -> &'n str {
        if self.settings.aliases.is_empty() {
            return model;
        }
        let alias = |name: &str| self.settings.aliases.get(&name.to_lowercase());
        alias(model).or_else(|| alias(entry::without_prefixes(model))).map_or(model, String::as_str)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Books are equal if they give equal answers: what they remember does not count.
impl PartialEq for PriceBook {
    fn eq(&self, other: &Self) -> bool {
        self.settings == other.settings
    }
}

/// The first price of the region or of no region, else the first of the other region.
fn first_match(prices: &[Arc<Price>], region: Region, name: &str) -> Option<Arc<Price>> {
    let first = |here: bool| prices.iter().find(|price| price.region.is_none_or(|of| of == region) == here && price.is_of(name));
    first(true).or_else(|| first(false)).cloned()
}

#[cfg(test)]
mod tests;
