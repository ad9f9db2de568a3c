//! What becomes of an accepted request: rows, trace events, losses (`reference/langfuse.md` §1, §4, §12).

use serde_json::Value;

use super::span::{Span, Surroundings};
use super::{direct, legacy};
use crate::emulator::langfuse::store::Store;
use crate::emulator::langfuse::store::lost::LostReason;
use crate::emulator::langfuse::store::observation::StoredObservation;
use crate::emulator::langfuse::version::ServerVersion;
use crate::emulator::langfuse::world::WriteMode;

/// Where and how a request is stored.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// Id of the project.
    pub project: &'a str,
    /// The release whose rules apply.
    pub version: ServerVersion,
    /// The write mode in force.
    pub mode: WriteMode,
    /// Whether the request asked for the direct path to `events_full`.
    pub direct: bool,
}

/// What was stored and what was dropped, for the answers of releases before 3.38.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Ids of stored spans.
    pub stored: Vec<String>,
    /// Ids of dropped spans.
    pub dropped: Vec<String>,
}

/// Stores a request.
pub fn run(store: &mut Store, job: Job<'_>, resource_spans: &Value) -> Outcome {
    match read(resource_spans, job.version) {
        Ok(spans) => stored(store, job, &spans),
        Err(reason) => {
            store.lose(job.project, reason, count(resource_spans), None);
            Outcome::default()
        }
    }
}

type Placed = (Surroundings, Vec<Span>);

fn read(resource_spans: &Value, version: ServerVersion) -> Result<Vec<Placed>, LostReason> {
    let mut placed = Vec::new();
    for resource in list(Some(resource_spans))? {
        for scope in list(resource.get("scopeSpans"))? {
            let around = Surroundings::read(resource, scope, version)?;
            let spans: Result<Vec<Span>, _> = list(scope.get("spans"))?.iter().map(|span| well_formed(span, version)).collect();
            placed.push((around, spans?));
        }
    }
    Ok(placed)
}

fn well_formed(span: &Value, version: ServerVersion) -> Result<Span, LostReason> {
    list(span.get("attributes"))?;
    list(span.get("events"))?;
    Span::read(span, version)
}

/// A list that is absent is empty; one that is no list makes the worker throw.
fn list(given: Option<&Value>) -> Result<&[Value], LostReason> {
    match given {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(LostReason::Malformed),
    }
}

fn spans(resource_spans: &Value) -> impl Iterator<Item = &Value> {
    let scopes = resource_spans.as_array().into_iter().flatten().filter_map(|resource| resource.get("scopeSpans")?.as_array()).flatten();
    scopes.filter_map(|scope| scope.get("spans")?.as_array()).flatten()
}

/// How many spans a request holds.
pub fn count(resource_spans: &Value) -> usize {
    spans(resource_spans).count()
}

/// Whether a request holds a span with this id.
pub fn has_span(resource_spans: &Value, id: &str) -> bool {
    let newest = ServerVersion::new(u32::MAX, 0, 0);
    spans(resource_spans).filter_map(|span| super::primitive::parse_id(span.get("spanId")?, newest).ok()).any(|found| found == id)
}

fn stored(store: &mut Store, job: Job<'_>, placed: &[Placed]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut fresh = Vec::new();
    for (around, span) in each(placed) {
        let old = if job.mode == WriteMode::EventsOnly { None } else { old_row(store, job, span, around) };
        let new = if job.mode != WriteMode::Legacy && job.direct { Some(direct_row(store, job, span, around)) } else { None };
        fresh.extend(new.clone());
        match old.or(new) {
            Some(row) => {
                outcome.stored.push(row.span_id.clone());
                store.arrivals.push(row);
            }
            None => outcome.dropped.push(span.span_id.clone()),
        }
    }
    trace_events(store, job, placed);
    store.events_full.insert(fresh);
    outcome
}

fn each(placed: &[Placed]) -> impl Iterator<Item = (&Surroundings, &Span)> {
    placed.iter().flat_map(|(around, spans)| spans.iter().map(move |span| (around, span)))
}

fn direct_row(store: &mut Store, job: Job<'_>, span: &Span, around: &Surroundings) -> StoredObservation {
    if ["langfuse.trace.input", "langfuse.trace.output"].iter().any(|key| span.attributes.truthy(key).is_some()) {
        store.lose(job.project, LostReason::TraceInputOutput, 0, Some(&span.span_id));
    }
    direct::row(job.project, span, around)
}

fn old_row(store: &mut Store, job: Job<'_>, span: &Span, around: &Surroundings) -> Option<StoredObservation> {
    match legacy::row(job.project, span, around) {
        Ok(row) => {
            store.old.upsert(row.clone());
            if job.mode == WriteMode::Dual && !job.direct {
                store.staging.push(row.clone());
            }
            Some(row)
        }
        Err(reason) => {
            store.lose(job.project, reason, 1, Some(&span.span_id));
            None
        }
    }
}

/// A shallow event is left out where the same request has a fuller one for that trace.
fn trace_events(store: &mut Store, job: Job<'_>, placed: &[Placed]) {
    if job.mode == WriteMode::EventsOnly {
        return;
    }
    for fuller in [true, false] {
        for (around, span) in each(placed) {
            let trace = (job.project.to_owned(), span.trace_id.clone());
            // In the first round every trace counts as seen, so that only full and partial events come out.
            match legacy::trace_event(span, around, fuller || store.seen_traces.contains(&trace)) {
                Ok(Some(event)) if fuller || event.fields.len() == 1 => {
                    store.old.add_trace_event(job.project, &span.trace_id, event);
                    store.seen_traces.insert(trace);
                }
                Err(reason) if fuller => store.lose(job.project, reason, 0, Some(&span.span_id)),
                _ => {}
            }
        }
    }
}
