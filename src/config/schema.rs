//! The JSON schema of the configuration file, for editors: made of the tables that the reader goes by, so that it cannot differ. Pure.

use serde_json::{Map, Value, json};

use super::setting::{Kind, Reach, Setting};
use super::table::settings;
use super::tables::{Form, Key, Need, Shape, TableKind, tables};

/// The schema, in JSON Schema draft 7, which editors of TOML read.
pub fn schema() -> Value {
    let flat = settings().iter().filter(|setting| setting.reach == Reach::Anywhere).map(|setting| (setting.key(), of_setting(setting)));
    let properties: Map<String, Value> = flat.chain(tables().iter().map(|kind| (kind.name.to_owned(), of_kind(kind)))).collect();
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Configuration of sls-to-langfuse",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    })
}

fn of_setting(setting: &Setting) -> Value {
    let mut schema = match setting.kind {
        Kind::Text => json!({"type": "string"}),
        Kind::Number => json!({"type": ["number", "string"]}),
        Kind::Switch => json!({"type": ["boolean", "string", "integer"]}),
        Kind::Choice(words) => json!({"type": "string", "enum": words}),
        Kind::List => texts(),
    };
    schema["description"] = setting.meaning.into();
    schema
}

fn of_kind(kind: &TableKind) -> Value {
    let table = of_table(kind.keys);
    let mut schema = match kind.form {
        Form::One => table,
        Form::Named(_) => json!({
            "type": "object",
            "propertyNames": {"pattern": "^[A-Za-z0-9_-]{1,64}$"},
            "additionalProperties": table,
        }),
        Form::List => json!({"type": "array", "items": table}),
    };
    schema["description"] = kind.meaning.into();
    schema
}

fn of_table(keys: &[Key]) -> Value {
    let properties: Map<String, Value> = keys.iter().map(|key| (key.name.to_owned(), of_key(key))).collect();
    let required: Vec<_> = keys.iter().filter(|key| key.need == Need::Required).map(|key| key.name).collect();
    let mut schema = json!({"type": "object", "additionalProperties": false, "properties": properties});
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    schema
}

fn of_key(key: &Key) -> Value {
    let mut schema = of_shape(key.shape);
    schema["description"] = key.meaning.into();
    schema
}

fn of_shape(shape: Shape) -> Value {
    match shape {
        Shape::Text | Shape::Secret => json!({"type": "string"}),
        Shape::Number => json!({"type": "number"}),
        Shape::Switch => json!({"type": "boolean"}),
        Shape::Choice(words) => json!({"type": "string", "enum": words}),
        Shape::Texts => texts(),
        Shape::Table(keys) => of_table(keys),
        Shape::Tables(keys) => json!({"type": "array", "items": of_table(keys)}),
        Shape::Map(inner) => json!({"type": "object", "additionalProperties": of_shape(*inner)}),
    }
}

fn texts() -> Value {
    json!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
}
