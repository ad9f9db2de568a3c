//! What people filter on: the gateway's own words under the gateway's own names (`design.md` decision 10), bounded. Pure.

use std::borrow::Cow;

use super::ids::Identity;
use super::ownership::Place;
use super::settings::JoinUsage;
use super::usage::Usage;
use crate::gateway::ai_log::Reading;
use crate::gateway::envelope::Raw;
use crate::gateway::unescape::unescaped;
use crate::gateway::{GatewayCall, Value};

/// The longest value. Bytes. Langfuse shows the first 200 characters in lists; a kilobyte and a half keeps whole URLs and error texts.
const MAX_VALUE_BYTES: usize = 1500;

/// The longest key. Bytes.
const MAX_KEY_BYTES: usize = 120;

/// How many unknown fields are kept. A gateway configured by hand has a handful.
const MAX_UNKNOWN: usize = 40;

/// Key and value, in the order they are shown.
pub type Metadata<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// What the other parts of the mapping found out and metadata shows.
#[derive(Debug)]
pub struct Findings<'u> {
    /// Who the record is.
    pub identity: Identity,
    /// Where it stands.
    pub place: Place,
    /// Its tokens.
    pub usage: Option<&'u Usage>,
    /// What becomes of them when joined.
    pub join_usage: JoinUsage,
    /// Whose price its cost was calculated with; `none` if nobody has one.
    pub price_source: Option<&'u str>,
    /// A text was cut.
    pub cut: bool,
}

/// The metadata of a call.
pub fn metadata<'a>(call: &GatewayCall<'a>, findings: &Findings<'_>) -> Metadata<'a> {
    let mut metadata = Collected::default();
    of_the_proxy(call, &mut metadata);
    of_the_plugins(call, findings, &mut metadata);
    strangers(call, &mut metadata);
    ours(call, findings, &mut metadata);
    metadata.0
}

fn of_the_proxy<'a>(call: &GatewayCall<'a>, metadata: &mut Collected<'a>) {
    let envelope = call.envelope;
    let fields: [(&'static str, Raw<'a>); 13] = [
        ("request_id", envelope.request_id),
        ("method", envelope.method),
        ("path", envelope.original_path.or(envelope.path)),
        ("authority", envelope.authority),
        ("route_name", envelope.route_name),
        ("cluster_id", envelope.cluster_id),
        ("upstream_cluster", envelope.upstream_cluster),
        ("upstream_host", envelope.upstream_host),
        ("response_code", envelope.response_code),
        ("response_code_details", envelope.response_code_details),
        ("response_flags", envelope.response_flags),
        ("upstream_transport_failure_reason", envelope.upstream_transport_failure_reason),
        ("user_agent", envelope.user_agent),
    ];
    for (name, raw) in fields {
        metadata.put(Cow::Borrowed(name), Value::of_field(raw));
    }
}

fn of_the_plugins<'a>(call: &GatewayCall<'a>, findings: &Findings<'_>, metadata: &mut Collected<'a>) {
    let ai = &call.ai;
    let session = (findings.place != Place::Root).then(|| ai.session_id.clone()).flatten();
    let members: [(&'static str, Option<Value<'a>>); 11] = [
        ("api", ai.api.clone()),
        ("chat_id", ai.chat_id.clone()),
        ("chat_round", ai.chat_round.clone()),
        ("consumer", call.either(call.envelope.consumer, &ai.consumer)),
        ("session_id", session),
        ("request_model", ai.request_model.clone()),
        ("response_type", ai.response_type.clone()),
        ("cache_status", ai.cache_status.clone()),
        ("fallback_from", ai.fallback_from.clone()),
        ("token_ratelimit_status", ai.token_ratelimit_status.clone()),
        ("mcp_tool_name", ai.mcp_tool_name.clone()),
    ];
    for (name, value) in members {
        metadata.put(Cow::Borrowed(name), value);
    }
}

/// Fields that nobody here knows: an operator's own attributes. Those of content safety are among them, under their own names.
fn strangers<'a>(call: &GatewayCall<'a>, metadata: &mut Collected<'a>) {
    let inside = call.ai.others.iter().cloned();
    let outside =
        call.envelope.others.iter().map(|field| (String::from_utf8_lossy(field.key), Value::Text(String::from_utf8_lossy(field.value))));
    let limit = metadata.0.len() + MAX_UNKNOWN;
    for (name, value) in inside.chain(outside) {
        if metadata.0.len() >= limit {
            metadata.mark("gw_fields_dropped", "true");
            break;
        }
        metadata.put(name, Some(value));
    }
}

fn ours<'a>(call: &GatewayCall<'a>, findings: &Findings<'_>, metadata: &mut Collected<'a>) {
    if findings.identity.trace_id_changed {
        metadata.put(Cow::Borrowed("trace_id"), Value::of_field(call.envelope.trace_id));
    }
    if call.ai.reading == Reading::Salvaged {
        metadata.mark("gw_salvaged", "ai_log");
    }
    if findings.cut {
        metadata.mark("gw_truncated", "true");
    }
    if let Some(source) = findings.price_source {
        metadata.0.push((Cow::Borrowed("gw_price_source"), Cow::Owned(source.to_owned())));
    }
    let Some(usage) = findings.usage else { return };
    if usage.mismatch {
        metadata.mark("gw_usage_mismatch", "true");
    }
    if findings.place != Place::Root && findings.join_usage == JoinUsage::Metadata {
        metadata
            .0
            .extend(usage.buckets.iter().map(|(name, count)| (Cow::Owned(format!("gw_usage_{name}")), Cow::Owned(count.to_string()))));
        metadata.0.push((Cow::Borrowed("gw_usage_total"), Cow::Owned(usage.total.to_string())));
    }
}

/// Metadata in the making: no key twice, no absent value, nothing too long.
#[derive(Default)]
struct Collected<'a>(Metadata<'a>);

impl<'a> Collected<'a> {
    fn put(&mut self, key: Cow<'a, str>, value: Option<Value<'a>>) {
        let Some(text) = value.filter(|value| !value.is_absent()).and_then(|value| shown(&value)) else { return };
        let key = bounded(key, MAX_KEY_BYTES);
        if !key.is_empty() && !self.0.iter().any(|(known, _)| *known == key) {
            self.0.push((key, bounded(text, MAX_VALUE_BYTES)));
        }
    }

    fn mark(&mut self, key: &'static str, value: &'static str) {
        self.0.push((Cow::Borrowed(key), Cow::Borrowed(value)));
    }
}

fn shown<'a>(value: &Value<'a>) -> Option<Cow<'a, str>> {
    match value.json() {
        Some(json) => Some(unescaped(json)),
        None => value.text(),
    }
}

fn bounded(text: Cow<'_, str>, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return text;
    }
    Cow::Owned(format!("{}…", &text[..text.floor_char_boundary(limit)]))
}
