//! The stored rows as traces, by reference: which rows belong together, and what they add up to. Knows no JSON.

use std::collections::HashMap;

use super::Shown;
use crate::emulator::langfuse::store::events_full::aggregate;
use crate::emulator::langfuse::store::observation::{Level, StoredObservation, StoredTrace};
use crate::emulator::langfuse::store::{Store, Table};

/// Project and trace id.
type Name<'a> = (&'a str, &'a str);

/// One row, of equal keys the last, and how often something arrived under its key.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The row.
    pub observation: &'a StoredObservation,
    /// How many times something arrived under its key.
    pub arrivals: u32,
}

/// The rows of one trace.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// Project and trace id.
    pub name: Name<'a>,
    /// By start, then by id; none where only the trace itself was sent.
    pub rows: Vec<Row<'a>>,
    /// Which arrival was its last one; nothing where only the trace itself was sent.
    newest: Option<usize>,
}

/// All traces, the one that arrived last in front.
pub fn groups<'a>(shown: Shown<'a>) -> Vec<Group<'a>> {
    let newest = newest_arrivals(shown.store);
    let mut groups: HashMap<Name<'a>, Group<'a>> = HashMap::new();
    let empty = |name: Name<'a>| Group { name, rows: Vec::new(), newest: newest.get(&name).copied() };
    if shown.table == Table::Observations {
        groups.extend(shown.store.old.trace_names().map(|name| (name, empty(name))));
    }
    for row in rows(shown) {
        let name = (row.observation.project.as_str(), row.observation.trace_id.as_str());
        groups.entry(name).or_insert_with(|| empty(name)).rows.push(row);
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.iter_mut().for_each(|group| group.rows.sort_by_key(|row| (row.observation.start_ms, row.observation.span_id.as_str())));
    groups.sort_by(|one, other| other.newest.cmp(&one.newest).then(one.name.cmp(&other.name)));
    groups
}

/// One trace; of any project where none is named.
pub fn group<'a>(shown: Shown<'a>, project: Option<&String>, id: &str) -> Option<Group<'a>> {
    groups(shown).into_iter().find(|group| group.name.1 == id && project.is_none_or(|project| project == group.name.0))
}

fn newest_arrivals(store: &Store) -> HashMap<Name<'_>, usize> {
    store.arrivals.iter().enumerate().map(|(place, row)| ((row.project.as_str(), row.trace_id.as_str()), place)).collect()
}

fn rows<'a>(shown: Shown<'a>) -> Vec<Row<'a>> {
    match shown.table {
        Table::Observations => shown.store.old.rows().map(|observation| Row { observation, arrivals: observation.arrivals }).collect(),
        Table::EventsFull => merged(shown.store.events_full.unmerged()),
    }
}

/// The rows of `events_full` as they are once the database has merged.
fn merged(rows: &[StoredObservation]) -> Vec<Row<'_>> {
    let mut places = HashMap::new();
    let mut kept: Vec<Row<'_>> = Vec::new();
    for observation in rows {
        let key = (&observation.project, &observation.trace_id, &observation.span_id, observation.start_ms);
        let place = *places.entry(key).or_insert(kept.len());
        match kept.get_mut(place) {
            Some(row) => *row = Row { observation, arrivals: row.arrivals + observation.arrivals },
            None => kept.push(Row { observation, arrivals: observation.arrivals }),
        }
    }
    kept
}

impl Group<'_> {
    /// The trace that these rows belong to.
    pub fn trace(&self, shown: Shown<'_>) -> StoredTrace {
        let (project, id) = self.name;
        let trace = match shown.table {
            Table::EventsFull => aggregate(self.rows.iter().map(|row| row.observation)),
            Table::Observations => shown.store.old.trace(project, id),
        };
        trace.unwrap_or_else(|| StoredTrace { project: project.into(), id: id.into(), ..StoredTrace::default() })
    }

    /// The most serious level of its rows.
    pub fn level(&self) -> Level {
        let levels = [Level::Error, Level::Warning, Level::Default, Level::Debug];
        levels.into_iter().find(|level| self.rows.iter().any(|row| row.observation.level == *level)).unwrap_or_default()
    }

    /// The first start, milliseconds since 1970.
    pub fn start_ms(&self) -> Option<i64> {
        self.rows.iter().map(|row| row.observation.start_ms).min()
    }

    /// The last end, milliseconds since 1970.
    pub fn end_ms(&self) -> Option<i64> {
        self.rows.iter().filter_map(|row| row.observation.end_ms).max()
    }

    /// Tokens of all rows whose bucket's name begins so: a part counts like the whole beside it (`reference/langfuse.md` §6).
    pub fn tokens(&self, beginning: &str) -> u64 {
        let buckets = self.rows.iter().flat_map(|row| &row.observation.usage_details);
        buckets.filter(|(bucket, _)| bucket.starts_with(beginning)).map(|(_, count)| count).sum()
    }

    /// US dollars of all rows; nothing where no row has a cost.
    pub fn cost(&self) -> Option<f64> {
        let costs: Vec<f64> = self.rows.iter().filter_map(|row| cost(row.observation)).collect();
        (!costs.is_empty()).then(|| costs.iter().sum())
    }

    /// The models, each once, in the order of their first row.
    pub fn models(&self) -> Vec<&str> {
        let mut models = Vec::new();
        for model in self.rows.iter().filter_map(|row| row.observation.model.as_deref()) {
            if !models.contains(&model) {
                models.push(model);
            }
        }
        models
    }
}

/// US dollars of a row: its total, else what its buckets add up to.
pub fn cost(row: &StoredObservation) -> Option<f64> {
    let sum = || row.cost_details.values().sum();
    (!row.cost_details.is_empty()).then(|| row.cost_details.get("total").copied().unwrap_or_else(sum))
}
