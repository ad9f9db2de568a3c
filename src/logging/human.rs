//! The form of fields for a person at a terminal: of the long objects that some lines carry for machines, the few members that one reads.
//! Dead letters stay whole: `replay` reads them back from this form as well.

use std::fmt;

use serde_json::Value;
use tracing::field::Field;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

use super::{REPORT, USAGE};

/// What a person reads of a report, and how it is called here.
const OF_REPORT: [(&str, &str); 8] = [
    ("outcome", "outcome"),
    ("ingestLines", "records"),
    ("shipLines", "delivered"),
    ("observations", "observations"),
    ("skipped", "skipped"),
    ("deadLettered", "dead_letters"),
    ("undone", "undone"),
    ("durationMs", "duration_ms"),
];

/// What a person reads of the usage of a model.
const OF_USAGE: [(&str, &str); 5] = [
    ("calls", "calls"),
    ("inputTokens", "input_tokens"),
    ("outputTokens", "output_tokens"),
    ("costUsd", "cost_usd"),
    ("unpriced", "unpriced"),
];

/// Writes fields as `name=value`, separated by blanks, and reports in short.
pub(super) fn fields() -> impl for<'w> FormatFields<'w> + Send + Sync + 'static {
    debug_fn(|out: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug| match field.name() {
        "message" => out.write_str(&harmless(value)),
        REPORT => out.write_str(&short(&harmless(value), &OF_REPORT)),
        USAGE => out.write_str(&short(&harmless(value), &OF_USAGE)),
        name => write!(out, "{name}={}", harmless(value)),
    })
    .delimited(" ")
}

/// A value without anything that a terminal would obey.
fn harmless(value: &dyn fmt::Debug) -> String {
    let obeyed = |sign: char| sign.is_control() && sign != '\n';
    let text = format!("{value:?}");
    if !text.contains(obeyed) {
        return text;
    }
    text.chars().map(|sign| if obeyed(sign) { sign.escape_default().to_string() } else { sign.to_string() }).collect()
}

/// The wanted members of a JSON object.
fn short(json: &str, wanted: &[(&str, &str)]) -> String {
    let object: Value = serde_json::from_str(json).unwrap_or_default();
    let present = wanted.iter().filter_map(|(member, name)| Some(format!("{name}={}", plain(object.get(member)?))));
    present.collect::<Vec<_>>().join(" ")
}

/// A value without the syntax of JSON; of counts by reason `reason:count`.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(counts) if counts.is_empty() => "none".to_owned(),
        Value::Object(counts) => counts.iter().map(|(reason, count)| format!("{reason}:{count}")).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
