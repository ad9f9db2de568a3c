//! What an observation and its trace are called and labelled: the operator's mapping where it finds something, else the gateway's own
//! words. Pure. Langfuse's bounds are kept by cutting visibly, never by losing the observation (`reference/langfuse.md` §5, §7).

use std::borrow::Cow;

use super::bounds::{MAX_ATTRIBUTE_CHARS, bounded, environment, original};
use super::ids::SpanId;
use super::mapping::{Mapping, Source, Sources};
use super::marks::Marks;
use super::naming::{api_name, tool_name};
use super::outcome::{is_denied, is_masked};
use super::ownership::{self, Place};
use super::settings::TraceSettings;
use super::{ObservationType, Prompt, TraceAttributes};
use crate::gateway::{GatewayCall, Value};
use crate::sls::LogRecord;

/// The most tags of a trace. A list inside a body may have any number, and every observation carries all of them.
const MAX_TAGS: usize = 50;

/// Says whether a found text will do.
type Accepts = fn(&str) -> bool;

/// Looks for the attributes of one call.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'r, 'a> {
    /// The record of the call.
    pub record: &'r LogRecord<'a>,
    /// The call.
    pub call: &'r GatewayCall<'a>,
    /// What the operator decided.
    pub settings: &'a TraceSettings,
}

impl<'a> Attributes<'_, 'a> {
    /// Name of the observation: a tool's own, else what the operator named, else that of the API.
    pub fn name(&self) -> Cow<'a, str> {
        tool_name(self.call).or_else(|| self.text(&self.mapping().name)).unwrap_or_else(|| api_name(self.call))
    }

    /// The parent that the operator's mapping finds.
    pub fn parent(&self) -> Option<SpanId> {
        let sources = self.mapping().parent.as_ref()?;
        Some(sources.first(self.record, self.call, |text| ownership::span_in(&text))?.0)
    }

    /// The environment, in the form that every version of Langfuse accepts.
    pub fn environment(&self, marks: &mut Marks) -> Option<Cow<'a, str>> {
        let mapped = self.mapping().environment.as_ref().and_then(|sources| {
            let (text, _) = sources.first(self.record, self.call, Some)?;
            let name = environment(&text);
            if name.as_deref() != Some(&*text) {
                marks.put("gw_environment", original(&text));
            }
            name.map(|name| Cow::Owned(name.into_owned()))
        });
        mapped.or_else(|| self.settings.environment.as_deref().map(Cow::Borrowed))
    }

    /// The prompt that the call used, on a generation: Langfuse links no other observation.
    pub fn prompt(&self, kind: ObservationType, marks: &mut Marks) -> Option<Prompt<'a>> {
        let find = |sources: &'a Option<Sources>| sources.as_ref()?.first(self.record, self.call, Some).map(|(text, _)| text);
        let name = find(&self.mapping().prompt_name)?;
        let version = find(&self.mapping().prompt_version).and_then(|text| prompt_version(&text));
        match version {
            Some(version) if kind == ObservationType::Generation && name.chars().nth(MAX_ATTRIBUTE_CHARS).is_none() => {
                Some(Prompt { name, version })
            }
            // A name without a whole version makes some servers drop the observation (`reference/langfuse.md` §5).
            _ => {
                marks.put("gw_prompt_not_linked", original(&name));
                None
            }
        }
    }

    /// What the whole trace carries; `None` on a joined observation, whose user and session then are metadata.
    pub fn trace(&self, place: Place, marks: &mut Marks) -> Option<TraceAttributes<'a>> {
        let mapping = self.mapping();
        let user = self.kept("gw_user_id", &mapping.user, place, marks);
        let session = self.kept("gw_session_id", &mapping.session, place, marks);
        if place != Place::Root {
            return None;
        }
        let label = |sources, fallback: &'a Option<String>| self.text(sources).or_else(|| fallback.as_deref().map(Cow::Borrowed));
        Some(TraceAttributes {
            name: self.text(&mapping.trace_name).or_else(|| self.text(&mapping.name)).unwrap_or_else(|| api_name(self.call)),
            user_id: if mapping.user.is_some() { user } else { consumer(self.call).map(bounded) },
            session_id: if mapping.session.is_some() {
                session
            } else {
                self.call.ai.session_id.as_ref().and_then(Value::text).map(bounded)
            },
            tags: self.tags(marks),
            release: label(&mapping.release, &self.settings.release),
            version: label(&mapping.version, &self.settings.version),
        })
    }

    /// The operator's own metadata, in the order of its keys.
    pub fn metadata(&self) -> impl Iterator<Item = (&'a str, Cow<'a, str>)> {
        let (record, call) = (self.record, self.call);
        self.mapping().metadata.iter().filter_map(move |(key, sources)| Some((key.as_str(), sources.first(record, call, Some)?.0)))
    }

    /// What the mapping found: the key of the mapping, and the source that had a value. For whoever explains an observation.
    pub fn found(&self) -> Vec<(String, &'a Source)> {
        let mapping = self.mapping();
        let is_named = |text: &str| text != "none";
        let any = |_: &str| true;
        let keys: [(&str, &'a Option<Sources>, Accepts); 10] = [
            ("user", &mapping.user, is_named),
            ("session", &mapping.session, is_named),
            ("name", if tool_name(self.call).is_some() { &None } else { &mapping.name }, any),
            ("trace_name", &mapping.trace_name, any),
            ("environment", &mapping.environment, any),
            ("release", &mapping.release, any),
            ("version", &mapping.version, any),
            ("prompt_name", &mapping.prompt_name, any),
            ("prompt_version", &mapping.prompt_version, any),
            ("parent", &mapping.parent, |text| ownership::span_in(text).is_some()),
        ];
        let first = |sources: &'a Sources, accepts: Accepts| {
            sources.first(self.record, self.call, |text| accepts(&text).then_some(())).map(|(_, source)| source)
        };
        let single = keys.into_iter().filter_map(|(key, sources, accepts)| Some((key.to_owned(), first(sources.as_ref()?, accepts)?)));
        let tags =
            mapping.tags.iter().flat_map(|sources| sources.all(self.record, self.call)).map(|found| ("tags".to_owned(), found.source));
        let metadata = mapping.metadata.iter().filter_map(|(key, sources)| Some((format!("metadata.{key}"), first(sources, any)?)));
        single.chain(tags).chain(metadata).collect()
    }

    fn mapping(&self) -> &'a Mapping {
        &self.settings.mapping
    }

    fn text(&self, sources: &'a Option<Sources>) -> Option<Cow<'a, str>> {
        Some(bounded(sources.as_ref()?.first(self.record, self.call, Some)?.0))
    }

    /// A mapped id, cut; a mark keeps what is not shown as such.
    fn kept(&self, mark: &'static str, sources: &'a Option<Sources>, place: Place, marks: &mut Marks) -> Option<Cow<'a, str>> {
        let (text, _) = sources.as_ref()?.first(self.record, self.call, |text| (text != "none").then_some(text))?;
        if place != Place::Root || text.chars().nth(MAX_ATTRIBUTE_CHARS).is_some() {
            marks.put(mark, original(&text));
        }
        Some(bounded(text))
    }

    /// The operator's labels, and verdicts with few values.
    fn tags(&self, marks: &mut Marks) -> Vec<Cow<'a, str>> {
        let (call, settings) = (self.call, self.settings);
        let verdict = |prefix: &str, value: &Option<Value<'a>>| {
            let word = value.as_ref().and_then(Value::text)?;
            Some(bounded(Cow::Owned(format!("{prefix}:{word}"))))
        };
        let mut tags: Vec<_> = settings.tags.iter().map(|tag| Cow::Borrowed(tag.as_str())).collect();
        if let Some(sources) = &self.mapping().tags {
            mapped_tags(&mut tags, sources.all(self.record, call).map(|found| found.text), marks);
        }
        tags.extend(verdict("cache", &call.ai.cache_status));
        tags.extend(verdict("ratelimit", &call.ai.token_ratelimit_status));
        tags.extend(is_denied(call).then_some(Cow::Borrowed("safecheck:deny")));
        tags.extend(is_masked(call).then_some(Cow::Borrowed("safecheck:mask")));
        tags.extend(call.ai.fallback_from.as_ref().filter(|value| !value.is_absent()).map(|_| Cow::Borrowed("fallback")));
        tags
    }
}

/// Adds each found text once; a JSON list is several.
fn mapped_tags<'a>(tags: &mut Vec<Cow<'a, str>>, found: impl Iterator<Item = Cow<'a, str>>, marks: &mut Marks) {
    let mut dropped = 0usize;
    for text in found {
        let list = if text.starts_with('[') { serde_json::from_str::<Vec<serde_json::Value>>(&text).ok() } else { None };
        let new: Vec<Cow<'a, str>> = match list {
            None => vec![text],
            Some(list) => {
                list.iter().filter_map(|tag| Some(tag.as_str()?.to_owned()).filter(|tag| !tag.is_empty()).map(Cow::Owned)).collect()
            }
        };
        for tag in new.into_iter().map(bounded) {
            match () {
                () if tags.contains(&tag) => {}
                () if tags.len() >= MAX_TAGS => dropped += 1,
                () => tags.push(tag),
            }
        }
    }
    if dropped > 0 {
        marks.put("gw_tags_dropped", dropped.to_string());
    }
}

/// Who called; `none` is the label of callers without authentication (`reference/gateway-logs.md` §10).
fn consumer<'a>(call: &GatewayCall<'a>) -> Option<Cow<'a, str>> {
    let named = |value: Option<Value<'a>>| value.and_then(|value| value.text()).filter(|name| name != "none");
    named(call.ai.consumer.clone()).or_else(|| named(Value::of_field(call.envelope.consumer)))
}

/// A whole number from 1 that fits what Langfuse stores.
pub fn prompt_version(text: &str) -> Option<u32> {
    text.trim().parse().ok().filter(|version| (1..=i32::MAX.unsigned_abs()).contains(version))
}
