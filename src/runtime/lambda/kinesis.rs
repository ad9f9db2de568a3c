//! Records of a Kinesis stream: log lines, or payloads of a CloudWatch Logs subscription. Pure but for a warning.

use aws_lambda_events::kinesis::{KinesisEvent, KinesisEventRecord};

use super::event::{Incoming, invalid, resource};
use super::origin::{EventOrigin, Names};
use super::{cloudwatch, unpack};
use crate::delivery::memory::RangeKey;
use crate::error::Failure;
use crate::lines::{self, Line, Parcel};

/// How a record begins that the Kinesis Producer Library has put together from several.
const AGGREGATED: [u8; 4] = [0xf3, 0x89, 0x9a, 0xc2];

/// The records of an event. All come from one shard, which is what the platform promises.
///
/// # Errors
/// When it is no event of a stream.
pub fn incoming(event: &str, own_log_group: Option<&str>) -> Result<Incoming, Failure> {
    let records = serde_json::from_str::<KinesisEvent>(event).map_err(|_| invalid("it is no event of a Kinesis stream"))?.records;
    let stream = resource(records.first().and_then(|record| record.event_source_arn.as_deref()));
    let shard = shard(records.first());
    // By shard alone: after a partial answer the next attempt begins at another record.
    let range = RangeKey { project: "kinesis".into(), logstore: stream.clone(), shard: 0, begin: shard.clone(), ..RangeKey::default() };
    let newest = records.iter().map(|record| arrival(record).div_euclid(1000)).max();
    let sequence_numbers = records.iter().map(|record| record.kinesis.sequence_number.clone()).collect();
    let own_log_group = own_log_group.map(str::to_owned);
    let parcels = records.into_iter().zip(0..).map(move |(record, item)| Ok(parcel(item, record, own_log_group.as_deref())));
    let origin = EventOrigin::new(Names::Kinesis { stream: stream.clone(), shard, sequence_numbers });
    Ok(Incoming { parcels: Box::new(parcels), source: stream, range, newest, origin })
}

/// The shard stands before the sequence number in the id of an event: `shardId-000000000006:4959…`.
fn shard(record: Option<&KinesisEventRecord>) -> String {
    let id = record.and_then(|record| record.event_id.as_deref()).unwrap_or_default();
    id.split_once(':').map_or(id, |(shard, _)| shard).to_owned()
}

/// When a record arrived, UNIX milliseconds.
fn arrival(record: &KinesisEventRecord) -> i64 {
    record.kinesis.approximate_arrival_timestamp.timestamp_millis()
}

fn parcel(item: u64, record: KinesisEventRecord, own_log_group: Option<&str>) -> Parcel {
    let arrived = arrival(&record);
    let received = u32::try_from(arrived.div_euclid(1000)).ok();
    let data = record.kinesis.data.0;
    let Some(bytes) = unpacked(data) else { return Parcel { item, received, lines: vec![None], size: 0 } };
    let size = bytes.len() as u64;
    Parcel { item, received, lines: lines_of(bytes, arrived, own_log_group), size }
}

/// What a record holds; `None` if that cannot be read. An aggregated one must not be cut into lines: it has line feeds between its parts.
fn unpacked(data: Vec<u8>) -> Option<Vec<u8>> {
    match data.as_slice() {
        packed if unpack::is_gzip(packed) => unpack::gunzip(packed),
        aggregated if aggregated.starts_with(&AGGREGATED) => None,
        _ => Some(data),
    }
}

/// The lines of a record, which is used up on the way. The function's own log is passed over: refusing it would block the shard and its
/// neighbours for as long as the stream keeps the record.
fn lines_of(bytes: Vec<u8>, arrived: i64, own_log_group: Option<&str>) -> Vec<Option<Line>> {
    let Some(data) = unpack::subscription(&bytes) else { return lines::of_text(&bytes, cloudwatch::log_time(arrived)) };
    drop(bytes);
    match cloudwatch::refuse_own_log(&data, own_log_group) {
        Ok(()) => cloudwatch::lines_of(data),
        Err(loops) => {
            tracing::warn!(
                event = "own_log",
                reason = loops.message,
                hint = loops.hint,
                "a record of the function's own log is passed over"
            );
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_aggregated_record_is_one_damaged_record_whatever_is_in_it() {
        let data = b"\xf3\x89\x9a\xc2\n\x01k\x1a\x0c\x08\0\x1a\x08{\"a\":1}\n\x1a\x0c\x08\0\x1a\x08{\"b\":2}\n";
        let record = json!({"data": base64::Engine::encode(&base64::engine::general_purpose::STANDARD, data),
            "sequenceNumber": "1", "partitionKey": "k", "approximateArrivalTimestamp": 1_772_417_413.037});
        let event = json!({"Records": [{"eventSource": "aws:kinesis", "kinesis": record}]}).to_string();
        let parcels: Vec<_> = incoming(&event, None).ok().unwrap().parcels.map(|parcel| parcel.ok().unwrap().lines).collect();
        assert_eq!(parcels, [[None]]);
    }
}
