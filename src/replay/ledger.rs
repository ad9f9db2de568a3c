//! What was read, as pointers: each record once, what is done already, and how many there are of everything. Pure.
//!
//! A letter takes about 250 bytes in all, so that hundreds of thousands fit into the memory of a laptop.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::line::Line;
use crate::dead_letter::{DeadLetter, Pointer, Unreadable};
use crate::delivery::DeadLetterReason;
use crate::invocation::LogPlace;
use crate::sls::cursor::Cursor;
use crate::trace::{SpanId, ids};

/// Which log group a letter names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum At {
    /// The group of this number.
    Group(u64),
    /// One of the groups of a range, by the texts of its cursors: the service had not told their numbers.
    Range(Box<(String, String)>),
}

/// Where a record is. Ordered so that neighbours stand side by side.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spot {
    /// Which of the places of the ledger.
    pub place: usize,
    /// Its shard.
    pub shard: u32,
    /// Its group.
    pub at: At,
    /// Its index in the group.
    pub index: u32,
}

/// Reasons for which there are letters of one record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reasons(u8);

impl Reasons {
    /// With one more.
    #[must_use]
    pub fn with(self, reason: DeadLetterReason) -> Self {
        Self(self.0 | 1 << reason as u8)
    }

    /// True if it is among them.
    pub fn has(self, reason: DeadLetterReason) -> bool {
        self.0 & 1 << reason as u8 != 0
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = DeadLetterReason> {
        DeadLetterReason::ALL.into_iter().filter(move |reason| self.has(*reason))
    }
}

/// A record that is wanted again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Where it is.
    pub spot: Spot,
    /// Which observation it must be; none where it could not be read.
    pub span_id: Option<SpanId>,
    /// Why it was not delivered.
    pub reasons: Reasons,
    /// When it was received, UNIX seconds, if known.
    pub received: Option<u32>,
}

/// Which letters are to be replayed.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Only these reasons; none: all.
    pub reasons: Vec<DeadLetterReason>,
    /// Only letters of this project; none: any.
    pub project: Option<String>,
    /// Logstores that are never read: where dead letters themselves are. A letter that points there would start a loop.
    pub letters_in: Vec<String>,
}

/// What was read, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Lines or logs that are neither letter nor mark.
    pub foreign: u64,
    /// Letters that cannot be read.
    pub damaged: u64,
    /// Letters of another version of this program.
    pub other_version: u64,
    /// Letters that point where this replay must not read.
    pub misplaced: u64,
    /// Letters of records that are not in SLS.
    pub elsewhere: u64,
    /// Letters by reason.
    pub letters: BTreeMap<&'static str, u64>,
    /// Letters that the choice of reasons leaves out.
    pub left_out: u64,
    /// Letters of a record that another letter names too.
    pub repeated: u64,
}

/// Everything that was read.
#[derive(Debug, Default)]
pub struct Ledger {
    choice: Choice,
    places: Vec<LogPlace>,
    place_numbers: HashMap<LogPlace, usize>,
    wanted: HashMap<(Spot, Option<SpanId>), (Reasons, Option<u32>)>,
    done: HashSet<(Spot, DeadLetterReason)>,
    marked: HashSet<(Spot, DeadLetterReason)>,
    tally: Tally,
}

/// Who says that a letter is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Witness {
    /// Where the letters are: a mark that every replay sees.
    Source,
    /// The state file of this machine.
    State,
}

impl Ledger {
    /// An empty one.
    pub fn new(choice: Choice) -> Self {
        Self { choice, ..Self::default() }
    }

    /// Takes a line of the source.
    pub fn take(&mut self, line: Line) {
        match line {
            Line::Letter(letter) => self.letter(&letter),
            Line::Replayed(letter) => self.done(&letter, Witness::Source),
            Line::Unreadable(Unreadable::Version) => self.tally.other_version += 1,
            Line::Unreadable(Unreadable::Damaged) => self.tally.damaged += 1,
            Line::Foreign => self.tally.foreign += 1,
            Line::Blank => {}
        }
    }

    /// Notes that a letter is done.
    pub fn done(&mut self, letter: &DeadLetter, witness: Witness) {
        let Some((spot, _)) = self.spot(&letter.pointer) else { return };
        if witness == Witness::Source {
            self.marked.insert((spot.clone(), letter.reason));
        }
        self.done.insert((spot, letter.reason));
    }

    fn letter(&mut self, letter: &DeadLetter) {
        *self.tally.letters.entry(letter.reason.name()).or_default() += 1;
        if !self.may_be_read(&letter.pointer) {
            self.tally.misplaced += 1;
        } else if !self.choice.reasons.is_empty() && !self.choice.reasons.contains(&letter.reason) {
            self.tally.left_out += 1;
        } else if let Some((spot, received_at)) = self.spot(&letter.pointer) {
            let span_id = letter.span_id.as_deref().and_then(ids::span_id);
            let (reasons, received) = self.wanted.entry((spot, span_id)).or_default();
            self.tally.repeated += u64::from(*reasons != Reasons::default());
            *reasons = reasons.with(letter.reason);
            *received = received.or(received_at);
        } else {
            self.tally.elsewhere += 1;
        }
    }

    fn may_be_read(&self, pointer: &Pointer) -> bool {
        let Pointer::Log { project, logstore, .. } = pointer else { return true };
        let loops = self.choice.letters_in.contains(logstore);
        let foreign = self.choice.project.as_ref().is_some_and(|only| only != project);
        !loops && !foreign
    }

    /// Where a pointer leads, and when the record was received; none for a record that is not in SLS.
    fn spot(&mut self, pointer: &Pointer) -> Option<(Spot, Option<u32>)> {
        let Pointer::Log { project, logstore, shard, cursor, end_cursor, index, receive_time } = pointer else { return None };
        let at = match end_cursor {
            Some(end) => At::Range(Box::new((cursor.clone(), end.clone()))),
            None => At::Group(Cursor::new(cursor.as_str()).number()?),
        };
        let place = self.place(LogPlace { project: project.clone(), logstore: logstore.clone() });
        Some((Spot { place, shard: *shard, at, index: *index }, *receive_time))
    }

    fn place(&mut self, place: LogPlace) -> usize {
        *self.place_numbers.entry(place).or_insert_with_key(|place| {
            self.places.push(place.clone());
            self.places.len() - 1
        })
    }

    /// What was read, counted.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Where the records are.
    pub fn places(&self) -> &[LogPlace] {
        &self.places
    }

    /// How many chosen records are done already.
    pub fn done_before(&self) -> u64 {
        self.records().filter(|wanted| self.is_done(wanted)).count() as u64
    }

    /// Records that are still to be replayed, neighbours side by side.
    pub fn open(&self) -> Vec<Wanted> {
        let mut open: Vec<_> = self.records().filter(|wanted| !self.is_done(wanted)).collect();
        open.sort_unstable_by(|a, b| (&a.spot, a.span_id).cmp(&(&b.spot, b.span_id)));
        open
    }

    /// Letters of the source that are done without a mark there: the program was ended in between, or could not write.
    pub fn unmarked(&self) -> Vec<DeadLetter> {
        let is_unmarked = |wanted: &Wanted, reason| {
            let key = (wanted.spot.clone(), reason);
            self.done.contains(&key) && !self.marked.contains(&key)
        };
        let of_record = |wanted: Wanted| {
            let reasons: Vec<_> = wanted.reasons.iter().filter(|reason| is_unmarked(&wanted, *reason)).collect();
            reasons.into_iter().map(move |reason| self.letter_of(&wanted, reason))
        };
        self.records().flat_map(of_record).collect()
    }

    fn records(&self) -> impl Iterator<Item = Wanted> {
        self.wanted.iter().map(|((spot, span_id), (reasons, received))| Wanted {
            spot: spot.clone(),
            span_id: *span_id,
            reasons: *reasons,
            received: *received,
        })
    }

    /// True if every letter of a record is done.
    fn is_done(&self, wanted: &Wanted) -> bool {
        wanted.reasons.iter().all(|reason| self.done.contains(&(wanted.spot.clone(), reason)))
    }

    /// The letters of a record, as far as they are kept.
    pub fn letters_of(&self, wanted: &Wanted) -> impl Iterator<Item = DeadLetter> {
        wanted.reasons.iter().map(|reason| self.letter_of(wanted, reason))
    }

    fn letter_of(&self, wanted: &Wanted, reason: DeadLetterReason) -> DeadLetter {
        let spot = &wanted.spot;
        let (cursor, end_cursor) = match &spot.at {
            At::Group(number) => (Cursor::from_number(*number).text().to_owned(), None),
            At::Range(range) => (range.0.clone(), Some(range.1.clone())),
        };
        let LogPlace { project, logstore } = self.places[spot.place].clone();
        let pointer =
            Pointer::Log { project, logstore, shard: spot.shard, cursor, end_cursor, index: spot.index, receive_time: wanted.received };
        DeadLetter::new(pointer, wanted.span_id, reason, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer(group: u64, index: u32) -> Pointer {
        let cursor = Cursor::from_number(group).text().to_owned();
        let (project, logstore) = ("p-1".to_owned(), "log".to_owned());
        Pointer::Log { project, logstore, shard: 0, cursor, end_cursor: None, index, receive_time: Some(7) }
    }

    fn letter(group: u64, index: u32, reason: DeadLetterReason) -> DeadLetter {
        DeadLetter::new(pointer(group, index), Some(SpanId([1; 8])), reason, Some(400))
    }

    /// The same letter in another place.
    fn moved(to: &str, at: &str) -> DeadLetter {
        let (project, logstore, cursor) = (to.to_owned(), at.to_owned(), Cursor::from_number(1).text().to_owned());
        let pointer = Pointer::Log { project, logstore, shard: 0, cursor, end_cursor: None, index: 0, receive_time: None };
        DeadLetter { pointer, ..letter(1, 0, Refused) }
    }

    fn taken(choice: Choice, letters: impl IntoIterator<Item = DeadLetter>) -> Ledger {
        let mut ledger = Ledger::new(choice);
        letters.into_iter().for_each(|letter| ledger.take(Line::Letter(Box::new(letter))));
        ledger
    }

    use DeadLetterReason::{Damaged, GaveUp, Refused, TooLarge};

    #[test]
    fn each_record_is_wanted_once_and_neighbours_stand_side_by_side() {
        let letters = [letter(9, 0, Refused), letter(10, 3, Refused), letter(9, 0, Refused), letter(9, 0, TooLarge), letter(2, 5, GaveUp)];
        let ledger = taken(Choice::default(), letters);
        let open: Vec<_> = ledger.open().into_iter().map(|wanted| (wanted.spot.at, wanted.spot.index, wanted.reasons)).collect();
        let only = |reason| Reasons::default().with(reason);
        assert_eq!(
            open,
            [(At::Group(2), 5, only(GaveUp)), (At::Group(9), 0, only(Refused).with(TooLarge)), (At::Group(10), 3, only(Refused))]
        );
        let counted = BTreeMap::from([("refused", 3), ("too_large", 1), ("gave_up", 1)]);
        assert_eq!((&ledger.tally().letters, ledger.tally().repeated), (&counted, 2));
    }

    #[test]
    fn a_record_is_done_when_all_its_letters_are_and_a_later_letter_of_another_reason_opens_it_again() {
        let mut ledger = taken(Choice::default(), [letter(9, 0, Refused)]);
        ledger.take(Line::Replayed(Box::new(letter(9, 0, Refused))));
        assert_eq!((ledger.open().len(), ledger.done_before(), ledger.unmarked().len()), (0, 1, 0));
        ledger.take(Line::Letter(Box::new(letter(9, 0, GaveUp))));
        assert_eq!((ledger.open().len(), ledger.done_before()), (1, 0));
        ledger.done(&letter(9, 0, GaveUp), Witness::State);
        assert_eq!((ledger.open().len(), ledger.done_before()), (0, 1));
        let unmarked = DeadLetter { status: None, ..letter(9, 0, GaveUp) };
        assert_eq!(ledger.unmarked(), [unmarked]);
    }

    #[test]
    fn letters_of_one_place_with_different_spans_are_judged_each_for_itself() {
        let other = DeadLetter { span_id: Some("0202020202020202".into()), ..letter(9, 0, Refused) };
        let damaged = DeadLetter { span_id: None, ..letter(9, 0, Damaged) };
        let spans: Vec<_> =
            taken(Choice::default(), [other, letter(9, 0, Refused), damaged]).open().into_iter().map(|wanted| wanted.span_id).collect();
        assert_eq!(spans, [None, Some(SpanId([1; 8])), Some(SpanId([2; 8]))]);
    }

    #[test]
    fn only_what_was_chosen_is_wanted_and_a_letter_never_leads_back_to_letters() {
        let choice = Choice { reasons: vec![Refused], project: Some("p-1".into()), letters_in: vec!["dead-letters".into()] };
        let (looping, foreign) = (moved("p-1", "dead-letters"), moved("p-2", "log"));
        let queued = Pointer::Sqs { queue: "q".into(), message_id: "m".into(), index: 0 };
        let elsewhere = DeadLetter { pointer: queued, ..letter(1, 0, Refused) };
        let ledger = taken(choice, [looping, foreign, elsewhere, letter(1, 0, Damaged), letter(1, 1, Refused)]);
        assert_eq!((ledger.tally().misplaced, ledger.tally().elsewhere, ledger.tally().left_out), (2, 1, 1));
        assert_eq!(ledger.open().iter().map(|wanted| wanted.spot.index).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn a_letter_comes_back_as_it_was_but_for_its_status() {
        let (project, logstore) = ("p-1".to_owned(), "log".to_owned());
        let (cursor, end_cursor) = ("aGVyZQ==".to_owned(), Some("c29tZXdoZXJl".to_owned()));
        let range = Pointer::Log { project, logstore, shard: 3, cursor, end_cursor, index: 2, receive_time: None };
        for original in [letter(9, 0, Refused), DeadLetter::new(range, None, Damaged, None)] {
            let ledger = taken(Choice::default(), [original.clone()]);
            let open = ledger.open();
            assert_eq!(ledger.letters_of(&open[0]).collect::<Vec<_>>(), [DeadLetter { status: None, ..original }]);
        }
    }
}
