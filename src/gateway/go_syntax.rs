//! Lists of maps as Go prints them, `[map[content:hi role:user] …]`, → JSON, where only one reading is left. Pure.
//!
//! The plugin prints a structured value so where it was over a limit or went to a field of its own (`reference/gateway-logs.md` §10). Keys
//! are sorted and nothing is quoted, so a text may hold what looks like the next key; then it stays text.

use serde_json::{Value, json};

/// Roles of messages in the chat protocols.
const ROLES: [&str; 6] = ["system", "user", "assistant", "tool", "developer", "function"];

/// What a message or part of one begins with inside a text; there it would have two readings.
const AMBIGUOUS: [&str; 4] = ["map[", " role:", " type:", " [truncated] "];

/// A JSON array of messages or of parts of a message.
pub fn list(text: &str) -> Option<String> {
    let inner = text.trim().strip_prefix("[map[")?.strip_suffix("]]")?;
    let members: Option<Vec<Value>> = inner.split("] map[").map(|member| message(member).or_else(|| part(member))).collect();
    let members = members?;
    let alike = members.iter().all(|member| member.get("role").is_some()) || members.iter().all(|member| member.get("type").is_some());
    alike.then(|| Value::Array(members).to_string())
}

/// `content:<text> role:<role>`, a tool's reply with ` tool_call_id:<id>` behind.
fn message(member: &str) -> Option<Value> {
    let (content, rest) = member.strip_prefix("content:")?.rsplit_once(" role:")?;
    let (role, call) = rest.split_once(" tool_call_id:").map_or((rest, None), |(role, call)| (role, Some(call)));
    if !ROLES.contains(&role) || !is_plain(content) || call.is_some_and(|call| call.contains([' ', ':'])) {
        return None;
    }
    let content = if content == "<nil>" { Value::Null } else { json!(content) };
    Some(match call {
        Some(call) => json!({"role": role, "content": content, "tool_call_id": call}),
        None => json!({"role": role, "content": content}),
    })
}

/// `text:<text> type:text`, or `image_url:map[url:<url>] type:image_url`.
fn part(member: &str) -> Option<Value> {
    if let Some(text) = member.strip_prefix("text:").and_then(|rest| rest.strip_suffix(" type:text")) {
        return is_plain(text).then(|| json!({"type": "text", "text": text}));
    }
    let url = member.strip_prefix("image_url:map[url:")?.strip_suffix("] type:image_url")?;
    (!url.contains([' ', '[', ']'])).then(|| json!({"type": "image_url", "image_url": {"url": url}}))
}

/// True for a text that can only be a text: no list, nothing that could be the next key.
fn is_plain(text: &str) -> bool {
    !text.starts_with('[') && !AMBIGUOUS.iter().any(|mark| text.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Option<Value> {
        list(text).map(|json| serde_json::from_str(&json).unwrap())
    }

    #[test]
    fn messages_and_parts_are_read() {
        let two = json!([{"role": "system", "content": "Be [very] brief."}, {"role": "user", "content": "a: b"}]);
        assert_eq!(read("[map[content:Be [very] brief. role:system] map[content:a: b role:user]]"), Some(two));
        let tool = json!([{"role": "assistant", "content": null}, {"role": "tool", "content": "{\"t\":1}", "tool_call_id": "c_1"}]);
        assert_eq!(read("[map[content:<nil> role:assistant] map[content:{\"t\":1} role:tool tool_call_id:c_1]]"), Some(tool));
        let parts = json!([{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]);
        assert_eq!(read("[map[text:what? type:text] map[image_url:map[url:https://example.org/a.png] type:image_url]]"), Some(parts));
    }

    #[test]
    fn what_has_two_readings_is_not_read() {
        for text in [
            "[map[content:a role:user b role:user]]",
            "[map[content:a] map[b role:user]]",
            "[map[content:[map[text:a type:text]] role:user]]",
            "[map[content:a role:king]]",
            "[map[content:a role:user] map[content:b",
            "[map[content:a [truncated] z role:user]]",
            "[map[content:a name:n type:x role:user]]",
            "[map[content:a role:user] map[text:b type:text]]",
            "[map[]]",
            "plain",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_read_or_left(text in r"[\[\]map:contentrole user]{0,60}") {
            list(&text);
            list(&format!("[map[{text}]]"));
        }
    }
}
