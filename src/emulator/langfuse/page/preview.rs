//! The line by which somebody recognizes a trace: what was asked last. Pure.

use serde_json::Value;

/// Characters of it.
const CHARS: usize = 200;

/// A longer text is shown as it begins: taking it apart for one line would make a list of long texts slow.
const MAX_PARSED: usize = 100_000;

/// What an input says: the text of the last message that somebody wrote, else of the last one, else its beginning.
pub fn preview(input: &str) -> String {
    let parsed = (input.len() <= MAX_PARSED).then(|| serde_json::from_str::<Value>(input).ok()).flatten();
    let said = parsed.as_ref().and_then(last_said).unwrap_or_else(|| input.to_owned());
    said.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(CHARS).collect()
}

fn last_said(input: &Value) -> Option<String> {
    let list = ["messages", "contents", "input"].iter().find_map(|key| input.get(key)?.as_array());
    match input.as_array().or(list) {
        Some(messages) => {
            let is_user = |message: &&Value| message.get("role").and_then(Value::as_str) == Some("user");
            messages.iter().rev().filter(is_user).find_map(text).or_else(|| messages.iter().rev().find_map(text))
        }
        None => text(input),
    }
}

fn text(message: &Value) -> Option<String> {
    let text = match message {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(text_of_part).collect::<Vec<_>>().join(" "),
        Value::Object(_) => ["content", "parts", "text", "input"].iter().find_map(|key| text(message.get(key)?))?,
        _ => return None,
    };
    (!text.trim().is_empty()).then_some(text)
}

fn text_of_part(part: &Value) -> Option<&str> {
    part.as_str().or_else(|| part.get("text")?.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_the_user_said_last() {
        let cases = [
            ("plain  text\n here", "plain text here"),
            (r#"[{"role":"system","content":"s"},{"role":"user","content":"first"},{"role":"user","content":"last"}]"#, "last"),
            (
                r#"{"messages":[{"role":"user","content":[{"type":"image_url"},{"type":"text","text":"what is it"}]},{"role":"tool","content":"t"}]}"#,
                "what is it",
            ),
            (r#"{"contents":[{"role":"user","parts":[{"text":"gemini"}]}]}"#, "gemini"),
            (r#"[{"role":"tool","content":"only"}]"#, "only"),
            (r#"["one","two"]"#, "two"),
            (r#""quoted""#, "quoted"),
            (r#"{"city":"上海"}"#, r#"{"city":"上海"}"#),
            ("[]", "[]"),
            ("{not json", "{not json"),
        ];
        for (input, expected) in cases {
            assert_eq!(preview(input), expected, "{input}");
        }
    }

    #[test]
    fn a_long_text_is_shown_as_it_begins() {
        assert_eq!(preview(&"好".repeat(300)), "好".repeat(200));
        let long = format!(r#"[{{"role":"user","content":"{}"}}]"#, "x".repeat(MAX_PARSED));
        assert!(preview(&long).starts_with(r#"[{"role":"user""#));
    }
}
