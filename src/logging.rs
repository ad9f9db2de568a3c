//! The log: one line per call and per problem, as JSON for machines or as text for people. In a function everything goes to stdout,
//! because that is what Function Compute collects (`reference/function-compute.md` §3).
//!
//! No content of a record, no secret and no text of a server's answer is ever handed to this module.

use std::fmt;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Span, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{LogFormat, LogSettings};
use crate::handler::Handled;
use crate::report::Report;

/// Name of the field whose JSON object becomes part of the line, member by member.
const MEMBERS: &str = "members";

/// Starts the log of a function, on stdout. A second start changes nothing.
pub fn start(settings: &LogSettings, unset: LogFormat) {
    start_on(std::io::stdout, settings, unset);
}

/// Starts the log of a command whose stdout carries its result: on stderr. A second start changes nothing.
pub fn start_beside_result(settings: &LogSettings, unset: LogFormat) {
    start_on(std::io::stderr, settings, unset);
}

fn start_on<W>(writer: W, settings: &LogSettings, unset: LogFormat)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let layer = match settings.format.unwrap_or(unset) {
        LogFormat::Json => lines.event_format(JsonLines).fmt_fields(JsonFields::new()).boxed(),
        LogFormat::Human => lines.with_ansi(false).with_target(false).boxed(),
    };
    let _ = tracing_subscriber::registry().with(layer.with_filter(settings.filter.clone())).try_init();
}

/// Makes panics a log line that names the place and nothing else: a panic's own message may quote the text it stumbled over.
pub fn hide_panic_messages() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(event = "panic", place, "a bug: a task panicked");
    }));
}

/// What every line of a call carries: its id, and the id of the platform's own trace of it where there is one. Whatever is written inside
/// of the span has both.
pub fn span_of_call(request_id: &str, trace_id: Option<&str>) -> Span {
    tracing::error_span!("call", request_id, trace_id)
}

/// Writes what a call did: a line for each model, why it failed if it did, and the report.
pub fn call(handled: &Handled) {
    usage(&handled.report);
    let report = serde_json::to_string(&handled.report).unwrap_or_default();
    let Some(failure) = &handled.failure else {
        tracing::info!(event = "report", request_id = %handled.report.request_id, members = %report, "the range is settled");
        return;
    };
    let request_id = &handled.report.request_id;
    tracing::error!(
        event = "failure",
        %request_id,
        stage = failure.stage.name(),
        error_type = failure.error_type,
        hint = %failure.hint,
        "{}", failure.message
    );
    tracing::info!(event = "report", %request_id, members = %report, "the call failed; what is undone comes again with its range");
}

/// One flat line for each model, because neither Loki nor a metric filter can go through the members of an object.
fn usage(report: &Report) {
    for (model, used) in report.usage.iter() {
        let members = serde_json::to_string(used).unwrap_or_default();
        let Report { request_id, project, logstore, .. } = report;
        tracing::info!(event = "usage", %request_id, %project, %logstore, model, %members, "tokens and cost of one model in this call");
    }
}

/// One JSON object per line: timestamp (RFC 3339, nanoseconds), level, service, message, and the fields of the
/// call and of the event.
#[derive(Clone, Copy, Debug)]
struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = Line(Map::new());
        line.text("timestamp", format!("{:.9}", jiff::Timestamp::now()));
        line.text("level", event.metadata().level().as_str().to_ascii_lowercase());
        line.text("service", "sls-to-langfuse".to_owned());
        for span in context.event_scope().into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                line.members(fields);
            }
        }
        event.record(&mut line);
        writeln!(out, "{}", Value::Object(line.0))
    }
}

/// A line in the making.
struct Line(Map<String, Value>);

impl Line {
    fn text(&mut self, name: &str, text: String) {
        self.0.insert(name.to_owned(), Value::String(text));
    }

    /// Takes in the members of an object. False if the text is none.
    fn members(&mut self, json: &str) -> bool {
        let Ok(Value::Object(members)) = serde_json::from_str(json) else { return false };
        self.0.extend(members);
        true
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field.name(), value.to_owned());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() != MEMBERS || !self.members(&text) {
            self.text(field.name(), text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_flat_json_with_the_members_in_it() {
        let sink = Sink::default();
        let writer = sink.clone();
        let layer = tracing_subscriber::fmt::layer().with_writer(move || writer.clone());
        let layer = layer.event_format(JsonLines).fmt_fields(JsonFields::new());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let _call = span_of_call("r-1", Some("0af7651916cd43dd8448eb211c80319c")).entered();
            tracing::info!(event = "report", members = %r#"{"shipLines":3}"#, count = 2u64, "done {}", 1);
        });
        let line: Value = serde_json::from_slice(&sink.0.lock().unwrap()).unwrap();
        assert_eq!((line["event"].as_str(), line["shipLines"].as_u64(), line["count"].as_u64()), (Some("report"), Some(3), Some(2)));
        assert_eq!((line["request_id"].as_str(), line["trace_id"].as_str()), (Some("r-1"), Some("0af7651916cd43dd8448eb211c80319c")));
        assert_eq!((line["level"].as_str(), line["message"].as_str()), (Some("info"), Some("done 1")));
        assert_eq!(line["timestamp"].as_str().unwrap().len(), "2026-03-02T02:10:01.037000000Z".len());
    }
}
