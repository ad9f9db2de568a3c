//! However observations are divided into requests, none is lost, none changes its place, and no request is larger than it may be.

use std::collections::{HashSet, VecDeque};

use proptest::prelude::*;
use sls_to_langfuse::budget::Allowance;
use sls_to_langfuse::convert::Converter;
use sls_to_langfuse::delivery::gzip::Gzip;
use sls_to_langfuse::delivery::ingestion_plan::Api;
use sls_to_langfuse::delivery::job::{Job, Shipment};
use sls_to_langfuse::delivery::remake::Keeping;
use sls_to_langfuse::delivery::request;
use sls_to_langfuse::export::batch::{Batch, MAX_REQUEST_BYTES, MAX_REQUEST_OBSERVATIONS, Source};
use sls_to_langfuse::export::otlp;
use sls_to_langfuse::judge::Judge;
use sls_to_langfuse::origin::Position;
use sls_to_langfuse::select::Selection;
use sls_to_langfuse::sls::{Field, LogRecord, LogTime};
use sls_to_langfuse::spare::Spare;
use sls_to_langfuse::trace::SpanId;
use sls_to_langfuse::trace::settings::TraceSettings;

fn position(index: u32) -> Position {
    Position { group: Some(u64::from(index) / 7), index, received: None }
}

/// A batch of pieces that say which they are.
fn batch(sizes: &[usize]) -> Batch {
    let mut batch = Batch::default();
    for (index, size) in sizes.iter().enumerate() {
        let index = u32::try_from(index).unwrap();
        batch.push(
            &vec![index as u8; *size],
            Source { position: position(index), span_id: SpanId([1; 8]), route: None, ticket: None, spent: None },
        );
    }
    batch
}

/// The positions that a record's question of this size ends up at, batch by batch, with the bytes of each batch.
fn converted(sizes: &[usize]) -> Vec<(Vec<Position>, usize)> {
    let (settings, selection) = (TraceSettings::default(), Selection::default());
    let judge = Judge { trace: &settings, selection: &selection };
    let (mut converter, mut batches) = (Converter::new(judge, [HashSet::new()], Spare::default()), Vec::new());
    for (index, size) in (0..).zip(sizes) {
        let (id, question) = (format!("r-{index}"), "x".repeat(*size));
        let pairs =
            [("request_id", id.as_str()), ("ai_log", r#"{"model":"m"}"#), ("question", &question), ("path", "/v1/chat/completions")];
        let fields = pairs.iter().map(|(key, value)| Field { key: key.as_bytes(), value: value.as_bytes() }).collect();
        let record = LogRecord { time: LogTime { seconds: 1_772_417_413, nanoseconds: None }, fields };
        batches.extend(converter.convert(&record, position(index)).full);
    }
    batches.extend(converter.take());
    let whole = |batch: &Batch| batch.sources().iter().map(|source| source.position).collect();
    batches.iter().map(|(_, batch)| (whole(batch), otlp::body_len(batch.bytes() as usize))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn halving_until_it_fits_covers_every_observation_once_and_in_order(
        sizes in proptest::collection::vec(0..400usize, 0..200), limit in 1..3000usize,
    ) {
        let (mut shipment, mut gzip) = (Shipment::new(batch(&sizes), Allowance::default(), Keeping::default()), Gzip::default());
        let (mut jobs, mut sent) = (VecDeque::from([Job::first(0..sizes.len(), Api::Otlp)]), Vec::new());
        while let Some(job) = jobs.pop_front() {
            let expected: Vec<u8> = job.run.clone().flat_map(|index| vec![index as u8; sizes[index]]).collect();
            // Each is sent twice, as after a failure.
            for _ in 0..2 {
                let body = shipment.body(&job, |run, api| request::body(run, api, Some(&mut gzip))).unwrap();
                prop_assert!(body.spans(expected.len()).is_some_and(|spans| spans.as_slice() == expected));
                prop_assert_eq!(body.raw_len, otlp::body_len(expected.len()));
            }
            if expected.len() > limit && job.run.len() > 1 {
                job.halves().into_iter().rev().for_each(|half| jobs.push_front(half));
                continue;
            }
            prop_assert!(expected.len() <= limit || job.run.len() == 1);
            sent.extend(job.run);
        }
        prop_assert_eq!(sent, (0..sizes.len()).collect::<Vec<_>>());
    }

    #[test]
    fn every_record_is_in_one_request_in_order_and_no_request_is_too_large(
        sizes in proptest::collection::vec(prop_oneof![8 => 0..3000usize, 1 => 0..700_000usize, 1 => 900_000..1_200_000usize], 0..12),
        many in 0..700usize,
    ) {
        let sizes = [sizes, vec![1; many]].concat();
        let batches = converted(&sizes);
        for (positions, bytes) in &batches {
            prop_assert!(*bytes <= MAX_REQUEST_BYTES || positions.len() == 1, "{} bytes, {} observations", bytes, positions.len());
            prop_assert!(positions.len() <= MAX_REQUEST_OBSERVATIONS);
        }
        let all: Vec<Position> = batches.into_iter().flat_map(|(positions, _)| positions).collect();
        prop_assert_eq!(all, (0..sizes.len() as u32).map(position).collect::<Vec<_>>());
    }
}
