//! Advice on identity, times and the place in a trace. Pure.

use super::{Advice, Call};
use crate::explain::absent::is_joined;
use crate::explain::facts::rfc3339;
use crate::explain::origins::origins;
use crate::trace::settings::Ownership;

/// Where a parent span is looked for.
const PARENTS: &str = "log the caller's `traceparent` header";

pub(super) fn trace(call: &Call<'_, '_>) -> Option<Advice> {
    let contexts = ["traceparent", "b3", "x_b3_traceid", "x-b3-traceid"];
    let named = call.text("trace_id").is_some_and(|id| id.bytes().any(|byte| !matches!(byte, b'0' | b'-')));
    if named || contexts.iter().any(|name| call.text(name).or_else(|| call.text(&format!("ai_log.{name}"))).is_some()) {
        return None;
    }
    let advice = "switch on tracing at the gateway, or log the header that carries the caller's trace id as trace_id";
    Advice::some("trace_id", advice, "trace_id has no value, so this call is a trace of its own")
}

pub(super) fn parent(call: &Call<'_, '_>) -> Option<Advice> {
    match call.0.settings.ownership {
        _ if call.0.mapped.parent_is_derived => Advice::some(
            "parent",
            format!("{PARENTS}, so that the call hangs below the span that made it"),
            "TRACE_OWNERSHIP=join and no parent was logged: the parent is made from the trace id",
        ),
        Ownership::Auto if !is_joined(call.0) && trace(call).is_none() => Advice::some(
            "parent",
            format!("if applications use this trace id in Langfuse: set TRACE_OWNERSHIP=join, or {PARENTS}"),
            "no parent span was logged, so this is a root, and a second root would overwrite the application's",
        ),
        _ => None,
    }
}

pub(super) fn identity(call: &Call<'_, '_>) -> Option<Advice> {
    let because = "request_id has no value: two equal lines would be one observation";
    call.text("request_id").is_none().then(|| Advice::some("request_id", "log request_id (`%REQ(X-REQUEST-ID)%`)", because)).flatten()
}

pub(super) fn times(call: &Call<'_, '_>) -> Option<Advice> {
    let timeless = call.0.mapped.facts.get("startTime") == Some(rfc3339(0).as_str());
    let is_from = |attribute: &str, field: &str| origins(call.0, attribute).iter().any(|source| source.name == field);
    let because = match (is_from("startTime", "start_time"), is_from("endTime", "duration")) {
        (false, _) if timeless => "neither start_time nor the log holds a time: the call begins in 1970",
        (false, _) => "start_time holds no time, so the start is reckoned back from the log time",
        (_, false) if call.text("duration").is_none() => "duration has no value, so the end is taken from elsewhere",
        _ => return None,
    };
    Advice::some("times", "log start_time and duration in the access log", because)
}
