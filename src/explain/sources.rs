//! The places in a log record that an attribute can come from, and the record without some of them. Pure.
//!
//! A place is a field, a member of `ai_log`, or the time of the log. `ai_log` is taken apart as `gateway` reads it: unwrapped, and made
//! whole where it is damaged.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::gateway::ai_log::{AiLog, Reading};
use crate::gateway::envelope::Envelope;
use crate::gateway::{Value, salvage, wrapping};
use crate::sls::{Field, LogRecord, LogTime};

/// How the log time is called among the fields: as in an export of SLS.
pub const LOG_TIME: &str = "__time__";

/// What stands before the name of a member of `ai_log`.
pub const MEMBER: &str = "ai_log.";

/// Where in a record a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spot {
    LogTime,
    Field(usize),
    Member(usize),
}

/// One place in a record.
#[derive(Clone, Debug)]
pub struct Source {
    /// As a person names it: `consumer`, `ai_log.consumer`, `__time__`.
    pub name: String,
    /// True for a marker of no value.
    pub absent: bool,
    spot: Spot,
}

impl Source {
    /// True for a field of the log itself, a member that a collector has made a field among them.
    pub fn is_field(&self) -> bool {
        matches!(self.spot, Spot::Field(_))
    }
}

/// A record taken apart.
#[derive(Debug)]
pub struct Places<'r> {
    record: &'r LogRecord<'r>,
    /// Every place, in the order of the record.
    pub sources: Vec<Source>,
    /// How `ai_log` could be read.
    pub reading: Reading,
    /// `ai_log` was a string once too often.
    pub unwrapped: bool,
    /// The `ai_log` that counts, by its index among the fields.
    ai_log: Option<usize>,
    members: Vec<(String, String)>,
}

impl<'r> Places<'r> {
    /// Takes a record apart.
    pub fn of(record: &'r LogRecord<'r>) -> Self {
        let ai_log = record.fields.iter().rposition(|field| field.key == b"ai_log");
        let raw = ai_log.map_or(b"".as_slice(), |index| record.fields[index].value);
        let text = wrapping::unwrapped(raw);
        let reading = AiLog::parse(&text).reading;
        let unwrapped = text.as_bytes() != raw && std::str::from_utf8(raw).is_ok();
        let members = match reading {
            Reading::Absent => Vec::new(),
            Reading::Whole => members_of(&text),
            Reading::Salvaged { .. } => members_of(&salvage::completed(&text).json),
        };
        let sources = sources(record, ai_log.filter(|_| !members.is_empty()), &members);
        Self { record, sources, reading, unwrapped, ai_log, members }
    }

    /// The text at the place of this name that counts; `None` where there is none, or a marker for none.
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        let named = |name: &str| self.sources.iter().rev().find(|source| source.name == name && !source.absent);
        let separate = || name.strip_prefix(MEMBER).filter(|name| is_separate(name)).and_then(named);
        self.text_at(named(name).or_else(separate)?)
    }

    /// True if `ai_log` breaks off or is damaged.
    pub fn is_damaged(&self) -> bool {
        matches!(self.reading, Reading::Salvaged { .. })
    }

    /// The text at a place.
    pub fn text_at(&self, source: &Source) -> Option<Cow<'_, str>> {
        match source.spot {
            Spot::LogTime => None,
            Spot::Field(index) => Some(String::from_utf8_lossy(self.record.fields.get(index)?.value)),
            Spot::Member(index) => Value::Json(&self.members.get(index)?.1).text(),
        }
    }

    /// The log time, UNIX milliseconds.
    pub fn log_time_ms(&self) -> Option<i64> {
        self.record.time.milliseconds()
    }

    /// True if leaving out these places means writing `ai_log` anew.
    pub fn rewrites(&self, out: &[&Source]) -> bool {
        out.iter().any(|source| matches!(source.spot, Spot::Member(_)))
    }

    /// Gives `read` the record without some places. With `rewritten`, `ai_log` is written anew from its members, so that two such records
    /// differ in these alone.
    pub fn without<T>(&self, out: &[&Source], rewritten: bool, read: impl FnOnce(&LogRecord<'_>) -> T) -> T {
        let is_out = |spot: Spot| out.iter().any(|source| source.spot == spot);
        let members = self.members.iter().enumerate().filter(|(index, _)| !is_out(Spot::Member(*index))).map(|(_, member)| member);
        let ai_log = if rewritten { object(members) } else { String::new() };
        let replaced = |index: usize, field: &Field<'r>| match Some(index) == self.ai_log && rewritten && !self.members.is_empty() {
            true => Field { key: b"ai_log", value: ai_log.as_bytes() },
            false => Field { key: field.key, value: field.value },
        };
        let kept = self.record.fields.iter().enumerate().filter(|(index, _)| !is_out(Spot::Field(*index)));
        let fields = kept.map(|(index, field)| replaced(index, field)).collect();
        let time = if is_out(Spot::LogTime) { LogTime { seconds: 0, nanoseconds: None } } else { self.record.time };
        read(&LogRecord { time, fields })
    }
}

/// True for a field that is taken as a member of `ai_log`, though it stands beside it under the member's own name.
pub fn is_separate(name: &str) -> bool {
    let fields = vec![Field { key: name.as_bytes(), value: b"x" }];
    !name.starts_with(MEMBER) && !Envelope::of(&LogRecord { time: LogTime { seconds: 0, nanoseconds: None }, fields }).expanded.is_empty()
}

/// Every place; not `ai_log` itself where its members stand for it.
fn sources(record: &LogRecord<'_>, taken_apart: Option<usize>, members: &[(String, String)]) -> Vec<Source> {
    let field = |(index, field): (usize, &Field<'_>)| Source {
        name: String::from_utf8_lossy(field.key).into_owned(),
        absent: Value::of_field(Some(field.value)).is_none(),
        spot: Spot::Field(index),
    };
    let member = |(index, (key, json)): (usize, &(String, String))| Source {
        name: format!("{MEMBER}{key}"),
        absent: Value::Json(json).is_absent(),
        spot: Spot::Member(index),
    };
    let time = record.time.milliseconds().map(|_| Source { name: LOG_TIME.to_owned(), absent: false, spot: Spot::LogTime });
    let fields = record.fields.iter().enumerate().filter(|(index, _)| Some(*index) != taken_apart).map(field);
    time.into_iter().chain(fields).chain(members.iter().enumerate().map(member)).collect()
}

fn members_of(text: &str) -> Vec<(String, String)> {
    serde_json::Deserializer::from_str(text).deserialize_map(Members).unwrap_or_default()
}

fn object<'m>(members: impl Iterator<Item = &'m (String, String)>) -> String {
    let written = members.map(|(key, json)| format!("{}:{json}", serde_json::Value::from(key.as_str())));
    format!("{{{}}}", written.collect::<Vec<_>>().join(","))
}

/// Names and JSON texts in order; a repeated name stays repeated.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, String)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the object of ai_log")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut members = Vec::new();
        while let Some((key, json)) = map.next_entry::<String, &'de RawValue>()? {
            members.push((key, json.get().to_owned()));
        }
        Ok(members)
    }
}
