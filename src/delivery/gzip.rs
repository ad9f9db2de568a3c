//! Bytes → a gzip member. Pure but for the buffers, which are used again.
//!
//! By libdeflate at its fastest level: of what builds with a C compiler alone it takes the least time for the fewest bytes
//! (`benches/compressor.rs`, figures in `docs/performance.md`). It wants the whole input in one piece, as requests are written, and room for the
//! worst output, which is kept from request to request: fresh pages for it would cost a part of the compression.

use std::fmt;

use bytes::Bytes;
use libdeflater::{CompressionLvl, Compressor, Decompressor};

use crate::spare::{Buffer, Spare};

/// The fastest level that compresses: 0 only stores.
const LEVEL: i32 = 1;

/// The most room for an output that is kept. Bytes. Twice a full request: a larger one carries a single record of an unusual size.
const MOST_KEPT: usize = 2_000_000;

/// A compressor and its output.
pub struct Gzip {
    compressor: Compressor,
    output: Buffer,
}

impl Default for Gzip {
    fn default() -> Self {
        let level = CompressionLvl::new(LEVEL).unwrap_or_default();
        Self { compressor: Compressor::new(level), output: Buffer::default() }
    }
}

impl fmt::Debug for Gzip {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Gzip").finish_non_exhaustive()
    }
}

impl Gzip {
    /// These bytes as one member, in `spare` memory of its size.
    pub fn pack(&mut self, bytes: &[u8], spare: &Spare) -> Bytes {
        let room = self.compressor.gzip_compress_bound(bytes.len());
        if self.output.len() < room {
            self.output = Buffer::default();
            self.output.skip(room);
        }
        // With that room it cannot fail; an impossible failure is an empty body that the server refuses.
        let written = self.compressor.gzip_compress(bytes, &mut self.output).unwrap_or_default();
        let packed = spare.copied(&self.output[..written]);
        if room > MOST_KEPT {
            self.output = Buffer::default();
        }
        packed
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
            gzip.pack(&before, &Spare::default());
            let packed = gzip.pack(&bytes, &Spare::default());
            let mut read = Vec::new();
            flate2::read::GzDecoder::new(packed.as_ref()).read_to_end(&mut read).unwrap();
            prop_assert_eq!(&read, &bytes);
            prop_assert_eq!(unpack(&packed, read.len()), Some(read));
        }
    }

    #[test]
    fn a_body_that_compresses_is_smaller_and_a_damaged_one_is_none() {
        let mut packed = Gzip::default().pack(&[7; 1_000_000], &Spare::default()).to_vec();
        assert!(packed.len() < 10_000, "{}", packed.len());
        let middle = packed.len() / 2;
        packed[middle] ^= 1;
        assert_eq!(unpack(&packed, 1_000_000), None);
    }
}
