//! Values → the form that every server version takes as it is (`reference/langfuse.md` §1, §5, §6, §8). Pure.
//!
//! On this path a value in another form is not repaired by the server: it makes the whole event invalid, or vanishes.

use std::collections::BTreeMap;

use serde_json::{Number, Value};

/// The longest name of a trace. UTF-16 units, because the server counts those (`reference/langfuse.md` §8).
const MAX_NAME_UNITS: usize = 1000;

/// The longest environment. Characters (`reference/langfuse.md` §5).
const MAX_ENVIRONMENT_CHARS: usize = 40;

/// The largest count. Tokens; the server reads JSON numbers as doubles, which are exact up to here.
const MAX_COUNT: u64 = (1 << 53) - 1;

/// What went in or came out, as a member of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'s> {
    /// A JSON object or array, embedded as it is.
    Json(&'s str),
    /// A string.
    Text(&'s str),
}

impl<'s> Content<'s> {
    /// Tells structure from text; nothing of an empty text. Only objects and arrays are structure: a bare `0` or `false` is not stored by
    /// the server (`reference/langfuse.md` §8), and digits are a number that loses its end. JSON that is not read back whole, such as one
    /// with half a surrogate pair or nested too deep, is text too.
    pub fn of(text: &'s str) -> Option<Self> {
        let looks_structured = text.trim_start().starts_with(['{', '[']);
        match text {
            "" => None,
            _ if looks_structured && serde_json::from_str::<Value>(text).is_ok() => Some(Self::Json(text)),
            _ => Some(Self::Text(text)),
        }
    }

    /// Length of the text. Bytes.
    pub fn len(self) -> usize {
        match self {
            Self::Json(text) | Self::Text(text) => text.len(),
        }
    }
}

/// A name that is not too long.
pub fn name(text: &str) -> &str {
    let mut units = 0;
    let end = text.char_indices().find(|(_, character)| {
        units += character.len_utf16();
        units > MAX_NAME_UNITS
    });
    &text[..end.map_or(text.len(), |(at, _)| at)]
}

/// An environment as the server would write it, so that both APIs agree; `None` where it would fall back to its default (§5).
pub fn environment(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let mut rest = lower.as_str();
    while let Some(reserved) = rest.strip_prefix("langfuse") {
        rest = reserved.strip_prefix(['-', '_']).unwrap_or(reserved);
    }
    let cut: String = rest.chars().take(MAX_ENVIRONMENT_CHARS).collect();
    let fits = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || "-_".contains(character);
    (!cut.is_empty() && cut.chars().all(fits)).then_some(cut)
}

/// A level, spelled as it must be: no alias is known on this path (§8).
pub fn level(text: &str) -> Option<&str> {
    ["DEBUG", "DEFAULT", "WARNING", "ERROR"].contains(&text).then_some(text)
}

/// Token counts from the JSON text of an object; what is no whole number ≥ 0 is left out (§6). `None`: no counts.
pub fn counts(text: &str) -> Option<BTreeMap<String, u64>> {
    let counts: BTreeMap<_, _> =
        members(text)?.into_iter().filter_map(|(key, value)| Some((key, value.as_u64()?.min(MAX_COUNT)))).collect();
    (!counts.is_empty()).then_some(counts)
}

/// Amounts of money in USD from the JSON text of an object; what is no number ≥ 0 is left out (§6). `None`: no amounts.
pub fn amounts(text: &str) -> Option<BTreeMap<String, Number>> {
    let amount = |value: Value| match value {
        Value::Number(number) if number.as_f64().is_some_and(|amount| amount >= 0.0) => Some(number),
        _ => None,
    };
    let amounts: BTreeMap<_, _> = members(text)?.into_iter().filter_map(|(key, value)| Some((key, amount(value)?))).collect();
    (!amounts.is_empty()).then_some(amounts)
}

fn members(text: &str) -> Option<serde_json::Map<String, Value>> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_objects_and_arrays_are_structure() {
        for structured in [r#"{"a":1}"#, "[]", " [1, 2] ", r#"[{"role":"user","content":"好\n"}]"#] {
            assert_eq!(Content::of(structured), Some(Content::Json(structured)), "{structured}");
        }
        let deep = "[".repeat(200) + &"]".repeat(200);
        for text in [
            "0",
            "false",
            "null",
            r#""quoted""#,
            "12345678901234567890",
            "{",
            "[1",
            "[map[a:b]]",
            r#"["\ud800"]"#,
            "[1e999]",
            "[1]2",
            deep.as_str(),
        ] {
            assert_eq!(Content::of(text), Some(Content::Text(text)), "{text}");
        }
        assert_eq!(Content::of(""), None);
    }

    #[test]
    fn a_name_is_cut_where_the_server_counts() {
        assert_eq!(name("short"), "short");
        assert_eq!(name(&"好".repeat(1000)).chars().count(), 1000);
        assert_eq!(name(&"好".repeat(1001)).chars().count(), 1000);
        assert_eq!(name(&"😀".repeat(501)).chars().count(), 500);
        assert_eq!(name(&format!("a{}", "😀".repeat(500))).chars().count(), 500);
    }

    #[test]
    fn an_environment_has_the_servers_own_form() {
        for (text, expected) in [
            ("prod", Some("prod")),
            ("Prod-1_a", Some("prod-1_a")),
            ("langfuse", None),
            ("langfuse-prod", Some("prod")),
            ("Langfuse_langfuse-prod", Some("prod")),
            ("langfuselangfuse", None),
            ("my-langfuse", Some("my-langfuse")),
            ("a b", None),
            ("生产", None),
            ("", None),
        ] {
            assert_eq!(environment(text).as_deref(), expected, "{text}");
        }
        assert_eq!(environment(&"a".repeat(50)), Some("a".repeat(40)));
        assert_eq!(environment("sls-to-langfuse-demo").as_deref(), Some("sls-to-langfuse-demo"));
    }

    #[test]
    fn counts_are_whole_and_amounts_are_not_negative() {
        let map = |pairs: &[(&str, u64)]| Some(pairs.iter().map(|(key, count)| ((*key).to_owned(), *count)).collect::<BTreeMap<_, _>>());
        assert_eq!(counts(r#"{"input":1,"output":-2,"x":1.5,"y":"3","total":0}"#), map(&[("input", 1), ("total", 0)]));
        assert_eq!(counts(r#"{"total":18446744073709551615}"#), map(&[("total", 9_007_199_254_740_991)]));
        assert_eq!([counts("{}"), counts("[1]"), counts("text"), counts(r#"{"a":null}"#)], [const { None }; 4]);
        let paid = amounts(r#"{"input":0.25,"output":-1,"x":"1","total":1}"#).unwrap();
        assert_eq!(serde_json::to_string(&paid).unwrap(), r#"{"input":0.25,"total":1}"#);
        assert_eq!(amounts(r#"{"x":null}"#), None);
    }

    #[test]
    fn a_level_is_one_of_four_words() {
        assert_eq!([level("ERROR"), level("error"), level("INFO")], [Some("ERROR"), None, None]);
    }
}
