//! A small reader of JSON Schema, for tests: exactly the keywords of the schemas in `tests/fixtures`, and a panic at any other, so that nothing
//! of a schema is passed over in silence. A whole validator would bring sixty packages with it.
//!
//! Unit tests and integration tests include this one file, each as a module of its own.

use serde_json::Value;

/// A schema, parsed once.
pub struct Schema(Value);

impl Schema {
    pub fn parse(schema: &str) -> Self {
        Self(serde_json::from_str(schema).unwrap())
    }

    /// The first thing that is wrong, and where.
    pub fn check(&self, document: &Value) -> Result<(), String> {
        self.value(&self.0, document, "")
    }

    fn value(&self, schema: &Value, value: &Value, path: &str) -> Result<(), String> {
        let rules = match schema {
            Value::Bool(true) => return Ok(()),
            Value::Bool(false) => return Err(format!("{path}: not allowed here")),
            Value::Object(rules) => rules,
            other => panic!("not a schema: {other}"),
        };
        for (keyword, rule) in rules {
            if !self.holds(keyword, rule, schema, value, path)? {
                return Err(format!("{path}: {keyword} {rule}"));
            }
        }
        Ok(())
    }

    /// Whether one keyword is satisfied; an error comes from deeper inside.
    fn holds(&self, keyword: &str, rule: &Value, schema: &Value, value: &Value, path: &str) -> Result<bool, String> {
        let passes = |schema: &Value| self.value(schema, value, path).is_ok();
        let list = || rule.as_array().unwrap().iter();
        Ok(match keyword {
            "$schema" | "$comment" | "$defs" | "definitions" | "title" | "then" => true,
            "$ref" => self.value(self.definition(rule), value, path).map(|()| true)?,
            "type" => rule.as_array().map_or_else(|| is_a(rule, value), |types| types.iter().any(|name| is_a(name, value))),
            "enum" => list().any(|allowed| allowed == value),
            "const" => rule == value,
            "anyOf" => list().any(passes),
            "oneOf" => list().filter(|schema| passes(schema)).count() == 1,
            "not" => !passes(rule),
            "allOf" => list().try_for_each(|schema| self.value(schema, value, path)).map(|()| true)?,
            "if" if passes(rule) => self.value(&schema["then"], value, path).map(|()| true)?,
            "if" => true,
            "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
            "multipleOf" => value.as_u64().is_none_or(|number| number.is_multiple_of(rule.as_u64().unwrap())),
            "minLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 >= rule.as_u64().unwrap()),
            "maxLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 <= rule.as_u64().unwrap()),
            "pattern" => value.as_str().is_none_or(|text| matches(rule.as_str().unwrap(), text)),
            "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= rule.as_u64().unwrap()),
            "items" => self.items(rule, value, path).map(|()| true)?,
            "required" => value.as_object().is_none_or(|object| list().all(|key| object.contains_key(key.as_str().unwrap()))),
            "properties" | "additionalProperties" => self.members(keyword, rule, schema, value, path).map(|()| true)?,
            "propertyNames" => {
                value.as_object().is_none_or(|object| object.keys().all(|key| self.value(rule, &Value::from(key.as_str()), path).is_ok()))
            }
            "dependentRequired" => value.as_object().is_none_or(|object| {
                let needs = |(key, needed): (&String, &Value)| {
                    !object.contains_key(key) || needed.as_array().unwrap().iter().all(|key| object.contains_key(key.as_str().unwrap()))
                };
                rule.as_object().unwrap().iter().all(needs)
            }),
            other => panic!("a keyword that is not read: {other}"),
        })
    }

    fn definition(&self, reference: &Value) -> &Value {
        self.0.pointer(reference.as_str().unwrap().strip_prefix('#').unwrap()).unwrap()
    }

    fn items(&self, rule: &Value, value: &Value, path: &str) -> Result<(), String> {
        value.as_array().into_iter().flatten().enumerate().try_for_each(|(index, item)| self.value(rule, item, &format!("{path}/{index}")))
    }

    fn members(&self, keyword: &str, rule: &Value, schema: &Value, value: &Value, path: &str) -> Result<(), String> {
        let named = schema["properties"].as_object();
        value.as_object().into_iter().flatten().try_for_each(|(key, member)| {
            let own = named.and_then(|named| named.get(key));
            let applies = if keyword == "properties" { own } else { own.is_none().then_some(rule) };
            applies.map_or(Ok(()), |schema| self.value(schema, member, &format!("{path}/{key}")))
        })
    }
}

fn is_a(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("a type that is not read: {other}"),
    }
}

/// Patterns that a plain regular expression cannot say, or not strictly enough, by hand; the others as they are.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern {
        r"^[^\r]*$" => !text.contains('\r'),
        "^(?!langfuse)[a-z0-9_-]{1,40}$" => {
            let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
            (1..=40).contains(&text.len()) && text.bytes().all(fits) && !text.starts_with("langfuse")
        }
        // Stricter than the pattern: an existing moment, and the form that we write.
        zoned if zoned.starts_with(r"^\d{4}-\d{2}-\d{2}T") => {
            text.len() == 24 && text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok()
        }
        plain => regex_lite::Regex::new(plain).unwrap().is_match(text),
    }
}
