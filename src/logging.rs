//! The log: one line per call and per problem, as JSON for machines or as text for people. In a function everything goes to stdout,
//! because that is what Function Compute collects (`reference/function-compute.md` §3).
//!
//! The form of a line is decided here: `JsonLines` for machines, `human` for what people do not want to read whole.
//!
//! No content of a record, no secret and no text of a server's answer is ever handed to this module.

mod human;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::value::RawValue;
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Span, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry, layer::SubscriberExt};

use crate::config::{LogFormat, LogSettings};
use crate::error::Stage;
use crate::handler::Handled;
use crate::report::Report;

/// Names of the fields whose JSON object becomes part of a line for machines, member by member, in events of this program: what a call did,
/// what a model used, and any other. None of the members may have the name of a field.
const MEMBERS: [&str; 3] = [REPORT, USAGE, "members"];
const REPORT: &str = "report";
const USAGE: &str = "usage";

/// What the targets of this program's own events begin with.
const OWN: &str = env!("CARGO_CRATE_NAME");

/// Room for a line, the longest of a call included. Bytes.
const LINE_BYTES: usize = 1024;

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
    let _ = tracing::subscriber::set_global_default(subscriber(writer, settings, unset));
}

/// What writes the log as these settings want it; `unset` is its form where they name none.
pub fn subscriber<W>(writer: W, settings: &LogSettings, unset: LogFormat) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = lines(writer, settings.format.unwrap_or(unset));
    tracing_subscriber::registry().with(lines.with_filter(settings.filter.clone()))
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

/// Writes what a call did: a line for each model, why it failed if it did, and `report`, which is its report as JSON.
pub fn call(handled: &Handled, report: &str) {
    usage(&handled.report);
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
        hint = %failure.advice(),
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
/// call and of the event. Written as it comes, without a tree in between: the lines of a call were a tenth of what a small one costs.
#[derive(Clone, Copy, Debug)]
struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = Line::begin(event.metadata());
        event.record(&mut line);
        for span in context.event_scope().into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                line.inherit(fields);
            }
        }
        writeln!(out, "{}", line.end())
    }
}

/// A line in the making, up to and without the brace that closes it.
struct Line<'e> {
    json: Vec<u8>,
    event: &'e Metadata<'e>,
}

impl<'e> Line<'e> {
    fn begin(event: &'e Metadata<'e>) -> Self {
        let mut line = Self { json: Vec::with_capacity(LINE_BYTES), event };
        line.put("timestamp", &format_args!("{:.9}", jiff::Timestamp::now()));
        line.put("level", &event.level().as_str().to_ascii_lowercase());
        line.put("service", "sls-to-langfuse");
        line
    }

    /// Writes a member, whose value always serialises: it is a text, a number or JSON already.
    fn put(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        self.json.push(if self.json.is_empty() { b'{' } else { b',' });
        let _ = serde_json::to_writer(&mut self.json, name);
        self.json.push(b':');
        let _ = serde_json::to_writer(&mut self.json, value);
    }

    /// Takes in the members of an object.
    fn put_members(&mut self, object: &str) {
        let members = object.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).filter(|members| !members.is_empty());
        if let Some(members) = members {
            self.json.push(b',');
            self.json.extend_from_slice(members.as_bytes());
        }
    }

    /// Adds what a span says and the event does not say itself.
    fn inherit(&mut self, span: &str) {
        let fields: BTreeMap<&str, &RawValue> = serde_json::from_str(span).unwrap_or_default();
        for (name, value) in fields {
            if self.event.fields().field(name).is_none() {
                self.put(name, value);
            }
        }
    }

    fn end(mut self) -> String {
        self.json.push(b'}');
        // JSON of texts is UTF-8.
        String::from_utf8(self.json).unwrap_or_default()
    }
}

impl Visit for Line<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), &value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Others may have a field of that name, and anything in it.
        if MEMBERS.contains(&field.name()) && self.event.target().starts_with(OWN) {
            self.put_members(&format!("{value:?}"));
        } else {
            self.put(field.name(), &format_args!("{value:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Failure;
    use crate::spent::{ModelUsage, UsageByModel};
    use serde_json::Value;
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
        let lines = written(LogFormat::Human, || call(handled, &handled.report.json()));
        lines.lines().map(|line| line.split_once(' ').unwrap().1.trim().to_owned()).collect()
    }

    #[test]
    fn machines_get_every_member_of_a_report_beside_the_fields_of_the_line() {
        let handled = handled(None);
        let line = written(LogFormat::Json, || call(&handled, &handled.report.json()));
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

    /// What machines get of what is logged inside of a call, line by line.
    fn logged(work: impl FnOnce()) -> Vec<String> {
        written(LogFormat::Json, || span_of_call("r-1", None).in_scope(work)).lines().map(str::to_owned).collect()
    }

    fn read(line: &str) -> Value {
        serde_json::from_str(line).unwrap()
    }

    #[test]
    fn whatever_a_text_holds_its_line_stays_one_object() {
        let text = "\"}\n{\\ \u{1} 你好";
        let lines = logged(|| {
            tracing::warn!(text, shown = %text, debugged = ?text, signed = -1, yes = true, "{text}");
            tracing::warn!(target: "elsewhere", members = %"{ not json }", "theirs");
            tracing::warn!(members = %"{}", "none");
        });
        let line = read(&lines[0]);
        let texts = ["text", "shown", "message", "debugged"].map(|name| line[name].as_str().unwrap().to_owned());
        assert_eq!(texts, [text.to_owned(), text.to_owned(), text.to_owned(), format!("{text:?}")]);
        assert_eq!((line["signed"].as_i64(), line["yes"].as_bool()), (Some(-1), Some(true)));
        assert_eq!(read(&lines[1])["members"], "{ not json }");
        assert_eq!((read(&lines[2])["message"].as_str(), lines.len()), (Some("none"), 3));
    }

    #[test]
    fn no_line_of_a_call_names_anything_twice() {
        let mut report = Report { source: "stream".into(), settled_cursor: "MQ==".into(), ..Report::new("r-2") };
        report.routes.insert("a".into(), Default::default());
        report.usage = UsageByModel::of_one("qwen-max");
        let failure = Failure::new(Stage::Pull, "kind", "what", "do");
        let lines = logged(|| {
            let json = report.json();
            call(&Handled { report, failure: Some(failure) }, &json);
        });
        assert_eq!(
            lines.iter().map(|line| read(line)["event"].as_str().unwrap().to_owned()).collect::<Vec<_>>(),
            ["usage", "failure", "report"]
        );
        for line in lines {
            assert_eq!(read(&line).to_string().len(), line.len(), "{line}");
            assert_eq!(read(&line)["request_id"], "r-2", "the event's own id counts");
        }
    }
}
