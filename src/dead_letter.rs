//! Dead letters: pointers to records that can never be delivered, to our log and, if wanted, to a Logstore. No content is copied
//! (`design.md` decision 7).

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::delivery::DeadLetterReason;
use crate::sls::cursor::Cursor;
use crate::sls::endpoint::{is_logstore_name, is_project_name};
use crate::sls::wire;
use crate::trace::{SpanId, ids};

/// The version of the form that this program writes, and the only one that it reads.
pub const VERSION: u32 = 1;

/// `event` of the log lines that are letters.
pub const EVENT: &str = "dead_letter";

/// The longest cursor that is taken for one. Bytes; real ones have 28.
const MAX_CURSOR_BYTES: usize = 512;

/// How many letters one PutLogs request carries. A letter has about 300 bytes; the limit for a request is 3 MB and 4096 logs
/// (`reference/sls.md` §3).
pub const MAX_LETTERS_PER_REQUEST: usize = 1000;

/// A pointer to one record. The names are a contract: `replay` reads them, from JSON as well as from the fields of a log, where every
/// number is a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// Version of this form.
    #[serde(deserialize_with = "number")]
    pub v: u32,
    /// Where the record is.
    #[serde(flatten)]
    pub pointer: Pointer,
    /// The observation it would have been; none for a record that cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span_id: Option<String>,
    /// When the record leaves the Logstore, UNIX seconds, where it is known. SLS does not tell its retention to readers, so this program
    /// never knows it there.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "number_if_any")]
    pub expires: Option<u32>,
    /// Why.
    pub reason: DeadLetterReason,
    /// HTTP status of the refusal, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "number_if_any")]
    pub status: Option<u16>,
    /// The route it took, where there are routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The destination that did not take it, where there are routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
}

/// What names a record in its source. One form per source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Pointer {
    /// A log in SLS.
    Log {
        /// Its project.
        project: String,
        /// Its Logstore.
        logstore: String,
        /// Its shard.
        #[serde(deserialize_with = "number")]
        shard: u32,
        /// Cursor of its log group; the beginning of the range where the group's own is not known.
        cursor: String,
        /// End of the range, only where the group's own cursor is not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        end_cursor: Option<String>,
        /// Index of the record in its group.
        #[serde(deserialize_with = "number")]
        index: u32,
        /// When the service received the record, UNIX seconds, where it is known.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "number_if_any")]
        receive_time: Option<u32>,
    },
    /// A line of a record in a Kinesis stream.
    Kinesis {
        /// Name of the stream.
        stream: String,
        /// Name of the shard.
        shard: String,
        /// Of the record.
        sequence_number: String,
        /// Index of the line in it.
        #[serde(deserialize_with = "number")]
        index: u32,
    },
    /// An event of a CloudWatch log group.
    CloudWatch {
        /// Log group.
        log_group: String,
        /// Log stream.
        log_stream: String,
        /// Its id.
        event_id: String,
    },
    /// A line of a message in an SQS queue, which the queue keeps.
    Sqs {
        /// Name of the queue.
        queue: String,
        /// Of the message.
        message_id: String,
        /// Index of the line in it.
        #[serde(deserialize_with = "number")]
        index: u32,
    },
}

/// Why something that should be a letter is none. Says nothing of what stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Written by a version of this program whose letters have another form.
    #[error("the dead letter has a form of another version of this program")]
    Version,
    /// A member is missing or cannot be what it should.
    #[error("the dead letter is damaged")]
    Damaged,
}

impl DeadLetter {
    /// Reads a letter from its members, texts or numbers. Further members are passed over: a log line has some.
    ///
    /// # Errors
    /// [`Unreadable`]. Whoever may write where letters are read decides what stands in them, so names that could not stand in a URL are
    /// refused here.
    pub fn read(members: &Map<String, Value>) -> Result<Self, Unreadable> {
        match members.get("v").and_then(whole_number) {
            Some(version) if version == u64::from(VERSION) => {}
            Some(_) => return Err(Unreadable::Version),
            None => return Err(Unreadable::Damaged),
        }
        let letter: Self = serde_json::from_value(Value::Object(members.clone())).map_err(|_| Unreadable::Damaged)?;
        if letter.is_sound() { Ok(letter) } else { Err(Unreadable::Damaged) }
    }

    fn is_sound(&self) -> bool {
        // Only what cannot be read has no span: without one, nothing proves that the record is the one that was meant.
        let span = self.span_id.as_deref().map_or(self.reason == DeadLetterReason::Damaged, |hex| ids::span_id(hex).is_some());
        span && self.pointer.is_sound()
    }

    /// The letter of the record that `pointer` names.
    pub fn new(pointer: Pointer, span_id: Option<SpanId>, reason: DeadLetterReason, status: Option<u16>) -> Self {
        let span_id = span_id.map(|id| id.to_string());
        Self { v: VERSION, pointer, span_id, expires: None, reason, status, route: None, destination: None }
    }

    /// The same with the names of the route and of the destination that did not take it.
    #[must_use]
    pub fn on_its_way(self, route: Option<&str>, destination: Option<&str>) -> Self {
        Self { route: route.map(str::to_owned), destination: destination.map(str::to_owned), ..self }
    }

    /// The letter as JSON: one line of the log.
    pub fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl Pointer {
    fn is_sound(&self) -> bool {
        // The others are never followed: there is no client for them here.
        let Self::Log { project, logstore, cursor, end_cursor, .. } = self else { return true };
        let is_cursor = |text: &str| !text.is_empty() && text.len() <= MAX_CURSOR_BYTES && !text.contains(char::is_control);
        let position = match end_cursor {
            Some(end) => is_cursor(end),
            // Without a number nobody can say where the group ends.
            None => Cursor::new(cursor.as_str()).number().is_some_and(|number| number < u64::MAX),
        };
        is_project_name(project) && is_logstore_name(logstore) && is_cursor(cursor) && position
    }
}

/// The letters as a log group, written at `now` (UNIX seconds): SLS refuses logs of another time (`reference/sls.md` §3).
pub fn log_group(letters: &[DeadLetter], now: u32) -> wire::LogGroup {
    log_group_of(letters.iter().map(DeadLetter::json), now)
}

/// Flat JSON objects as a log group, one log each.
pub fn log_group_of(objects: impl Iterator<Item = Value>, now: u32) -> wire::LogGroup {
    let log = |object| wire::Log { time: now, contents: contents(object), time_ns: None };
    wire::LogGroup { logs: objects.map(log).collect(), topic: Some(b"sls-to-langfuse".to_vec()), ..Default::default() }
}

fn whole_number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// A number, or a text that is one.
fn number<'de, D: Deserializer<'de>, T: TryFrom<u64>>(deserializer: D) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    whole_number(&value).and_then(|number| T::try_from(number).ok()).ok_or_else(|| serde::de::Error::custom("not a number"))
}

fn number_if_any<'de, D: Deserializer<'de>, T: TryFrom<u64>>(deserializer: D) -> Result<Option<T>, D::Error> {
    number(deserializer).map(Some)
}

fn contents(object: Value) -> Vec<wire::Content> {
    let Value::Object(members) = object else { return Vec::new() };
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    members.into_iter().map(|(key, value)| wire::Content { key: key.into(), value: text(value).into() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invocation::TriggerEvent;
    use crate::origin::Position;
    use crate::sls::calls::{MAX_PUT_BYTES, MAX_PUT_LOGS};
    use proptest::prelude::*;
    use prost::Message;

    fn letter(group: Option<u64>) -> DeadLetter {
        let event = &TriggerEvent::parse(include_bytes!("../events/sls-trigger.json")).unwrap();
        let pointer = event.pointer(Position { group, index: 3, received: Some(1_772_417_413) });
        DeadLetter::new(pointer, Some(SpanId([1; 8])), DeadLetterReason::Refused, Some(400))
    }

    #[test]
    fn a_letter_points_at_the_record_and_holds_nothing_of_it() {
        let expected = serde_json::json!({
            "v": 1, "project": "demo-project", "logstore": "ai-gateway-log", "shard": 0, "cursor": "MTczMjE1NDI4NzIxMzIzMjAwMg==",
            "index": 3, "spanId": "0101010101010101", "receiveTime": 1_772_417_413, "reason": "refused", "status": 400
        });
        assert_eq!(letter(Some(1_732_154_287_213_232_002)).json(), expected);
    }

    #[test]
    fn without_a_group_cursor_the_letter_names_the_range() {
        let json = letter(None).json();
        assert_eq!(
            (json["cursor"].as_str(), json["endCursor"].as_str()),
            (Some("MTczMjE1NDI4NzIxMzIzMjAwMA=="), Some("MTczMjE1NDI4NzIxMzIzMjAwNQ=="))
        );
    }

    #[test]
    fn every_member_becomes_a_field_of_the_log() {
        let group = log_group(&[letter(Some(7))], 1_772_417_413);
        assert_eq!((group.logs.len(), group.logs[0].time, group.logs[0].contents.len()), (1, 1_772_417_413, 10));
        assert!(group.logs[0].contents.contains(&wire::Content { key: b"status".to_vec(), value: b"400".to_vec() }));
    }

    #[test]
    fn the_longest_letters_of_one_request_keep_to_the_limits_of_putlogs() {
        let pointer = Pointer::Log {
            project: "p".repeat(128),
            logstore: "l".repeat(80),
            shard: u32::MAX,
            cursor: "c".repeat(MAX_CURSOR_BYTES),
            end_cursor: Some("e".repeat(MAX_CURSOR_BYTES)),
            index: u32::MAX,
            receive_time: Some(u32::MAX),
        };
        let longest = DeadLetter { pointer, expires: Some(u32::MAX), status: Some(u16::MAX), ..letter(None) };
        assert!(longest.is_sound());
        let group = log_group(&vec![longest; MAX_LETTERS_PER_REQUEST], u32::MAX);
        assert!(group.logs.len() <= MAX_PUT_LOGS && group.encoded_len() <= MAX_PUT_BYTES, "{}", group.encoded_len());
    }

    fn members(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_letter_of_another_version_is_told_from_a_damaged_one() {
        let with = |name: &str, value: Value| {
            let mut members = members(letter(Some(7)).json());
            members.insert(name.to_owned(), value);
            DeadLetter::read(&members)
        };
        assert_eq!(with("request_id", "r-1".into()), Ok(letter(Some(7))));
        for version in [Value::from(2), Value::from(0), Value::from("2")] {
            assert_eq!(with("v", version), Err(Unreadable::Version));
        }
        for (name, value) in [
            ("v", Value::Null),
            ("project", "sentinel/../x".into()),
            ("project", "evil.example.com#".into()),
            ("logstore", "Sentinel Logstore".into()),
            ("shard", (-1).into()),
            ("index", 1.5.into()),
            ("cursor", "".into()),
            ("cursor", "no number".into()),
            ("cursor", "MTg0NDY3NDQwNzM3MDk1NTE2MTU=".into()),
            ("endCursor", "".into()),
            ("spanId", "0000000000000000".into()),
            ("spanId", "01".into()),
            ("spanId", Value::Null),
            ("reason", "sentinel".into()),
            ("status", 65_536.into()),
        ] {
            assert_eq!(with(name, value.clone()), Err(Unreadable::Damaged), "{name} {value}");
        }
        assert_eq!(DeadLetter::read(&Map::new()), Err(Unreadable::Damaged));
    }

    /// Letters as this program can write them.
    fn letters() -> impl Strategy<Value = DeadLetter> {
        let place = ("[A-Za-z0-9]([A-Za-z0-9_-]{0,20}[A-Za-z0-9])?", "[0-9a-z][0-9a-z_-]{0,20}[0-9a-z]", any::<u32>());
        let position = (0..u64::MAX, proptest::option::of(any::<u64>()), any::<u32>());
        let record = (proptest::option::of(1..=u64::MAX), proptest::option::of(any::<u32>()), proptest::option::of(any::<u32>()));
        let name = || proptest::option::of("[A-Za-z0-9_ -]{1,20}");
        let cause = (proptest::sample::select(DeadLetterReason::ALL.to_vec()), proptest::option::of(any::<u16>()), name(), name());
        (place, position, record, cause).prop_map(|(place, position, record, cause)| DeadLetter {
            v: VERSION,
            pointer: Pointer::Log {
                project: place.0,
                logstore: place.1,
                shard: place.2,
                cursor: Cursor::from_number(position.0).text().to_owned(),
                end_cursor: position.1.map(|end| Cursor::from_number(end).text().to_owned()),
                index: position.2,
                receive_time: record.1,
            },
            span_id: record.0.or((cause.0 != DeadLetterReason::Damaged).then_some(1)).map(|id| SpanId(id.to_be_bytes()).to_string()),
            expires: record.2,
            reason: cause.0,
            status: cause.1,
            route: cause.2,
            destination: cause.3,
        })
    }

    proptest! {
        #[test]
        fn a_letter_is_the_same_after_json_and_after_the_fields_of_a_log(letter in letters()) {
            let json: Value = serde_json::from_str(&letter.json().to_string()).unwrap();
            prop_assert_eq!(DeadLetter::read(&members(json)), Ok(letter.clone()));
            let group = log_group(std::slice::from_ref(&letter), 1);
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            let fields = group.logs[0].contents.iter().map(|content| (text(&content.key), Value::from(text(&content.value)))).collect();
            prop_assert_eq!(DeadLetter::read(&fields), Ok(letter));
        }
    }
}
