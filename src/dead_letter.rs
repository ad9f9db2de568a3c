//! Dead letters: pointers to records that can never be delivered, to our log and, if wanted, to a Logstore. No content is copied
//! (`design.md` decision 7).

use serde::Serialize;

use crate::delivery::DeadLetterReason;
use crate::sls::wire;
use crate::trace::SpanId;

/// How many letters one PutLogs request carries. A letter has about 300 bytes; the limit for a request is 3 MB and 4096 logs
/// (`reference/sls.md` §3).
pub const MAX_LETTERS_PER_REQUEST: usize = 1000;

/// A pointer to one record. The names are a contract: `replay` reads them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// Version of this form.
    pub v: u32,
    /// Where the record is.
    #[serde(flatten)]
    pub pointer: Pointer,
    /// The observation it would have been; none for a record that cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span_id: Option<String>,
    /// Why.
    pub reason: &'static str,
    /// HTTP status of the refusal, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The route it took, where there are routes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The destination that did not take it, where there are routes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
}

/// What names a record in its source. One form per source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Pointer {
    /// A log in SLS.
    Log {
        /// Its project.
        project: String,
        /// Its Logstore.
        logstore: String,
        /// Its shard.
        shard: u32,
        /// Cursor of its log group; the beginning of the range where the group's own is not known.
        cursor: String,
        /// End of the range, only where the group's own cursor is not known.
        #[serde(skip_serializing_if = "Option::is_none")]
        end_cursor: Option<String>,
        /// Index of the record in its group.
        index: u32,
        /// When the service received the record, UNIX seconds, where it is known.
        #[serde(skip_serializing_if = "Option::is_none")]
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
        index: u32,
    },
}

impl DeadLetter {
    /// The letter of the record that `pointer` names.
    pub fn new(pointer: Pointer, span_id: Option<SpanId>, reason: DeadLetterReason, status: Option<u16>) -> Self {
        Self { v: 1, pointer, span_id: span_id.map(|id| id.to_string()), reason: reason.name(), status, route: None, destination: None }
    }

    /// The same with the names of the route and of the destination that did not take it.
    #[must_use]
    pub fn on_its_way(self, route: Option<&str>, destination: Option<&str>) -> Self {
        Self { route: route.map(str::to_owned), destination: destination.map(str::to_owned), ..self }
    }

    /// The letter as JSON: one line of the log.
    pub fn json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// The letters as a log group, written at `now` (UNIX seconds): SLS refuses logs of another time (`reference/sls.md` §3).
pub fn log_group(letters: &[DeadLetter], now: u32) -> wire::LogGroup {
    let log = |letter: &DeadLetter| wire::Log { time: now, contents: contents(letter), time_ns: None };
    wire::LogGroup { logs: letters.iter().map(log).collect(), topic: Some(b"sls-to-langfuse".to_vec()), ..Default::default() }
}

fn contents(letter: &DeadLetter) -> Vec<wire::Content> {
    let serde_json::Value::Object(members) = letter.json() else { return Vec::new() };
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    members.into_iter().map(|(key, value)| wire::Content { key: key.into(), value: text(value).into() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invocation::TriggerEvent;
    use crate::origin::Position;

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
}
