//! Where a value comes from: a path, a constant, or a template of both; and a list of these, tried in order. Pure.

use std::borrow::Cow;
use std::fmt;

use super::GatewayCall;
use super::field_path::{FieldPath, PathError};
use crate::sls::LogRecord;

/// The longest constant or template. Characters.
const LONGEST: usize = 500;

/// The most sources of one value. Each is looked for in every record.
const MOST_SOURCES: usize = 20;

/// One source of a value. Prints as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The value at a path.
    Path(FieldPath),
    /// The same for every record, written with `=` in front.
    Constant(Box<str>),
    /// Text around values in braces; there only if all of them are.
    Template {
        /// As it was written.
        written: Box<str>,
        /// Its parts in order.
        parts: Box<[Part]>,
    },
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text as it stands.
    Text(Box<str>),
    /// The value at a path.
    Path(FieldPath),
}

/// Sources in the order in which they are tried. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources(Box<[Source]>);

/// A value and the source that had it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<'a, 's> {
    /// The value, not empty.
    pub text: Cow<'a, str>,
    /// Where it comes from.
    pub source: &'s Source,
}

/// Why a text is no source. Says what to write instead; holds nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// It is neither constant nor template and no path either.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A path in braces is wrong.
    #[error("must be a template: in the braces at character {position}: {error}")]
    InTemplate {
        /// The character of the opening brace, counted from 1.
        position: usize,
        /// What is wrong with the path.
        error: PathError,
    },
    /// A brace is not closed, or closes nothing.
    #[error("must be a template: a brace at character {position} has no partner; a brace that is meant is written twice")]
    Brace {
        /// The character of the brace, counted from 1.
        position: usize,
    },
    /// A constant without text, with control characters, or too long.
    #[error("must be = and then the text itself, at most {LONGEST} characters without control characters")]
    Constant,
    /// There is none, or too many.
    #[error("must be 1 to {MOST_SOURCES} sources")]
    Count,
}

impl Source {
    /// Reads `=text`, a text with braces, or a path.
    ///
    /// # Errors
    /// [`SourceError`]: what is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        let text = text.trim();
        if let Some(constant) = text.strip_prefix('=') {
            return Ok(Self::Constant(plain(constant.trim()).ok_or(SourceError::Constant)?.into()));
        }
        if !text.contains(['{', '}']) || text.starts_with(['"', '\'']) {
            return Ok(Self::Path(FieldPath::parse(text)?));
        }
        let written = plain(text).ok_or(SourceError::Constant)?;
        Ok(Self::Template { written: written.into(), parts: parts(text)?.into() })
    }

    /// The value in a call; `None` where there is none.
    pub fn find<'a>(&'a self, record: &LogRecord<'a>, call: &GatewayCall<'a>) -> Option<Cow<'a, str>> {
        self.value(|path| path.in_call(record, call))
    }

    /// The value in a record that has not been looked at as a call.
    pub fn find_in_record<'a>(&'a self, record: &LogRecord<'a>) -> Option<Cow<'a, str>> {
        self.value(|path| path.in_record(record))
    }

    fn value<'a>(&'a self, look_up: impl Fn(&FieldPath) -> Option<Cow<'a, str>>) -> Option<Cow<'a, str>> {
        match self {
            Self::Path(path) => look_up(path),
            Self::Constant(text) => Some(Cow::Borrowed(text)),
            Self::Template { parts, .. } => {
                let mut text = String::new();
                for part in parts {
                    match part {
                        Part::Text(part) => text.push_str(part),
                        Part::Path(path) => text.push_str(&look_up(path)?),
                    }
                }
                Some(Cow::Owned(text))
            }
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(formatter, "{path}"),
            Self::Constant(text) => write!(formatter, "={text}"),
            Self::Template { written, .. } => formatter.write_str(written),
        }
    }
}

impl Sources {
    /// These sources, in this order.
    ///
    /// # Errors
    /// [`SourceError::Count`] for none or too many.
    pub fn new(sources: Vec<Source>) -> Result<Self, SourceError> {
        if (1..=MOST_SOURCES).contains(&sources.len()) { Ok(Self(sources.into())) } else { Err(SourceError::Count) }
    }

    /// The sources in order.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.0.iter()
    }

    /// The first value that is there and that `accept` makes something of.
    pub fn first<'a, T>(
        &'a self,
        record: &LogRecord<'a>,
        call: &GatewayCall<'a>,
        accept: impl Fn(Cow<'a, str>) -> Option<T>,
    ) -> Option<(T, &'a Source)> {
        self.0.iter().find_map(|source| Some((accept(source.find(record, call)?)?, source)))
    }

    /// Every value that is there.
    pub fn all<'a>(&'a self, record: &LogRecord<'a>, call: &GatewayCall<'a>) -> impl Iterator<Item = Found<'a, 'a>> {
        self.0.iter().filter_map(move |source| Some(Found { text: source.find(record, call)?, source }))
    }
}

fn plain(text: &str) -> Option<&str> {
    (!text.is_empty() && text.chars().count() <= LONGEST && !text.chars().any(char::is_control)).then_some(text)
}

fn parts(text: &str) -> Result<Vec<Part>, SourceError> {
    let position = |at: usize| text[..at].chars().count() + 1;
    let (mut parts, mut literal, mut at) = (Vec::new(), String::new(), 0);
    while let Some(offset) = text[at..].find(['{', '}']) {
        let brace = at + offset;
        literal.push_str(&text[at..brace]);
        let rest = &text[brace..];
        if rest.starts_with("{{") || rest.starts_with("}}") {
            literal.push_str(&rest[..1]);
            at = brace + 2;
            continue;
        }
        let end = rest.strip_prefix('{').and_then(closing).ok_or(SourceError::Brace { position: position(brace) })?;
        let path = FieldPath::parse(&rest[1..=end]).map_err(|error| SourceError::InTemplate { position: position(brace), error })?;
        if !literal.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut literal).into()));
        }
        parts.push(Part::Path(path));
        at = brace + end + 2;
    }
    literal.push_str(&text[at..]);
    if !literal.is_empty() {
        parts.push(Part::Text(literal.into()));
    }
    Ok(parts)
}

/// Length of a path in braces: up to the first `}` outside quotes.
fn closing(inner: &str) -> Option<usize> {
    let mut quote = None;
    inner.bytes().position(|byte| match (quote, byte) {
        (None, b'}') => true,
        (None, b'"' | b'\'') => {
            quote = Some(byte);
            false
        }
        (Some(open), _) if open == byte => {
            quote = None;
            false
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::ParsedRecord;
    use crate::sls::{Field, LogTime};

    fn found(text: &str) -> Option<String> {
        let pairs =
            [("consumer", "team-a"), ("ai_log", r#"{"api":"a@b@c"}"#), ("request_id", "r"), ("path", "/v1/messages"), ("odd }", "x")];
        let fields = pairs.iter().map(|(key, value)| Field { key: key.as_bytes(), value: value.as_bytes() }).collect();
        let record = LogRecord { time: LogTime { seconds: 1, nanoseconds: None }, fields };
        let parsed = ParsedRecord::of(&record);
        Source::parse(text).unwrap().find(&record, &parsed.call().unwrap()).map(Cow::into_owned)
    }

    #[test]
    fn a_source_is_a_path_a_constant_or_a_template() {
        assert_eq!(found("consumer").as_deref(), Some("team-a"));
        assert_eq!(found("= a {b} ").as_deref(), Some("a {b}"));
        assert_eq!(found("{consumer}@{ai_log.api}").as_deref(), Some("team-a@a@b@c"));
        assert_eq!(found("{{x}} {consumer}").as_deref(), Some("{x} team-a"));
        assert_eq!(found("{'odd }'}!").as_deref(), Some("x!"));
        assert_eq!(found("'odd }'").as_deref(), Some("x"));
    }

    #[test]
    fn a_template_with_a_gap_is_no_value() {
        assert_eq!(found("{consumer}/{ai_log.session_id}"), None);
    }

    #[test]
    fn what_is_no_source_says_why_and_where() {
        let refused = |text: &str| Source::parse(text).unwrap_err();
        assert_eq!(refused("x {consumer"), SourceError::Brace { position: 3 });
        assert_eq!(refused("x }"), SourceError::Brace { position: 3 });
        assert!(matches!(refused("日 {}"), SourceError::InTemplate { position: 3, .. }));
        assert_eq!(refused("="), SourceError::Constant);
        assert_eq!(refused("=a\u{7}"), SourceError::Constant);
        assert!(matches!(refused("a b"), SourceError::Path(_)));
    }

    #[test]
    fn a_source_prints_as_it_was_written() {
        for text in ["consumer", "=a", "{consumer}@{ai_log.api}", "request_body.\"x y\""] {
            assert_eq!(Source::parse(text).unwrap().to_string(), text);
        }
    }
}
