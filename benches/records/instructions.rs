//! Instructions of a record, counted by callgrind: a figure that no busy machine moves, kept beside the code as a guard.

use std::hint::black_box;
use std::path::Path;
use std::process::{Command, ExitCode};

use super::{COMPRESSIONS, Corpus, Function, PAGES, TEXTURES, received};

/// Instructions of a record of each texture, without compression, when this was written: by the compiler that `Cargo.toml` names or a newer
/// one, for x86_64. The simulated processor has no instructions for SHA-256, which take a seventh of this in software.
const KNOWN: [f64; 3] = [101_500.0, 106_600.0, 75_000.0];

/// How far a count may lie above what is known: another compiler or C library moves it by some percent, a second look at a text by more.
const TOLERANCE: f64 = 0.10;

/// How often the corpus is converted in the shorter and in the longer of two runs: what they differ by is the work of the rounds between.
const ROUNDS: [usize; 2] = [1, 3];

/// Does our side of the work, for a profiler to watch. `what` names texture, compression and rounds by number: `0.1.3`.
pub fn once(what: &str) -> ExitCode {
    let numbers: Vec<usize> = what.split('.').filter_map(|number| number.parse().ok()).collect();
    let [texture, compression, rounds] = numbers[..] else { return ExitCode::from(2) };
    let (Some((_, texture)), Some((_, compression))) = (TEXTURES.get(texture), COMPRESSIONS.get(compression)) else {
        return ExitCode::from(2);
    };
    let (corpus, mut function) = (Corpus::new(*texture, PAGES), Function::new(*compression));
    for _ in 0..rounds {
        black_box(function.deliver(received(&corpus.pages)));
    }
    ExitCode::SUCCESS
}

/// Counts, prints, and compares; false if there are more than there may be. True where there is no callgrind.
pub fn check() -> bool {
    let known = KNOWN.iter().enumerate();
    let counts: Option<Vec<(usize, f64, f64)>> = known.map(|(texture, known)| Some((texture, of_a_record(texture)?, *known))).collect();
    let Some(counts) = counts else {
        println!("instructions a record: not counted, there is no valgrind");
        return true;
    };
    for (texture, counted, known) in &counts {
        println!(
            "{:<18}{counted:>9.0} instructions a record, {:+.1} % of {known:.0}",
            TEXTURES[*texture].0,
            (counted / known - 1.0) * 100.0
        );
    }
    let kept = counts.iter().all(|(_, counted, known)| *counted <= known * (1.0 + TOLERANCE));
    println!("bound: {:.0} % above what is known: {}", TOLERANCE * 100.0, if kept { "kept" } else { "BROKEN" });
    kept
}

fn of_a_record(texture: usize) -> Option<f64> {
    let [fewer, more] = ROUNDS;
    // Without compression: what a compressor takes is measured by the clock, and not ours.
    let count = |rounds: usize| counted(&format!("{texture}.1.{rounds}"));
    let records = Corpus::new(TEXTURES[texture].1, PAGES).records * (more - fewer);
    Some((count(more)? - count(fewer)?) / records as f64)
}

/// Instructions of a whole run under callgrind.
fn counted(what: &str) -> Option<f64> {
    let folder = tempfile::tempdir().ok()?;
    let out = folder.path().join("callgrind.out");
    let program = std::env::current_exe().ok()?;
    let mut valgrind = Command::new("valgrind");
    valgrind.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", out.display())).arg(program).args(["once", what]);
    let ran = valgrind.output().ok()?.status.success();
    if ran { total(&out) } else { None }
}

/// The line `totals: N` or `summary: N` of a callgrind file.
fn total(out: &Path) -> Option<f64> {
    let text = std::fs::read_to_string(out).ok()?;
    text.lines().find_map(|line| line.strip_prefix("totals: ").or_else(|| line.strip_prefix("summary: "))?.trim().parse().ok())
}
