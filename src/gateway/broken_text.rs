//! The strings of damaged JSON: where they end, and what can be kept of them. Pure, one pass, nothing looked at twice.
//!
//! Texts break off inside characters, escapes and surrogate pairs, or have lost the backslashes before their quotes
//! (`reference/gateway-logs.md` §10).

use std::borrow::Cow;
use std::fmt::Write;

use super::unescape::unescaped;
use crate::json_string::to_escape;

/// The text that the inside of a JSON string stands for, whatever is wrong with it.
pub fn decoded(inner: &str) -> String {
    let mut quoted = String::with_capacity(inner.len() + 2);
    quoted.push('"');
    push_escaped(&mut quoted, without_broken_escape(inner));
    quoted.push('"');
    serde_json::from_str(&unescaped(Cow::Owned(quoted))).unwrap_or_default()
}

/// Where the closing quote of a value is, or the length of a text that has none. A quote after which no JSON can go on was meant as a
/// character and has lost its backslash.
pub fn end_of_text(inner: &str, in_object: bool) -> usize {
    let mut from = 0;
    loop {
        let end = from + end_of_string(&inner[from..]);
        if end >= inner.len() || closes(&inner[end + 1..], in_object) {
            return end;
        }
        from = end + 1;
    }
}

/// True if `rest` can stand behind the closing quote of a value.
fn closes(rest: &str, in_object: bool) -> bool {
    let next = |rest: &str| rest.chars().take(MAX_BLANKS).find(|character| !character.is_ascii_whitespace());
    match next(rest) {
        Some(',') if in_object => matches!(next(&rest[rest.find(',').map_or(0, |at| at + 1)..]), None | Some('"')),
        Some('}') => in_object,
        Some(next) => matches!(next, ',' | ']') && !in_object,
        None => true,
    }
}

/// How far behind a quote the next mark is looked for: any sensible indentation. Characters.
const MAX_BLANKS: usize = 64;

/// Where the first quote is that no backslash stands before, or the length of a text that has none.
pub fn end_of_string(inner: &str) -> usize {
    let mut seen = 0;
    for at in to_escape(inner.as_bytes()) {
        match inner.as_bytes()[at] {
            _ if at < seen => {}
            b'\\' => seen = at + 2,
            b'"' => return at,
            _ => {}
        }
    }
    inner.len()
}

/// A text without the half escape at its end, without the half character that lossy decoding left there, and without the first half of a
/// surrogate pair.
pub fn without_broken_escape(inner: &str) -> &str {
    let inner = inner.trim_end_matches('\u{fffd}');
    let Some((at, escape)) = last_escape(inner) else { return inner };
    let complete = if escape.starts_with("\\u") { escape.len() >= 6 } else { escape.len() >= 2 };
    let inner = if complete { inner } else { &inner[..at] };
    match last_escape(inner) {
        Some((at, escape)) if is_first_half(escape) => &inner[..at],
        _ => inner,
    }
}

/// The escape that begins in the last six bytes, and where.
fn last_escape(inner: &str) -> Option<(usize, &str)> {
    let tail = inner.len().saturating_sub(6);
    let at = tail + inner.as_bytes()[tail..].iter().rposition(|byte| *byte == b'\\')?;
    let backslashes = inner.as_bytes()[..=at].iter().rev().take_while(|byte| **byte == b'\\').count();
    (backslashes % 2 == 1).then(|| (at, &inner[at..]))
}

fn is_first_half(escape: &str) -> bool {
    let unit = escape.strip_prefix("\\u").filter(|digits| digits.len() == 4).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    unit.is_some_and(|unit| (0xd800..0xdc00).contains(&unit))
}

/// Appends the inside of a string; bare control characters become escapes, escapes that JSON does not know lose their backslash.
pub fn push_escaped(out: &mut String, inner: &str) {
    let (mut done, mut seen) = (0, 0);
    for at in to_escape(inner.as_bytes()) {
        // The second character of an escape.
        if at < seen {
            continue;
        }
        let rest = &inner[at..];
        if let Some(length) = known_escape(rest) {
            seen = at + length;
            continue;
        }
        out.push_str(&inner[done..at]);
        push_meant(out, rest);
        (done, seen) = (at + 1, at + 1);
    }
    out.push_str(&inner[done..]);
}

/// The length of a backslash and the character behind it where JSON knows the two.
fn known_escape(text: &str) -> Option<usize> {
    match text.as_bytes() {
        [b'\\', b'u', ..] => has_four_digits(&text[2..]).then_some(2),
        [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Some(2),
        _ => None,
    }
}

/// Appends what was meant by a character that must not stand bare in a JSON string; of a backslash before nothing known, that is nothing.
fn push_meant(out: &mut String, text: &str) {
    match text.as_bytes().first() {
        Some(b'"') => out.push_str("\\\""),
        Some(control @ 0..b' ') => {
            // Writing into a text cannot fail.
            let _ = write!(out, "\\u{control:04x}");
        }
        _ => {}
    }
}

fn has_four_digits(text: &str) -> bool {
    text.len() >= 4 && text.bytes().take(4).all(|byte| byte.is_ascii_hexdigit())
}
