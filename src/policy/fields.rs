//! Which fields are known, and the form in which each may leave when content may not. Pure.
//!
//! The known fields are those of `design.md` decision 10. They are ids, names of the operator and verdicts with few values; but some of
//! them a client can fill with anything, so each has a form that sentences do not have.

use std::borrow::Cow;

use super::covered::Cover;
use crate::masking::ContentPolicy;

/// The fields that can be excepted from the policy, beside `metadata.` and a key.
pub const KEEPABLE: [&str; 12] =
    ["input", "output", "name", "user_id", "session_id", "tags", "model", "status_message", "prompt", "environment", "release", "version"];

/// True for the name of a field that can be excepted.
pub fn is_keepable(field: &str) -> bool {
    KEEPABLE.contains(&field) || field.strip_prefix("metadata.").is_some_and(|key| !key.is_empty())
}

/// The longest word that is no sentence without blanks. Characters; Chinese needs none.
const LONGEST_FOREIGN_WORD: usize = 64;

/// The longest id or name. Characters.
const LONGEST_WORD: usize = 256;

/// The longest verdict. Characters.
const LONGEST_PHRASE: usize = 40;

/// What a text must be like to leave although content may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// One word of any script: a name that an operator gave.
    Word,
    /// One word of ASCII: an id.
    Ascii,
    /// Hexadecimal digits, dashes and dots.
    Hex,
    /// A few words: a verdict.
    Phrase,
    /// A number.
    Number,
    /// Written by this program.
    Ours,
    /// Never.
    Text,
}

impl Form {
    /// True if a text has this form.
    pub(super) fn fits(self, text: &str) -> bool {
        let joins = |character: char| "-_.:/@+=,~*[]".contains(character);
        let all = |sort: &dyn Fn(char) -> bool, most: usize| text.chars().all(sort) && text.chars().count() <= most;
        match self {
            Self::Ours => true,
            Self::Text => false,
            Self::Ascii => all(&|character| character.is_ascii_alphanumeric() || joins(character), LONGEST_WORD),
            Self::Word if text.is_ascii() => Self::Ascii.fits(text),
            // What was cut ends with the mark of it.
            Self::Word => all(&|character| character.is_alphanumeric() || joins(character) || character == '…', LONGEST_FOREIGN_WORD),
            Self::Hex => all(&|character| character.is_ascii_hexdigit() || "-.".contains(character), LONGEST_WORD),
            Self::Phrase => all(&|character| character.is_ascii_alphanumeric() || " -_:.".contains(character), LONGEST_PHRASE),
            Self::Number => all(&|character| character.is_ascii_digit() || "-.".contains(character), LONGEST_PHRASE),
        }
    }
}

/// Known metadata and its form.
const KNOWN: [(&str, Form); 26] = [
    ("request_id", Form::Ascii),
    ("method", Form::Ascii),
    ("path", Form::Ascii),
    ("authority", Form::Ascii),
    ("route_name", Form::Word),
    ("cluster_id", Form::Word),
    ("upstream_cluster", Form::Word),
    ("upstream_host", Form::Ascii),
    ("response_code", Form::Number),
    ("response_code_details", Form::Ascii),
    ("response_flags", Form::Ascii),
    ("trace_id", Form::Hex),
    ("api", Form::Word),
    ("chat_id", Form::Ascii),
    ("chat_round", Form::Number),
    ("consumer", Form::Word),
    ("session_id", Form::Word),
    ("request_model", Form::Ascii),
    ("model", Form::Ascii),
    ("response_type", Form::Ascii),
    ("cache_status", Form::Phrase),
    ("fallback_from", Form::Word),
    ("token_ratelimit_status", Form::Phrase),
    ("mcp_tool_name", Form::Word),
    ("gw_user_id", Form::Word),
    ("gw_session_id", Form::Word),
];

/// Marks of this program that hold a text of the log: the original of one that was changed or not used.
const ORIGINALS: [&str; 2] = ["gw_environment", "gw_prompt_not_linked"];

/// Known metadata that a client writes and that damage may cut.
const OF_CLIENTS: [&str; 5] = ["consumer", "session_id", "chat_id", "gw_user_id", "gw_session_id"];

fn form(key: &str) -> Form {
    match KNOWN.iter().find(|(known, _)| *known == key) {
        Some((_, form)) => *form,
        None if key.starts_with("gw_") && !ORIGINALS.contains(&key) => Form::Ours,
        // Verdicts of content safety in every spelling; the words that were found are a client's.
        None if key.starts_with("safec") && !key.to_ascii_lowercase().ends_with("words") => Form::Phrase,
        None => Form::Text,
    }
}

/// Where a field ends that is kept without what people write behind it: the query of a path, the reason in brackets.
fn kept_part<'t>(key: &str, text: &'t str) -> &'t str {
    match key {
        "path" => text.split('?').next().unwrap_or_default(),
        "response_code_details" => text.split([' ', '(', '{']).next().unwrap_or_default(),
        _ => text,
    }
}

/// The metadata, key by key.
pub(super) fn cover(metadata: &mut Vec<(Cow<'_, str>, Cow<'_, str>)>, cover: &mut Cover<'_>) {
    metadata.retain_mut(|(key, value)| cover.is_kept(&format!("metadata.{key}")) || keeps(key, value, cover));
    set_apart(metadata);
}

/// One key and its value in place; false if neither leaves.
fn keeps(key: &mut Cow<'_, str>, value: &mut Cow<'_, str>, cover: &mut Cover<'_>) -> bool {
    let form = form(key);
    // What stands behind the damage begins with the second half of something.
    if key == "ai_log" && cover.damaged {
        *value = Cow::Owned(format!("[truncated] {value}"));
    }
    if cover.hides(kept_part(key, value), form) {
        match cover.length(value) {
            Some(length) => *value = Cow::Owned(length),
            None => return false,
        }
    } else {
        if cover.policy() != ContentPolicy::Masked && kept_part(key, value).len() < value.len() {
            *value = Cow::Owned(kept_part(key, value).to_owned());
        }
        let ends = if form == Form::Text || OF_CLIENTS.contains(&key.as_ref()) { cover.ends(value) } else { cover.ends_of_name(value) };
        cover.mask_named(key, value, ends);
    }
    if form == Form::Text {
        let ends = cover.ends_of_name(key);
        cover.mask(key, ends);
    }
    true
}

/// Keys that were masked may have become the same.
fn set_apart(metadata: &mut [(Cow<'_, str>, Cow<'_, str>)]) {
    for index in 1..metadata.len() {
        let (before, rest) = metadata.split_at_mut(index);
        let key = &mut rest[0].0;
        if key.contains("[masked:") {
            let alike = before.iter().filter(|(other, _)| other.starts_with(key.as_ref())).count();
            if alike > 0 {
                *key = Cow::Owned(format!("{key}_{}", alike + 1));
            }
        }
    }
}
