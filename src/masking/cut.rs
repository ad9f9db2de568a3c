//! The ends of texts that were cut: what touches a cut may be half of a secret, and no pattern knows it. Pure.

use super::credential::begins_as_key;
use super::kind::{Kind, Span};
use super::word::is_province;

/// What stands where the gateway cut out the middle of a long value (`reference/gateway-logs.md` §10).
const SEAM: &str = "[truncated]";

/// How sure it is that a text is all there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// It is, but for what the gateway says it cut out.
    Whole,
    /// It ends here, before the mark that says so. Bytes.
    CutAt(usize),
    /// It may have been cut at its end, and nothing says so: then only what looks like a part of a secret is left out.
    Doubtful,
}

/// What touches a cut.
pub(super) fn at_cuts(text: &str, ends: Ends) -> impl Iterator<Item = Span> + '_ {
    let seams = text.match_indices(SEAM).flat_map(|(at, seam)| [before(text, at), after(text, at + seam.len())]);
    let end = match ends {
        Ends::Whole => None,
        Ends::CutAt(at) => before(text, text.floor_char_boundary(at)),
        Ends::Doubtful => before(text, text.len()).filter(|span| is_part_of_secret(&text[..span.start], &text[span.start..span.end])),
    };
    seams.chain([end]).flatten()
}

fn before(text: &str, at: usize) -> Option<Span> {
    let end = text[..at].trim_end_matches(is_damage).len();
    let mut start = end;
    let mut characters = text[..end].char_indices().rev().peekable();
    while let Some((at, character)) = characters.next() {
        let joins =
            is_joint(character) && text[start..].starts_with(is_digit) && characters.peek().is_some_and(|(_, next)| is_digit(*next));
        if !is_token(character) && !joins {
            break;
        }
        start = at;
    }
    span(start, end)
}

fn after(text: &str, at: usize) -> Option<Span> {
    let start = text.len() - text[at..].trim_start_matches(is_damage).len();
    let mut end = start;
    let mut characters = text[start..].char_indices().peekable();
    while let Some((offset, character)) = characters.next() {
        let joins = is_joint(character) && text[..end].ends_with(is_digit) && characters.peek().is_some_and(|(_, next)| is_digit(*next));
        if !is_token(character) && !joins {
            break;
        }
        end = start + offset + character.len_utf8();
    }
    span(start, end)
}

fn span(start: usize, end: usize) -> Option<Span> {
    (start < end).then_some(Span { start, end, kind: Kind::Cut })
}

/// What a cut by bytes leaves, and blanks around a seam.
fn is_damage(character: char) -> bool {
    matches!(character, ' ' | '\u{fffd}')
}

fn is_token(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || "-_.@+/=:%~\\&#;".contains(character)
        || matches!(character, '\u{ff0b}'..='\u{ff5a}' | '\u{fffd}' | '\u{200b}'..='\u{200f}')
}

fn is_joint(character: char) -> bool {
    matches!(character, ' ' | '-' | '\n' | '\u{3000}' | '\u{a0}')
}

fn is_digit(character: char) -> bool {
    character.is_ascii_digit() || ('０'..='９').contains(&character)
}

fn is_part_of_secret(before: &str, token: &str) -> bool {
    let has_digits = token.chars().filter(|character| is_digit(*character)).count() >= 4;
    let is_address = token.contains(['@', '＠']);
    has_digits || is_address || begins_as_key(token.as_bytes()) || is_part_of_url(token) || is_part_of_plate(before, token)
}

/// `https://user:pass`: the `@` that would tell it is cut off.
fn is_part_of_url(token: &str) -> bool {
    token.split_once("://").is_some_and(|(_, rest)| rest.contains(':') && !rest.contains('/'))
}

fn is_part_of_plate(before: &str, token: &str) -> bool {
    let is_of_province = before.chars().next_back().is_some_and(is_province);
    is_of_province && token.starts_with(|office: char| office.is_ascii_alphabetic()) && token.len() >= 3
}
