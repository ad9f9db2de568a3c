//! One call as the front ends hand it over: the trigger event, the credentials of this call, its deadline. Knows no platform.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use crate::dead_letter::Pointer;
use crate::deadline::Deadline;
use crate::error::{Failure, Stage};
use crate::origin::Position;
use crate::secret::Credentials;
use crate::sls::cursor::Cursor;
use crate::sls::endpoint::{is_logstore_name, is_project_name};
use crate::sls::reader::Range;

/// A place in SLS where logs are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogPlace {
    /// Project.
    pub project: String,
    /// Logstore.
    pub logstore: String,
}

/// One call.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Id of the call, for logs and the answer.
    pub request_id: String,
    /// The event as it arrived.
    pub event: Bytes,
    /// The credentials that came with this call. They end with it.
    pub credentials: Option<Credentials>,
    /// The region of the platform, if it says so; signs only where neither the endpoint nor the settings name one.
    pub region: Option<String>,
    /// When the work must be done.
    pub deadline: Deadline,
    /// Where the function's own log goes, if the platform says so.
    pub own_log: Option<LogPlace>,
}

/// The event of an SLS trigger (`reference/function-compute.md` §4.1), checked.
#[derive(Clone, Debug, PartialEq)]
pub struct TriggerEvent {
    /// Endpoint with scheme, not yet trusted.
    pub endpoint: String,
    /// Where the logs are.
    pub place: LogPlace,
    /// Number of the shard.
    pub shard: u32,
    /// What to read.
    pub range: Range,
    /// The trigger's job, empty if it does not say.
    pub job_name: String,
    /// The trigger's task, empty if it does not say.
    pub task_id: String,
    /// When the last log of the range arrived, UNIX seconds.
    pub cursor_time: Option<i64>,
    /// `functionParameter` of the trigger, not yet checked.
    pub parameter: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawEvent {
    source: RawSource,
    #[serde(default)]
    parameter: Value,
    #[serde(default)]
    job_name: Value,
    #[serde(default)]
    task_id: Value,
    #[serde(default)]
    cursor_time: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawSource {
    #[serde(default)]
    endpoint: String,
    project_name: String,
    logstore_name: String,
    shard_id: Value,
    begin_cursor: String,
    end_cursor: String,
}

impl TriggerEvent {
    /// Reads an event. Unknown members are ignored; job, task and time may be missing, as the vendor's own parser has it.
    ///
    /// # Errors
    /// When it is no trigger event, or a name in it could not stand in a URL.
    pub fn parse(event: &[u8]) -> Result<Self, Failure> {
        let raw: RawEvent = serde_json::from_slice(event).map_err(|error| unreadable(&error))?;
        let source = raw.source;
        if !is_project_name(&source.project_name) || !is_logstore_name(&source.logstore_name) {
            return Err(invalid("source.projectName or source.logstoreName is not a valid name"));
        }
        let shard = whole_number(&source.shard_id).and_then(|number| u32::try_from(number).ok());
        Ok(Self {
            endpoint: source.endpoint,
            place: LogPlace { project: source.project_name, logstore: source.logstore_name },
            shard: shard.ok_or_else(|| invalid("source.shardId is not a shard number"))?,
            range: Range { begin: cursor(source.begin_cursor, "beginCursor")?, end: cursor(source.end_cursor, "endCursor")? },
            job_name: text(&raw.job_name),
            task_id: text(&raw.task_id),
            cursor_time: whole_number(&raw.cursor_time),
            parameter: raw.parameter,
        })
    }
}

impl TriggerEvent {
    /// A range that nobody's trigger named.
    pub fn of_range(place: LogPlace, shard: u32, range: Range) -> Self {
        let (endpoint, job_name, task_id) = Default::default();
        Self { endpoint, place, shard, range, job_name, task_id, cursor_time: None, parameter: Value::Null }
    }

    /// What names the record at `position` of the range in a dead letter.
    pub fn pointer(&self, position: Position) -> Pointer {
        let own = position.group.map(Cursor::from_number);
        Pointer::Log {
            project: self.place.project.clone(),
            logstore: self.place.logstore.clone(),
            shard: self.shard,
            cursor: own.as_ref().unwrap_or(&self.range.begin).text().to_owned(),
            end_cursor: own.is_none().then(|| self.range.end.text().to_owned()),
            index: position.index,
            receive_time: position.received,
        }
    }
}

/// The parser's message may quote the event, so only the place of the error is told.
fn unreadable(error: &serde_json::Error) -> Failure {
    invalid(&format!("it does not parse at line {} column {}", error.line(), error.column()))
}

fn invalid(what: &str) -> Failure {
    let hint = "bind the function to an SLS trigger, or compare the event with events/sls-trigger.json";
    Failure::new(Stage::Event, "invalid_event", format!("the event is not one of an SLS trigger: {what}"), hint)
}

fn cursor(text: String, name: &str) -> Result<Cursor, Failure> {
    if text.is_empty() || text.len() > 512 || text.contains(|c: char| c.is_control()) {
        return Err(invalid(&format!("source.{name} is not a cursor")));
    }
    Ok(Cursor::new(text))
}

fn whole_number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_event_parses() {
        for text in [
            include_str!("../events/sls-trigger.json"),
            include_str!("../events/sls-trigger-empty-range.json"),
            include_str!("../events/sls-trigger-catch-up.json"),
        ] {
            let event = TriggerEvent::parse(text.as_bytes()).unwrap();
            assert_eq!(event.place, LogPlace { project: "demo-project".into(), logstore: "ai-gateway-log".into() });
            assert_eq!(event.range.begin.number(), Some(1_732_154_287_213_232_000));
        }
    }

    #[test]
    fn members_that_may_be_missing_are_not_missed() {
        let event = br#"{"source":{"projectName":"p-1","logstoreName":"log","shardId":"3","beginCursor":"MA==","endCursor":"MQ==","new":1},"more":{}}"#;
        let event = TriggerEvent::parse(event).unwrap();
        assert_eq!((event.shard, event.job_name.as_str(), event.cursor_time), (3, "", None));
        assert_eq!(event.parameter, Value::Null);
    }

    #[test]
    fn an_event_of_another_kind_is_refused_without_being_quoted() {
        let named = |project: &str| {
            format!(
                r#"{{"source":{{"projectName":"{project}","logstoreName":"log","shardId":0,"beginCursor":"MA==","endCursor":"MQ=="}}}}"#
            )
        };
        for event in
            ["", "sentinel", r#"{"sentinel":1}"#, &named("sentinel/../x"), &named("sentinel").replace("\"shardId\":0", "\"shardId\":-1")]
        {
            let failure = TriggerEvent::parse(event.as_bytes()).unwrap_err();
            assert_eq!((failure.stage, failure.error_type), (Stage::Event, "invalid_event"));
            assert!(!format!("{failure:?}").contains("sentinel"), "{failure:?}");
        }
    }
}
