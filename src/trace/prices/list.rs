//! The text of a list of prices → prices, or the first thing that is wrong with it. Pure.
//!
//! Messages name lines, entries and our own field names, and quote nothing: the path of another file may have been given by mistake.

use std::sync::Arc;

use serde::Deserialize;

use super::entry::{Price, PriceEntry, PriceRule, REQUIRED_FIELDS};

/// The most entries of a file. Each holds some kilobytes of compiled pattern.
const MAX_ENTRIES: usize = 1000;

/// Why the operator's own prices are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PriceListError {
    /// Not text.
    #[error("it must be UTF-8 text")]
    NotText,
    /// Neither JSON nor TOML.
    #[error("line {line} must be JSON (an array of entries) or TOML (one [[price]] an entry)")]
    Syntax {
        /// Counted from 1.
        line: usize,
    },
    /// A field that cannot be left out.
    #[error("the entry at line {line} must have the field {field}")]
    Missing {
        /// Counted from 1.
        line: usize,
        /// Its name.
        field: &'static str,
    },
    /// A field that no entry has.
    #[error("line {line} has a field that is not known; an entry needs pattern, currency and tiers, a tier input and output")]
    Unknown {
        /// Counted from 1.
        line: usize,
    },
    /// A value of another type.
    #[error(
        "line {line} has a value of the wrong type; texts stand in quotes, prices are numbers, currency is CNY or USD, region cn or intl"
    )]
    Value {
        /// Counted from 1.
        line: usize,
    },
    /// An entry that breaks a rule.
    #[error("entry {number}: {rule}")]
    Entry {
        /// Counted from 1.
        number: usize,
        /// The rule.
        rule: PriceRule,
    },
    /// More entries than a book holds.
    #[error("it must have at most 1000 entries")]
    TooMany,
}

/// The operator's own prices: JSON, an array of entries in the form of the shipped list, or TOML with one `[[price]]` for each. A pattern
/// covers the whole name; without `region` an entry holds in both; without `unit`, prices are per 1M tokens.
///
/// # Errors
/// [`PriceListError`] for the first thing that is wrong.
pub fn own_prices(content: &[u8]) -> Result<Vec<Arc<Price>>, PriceListError> {
    let text = std::str::from_utf8(content).map_err(|_| PriceListError::NotText)?;
    let entries = if is_json(text) { json(text)? } else { toml(text)? };
    if entries.len() > MAX_ENTRIES {
        return Err(PriceListError::TooMany);
    }
    let priced = |(index, entry): (usize, &PriceEntry)| {
        entry.price().and_then(Price::checked).map_err(|rule| PriceListError::Entry { number: index + 1, rule })
    };
    entries.iter().enumerate().map(priced).collect()
}

/// The shipped list. The tests prove that nothing of it is left out.
pub(super) fn shipped_prices(text: &str) -> Vec<Arc<Price>> {
    json(text).unwrap_or_default().iter().filter_map(|entry| entry.price().ok()).collect()
}

/// `[[` begins a table of TOML and cannot begin a list of JSON objects.
fn is_json(text: &str) -> bool {
    text.trim_start().strip_prefix('[').is_some_and(|rest| rest.trim_start().starts_with(['{', ']']))
}

pub(super) fn json(text: &str) -> Result<Vec<PriceEntry>, PriceListError> {
    serde_json::from_str(text).map_err(|error| {
        if error.is_data() { misfit(&error.to_string(), error.line()) } else { PriceListError::Syntax { line: error.line().max(1) } }
    })
}

fn toml(text: &str) -> Result<Vec<PriceEntry>, PriceListError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[serde(default)]
        price: Vec<PriceEntry>,
    }
    let line = |error: &toml::de::Error| {
        let before = error.span().map_or(0, |span| span.start);
        text.bytes().take(before).filter(|byte| *byte == b'\n').count() + 1
    };
    // Parsed in two steps, because only the first can tell bad TOML from a bad entry.
    toml::de::DeTable::parse(text).map_err(|error| PriceListError::Syntax { line: line(&error) })?;
    toml::from_str::<File>(text).map(|file| file.price).map_err(|error| misfit(error.message(), line(&error)))
}

/// What a message of the deserializer is about, without what it quotes.
fn misfit(message: &str, line: usize) -> PriceListError {
    if message.starts_with("unknown field") {
        return PriceListError::Unknown { line };
    }
    let missing = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    match REQUIRED_FIELDS.iter().find(|field| missing == Some(**field)) {
        Some(field) => PriceListError::Missing { line, field },
        None => PriceListError::Value { line },
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Currency, PriceBook, PriceSettings};
    use super::*;

    const JSON: &str = r#"[
      {"pattern": "my-model", "currency": "CNY", "tiers": [{"input": 1, "output": 2.5}]}
    ]"#;

    const TOML: &str = r#"
# what we pay
[[price]]
pattern = "my-model"
currency = "CNY"
tiers = [{ input = 1, output = 2.5 }]
"#;

    fn error(text: &str) -> String {
        own_prices(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn json_and_toml_say_the_same() {
        let (json, toml) = (own_prices(JSON.as_bytes()).unwrap(), own_prices(TOML.as_bytes()).unwrap());
        assert_eq!(json, toml);
        assert_eq!((json.len(), json[0].currency, json[0].region, json[0].origin.as_str()), (1, Currency::Cny, None, "own price"));
        assert!(json[0].is_of("MY-Model") && json[0].is_of("dashscope/my-model") && !json[0].is_of("my-model-2"));
        for nothing in ["", "[]", " [ ] ", "# nothing\n"] {
            assert_eq!(own_prices(nothing.as_bytes()), Ok(Vec::new()), "{nothing:?}");
        }
    }

    #[test]
    fn the_example_of_the_settings_pages_is_accepted() {
        for page in [include_str!("../../../docs/settings.md"), include_str!("../../../docs/settings.zh-CN.md")] {
            let example = page.split("```toml\n").find(|block| block.starts_with("[[price]]")).unwrap().split("```").next().unwrap();
            let prices = own_prices(example.as_bytes()).unwrap();
            assert!(prices.len() == 1 && prices[0].is_of("my-model-v2") && prices[0].tier(32_001).unwrap().input_cached == Some(0.3));
        }
    }

    #[test]
    fn the_shipped_list_is_a_list_that_an_operator_could_give() {
        let book = PriceBook::new(PriceSettings { own: own_prices(super::super::LIST.as_bytes()).unwrap(), ..Default::default() });
        assert_eq!(book.price("qwen-plus").unwrap().price.origin, "alibaba-bailian 2026-05");
    }

    #[test]
    fn what_is_wrong_is_named_by_line_or_entry() {
        let cases = [
            ("{}", "line 1 must be JSON (an array of entries) or TOML (one [[price]] an entry)"),
            ("[{\"pattern\"\n]", "line 2 must be JSON (an array of entries) or TOML (one [[price]] an entry)"),
            ("[[price]]\npattern = x", "line 2 must be JSON (an array of entries) or TOML (one [[price]] an entry)"),
            (&JSON.replace("\"currency\": \"CNY\",", ""), "the entry at line 2 must have the field currency"),
            (&TOML.replace("input = 1,", ""), "the entry at line 6 must have the field input"),
            (
                &TOML.replace("currency", "curency"),
                "line 5 has a field that is not known; an entry needs pattern, currency and tiers, a tier input and output",
            ),
            (
                &JSON.replace("CNY", "EUR"),
                "line 2 has a value of the wrong type; texts stand in quotes, prices are numbers, currency is CNY or USD, region cn or intl",
            ),
            (&JSON.replace("\"input\": 1", "\"input\": -1"), "entry 1: its prices must be numbers from 0 to 1000000"),
            (&JSON.replace("\"input\": 1", "\"input\": 1e7"), "entry 1: its prices must be numbers from 0 to 1000000"),
            (
                &JSON.replace("my-model", "(?=x)"),
                "entry 1: its pattern must be a regular expression of at most 500 bytes without look-around and back-references",
            ),
            (&TOML.replace("CNY\"", "CNY\"\nunit = \"1K tokens\""), "entry 1: its unit must be \"1M tokens\""),
            (
                &TOML.replace("input = 1", "max_input_tokens = 5, input = 1"),
                "entry 1: its tiers must ascend in max_input_tokens, and the last one, and only that, must have none",
            ),
            (
                &TOML.replace("[{", "[{ input = 1, output = 1 }, {"),
                "entry 1: its tiers must ascend in max_input_tokens, and the last one, and only that, must have none",
            ),
            (
                &TOML.replace("tiers = [{ input = 1, output = 2.5 }]", "tiers = []"),
                "entry 1: its tiers must ascend in max_input_tokens, and the last one, and only that, must have none",
            ),
            (
                &TOML.replace("CNY\"", "CNY\"\nvendor = \"a\\nb\""),
                "entry 1: its vendor and as_of must have at most 100 characters and no control characters",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(error(text), expected, "{text}");
        }
        assert_eq!(own_prices(b"\xff"), Err(PriceListError::NotText));
        let entry = JSON.trim().trim_matches(['[', ']']);
        assert_eq!(error(&format!("[{}]", [entry; 1001].join(","))), "it must have at most 1000 entries");
    }

    #[test]
    fn nothing_of_the_file_is_repeated() {
        for text in [
            "sentinel",
            "[[price]]\nsentinel = 1",
            "[{\"sentinel\": \"sentinel\"}]",
            "[{\"pattern\": \"(sentinel\", \"currency\": \"sentinel\"}]",
        ] {
            assert!(!error(text).contains("sentinel"), "{text}");
        }
    }
}
