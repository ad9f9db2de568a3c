//! `filter` in a trigger's `functionParameter` → conditions. Pure.
//!
//! A compact form of the conditions in the file: `{"consumer": "team-a"}` asks for that text, `["a", "b"]` for one of them, `null` for no
//! value, `{"prefix": "team-"}` is an operator. All members must hold; a list of such objects asks for one of them. It is tried beside the
//! filter of the file, so that a call can ask for less than the file wants and never for more.

use serde_json::{Map, Value};

use super::rules::Rule;
use super::tables::conditions::{Operand, can_never_hold, operators, test};
use crate::gateway::field_path::FieldPath;
use crate::select::{Condition, Conditions, Test};

/// The most alternatives, and the most conditions of each: a call must not bring any number.
const MOST: usize = 50;

/// The alternatives that a filter names.
pub(super) fn filter(value: &Value) -> Result<Vec<Conditions>, Rule> {
    match value {
        Value::Object(members) => Ok(vec![conditions(members)?]),
        Value::Array(all) if (1..=MOST).contains(&all.len()) => {
            all.iter().map(|one| conditions(one.as_object().ok_or_else(rule)?)).collect()
        }
        _ => Err(rule()),
    }
}

fn rule() -> Rule {
    format!("must be an object of field paths, as in {{\"consumer\": \"team-a\"}}, or a list of 1 to {MOST} of them").into()
}

fn conditions(members: &Map<String, Value>) -> Result<Conditions, Rule> {
    if !(1..=MOST).contains(&members.len()) {
        return Err(rule());
    }
    let mut all = Vec::new();
    for (path, value) in members {
        let field = FieldPath::parse(path).map_err(|error| Rule::from(format!("must name fields by their paths: {error}")))?;
        all.extend(tests(value)?.into_iter().map(|test| Condition { field: field.clone(), test }));
    }
    let conditions = Conditions::new(all);
    if can_never_hold(&conditions) { Err("can never hold: its conditions exclude each other".into()) } else { Ok(conditions) }
}

fn tests(value: &Value) -> Result<Vec<Test>, Rule> {
    match value {
        Value::Null => Ok(vec![Test::Exists(false)]),
        Value::Array(_) => Ok(vec![test("in", operand(value)?)?]),
        Value::Object(wanted) if wanted.is_empty() => Err(format!("must name an operator: {}", operators()).into()),
        Value::Object(wanted) => wanted.iter().map(|(operator, value)| operation(operator, value)).collect(),
        // A flag is written as text in a log, too.
        Value::Bool(on) => Ok(vec![Test::Equals(on.to_string())]),
        _ => Ok(vec![test("equals", operand(value)?)?]),
    }
}

fn operation(operator: &str, value: &Value) -> Result<Test, Rule> {
    match (operator, value) {
        ("not", Value::Object(inner)) if inner.contains_key("not") => Err("must not turn round twice".into()),
        ("not", value) => Ok(Test::Not(tests(value)?)),
        (operator, value) => test(operator, operand(value)?),
    }
}

fn operand(value: &Value) -> Result<Operand, Rule> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    match value {
        Value::Bool(on) => Some(Operand::Switch(*on)),
        Value::Array(texts) => texts.iter().map(text).collect::<Option<_>>().map(Operand::Texts),
        other => text(other).map(Operand::Text),
    }
    .ok_or_else(|| "must compare with texts, numbers, or lists of them".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn is(text: &str) -> Test {
        Test::Equals(text.to_owned())
    }

    fn when(conditions: impl IntoIterator<Item = (&'static str, Test)>) -> Conditions {
        let condition = |(field, test)| Condition { field: FieldPath::parse(field).unwrap(), test };
        Conditions::new(conditions.into_iter().map(condition).collect())
    }

    #[test]
    fn the_compact_form_means_the_same_as_the_long_one() {
        let one_of = |texts: &[&str]| Test::In(texts.iter().map(|text| (*text).to_owned()).collect());
        for (value, expected) in [
            (json!({"consumer": "team-a"}), when([("consumer", is("team-a"))])),
            (json!({"response_code": 200}), when([("response_code", is("200"))])),
            (json!({"consumer": ["a", "b"]}), when([("consumer", one_of(&["a", "b"]))])),
            (json!({"consumer": null}), when([("consumer", Test::Exists(false))])),
            (json!({"response_code": {"above": 399, "below": 500}}), {
                when([("response_code", Test::Above(399.0)), ("response_code", Test::Below(500.0))])
            }),
            (json!({"consumer": {"not": "a"}}), when([("consumer", Test::Not(vec![is("a")]))])),
            (json!({"consumer": {"not": {"prefix": "a"}}}), when([("consumer", Test::Not(vec![Test::Prefix("a".into())]))])),
            (json!({"api": {"exists": true}, "consumer": "a"}), when([("api", Test::Exists(true)), ("consumer", is("a"))])),
        ] {
            assert_eq!(filter(&value), Ok(vec![expected]), "{value}");
        }
        assert_eq!(filter(&json!([{"consumer": "a"}, {"consumer": "b"}])).unwrap().len(), 2);
    }

    #[test]
    fn anything_else_is_refused_without_being_repeated() {
        for value in [
            json!("sentinel"),
            json!(null),
            json!([]),
            json!({}),
            json!([{}]),
            json!({"sentinel[": "a"}),
            json!({"consumer": {}}),
            json!({"consumer": {"sentinel": "a"}}),
            json!({"consumer": {"prefix": ""}}),
            json!({"consumer": {"above": "sentinel"}}),
            json!({"consumer": {"matches": "sentinel("}}),
            json!({"consumer": {"in": []}}),
            json!({"consumer": {"not": {"not": "sentinel"}}}),
            json!({"consumer": [["sentinel"]]}),
            json!({"consumer": {"equals": "a", "in": ["b"]}}),
        ] {
            let rule = filter(&value).unwrap_err();
            assert!(!rule.contains("sentinel"), "{value}: {rule}");
        }
    }
}
