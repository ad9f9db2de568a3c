//! One decoded span of ours → the observation in it, borrowed. Knows our attribute names, and no event of the batch API. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Number;

use super::super::wire::any_value::Value;
use super::super::wire::{ArrayValue, Span};
use super::normal::{self, Content};

/// What `otlp` said about one observation, in normal form.
#[derive(Debug, Default, PartialEq)]
pub struct ObservedSpan<'s> {
    /// 32 lower-case hex digits.
    pub trace_id: String,
    /// 16 lower-case hex digits.
    pub id: String,
    /// 16 lower-case hex digits; `None` for a root.
    pub parent: Option<String>,
    /// Its name.
    pub name: &'s str,
    /// RFC 3339 with milliseconds, UTC.
    pub start: String,
    /// RFC 3339 with milliseconds, UTC.
    pub end: String,
    /// Its type, in lower case.
    pub kind: Option<&'s str>,
    /// One of the four levels.
    pub level: Option<&'s str>,
    /// Why it ended as it did.
    pub status_message: Option<&'s str>,
    /// The model.
    pub model: Option<&'s str>,
    /// RFC 3339 of the first token.
    pub completion_start: Option<&'s str>,
    /// Counted tokens.
    pub usage: Option<BTreeMap<String, u64>>,
    /// Money, USD.
    pub cost: Option<BTreeMap<String, Number>>,
    /// What went in.
    pub input: Option<Content<'s>>,
    /// What came out.
    pub output: Option<Content<'s>>,
    /// Name of the prompt.
    pub prompt_name: Option<&'s str>,
    /// Version of the prompt.
    pub prompt_version: Option<i64>,
    /// Deployment environment.
    pub environment: Option<String>,
    /// Version of the application.
    pub version: Option<&'s str>,
    /// Release of the deployment.
    pub release: Option<&'s str>,
    /// Name of the trace.
    pub trace_name: Option<&'s str>,
    /// Who called.
    pub user_id: Option<&'s str>,
    /// The conversation.
    pub session_id: Option<&'s str>,
    /// Labels of the trace.
    pub tags: Vec<&'s str>,
    /// What people filter on; no key repeats.
    pub metadata: Vec<(&'s str, &'s str)>,
}

impl<'s> ObservedSpan<'s> {
    /// The observation in a span.
    pub fn of(span: &'s Span) -> Self {
        let mut observed = Self {
            trace_id: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent: (!span.parent_span_id.is_empty()).then(|| hex(&span.parent_span_id)),
            name: &span.name,
            start: rfc3339(span.start_time_unix_nano),
            end: rfc3339(span.end_time_unix_nano),
            ..Self::default()
        };
        for attribute in &span.attributes {
            match attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
                Some(Value::StringValue(text)) => observed.text(&attribute.key, text),
                Some(Value::ArrayValue(array)) => observed.texts(&attribute.key, array),
                Some(Value::IntValue(number)) if attribute.key == "langfuse.observation.prompt.version" => {
                    observed.prompt_version = Some(*number);
                }
                _ => {}
            }
        }
        observed
    }

    /// True if it has what only an observation with a model can carry.
    pub fn is_modelled(&self) -> bool {
        self.model.is_some() || self.usage.is_some() || self.cost.is_some()
    }

    fn text(&mut self, key: &'s str, text: &'s str) {
        if let Some(name) = key.strip_prefix("langfuse.observation.metadata.") {
            return self.put_metadata(name, text);
        }
        match key {
            "langfuse.observation.type" => self.kind = Some(text),
            "langfuse.observation.level" => self.level = normal::level(text),
            "langfuse.observation.status_message" => self.status_message = Some(text),
            "langfuse.observation.model.name" => self.model = Some(text),
            "langfuse.observation.completion_start_time" => self.completion_start = Some(text),
            "langfuse.observation.usage_details" => self.usage = normal::counts(text),
            "langfuse.observation.cost_details" => self.cost = normal::amounts(text),
            "langfuse.observation.input" => self.input = Content::of(text),
            "langfuse.observation.output" => self.output = Content::of(text),
            "langfuse.observation.prompt.name" => self.prompt_name = Some(text),
            "langfuse.environment" => self.environment = normal::environment(text),
            "langfuse.version" => self.version = Some(text),
            "langfuse.release" => self.release = Some(text),
            "langfuse.trace.name" => self.trace_name = Some(text),
            "langfuse.user.id" => self.user_id = Some(text),
            "langfuse.session.id" => self.session_id = Some(text),
            _ => {}
        }
    }

    fn texts(&mut self, key: &str, array: &'s ArrayValue) {
        let texts = array.values.iter().filter_map(|element| match &element.value {
            Some(Value::StringValue(text)) => Some(text.as_str()),
            _ => None,
        });
        if key == "langfuse.trace.tags" {
            self.tags.extend(texts);
        }
    }

    /// The last value of a repeated key wins, as on the other path (`reference/langfuse.md` §4).
    fn put_metadata(&mut self, name: &'s str, text: &'s str) {
        match self.metadata.iter_mut().find(|(known, _)| *known == name) {
            Some(entry) => entry.1 = text,
            None => self.metadata.push((name, text)),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// Nanoseconds of UNIX time, whole milliseconds of which are kept, as Langfuse does (`reference/langfuse.md` §4).
fn rfc3339(nanoseconds: u64) -> String {
    let moment = i64::try_from(nanoseconds / 1_000_000).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    format!("{:.3}", moment.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_milliseconds_and_a_zone() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_772_417_401_037_999_999), "2026-03-02T02:10:01.037Z");
        assert_eq!(rfc3339(u64::MAX), "2554-07-21T23:34:33.709Z");
    }

    #[test]
    fn a_repeated_key_keeps_its_last_value() {
        let mut span = ObservedSpan::default();
        span.text("langfuse.observation.metadata.a", "1");
        span.text("langfuse.observation.metadata.b.c", "2");
        span.text("langfuse.observation.metadata.a", "3");
        assert_eq!(span.metadata, [("a", "3"), ("b.c", "2")]);
    }
}
