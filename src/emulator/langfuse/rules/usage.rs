//! Token counts: the three shapes of a usage object and what is stored of each (`reference/langfuse.md` §6).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::count_of;
use crate::emulator::langfuse::version::{ServerVersion, since};

/// Stored counts by bucket.
pub type Usage = BTreeMap<String, u64>;

/// A usage object that makes the whole observation invalid (before 3.138).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unusable;

/// One of the two shapes of OpenAI: input, output, total, details of input, details of output.
type Shape = [&'static str; 5];

const CHAT: Shape = ["prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details", "completion_tokens_details"];
const RESPONSES: Shape = ["input_tokens", "output_tokens", "total_tokens", "input_tokens_details", "output_tokens_details"];

/// What is stored of a usage object; a value that is no object gives nothing.
///
/// # Errors
/// Before 3.138, when the object has neither of the two shapes and one value is not a whole number ≥ 0.
pub fn stored(given: &Value, version: ServerVersion) -> Result<Usage, Unusable> {
    buckets(given, version).map(with_total)
}

/// The same before an absent `total` is added.
///
/// # Errors
/// As [`stored`].
pub fn buckets(given: &Value, version: ServerVersion) -> Result<Usage, Unusable> {
    let Value::Object(map) = given else { return Ok(Usage::new()) };
    if let Some(usage) = shaped(map, CHAT).or_else(|| shaped(map, RESPONSES)) {
        return Ok(usage);
    }
    if version < since::FORGIVING_USAGE && !map.values().all(|value| value.is_null() || count_of(value).is_some()) {
        return Err(Unusable);
    }
    Ok(flat(map))
}

/// Adds `total` where it is absent: the sum of all keys.
pub fn with_total(mut usage: Usage) -> Usage {
    if !usage.is_empty() && !usage.contains_key("total") {
        let sum = usage.values().fold(0_u64, |sum, count| sum.saturating_add(*count));
        usage.insert("total".into(), sum);
    }
    usage
}

fn flat(map: &Map<String, Value>) -> Usage {
    map.iter().filter_map(|(key, value)| Some((key.clone(), lenient_count(value)?))).collect()
}

fn lenient_count(value: &Value) -> Option<u64> {
    count_of(value).or_else(|| value.as_str()?.trim().parse().ok())
}

fn shaped(map: &Map<String, Value>, shape: Shape) -> Option<Usage> {
    if map.keys().any(|key| !shape.contains(&key.as_str())) {
        return None;
    }
    let [input, output, total, input_details, output_details] = shape;
    let mut usage = Usage::from([("total".into(), count_of(map.get(total)?)?)]);
    for (bucket, count, details) in [("input", input, input_details), ("output", output, output_details)] {
        subtract(&mut usage, bucket, count_of(map.get(count)?)?, &counts(map.get(details))?);
    }
    Some(usage)
}

/// The counts of a details map; nothing where it is not one, which spoils the shape.
fn counts(details: Option<&Value>) -> Option<Vec<(&String, u64)>> {
    match details {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Object(map)) => {
            map.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| Some((key, count_of(value)?))).collect()
        }
        Some(_) => None,
    }
}

fn subtract(usage: &mut Usage, bucket: &str, count: u64, details: &[(&String, u64)]) {
    let mut rest = count;
    for (key, part) in details {
        usage.insert(format!("{bucket}_{key}"), *part);
        rest = rest.saturating_sub(*part);
    }
    usage.insert(bucket.to_owned(), rest);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const V4: ServerVersion = ServerVersion::new(4, 16, 0);

    fn of(given: &Value) -> Vec<(String, u64)> {
        stored(given, V4).unwrap().into_iter().collect()
    }

    fn pairs(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
        let mut pairs: Vec<_> = expected.iter().map(|(key, count)| ((*key).to_owned(), *count)).collect();
        pairs.sort();
        pairs
    }

    #[test]
    fn the_two_shapes_subtract_their_details() {
        let chat = json!({"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
            "prompt_tokens_details": {"cached_tokens": 40, "audio_tokens": null}, "completion_tokens_details": {"reasoning_tokens": 30}});
        let expected =
            pairs(&[("input", 60), ("input_cached_tokens", 40), ("output", 20), ("output_reasoning_tokens", 30), ("total", 150)]);
        assert_eq!(of(&chat), expected);
        let responses = json!({"input_tokens": 10, "output_tokens": 5, "total_tokens": 15, "input_tokens_details": {"cached_tokens": 40}});
        assert_eq!(of(&responses), pairs(&[("input", 0), ("input_cached_tokens", 40), ("output", 5), ("total", 15)]));
    }

    #[test]
    fn one_extra_key_makes_a_shape_a_flat_map_with_a_wrong_total() {
        let raw = json!({"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150, "prompt_cache_hit_tokens": 40,
            "prompt_tokens_details": {"cached_tokens": 40}});
        let expected = pairs(&[
            ("prompt_tokens", 100),
            ("completion_tokens", 50),
            ("total_tokens", 150),
            ("prompt_cache_hit_tokens", 40),
            ("total", 340),
        ]);
        assert_eq!(of(&raw), expected);
    }

    #[test]
    fn a_flat_map_keeps_whole_numbers_and_trusts_its_total() {
        let given =
            json!({"input": 3, "output": "4", "five": 5.0, "half": 0.5, "below": -1, "nested": {"a": 1}, "none": null, "word": "x"});
        assert_eq!(of(&given), pairs(&[("input", 3), ("output", 4), ("five", 5), ("total", 12)]));
        assert_eq!(of(&json!({"input": 3, "total": 1})), pairs(&[("input", 3), ("total", 1)]));
        assert_eq!(of(&json!({"input": 0, "output": 0, "total": 0})), pairs(&[("input", 0), ("output", 0), ("total", 0)]));
        for empty in [json!({}), json!([1]), json!("text"), json!(7)] {
            assert_eq!(of(&empty), vec![], "{empty}");
        }
    }

    #[test]
    fn before_3_138_one_bad_value_spoils_the_observation() {
        let old = ServerVersion::new(3, 137, 0);
        for bad in [json!({"input": 0.5}), json!({"input": -1}), json!({"input": "4"}), json!({"input": {}})] {
            assert_eq!(stored(&bad, old), Err(Unusable), "{bad}");
        }
        assert_eq!(stored(&json!({"input": 1, "x": null}), old), Ok(with_total(Usage::from([("input".into(), 1)]))));
    }
}
