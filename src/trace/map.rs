//! A gateway call → an observation: the one place that puts the judgements together. Pure.
//!
//! | of the observation | from |
//! |---|---|
//! | trace id, span id, start | `ids`, `time`: the record alone |
//! | type | the kind of call: tool, agent, embedding, rerank → retriever, all other model calls → generation |
//! | name | API name, else route (of an AI route its first three parts, which are the API); a tool's own name; trace name: never a tool's |
//! | model | as the reply reported it, else as asked for; placeholders of plugins and fragments of JSON are none |
//! | user, session | `consumer`, `session_id` (never `chat_id`, which names one reply) |
//! | tags | the operator's, and verdicts with few values: `cache:hit`, `ratelimit:limited`, `safecheck:deny`, `safecheck:mask`, `fallback` |
//! | level, status message | `outcome` |
//! | usage | `usage`; zero without counts where nothing was used: failed, refused, redirected, from the cache |
//! | input, output | `content` |
//! | cost | `cost`, if `prices` knows the model; nothing where the application counts the call |

use std::borrow::Cow;

use super::content::content;
use super::cost::{Charge, cost, is_unpriced};
use super::ids::identity;
use super::metadata::{Findings, metadata};
use super::outcome::{is_denied, is_masked, outcome, used_nothing};
use super::ownership::{Place, place};
use super::settings::{JoinUsage, TraceSettings};
use super::time::times;
use super::usage::{Usage, usage};
use super::{Observation, ObservationType, TraceAttributes, TraceId};
use crate::gateway::{CallKind, GatewayCall, Value, json_rpc};
use crate::sls::LogRecord;

/// The longest user id, session id, name and tag. Characters. The SDKs drop longer ones (`reference/langfuse.md` §7); here they are cut.
pub const MAX_ATTRIBUTE_CHARS: usize = 200;

/// What plugins write instead of a model's name (`reference/gateway-logs.md` §4).
const NO_MODEL: [&str; 4] = ["unknown", "UNKNOWN", "from-cache", "from-security-guard"];

/// The observation of a call.
pub fn observation<'a>(record: &LogRecord<'_>, call: &GatewayCall<'a>, settings: &'a TraceSettings) -> Observation<'a> {
    let identity = identity(record, call);
    let place = place(call, identity.trace_id, settings.ownership);
    let times = times(call, record.time);
    let outcome = outcome(call);
    let usage = usage(call).or_else(|| used_nothing(call, outcome.level).then(Usage::zero));
    let content = content(call);
    let counted = place == Place::Root || settings.join_usage == JoinUsage::Usage;
    let model = model(call).filter(|_| counted);
    let charge = Charge { model: model.as_deref(), usage: usage.as_ref(), level: outcome.level, start_ms: times.start_ms };
    let cost = if counted { cost(call, &charge, &settings.prices) } else { None };
    let price_source = match &cost {
        Some(cost) => cost.source.as_deref(),
        None => is_unpriced(&charge).then_some("none"),
    };
    let findings = Findings {
        identity,
        place,
        usage: usage.as_ref(),
        join_usage: settings.join_usage,
        price_source,
        model: model.as_deref(),
        marks: content.marks,
    };
    let metadata = metadata(call, findings);
    Observation {
        trace_id: identity.trace_id,
        span_id: identity.span_id,
        parent: parent(place),
        kind: kind(call.kind),
        name: name(call),
        start_ms: times.start_ms,
        end_ms: times.end_ms,
        completion_start_ms: times.completion_start_ms,
        level: outcome.level,
        status_message: outcome.message,
        model,
        usage: usage.filter(|_| counted),
        cost,
        input: content.input,
        output: content.output,
        environment: settings.environment.as_deref(),
        trace: (place == Place::Root).then(|| trace_attributes(call, settings)),
        metadata,
    }
}

/// The rule of the Langfuse SDKs (OpenTelemetry's `TraceIdRatioBased`): the low 64 bits of the trace id against the rate, so that an
/// application that samples with the same rate keeps the same traces.
pub fn is_sampled(trace_id: TraceId, rate: f64) -> bool {
    let mut low = [0; 8];
    low.copy_from_slice(&trace_id.0[8..]);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate of 0 to 1 times 2^64 fits 65 bits")]
    let bound = (rate.clamp(0.0, 1.0) * 18_446_744_073_709_551_616.0).round() as u128;
    u128::from(u64::from_be_bytes(low)) < bound
}

fn parent(place: Place) -> Option<super::SpanId> {
    match place {
        Place::Root => None,
        Place::Joined { parent } => Some(parent),
    }
}

fn kind(kind: CallKind) -> ObservationType {
    match kind {
        CallKind::Embedding => ObservationType::Embedding,
        CallKind::Rerank => ObservationType::Retriever,
        CallKind::Tool => ObservationType::Tool,
        CallKind::Agent => ObservationType::Agent,
        CallKind::Chat | CallKind::Completion | CallKind::Image | CallKind::Audio => ObservationType::Generation,
    }
}

fn name<'a>(call: &GatewayCall<'a>) -> Cow<'a, str> {
    let tool = call.ai.mcp_tool_name.as_ref().filter(|_| call.kind == CallKind::Tool).and_then(Value::text);
    tool.or_else(|| tool_in_details(call)).or_else(|| tool_in_body(call)).map_or_else(|| api_name(call), bounded)
}

/// `mcp:tools/call:<server>/<tool>:result` names the tool where `ai_log` does not.
fn tool_in_details<'a>(call: &GatewayCall<'a>) -> Option<Cow<'a, str>> {
    let details = Value::of_field(call.envelope.response_code_details).filter(|_| call.kind == CallKind::Tool)?.text()?;
    let path = details.strip_prefix("mcp:tools/call:")?.split(':').next()?;
    path.split_once('/').map(|(_, tool)| Cow::Owned(tool.to_owned()))
}

fn tool_in_body<'a>(call: &GatewayCall<'a>) -> Option<Cow<'a, str>> {
    json_rpc::request(call.envelope.request_body).filter(|_| call.kind == CallKind::Tool)?.params?.name
}

fn api_name<'a>(call: &GatewayCall<'a>) -> Cow<'a, str> {
    let api = call.ai.api.as_ref().and_then(Value::text);
    let route = || Value::of_field(call.envelope.route_name).and_then(|route| route.text()).map(api_of_route);
    api.or_else(route).map_or(Cow::Borrowed("ai-gateway call"), bounded)
}

/// The first three parts of an AI route name its API (`reference/gateway-logs.md` §3), which a refused call does not log.
fn api_of_route(route: Cow<'_, str>) -> Cow<'_, str> {
    match route.match_indices('@').nth(2) {
        Some((end, _)) => Cow::Owned(route[..end].to_owned()),
        None => route,
    }
}

fn model<'a>(call: &GatewayCall<'a>) -> Option<Cow<'a, str>> {
    let is_name = |name: &str| !NO_MODEL.contains(&name) && !name.trim_start().starts_with(['{', '[']);
    let real = |value: Option<Value<'a>>| value.and_then(|value| value.text()).filter(|name| is_name(name));
    real(call.either(call.envelope.model, &call.ai.model)).or_else(|| real(call.ai.request_model.clone())).map(bounded)
}

fn trace_attributes<'a>(call: &GatewayCall<'a>, settings: &'a TraceSettings) -> TraceAttributes<'a> {
    TraceAttributes {
        name: api_name(call),
        user_id: consumer(call).map(bounded),
        session_id: call.ai.session_id.as_ref().and_then(Value::text).map(bounded),
        tags: tags(call, settings),
        release: settings.release.as_deref(),
        version: settings.version.as_deref(),
    }
}

/// Who called; `none` is the label of callers without authentication (`reference/gateway-logs.md` §10).
fn consumer<'a>(call: &GatewayCall<'a>) -> Option<Cow<'a, str>> {
    let named = |value: Option<Value<'a>>| value.and_then(|value| value.text()).filter(|name| name != "none");
    named(call.ai.consumer.clone()).or_else(|| named(Value::of_field(call.envelope.consumer)))
}

fn tags<'a>(call: &GatewayCall<'a>, settings: &'a TraceSettings) -> Vec<Cow<'a, str>> {
    let verdict = |prefix: &str, value: &Option<Value<'a>>| {
        let word = value.as_ref().and_then(Value::text)?;
        Some(bounded(Cow::Owned(format!("{prefix}:{word}"))))
    };
    let mut tags: Vec<_> = settings.tags.iter().map(|tag| Cow::Borrowed(tag.as_str())).collect();
    tags.extend(verdict("cache", &call.ai.cache_status));
    tags.extend(verdict("ratelimit", &call.ai.token_ratelimit_status));
    tags.extend(is_denied(call).then_some(Cow::Borrowed("safecheck:deny")));
    tags.extend(is_masked(call).then_some(Cow::Borrowed("safecheck:mask")));
    tags.extend(call.ai.fallback_from.as_ref().filter(|value| !value.is_absent()).map(|_| Cow::Borrowed("fallback")));
    tags
}

/// A text cut visibly to what an attribute may hold; one in ASCII stays so (`reference/langfuse.md` §7).
fn bounded(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.char_indices().nth(MAX_ATTRIBUTE_CHARS).is_none() {
        return text;
    }
    let mark = if text.is_ascii() { "..." } else { "…" };
    let kept = text.chars().take(MAX_ATTRIBUTE_CHARS - mark.chars().count());
    Cow::Owned(kept.chain(mark.chars()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_low_half(low: u64) -> TraceId {
        TraceId((0xffff_ffff_ffff_ffff_0000_0000_0000_0000 | u128::from(low)).to_be_bytes())
    }

    #[test]
    fn a_rate_keeps_the_trace_ids_whose_low_half_is_below_its_share_of_two_to_the_64() {
        assert!(is_sampled(with_low_half(0x7fff_ffff_ffff_ffff), 0.5));
        assert!(!is_sampled(with_low_half(0x8000_0000_0000_0000), 0.5));
        assert!(is_sampled(with_low_half(0x1999_9999_9999_99ff), 0.1));
        assert!(!is_sampled(with_low_half(0x1999_9999_9999_9a00), 0.1));
    }

    #[test]
    fn a_rate_of_one_keeps_every_trace_and_of_zero_none() {
        assert!(is_sampled(with_low_half(u64::MAX), 1.0));
        assert!(!is_sampled(with_low_half(0), 0.0));
    }
}
