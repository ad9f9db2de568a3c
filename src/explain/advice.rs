//! What the gateway could be set to log so that Langfuse shows more of a call, each with its reason in the record. Pure.
//!
//! Names of settings are those of the plugin `ai-statistics` of Higress and of the log delivery of Alibaba AI Gateway
//! (`reference/gateway-logs.md` §4, §7, §11).

mod content;
mod tracing;

use super::absent::{consumer, is_refused_early, is_uncounted};
use super::influence::Experiment;
use super::sources::{MEMBER, is_separate};
use crate::gateway::ai_log::Reading;

/// One thing to do, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// What would be there then. A stable name.
    pub gain: &'static str,
    /// What to do.
    pub advice: String,
    /// What in the record is the reason.
    pub because: String,
}

/// How advice begins that no setting can follow.
const NOTHING_TO_SET: &str = "nothing to set";

impl Advice {
    /// True if somebody can do it.
    pub fn is_actionable(&self) -> bool {
        !self.advice.starts_with(NOTHING_TO_SET)
    }

    fn some(gain: &'static str, advice: impl Into<String>, because: impl Into<String>) -> Option<Self> {
        Some(Self { gain, advice: advice.into(), because: because.into() })
    }
}

/// What could be logged, the most rewarding first.
pub fn advice(experiment: &Experiment<'_>) -> Vec<Advice> {
    let call = Call(experiment);
    let statistics = [content::input, content::output, content::messages, usage, model, session, user, first_token];
    let always = [content::salvaged, content::seam, content::go_syntax, tracing::trace, tracing::parent, tracing::identity];
    let more = [tracing::times, price, fields];
    let missing = missing_statistics(&call);
    // What a damaged ai_log did not show may have stood behind the damage.
    let damaged = experiment.places.is_damaged();
    let of_plugin = match missing.is_some() || damaged || is_refused_early(experiment) {
        true => [].as_slice(),
        false => statistics.as_slice(),
    };
    let all = of_plugin.iter().chain(&always).chain(&more);
    missing.into_iter().chain(all.filter_map(|advise| advise(&call))).collect()
}

/// A call as advice looks at it.
struct Call<'e, 'r>(&'e Experiment<'r>);

impl Call<'_, '_> {
    fn has(&self, name: &str) -> bool {
        self.0.mapped.facts.get(name).is_some()
    }

    fn is_of(&self, types: &[&str]) -> bool {
        self.0.mapped.facts.get("type").is_some_and(|kind| types.contains(&kind))
    }

    fn text(&self, name: &str) -> Option<String> {
        self.0.places.text(name).map(|text| text.into_owned())
    }

    fn is(&self, name: &str, text: &str) -> bool {
        self.0.places.text(name).as_deref() == Some(text)
    }

    fn succeeded(&self) -> bool {
        self.0.mapped.facts.get("level") == Some("DEFAULT")
    }

    fn is_from_cache(&self) -> bool {
        self.is("ai_log.cache_status", "hit") || self.is("ai_log.model", "from-cache")
    }
}

fn missing_statistics(call: &Call<'_, '_>) -> Option<Advice> {
    let anything = ["question", "answer", "model", "input_token", "request_body", "response_body"];
    let silent = call.0.places.reading == Reading::Absent && anything.iter().all(|name| call.text(name).is_none());
    let expanded = call
        .0
        .places
        .sources
        .iter()
        .any(|source| source.is_field() && !source.absent && (source.name.starts_with(MEMBER) || is_separate(&source.name)));
    if !silent || expanded || is_refused_early(call.0) || call.is_of(&["tool"]) {
        return None;
    }
    let advice =
        "enable the AI statistics plugin on this route (Higress: `ai-statistics`, and its `enable_path_suffixes` must name this path)";
    Advice::some("statistics", advice, "ai_log has no value, so there is no model, no usage, no text, no session")
}

fn usage(call: &Call<'_, '_>) -> Option<Advice> {
    if call.has("usageDetails") || is_uncounted(call.0) || call.is_of(&["tool"]) {
        return None;
    }
    let left = call.text("response_flags").is_some_and(|flags| flags.split(',').any(|flag| matches!(flag.trim(), "DC" | "DR")));
    match call.text("ai_log.response_type").as_deref() {
        _ if left => Advice::some(
            "usage",
            "nothing to set: Higress from 2.2.1 keeps the counts that came before a client leaves",
            "the client left, and the counts of a stream are in its last chunk",
        ),
        Some("normal") => Advice::some(
            "usage",
            "have the model service report `usage` in its replies",
            "input_token and output_token have no value, and the plugin takes them from `usage`",
        ),
        _ => Advice::some(
            "usage",
            "have applications send `\"stream_options\": {\"include_usage\": true}` with streamed requests",
            "no token counts were logged, and a stream carries them only if asked to",
        ),
    }
}

fn model(call: &Call<'_, '_>) -> Option<Advice> {
    if call.has("model") || is_uncounted(call.0) || call.is_of(&["tool"]) || call.is_from_cache() {
        return None;
    }
    let because = "no model was logged: the plugin reads it together with the usage of the reply";
    Advice::some("model", "log `request_model` (AI log policy, group meta), the model that was asked for", because)
}

fn session(call: &Call<'_, '_>) -> Option<Advice> {
    if call.text("ai_log.session_id").is_some() || call.has("sessionId") {
        return None;
    }
    let advice = "have applications send a session id in a header, and name it as `session_id_header` of ai-statistics";
    Advice::some("session", advice, "session_id has no value, and chat_id names one reply only")
}

fn user(call: &Call<'_, '_>) -> Option<Advice> {
    if call.has("userId") {
        return None;
    }
    let because = match consumer(call.0) {
        Some(name) if name != "none" => return None,
        Some(_) => "consumer is `none`: the caller was not authenticated",
        None => "consumer has no value",
    };
    Advice::some("user", "authenticate callers as consumers, or log the header `x-mse-consumer` as consumer", because)
}

fn first_token(call: &Call<'_, '_>) -> Option<Advice> {
    if call.has("completionStartTime") || !call.succeeded() || !call.is_of(&["generation", "agent"]) || call.is_from_cache() {
        return None;
    }
    match call.is("ai_log.response_type", "stream") {
        true => Advice::some(
            "first_token",
            "log `llm_first_token_duration` (AI statistics)",
            "the reply was a stream and no time to its first token was logged",
        ),
        false => Advice::some("first_token", "nothing to set: only streams have a first token", "no llm_first_token_duration was logged"),
    }
}

fn price(call: &Call<'_, '_>) -> Option<Advice> {
    let unpriced = call.0.mapped.facts.metadata("gw_price_source") == Some("none");
    let advice = "not the gateway's: put the price into PRICES_FILE, or name the model's real name in MODEL_ALIASES";
    unpriced.then(|| Advice::some("cost", advice, "gw_price_source is `none`: no price list knows this model")).flatten()
}

fn fields(call: &Call<'_, '_>) -> Option<Advice> {
    call.0.mapped.facts.metadata("gw_fields_dropped")?;
    Advice::some("metadata", "log fewer fields of your own", "gw_fields_dropped: there are more unknown fields than are kept")
}
