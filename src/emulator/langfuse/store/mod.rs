//! What the stand-in keeps: the tables by the keys of `reference/langfuse.md` §9, every arrival, what was lost, and the short memories
//! beside them.

pub mod events_full;
pub mod lost;
pub mod observation;
pub mod old_tables;
pub mod sources;
pub mod trace_events;

use events_full::EventsFull;
use lost::{Lost, LostReason};
use observation::{StoredObservation, StoredTrace};
use old_tables::OldTables;
use sources::Sources;

use super::auth::BadKeys;

/// A table of observations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// v4: project, start, trace id, span id.
    EventsFull,
    /// v3: project, type, UTC date of the start, id.
    Observations,
}

/// Everything stored.
#[derive(Debug, Default)]
pub struct Store {
    /// The table of v4.
    pub events_full: EventsFull,
    /// The tables of v3.
    pub old: OldTables,
    /// Rows that a dual server has yet to copy to `events_full`.
    pub staging: Vec<StoredObservation>,
    /// What was sent for each span, where the world keeps it.
    pub sources: Sources,
    /// Every stored arrival, in order, once whatever the number of tables.
    pub arrivals: Vec<StoredObservation>,
    /// What was lost.
    pub lost: Vec<Lost>,
    /// Keys remembered as bad.
    pub bad_keys: BadKeys,
    /// Trace ids seen over OTLP: only an unseen one gets a shallow trace event.
    pub seen_traces: std::collections::BTreeSet<(String, String)>,
}

impl Store {
    /// The rows of a table, merged.
    pub fn table(&self, table: Table) -> Vec<StoredObservation> {
        match table {
            Table::EventsFull => self.events_full.merged(),
            Table::Observations => self.old.observations(),
        }
    }

    /// Notes a loss.
    pub fn lose(&mut self, project: &str, reason: LostReason, observations: usize, id: Option<&str>) {
        self.lost.push(Lost { project: project.to_owned(), reason, observations, id: id.map(Into::into) });
    }

    /// Forgets all but the newest arrivals, with the rows and traces that belong to no newer one.
    pub fn keep_newest(&mut self, keep: usize) {
        keep_newest(&mut self.lost, keep);
        keep_newest(&mut self.staging, keep);
        let forgotten = keep_newest(&mut self.arrivals, keep);
        if forgotten > 0 || self.old.trace_count() > slack(keep) {
            let spans = self.arrivals.iter().map(|row| (row.project.as_str(), row.span_id.as_str())).collect();
            let traces = self.arrivals.iter().map(|row| (row.project.clone(), row.trace_id.clone())).collect();
            self.events_full.keep(&spans, &traces);
            self.old.keep(&spans, &traces);
            self.sources.retain(&spans);
            self.seen_traces.retain(|trace| traces.contains(trace));
        }
    }

    /// The periodic job of a dual server: staged rows reach `events_full` under a synthetic root `t-<traceId>`
    /// (`reference/langfuse.md` §9, "Across the two APIs"). The stand-in runs it only when told to.
    pub fn propagate(&mut self) {
        let mut rows = Vec::new();
        for mut row in std::mem::take(&mut self.staging) {
            let trace = self.old.trace(&row.project, &row.trace_id);
            let root = format!("t-{}", row.trace_id);
            if let Some(trace) = trace {
                rows.push(synthetic_root(&root, &trace));
                copy_trace(&mut row, &trace);
            }
            row.parent_span_id = row.parent_span_id.or(Some(root));
            rows.push(row);
        }
        self.events_full.insert(rows);
    }
}

/// How many there may be before all but `keep` are forgotten.
fn slack(keep: usize) -> usize {
    keep.saturating_add(keep / 4)
}

/// Forgets all but the last `keep` once there are a quarter more, and says how many went.
pub fn keep_newest<T>(all: &mut Vec<T>, keep: usize) -> usize {
    let surplus = if all.len() > slack(keep) { all.len() - keep } else { 0 };
    all.drain(..surplus);
    surplus
}

fn synthetic_root(id: &str, trace: &StoredTrace) -> StoredObservation {
    let bare = StoredObservation::bare(&trace.project, &trace.id, id, observation::ObservationType::Span, trace.timestamp_ms);
    let mut root = StoredObservation {
        name: trace.name.clone(),
        input: trace.input.clone(),
        output: trace.output.clone(),
        metadata: trace.metadata.clone(),
        version: trace.version.clone(),
        environment: trace.environment.clone(),
        ..bare
    };
    copy_trace(&mut root, trace);
    root
}

fn copy_trace(row: &mut StoredObservation, trace: &StoredTrace) {
    row.user_id.clone_from(&trace.user_id);
    row.session_id.clone_from(&trace.session_id);
    row.trace_name.clone_from(&trace.name);
    row.tags.clone_from(&trace.tags);
    row.release.clone_from(&trace.release);
    row.public = trace.public;
}
