//! What a record costs from the packed page to the bytes of a request, beside the floor and beside the straightforward way. `make bench`.
//!
//! The three take turns in one process, so that a busy machine slows all of them alike, and are measured by the time that the thread had
//! a processor; told are the ratios of neighbours, with their spread, and the best times. Fails above the bounds. With the argument `once` it does the work of our side alone, for a profiler.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod corpus;
mod floor;
mod instructions;
mod ours;
mod straightforward;

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use corpus::{Corpus, Texture};
use floor::Floor;
use ours::{Compression, Function, Sent, received};

/// Pages of a corpus: about 4.6 MB, more than any cache of a core.
const PAGES: usize = 4;

/// Rounds of each measurement. In each, all three take their turn.
const ROUNDS: usize = 31;

/// The most that the whole way may cost with compression, in floors: the median of all rounds. Of short calls that are alike the compressor
/// leaves nearly nothing and takes little time, so what a record costs whatever its size shows there; their bound is what they keep.
const MOST_FLOORS: [f64; 3] = [1.5, 1.5, 1.75];

/// How many times faster than the straightforward way it must be, the compressor apart: the median of all rounds.
const LEAST_GAIN: f64 = 2.0;

const TEXTURES: [(&str, Texture); 3] =
    [("compresses well", Texture::Well), ("compresses badly", Texture::Badly), ("short and alike", Texture::Alike)];
const COMPRESSIONS: [(&str, Compression); 2] = [("gzip", Compression::Gzip), ("none", Compression::None)];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => {
            let timed = times();
            let counted = instructions::check();
            if timed && counted { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        ["once", what] => instructions::once(what),
        ["instructions"] => {
            if instructions::check() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        _ => ExitCode::from(2),
    }
}

/// Measures and prints; false if a bound is broken.
fn times() -> bool {
    println!(
        "{:<18}{:<6}{:>9}{:>9}{:>11}   {:<26}straightforward / ours",
        "µs a record", "", "ours", "floor", "straightf.", "ours / floor"
    );
    let mut kept = true;
    for ((texture_name, texture), most_floors) in TEXTURES.into_iter().zip(MOST_FLOORS) {
        let corpus = Corpus::new(texture, PAGES);
        for (compression_name, compression) in COMPRESSIONS {
            let measured = Measured::of(&corpus, compression);
            kept &= measured.print(texture_name, compression_name, most_floors);
        }
        println!("{:<18}{:.0} bytes a record, {} records", "", corpus.raw_bytes as f64 / corpus.records as f64, corpus.records);
    }
    println!("bounds: {MOST_FLOORS:?} floors; {LEAST_GAIN} times the straightforward way: {}", if kept { "kept" } else { "BROKEN" });
    kept
}

/// Times of all rounds, µs a record.
struct Measured {
    ours: Vec<f64>,
    floor: Vec<f64>,
    straightforward: Vec<f64>,
    sent: Sent,
    compression: Compression,
}

impl Measured {
    fn of(corpus: &Corpus, compression: Compression) -> Self {
        let mut function = Function::new(compression);
        let mut batches = Vec::new();
        function.convert(received(&corpus.pages), |batch| batches.push(batch));
        let mut floor = Floor::new(&batches, compression);
        let mut measured = Self { ours: Vec::new(), floor: Vec::new(), straightforward: Vec::new(), sent: Sent::default(), compression };
        let each = |time: Duration| time.as_secs_f64() * 1e6 / corpus.records as f64;
        for _ in 0..ROUNDS {
            let pages = received(&corpus.pages);
            let (time, sent) = timed(|| function.deliver(pages));
            measured.ours.push(each(time));
            measured.sent = sent;
            let (time, least) = timed(|| floor.run(black_box(&corpus.pages)));
            assert_eq!(least, sent, "the floor sends other bytes");
            measured.floor.push(each(time));
            let (time, alike) = timed(|| straightforward::run(black_box(&corpus.pages), compression));
            assert!(
                alike.raw.abs_diff(sent.raw) < sent.raw / 5,
                "the straightforward way does another job: {} of {} bytes",
                alike.raw,
                sent.raw
            );
            measured.straightforward.push(each(time));
        }
        measured
    }

    /// Prints a line; false if a bound is broken.
    fn print(&self, texture: &str, compression: &str, most_floors: f64) -> bool {
        let (floors, gains) = (ratios(&self.ours, &self.floor), ratios(&self.straightforward, &self.ours));
        let spread = |ratios: &[f64]| format!("{:.2} ({:.2} to {:.2})", median(ratios), ratios[0], ratios[ratios.len() - 1]);
        println!(
            "{texture:<18}{compression:<6}{:>9.2}{:>9.2}{:>11.2}   {:<26}{:<26}{} of {} bytes",
            least(&self.ours),
            least(&self.floor),
            least(&self.straightforward),
            spread(&floors),
            spread(&gains),
            self.sent.wire,
            self.sent.raw,
        );
        // With gzip both sides spend most of their time in the same compressor, and without it the floor is nobody's whole way.
        match self.compression {
            Compression::Gzip => median(&floors) <= most_floors,
            Compression::None => median(&gains) >= LEAST_GAIN,
        }
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let began = processor_time();
    let done = black_box(work());
    (processor_time().saturating_sub(began), done)
}

/// The time that this thread has had a processor.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// The ratios of neighbours, ascending.
fn ratios(above: &[f64], below: &[f64]) -> Vec<f64> {
    let mut ratios: Vec<_> = above.iter().zip(below).map(|(above, below)| above / below).collect();
    ratios.sort_by(f64::total_cmp);
    ratios
}

fn median(ascending: &[f64]) -> f64 {
    ascending[ascending.len() / 2]
}

fn least(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}
