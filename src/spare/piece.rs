//! One stretch of memory, every byte of it written to or zero.
//!
//! Large ones are mapped, and not the allocator's: the C library's takes what it once gave back to the system from its heap from then on, where
//! pages and requests of many sizes leave gaps that nothing fits into. With four calls at once those were six megabytes of thirty.

use std::ops::{Deref, DerefMut};

use memmap2::MmapMut;

/// The smallest piece that is mapped. Bytes. The allocator keeps smaller ones in its heap at any time.
pub const LEAST_MAPPED: usize = 128 * 1024;

/// What sizes of mapped ones are rounded up to, so that pieces of almost one size take each other's place. Bytes.
pub const STEP: usize = 64 * 1024;

/// A stretch of memory, all of it.
#[derive(Debug)]
pub enum Piece {
    /// Of the allocator.
    Heap(Vec<u8>),
    /// Of the system. It makes real only what is written to, and takes it back at once.
    Mapped(MmapMut),
}

impl Piece {
    /// A new one with room for so many bytes.
    pub fn with_room(length: usize) -> Self {
        if length < LEAST_MAPPED {
            return Self::Heap(vec![0; length]);
        }
        let size = length.next_multiple_of(STEP);
        // Where the system maps no more, the allocator has the last word.
        MmapMut::map_anon(size).map_or_else(|_| Self::Heap(vec![0; size]), Self::Mapped)
    }
}

impl Default for Piece {
    fn default() -> Self {
        Self::Heap(Vec::new())
    }
}

impl Deref for Piece {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Heap(bytes) => bytes,
            Self::Mapped(bytes) => bytes,
        }
    }
}

impl DerefMut for Piece {
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Heap(bytes) => bytes,
            Self::Mapped(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_large_ones_are_mapped_and_all_are_clean() {
        let sizes = [0, 1, LEAST_MAPPED - 1, LEAST_MAPPED, LEAST_MAPPED + 1].map(Piece::with_room);
        let expected = [(0, false), (1, false), (LEAST_MAPPED - 1, false), (LEAST_MAPPED, true), (LEAST_MAPPED + STEP, true)];
        assert_eq!(sizes.each_ref().map(|piece| (piece.len(), matches!(piece, Piece::Mapped(_)))), expected);
        assert!(sizes.iter().flat_map(|piece| piece.iter()).all(|byte| *byte == 0));
    }
}
