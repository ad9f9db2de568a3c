//! Log lines as text → records as SLS would have stored them. Pure: where the lines come from is decided elsewhere.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::sls::{Field, LogRecord, LogTime};

/// The time of a log, which is in its head once it is stored (`reference/gateway-logs.md` §2).
const TIME: &str = "__time__";

/// Where SLS puts a line that it does not divide into fields.
const CONTENT: &str = "content";

/// Where Docker and Fluent Bit put the line of a container, and the stream that it was written to.
const WRAPPED: [&str; 2] = ["log", "stream"];

/// The most lines and fields together that one item may hold. Each costs some hundred bytes of memory however short it is, so a few
/// kilobytes of gzip could fill any; a gateway's log has a field in 40 bytes, and thus room for 16 MB of it here.
pub const MAX_PARTS: usize = 400_000;

/// How some programs begin a text in UTF-8. No part of it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The lines of one item of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// Index of the item in its event, from 0.
    pub item: u64,
    /// When the service received it, UNIX seconds, where it is known.
    pub received: Option<u32>,
    /// Its lines, in order; `None` stands for one that is damaged.
    pub lines: Vec<Option<Line>>,
    /// Unpacked bytes.
    pub size: u64,
}

/// One line, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it was written.
    pub time: LogTime,
    /// Keys and values, in order.
    pub fields: Vec<(String, String)>,
}

impl Line {
    /// A line with these fields. Its `__time__` (UNIX seconds) is its time and no field, as when it is pulled from SLS.
    fn new(mut fields: Vec<(String, String)>, time: LogTime) -> Self {
        let own = fields.iter().rev().find(|(key, _)| key == TIME).and_then(|(_, time)| time.trim().parse().ok());
        fields.retain(|(key, _)| key != TIME);
        Self { time: own.map_or(time, |seconds| LogTime { seconds, nanoseconds: None }), fields }
    }

    /// The line as a record.
    pub fn record(&self) -> LogRecord<'_> {
        let fields = self.fields.iter().map(|(key, value)| Field { key: key.as_bytes(), value: value.as_bytes() });
        LogRecord { time: self.time, fields: fields.collect() }
    }
}

/// The lines of a text, each read: JSON objects, one a line; or one JSON object or JSON array of them that spans lines. `time` is that
/// of lines that carry none. Blank lines are no lines. A text with more than [`MAX_PARTS`] is damaged as a whole.
pub fn of_text(text: &[u8], time: LogTime) -> Vec<Option<Line>> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text).trim_ascii();
    let whole = match text.first() {
        Some(b'{') => std::str::from_utf8(text).ok().and_then(object).map(|fields| Some(vec![Some(Line::new(fields, time))])),
        Some(b'[') => elements(text).map(|all| within(all.into_iter().map(|one| line(one.get().as_bytes(), time)))),
        _ => None,
    };
    let lines = whole
        .unwrap_or_else(|| within(text.split(|byte| *byte == b'\n').filter(|one| !one.trim_ascii().is_empty()).map(|one| line(one, time))));
    lines.unwrap_or_else(|| vec![None])
}

/// The lines, unless they have more than [`MAX_PARTS`].
fn within(lines: impl Iterator<Item = Option<Line>>) -> Option<Vec<Option<Line>>> {
    let mut room = MAX_PARTS;
    lines
        .map(|line| {
            room = room.checked_sub(1 + line.as_ref().map_or(0, |line| line.fields.len()))?;
            Some(line)
        })
        .collect()
}

/// The elements of a JSON array; `None` if it is none, or has more than [`MAX_PARTS`].
fn elements(text: &[u8]) -> Option<Vec<&RawValue>> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let elements = json.deserialize_seq(Elements).ok()?;
    json.end().ok()?;
    Some(elements)
}

/// One line; `None` if it is damaged: the beginning of an object, or of an array of them, that does not end, or no text at all. Any other text is a record with
/// one field `content`, as SLS stores it: a log, but of no gateway.
pub fn line(line: &[u8], time: LogTime) -> Option<Line> {
    let (line, whole) = (String::from_utf8_lossy(line), std::str::from_utf8(line).is_ok());
    match object(&line) {
        Some(fields) => Some(Line::new(fields, time)),
        None if begins_object(&line) || !whole => None,
        None => Some(Line { time, fields: vec![(CONTENT.to_owned(), line.trim().to_owned())] }),
    }
}

fn begins_object(line: &str) -> bool {
    let line = line.trim_start();
    line.strip_prefix('[').map_or(line, str::trim_start).starts_with('{')
}

/// The fields of an object, or of the one that a collector of container logs wrapped up in its own.
fn object(text: &str) -> Option<Vec<(String, String)>> {
    let outer = fields(text).ok()?;
    let [log, stream] = WRAPPED.map(|name| outer.iter().find(|(key, _)| key == name));
    let inner = log.filter(|(_, text)| stream.is_some() && text.trim_start().starts_with('{'));
    Some(inner.and_then(|(_, text)| fields(text).ok()).unwrap_or(outer))
}

/// The members of a JSON object as SLS stores them, in the order of the text, a repeated key staying repeated: texts are taken as they
/// are, any other value becomes its JSON text.
///
/// # Errors
/// When the text is no JSON object. The message of the error may quote the text.
pub fn fields(text: &str) -> Result<Vec<(String, String)>, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(text);
    let fields = json.deserialize_map(Fields)?;
    json.end()?;
    Ok(fields)
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Vec<(String, String)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some((key, value)) = map.next_entry::<Cow<'de, str>, &'de RawValue>()? {
            let text = if value.get().starts_with('"') { serde_json::from_str(value.get()) } else { Ok(value.get().to_owned()) };
            fields.push((key.into_owned(), text.map_err(serde::de::Error::custom)?));
            if fields.len() > MAX_PARTS {
                return Err(serde::de::Error::custom("too many fields"));
            }
        }
        Ok(fields)
    }
}

struct Elements;

impl<'de> Visitor<'de> for Elements {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            elements.push(element);
            if elements.len() > MAX_PARTS {
                return Err(serde::de::Error::custom("too many elements"));
            }
        }
        Ok(elements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ARRIVED: LogTime = LogTime { seconds: 1_772_417_413, nanoseconds: Some(250_000_000) };

    fn read(text: &str) -> Vec<Option<Vec<(String, String)>>> {
        of_text(text.as_bytes(), ARRIVED).into_iter().map(|line| line.map(|line| line.fields)).collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
        Some(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn texts_stay_and_other_values_become_their_json_in_the_order_of_the_line() {
        let expected = pairs(&[("b", "a\"b\n"), ("a", "1.50"), ("ai_log", r#"{"model": "m"}"#), ("n", "null"), ("b", "2")]);
        assert_eq!(read(r#"{"b":"a\"b\n","a":1.50,"ai_log":{"model": "m"},"n":null,"b":2}"#), [expected]);
    }

    #[test]
    fn objects_stand_one_a_line_or_in_an_array_or_over_several_lines() {
        let both = [pairs(&[("a", "1")]), pairs(&[("b", "2")])];
        assert_eq!(read("{\"a\":1}\r\n\n  {\"b\":2}\n"), both);
        assert_eq!(read("[{\"a\":1},\n{\"b\":2}]"), both);
        assert_eq!(read("{\n \"a\": 1\n}"), both[..1]);
        assert!(read(" \n ").is_empty());
    }

    #[test]
    fn a_line_of_another_program_is_a_log_and_a_broken_object_is_damaged() {
        let text = "[2026-03-02][info] started\n{\"a\":1\n\"text\"\n{\"a\":1}";
        let plain = |text| pairs(&[("content", text)]);
        assert_eq!(read(text), [plain("[2026-03-02][info] started"), None, plain("\"text\""), pairs(&[("a", "1")])]);
        assert_eq!(of_text(b"\xf3\x89\x9a\xc2\x01", ARRIVED), [None]);
    }

    #[test]
    fn an_array_of_objects_that_was_cut_off_is_damaged_and_no_other_text() {
        assert_eq!(read(r#"[{"a":1},{"b""#), [None]);
        assert_eq!(read("[ {\"a\":1}] rest"), [None]);
        assert_eq!(read("[info] {"), [pairs(&[("content", "[info] {")])]);
    }

    #[test]
    fn a_byte_order_mark_hides_nothing() {
        assert_eq!(read("\u{feff}{\"a\":1}\n{\"b\":2}"), [pairs(&[("a", "1")]), pairs(&[("b", "2")])]);
        assert_eq!(read("\u{feff}[{\"a\":1}]"), [pairs(&[("a", "1")])]);
    }

    #[test]
    fn a_text_of_more_parts_than_memory_may_hold_is_damaged_as_a_whole() {
        let members = |count: usize| vec![r#""a":1"#; count].join(",");
        let full = MAX_PARTS / 2;
        assert_eq!(read(&"a\n".repeat(full)).len(), full);
        for text in ["a\n".repeat(full + 1), "{}\n".repeat(MAX_PARTS + 1), format!("[{}1]", "1,".repeat(full)), "[1,".repeat(MAX_PARTS)] {
            assert_eq!(read(&text).len(), 1, "{}", &text[..10]);
        }
        assert_eq!(read(&format!("{{{}}}", members(MAX_PARTS)))[0].as_ref().map(Vec::len), Some(MAX_PARTS));
        assert_eq!(read(&format!("{{{}}}", members(MAX_PARTS + 1))), [None]);
        assert_eq!(read(&format!("{{{}}}\n{{{}}}", members(full), members(full))), [None]);
    }

    #[test]
    fn the_line_of_a_container_is_unwrapped() {
        assert_eq!(read(r#"{"log":"{\"path\":\"/\"}\n","stream":"stdout"}"#), [pairs(&[("path", "/")])]);
        assert_eq!(read(r#"{"log":"{\"path\":1}"}"#), [pairs(&[("log", r#"{"path":1}"#)])]);
        assert_eq!(read(r#"{"log":"started","stream":"stdout"}"#), [pairs(&[("log", "started"), ("stream", "stdout")])]);
    }

    #[test]
    fn a_line_has_its_own_time_else_that_of_its_arrival() {
        let times = |text: &str| of_text(text.as_bytes(), ARRIVED)[0].clone().map(|line| (line.time, line.fields.len()));
        let own = LogTime { seconds: 1_700_000_000, nanoseconds: None };
        assert_eq!(times(r#"{"__time__":1700000000,"a":1}"#), Some((own, 1)));
        assert_eq!(times(r#"{"a":1,"__time__":"1700000000"}"#), Some((own, 1)));
        assert_eq!(times(r#"{"a":1,"__time__":"soon"}"#), Some((ARRIVED, 1)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_as_at_most_so_many_lines(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "[{}\\[\\]\":,a1\n ]{0,60}") {
            for text in [bytes.as_slice(), text.as_bytes()] {
                prop_assert!(of_text(text, ARRIVED).len() <= text.len());
            }
        }
    }
}
