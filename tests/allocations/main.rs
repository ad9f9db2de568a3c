//! How often memory is taken for a record, from the packed page to the bytes of a request, and for a small call: figures that no clock moves,
//! kept as a guard.
//!
//! A program of its own, because counting takes the place of the allocator.

#![allow(clippy::print_stdout, reason = "the figure is for a person, and `make guard` shows it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; helper functions of tests are not seen as tests by clippy")]

#[cfg(feature = "emulator")]
mod call;
#[path = "../../benches/records/corpus.rs"]
mod corpus;
#[cfg(feature = "emulator")]
#[path = "../../benches/corpus/mod.rs"]
mod logs;
#[path = "../../benches/records/ours.rs"]
mod ours;

use corpus::{Corpus, Texture};
use ours::{Compression, Function, Sent, received};

/// Pages that are converted. The first one, which also reads the prices, is not counted.
const PAGES: usize = 4;

/// The most allocations of a record: 15 when this was written. It once took 60.
const MOST: f64 = 16.0;

/// Allocations of a record.
fn allocations(texture: Texture) -> f64 {
    let corpus = Corpus::new(texture, PAGES);
    let mut function = Function::new(Compression::None);
    let mut count = |pages: usize| {
        let pages = received(&corpus.pages[..pages]);
        let mut sent = Sent::default();
        let counted = allocation_counter::measure(|| sent = function.deliver(pages));
        assert!(sent.raw > 0, "nothing was sent");
        counted.count_total
    };
    count(1);
    let (one, all) = (count(1), count(PAGES));
    let taken = (all - one) as f64 / (corpus.records - corpus.records / PAGES) as f64;
    println!("{texture:?}: {taken:.1} allocations a record of {} bytes", corpus.raw_bytes / corpus.records as u64);
    taken
}

#[test]
fn a_record_takes_memory_a_few_times_only() {
    for texture in [Texture::Well, Texture::Badly] {
        let taken = allocations(texture);

        assert!(taken <= MOST, "{texture:?}: {taken:.1} allocations a record, at most {MOST} are allowed");
    }
}
