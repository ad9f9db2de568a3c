//! Records of other gateways, read as if this one had written them. Pure.
//!
//! A [`Dialect`] says how its records are recognised and where the fields of ours stand in them (`target`);
//! `translate` makes of such a record one with our names, and everything behind works on that. The fields that are not named stay what they are: an operator's own attributes.
//! A dialect is data, from the configuration file (`[dialect.NAME]`) or, for the output that is compatible with NGINX, from `nginx`.
//!
//! Identity (`design.md` decision 1): the span id of a translated record is the hash of all its own fields in key order, whatever the
//! dialect makes of them, so that a better dialect never doubles what was delivered under the first one. Its trace id and its start are
//! those that the dialect names.

mod nginx;
mod target;
mod translate;

#[cfg(test)]
mod tests;

pub use target::{Special, TARGETS, Target};
pub use translate::Translation;

use std::collections::BTreeMap;

use super::field_path::FieldPath;
use super::source::Sources;
use super::{CallKind, ParsedRecord};
use crate::sls::LogRecord;

/// The word that [`Condition`]s use for any value.
pub const ANY: &str = "*";

/// The word for no value at all.
pub const NONE: &str = "-";

/// One thing by which a record is recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Where to look.
    pub path: FieldPath,
    /// What must be there.
    pub demand: Demand,
}

/// What must be at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Any value.
    Present,
    /// None.
    Absent,
    /// One of these.
    OneOf(Box<[Box<str>]>),
}

/// In which unit a dialect writes durations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DurationUnit {
    /// Seconds, with a fraction.
    Seconds,
    /// Milliseconds.
    #[default]
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

/// What the names of this gateway mean in records of a dialect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Names {
    /// Nothing but what the dialect says; `ai_log` alone is ours wherever it stands.
    #[default]
    Foreign,
    /// What they always mean, where the dialect does not name another field: a renamed format of this gateway.
    Gateway,
}

/// Where the value of one target comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Tried in order.
    pub sources: Sources,
    /// Found texts that stand for another one.
    pub values: BTreeMap<String, String>,
}

/// How records of one other gateway are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Its name, which metadata shows as `gw_dialect`.
    pub name: String,
    /// All of these hold for its records. Never empty.
    pub when: Vec<Condition>,
    /// What it knows, by [`TARGETS`].
    pub origins: Vec<(&'static Target, Origin)>,
    /// The unit of its durations.
    pub duration_unit: DurationUnit,
    /// What our names mean in its records.
    pub names: Names,
    /// Fields that say nothing about a call and stay behind.
    pub ignore: Vec<String>,
}

/// All dialects, in the order in which they are tried; a record of none of them is one of the gateway's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialects(Box<[Dialect]>);

/// A record as it is read.
#[derive(Debug)]
pub enum Read<'r> {
    /// One of the gateway's own.
    AsItIs(&'r LogRecord<'r>),
    /// One of another gateway.
    Translated(Box<Translation<'r>>),
}

impl Default for Dialects {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Dialects {
    /// These dialects, before that which needs no configuration. One of its name replaces it.
    pub fn new(own: Vec<Dialect>) -> Self {
        let replaced = own.iter().any(|dialect| dialect.name == nginx::NAME);
        let built_in = (!replaced).then(nginx::dialect).flatten();
        Self(own.into_iter().chain(built_in).collect())
    }

    /// Reads a record in the first dialect that recognises it.
    pub fn read<'r>(&'r self, record: &'r LogRecord<'r>) -> Read<'r> {
        match self.0.iter().find(|dialect| dialect.recognises(record)) {
            None => Read::AsItIs(record),
            Some(dialect) => Read::Translated(Box::new(Translation::of(record, dialect))),
        }
    }
}

impl Dialect {
    fn recognises(&self, record: &LogRecord<'_>) -> bool {
        self.when.iter().all(|condition| condition.holds(record))
    }
}

impl Condition {
    fn holds(&self, record: &LogRecord<'_>) -> bool {
        let found = self.path.in_record(record);
        match &self.demand {
            Demand::Present => found.is_some(),
            Demand::Absent => found.is_none(),
            Demand::OneOf(texts) => found.is_some_and(|found| texts.iter().any(|text| **text == *found)),
        }
    }
}

impl Read<'_> {
    /// The record with its fields sorted out.
    pub fn parsed(&self) -> ParsedRecord<'_> {
        match self {
            Self::AsItIs(record) => ParsedRecord::of(record),
            Self::Translated(translation) => translation.parsed(),
        }
    }
}

/// The word for a kind of call, as a dialect names it; `none` says that a record is no call.
pub fn kind_of(word: &str) -> Option<Option<CallKind>> {
    KINDS.iter().find(|(known, _)| *known == word).map(|(_, kind)| *kind)
}

/// The words for kinds of calls.
pub const KINDS: [(&str, Option<CallKind>); 9] = [
    ("chat", Some(CallKind::Chat)),
    ("completion", Some(CallKind::Completion)),
    ("embedding", Some(CallKind::Embedding)),
    ("rerank", Some(CallKind::Rerank)),
    ("image", Some(CallKind::Image)),
    ("audio", Some(CallKind::Audio)),
    ("tool", Some(CallKind::Tool)),
    ("agent", Some(CallKind::Agent)),
    ("none", None),
];
