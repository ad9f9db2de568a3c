//! A path to a value of a record, as an operator writes it in the configuration: `consumer`, `ai_log.session_id`,
//! `request_body.messages[0].role`.
//!
//! Pure. A path is read once, at the start (`syntax`), and followed in every record that asks for it (`walk`): no JSON is turned into
//! objects, each level is scanned once, and what stands before a damage is found. What a value means is for whoever asks.
//!
//! | path | leads to |
//! |---|---|
//! | `consumer`, `_namespace_` | a field of the log, by its key, also one whose key has dots in it; in a call, where the log has no such field, the member of `ai_log` |
//! | `ai_log.session_id` | a member of the unwrapped, repaired `ai_log`, also where a collector has expanded it |
//! | `request_body.metadata.user_id` | inside the JSON of a field, through JSON that is text once more |
//! | `request_body.messages[0].role` | an element of a list, counted from 0 |
//! | `request_body."x.tenant".id` | a key with dots, brackets, quotes or blanks in it, in single or double quotes |
//! | `request_header.x-user-id` | a request header wherever an operator may log it: in a JSON field `request_header` or `request_headers`, or in a field or a member of `ai_log` of the header's name, in any case, with `-` or `_` |

mod syntax;
mod walk;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

pub use syntax::{PathError, PathRule};

use super::{GatewayCall, Value};
use crate::sls::LogRecord;

/// The longest path. Bytes. A deep JSON path has a hundred.
pub const MAX_PATH_BYTES: usize = 300;

/// The two spellings under which a record or a member may hold all headers of the request.
const HEADERS: [&str; 2] = ["request_header", "request_headers"];

/// One step from a JSON value to a value inside it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Step {
    /// To the member of this name.
    Member(Box<str>),
    /// To the member that holds the header of this name.
    Header(Box<str>),
    /// To the element at this index, counted from 0.
    Index(usize),
}

/// Where a path begins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Root {
    /// At a field of the log.
    Field(Box<str>),
    /// At `ai_log`; the first step names its member.
    AiLog,
    /// At the headers of the request; the first step names one.
    Headers,
}

/// A path that has been read. Compares and prints as it was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldPath {
    written: Box<str>,
    root: Root,
    steps: Box<[Step]>,
    /// The key of a field that is called like the whole path, where the path has steps that are names.
    dotted: Option<Box<str>>,
}

impl FieldPath {
    /// Reads a path.
    ///
    /// # Errors
    /// [`PathError`]: the first thing that is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let (root, steps, dotted) = syntax::parse(text)?;
        Ok(Self { written: text.trim().into(), root, steps: steps.into(), dotted })
    }

    /// The path as it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The key of the field that the path begins at, if it begins at one.
    pub fn field(&self) -> Option<&str> {
        match &self.root {
            Root::Field(name) => Some(name),
            Root::AiLog | Root::Headers => None,
        }
    }

    /// True if the path leads to a whole field.
    pub fn is_whole_field(&self) -> bool {
        matches!(self.root, Root::Field(_)) && self.steps.is_empty()
    }

    /// The value in a call, as text: a text without its quotes, a number or truth value as it is written, an object or list as JSON
    /// without blanks. `None` where there is nothing, or one of the gateway's marks for nothing (`-`, `<nil>`, empty, `null`).
    pub fn in_call<'a>(&self, record: &LogRecord<'a>, call: &GatewayCall<'a>) -> Option<Cow<'a, str>> {
        match (&self.root, self.steps.split_first()) {
            (Root::AiLog, Some((Step::Member(name), rest))) => walk::inside(call.ai.member(name)?, rest),
            (Root::Headers, Some((Step::Header(name), rest))) => self.in_record(record).or_else(|| {
                let member = call.ai.others.iter().rev().find(|(key, _)| is_header(key.as_bytes(), name));
                walk::inside(&member?.1, rest)
            }),
            (Root::Field(name), _) => self.in_record(record).or_else(|| walk::inside(call.ai.member(name)?, &self.steps)),
            _ => self.in_record(record),
        }
    }

    /// The same in a record that has not been looked at as a call. `ai_log` is unwrapped, but a damaged one is read only up to the damage.
    pub fn in_record<'a>(&self, record: &LogRecord<'a>) -> Option<Cow<'a, str>> {
        let direct = match &self.root {
            Root::Field(name) => field(record, name.as_bytes()).and_then(|value| walk::inside(&value, &self.steps)),
            Root::AiLog => field(record, b"ai_log").and_then(|value| walk::inside(&value, &self.steps)),
            Root::Headers => self.header(record),
        };
        direct.or_else(|| field(record, self.dotted.as_deref()?.as_bytes())?.text())
    }

    fn header<'a>(&self, record: &LogRecord<'a>) -> Option<Cow<'a, str>> {
        let (Step::Header(name), rest) = self.steps.split_first()? else { return None };
        let collected = HEADERS.iter().find_map(|key| walk::inside(&field(record, key.as_bytes())?, &self.steps));
        let alone = || record.fields.iter().rev().find(|field| is_header(field.key, name));
        collected.or_else(|| walk::inside(&Value::of_field(Some(alone()?.value))?, rest))
    }
}

/// The last field of this key, if it has a value.
fn field<'a>(record: &LogRecord<'a>, key: &[u8]) -> Option<Value<'a>> {
    record.fields.iter().rev().find(|field| field.key == key).and_then(|field| Value::of_field(Some(field.value)))
}

/// True if a field or member may hold the header of this name: `X-User-Id` is logged as `x-user-id` or `x_user_id`.
fn is_header(key: &[u8], name: &str) -> bool {
    let plain = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    key.len() == name.len() && key.iter().zip(name.bytes()).all(|(left, right)| plain(*left) == plain(right))
}

impl fmt::Display for FieldPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.written)
    }
}

impl FromStr for FieldPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text)
    }
}
