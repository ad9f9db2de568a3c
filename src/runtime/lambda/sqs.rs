//! Messages of an SQS queue: log lines. Pure.

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};

use super::cloudwatch::log_time;
use super::event::{Incoming, invalid, resource};
use super::origin::{EventOrigin, Names};
use crate::delivery::memory::RangeKey;
use crate::error::Failure;
use crate::lines::{self, Parcel};

/// The records of an event.
///
/// # Errors
/// When it is no event of a queue.
pub fn incoming(event: &str) -> Result<Incoming, Failure> {
    let messages = serde_json::from_str::<SqsEvent>(event).map_err(|_| invalid("it is no event of an SQS queue"))?.records;
    let queue = resource(messages.first().and_then(|message| message.event_source_arn.as_deref()));
    // By queue alone: messages come again in other company.
    let range = RangeKey { project: "sqs".into(), logstore: queue.clone(), shard: 0, ..RangeKey::default() };
    let newest = messages.iter().filter_map(|message| sent(message).map(|sent| sent.div_euclid(1000))).max();
    let message_ids = messages.iter().map(|message| message.message_id.clone().unwrap_or_default()).collect();
    let parcels = messages.into_iter().zip(0..).map(|(message, item)| Ok(parcel(item, &message)));
    let origin = EventOrigin::new(Names::Sqs { queue: queue.clone(), message_ids });
    Ok(Incoming { parcels: Box::new(parcels), source: queue, range, newest, origin })
}

fn parcel(item: u64, message: &SqsMessage) -> Parcel {
    let (body, sent) = (message.body.as_deref().unwrap_or_default(), sent(message));
    let lines = lines::of_text(body.as_bytes(), log_time(sent.unwrap_or_default()));
    Parcel { item, received: sent.and_then(|sent| u32::try_from(sent.div_euclid(1000)).ok()), lines, size: body.len() as u64 }
}

/// When a message was sent, UNIX milliseconds.
fn sent(message: &SqsMessage) -> Option<i64> {
    message.attributes.get("SentTimestamp")?.parse().ok()
}
