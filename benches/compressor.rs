//! What it costs to compress the requests that leave, and how many bytes are left: every compressor that builds with a C compiler alone, on
//! bodies of both corpora. `make bench`.
//!
//! The rounds of the candidates alternate, and CPU time of this thread is counted, so that a busy machine disturbs all of them alike. The
//! bound is that of the contract: at most 1.15 times the bytes of gzip level 1. The program fails above it.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod corpus;

use std::hint::black_box;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use flate2::write::GzEncoder;
use libdeflater::{CompressionLvl, Compressor};
use rustix::time::{ClockId, clock_gettime};
use sls_to_langfuse::delivery::gzip::Gzip;
use sls_to_langfuse::spare::Spare;

use corpus::Texts;

/// Records of each corpus, and rounds over it.
const RECORDS: usize = 2000;
const ROUNDS: usize = 15;

/// How many bytes may leave for each one that gzip level 1 would send.
const BOUND: f64 = 1.15;

/// A body in, the bytes that are left out.
type Pack = Box<dyn FnMut(&[u8]) -> usize>;

/// One way to compress: what it is called, and what it makes of a body.
struct Candidate {
    name: &'static str,
    pack: Pack,
}

/// What a candidate took for each record, and the bytes that it left.
struct Figures {
    median: Duration,
    spread: [Duration; 2],
    bytes: usize,
}

fn main() -> ExitCode {
    let mut kept = true;
    for texts in Texts::BOTH {
        let bodies = corpus::bodies(&corpus::groups(texts, RECORDS, 7));
        let bytes: usize = bodies.iter().map(Vec::len).sum();
        let mut candidates = candidates();
        let figures = measure(&mut candidates, &bodies);
        println!("\ntext that {}: {} bytes a record", texts.name(), bytes / RECORDS);
        println!("{:<34} {:>12} {:>16} {:>9} {:>10}", "", "µs a record", "half of rounds", "of bytes", "of level 1");
        let level_1 = figures[0].bytes as f64;
        for (candidate, figures) in candidates.iter().zip(&figures) {
            let [low, high] = figures.spread.map(micros);
            let (of_bytes, of_level_1) = (figures.bytes as f64 / bytes as f64, figures.bytes as f64 / level_1);
            println!(
                "{:<34} {:>12.2} {low:>7.2} – {high:>6.2} {:>8.1}% {of_level_1:>10.3}",
                candidate.name,
                micros(figures.median),
                100.0 * of_bytes
            );
        }
        kept &= figures.last().is_some_and(|ours| ours.bytes as f64 <= BOUND * level_1);
    }
    println!("\nbound for what leaves: {BOUND} times the bytes of gzip level 1: {}", if kept { "kept" } else { "BROKEN" });
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The yardstick first, ours last.
fn candidates() -> Vec<Candidate> {
    let flate2 = |name, level| Candidate { name, pack: Box::new(move |body| by_flate2(body, level)) };
    let libdeflate = |name, level| {
        let mut compressor = Compressor::new(CompressionLvl::new(level).unwrap_or_default());
        Candidate { name, pack: Box::new(move |body| by_libdeflate(&mut compressor, body)) }
    };
    let mut ours = Gzip::default();
    vec![
        Candidate { name: "miniz_oxide, level 1", pack: Box::new(|body| miniz_oxide::deflate::compress_to_vec(body, 1).len()) },
        flate2("flate2 with zlib-rs, level 1", 1),
        flate2("flate2 with zlib-rs, level 2", 2),
        flate2("flate2 with zlib-rs, level 3", 3),
        libdeflate("libdeflate, level 1", 1),
        libdeflate("libdeflate, level 2", 2),
        Candidate { name: "ours", pack: Box::new(move |body| ours.pack(body, &Spare::default()).len()) },
    ]
}

fn by_flate2(body: &[u8], level: u32) -> usize {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 3), flate2::Compression::new(level));
    encoder.write_all(body).and_then(|()| encoder.finish()).map_or(usize::MAX, |packed| packed.len())
}

fn by_libdeflate(compressor: &mut Compressor, body: &[u8]) -> usize {
    let mut packed = vec![0; compressor.gzip_compress_bound(body.len())];
    compressor.gzip_compress(body, &mut packed).unwrap_or(usize::MAX)
}

fn measure(candidates: &mut [Candidate], bodies: &[Vec<u8>]) -> Vec<Figures> {
    let mut times = vec![Vec::new(); candidates.len()];
    let mut bytes = vec![0; candidates.len()];
    for _ in 0..ROUNDS {
        for (index, candidate) in candidates.iter_mut().enumerate() {
            let began = cpu_time();
            bytes[index] = bodies.iter().map(|body| (candidate.pack)(black_box(body))).sum();
            times[index].push((cpu_time() - began) / RECORDS as u32);
        }
    }
    let figures = |(mut times, bytes): (Vec<Duration>, usize)| {
        times.sort_unstable();
        Figures { median: times[ROUNDS / 2], spread: [times[ROUNDS / 4], times[ROUNDS * 3 / 4]], bytes }
    };
    times.into_iter().zip(bytes).map(figures).collect()
}

/// What this thread has taken of a processor.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
