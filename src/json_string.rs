//! The inside of a JSON string, byte by byte: what JSON demands to be escaped, and where a string ends (RFC 8259 §7). Pure; a leaf. What a
//! string says is read in `gateway::unescape` and written in `export::json`.

use std::slice::Iter;

use wide::u8x16;

/// As many bytes as the vector registers of every machine hold. All of a block are compared at once, and those found come out as the bits
/// of one number: texts with many escapes, such as code, are written in a third of the time that a search takes which begins anew behind
/// each of them.
const BLOCK: usize = 16;

/// Where the bytes stand that JSON demands to be escaped: quotation marks, backslashes, control characters. In order.
pub fn to_escape(bytes: &[u8]) -> impl Iterator<Item = usize> {
    Places::new(bytes, |block| {
        let marks = block.simd_eq(u8x16::splat(b'"')) | block.simd_eq(u8x16::splat(b'\\'));
        (marks | block.simd_lt(u8x16::splat(b' '))).to_bitmask()
    })
}

/// Where the backslashes stand, in the inside of a JSON string, of escapes that need not be there or may be written otherwise: `\u` and its
/// digits, `\/`, `\b`, `\f`. In order. All others are passed over without a look at each.
pub fn other_escapes(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let mut follows_backslash = 0;
    let letters = Places::new(bytes, move |block| {
        let letters = [b'u', b'/', b'b', b'f'].map(|letter| block.simd_eq(u8x16::splat(letter)));
        let backslashes = block.simd_eq(u8x16::splat(b'\\')).to_bitmask();
        let behind = backslashes << 1 | follows_backslash;
        follows_backslash = backslashes >> (BLOCK - 1);
        (letters[0] | letters[1] | letters[2] | letters[3]).to_bitmask() & behind
    });
    letters.map(|at| at - 1).filter(|at| is_escape(bytes, *at))
}

/// True for a backslash that is not itself escaped: of those that stand in a row, every second one is.
fn is_escape(bytes: &[u8], at: usize) -> bool {
    bytes[..at].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 0
}

/// Walks over blocks and tells the places that `find` finds in them, a bit for each.
struct Places<'b, F> {
    blocks: Iter<'b, [u8; BLOCK]>,
    /// What follows the whole blocks.
    tail: &'b [u8],
    find: F,
    /// Where the block begins that was looked at last, and the one behind it.
    begin: usize,
    next_begin: usize,
    /// Its places that are still to be told.
    found: u32,
}

impl<'b, F: FnMut(u8x16) -> u32> Places<'b, F> {
    fn new(bytes: &'b [u8], find: F) -> Self {
        let (blocks, tail) = bytes.as_chunks::<BLOCK>();
        Self { blocks: blocks.iter(), tail, find, begin: 0, next_begin: 0, found: 0 }
    }

    fn next_block(&mut self) -> Option<[u8; BLOCK]> {
        (self.begin, self.next_begin) = (self.next_begin, self.next_begin + BLOCK);
        if let Some(block) = self.blocks.next() {
            return Some(*block);
        }
        let mut block = [b' '; BLOCK];
        block.get_mut(..self.tail.len())?.copy_from_slice(self.tail);
        let is_end = self.tail.is_empty();
        self.tail = &[];
        (!is_end).then_some(block)
    }
}

impl<F: FnMut(u8x16) -> u32> Iterator for Places<'_, F> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while self.found == 0 {
            let block = u8x16::new(self.next_block()?);
            self.found = (self.find)(block);
        }
        let at = self.begin + self.found.trailing_zeros() as usize;
        self.found &= self.found - 1;
        Some(at)
    }
}

/// Where the closing quotation mark stands of a string whose opening one stands before `bytes`. `None` where JSON allows no such string: it
/// breaks off, holds a bare control character, or an escape that is none. Half a surrogate pair is an escape like any other.
pub fn end(bytes: &[u8]) -> Option<usize> {
    let mut seen = 0;
    for at in to_escape(bytes) {
        // The second byte of an escape.
        if at < seen {
            continue;
        }
        seen = match &bytes[at..] {
            [b'"', ..] => return Some(at),
            [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => at + 2,
            [b'\\', b'u', digits @ ..] if digits.first_chunk::<4>()?.iter().all(u8::is_ascii_hexdigit) => at + 6,
            _ => return None,
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_place_is_told_in_order_whatever_block_it_stands_in() {
        for length in 0..40 {
            let plain = "字".repeat(length) + &"x".repeat(length);
            assert_eq!(to_escape(plain.as_bytes()).next(), None);
            for special in ["\"", "\\", "\n", "\0", "\u{1f}"] {
                let places: Vec<_> = to_escape(format!("{plain}{special}{special}{plain}{special}").as_bytes()).collect();
                assert_eq!(places, [plain.len(), plain.len() + 1, 2 * plain.len() + 2], "{special:?}");
            }
        }
        assert_eq!(to_escape(" !#[]~\u{7f}\u{80}\u{a0}".as_bytes()).next(), None);
    }

    #[test]
    fn a_string_ends_at_the_first_mark_that_no_backslash_precedes() {
        assert_eq!(end(br#"","#), Some(0));
        assert_eq!(end(br#"a\"b\\","c""#), Some(6));
        assert_eq!(end(br#"\u00e9\ud83d" "#), Some(12));
    }

    proptest! {
        #[test]
        fn it_finds_what_a_look_at_each_byte_finds(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let must = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
            let known: Vec<_> = (0..bytes.len()).filter(|at| must(bytes[*at])).collect();
            prop_assert_eq!(to_escape(&bytes).collect::<Vec<_>>(), known);
        }

        #[test]
        fn other_escapes_are_those_that_a_walk_over_all_escapes_finds(text in r#"(\\[\\"/bfnrtu]|[a-z/]|字){0,60}"#) {
            let (mut known, mut at) = (Vec::new(), 0);
            while at < text.len() {
                let is_escape = text.as_bytes()[at] == b'\\';
                if is_escape && matches!(text.as_bytes()[at + 1], b'/' | b'b' | b'f' | b'u') {
                    known.push(at);
                }
                at += 1 + usize::from(is_escape);
            }
            prop_assert_eq!(other_escapes(text.as_bytes()).collect::<Vec<_>>(), known);
        }

        #[test]
        fn it_agrees_with_a_reader_of_json_about_every_string(text in r#"([a-z ]|字|\\[\\"/bfnrtux]|[0-9a-f]{4}|"|\n|\x01|\\){0,40}"#) {
            let json = format!("\"{text}");
            let known = serde_json::Deserializer::from_str(&json).into_iter::<&serde_json::value::RawValue>().next();
            let known = known.and_then(Result::ok).map(|raw| raw.get().len() - 2);
            prop_assert_eq!(end(text.as_bytes()), known);
        }
    }
}
