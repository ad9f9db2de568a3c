//! A decoded page → its log groups → their logs, borrowed from the page. Pure.
//!
//! Hand-written, because prost would copy every key and value and refuse a whole page for one value that is not UTF-8
//! (`reference/sls.md` §2). prost is the oracle of the tests. Damage stays as small as it can: a damaged log spoils itself, a
//! damaged group spoils itself, and only damage between groups ends the page.

use super::protobuf::{Fields, Wire, WireError};
use super::{Field, LogRecord, LogTime};

/// One log group of a page: what its logs share, and its logs.
#[derive(Clone, Copy, Debug)]
pub struct GroupView<'p> {
    message: &'p [u8],
}

/// The log groups of a page, in cursor order. An error means that the rest of the page cannot be found.
pub fn groups(page: &[u8]) -> impl Iterator<Item = Result<GroupView<'_>, WireError>> {
    Fields::of(page).filter_map(|field| match field {
        Ok((1, Wire::Bytes(message))) => Some(Ok(GroupView { message })),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    })
}

impl<'p> GroupView<'p> {
    /// The logs of the group, in order; `Err` stands for one damaged log, or for a damaged rest of the group.
    pub fn records(self) -> impl Iterator<Item = Result<LogRecord<'p>, WireError>> {
        Fields::of(self.message).filter_map(|field| match field {
            Ok((1, Wire::Bytes(log))) => Some(record(log)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })
    }

    /// When the service received the group, UNIX seconds: the tag `__receive_time__` (`reference/gateway-logs.md` §2).
    pub fn received(self) -> Option<u32> {
        let tags = Fields::of(self.message).filter_map(|field| match field {
            Ok((6, Wire::Bytes(tag))) => pair(tag).ok(),
            _ => None,
        });
        let time = tags.filter(|tag| tag.key == b"__receive_time__").last()?;
        std::str::from_utf8(time.value).ok()?.trim().parse().ok()
    }

    /// Topic, source and tags under the names that flattening readers give them (`__topic__`, `__source__`, `__tag__:<key>`):
    /// for people who look at a record, never for a trace.
    pub fn attributes(self) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Fields::of(self.message)
            .filter_map(|field| match field {
                Ok((3, Wire::Bytes(topic))) => Some(("__topic__".to_owned(), text(topic))),
                Ok((4, Wire::Bytes(source))) => Some(("__source__".to_owned(), text(source))),
                Ok((6, Wire::Bytes(tag))) => pair(tag).ok().map(|tag| (format!("__tag__:{}", text(tag.key)), text(tag.value))),
                _ => None,
            })
            .collect()
    }
}

fn record(log: &[u8]) -> Result<LogRecord<'_>, WireError> {
    let mut time = LogTime { seconds: 0, nanoseconds: None };
    // A gateway log has about 35 fields; one allocation then serves all of them.
    let mut fields = Vec::with_capacity(48);
    let mut rest = Fields::of(log);
    loop {
        if let Some((field, behind)) = usual_content(rest.bytes()) {
            fields.push(field);
            rest = Fields::of(behind);
            continue;
        }
        match rest.next().transpose()? {
            Some((1, Wire::Varint(seconds))) => time.seconds = u32::try_from(seconds).unwrap_or(0),
            Some((2, Wire::Bytes(content))) => fields.push(pair(content)?),
            Some((4, Wire::Fixed32(nanoseconds))) => time.nanoseconds = Some(nanoseconds),
            Some(_) => {}
            None => return Ok(LogRecord { time, fields }),
        }
    }
}

fn pair(message: &[u8]) -> Result<Field<'_>, WireError> {
    let mut pair = Field { key: &[], value: &[] };
    for field in Fields::of(message) {
        match field? {
            (1, Wire::Bytes(key)) => pair.key = key,
            (2, Wire::Bytes(value)) => pair.value = value,
            _ => {}
        }
    }
    Ok(pair)
}

/// A field of a log as every writer encodes it, the key and then the value and nothing else, and what stands behind it: a third of the time
/// of looking at any order. A log has some 35 of them.
#[inline]
fn usual_content(log: &[u8]) -> Option<(Field<'_>, &[u8])> {
    let (content, behind) = usual_bytes(log, 0x12)?;
    let (key, rest) = usual_bytes(content, 0x0a)?;
    let (value, nothing) = usual_bytes(rest, 0x12)?;
    nothing.is_empty().then_some((Field { key, value }, behind))
}

/// The bytes of a length-delimited field with this tag, of which there are below 16384, and what stands behind them.
#[inline]
fn usual_bytes(message: &[u8], expected: u8) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match message {
        [tag, length @ 0..0x80, rest @ ..] if *tag == expected => (usize::from(*length), rest),
        [tag, low @ 0x80..=0xff, high @ 0..0x80, rest @ ..] if *tag == expected => {
            (usize::from(low & 0x7f) | usize::from(*high) << 7, rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::super::wire;
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;
    use prost::Message;

    fn owned(page: &[u8]) -> Vec<Vec<wire::Log>> {
        let log = |record: LogRecord<'_>| wire::Log {
            time: record.time.seconds,
            time_ns: record.time.nanoseconds,
            contents: record.fields.iter().map(|f| wire::Content { key: f.key.to_vec(), value: f.value.to_vec() }).collect(),
        };
        groups(page).map(|group| group.unwrap().records().map(|record| log(record.unwrap())).collect()).collect()
    }

    fn oracle(page: &[u8]) -> Vec<Vec<wire::Log>> {
        wire::LogGroupList::decode(page).unwrap().log_groups.into_iter().map(|group| group.logs).collect()
    }

    fn vector(name: &str) -> Vec<u8> {
        let all: serde_json::Value = serde_json::from_str(include_str!("../../tests/fixtures/sls-vectors.json")).unwrap();
        let vector = all["protobuf"].as_array().unwrap().iter().find(|vector| vector["name"] == name).unwrap().clone();
        match vector["raw_base64"].as_str() {
            Some(text) => STANDARD.decode(text).unwrap(),
            None => {
                let hex = vector["raw_hex"].as_str().unwrap();
                (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
            }
        }
    }

    #[test]
    fn reads_the_published_page_as_the_vector_says() {
        let page = vector("log_group_list_three_logs");
        assert_eq!(owned(&page), oracle(&page));
        let attributes: Vec<_> = groups(&page).map(|group| group.unwrap().attributes()).collect();
        assert_eq!(attributes[0][0], ("__topic__".to_owned(), "langfuse-生产".to_owned()));
        assert_eq!(attributes[0][1], ("__source__".to_owned(), "10.0.0.7".to_owned()));
        assert_eq!(attributes[0].len(), 5);
    }

    #[test]
    fn a_value_that_is_not_utf8_arrives_as_its_bytes() {
        let page = vector("value_not_utf8");
        assert_eq!(owned(&page), oracle(&page));
        let broken = groups(&page).flat_map(|group| group.unwrap().records()).flat_map(|record| record.unwrap().fields);
        assert_eq!(broken.filter(|field| std::str::from_utf8(field.value).is_err()).count(), 1);
    }

    #[test]
    fn unknown_fields_and_a_missing_time_are_no_damage() {
        assert_eq!(owned(&vector("unknown_fields")).iter().flatten().count(), 1);
        assert_eq!(owned(&vector("log_without_time"))[0][0].time, 0);
    }

    #[test]
    fn a_damaged_log_leaves_its_neighbours_alone() {
        let log = |value: &[u8]| wire::Log {
            time: 1,
            contents: vec![wire::Content { key: b"k".to_vec(), value: value.to_vec() }],
            time_ns: None,
        };
        let group = wire::LogGroup { logs: vec![log(b"one"), log(b"two"), log(b"three")], ..Default::default() };
        let mut page = wire::LogGroupList { log_groups: vec![group] }.encode_to_vec();
        let at = page.windows(3).position(|window| window == b"two").unwrap();
        page[at - 1] = 0x7f;
        let records: Vec<_> = groups(&page).next().unwrap().unwrap().records().map(|record| record.is_ok()).collect();
        assert_eq!(records, [true, false, true]);
    }

    fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), 0..24)
    }

    prop_compose! {
        fn any_log()(time in any::<u32>(), time_ns in proptest::option::of(0u32..1_000_000_000),
                     pairs in proptest::collection::vec((any_bytes(), any_bytes()), 0..6)) -> wire::Log {
            let contents = pairs.into_iter().map(|(key, value)| wire::Content { key, value }).collect();
            wire::Log { time, contents, time_ns }
        }
    }

    prop_compose! {
        fn any_group()(logs in proptest::collection::vec(any_log(), 0..5), topic in proptest::option::of(any_bytes()),
                       source in proptest::option::of(any_bytes())) -> wire::LogGroup {
            wire::LogGroup { logs, topic, source, ..Default::default() }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_prost_on_every_page(log_groups in proptest::collection::vec(any_group(), 0..5)) {
            let page = wire::LogGroupList { log_groups }.encode_to_vec();
            prop_assert_eq!(owned(&page), oracle(&page));
        }

        #[test]
        fn never_panics_and_always_ends_on_foreign_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let records = groups(&bytes).filter_map(Result::ok).flat_map(GroupView::records).count();
            prop_assert!(records <= bytes.len());
        }
    }
}
