//! Which spans of a range that failed a destination has already accepted, so that the next attempt does not send them again: version 4 of
//! Langfuse counts a repeated span twice until its database merges (`design.md` decision 6).
//!
//! A convenience of a warm instance, bounded; correctness never depends on it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::trace::SpanId;

/// How many span ids are remembered for all ranges and destinations together: two to four megabytes.
const MAX_SPANS: usize = 100_000;

/// An accepted observation, and the number of the log group that its record stands in, where it is known.
pub type AcceptedSpan = (SpanId, Option<u64>);

/// A range by where it begins; its end may lie further on the next time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RangeKey {
    /// Project.
    pub project: String,
    /// Logstore.
    pub logstore: String,
    /// Number of the shard.
    pub shard: u32,
    /// Begin cursor, as text.
    pub begin: String,
    /// The trigger's job and its parameters, which decide what of the range is delivered.
    pub job: String,
}

/// The memory of one destination.
#[derive(Debug)]
pub struct AcceptedSpans {
    ranges: Mutex<Ranges>,
    limit: usize,
}

#[derive(Debug, Default)]
struct Ranges {
    spans: HashMap<RangeKey, HashMap<SpanId, Option<u64>>>,
    /// Oldest first.
    order: VecDeque<RangeKey>,
    held: usize,
}

impl AcceptedSpans {
    /// The memory of one of so many destinations, which have the room between them.
    pub fn among(destinations: usize) -> Self {
        Self { ranges: Mutex::default(), limit: MAX_SPANS / destinations.max(1) }
    }

    /// Adds spans of a range. Where there is no room, the oldest ranges are forgotten first, and then nothing more is added.
    pub fn remember(&self, range: &RangeKey, spans: Vec<AcceptedSpan>) {
        let mut ranges = self.locked();
        while ranges.held + spans.len() > self.limit && ranges.order.front().is_some_and(|oldest| oldest != range) {
            let oldest = ranges.order.front().cloned();
            oldest.iter().for_each(|oldest| ranges.forget(oldest));
        }
        if ranges.held + spans.len() > self.limit {
            return;
        }
        if !ranges.spans.contains_key(range) {
            ranges.order.push_back(range.clone());
        }
        let known = ranges.spans.entry(range.clone()).or_default();
        let before = known.len();
        known.extend(spans);
        let added = known.len() - before;
        ranges.held += added;
    }

    /// The spans of a range that were accepted before.
    pub fn of(&self, range: &RangeKey) -> HashSet<SpanId> {
        self.locked().spans.get(range).map(|spans| spans.keys().copied().collect()).unwrap_or_default()
    }

    /// Forgets the spans of a range from log groups before this one: the next attempt begins behind them.
    pub fn forget_before(&self, range: &RangeKey, group: u64) {
        let ranges = &mut *self.locked();
        if let Some(spans) = ranges.spans.get_mut(range) {
            let before = spans.len();
            spans.retain(|_, own| own.is_none_or(|own| own >= group));
            ranges.held -= before - spans.len();
        }
    }

    /// Forgets a range: it is done.
    pub fn forget(&self, range: &RangeKey) {
        self.locked().forget(range);
    }

    fn locked(&self) -> MutexGuard<'_, Ranges> {
        self.ranges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ranges {
    fn forget(&mut self, range: &RangeKey) {
        if let Some(spans) = self.spans.remove(range) {
            self.held -= spans.len();
            self.order.retain(|other| other != range);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(begin: &str) -> RangeKey {
        RangeKey { project: "p".into(), logstore: "l".into(), shard: 0, begin: begin.into(), job: String::new() }
    }

    /// Spans, each of the group of its own number.
    fn spans(ids: std::ops::Range<u8>) -> Vec<AcceptedSpan> {
        ids.map(|id| (SpanId([id; 8]), Some(u64::from(id)))).collect()
    }

    fn ids(ids: std::ops::Range<u8>) -> HashSet<SpanId> {
        ids.map(|id| SpanId([id; 8])).collect()
    }

    #[test]
    fn a_range_is_known_until_it_is_done() {
        let memory = AcceptedSpans::among(1);
        memory.remember(&range("a"), spans(1..3));
        memory.remember(&range("a"), spans(2..4));
        assert_eq!(memory.of(&range("a")), ids(1..4));
        assert!(memory.of(&range("b")).is_empty());
        memory.forget(&range("a"));
        assert!(memory.of(&range("a")).is_empty());
    }

    #[test]
    fn what_lies_before_the_next_attempt_makes_room() {
        let memory = AcceptedSpans::among(MAX_SPANS / 4);
        memory.remember(&range("a"), spans(1..5));
        memory.remember(&range("a"), spans(5..6));
        memory.forget_before(&range("a"), 3);
        assert_eq!(memory.of(&range("a")), ids(3..5));
        memory.remember(&range("a"), vec![(SpanId([9; 8]), None), (SpanId([8; 8]), Some(8))]);
        memory.forget_before(&range("a"), 100);
        assert_eq!(memory.of(&range("a")), ids(9..10));
        memory.forget_before(&range("b"), 100);
    }

    #[test]
    fn the_oldest_range_makes_room_and_one_range_never_grows_beyond_the_limit() {
        let memory = AcceptedSpans::among(MAX_SPANS / 4);
        memory.remember(&range("a"), spans(1..4));
        memory.remember(&range("b"), spans(1..3));
        assert!(memory.of(&range("a")).is_empty());
        memory.remember(&range("b"), spans(3..9));
        assert_eq!(memory.of(&range("b")).len(), 2);
        memory.remember(&range("b"), spans(3..5));
        assert_eq!(memory.of(&range("b")).len(), 4);
    }
}
