//! Whatever the pages look like, a range is read once, in order, and to its end and no further.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use sls_to_langfuse::budget::ByteBudget;
use sls_to_langfuse::deadline::Deadline;
use sls_to_langfuse::emulator::sls::{AccessKey, Fault, Operation, PageLimits, ShardSpec, SlsEmulator, SlsWorld};
use sls_to_langfuse::secret::{Credentials, Secret};
use sls_to_langfuse::sls::calls::Shard;
use sls_to_langfuse::sls::client::{Logstore, SlsClient};
use sls_to_langfuse::sls::cursor::Cursor;
use sls_to_langfuse::sls::endpoint::{Endpoint, EndpointSettings};
use sls_to_langfuse::sls::reader::{Range, Read, Reader};
use sls_to_langfuse::sls::signing::Signing;
use sls_to_langfuse::tls;

use crate::records::{group, log};

/// A shard, a range in it, and how its pages come.
#[derive(Clone, Debug)]
struct World {
    /// Bytes of each group.
    sizes: Vec<usize>,
    /// First and last position of the range, in any order.
    edges: [usize; 2],
    /// Groups that have left the retention.
    expired: usize,
    limits: (usize, usize),
    seed: u64,
    /// Which requests are answered past the end or claim to be huge, which costs no wait.
    bends: Vec<u8>,
}

fn worlds() -> impl Strategy<Value = World> {
    let seed = prop_oneof![Just(0), Just(9), Just(95), 0..u64::MAX - 1000, Just(u64::MAX - 200)];
    let sizes = proptest::collection::vec(prop_oneof![4 => 0..2000usize, 1 => 0..300_000usize], 0..60);
    (sizes, any::<[proptest::sample::Index; 3]>(), (1..20usize, 1..200_000usize), seed, proptest::collection::vec(0..12u8, 40)).prop_map(
        |(sizes, at, limits, seed, bends)| {
            let position = |at: &proptest::sample::Index| at.index(sizes.len() + 1);
            // Mostly nothing has expired.
            let expired = if at[2].index(4) == 0 { position(&at[2]) } else { 0 };
            World { edges: [position(&at[0]), position(&at[1])], expired, limits, seed, bends, sizes }
        },
    )
}

async fn shard(world: &World, sls: &SlsEmulator) -> Shard {
    let shard = shard_of(sls, world.seed).await;
    for size in &world.sizes {
        sls.append("project", "logstore", 0, &group(vec![log(&[("content", &"x".repeat(*size))])]), 1_772_417_413).unwrap();
    }
    sls.expire_before("project", "logstore", 0, world.expired).unwrap();
    sls.set_page_limits(PageLimits { max_groups: world.limits.0, max_bytes: world.limits.1 });
    let mut bends = world.bends.clone().into_iter();
    sls.set_chance(move |operation| match (operation, bends.next()) {
        (Operation::PullLogs, Some(0)) => Some(Fault::IgnoreEnd),
        (Operation::PullLogs, Some(1)) => Some(Fault::Drip(1000, Duration::ZERO)),
        _ => None,
    });
    shard
}

/// An empty shard that begins at this number, and the way to it.
pub async fn shard_of(sls: &SlsEmulator, seed: u64) -> Shard {
    sls.create_logstore("project", "logstore", &[ShardSpec { id: 0, seed }]);
    sls.add_key(AccessKey::permanent("id", "secret"));
    let settings = EndpointSettings { replacement: Some(sls.endpoint()), ..Default::default() };
    let logstore = Logstore {
        client: SlsClient::new(tls::client_config(&[]).unwrap(), SystemTime::now).unwrap(),
        endpoint: Endpoint::resolve("", &settings).unwrap(),
        project: "project".into(),
        name: "logstore".into(),
        credentials: Credentials { access_key_id: "id".into(), access_key_secret: Secret::new("secret"), security_token: None },
        signing: Signing::V1,
    };
    Shard { logstore, id: 0 }
}

/// The numbers of the groups that were read and of those that were reported lost.
async fn read(world: &World, sls: &SlsEmulator) -> (Vec<u64>, Vec<u64>) {
    let [begin, end] = world.edges.map(|at| Cursor::from_number(world.seed + at as u64));
    let deadline = Deadline::of_call(Duration::from_secs(60));
    let budget = ByteBudget::new(1 << 20).for_call();
    let mut reader = Reader::new(shard(world, sls).await, Range { begin, end }, budget, deadline, Arc::new(AtomicU64::new(0)));
    let (mut numbers, mut lost) = (Vec::new(), Vec::new());
    while let Some(read) = reader.next().await.unwrap() {
        match read {
            Read::Page(page) => {
                let sizes =
                    page.groups().map(|(number, group)| (number.unwrap(), group.records().next().unwrap().unwrap().fields[0].value.len()));
                for (number, size) in sizes {
                    assert_eq!(size, world.sizes[(number - world.seed) as usize], "the number belongs to the group");
                    numbers.push(number);
                }
            }
            Read::Lost(range) => lost.extend(range.begin.number().unwrap()..range.end.number().unwrap()),
        }
    }
    (numbers, lost)
}

#[test]
fn every_group_of_a_range_is_read_once_or_reported_lost_whatever_the_pages() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sls = runtime.block_on(SlsEmulator::start(0, SlsWorld::default())).unwrap();
    sls.add_key(AccessKey::permanent("id", "secret"));
    let property = |world: World| {
        let (numbers, lost) = runtime.block_on(read(&world, &sls));
        let [begin, end] = world.edges.map(|at| at as u64);
        let kept = begin.max(world.expired as u64).min(end.max(begin));
        let all = |range: std::ops::Range<u64>| range.map(|at| world.seed + at).collect::<Vec<_>>();
        prop_assert_eq!(numbers, all(kept..end));
        prop_assert_eq!(lost, if begin < end { all(begin..kept) } else { Vec::new() });
        Ok(())
    };
    TestRunner::new(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() }).run(&worlds(), property).unwrap();
}
