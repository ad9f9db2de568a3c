//! Which places of a record an attribute came from: what is natural for it by the table below, narrowed by experiment. Pure.

use super::facts::METADATA;
use super::influence::Experiment;
use super::sources::{LOG_TIME, MEMBER, Source};

/// Tokens, by every name they are logged under.
const TOKENS: [&str; 9] = [
    "ai_log.input_token",
    "input_token",
    "ai_log.output_token",
    "output_token",
    "ai_log.total_token",
    "ai_log.input_token_details*",
    "ai_log.output_token_details*",
    "ai_log.cached_tokens",
    "ai_log.reasoning_tokens",
];

/// What only a call to a model leaves behind.
const SIGNS: [&str; 20] = [
    "ai_log.api",
    "ai_log.model",
    "model",
    "ai_log.question",
    "question",
    "ai_log.answer",
    "answer",
    "ai_log.messages",
    "ai_log.tool_calls",
    "ai_log.input_token",
    "input_token",
    "ai_log.output_token",
    "output_token",
    "ai_log.total_token",
    "ai_log.chat_id",
    "ai_log.cache_status",
    "ai_log.token_ratelimit_status",
    "ai_log.safec*",
    "request_body",
    "method",
];

/// The most places that are weighed against each other for one attribute. An honest log has some twenty natural ones.
const MAX_CANDIDATES: usize = 64;

/// What tells how a call ended.
const ENDINGS: [&str; 7] = [
    "response_code",
    "response_flags",
    "response_code_details",
    "ai_log.safec*",
    "ai_log.token_ratelimit_status",
    "ai_log.model",
    "response_body",
];

/// Attributes and the places that are natural for them, the preferred one first; `*` stands for any ending. An attribute that is not here
/// comes from whatever it changes with.
const NATURAL: [(&str, &[&[&str]]); 16] = [
    (
        "traceId",
        &[
            &["trace_id", "traceparent", "ai_log.traceparent", "b3", "ai_log.b3", "x_b3_traceid", "x-b3-traceid"],
            &["ai_log.x_b3_traceid", "ai_log.x-b3-traceid", "request_id"],
        ],
    ),
    (
        "parentSpanId",
        &[&["trace_id", "traceparent", "ai_log.traceparent", "b3", "ai_log.b3", "parent_span_id", "ai_log.parent_span_id"], &SPANS],
    ),
    ("type", &[&["ai_log.mcp_tool_name", "response_code_details", "original_path", "path"], &SIGNS]),
    ("name", &[&["ai_log.mcp_tool_name", "response_code_details", "request_body", "ai_log.api", "route_name"]]),
    ("traceName", &[&["ai_log.api", "route_name"]]),
    ("startTime", &[&["start_time", "duration", "ai_log.llm_service_duration", LOG_TIME]]),
    ("endTime", &[&["start_time", "duration", "ai_log.llm_service_duration", LOG_TIME]]),
    ("completionStartTime", &[&["start_time", "ai_log.llm_first_token_duration", "duration", LOG_TIME]]),
    ("level", &[&ENDINGS]),
    ("statusMessage", &[&ENDINGS]),
    ("model", &[&["ai_log.model", "model", "ai_log.request_model"]]),
    ("usageDetails", &[&TOKENS, &["ai_log.cache_status"], &ENDINGS]),
    ("costDetails", &[&["ai_log.model", "model", "ai_log.request_model", "ai_log.cache_status"], &TOKENS, &ENDINGS]),
    ("input", &[&["ai_log.messages", "ai_log.system", "ai_log.question", "question", "ai_log.tools", "request_body"]]),
    ("output", &[&["ai_log.answer", "answer", "ai_log.reasoning", "ai_log.tool_calls", "response_body"]]),
    ("userId", &[&["ai_log.consumer", "consumer"]]),
];

/// Where a span id of the caller may stand by itself.
const SPANS: [&str; 6] = ["x_b3_spanid", "x-b3-spanid", "ai_log.x_b3_spanid", "span_id", "ai_log.span_id", "ai_log.x-b3-spanid"];

/// The places that an attribute came from, the preferred one first. Empty where it came from a setting, or from nothing at all.
pub fn origins<'r>(experiment: &Experiment<'r>, name: &str) -> Vec<&'r Source> {
    let natural = natural(name);
    if natural.is_empty() {
        return experiment.needed_for(name);
    }
    let sources = &experiment.places.sources;
    let named = |pattern: &String| sources.iter().filter(|source| fits(pattern, &source.name)).collect::<Vec<_>>();
    let mut candidates: Vec<&Source> = Vec::new();
    for source in natural.iter().flat_map(named) {
        if !candidates.iter().any(|known| std::ptr::eq(*known, source)) {
            candidates.push(source);
        }
    }
    candidates.truncate(MAX_CANDIDATES);
    let enough = experiment.enough_for(name, &candidates);
    if enough.is_empty() { experiment.needed_for(name) } else { enough }
}

/// True for a place that the mapping looks at by name.
pub fn is_known(name: &str) -> bool {
    let patterns = NATURAL.iter().flat_map(|(_, lists)| lists.iter()).flat_map(|list| list.iter());
    patterns.flat_map(|pattern| places_of(pattern)).any(|pattern| fits(pattern, name))
}

/// True if a place is natural for an attribute.
#[cfg(test)]
pub(super) fn is_natural(attribute: &str, place: &str) -> bool {
    natural(attribute).iter().any(|pattern| fits(pattern, place))
}

/// The patterns of the places that are natural for an attribute.
fn natural(name: &str) -> Vec<String> {
    if let Some(key) = name.strip_prefix(METADATA) {
        return match key {
            _ if key.starts_with("gw_") => Vec::new(),
            "path" => ["original_path", "path"].map(str::to_owned).to_vec(),
            _ => vec![format!("{MEMBER}{key}"), key.to_owned()],
        };
    }
    let lists = NATURAL.iter().find(|(attribute, _)| *attribute == name).map_or([].as_slice(), |(_, lists)| lists);
    lists.iter().flat_map(|list| list.iter()).flat_map(|pattern| places_of(pattern)).map(str::to_owned).collect()
}

/// A pattern, and that of the same member logged separately, in a field of its own.
fn places_of(pattern: &'static str) -> impl Iterator<Item = &'static str> {
    [Some(pattern), pattern.strip_prefix(MEMBER)].into_iter().flatten()
}

fn fits(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |beginning| name.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_stands_for_itself_or_for_any_ending() {
        assert!(fits("ai_log.safec*", "ai_log.safecheck_status") && fits("path", "path"));
        assert!(!fits("path", "path_of_another") && !fits("ai_log.safec*", "safecheck_status"));
        assert!(is_known("ai_log.model") && !is_known("ai_log.tenant") && !is_known("x_forwarded_for"));
    }
}
