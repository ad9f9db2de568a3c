//! Memory that somebody is done with, for whoever needs some next: pages and requests of about a megabyte come and go all the time, and
//! giving such pieces back to the system makes the kernel clear them anew, a fifth of all processor time without compression.
//!
//! One for the process, shared by its calls, bounded in bytes. A leaf: it knows bytes, not what they are of. What earlier bytes
//! are left in a piece is never seen by anybody but who writes over them.

mod buffer;
mod piece;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

pub use buffer::Buffer;
use piece::{LEAST_MAPPED as LEAST, Piece, STEP};

/// The most that is kept and in use together. Bytes. One call alone goes round in that without asking the system for any; where several use
/// it up, what is kept must not stand on top of it.
const MOST_BYTES: usize = 12 * 1024 * 1024;

/// What may be kept however much is in use. Bytes. A page, also one of large log groups: when a call is done with one it soon takes the next.
const KEPT_ANYWAY: usize = 3 * 1024 * 1024;

/// The largest piece that is kept. Bytes. A page holds whole log groups and so may be larger than it should be; still larger ones are rare, and
/// one of them would push all others out.
const LARGEST: usize = 8 * 1024 * 1024;

/// Spare memory. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Spare {
    pieces: Arc<Mutex<Pieces>>,
}

#[derive(Debug, Default)]
struct Pieces {
    kept: VecDeque<Piece>,
    /// Bytes that are kept.
    waiting: usize,
    /// Bytes of those that may come back.
    in_use: usize,
}

impl Spare {
    /// An empty buffer with room for so many bytes.
    pub fn room(&self, length: usize) -> Buffer {
        Buffer::of(self.piece(length), self.clone())
    }

    /// These bytes, in memory of their size.
    pub fn copied(&self, bytes: &[u8]) -> Bytes {
        let mut buffer = self.room(bytes.len());
        buffer.extend(bytes);
        Bytes::from_owner(buffer)
    }

    /// What `write` writes to the front of so many bytes; it says how many it wrote. It finds anything in them: clearing them is what this
    /// saves.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn written<E>(&self, length: usize, write: impl FnOnce(&mut [u8]) -> Result<usize, E>) -> Result<Bytes, E> {
        let mut buffer = self.room(length);
        buffer.skip(length);
        let written = write(&mut buffer)?.min(length);
        Ok(Bytes::from_owner(buffer).slice(..written))
    }

    fn piece(&self, length: usize) -> Piece {
        let kept = self.locked().take(length);
        let piece = kept.unwrap_or_else(|| Piece::with_room(length));
        if piece.len() >= LEAST {
            self.locked().use_up(piece.len());
        }
        piece
    }

    fn give(&self, piece: Piece) {
        if piece.len() >= LEAST {
            self.locked().give(piece);
        }
    }

    fn locked(&self) -> MutexGuard<'_, Pieces> {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pieces {
    /// The piece that came last of those that have room and are little larger: what waits for an answer should not hold more.
    fn take(&mut self, length: usize) -> Option<Piece> {
        let fits = |piece: &Piece| (length..=length + length / 4 + STEP).contains(&piece.len());
        let index = self.kept.iter().rposition(fits)?;
        let piece = self.kept.remove(index)?;
        self.waiting -= piece.len();
        Some(piece)
    }

    /// So many bytes more are in use, for which others have to go.
    fn use_up(&mut self, bytes: usize) {
        self.in_use += bytes;
        self.let_go();
    }

    /// Keeps a piece that comes back.
    fn give(&mut self, piece: Piece) {
        self.in_use -= piece.len();
        if piece.len() > LARGEST {
            return;
        }
        self.waiting += piece.len();
        self.kept.push_back(piece);
        self.let_go();
    }

    /// Lets those go that have waited longest, as far as there are too many.
    fn let_go(&mut self) {
        while self.waiting > KEPT_ANYWAY.max(MOST_BYTES.saturating_sub(self.in_use)) {
            self.waiting -= self.kept.pop_front().map_or(self.waiting, |piece| piece.len());
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
        spare.locked().kept.iter().map(|piece| piece.len()).collect()
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
        let (far_smaller, smaller) = (spare.room(18 * STEP), spare.room(19 * STEP));
        assert_eq!([far_smaller.capacity(), smaller.capacity()], [18 * STEP, 24 * STEP]);
        assert_eq!(sizes(&spare), [9 * STEP]);
    }

    #[test]
    fn the_more_is_in_use_the_less_is_kept_but_always_a_page() {
        const PIECES: usize = MOST_BYTES / KEPT_ANYWAY;
        let spare = Spare::default();
        let mut used: Vec<_> = (0..2 * PIECES).map(|_| spare.room(KEPT_ANYWAY)).collect();
        let mut kept = Vec::new();
        while used.pop().is_some() {
            kept.push(sizes(&spare).len());
        }
        assert_eq!(kept, [[1; PIECES], std::array::from_fn(|at| at + 1)].concat());
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
                room.extend(&expected);
                if holds {
                    held.push((bytes, room, expected));
                }
                let in_use = spare.locked().in_use;
                prop_assert!(in_use >= held.iter().map(|(_, room, _): &(Bytes, Buffer, Vec<u8>)| room.capacity()).sum::<usize>());
                prop_assert!(sizes(&spare).iter().sum::<usize>() <= KEPT_ANYWAY.max(MOST_BYTES.saturating_sub(in_use)));
                prop_assert_eq!(sizes(&spare).iter().sum::<usize>(), spare.locked().waiting);
                prop_assert!(sizes(&spare).iter().all(|size| (LEAST..=LARGEST).contains(size)));
            }
            // What somebody still holds was written over by nobody.
            for (bytes, room, expected) in held {
                prop_assert!(bytes == expected && *room == *expected);
            }
        }
    }
}
