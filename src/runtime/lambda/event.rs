//! What kind of event it is, by the member that says so, never by trying one reader after the other. Pure.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::origin::EventOrigin;
use crate::delivery::memory::RangeKey;
use crate::error::{Failure, Stage};
use crate::feed::Parcels;

/// The kinds of event that are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `awslogs`: a subscription of a log group.
    CloudWatchLogs,
    /// `Records` with `eventSource` `aws:kinesis`.
    Kinesis,
    /// `Records` with `eventSource` `aws:sqs`.
    Sqs,
    /// `source` with a cursor: what an SLS trigger sends, to be pulled from SLS.
    SlsTrigger,
}

/// The records of an event, still packed, and what is known of them.
pub struct Incoming {
    /// Its records.
    pub parcels: Parcels,
    /// The name of the stream, queue or log group.
    pub source: String,
    /// What identifies them when they come again.
    pub range: RangeKey,
    /// When the newest of them arrived, UNIX seconds.
    pub newest: Option<i64>,
    /// Its items.
    pub origin: EventOrigin,
}

#[derive(Deserialize)]
struct Shape {
    awslogs: Option<IgnoredAny>,
    #[serde(rename = "Records")]
    records: Option<Vec<RecordShape>>,
    source: Option<SourceShape>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordShape {
    event_source: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SourceShape {
    begin_cursor: Option<IgnoredAny>,
}

/// The kind of an event.
///
/// # Errors
/// When it is none that is understood.
pub fn kind(event: &str) -> Result<Kind, Failure> {
    let shape: Shape = serde_json::from_str(event).map_err(|_| unknown())?;
    let source = shape.records.as_ref().and_then(|records| records.first()?.event_source.as_deref());
    match (shape.awslogs, source, shape.source.and_then(|source| source.begin_cursor)) {
        (Some(_), ..) => Ok(Kind::CloudWatchLogs),
        (_, Some("aws:kinesis"), _) => Ok(Kind::Kinesis),
        (_, Some("aws:sqs"), _) => Ok(Kind::Sqs),
        (_, _, Some(_)) => Ok(Kind::SlsTrigger),
        _ => Err(unknown()),
    }
}

/// An event of a kind that is understood, but not as that kind has it. Nothing of it is quoted.
pub fn invalid(what: &str) -> Failure {
    let hint = "send the event as its source makes it: subscription, stream and queue are bound without anything in between";
    Failure::new(Stage::Event, "invalid_event", format!("the event cannot be read: {what}"), hint)
}

fn unknown() -> Failure {
    let hint = "bind the function to a CloudWatch Logs subscription, a Kinesis stream or an SQS queue, or compare the event with events/";
    Failure::new(Stage::Event, "invalid_event", "the event is none of CloudWatch Logs, Kinesis, SQS or an SLS trigger", hint)
}

/// The last part of a resource's name (ARN): of a stream behind `/`, of a queue behind `:`.
pub fn resource(arn: Option<&str>) -> String {
    arn.and_then(|arn| arn.rsplit([':', '/']).next()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_member_that_says_so_decides() {
        for (event, expected) in [
            (r#"{"awslogs":{"data":""}}"#, Kind::CloudWatchLogs),
            (r#"{"Records":[{"eventSource":"aws:kinesis"}]}"#, Kind::Kinesis),
            (r#"{"Records":[{"eventSource":"aws:sqs"}]}"#, Kind::Sqs),
            (include_str!("../../../events/sls-trigger.json"), Kind::SlsTrigger),
        ] {
            assert_eq!(kind(event).unwrap(), expected, "{event}");
        }
    }

    #[test]
    fn everything_else_is_refused_without_being_quoted() {
        for event in [
            "",
            "null",
            "[]",
            "\"sentinel\"",
            "{}",
            r#"{"Records":[]}"#,
            r#"{"Records":[{"EventSource":"aws:sns"}]}"#,
            r#"{"Records":[{"eventSource":"sentinel"}]}"#,
            r#"{"source":"aws.events","detail":{"sentinel":1}}"#,
            r#"{"Records":"sentinel"}"#,
        ] {
            let failure = kind(event).unwrap_err();
            assert_eq!((failure.stage, failure.error_type), (Stage::Event, "invalid_event"), "{event}");
            assert!(!format!("{failure:?}").contains("sentinel"));
        }
    }

    #[test]
    fn a_resource_is_named_by_the_end_of_its_arn() {
        assert_eq!(resource(Some("arn:aws:kinesis:eu-central-1:123456789012:stream/gateway-log")), "gateway-log");
        assert_eq!(resource(Some("arn:aws:sqs:eu-central-1:123456789012:gateway-log.fifo")), "gateway-log.fifo");
        assert_eq!(resource(None), "");
    }
}
