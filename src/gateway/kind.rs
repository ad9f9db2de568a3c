//! What kind of call a record is, or that it is none. Pure.
//!
//! Decided by path, method and the answering plugin first, because these are always logged; by what `ai_log` holds only where they say
//! nothing (`reference/gateway-logs.md` §5). So a type never changes with data that may be missing.

use std::borrow::Cow;

use super::Skip;
use super::ai_log::AiLog;
use super::envelope::{Envelope, Raw};
use super::value::Value;

/// The kinds of call that become observations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallKind {
    /// Chat in any protocol: OpenAI, Claude, Gemini, Responses.
    Chat,
    /// Text completion.
    Completion,
    /// Texts to vectors.
    Embedding,
    /// Ranking of documents.
    Rerank,
    /// Images, from text or from images.
    Image,
    /// Speech in or out.
    Audio,
    /// A tool behind an MCP server.
    Tool,
    /// An agent application.
    Agent,
}

/// Path endings and what they call, most specific first (`reference/gateway-logs.md` §5).
const ENDINGS: [(&str, CallKind); 16] = [
    ("/chat/completions", CallKind::Chat),
    ("/completions", CallKind::Completion),
    ("/responses", CallKind::Chat),
    ("/messages", CallKind::Chat),
    (":generateContent", CallKind::Chat),
    (":streamGenerateContent", CallKind::Chat),
    (":embedContent", CallKind::Embedding),
    (":batchEmbedContents", CallKind::Embedding),
    ("/embeddings", CallKind::Embedding),
    ("/rerank", CallKind::Rerank),
    ("/reranks", CallKind::Rerank),
    ("/images/generations", CallKind::Image),
    ("/images/edits", CallKind::Image),
    ("/images/variations", CallKind::Image),
    ("/text-generation/generation", CallKind::Chat),
    ("/multimodal-generation/generation", CallKind::Chat),
];

/// The kind of a record.
///
/// # Errors
/// [`Skip`] where it is no call to a model, a tool or an agent.
pub fn kind(envelope: &Envelope<'_>, ai: &AiLog<'_>) -> Result<CallKind, Skip> {
    if !envelope.is_gateway_log() {
        return Err(Skip::NotAGatewayLog);
    }
    if let Some(kind) = of_mcp(envelope, ai)? {
        return Ok(kind);
    }
    let asks = matches!(text(envelope.method).as_ref(), "" | "-" | "POST" | "PUT");
    let by_path = of_path(&path(envelope));
    match by_path {
        Some(kind) if asks || tells_of_a_model(envelope, ai) => Ok(kind),
        None if tells_of_a_model(envelope, ai) || (asks && tells_of_an_api(ai)) => Ok(CallKind::Chat),
        _ => Err(Skip::NotAModelCall),
    }
}

/// The path that the client asked for, without its query.
pub fn path<'a>(envelope: &Envelope<'a>) -> Cow<'a, str> {
    let path = Value::of_field(envelope.original_path).or_else(|| Value::of_field(envelope.path)).and_then(|path| path.text());
    match path.unwrap_or_default() {
        Cow::Borrowed(path) => Cow::Borrowed(path.split('?').next().unwrap_or_default()),
        Cow::Owned(path) => Cow::Owned(path.split('?').next().unwrap_or_default().to_owned()),
    }
}

/// MCP traffic: tool calls are calls, the rest of the protocol is not. `None` for anything else.
fn of_mcp(envelope: &Envelope<'_>, ai: &AiLog<'_>) -> Result<Option<CallKind>, Skip> {
    let details = text(envelope.response_code_details);
    if ai.mcp_tool_name.as_ref().is_some_and(|name| !name.is_absent()) || details.starts_with("json_rpc_error") {
        return Ok(Some(CallKind::Tool));
    }
    match details.as_ref() {
        mcp if mcp.starts_with("mcp:") && mcp.contains("tools/call") => Ok(Some(CallKind::Tool)),
        mcp if mcp.starts_with("mcp:") || mcp == "json_rpc_ack" => Err(Skip::NotAModelCall),
        _ => Ok(None),
    }
}

fn of_path(path: &str) -> Option<CallKind> {
    let path = path.trim_end_matches('/');
    if path.contains("/apps/") && path.ends_with("/completion") {
        return Some(CallKind::Agent);
    }
    if path.contains("/audio/") {
        return Some(CallKind::Audio);
    }
    ENDINGS.iter().find(|(ending, _)| path.ends_with(ending)).map(|(_, kind)| *kind)
}

/// True if the record carries what only a model call leaves behind. `api`, session and durations are no proof: `GET /v1/models` has them.
fn tells_of_a_model(envelope: &Envelope<'_>, ai: &AiLog<'_>) -> bool {
    let inside = [&ai.model, &ai.question, &ai.answer, &ai.messages, &ai.tool_calls, &ai.input_token, &ai.output_token, &ai.total_token];
    let plugins = [&ai.token_ratelimit_status, &ai.cache_status, &ai.chat_id];
    let outside = [envelope.question, envelope.answer, envelope.model, envelope.input_token, envelope.output_token];
    inside.into_iter().chain(plugins).flatten().any(|value| !value.is_absent())
        || outside.into_iter().any(|field| Value::of_field(field).is_some())
        || ai.others.iter().any(|(key, value)| key.starts_with("safec") && !value.is_absent())
}

/// True if an AI route answered: its plugin names the API, `-` for a route that is none.
fn tells_of_an_api(ai: &AiLog<'_>) -> bool {
    ai.api.as_ref().is_some_and(|api| !api.is_absent())
}

fn text(raw: Raw<'_>) -> Cow<'_, str> {
    String::from_utf8_lossy(raw.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sls::{Field, LogRecord, LogTime};

    fn kind_of(pairs: &[(&str, &str)]) -> Result<CallKind, Skip> {
        let fields = pairs.iter().map(|(key, value)| Field { key: key.as_bytes(), value: value.as_bytes() }).collect();
        let record = LogRecord { time: LogTime { seconds: 1, nanoseconds: None }, fields };
        let parsed = super::super::ParsedRecord::of(&record);
        parsed.call().map(|call| call.kind)
    }

    fn post(path: &str, ai_log: &str) -> Result<CallKind, Skip> {
        kind_of(&[("request_id", "r"), ("method", "POST"), ("path", path), ("ai_log", ai_log)])
    }

    #[test]
    fn a_model_path_decides_even_where_no_plugin_wrote_anything() {
        for (path, kind) in [
            ("/v1/chat/completions", CallKind::Chat),
            ("/openai/deployments/d/chat/completions?api-version=1", CallKind::Chat),
            ("/v1/completions", CallKind::Completion),
            ("/v1/responses", CallKind::Chat),
            ("/v1/messages", CallKind::Chat),
            ("/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse", CallKind::Chat),
            ("/v1/embeddings", CallKind::Embedding),
            ("/v1/rerank", CallKind::Rerank),
            ("/v1/images/generations", CallKind::Image),
            ("/v1/audio/speech", CallKind::Audio),
            ("/api/v1/apps/demoapp/completion", CallKind::Agent),
        ] {
            assert_eq!(post(path, "-"), Ok(kind), "{path}");
            assert_eq!(post(path, r#"{"model":"m","input_token":1}"#), Ok(kind), "{path}");
        }
    }

    #[test]
    fn an_unknown_path_is_a_call_if_an_ai_route_answered_it() {
        assert_eq!(post("/my/model", r#"{"api":"a@b@c","llm_service_duration":5}"#), Ok(CallKind::Chat));
        assert_eq!(post("/my/model", r#"{"api":"-"}"#), Err(Skip::NotAModelCall));
        assert_eq!(kind_of(&[("request_id", "r"), ("path", "/x"), ("question", "hello")]), Ok(CallKind::Chat));
    }

    #[test]
    fn traffic_that_calls_no_model_is_skipped() {
        let models = r#"{"api":"a@b@c","consumer":"u","response_type":"normal","llm_service_duration":3}"#;
        let get = |path, ai_log| kind_of(&[("request_id", "r"), ("method", "GET"), ("path", path), ("ai_log", ai_log)]);
        assert_eq!(get("/v1/models", models), Err(Skip::NotAModelCall));
        assert_eq!(kind_of(&[("request_id", "r"), ("method", "OPTIONS"), ("path", "/v1/chat/completions")]), Err(Skip::NotAModelCall));
        assert_eq!(post("/index.html", "-"), Err(Skip::NotAModelCall));
        assert_eq!(kind_of(&[("content", "a line that was not parsed")]), Err(Skip::NotAGatewayLog));
    }

    #[test]
    fn of_mcp_only_tool_calls_are_calls() {
        let mcp = |details, ai_log| {
            kind_of(&[("request_id", "r"), ("method", "POST"), ("path", "/mcp"), ("response_code_details", details), ("ai_log", ai_log)])
        };
        assert_eq!(mcp("mcp:tools/call:docs/search:result", "-"), Ok(CallKind::Tool));
        assert_eq!(mcp("mcp:docs:tools/call:tool_not_allowed", "-"), Ok(CallKind::Tool));
        assert_eq!(mcp("via_upstream", r#"{"mcp_tool_name":"search"}"#), Ok(CallKind::Tool));
        for details in ["mcp:docs:initialize", "mcp:docs:tools/list", "mcp:docs:notifications/initialized", "json_rpc_ack"] {
            assert_eq!(mcp(details, r#"{"api":"a@b@c"}"#), Err(Skip::NotAModelCall), "{details}");
        }
    }
}
