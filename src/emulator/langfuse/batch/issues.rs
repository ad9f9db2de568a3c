//! The issues of one event, and the checks that make them. Each check passes over null unless it says otherwise.

use serde_json::{Map, Value, json};

use crate::emulator::langfuse::rules::time;

/// What is wrong with one event.
#[derive(Debug, Default)]
pub struct Issues {
    found: Vec<Value>,
    in_body: bool,
}

impl Issues {
    /// From here on paths are inside the body.
    pub fn enter_body(&mut self) {
        self.in_body = true;
    }

    /// Notes an issue unless the condition holds.
    pub fn demand(&mut self, condition: bool, path: &str, message: &str) {
        if !condition {
            let path: Vec<&str> = self.in_body.then_some("body").into_iter().chain([path]).collect();
            self.found.push(json!({"code": "custom", "path": path, "message": message}));
        }
    }

    /// # Errors
    /// The issues as JSON text, if there are any.
    pub fn none(self) -> Result<(), String> {
        if self.found.is_empty() { Ok(()) } else { Err(Value::Array(self.found).to_string()) }
    }

    /// An id that must be there: 1 to 800 characters, no carriage return.
    pub fn required_id(&mut self, map: &Map<String, Value>, key: &str) {
        self.demand(map.get(key).is_some_and(is_id), key, "Invalid input: expected an id of 1 to 800 characters");
    }

    /// An id that may be absent.
    pub fn id(&mut self, map: &Map<String, Value>, key: &str) {
        if given(map, key).is_some() {
            self.required_id(map, key);
        }
    }

    /// Texts.
    pub fn texts(&mut self, map: &Map<String, Value>, keys: &[&str]) {
        for key in keys {
            self.demand(given(map, key).is_none_or(Value::is_string), key, "Invalid input: expected string");
        }
    }

    /// Date-times with a zone.
    pub fn times(&mut self, map: &Map<String, Value>, keys: &[&str]) {
        for key in keys {
            let valid = |value: &Value| value.as_str().and_then(time::zoned_ms).is_some();
            self.demand(given(map, key).is_none_or(valid), key, "Invalid ISO datetime");
        }
    }
}

/// The value under a key, unless it is null.
pub fn given<'a>(map: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    map.get(key).filter(|value| !value.is_null())
}

fn is_id(value: &Value) -> bool {
    value.as_str().is_some_and(|id| (1..=800).contains(&id.chars().count()) && !id.contains('\r'))
}
