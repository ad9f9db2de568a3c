//! The wanted records of one part, as the source of a call's records: which of the pulled ones are meant, and what became of each. Pure.

use std::collections::HashMap;

use super::ledger::{At, Spot, Wanted};
use crate::dead_letter::Pointer;
use crate::invocation::LogPlace;
use crate::origin::{Origin, Position, Settled};
use crate::sls::LogRecord;
use crate::sls::cursor::Cursor;
use crate::sls::reader::Range;
use crate::trace::ids;

/// What became of a wanted record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// Delivered, or passed over on purpose.
    Done,
    /// It cannot be delivered today either.
    Again,
    /// It has left the retention of the Logstore.
    Expired,
    /// What stands there is another record, or nothing.
    Mismatched,
    /// Nobody knows yet: the work failed before.
    Undone,
}

/// Records that were taken at one position, and how many of them have no end yet.
#[derive(Debug, Default)]
struct Taken {
    wanted: Vec<usize>,
    open: u32,
    again: bool,
}

/// The wanted records of one part.
#[derive(Debug)]
pub struct Selection<'w> {
    place: &'w LogPlace,
    wanted: &'w [Wanted],
    ends: Vec<Option<End>>,
    taken: HashMap<(Option<u64>, u32), Taken>,
}

impl<'w> Selection<'w> {
    /// A selection of which nothing has been seen yet. `wanted`: sorted, of one shard, as the plan gives them.
    pub fn new(place: &'w LogPlace, wanted: &'w [Wanted]) -> Self {
        Self { place, wanted, ends: vec![None; wanted.len()], taken: HashMap::new() }
    }

    /// What became of each. `complete`: everything was pulled, so that what was not seen is not there.
    pub fn ends(mut self, complete: bool) -> Vec<End> {
        for taken in self.taken.into_values() {
            let end = match (taken.again, taken.open) {
                (true, _) => End::Again,
                (false, 0) => End::Done,
                (false, _) => End::Undone,
            };
            taken.wanted.iter().for_each(|at| self.ends[*at] = Some(end));
        }
        let unseen = if complete { End::Mismatched } else { End::Undone };
        self.ends.into_iter().map(|end| end.unwrap_or(unseen)).collect()
    }

    /// The wanted records that may stand at a position.
    fn candidates(&self, position: Position) -> Vec<usize> {
        let numbered = position.group.map(|group| (At::Group(group), position.index));
        let by_range = |wanted: &Wanted| matches!(wanted.spot.at, At::Range(_)) && wanted.spot.index == position.index;
        // A part is either of numbered groups, in order, or of one range.
        match (numbered, self.wanted.first().map(|wanted| &wanted.spot.at)) {
            (Some((at, index)), Some(At::Group(_))) => {
                let key = |wanted: &Wanted| (&wanted.spot.at, wanted.spot.index).cmp(&(&at, index));
                let first = self.wanted.partition_point(|wanted| key(wanted).is_lt());
                (first..self.wanted.len()).take_while(|index| key(&self.wanted[*index]).is_eq()).collect()
            }
            (_, Some(At::Range(_))) => (0..self.wanted.len()).filter(|index| by_range(&self.wanted[*index])).collect(),
            _ => Vec::new(),
        }
    }

    fn spot(&self, position: Position) -> Option<&Spot> {
        self.candidates(position).first().map(|index| &self.wanted[*index].spot)
    }
}

impl Origin for Selection<'_> {
    fn pointer(&self, position: Position) -> Pointer {
        let spot = self.spot(position);
        let (cursor, end_cursor) = match spot.map(|spot| &spot.at) {
            Some(At::Range(range)) => (range.0.clone(), Some(range.1.clone())),
            _ => (Cursor::from_number(position.group.unwrap_or_default()).text().to_owned(), None),
        };
        let LogPlace { project, logstore } = self.place.clone();
        let shard = spot.map_or(0, |spot| spot.shard);
        Pointer::Log { project, logstore, shard, cursor, end_cursor, index: position.index, receive_time: position.received }
    }

    /// A record is meant if it is the one that the letter named, or if the letter could not name one.
    fn wants(&mut self, position: Position, record: Option<&LogRecord<'_>>) -> bool {
        let candidates = self.candidates(position);
        if candidates.is_empty() {
            return false;
        }
        let span_id = record.map(ids::span_id_of);
        let meant = |at: &usize| self.wanted[*at].span_id.is_none_or(|expected| span_id == Some(expected));
        let (wanted, others): (Vec<_>, Vec<_>) = candidates.into_iter().partition(meant);
        // In a range without numbers the record may come in another group.
        for at in others.into_iter().filter(|at| matches!(self.wanted[*at].spot.at, At::Group(_))) {
            self.ends[at] = Some(End::Mismatched);
        }
        if wanted.is_empty() {
            return false;
        }
        let taken = self.taken.entry((position.group, position.index)).or_default();
        taken.open += 1;
        taken.wanted.extend(wanted);
        true
    }

    fn settled(&mut self, position: Position, how: Settled) {
        if let Some(taken) = self.taken.get_mut(&(position.group, position.index)) {
            taken.open = taken.open.saturating_sub(1);
            taken.again |= matches!(how, Settled::DeadLetter(_));
        }
    }

    fn lost(&mut self, range: &Range) {
        let groups = range.begin.number().zip(range.end.number());
        for (wanted, end) in self.wanted.iter().zip(&mut self.ends) {
            let gone = match (&wanted.spot.at, groups) {
                (At::Group(number), Some((begin, behind))) => (begin..behind).contains(number),
                (At::Range(_), _) => true,
                (At::Group(_), None) => false,
            };
            if gone {
                *end = Some(End::Expired);
            }
        }
    }

    fn is_known(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::DeadLetterReason;
    use crate::replay::ledger::Reasons;
    use crate::sls::{Field, LogTime};
    use crate::trace::SpanId;

    fn place() -> LogPlace {
        LogPlace { project: "p-1".into(), logstore: "log".into() }
    }

    fn fields(id: &[u8]) -> Vec<Field<'_>> {
        vec![Field { key: b"request_id", value: id }, Field { key: b"start_time", value: b"2026-03-02T02:10:01Z" }]
    }

    fn record(id: &[u8]) -> LogRecord<'_> {
        LogRecord { time: LogTime { seconds: 1, nanoseconds: None }, fields: fields(id) }
    }

    fn span(id: &[u8]) -> Option<SpanId> {
        Some(ids::span_id_of(&record(id)))
    }

    fn wanted(at: At, index: u32, span_id: Option<SpanId>) -> Wanted {
        Wanted { spot: Spot { place: 0, shard: 3, at, index }, span_id, reasons: Reasons::default(), received: None }
    }

    fn range() -> At {
        At::Range(Box::new(("a".into(), "b".into())))
    }

    fn at(group: impl Into<Option<u64>>, index: u32) -> Position {
        Position { group: group.into(), index, received: None }
    }

    fn pointer(cursor: &str, end: Option<&str>, index: u32) -> Pointer {
        let LogPlace { project, logstore } = place();
        let (cursor, end_cursor) = (cursor.to_owned(), end.map(str::to_owned));
        Pointer::Log { project, logstore, shard: 3, cursor, end_cursor, index, receive_time: None }
    }

    #[test]
    fn only_the_meant_records_are_wanted_and_each_ends_as_it_was_settled() {
        let all: Vec<_> = (0..5)
            .map(|index| wanted(At::Group(7), index, span(if index == 1 { b"other" } else { b"r" })))
            .chain([wanted(At::Group(8), 0, None)])
            .collect();
        let place = place();
        let mut selection = Selection::new(&place, &all);
        let seen = |selection: &mut Selection<'_>, position, record: Option<&LogRecord<'_>>| selection.wants(position, record);
        assert!(!seen(&mut selection, at(6, 0), Some(&record(b"r"))));
        assert!(seen(&mut selection, at(7, 0), Some(&record(b"r"))));
        assert!(!seen(&mut selection, at(7, 1), Some(&record(b"r"))));
        assert!(!seen(&mut selection, at(7, 2), None));
        assert!(seen(&mut selection, at(7, 3), Some(&record(b"r"))));
        assert!(!seen(&mut selection, at(7, 9), Some(&record(b"r"))));
        assert!(seen(&mut selection, at(8, 0), None));
        selection.settled(at(7, 0), Settled::Delivered);
        selection.settled(at(8, 0), Settled::DeadLetter(DeadLetterReason::Damaged));
        use End::{Again, Done, Mismatched, Undone};
        assert_eq!(selection.ends(false), [Done, Mismatched, Mismatched, Undone, Undone, Again]);
        assert_eq!(Selection::new(&place, &all[..1]).ends(true), [Mismatched]);
    }

    #[test]
    fn what_is_gone_is_expired_and_the_rest_is_not() {
        let all = [wanted(At::Group(7), 0, None), wanted(At::Group(8), 0, None), wanted(At::Group(9), 0, None)];
        let place = place();
        let mut selection = Selection::new(&place, &all);
        selection.lost(&Range { begin: Cursor::from_number(7), end: Cursor::from_number(9) });
        assert_eq!(selection.ends(false), [End::Expired, End::Expired, End::Undone]);
    }

    #[test]
    fn in_a_range_without_numbers_the_span_finds_the_record_and_damaged_ones_are_found_by_index() {
        let all = [wanted(range(), 0, None), wanted(range(), 1, span(b"r"))];
        let place = place();
        let mut selection = Selection::new(&place, &all);
        // Two groups of the range, each with an index 0 and 1.
        assert!(selection.wants(at(None, 0), Some(&record(b"x"))) && selection.wants(at(None, 0), None));
        assert!(!selection.wants(at(None, 1), Some(&record(b"x"))) && selection.wants(at(None, 1), Some(&record(b"r"))));
        selection.settled(at(None, 0), Settled::Delivered);
        selection.settled(at(None, 1), Settled::Delivered);
        assert_eq!(selection.pointer(at(None, 1)), pointer("a", Some("b"), 1));
        assert_eq!(selection.ends(true), [End::Undone, End::Done]);
    }

    #[test]
    fn the_pointer_of_a_record_that_fails_again_is_that_of_its_letter() {
        let all = [wanted(At::Group(7), 4, None)];
        let place = place();
        assert_eq!(Selection::new(&place, &all).pointer(at(7, 4)), pointer(Cursor::from_number(7).text(), None, 4));
    }
}
