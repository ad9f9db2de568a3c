use std::cell::Cell;
use std::time::{Duration, SystemTime};

use super::turn::TURN;
use super::*;
use crate::budget::ByteBudget;
use crate::dead_letter::Pointer;
use crate::deadline::Deadline;
use crate::letters::Letters;
use crate::lines::{Parcel, of_text};
use crate::origin::{Origin, Settled};
use crate::select::Selection;
use crate::settlement::Done;
use crate::sls::LogTime;
use crate::trace::settings::TraceSettings;

const RECORDS: u32 = 100;

thread_local! {
    /// What the work has taken of a processor so far: tests have a thread each, and their clock is this.
    static WORKED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    static BEGAN: Instant = Instant::now();
}

fn clock() -> Instant {
    BEGAN.with(|began| *began + WORKED.get())
}

/// A source whose records take so long each.
struct Slow(Duration);

impl Origin for Slow {
    fn pointer(&self, position: Position) -> Pointer {
        let (project, logstore, cursor) = ("p".to_owned(), "l".to_owned(), "c".to_owned());
        Pointer::Log { project, logstore, shard: 0, cursor, end_cursor: None, index: position.index, receive_time: None }
    }

    fn wants(&mut self, _position: Position, _record: Option<&LogRecord<'_>>) -> bool {
        WORKED.set(WORKED.get() + self.0);
        true
    }

    fn settled(&mut self, _position: Position, _how: Settled) {}
}

/// When somebody else on the same thread was served while a piece of so slow records was worked off, by what had been worked by then.
async fn others_served(each: Duration) -> Vec<Duration> {
    let neighbour = tokio::spawn(async {
        let mut served = Vec::new();
        while served.last() != Some(&Duration::MAX) {
            served.push(WORKED.get());
            tokio::task::yield_now().await;
            if WORKED.get() == Duration::MAX {
                break;
            }
        }
        served.dedup();
        served
    });
    let lines = of_text(&b"{}\n".repeat(RECORDS as usize), LogTime { seconds: 1, nanoseconds: None });
    let parcel = Parcel { item: 0, received: None, lines, size: 300 };
    let feed = Feed::Parcels(Box::new(std::iter::once(Ok(parcel))), ByteBudget::new(1 << 20).for_call());
    let (mut origin, mut report) = (Slow(each), Report::new("r"));
    let mut letters = Letters::new(None, Deadline::of_call(Duration::from_secs(3600)), SystemTime::now);
    let (trace, selection) = (TraceSettings { enabled: false, ..TraceSettings::default() }, Selection::default());
    let done = Done { origin: &mut origin, report: &mut report, letters: &mut letters };
    let settlement = Settlement::new(done, &selection.routes);
    let judge = Judge { trace: &trace, selection: &selection };
    let mut work = Work::new(settlement, judge, Vec::new(), ByteBudget::new(1).for_call(), &Spare::default());
    work.turn = Turn::new(clock);
    work.run(feed).await.unwrap();
    assert_eq!(report.ingest_lines, u64::from(RECORDS));
    WORKED.set(Duration::MAX);
    neighbour.await.unwrap()
}

#[tokio::test]
async fn others_are_served_whenever_a_turn_is_over_and_not_between() {
    let each = Duration::from_millis(2);
    let expected: Vec<_> = (0..=RECORDS / 3).map(|turns| turns * 3 * each).collect();
    assert_eq!(others_served(each).await, expected);
    assert!(3 * each >= TURN && 2 * each < TURN);
}

#[tokio::test]
async fn others_wait_for_one_record_at_most_however_long_it_takes() {
    let each = 4 * TURN;
    let expected: Vec<_> = (0..=RECORDS).map(|records| records * each).collect();
    assert_eq!(others_served(each).await, expected);
}
