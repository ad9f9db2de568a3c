//! Input, output and metadata of a span (`reference/langfuse.md` §5). Span events and rules of single frameworks are left out:
//! what only they carry is stored as nothing.

use serde_json::{Map, Value, json};

use super::attributes::Attributes;
use crate::emulator::langfuse::rules::text_of;
use crate::emulator::langfuse::version::{ServerVersion, since};

/// Pairs of input and output keys after Langfuse's own, in the order of the server.
const PAIRS: [(&str, &str); 4] = [
    ("mlflow.spanInputs", "mlflow.spanOutputs"),
    ("traceloop.entity.input", "traceloop.entity.output"),
    ("input.value", "output.value"),
    ("input", "output"),
];

const TOOL_CALL: (&str, &str) = ("gen_ai.tool.call.arguments", "gen_ai.tool.call.result");

/// Input and output. If one of Langfuse's own keys is present, no other source is looked at for both.
pub fn input_output(attributes: &Attributes, own: [&str; 2], version: ServerVersion) -> (Option<String>, Option<String>) {
    let [input, output] = own.map(|key| attributes.get(key).map(text_of));
    if input.is_some() || output.is_some() {
        return (input, output);
    }
    let both = |(input, output): (&str, &str)| {
        let found = (attributes.truthy(input).map(text_of), attributes.truthy(output).map(text_of));
        (found.0.is_some() || found.1.is_some()).then_some(found)
    };
    let messages = || (version >= since::GENAI_MESSAGES).then(|| messages(attributes)).flatten();
    PAIRS.into_iter().find_map(both).or_else(messages).or_else(|| both(TOOL_CALL)).unwrap_or_default()
}

fn messages(attributes: &Attributes) -> Option<(Option<String>, Option<String>)> {
    let input = attributes.truthy("gen_ai.input.messages").map(|messages| with_system(attributes, messages));
    let output = attributes.truthy("gen_ai.output.messages").map(text_of);
    (input.is_some() || output.is_some()).then_some((input, output))
}

fn with_system(attributes: &Attributes, messages: &Value) -> String {
    let text = text_of(messages);
    let system = attributes.truthy("gen_ai.system_instructions").map(text_of);
    let (Some(system), Ok(Value::Array(mut list))) = (system, serde_json::from_str(&text)) else { return text };
    let content = serde_json::from_str(&system).unwrap_or(Value::String(system));
    list.insert(0, json!({ "role": "system", "content": content }));
    Value::Array(list).to_string()
}

/// Metadata under a prefix: the JSON object under the prefix itself, overlaid by the keys below it.
pub fn metadata(attributes: &Attributes, prefix: &str) -> Map<String, Value> {
    let whole = attributes.json(prefix).or_else(|| attributes.json("langfuse.metadata"));
    let mut found = match whole {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    };
    for (key, value) in &attributes.0 {
        let below = |prefix: &str| key.strip_prefix(prefix)?.strip_prefix('.');
        if let Some(name) = below(prefix).or_else(|| below("langfuse.metadata")) {
            found.insert(name.to_owned(), value.clone());
        }
    }
    found
}

/// What the server adds under `attributes`: everything not consumed as input, output or metadata, as text.
pub fn leftover(attributes: &Attributes) -> Value {
    let consumed = |key: &str| {
        let pairs = PAIRS.iter().chain([&TOOL_CALL]).any(|(input, output)| key == *input || key == *output);
        let own = ["langfuse.observation.input", "langfuse.observation.output", "langfuse.trace.input", "langfuse.trace.output"];
        let genai = ["gen_ai.input.messages", "gen_ai.output.messages"];
        let metadata = ["langfuse.observation.metadata", "langfuse.trace.metadata", "langfuse.metadata"];
        pairs || own.contains(&key) || genai.contains(&key) || metadata.iter().any(|prefix| key.starts_with(prefix))
    };
    let kept = attributes.0.iter().filter(|(key, _)| !consumed(key));
    Value::Object(kept.map(|(key, value)| (key.clone(), Value::String(text_of(value)))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: ServerVersion = ServerVersion::new(4, 16, 0);
    const OWN: [&str; 2] = ["langfuse.observation.input", "langfuse.observation.output"];

    fn attributes(value: Value) -> Attributes {
        let Value::Object(map) = value else { panic!("an object") };
        Attributes(map)
    }

    #[test]
    fn langfuse_keys_shut_out_every_other_source() {
        let given = attributes(json!({"langfuse.observation.output": "o", "input": "i", "output": "x"}));
        assert_eq!(input_output(&given, OWN, V4), (None, Some("o".into())));
        let generic = attributes(json!({"input": "i", "gen_ai.output.messages": "x"}));
        assert_eq!(input_output(&generic, OWN, V4), (Some("i".into()), None));
    }

    #[test]
    fn system_instructions_stand_before_the_messages() {
        let given = attributes(json!({"gen_ai.input.messages": "[{\"role\":\"user\"}]", "gen_ai.system_instructions": "be brief"}));
        let expected = r#"[{"content":"be brief","role":"system"},{"role":"user"}]"#;
        assert_eq!(input_output(&given, OWN, V4), (Some(expected.into()), None));
        assert_eq!(input_output(&given, OWN, ServerVersion::new(3, 106, 3)), (None, None));
    }

    #[test]
    fn dotted_keys_overlay_the_object_and_a_non_object_is_dropped() {
        let given = attributes(json!({"m": "{\"a\":1,\"b\":2}", "m.b": 3, "m.c.d": "x", "langfuse.metadata.e": true, "mm.x": 1}));
        assert_eq!(Value::Object(metadata(&given, "m")), json!({"a": 1, "b": 3, "c.d": "x", "e": true}));
        assert_eq!(metadata(&attributes(json!({"m": "[1]"})), "m"), Map::new());
    }

    #[test]
    fn leftover_repeats_what_was_understood_elsewhere() {
        let given =
            attributes(json!({"langfuse.observation.input": "i", "langfuse.observation.metadata.a": 1, "gen_ai.usage.x": 5, "b": true}));
        assert_eq!(leftover(&given), json!({"gen_ai.usage.x": "5", "b": "true"}));
    }
}
