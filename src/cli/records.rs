//! Log records as JSON lines → who they are as observations. The judgement is the library's: `gateway` and `trace`.

use std::sync::Arc;

use crate::emulator::sls::{LoadError, groups_from_jsonl};
use crate::export::otlp::type_name;
use crate::gateway::dialect::Dialects;
use crate::report::SkipReason;
use crate::sls::{Field, LogRecord, LogTime};
use crate::trace::map::observation;
use crate::trace::settings::TraceSettings;
use crate::trace::{SpanId, TraceId};

/// An observation's identity, as far as the record alone decides it (`design.md` decision 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identified {
    /// Trace.
    pub trace_id: TraceId,
    /// Observation.
    pub span_id: SpanId,
    /// UNIX milliseconds.
    pub start_ms: i64,
    /// Type, as Langfuse names it.
    pub kind: &'static str,
}

/// The identity of the record on a line, or why it is passed over; `None` for a blank line.
///
/// # Errors
/// When the line is no JSON object.
pub fn identify(line: &str, dialects: &Arc<Dialects>) -> Result<Option<Result<Identified, SkipReason>>, LoadError> {
    with_record(line, |record| of_record(record, dialects))
}

/// Gives `read` the record on a line; `None` for a blank line.
///
/// # Errors
/// When the line is no JSON object.
pub fn with_record<T>(line: &str, read: impl FnOnce(&LogRecord<'_>) -> T) -> Result<Option<T>, LoadError> {
    // A line that carries no time of its own has none.
    let groups = groups_from_jsonl(line, 1, 0)?;
    let Some(log) = groups.first().and_then(|group| group.logs.first()) else { return Ok(None) };
    let fields = log.contents.iter().map(|content| Field { key: &content.key, value: &content.value }).collect();
    Ok(Some(read(&LogRecord { time: LogTime { seconds: log.time, nanoseconds: log.time_ns }, fields })))
}

fn of_record(record: &LogRecord<'_>, dialects: &Arc<Dialects>) -> Result<Identified, SkipReason> {
    let settings = TraceSettings { dialects: Arc::clone(dialects), ..TraceSettings::default() };
    let read = settings.dialects.read(record);
    let parsed = read.parsed();
    let call = parsed.call().map_err(SkipReason::Record)?;
    let seen = observation(record, &call, &settings);
    Ok(Identified { trace_id: seen.trace_id, span_id: seen.span_id, start_ms: seen.start_ms, kind: type_name(seen.kind) })
}
