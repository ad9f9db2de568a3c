//! JSON text of an object → its members, each as the text that it is. Pure.
//!
//! Nothing is decoded here but names with an escape in them: of a text only the end is looked for, by blocks, which takes two fifths (code) to
//! three fifths (prose) of the time that a reader of JSON takes for it. What is no text is left to that reader, which is the oracle of the tests
//! too.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::json_string;

/// Hands over the members of a JSON object as they come, so that those before a damage are kept; true if there was none.
pub fn each_member<'a>(text: &'a str, take: impl FnMut(Cow<'a, str>, &'a str)) -> bool {
    Object { rest: text }.members(take).is_some()
}

/// An object that is being read.
struct Object<'a> {
    /// What has not been read yet.
    rest: &'a str,
}

impl<'a> Object<'a> {
    /// All members, and that nothing follows. `None` where the damage is.
    fn members(&mut self, mut take: impl FnMut(Cow<'a, str>, &'a str)) -> Option<()> {
        self.mark(|mark| mark == b'{')?;
        let mut is_open = self.mark(|mark| mark == b'}').is_none();
        while is_open {
            let name = self.name()?;
            self.mark(|mark| mark == b':')?;
            take(name, self.value()?);
            is_open = self.mark(|mark| matches!(mark, b',' | b'}'))? == b',';
        }
        self.skip_blanks();
        self.rest.is_empty().then_some(())
    }

    /// A mark that must come next.
    fn mark(&mut self, is_meant: impl Fn(u8) -> bool) -> Option<u8> {
        self.skip_blanks();
        let mark = *self.rest.as_bytes().first()?;
        self.rest = is_meant(mark).then(|| &self.rest[1..])?;
        Some(mark)
    }

    fn skip_blanks(&mut self) {
        // Writers of logs put none.
        if self.rest.as_bytes().first().is_some_and(|byte| *byte <= b' ') {
            let is_blank = |byte: &&u8| matches!(**byte, b' ' | b'\n' | b'\r' | b'\t');
            self.rest = &self.rest[self.rest.as_bytes().iter().take_while(is_blank).count()..];
        }
    }

    fn name(&mut self) -> Option<Cow<'a, str>> {
        self.skip_blanks();
        if let Some(length) = self.plain_name() {
            return Some(Cow::Borrowed(&self.take(length + 2)[1..=length]));
        }
        let written = self.string()?;
        let inside = &written[1..written.len() - 1];
        if inside.contains('\\') { serde_json::from_str(written).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inside)) }
    }

    /// How long a name is in which nothing is escaped, as in nearly all names.
    fn plain_name(&self) -> Option<usize> {
        let inside = self.rest.as_bytes().strip_prefix(b"\"")?;
        json_string::to_escape(inside).next().filter(|length| inside[*length] == b'"')
    }

    fn value(&mut self) -> Option<&'a str> {
        self.skip_blanks();
        if self.rest.starts_with('"') {
            return self.string();
        }
        if let Some(length) = self.count() {
            return Some(self.take(length));
        }
        let value: &RawValue = serde::Deserialize::deserialize(&mut serde_json::Deserializer::from_str(self.rest)).ok()?;
        Some(self.take(value.get().len()))
    }

    /// How long a number is that is digits alone with another member or the end behind it, as tokens and times are: a tenth of the time of
    /// the reader of JSON.
    fn count(&self) -> Option<usize> {
        let bytes = self.rest.as_bytes();
        let length = bytes.iter().position(|byte| !byte.is_ascii_digit())?;
        let is_whole = matches!(bytes[length], b',' | b'}');
        (is_whole && length > 0 && (length == 1 || bytes[0] != b'0')).then_some(length)
    }

    /// A string, with its quotation marks.
    fn string(&mut self) -> Option<&'a str> {
        let inside = self.rest.strip_prefix('"')?;
        Some(self.take(json_string::end(inside.as_bytes())? + 2))
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::de::{Deserializer, MapAccess, Visitor};

    type Members = Vec<(String, String)>;

    fn split(text: &str) -> (Members, bool) {
        let mut members = Vec::new();
        let whole = each_member(text, |name, json| members.push((name.into_owned(), json.to_owned())));
        (members, whole)
    }

    /// The same by a reader of JSON.
    fn by_the_oracle(text: &str) -> (Members, bool) {
        struct Collect<'m>(&'m mut Members);
        impl<'de> Visitor<'de> for Collect<'_> {
            type Value = ();
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
                while let Some(name) = map.next_key::<String>()? {
                    self.0.push((name, map.next_value::<&RawValue>()?.get().to_owned()));
                }
                Ok(())
            }
        }
        let (mut members, mut json) = (Vec::new(), serde_json::Deserializer::from_str(text));
        let whole = json.deserialize_map(Collect(&mut members)).is_ok() && json.end().is_ok();
        (members, whole)
    }

    #[test]
    fn members_come_in_order_with_the_text_that_they_are() {
        let (members, whole) = split(" {\"a\" : \"x\\n\\\"}\" ,\n\"b\":[1, {\"c\":null}],\"n\":-1.5e3,\"a\":true, \"\\u00e9\\n\":{}}\t");
        let known = [("a", "\"x\\n\\\"}\""), ("b", "[1, {\"c\":null}]"), ("n", "-1.5e3"), ("a", "true"), ("é\n", "{}")];
        assert_eq!(members, known.map(|(name, json)| (name.to_owned(), json.to_owned())));
        assert!(whole);
        assert_eq!(split("{}"), (vec![], true));
    }

    #[test]
    fn members_before_a_damage_are_kept() {
        let first = vec![("a".to_owned(), "1".to_owned())];
        for damaged in [
            r#"{"a":1"#,
            r#"{"a":1,"#,
            r#"{"a":1,}"#,
            r#"{"a":1 "b":2}"#,
            r#"{"a":1,"b"}"#,
            r#"{"a":1,"b":"x"#,
            "{\"a\":1,\"b\":\"\n\"}",
            r#"{"a":1,"b":"\x"}"#,
            r#"{"a":1,"b":tru}"#,
            r#"{"a":1,"\ud800":2}"#,
            r#"{"a":1,'b':2}"#,
            r#"{"a":1} x"#,
        ] {
            assert_eq!(split(damaged), (first.clone(), false), "{damaged}");
        }
        for none in ["", "x", "[1]", "\"a\"", "{", "{,}", "{1:2}", "\u{a0}{}"] {
            assert_eq!(split(none), (vec![], false), "{none}");
        }
    }

    #[test]
    fn deep_nesting_is_a_member_like_any_other() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let (members, whole) = split(&format!(r#"{{"a":{deep},"b":1}}"#));
        assert_eq!(members, [("a".to_owned(), deep), ("b".to_owned(), "1".to_owned())]);
        assert!(whole);
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_reader_of_json_about_every_text(
            parts in prop::collection::vec(prop::sample::select(vec![
                "{", "}", "[", "]", ":", ",", "\"a\"", "\"b\\n\"", "\"\\u00e9\"", "\"", "\\", "0", "1", "-0.5", "1e9", "tru", "true", "null", " ", "\n", "字", "\u{1}",
                "{\"a\":", "\"a\":\"b\",", "\"a\":1,", "\"c\":{\"d\":[]}", "\"\\ud83d\"", "\"\\ud83d\\ude00\"", "\"\\x\"", "\u{a0}",
            ]), 0..14),
            broken in 0_usize..60,
        ) {
            let text = parts.concat();
            prop_assert_eq!(split(&text), by_the_oracle(&text));
            let (wrapped, end) = (format!("{{{text}}}"), text.floor_char_boundary(broken.min(text.len())));
            prop_assert_eq!(split(&wrapped), by_the_oracle(&wrapped));
            prop_assert_eq!(split(&text[..end]), by_the_oracle(&text[..end]));
        }
    }
}
