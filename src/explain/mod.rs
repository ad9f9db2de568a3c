//! Why an observation looks as it does: one log record in; every attribute with its sources, what became of every field, and what the
//! gateway could log to get more, out. Pure.
//!
//! The values come from the code that delivers (`facts`), and which field they come from is found out by leaving fields out and mapping
//! again (`influence`). Tables say only which fields are natural for an attribute (`origins`), and words are checked against the values
//! (`derivation`). `unused`, `absent`, `advice` and `skipped` each answer a question of their own, and `leaving` shows what the content policy
//! makes of all that; `tree` and `json` write it down. Knows no file, no environment and no terminal.

mod absent;
mod advice;
mod derivation;
mod facts;
mod influence;
pub mod json;
mod judged;
mod leaving;
mod origins;
mod shown;
mod skipped;
mod sources;
pub mod tree;
mod unused;

#[cfg(test)]
mod tests;

use crate::judge::Judge;
use crate::report::SkipReason;
use crate::select::Selection;
use crate::sls::LogRecord;
use crate::trace::settings::TraceSettings;
pub use absent::Absent;
pub use advice::Advice;
use derivation::Made;
use influence::Experiment;
use judged::Ruling;
pub use skipped::Skipped;
use sources::Places;
pub use unused::{Reason, Unused};

/// What becomes of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Explanation {
    /// It is delivered.
    Delivered(Delivered),
    /// It is passed over.
    Skipped(Skipped),
}

/// A record that is delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The attributes of its observation, in the order they are shown; metadata last.
    pub attributes: Vec<Attribute>,
    /// Attributes that it could have.
    pub absent: Vec<Absent>,
    /// What had to be done to read the record.
    pub notes: Vec<String>,
    /// Fields that became nothing.
    pub unused: Vec<Unused>,
    /// What the gateway could log to get more.
    pub advice: Vec<Advice>,
}

/// One attribute and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its name in JSON; metadata has `metadata.` in front.
    pub name: String,
    /// Its value as it is sent.
    pub text: String,
    /// Its sources: fields, members of `ai_log` as `ai_log.<name>`, the log time as `__time__`.
    pub from: Vec<String>,
    /// The setting that it is from.
    pub setting: Option<&'static str>,
    /// How it was made from them; `None` where it is simply what was logged.
    pub how: Option<String>,
}

impl Attribute {
    fn fields(&self) -> impl Iterator<Item = &str> {
        self.from.iter().map(String::as_str)
    }
}

/// Explains what becomes of a record under these settings, where no rule chooses records.
pub fn explain(record: &LogRecord<'_>, settings: &TraceSettings) -> Explanation {
    explain_under(record, &Judge { trace: settings, selection: &Selection::default() }, &[])
}

/// Explains what becomes of a record under these settings and rules; `destinations` are the names that routes have numbers for.
pub fn explain_under(record: &LogRecord<'_>, judge: &Judge<'_>, destinations: &[String]) -> Explanation {
    let remarks = match judged::ruling(record, judge, destinations) {
        Ruling::Skipped(skipped) => return Explanation::Skipped(skipped),
        Ruling::GoesOn(remarks) => remarks,
    };
    let places = Places::of(record);
    match Experiment::of(&places, judge.trace, origins::is_known) {
        Some(experiment) => {
            let mut delivered = delivered(&experiment);
            delivered.notes.extend(remarks);
            Explanation::Delivered(leaving::leave(delivered, &facts::leaving(record, judge.trace), judge.trace))
        }
        None => Explanation::Skipped(skipped::skipped(record, SkipReason::Record(crate::gateway::Skip::NotAModelCall))),
    }
}

fn delivered(experiment: &Experiment<'_>) -> Delivered {
    let attributes: Vec<_> = experiment.mapped.facts.0.iter().map(|fact| attribute(experiment, &fact.name, &fact.text)).collect();
    Delivered {
        absent: absent::absent(experiment),
        notes: notes(experiment),
        unused: unused::unused(experiment, &attributes),
        // What another gateway could log is not known.
        advice: if experiment.mapped.dialect.is_none() { advice::advice(experiment) } else { Vec::new() },
        attributes,
    }
}

fn attribute(experiment: &Experiment<'_>, name: &str, text: &str) -> Attribute {
    let by_mapping = mapping(experiment, name);
    let setting = match name {
        _ if by_mapping.is_some() => None,
        "environment" => Some("LANGFUSE_TRACING_ENVIRONMENT"),
        "release" => Some("LANGFUSE_RELEASE"),
        "parentSpanId" if experiment.mapped.parent_is_derived => Some("TRACE_OWNERSHIP"),
        _ => None,
    };
    let mut from = if name == facts::DROPPED { Vec::new() } else { origins::origins(experiment, name) };
    if name == "spanId" {
        derivation::sort_as_hashed(&mut from);
    }
    let how = by_mapping.or_else(|| derivation::how(&Made { name, text, from: &from, experiment }));
    let mut from: Vec<_> = from.into_iter().map(|source| source.name.clone()).collect();
    if matches!(name, "metadata.gw_salvaged" | "metadata.ai_log") && from.is_empty() {
        // Its members stand for it everywhere else.
        from.push("ai_log".to_owned());
    }
    Attribute { name: name.to_owned(), text: text.to_owned(), from, setting, how }
}

/// The keys and sources of the mapping that an attribute is from.
fn mapping(experiment: &Experiment<'_>, name: &str) -> Option<String> {
    let table = experiment.settings.profile.as_ref().map_or("mapping".to_owned(), |profile| format!("profile {profile}"));
    let of = experiment.mapped.found.iter().filter(|(attribute, _, _)| attribute == name);
    // Of two keys for one attribute the one for it alone is asked first, and stands behind in the list.
    let keys: Vec<_> = of.map(|(_, key, source)| format!("{table}, {key}: {source}")).collect();
    match name {
        "tags" if !keys.is_empty() => Some(keys.join("; ")),
        _ => keys.into_iter().next_back(),
    }
}

fn notes(experiment: &Experiment<'_>) -> Vec<String> {
    let places = experiment.places;
    let refused = absent::is_refused_early(experiment);
    let refused = refused.then_some("it ended before the statistics plugin wrote anything, so there is no model, no user and no text");
    let dialect = experiment.mapped.dialect.as_ref().map(|name| format!("a record of another gateway: read in the dialect {name}"));
    let refused = refused.filter(|_| dialect.is_none());
    let unwrapped = places.unwrapped.then_some("ai_log was escaped once too often on its way: unwrapped");
    let salvaged = places.is_damaged().then_some("ai_log breaks off or is damaged: what stands before the damage was read");
    let expanded = places.sources.iter().any(|source| source.is_field() && source.name.starts_with(sources::MEMBER));
    let expanded = expanded.then_some("members of ai_log arrived as fields of their own (`ai_log.…`): taken as members");
    dialect.into_iter().chain([refused, unwrapped, salvaged, expanded].into_iter().flatten().map(str::to_owned)).collect()
}
