//! Walks several ranges of one shard, one after the other, and goes on where one of them cannot be read any more: a replay wants what is
//! left, and one pointer to nowhere must not stand in the way of the others.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::attempts::repeated;
use super::calls::{From, Shard};
use super::cursor::Cursor;
use super::error::{ErrorClass, SlsError};
use super::reader::{Range, Read, ReadFailure, Reader};
use crate::budget::CallBudget;
use crate::deadline::Deadline;

/// The reader of several ranges.
#[derive(Debug)]
pub struct Ranges {
    shard: Shard,
    waiting: VecDeque<Range>,
    current: Option<Reader>,
    readable: Readable,
    budget: CallBudget,
    deadline: Deadline,
    requests: Arc<AtomicU64>,
}

/// What is known of the shard's retention.
#[derive(Debug)]
enum Readable {
    Unknown,
    From(Cursor),
    Nothing,
}

/// What is left of a range that could not be read on.
enum Rest {
    /// It has left the retention.
    Gone,
    /// Nothing stands there.
    Unwritten,
    /// Nobody knows.
    Unread,
}

impl Ranges {
    /// A reader at the beginning of the first range. `requests` counts every request to SLS, failed ones included.
    pub fn new(shard: Shard, ranges: Vec<Range>, budget: CallBudget, deadline: Deadline, requests: Arc<AtomicU64>) -> Self {
        Self { shard, waiting: ranges.into(), current: None, readable: Readable::Unknown, budget, deadline, requests }
    }

    /// The next page, or a part of a range that is gone; `None` at the end of the last range. Of a range in which nothing has been written
    /// yet comes nothing.
    ///
    /// # Errors
    /// When a page cannot be had for another reason than that it is gone.
    pub async fn next(&mut self) -> Result<Option<Read>, ReadFailure> {
        loop {
            let Some(reader) = &mut self.current else {
                let Some(range) = self.waiting.pop_front() else { return Ok(None) };
                if self.readable.is_gone(&range) {
                    return Ok(Some(Read::Lost(range)));
                }
                let (shard, budget, requests) = (self.shard.clone(), self.budget.clone(), self.requests.clone());
                self.current = Some(Reader::new(shard, range, budget, self.deadline, requests));
                continue;
            };
            match reader.next().await {
                Ok(Some(Read::Page(page))) => return Ok(Some(Read::Page(page))),
                Ok(Some(Read::Lost(lost))) => {
                    self.ask_what_is_readable().await;
                    return Ok(Some(Read::Lost(lost)));
                }
                Ok(None) => self.current = None,
                Err(failure) => {
                    self.current = None;
                    match self.rest(&failure) {
                        Rest::Gone => return Ok(Some(Read::Lost(Range { begin: failure.cursor, end: failure.end }))),
                        Rest::Unwritten => {}
                        Rest::Unread => return Err(failure),
                    }
                }
            }
        }
    }

    /// What a failure says about the rest of its range.
    fn rest(&mut self, failure: &ReadFailure) -> Rest {
        match &failure.error {
            SlsError::Stalled => Rest::Unwritten,
            SlsError::Refused(refusal) if refusal.is_of_shard() => {
                self.readable = Readable::Nothing;
                Rest::Gone
            }
            // The reader has asked where logs begin: a position behind that was never written.
            SlsError::Refused(refusal) if refusal.class == ErrorClass::CursorGone => match failure.cursor.number() {
                Some(_) => Rest::Unwritten,
                None => Rest::Gone,
            },
            _ => Rest::Unread,
        }
    }

    /// One question instead of two requests for each of the other ranges that are gone too.
    async fn ask_what_is_readable(&mut self) {
        if matches!(self.readable, Readable::Unknown) {
            let asked = repeated(self.deadline, &self.requests, |time| self.shard.cursor(From::Begin, time)).await;
            // Without an answer every range is asked for by itself.
            self.readable = asked.map_or(Readable::Unknown, Readable::From);
        }
    }
}

impl Readable {
    /// True if nothing of a range can be read any more.
    fn is_gone(&self, range: &Range) -> bool {
        match self {
            Self::Unknown => false,
            Self::From(oldest) => range.end.compare(oldest).is_some_and(|order| order.is_le()),
            Self::Nothing => true,
        }
    }
}
