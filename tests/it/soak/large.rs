//! Ranges that are larger than memory, and a process that lives for thousands of calls.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use prost::Message;
use sls_to_langfuse::emulator::langfuse::{Fault, LangfuseEmulator, LangfuseWorld, When};
use sls_to_langfuse::emulator::sls::{Fault as SlsFault, Operation, SlsEmulator};

use super::instance::Instance;
use super::ledger::Ledger;
use super::{MEMORY_MB, drained, number};
use crate::records::chats;
use crate::support::{Answer, LOGSTORE, PROJECT, SEED, append, event, ordinary_settings, sls_with};
use crate::traffic::{Generator, Shape};

/// How long a slow Langfuse takes for each request: pages would pile up behind it if nothing held them back.
const SLOW: Duration = Duration::from_millis(100);

/// Log groups that are made and stored at a time.
const RECORDS_AT_A_TIME: usize = 1000;

struct World {
    sls: SlsEmulator,
    langfuse: LangfuseEmulator,
    instance: Instance,
}

impl World {
    async fn new() -> Self {
        let sls = sls_with(&[0]).await;
        let langfuse = LangfuseEmulator::start(0, LangfuseWorld { keep_bodies: false, ..LangfuseWorld::default() }).await.unwrap();
        let instance = Instance::start(ordinary_settings(&langfuse.base_url(), &sls.endpoint())).await;
        Self { sls, langfuse, instance }
    }

    async fn call(&self, begin: u64, end: u64) -> Answer {
        let answer = self.instance.call(&event(0, SEED + begin, SEED + end).to_string(), 3600).await.1.unwrap();
        answer.assert_balanced();
        answer
    }
}

/// Fills the shard with at least so many bytes, and says how many groups and model calls that made.
fn fill(sls: &SlsEmulator, bytes: usize) -> (u64, usize) {
    let mut generator = Generator::new(11, Shape { median: 1000.0, longest: 40_000.0 });
    let (mut groups, mut filled) = (0, 0);
    while filled < bytes {
        let made = generator.groups(RECORDS_AT_A_TIME);
        groups += made.len() as u64;
        filled += made.iter().map(Message::encoded_len).sum::<usize>();
        append(sls, 0, made);
    }
    (groups, generator.calls.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes: make soak"]
async fn a_range_of_two_gigabytes_passes_through_one_instance_alone_and_as_four_calls_at_once() {
    let megabytes = number("SOAK_RANGE_MB").unwrap_or(2048);
    let world = World::new().await;
    let (groups, calls) = fill(&world.sls, megabytes as usize * 1024 * 1024);
    world.langfuse.refuse_when(When::ingest(), Fault::Delay(SLOW));
    for parts in [1, 4] {
        world.instance.kill().await;
        let (ledger, began) = (Mutex::new(Ledger::default()), Instant::now());
        let edge = |part: u64| groups * part / parts;
        let answers = tokio::select! {
            answers = all((0..parts).map(|part| world.call(edge(part), edge(part + 1)))) => answers,
            () = drained(&world.langfuse, &ledger) => unreachable!("it never ends"),
        };
        let mut ledger = ledger.into_inner().unwrap();
        ledger.add(world.langfuse.take_arrivals());
        let sum = |member: &str| answers.iter().map(|answer| answer.count(member)).sum::<u64>();
        let peak = world.instance.peak_mb().await;
        println!(
            "{} MB of pages in {parts} calls at once: {:.1} s, peak {peak} MB",
            sum("ingestBytes") >> 20,
            began.elapsed().as_secs_f64()
        );
        println!("  {} records, {} delivered, {} requests, {} pages", sum("ingestLines"), sum("shipLines"), sum("requests"), sum("pages"));
        answers.iter().for_each(Answer::assert_success);
        assert!(sum("ingestBytes") >> 20 >= megabytes);
        assert_eq!((sum("shipLines"), ledger.rows, ledger.known()), (calls as u64, calls as u64, calls));
        assert!(peak < MEMORY_MB, "{peak} MB");
    }
}

/// Futures of one kind at the same time.
async fn all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.map(Box::pin).collect();
    let mut outputs: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, output) in futures.iter_mut().zip(&mut outputs) {
            if output.is_none()
                && let std::task::Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *output = Some(ready);
            }
        }
        if outputs.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    outputs.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes: make soak"]
async fn thousands_of_calls_leave_no_more_memory_behind_than_hundreds() {
    const CALLS: u64 = 4000;
    const GROUPS: u64 = 200;
    /// What a process may grow by between a tenth of the calls and all of them, kilobytes: what an allocator may keep to itself.
    const GROWTH_KB: u64 = 4096;
    let world = World::new().await;
    append(&world.sls, 0, chats(GROUPS as usize, 20));
    let mut early = 0;
    for number in 0..CALLS {
        // Every ninth call fails after its first page, so that something is remembered of it.
        let fails = number % 9 == 8;
        if fails {
            world.sls.script(Operation::PullLogs, SlsFault::Delay(Duration::ZERO));
            let denied = SlsFault::Error { status: 401, code: "Unauthorized".into(), message: "denied".into() };
            world.sls.script(Operation::PullLogs, denied);
        }
        let begin = number % (GROUPS - 40);
        let answer = world.call(begin, begin + 40).await;
        assert_eq!(answer.status, if fails { 404 } else { 200 }, "{}", answer.text);
        if number == CALLS / 10 {
            early = world.instance.memory_kb().await;
        }
        world.langfuse.take_arrivals();
        world.sls.clear_requests();
    }
    let late = world.instance.memory_kb().await;
    println!("{CALLS} calls: {early} kB held after a tenth of them, {late} kB after all ({PROJECT}/{LOGSTORE})");
    assert!(late < early + GROWTH_KB, "{early} kB, then {late} kB");
}
