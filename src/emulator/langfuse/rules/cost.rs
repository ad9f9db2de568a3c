//! Cost maps, US dollars by bucket (`reference/langfuse.md` §6, "Cost").

use std::collections::BTreeMap;

use serde_json::Value;

/// Stored costs by bucket, US dollars.
pub type Cost = BTreeMap<String, f64>;

/// Stored as a decimal whose absolute value stays below this.
const LIMIT_USD: f64 = 1_000_000.0;

/// What is stored of a cost object. `total` is made of input and output only where no other key is present.
pub fn stored(given: &Value) -> Cost {
    let Value::Object(map) = given else { return Cost::new() };
    let kept = map.iter().filter_map(|(key, value)| Some((key.clone(), amount(value)?)));
    with_total(kept.collect())
}

fn amount(value: &Value) -> Option<f64> {
    let usd = value.as_f64().filter(|usd| (0.0..LIMIT_USD).contains(usd))?;
    Some((usd * 1e12).round() / 1e12)
}

fn with_total(mut cost: Cost) -> Cost {
    let only_sides = cost.keys().all(|key| key == "input" || key == "output");
    if only_sides && !cost.is_empty() {
        let sum = cost.values().sum();
        cost.insert("total".into(), sum);
    }
    cost
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn makes_a_total_of_input_and_output_alone() {
        assert_eq!(
            stored(&json!({"input": 0.25, "output": 0.5})),
            Cost::from([("input".into(), 0.25), ("output".into(), 0.5), ("total".into(), 0.75)])
        );
        assert_eq!(
            stored(&json!({"input": 0.25, "input_cached_tokens": 0.5})),
            Cost::from([("input".into(), 0.25), ("input_cached_tokens".into(), 0.5)])
        );
        assert_eq!(stored(&json!({"total": 1, "other": 2})), Cost::from([("total".into(), 1.0), ("other".into(), 2.0)]));
    }

    #[test]
    fn drops_what_is_no_amount() {
        assert_eq!(stored(&json!({"a": "1", "b": -1, "c": null, "d": 1_000_000, "e": [1]})), Cost::new());
        assert_eq!(stored(&json!("text")), Cost::new());
    }
}
