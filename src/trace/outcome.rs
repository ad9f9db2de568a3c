//! How a call ended: level and status message, from status, flags and details (`reference/gateway-logs.md` §8). Pure.

use std::borrow::Cow;

use super::Level;
use crate::gateway::{CallKind, GatewayCall, Value, json_rpc};

/// Flags that mean a reply was cut short or never came, by a fault. With status 200 too: the status line of a stream goes out first.
const FAULTS: [&str; 19] =
    ["UH", "UF", "UO", "UC", "UR", "LR", "LH", "URX", "UT", "UPE", "NR", "NC", "DF", "NFCF", "SI", "UMSDR", "DT", "IH", "OM"];

/// Flags that mean the client went away.
const CLIENT_GONE: [&str; 3] = ["DC", "DR", "DPE"];

/// What the details say where no flag does: how they begin, and how bad it is (`reference/gateway-logs.md` §8).
const DETAILS: [(&str, Level); 10] = [
    ("upstream_reset", Level::Error),
    ("stream_idle_timeout", Level::Error),
    ("upstream_max_stream_duration_reached", Level::Error),
    ("max_duration_timeout", Level::Error),
    ("response_timeout", Level::Error),
    ("no_healthy_upstream", Level::Error),
    ("downstream_remote_disconnect", Level::Warning),
    ("downstream_local_disconnect", Level::Warning),
    ("http2.remote_reset", Level::Warning),
    ("internal_redirect", Level::Warning),
];

/// The longest part of a logged text that goes into a status message. Bytes.
const MAX_DETAIL: usize = 300;

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How bad it was.
    pub level: Level,
    /// Why, if not as it should be.
    pub message: Option<String>,
}

/// The outcome of a call.
pub fn outcome(call: &GatewayCall<'_>) -> Outcome {
    let signs = Signs::of(call);
    let level = signs.level(call);
    let message = (level != Level::Default).then(|| signs.message());
    Outcome { level, message }
}

/// True if a plugin of content safety refused the request or the reply, in any of its spellings.
pub fn is_denied(call: &GatewayCall<'_>) -> bool {
    call.ai.model.as_ref().is_some_and(|model| model.says("from-security-guard")) || verdicts(call).any(|verdict| verdict.contains("deny"))
}

/// True if a plugin of content safety covered something in the request or the reply.
pub fn is_masked(call: &GatewayCall<'_>) -> bool {
    verdicts(call).any(|verdict| verdict.contains("mask"))
}

/// True if a token limit refused the call: `limited`, `global_limited`.
pub fn is_limited(call: &GatewayCall<'_>) -> bool {
    call.ai.token_ratelimit_status.as_ref().and_then(Value::text).is_some_and(|status| status.contains("limited"))
}

/// True if no model can have worked for the call: the cache answered, a plugin refused the request, or it went on to another route.
pub fn used_nothing(call: &GatewayCall<'_>, level: Level) -> bool {
    let says = |value: &Option<Value<'_>>, word: &str| value.as_ref().is_some_and(|value| value.says(word));
    let cached = says(&call.ai.cache_status, "hit") || says(&call.ai.model, "from-cache");
    let redirected = says(&Value::of_field(call.envelope.response_code_details), "internal_redirect");
    level == Level::Error || cached || redirected || is_limited(call) || is_denied(call)
}

/// What content safety decided, in lower case. The field's name has misspellings, too.
fn verdicts<'c, 'a>(call: &'c GatewayCall<'a>) -> impl Iterator<Item = Cow<'a, str>> + use<'c, 'a> {
    let verdicts = call.ai.others.iter().filter(|(key, _)| key.starts_with("safec") && key.ends_with("status"));
    verdicts.filter_map(|(_, verdict)| verdict.text()).map(|verdict| {
        let is_lower = verdict.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
        if is_lower { verdict } else { Cow::Owned(verdict.to_lowercase()) }
    })
}

/// What the proxy and the plugins say about the end of a call.
struct Signs<'a> {
    code: Option<u16>,
    flags: Cow<'a, str>,
    details: Cow<'a, str>,
    denied: bool,
    limited: bool,
    failed_tool: bool,
}

impl<'a> Signs<'a> {
    fn of(call: &GatewayCall<'a>) -> Self {
        let text = |raw| Value::of_field(raw).and_then(|value| value.text()).unwrap_or_default();
        let is_tool = call.kind == CallKind::Tool;
        Self {
            code: text(call.envelope.response_code).trim().parse().ok(),
            flags: text(call.envelope.response_flags),
            details: text(call.envelope.response_code_details),
            denied: is_denied(call),
            limited: is_limited(call),
            failed_tool: is_tool && json_rpc::response(call.envelope.response_body).is_some_and(|reply| reply.tells_of_an_error()),
        }
    }

    fn level(&self, call: &GatewayCall<'_>) -> Level {
        let code = self.code.unwrap_or(200);
        let client_gone = self.has_flag(&CLIENT_GONE);
        let failed_tool = self.failed_tool || (call.kind == CallKind::Tool && self.tells_of_a_tool_error());
        let refused = code >= 500 || (code >= 400 && !client_gone);
        if self.has_flag(&FAULTS) || refused || failed_tool {
            return Level::Error;
        }
        let by_details = DETAILS.iter().find(|(begin, _)| !client_gone && self.details.starts_with(begin)).map(|(_, level)| *level);
        let early = client_gone || code == 0 || self.denied || self.limited;
        by_details.unwrap_or(if early { Level::Warning } else { Level::Default })
    }

    /// JSON-RPC errors are sent with status 200.
    fn tells_of_a_tool_error(&self) -> bool {
        let details = self.details.as_ref();
        let refused = ["tool_not_allowed", "invalid_tool_name", "not_supported_on_toolset"].iter().any(|reason| details.ends_with(reason));
        refused || details.starts_with("json_rpc_error") || details.starts_with("mcp:tools/call:error") || details.ends_with(":error")
    }

    fn has_flag(&self, flags: &[&str]) -> bool {
        !self.flags.is_empty() && self.flags.split(',').any(|flag| flags.contains(&flag.trim()))
    }

    fn message(&self) -> String {
        let code = self.code.map(|code| if code == 0 { "no response".to_owned() } else { format!("HTTP {code}") });
        let denied = self.denied.then(|| "denied by content safety".to_owned());
        let limited = (self.limited && !self.details.contains("ratelimit")).then(|| "over the token limit".to_owned());
        let failed_tool = self.failed_tool.then(|| "the tool reported an error".to_owned());
        let flags = (!self.flags.is_empty()).then(|| format!("flags {}", bounded(&self.flags)));
        let details = (!self.details.is_empty() && self.details != "via_upstream").then(|| bounded(&self.details).into_owned());
        [code, denied, limited, failed_tool, flags, details].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// A text cut visibly to what a status message may hold of it.
fn bounded(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_DETAIL {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{}…", &text[..text.floor_char_boundary(MAX_DETAIL)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::ParsedRecord;
    use crate::sls::{Field, LogRecord, LogTime};

    fn outcome_of(code: &str, flags: &str, details: &str, ai_log: &str) -> (Level, Option<String>) {
        let pairs = [
            ("path", "/v1/chat/completions"),
            ("response_code", code),
            ("response_flags", flags),
            ("response_code_details", details),
            ("ai_log", ai_log),
        ];
        let fields = pairs.iter().map(|(key, value)| Field { key: key.as_bytes(), value: value.as_bytes() }).collect();
        let record = LogRecord { time: LogTime { seconds: 1, nanoseconds: None }, fields };
        let parsed = ParsedRecord::of(&record);
        let outcome = outcome(&parsed.call().unwrap());
        (outcome.level, outcome.message)
    }

    #[test]
    fn each_end_has_its_level_and_its_words() {
        let said = |text: &str| Some(text.to_owned());
        assert_eq!(outcome_of("200", "-", "via_upstream", "-"), (Level::Default, None));
        assert_eq!(outcome_of("200", "-", "ai-cache.hit", "-"), (Level::Default, None));
        assert_eq!(
            outcome_of("429", "-", "ai-token-ratelimit.rejected", "-"),
            (Level::Error, said("HTTP 429, ai-token-ratelimit.rejected"))
        );
        assert_eq!(outcome_of("503", "UH", "no_healthy_upstream", "-"), (Level::Error, said("HTTP 503, flags UH, no_healthy_upstream")));
        assert_eq!(outcome_of("500", "-", "via_upstream", "-"), (Level::Error, said("HTTP 500")));
    }

    #[test]
    fn a_stream_cut_short_is_an_error_in_spite_of_its_200() {
        for flag in ["UC", "UR", "UT", "UPE", "LR", "SI", "UMSDR", "DT", "UF,URX"] {
            assert_eq!(outcome_of("200", flag, "-", "-").0, Level::Error, "{flag}");
        }
    }

    #[test]
    fn a_client_that_left_is_a_warning() {
        assert_eq!(outcome_of("200", "DC", "downstream_remote_disconnect", "-").0, Level::Warning);
        assert_eq!(outcome_of("0", "DC", "-", "-"), (Level::Warning, Some("no response, flags DC".to_owned())));
        assert_eq!(outcome_of("499", "DR", "-", "-").0, Level::Warning);
    }

    #[test]
    fn a_denial_with_200_is_seen_in_every_spelling() {
        for verdict in ["request deny", "reqeust deny", "response deny", "deny"] {
            let log = format!(r#"{{"safecheck_status":"{verdict}"}}"#);
            assert_eq!(
                outcome_of("200", "-", "-", &log),
                (Level::Warning, Some("HTTP 200, denied by content safety".to_owned())),
                "{verdict}"
            );
        }
        assert_eq!(outcome_of("200", "-", "-", r#"{"safecheck_status":"request pass"}"#).0, Level::Default);
    }

    #[test]
    fn a_tool_that_failed_is_an_error_in_spite_of_its_200() {
        let tool = r#"{"mcp_tool_name":"t"}"#;
        for details in ["mcp:tools/call:error(boom)", "mcp:s:tools/call:tool_not_allowed", "json_rpc_error(x)"] {
            assert_eq!(outcome_of("200", "-", details, tool).0, Level::Error, "{details}");
        }
        assert_eq!(outcome_of("200", "-", "mcp:tools/call:s/t:result", tool).0, Level::Default);
    }
}
