//! One shard: log groups in the order of arrival, and the cursor numbers that stand for them (`reference/sls.md` §3, §6).
//!
//! Positions are indexes from 0 since the shard was made; the cursor number is `seed + index`. Knows nothing of HTTP.

use std::ops::Range;

use bytes::Bytes;
use prost::Message;

use crate::sls::wire::LogGroup;

/// Protobuf key of `LogGroupList.LogGroups`: field 1, length-delimited.
const LIST_ENTRY: u8 = 0x0a;

/// How a shard is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardSpec {
    /// Shard id; ids need not be dense.
    pub id: u32,
    /// Cursor number of the first log group, so that the cursors of a recorded event work.
    pub seed: u64,
}

/// The MD5 keys a shard takes: left-closed, right-open, the last shard up to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyRange {
    pub(super) begin: u128,
    pub(super) end: u128,
}

impl KeyRange {
    /// Part `index` of `count` equal parts of all keys.
    pub(super) fn part(index: usize, count: usize) -> Self {
        let edge = |part: usize| if part == count { u128::MAX } else { u128::MAX / count as u128 * part as u128 };
        Self { begin: edge(index), end: edge(index + 1) }
    }

    pub(super) fn contains(&self, key: u128) -> bool {
        key >= self.begin && (key < self.end || self.end == u128::MAX)
    }

    /// Both halves, for a split.
    pub(super) fn halves(&self) -> [Self; 2] {
        let middle = self.begin + (self.end - self.begin) / 2;
        [Self { begin: self.begin, end: middle }, Self { begin: middle, end: self.end }]
    }
}

/// A log group as it lies in the shard: one entry of a `LogGroupList`, tag and length in front.
#[derive(Debug)]
struct Stored {
    framed: Bytes,
    receive_time: u32,
}

#[derive(Debug)]
pub(super) struct Shard {
    pub(super) seed: u64,
    pub(super) keys: KeyRange,
    pub(super) read_only: bool,
    pub(super) create_time: u32,
    first: usize,
    groups: Vec<Stored>,
}

/// How much one page may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimits {
    /// Log groups in a page, besides what the request's `count` allows.
    pub max_groups: usize,
    /// Soft target in bytes before compression: the group that reaches it is still in the page (`reference/sls.md` §2, "Page size").
    pub max_bytes: usize,
}

impl Default for PageLimits {
    /// 1000 groups, the most a request may ask for, and 4 MiB, what consumers take for a full page (`reference/sls.md` §2).
    fn default() -> Self {
        Self { max_groups: 1000, max_bytes: 4 << 20 }
    }
}

impl Shard {
    pub(super) fn new(seed: u64, keys: KeyRange, create_time: u32) -> Self {
        Self { seed, keys, read_only: false, create_time, first: 0, groups: Vec::new() }
    }

    /// Appends a group and returns its index.
    pub(super) fn push(&mut self, group: &LogGroup, receive_time: u32) -> usize {
        self.push_encoded(&group.encode_to_vec(), receive_time)
    }

    /// The same for a group that is encoded already.
    pub(super) fn push_encoded(&mut self, group: &[u8], receive_time: u32) -> usize {
        let mut framed = vec![LIST_ENTRY];
        prost::encoding::encode_varint(group.len() as u64, &mut framed);
        framed.extend(group);
        self.groups.push(Stored { framed: framed.into(), receive_time });
        self.groups.len() - 1
    }

    pub(super) fn number(&self, index: usize) -> u64 {
        self.seed.saturating_add(index as u64)
    }

    pub(super) fn first(&self) -> usize {
        self.first
    }

    /// The index of the next group to be written.
    pub(super) fn end(&self) -> usize {
        self.groups.len()
    }

    /// The index a cursor number stands for, if it lies in `[first, end]`.
    pub(super) fn index(&self, number: u64) -> Option<usize> {
        let index = usize::try_from(number.checked_sub(self.seed)?).ok()?;
        (self.first..=self.end()).contains(&index).then_some(index)
    }

    /// Makes `index` the first readable group, as retention does.
    pub(super) fn expire_before(&mut self, index: usize) {
        self.first = index.clamp(self.first, self.end());
    }

    /// Server time of a group in seconds; none at the end.
    pub(super) fn receive_time(&self, index: usize) -> Option<u32> {
        self.groups.get(index).map(|stored| stored.receive_time)
    }

    /// The first readable group received at or after `time` (`reference/sls.md` §3, "GetCursor semantics").
    pub(super) fn received_since(&self, time: u64) -> usize {
        (self.first..self.end()).find(|index| u64::from(self.groups[*index].receive_time) >= time).unwrap_or(self.end())
    }

    /// The groups of the next page of a window: whole ones, at least one while there is any.
    pub(super) fn page(&self, window: Range<usize>, limits: PageLimits) -> Range<usize> {
        let stop = window.end.min(window.start.saturating_add(limits.max_groups.max(1))).min(self.end());
        let mut bytes = 0;
        let mut end = window.start;
        while end < stop && (end == window.start || bytes < limits.max_bytes) {
            bytes += self.groups[end].framed.len();
            end += 1;
        }
        window.start..end
    }

    /// The `LogGroupList` of these groups.
    pub(super) fn body(&self, groups: Range<usize>) -> Vec<u8> {
        let entries: Vec<&[u8]> = self.groups.get(groups).unwrap_or_default().iter().map(|stored| &stored.framed[..]).collect();
        entries.concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sls::wire::{Log, LogGroupList};

    fn group(time: u32) -> LogGroup {
        LogGroup { logs: vec![Log { time, contents: vec![], time_ns: None }], ..Default::default() }
    }

    fn shard(groups: u32) -> Shard {
        let mut shard = Shard::new(100, KeyRange::part(0, 1), 1);
        (0..groups).for_each(|n| {
            shard.push(&group(n), 10 * n);
        });
        shard
    }

    #[test]
    fn a_body_decodes_to_the_groups_of_its_range() {
        let body = shard(5).body(1..3);
        assert_eq!(LogGroupList::decode(&body[..]).unwrap().log_groups, [group(1), group(2)]);
    }

    #[test]
    fn a_page_ends_with_the_group_that_reaches_the_byte_target() {
        let shard = shard(5);
        let size = shard.body(0..1).len();
        let limits = |max_groups, max_bytes| PageLimits { max_groups, max_bytes };
        for (limits, end) in [
            (limits(9, usize::MAX), 5),
            (limits(2, usize::MAX), 2),
            (limits(9, 2 * size), 2),
            (limits(9, 2 * size + 1), 3),
            (limits(9, 0), 1),
            (limits(0, 0), 1),
        ] {
            assert_eq!(shard.page(0..5, limits), 0..end, "{limits:?}");
        }
        assert_eq!(shard.page(2..2, PageLimits::default()), 2..2);
    }

    #[test]
    fn cursor_numbers_outside_what_is_kept_have_no_index() {
        let mut shard = shard(3);
        assert_eq!([99, 100, 103, 104].map(|number| shard.index(number)), [None, Some(0), Some(3), None]);
        shard.expire_before(2);
        assert_eq!([101, 102].map(|number| shard.index(number)), [None, Some(2)]);
        shard.expire_before(9);
        assert_eq!((shard.first(), shard.end()), (3, 3));
    }

    #[test]
    fn a_time_finds_the_first_group_received_at_or_after_it() {
        let mut shard = shard(3);
        assert_eq!([0, 1, 10, 11, 20, 21].map(|time| shard.received_since(time)), [0, 1, 1, 2, 2, 3]);
        shard.expire_before(2);
        assert_eq!(shard.received_since(0), 2);
    }

    #[test]
    fn key_ranges_cover_every_key_once() {
        let parts: Vec<_> = (0..3).map(|index| KeyRange::part(index, 3)).collect();
        let split = parts[2].halves();
        for key in [0, 1, u128::MAX / 3 - 1, u128::MAX / 3, u128::MAX / 2, u128::MAX - 1, u128::MAX] {
            assert_eq!(parts[..2].iter().chain(&split).filter(|range| range.contains(key)).count(), 1, "{key:x}");
        }
    }
}
