//! What a warm instance remembers of ranges that failed: where to go on. Bounded; correctness never depends on it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::delivery::memory::RangeKey;
use crate::progress::{Mark, Saved};
use crate::sls::cursor::Cursor;
use crate::sls::reader::Range;

/// How many ranges are remembered: more than shards that one instance serves between two successes. Each takes some hundred bytes.
const MAX_RANGES: usize = 256;

/// The memory of one process.
#[derive(Debug, Default)]
pub struct Resumes(Mutex<VecDeque<(RangeKey, Saved)>>);

/// Where an attempt begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// Behind everything that is settled.
    Settled,
    /// At the last page of which something was delivered, which goes out once more.
    Proof,
}

impl Resumes {
    /// What earlier attempts have left.
    pub fn of(&self, key: &RangeKey) -> Saved {
        self.locked().iter().find(|(known, _)| known == key).map(|(_, saved)| saved.clone()).unwrap_or_default()
    }

    /// Keeps what an attempt has left, if it came further than the ones before.
    pub fn keep(&self, key: &RangeKey, saved: &Saved) {
        let mut ranges = self.locked();
        if let Some((_, known)) = ranges.iter_mut().find(|(known, _)| known == key) {
            if saved.settled.group >= known.settled.group {
                *known = saved.clone();
            }
            return;
        }
        if saved.settled.group.is_some() {
            ranges.push_back((key.clone(), saved.clone()));
        }
        if ranges.len() > MAX_RANGES {
            ranges.pop_front();
        }
    }

    /// Forgets a range: it is done.
    pub fn forget(&self, key: &RangeKey) {
        self.locked().retain(|(known, _)| known != key);
    }

    fn locked(&self) -> MutexGuard<'_, VecDeque<(RangeKey, Saved)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where in `range` an attempt begins that finds `saved`: never outside of it, since a range may come back with another end.
pub fn start(range: &Range, saved: &Saved, from: From) -> (Mark, Cursor) {
    let mark = match from {
        From::Settled => &saved.settled,
        From::Proof => &saved.proof,
    };
    let inside =
        |cursor: &Cursor| cursor.number() >= range.begin.number() && range.end.number().is_some_and(|end| cursor.number() <= Some(end));
    match mark.cursor().filter(inside) {
        Some(cursor) => (mark.clone(), cursor),
        None => (Mark::default(), range.begin.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(begin: &str) -> RangeKey {
        RangeKey { project: "p".into(), logstore: "l".into(), shard: 0, begin: begin.into(), job: String::new() }
    }

    fn saved(settled: u64, proof: u64) -> Saved {
        let mark = |group| Mark { group: Some(group), ..Mark::default() };
        Saved { settled: mark(settled), proof: mark(proof) }
    }

    #[test]
    fn a_range_is_known_until_it_is_done_and_never_goes_back() {
        let resumes = Resumes::default();
        resumes.keep(&key("a"), &Saved::default());
        assert!(resumes.locked().is_empty());
        resumes.keep(&key("a"), &saved(7, 5));
        resumes.keep(&key("a"), &saved(6, 6));
        assert_eq!((resumes.of(&key("a")), resumes.of(&key("b"))), (saved(7, 5), Saved::default()));
        resumes.keep(&key("a"), &saved(9, 8));
        assert_eq!(resumes.of(&key("a")), saved(9, 8));
        resumes.forget(&key("a"));
        assert_eq!(resumes.of(&key("a")), Saved::default());
    }

    #[test]
    fn the_oldest_range_makes_room() {
        let resumes = Resumes::default();
        (0..=MAX_RANGES).for_each(|index| resumes.keep(&key(&index.to_string()), &saved(7, 5)));
        assert_eq!(resumes.locked().len(), MAX_RANGES);
        assert_eq!((resumes.of(&key("0")), resumes.of(&key("1"))), (Saved::default(), saved(7, 5)));
    }

    #[test]
    fn an_attempt_begins_inside_its_range() {
        let range = |begin, end| Range { begin: Cursor::from_number(begin), end: Cursor::from_number(end) };
        let at = |range: &Range, from| start(range, &saved(7, 5), from).1.number();
        assert_eq!(at(&range(3, 9), From::Settled), Some(7));
        assert_eq!(at(&range(3, 9), From::Proof), Some(5));
        assert_eq!(at(&range(3, 7), From::Settled), Some(7));
        assert_eq!(at(&range(3, 6), From::Settled), Some(3));
        assert_eq!(start(&range(3, 6), &saved(7, 5), From::Settled).0, Mark::default());
        assert_eq!(start(&range(3, 6), &Saved::default(), From::Settled).1.number(), Some(3));
    }
}
