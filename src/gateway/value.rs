//! One logged value: present or absent, text or number, whatever form it was written in. Pure.
//!
//! Fields of the access log are bare text, members of `ai_log` are JSON; numbers come as numbers or as text in both
//! (`reference/gateway-logs.md` §4, §10).

use std::borrow::Cow;

use memchr::{memchr, memchr_iter, memmem};

use super::unescape::{decoded, minimal};
use crate::json_string;

/// The largest count that is believed. Beyond 2^53 the gateway's own arithmetic has lost precision, and no call has a billion tokens.
const MAX_COUNT: f64 = 1e12;

/// The longest duration that is believed: seven days in milliseconds. A day is the longest that the proxy holds a stream.
const MAX_MILLISECONDS: u64 = 7 * 24 * 60 * 60 * 1000;

/// How deep a structure may be nested to be sent as one: readers on the way recurse. Tool schemas have twenty levels.
const MAX_DEPTH: usize = 100;

/// The longest JSON of a marker, with some blanks. Bytes.
const MAX_MARKER: usize = 64;

/// What stands where the gateway cut out the middle of a long value (`reference/gateway-logs.md` §10).
const SEAM: &str = " [truncated] ";

/// How much of a value is there, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Soundness {
    /// Its middle was cut out by the gateway.
    Truncated,
    /// A structure that was printed in Go syntax.
    GoSyntax,
    /// All of it.
    Whole,
}

/// A value as it was logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// The text of a field of the access log.
    Text(Cow<'a, str>),
    /// The JSON text of a member of `ai_log`: valid, as a reader of JSON found it. [`Value::quoted`] sends it on without another look.
    Json(&'a str),
}

/// True for the ways in which the gateway writes that there is no value (`reference/gateway-logs.md` §10).
pub fn is_marker(text: &str) -> bool {
    // Nearly every value begins with a byte that none of them begins with.
    let none_begins = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'-' | b'<' | b'n');
    !text.as_bytes().first().is_some_and(none_begins) && (text == "-" || matches!(text.trim(), "" | "-" | "<nil>" | "null"))
}

/// Logged bytes as text; what is not UTF-8 in them is replaced. The reader that replaces goes byte by byte, so nearly all texts, which are
/// whole, only pass a check that goes by vectors: Chinese ten times as fast as that of the standard library, and a tenth of all the time.
pub fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    simdutf8::basic::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

impl<'a> Value<'a> {
    /// The value of a field, if it has one.
    pub fn of_field(field: Option<&'a [u8]>) -> Option<Self> {
        let value = Self::Text(text_of(field?));
        (!value.is_absent()).then_some(value)
    }

    /// True if the value is a marker for none, or an empty list.
    pub fn is_absent(&self) -> bool {
        match self {
            Self::Text(text) => is_marker(text),
            // No marker is longer, and a long text is not decoded for this.
            Self::Json(json) if json.len() > MAX_MARKER || self.begins_plainly() => false,
            Self::Json(json) => self.text().is_none() || matches!(*json, "[]" | "{}"),
        }
    }

    /// The value as text: a JSON string without its quotes, every other JSON as it is written. `None` if absent.
    pub fn text(&self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text.clone()).filter(|text| !is_marker(text)),
            // Inside JSON, none is written as the bare word; a text of these four letters was really said.
            Self::Json(json) => match json_string(json) {
                Some(text) => Some(text).filter(|text| text == "null" || !is_marker(text)),
                None => Some(Cow::Borrowed(*json)).filter(|json| json != "null"),
            },
        }
    }

    /// True if the value is this word, in which nothing need be escaped.
    pub fn says(&self, word: &str) -> bool {
        match self {
            Self::Text(text) => text == word,
            // What is escaped is longer than what it means.
            Self::Json(json) => json.len() >= word.len() + 2 && self.text().is_some_and(|text| text == word),
        }
    }

    /// The JSON object or array that the value is, or holds as text. `None` for anything else, and for one nested too deeply.
    pub fn json(&self) -> Option<Cow<'a, str>> {
        let text = self.structured_text()?;
        let is_json = || self.is_structure() || serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        (!nests_too_deeply(&text) && is_json()).then_some(text)
    }

    /// True for a structure that is nested deeper than can be sent as one.
    pub fn is_too_deep(&self) -> bool {
        self.structured_text().is_some_and(|text| nests_too_deeply(&text))
    }

    /// True for an object or array of `ai_log`, which is JSON as its reader found it.
    pub fn is_structure(&self) -> bool {
        matches!(self, Self::Json(json) if json.starts_with(['{', '[']))
    }

    /// The value as text, if it begins like a structure.
    fn structured_text(&self) -> Option<Cow<'a, str>> {
        // Looked at before a long text is decoded.
        if self.begins_plainly() {
            return None;
        }
        self.text().filter(|text| is_structured(text))
    }

    /// True if it begins with a character that no marker, no structure and no escape begins with: as nearly every value does, so that nothing
    /// else needs to be looked at to tell it from these.
    pub fn begins_plainly(&self) -> bool {
        let begin = match self {
            Self::Text(text) => text.as_bytes().first(),
            Self::Json(json) => json.strip_prefix('"').unwrap_or(json).as_bytes().first(),
        };
        // From 0xe4 on a byte begins a character, Chinese ones among them, and none of those is a blank.
        let is_plain = |byte: u8| byte.is_ascii_graphic() || byte >= 0xe4;
        begin.is_some_and(|byte| is_plain(*byte) && !matches!(byte, b'{' | b'[' | b'\\' | b'"' | b'-' | b'<' | b'n'))
    }

    /// The inside of a JSON string with the escapes that JSON demands, if it certainly is the whole text that somebody said: no marker,
    /// no structure, and nothing cut out. `None` says nothing: look at [`Value::text`].
    pub fn quoted(&self) -> Option<Cow<'a, str>> {
        let Self::Json(json) = self else { return None };
        let inner = json.strip_prefix('"')?.strip_suffix('"')?;
        debug_assert_eq!(json_string::end(&json.as_bytes()[1..]), Some(inner.len()), "only what a reader of JSON found");
        let is_doubtful = |character: char| character.is_whitespace() || matches!(character, '\\' | '{' | '[' | '-' | '<');
        let is_plain = !inner.is_empty() && !inner.starts_with(is_doubtful) && !inner.starts_with("null");
        minimal(is_plain.then_some(inner)?).filter(|text| !has_seam(text))
    }

    /// How much of the value is there.
    pub fn soundness(&self) -> Soundness {
        match self.text() {
            Some(text) if has_seam(&text) => Soundness::Truncated,
            Some(text) if text.starts_with("[map[") || text.starts_with("map[") => Soundness::GoSyntax,
            _ => Soundness::Whole,
        }
    }

    /// A count of tokens: a whole number from 0, also as text or with a zero fraction. Never negative, never wrapped.
    pub fn count(&self) -> Option<u64> {
        if let Some(count) = self.digits() {
            return Some(count);
        }
        let text = self.text()?;
        let text = text.trim();
        text.parse().ok().or_else(|| whole(text.parse().ok()?)).filter(|count| (*count as f64) <= MAX_COUNT)
    }

    /// A duration in milliseconds; fractions are cut off, nonsense is `None`.
    pub fn milliseconds(&self) -> Option<u64> {
        let slowly = || {
            let text = self.text()?;
            let text = text.trim();
            text.parse().ok().or_else(|| cut_off(text.parse().ok()?))
        };
        self.digits().or_else(slowly).filter(|milliseconds| *milliseconds <= MAX_MILLISECONDS)
    }

    /// The number, if it is written in digits alone and is below [`MAX_COUNT`], as nearly all are: each of them is asked for several times.
    fn digits(&self) -> Option<u64> {
        let written = match self {
            Self::Text(text) => text.as_bytes(),
            Self::Json(json) => json.as_bytes(),
        };
        let are_digits = (1..=12).contains(&written.len()) && written.iter().all(u8::is_ascii_digit);
        are_digits.then(|| written.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
    }
}

/// Most texts hold no bracket, and are done with when it has been looked for.
fn has_seam(text: &str) -> bool {
    let from_first = |bracket: usize| memmem::find(&text.as_bytes()[bracket.saturating_sub(1)..], SEAM.as_bytes());
    memchr(b'[', text.as_bytes()).and_then(from_first).is_some()
}

fn is_structured(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

fn nests_too_deeply(json: &str) -> bool {
    // What has no more brackets in all cannot be nested deeper, and counting them takes a tenth of the time that following them takes.
    if opening_brackets(json) <= MAX_DEPTH {
        return false;
    }
    let (mut depth, mut in_text, mut escaped) = (0usize, false, false);
    json.bytes().any(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_text,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > MAX_DEPTH
    })
}

fn opening_brackets(json: &str) -> usize {
    [b'{', b'['].map(|bracket| memchr_iter(bracket, json.as_bytes()).count()).iter().sum()
}

/// The text of a JSON string, borrowed where nothing is escaped.
fn json_string(json: &str) -> Option<Cow<'_, str>> {
    decoded(json.strip_prefix('"')?.strip_suffix('"')?)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked first")]
fn cut_off(number: f64) -> Option<u64> {
    (0.0..=MAX_COUNT).contains(&number).then_some(number as u64)
}

fn whole(number: f64) -> Option<u64> {
    cut_off(number).filter(|_| number.fract() == 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value<'_> {
        Value::Text(Cow::Borrowed(text))
    }

    #[test]
    fn every_marker_is_absent_in_both_forms() {
        for marker in ["", "-", "<nil>", " "] {
            assert!(text(marker).is_absent(), "{marker:?}");
            assert!(Value::Json(&format!("\"{marker}\"")).is_absent(), "{marker:?}");
            assert_eq!(text(marker).text(), None);
        }
        assert!(text("null").is_absent());
        assert_eq!(Value::Json("\"null\"").text().unwrap(), "null");
        for json in ["null", "[]", "{}"] {
            assert!(Value::Json(json).is_absent(), "{json}");
        }
        assert!(!Value::Json("0").is_absent() && !text("0").is_absent());
    }

    #[test]
    fn counts_are_read_in_every_form_and_never_wrap() {
        for (value, count) in [("25", Some(25)), ("12.0", Some(12)), ("0", Some(0)), ("-3", None), ("1.5", None), ("1e400", None)] {
            assert_eq!(text(value).count(), count, "{value}");
            assert_eq!(Value::Json(value).count(), count, "{value}");
            assert_eq!(Value::Json(&format!("\"{value}\"")).count(), count, "{value}");
        }
        assert_eq!(Value::Json("18446744073709551615").count(), None);
        assert_eq!(Value::Json("-").count(), None);
    }

    #[test]
    fn durations_lose_their_fraction_and_nonsense() {
        for (value, duration) in [("371", Some(371)), ("371.9", Some(371)), ("-1", None), ("604800001", None), ("NaN", None)] {
            assert_eq!(text(value).milliseconds(), duration, "{value}");
        }
    }

    #[test]
    fn a_json_string_is_borrowed_where_nothing_is_escaped() {
        assert!(matches!(Value::Json("\"plain\"").text(), Some(Cow::Borrowed("plain"))));
        assert_eq!(Value::Json(r#""a\nb\u003c""#).text().unwrap(), "a\nb<");
        assert_eq!(Value::Json(r#"["x"]"#).text().unwrap(), r#"["x"]"#);
        assert_eq!(Value::Json(r#""half \ud83d pair""#).text().unwrap(), "half \u{fffd} pair");
    }

    #[test]
    fn only_what_certainly_is_a_text_stays_quoted() {
        assert_eq!(Value::Json(r#""a \"b\" \u003c""#).quoted().unwrap(), r#"a \"b\" <"#);
        assert_eq!(Value::Json(r#""你好""#).quoted().unwrap(), "你好");
        for other in [
            r#""""#,
            r#""-""#,
            r#"" x""#,
            r#""null ""#,
            r#""null\n""#,
            r#""[1]""#,
            r#""{""#,
            r#""\u005b1]""#,
            r#""a [truncated] b""#,
            "7",
            "[]",
        ] {
            assert_eq!(Value::Json(other).quoted(), None, "{other}");
        }
        assert_eq!(text("plain").quoted(), None);
        assert_eq!(Value::Json(r#""a\u0020[truncated]\u0020b""#).quoted(), None);
    }

    #[test]
    fn json_is_found_as_a_value_and_inside_a_string() {
        assert_eq!(Value::Json(r#"{"a":1}"#).json().unwrap(), r#"{"a":1}"#);
        assert_eq!(Value::Json(r#""{\"a\":1}""#).json().unwrap(), r#"{"a":1}"#);
        assert_eq!(text("[map[role:user]]").json(), None);
        assert_eq!(text("7").json(), None);
    }
}
