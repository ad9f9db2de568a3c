//! Damaged JSON objects → valid ones with everything that stands before the damage. Pure, one pass, no recursion.
//!
//! `ai_log` breaks off where a collector cut it by bytes, or holds raw line breaks (`reference/gateway-logs.md` §10). A cut text keeps what
//! there is of it; a cut number is dropped, because its digits would be a wrong number.

use std::borrow::Cow;
use std::fmt::Write;

use super::unescape::unescaped;

/// A damaged object made whole.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// Valid JSON, or nothing if not even a first member could be read.
    pub json: String,
    /// How many bytes of the damaged text it was made from.
    pub read: usize,
}

/// The object that a damaged text began, closed where the damage is.
pub fn completed(text: &str) -> Salvaged {
    let mut repair = Repair { out: String::with_capacity(text.len() + 16), open: Vec::new(), cut: false };
    let mut rest = text.trim_start();
    while let Some(next) = rest.chars().next() {
        match repair.take(next, rest) {
            Some(length) => rest = &rest[length..],
            None => break,
        }
        if repair.open.is_empty() {
            break;
        }
    }
    let read = if repair.cut { text.len() } else { text.len() - rest.len() };
    match repair.close() {
        Some(json) => Salvaged { json, read },
        None => Salvaged::default(),
    }
}

/// The text that the inside of a JSON string stands for, whatever is wrong with it.
pub fn decoded(inner: &str) -> String {
    let mut quoted = String::with_capacity(inner.len() + 2);
    quoted.push('"');
    push_escaped(&mut quoted, without_broken_escape(inner));
    quoted.push('"');
    serde_json::from_str(&unescaped(Cow::Owned(quoted))).unwrap_or_default()
}

/// What may come next inside an open object or array.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Key,
    Colon,
    Value,
    Comma,
}

/// An object or array that is not closed yet.
struct Open {
    object: bool,
    expect: Expect,
    /// Length of the output up to which it is valid if closed here.
    sound: usize,
}

struct Repair {
    out: String,
    open: Vec<Open>,
    /// The damaged text ended inside a text.
    cut: bool,
}

impl Repair {
    /// Takes what begins with `next` and returns how many bytes it was; `None` where the damage is.
    fn take(&mut self, next: char, rest: &str) -> Option<usize> {
        let Some(innermost) = self.open.last() else { return (next == '{').then(|| self.begin(true)) };
        match (innermost.expect, next) {
            (_, ' ' | '\t' | '\r' | '\n') => Some(1),
            (Expect::Key | Expect::Value, '"') => self.string(rest),
            (Expect::Value, '{') => Some(self.begin(true)),
            (Expect::Value, '[') => Some(self.begin(false)),
            (Expect::Value | Expect::Comma, ']') if !innermost.object => self.end(']'),
            (Expect::Key | Expect::Comma, '}') if innermost.object => self.end('}'),
            (Expect::Colon, ':') => self.punctuation(':', Expect::Value),
            (Expect::Comma, ',') if innermost.object => self.punctuation(',', Expect::Key),
            (Expect::Comma, ',') => self.punctuation(',', Expect::Value),
            (Expect::Value, _) => self.scalar(rest),
            _ => None,
        }
    }

    fn begin(&mut self, object: bool) -> usize {
        self.out.push(if object { '{' } else { '[' });
        let expect = if object { Expect::Key } else { Expect::Value };
        self.open.push(Open { object, expect, sound: self.out.len() });
        1
    }

    fn end(&mut self, bracket: char) -> Option<usize> {
        let ended = self.open.pop()?;
        // A comma before the bracket is no JSON; what stands before it is.
        self.out.truncate(ended.sound);
        self.out.push(bracket);
        self.value_is_complete();
        Some(1)
    }

    fn punctuation(&mut self, mark: char, then: Expect) -> Option<usize> {
        self.out.push(mark);
        self.open.last_mut()?.expect = then;
        Some(1)
    }

    fn value_is_complete(&mut self) {
        let length = self.out.len();
        if let Some(innermost) = self.open.last_mut() {
            innermost.expect = Expect::Comma;
            innermost.sound = length;
        }
    }

    /// A key, or a text; a text that breaks off is kept as far as it goes, a key that does is not.
    fn string(&mut self, rest: &str) -> Option<usize> {
        let innermost = self.open.last()?;
        let (is_key, in_object) = (innermost.expect == Expect::Key, innermost.object);
        let inner = &rest[1..];
        let end = if is_key { end_of_string(inner) } else { end_of_text(inner, in_object) };
        let whole = end < inner.len();
        if is_key && !whole {
            return None;
        }
        self.out.push('"');
        push_escaped(&mut self.out, if whole { &inner[..end] } else { without_broken_escape(inner) });
        self.out.push('"');
        self.cut = !whole;
        match is_key {
            true => self.open.last_mut()?.expect = Expect::Colon,
            false => self.value_is_complete(),
        }
        whole.then_some(end + 2)
    }

    /// A number or word; at the end of the text it may be a part of one, so it is dropped.
    fn scalar(&mut self, rest: &str) -> Option<usize> {
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c))?;
        let token = &rest[..length];
        serde_json::from_str::<&serde_json::value::RawValue>(token).ok()?;
        self.out.push_str(token);
        self.value_is_complete();
        Some(length)
    }

    fn close(mut self) -> Option<String> {
        while let Some(innermost) = self.open.pop() {
            self.out.truncate(innermost.sound);
            self.out.push(if innermost.object { '}' } else { ']' });
            self.value_is_complete();
        }
        (self.out.len() > 2).then_some(self.out)
    }
}

/// Where the closing quote of a value is, or the length of a text that has none. A quote after which no JSON can go on was meant as a
/// character and has lost its backslash.
fn end_of_text(inner: &str, in_object: bool) -> usize {
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
    let mut escaped = false;
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at,
            _ => {}
        }
    }
    inner.len()
}

/// A text without the half escape at its end, without the half character that lossy decoding left there, and without the first half of a
/// surrogate pair.
fn without_broken_escape(inner: &str) -> &str {
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
fn push_escaped(out: &mut String, inner: &str) {
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('u') if !has_four_digits(characters.as_str()) => out.push('u'),
                Some(known @ ('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' | 'u')) => out.extend(['\\', known]),
                Some(other) => out.push(other),
                None => {}
            },
            '"' => out.push_str("\\\""),
            control if control < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
}

fn has_four_digits(text: &str) -> bool {
    text.len() >= 4 && text.bytes().take(4).all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn json(text: &str) -> Option<String> {
        Some(completed(text).json).filter(|json| !json.is_empty())
    }

    #[test]
    fn everything_before_a_cut_is_kept() {
        for (cut, whole) in [
            (r#"{"a":1,"b":"it breaks of"#, r#"{"a":1,"b":"it breaks of"}"#),
            (r#"{"a":1,"b":12"#, r#"{"a":1}"#),
            (r#"{"a":1,"b":tru"#, r#"{"a":1}"#),
            (r#"{"a":1,"b":"#, r#"{"a":1}"#),
            (r#"{"a":1,"b"#, r#"{"a":1}"#),
            (r#"{"a":1,"#, r#"{"a":1}"#),
            (r#"{"a":[{"x":"y"},{"z":"#, r#"{"a":[{"x":"y"},{}]}"#),
            (r#"{"a":"\u4f"#, r#"{"a":""}"#),
            (r#"{"a":"x\"#, r#"{"a":"x"}"#),
            (r#"{"a":"x\\"#, r#"{"a":"x\\"}"#),
        ] {
            assert_eq!(json(cut).as_deref(), Some(whole), "{cut}");
        }
    }

    #[test]
    fn a_half_character_at_the_cut_goes() {
        let cut = String::from_utf8_lossy(&"{\"a\":\"你好".as_bytes()[..10]).into_owned();
        assert_eq!(json(&cut).as_deref(), Some("{\"a\":\"你\"}"));
    }

    #[test]
    fn raw_line_breaks_and_foreign_escapes_become_json() {
        assert_eq!(json("{\"a\":\"x\ny\\q\"}").as_deref(), Some("{\"a\":\"x\\u000ayq\"}"));
    }

    #[test]
    fn a_quote_that_lost_its_backslash_is_a_character() {
        let whole = r#"{"a":"1","b":"say \"hi\" now","c":["x\"y","z"],"d":2}"#;
        assert_eq!(json(r#"{"a":"1","b":"say "hi" now","c":["x"y","z"],"d":2}"#).as_deref(), Some(whole));
    }

    #[test]
    fn what_was_read_is_told() {
        for (text, read) in [(r#"{"a":1,"b":"x"#, 13), (r#"{"a":1,"b":12"#, 11), (r#"{"a":1} x"#, 7), ("no", 0)] {
            assert_eq!(completed(text).read, read, "{text}");
        }
    }

    #[test]
    fn what_is_no_object_is_not_made_one() {
        for text in ["", "text", "[1,2", "{", "{\"", "}"] {
            assert_eq!(json(text), None, "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_no_recursion() {
        let deep = format!("{{\"a\":{}", "[".repeat(100_000));
        assert_eq!(json(&deep).map(|json| json.len()), Some(200_000 + 6));
    }

    proptest! {
        #[test]
        fn every_cut_of_valid_json_gives_valid_json(keys in proptest::collection::vec(("[a-z]{1,3}", any::<String>(), any::<f32>()), 1..4), cut in 0usize..200) {
            let members: serde_json::Map<_, _> = keys.into_iter().map(|(key, text, number)| (key, serde_json::json!([text, number]))).collect();
            let whole = serde_json::to_string(&members).unwrap();
            let cut = String::from_utf8_lossy(&whole.as_bytes()[..cut.min(whole.len())]).into_owned();
            if let Some(completed) = json(&cut) {
                prop_assert!(serde_json::from_str::<serde_json::Value>(&completed).is_ok(), "{completed}");
            }
        }

        #[test]
        fn foreign_text_never_panics_and_never_gives_bad_json(text in r#"[{}\[\]",:\\u0-9a-f é\n]{0,60}"#) {
            if let Some(completed) = json(&text) {
                prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&completed).is_ok(), "{completed}");
            }
        }
    }
}
