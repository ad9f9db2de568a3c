//! What reading a range of a shard comes upon: pages, parts that are gone, and what stands in the way. Plain data.

use bytes::Bytes;

use super::cursor::Cursor;
use super::decode::{self, GroupView};
use super::error::SlsError;
use crate::budget::Allowance;

/// Half-open range of one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// First position to read.
    pub begin: Cursor,
    /// First position not to read.
    pub end: Cursor,
}

/// One page of decoded log groups, or a part of one. Holding it holds its share of the memory budget.
#[derive(Debug)]
pub struct Page {
    pub(super) bytes: Bytes,
    /// How many of its groups belong to the range.
    pub(super) kept: usize,
    pub(super) first_group: Option<u64>,
    pub(super) first_record: u32,
    pub(super) begins: bool,
    pub(super) ends: bool,
    pub(super) size: u64,
    pub(super) _allowance: Allowance,
}

impl Page {
    /// The groups that belong to the range, each with its number where the service tells it.
    pub fn groups(&self) -> impl Iterator<Item = (Option<u64>, GroupView<'_>)> {
        let numbered = decode::groups(&self.bytes).filter_map(Result::ok).take(self.kept).enumerate();
        numbered.map(|(index, group)| (self.first_group.map(|first| first + index as u64), group))
    }

    /// The index in its group of the first record: other than 0 where an earlier part of the page ended inside of that group.
    pub fn first_record(&self) -> u32 {
        self.first_record
    }

    /// True if no other part of the page came before, so that its first group begins in it.
    pub fn begins(&self) -> bool {
        self.begins
    }

    /// True if no other part of the page follows, so that its last group ends in it.
    pub fn ends(&self) -> bool {
        self.ends
    }

    /// The numbers of its groups, where the service tells them.
    pub fn numbers(&self) -> Option<std::ops::Range<u64>> {
        self.first_group.map(|first| first..first + self.kept as u64)
    }

    /// Decoded bytes.
    pub fn size(&self) -> u64 {
        self.size
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
