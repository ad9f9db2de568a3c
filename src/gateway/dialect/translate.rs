//! A record of another gateway → one with our names. Pure.

use std::borrow::Cow;

use super::super::envelope::{Envelope, is_of_collector};
use super::super::moment::{LAST_MS, parse_foreign};
use super::super::source::Source;
use super::super::{CallKind, ParsedRecord, Skip};
use super::{Dialect, DurationUnit, Names, Origin, Special, kind_of};
use crate::sls::{Field, LogRecord, LogTime};

/// The most that a logged cost may be. USD. More is taken for nonsense, as Langfuse does (`reference/langfuse.md` §6).
const MAX_COST: f64 = 1_000_000.0;

/// A record with our names.
#[derive(Debug)]
pub struct Translation<'r> {
    /// The name of its dialect.
    pub dialect: &'r str,
    /// The kind of call, where the dialect says it.
    pub kind: Option<Result<CallKind, Skip>>,
    /// What the call cost, USD, where the dialect knows it.
    pub cost: Option<f64>,
    time: LogTime,
    fields: Vec<(&'static str, Cow<'r, str>)>,
    /// What the dialect does not name.
    rest: Vec<Field<'r>>,
    /// Whether our names keep their meaning in the rest.
    names: Names,
}

/// Moments and durations of a call as the dialect found them, UNIX milliseconds and milliseconds.
#[derive(Debug, Default)]
struct Times<'r> {
    start: Option<i64>,
    end: Option<i64>,
    duration: Option<i64>,
    first_token: Option<i64>,
    first_token_after: Option<i64>,
    /// What stands where the start should be and is no moment.
    unread: Option<Cow<'r, str>>,
}

impl<'r> Translation<'r> {
    /// Translates a record of a dialect.
    pub(super) fn of(record: &'r LogRecord<'r>, dialect: &'r Dialect) -> Self {
        let mut translation = Self {
            dialect: &dialect.name,
            kind: None,
            cost: None,
            time: record.time,
            fields: Vec::new(),
            rest: Vec::new(),
            names: dialect.names,
        };
        let (mut times, mut used) = (Times::default(), Vec::new());
        for (target, origin) in &dialect.origins {
            let Some((text, source)) = origin.find(record) else { continue };
            used.extend(used_up(source, target.is_content));
            match target.becomes {
                Special::Field(name) => translation.fields.push((name, text)),
                Special::Kind => translation.kind = kind_of(&text).map(|kind| kind.ok_or(Skip::NotAModelCall)),
                Special::Cost => translation.cost = text.trim().parse().ok().filter(|cost| (0.0..MAX_COST).contains(cost)),
                time => times.put(time, text, dialect.duration_unit),
            }
        }
        translation.fields.extend(times.into_fields());
        let stays = |field: &&Field<'r>| {
            let is = |name: &str| name.as_bytes() == field.key;
            !is_of_collector(field.key) && !used.iter().any(|name| is(name)) && !dialect.ignore.iter().any(|name| is(name))
        };
        translation.rest = record.fields.iter().filter(stays).copied().collect();
        translation
    }

    /// The record with its fields sorted out.
    pub(super) fn parsed(&self) -> ParsedRecord<'_> {
        let is_ours = |field: &&Field<'_>| self.names == Names::Gateway || field.key == b"ai_log";
        let (ours, others): (Vec<Field<'_>>, Vec<Field<'_>>) = self.rest.iter().copied().partition(|field| is_ours(&field));
        let named = self.fields.iter().map(|(name, text)| Field { key: name.as_bytes(), value: text.as_bytes() });
        // The last of two equal names wins, so what the dialect names stands behind.
        let mut envelope = Envelope::of(&LogRecord { time: self.time, fields: ours.into_iter().chain(named).collect() });
        envelope.others.extend(others);
        envelope.others.sort_by_key(|field| field.key);
        ParsedRecord::translated(envelope, self)
    }
}

impl Origin {
    fn find<'r>(&'r self, record: &LogRecord<'r>) -> Option<(Cow<'r, str>, &'r Source)> {
        let something = |text: &Cow<'r, str>| !matches!(text.trim(), "{}" | "[]");
        let (text, source) = self.sources.iter().find_map(|source| Some((source.find_in_record(record).filter(something)?, source)))?;
        let replaced = self.values.get(text.as_ref()).map(|value| Cow::Borrowed(value.as_str()));
        Some((replaced.unwrap_or(text), source))
    }
}

/// The field that has found its place and is not shown a second time.
fn used_up(source: &Source, is_content: bool) -> Option<&str> {
    match source {
        Source::Path(path) if is_content || path.is_whole_field() => path.field(),
        _ => None,
    }
}

impl<'r> Times<'r> {
    fn put(&mut self, what: Special, text: Cow<'r, str>, unit: DurationUnit) {
        match what {
            Special::Start => {
                self.start = parse_foreign(&text);
                self.unread = self.start.is_none().then_some(text);
            }
            Special::End => self.end = parse_foreign(&text),
            Special::FirstToken => self.first_token = parse_foreign(&text),
            Special::Duration => self.duration = unit.milliseconds(&text),
            Special::FirstTokenAfter => self.first_token_after = unit.milliseconds(&text),
            Special::Field(_) | Special::Kind | Special::Cost => {}
        }
    }

    /// Our three times; each is made of those that are there. A first token at the very end is none.
    fn into_fields(self) -> impl Iterator<Item = (&'static str, Cow<'r, str>)> {
        let start = self.start.or_else(|| Some(self.end?.saturating_sub(self.duration?)).filter(|start| (1..=LAST_MS).contains(start)));
        let since = |moment: Option<i64>| Some(moment?.saturating_sub(start?)).filter(|after| *after >= 0);
        let duration = self.duration.or_else(|| since(self.end));
        // Some gateways write the end where there was no stream.
        let first_token = self.first_token_after.or_else(|| since(self.first_token)).filter(|after| Some(*after) != duration);
        let text = |number: i64| Cow::Owned(format!("{number:012}"));
        let start_time = start.map(text).or(self.unread);
        let plain = |number: i64| Cow::Owned(number.to_string());
        [("start_time", start_time), ("duration", duration.map(plain)), ("ai_log.llm_first_token_duration", first_token.map(plain))]
            .into_iter()
            .filter_map(|(name, text)| Some((name, text?)))
    }
}

impl DurationUnit {
    /// A duration in whole milliseconds, cut off; nonsense is `None`.
    fn milliseconds(self, text: &str) -> Option<i64> {
        let thousandth = match self {
            Self::Seconds => 1e3,
            Self::Milliseconds => 1.0,
            Self::Microseconds => 1e-3,
            Self::Nanoseconds => 1e-6,
        };
        let number: f64 = text.trim().parse().ok()?;
        // A decimal such as 1.037 times 1000 is a hair below 1037.
        let ms = (number * thousandth + 1e-6).floor();
        #[allow(clippy::cast_possible_truncation, reason = "the range is checked first")]
        (0.0..=1e12).contains(&ms).then_some(ms as i64)
    }
}
