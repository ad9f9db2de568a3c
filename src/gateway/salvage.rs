//! Damaged JSON objects → valid ones with everything that stands before the damage. Pure, one pass, no recursion.
//!
//! `ai_log` breaks off where a collector cut it by bytes, or holds raw line breaks (`reference/gateway-logs.md` §10). A cut text keeps what
//! there is of it; a cut number is dropped, because its digits would be a wrong number.

use super::broken_text::{end_of_string, end_of_text, push_escaped, without_broken_escape};

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
