//! The log: one line per call and per problem, as JSON for machines or as text for people. In a function everything goes to stdout,
//! because that is what Function Compute collects (`reference/function-compute.md` §3).
//!
//! The form of a line is decided here: `JsonLines` for machines, `human` for what people do not want to read whole.
//!
//! No content of a record, no secret and no text of a server's answer is ever handed to this module.

mod human;

use std::fmt;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Span, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{LogFormat, LogSettings};
use crate::error::Stage;
use crate::handler::Handled;
use crate::report::Report;

/// Names of the fields whose JSON object becomes part of a line for machines, member by member: what a call did, what a model used, and
/// any other.
const MEMBERS: [&str; 3] = [REPORT, USAGE, "members"];
const REPORT: &str = "report";
const USAGE: &str = "usage";

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
    let lines = lines(writer, settings.format.unwrap_or(unset));
    let _ = tracing_subscriber::registry().with(lines.with_filter(settings.filter.clone())).try_init();
}

fn lines<W>(writer: W, format: LogFormat) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    match format {
        LogFormat::Json => lines.event_format(JsonLines).fmt_fields(JsonFields::new()).boxed(),
        LogFormat::Human => lines.with_ansi(false).with_target(false).fmt_fields(human::fields()).boxed(),
    }
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
        tracing::info!(event = "report", request_id = %handled.report.request_id, %report, "the range is settled");
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
    tracing::info!(event = "report", %request_id, %report, "{}", outlook(failure.stage));
}

/// What a failed call comes to. The trigger repeats every one, but where the call itself is refused, that alone mends nothing.
fn outlook(stage: Stage) -> &'static str {
    match stage {
        Stage::Settings => "the call failed; repeating it does not help until the settings are corrected",
        _ => "the call failed; what is undone comes again with its range",
    }
}

/// One flat line for each model, because neither Loki nor a metric filter can go through the members of an object.
fn usage(report: &Report) {
    for (model, used) in report.usage.iter() {
        let usage = serde_json::to_string(used).unwrap_or_default();
        let Report { request_id, project, logstore, .. } = report;
        tracing::info!(event = "usage", %request_id, %project, %logstore, model, %usage, "tokens and cost of one model in this call");
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
        if !MEMBERS.contains(&field.name()) || !self.members(&text) {
            self.text(field.name(), text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Failure;
    use crate::spent::ModelUsage;
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

    /// What is written in a form while `work` is done.
    fn written(format: LogFormat, work: impl FnOnce()) -> String {
        let sink = Sink::default();
        let writer = sink.clone();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines(move || writer.clone(), format)), work);
        let bytes = sink.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_is_flat_json_with_the_members_in_it() {
        let line = written(LogFormat::Json, || {
            let _call = span_of_call("r-1", Some("0af7651916cd43dd8448eb211c80319c")).entered();
            tracing::info!(event = "any", members = %r#"{"shipLines":3}"#, count = 2u64, "done {}", 1);
        });
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((line["event"].as_str(), line["shipLines"].as_u64(), line["count"].as_u64()), (Some("any"), Some(3), Some(2)));
        assert_eq!((line["request_id"].as_str(), line["trace_id"].as_str()), (Some("r-1"), Some("0af7651916cd43dd8448eb211c80319c")));
        assert_eq!((line["level"].as_str(), line["message"].as_str()), (Some("info"), Some("done 1")));
        assert_eq!(line["timestamp"].as_str().unwrap().len(), "2026-03-02T02:10:01.037000000Z".len());
    }

    fn handled(stage: Option<Stage>) -> Handled {
        let mut report = Report::new("r-1");
        (report.ingest_lines, report.ship_lines, report.observations, report.duration_ms) = (7, 3, 3, 41);
        report.skipped = [("filtered", 1), ("sampled_out", 2)].into();
        report.undone = 1;
        let failure = stage.map(|stage| Failure::new(stage, "langfuse_unavailable", "it did not answer", "look at it"));
        Handled { report, failure }
    }

    /// The lines of a call for people, without their times.
    fn told(handled: &Handled) -> Vec<String> {
        let lines = written(LogFormat::Human, || call(handled));
        lines.lines().map(|line| line.split_once(' ').unwrap().1.trim().to_owned()).collect()
    }

    #[test]
    fn machines_get_every_member_of_a_report_beside_the_fields_of_the_line() {
        let handled = handled(None);
        let line = written(LogFormat::Json, || call(&handled));
        let mut line: Value = serde_json::from_str(&line).unwrap();
        line.as_object_mut().unwrap().remove("timestamp");
        let mut expected = serde_json::to_value(&handled.report).unwrap();
        let own = [("level", "info"), ("service", "sls-to-langfuse"), ("event", "report"), ("request_id", "r-1")];
        own.iter().for_each(|(name, text)| expected[name] = (*text).into());
        expected["message"] = "the range is settled".into();
        assert_eq!(line, expected);
    }

    #[test]
    fn people_read_short_fields_and_of_a_failure_why_and_what_to_do() {
        let lines = told(&handled(Some(Stage::Deliver)));
        assert_eq!(
            lines,
            [
                "ERROR it did not answer event=\"failure\" request_id=r-1 stage=\"deliver\" error_type=\"langfuse_unavailable\" \
                 hint=look at it",
                "INFO the call failed; what is undone comes again with its range event=\"report\" request_id=r-1 outcome=success records=7 \
                 delivered=3 observations=3 skipped=filtered:1,sampled_out:2 dead_letters=none undone=1 duration_ms=41",
            ]
        );
    }

    #[test]
    fn wrong_settings_are_not_said_to_mend_themselves() {
        let lines = told(&handled(Some(Stage::Settings)));
        let said = "INFO the call failed; repeating it does not help until the settings are corrected event=\"report\"";
        assert!(lines[1].starts_with(said), "{lines:?}");
    }

    #[test]
    fn people_read_what_a_model_used_in_short() {
        let used = ModelUsage { calls: 3, input_tokens: 30, output_tokens: 9, total_tokens: 39, ..ModelUsage::default() };
        let usage = serde_json::to_string(&used).unwrap();
        let line = written(LogFormat::Human, || tracing::info!(event = "usage", model = "qwen-plus", %usage, "tokens"));
        let fields = "model=\"qwen-plus\" calls=3 input_tokens=30 output_tokens=9 cost_usd=0.0 unpriced=0\n";
        assert!(line.ends_with(fields), "{line}");
    }

    #[test]
    fn no_text_in_the_log_for_people_commands_their_terminal() {
        let line = written(LogFormat::Human, || {
            let name = "\u{1b}[2J\u{9b}2J";
            tracing::warn!(event = "any", %name, "one\ntwo {name}");
        });
        assert!(line.ends_with("WARN one\ntwo \\u{1b}[2J\\u{9b}2J event=\"any\" name=\\u{1b}[2J\\u{9b}2J\n"), "{line:?}");
    }

    #[test]
    fn people_get_a_dead_letter_whole_because_replay_reads_it_back() {
        let line = written(LogFormat::Human, || tracing::warn!(event = "dead_letter", members = %r#"{"v":1,"index":4}"#, "not taken"));
        assert!(line.ends_with("WARN not taken event=\"dead_letter\" members={\"v\":1,\"index\":4}\n"), "{line}");
    }
}
