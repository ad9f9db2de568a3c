//! What went in and what came out, in the shape that is shown as a chat (`reference/langfuse.md` §11). Pure.
//!
//! | kind | input | output |
//! |---|---|---|
//! | chat, completion, agent | all messages, else a body that holds them, else system and question; tools beside them | answer, thoughts and tool calls in one message, else the reply in a body |
//! | tool | the arguments in the JSON-RPC body | its result or error |
//! | all others | question, else body | answer, else body; never vectors |

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::bodies;
use super::marks::Marks;
use super::room::{Room, without_the_middle};
use super::{Message, Part, Payload};
use crate::gateway::unescape::unescaped;
use crate::gateway::value::Soundness;
use crate::gateway::{CallKind, GatewayCall, Value, go_syntax, json_rpc};

/// Input and output of a call, and what was done to them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content<'a> {
    /// What went in.
    pub input: Option<Payload<'a>>,
    /// What came out.
    pub output: Option<Payload<'a>>,
    /// What was cut, by whom, or could not be read.
    pub marks: Marks,
}

/// Input and output of a call.
pub fn content<'a>(call: &GatewayCall<'a>) -> Content<'a> {
    let mut marks = Marks::default();
    let input = Draft::new(&mut marks).input(call);
    let output = Draft::new(&mut marks).output(call);
    Content { input, output, marks }
}

/// One side of a call in the making: the room it has left, and what there is to say about it.
struct Draft<'m> {
    room: Room,
    marks: &'m mut Marks,
}

impl<'m> Draft<'m> {
    fn new(marks: &'m mut Marks) -> Self {
        Self { room: Room::default(), marks }
    }

    fn input<'a>(&mut self, call: &GatewayCall<'a>) -> Option<Payload<'a>> {
        let question = call.either(call.envelope.question, &call.ai.question);
        let body = call.envelope.request_body;
        match call.kind {
            CallKind::Tool => self.arguments(body).or_else(|| self.plain("question", question)).or_else(|| self.body("request_body", body)),
            kind if is_chat(kind) => self.conversation(call, question).or_else(|| self.body("request_body", body)),
            _ => self.plain("question", question).or_else(|| self.body("request_body", body)),
        }
    }

    fn output<'a>(&mut self, call: &GatewayCall<'a>) -> Option<Payload<'a>> {
        let answer = call.either(call.envelope.answer, &call.ai.answer);
        let body = call.envelope.response_body;
        match call.kind {
            CallKind::Tool => self.result(body).or_else(|| self.plain("answer", answer)).or_else(|| self.body("response_body", body)),
            CallKind::Embedding => self.plain("answer", answer),
            kind if is_chat(kind) => self.reply(call, answer).or_else(|| self.reply_of(body)),
            _ => self.plain("answer", answer).or_else(|| self.body("response_body", body)),
        }
    }

    /// The messages of the request: all of them where they were logged, else the last one; the system prompt in front.
    fn conversation<'a>(&mut self, call: &GatewayCall<'a>, question: Option<Value<'a>>) -> Option<Payload<'a>> {
        let messages = call.ai.messages.clone().filter(|messages| !messages.is_absent());
        if let Some(body) =
            Value::of_field(call.envelope.request_body).filter(|_| messages.is_none()).and_then(|body| self.request_of(&body))
        {
            return Some(body);
        }
        let logged = messages.as_ref().and_then(|messages| self.list("messages", messages));
        let unread = messages.filter(|_| logged.is_none());
        let (name, said, beside) = if question.is_some() { ("question", question, unread) } else { ("messages", unread, None) };
        let said = said.filter(|_| logged.is_none()).and_then(|said| self.said(name, said)).map(|said| Message::of("user", said));
        let system = call.ai.system.clone().and_then(|system| self.said("system", system)).map(|system| Message::of("system", system));
        let mut extras = Vec::new();
        if let Some(tools) = call.ai.tools.clone().filter(|tools| !tools.is_absent()) {
            extras.push(self.structure("tools", tools));
        }
        if let Some(text) = beside.and_then(|messages| messages.text()) {
            extras.push(("messages", Part::Text(self.text("messages", text))));
        }
        let leading: Vec<_> = system.into_iter().chain(said).collect();
        let something = logged.is_some() || !leading.is_empty() || !extras.is_empty();
        something.then_some(Payload::Conversation { leading, logged, extras })
    }

    /// The reply: text, thoughts and tool calls in one message of the assistant.
    fn reply<'a>(&mut self, call: &GatewayCall<'a>, answer: Option<Value<'a>>) -> Option<Payload<'a>> {
        let content = answer.and_then(|answer| self.said("answer", answer));
        let calls =
            call.ai.tool_calls.clone().filter(|calls| calls.text().is_some_and(|text| !matches!(text.trim(), "[]" | "{}" | "null")));
        let tool_calls = calls.map(|calls| self.structure("tool_calls", calls).1);
        let thinking = call.ai.reasoning.as_ref().and_then(Value::text).map(|text| self.text("reasoning", text));
        let something = content.is_some() || thinking.is_some() || tool_calls.is_some();
        something.then_some(Payload::Reply(Message { role: "assistant", content, thinking, tool_calls }))
    }

    /// The body of a chat request, if it is whole.
    fn request_of<'a>(&mut self, body: &Value<'a>) -> Option<Payload<'a>> {
        let json = body.json().filter(|json| bodies::is_chat_request(json)).map(unescaped)?;
        self.room.takes(&json).then_some(Payload::Plain(Part::Json(json)))
    }

    /// The reply in a response body.
    fn reply_of<'a>(&mut self, body: Option<&'a [u8]>) -> Option<Payload<'a>> {
        let json = Value::of_field(body).and_then(|body| body.json()).map(|json| bodies::reply(unescaped(json)));
        match json {
            Some(json) if self.room.takes(&json) => Some(Payload::Plain(Part::Json(json))),
            _ => self.body("response_body", body),
        }
    }

    /// The arguments of a tool call.
    fn arguments<'a>(&mut self, body: Option<&'a [u8]>) -> Option<Payload<'a>> {
        self.raw(json_rpc::request(body)?.params?.arguments?)
    }

    /// What a tool gave back, or why it did not.
    fn result<'a>(&mut self, body: Option<&'a [u8]>) -> Option<Payload<'a>> {
        let response = json_rpc::response(body)?;
        self.raw(response.error.or(response.result)?)
    }

    fn raw<'a>(&mut self, json: &'a RawValue) -> Option<Payload<'a>> {
        let json = Value::Json(json.get()).json().map(unescaped)?;
        self.room.takes(&json).then_some(Payload::Plain(Part::Json(json)))
    }

    fn plain<'a>(&mut self, name: &str, value: Option<Value<'a>>) -> Option<Payload<'a>> {
        self.part(name, value?).map(Payload::Plain)
    }

    fn body<'a>(&mut self, name: &str, field: Option<&'a [u8]>) -> Option<Payload<'a>> {
        let value = Value::of_field(field)?;
        match value.json().map(unescaped) {
            Some(json) if self.room.takes(&json) => Some(Payload::Plain(Part::Json(json))),
            _ => value.text().map(|text| Payload::Plain(Part::Text(self.text(name, text)))),
        }
    }

    /// A logged value as the content of a message.
    fn said<'a>(&mut self, name: &str, value: Value<'a>) -> Option<Part<'a>> {
        match value.quoted().filter(|quoted| self.room.takes(quoted)) {
            Some(quoted) => Some(Part::Quoted(quoted)),
            None => self.part(name, value),
        }
    }

    /// A logged value as bare content: a list of parts where it is one, else text, also where the text is JSON.
    fn part<'a>(&mut self, name: &str, value: Value<'a>) -> Option<Part<'a>> {
        if value.is_absent() {
            return None;
        }
        // Most texts are no structure and are decoded once.
        let text = value.text()?;
        if !text.trim_start().starts_with(['{', '[']) {
            return Some(Part::Text(self.text(name, text)));
        }
        if let Some(json) = structured(&value).or_else(|| self.go_list(name, &value)).filter(|json| self.room.takes(json)) {
            return Some(Part::Json(json));
        }
        if value.is_too_deep() {
            self.marks.put("gw_too_deep", name);
        }
        Some(Part::Text(self.text(name, text)))
    }

    /// A logged value that is a structure by its nature: as such, or as the text that is there of it.
    fn structure<'a>(&mut self, name: &'static str, value: Value<'a>) -> (&'static str, Part<'a>) {
        match value.json().map(unescaped) {
            Some(json) if self.room.takes(&json) => (name, Part::Json(json)),
            _ => {
                self.go_syntax(name, &value, "kept as text");
                (name, Part::Text(self.text(name, value.text().unwrap_or_default())))
            }
        }
    }

    /// A JSON array of messages, the middle left out where there is no room for it.
    fn list<'a>(&mut self, name: &str, value: &Value<'a>) -> Option<Cow<'a, str>> {
        let json = value.json().map(unescaped).or_else(|| self.go_list(name, value)).filter(|json| json.trim_start().starts_with('['));
        if json.is_none() && value.is_too_deep() {
            self.marks.put("gw_too_deep", name);
        }
        let json = json?;
        if self.room.takes(&json) {
            return Some(json);
        }
        let (shorter, left_out) = without_the_middle(&json, self.room.left())?;
        self.room.takes(&shorter);
        self.marks.put("gw_truncated", format!("{name}: {left_out} messages cut here"));
        Some(Cow::Owned(shorter))
    }

    fn go_list<'a>(&mut self, name: &str, value: &Value<'_>) -> Option<Cow<'a, str>> {
        let json = value.text().filter(|text| text.starts_with("[map[")).and_then(|text| go_syntax::list(&text));
        self.go_syntax(name, value, if json.is_some() { "read" } else { "kept as text" });
        json.map(Cow::Owned)
    }

    fn go_syntax(&mut self, name: &str, value: &Value<'_>, what: &str) {
        if value.text().is_some_and(|text| text.starts_with("[map[")) {
            self.marks.put("gw_go_syntax", format!("{name}: {what}"));
        }
    }

    fn text<'a>(&mut self, name: &str, text: Cow<'a, str>) -> Cow<'a, str> {
        let length = text.len();
        if Value::Text(Cow::Borrowed(&text)).soundness() == Soundness::Truncated {
            self.marks.put("gw_truncated", format!("{name}: cut by the gateway, {length} bytes left"));
        }
        let (text, kept) = self.room.fitted(text);
        if let Some(kept) = kept {
            self.marks.put("gw_truncated", format!("{name}: cut here, {kept} of {length} bytes sent"));
        }
        text
    }
}

fn is_chat(kind: CallKind) -> bool {
    matches!(kind, CallKind::Chat | CallKind::Completion | CallKind::Agent)
}

/// A structure that is one by its form, or a text that holds a list of parts: an answer in JSON is still a text.
fn structured<'a>(value: &Value<'a>) -> Option<Cow<'a, str>> {
    /// What every part of a message has, in every protocol.
    #[derive(Deserialize)]
    struct TypedPart<'p> {
        #[serde(rename = "type", borrow)]
        kind: Cow<'p, str>,
    }
    let json = value.json()?;
    if matches!(value, Value::Json(written) if !written.starts_with('"')) {
        return Some(unescaped(json));
    }
    let parts: Vec<TypedPart<'_>> = serde_json::from_str(&json).ok()?;
    let are_parts = !parts.is_empty() && parts.iter().all(|part| !part.kind.is_empty());
    are_parts.then(|| unescaped(json))
}

impl<'a> Message<'a> {
    /// A message that only says something.
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

    /// As a member of `ai_log` comes and leaves.
    fn quoted(text: &str) -> Part<'_> {
        Part::Quoted(Cow::Borrowed(text))
    }

    #[test]
    fn question_and_answer_become_two_messages() {
        with_content(&[("question", "你好"), ("answer", "-"), ("ai_log", r#"{"answer":"hello","system":"be kind"}"#)], |content| {
            let leading = vec![Message::of("system", quoted("be kind")), Message::of("user", text("你好"))];
            assert_eq!(content.input, Some(Payload::Conversation { leading, logged: None, extras: vec![] }));
            assert_eq!(content.output, Some(Payload::Reply(Message::of("assistant", quoted("hello")))));
        });
    }

    #[test]
    fn logged_messages_win_over_the_question_and_lose_their_escapes() {
        let log = r#"{"question":"q","messages":[{"role":"user","content":"a\u003cb"}]}"#;
        with_content(&[("ai_log", log)], |content| {
            let logged = Some(Cow::Borrowed(r#"[{"role":"user","content":"a<b"}]"#));
            assert_eq!(content.input, Some(Payload::Conversation { leading: vec![], logged, extras: vec![] }));
        });
    }

    #[test]
    fn thoughts_and_tool_calls_belong_to_the_reply() {
        let log = r#"{"answer":null,"reasoning":"hm","tool_calls":[{"id":"c"}]}"#;
        with_content(&[("ai_log", log)], |content| {
            let tool_calls = Some(Part::Json(Cow::Borrowed(r#"[{"id":"c"}]"#)));
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
}
