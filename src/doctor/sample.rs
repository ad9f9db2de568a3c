//! The newest records of a Logstore, read and judged like those of a call, and how fast more of them come.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use super::quality::Quality;
use crate::budget::ByteBudget;
use crate::deadline::Deadline;
use crate::feed::Piece;
use crate::judge::{Judge, Judged};
use crate::origin::Position;
use crate::sls::LogRecord;
use crate::sls::attempts::repeated;
use crate::sls::calls::{From, Shard};
use crate::sls::cursor::Cursor;
use crate::sls::error::SlsError;
use crate::sls::reader::{Range, Reader};
use crate::survey::Survey;
use crate::trace::TraceId;

/// How far back the rate of records is measured. Seconds.
pub const A_DAY: i64 = 86_400;

/// Decoded pages that may be held at once. Bytes. No bound: all that is read is kept, and what waited for memory would wait for ever.
const PAGE_BYTES: u64 = u64::MAX;

/// How many log groups are read at first, to learn how many records one has.
const FIRST_GROUPS: u64 = 3;

/// The most log groups that are read of a shard.
const MAX_GROUPS: u64 = 500;

/// How many times the records asked for are read at most, where groups are larger than the first ones were.
const SLACK: u64 = 3;

/// How much to read, and in which time.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// About so many records of each shard.
    pub records: u64,
    /// For the reading of each shard.
    pub timeout: Duration,
    /// UNIX seconds.
    pub now: i64,
}

/// What was read of one shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardSample {
    /// Log groups read.
    pub groups: u64,
    /// Records read.
    pub records: u64,
    /// Log groups received in `span`; none where cursors tell no numbers.
    pub received: Option<u64>,
    /// The time that `received` is about. Seconds; 0 where that is not known.
    pub span: i64,
    /// When its newest log group was received, UNIX seconds; none where there is none, or nobody tells.
    pub newest: Option<i64>,
}

/// What was read of all shards.
#[derive(Debug)]
pub struct Sample {
    /// What would become of the records.
    pub survey: Survey,
    /// What they lack.
    pub quality: Quality,
    /// Traces of our own among them.
    pub traces: HashSet<TraceId>,
    /// Shard by shard.
    pub shards: Vec<ShardSample>,
    /// The time that judging took.
    pub judging: Duration,
}

impl Sample {
    /// Nothing read yet.
    pub fn of(judge: &Judge<'_>) -> Self {
        Self {
            survey: Survey::of(judge.selection),
            quality: Quality::of(judge.trace),
            traces: HashSet::new(),
            shards: Vec::new(),
            judging: Duration::ZERO,
        }
    }

    /// Reads about the newest `bounds.records` records of a shard.
    ///
    /// # Errors
    /// When the shard cannot be read; what was read before counts.
    pub async fn read(&mut self, shard: &Shard, judge: &Judge<'_>, bounds: Bounds) -> Result<(), SlsError> {
        let deadline = Deadline::of_call(bounds.timeout);
        let window = Window::of(shard, bounds.now, deadline).await?;
        let most = bounds.records * SLACK;
        let mut pieces = newest(shard, window.newest(FIRST_GROUPS), most, deadline).await?;
        let mut read = Taken::of(&pieces);
        if read.records < bounds.records && window.available() > FIRST_GROUPS {
            pieces = newest(shard, window.newest(wanted_groups(read, bounds.records)), most, deadline).await?;
            read = Taken::of(&pieces);
        }
        for piece in &pieces {
            self.judge(piece, judge).await;
        }
        let Window { received, span, newest, .. } = window;
        self.shards.push(ShardSample { groups: read.groups, records: read.records, received, span, newest });
        Ok(())
    }

    /// What is asked of Langfuse at the same time must not wait for this: after each record others have their turn.
    async fn judge(&mut self, piece: &Piece, judge: &Judge<'_>) {
        for (position, record) in piece.records() {
            let started = Instant::now();
            self.survey.count(judge, position, record.as_ref());
            self.judging += started.elapsed();
            if let Some(record) = &record {
                self.look_at(record, judge);
            }
            tokio::task::yield_now().await;
        }
    }

    fn look_at(&mut self, record: &LogRecord<'_>, judge: &Judge<'_>) {
        let own = |judged: Judged<'_, '_>| match judged {
            Judged::Sent(observation, ..) => observation.trace.is_some().then_some(observation.trace_id),
            Judged::Skipped(..) | Judged::Unrouted(..) => None,
        };
        // One that our own code stumbles over was counted as damaged before.
        let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            self.traces.extend(judge.judge(record, own));
            self.quality.count(record);
        }));
        drop(looked);
    }
}

/// How much stands in what was read.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    groups: u64,
    records: u64,
}

impl Taken {
    fn of(pieces: &[Piece]) -> Self {
        let positions = || pieces.iter().flat_map(Piece::records).map(|(position, _)| position);
        let groups = positions().filter(|Position { index, .. }| *index == 0).count();
        Self { groups: groups as u64, records: positions().count() as u64 }
    }
}

/// How many groups hold so many records, if they are as large as these.
fn wanted_groups(read: Taken, records: u64) -> u64 {
    (records * read.groups.max(1)).div_ceil(read.records.max(1)).clamp(FIRST_GROUPS + 1, MAX_GROUPS)
}

/// What stands in a range, up to about so many records.
async fn newest(shard: &Shard, range: Range, most: u64, deadline: Deadline) -> Result<Vec<Piece>, SlsError> {
    let mut reader = Reader::new(shard.clone(), range, ByteBudget::new(PAGE_BYTES).for_call(), deadline, Arc::default());
    let mut pieces = Vec::new();
    while Taken::of(&pieces).records < most
        && let Some(read) = reader.next().await.map_err(|failure| failure.error)?
    {
        pieces.push(Piece::from(read));
    }
    Ok(pieces)
}

/// Where a shard begins, where it was a day ago, and where it ends.
#[derive(Debug)]
struct Window {
    begin: Cursor,
    day: Cursor,
    end: Cursor,
    received: Option<u64>,
    span: i64,
    newest: Option<i64>,
}

impl Window {
    async fn of(shard: &Shard, now: i64, deadline: Deadline) -> Result<Self, SlsError> {
        let requests = AtomicU64::new(0);
        let at = async |from| repeated(deadline, &requests, |left| shard.cursor(from, left)).await;
        let received_at = async |cursor: &Cursor| repeated(deadline, &requests, |left| shard.cursor_time(cursor, left)).await;
        let a_day_ago = From::Received(u32::try_from(now - A_DAY).unwrap_or(0));
        let (begin, day, end) = (at(From::Begin).await?, at(a_day_ago).await?, at(From::End).await?);
        let received = end.number().zip(day.number()).map(|(end, day)| end.saturating_sub(day));
        if begin.is_at(&end) {
            return Ok(Self { begin, day, end, received, span: A_DAY, newest: None });
        }
        // A shard that is younger than a day tells of its own time only.
        let span = match day.is_at(&begin) {
            true => received_at(&begin).await.map_or(0, |first| (now - first).clamp(0, A_DAY)),
            false => A_DAY,
        };
        let newest = received_at(&end).await.ok();
        Ok(Self { begin, day, end, received, span, newest })
    }

    /// Log groups that can be read; where cursors tell no numbers, more than anybody asks for.
    fn available(&self) -> u64 {
        self.end.number().zip(self.begin.number()).map_or(0, |(end, begin)| end.saturating_sub(begin))
    }

    /// The newest groups. Where cursors tell no numbers, those of the last day.
    fn newest(&self, groups: u64) -> Range {
        let begin = match (self.begin.number(), self.end.number()) {
            (Some(begin), Some(end)) => Cursor::from_number(end.saturating_sub(groups).max(begin)),
            _ => self.day.clone(),
        };
        Range { begin, end: self.end.clone() }
    }
}
