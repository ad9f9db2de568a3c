//! The operator's patterns: all of them in one automaton that is made at the start and takes one step a byte. Pure.
//!
//! The tables of an automaton for Unicode are large, and in Chinese text they are of no use: 号 is a letter to them, so there is no end of
//! a word between 号 and `EMP1`. `\d`, `\w`, `\s` and `\b` are therefore those of ASCII; characters and ranges of any script can be written.

use regex_automata::dfa::dense::{self, BuildError};
use regex_automata::dfa::regex::Regex;
use regex_automata::nfa::thompson;

use super::kind::{Kind, Span};

/// The most patterns.
const MAX_PATTERNS: usize = 64;

/// The longest pattern. Bytes.
const MAX_PATTERN_BYTES: usize = 1000;

/// The largest automaton. Bytes; it is made twice, to read forwards and backwards, and the function has 128 MB at the least.
const MAX_AUTOMATON_BYTES: usize = 4 * 1024 * 1024;

/// The longest name.
const MAX_NAME_BYTES: usize = 40;

/// A pattern of the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// What its matches are called: `[masked:name]`.
    pub name: String,
    /// A regular expression in the syntax of Rust's `regex`, without look-around.
    pub regex: String,
}

/// What is wrong with a pattern, as a phrase: "must be …". Never contains the pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}")]
pub struct PatternError {
    /// The phrase.
    pub rule: &'static str,
    of_name: bool,
}

impl PatternError {
    /// True if the name is wrong and not the expression.
    pub fn is_of_name(self) -> bool {
        self.of_name
    }
}

/// Patterns that are searched together.
#[derive(Clone, Debug)]
pub(super) struct Own {
    regex: Regex,
    patterns: Vec<Pattern>,
}

impl Pattern {
    /// Judges one pattern alone.
    ///
    /// # Errors
    /// [`PatternError`] says what its name or its expression must be.
    pub fn check(&self) -> Result<(), PatternError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let named = (1..=MAX_NAME_BYTES).contains(&self.name.len()) && self.name.bytes().all(plain);
        let is_taken = super::kind::BUILT_IN.iter().any(|(name, _)| *name == self.name) || self.name == "cut";
        let refused = |rule| Err(PatternError { rule, of_name: false });
        let misnamed = |rule| Err(PatternError { rule, of_name: true });
        match () {
            () if !named => misnamed("must be named with 1 to 40 of a-z, 0-9 and _"),
            () if is_taken => misnamed("must not have the name of a built-in pattern"),
            () if self.regex.is_empty() || self.regex.len() > MAX_PATTERN_BYTES => refused("must have 1 to 1000 bytes"),
            () => match automaton(&[self.regex.as_str()]) {
                Err(error) if error.is_size_limit_exceeded() => refused("must be smaller: count less, or in fewer places"),
                Err(_) => refused("must be a regular expression, without look-around and back-references"),
                Ok(regex) if regex.is_match("") => refused("must not match an empty text"),
                Ok(_) => Ok(()),
            },
        }
    }
}

impl Own {
    /// All of them together.
    pub(super) fn new(patterns: Vec<Pattern>) -> Result<Self, PatternError> {
        if patterns.len() > MAX_PATTERNS {
            return Err(PatternError { rule: "must be at most 64 patterns", of_name: false });
        }
        let texts: Vec<_> = patterns.iter().map(|pattern| pattern.regex.as_str()).collect();
        let regex = automaton(&texts).map_err(|_| PatternError { rule: "must be smaller, all patterns together", of_name: false })?;
        Ok(Self { regex, patterns })
    }

    pub(super) fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }

    pub(super) fn find<'t>(&'t self, text: &'t str) -> impl Iterator<Item = Span> + 't {
        let span = |start, end, index| Span { start, end, kind: Kind::Own(index) };
        let found = self.regex.find_iter(text).filter(|found| !found.is_empty());
        found.map(move |found| span(found.start(), found.end(), u16::try_from(found.pattern().as_usize()).unwrap_or(u16::MAX)))
    }
}

fn automaton(patterns: &[&str]) -> Result<Regex, Box<BuildError>> {
    let patterns: Vec<_> = patterns.iter().map(|pattern| in_ascii(pattern)).collect();
    let limit = Some(MAX_AUTOMATON_BYTES);
    let automaton = dense::Config::new().dfa_size_limit(limit).determinize_size_limit(limit);
    let steps = thompson::Config::new().nfa_size_limit(limit);
    Regex::builder().dense(automaton).thompson(steps).build_many(&patterns).map_err(Box::new)
}

/// The expression with its classes and boundaries written for ASCII; inside brackets they are brackets in brackets, which is the same.
fn in_ascii(pattern: &str) -> String {
    let (mut out, mut characters) = (String::with_capacity(pattern.len() + 16), pattern.chars());
    while let Some(character) = characters.next() {
        let escaped = if character == '\\' { characters.next() } else { None };
        match (character, escaped) {
            (_, Some('d')) => out.push_str("[0-9]"),
            (_, Some('D')) => out.push_str("[^0-9]"),
            (_, Some('w')) => out.push_str("[0-9A-Za-z_]"),
            (_, Some('W')) => out.push_str("[^0-9A-Za-z_]"),
            (_, Some('s')) => out.push_str(r"[\t\n\x0b\x0c\r ]"),
            (_, Some('S')) => out.push_str(r"[^\t\n\x0b\x0c\r ]"),
            (_, Some(boundary @ ('b' | 'B'))) => out.extend(["(?-u:\\", boundary.encode_utf8(&mut [0; 4]), ")"]),
            (_, Some(other)) => out.extend([character, other]),
            (_, None) => out.push(character),
        }
    }
    out
}
