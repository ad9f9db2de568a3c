//! What arrived at a stand-in, as a tree of traces and their observations. Pure.
//!
//! Nothing is aligned behind logged text: Chinese characters are two columns wide on a terminal and one in a count.

use std::collections::HashSet;

use super::output::one_line;
use crate::emulator::langfuse::{LangfuseEmulator, StoredObservation, StoredTrace};

/// Characters of a name, user, session or model that are shown.
const NAME_CHARS: usize = 100;

/// Characters of input and output that are shown.
const TEXT_CHARS: usize = 110;

/// Traces that are shown. Nobody reads more on a terminal.
const TRACES: usize = 50;

/// The tree, traces in the order of their first observation.
pub fn tree(langfuse: &LangfuseEmulator) -> String {
    let mut rows = langfuse.observations();
    rows.sort_by(|one, other| (one.start_ms, &one.span_id).cmp(&(other.start_ms, &other.span_id)));
    let mut lines = Vec::new();
    let ids = trace_ids(&rows);
    for trace in ids.iter().take(TRACES).filter_map(|(project, id)| langfuse.trace(project, id)) {
        lines.push(format!("trace {}", trace.id));
        lines.push(format!("│  {}", about_trace(&trace)));
        let own: Vec<_> = rows.iter().filter(|row| row.trace_id == trace.id && row.project == trace.project).collect();
        for (index, row) in own.iter().enumerate() {
            lines.extend(branch(&about(row), index + 1 == own.len()));
        }
    }
    if ids.len() > TRACES {
        lines.push(format!("and {} more traces", ids.len() - TRACES));
    }
    lines.join("\n")
}

/// Project and trace id of each trace, once.
fn trace_ids(rows: &[StoredObservation]) -> Vec<(&str, &str)> {
    let mut seen = HashSet::new();
    rows.iter().map(|row| (row.project.as_str(), row.trace_id.as_str())).filter(|id| seen.insert(*id)).collect()
}

/// Hangs lines below a trace: the first one on the branch, the others under it.
fn branch(lines: &[String], last: bool) -> impl Iterator<Item = String> {
    let (first, others) = if last { ("└─ ", "      ") } else { ("├─ ", "│     ") };
    lines.iter().enumerate().map(move |(index, line)| format!("{}{line}", if index == 0 { first } else { others }))
}

fn about_trace(trace: &StoredTrace) -> String {
    let named = |what: &str, value: &Option<String>| value.as_ref().map(|value| format!("{what} {}", name(value)));
    let tags = (!trace.tags.is_empty()).then(|| format!("tags {}", name(&trace.tags.join(", "))));
    let parts = [
        Some(format!("name {}", name(trace.name.as_deref().unwrap_or("-")))),
        named("user", &trace.user_id),
        named("session", &trace.session_id),
        tags,
        Some(format!("environment {}", name(&trace.environment))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

fn about(row: &StoredObservation) -> Vec<String> {
    let model = row.model.as_ref().map_or_else(|| "no model".to_owned(), |model| format!("model {}", name(model)));
    let status = row.status_message.as_ref().map(|text| format!(": {}", one_line(text, TEXT_CHARS))).unwrap_or_default();
    let mut lines = vec![
        format!("{} {} · {model}", row.observation_type.as_str(), name(row.name.as_deref().unwrap_or("-"))),
        format!("level {}{status}", row.level),
        format!("{} · {}", timing(row), tokens(row)),
    ];
    let texts = [("in ", &row.input), ("out", &row.output)];
    lines.extend(texts.iter().filter_map(|(what, text)| Some(format!("{what} {}", one_line(text.as_ref()?, TEXT_CHARS)))));
    lines
}

fn timing(row: &StoredObservation) -> String {
    let since_start = |moment: Option<i64>| moment.map(|moment| moment.saturating_sub(row.start_ms));
    let latency = since_start(row.end_ms).map_or_else(|| "latency unknown".to_owned(), |ms| format!("latency {ms} ms"));
    let first = since_start(row.completion_start_ms).map(|ms| format!(", first token after {ms} ms")).unwrap_or_default();
    latency + &first
}

/// All buckets, a part behind its whole: `input 176, input cached 1024, output 15, total 1215`.
fn tokens(row: &StoredObservation) -> String {
    if row.usage_details.is_empty() {
        return "no token counts".to_owned();
    }
    let bucket = |(bucket, count): (&String, &u64)| format!("{} {count}", name(&bucket.replace("_tokens", "").replace('_', " ")));
    format!("tokens {}", row.usage_details.iter().map(bucket).collect::<Vec<_>>().join(", "))
}

fn name(text: &str) -> String {
    one_line(text, NAME_CHARS)
}
