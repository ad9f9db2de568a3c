//! Bytes → a gzip member. Pure but for the buffers, which are used again.
//!
//! By libdeflate at its fastest level: of what builds with a C compiler alone it takes the least time for the fewest bytes
//! (`benches/compressor.rs`, figures in `docs/performance.md`). It wants the whole input in one piece, as requests are written, and room for the
//! worst output, which is kept from request to request: fresh pages for it would cost a part of the compression.

use std::fmt;

use libdeflater::{CompressionLvl, Compressor, Decompressor};

/// The fastest level that compresses: 0 only stores.
const LEVEL: i32 = 1;

/// A compressor and its output. It holds the largest request so far, which is a bounded thing.
pub struct Gzip {
    compressor: Compressor,
    output: Vec<u8>,
}

impl Default for Gzip {
    fn default() -> Self {
        let level = CompressionLvl::new(LEVEL).unwrap_or_default();
        Self { compressor: Compressor::new(level), output: Vec::new() }
    }
}

impl fmt::Debug for Gzip {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Gzip").finish_non_exhaustive()
    }
}

impl Gzip {
    /// These bytes as one member.
    pub fn pack(&mut self, bytes: &[u8]) -> Vec<u8> {
        let room = self.compressor.gzip_compress_bound(bytes.len());
        if self.output.len() < room {
            // Of fresh zeros the system makes real only what is written to.
            self.output = vec![0; room];
        }
        // With that room it cannot fail; an impossible failure is an empty body that the server refuses.
        let written = self.compressor.gzip_compress(bytes, &mut self.output).unwrap_or_default();
        self.output[..written].to_vec()
    }
}

/// What a member of [`Gzip::pack`] holds, which is `length` bytes.
pub fn unpack(packed: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; length];
    let written = Decompressor::new().gzip_decompress(packed, &mut bytes).ok()?;
    (written == length).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Read;

    proptest! {
        #[test]
        fn what_comes_out_is_what_went_in_whatever_was_packed_before(
            before in proptest::collection::vec(any::<u8>(), 0..2000),
            bytes in proptest::collection::vec(0u8..4, 0..4000),
        ) {
            let mut gzip = Gzip::default();
            gzip.pack(&before);
            let packed = gzip.pack(&bytes);
            let mut read = Vec::new();
            flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut read).unwrap();
            prop_assert_eq!(&read, &bytes);
            prop_assert_eq!(unpack(&packed, read.len()), Some(read));
        }
    }

    #[test]
    fn a_body_that_compresses_is_smaller_and_a_damaged_one_is_none() {
        let mut packed = Gzip::default().pack(&[7; 1_000_000]);
        assert!(packed.len() < 10_000, "{}", packed.len());
        let middle = packed.len() / 2;
        packed[middle] ^= 1;
        assert_eq!(unpack(&packed, 1_000_000), None);
    }
}
