//! The table `events_full` of v4: rows that equal keys replace, but only once the database merges (`reference/langfuse.md` §7, §9).

use std::collections::{BTreeMap, BTreeSet};

use super::observation::{StoredObservation, StoredTrace};

/// Project, trace id, span id, start in milliseconds. The minute of the start, also part of the real key, follows from the start.
pub(super) type Key = (String, String, String, i64);

fn key(row: &StoredObservation) -> Key {
    (row.project.clone(), row.trace_id.clone(), row.span_id.clone(), row.start_ms)
}

/// The rows in the order of their writing.
#[derive(Debug, Default)]
pub struct EventsFull {
    rows: Vec<StoredObservation>,
}

impl EventsFull {
    /// Writes the rows of one request; of equal keys inside it one row remains, the last (`reference/langfuse.md` §14).
    pub fn insert(&mut self, request: Vec<StoredObservation>) {
        self.rows.extend(merged(request));
    }

    /// Every row present, duplicates included: what v4 reads see until the database merges.
    pub fn unmerged(&self) -> &[StoredObservation] {
        &self.rows
    }

    /// One row for each key, the last written, with the number of arrivals.
    pub fn merged(&self) -> Vec<StoredObservation> {
        merged(self.rows.clone())
    }

    /// The database merges.
    pub fn merge(&mut self) {
        self.rows = merged(std::mem::take(&mut self.rows));
    }

    /// Forgets every other row than these spans, named by project and span id, and the synthetic roots of these traces.
    pub fn keep(&mut self, spans: &BTreeSet<(&str, &str)>, traces: &BTreeSet<(String, String)>) {
        let synthetic = |row: &StoredObservation| row.span_id.strip_prefix("t-") == Some(&row.trace_id);
        let of_trace = |row: &StoredObservation| traces.contains(&(row.project.clone(), row.trace_id.clone()));
        self.rows.retain(|row| spans.contains(&(row.project.as_str(), row.span_id.as_str())) || (synthetic(row) && of_trace(row)));
    }

    /// A trace as v4 shows it: an aggregate of its rows in the order of their writing (`reference/langfuse.md` §7).
    pub fn trace(&self, project: &str, id: &str) -> Option<StoredTrace> {
        let rows = self.rows.iter().filter(|row| row.project == project && row.trace_id == id);
        aggregate(rows)
    }
}

/// What the rows of one trace add up to; nothing without a row.
pub fn aggregate<'a>(rows: impl Iterator<Item = &'a StoredObservation>) -> Option<StoredTrace> {
    rows.fold(None, |trace, row| Some(with_row(trace.unwrap_or_else(|| begun(row)), row)))
}

fn merged(rows: Vec<StoredObservation>) -> Vec<StoredObservation> {
    let mut places: BTreeMap<Key, usize> = BTreeMap::new();
    let mut kept: Vec<StoredObservation> = Vec::with_capacity(rows.len());
    for mut row in rows {
        match places.get(&key(&row)).and_then(|place| kept.get_mut(*place)) {
            Some(earlier) => {
                row.arrivals += earlier.arrivals;
                *earlier = row;
            }
            None => {
                places.insert(key(&row), kept.len());
                kept.push(row);
            }
        }
    }
    kept
}

fn begun(row: &StoredObservation) -> StoredTrace {
    StoredTrace { project: row.project.clone(), id: row.trace_id.clone(), timestamp_ms: row.start_ms, ..StoredTrace::default() }
}

fn with_row(mut trace: StoredTrace, row: &StoredObservation) -> StoredTrace {
    let root = row.parent_span_id.is_none();
    let own_name = row.name.as_ref().filter(|_| root || row.app_root);
    trace.timestamp_ms = trace.timestamp_ms.min(row.start_ms);
    trace.name = last(row.trace_name.as_ref().or(own_name), trace.name);
    trace.user_id = last(row.user_id.as_ref(), trace.user_id);
    trace.session_id = last(row.session_id.as_ref(), trace.session_id);
    trace.release = last(row.release.as_ref(), trace.release);
    trace.version = last(row.version.as_ref(), trace.version);
    trace.environment.clone_from(&row.environment);
    trace.public |= row.public;
    if !row.tags.is_empty() {
        trace.tags.clone_from(&row.tags);
    }
    if root {
        trace.input.clone_from(&row.input);
        trace.output.clone_from(&row.output);
        trace.metadata.clone_from(&row.metadata);
    }
    trace
}

fn last(new: Option<&String>, earlier: Option<String>) -> Option<String> {
    new.filter(|text| !text.is_empty()).cloned().or(earlier)
}

#[cfg(test)]
mod tests {
    use super::super::observation::ObservationType;
    use super::*;

    fn row(span: &str, start_ms: i64, name: &str) -> StoredObservation {
        StoredObservation { name: Some(name.into()), ..StoredObservation::bare("p", "t", span, ObservationType::Span, start_ms) }
    }

    fn shown(rows: &[StoredObservation]) -> Vec<(&str, i64, &str, u32)> {
        rows.iter().map(|row| (row.span_id.as_str(), row.start_ms, row.name.as_deref().unwrap_or_default(), row.arrivals)).collect()
    }

    #[test]
    fn a_repeat_is_two_rows_until_the_database_merges_and_the_last_wins_as_a_whole() {
        let mut table = EventsFull::default();
        table.insert(vec![StoredObservation { model: Some("m".into()), ..row("a", 5, "first") }]);
        table.insert(vec![row("a", 5, "second")]);
        assert_eq!(shown(table.unmerged()), [("a", 5, "first", 1), ("a", 5, "second", 1)]);
        assert_eq!(shown(&table.merged()), [("a", 5, "second", 2)]);
        assert_eq!(table.merged()[0].model, None);
        table.merge();
        assert_eq!(shown(table.unmerged()), [("a", 5, "second", 2)]);
    }

    #[test]
    fn a_repeat_inside_one_request_is_one_row_and_a_moved_start_two() {
        let mut table = EventsFull::default();
        table.insert(vec![row("a", 5, "x"), row("a", 5, "y"), row("a", 6, "z")]);
        assert_eq!(shown(table.unmerged()), [("a", 5, "y", 2), ("a", 6, "z", 1)]);
    }

    #[test]
    fn a_trace_takes_input_from_its_last_root_and_names_from_the_last_that_has_one() {
        let mut table = EventsFull::default();
        let root =
            StoredObservation { input: Some("in".into()), trace_name: Some("T".into()), user_id: Some("u".into()), ..row("a", 5, "root") };
        let child = StoredObservation { parent_span_id: Some("a".into()), input: Some("no".into()), ..row("b", 3, "child") };
        table.insert(vec![root, child]);
        let trace = table.trace("p", "t").unwrap();
        assert_eq!((trace.timestamp_ms, trace.name.as_deref(), trace.input.as_deref()), (3, Some("T"), Some("in")));
        assert_eq!((trace.user_id.as_deref(), trace.public), (Some("u"), false));
        assert_eq!(table.trace("other", "t"), None);
    }
}
