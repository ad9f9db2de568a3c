//! JSON text with `\u` escapes → the same JSON with the characters themselves; and the text of a JSON string. Pure.
//!
//! The gateway's encoder writes `<`, `>`, `&` and others as `\u003c` … (`reference/gateway-logs.md` §1); people search for what they see.

use std::borrow::Cow;
use std::fmt::Write;

use memchr::{memchr, memmem};

use crate::json_string::{other_escapes, to_escape};

/// Replaces every `\uXXXX` that need not be escaped in JSON. Half a surrogate pair is no character and
/// becomes U+FFFD; `json` need not be valid.
pub fn unescaped(json: Cow<'_, str>) -> Cow<'_, str> {
    if memmem::find(json.as_bytes(), b"\\u").is_none() {
        return json;
    }
    let mut plain = String::with_capacity(json.len());
    let mut rest = json.as_ref();
    while let Some(at) = memchr(b'\\', rest.as_bytes()) {
        let (before, escape) = rest.split_at(at);
        plain.push_str(before);
        let length = match character(escape) {
            Some((character, length)) => {
                plain.push(character);
                length
            }
            None => {
                let length = 1 + escape[1..].chars().next().map_or(0, char::len_utf8);
                plain.push_str(&escape[..length]);
                length
            }
        };
        rest = &escape[length..];
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// The text of a JSON string, without its quotes; borrowed where nothing is escaped. `None` if an escape is none. Half a surrogate pair is
/// no character and becomes U+FFFD, which a reader of JSON would refuse.
pub fn decoded(string: &str) -> Option<Cow<'_, str>> {
    let (mut text, mut done) = (String::new(), 0);
    for at in backslashes(string) {
        // The second backslash of an escaped one.
        if at < done {
            continue;
        }
        let (character, length) = meant(&string[at..])?;
        text.reserve(string.len() - done);
        text.push_str(&string[done..at]);
        text.push(character);
        done = at + length;
    }
    if done == 0 {
        return Some(Cow::Borrowed(string));
    }
    text.push_str(&string[done..]);
    Some(Cow::Owned(text))
}

/// The inside of a JSON string, as a reader of JSON found it, with those escapes only that JSON demands; borrowed if there are no others, as
/// in most texts. It is what escaping its [`decoded`] text gives: in a twentieth of the time for code, whose escapes stay, in two thirds for
/// prose. `None` where a `\u` is followed by no digits, which no reader of JSON lets through.
pub fn minimal(string: &str) -> Option<Cow<'_, str>> {
    if memchr(b'\\', string.as_bytes()).is_none() {
        return Some(Cow::Borrowed(string));
    }
    let (mut text, mut done) = (String::new(), 0);
    for at in other_escapes(string.as_bytes()) {
        // The second half of a pair.
        if at < done {
            continue;
        }
        let (character, length) = meant(&string[at..])?;
        text.reserve(string.len() - done);
        text.push_str(&string[done..at]);
        push_minimal(&mut text, character);
        done = at + length;
    }
    if done == 0 {
        return Some(Cow::Borrowed(string));
    }
    text.push_str(&string[done..]);
    Some(Cow::Owned(text))
}

fn backslashes(string: &str) -> impl Iterator<Item = usize> {
    to_escape(string.as_bytes()).filter(|at| string.as_bytes()[*at] == b'\\')
}

fn push_minimal(text: &mut String, character: char) {
    match character {
        '"' => text.push_str("\\\""),
        '\\' => text.push_str("\\\\"),
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        '\0'..' ' => {
            // Writing into a text cannot fail.
            let _ = write!(text, "\\u{:04x}", u32::from(character));
        }
        other => text.push(other),
    }
}

/// The character that an escape at the start of `text` stands for, and the length of the escape.
fn meant(text: &str) -> Option<(char, usize)> {
    let character = match text.as_bytes().get(1)? {
        b'u' => return unicode(text),
        b'n' => '\n',
        b't' => '\t',
        b'r' => '\r',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        byte @ (b'"' | b'\\' | b'/') => char::from(*byte),
        _ => return None,
    };
    Some((character, 2))
}

/// The character that an escape at the start of `text` stands for, and the length of the escape, if JSON may hold it bare.
fn character(text: &str) -> Option<(char, usize)> {
    let (character, length) = unicode(text)?;
    let must_stay = character.is_control() || matches!(character, '"' | '\\' | '\u{2028}' | '\u{2029}');
    (!must_stay).then_some((character, length))
}

/// The character of a `\u` escape at the start of `text`, of two for a pair, and their length.
fn unicode(text: &str) -> Option<(char, usize)> {
    let first = unit(text)?;
    if let Some(character) = char::from_u32(first) {
        return Some((character, 6));
    }
    let pair = text.get(6..).and_then(unit).and_then(|second| pair(first, second));
    Some(pair.map_or((char::REPLACEMENT_CHARACTER, 6), |character| (character, 12)))
}

fn unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.as_bytes().first_chunk::<4>()?;
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
}

fn pair(high: u32, low: u32) -> Option<char> {
    let fits = (0xd800..0xdc00).contains(&high) && (0xdc00..0xe000).contains(&low);
    fits.then(|| char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(json: &str) -> String {
        unescaped(Cow::Borrowed(json)).into_owned()
    }

    #[test]
    fn characters_come_out_as_themselves() {
        assert_eq!(plain(r#""\u003cb\u003e \u4f60\u597d \ud83d\ude00""#), "\"<b> 你好 😀\"");
    }

    #[test]
    fn half_a_pair_is_replaced() {
        assert_eq!(plain(r#""\ud800 \udc00\ud83d\u0041""#), "\"\u{fffd} \u{fffd}\u{fffd}A\"");
    }

    #[test]
    fn what_json_must_escape_stays_escaped() {
        for json in [r#""\u0022\u005c\u0000\u001f""#, r#""\\u003c""#, r#""\u12""#, "\"\\"] {
            assert_eq!(plain(json), json);
        }
    }

    #[test]
    fn the_text_of_a_string_is_what_its_escapes_mean() {
        assert_eq!(decoded(r#"\u003cb\u003E\n\"\\n\/\b\f\r\t 好 \ud83d\ude00"#).unwrap(), "<b>\n\"\\n/\u{8}\u{c}\r\t 好 😀");
        assert_eq!(decoded(r"half \ud83d pair \ud83dA").unwrap(), "half \u{fffd} pair \u{fffd}A");
        assert!(matches!(decoded("plain 好"), Some(Cow::Borrowed("plain 好"))));
        for broken in [r"\x", r"\u12", r"\u12g4", r"a\", r"\u+123"] {
            assert_eq!(decoded(broken), None, "{broken}");
        }
    }

    #[test]
    fn only_needless_escapes_are_undone_and_without_any_nothing_is_copied() {
        let needed = r#"a\nb\t\r\"c\\u003c 好"#;
        assert!(matches!(minimal(needed), Some(Cow::Borrowed(same)) if same == needed));
        assert_eq!(minimal(r"\u003c\/\u4f60\b\u0022\u005c\u001F\u000a").unwrap(), r#"</你\u0008\"\\\u001f\n"#);
    }

    proptest! {
        #[test]
        fn escaping_as_little_as_possible_is_escaping_the_text_anew(text in any::<String>(), units in "(\\\\u[0-9a-fA-F]{4}|[a-z好]|\\\\[\"\\\\/bfnrt]){0,12}") {
            let all: String = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
            let plain = serde_json::to_string(&text).unwrap();
            for string in [all.as_str(), &plain[1..plain.len() - 1], &units] {
                let mut anew = Vec::new();
                crate::export::json::put_string(&mut anew, &decoded(string).unwrap());
                let minimal = minimal(string).unwrap();
                prop_assert_eq!(format!("\"{minimal}\"").into_bytes(), anew);
            }
        }

        #[test]
        fn a_text_is_read_as_by_every_reader_of_json(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(decoded(&json[1..json.len() - 1]).unwrap(), text);
        }

        #[test]
        fn the_meaning_never_changes(text in any::<String>()) {
            let escaped: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            let json = plain(&format!("\"{escaped}\""));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        #[test]
        fn foreign_text_never_panics(text in r#"[\\ud0-9a-f"é]{0,40}"#) {
            plain(&text);
        }
    }
}
