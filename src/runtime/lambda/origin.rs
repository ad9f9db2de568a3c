//! The items of an event: how each is named, and which of them are done (`design.md` decision 7).

use crate::dead_letter::Pointer;
use crate::feed::Piece;
use crate::origin::{Origin, Position, Settled};

/// The items of one event, in its order.
#[derive(Debug)]
pub struct EventOrigin {
    names: Names,
    items: Vec<Item>,
}

/// What names the items and the lines in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Names {
    /// One payload of a subscription, whose lines have ids.
    CloudWatch {
        /// Log group.
        log_group: String,
        /// Log stream.
        log_stream: String,
        /// Ids of the lines.
        event_ids: Vec<String>,
    },
    /// Records of a stream.
    Kinesis {
        /// Name of the stream.
        stream: String,
        /// Name of the shard.
        shard: String,
        /// Sequence numbers of the records.
        sequence_numbers: Vec<String>,
    },
    /// Messages of a queue.
    Sqs {
        /// Name of the queue.
        queue: String,
        /// Ids of the messages.
        message_ids: Vec<String>,
    },
}

#[derive(Clone, Copy, Debug, Default)]
struct Item {
    read: bool,
    lines: usize,
    open: usize,
    dead_letters: usize,
}

impl EventOrigin {
    /// Items of which none has been read.
    pub fn new(names: Names) -> Self {
        let count = match &names {
            Names::CloudWatch { .. } => 1,
            Names::Kinesis { sequence_numbers, .. } => sequence_numbers.len(),
            Names::Sqs { message_ids, .. } => message_ids.len(),
        };
        Self { names, items: vec![Item::default(); count] }
    }

    /// How many items there are.
    pub fn count(&self) -> usize {
        self.items.len()
    }

    /// How many there are with something in them, as far as they were read.
    pub fn filled(&self) -> usize {
        self.items.iter().filter(|item| !item.read || item.lines > 0).count()
    }

    /// The items that must come again, as a partial answer names them. A message with a dead letter is one of them: the queue moves it
    /// to where its redrive policy says. `None` where the platform knows no partial answers.
    pub fn failed(&self) -> Option<Vec<&str>> {
        let (ids, fails): (_, fn(&Item) -> bool) = match &self.names {
            Names::CloudWatch { .. } => return None,
            Names::Kinesis { sequence_numbers, .. } => (sequence_numbers, Item::is_undone),
            Names::Sqs { message_ids, .. } => (message_ids, |item| item.is_undone() || item.dead_letters > 0),
        };
        Some(ids.iter().zip(&self.items).filter(|(_, item)| fails(item)).map(|(id, _)| id.as_str()).collect())
    }

    fn item(&mut self, index: Option<u64>) -> Option<&mut Item> {
        self.items.get_mut(usize::try_from(index?).ok()?)
    }
}

impl Item {
    fn is_undone(&self) -> bool {
        !self.read || self.open > 0
    }
}

impl Origin for EventOrigin {
    fn pointer(&self, position: Position) -> Pointer {
        let index = position.index;
        let name = |names: &[String], at: Option<u64>| at.and_then(|at| names.get(usize::try_from(at).ok()?)).cloned().unwrap_or_default();
        match &self.names {
            Names::CloudWatch { log_group, log_stream, event_ids } => Pointer::CloudWatch {
                log_group: log_group.clone(),
                log_stream: log_stream.clone(),
                event_id: name(event_ids, Some(u64::from(index))),
            },
            Names::Kinesis { stream, shard, sequence_numbers } => Pointer::Kinesis {
                stream: stream.clone(),
                shard: shard.clone(),
                sequence_number: name(sequence_numbers, position.group),
                index,
            },
            Names::Sqs { queue, message_ids } => {
                Pointer::Sqs { queue: queue.clone(), message_id: name(message_ids, position.group), index }
            }
        }
    }

    fn read(&mut self, piece: &Piece) {
        let Piece::Parcel(parcel, _) = piece else { return };
        if let Some(item) = self.item(Some(parcel.item)) {
            let lines = parcel.lines.len();
            *item = Item { read: true, lines, open: lines, dead_letters: 0 };
        }
    }

    fn settled(&mut self, position: Position, how: Settled) {
        if let Some(item) = self.item(position.group) {
            item.open = item.open.saturating_sub(1);
            item.dead_letters += usize::from(matches!(how, Settled::DeadLetter(_)));
        }
    }
}
