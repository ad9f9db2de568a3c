//! A manifest's YAML as JSON, its `${vars.…}` filled in. Text in, value out; pure, and knows nothing of what a manifest says.
//!
//! Other variables, such as `${env('…')}`, stay as they are. The tests of the manifest include this file.

use serde_json::{Map, Value};
use yaml_rust2::{Yaml, YamlLoader};

/// The first document of a YAML text, or the line at which it is none.
pub fn filled_in(text: &str) -> Result<Value, usize> {
    let documents = YamlLoader::load_from_str(text).map_err(|error| error.marker().line())?;
    let mut manifest = documents.first().map_or(Value::Null, json);
    let vars = manifest.get("vars").cloned().unwrap_or_default();
    fill_in(&mut manifest, &vars);
    Ok(manifest)
}

fn json(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Real(text) => text.parse::<f64>().map_or(Value::Null, Value::from),
        Yaml::Integer(number) => Value::from(*number),
        Yaml::String(text) => Value::from(text.as_str()),
        Yaml::Boolean(value) => Value::from(*value),
        Yaml::Array(items) => Value::Array(items.iter().map(json).collect()),
        Yaml::Hash(members) => {
            let named = members.iter().filter_map(|(key, value)| Some((key.as_str()?.to_owned(), json(value))));
            Value::Object(named.collect::<Map<_, _>>())
        }
        Yaml::Alias(_) | Yaml::Null | Yaml::BadValue => Value::Null,
    }
}

fn fill_in(value: &mut Value, vars: &Value) {
    match value {
        Value::String(text) => {
            for (name, var) in vars.as_object().into_iter().flatten() {
                let shown = var.as_str().map_or_else(|| var.to_string(), str::to_owned);
                *text = text.replace(&format!("${{vars.{name}}}"), &shown);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill_in(item, vars)),
        Value::Object(members) => members.values_mut().for_each(|member| fill_in(member, vars)),
        _ => {}
    }
}
