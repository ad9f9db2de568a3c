//! What people filter on: the gateway's own words under the gateway's own names (`design.md` decision 10), bounded. Pure.

use std::borrow::Cow;

use super::attributes::Attributes;
use super::bounds::MAX_ATTRIBUTE_CHARS;
use super::ids::Identity;
use super::marks::Marks;
use super::ownership::Place;
use super::settings::JoinUsage;
use super::time::Times;
use super::usage::{self, Usage};
use crate::gateway::ai_log::Reading;
use crate::gateway::envelope::Raw;
use crate::gateway::unescape::unescaped;
use crate::gateway::value::text_of;
use crate::gateway::{GatewayCall, Value};

/// The longest value. Bytes. Langfuse shows the first 200 characters in lists; a kilobyte and a half keeps whole URLs and error texts.
pub const MAX_VALUE_BYTES: usize = 1500;

/// The longest key. Bytes.
pub const MAX_KEY_BYTES: usize = 120;

/// How many unknown fields are kept. A gateway configured by hand has a handful.
const MAX_UNKNOWN: usize = 40;

/// Room for what most calls carry.
const USUAL: usize = 32;

/// Names that the server uses itself, and such as make it show another framework's data.
const RESERVED: [&str; 5] = ["attributes", "resourceAttributes", "scope", "langgraph_step", "ls_provider"];

/// Parts of a dotted name with which the server drops an attribute.
const UNSAFE: [&str; 3] = ["__proto__", "constructor", "prototype"];

/// Key and value, in the order they are shown.
pub type Metadata<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// What the other parts of the mapping found out and metadata shows.
#[derive(Debug)]
pub struct Findings<'u> {
    /// Who the record is.
    pub identity: Identity,
    /// Where it stands.
    pub place: Place,
    /// When it was.
    pub times: Times,
    /// Its tokens.
    pub usage: Option<&'u Usage>,
    /// What becomes of them when joined.
    pub join_usage: JoinUsage,
    /// Whose price its cost was calculated with; `none` if nobody has one.
    pub price_source: Option<&'u str>,
    /// The model that is shown as such.
    pub model: Option<&'u str>,
    /// What was done to the content.
    pub marks: Marks,
}

/// The metadata of a call. What the operator named goes before what the gateway would have said under that key.
pub fn metadata<'a>(attributes: Attributes<'_, 'a>, findings: Findings<'_>) -> Metadata<'a> {
    let (call, mut metadata) = (attributes.call, Collected::begun(attributes));
    of_the_proxy(call, findings.identity.trace_id_changed, &mut metadata);
    of_the_plugins(call, &findings, &mut metadata);
    unread(call, &findings, &mut metadata);
    let dropped = strangers(call, &mut metadata);
    metadata.all.extend(ours(call, findings, dropped).into_metadata());
    metadata.all
}

fn of_the_proxy<'a>(call: &GatewayCall<'a>, changed: bool, metadata: &mut Collected<'a>) {
    let envelope = call.envelope;
    let fields: [(&'static str, Raw<'a>); 13] = [
        ("request_id", envelope.request_id),
        ("method", envelope.method),
        ("path", Value::of_field(envelope.original_path).and(envelope.original_path).or(envelope.path)),
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
        metadata.put(name, Value::of_field(raw));
    }
    // A client may send any text as its trace id; the one that it became is the trace's.
    if changed {
        metadata.put("trace_id", Value::of_field(envelope.trace_id));
    }
}

fn of_the_plugins<'a>(call: &GatewayCall<'a>, findings: &Findings<'_>, metadata: &mut Collected<'a>) {
    let ai = &call.ai;
    let is_long = |text: &str| text.len() > MAX_ATTRIBUTE_CHARS && text.chars().nth(MAX_ATTRIBUTE_CHARS).is_some();
    let is_changed = |session: &Value<'_>| session.text().is_some_and(|text| is_long(&text));
    let session = ai.session_id.clone().filter(|session| findings.place != Place::Root || is_changed(session));
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
        metadata.put(name, value);
    }
}

/// Known values that found no place of their own, because they could not be read or are no more than a placeholder.
fn unread<'a>(call: &GatewayCall<'a>, findings: &Findings<'_>, metadata: &mut Collected<'a>) {
    let (envelope, ai) = (call.envelope, &call.ai);
    let model = call.either(envelope.model, &ai.model);
    let is_shown = model.as_ref().and_then(Value::text).as_deref() == findings.model;
    metadata.put("ai_log", Some(Value::Text(Cow::Borrowed(call.unread))));
    metadata.put("model", model.filter(|_| !is_shown));
    metadata.put("start_time", Value::of_field(envelope.start_time.filter(|_| !findings.times.is_start_logged)));
    let durations = [
        ("duration", Value::of_field(envelope.duration)),
        ("llm_first_token_duration", ai.llm_first_token_duration.clone()),
        ("llm_service_duration", ai.llm_service_duration.clone()),
    ];
    for (name, value) in durations {
        metadata.put(name, value.filter(|value| value.milliseconds().is_none()));
    }
    for (name, value) in usage::unread(call) {
        metadata.put(name, Some(value));
    }
}

/// Fields that nobody here knows, by name: an operator's own attributes. Verdicts of content safety stand before them and are never left
/// out. Returns how many were.
fn strangers<'a>(call: &GatewayCall<'a>, metadata: &mut Collected<'a>) -> usize {
    let outside = call.envelope.others.iter().map(|field| (text_of(field.key), Value::Text(text_of(field.value))));
    let inside = call.ai.others.iter().filter(|(_, value)| !value.is_absent()).cloned();
    let mut all: Vec<(Cow<'a, str>, Value<'a>)> = outside.chain(inside).collect();
    let rank = |name: &str| !name.starts_with("safec");
    all.sort_by(|(one, _), (other, _)| (rank(one), one).cmp(&(rank(other), other)));
    // Of equal names the last one counts.
    all.dedup_by(|later, earlier| {
        let is_same = later.0 == earlier.0;
        if is_same {
            std::mem::swap(later, earlier);
        }
        is_same
    });
    all.retain(|(_, value)| !value.is_absent());
    let verdicts = all.partition_point(|(name, _)| !rank(name));
    let dropped = verdicts.saturating_sub(MAX_UNKNOWN) + (all.len() - verdicts).saturating_sub(MAX_UNKNOWN);
    let is_kept = |index: usize| index < MAX_UNKNOWN.min(verdicts) || (verdicts..verdicts + MAX_UNKNOWN).contains(&index);
    for (_, (name, value)) in all.into_iter().enumerate().filter(|(index, _)| is_kept(*index)) {
        metadata.put_foreign(unreserved(name), &value);
    }
    dropped
}

/// True if an operator may call metadata so: a name that is no mark of ours and means nothing else to Langfuse
/// (`reference/langfuse.md` §4, §5, §11).
pub fn is_free_key(name: &str) -> bool {
    let fits = (1..=MAX_KEY_BYTES).contains(&name.len()) && !name.chars().any(char::is_control);
    fits && !is_taken(name)
}

fn is_taken(name: &str) -> bool {
    RESERVED.contains(&name) || name.starts_with("gw_") || name.split('.').any(|part| UNSAFE.contains(&part))
}

/// A name that is taken gets a prefix.
fn unreserved(name: Cow<'_, str>) -> Cow<'_, str> {
    if is_taken(&name) { Cow::Owned(format!("log_{}", name.replace('.', "_"))) } else { name }
}

fn ours(call: &GatewayCall<'_>, findings: Findings<'_>, dropped: usize) -> Marks {
    let mut marks = findings.marks;
    if let Reading::Salvaged { read, of } = call.ai.reading {
        marks.put("gw_salvaged", format!("ai_log: damaged, {read} of {of} bytes read"));
    }
    if let Some(dialect) = call.dialect {
        marks.put("gw_dialect", dialect);
    }
    if dropped > 0 {
        marks.put("gw_fields_dropped", dropped.to_string());
    }
    if let Some(source) = findings.price_source {
        marks.put("gw_price_source", source);
    }
    let Some(usage) = findings.usage else { return marks };
    if let Some(logged) = usage.mismatch {
        marks.put("gw_usage_mismatch", format!("logged {logged}, counted {}", usage.counted()));
    }
    if findings.place != Place::Root && findings.join_usage == JoinUsage::Metadata {
        for (bucket, count) in &usage.buckets {
            marks.put(format!("gw_usage_{bucket}"), count.to_string());
        }
        marks.put("gw_usage_total", usage.total.to_string());
    }
    marks
}

/// Metadata in the making: no key twice, no absent value, nothing too long.
struct Collected<'a> {
    all: Metadata<'a>,
    /// How many of them the operator named: the first ones.
    named: usize,
}

impl<'a> Collected<'a> {
    /// Begun with what the operator named.
    fn begun(attributes: Attributes<'_, 'a>) -> Self {
        let mut begun = Self { all: Vec::with_capacity(USUAL), named: 0 };
        for (key, text) in attributes.metadata() {
            begun.put_foreign(Cow::Borrowed(key), &Value::Text(text));
        }
        Self { named: begun.all.len(), ..begun }
    }

    /// Adds a value under a name of ours. We use none twice, so that only the operator can have used it before.
    fn put(&mut self, name: &'static str, value: Option<Value<'a>>) {
        let Some(text) = value.and_then(shown) else { return };
        debug_assert!(!has(&self.all[self.named..], name), "{name} is used twice");
        if !has(&self.all[..self.named], name) {
            self.all.push((Cow::Borrowed(name), bounded(text, MAX_VALUE_BYTES)));
        }
    }

    /// Adds a value under any name that is still free.
    fn put_foreign(&mut self, key: Cow<'a, str>, value: &Value<'a>) {
        let (Some(text), key) = (shown(value.clone()), bounded(key, MAX_KEY_BYTES)) else { return };
        if !key.is_empty() && !has(&self.all, &key) {
            self.all.push((key, bounded(text, MAX_VALUE_BYTES)));
        }
    }
}

fn has(metadata: &[(Cow<'_, str>, Cow<'_, str>)], key: &str) -> bool {
    metadata.iter().any(|(known, _)| known == key)
}

/// The value as it is shown; `None` if it is absent.
fn shown(value: Value<'_>) -> Option<Cow<'_, str>> {
    if value.begins_plainly() {
        return if let Value::Text(text) = value { Some(text) } else { value.text() };
    }
    match value.json() {
        Some(_) if value.is_absent() => None,
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
