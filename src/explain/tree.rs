//! An explanation as a tree for a terminal. Pure.
//!
//! Nothing is aligned behind logged text: Chinese characters are two columns wide on a terminal and one in a count.

use super::facts::METADATA;
use super::shown::{escaped, shortened};
use super::{Attribute, Delivered, Explanation, Reason, Skipped};

/// Characters of a value that are shown.
const VALUE_CHARS: usize = 160;

/// Characters of a name that are shown.
const NAME_CHARS: usize = 120;

/// Sources of an attribute that are named.
const SOURCES: usize = 4;

/// Fields of a group that are named.
const FIELDS: usize = 30;

/// Width of the widest label.
const LABEL_WIDTH: usize = 12;

/// How attributes are called on a terminal.
const LABELS: [(&str, &str); 24] = [
    ("traceId", "trace id"),
    ("spanId", "span id"),
    ("parentSpanId", "parent span"),
    ("type", "type"),
    ("name", "name"),
    ("startTime", "start"),
    ("completionStartTime", "first token"),
    ("endTime", "end"),
    ("level", "level"),
    ("statusMessage", "message"),
    ("model", "model"),
    ("usageDetails", "usage"),
    ("costDetails", "cost"),
    ("input", "input"),
    ("output", "output"),
    ("promptName", "prompt"),
    ("promptVersion", "of version"),
    ("environment", "environment"),
    ("traceName", "trace name"),
    ("userId", "user"),
    ("sessionId", "session"),
    ("tags", "tags"),
    ("release", "release"),
    ("version", "version"),
];

/// A branch with what hangs below it.
struct Branch {
    line: String,
    below: Vec<Branch>,
}

/// The tree of a record on line `number`.
pub fn tree(number: usize, explanation: &Explanation) -> String {
    let root = match explanation {
        Explanation::Delivered(delivered) => Branch::of(format!("line {number}: delivered"), branches(delivered)),
        Explanation::Skipped(skipped) => of_skipped(number, skipped),
    };
    let mut lines = vec![root.line];
    hang(&mut lines, "", root.below);
    lines.join("\n")
}

fn of_skipped(number: usize, skipped: &Skipped) -> Branch {
    let mut below = vec![Branch::leaf(format!("why: {}", escaped(&skipped.why)))];
    if !skipped.remedies.is_empty() {
        below.push(Branch::of(
            "What would change that".into(),
            skipped.remedies.iter().map(|remedy| Branch::leaf(escaped(remedy))).collect(),
        ));
    }
    Branch::of(format!("line {number}: skipped as {}", skipped.reason.name()), below)
}

fn branches(delivered: &Delivered) -> Vec<Branch> {
    let (metadata, plain): (Vec<_>, Vec<_>) = delivered.attributes.iter().partition(|attribute| attribute.name.starts_with(METADATA));
    let absent = delivered.absent.iter().map(|absent| Branch::leaf(format!("{}  {}", label(absent.name), absent.why)));
    let advice = delivered.advice.iter().map(|advice| {
        let because = Branch::leaf(format!("because {}", escaped(&advice.because)));
        Branch::of(format!("{}: {}", advice.gain.replace('_', " "), advice.advice), vec![because])
    });
    let mut advice: Vec<_> = advice.collect();
    if advice.is_empty() {
        advice.push(Branch::leaf("nothing: what this program can use of such a call is there".into()));
    }
    let mut branches: Vec<_> = plain.into_iter().map(|attribute| Branch::leaf(about(&label(&attribute.name), attribute))).collect();
    let groups = [
        ("metadata", metadata.into_iter().map(|attribute| Branch::leaf(about(&key(attribute), attribute))).collect()),
        ("Without a value", absent.collect()),
        ("Read with care", delivered.notes.iter().map(|note| Branch::leaf(note.clone())).collect()),
        ("Log fields that are not shown above", unused(delivered)),
        ("What the gateway could log to get more", advice),
    ];
    branches.extend(groups.into_iter().filter(|(_, below)| !below.is_empty()).map(|(line, below)| Branch::of(line.into(), below)));
    branches
}

/// `user  demo-user  ← ai_log.consumer (how)`.
fn about(label: &str, attribute: &Attribute) -> String {
    let more = attribute.text.chars().count().saturating_sub(VALUE_CHARS);
    let more = if more > 0 { format!(" [and {more} more characters]") } else { String::new() };
    let value = escaped(attribute.text.get(..end_of(&attribute.text)).unwrap_or_default()) + &more;
    let setting = attribute.setting.map(|setting| format!("setting {setting}"));
    let named = attribute.from.iter().take(SOURCES).map(|name| escaped(&shortened(name, NAME_CHARS)));
    let more = attribute.from.len().saturating_sub(SOURCES);
    let names: Vec<_> = named.chain((more > 0).then(|| format!("{more} more"))).chain(setting).collect();
    let from = if names.is_empty() { String::new() } else { format!("  ← {}", names.join(", ")) };
    let how = attribute.how.as_ref().map(|how| format!("  ({})", escaped(how))).unwrap_or_default();
    format!("{label}  {value}{from}{how}")
}

/// Where the shown part of a value ends.
fn end_of(text: &str) -> usize {
    text.char_indices().nth(VALUE_CHARS).map_or(text.len(), |(end, _)| end)
}

fn unused(delivered: &Delivered) -> Vec<Branch> {
    let mut reasons: Vec<Reason> = delivered.unused.iter().map(|unused| unused.reason).collect();
    reasons.dedup();
    let group = |reason: Reason| {
        let fields: Vec<_> = delivered.unused.iter().filter(|unused| unused.reason == reason).collect();
        let named = fields.iter().take(FIELDS).map(|unused| escaped(&shortened(&unused.field, NAME_CHARS)));
        let more = fields.len().saturating_sub(FIELDS);
        let names: Vec<_> = named.chain((more > 0).then(|| format!("{more} more"))).collect();
        Branch::leaf(format!("{}: {}", reason.words(), names.join(", ")))
    };
    reasons.into_iter().map(group).collect()
}

fn label(name: &str) -> String {
    let label = LABELS.iter().find(|(known, _)| *known == name).map_or(name, |(_, label)| label);
    format!("{label:<LABEL_WIDTH$}")
}

fn key(attribute: &Attribute) -> String {
    let key = attribute.name.strip_prefix(METADATA).unwrap_or(&attribute.name);
    escaped(&shortened(key, NAME_CHARS))
}

impl Branch {
    fn of(line: String, below: Vec<Self>) -> Self {
        Self { line, below }
    }

    fn leaf(line: String) -> Self {
        Self::of(line, Vec::new())
    }
}

/// Hangs branches below what stands there; two levels deep at most, so the recursion is short.
fn hang(lines: &mut Vec<String>, indent: &str, branches: Vec<Branch>) {
    let last = branches.len().saturating_sub(1);
    for (index, branch) in branches.into_iter().enumerate() {
        let (fork, below) = if index == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        lines.push(format!("{indent}{fork}{}", branch.line));
        hang(lines, &format!("{indent}{below}"), branch.below);
    }
}
