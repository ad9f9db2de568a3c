//! A raw LZ4 block → its bytes, piece by piece, as the block comes. Pure.
//!
//! For pages that are never in memory as a whole. `lz4_flex`, which is the oracle of the tests, wants all of a block and room for all of its
//! bytes. The format is that of the LZ4 block description: sequences of a token, literals and a match in the 64 KB before it.

use std::ops::ControlFlow::{self, Break, Continue};

/// How far a match lies back at most. Bytes. So many must stand before the room that is written to next.
pub const HISTORY: usize = 64 * 1024 - 1;

/// What the shorter forms of both lengths can hold; in place of more stands this, and bytes to add follow.
const LONG: usize = 15;

/// The shortest match, which is not counted in its length.
const LEAST_MATCH: usize = 4;

/// A block that breaks the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the LZ4 block is damaged")]
pub struct Malformed;

/// Where in a sequence the next byte of the block stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Next {
    #[default]
    Token,
    LiteralLength,
    Literals,
    OffsetLow,
    OffsetHigh,
    MatchLength,
    Match,
}

/// A block of which a part has been read.
#[derive(Clone, Debug, Default)]
pub struct Lz4 {
    next: Next,
    /// Literals that are still to come.
    literals: usize,
    /// How far back the match lies.
    offset: usize,
    /// Bytes of the match that are still to be written.
    matched: usize,
}

impl Lz4 {
    /// Reads from the front of `block`, which it shortens by that, and writes to `room` from `written` on, which it moves, until one of them
    /// ends. What is written before `written` is what came last.
    ///
    /// # Errors
    /// A match that lies before all that was written, or a length that no page can have.
    pub fn unpack(&mut self, block: &mut &[u8], room: &mut [u8], written: &mut usize) -> Result<(), Malformed> {
        loop {
            if self.next == Next::Token {
                short_sequences(block, room, written);
            }
            if self.step(block, room, written)?.is_break() {
                return Ok(());
            }
        }
    }

    /// True if the block may end here: its last sequence has no match.
    pub fn is_whole(&self) -> bool {
        self.next == Next::OffsetLow
    }

    /// One step of a sequence, as far as there is something to read and room.
    fn step(&mut self, block: &mut &[u8], room: &mut [u8], written: &mut usize) -> Result<ControlFlow<()>, Malformed> {
        match self.next {
            Next::Literals => return Ok(self.copy_literals(block, room, written)),
            Next::Match => return self.copy_match(room, written),
            _ => {}
        }
        let Some((byte, rest)) = block.split_first() else { return Ok(Break(())) };
        *block = rest;
        self.read(usize::from(*byte))?;
        Ok(Continue(()))
    }

    /// Takes a byte that is no literal.
    fn read(&mut self, byte: usize) -> Result<(), Malformed> {
        self.next = match self.next {
            Next::Token => {
                (self.literals, self.matched) = (byte >> 4, byte & LONG);
                if self.literals == LONG { Next::LiteralLength } else { Next::Literals }
            }
            Next::LiteralLength => more(&mut self.literals, byte, Next::LiteralLength, Next::Literals)?,
            Next::OffsetLow => {
                self.offset = byte;
                Next::OffsetHigh
            }
            Next::OffsetHigh => {
                self.offset |= byte << 8;
                let is_long = self.matched == LONG;
                self.matched += LEAST_MATCH;
                if is_long { Next::MatchLength } else { Next::Match }
            }
            Next::MatchLength => more(&mut self.matched, byte, Next::MatchLength, Next::Match)?,
            Next::Literals | Next::Match => self.next,
        };
        Ok(())
    }

    fn copy_literals(&mut self, block: &mut &[u8], room: &mut [u8], written: &mut usize) -> ControlFlow<()> {
        let length = self.literals.min(block.len()).min(room.len() - *written);
        let (literals, rest) = block.split_at(length);
        room[*written..*written + length].copy_from_slice(literals);
        *block = rest;
        *written += length;
        self.literals -= length;
        if self.literals > 0 {
            return Break(());
        }
        self.next = Next::OffsetLow;
        Continue(())
    }

    fn copy_match(&mut self, room: &mut [u8], written: &mut usize) -> Result<ControlFlow<()>, Malformed> {
        if self.offset == 0 || self.offset > *written {
            return Err(Malformed);
        }
        let source = *written - self.offset;
        while self.matched > 0 {
            // A match that is longer than it lies back repeats itself: each round has twice as much to copy from as the one before.
            let length = self.matched.min(*written - source).min(room.len() - *written);
            if length == 0 {
                return Ok(Break(()));
            }
            room.copy_within(source..source + length, *written);
            *written += length;
            self.matched -= length;
        }
        self.next = Next::Token;
        Ok(Continue(()))
    }
}

/// Adds to a length that goes on as long as its bytes are 255.
fn more(length: &mut usize, byte: usize, same: Next, then: Next) -> Result<Next, Malformed> {
    *length = length.checked_add(byte).filter(|length| u32::try_from(*length).is_ok()).ok_or(Malformed)?;
    Ok(if byte == 0xff { same } else { then })
}

/// Sequences whose lengths stand in their tokens, which nearly all do, as long as they lie far from both ends: copied by pieces of a fixed
/// size, whose surplus is written over by what follows. Ends before anything else, damage too.
fn short_sequences(block: &mut &[u8], room: &mut [u8], written: &mut usize) {
    /// The longest such match, and what is copied for literals.
    const MATCH: usize = LONG - 1 + LEAST_MATCH;
    const LITERALS: usize = 16;
    let mut at = *written;
    while let Some((head, _)) = block.split_first_chunk::<{ LITERALS + 3 }>() {
        let (literals, matched) = (usize::from(head[0] >> 4), usize::from(head[0] & 0xf) + LEAST_MATCH);
        if literals == LONG || matched > MATCH || room.len() - at < LITERALS + MATCH {
            break;
        }
        let offset = usize::from(u16::from_le_bytes([head[literals + 1], head[literals + 2]]));
        let end = at + literals;
        // Copies that overlap repeat what they have just written: rare, and slow.
        if offset < MATCH || offset > end {
            break;
        }
        room[at..at + LITERALS].copy_from_slice(&head[1..=LITERALS]);
        room.copy_within(end - offset..end - offset + MATCH, end);
        at = end + matched;
        *block = &block[literals + 3..];
    }
    *written = at;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Unpacks a block that comes in pieces of such lengths into a window that moves on when so many bytes are written.
    fn unpacked(block: &[u8], pieces: &[usize], window: usize) -> Result<Vec<u8>, Malformed> {
        let (mut lz4, mut whole, mut room, mut written) = (Lz4::default(), Vec::new(), vec![0; window], 0);
        let (mut rest, mut pieces, mut kept) = (block, pieces.iter().cycle(), 0);
        while !rest.is_empty() || written == room.len() {
            if written == room.len() {
                whole.extend_from_slice(&room[kept..]);
                kept = written.min(HISTORY);
                room.copy_within(written - kept.., 0);
                room.resize(kept + window, 0);
                written = kept;
            }
            let (piece, behind) = rest.split_at(rest.len().min(*pieces.next().unwrap()));
            let mut piece_left = piece;
            lz4.unpack(&mut piece_left, &mut room, &mut written)?;
            rest = &rest[rest.len() - behind.len() - piece_left.len()..];
        }
        whole.extend_from_slice(&room[kept..written]);
        if lz4.is_whole() { Ok(whole) } else { Err(Malformed) }
    }

    /// Text with repetitions of every distance and length, runs among them.
    fn texts() -> impl Strategy<Value = Vec<u8>> {
        let word = prop_oneof![
            4 => proptest::collection::vec(any::<u8>(), 1..30),
            2 => (any::<u8>(), 1..700usize).prop_map(|(byte, length)| vec![byte; length]),
            1 => proptest::collection::vec(any::<u8>(), 200..4000),
        ];
        (proptest::collection::vec(word, 1..20), proptest::collection::vec(any::<proptest::sample::Index>(), 0..300))
            .prop_map(|(words, order)| order.iter().flat_map(|index| words[index.index(words.len())].clone()).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

        #[test]
        fn every_block_unpacks_to_what_was_packed_however_it_comes(
            text in texts(), pieces in proptest::collection::vec(1..5000usize, 1..8), window in 1..100_000usize
        ) {
            let block = lz4_flex::block::compress(&text);
            prop_assert_eq!(unpacked(&block, &pieces, window), Ok(text.clone()));
            prop_assert_eq!(unpacked(&block, &[1], window), Ok(text));
        }

        #[test]
        fn a_damaged_block_is_refused_or_unpacks_as_the_oracle_says(
            text in texts(), at in any::<proptest::sample::Index>(), byte in any::<u8>(), window in 1..100_000usize
        ) {
            let mut block = lz4_flex::block::compress(&text);
            let at = at.index(block.len());
            block[at] = byte;
            let mut oracle = vec![0; 1 << 20];
            if let (Ok(ours), Ok(length)) = (unpacked(&block, &[100], window), lz4_flex::block::decompress_into(&block, &mut oracle)) {
                prop_assert_eq!(ours, &oracle[..length]);
            }
        }
    }

    #[test]
    fn a_match_before_everything_and_an_endless_length_are_damage() {
        let start = |block: &[u8]| Lz4::default().unpack(&mut &*block, &mut [0; 64], &mut 0);
        assert_eq!(start(&[0x10, b'a', 2, 0]), Err(Malformed));
        assert_eq!(start(&[0x10, b'a', 0, 0]), Err(Malformed));
        let endless = [[0xf0].as_slice(), &vec![0xff; 17_000_000]].concat();
        assert_eq!(start(&endless), Err(Malformed));
    }
}
