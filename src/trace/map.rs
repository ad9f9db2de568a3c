//! A gateway call → an observation: the one place that puts the judgements together. Pure.
//!
//! | of the observation | from |
//! |---|---|
//! | trace id, span id, start | `ids`, `time`: the record alone |
//! | type | the kind of call: tool, agent, embedding, rerank → retriever, all other model calls → generation |
//! | name | a tool's own name, else the operator's mapping, else API name, else route (of an AI route its first three parts, which are the API); trace name: never a tool's |
//! | model | as the reply reported it, else as asked for; placeholders of plugins and fragments of JSON are none |
//! | user, session | the operator's mapping, else `consumer`, `session_id` (never `chat_id`, which names one reply) |
//! | environment, release, version, prompt, parent | the operator's mapping (`mapping`, `attributes`), else what was set or logged |
//! | tags | the operator's, and verdicts with few values: `cache:hit`, `ratelimit:limited`, `safecheck:deny`, `safecheck:mask`, `fallback` |
//! | level, status message | `outcome` |
//! | usage | `usage`; zero without counts where nothing was used: failed, refused, redirected, from the cache |
//! | input, output | `content` |
//! | cost | `cost`, if `prices` knows the model; nothing where the application counts the call |

use std::borrow::Cow;

use super::attributes::Attributes;
use super::bounds::bounded;
use super::content::content;
use super::cost::{Charge, cost, is_unpriced};
use super::ids::identity;
use super::metadata::{Findings, metadata};
use super::outcome::{outcome, used_nothing};
use super::ownership::{Place, place};
use super::settings::{JoinUsage, TraceSettings};
use super::time::times;
use super::usage::{Usage, usage};
use super::{Observation, ObservationType, TraceId};
use crate::gateway::{CallKind, GatewayCall, Value};
use crate::sls::LogRecord;

/// What plugins write instead of a model's name (`reference/gateway-logs.md` §4).
const NO_MODEL: [&str; 4] = ["unknown", "UNKNOWN", "from-cache", "from-security-guard"];

/// The observation of a call.
pub fn observation<'a>(record: &LogRecord<'a>, call: &GatewayCall<'a>, settings: &'a TraceSettings) -> Observation<'a> {
    let identity = identity(record, call);
    let attributes = Attributes { record, call, settings };
    let place = place(call, identity.trace_id, settings.ownership, attributes.parent());
    let kind = kind(call.kind);
    let times = times(call, record.time);
    let outcome = outcome(call);
    let usage = usage(call).or_else(|| used_nothing(call, outcome.level).then(Usage::zero));
    let mut content = content(call);
    let environment = attributes.environment(&mut content.marks);
    let prompt = attributes.prompt(kind, &mut content.marks);
    let trace = attributes.trace(place, &mut content.marks);
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
        times,
        usage: usage.as_ref(),
        join_usage: settings.join_usage,
        price_source,
        model: model.as_deref(),
        marks: content.marks,
    };
    let metadata = metadata(attributes, findings);
    Observation {
        trace_id: identity.trace_id,
        span_id: identity.span_id,
        parent: parent(place),
        kind,
        name: attributes.name(),
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
        prompt,
        environment,
        trace,
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

fn model<'a>(call: &GatewayCall<'a>) -> Option<Cow<'a, str>> {
    let is_name = |name: &str| !NO_MODEL.contains(&name) && !name.trim_start().starts_with(['{', '[']);
    let real = |value: Option<Value<'a>>| value.and_then(|value| value.text()).filter(|name| is_name(name));
    real(call.either(call.envelope.model, &call.ai.model)).or_else(|| real(call.ai.request_model.clone())).map(bounded)
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
