//! OTLP key-value lists as plain maps (`reference/langfuse.md` §4, "Value types"). Knows no key by name.

use serde_json::{Map, Value};

use crate::emulator::langfuse::rules::{number_json, text_of, truthy};
use crate::emulator::langfuse::version::{ServerVersion, since};

/// An attribute without a value: the worker throws on the whole request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WithoutValue;

/// Attributes by key; of a repeated key the last one.
#[derive(Clone, Debug, Default)]
pub struct Attributes(pub Map<String, Value>);

impl Attributes {
    /// Reads a key-value list; an absent one is empty.
    ///
    /// # Errors
    /// When one entry has no value.
    pub fn read(list: Option<&Value>, version: ServerVersion) -> Result<Self, WithoutValue> {
        let entries = list.and_then(Value::as_array).into_iter().flatten();
        let pairs: Result<_, _> = entries.map(|entry| pair(entry, version)).collect();
        pairs.map(Self)
    }

    /// The value under a key, unless it is null.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// The value under a key, if JavaScript takes it for true.
    pub fn truthy(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| truthy(value))
    }

    /// The first of some keys that has something, as text.
    pub fn first_text(&self, keys: &[&str]) -> Option<String> {
        keys.iter().find_map(|key| self.truthy(key)).map(text_of)
    }

    /// The JSON that stands as text under a key, if it can be parsed.
    pub fn json(&self, key: &str) -> Option<Value> {
        serde_json::from_str(&text_of(self.truthy(key)?)).ok()
    }
}

fn pair(entry: &Value, version: ServerVersion) -> Result<(String, Value), WithoutValue> {
    let key = entry.get("key").map(text_of).unwrap_or_default();
    Ok((key, plain(entry.get("value").ok_or(WithoutValue)?, version)?))
}

fn plain(value: &Value, version: ServerVersion) -> Result<Value, WithoutValue> {
    if value.is_null() {
        return Err(WithoutValue);
    }
    for key in ["stringValue", "doubleValue", "boolValue"] {
        if let Some(given) = value.get(key) {
            return Ok(given.clone());
        }
    }
    if let Some(Value::Array(values)) = value.pointer("/arrayValue/values") {
        return values.iter().map(|value| plain(value, version)).collect();
    }
    Ok(integer(value.get("intValue"), version).unwrap_or_else(|| Value::String(value.to_string())))
}

fn integer(given: Option<&Value>, version: ServerVersion) -> Option<Value> {
    match given? {
        Value::Number(number) => number.as_f64().map(number_json),
        Value::String(text) if version >= since::TEXT_INTEGERS => text.trim().parse::<f64>().ok().map(number_json),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const V4: ServerVersion = ServerVersion::new(4, 16, 0);

    fn value(value: &Value) -> Value {
        let list = json!([{"key": "k", "value": value}]);
        Attributes::read(Some(&list), V4).unwrap().0.remove("k").unwrap()
    }

    #[test]
    fn reads_the_five_kinds_and_keeps_the_rest_as_raw_json() {
        let cases = [
            (json!({"stringValue": "x"}), json!("x")),
            (json!({"intValue": "7"}), json!(7)),
            (json!({"intValue": 7}), json!(7)),
            (json!({"doubleValue": 0.5}), json!(0.5)),
            (json!({"boolValue": false}), json!(false)),
            (json!({"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": 1}]}}), json!(["a", 1])),
            (json!({}), json!("{}")),
            (json!({"arrayValue": {}}), json!(r#"{"arrayValue":{}}"#)),
            (json!({"kvlistValue": {"values": []}}), json!(r#"{"kvlistValue":{"values":[]}}"#)),
            (json!({"intValue": "9007199254740993"}), json!(9_007_199_254_740_992.0)),
        ];
        for (given, expected) in cases {
            assert_eq!(value(&given), expected, "{given}");
        }
    }

    #[test]
    fn one_entry_without_a_value_spoils_the_list() {
        for entry in [json!({"key": "k"}), json!({"key": "k", "value": null}), json!(null), json!("k")] {
            let list = json!([{"key": "a", "value": {"stringValue": "x"}}, entry]);
            assert_eq!(Attributes::read(Some(&list), V4).err(), Some(WithoutValue), "{list}");
        }
    }

    #[test]
    fn the_last_of_a_repeated_key_wins_and_text_integers_need_3_179() {
        let list = json!([{"key": "k", "value": {"intValue": "1"}}, {"key": "k", "value": {"intValue": "2"}}]);
        assert_eq!(Attributes::read(Some(&list), V4).unwrap().0.get("k"), Some(&json!(2)));
        let old = Attributes::read(Some(&list), ServerVersion::new(3, 178, 0)).unwrap();
        assert_eq!(old.0.get("k"), Some(&json!(r#"{"intValue":"2"}"#)));
    }
}
