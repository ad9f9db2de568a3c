//! The text of a path → where it begins and its steps, or what is wrong with it. Pure.

use super::{HEADERS, MAX_PATH_BYTES, Root, Step};

/// Bytes that a name without quotes cannot hold: they mean something in a path or in a template.
const MEANINGFUL: &[u8] = b".[]\"'{}";

/// What is wrong with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathRule {
    /// It has no text.
    Empty,
    /// It is longer than [`MAX_PATH_BYTES`].
    TooLong,
    /// A name is missing: at the beginning, at the end, or between two dots.
    MissingName,
    /// A blank or control character stands in a name without quotes.
    Blank,
    /// `{`, `}`, `]` or a quote stands where none may.
    Unexpected,
    /// A quote is not closed.
    OpenQuote,
    /// A bracket does not hold a whole number from 0, or is not closed.
    Index,
    /// `ai_log` or a header field is named without what is wanted of it, or the path begins with an index.
    Whole,
    /// It begins with `$`, as in JSONPath.
    Dollar,
}

/// Why a text is no path. Says what to write instead; holds nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a path: {} at character {}{}", .rule.reason(), .position, .rule.advice())]
pub struct PathError {
    /// What is wrong.
    pub rule: PathRule,
    /// The character where it was noticed, counted from 1.
    pub position: usize,
}

impl PathRule {
    const fn reason(self) -> &'static str {
        match self {
            Self::Empty => "there is no text",
            Self::TooLong => "it is longer than 300 bytes",
            Self::MissingName => "a name is missing",
            Self::Blank => "there is a blank or control character",
            Self::Unexpected => "there is a bracket, brace or quote that does not belong",
            Self::OpenQuote => "a quote is not closed",
            Self::Index => "brackets must hold a whole number from 0",
            Self::Whole => "there must be a name behind it",
            Self::Dollar => "it begins with $",
        }
    }

    const fn advice(self) -> &'static str {
        match self {
            Self::Empty | Self::TooLong | Self::OpenQuote => "",
            Self::MissingName => "; names are separated by single dots, as in ai_log.session_id",
            Self::Blank | Self::Unexpected => "; a name with such a character stands in quotes, as in request_body.\"my key\"",
            Self::Index => ", as in request_body.messages[0].role; a name in brackets stands in quotes and after a dot instead",
            Self::Whole => ", as in ai_log.session_id or request_header.x-user-id",
            Self::Dollar => "; leave out $ and the dot behind it",
        }
    }
}

/// Root, steps, and the key of a field that is called like the whole path.
pub(super) type Parsed = (Root, Vec<Step>, Option<Box<str>>);

pub(super) fn parse(text: &str) -> Result<Parsed, PathError> {
    let text = text.trim();
    let wrong = |rule, position| Err(PathError { rule, position });
    match text {
        "" => return wrong(PathRule::Empty, 1),
        _ if text.len() > MAX_PATH_BYTES => return wrong(PathRule::TooLong, MAX_PATH_BYTES),
        _ if text.starts_with('$') => return wrong(PathRule::Dollar, 1),
        _ => {}
    }
    let mut scanner = Scanner { text, at: 0 };
    let first = scanner.name()?;
    let mut steps = Vec::new();
    while scanner.at < text.len() {
        steps.push(scanner.step()?);
    }
    let end = text.chars().count();
    rooted(first, steps).map_err(|rule| PathError { rule, position: end })
}

fn rooted(first: Box<str>, mut steps: Vec<Step>) -> Result<Parsed, PathRule> {
    let dotted = dotted(&first, &steps);
    let is_headers = HEADERS.contains(&first.as_ref());
    if !is_headers && &*first != "ai_log" {
        return Ok((Root::Field(first), steps, dotted));
    }
    match steps.first_mut() {
        Some(Step::Member(name)) if is_headers => {
            let name = std::mem::take(name);
            steps[0] = Step::Header(name);
            Ok((Root::Headers, steps, dotted))
        }
        Some(Step::Member(_)) => Ok((Root::AiLog, steps, dotted)),
        _ => Err(PathRule::Whole),
    }
}

/// Collectors that expand JSON join the names with dots (`reference/gateway-logs.md` §1).
fn dotted(first: &str, steps: &[Step]) -> Option<Box<str>> {
    let mut key = first.to_owned();
    for step in steps {
        let Step::Member(name) = step else { return None };
        key.push('.');
        key.push_str(name);
    }
    (!steps.is_empty()).then_some(key.into())
}

struct Scanner<'t> {
    text: &'t str,
    /// Bytes that have been read; always the beginning of a character.
    at: usize,
}

impl Scanner<'_> {
    fn step(&mut self) -> Result<Step, PathError> {
        match self.next_byte() {
            Some(b'.') => {
                self.at += 1;
                self.name().map(Step::Member)
            }
            Some(b'[') => self.index().map(Step::Index),
            _ => self.wrong(PathRule::Unexpected, self.at),
        }
    }

    fn name(&mut self) -> Result<Box<str>, PathError> {
        match self.next_byte() {
            Some(quote @ (b'"' | b'\'')) => self.quoted(quote),
            _ => self.bare(),
        }
    }

    fn bare(&mut self) -> Result<Box<str>, PathError> {
        let rest = &self.text[self.at..];
        let length = rest.bytes().position(|byte| MEANINGFUL.contains(&byte)).unwrap_or(rest.len());
        let name = &rest[..length];
        if let Some(blank) = name.find(|letter: char| letter.is_whitespace() || letter.is_control()) {
            return self.wrong(PathRule::Blank, self.at + blank);
        }
        if name.is_empty() {
            let rule = if matches!(rest.bytes().next(), None | Some(b'.')) { PathRule::MissingName } else { PathRule::Unexpected };
            return self.wrong(rule, self.at);
        }
        self.at += length;
        Ok(name.into())
    }

    fn quoted(&mut self, quote: u8) -> Result<Box<str>, PathError> {
        let inner = &self.text[self.at + 1..];
        match inner.bytes().position(|byte| byte == quote) {
            None => self.wrong(PathRule::OpenQuote, self.at),
            Some(0) => self.wrong(PathRule::MissingName, self.at),
            Some(length) => {
                self.at += length + 2;
                Ok(inner[..length].into())
            }
        }
    }

    fn index(&mut self) -> Result<usize, PathError> {
        let inner = &self.text[self.at + 1..];
        let digits = inner.split(']').next().filter(|digits| digits.len() < inner.len()).unwrap_or_default();
        let is_number = !digits.is_empty() && digits.len() <= 6 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let index = digits.parse().ok().filter(|_| is_number);
        let Some(index) = index else { return self.wrong(PathRule::Index, self.at) };
        self.at += digits.len() + 2;
        Ok(index)
    }

    fn next_byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn wrong<T>(&self, rule: PathRule, at: usize) -> Result<T, PathError> {
        Err(PathError { rule, position: self.text[..at].chars().count() + 1 })
    }
}
