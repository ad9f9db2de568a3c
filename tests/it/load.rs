//! A load like that of a busy gateway: thousands of records of all kinds over four shards, four calls at once in one instance.

use std::collections::{BTreeMap, BTreeSet};

use sls_to_langfuse::emulator::langfuse::{LangfuseEmulator, LangfuseWorld, StoredObservation};

use crate::support::{Answer, Function, SEED, World, append, event, ordinary_settings, peak_memory_mb, sls_with};
use crate::traffic::{Generator, Shape};

const SHARDS: u32 = 4;
const RECORDS: usize = 5000;

/// The longest text, bytes.
const LONGEST: f64 = 40_000.0;

/// What the whole process may ever hold, megabytes: half of the smallest instance.
const MEMORY_MB: u64 = 64;

async fn call_all(world: &World, groups: &[usize]) -> Vec<Answer> {
    let call = async |shard: u32| world.function.invoke(&event(shard, SEED, SEED + groups[shard as usize] as u64)).await;
    let answers = tokio::join!(call(0), call(1), call(2), call(3));
    vec![answers.0, answers.1, answers.2, answers.3]
}

fn ids(rows: &[StoredObservation]) -> BTreeSet<(String, String)> {
    rows.iter().map(|row| (row.trace_id.clone(), row.span_id.clone())).collect()
}

#[tokio::test]
async fn five_thousand_records_in_four_calls_at_once_arrive_once_each_in_little_memory() {
    let mut generator = Generator::new(7, Shape { median: 1000.0, longest: LONGEST });
    let sls = sls_with(&[0, 1, 2, 3]).await;
    let mut groups = Vec::new();
    for shard in 0..SHARDS {
        let made = generator.groups(RECORDS / SHARDS as usize);
        groups.push(made.len());
        append(&sls, shard, made);
    }
    generator.lengths.sort_unstable();
    let (median, longest) = (generator.lengths[generator.lengths.len() / 2], generator.lengths[generator.lengths.len() - 1]);
    assert!((900..1100).contains(&median) && longest >= LONGEST as usize, "{median}, {longest}");
    let langfuse = LangfuseEmulator::start(0, LangfuseWorld { keep_bodies: false, ..LangfuseWorld::default() }).await.unwrap();
    let function = Function::start(&ordinary_settings(&langfuse.base_url(), &sls.endpoint())).await;
    let world = World { sls, langfuse, function };

    let answers = call_all(&world, &groups).await;
    answers.iter().for_each(Answer::assert_success);
    let sum = |member: &str| answers.iter().map(|answer| answer.count(member)).sum::<u64>();
    assert_eq!([sum("ingestLines"), sum("shipLines")], [RECORDS as u64, generator.calls.len() as u64]);
    let mut skipped = BTreeMap::new();
    for answer in &answers {
        for (reason, count) in answer.report()["skipped"].as_object().unwrap() {
            *skipped.entry(reason.as_str()).or_default() += count.as_u64().unwrap();
        }
    }
    assert_eq!(skipped, generator.skipped);
    let sent = world.posts();
    assert_eq!([sum("requests"), sum("retries")], [sent.len() as u64, 0]);
    assert_eq!(sum("shipBytes"), sent.iter().map(|request| request.decoded_bytes as u64).sum::<u64>());
    assert_eq!(sum("wireBytes"), sent.iter().map(|request| request.wire_bytes as u64).sum::<u64>());

    let first = world.langfuse.observations();
    let arrived: BTreeSet<_> = first.iter().map(|row| row.metadata["request_id"].clone()).collect();
    assert!(arrived == generator.calls && first.len() == generator.calls.len());
    assert!(first.iter().all(|row| row.arrivals == 1) && world.langfuse.lost().is_empty());

    call_all(&world, &groups).await.iter().for_each(Answer::assert_success);
    let second = world.langfuse.observations();
    assert!(ids(&second) == ids(&first) && second.iter().all(|row| row.arrivals == 2));

    if let Some(peak) = peak_memory_mb(&world.function) {
        assert!(peak < MEMORY_MB, "{peak} MB");
        println!("peak {peak} MB, {} MB of pages", 2 * sum("ingestBytes") / 1_000_000);
    }
}
