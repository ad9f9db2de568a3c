//! Where in a Logstore a window of time lies: its shards, read-only ones included, and the slices of each. Asks SLS and reads no logs.
//!
//! SLS finds a cursor by the time at which it received a log group, and gives the first one received at that second or later, clamped to what
//! it keeps (`reference/sls.md` §3, "GetCursor semantics"). Cursors of two moments therefore bound exactly what was received in `[from, to)`.

use std::cmp::Ordering;
use std::sync::atomic::AtomicU64;

use serde::{Deserialize, Serialize};

use crate::deadline::Deadline;
use crate::sls::attempts::repeated;
use crate::sls::calls::{From, Shard, ShardInfo};
use crate::sls::client::Logstore;
use crate::sls::cursor::Cursor;
use crate::sls::error::SlsError;
use crate::sls::reader::Range;

/// Log groups in one slice, about: some megabytes, so that slices side by side keep all workers busy to the end.
const GROUPS_PER_SLICE: u64 = 256;

/// The most slices of one shard, and of a shard whose cursors hold no numbers.
const MOST_PER_SHARD: u64 = 64;

/// About the most slices there are. Each costs a question to SLS before the first record is read.
const MOST_SLICES: u64 = 512;

/// A window of time by which SLS received logs, UNIX seconds: `[from, to)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The first second in it.
    pub from: i64,
    /// The first second behind it.
    pub to: i64,
}

/// What a window is in one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardPlan {
    /// Number of the shard.
    pub id: u32,
    /// True if nothing is written to it any more.
    pub read_only: bool,
    /// Neighbouring ranges in order, none of them empty. None: the shard holds nothing of the window.
    pub slices: Vec<Range>,
    /// When the oldest log group that is kept was received, UNIX seconds, if that is behind the beginning of the window.
    pub oldest: Option<i64>,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The list of shards cannot be had.
    #[error("the shards cannot be listed: {0}")]
    Shards(#[source] SlsError),
    /// A position in a shard cannot be had.
    #[error("shard {shard} has no cursor for this time: {error}")]
    Cursor {
        /// The shard.
        shard: u32,
        /// Why.
        error: SlsError,
    },
}

/// Asks about one Logstore.
#[derive(Debug)]
pub struct Planner {
    logstore: Logstore,
    deadline: Deadline,
    requests: AtomicU64,
}

impl PlanError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Shards(_) => {
                "check project, Logstore, endpoint, key and secret, and that the key has log:ListShards there; or name the shards with --shard"
            }
            Self::Cursor { error: SlsError::Refused(refusal), .. } if refusal.is_of_shard() => "the Logstore has no such shard (any more)",
            Self::Cursor { .. } => "check project, Logstore, endpoint, key and secret, and that the key has log:GetCursorOrData there",
        }
    }
}

impl Planner {
    /// Asks nothing yet.
    pub fn new(logstore: Logstore, deadline: Deadline) -> Self {
        Self { logstore, deadline, requests: AtomicU64::new(0) }
    }

    /// These shards; none named: all there are, read-only ones included, since they keep their logs to the end of retention.
    ///
    /// # Errors
    /// [`PlanError::Shards`]. Named shards are not asked for.
    pub async fn shards(&self, named: &[u32]) -> Result<Vec<ShardInfo>, PlanError> {
        if !named.is_empty() {
            return Ok(named.iter().map(|id| ShardInfo { id: *id, status: String::new() }).collect());
        }
        repeated(self.deadline, &self.requests, |time| self.logstore.shards(time)).await.map_err(PlanError::Shards)
    }

    /// What was received in a window, as one range.
    ///
    /// # Errors
    /// [`PlanError::Cursor`].
    pub async fn range(&self, shard: u32, window: Window) -> Result<Range, PlanError> {
        let (begin, end) = (self.cursor(shard, received(window.from)).await?, self.cursor(shard, received(window.to)).await?);
        Ok(Range { begin, end })
    }

    /// The window in each of these shards, in slices.
    ///
    /// # Errors
    /// [`PlanError::Cursor`].
    pub async fn plan(&self, shards: &[ShardInfo], window: Window) -> Result<Vec<ShardPlan>, PlanError> {
        let most = (MOST_SLICES / (shards.len() as u64).max(1)).clamp(1, MOST_PER_SHARD);
        let mut plans = Vec::with_capacity(shards.len());
        for shard in shards {
            let range = self.range(shard.id, window).await?;
            let oldest = self.oldest(shard.id, window, &range).await?;
            let slices = self.slices(shard.id, window, range, most).await?;
            plans.push(ShardPlan { id: shard.id, read_only: shard.status == "readonly", slices, oldest });
        }
        Ok(plans)
    }

    async fn slices(&self, shard: u32, window: Window, range: Range, most: u64) -> Result<Vec<Range>, PlanError> {
        let mut slices = Vec::new();
        let mut begin = range.begin.clone();
        for moment in moments(window, parts(&range, window, most)) {
            let next = self.cursor(shard, received(moment)).await?;
            // What is asked for later may lie behind the end, where all of the window has left the Logstore in between.
            let end = if next.compare(&range.end) == Some(Ordering::Greater) { range.end.clone() } else { next };
            push(&mut slices, begin, &end);
            begin = end;
        }
        push(&mut slices, begin, &range.end);
        Ok(slices)
    }

    /// When the oldest log group was received, if the beginning of the window lies before what is kept.
    async fn oldest(&self, shard: u32, window: Window, range: &Range) -> Result<Option<i64>, PlanError> {
        if range.begin.is_at(&range.end) || !self.cursor(shard, From::Begin).await?.is_at(&range.begin) {
            return Ok(None);
        }
        let shard = self.shard(shard);
        let oldest = repeated(self.deadline, &self.requests, |time| shard.cursor_time(&range.begin, time)).await;
        // A remark, for want of which nothing fails.
        Ok(oldest.ok().filter(|oldest| *oldest > window.from))
    }

    async fn cursor(&self, shard: u32, from: From) -> Result<Cursor, PlanError> {
        let asked = self.shard(shard);
        let cursor = repeated(self.deadline, &self.requests, |time| asked.cursor(from, time)).await;
        cursor.map_err(|error| PlanError::Cursor { shard, error })
    }

    fn shard(&self, id: u32) -> Shard {
        Shard { logstore: self.logstore.clone(), id }
    }
}

fn received(moment: i64) -> From {
    From::Received(u32::try_from(moment.max(0)).unwrap_or(u32::MAX))
}

/// How many slices a range is cut into: by its log groups where the cursors tell them, and never finer than the seconds that SLS counts.
fn parts(range: &Range, window: Window, most: u64) -> u64 {
    let seconds = u64::try_from(window.to - window.from).unwrap_or(0).max(1);
    let wanted = match (range.begin.number(), range.end.number()) {
        (Some(begin), Some(end)) => end.saturating_sub(begin).div_ceil(GROUPS_PER_SLICE),
        _ if range.begin.is_at(&range.end) => 1,
        _ => most,
    };
    wanted.clamp(1, most).min(seconds)
}

/// The moments between equal parts of a window.
fn moments(window: Window, parts: u64) -> impl Iterator<Item = i64> {
    let parts = i64::try_from(parts).unwrap_or(1);
    (1..parts).map(move |part| window.from + (window.to - window.from) * part / parts)
}

fn push(slices: &mut Vec<Range>, begin: Cursor, end: &Cursor) {
    if !begin.is_at(end) {
        slices.push(Range { begin, end: end.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(begin: u64, end: u64) -> Range {
        Range { begin: Cursor::from_number(begin), end: Cursor::from_number(end) }
    }

    #[test]
    fn a_range_is_cut_by_its_log_groups_within_bounds() {
        let day = Window { from: 0, to: 86_400 };
        for (groups, most, expected) in [(0, 64, 1), (1, 64, 1), (256, 64, 1), (257, 64, 2), (1_000_000, 64, 64), (1_000_000, 7, 7)] {
            assert_eq!(parts(&range(5, 5 + groups), day, most), expected, "{groups}");
        }
        assert_eq!(parts(&range(0, 1_000_000), Window { from: 10, to: 13 }, 64), 3, "SLS finds cursors by whole seconds");
        let unnumbered = Range { begin: Cursor::new("a!"), end: Cursor::new("b!") };
        assert_eq!(parts(&unnumbered, day, 64), 64);
        assert_eq!(parts(&Range { end: Cursor::new("a!"), ..unnumbered }, day, 64), 1);
    }

    #[test]
    fn the_moments_between_parts_lie_inside_and_apart() {
        assert_eq!(moments(Window { from: 100, to: 110 }, 4).collect::<Vec<_>>(), [102, 105, 107]);
        assert_eq!(moments(Window { from: 100, to: 103 }, 3).collect::<Vec<_>>(), [101, 102]);
        assert_eq!(moments(Window { from: 100, to: 110 }, 1).count(), 0);
    }

    #[test]
    fn what_is_empty_is_no_slice() {
        let mut slices = Vec::new();
        push(&mut slices, Cursor::from_number(5), &Cursor::from_number(5));
        push(&mut slices, Cursor::from_number(5), &Cursor::from_number(7));
        assert_eq!(slices, [range(5, 7)]);
    }
}
