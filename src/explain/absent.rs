//! Attributes that people look for and that an observation does not have, each with the reason. Pure.

use super::influence::Experiment;
use crate::trace::settings::JoinUsage;

/// An attribute without a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// Its name.
    pub name: &'static str,
    /// Why it has none.
    pub why: String,
}

/// Tells why an attribute has no value.
type Why = fn(&Experiment<'_>) -> String;

/// What has no value, and why.
pub fn absent(experiment: &Experiment<'_>) -> Vec<Absent> {
    let facts = &experiment.mapped.facts;
    let reasons: [(&'static str, Why); 8] = [
        ("completionStartTime", first_token),
        ("model", model),
        ("usageDetails", usage),
        ("costDetails", cost),
        ("input", |_| "no question, messages or request_body was logged".to_owned()),
        ("output", |_| "no answer, tool_calls or response_body was logged".to_owned()),
        ("userId", user),
        ("sessionId", session),
    ];
    if experiment.mapped.dialect.is_some() {
        // What another gateway logs under which name is not known.
        return Vec::new();
    }
    let expected = |name: &str| match facts.get("type") {
        // A tool uses no model, and vectors come at once and are not logged.
        Some("tool") => !matches!(name, "completionStartTime" | "model" | "usageDetails" | "costDetails"),
        Some("embedding") => !matches!(name, "completionStartTime" | "output"),
        Some("retriever") => name != "completionStartTime",
        _ => true,
    };
    let missing = reasons.into_iter().filter(|(name, _)| facts.get(name).is_none() && expected(name));
    let damage = if experiment.places.is_damaged() { "; what stood behind the damage of ai_log is lost" } else { "" };
    missing.map(|(name, why)| Absent { name, why: why(experiment) + damage }).collect()
}

fn first_token(experiment: &Experiment<'_>) -> String {
    match experiment.places.text("ai_log.response_type").as_deref() {
        Some("stream") => "a stream, but no llm_first_token_duration was logged".to_owned(),
        _ => "no llm_first_token_duration was logged: only streams have one".to_owned(),
    }
}

fn model(experiment: &Experiment<'_>) -> String {
    if is_uncounted(experiment) {
        return "JOIN_USAGE=metadata: left to the application".to_owned();
    }
    match ["ai_log.model", "model"].iter().find(|name| experiment.places.text(name).is_some()) {
        Some(name) => format!("{name} holds a placeholder, and no request_model was logged"),
        None => "no model was logged".to_owned(),
    }
}

fn usage(experiment: &Experiment<'_>) -> String {
    match is_uncounted(experiment) {
        true => "JOIN_USAGE=metadata: the counts are in metadata".to_owned(),
        false => "no token counts were logged".to_owned(),
    }
}

fn cost(experiment: &Experiment<'_>) -> String {
    let facts = &experiment.mapped.facts;
    match facts.metadata("gw_price_source") {
        _ if is_uncounted(experiment) => "JOIN_USAGE=metadata: left to the application",
        Some("none") => "neither the shipped price list nor yours knows this model",
        _ if facts.get("usageDetails").is_none() => "no tokens to charge for",
        _ if facts.get("model").is_none() => "no model to find a price for",
        _ => "left to Langfuse, which prices models of this name itself",
    }
    .to_owned()
}

fn user(experiment: &Experiment<'_>) -> String {
    if let Some(why) = unmapped(experiment, "user") {
        return why;
    }
    match consumer(experiment) {
        Some(_) if is_joined(experiment) => "the trace is an application's: consumer is in metadata".to_owned(),
        Some(name) if name == "none" => "`none` is the label of callers without authentication".to_owned(),
        _ => "no consumer was logged".to_owned(),
    }
}

/// What is said where the operator's mapping decides.
fn unmapped(experiment: &Experiment<'_>, key: &str) -> Option<String> {
    let mapping = &experiment.settings.mapping;
    let sources = if key == "user" { &mapping.user } else { &mapping.session };
    let is_found = experiment.mapped.found.iter().any(|(_, found, _)| found == key);
    sources.as_ref().map(|_| match is_found {
        true => format!("the trace is an application's: gw_{key}_id is in metadata"),
        false => format!("no source of {key} in the mapping has a value"),
    })
}

fn session(experiment: &Experiment<'_>) -> String {
    if let Some(why) = unmapped(experiment, "session") {
        return why;
    }
    match experiment.places.text("ai_log.session_id") {
        Some(_) => "the trace is an application's: session_id is in metadata".to_owned(),
        None => "no session_id was logged; chat_id names one reply, not a conversation".to_owned(),
    }
}

/// Who called, by the log.
pub fn consumer<'e>(experiment: &'e Experiment<'_>) -> Option<std::borrow::Cow<'e, str>> {
    ["ai_log.consumer", "consumer"].into_iter().find_map(|name| experiment.places.text(name))
}

/// True if the observation hangs in an application's trace.
pub fn is_joined(experiment: &Experiment<'_>) -> bool {
    experiment.mapped.facts.get("parentSpanId").is_some()
}

/// True if a plugin refused the call before the statistics plugin saw it, so that nothing of the model call was logged
/// (`reference/gateway-logs.md` §1).
pub fn is_refused_early(experiment: &Experiment<'_>) -> bool {
    let seen = ["ai_log.api", "ai_log.model", "ai_log.chat_id", "ai_log.chat_round", "ai_log.llm_service_duration", "model"];
    let failed = experiment.mapped.facts.get("level") != Some("DEFAULT");
    failed && !experiment.places.is_damaged() && seen.iter().all(|name| experiment.places.text(name).is_none())
}

/// True if an application counts tokens and cost of this call.
pub fn is_uncounted(experiment: &Experiment<'_>) -> bool {
    is_joined(experiment) && experiment.settings.join_usage == JoinUsage::Metadata
}
