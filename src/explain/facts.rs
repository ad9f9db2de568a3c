//! An observation as a list of named texts, and the run of the real mapping that gives it. Pure.
//!
//! Everything that `explain` says about values comes from here: the same `gateway`, `trace` and `export` code that delivers.

use std::fmt::Display;

use crate::export::json::{put_numbers, put_payload};
use crate::export::number::Number;
use crate::export::otlp::{SpanWriter, level_name, type_name};
use crate::policy;
use crate::sls::LogRecord;
use crate::trace::attributes::Attributes;
use crate::trace::ids::derived_parent;
use crate::trace::map::observation;
use crate::trace::settings::TraceSettings;
use crate::trace::{Observation, Payload, TraceAttributes};

/// What stands before the name of a metadata fact.
pub const METADATA: &str = "metadata.";

/// How many fields were left out. It changes with every unknown field, and says nothing about any of them.
pub const DROPPED: &str = "metadata.gw_fields_dropped";

/// One attribute of an observation, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Its name in JSON; metadata has [`METADATA`] in front.
    pub name: String,
    /// Its value as it is sent.
    pub text: String,
}

/// The attributes of an observation that have a value, in the order they are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts(pub Vec<Fact>);

/// What became of a record: its attributes, and the bytes that would be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapped {
    /// The attributes.
    pub facts: Facts,
    /// The encoded span.
    pub span: Vec<u8>,
    /// The parent is made from the trace id, because none was logged.
    pub parent_is_derived: bool,
    /// The dialect that the record was read in; `None` for one of the gateway's own.
    pub dialect: Option<String>,
    /// Which source of the mapping an attribute is from: its name, the key of the mapping, the source.
    pub found: Vec<(String, String, String)>,
}

impl Mapped {
    /// The observation of a record; `None` where it is no call.
    pub fn of(record: &LogRecord<'_>, settings: &TraceSettings) -> Option<Self> {
        let read = settings.dialects.read(record);
        let parsed = read.parsed();
        let call = parsed.call().ok()?;
        let observation = observation(record, &call, settings);
        let span = SpanWriter::default().write(&observation).to_vec();
        let parent_is_derived = observation.parent == Some(derived_parent(observation.trace_id));
        let found = Attributes { record, call: &call, settings }.found();
        let found =
            found.into_iter().flat_map(|(key, source)| attributes_of(&key).map(move |name| (name, key.clone(), source.to_string())));
        let found = found.collect();
        Some(Self { facts: Facts::of(&observation), span, parent_is_derived, dialect: call.dialect.map(str::to_owned), found })
    }
}

/// The attributes as they leave, with the content policy applied; none where the record is no call.
pub fn leaving(record: &LogRecord<'_>, settings: &TraceSettings) -> Facts {
    let read = settings.dialects.read(record);
    let parsed = read.parsed();
    let Ok(call) = parsed.call() else { return Facts::default() };
    let mut observation = observation(record, &call, settings);
    policy::apply(&mut observation, &settings.content);
    Facts::of(&observation)
}

/// The attributes that a key of the mapping decides. One for the trace alone stands before one for both.
fn attributes_of(key: &str) -> impl Iterator<Item = String> + use<> {
    let names: &[&str] = match key {
        "user" => &["userId", "metadata.gw_user_id"],
        "session" => &["sessionId", "metadata.gw_session_id"],
        "name" => &["name", "traceName"],
        "trace_name" => &["traceName"],
        "environment" => &["environment", "metadata.gw_environment"],
        "prompt_name" => &["promptName", "metadata.gw_prompt_not_linked"],
        "prompt_version" => &["promptVersion"],
        "parent" => &["parentSpanId"],
        _ => &[],
    };
    let itself = names.is_empty().then(|| key.to_owned());
    names.iter().map(|name| (*name).to_owned()).chain(itself)
}

impl Facts {
    /// The attributes of an observation.
    pub fn of(observation: &Observation<'_>) -> Self {
        // Named one by one, so that a new attribute cannot be forgotten here.
        #[rustfmt::skip]
        let Observation {
            trace_id, span_id, parent, kind, name, start_ms, end_ms, completion_start_ms, level, status_message, model, usage, cost,
            input, output, prompt, environment, trace, metadata,
        } = observation;
        let mut facts = Self::default();
        facts.put("traceId", Some(trace_id));
        facts.put("spanId", Some(span_id));
        facts.put("parentSpanId", parent.as_ref());
        facts.put("type", Some(type_name(*kind)));
        facts.put("name", Some(name));
        facts.put("startTime", Some(rfc3339(*start_ms)));
        facts.put("completionStartTime", completion_start_ms.map(rfc3339));
        facts.put("endTime", Some(rfc3339(*end_ms)));
        facts.put("level", Some(level_name(*level)));
        facts.put("statusMessage", status_message.as_ref());
        facts.put("model", model.as_ref());
        facts.put("usageDetails", usage.as_ref().map(|usage| numbers(&usage.buckets, usage.total)));
        facts.put("costDetails", cost.as_ref().map(|cost| numbers(&cost.buckets, cost.total)));
        facts.put("input", input.as_ref().map(payload));
        facts.put("output", output.as_ref().map(payload));
        facts.put("promptName", prompt.as_ref().map(|prompt| &prompt.name));
        facts.put("promptVersion", prompt.as_ref().map(|prompt| prompt.version));
        facts.put("environment", environment.as_ref());
        if let Some(trace) = trace {
            facts.put_trace(trace);
        }
        facts.0.extend(metadata.iter().map(|(key, value)| Fact { name: format!("{METADATA}{key}"), text: value.to_string() }));
        facts
    }

    /// The value of an attribute.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|fact| fact.name == name).map(|fact| fact.text.as_str())
    }

    /// The value of a metadata key.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|fact| fact.name.strip_prefix(METADATA) == Some(key)).map(|fact| fact.text.as_str())
    }

    fn put_trace(&mut self, trace: &TraceAttributes<'_>) {
        let TraceAttributes { name, user_id, session_id, tags, release, version } = trace;
        self.put("traceName", Some(name));
        self.put("userId", user_id.as_ref());
        self.put("sessionId", session_id.as_ref());
        self.put("tags", (!tags.is_empty()).then(|| serde_json::json!(tags)));
        self.put("release", release.as_ref());
        self.put("version", version.as_ref());
    }

    fn put(&mut self, name: &str, value: Option<impl Display>) {
        self.0.extend(value.map(|value| Fact { name: name.to_owned(), text: value.to_string() }));
    }
}

/// A moment as it is shown: RFC 3339 with milliseconds.
pub fn rfc3339(ms: i64) -> String {
    format!("{:.3}", jiff::Timestamp::from_millisecond(ms).unwrap_or_default())
}

fn numbers<N: Number>(buckets: &[(&'static str, N)], total: N) -> String {
    let mut out = Vec::new();
    put_numbers(&mut out, buckets.iter().copied().chain([("total", total)]));
    String::from_utf8_lossy(&out).into_owned()
}

fn payload(payload: &Payload<'_>) -> String {
    let mut out = Vec::new();
    put_payload(&mut out, payload);
    String::from_utf8_lossy(&out).into_owned()
}
