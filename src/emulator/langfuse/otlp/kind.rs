//! Which type a span becomes (`reference/langfuse.md` §5, row "type"). Rules of single frameworks are left out.

use serde_json::Value;

use super::attributes::Attributes;
use crate::emulator::langfuse::store::observation::ObservationType;
use crate::emulator::langfuse::version::{ServerVersion, since};

const MODEL_KEYS: [&str; 5] =
    ["langfuse.observation.model.name", "gen_ai.request.model", "gen_ai.response.model", "llm.model_name", "model"];

/// The type of a span, by the first rule that matches.
pub fn of(attributes: &Attributes, version: ServerVersion) -> ObservationType {
    let known = |kind: &ObservationType| version >= since::NEWER_TYPES || kind.is_original();
    let named =
        |key: &str, rule: fn(&str) -> Option<ObservationType>| attributes.get(key).and_then(Value::as_str).and_then(rule).filter(known);
    named("langfuse.observation.type", ObservationType::from_request)
        .or_else(|| named("openinference.span.kind", open_inference))
        .or_else(|| named("gen_ai.operation.name", operation))
        .or_else(|| tool(attributes).filter(known))
        .or_else(|| MODEL_KEYS.iter().any(|key| attributes.truthy(key).is_some()).then_some(ObservationType::Generation))
        .unwrap_or(ObservationType::Span)
}

fn open_inference(kind: &str) -> Option<ObservationType> {
    match kind {
        "LLM" => Some(ObservationType::Generation),
        "CHAIN" | "RETRIEVER" | "EMBEDDING" | "AGENT" | "TOOL" | "GUARDRAIL" | "EVALUATOR" => ObservationType::from_table(kind),
        _ => None,
    }
}

fn operation(name: &str) -> Option<ObservationType> {
    match name {
        "chat" | "completion" | "text_completion" | "generate_content" | "generate" => Some(ObservationType::Generation),
        "embeddings" => Some(ObservationType::Embedding),
        "invoke_agent" | "create_agent" => Some(ObservationType::Agent),
        "execute_tool" => Some(ObservationType::Tool),
        _ => None,
    }
}

fn tool(attributes: &Attributes) -> Option<ObservationType> {
    let named = attributes.truthy("gen_ai.tool.name").or_else(|| attributes.truthy("gen_ai.tool.call.id"));
    named.map(|_| ObservationType::Tool)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(pairs: &[(&str, &str)], version: ServerVersion) -> ObservationType {
        of(&Attributes(pairs.iter().map(|(key, text)| ((*key).to_owned(), Value::from(*text))).collect()), version)
    }

    #[test]
    fn follows_the_order_of_the_rules() {
        use ObservationType as T;
        let v4 = ServerVersion::new(4, 16, 0);
        let cases: [(&[(&str, &str)], T); 9] = [
            (&[], T::Span),
            (&[("langfuse.observation.type", "tool"), ("model", "m")], T::Tool),
            (&[("langfuse.observation.type", "GENERATION")], T::Span),
            (&[("langfuse.observation.type", "GENERATION"), ("model", "m")], T::Generation),
            (&[("openinference.span.kind", "LLM"), ("gen_ai.operation.name", "embeddings")], T::Generation),
            (&[("openinference.span.kind", "SPAN"), ("gen_ai.operation.name", "embeddings")], T::Embedding),
            (&[("gen_ai.operation.name", "execute_tool")], T::Tool),
            (&[("gen_ai.tool.call.id", "1"), ("model", "m")], T::Tool),
            (&[("langfuse.observation.model.name", "")], T::Span),
        ];
        for (pairs, expected) in cases {
            assert_eq!(kind(pairs, v4), expected, "{pairs:?}");
        }
    }

    #[test]
    fn newer_types_are_unknown_before_3_98_2() {
        let old = ServerVersion::new(3, 98, 1);
        assert_eq!(kind(&[("langfuse.observation.type", "agent")], old), ObservationType::Span);
        assert_eq!(kind(&[("langfuse.observation.type", "agent"), ("model", "m")], old), ObservationType::Generation);
        assert_eq!(kind(&[("langfuse.observation.type", "event")], old), ObservationType::Event);
    }
}
