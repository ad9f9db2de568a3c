//! The fields of a log that reach no attribute, each with the reason. Pure.

use std::collections::{BTreeSet, HashMap};

use super::Attribute;
use super::facts::{DROPPED, METADATA};
use super::influence::{Effect, Experiment};
use super::origins::is_known;
use super::sources::{MEMBER, Source};
use crate::gateway::ai_log::AiLog;
use crate::gateway::envelope::{Envelope, is_of_collector};
use crate::sls::{Field, LogRecord, LogTime};

/// Attributes that are hashes: being part of one is not being shown.
const HASHES: [&str; 3] = ["spanId", "traceId", "parentSpanId"];

/// Why a field reaches no attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It decides how others are read.
    Indirect,
    /// It tells one record from another and nothing else.
    OnlyIdentity,
    /// A marker for no value.
    NoValue,
    /// Another field says the same, or was preferred.
    NotNeeded,
    /// The key repeats.
    Repeated,
    /// A detail of the network.
    NetworkDetail,
    /// A collector added it.
    Collector,
    /// More unknown fields than are kept.
    OverTheBound,
    /// More fields than are tried one by one.
    Untraced,
}

/// A field that reaches no attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unused {
    /// Its name.
    pub field: String,
    /// Why.
    pub reason: Reason,
}

impl Reason {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Indirect => "indirect",
            Self::OnlyIdentity => "only_identity",
            Self::NoValue => "no_value",
            Self::NotNeeded => "not_needed",
            Self::Repeated => "repeated",
            Self::NetworkDetail => "network_detail",
            Self::Collector => "collector",
            Self::OverTheBound => "over_the_bound",
            Self::Untraced => "untraced",
        }
    }

    /// What it means.
    pub fn words(self) -> &'static str {
        match self {
            Self::Indirect => "not shown itself, but decides how others are read",
            Self::OnlyIdentity => "only hashed into the span id",
            Self::NoValue => "no value, only a marker for none",
            Self::NotNeeded => "not needed: another field says it, or was preferred",
            Self::Repeated => "the key repeats, and the other one was taken",
            Self::NetworkDetail => "network detail of no interest here: stays in SLS",
            Self::Collector => "added by the collector",
            Self::OverTheBound => "beyond the number of unknown fields that are kept",
            Self::Untraced => "not traced: more fields than are tried one by one",
        }
    }
}

/// The fields that are the source of no attribute, by reason and in the order of the record.
pub fn unused(experiment: &Experiment<'_>, attributes: &[Attribute]) -> Vec<Unused> {
    let named: BTreeSet<&str> = attributes.iter().filter(|attribute| !is_whole_line(attribute)).flat_map(Attribute::fields).collect();
    let mut times: HashMap<&str, usize> = HashMap::new();
    let sources = &experiment.places.sources;
    sources.iter().for_each(|source| *times.entry(source.name.as_str()).or_default() += 1);
    let reason = |(source, effect): (&Source, &Effect)| {
        let repeats = times.get(source.name.as_str()).is_some_and(|times| *times > 1);
        if named.contains(source.name.as_str()) && !(repeats && *effect == Effect::Nothing) {
            return None;
        }
        Some(Unused { field: source.name.clone(), reason: reason(experiment, source, effect, repeats) })
    };
    let mut unused: Vec<_> = sources.iter().zip(&experiment.effects).filter_map(reason).collect();
    unused.sort_by_key(|unused| unused.reason);
    unused
}

/// True for a hash over so much that being part of it says nothing about a field.
fn is_whole_line(attribute: &Attribute) -> bool {
    attribute.name == "spanId" || (HASHES.contains(&attribute.name.as_str()) && attribute.from.len() > 2)
}

fn reason(experiment: &Experiment<'_>, source: &Source, effect: &Effect, repeats: bool) -> Reason {
    match effect {
        Effect::Changes(names) if names.iter().all(|name| HASHES.contains(&name.as_str())) => Reason::OnlyIdentity,
        Effect::Changes(names) if names.iter().all(|name| name == DROPPED) => Reason::OverTheBound,
        Effect::Changes(_) | Effect::NoCall => Reason::Indirect,
        Effect::Untried => Reason::Untraced,
        Effect::Nothing if source.is_field() && is_of_collector(source.name.as_bytes()) => Reason::Collector,
        Effect::Nothing if source.absent => Reason::NoValue,
        Effect::Nothing if repeats => Reason::Repeated,
        Effect::Nothing if is_known(&source.name) || is_member(source) => Reason::NotNeeded,
        Effect::Nothing if is_stranger(source) => of_stranger(experiment, source),
        Effect::Nothing => Reason::NetworkDetail,
    }
}

fn of_stranger(experiment: &Experiment<'_>, source: &Source) -> Reason {
    let key = source.name.strip_prefix(MEMBER).unwrap_or(&source.name);
    let shown = experiment.mapped.facts.0.iter().any(|fact| fact.name.strip_prefix(METADATA) == Some(key));
    if shown { Reason::NotNeeded } else { Reason::OverTheBound }
}

/// True for a member of `ai_log` with a meaning of its own, wherever it stands.
fn is_member(source: &Source) -> bool {
    AiLog::NAMES.contains(&source.name.strip_prefix(MEMBER).unwrap_or(&source.name)) || !is_stranger(source) && !source.is_field()
}

/// True for a field that `gateway` has no place for, but keeps.
fn is_stranger(source: &Source) -> bool {
    let fields = vec![Field { key: source.name.as_bytes(), value: b"x" }];
    let envelope = Envelope::of(&LogRecord { time: LogTime { seconds: 0, nanoseconds: None }, fields });
    !envelope.others.is_empty() || !envelope.expanded.is_empty()
}
