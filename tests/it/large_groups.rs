//! Pages that are larger than what may be held: taken in parts, whose wait for memory is nobody's fault.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;

use sls_to_langfuse::budget::ByteBudget;
use sls_to_langfuse::deadline::Deadline;
use sls_to_langfuse::emulator::langfuse::{Fault, When};
use sls_to_langfuse::emulator::sls::{PageLimits, SlsEmulator};
use sls_to_langfuse::feed::{Feed, Halt};
use sls_to_langfuse::sls::calls::Shard;
use sls_to_langfuse::sls::cursor::Cursor;
use sls_to_langfuse::sls::reader::{PAGE_ROOM, Page, Range, Read, Reader};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::paging::shard_of;
use crate::records::{chat_saying, group, log};
use crate::support::{SEED, World, event};

/// Bytes of a record, and how many a part has room for: a megabyte, less what stands before it.
const RECORD: usize = 10_000;
const PART: u32 = 98;

/// A shard whose groups have so many records, of which no two are alike.
async fn shard(groups: &[u32]) -> (SlsEmulator, Shard) {
    let sls = SlsEmulator::start(0, Default::default()).await.unwrap();
    let shard = shard_of(&sls, SEED).await;
    for records in groups {
        let mut random = fastrand::Rng::with_seed(u64::from(*records));
        let mut text = || (0..RECORD).map(|_| random.alphanumeric()).collect::<String>();
        let group = group((0..*records).map(|_| log(&[("content", &text())])).collect());
        sls.append("project", "logstore", 0, &group, 1_772_417_413).unwrap();
    }
    (sls, shard)
}

/// Pages of so many groups, however large.
fn pages_of(max_groups: usize) -> PageLimits {
    PageLimits { max_groups, max_bytes: 64 << 20 }
}

fn reader(shard: Shard, groups: usize, requests: &Arc<AtomicU64>) -> Reader {
    let [begin, end] = [SEED, SEED + groups as u64].map(Cursor::from_number);
    let budget = ByteBudget::new(PAGE_ROOM).for_call();
    Reader::new(shard, Range { begin, end }, budget, Deadline::of_call(Duration::from_secs(86_400)), requests.clone())
}

async fn page(reader: &mut Reader) -> Option<Page> {
    match reader.next().await.unwrap()? {
        Read::Page(page) => Some(page),
        Read::Lost(_) => unreachable!("nothing is lost"),
    }
}

/// The group and the index of every record.
fn places(page: &Page) -> Vec<(u64, u32)> {
    let mut first = page.first_record();
    let groups = page.groups().flat_map(|(group, view)| {
        let begin = std::mem::take(&mut first);
        view.records().zip(begin..).map(move |(record, index)| {
            assert_eq!(record.unwrap().fields[0].value.len(), RECORD);
            (group.unwrap() - SEED, index)
        })
    });
    groups.collect()
}

/// Keeps paused time where it is while the network works: it runs on by itself only when nothing else does.
fn busy() -> JoinSet<()> {
    let mut busy = JoinSet::new();
    busy.spawn(async {
        loop {
            tokio::task::yield_now().await;
        }
    });
    busy
}

async fn is_waiting(future: &mut (impl Future + Unpin)) -> bool {
    poll_fn(|context| Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_pending())).await
}

/// Reads a range of such groups. Two pages take all memory there is; the third is given some after that long. Returns how often SLS was asked.
/// `limits` are those of the first answer, and of all others.
async fn asked(groups: &[u32], wait: Duration, limits: [PageLimits; 2]) -> u64 {
    let _busy = busy();
    let (sls, shard) = shard(groups).await;
    let [first, others] = limits;
    sls.set_page_limits(first);
    let requests = Arc::default();
    let mut reader = reader(shard, groups.len(), &requests);
    let (first, second) = (page(&mut reader).await.unwrap(), page(&mut reader).await.unwrap());
    let mut found = [places(&first), places(&second)].concat();
    {
        let mut third = pin!(page(&mut reader));
        assert!(is_waiting(&mut third).await);
        tokio::time::advance(wait).await;
        sls.set_page_limits(others);
        assert!(is_waiting(&mut third).await);
        assert_eq!(requests.load(Relaxed), 1, "nobody asks before there is memory");
        drop((first, second));
        found.extend(places(&third.await.unwrap()));
    }
    while let Some(page) = page(&mut reader).await {
        found.extend(places(&page));
    }
    let all = |(group, records): (usize, &u32)| (0..*records).map(move |record| (group as u64, record)).collect::<Vec<_>>();
    assert_eq!(found, groups.iter().enumerate().flat_map(all).collect::<Vec<_>>());
    requests.load(Relaxed)
}

#[tokio::test]
async fn a_group_that_is_too_large_is_pulled_once_and_handed_out_in_parts() {
    let (_sls, shard) = shard(&[3 * PART, 5]).await;
    let requests = Arc::default();
    let mut reader = reader(shard, 2, &requests);
    let mut parts = Vec::new();
    while let Some(page) = page(&mut reader).await {
        assert!(page.size() < 1 << 20);
        parts.push((page.numbers().unwrap(), page.first_record(), [page.begins(), page.ends()], places(&page).len()));
    }
    let part = PART as usize;
    assert_eq!(
        parts,
        [
            (SEED..SEED + 1, 0, [true, false], part + 6),
            (SEED..SEED + 1, PART + 6, [false, false], part),
            (SEED..SEED + 2, 2 * PART + 6, [false, true], part - 6 + 5)
        ]
    );
    assert_eq!(requests.load(Relaxed), 1);
}

#[tokio::test]
async fn reading_that_is_told_to_end_ends_behind_a_whole_page() {
    let (sls, shard) = shard(&[3 * PART, 5]).await;
    sls.set_page_limits(pages_of(1));
    let (ask, asked) = watch::channel(false);
    let halt = Arc::new(Halt::new(asked));
    let mut feed = Feed::Halting(Box::new(reader(shard, 2, &Arc::default())), halt.clone());
    let mut records = Vec::new();
    while let Some(piece) = feed.next().await.unwrap() {
        records.push(piece.records().count());
        ask.send(true).unwrap();
    }
    assert_eq!((records.len(), records.iter().sum::<usize>(), halt.was_obeyed()), (3, 3 * PART as usize, true));
}

#[tokio::test(start_paused = true)]
async fn a_short_wait_for_memory_keeps_the_answer_and_a_long_one_asks_once_more() {
    let same = || [pages_of(1), pages_of(1)];
    assert_eq!(asked(&[5 * PART], Duration::from_secs(9), same()).await, 1);
    // Longer than any attempt may take, and than all of them together.
    assert_eq!(asked(&[5 * PART], Duration::from_secs(3600), same()).await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_has_grown_when_it_is_asked_for_again_goes_on_where_it_was() {
    let groups = [2 * PART, 3 * PART, PART / 2, 2 * PART];
    assert_eq!(asked(&groups, Duration::from_secs(60), [pages_of(2), pages_of(4)]).await, 2);
}

#[tokio::test]
async fn where_langfuse_hangs_no_call_says_that_sls_did() {
    let text = "x".repeat(RECORD);
    let records = |group_number: usize| group((0..200).map(|at| chat_saying(1000 * group_number + at, &text)).collect());
    let world = World::of((0..4).map(records).collect(), &[("OTEL_EXPORTER_OTLP_COMPRESSION", "none")]).await;
    world.langfuse.refuse_when(When::ingest(), Fault::Hang(Duration::from_secs(60)));
    let body = event(0, SEED, SEED + 4).to_string();
    let call = async || {
        let answer = world.function.call(&body, &[("x-fc-function-timeout", "2")]).await;
        answer.assert_balanced();
        assert_eq!(answer.failure(), ("out_of_time", "deadline"));
        answer.body["errorMessage"].as_str().unwrap().to_owned()
    };
    let messages = tokio::join!(call(), call(), call(), call(), call(), call(), call(), call());
    let messages: [String; 8] = messages.into();
    for message in &messages {
        eprintln!("{message}");
    }
    assert!(
        messages.iter().all(|message| message.starts_with("the time of the call ran out") && !message.contains("SLS")),
        "{messages:#?}"
    );
}
