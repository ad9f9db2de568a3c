//! A subscription of a CloudWatch log group: base64, gzip, and a log event per line. Pure.

use aws_lambda_events::cloudwatch_logs::LogData;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::event::{Incoming, invalid};
use super::origin::{EventOrigin, Names};
use super::unpack;
use crate::delivery::memory::RangeKey;
use crate::error::{Failure, Stage};
use crate::lines::{self, Line, Parcel};
use crate::sls::LogTime;

/// Read here instead of by `LogsEvent`, which unpacks without a limit.
#[derive(Deserialize)]
struct Event {
    awslogs: Packed,
}

#[derive(Deserialize)]
struct Packed {
    data: String,
}

/// The records of an event.
///
/// # Errors
/// When it cannot be unpacked, or comes from the function's own log.
pub fn incoming(event: &str, own_log_group: Option<&str>) -> Result<Incoming, Failure> {
    let (data, size) = unpacked(event)?;
    refuse_own_log(&data, own_log_group)?;
    let event_ids: Vec<_> = data.log_events.iter().map(|event| event.id.clone()).collect();
    let (log_group, log_stream) = (data.log_group.clone(), data.log_stream.clone());
    let begin = event_ids.first().cloned().unwrap_or_default();
    let range = RangeKey { project: log_group.clone(), logstore: log_stream.clone(), begin, ..RangeKey::default() };
    let newest = data.log_events.iter().map(|event| event.timestamp.div_euclid(1000)).max();
    let parcel = Parcel { item: 0, received: None, lines: lines_of(data), size };
    let source = log_group.clone();
    let origin = EventOrigin::new(Names::CloudWatch { log_group, log_stream, event_ids });
    Ok(Incoming { parcels: Box::new(std::iter::once(Ok(parcel))), source, range, newest, origin })
}

/// The payload of an event, and its size in bytes. Nothing of the packed form outlives this.
fn unpacked(event: &str) -> Result<(LogData, u64), Failure> {
    let event: Event = serde_json::from_str(event).map_err(|_| invalid("awslogs.data is no text"))?;
    let packed = STANDARD.decode(event.awslogs.data).map_err(|_| invalid("awslogs.data is not base64"))?;
    let bytes = unpack::gunzip(&packed).ok_or_else(|| invalid("awslogs.data does not unpack to a payload within the limit"))?;
    let data = unpack::subscription(&bytes).ok_or_else(|| invalid("awslogs.data holds no payload of a subscription"))?;
    Ok((data, bytes.len() as u64))
}

/// The lines of a payload, which is used up on the way; none of one with which CloudWatch Logs only asks whether somebody is there.
pub fn lines_of(data: LogData) -> Vec<Option<Line>> {
    if data.message_type != "DATA_MESSAGE" {
        return Vec::new();
    }
    data.log_events.into_iter().map(|event| lines::line(event.message.as_bytes(), log_time(event.timestamp))).collect()
}

/// A function that reads what it writes would feed itself for ever.
///
/// # Errors
/// When the payload is of the function's own log group.
pub fn refuse_own_log(data: &LogData, own_log_group: Option<&str>) -> Result<(), Failure> {
    if own_log_group != Some(data.log_group.as_str()) {
        return Ok(());
    }
    let message = format!("the subscription reads {}, which is the function's own log", data.log_group);
    Err(Failure::new(Stage::Event, "loop", message, "remove it, and subscribe the log group of the gateway's access log"))
}

/// UNIX milliseconds as the time of a log.
pub fn log_time(milliseconds: i64) -> LogTime {
    let seconds = u32::try_from(milliseconds.div_euclid(1000)).unwrap_or(0);
    LogTime { seconds, nanoseconds: u32::try_from(milliseconds.rem_euclid(1000) * 1_000_000).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_cut_into_seconds_and_the_rest() {
        assert_eq!(log_time(1_772_417_413_037), LogTime { seconds: 1_772_417_413, nanoseconds: Some(37_000_000) });
        assert_eq!(log_time(1_772_417_413_037).milliseconds(), Some(1_772_417_413_037));
        assert_eq!(log_time(0).milliseconds(), None);
        assert_eq!(log_time(-1).seconds, 0);
    }

    #[test]
    fn the_example_event_is_known_again_by_its_first_log_event() {
        let incoming = incoming(include_str!("../../../events/lambda-cloudwatch-logs.json"), Some("/aws/lambda/other")).ok().unwrap();
        assert_eq!((incoming.source.as_str(), incoming.newest), ("/gateway/access-log", Some(1_772_417_413)));
        assert_eq!(incoming.range.begin, "38000000000000000000000000000000000000000000000000000000");
    }
}
