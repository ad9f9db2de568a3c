//! Bytes that grow at their end, in memory that goes back where it came from once nobody needs it.

use std::ops::{Deref, DerefMut};

use super::Spare;
use super::piece::Piece;

/// Bytes in a piece of memory, which returns to where it came from.
#[derive(Debug, Default)]
pub struct Buffer {
    piece: Piece,
    length: usize,
    home: Option<Spare>,
}

impl Buffer {
    /// An empty one in this piece.
    pub(super) fn of(piece: Piece, home: Spare) -> Self {
        Self { piece, length: 0, home: Some(home) }
    }

    /// How many bytes there is room for.
    pub fn capacity(&self) -> usize {
        self.piece.len()
    }

    /// Appends bytes, in other memory where there is no room for them.
    pub fn extend(&mut self, bytes: &[u8]) {
        let begin = self.length;
        self.skip(bytes.len());
        self.piece[begin..self.length].copy_from_slice(bytes);
    }

    /// Appends so many bytes that may be anything.
    pub fn skip(&mut self, bytes: usize) {
        let length = self.length + bytes;
        if length > self.capacity() {
            self.make_room(length.max(2 * self.capacity()));
        }
        self.length = length;
    }

    /// Makes sure that there is room for so many bytes in all.
    pub fn make_room(&mut self, bytes: usize) {
        if bytes <= self.capacity() {
            return;
        }
        let mut larger = self.home.as_ref().map_or_else(|| Piece::with_room(bytes), |home| home.piece(bytes));
        larger[..self.length].copy_from_slice(&self.piece[..self.length]);
        self.go_home(larger);
    }

    /// Gives the memory back, and takes `instead` in its place.
    fn go_home(&mut self, instead: Piece) {
        let piece = std::mem::replace(&mut self.piece, instead);
        if let Some(home) = &self.home {
            home.give(piece);
        }
    }
}

impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Self {
        Self { length: bytes.len(), piece: Piece::Heap(bytes), home: None }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.piece[..self.length]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.piece[..self.length]
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.go_home(Piece::default());
    }
}

#[cfg(test)]
mod tests {
    use super::super::LEAST;
    use super::*;

    #[test]
    fn what_grows_keeps_its_bytes_and_gives_the_memory_back_that_became_too_small() {
        let spare = Spare::default();
        let mut buffer = spare.room(LEAST);
        let small = buffer.as_ptr();
        buffer.extend(&[7; LEAST]);
        buffer.extend(&[8]);
        assert_eq!((buffer.len(), buffer[LEAST - 1], buffer[LEAST], buffer.capacity()), (LEAST + 1, 7, 8, 2 * LEAST));
        assert_eq!(spare.room(LEAST).as_ptr(), small);
    }

    #[test]
    fn room_that_is_there_already_is_not_made_again() {
        let mut buffer = Spare::default().room(LEAST);
        let at = buffer.as_ptr();
        buffer.make_room(LEAST);
        assert_eq!((buffer.as_ptr(), buffer.len()), (at, 0));
    }
}
