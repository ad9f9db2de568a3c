//! Wanted records → parts of work of one shard, each log group pulled once. Pure.

use std::ops::Range;

use super::ledger::{At, Wanted};
use crate::sls::cursor::Cursor;
use crate::sls::reader;

/// How many records one part holds, except for a larger log group: what is repeated at most when the program is killed. Large enough to
/// fill requests to Langfuse.
const PART_RECORDS: usize = 500;

/// Some wanted records of one shard, and what must be pulled for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which of the places of the ledger.
    pub place: usize,
    /// The shard.
    pub shard: u32,
    /// What to pull, in order.
    pub ranges: Vec<reader::Range>,
    /// Which of the wanted records.
    pub wanted: Range<usize>,
}

/// Divides records, sorted as the ledger gives them. Neighbouring groups become one range; a group is never in two parts.
pub fn parts(wanted: &[Wanted]) -> impl Iterator<Item = Part> {
    let mut groups = groups(wanted).peekable();
    std::iter::from_fn(move || {
        let mut part = Part::of(wanted, groups.next()?);
        while let Some(group) = groups.next_if(|group| has_room(&part, wanted, group.start)) {
            part.add(wanted, group);
        }
        Some(part)
    })
}

impl Part {
    fn of(wanted: &[Wanted], group: Range<usize>) -> Self {
        let spot = &wanted[group.start].spot;
        Self { place: spot.place, shard: spot.shard, ranges: vec![range(&spot.at)], wanted: group }
    }

    fn add(&mut self, wanted: &[Wanted], group: Range<usize>) {
        let range = range(&wanted[group.start].spot.at);
        self.wanted.end = group.end;
        match self.ranges.last_mut().filter(|last| last.end.is_at(&range.begin)) {
            Some(last) => last.end = range.end,
            None => self.ranges.push(range),
        }
    }
}

/// Runs of records of one log group, or of one range.
fn groups(wanted: &[Wanted]) -> impl Iterator<Item = Range<usize>> {
    let of_group = |one: &Wanted, other: &Wanted| {
        let (one, other) = (&one.spot, &other.spot);
        (one.place, one.shard, &one.at) == (other.place, other.shard, &other.at)
    };
    let mut start = 0;
    wanted.chunk_by(of_group).map(move |run| {
        start += run.len();
        start - run.len()..start
    })
}

/// True if the group that begins at `start` may join the part. A range without group numbers stays alone: in it, records are found by
/// their spans.
fn has_room(part: &Part, wanted: &[Wanted], start: usize) -> bool {
    let (last, next) = (&wanted[part.wanted.end - 1].spot, &wanted[start].spot);
    let same_shard = (last.place, last.shard) == (next.place, next.shard);
    let numbered = matches!((&last.at, &next.at), (At::Group(_), At::Group(_)));
    same_shard && numbered && part.wanted.len() < PART_RECORDS
}

fn range(at: &At) -> reader::Range {
    match at {
        // A letter with the largest number of all is damaged, and is not read as one.
        At::Group(number) => reader::Range { begin: Cursor::from_number(*number), end: Cursor::from_number(number.saturating_add(1)) },
        At::Range(texts) => reader::Range { begin: Cursor::new(texts.0.as_str()), end: Cursor::new(texts.1.as_str()) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::ledger::{Reasons, Spot};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn wanted(shard: u32, at: At, index: u32) -> Wanted {
        Wanted { spot: Spot { place: 0, shard, at, index }, span_id: None, reasons: Reasons::default(), received: None }
    }

    fn numbers(part: &Part) -> Vec<(u64, u64)> {
        part.ranges.iter().map(|range| (range.begin.number().unwrap(), range.end.number().unwrap())).collect()
    }

    #[test]
    fn neighbouring_groups_are_pulled_together_and_shards_apart() {
        let records: Vec<_> = [(0, 5, 0), (0, 5, 1), (0, 6, 0), (0, 9, 0), (1, 9, 0)]
            .map(|(shard, group, index)| wanted(shard, At::Group(group), index))
            .into();
        let parts: Vec<_> = parts(&records).collect();
        assert_eq!(parts.iter().map(numbers).collect::<Vec<_>>(), [vec![(5, 7), (9, 10)], vec![(9, 10)]]);
        assert_eq!(parts.iter().map(|part| part.wanted.clone()).collect::<Vec<_>>(), [0..4, 4..5]);
    }

    #[test]
    fn a_part_ends_at_its_size_but_never_inside_a_group() {
        let group = |number: u64, size: u32| (0..size).map(move |index| wanted(0, At::Group(number), index));
        let records: Vec<_> = group(1, 499).chain(group(2, 700)).chain(group(3, 1)).collect();
        assert_eq!(parts(&records).map(|part| part.wanted.len()).collect::<Vec<_>>(), [1199, 1]);
    }

    #[test]
    fn a_range_whose_groups_have_no_numbers_stays_alone() {
        let range = |begin: &str| At::Range(Box::new((begin.to_owned(), "end".to_owned())));
        let records = [wanted(0, At::Group(1), 0), wanted(0, range("a"), 0), wanted(0, range("a"), 1), wanted(0, range("b"), 0)];
        let parts: Vec<_> = parts(&records).collect();
        assert_eq!(parts.iter().map(|part| part.wanted.clone()).collect::<Vec<_>>(), [0..1, 1..3, 3..4]);
        assert_eq!((parts[1].ranges[0].begin.text(), parts[1].ranges[0].end.text()), ("a", "end"));
    }

    proptest! {
        #[test]
        fn every_record_is_in_one_part_and_every_group_in_one_range(
            positions in proptest::collection::btree_set((0u32..3, 0u64..400, 0u32..6), 0..1500)
        ) {
            let records: Vec<_> = positions.iter().map(|(shard, group, index)| wanted(*shard, At::Group(*group), *index)).collect();
            let parts: Vec<_> = parts(&records).collect();
            prop_assert_eq!(parts.iter().flat_map(|part| part.wanted.clone()).collect::<Vec<_>>(), (0..records.len()).collect::<Vec<_>>());
            let mut pulled = Vec::new();
            for part in &parts {
                prop_assert!(part.wanted.len() < PART_RECORDS + 6 && records[part.wanted.clone()].iter().all(|one| one.spot.shard == part.shard));
                pulled.extend(numbers(part).into_iter().flat_map(|(begin, end)| begin..end).map(|group| (part.shard, group)));
            }
            let groups: BTreeSet<_> = positions.iter().map(|(shard, group, _)| (*shard, *group)).collect();
            prop_assert_eq!(pulled, groups.into_iter().collect::<Vec<_>>());
        }
    }
}
