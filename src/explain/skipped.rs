//! Why a record becomes no observation, and what would make it one. Pure.
//!
//! What would make it a call is tried, not guessed: a remedy is named only if the record with it is a call.

use crate::gateway::{ParsedRecord, Skip, Value};
use crate::report::SkipReason;
use crate::sls::{Field, LogRecord};

/// A record that is passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// As the report counts it.
    pub reason: SkipReason,
    /// Why, in words.
    pub why: String,
    /// What would change that.
    pub remedies: Vec<String>,
}

/// Longest piece of a logged text in a sentence. Characters.
const MAX_QUOTED: usize = 80;

/// A record that the gateway's logs or the settings make no observation of.
pub fn skipped(record: &LogRecord<'_>, reason: SkipReason) -> Skipped {
    let (why, remedies) = match reason {
        SkipReason::Record(Skip::NotAGatewayLog) => no_gateway_log(record),
        SkipReason::Record(Skip::NotAModelCall) => (no_call(record), remedies(record)),
        SkipReason::Filtered => {
            let why = "a filter of CONFIG_FILE does not want this record";
            (why.to_owned(), vec!["change the [[filter]] rules".to_owned()])
        }
        SkipReason::SampledOut => {
            let why = "LANGFUSE_SAMPLE_RATE leaves out the trace of this call";
            (why.to_owned(), vec!["raise LANGFUSE_SAMPLE_RATE".to_owned()])
        }
        SkipReason::Disabled => {
            let why = "LANGFUSE_TRACING_ENABLED is false: every record is passed over";
            (why.to_owned(), vec!["unset LANGFUSE_TRACING_ENABLED".to_owned()])
        }
    };
    Skipped { reason, why, remedies }
}

fn no_gateway_log(record: &LogRecord<'_>) -> (String, Vec<String>) {
    let why =
        "it has none of the fields that only an access log has: ai_log, route_name, response_code, response_flags, request_id, start_time";
    let whole_line = text(record, "content").is_some();
    let parse = "the line arrived whole in `content`: the collector could not parse it (a quote in a user agent breaks it); \
                 let the collector parse JSON, and the gateway escape it";
    let other = "read the Logstore that the gateway's access log is delivered to";
    let dialect = "if it is a record of another gateway, describe its format by [dialect.NAME] in the configuration file";
    let remedies = if whole_line { vec![parse] } else { vec![other, dialect] };
    (why.to_owned(), remedies.into_iter().map(str::to_owned).collect())
}

fn no_call(record: &LogRecord<'_>) -> String {
    let path = text(record, "original_path").or_else(|| text(record, "path")).unwrap_or_else(|| "-".to_owned());
    let whatever_is_logged = !is_call_with(record, &[("method", "POST"), STATISTICS]);
    match (text(record, "response_code_details"), text(record, "method")) {
        (Some(details), _) if is_of_mcp(record) => {
            format!(
                "response_code_details is `{details}`: of MCP only tools/call is a call, the rest is how client and server get to know each other"
            )
        }
        _ if whatever_is_logged => {
            format!("a request to `{path}` calls no model, whatever ai_log holds: it belongs to MCP, or lists, counts or stores")
        }
        (_, Some(method)) if !matches!(method.as_str(), "POST" | "PUT") => {
            format!("a {method} to `{path}` asks nothing of a model, and neither ai_log nor question or answer tells of one")
        }
        _ => format!("`{path}` is the path of no model API that is known here, and neither ai_log nor question or answer tells of a model"),
    }
}

/// What the statistics of a model call put into the log.
const STATISTICS: Change = ("ai_log", r#"{"api":"a","model":"m","input_token":1}"#);

/// Each change by itself; both of the request line only where neither is enough.
fn remedies(record: &LogRecord<'_>) -> Vec<String> {
    const POST: Change = ("method", "POST");
    const PATHS: [Change; 2] = [("original_path", "/v1/chat/completions"), ("path", "/v1/chat/completions")];
    const TOOL: Change = ("response_code_details", "mcp:tools/call:server/tool:result");
    const STATISTICS_WORDS: &str =
        "with a model, tokens or texts in ai_log: if this route calls a model, enable the AI statistics plugin on it";
    if is_of_mcp(record) {
        return working(record, &[(&[TOOL], "with response_code_details of a tools/call")]);
    }
    let paths = "with a path that ends as a model API's does (/chat/completions, /messages, /embeddings …)";
    let mut line = working(record, &[(&[POST], "with method POST"), (&PATHS, paths)]);
    if line.is_empty() {
        line = working(record, &[(&[POST, PATHS[0], PATHS[1]], "with method POST and a path that ends as a model API's does")]);
    }
    line.extend(working(record, &[(&[STATISTICS], STATISTICS_WORDS)]));
    line
}

/// A field and the text that it would need.
type Change = (&'static str, &'static str);

/// The words of those changes that make the record a call.
fn working(record: &LogRecord<'_>, tries: &[(&[Change], &str)]) -> Vec<String> {
    let works = tries.iter().filter(|(changes, _)| is_call_with(record, changes));
    works.map(|(_, words)| format!("it would be a call {words}")).collect()
}

fn is_of_mcp(record: &LogRecord<'_>) -> bool {
    text(record, "response_code_details").is_some_and(|details| details.starts_with("mcp:") || details == "json_rpc_ack")
}

fn is_call_with(record: &LogRecord<'_>, changes: &[Change]) -> bool {
    let kept = record.fields.iter().filter(|field| !changes.iter().any(|(key, _)| key.as_bytes() == field.key));
    let mut fields: Vec<Field<'_>> = kept.map(|field| Field { key: field.key, value: field.value }).collect();
    fields.extend(changes.iter().map(|(key, value)| Field { key: key.as_bytes(), value: value.as_bytes() }));
    ParsedRecord::of(&LogRecord { time: record.time, fields }).call().is_ok()
}

fn text(record: &LogRecord<'_>, name: &str) -> Option<String> {
    let field = record.fields.iter().rev().find(|field| field.key == name.as_bytes())?;
    let text = Value::of_field(Some(field.value))?.text()?.into_owned();
    Some(match text.char_indices().nth(MAX_QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    })
}
