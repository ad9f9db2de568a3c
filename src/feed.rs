//! What a call reads, piece by piece, whatever its source: pages of a shard, or lines that came with the event.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::budget::{Allowance, CallBudget};
use crate::error::Failure;
use crate::lines::{Line, Parcel};
use crate::origin::Position;
use crate::pull;
use crate::sls::LogRecord;
use crate::sls::decode::GroupView;
use crate::sls::ranges::Ranges;
use crate::sls::reader::{Page, Range, Read, Reader};

/// Pieces that wait, decoded, for their conversion. More of them only cost memory: conversion is faster than reading.
const PIECES_AHEAD: usize = 1;

/// What is left to read.
pub enum Feed {
    /// A range of a shard, pulled page by page.
    Shard(Box<Reader>),
    /// The same, which ends early when it is told to.
    Halting(Box<Reader>, Arc<Halt>),
    /// Several ranges of a shard, pulled page by page.
    Ranges(Box<Ranges>),
    /// The items of an event, each unpacked when its turn comes.
    Parcels(Parcels, CallBudget),
}

/// The end of reading before the end of a range: what has been read by then is worked off as ever.
#[derive(Debug)]
pub struct Halt {
    asked: watch::Receiver<bool>,
    obeyed: AtomicBool,
}

impl Halt {
    /// Reading ends at the next page once `asked` is true.
    pub fn new(asked: watch::Receiver<bool>) -> Self {
        Self { asked, obeyed: AtomicBool::new(false) }
    }

    /// True if something of the range was left unread for it.
    pub fn was_obeyed(&self) -> bool {
        self.obeyed.load(Relaxed)
    }

    fn obey(&self) -> bool {
        let asked = *self.asked.borrow();
        if asked {
            self.obeyed.store(true, Relaxed);
        }
        asked
    }
}

/// Items of an event as they are unpacked; a failure is the failure of the call.
pub type Parcels = Box<dyn Iterator<Item = Result<Parcel, Failure>> + Send>;

/// Records that were read together. Holding them holds their share of the memory budget.
#[derive(Debug)]
pub enum Piece {
    /// A page of log groups.
    Page(Page),
    /// The lines of one item.
    Parcel(Parcel, Allowance),
    /// This part of the range has left the retention of the Logstore.
    Lost(Range),
}

/// Records with their positions; `None` stands for one that is damaged.
pub type Records<'p> = Box<dyn Iterator<Item = (Position, Option<LogRecord<'p>>)> + Send + 'p>;

impl Feed {
    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// When the source cannot be read on.
    pub async fn next(&mut self) -> Result<Option<Piece>, Failure> {
        match self {
            Self::Shard(reader) => reader.next().await.map(|read| read.map(Piece::from)).map_err(pull::failure),
            // Between pages alone: what is settled is told by whole ones, so parts of another would be delivered behind that.
            Self::Halting(reader, halt) if reader.is_between_pages() && halt.obey() => Ok(None),
            Self::Halting(reader, _) => reader.next().await.map(|read| read.map(Piece::from)).map_err(pull::failure),
            Self::Ranges(ranges) => ranges.next().await.map(|read| read.map(Piece::from)).map_err(pull::failure),
            Self::Parcels(parcels, budget) => match parcels.next().transpose()? {
                Some(parcel) => {
                    let allowance = budget.take(parcel.size).await;
                    Ok(Some(Piece::Parcel(parcel, allowance)))
                }
                None => Ok(None),
            },
        }
    }

    /// Reads on in a task of `reading` while earlier pieces are converted and sent.
    pub fn read_ahead(mut self, reading: &mut JoinSet<()>) -> mpsc::Receiver<Result<Option<Piece>, Failure>> {
        let (pieces, receiver) = mpsc::channel(PIECES_AHEAD);
        reading.spawn(async move {
            loop {
                let piece = self.next().await;
                let more = matches!(piece, Ok(Some(_)));
                if pieces.send(piece).await.is_err() || !more {
                    break;
                }
            }
        });
        receiver
    }
}

impl From<Read> for Piece {
    fn from(read: Read) -> Self {
        match read {
            Read::Page(page) => Self::Page(page),
            Read::Lost(range) => Self::Lost(range),
        }
    }
}

impl Piece {
    /// Decoded bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::Page(page) => page.size(),
            Self::Parcel(parcel, _) => parcel.size,
            Self::Lost(_) => 0,
        }
    }

    /// Its records, in order.
    pub fn records(&self) -> Records<'_> {
        match self {
            Self::Page(page) => {
                let first = |index| if index == 0 { page.first_record() } else { 0 };
                Box::new(page.groups().enumerate().flat_map(move |(index, (group, view))| of_group(group, first(index), view)))
            }
            Self::Parcel(parcel, _) => Box::new(of_parcel(parcel)),
            Self::Lost(_) => Box::new(std::iter::empty()),
        }
    }
}

/// The records of a log group, or of the rest of one that begins with the record of the index `first`, with their positions; `None` stands for
/// one that is damaged.
pub fn of_group(group: Option<u64>, first: u32, view: GroupView<'_>) -> impl Iterator<Item = (Position, Option<LogRecord<'_>>)> {
    let received = view.received();
    let position = move |index: u32| Position { group, index: index.saturating_add(first), received };
    numbered(view.records().map(Result::ok)).map(move |(index, record)| (position(index), record))
}

fn of_parcel(parcel: &Parcel) -> impl Iterator<Item = (Position, Option<LogRecord<'_>>)> {
    let (group, received) = (Some(parcel.item), parcel.received);
    let records = parcel.lines.iter().map(|line| line.as_ref().map(Line::record));
    numbered(records).map(move |(index, record)| (Position { group, index, received }, record))
}

fn numbered<T>(records: impl Iterator<Item = T>) -> impl Iterator<Item = (u32, T)> {
    records.enumerate().map(|(index, record)| (u32::try_from(index).unwrap_or(u32::MAX), record))
}
