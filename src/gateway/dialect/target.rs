//! What a dialect can name: the fields of our records, by the words of the configuration file. Plain data.

/// A field of our records that a dialect can say the place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The word for it.
    pub key: &'static str,
    /// What becomes of the value.
    pub becomes: Special,
    /// True if it is content: a field that it was taken from is not shown again as metadata.
    pub is_content: bool,
}

/// What becomes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// The field of this name, as it is.
    Field(&'static str),
    /// The kind of call, by a word of [`super::KINDS`].
    Kind,
    /// When the call began: a moment.
    Start,
    /// When it ended: a moment.
    End,
    /// When the first token came: a moment.
    FirstToken,
    /// How long the call took.
    Duration,
    /// How long after the beginning the first token came.
    FirstTokenAfter,
    /// What it cost, USD.
    Cost,
}

const fn field(key: &'static str, name: &'static str) -> Target {
    Target { key, becomes: Special::Field(name), is_content: false }
}

const fn content(key: &'static str, name: &'static str) -> Target {
    Target { key, becomes: Special::Field(name), is_content: true }
}

const fn special(key: &'static str, becomes: Special) -> Target {
    Target { key, becomes, is_content: false }
}

/// Every target.
pub static TARGETS: [Target; 39] = [
    special("kind", Special::Kind),
    field("trace_id", "trace_id"),
    field("request_id", "request_id"),
    field("traceparent", "traceparent"),
    field("parent", "parent_span_id"),
    special("start", Special::Start),
    special("end", Special::End),
    special("duration", Special::Duration),
    special("first_token", Special::FirstToken),
    special("first_token_after", Special::FirstTokenAfter),
    field("api", "ai_log.api"),
    field("user", "consumer"),
    field("session", "ai_log.session_id"),
    field("model", "ai_log.model"),
    field("request_model", "ai_log.request_model"),
    field("input_tokens", "ai_log.input_token"),
    field("output_tokens", "ai_log.output_token"),
    field("total_tokens", "ai_log.total_token"),
    field("cached_tokens", "ai_log.cached_tokens"),
    field("reasoning_tokens", "ai_log.reasoning_tokens"),
    field("input_details", "ai_log.input_token_details"),
    field("output_details", "ai_log.output_token_details"),
    special("cost", Special::Cost),
    content("messages", "ai_log.messages"),
    content("question", "ai_log.question"),
    content("system", "ai_log.system"),
    content("tools", "ai_log.tools"),
    content("answer", "ai_log.answer"),
    content("reasoning", "ai_log.reasoning"),
    content("tool_calls", "ai_log.tool_calls"),
    content("request_body", "request_body"),
    content("response_body", "response_body"),
    field("tool", "ai_log.mcp_tool_name"),
    field("status", "response_code"),
    field("flags", "response_flags"),
    field("error", "response_code_details"),
    field("cache_status", "ai_log.cache_status"),
    field("method", "method"),
    field("path", "path"),
];
