//! Where the records of a call come from, as the work sees it: a position for each of them, and what its source wants to know.
//!
//! Knows no service. A source is a type that implements [`Origin`] beside whatever describes it.

use crate::dead_letter::Pointer;
use crate::delivery::DeadLetterReason;
use crate::feed::Piece;
use crate::report::SkipReason;
use crate::sls::LogRecord;
use crate::sls::reader::Range;

/// Where a record stands: what a dead letter names and what delivery answers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// What holds the record: the number of a log group in its shard, where the service tells it (`x-log-read-last-cursor`), or the
    /// index of an item in its event.
    pub group: Option<u64>,
    /// Index of the record in its group, from 0.
    pub index: u32,
    /// When the service received the group, UNIX seconds, where it tells.
    pub received: Option<u32>,
}

impl Position {
    /// True if both name the same record. Of a large group only the part that has the tag knows when it was received, and where parts begin
    /// depends on where the page does.
    pub fn is_same_record(self, other: Self) -> bool {
        (self.group, self.index) == (other.group, other.index)
    }
}

/// How a record was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Delivered, now or by an earlier attempt.
    Delivered,
    /// Passed over on purpose.
    Skipped(SkipReason),
    /// It can never be delivered.
    DeadLetter(DeadLetterReason),
}

/// The source of a call's records. It outlives the work, so that it knows what is settled also when time runs out.
pub trait Origin: Send {
    /// What names the record at `position` in a dead letter.
    fn pointer(&self, position: Position) -> Pointer;

    /// A piece has been read whole; its records are settled from now on.
    fn read(&mut self, _piece: &Piece) {}

    /// True if the record at `position` belongs to this work; none: it is damaged. What does not is passed over and not counted.
    fn wants(&mut self, _position: Position, _record: Option<&LogRecord<'_>>) -> bool {
        true
    }

    /// A part of what was to be read is gone.
    fn lost(&mut self, _range: &Range) {}

    /// True if its records are dead letters already, so that nothing new is to be said of those that are gone or stay such.
    fn is_known(&self) -> bool {
        false
    }

    /// All records of the piece that was read last have been begun: so many.
    fn converted(&mut self, _records: u64) {}

    /// The record at `position` has had its one end.
    fn settled(&mut self, _position: Position, _how: Settled) {}

    /// Nothing about what is settled so far is only in memory. Returns the first group that the next attempt would read, if it is known.
    fn checkpoint(&mut self) -> Option<u64> {
        None
    }
}
