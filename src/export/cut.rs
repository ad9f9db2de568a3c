//! A lone encoded span made smaller, for a server that refuses its size: the largest text goes first, and says so. Pure.
//!
//! Works on encoded spans, like everything behind the converter; it knows which attribute names are ours only to name them in the mark.

use std::collections::BTreeMap;

use prost::Message;

use super::wire::any_value::Value;
use super::wire::{AnyValue, KeyValue, ScopeSpans, Span};
use crate::trace::room::CUT_MARK;

/// A span of this size or less is not cut: what a server refuses at that size it does not refuse for its size. Bytes.
const SMALLEST_SPAN: usize = 16 * 1024;

/// A text of this size or less is left alone. Bytes.
const SMALLEST_TEXT: usize = 1024;

/// Metadata that says what was cut (`design.md` decision 10).
const MARK: &str = "langfuse.observation.metadata.gw_truncated";

/// One span of about half the size of `encoded`, which is one `spans` field; `None` if there is nothing left to cut, or it does not read back.
pub fn halved(encoded: &[u8]) -> Option<Vec<u8>> {
    if encoded.len() <= SMALLEST_SPAN {
        return None;
    }
    let mut fields = ScopeSpans::decode(encoded).ok()?;
    let [span] = fields.spans.as_mut_slice() else { return None };
    let (target, mut before) = (encoded.len() / 2, BTreeMap::new());
    while span.encoded_len() > target {
        let excess = span.encoded_len() - target;
        let (key, text) = texts(span).max_by_key(|(_, text)| text.len()).filter(|(_, text)| text.len() > SMALLEST_TEXT)?;
        before.entry(key.to_owned()).or_insert(text.len());
        *text = shortened(text, text.len().saturating_sub(excess).max(SMALLEST_TEXT / 2));
    }
    before.iter().for_each(|(key, before)| note(span, key, *before));
    Some(fields.encode_to_vec())
}

fn texts(span: &mut Span) -> impl Iterator<Item = (&str, &mut String)> {
    span.attributes.iter_mut().filter_map(|attribute| match attribute.value.as_mut()?.value.as_mut()? {
        Value::StringValue(text) => Some((attribute.key.as_str(), text)),
        _ => None,
    })
}

/// Says that the text of `key` was `before` bytes long.
fn note(span: &mut Span, key: &str, before: usize) {
    let after = texts(span).find(|(name, _)| *name == key).map_or(0, |(_, text)| text.len());
    let said = format!("{}: cut for the server, {after} of {before} bytes sent", key.rsplit('.').next().unwrap_or(key));
    if let Some((_, all)) = texts(span).find(|(key, _)| *key == MARK) {
        all.push_str("; ");
        all.push_str(&said);
        return;
    }
    let value = Some(AnyValue { value: Some(Value::StringValue(said)) });
    span.attributes.push(KeyValue { key: MARK.to_owned(), value });
}

/// A text of about `length` bytes with the mark of a cut: of JSON its longest string is cut, so that it stays JSON, unless that string is
/// not what makes it long.
fn shortened(text: &str, length: usize) -> String {
    let excess = text.len().saturating_sub(length) + CUT_MARK.len();
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    let string = longest_string(text).filter(|string| is_json && string.len() > excess);
    let (begin, room, end) = match string {
        Some(string) => (string.start, string.len() - excess, string.end),
        None => (0, text.len().saturating_sub(excess), text.len()),
    };
    let kept = begin + whole_units(&text[begin..end], room);
    [&text[..kept], CUT_MARK, &text[end..]].concat()
}

/// The longest string literal of a JSON text, without its quotes.
fn longest_string(json: &str) -> Option<std::ops::Range<usize>> {
    let (mut longest, mut begin, mut escaped) = (None::<std::ops::Range<usize>>, None, false);
    for (index, byte) in json.bytes().enumerate() {
        match (begin, byte) {
            _ if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (None, b'"') => begin = Some(index + 1),
            (Some(start), b'"') => {
                let string = start..index;
                longest = longest.filter(|longest| longest.len() >= string.len()).or(Some(string));
                begin = None;
            }
            _ => {}
        }
    }
    longest
}

/// How many bytes of a text, at most `room`, hold whole characters and whole escapes only.
fn whole_units(text: &str, room: usize) -> usize {
    let mut end = 0;
    while let Some(unit) = unit_len(&text[end..]).filter(|unit| end + unit <= room) {
        end += unit;
    }
    end
}

/// The length of the first character or escape; the two escapes of a surrogate pair are one.
fn unit_len(text: &str) -> Option<usize> {
    let first = text.chars().next()?;
    let pair = || text.get(2..4).is_some_and(|high| matches!(high.to_ascii_lowercase().as_str(), "d8" | "d9" | "da" | "db"));
    let length = match (first, text.as_bytes().get(1)) {
        ('\\', Some(b'u')) if pair() => 12,
        ('\\', Some(b'u')) => 6,
        ('\\', Some(_)) => 2,
        _ => first.len_utf8(),
    };
    // Text that is no JSON may end in what only looks like an escape.
    Some(if text.is_char_boundary(length) { length } else { first.len_utf8() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(texts: &[(&str, &str)]) -> Vec<u8> {
        let pair = |(key, text): &(&str, &str)| KeyValue {
            key: (*key).to_owned(),
            value: Some(AnyValue { value: Some(Value::StringValue((*text).to_owned())) }),
        };
        let span = Span { span_id: vec![7; 8], name: "n".into(), attributes: texts.iter().map(pair).collect(), ..Span::default() };
        ScopeSpans { spans: vec![span], ..ScopeSpans::default() }.encode_to_vec()
    }

    fn decoded(bytes: &[u8]) -> Vec<(String, String)> {
        let mut fields = ScopeSpans::decode(bytes).unwrap();
        assert_eq!((fields.spans.len(), fields.spans[0].span_id.as_slice()), (1, [7; 8].as_slice()));
        texts(&mut fields.spans[0]).map(|(key, text)| (key.to_owned(), text.clone())).collect()
    }

    #[test]
    fn the_largest_text_is_cut_and_the_others_stay() {
        let (input, output) = ("i".repeat(90_000), "o".repeat(8_000));
        let whole = encoded(&[("langfuse.observation.input", &input), ("langfuse.observation.output", &output)]);
        let half = halved(&whole).unwrap();
        assert!(half.len() <= whole.len() / 2 + 200, "{}", half.len());
        let texts = decoded(&half);
        let kept = texts[0].1.strip_suffix(CUT_MARK).unwrap();
        assert!(input.starts_with(kept) && texts[1].1 == output);
        let said = format!("input: cut for the server, {} of 90000 bytes sent", texts[0].1.len());
        assert_eq!(texts[2], (MARK.to_owned(), said));
    }

    #[test]
    fn halving_again_adds_to_what_was_said_and_ends() {
        let mut bytes = encoded(&[("langfuse.observation.input", &"好".repeat(300_000)), (MARK, "output: cut by the gateway")]);
        let mut rounds = 0;
        while let Some(half) = halved(&bytes) {
            assert!(half.len() < bytes.len());
            (bytes, rounds) = (half, rounds + 1);
        }
        assert_eq!(rounds, 6);
        assert!(bytes.len() <= SMALLEST_SPAN);
        let said = decoded(&bytes)[1].1.clone();
        assert_eq!(said.split("; ").next(), Some("output: cut by the gateway"));
        assert_eq!(said.split("; ").count(), 7);
    }

    #[test]
    fn what_is_small_or_no_span_is_not_cut() {
        assert_eq!(halved(&encoded(&[("a", &"x".repeat(SMALLEST_SPAN - 200))])), None);
        assert_eq!(halved(&vec![0xff; 40_000]), None);
        let many: Vec<(String, String)> = (0..100).map(|index| (format!("k{index}"), "v".repeat(1000))).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|(key, text)| (key.as_str(), text.as_str())).collect();
        assert_eq!(halved(&encoded(&many)), None);
    }

    #[test]
    fn a_conversation_stays_json_and_keeps_its_other_messages() {
        let long = "\\ud83d\\ude00\\n".repeat(2000);
        let text = format!(r#"[{{"role":"system","content":"be brief"}},{{"role":"user","content":"{long}"}}]"#);
        let shorter = shortened(&text, 10_000);
        let messages: serde_json::Value = serde_json::from_str(&shorter).unwrap();
        assert_eq!(messages[0]["content"], "be brief");
        assert!(messages[1]["content"].as_str().unwrap().ends_with(CUT_MARK));
        assert!((9_900..=10_000).contains(&shorter.len()), "{}", shorter.len());
    }

    #[test]
    fn json_of_many_small_strings_is_cut_as_a_text() {
        let text = format!("[{}]", vec![r#""short""#; 1000].join(","));
        let shorter = shortened(&text, 2_000);
        assert!(text.starts_with(shorter.strip_suffix(CUT_MARK).unwrap()));
        assert!(shorter.len() <= 2_000);
    }

    proptest! {
        #[test]
        fn json_stays_json_if_one_string_makes_it_long(text in "\\PC{0,40}", long in "[a-z\"\\\\\n好😀]{300,400}", length in 100usize..300) {
            let json = serde_json::json!({ "a": text, "b": [long] }).to_string();
            let shorter = shortened(&json, json.len().saturating_sub(length).max(200));
            prop_assert!(serde_json::from_str::<serde_json::Value>(&shorter).is_ok(), "{}", shorter);
        }

        #[test]
        fn any_text_is_cut_between_characters(text in "(\\\\u|\\\\|\\PC){0,60}", length in 0usize..200) {
            let shorter = shortened(&text, length);
            prop_assert!(shorter.contains(CUT_MARK));
        }
    }
}
