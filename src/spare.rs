//! Memory that somebody is done with, for whoever needs some next: pages and requests of about a megabyte come and go all the time, and an
//! allocator that gives such pieces back to the system makes the kernel clear them anew, a fifth of all processor time without compression.
//!
//! One for the process, shared by its calls, bounded in number and bytes. A leaf: it knows bytes, not what they are of. What earlier bytes
//! are left in a piece is never seen by anybody but who writes over them.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// The most that is kept. Bytes. One page and one request: when a call is done with one it soon takes the next.
const MOST_BYTES: usize = 9 * 256 * 1024;

/// The largest piece that is kept. Bytes. Larger ones are rare, and one of them would push all others out.
const LARGEST: usize = 6 * 256 * 1024;

/// The smallest piece that is kept. Bytes. Smaller ones would push the large ones out, and the allocator keeps them itself.
const LEAST: usize = 512 * 1024;

/// What sizes are rounded up to, so that pieces of almost one size take each other's place. Bytes.
const STEP: usize = 64 * 1024;

/// Spare memory. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Spare {
    kept: Arc<Mutex<VecDeque<Vec<u8>>>>,
}

/// Bytes in a vector whose memory goes back where it came from, once nobody needs it.
#[derive(Debug, Default)]
pub struct Buffer {
    bytes: Vec<u8>,
    home: Option<Spare>,
}

impl Spare {
    /// An empty buffer with room for so many bytes.
    pub fn room(&self, length: usize) -> Buffer {
        let mut bytes = self.take(length).unwrap_or_else(|| Vec::with_capacity(rounded(length)));
        bytes.clear();
        Buffer { bytes, home: Some(self.clone()) }
    }

    /// What `write` writes to the front of so many bytes; it says how many it wrote. It finds anything in them: clearing them is what this
    /// saves.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn written<E>(&self, length: usize, write: impl FnOnce(&mut [u8]) -> Result<usize, E>) -> Result<Bytes, E> {
        // Of fresh zeros the system makes real only what is written to.
        let mut bytes = self.take(length).unwrap_or_else(|| vec![0; rounded(length)]);
        // The length stays where it once was, so that only what was never written to is cleared.
        bytes.resize(bytes.len().max(length), 0);
        let mut buffer = Buffer { bytes, home: Some(self.clone()) };
        let written = write(&mut buffer[..length])?.min(length);
        Ok(Bytes::from_owner(buffer).slice(..written))
    }

    /// The piece that came last of those that have room and are not twice as large: what waits for an answer should not hold more.
    fn take(&self, length: usize) -> Option<Vec<u8>> {
        let mut kept = self.locked();
        let fits = |piece: &Vec<u8>| piece.capacity() >= length && piece.capacity() / 2 <= length;
        let index = kept.iter().rposition(fits)?;
        kept.remove(index)
    }

    /// Keeps a piece, and lets those go that have waited longest.
    fn give(&self, piece: Vec<u8>) {
        if !(LEAST..=LARGEST).contains(&piece.capacity()) {
            return;
        }
        let mut kept = self.locked();
        kept.push_back(piece);
        while kept.iter().map(Vec::capacity).sum::<usize>() > MOST_BYTES {
            kept.pop_front();
        }
    }

    fn locked(&self) -> MutexGuard<'_, VecDeque<Vec<u8>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn rounded(length: usize) -> usize {
    // Small ones are not kept, so nothing is gained by making them larger.
    if length < LEAST { length } else { length.next_multiple_of(STEP) }
}

impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, home: None }
    }
}

impl Deref for Buffer {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.bytes
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(home) = &self.home {
            home.give(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;

    /// Writes `bytes` into a piece that is longer by `more`.
    fn copied(spare: &Spare, bytes: &[u8], more: usize) -> Bytes {
        let write = |to: &mut [u8]| {
            to[..bytes.len()].copy_from_slice(bytes);
            Ok::<_, Infallible>(bytes.len())
        };
        spare.written(bytes.len() + more, write).unwrap()
    }

    fn sizes(spare: &Spare) -> Vec<usize> {
        spare.locked().iter().map(Vec::capacity).collect()
    }

    #[test]
    fn what_was_given_back_is_handed_out_once() {
        let spare = Spare::default();
        let first = spare.room(LEAST);
        let at = first.as_ptr();
        drop(first);
        let (again, other) = (spare.room(LEAST), spare.room(LEAST));
        assert_eq!(again.as_ptr(), at);
        assert_ne!(other.as_ptr(), at);
    }

    #[test]
    fn memory_comes_back_when_the_last_view_of_it_ends() {
        let spare = Spare::default();
        let bytes = copied(&spare, &[7; 100], LEAST);
        let part = bytes.slice(10..20);
        drop(bytes);
        assert!(sizes(&spare).is_empty());
        assert_eq!(part.as_ref(), [7; 10]);
        drop(part);
        assert_eq!(sizes(&spare), [LEAST + STEP]);
    }

    #[test]
    fn a_piece_serves_what_is_a_little_smaller_and_nothing_that_is_far_smaller() {
        let spare = Spare::default();
        drop(spare.room(24 * STEP));
        drop(spare.room(9 * STEP));
        assert_eq!(sizes(&spare), [24 * STEP, 9 * STEP]);
        let (far_smaller, smaller) = (spare.room(11 * STEP), spare.room(13 * STEP));
        assert_eq!([far_smaller.capacity(), smaller.capacity()], [11 * STEP, 24 * STEP]);
        assert_eq!(sizes(&spare), [9 * STEP]);
    }

    #[test]
    fn too_small_and_too_large_ones_are_not_kept() {
        let spare = Spare::default();
        drop(spare.room(LEAST - 1));
        drop(spare.room(LARGEST + 1));
        drop(copied(&spare, &[], LARGEST + 1));
        assert!(sizes(&spare).is_empty());
    }

    #[test]
    fn an_error_of_the_writer_is_passed_on_and_costs_no_memory() {
        let spare = Spare::default();
        assert_eq!(spare.written(LEAST, |_| Err("damaged")), Err("damaged"));
        assert_eq!(sizes(&spare), [LEAST]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        #[test]
        fn nobody_sees_what_was_there_before_and_what_is_kept_is_bounded(
            uses in proptest::collection::vec((1..255u8, 0..3 * LARGEST / 2, 0..LARGEST / 4, any::<bool>()), 1..12)
        ) {
            let (spare, mut held) = (Spare::default(), Vec::new());
            for (mark, length, more, holds) in uses {
                let expected = vec![mark; length];
                let bytes = copied(&spare, &expected, more);
                let mut room = spare.room(length);
                prop_assert!(bytes == expected && room.is_empty() && room.capacity() >= length);
                room.extend_from_slice(&expected);
                if holds {
                    held.push((bytes, room, expected));
                }
                prop_assert!(sizes(&spare).iter().sum::<usize>() <= MOST_BYTES);
                prop_assert!(sizes(&spare).iter().all(|size| (LEAST..=LARGEST).contains(size)));
            }
            // What somebody still holds was written over by nobody.
            for (bytes, room, expected) in held {
                prop_assert!(bytes == expected && *room == expected);
            }
        }
    }
}
