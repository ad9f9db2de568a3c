//! The tables `traces` and `observations` of v3, as legacy and dual servers keep them (`reference/langfuse.md` §7, §9).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::observation::{ObservationType, StoredObservation, StoredTrace};
use super::trace_events::{self, TraceEvent};
use crate::emulator::langfuse::rules::time::utc_day;

/// Project, type, id, UTC day of the start. The trace id is **not** part of it.
type Key = (String, ObservationType, String, i64);

/// One event of the batch API about one observation, kept because the server reads all of them again.
#[derive(Clone, Debug)]
pub struct RawEvent {
    /// Envelope id: the name of the stored file, so an equal one overwrites.
    pub envelope_id: String,
    /// Updates come after creates.
    pub update: bool,
    /// Envelope timestamp, milliseconds since 1970.
    pub timestamp_ms: i64,
    /// The checked body, nulls removed.
    pub body: Map<String, Value>,
}

/// The old tables.
#[derive(Debug, Default)]
pub struct OldTables {
    observations: BTreeMap<Key, StoredObservation>,
    raw: BTreeMap<(String, ObservationType, String), Vec<RawEvent>>,
    traces: BTreeMap<(String, String), Vec<TraceEvent>>,
}

impl OldTables {
    /// An observation that came over OTLP: merged into a row that starts no earlier, else put under its own key.
    pub fn upsert(&mut self, row: StoredObservation) {
        let found = self.same(&row).find(|(_, stored)| stored.start_ms >= row.start_ms).map(|(key, _)| key.clone());
        let stored = found.and_then(|key| self.observations.remove(&key));
        let mut row = match stored {
            Some(stored) => StoredObservation { arrivals: stored.arrivals + row.arrivals, ..row.merged_over(stored) },
            None => row,
        };
        if let Some(replaced) = self.observations.remove(&key(&row)) {
            row.arrivals += replaced.arrivals;
        }
        self.observations.insert(key(&row), row);
    }

    /// An event of the batch API. Returns all events about that observation in the order of their merging.
    pub fn add_raw(&mut self, project: &str, kind: ObservationType, id: &str, event: RawEvent) -> Vec<RawEvent> {
        let events = self.raw.entry((project.to_owned(), kind, id.to_owned())).or_default();
        events.retain(|stored| stored.envelope_id != event.envelope_id);
        events.push(event);
        events.sort_by_key(|event| (event.update, event.timestamp_ms));
        events.clone()
    }

    /// The row that all events of the batch API about an observation add up to: it replaces the former one.
    pub fn replace(&mut self, mut row: StoredObservation) {
        let former: Vec<Key> = self.same(&row).map(|(key, _)| key.clone()).collect();
        row.arrivals += former.iter().filter_map(|key| self.observations.remove(key)).map(|stored| stored.arrivals).sum::<u32>();
        self.observations.insert(key(&row), row);
    }

    /// An event about a trace.
    pub fn add_trace_event(&mut self, project: &str, id: &str, event: TraceEvent) {
        let events = self.traces.entry((project.to_owned(), id.to_owned())).or_default();
        events.retain(|stored| stored.source.is_none() || stored.source != event.source);
        events.push(event);
    }

    /// The trace row.
    pub fn trace(&self, project: &str, id: &str) -> Option<StoredTrace> {
        let events = self.traces.get(&(project.to_owned(), id.to_owned()))?;
        trace_events::folded(project, id, events)
    }

    /// All trace rows.
    pub fn traces(&self) -> Vec<StoredTrace> {
        self.traces.iter().filter_map(|((project, id), events)| trace_events::folded(project, id, events)).collect()
    }

    /// How many traces there are.
    pub fn trace_count(&self) -> usize {
        self.traces.len()
    }

    /// Forgets every other observation and trace than these, named by project and id.
    pub fn keep(&mut self, spans: &BTreeSet<(&str, &str)>, traces: &BTreeSet<(String, String)>) {
        self.observations.retain(|(project, _, id, _), _| spans.contains(&(project.as_str(), id.as_str())));
        self.raw.retain(|(project, _, id), _| spans.contains(&(project.as_str(), id.as_str())));
        self.traces.retain(|trace, _| traces.contains(trace));
    }

    /// Project and id of every trace.
    pub fn trace_names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.traces.keys().map(|(project, id)| (project.as_str(), id.as_str()))
    }

    /// All observation rows, without what their trace rows say.
    pub fn rows(&self) -> impl Iterator<Item = &StoredObservation> {
        self.observations.values()
    }

    /// The events of the batch API about an observation, in the order of their merging.
    pub fn events(&self, project: &str, kind: ObservationType, id: &str) -> &[RawEvent] {
        self.raw.get(&(project.to_owned(), kind, id.to_owned())).map_or(&[], Vec::as_slice)
    }

    /// All observation rows, joined with their trace rows.
    pub fn observations(&self) -> Vec<StoredObservation> {
        self.observations.values().map(|row| self.joined(row.clone())).collect()
    }

    /// The rows that differ from this one by the date at most.
    fn same(&self, row: &StoredObservation) -> impl Iterator<Item = (&Key, &StoredObservation)> {
        let key = |day| (row.project.clone(), row.observation_type, row.span_id.clone(), day);
        self.observations.range(key(i64::MIN)..=key(i64::MAX))
    }

    fn joined(&self, mut row: StoredObservation) -> StoredObservation {
        if let Some(trace) = self.trace(&row.project, &row.trace_id) {
            row.user_id = trace.user_id;
            row.session_id = trace.session_id;
            row.trace_name = trace.name;
            row.tags = trace.tags;
            row.release = trace.release;
            row.public = trace.public;
        }
        row
    }
}

fn key(row: &StoredObservation) -> Key {
    (row.project.clone(), row.observation_type, row.span_id.clone(), utc_day(row.start_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    fn row(start_ms: i64, name: Option<&str>) -> StoredObservation {
        let bare = StoredObservation::bare("p", "t", "a", ObservationType::Generation, start_ms);
        StoredObservation { name: name.map(Into::into), ..bare }
    }

    fn after(rows: Vec<StoredObservation>) -> Vec<(i64, Option<String>, u32)> {
        let mut tables = OldTables::default();
        rows.into_iter().for_each(|row| tables.upsert(row));
        tables.observations().into_iter().map(|row| (row.start_ms, row.name, row.arrivals)).collect()
    }

    #[test]
    fn follows_the_table_of_second_deliveries() {
        let named = Some("n".to_owned());
        assert_eq!(after(vec![row(5, Some("n")), row(5, None)]), [(5, named.clone(), 2)], "same start: fields merged");
        assert_eq!(after(vec![row(5, Some("n")), row(4, None)]), [(5, named.clone(), 2)], "earlier start: merged, stored start kept");
        assert_eq!(after(vec![row(5, Some("n")), row(6, None)]), [(6, None, 2)], "later start, same date: replaced outright");
        assert_eq!(after(vec![row(DAY, Some("n")), row(0, None)]), [(DAY, named.clone(), 2)], "earlier date: merged");
        assert_eq!(after(vec![row(0, Some("n")), row(DAY, None)]), [(0, named, 1), (DAY, None, 1)], "later date: two rows");
    }

    #[test]
    fn another_type_is_another_row_and_another_trace_is_not() {
        let mut tables = OldTables::default();
        tables.upsert(row(5, Some("first")));
        tables.upsert(StoredObservation { observation_type: ObservationType::Span, ..row(5, None) });
        assert_eq!(tables.observations().len(), 2);
        tables.upsert(StoredObservation { trace_id: "other".into(), ..row(5, Some("second")) });
        let traces: Vec<_> = tables.observations().into_iter().map(|row| row.trace_id).collect();
        assert_eq!(traces, ["t", "other"]);
    }
}
