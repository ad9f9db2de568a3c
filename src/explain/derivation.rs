//! How an attribute was made from its sources, in a few words. Pure.
//!
//! Nothing is said that was not checked against the value: a text equals its source, a hash is computed again, a sum is added up.

use sha2::{Digest, Sha256};

use super::facts::{METADATA, rfc3339};
use super::influence::Experiment;
use super::sources::{LOG_TIME, MEMBER, Source};
use crate::gateway::Value;
use crate::trace::ids::IDENTIFYING;
use crate::trace::room::CUT_MARK;

/// Puts the sources of the span id into the order in which they are hashed, those that identify a call first.
pub fn sort_as_hashed(from: &mut [&Source]) {
    from.sort_by_key(|source| IDENTIFYING.iter().position(|name| *name == source.name).unwrap_or(IDENTIFYING.len()));
}

/// An attribute and where it came from.
#[derive(Clone, Copy, Debug)]
pub struct Made<'e, 'r> {
    /// Its name.
    pub name: &'e str,
    /// Its value.
    pub text: &'e str,
    /// Its sources.
    pub from: &'e [&'r Source],
    /// All the rest.
    pub experiment: &'e Experiment<'r>,
}

/// How an attribute was made; `None` where it is simply what was logged.
pub fn how(made: &Made<'_, '_>) -> Option<String> {
    if made.experiment.mapped.dialect.is_some() {
        return made.translated();
    }
    let said = match made.name {
        "traceId" => made.trace_id(),
        "spanId" => Some(made.span_id()),
        "parentSpanId" if made.experiment.mapped.parent_is_derived => Some("no parent was logged: hash of the trace id"),
        "parentSpanId" => Some("the caller's span"),
        "type" => made.kind(),
        "name" | "traceName" => made.called(),
        "startTime" => Some(made.start()),
        "endTime" => Some(made.end()),
        "completionStartTime" => Some(made.first_token()),
        "level" if made.text == "DEFAULT" => Some("no error status, no fault flag, no refusal"),
        "model" => return made.replaced_model().or_else(|| made.cut()),
        "usageDetails" => made.usage(),
        "costDetails" => return Some(made.cost()),
        "input" => return joined([made.input().map(str::to_owned), made.damage()]),
        "output" => return joined([made.output().map(str::to_owned), made.damage()]),
        _ => made.metadata(),
    };
    said.map(str::to_owned).or_else(|| made.cut())
}

fn joined(parts: impl IntoIterator<Item = Option<String>>) -> Option<String> {
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

impl Made<'_, '_> {
    /// True if one of these is a source; a member of `ai_log` also where it was logged separately.
    fn is_from(&self, names: &[&str]) -> bool {
        let is = |name: &&str, source: &str| *name == source || name.strip_prefix(MEMBER) == Some(source);
        self.from.iter().any(|source| names.iter().any(|name| is(name, &source.name)))
    }

    fn source_text(&self, index: usize) -> Option<String> {
        self.experiment.places.text_at(self.from.get(index)?).map(|text| text.into_owned())
    }

    fn milliseconds(&self, name: &str) -> Option<i64> {
        let text = self.experiment.places.text(name)?;
        i64::try_from(Value::Text(text).milliseconds()?).ok()
    }

    fn attribute_ms(&self, name: &str) -> Option<i64> {
        self.experiment.mapped.facts.get(name).and_then(moment)
    }

    fn trace_id(&self) -> Option<&'static str> {
        let raw = self.source_text(0)?;
        let lower = raw.trim().to_lowercase();
        let (zeros, short) = self.text.split_at_checked(16)?;
        let hashed = Sha256::digest(raw.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>() == self.text;
        Some(match () {
            () if raw == self.text => "as logged",
            () if lower == self.text => "in lower case",
            () if lower.replace('-', "") == self.text => "the UUID without its dashes",
            () if lower.contains(self.text) => "the trace id in it",
            () if zeros.bytes().all(|digit| digit == b'0') && lower.contains(short) => "8 bytes, with zeros in front",
            () if hashed && self.is_from(&["request_id"]) => "no trace id was logged: first 16 bytes of the SHA-256 of the request id",
            () if hashed => "no trace id in form: first 16 bytes of the SHA-256 of the text",
            () => "neither trace id nor request id was logged: hash of the line",
        })
    }

    /// Of a record of another gateway no field is known by name, so only little is said.
    fn translated(&self) -> Option<String> {
        let said = match self.name {
            "traceId" => self.trace_id(),
            "spanId" => Some("first 8 bytes of the SHA-256 of all fields but a collector's"),
            "costDetails" => return Some(self.cost()),
            "usageDetails" => self.usage(),
            _ => None,
        };
        said.map(str::to_owned).or_else(|| self.cut())
    }

    fn span_id(&self) -> &'static str {
        match self.from.iter().all(|source| IDENTIFYING.contains(&source.name.as_str())) {
            true => "first 8 bytes of the SHA-256 of the fields that tell one call from another",
            false => "no request id or start time: first 8 bytes of the SHA-256 of all fields but a collector's",
        }
    }

    fn kind(&self) -> Option<&'static str> {
        let first = self.from.first()?.name.as_str();
        Some(match first {
            "ai_log.mcp_tool_name" | "mcp_tool_name" | "response_code_details" => "a tool of an MCP server was called",
            "original_path" | "path" => "by the path",
            _ => "no known path, but signs of a model call",
        })
    }

    fn called(&self) -> Option<&'static str> {
        match self.from.first().map(|source| source.name.as_str()) {
            Some("ai_log.mcp_tool_name" | "mcp_tool_name") => Some("the name of the tool"),
            Some("response_code_details" | "request_body") => Some("the tool named in it"),
            Some("route_name")
                if self.source_text(0).is_some_and(|route| route.len() > self.text.len() && route.starts_with(self.text)) =>
            {
                Some("no API name was logged: the first three parts of the route")
            }
            Some("route_name") => Some("no API name was logged"),
            None => Some("neither API nor route was logged"),
            _ => None,
        }
    }

    fn start(&self) -> &'static str {
        match (self.is_from(&["start_time"]), self.is_from(&["duration"]), self.is_from(&[LOG_TIME])) {
            (true, ..) if self.experiment.places.text("start_time").as_deref() == Some(self.text) => "as logged",
            (true, ..) => "in UTC, whole milliseconds",
            (_, true, true) => "no usable start_time: log time − duration",
            (_, _, true) => "no usable start_time: the log time",
            _ if self.text == rfc3339(0) => "no usable time in the record",
            _ => "from what is there",
        }
    }

    fn end(&self) -> &'static str {
        let took = self.attribute_ms("startTime").zip(moment(self.text)).map(|(start, end)| end - start);
        let at_log_time = self.experiment.places.log_time_ms() == moment(self.text);
        match took {
            _ if at_log_time && !self.is_from(&["start_time", "duration", "ai_log.llm_service_duration"]) => "the log time",
            Some(took) if self.milliseconds("duration") == Some(took) => "start + duration",
            Some(took) if self.milliseconds("ai_log.llm_service_duration") == Some(took) => {
                "no usable duration: start + llm_service_duration"
            }
            Some(0) => "no usable duration: the start",
            _ => "from what is there",
        }
    }

    fn first_token(&self) -> &'static str {
        let waited = self.attribute_ms("startTime").zip(moment(self.text)).map(|(start, first)| first - start);
        match waited == self.milliseconds("ai_log.llm_first_token_duration") {
            true => "start + llm_first_token_duration",
            false => "start + llm_first_token_duration, held to the end",
        }
    }

    fn replaced_model(&self) -> Option<String> {
        let said = ["ai_log.model", "model"].iter().find(|name| self.experiment.places.text(name).is_some())?;
        let other = !self.from.iter().any(|source| source.name == **said) && self.is_from(&["ai_log.request_model"]);
        other.then(|| format!("{said} holds a placeholder, so the model asked for"))
    }

    fn usage(&self) -> Option<&'static str> {
        let bucket = |name: &str| self.text.contains(&format!("\"{name}\":"));
        let tokens = |source: &&Source| source.name.contains("token") && !source.name.contains("token_ratelimit");
        if !self.from.iter().any(tokens) && !self.text.contains(|c: char| ('1'..='9').contains(&c)) {
            return Some("no counts, and no model worked for it: zero, so that nobody estimates");
        }
        let parts = bucket("input_cached_tokens") || bucket("input_cache_creation") || bucket("output_reasoning_tokens");
        parts.then_some("buckets that do not overlap: cached and reasoning tokens are counted apart")
    }

    fn cost(&self) -> String {
        match self.experiment.mapped.facts.metadata("gw_price_source") {
            Some(source) if source.starts_with("logged by ") => "USD, as logged".to_owned(),
            Some(source) => format!("USD, price of {source}"),
            None => "USD, nothing was charged".to_owned(),
        }
    }

    fn input(&self) -> Option<&'static str> {
        if self.is_from(&["ai_log.messages"]) {
            return Some("the messages as logged");
        }
        let message = self.is_from(&["ai_log.question", "question"]) && self.text.starts_with("[{\"role\":");
        let said = || ["ai_log.messages", "ai_log.question", "question"].iter().any(|name| self.experiment.places.text(name).is_some());
        let body = self.is_from(&["request_body"]).then(|| match () {
            () if self.is_tool() && !self.is_whole("request_body") => "the arguments in the body",
            () if said() => "the body, which holds the whole request",
            () => "the raw body, for want of messages and question",
        });
        body.or(message.then_some("as a message of the user: the last one of the request"))
    }

    fn output(&self) -> Option<&'static str> {
        let message = self.text.starts_with("{\"role\":\"assistant\"").then_some("as a message of the assistant");
        let body = self.is_from(&["response_body"]).then(|| match () {
            () if self.is_whole("response_body") => "the raw body, for want of an answer",
            () if self.is_tool() => "the result in the body",
            () => "the reply in the body",
        });
        body.or(message)
    }

    fn is_tool(&self) -> bool {
        self.experiment.mapped.facts.get("type") == Some("tool")
    }

    /// True if the value is all that was logged there, but for what was cut here.
    fn is_whole(&self, name: &str) -> bool {
        let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
        let logged = self.experiment.places.text(name).unwrap_or_default();
        logged == self.text || self.text.ends_with(CUT_MARK) || json(&logged).is_some_and(|logged| json(self.text) == Some(logged))
    }

    /// What the gateway or this program cut out of a text.
    fn damage(&self) -> Option<String> {
        let logged =
            |part: &str| self.from.iter().any(|source| self.experiment.places.text_at(source).is_some_and(|text| text.contains(part)));
        let ours = self.text.contains(CUT_MARK).then(|| "cut here to what Langfuse takes".to_owned());
        let theirs = logged("[truncated]").then(|| "the gateway had left out the middle".to_owned());
        joined([ours, theirs])
    }

    /// A value that is the beginning of its source.
    fn cut(&self) -> Option<String> {
        let kept = self.text.strip_suffix('…').or_else(|| self.text.strip_suffix("..."))?;
        let source = self.source_text(0)?;
        let cut = source.len() > self.text.len() && source.starts_with(kept);
        cut.then(|| format!("cut: {} of {} characters", kept.chars().count(), source.chars().count()))
    }

    fn metadata(&self) -> Option<&'static str> {
        Some(match self.name.strip_prefix(METADATA)? {
            "trace_id" => "kept, since the trace id is not this text",
            "ai_log" => "what stands behind the damage",
            "gw_salvaged" => "ai_log is damaged: what stands before the damage was read",
            "gw_truncated" => "which text was cut, and by whom",
            "gw_go_syntax" => "a structure arrived in Go syntax (`map[…]`), which is no JSON",
            "gw_too_deep" => "nested too deeply to be shown as a structure",
            "gw_fields_dropped" => "there are more unknown fields than are kept",
            "gw_usage_mismatch" => "the logged total is not the sum of its parts",
            "gw_price_source" if self.text == "none" => "neither the shipped list nor yours has a price for this model",
            "gw_price_source" => "whose price, as of when",
            key if key.starts_with("gw_usage_") => "JOIN_USAGE=metadata: the application counts this call",
            _ => return None,
        })
    }
}

fn moment(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(|moment| moment.as_millisecond())
}
