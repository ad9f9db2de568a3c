//! Encoded observations of one request, each with the source position it came from. Pure.
//!
//! Any run of neighbours can be sent alone, so that a refused request is divided without encoding anything again.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::origin::Position;
use crate::spare::{Buffer, Spare};
use crate::spent::Spent;
use crate::trace::SpanId;

/// The size that a request body is filled up to before compression. Bytes. Below one megabyte, because that is what a self-hosted
/// Langfuse behind an ordinary proxy takes (`reference/langfuse.md` §3); a single larger observation travels alone.
pub const MAX_REQUEST_BYTES: usize = 1_000_000;

/// How many observations one request holds at most: a refused one among them is then found in 2·log2(512) requests.
pub const MAX_REQUEST_OBSERVATIONS: usize = 512;

/// Which record an encoded observation came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Where the record stands.
    pub position: Position,
    /// The observation made of it.
    pub span_id: SpanId,
    /// The index of the route it took; `None` where there are no routes.
    pub route: Option<usize>,
    /// What ties the copies of one record together, where it goes to several destinations.
    pub ticket: Option<u32>,
    /// What the call used, where it is counted.
    pub spent: Option<Arc<Spent>>,
}

/// Room in front of the observations for what a request begins with, so that nothing is copied to make one. Bytes.
const HEAD_ROOM: usize = 128;

/// The bytes of encoded observations.
#[derive(Debug, Default)]
pub struct Encoded {
    /// Begins with [`HEAD_ROOM`] bytes that mean nothing, unless it is empty.
    bytes: Buffer,
    /// Where the room for a full request comes from, where one is expected.
    spare: Option<Spare>,
}

impl Encoded {
    fn with_room(spare: &Spare) -> Self {
        Self { bytes: Buffer::default(), spare: Some(spare.clone()) }
    }

    fn extend(&mut self, encoded: &[u8]) {
        match &self.spare {
            // The first one comes before the full batch that had no room for it is sent. That may have to wait, and then the memory of a
            // second one would stand empty beside it.
            Some(spare) if self.bytes.is_empty() => self.bytes = spare.room(HEAD_ROOM + encoded.len()),
            Some(_) => self.bytes.make_room(HEAD_ROOM + MAX_REQUEST_BYTES),
            None => {}
        }
        if self.bytes.is_empty() {
            self.bytes.skip(HEAD_ROOM);
        }
        self.bytes.extend(encoded);
    }

    /// The memory that others of its kind come from.
    pub fn spare(&self) -> Option<&Spare> {
        self.spare.as_ref()
    }

    /// They alone.
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(HEAD_ROOM..).unwrap_or_default()
    }

    /// They behind `head`, which is copied into the room in front of them.
    pub fn behind(mut self, head: &[u8]) -> Bytes {
        match HEAD_ROOM.checked_sub(head.len()) {
            Some(begin) if !self.bytes.is_empty() => {
                self.bytes[begin..HEAD_ROOM].copy_from_slice(head);
                Bytes::from_owner(self.bytes).slice(begin..)
            }
            _ => [head, self.as_slice()].concat().into(),
        }
    }
}

impl From<&[u8]> for Encoded {
    fn from(encoded: &[u8]) -> Self {
        let mut copied = Self::default();
        copied.bytes.make_room(HEAD_ROOM + encoded.len());
        copied.extend(encoded);
        copied
    }
}

/// Encoded observations, in order.
#[derive(Debug, Default)]
pub struct Batch {
    encoded: Encoded,
    ends: Vec<usize>,
    sources: Vec<Source>,
}

impl Batch {
    /// An empty batch that will be a full request, and finds its room in `spare` memory.
    pub fn with_room(spare: &Spare) -> Self {
        Self { encoded: Encoded::with_room(spare), ends: Vec::new(), sources: Vec::new() }
    }

    /// True if one more observation of `length` encoded bytes belongs into another batch: `body_len` says how long a body of so many
    /// encoded bytes is. An empty batch takes everything.
    pub fn is_full_for(&self, length: usize, body_len: impl Fn(usize) -> usize) -> bool {
        let too_long = body_len(self.spans_len() + length) > MAX_REQUEST_BYTES;
        !self.is_empty() && (too_long || self.len() >= MAX_REQUEST_OBSERVATIONS)
    }

    /// Appends an encoded observation.
    pub fn push(&mut self, encoded: &[u8], source: Source) {
        self.encoded.extend(encoded);
        self.ends.push(self.spans_len() + encoded.len());
        self.sources.push(source);
    }

    /// How many bytes the encoded observations have.
    pub fn bytes(&self) -> u64 {
        self.spans_len() as u64
    }

    /// Number of observations.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True without observations.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The sources, in order.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// How many bytes the encoded observations have, also while they are handed over.
    pub fn spans_len(&self) -> usize {
        self.ends.last().copied().unwrap_or_default()
    }

    /// Hands the encoded observations over to something that holds them from now on; the batch has none until it takes them back.
    pub fn hand_over(&mut self) -> Encoded {
        std::mem::take(&mut self.encoded)
    }

    /// Takes the same encoded observations again.
    pub fn take_back(&mut self, encoded: Encoded) {
        self.encoded = encoded;
    }

    /// The encoded bytes of some neighbours. Indices beyond the end count as the end.
    pub fn bytes_of(&self, range: &Range<usize>) -> &[u8] {
        let end_of =
            |count: usize| count.checked_sub(1).and_then(|last| self.ends.get(last.min(self.ends.len() - 1))).copied().unwrap_or(0);
        &self.encoded.as_slice()[end_of(range.start)..end_of(range.end.max(range.start))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn source(index: u32) -> Source {
        Source {
            position: Position { group: None, index, received: None },
            span_id: SpanId([1; 8]),
            route: None,
            ticket: None,
            spent: None,
        }
    }

    #[test]
    fn a_body_of_exactly_the_limit_is_not_full_and_one_byte_more_is() {
        let mut batch = Batch::with_room(&Spare::default());
        assert!(!batch.is_full_for(MAX_REQUEST_BYTES * 2, |bytes| bytes));
        batch.push(&vec![0; MAX_REQUEST_BYTES - 10], source(0));
        assert!(!batch.is_full_for(10, |bytes| bytes));
        assert!(batch.is_full_for(11, |bytes| bytes));
        assert!(batch.is_full_for(10, |bytes| bytes + 1));
    }

    #[test]
    fn the_number_of_observations_is_limited_too() {
        let mut batch = Batch::default();
        for index in 0..MAX_REQUEST_OBSERVATIONS {
            assert!(!batch.is_full_for(1, |bytes| bytes));
            batch.push(&[0], source(u32::try_from(index).unwrap()));
        }
        assert!(batch.is_full_for(1, |bytes| bytes));
    }

    proptest! {
        #[test]
        fn the_parts_of_any_division_are_the_whole(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..5), 1..20), cut in 0usize..25) {
            let mut batch = Batch::default();
            for piece in &pieces {
                batch.push(piece, source(0));
            }
            let cut = cut.min(pieces.len());
            prop_assert_eq!(batch.bytes(), pieces.concat().len() as u64);
            let parts = [batch.bytes_of(&(0..cut)), batch.bytes_of(&(cut..pieces.len()))].concat();
            prop_assert_eq!(parts, pieces.concat());
        }

        #[test]
        fn observations_stand_behind_any_head_whoever_had_the_memory_before(
            before in any::<[u8; 300]>(), spans in proptest::collection::vec(any::<u8>(), 0..300),
            head in proptest::collection::vec(any::<u8>(), 0..2 * HEAD_ROOM)
        ) {
            let spare = Spare::default();
            let mut first = Batch::with_room(&spare);
            first.push(&before, source(0));
            drop(first);
            let mut batch = Batch::with_room(&spare);
            batch.push(&spans, source(0));
            let encoded = batch.hand_over();
            prop_assert_eq!(batch.bytes(), spans.len() as u64);
            batch.take_back(Encoded::from(encoded.as_slice()));
            prop_assert_eq!(batch.bytes_of(&(0..1)), &spans);
            prop_assert_eq!(encoded.behind(&head), [head, spans].concat());
        }
    }
}
