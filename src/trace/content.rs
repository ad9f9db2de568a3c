//! What went in and what came out, in the shape that is shown as a chat (`reference/langfuse.md` §11). Pure.

use std::borrow::Cow;

use super::{Message, Part, Payload};
use crate::gateway::unescape::unescaped;
use crate::gateway::{CallKind, GatewayCall, Value};

/// The longest piece of text or JSON that is sent. Bytes. A field of Langfuse should stay near one megabyte
/// (`reference/langfuse.md` §3), and input and output share a request.
pub const MAX_PART_BYTES: usize = 900_000;

/// The mark at the end of a text that was cut here.
pub const CUT_MARK: &str = "… [cut by sls-to-langfuse]";

/// Input and output of a call, and whether something was cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content<'a> {
    /// What went in.
    pub input: Option<Payload<'a>>,
    /// What came out.
    pub output: Option<Payload<'a>>,
}

/// Input and output of a call.
pub fn content<'a>(call: &GatewayCall<'a>) -> Content<'a> {
    let input = conversation(call).or_else(|| body(call.envelope.request_body));
    let output = reply(call).or_else(|| body(call.envelope.response_body));
    Content { input, output }
}

/// True if a part of the content ends with our mark.
pub fn is_cut(content: &Content<'_>) -> bool {
    [&content.input, &content.output].into_iter().flatten().any(payload_is_cut)
}

fn payload_is_cut(payload: &Payload<'_>) -> bool {
    let message_is_cut = |message: &Message<'_>| {
        message.content.as_ref().is_some_and(part_is_cut) || message.thinking.as_ref().is_some_and(|text| text.ends_with(CUT_MARK))
    };
    match payload {
        Payload::Plain(part) => part_is_cut(part),
        Payload::Reply(message) => message_is_cut(message),
        Payload::Conversation { leading, .. } => leading.iter().any(message_is_cut),
    }
}

fn part_is_cut(part: &Part<'_>) -> bool {
    matches!(part, Part::Text(text) if text.ends_with(CUT_MARK))
}

/// The messages of the request: all of them where they were logged, else the last one; the system prompt in front.
fn conversation<'a>(call: &GatewayCall<'a>) -> Option<Payload<'a>> {
    let question = call.either(call.envelope.question, &call.ai.question);
    if !is_chat(call.kind) {
        return question.and_then(part).map(Payload::Plain);
    }
    let system = call.ai.system.clone().and_then(part).map(|content| Message::of("system", content));
    let logged = call.ai.messages.as_ref().and_then(Value::json).filter(|json| fits(json) && json.trim_start().starts_with('['));
    if let Some(logged) = logged {
        return Some(Payload::Conversation { leading: system.into_iter().collect(), logged: Some(unescaped(logged)) });
    }
    let question = question.or_else(|| call.ai.messages.clone()).and_then(part).map(|content| Message::of("user", content));
    let leading: Vec<_> = system.into_iter().chain(question).collect();
    (!leading.is_empty()).then_some(Payload::Conversation { leading, logged: None })
}

/// The reply: text, thoughts and tool calls in one message of the assistant.
fn reply<'a>(call: &GatewayCall<'a>) -> Option<Payload<'a>> {
    let answer = call.either(call.envelope.answer, &call.ai.answer).and_then(part);
    if !is_chat(call.kind) {
        return answer.map(Payload::Plain);
    }
    let thinking = call.ai.reasoning.as_ref().and_then(Value::text).map(cut);
    let tool_calls =
        call.ai.tool_calls.as_ref().filter(|value| !value.is_absent()).and_then(Value::json).filter(|json| fits(json)).map(unescaped);
    let something = answer.is_some() || thinking.is_some() || tool_calls.is_some();
    something.then_some(Payload::Reply(Message { role: "assistant", content: answer, thinking, tool_calls }))
}

fn body(field: Option<&[u8]>) -> Option<Payload<'_>> {
    part(Value::of_field(field)?).map(Payload::Plain)
}

fn is_chat(kind: CallKind) -> bool {
    matches!(kind, CallKind::Chat | CallKind::Completion | CallKind::Agent)
}

/// A logged value as a piece of content: structured where it is, else text. A structure too long to be sent whole becomes cut text.
fn part<'a>(value: Value<'a>) -> Option<Part<'a>> {
    if value.is_absent() {
        return None;
    }
    match value.json() {
        Some(json) if fits(&json) => Some(Part::Json(unescaped(json))),
        _ => value.text().map(cut).map(Part::Text),
    }
}

fn fits(json: &str) -> bool {
    json.len() <= MAX_PART_BYTES
}

fn cut(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.len() <= MAX_PART_BYTES {
        return text;
    }
    let kept = &text[..text.floor_char_boundary(MAX_PART_BYTES)];
    Cow::Owned(format!("{kept}{CUT_MARK}"))
}

impl<'a> Message<'a> {
    fn of(role: &'static str, content: Part<'a>) -> Self {
        Self { role, content: Some(content), thinking: None, tool_calls: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::ParsedRecord;
    use crate::sls::{Field, LogRecord, LogTime};

    fn with_content(pairs: &[(&str, &str)], check: impl FnOnce(Content<'_>)) {
        let mut fields: Vec<_> = pairs.iter().map(|(key, value)| Field { key: key.as_bytes(), value: value.as_bytes() }).collect();
        fields.insert(0, Field { key: b"path", value: b"/v1/chat/completions" });
        fields.insert(0, Field { key: b"request_id", value: b"r" });
        let record = LogRecord { time: LogTime { seconds: 1, nanoseconds: None }, fields };
        let parsed = ParsedRecord::of(&record);
        check(content(&parsed.call().unwrap()));
    }

    fn text(text: &str) -> Part<'_> {
        Part::Text(Cow::Borrowed(text))
    }

    #[test]
    fn question_and_answer_become_two_messages() {
        with_content(&[("question", "你好"), ("answer", "-"), ("ai_log", r#"{"answer":"hello","system":"be kind"}"#)], |content| {
            let leading = vec![Message::of("system", text("be kind")), Message::of("user", text("你好"))];
            assert_eq!(content.input, Some(Payload::Conversation { leading, logged: None }));
            assert_eq!(content.output, Some(Payload::Reply(Message::of("assistant", text("hello")))));
        });
    }

    #[test]
    fn logged_messages_win_over_the_question_and_lose_their_escapes() {
        let log = r#"{"question":"q","messages":[{"role":"user","content":"a\u003cb"}]}"#;
        with_content(&[("ai_log", log)], |content| {
            let logged = Some(Cow::Borrowed(r#"[{"role":"user","content":"a<b"}]"#));
            assert_eq!(content.input, Some(Payload::Conversation { leading: vec![], logged }));
        });
    }

    #[test]
    fn thoughts_and_tool_calls_belong_to_the_reply() {
        let log = r#"{"answer":null,"reasoning":"hm","tool_calls":[{"id":"c"}]}"#;
        with_content(&[("ai_log", log)], |content| {
            let tool_calls = Some(Cow::Borrowed(r#"[{"id":"c"}]"#));
            let reply = Message { role: "assistant", content: None, thinking: Some(Cow::Borrowed("hm")), tool_calls };
            assert_eq!(content.output, Some(Payload::Reply(reply)));
        });
        with_content(&[("ai_log", r#"{"tool_calls":[]}"#)], |content| assert_eq!(content.output, None));
    }

    #[test]
    fn bodies_serve_where_nothing_else_was_logged() {
        with_content(&[("request_body", r#"{"model":"m"}"#), ("response_body", "cut off {")], |content| {
            assert_eq!(content.input, Some(Payload::Plain(Part::Json(Cow::Borrowed(r#"{"model":"m"}"#)))));
            assert_eq!(content.output, Some(Payload::Plain(text("cut off {"))));
        });
    }

    #[test]
    fn a_text_that_is_too_long_ends_with_a_mark_inside_no_character() {
        let long = "好".repeat(MAX_PART_BYTES);
        with_content(&[("answer", &long)], |content| {
            assert!(is_cut(&content));
            let Some(Payload::Reply(Message { content: Some(Part::Text(text)), .. })) = content.output else { panic!() };
            assert!(text.len() <= MAX_PART_BYTES + CUT_MARK.len() && text.ends_with(CUT_MARK));
        });
        with_content(&[("answer", "short")], |content| assert!(!is_cut(&content)));
    }

    #[test]
    fn go_syntax_stays_text() {
        let question = "[map[content:hi role:user]]";
        with_content(&[("question", question)], |content| {
            let leading = vec![Message::of("user", text(question))];
            assert_eq!(content.input, Some(Payload::Conversation { leading, logged: None }));
        });
    }
}
