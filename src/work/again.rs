//! Batches that were sent and must be sent again, though nobody kept a copy: pulled and converted once more.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::{Context, Poll, Waker};

use tokio::sync::Mutex;

use crate::budget::{ByteBudget, CallBudget};
use crate::convert::Converter;
use crate::deadline::Deadline;
use crate::delivery::call::CallDelivery;
use crate::delivery::failures;
use crate::delivery::remake::{Keeping, Remade, Remake};
use crate::export::batch::{Batch, Source};
use crate::feed::{Feed, Piece};
use crate::judge::Judge;
use crate::select::Selection;
use crate::sls::calls::Shard;
use crate::sls::cursor::Cursor;
use crate::sls::reader::{Range, Reader};
use crate::spare::Spare;
use crate::trace::settings::TraceSettings;

/// Pages of one who pulls again: without a bound, because those of the call may be held by who waits for this very batch. One is held at a time.
const PAGE_BYTES: u64 = u64::MAX;

/// What all calls of the process share.
#[derive(Clone, Debug)]
pub struct Copies {
    /// For batches that are kept while they wait for their answer.
    room: ByteBudget,
    /// Only one batch at a time is pulled again: the page that it takes stands beside everything else.
    turn: Arc<Mutex<()>>,
}

impl Copies {
    /// So many bytes of batches that wait for their answer are kept; where there are more, those are pulled again that must be sent again.
    pub fn new(bytes: u64) -> Self {
        Self { room: ByteBudget::new(bytes), turn: Arc::default() }
    }
}

/// Where the records of a call can be pulled again.
#[derive(Clone, Debug)]
pub struct Place {
    /// The shard, with this call's credentials.
    pub shard: Shard,
    /// When the work must be done.
    pub deadline: Deadline,
    /// Counts every request to SLS.
    pub requests: Arc<AtomicU64>,
    /// How many batches are kept.
    pub copies: Copies,
}

/// The way back to the records of a call.
#[derive(Debug)]
pub struct WayBack {
    place: Place,
    pulled: Option<Arc<PulledAgain>>,
}

impl WayBack {
    /// A way back to this place.
    pub fn new(place: Place) -> Self {
        Self { place, pulled: None }
    }

    /// Whether a copy of a batch is kept: as long as there is room, and where it cannot be made again.
    pub fn keeping(&mut self, batch: &Batch, delivery: &CallDelivery, make: impl FnOnce(Place) -> PulledAgain) -> Keeping {
        if !delivery.may_forget() || range_of(batch).is_none() {
            return Keeping::default();
        }
        match at_once(self.place.copies.room.set_aside(batch.bytes())) {
            Some(counted) => Keeping::Copy(counted),
            None => Keeping::Nothing(self.pulled.get_or_insert_with(|| Arc::new(make(self.place.clone()))).clone()),
        }
    }
}

/// Pulls and converts what a call did, once more, batch by batch.
#[derive(Debug)]
pub struct PulledAgain {
    place: Place,
    trace: TraceSettings,
    selection: Selection,
    budget: CallBudget,
    spare: Spare,
}

impl PulledAgain {
    /// For a call whose records are judged so, and whose requests take this memory.
    pub fn new(place: Place, judge: Judge<'_>, budget: CallBudget, spare: Spare) -> Self {
        Self { place, trace: judge.trace.clone(), selection: judge.selection.clone(), budget, spare }
    }

    async fn made(&self, batch: &Batch) -> Remade {
        let range = range_of(batch).ok_or_else(failures::not_the_same)?;
        let _turn = self.place.copies.turn.lock().await;
        let allowance = self.budget.take(batch.bytes()).await;
        let Place { shard, deadline, requests, .. } = self.place.clone();
        let reader = Reader::new(shard, range, ByteBudget::new(PAGE_BYTES).for_call(), deadline, requests);
        let mut feed = Feed::Shard(Box::new(reader));
        let judge = Judge { trace: &self.trace, selection: &self.selection };
        let mut converter = Converter::new(judge, [HashSet::new()], self.spare.clone());
        let mut wanted = batch.sources();
        while let Some(piece) = feed.next().await? {
            wanted = convert(&mut converter, &piece, wanted);
        }
        let made = converter.take().pop().map(|(_, made)| made).filter(|made| wanted.is_empty() && are_the_same(made, batch));
        Ok((made.ok_or_else(failures::not_the_same)?.hand_over(), allowance))
    }
}

impl Remake for PulledAgain {
    fn remake<'r>(&'r self, batch: &'r Batch) -> Pin<Box<dyn Future<Output = Remade> + Send + 'r>> {
        Box::pin(self.made(batch))
    }
}

/// Converts those records of a piece that are wanted next, and returns those that are still wanted.
fn convert<'s>(converter: &mut Converter<'_>, piece: &Piece, mut wanted: &'s [Source]) -> &'s [Source] {
    for (position, record) in piece.records() {
        let Some((next, rest)) = wanted.split_first() else { break };
        if let Some(record) = record.filter(|_| position.is_same_record(next.position)) {
            // A full batch would be one too many, and so not the same.
            converter.convert(&record, position);
            wanted = rest;
        }
    }
    wanted
}

fn are_the_same(made: &Batch, batch: &Batch) -> bool {
    let ids = |batch: &Batch| batch.sources().iter().map(|source| source.span_id).collect::<Vec<_>>();
    ids(made) == ids(batch)
}

/// The log groups that hold the records of a batch, where the service tells their numbers.
fn range_of(batch: &Batch) -> Option<Range> {
    let (first, last) = (batch.sources().first()?.position.group?, batch.sources().last()?.position.group?);
    Some(Range { begin: Cursor::from_number(first), end: Cursor::from_number(last.checked_add(1)?) })
}

/// What a future gives without waiting for anything.
fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}
