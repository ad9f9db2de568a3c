//! How far a call has settled its range, so that the next attempt of the same range can begin there. Pure.
//!
//! A range that takes longer than one time-out would never end if every attempt began at its beginning. What is kept is a position before
//! which every record has had its one end, with the counts of those records, so that the report of the attempt that ends the range speaks
//! of all of it. A convenience of a warm instance (`design.md` decision 6): a cold one starts over.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::delivery::DeadLetterReason;
use crate::feed::Piece;
use crate::origin::Settled;
use crate::report::SkipReason;
use crate::sls::cursor::Cursor;

/// Records that have had their end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// All of them.
    pub lines: u64,
    /// Delivered ones.
    pub shipped: u64,
    /// Skipped ones, by reason.
    pub skipped: BTreeMap<SkipReason, u64>,
    /// Dead letters, by reason.
    pub dead_lettered: BTreeMap<DeadLetterReason, u64>,
}

/// A position in a shard, and what became of the records of the range before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Number of the first log group behind it; `None` at the beginning of the range.
    pub group: Option<u64>,
    /// The records before it.
    pub counts: Counts,
}

/// Where the next attempt may begin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// Everything before it is settled.
    pub settled: Mark,
    /// The last page before that of which something was delivered: an attempt that may give records up begins there, because the rule wants
    /// the destination to accept something in that very call (`design.md` decision 5).
    pub proof: Mark,
}

/// The pages of one call, and how far they are settled.
#[derive(Debug, Default)]
pub struct Progress {
    pages: VecDeque<PageCounts>,
    reached: Saved,
    saved: Saved,
    unnumbered: bool,
}

#[derive(Debug)]
struct PageCounts {
    groups: Range<u64>,
    /// How many of its records have been begun.
    lines: u64,
    /// No other part of it follows.
    ends: bool,
    /// All of its records have been begun.
    is_whole: bool,
    counts: Counts,
}

impl Counts {
    fn count(&mut self, how: Settled) {
        self.lines += 1;
        match how {
            Settled::Delivered => self.shipped += 1,
            Settled::Skipped(reason) => *self.skipped.entry(reason).or_default() += 1,
            Settled::DeadLetter(reason) => *self.dead_lettered.entry(reason).or_default() += 1,
        }
    }

    fn add(&mut self, other: Self) {
        self.lines += other.lines;
        self.shipped += other.shipped;
        other.skipped.into_iter().for_each(|(reason, count)| *self.skipped.entry(reason).or_default() += count);
        other.dead_lettered.into_iter().for_each(|(reason, count)| *self.dead_lettered.entry(reason).or_default() += count);
    }
}

impl Mark {
    /// The position as a cursor; `None` at the beginning of the range.
    pub fn cursor(&self) -> Option<Cursor> {
        self.group.map(Cursor::from_number)
    }
}

impl Progress {
    /// The progress of an attempt that begins at `start`, after an earlier one that left `saved`.
    pub fn from(start: Mark, saved: &Saved) -> Self {
        let proof = if saved.proof.group <= start.group { saved.proof.clone() } else { Mark::default() };
        let reached = Saved { settled: start, proof };
        Self { saved: reached.clone(), reached, ..Self::default() }
    }

    /// A page has been read and is about to be converted.
    pub fn read(&mut self, piece: &Piece) {
        let Piece::Page(page) = piece else { return };
        match page.numbers() {
            Some(groups) => self.begin(groups, page.begins(), page.ends()),
            None => self.unnumbered = true,
        }
    }

    /// A page that comes in parts is one page: a group may lie in several of them, and is settled when all of it is.
    fn begin(&mut self, groups: Range<u64>, begins: bool, ends: bool) {
        match self.pages.back_mut().filter(|page| !begins && !page.ends) {
            // A part of which nothing belongs to the range lies behind its end.
            Some(page) if groups.is_empty() => page.ends = ends,
            Some(page) => (page.groups.end, page.ends) = (page.groups.end.max(groups.end), ends),
            None => self.pages.push_back(PageCounts { groups, lines: 0, ends, is_whole: false, counts: Counts::default() }),
        }
    }

    /// The page, or part of one, that was read last had so many records.
    pub fn converted(&mut self, lines: u64) {
        if let Some(page) = self.pages.back_mut() {
            page.lines += lines;
            page.is_whole = page.ends;
        }
    }

    /// A record of this log group has had its end.
    pub fn settled(&mut self, group: Option<u64>, how: Settled) {
        let Some(group) = group else { return };
        let index = self.pages.partition_point(|page| page.groups.end <= group);
        if let Some(page) = self.pages.get_mut(index).filter(|page| page.groups.contains(&group)) {
            page.counts.count(how);
        }
    }

    /// Nothing about the records that are settled so far is only in memory: the next attempt may rely on it. Returns the first log group
    /// that it would read.
    pub fn checkpoint(&mut self) -> Option<u64> {
        while self.pages.front().is_some_and(|page| !self.unnumbered && page.is_whole && page.lines == page.counts.lines) {
            let Some(page) = self.pages.pop_front() else { break };
            let settled = &mut self.reached.settled;
            if page.counts.shipped > 0 {
                self.reached.proof = Mark { group: Some(page.groups.start), counts: settled.counts.clone() };
            }
            settled.group = Some(page.groups.end);
            settled.counts.add(page.counts);
        }
        self.saved = self.reached.clone();
        self.saved.settled.group
    }

    /// What the last checkpoint made sure of.
    pub fn saved(&self) -> &Saved {
        &self.saved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELIVERED: Settled = Settled::Delivered;
    const SKIPPED: Settled = Settled::Skipped(SkipReason::SampledOut);

    /// A page of groups with one record each.
    fn page(progress: &mut Progress, groups: Range<u64>) {
        let lines = groups.end - groups.start;
        progress.begin(groups, true, true);
        progress.converted(lines);
    }

    fn settle(progress: &mut Progress, groups: Range<u64>, how: Settled) {
        groups.for_each(|group| progress.settled(Some(group), how));
    }

    fn counts(shipped: u64, sampled_out: u64) -> Counts {
        let skipped = if sampled_out > 0 { [(SkipReason::SampledOut, sampled_out)].into() } else { BTreeMap::new() };
        Counts { lines: shipped + sampled_out, shipped, skipped, ..Counts::default() }
    }

    #[test]
    fn the_mark_moves_over_whole_pages_in_order_whatever_the_order_of_their_ends() {
        let mut progress = Progress::default();
        page(&mut progress, 10..12);
        page(&mut progress, 12..14);
        settle(&mut progress, 12..14, DELIVERED);
        settle(&mut progress, 10..11, DELIVERED);
        assert_eq!((progress.checkpoint(), progress.saved()), (None, &Saved::default()));
        settle(&mut progress, 11..12, SKIPPED);
        assert_eq!(progress.saved().settled.group, None, "nothing counts before a checkpoint");
        assert_eq!(progress.checkpoint(), Some(14));
        let proof = Mark { group: Some(12), counts: counts(1, 1) };
        assert_eq!(progress.saved(), &Saved { settled: Mark { group: Some(14), counts: counts(3, 1) }, proof });
    }

    #[test]
    fn a_page_that_is_still_being_converted_is_not_settled() {
        let mut progress = Progress::default();
        progress.begin(10..12, true, true);
        settle(&mut progress, 10..12, DELIVERED);
        assert_eq!(progress.checkpoint(), None);
        progress.converted(3);
        assert_eq!(progress.checkpoint(), None);
        progress.settled(Some(11), DELIVERED);
        assert_eq!(progress.checkpoint(), Some(12));
    }

    #[test]
    fn a_page_in_parts_is_settled_when_all_of_it_is() {
        let mut progress = Progress::default();
        let mut part = |groups: Range<u64>, [begins, ends]: [bool; 2], settled: &[u64]| {
            progress.begin(groups, begins, ends);
            settled.iter().for_each(|group| progress.settled(Some(*group), DELIVERED));
            progress.checkpoint();
            progress.converted(settled.len() as u64);
            progress.checkpoint()
        };
        assert_eq!(part(10..12, [true, false], &[10, 11, 11]), None);
        assert_eq!(part(11..12, [false, false], &[11]), None);
        assert_eq!(part(11..14, [false, true], &[11, 12, 13]), Some(14));
        assert_eq!(part(14..15, [true, true], &[14]), Some(15));
        assert_eq!(progress.saved().settled.counts, counts(8, 0));
        assert_eq!(progress.saved().proof, Mark { group: Some(14), counts: counts(7, 0) });
    }

    #[test]
    fn the_mark_does_not_pass_the_end_of_the_range_with_parts_that_lie_behind_it() {
        let mut progress = Progress::default();
        progress.begin(10..12, true, false);
        progress.converted(2);
        settle(&mut progress, 10..12, DELIVERED);
        progress.begin(15..15, false, true);
        progress.converted(0);
        assert_eq!(progress.checkpoint(), Some(12));
    }

    #[test]
    fn the_proof_stays_behind_pages_of_which_nothing_was_delivered() {
        let mut progress = Progress::default();
        page(&mut progress, 10..11);
        page(&mut progress, 11..12);
        settle(&mut progress, 10..11, DELIVERED);
        settle(&mut progress, 11..12, SKIPPED);
        progress.checkpoint();
        assert_eq!(progress.saved().proof, Mark { group: Some(10), counts: Counts::default() });
        assert_eq!(progress.saved().settled, Mark { group: Some(12), counts: counts(1, 1) });
    }

    #[test]
    fn the_next_attempt_goes_on_counting_where_it_begins() {
        let before =
            Saved { settled: Mark { group: Some(12), counts: counts(2, 0) }, proof: Mark { group: Some(11), counts: counts(1, 0) } };
        let mut progress = Progress::from(before.settled.clone(), &before);
        assert_eq!(progress.saved(), &before);
        page(&mut progress, 12..13);
        settle(&mut progress, 12..13, SKIPPED);
        progress.checkpoint();
        assert_eq!(progress.saved(), &Saved { settled: Mark { group: Some(13), counts: counts(2, 1) }, proof: before.proof.clone() });
        assert_eq!(Progress::from(Mark::default(), &before).saved(), &Saved::default());
    }

    #[test]
    fn without_numbers_there_is_no_mark() {
        let mut progress = Progress::default();
        page(&mut progress, 10..11);
        progress.unnumbered = true;
        settle(&mut progress, 10..11, DELIVERED);
        progress.settled(None, DELIVERED);
        assert_eq!(progress.checkpoint(), None);
    }
}
