//! Walks `[begin, end)` of one shard, page by page: never past the end, never past the deadline, never more in memory than allowed.
//!
//! The stop rules are those of `reference/sls.md` §2, "When to stop". It knows pages and groups, not what is in a log.

use std::cmp::Ordering;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::calls::{From, PageAnswer, Shard};
use super::checks::{check_count, check_progress, count_groups};
use super::cursor::Cursor;
use super::error::{Damage, ErrorClass, SlsError};
use super::flow::Flow;
use super::numbering::{first_group, groups_told, is_behind, kept_before};
use super::page::{MAX_PAGE_BYTES, PageHead};
use super::parts::{Given, Part, Parts};
pub use super::read::{Page, Range, Read, ReadFailure};
use super::steering::{FIRST_COUNT, fewer, next_count};
use crate::budget::{Allowance, CallBudget};
use crate::deadline::Deadline;

/// What is taken of the memory budget before a page is asked for, and the largest page that is held as a whole. Bytes. Groups differ, so a page
/// may be a quarter larger than it should be; of a still larger one, which one group can be, only a part is ever held.
pub const PAGE_ROOM: u64 = 5 * 256 * 1024;

/// How often one page is asked for before the call gives up. With doubling waits from 200 ms this is about three seconds.
const MAX_ATTEMPTS: u32 = 5;

/// The longest that SLS may take for the head of an answer, for the body of one that is held as a whole, and for each part of another.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How long an answer that has begun may wait for memory. Longer, and it is dropped and asked for again when there is some: what is idle, a
/// server or something in between cuts in the end, and then nobody knows why.
const MOST_IDLE: Duration = Duration::from_secs(10);

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
    /// The page at the beginning of `range`, while it is taken in parts.
    flow: Option<Flow>,
    /// What was taken of it.
    given: Given,
    /// The number of its first group, as the pull that gave it told.
    first_group: Option<u64>,
    /// Something of it was handed out.
    is_told: bool,
}

impl Reader {
    /// A reader at the beginning of `range`. `requests` counts every request to SLS, failed ones included.
    pub fn new(shard: Shard, range: Range, budget: CallBudget, deadline: Deadline, requests: Arc<AtomicU64>) -> Self {
        let finished = range.begin.is_at(&range.end);
        Self {
            shard,
            range,
            count: FIRST_COUNT,
            finished,
            budget,
            deadline,
            requests,
            flow: None,
            given: Given::default(),
            first_group: None,
            is_told: false,
        }
    }

    /// The next page, a part of a large one, or the part of the range that is gone; `None` at the end of the range. Pages without groups are
    /// passed over: they are not the end.
    ///
    /// # Errors
    /// When a page cannot be had within its attempts and the deadline, or the service breaks the rules of paging.
    pub async fn next(&mut self) -> Result<Option<Read>, ReadFailure> {
        while !self.finished {
            let page = match self.page_with_retries().await {
                Ok(page) => page,
                Err(error) => return self.skip_what_is_gone(error).await.map(Read::Lost).map(Some).map_err(|error| self.failure(error)),
            };
            // The end of a page of which parts were told is told too, with or without a record in it.
            if page.kept > 0 || !page.begins {
                return Ok(Some(Read::Page(page)));
            }
        }
        Ok(None)
    }

    /// True if nothing was handed out of the page that comes next.
    pub fn is_between_pages(&self) -> bool {
        !self.is_told
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
        (self.given, self.is_told) = (Given::default(), false);
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

    async fn page_with_retries(&mut self) -> Result<Page, SlsError> {
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

    async fn attempt(&mut self) -> Result<Page, SlsError> {
        let room = self.room().await;
        let mut flow = match self.flow.take() {
            Some(flow) => flow,
            None => {
                let answer = self.pull().await?;
                match self.flow(&answer)? {
                    Some((parts, first_group)) => Flow::new(answer, parts, first_group),
                    None => return self.whole(answer, room).await,
                }
            }
        };
        let part = flow.next(self.time()).await?;
        let page = self.part(part, &flow, room);
        if !page.ends {
            self.flow = Some(flow);
        }
        Ok(page)
    }

    /// Waits for memory, while no time of SLS runs.
    async fn room(&mut self) -> Allowance {
        let budget = self.budget.clone();
        let mut room = std::pin::pin!(budget.take(PAGE_ROOM));
        match tokio::time::timeout(MOST_IDLE, &mut room).await {
            Ok(room) => room,
            Err(_) => {
                self.flow = None;
                room.await
            }
        }
    }

    /// How long SLS may take now.
    fn time(&self) -> Duration {
        REQUEST_TIMEOUT.min(self.deadline.left())
    }

    async fn pull(&self) -> Result<PageAnswer, SlsError> {
        self.requests.fetch_add(1, Relaxed);
        let answer = self.shard.pull(&self.range.begin, &self.range.end, self.count, self.time()).await?;
        check_progress(answer.head(), &self.range)?;
        Ok(answer)
    }

    /// How a page is taken in parts, with the number of its first group, or `None` if it is held as a whole. Refuses one that can be neither,
    /// before anything is allocated for it.
    fn flow(&mut self, answer: &PageAnswer) -> Result<Option<(Parts, Option<u64>)>, SlsError> {
        let (head, from) = (answer.head(), &self.range.begin);
        let bytes = head.raw_size.unwrap_or(PAGE_ROOM);
        let is_begun = self.given != Given::default();
        if bytes <= PAGE_ROOM && !is_begun {
            return Ok(None);
        }
        let groups = groups_told(head, from, self.count).filter(|_| bytes <= MAX_PAGE_BYTES);
        match groups.and_then(|groups| Some((answer.parts(groups, self.given)?, first_group(head, from, groups)))) {
            // What was given is counted from there: of another page it would pass over other records.
            Some((_, first)) if is_begun && first != self.first_group => Err(SlsError::Damaged(Damage::Changed)),
            Some((parts, first)) => {
                self.first_group = first;
                Ok(Some((parts, first)))
            }
            // Packed in a way that was not asked for.
            None if self.count == 1 && bytes <= MAX_PAGE_BYTES && !is_begun => Ok(None),
            None => Err(SlsError::TooLarge { bytes, limit: if self.count > 1 { PAGE_ROOM } else { MAX_PAGE_BYTES } }),
        }
    }

    async fn whole(&mut self, answer: PageAnswer, mut room: Allowance) -> Result<Page, SlsError> {
        let head = answer.head().clone();
        let bytes = answer.page(self.time()).await?;
        let groups = count_groups(&bytes)?;
        check_count(&head, groups)?;
        let size = bytes.len() as u64;
        room.shrink(size);
        let first_group = first_group(&head, &self.range.begin, groups);
        let kept = kept_before(&self.range.end, first_group, groups);
        self.step(&head, groups, size);
        Ok(Page { bytes, kept, first_group, first_record: 0, begins: true, ends: true, size, _allowance: room })
    }

    fn part(&mut self, part: Part, flow: &Flow, mut room: Allowance) -> Page {
        let Part { bytes, begin, end, groups, size, is_last } = part;
        room.shrink(size);
        self.given = end;
        let first_group = flow.first_group.map(|first| first + begin.groups as u64);
        let kept = kept_before(&self.range.end, first_group, groups);
        let begins = !self.is_told;
        self.is_told |= kept > 0;
        if is_last {
            self.step(flow.head(), end.groups, flow.head().raw_size.unwrap_or(size));
        }
        Page { bytes, kept, first_group, first_record: begin.records, begins, ends: is_last, size, _allowance: room }
    }

    /// Moves on by one page of so many groups and bytes, and decides whether the end is reached.
    fn step(&mut self, head: &PageHead, groups: usize, bytes: u64) {
        self.count = next_count(self.count, groups, bytes);
        (self.given, self.is_told) = (Given::default(), false);
        let past_end = is_behind(&head.next, &self.range.end);
        self.finished = past_end || head.next.is_at(&self.range.end);
        self.range.begin = if past_end { self.range.end.clone() } else { head.next.clone() };
    }
}

/// A wait and up to half of it more, so that functions that failed together do not come back together, and none before a quota refills.
fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(1.0 + fastrand::f64() / 2.0)
}
