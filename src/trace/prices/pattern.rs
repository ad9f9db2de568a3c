//! The pattern of a price, compiled when a name comes that it may match. Pure.
//!
//! The shipped list has some hundred and fifty patterns and a gateway some dozens of models: compiling all of them for the first name was a
//! seventh of what a processor did from the start of the process to the end of its first call.

use std::sync::OnceLock;

use regex_lite::{Regex, RegexBuilder};

/// The longest pattern. Bytes. The longest shipped one has 184.
const MAX_PATTERN_BYTES: usize = 500;

/// The largest compiled pattern. Bytes. Shipped ones stay below eight thousand.
const MAX_COMPILED_BYTES: usize = 100_000;

/// What the shipped patterns begin with: any prefixes that end in `/`.
const ANY_PREFIXES: &str = "(?i)^(?:[^/]+/)*";

/// A pattern, and what it was compiled to if it was.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    text: String,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// A pattern that is not compiled yet. It covers the whole name in any case, whether or not it says so.
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), compiled: OnceLock::new() }
    }

    /// As it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// True if it is a regular expression. Compiles it.
    pub(super) fn is_valid(&self) -> bool {
        self.regex().is_some()
    }

    /// True if it matches this name. One that is invalid matches nothing.
    pub(super) fn is_match(&self, name: &str) -> bool {
        // Where it is compiled, nothing is saved by another look.
        let may_match = self.compiled.get().is_some() || may_match(&self.text, name);
        may_match && self.regex().is_some_and(|regex| regex.is_match(name))
    }

    fn regex(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| compiled(&self.text)).as_ref()
    }
}

fn compiled(pattern: &str) -> Option<Regex> {
    let whole = (pattern.len() <= MAX_PATTERN_BYTES).then(|| format!("^(?:{pattern})$"))?;
    RegexBuilder::new(&whole).case_insensitive(true).size_limit(MAX_COMPILED_BYTES).build().ok()
}

/// False only where a pattern of the shipped form cannot match: where no part of the name between `/` begins with the letters that the
/// pattern begins with behind the prefixes.
fn may_match(pattern: &str, name: &str) -> bool {
    let Some(letters) = pattern.strip_prefix(ANY_PREFIXES).and_then(beginning) else { return true };
    let begins = |part: &str| part.get(..letters.len()).is_some_and(|start| start.eq_ignore_ascii_case(&letters));
    name.split('/').any(begins)
}

/// The letters that everything begins with which `pattern` matches. `None` where that takes more than a look: there may be alternatives.
fn beginning(pattern: &str) -> Option<String> {
    if has_alternatives(pattern) {
        return None;
    }
    let (mut letters, mut rest) = (String::new(), pattern.chars().peekable());
    while let Some(letter) = rest.next_if(|next| next.is_ascii_alphanumeric() || matches!(next, '-' | '_' | '\\')) {
        // Of the escapes only that of a dot is a letter.
        let letter = if letter == '\\' { rest.next_if_eq(&'.') } else { Some(letter) };
        let Some(letter) = letter else { break };
        letters.push(letter);
    }
    // What can be repeated may also be missing.
    if rest.next().is_some_and(|next| matches!(next, '?' | '*' | '{')) {
        letters.pop();
    }
    Some(letters)
}

/// True if a `|` stands outside of all brackets, or if it takes more than counting to tell.
fn has_alternatives(pattern: &str) -> bool {
    let mut open = 0_usize;
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => _ = letters.next(),
            // In a set brackets are letters.
            '[' => {
                let set: String = letters.by_ref().take_while(|letter| *letter != ']').collect();
                if set.is_empty() || !set.chars().all(|letter| letter.is_ascii_alphanumeric() || "^.-/".contains(letter)) {
                    return true;
                }
            }
            '(' => open += 1,
            ')' => open = open.saturating_sub(1),
            '|' if open == 0 => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::prices::{LIST, list};

    fn may(pattern: &str, name: &str) -> bool {
        may_match(&format!("{ANY_PREFIXES}{pattern}"), name)
    }

    #[test]
    fn a_name_that_begins_otherwise_is_told_by_a_look() {
        for name in ["qwen3.8-max", "QWEN3.8-Max-0902", "a/b/qwen3.8-max", "qwen3.8-max/b"] {
            assert!(may(r"qwen3\.8-max(?:-latest)?$", name), "{name}");
        }
        for name in ["", "qwen3.8", "qwen3-8-max", "my-qwen3.8-max", "gpt-4o", "通义"] {
            assert!(!may(r"qwen3\.8-max(?:-latest)?$", name), "{name}");
        }
    }

    #[test]
    fn where_a_look_does_not_tell_the_pattern_decides() {
        for (pattern, name) in [
            ("qwen|gpt", "gpt"),
            ("(?:a|b)", "b"),
            ("ab?", "a"),
            ("ab*", "a"),
            ("ab{0,1}", "a"),
            (r"a\d", "a1"),
            ("[)]|b", "b"),
            ("[](]a|b", "b"),
        ] {
            assert!(may(pattern, name) && Pattern::new(&format!("{ANY_PREFIXES}{pattern}$")).regex().is_some(), "{pattern}");
        }
        assert!(may_match("^qwen$", "gpt"), "of another form");
        assert!(!may(r"a\dx", "b1x") && !may("ab?", "b"));
    }

    #[test]
    fn no_pattern_of_the_list_is_passed_over_for_a_name_that_it_matches() {
        let entries = list::json(LIST).unwrap();
        let mut told = 0;
        for entry in &entries {
            let pattern = Pattern::new(&entry.pattern);
            for name in entries.iter().flat_map(|entry| &entry.examples) {
                let looked = may_match(&entry.pattern, name);
                assert!(looked || !pattern.regex().unwrap().is_match(name), "{} {name}", entry.pattern);
                told += usize::from(!looked);
            }
        }
        let all = entries.len() * entries.iter().map(|entry| entry.examples.len()).sum::<usize>();
        assert!(told * 10 > all * 9, "{told} of {all}");
    }

    #[test]
    fn only_what_may_match_is_compiled() {
        let pattern = Pattern::new(r"(?i)^(?:[^/]+/)*qwen-plus$");
        assert!(!pattern.is_match("gpt-4o") && pattern.compiled.get().is_none());
        assert!(pattern.is_match("a/Qwen-Plus") && pattern.compiled.get().is_some());
        assert!(!pattern.is_match("gpt-4o") && !pattern.is_match("qwen-plus-2"));
        assert!(!Pattern::new("(").is_valid() && !Pattern::new("(").is_match("("));
    }
}
