//! One line of a file, or one log of the dead-letter Logstore → a letter, a mark that one has been replayed, or neither. Pure.
//!
//! People bring what they have: the letters as JSON, lines of the function's log in either form, an export of either Logstore, and all
//! of it mixed with other lines. Nothing of a line but its letter gets out of here.

use serde_json::{Map, Value};

use crate::dead_letter::{self, DeadLetter, Unreadable};
use crate::sls::LogRecord;

/// `event` of a mark: the letter that stands beside it has been replayed.
pub const REPLAYED: &str = "dead_letter_replayed";

/// Fields in which collectors and exports put a line that they did not take apart.
const WRAPPERS: [&str; 4] = ["message", "content", "__line__", "log"];

/// How deep a line may be wrapped: an export of a collector's field that holds a line.
const MAX_DEPTH: u32 = 3;

/// What a line turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A dead letter.
    Letter(Box<DeadLetter>),
    /// A mark that this letter is done.
    Replayed(Box<DeadLetter>),
    /// Meant as one of both, but not readable.
    Unreadable(Unreadable),
    /// Something else.
    Foreign,
    /// Nothing.
    Blank,
}

impl Line {
    /// Reads a line of text.
    pub fn of_text(line: &[u8]) -> Self {
        let Ok(text) = std::str::from_utf8(line) else { return Self::Foreign };
        match text.trim() {
            "" => Self::Blank,
            text => of_text(text, 0),
        }
    }

    /// Reads a log, as it is pulled.
    pub fn of_record(record: &LogRecord<'_>) -> Self {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        of_members(&record.fields.iter().map(|field| (text(field.key), Value::String(text(field.value)))).collect(), 0)
    }
}

/// The mark that a letter is done, as one line of JSON.
pub fn mark(letter: &DeadLetter) -> Value {
    let mut mark = letter.json();
    mark["event"] = REPLAYED.into();
    mark
}

fn of_text(text: &str, depth: u32) -> Line {
    match serde_json::from_str::<Map<String, Value>>(text) {
        Ok(members) => of_members(&members, depth),
        // The form of the log for people: `… event="dead_letter" … members={…}`.
        Err(_) if text.contains("event=\"dead_letter\"") => match text.split_once("members=").and_then(|(_, rest)| first_object(rest)) {
            Some(members) => of_letter(&members, Line::Letter),
            None => Line::Unreadable(Unreadable::Damaged),
        },
        // A line that was cut.
        Err(_) if text.starts_with('{') && text.contains("dead_letter") => Line::Unreadable(Unreadable::Damaged),
        Err(_) => Line::Foreign,
    }
}

fn first_object(text: &str) -> Option<Map<String, Value>> {
    serde_json::Deserializer::from_str(text).into_iter().next()?.ok()
}

fn of_members(members: &Map<String, Value>, depth: u32) -> Line {
    match members.get("event").and_then(Value::as_str) {
        Some(dead_letter::EVENT) => of_letter(members.get("members").and_then(Value::as_object).unwrap_or(members), Line::Letter),
        Some(REPLAYED) => of_letter(members, Line::Replayed),
        None if is_like_a_letter(members) => of_letter(members, Line::Letter),
        _ if depth < MAX_DEPTH => wrapped(members).map_or(Line::Foreign, |text| of_text(text, depth + 1)),
        _ => Line::Foreign,
    }
}

fn of_letter(members: &Map<String, Value>, kind: impl Fn(Box<DeadLetter>) -> Line) -> Line {
    DeadLetter::read(members).map_or_else(Line::Unreadable, |letter| kind(Box::new(letter)))
}

/// The members that no other record has together, whatever the version.
fn is_like_a_letter(members: &Map<String, Value>) -> bool {
    ["v", "logstore", "cursor", "reason"].iter().all(|name| members.contains_key(*name))
}

fn wrapped(members: &Map<String, Value>) -> Option<&str> {
    let text = WRAPPERS.iter().filter_map(|name| members.get(*name)?.as_str());
    text.map(str::trim).find(|text| text.contains(dead_letter::EVENT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dead_letter::Pointer;
    use crate::delivery::DeadLetterReason;
    use crate::sls::{Field, LogTime};
    use crate::trace::SpanId;
    use serde_json::json;

    fn letter() -> DeadLetter {
        let pointer = Pointer::Log {
            project: "demo-project".into(),
            logstore: "ai-gateway-log".into(),
            shard: 3,
            cursor: "MTczMjE1NDI4NzIxMzIzMjAwMg==".into(),
            end_cursor: None,
            index: 4,
            receive_time: None,
        };
        DeadLetter::new(pointer, Some(SpanId([1; 8])), DeadLetterReason::Refused, Some(400))
    }

    fn read(line: &str) -> Line {
        Line::of_text(line.as_bytes())
    }

    fn is_letter(line: &str) -> bool {
        read(line) == Line::Letter(Box::new(letter()))
    }

    /// The line of the function's log, as `logging` writes it.
    fn logged() -> String {
        let mut line = letter().json();
        for (name, text) in [("timestamp", "t"), ("level", "warn"), ("event", "dead_letter"), ("request_id", "r"), ("message", "a record")]
        {
            line[name] = text.into();
        }
        line.to_string()
    }

    #[test]
    fn a_letter_is_found_in_every_form_that_people_have_it_in() {
        let members = letter().json();
        let texts = members.as_object().unwrap().iter().map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (name.clone(), Value::String(text))
        });
        let mut exported = Value::Object(texts.collect());
        exported["__time__"] = "1772417413".into();
        let human = format!(
            "2026-03-02T02:10:01Z  WARN a record cannot be delivered event=\"dead_letter\" request_id=r members={}",
            letter().json()
        );
        for line in [
            letter().json().to_string(),
            format!("  {}\r\n", letter().json()),
            exported.to_string(),
            logged(),
            human.clone(),
            json!({"functionName": "f", "message": logged(), "__time__": "1"}).to_string(),
            json!({"content": json!({"message": format!("{}\n", logged())}).to_string()}).to_string(),
            json!({"message": human}).to_string(),
            json!({"event": "dead_letter", "members": letter().json()}).to_string(),
        ] {
            assert!(is_letter(&line), "{line}: {:?}", read(&line));
        }
    }

    #[test]
    fn a_mark_is_read_back_from_its_line_and_from_the_fields_of_a_log() {
        let mark = mark(&letter());
        assert_eq!(read(&mark.to_string()), Line::Replayed(Box::new(letter())));
        let texts: Vec<_> = mark.as_object().unwrap().iter().map(|(name, value)| (name, value.to_string())).collect();
        let field = |(name, text): &'_ (&String, String)| (name.as_bytes().to_vec(), text.trim_matches('"').as_bytes().to_vec());
        let pairs: Vec<_> = texts.iter().map(field).collect();
        let fields = pairs.iter().map(|(key, value)| Field { key, value }).collect();
        let record = LogRecord { time: LogTime { seconds: 1, nanoseconds: None }, fields };
        assert_eq!(Line::of_record(&record), Line::Replayed(Box::new(letter())));
    }

    #[test]
    fn other_lines_are_foreign_and_spoilt_letters_are_said_to_be_so() {
        for line in
            ["sentinel", "[1]", "{}", r#"{"event":"report","v":1}"#, r#"{"message":"hello"}"#, r#"{"event":"failure","cursor":"x"}"#]
        {
            assert_eq!(read(line), Line::Foreign, "{line}");
        }
        assert_eq!(read(" \r\n"), Line::Blank);
        assert_eq!(Line::of_text(b"\xff{}"), Line::Foreign);
        let cut = &logged()[..logged().len() - 9];
        for line in [cut, r#"{"event":"dead_letter","v":1}"#, "WARN event=\"dead_letter\" members={\"v\":1", r#"{"event":"dead_letter"}"#] {
            assert_eq!(read(line), Line::Unreadable(Unreadable::Damaged), "{line}");
        }
        let newer = letter().json().to_string().replace("\"v\":1", "\"v\":2");
        assert_eq!(read(&newer), Line::Unreadable(Unreadable::Version));
    }

    #[test]
    fn wrapping_without_end_is_not_followed() {
        let mut line = logged();
        for _ in 0..MAX_DEPTH {
            line = json!({"message": line}).to_string();
        }
        assert!(is_letter(&line));
        assert_eq!(read(&json!({ "message": line }).to_string()), Line::Foreign);
    }
}
