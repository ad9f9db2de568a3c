//! Logged bodies → what a chat shows of them (`reference/langfuse.md` §11), where the gateway logged them and nothing else. Pure.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

/// Members by which the request of a chat is known, in the protocols that Langfuse shows as one: OpenAI, Claude, Responses, Gemini.
const REQUESTS: [&str; 3] = ["messages", "input", "contents"];

/// True for the body of a request that can be shown as it is.
pub fn is_chat_request(json: &str) -> bool {
    let members: Option<Map<String, Value>> = serde_json::from_str(json).ok();
    members.is_some_and(|members| REQUESTS.iter().any(|name| members.contains_key(*name)))
}

/// The reply in the body of a response, as one message of the assistant; a body of no known protocol as it is.
pub fn reply(json: Cow<'_, str>) -> Cow<'_, str> {
    let Ok(body) = serde_json::from_str::<Value>(&json) else { return json };
    let protocols = [openai, completion, model_studio, responses, claude, gemini];
    protocols.iter().find_map(|reply| reply(&body)).map_or(json, |message| Cow::Owned(message.to_string()))
}

fn assistant(content: Value) -> Value {
    json!({"role": "assistant", "content": content})
}

/// OpenAI: the first choice, with its thoughts in the form that is known as such.
fn openai(body: &Value) -> Option<Value> {
    body.pointer("/choices/0/message").map(with_thinking)
}

fn with_thinking(message: &Value) -> Value {
    let mut message = message.clone();
    if let Some(members) = message.as_object_mut()
        && let Some(thoughts) =
            members.remove("reasoning_content").filter(|thoughts| thoughts.as_str().is_some_and(|text| !text.is_empty()))
    {
        members.insert("thinking".to_owned(), json!([{"type": "thinking", "content": thoughts}]));
    }
    message
}

fn completion(body: &Value) -> Option<Value> {
    body.pointer("/choices/0/text").cloned().map(assistant)
}

/// Model Studio's own protocol, applications among it.
fn model_studio(body: &Value) -> Option<Value> {
    let message = body.pointer("/output/choices/0/message").map(with_thinking);
    message.or_else(|| body.pointer("/output/text").cloned().map(assistant))
}

/// Responses: the text of its messages, and the functions it calls.
fn responses(body: &Value) -> Option<Value> {
    let items = body.get("output")?.as_array()?;
    let of_kind = |kind: &'static str| items.iter().filter(move |item| item["type"] == kind);
    let parts = of_kind("message").flat_map(|item| item["content"].as_array().into_iter().flatten());
    let text: String = parts.filter_map(|part| part["text"].as_str()).collect();
    let call = |item: &Value| {
        let function = json!({"name": item["name"], "arguments": item["arguments"]});
        json!({"id": item["call_id"], "type": "function", "function": function})
    };
    let calls: Vec<_> = of_kind("function_call").map(call).collect();
    if text.is_empty() && calls.is_empty() {
        return None;
    }
    let mut message = assistant(if text.is_empty() { Value::Null } else { json!(text) });
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    Some(message)
}

fn claude(body: &Value) -> Option<Value> {
    let content = body.get("content")?;
    (body["role"] == "assistant" && content.is_array()).then(|| assistant(content.clone()))
}

/// Gemini: the text of the first candidate; parts that are no text as they are.
fn gemini(body: &Value) -> Option<Value> {
    let parts = body.pointer("/candidates/0/content/parts")?.as_array()?;
    let texts: Option<String> = parts.iter().map(|part| part["text"].as_str()).collect();
    Some(assistant(texts.map_or_else(|| json!(parts), |text| json!(text))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replied(body: &Value) -> Value {
        serde_json::from_str(&reply(body.to_string().into())).unwrap()
    }

    #[test]
    fn every_protocol_gives_one_message() {
        let hi = json!({"role": "assistant", "content": "hi"});
        for body in [
            json!({"choices": [{"message": hi}, {"message": {"role": "assistant", "content": "second"}}]}),
            json!({"choices": [{"text": "hi"}]}),
            json!({"output": {"choices": [{"message": hi}]}}),
            json!({"output": {"text": "hi"}}),
            json!({"output": [{"type": "reasoning"}, {"type": "message", "content": [{"type": "output_text", "text": "hi"}]}]}),
            json!({"candidates": [{"content": {"parts": [{"text": "h"}, {"text": "i"}]}}]}),
        ] {
            assert_eq!(replied(&body), hi, "{body}");
        }
    }

    #[test]
    fn thoughts_and_calls_take_the_known_form() {
        let thought = json!({"choices": [{"message": {"role": "assistant", "content": "hi", "reasoning_content": "hm"}}]});
        assert_eq!(replied(&thought)["thinking"], json!([{"type": "thinking", "content": "hm"}]));
        assert!(replied(&thought).get("reasoning_content").is_none());
        let call = json!({"output": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}]});
        let calls = json!([{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]);
        assert_eq!(replied(&call), json!({"role": "assistant", "content": null, "tool_calls": calls}));
    }

    #[test]
    fn other_bodies_stay_as_they_are() {
        for body in [r#"{"data": [1]}"#, "{}", "[1]", r#"{"error":{"message":"m"}}"#, r#"{"choices":[]}"#] {
            assert_eq!(reply(body.into()), body);
        }
    }
}
