//! What kind of call a record is, or that it is none. Pure.
//!
//! Decided by path, method and the answering plugin first, because these are always logged; by what `ai_log` holds only where they say
//! nothing (`reference/gateway-logs.md` §5). So a type never changes with data that may be missing.

use std::borrow::Cow;

use super::Skip;
use super::ai_log::AiLog;
use super::envelope::Envelope;
use super::json_rpc;
use super::value::{Value, text_of};

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
    /// Images and videos, from text or from images.
    Image,
    /// Speech in or out.
    Audio,
    /// A tool behind an MCP server.
    Tool,
    /// An agent application.
    Agent,
}

/// Path endings and what they call, most specific first (`reference/gateway-logs.md` §5; the native paths of Model Studio, Gemini, Bedrock,
/// Cohere and Ollama by their public references).
const ENDINGS: [(&str, CallKind); 35] = [
    ("/chat/completions", CallKind::Chat),
    ("/completions", CallKind::Completion),
    ("/responses", CallKind::Chat),
    ("/messages", CallKind::Chat),
    (":generateContent", CallKind::Chat),
    (":streamGenerateContent", CallKind::Chat),
    (":rawPredict", CallKind::Chat),
    (":streamRawPredict", CallKind::Chat),
    ("/text-generation/generation", CallKind::Chat),
    ("/multimodal-generation/generation", CallKind::Chat),
    ("/converse", CallKind::Chat),
    ("/converse-stream", CallKind::Chat),
    ("/v2/chat", CallKind::Chat),
    ("/api/chat", CallKind::Chat),
    ("/api/generate", CallKind::Completion),
    ("/v1/complete", CallKind::Completion),
    (":embedContent", CallKind::Embedding),
    (":batchEmbedContents", CallKind::Embedding),
    ("/embeddings", CallKind::Embedding),
    ("/text-embedding", CallKind::Embedding),
    ("/multimodal-embedding", CallKind::Embedding),
    ("/api/embed", CallKind::Embedding),
    ("/v2/embed", CallKind::Embedding),
    ("/rerank", CallKind::Rerank),
    ("/reranks", CallKind::Rerank),
    ("/text-rerank", CallKind::Rerank),
    ("/images/generations", CallKind::Image),
    ("/images/edits", CallKind::Image),
    ("/images/variations", CallKind::Image),
    ("/image-synthesis", CallKind::Image),
    ("/image-generation/generation", CallKind::Image),
    ("/video-synthesis", CallKind::Image),
    ("/videos", CallKind::Image),
    ("/videos/generations", CallKind::Image),
    ("/audio/transcriptions", CallKind::Audio),
];

/// Parts of a path that decide whatever its end is.
const PARTS: [(&str, CallKind); 1] = [("/audio/", CallKind::Audio)];

/// Path endings of model APIs that call no model: lists, counts, and stores. A request to them carries an `ai_log` with an API name.
const NO_CALLS: [&str; 9] =
    ["/models", "/files", "/batches", "/uploads", "/count_tokens", "/tokenize", ":countTokens", "/fine_tuning/jobs", "/token_count"];

/// The kind of a record.
///
/// # Errors
/// [`Skip`] where it is no call to a model, a tool or an agent.
pub fn kind(envelope: &Envelope<'_>, ai: &AiLog<'_>) -> Result<CallKind, Skip> {
    if !envelope.is_gateway_log() {
        return Err(Skip::NotAGatewayLog);
    }
    kind_of_call(envelope, ai)
}

/// As [`kind`], for a record that is known to be of a gateway.
///
/// # Errors
/// [`Skip::NotAModelCall`] where it is no call to a model, a tool or an agent.
pub fn kind_of_call(envelope: &Envelope<'_>, ai: &AiLog<'_>) -> Result<CallKind, Skip> {
    let whole = whole_path(envelope);
    if let Some(kind) = of_mcp(envelope, ai, &whole)? {
        return Ok(kind);
    }
    let path = without_query(&whole);
    let asks = asks(envelope.method.unwrap_or_default());
    match of_path(path) {
        Some(kind) if asks || tells_of_a_model(envelope, ai) => Ok(kind),
        None if NO_CALLS.iter().any(|ending| path.trim_end_matches('/').ends_with(ending)) => Err(Skip::NotAModelCall),
        None if tells_of_a_model(envelope, ai) || (asks && tells_of_an_api(ai)) => Ok(CallKind::Chat),
        _ => Err(Skip::NotAModelCall),
    }
}

/// The path that the client asked for, without its query.
pub fn path<'a>(envelope: &Envelope<'a>) -> Cow<'a, str> {
    match whole_path(envelope) {
        Cow::Borrowed(path) => Cow::Borrowed(without_query(path)),
        Cow::Owned(path) => Cow::Owned(without_query(&path).to_owned()),
    }
}

/// True for methods that ask a model for something, and where none is logged.
fn asks(method: &[u8]) -> bool {
    method == b"POST" || matches!(text_of(method).trim(), "" | "-" | "POST" | "PUT")
}

fn without_query(path: &str) -> &str {
    path.split_once('?').map_or(path, |(path, _)| path)
}

fn whole_path<'a>(envelope: &Envelope<'a>) -> Cow<'a, str> {
    let path = Value::of_field(envelope.original_path).or_else(|| Value::of_field(envelope.path));
    path.and_then(|path| path.text()).unwrap_or_default()
}

/// MCP traffic: tool calls are calls, the rest of the protocol is not. `None` for anything else.
fn of_mcp(envelope: &Envelope<'_>, ai: &AiLog<'_>, whole_path: &str) -> Result<Option<CallKind>, Skip> {
    let details = text_of(envelope.response_code_details.unwrap_or_default());
    if ai.mcp_tool_name.as_ref().is_some_and(|name| !name.is_absent()) || details.starts_with("json_rpc_error") {
        return Ok(Some(CallKind::Tool));
    }
    let asked = || json_rpc::request(envelope.request_body).map(|request| request.method.into_owned());
    match details.as_ref() {
        mcp if mcp.starts_with("mcp:") && mcp.contains("tools/call") => Ok(Some(CallKind::Tool)),
        mcp if mcp.starts_with("mcp:") || mcp == "json_rpc_ack" => Err(Skip::NotAModelCall),
        _ if !is_path_of_mcp(whole_path) => Ok(None),
        _ if asked().is_some_and(|method| method == "tools/call") => Ok(Some(CallKind::Tool)),
        _ => Err(Skip::NotAModelCall),
    }
}

/// True for the paths of MCP servers; `/messages` with a session in its query is one, without it the Claude API.
fn is_path_of_mcp(whole: &str) -> bool {
    let (path, query) = whole.split_once('?').unwrap_or((whole, ""));
    let mut parts = path.as_bytes().split(|byte| *byte == b'/');
    let is_of_server = |part: &[u8]| matches!(part, b"mcp" | b"mcp-servers");
    let session = || query.contains("sessionId=") || query.contains("session_id=");
    let message = || ["message", "messages"].contains(&path.trim_end_matches('/').rsplit('/').next().unwrap_or_default());
    path.ends_with("/sse") || parts.any(is_of_server) || (session() && message())
}

fn of_path(path: &str) -> Option<CallKind> {
    let path = path.trim_end_matches('/');
    if is_of_agent(path) {
        return Some(CallKind::Agent);
    }
    let by_part = PARTS.iter().find(|(part, _)| path.contains(part));
    by_part.or_else(|| ENDINGS.iter().find(|(ending, _)| path.ends_with(ending))).map(|(_, kind)| *kind)
}

/// Applications of Model Studio: `/api/v1/apps/<id>/completion`, `/api/v2/apps/agent/<id>/compatible-mode/v1/responses`.
fn is_of_agent(path: &str) -> bool {
    ["/completion", "/responses"].iter().any(|ending| path.ends_with(ending)) && path.contains("/apps/")
}

/// True if the record carries what only a model call leaves behind. `api`, session and durations are no proof: `GET /v1/models` has them,
/// and a model's name may be a placeholder there.
fn tells_of_a_model(envelope: &Envelope<'_>, ai: &AiLog<'_>) -> bool {
    let inside = [&ai.question, &ai.answer, &ai.messages, &ai.tool_calls, &ai.input_token, &ai.output_token, &ai.total_token];
    let plugins = [&ai.token_ratelimit_status, &ai.cache_status, &ai.chat_id];
    let outside = [envelope.question, envelope.answer, envelope.input_token, envelope.output_token];
    let named = |name: Value<'_>| name.text().is_some_and(|name| !name.eq_ignore_ascii_case("unknown"));
    inside.into_iter().chain(plugins).flatten().any(|value| !value.is_absent())
        || outside.into_iter().any(|field| Value::of_field(field).is_some())
        || [ai.model.clone(), Value::of_field(envelope.model)].into_iter().flatten().any(named)
        || ai.others.iter().any(|(key, value)| key.starts_with("safec") && !value.is_absent())
}

/// True if an AI route answered: its plugin names the API, `-` for a route that is none.
fn tells_of_an_api(ai: &AiLog<'_>) -> bool {
    ai.api.as_ref().is_some_and(|api| !api.is_absent())
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
