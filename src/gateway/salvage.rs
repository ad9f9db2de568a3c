//! Damaged JSON objects → valid ones with everything that stands before the damage. Pure, one pass, no recursion.
//!
//! `ai_log` breaks off where a collector cut it by bytes, or holds raw line breaks (`reference/gateway-logs.md` §10). A cut text keeps what
//! there is of it; a cut number is dropped, because its digits would be a wrong number.

use std::fmt::Write;

/// The object that a damaged text began, closed where the damage is. `None` if not even its beginning can be read.
pub fn completed(text: &str) -> Option<String> {
    let mut repair = Repair { out: String::with_capacity(text.len() + 16), open: Vec::new() };
    let mut rest = text.trim_start();
    while let Some(next) = rest.chars().next() {
        match repair.take(next, rest) {
            Some(length) => rest = &rest[length..],
            None => break,
        }
        if repair.open.is_empty() {
            return Some(repair.out).filter(|object| object.len() > 1);
        }
    }
    repair.close()
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
        let is_key = self.open.last()?.expect == Expect::Key;
        let inner = &rest[1..];
        let end = end_of_string(inner);
        let whole = end < inner.len();
        if is_key && !whole {
            return None;
        }
        self.out.push('"');
        push_escaped(&mut self.out, if whole { &inner[..end] } else { without_broken_escape(inner) });
        self.out.push('"');
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

/// Where the closing quote is, or the length of a text that has none.
fn end_of_string(inner: &str) -> usize {
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

/// A text without the half escape at its end, and without the half character that lossy decoding left there.
fn without_broken_escape(inner: &str) -> &str {
    let inner = inner.trim_end_matches('\u{fffd}');
    let tail = inner.len().saturating_sub(6);
    let Some(at) = inner.as_bytes()[tail..].iter().rposition(|byte| *byte == b'\\').map(|at| at + tail) else { return inner };
    let backslashes = inner.as_bytes()[..=at].iter().rev().take_while(|byte| **byte == b'\\').count();
    let escape = &inner[at..];
    let complete = if escape.starts_with("\\u") { escape.len() >= 6 } else { escape.len() >= 2 };
    if backslashes % 2 == 0 || complete { inner } else { &inner[..at] }
}

/// Appends the inside of a string; bare control characters become escapes, escapes that JSON does not know lose their backslash.
fn push_escaped(out: &mut String, inner: &str) {
    let mut characters = inner.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some(known @ ('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' | 'u')) => out.extend(['\\', known]),
                Some(other) => out.push(other),
                None => {}
            },
            control if control < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
            assert_eq!(completed(cut).as_deref(), Some(whole), "{cut}");
        }
    }

    #[test]
    fn a_half_character_at_the_cut_goes() {
        let cut = String::from_utf8_lossy(&"{\"a\":\"你好".as_bytes()[..10]).into_owned();
        assert_eq!(completed(&cut).as_deref(), Some("{\"a\":\"你\"}"));
    }

    #[test]
    fn raw_line_breaks_and_foreign_escapes_become_json() {
        assert_eq!(completed("{\"a\":\"x\ny\\q\"}").as_deref(), Some("{\"a\":\"x\\u000ayq\"}"));
    }

    #[test]
    fn a_bare_quote_ends_the_salvage_but_not_what_stands_before() {
        assert_eq!(completed(r#"{"a":"1","b":"say "hi" now","c":2}"#).as_deref(), Some(r#"{"a":"1","b":"say "}"#));
    }

    #[test]
    fn what_is_no_object_is_not_made_one() {
        for text in ["", "text", "[1,2", "{", "{\"", "}"] {
            assert_eq!(completed(text), None, "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_no_recursion() {
        let deep = format!("{{\"a\":{}", "[".repeat(100_000));
        assert_eq!(completed(&deep).map(|json| json.len()), Some(200_000 + 6));
    }

    proptest! {
        #[test]
        fn every_cut_of_valid_json_gives_valid_json(keys in proptest::collection::vec(("[a-z]{1,3}", any::<String>(), any::<f32>()), 1..4), cut in 0usize..200) {
            let members: serde_json::Map<_, _> = keys.into_iter().map(|(key, text, number)| (key, serde_json::json!([text, number]))).collect();
            let json = serde_json::to_string(&members).unwrap();
            let cut = String::from_utf8_lossy(&json.as_bytes()[..cut.min(json.len())]).into_owned();
            if let Some(completed) = completed(&cut) {
                prop_assert!(serde_json::from_str::<serde_json::Value>(&completed).is_ok(), "{completed}");
            }
        }

        #[test]
        fn foreign_text_never_panics_and_never_gives_bad_json(text in r#"[{}\[\]",:\\u0-9a-f é\n]{0,60}"#) {
            if let Some(completed) = completed(&text) {
                prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&completed).is_ok(), "{completed}");
            }
        }
    }
}
