//! Walks `[begin, end)` of one shard, page by page: never past the end, never past the deadline, never more in memory than allowed.
//!
//! The stop rules are those of `reference/sls.md` §2, "When to stop". It knows pages and groups, not what is in a log.

use std::cmp::Ordering;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;

use super::calls::{From, Shard};
use super::cursor::Cursor;
use super::decode::{self, GroupView};
use super::error::{Damage, ErrorClass, SlsError};
use super::page::{MAX_GROUP_BYTES, PageHead, SOFT_PAGE_BYTES};
use crate::budget::{Allowance, CallBudget};
use crate::deadline::Deadline;

/// Log groups asked for at first, while their size is unknown. The service allows 1 to 1000.
const FIRST_COUNT: u32 = 10;

/// The most log groups one request may ask for (`reference/sls.md` §2).
const MAX_COUNT: u32 = 1000;

/// The decoded size that pages are steered to. Bytes. Large enough that a request's overhead vanishes, small enough for 128 MB.
const TARGET_PAGE_BYTES: u64 = 1024 * 1024;

/// How often one page is asked for before the call gives up. With doubling waits from 200 ms this is about three seconds.
const MAX_ATTEMPTS: u32 = 5;

/// The longest that one request to SLS may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Half-open range of one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// First position to read.
    pub begin: Cursor,
    /// First position not to read.
    pub end: Cursor,
}

/// One page of decoded log groups. Holding it holds its share of the memory budget.
#[derive(Debug)]
pub struct Page {
    bytes: Bytes,
    kept: usize,
    first_group: Option<u64>,
    _allowance: [Option<Allowance>; 2],
}

impl Page {
    /// The groups that belong to the range, each with its number where the service tells it.
    pub fn groups(&self) -> impl Iterator<Item = (Option<u64>, GroupView<'_>)> {
        let numbered = decode::groups(&self.bytes).filter_map(Result::ok).take(self.kept).enumerate();
        numbered.map(|(index, group)| (self.first_group.map(|first| first + index as u64), group))
    }

    /// The numbers of its groups, where the service tells them.
    pub fn numbers(&self) -> Option<std::ops::Range<u64>> {
        self.first_group.map(|first| first..first + self.kept as u64)
    }

    /// Decoded bytes.
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }
}

/// What reading came upon.
#[derive(Debug)]
pub enum Read {
    /// A page with log groups.
    Page(Page),
    /// This part of the range has left the retention of the Logstore.
    Lost(Range),
}

/// Why reading stopped before the end, and where.
#[derive(Debug, thiserror::Error)]
#[error("cannot read on from cursor {cursor} (end {end}): {error}")]
pub struct ReadFailure {
    /// What went wrong.
    #[source]
    pub error: SlsError,
    /// The first position that was not read.
    pub cursor: Cursor,
    /// The end of the range.
    pub end: Cursor,
}

/// The reader of one range.
#[derive(Debug)]
pub struct Reader {
    shard: Shard,
    range: Range,
    count: u32,
    finished: bool,
    budget: CallBudget,
    deadline: Deadline,
    requests: Arc<AtomicU64>,
}

impl Reader {
    /// A reader at the beginning of `range`. `requests` counts every request to SLS, failed ones included.
    pub fn new(shard: Shard, range: Range, budget: CallBudget, deadline: Deadline, requests: Arc<AtomicU64>) -> Self {
        let finished = range.begin.is_at(&range.end);
        Self { shard, range, count: FIRST_COUNT, finished, budget, deadline, requests }
    }

    /// The next page, or the part of the range that is gone; `None` at the end of the range. Pages without groups are passed over: they
    /// are not the end.
    ///
    /// # Errors
    /// When a page cannot be had within its attempts and the deadline, or the service breaks the rules of paging.
    pub async fn next(&mut self) -> Result<Option<Read>, ReadFailure> {
        while !self.finished {
            let (head, page) = match self.page_with_retries().await {
                Ok(page) => page,
                Err(error) => return self.skip_what_is_gone(error).await.map(Read::Lost).map(Some).map_err(|error| self.failure(error)),
            };
            let page = self.step(&head, page);
            if page.kept > 0 {
                return Ok(Some(Read::Page(page)));
            }
        }
        Ok(None)
    }

    /// Goes on where logs still begin, if `error` says that the position is gone (`reference/sls.md` §7, "InvalidCursor"): what has left the
    /// retention comes back by no repetition, and the rest of the range must not be lost with it.
    ///
    /// # Errors
    /// `error` itself, if it says something else or the position is not gone after all.
    async fn skip_what_is_gone(&mut self, error: SlsError) -> Result<Range, SlsError> {
        if !matches!(&error, SlsError::Refused(refusal) if refusal.class == ErrorClass::CursorGone && !refusal.is_of_shard()) {
            return Err(error);
        }
        let resumed = self.oldest().await.ok_or(error)?;
        self.finished = resumed.is_at(&self.range.end);
        Ok(Range { begin: std::mem::replace(&mut self.range.begin, resumed.clone()), end: resumed })
    }

    /// The oldest readable position if it lies behind ours, but not behind the end.
    async fn oldest(&self) -> Option<Cursor> {
        self.requests.fetch_add(1, Relaxed);
        let oldest = self.shard.cursor(From::Begin, REQUEST_TIMEOUT.min(self.deadline.left())).await.ok()?;
        let moved = oldest.compare(&self.range.begin) == Some(Ordering::Greater);
        let inside = !is_behind(&oldest, &self.range.end);
        moved.then(|| if inside { oldest } else { self.range.end.clone() })
    }

    fn failure(&self, error: SlsError) -> ReadFailure {
        ReadFailure { error, cursor: self.range.begin.clone(), end: self.range.end.clone() }
    }

    async fn page_with_retries(&mut self) -> Result<(PageHead, Page), SlsError> {
        let mut attempt = 0;
        let mut clock_corrected = false;
        loop {
            let error = match self.attempt().await {
                Ok(page) => return Ok(page),
                Err(SlsError::TooLarge { bytes, .. }) if self.count > 1 => {
                    self.count = fewer(self.count, bytes);
                    continue;
                }
                Err(SlsError::Refused(refusal)) if refusal.class == ErrorClass::Clock && !clock_corrected => {
                    clock_corrected = true;
                    continue;
                }
                Err(error) => error,
            };
            attempt += 1;
            match error.retry_wait(attempt - 1) {
                Some(wait) if attempt < MAX_ATTEMPTS && self.deadline.sleep(jittered(wait)).await => {}
                _ => return Err(error),
            }
        }
    }

    async fn attempt(&self) -> Result<(PageHead, Page), SlsError> {
        let expected = self.budget.take(TARGET_PAGE_BYTES).await;
        let timeout = REQUEST_TIMEOUT.min(self.deadline.left());
        self.requests.fetch_add(1, Relaxed);
        let answer = self.shard.pull(&self.range.begin, &self.range.end, self.count, timeout).await?;
        let head = answer.head().clone();
        let extra = self.room_for(&head).await?;
        let bytes = answer.page().await?;
        let groups = count_groups(&bytes)?;
        check_count(&head, groups)?;
        self.check_progress(&head)?;
        let page =
            Page { first_group: first_group(&head, &self.range.begin, groups), kept: groups, bytes, _allowance: [Some(expected), extra] };
        Ok((head, page))
    }

    /// Refuses a page that is too large before anything is allocated for it, and waits for room for a large one.
    async fn room_for(&self, head: &PageHead) -> Result<Option<Allowance>, SlsError> {
        let bytes = head.raw_size.unwrap_or(SOFT_PAGE_BYTES);
        let limit = if self.count > 1 { SOFT_PAGE_BYTES } else { MAX_GROUP_BYTES };
        if bytes > limit {
            return Err(SlsError::TooLarge { bytes, limit });
        }
        Ok(if bytes > TARGET_PAGE_BYTES { Some(self.budget.take(bytes - TARGET_PAGE_BYTES).await) } else { None })
    }

    /// Refuses a page that does not lead on: the range cannot be read to its end now.
    fn check_progress(&self, head: &PageHead) -> Result<(), SlsError> {
        let Range { begin, end } = &self.range;
        let stands_still = head.next.is_at(begin) && !head.next.is_at(end) && !is_behind(&head.next, end);
        match head.next.compare(begin) {
            Some(Ordering::Less) => Err(SlsError::Damaged(Damage::CursorBackwards)),
            None if begin.number().is_some() && !head.next.is_at(end) => Err(SlsError::Damaged(Damage::ForeignCursor)),
            _ if stands_still => Err(SlsError::Stalled),
            _ => Ok(()),
        }
    }

    /// Moves on by one page: drops groups behind the end, decides whether the end is reached.
    fn step(&mut self, head: &PageHead, mut page: Page) -> Page {
        self.count = next_count(self.count, page.kept, page.size());
        let past_end = is_behind(&head.next, &self.range.end);
        if head.next.is_at(&self.range.end) || past_end {
            self.finished = true;
            page.kept = kept_before(&self.range.end, page.first_group, page.kept);
        }
        self.range.begin = if past_end { self.range.end.clone() } else { head.next.clone() };
        page
    }
}

/// Refuses a page that is empty although the service counts something in it: a size header that says 0 would lose the page without a trace.
/// No stricter, because the sources disagree whether groups or logs are counted (`reference/sls.md` §9).
fn check_count(head: &PageHead, groups: usize) -> Result<(), SlsError> {
    match head.count {
        Some(1..) if groups == 0 => Err(SlsError::Damaged(Damage::WrongSize)),
        _ => Ok(()),
    }
}

/// True where both have numbers and the first lies behind the second.
fn is_behind(cursor: &Cursor, end: &Cursor) -> bool {
    cursor.compare(end) == Some(Ordering::Greater)
}

/// How many of a page's groups lie before `end`: a server that ignores the end sends more (`reference/sls.md` §2).
fn kept_before(end: &Cursor, first_group: Option<u64>, groups: usize) -> usize {
    match (end.number(), first_group) {
        (Some(end), Some(first)) => groups.min(usize::try_from(end.saturating_sub(first)).unwrap_or(usize::MAX)),
        _ => groups,
    }
}

/// Number of the first group of a page that begins at `from`: told by `x-log-read-last-cursor`, else by the cursors if they lie as far apart
/// as the page has groups. A number that contradicts the cursors is none: groups would be dropped as behind the end, and an attempt that
/// goes on behind such a number would pass records over.
fn first_group(head: &PageHead, from: &Cursor, groups: usize) -> Option<u64> {
    let (from, next) = (from.number()?, head.next.number()?);
    let behind_last = head.last_group.map_or(Some(next), |last| last.checked_add(1)).filter(|behind| *behind <= next)?;
    let first = behind_last.checked_sub(groups as u64)?;
    let is_plausible = if head.last_group.is_some() { first >= from } else { first == from };
    is_plausible.then_some(first)
}

fn count_groups(page: &[u8]) -> Result<usize, SlsError> {
    decode::groups(page).try_fold(0, |count, group| group.map(|_| count + 1)).map_err(|error| SlsError::Damaged(Damage::Framing(error)))
}

/// How many groups to ask for next, so that a page comes near its target size; grows by eight at most, since groups differ.
fn next_count(count: u32, groups: usize, bytes: u64) -> u32 {
    let Some(average) = bytes.checked_div(groups as u64) else { return count };
    let fitting = u32::try_from(TARGET_PAGE_BYTES / average.max(1)).unwrap_or(MAX_COUNT);
    fitting.clamp(1, count.saturating_mul(8).min(MAX_COUNT))
}

/// How many groups to ask for after a page of `bytes` was too large for `count` of them.
fn fewer(count: u32, bytes: u64) -> u32 {
    let fitting = u64::from(count) * TARGET_PAGE_BYTES / bytes.max(1);
    u32::try_from(fitting).unwrap_or(1).clamp(1, count / 2)
}

/// A wait and up to half of it more, so that functions that failed together do not come back together, and none before a quota refills.
fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(1.0 + fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_for_as_many_groups_as_fit_the_target() {
        assert_eq!(next_count(10, 10, 10 * 1024), 80);
        assert_eq!(next_count(80, 80, 80 * 1024), 640);
        assert_eq!(next_count(640, 640, 640 * 1024), 1000);
        assert_eq!(next_count(1000, 4, 4 * TARGET_PAGE_BYTES), 1);
        assert_eq!(next_count(10, 0, 0), 10);
    }

    #[test]
    fn asks_for_fewer_groups_after_a_page_that_was_too_large() {
        assert_eq!(fewer(10, 10 * TARGET_PAGE_BYTES), 1);
        assert_eq!(fewer(100, 10 * TARGET_PAGE_BYTES), 10);
        assert_eq!(fewer(2, SOFT_PAGE_BYTES + 1), 1);
        assert_eq!(fewer(1000, u64::MAX), 1);
    }

    #[test]
    fn groups_behind_the_end_are_dropped_by_their_own_number() {
        assert_eq!(kept_before(&Cursor::from_number(104), Some(100), 6), 4);
        assert_eq!(kept_before(&Cursor::from_number(104), Some(104), 6), 0);
        assert_eq!(kept_before(&Cursor::from_number(104), Some(100), 3), 3);
        assert_eq!(kept_before(&Cursor::new("opaque"), Some(100), 6), 6);
    }

    fn head(last_group: Option<u64>) -> PageHead {
        let (next, packing) = (Cursor::from_number(50), super::super::page::Packing::Plain);
        PageHead { next, raw_size: Some(1), packing, last_group, count: None }
    }

    #[test]
    fn an_empty_page_that_counts_something_is_damaged() {
        let refused = |count, groups| check_count(&PageHead { count, ..head(None) }, groups).is_err();
        assert!(refused(Some(1), 0) && refused(Some(u64::MAX), 0));
        assert!(!refused(None, 0) && !refused(Some(0), 0) && !refused(Some(7), 2));
    }

    #[test]
    fn numbers_the_groups_of_a_page_from_its_last_one() {
        let numbered = |from, last_group| first_group(&head(last_group), &Cursor::from_number(from), 3);
        assert_eq!([numbered(47, Some(49)), numbered(10, Some(22)), numbered(47, None)], [Some(47), Some(20), Some(47)]);
    }

    #[test]
    fn believes_no_number_that_contradicts_the_cursors_of_its_page() {
        let numbered = |from: Cursor, last_group| first_group(&head(last_group), &from, 3);
        // Behind the next cursor, before its own, no number at all.
        for last_group in [50, 48, 1, u64::MAX] {
            assert_eq!(numbered(Cursor::from_number(47), Some(last_group)), None, "{last_group}");
        }
        // Something was passed over, and nobody says where.
        assert_eq!(numbered(Cursor::from_number(40), None), None);
        assert_eq!(numbered(Cursor::new("opaque"), Some(49)), None);
    }
}
