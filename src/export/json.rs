//! Payloads of the trace model as JSON text, written into a reused buffer. Pure.
//!
//! The shapes are those that Langfuse shows as a chat (`reference/langfuse.md` §11).

use super::number::Number;
use crate::json_string::to_escape;
use crate::trace::{Message, Part, Payload};

/// Appends a payload: bare text as text, everything else as JSON.
pub fn put_payload(out: &mut Vec<u8>, payload: &Payload<'_>) {
    match payload {
        Payload::Plain(part) => out.extend_from_slice(part.bare().as_bytes()),
        Payload::Reply(message) => put_message(out, message),
        Payload::Conversation { leading, logged, extras } if extras.is_empty() => put_messages(out, leading, logged.as_deref()),
        Payload::Conversation { leading, logged, extras } => put_request(out, leading, logged.as_deref(), extras),
    }
}

/// Appends a JSON object of names, which are plain words of ours, and numbers: counts, or amounts that are finite.
pub fn put_numbers(out: &mut Vec<u8>, numbers: impl IntoIterator<Item = (&'static str, impl Number)>) {
    let mut separator = b'{';
    for (name, number) in numbers {
        out.extend_from_slice(&[separator, b'"']);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        number.put(out);
        separator = b',';
    }
    out.extend_from_slice(if separator == b'{' { b"{}" } else { b"}" });
}

/// Appends a JSON string: raw UTF-8, escaped only where JSON demands it.
pub fn put_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let (bytes, mut done) = (text.as_bytes(), 0);
    for at in to_escape(bytes) {
        out.extend_from_slice(&bytes[done..at]);
        put_escape(out, bytes[at]);
        done = at + 1;
    }
    out.extend_from_slice(&bytes[done..]);
    out.push(b'"');
}

/// Appends a JSON string whose inside is escaped already.
fn put_quoted(out: &mut Vec<u8>, inside: &str) {
    out.push(b'"');
    out.extend_from_slice(inside.as_bytes());
    out.push(b'"');
}

fn put_escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        other => {
            out.extend_from_slice(b"\\u00");
            out.extend([HEX[usize::from(other >> 4)], HEX[usize::from(other & 15)]]);
        }
    }
}

/// The form of a request: its messages, and what stood beside them.
fn put_request(out: &mut Vec<u8>, leading: &[Message<'_>], logged: Option<&str>, extras: &[(&'static str, Part<'_>)]) {
    out.extend_from_slice(b"{\"messages\":");
    put_messages(out, leading, logged);
    extras.iter().for_each(|(name, part)| put_structure(out, name, part));
    out.push(b'}');
}

/// A member that is a structure, under its name; under another one if only its text is there, so that nobody takes it for the structure.
fn put_structure(out: &mut Vec<u8>, name: &str, part: &Part<'_>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    match part {
        Part::Json(json) => {
            out.extend_from_slice(b"\":");
            out.extend_from_slice(json.as_bytes());
        }
        Part::Text(text) => {
            out.extend_from_slice(b"_as_logged\":");
            put_string(out, text);
        }
        Part::Quoted(text) => {
            out.extend_from_slice(b"_as_logged\":");
            put_quoted(out, text);
        }
    }
}

fn put_messages(out: &mut Vec<u8>, leading: &[Message<'_>], logged: Option<&str>) {
    out.push(b'[');
    for (index, message) in leading.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        put_message(out, message);
    }
    let members = logged.and_then(|array| array.trim().strip_prefix('[')?.strip_suffix(']')).map_or("", str::trim);
    if !leading.is_empty() && !members.is_empty() {
        out.push(b',');
    }
    out.extend_from_slice(members.as_bytes());
    out.push(b']');
}

fn put_message(out: &mut Vec<u8>, message: &Message<'_>) {
    out.extend_from_slice(b"{\"role\":\"");
    out.extend_from_slice(message.role.as_bytes());
    out.extend_from_slice(b"\",\"content\":");
    match &message.content {
        None => out.extend_from_slice(b"null"),
        Some(Part::Text(text)) => put_string(out, text),
        Some(Part::Quoted(text)) => put_quoted(out, text),
        Some(Part::Json(json)) => out.extend_from_slice(json.as_bytes()),
    }
    if let Some(thinking) = &message.thinking {
        out.extend_from_slice(b",\"thinking\":[{\"type\":\"thinking\",\"content\":");
        put_string(out, thinking);
        out.extend_from_slice(b"}]");
    }
    if let Some(tool_calls) = &message.tool_calls {
        put_structure(out, "tool_calls", tool_calls);
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::borrow::Cow;

    fn written(payload: &Payload<'_>) -> String {
        let mut out = Vec::new();
        put_payload(&mut out, payload);
        String::from_utf8(out).unwrap()
    }

    fn text(role: &'static str, content: &'static str) -> Message<'static> {
        Message { role, content: Some(Part::Text(Cow::Borrowed(content))), thinking: None, tool_calls: None }
    }

    #[test]
    fn a_reply_carries_its_thoughts_and_tool_calls_in_the_known_form() {
        let message = Message {
            role: "assistant",
            content: None,
            thinking: Some("嗯\n".into()),
            tool_calls: Some(Part::Json(r#"[{"id":1}]"#.into())),
        };
        let expected = r#"{"role":"assistant","content":null,"thinking":[{"type":"thinking","content":"嗯\n"}],"tool_calls":[{"id":1}]}"#;
        assert_eq!(written(&Payload::Reply(message)), expected);
    }

    #[test]
    fn a_conversation_puts_our_messages_before_the_logged_ones() {
        let conversation =
            |leading, logged: Option<&'static str>| Payload::Conversation { leading, logged: logged.map(Cow::Borrowed), extras: vec![] };
        let system = || vec![text("system", "s")];
        let said = r#"{"role":"system","content":"s"}"#;
        assert_eq!(written(&conversation(system(), Some(" [ {\"a\":1} ] "))), format!("[{said},{{\"a\":1}}]"));
        assert_eq!(written(&conversation(system(), Some("[]"))), format!("[{said}]"));
        assert_eq!(written(&conversation(vec![], Some("[1,2]"))), "[1,2]");
        assert_eq!(written(&conversation(vec![text("user", "a"), text("user", "b")], None)).matches("},{").count(), 1);
    }

    #[test]
    fn amounts_are_written_without_an_exponent() {
        let mut out = Vec::new();
        put_numbers(&mut out, [("input", 1e-12), ("output", 0.0), ("total", 123_456.5)]);
        assert_eq!(out, br#"{"input":0.000000000001,"output":0,"total":123456.5}"#);
    }

    #[test]
    fn counts_are_an_object_even_when_there_are_none() {
        let mut out = Vec::new();
        put_numbers(&mut out, [("input", 1u64), ("total", 0)]);
        put_numbers(&mut out, [] as [(&str, u64); 0]);
        assert_eq!(out, br#"{"input":1,"total":0}{}"#);
    }

    proptest! {
        #[test]
        fn every_string_reads_back(text in any::<String>()) {
            let mut out = Vec::new();
            put_string(&mut out, &text);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
