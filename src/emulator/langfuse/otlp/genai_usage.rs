//! Usage and cost of a span: the explicit attribute, else `gen_ai.usage.*` and `llm.token_count.*` (`reference/langfuse.md` §5, §6).

use serde_json::{Map, Value, json};

use super::attributes::Attributes;
use crate::emulator::langfuse::rules::number_json;
use crate::emulator::langfuse::version::{ServerVersion, since};

const RENAMED: [(&str, &str); 7] = [
    ("prompt_tokens", "input"),
    ("completion_tokens", "output"),
    ("total_tokens", "total"),
    ("input_tokens", "input"),
    ("output_tokens", "output"),
    ("prompt", "input"),
    ("completion", "output"),
];

/// Spellings that are subtracted from a side: side, stored bucket, keys after `gen_ai.usage.`.
const PARTS: [(&str, &str, &[&str]); 3] = [
    (
        "input",
        "input_cached_tokens",
        &["cache_read.input_tokens", "cache_read_input_tokens", "cache_read_tokens", "details.cache_read_input_tokens"],
    ),
    (
        "input",
        "input_cache_creation",
        &["cache_creation.input_tokens", "cache_creation_input_tokens", "cache_write_tokens", "details.cache_creation_input_tokens"],
    ),
    ("output", "output_reasoning_tokens", &["reasoning.output_tokens", "reasoning_tokens", "details.reasoning_tokens"]),
];

/// The usage object of a span, still to be read by the shared rules.
pub fn usage(attributes: &Attributes, version: ServerVersion) -> Value {
    if let Some(explicit) = attributes.json("langfuse.observation.usage_details") {
        return explicit;
    }
    let counts = attributes.0.iter().filter_map(|(key, value)| Some((bucket(key)?, number(value)?)));
    let counts: Map<String, Value> = counts.map(|(key, number)| (renamed(key).to_owned(), number_json(number))).collect();
    Value::Object(if version >= since::GENAI_USAGE_ARITHMETIC { subtracted(counts) } else { counts })
}

/// The cost object of a span.
pub fn cost(attributes: &Attributes) -> Value {
    let single = || attributes.truthy("gen_ai.usage.cost").or_else(|| attributes.truthy("llm.cost.total"));
    attributes.json("langfuse.observation.cost_details").unwrap_or_else(|| single().map_or(json!({}), |total| json!({ "total": total })))
}

fn bucket(key: &str) -> Option<&str> {
    let usage = key.strip_prefix("gen_ai.usage.").filter(|rest| *rest != "cost");
    usage.or_else(|| key.strip_prefix("llm.token_count."))
}

fn renamed(key: &str) -> &str {
    RENAMED.iter().find(|(from, _)| *from == key).map_or(key, |(_, to)| to)
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

fn subtracted(mut counts: Map<String, Value>) -> Map<String, Value> {
    for (side, stored, spellings) in PARTS {
        let found: Vec<f64> = spellings.iter().filter_map(|key| counts.remove(*key)).filter_map(|value| value.as_f64()).collect();
        if let Some(part) = found.first() {
            counts.insert(stored.to_owned(), number_json(*part));
            if let Some(whole) = counts.get(side).and_then(Value::as_f64) {
                counts.insert(side.to_owned(), number_json((whole - part).max(0.0)));
            }
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: ServerVersion = ServerVersion::new(4, 16, 0);

    fn attributes(value: Value) -> Attributes {
        let Value::Object(map) = value else { panic!("an object") };
        Attributes(map)
    }

    #[test]
    fn cache_and_reasoning_leave_their_sides_since_3_168() {
        let given = attributes(json!({"gen_ai.usage.input_tokens": 10, "gen_ai.usage.cache_read.input_tokens": "4",
            "gen_ai.usage.output_tokens": 5, "gen_ai.usage.reasoning.output_tokens": 2, "gen_ai.usage.cost": 1, "gen_ai.usage.odd": 1}));
        let expected = json!({"input": 6, "input_cached_tokens": 4, "output": 3, "output_reasoning_tokens": 2, "odd": 1});
        assert_eq!(usage(&given, V4), expected);
        let simple = json!({"input": 10, "cache_read.input_tokens": 4, "output": 5, "reasoning.output_tokens": 2, "odd": 1});
        assert_eq!(usage(&given, ServerVersion::new(3, 167, 0)), simple);
    }

    #[test]
    fn unreadable_text_falls_back_and_other_json_does_not() {
        let unreadable = attributes(json!({"langfuse.observation.usage_details": "{", "llm.token_count.prompt": 3}));
        assert_eq!(usage(&unreadable, V4), json!({"input": 3}));
        let list = attributes(json!({"langfuse.observation.usage_details": "[1]", "llm.token_count.prompt": 3}));
        assert_eq!(usage(&list, V4), json!([1]));
    }

    #[test]
    fn a_single_cost_is_the_total() {
        assert_eq!(cost(&attributes(json!({"gen_ai.usage.cost": 0.5}))), json!({"total": 0.5}));
        assert_eq!(
            cost(&attributes(json!({"langfuse.observation.cost_details": "{\"input\":1}", "gen_ai.usage.cost": 2}))),
            json!({"input": 1})
        );
        assert_eq!(cost(&attributes(json!({}))), json!({}));
    }
}
