//! Foreign bytes for everything that reads any, on a stable toolchain: mutations of a corpus, the same for the same seed. `cargo fuzz` runs
//! the same targets with coverage (`fuzz/run`).

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "figures are for a person, and `make soak` says how long a run is")]

#[path = "../fuzz/targets.rs"]
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use self::targets::Target;

/// Inputs for each target in `make test`.
const INPUTS: u64 = 3000;

/// The longest input, bytes: damage is local, and short inputs are quick.
const LONGEST: usize = 8192;

/// What numbers, lengths and syntax break on.
const TOKENS: [&[u8]; 22] = [
    b"0",
    b"-1",
    b"18446744073709551616",
    b"1e999",
    b"NaN",
    b"null",
    b"true",
    b"{}",
    b"[]",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud83d",
    b"\n",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\x80",
    b"\x00",
    b"{\"",
    b"\":",
    b"[[[[[[[[",
    b"=",
    b"GMT",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// The inputs that a target starts from: files of its own, found crashes among them, and what other tests have.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let own = std::fs::read_dir(root().join("tests/fuzz/corpus").join(target)).unwrap();
    let mut paths: Vec<_> = own.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut inputs: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    inputs.extend(match target {
        "record" => logged_lines(),
        "page" => published_pages(),
        _ => Vec::new(),
    });
    inputs
}

fn logged_lines() -> Vec<Vec<u8>> {
    let mut files: Vec<_> = std::fs::read_dir(root().join("tests/fixtures/gateway")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.push(root().join("tests/fixtures/gateway-samples.jsonl"));
    files.sort();
    let lines =
        files.iter().flat_map(|file| std::fs::read(file).unwrap().split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>());
    lines.filter(|line| !line.is_empty() && line.len() <= LONGEST).collect()
}

/// The published bodies as LZ4, zlib and zstd, with the headers that they come with.
fn published_pages() -> Vec<Vec<u8>> {
    let all: Value = serde_json::from_slice(&std::fs::read(root().join("tests/fixtures/sls-vectors.json")).unwrap()).unwrap();
    let page = |vector: &Value| {
        let bytes = |name: &str| STANDARD.decode(vector[format!("{name}_base64")].as_str()?).ok();
        let hex = |name: &str| {
            let hex = vector[format!("{name}_hex")].as_str()?;
            Some((0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect())
        };
        let raw = bytes("raw").or_else(|| hex("raw"));
        let packed = bytes("compressed").or_else(|| hex("compressed"));
        let kind = vector["x-log-compresstype"].as_str().unwrap_or_default().to_owned();
        let size = vector["x-log-bodyrawsize"].as_u64().or(raw.as_ref().map(|raw: &Vec<u8>| raw.len() as u64))?;
        let head = format!("MTczMjE1NDI4NzIxMzIzMjAyMA==\n{size}\n{kind}\n1732154287213232019\n1\n");
        Some([head.into_bytes(), if kind.is_empty() { raw? } else { packed? }].concat())
    };
    all["protobuf"].as_array().unwrap().iter().filter_map(page).collect()
}

fn mutated(corpus: &[Vec<u8>], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut input = random.choice(corpus).cloned().unwrap_or_default();
    for _ in 0..random.usize(1..=6) {
        mutate(&mut input, corpus, random);
    }
    input.truncate(LONGEST);
    input
}

fn mutate(input: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut fastrand::Rng) {
    let at = random.usize(..=input.len());
    let end = (at + random.usize(..=16)).min(input.len());
    match random.u32(..9) {
        0 if at < input.len() => input[at] ^= 1 << random.u32(..8),
        1 if at < input.len() => input[at] = random.u8(..),
        2 => drop(input.drain(at..end)),
        3 => input.truncate(at),
        4 => drop(input.splice(at..at, input[at..end].repeat(random.usize(1..50)))),
        5 => {
            let other = random.choice(corpus).map_or(&[][..], Vec::as_slice);
            let from = random.usize(..=other.len());
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        6 => drop(input.splice(at..end, random.choice(TOKENS).unwrap_or_default().iter().copied())),
        7 if !input.is_empty() => {
            // Another digit changes sizes and numbers without breaking anything else.
            let digits: Vec<_> = (0..input.len()).filter(|at| input[*at].is_ascii_digit()).collect();
            if let Some(at) = random.choice(digits) {
                input[at] = random.u8(b'0'..=b'9');
            }
        }
        _ => drop(input.splice(at..at, random.choice(TOKENS).unwrap_or_default().iter().copied())),
    }
}

/// Runs a target and keeps an input that breaks it.
fn run(name: &str, target: Target, input: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| target(input))).is_err() {
        let kept = root().join("target").join(format!("fuzz-{name}-{:016x}", fastrand::Rng::with_seed(input.len() as u64).u64(..)));
        std::fs::write(&kept, input).unwrap();
        panic!("{name} breaks on {}; move it to tests/fuzz/corpus/{name}/ and mend the code", kept.display());
    }
}

fn fuzz(name: &str, target: Target, seed: u64, goes_on: impl Fn(u64) -> bool) -> u64 {
    let corpus = corpus(name);
    assert!(!corpus.is_empty(), "{name} has no corpus");
    corpus.iter().for_each(|input| run(name, target, input));
    let (mut random, mut inputs) = (fastrand::Rng::with_seed(seed), 0);
    while goes_on(inputs) {
        run(name, target, &mutated(&corpus, &mut random));
        inputs += 1;
    }
    inputs
}

#[test]
fn no_foreign_bytes_break_a_reader() {
    for (name, target) in targets::ALL {
        fuzz(name, target, 1, |inputs| inputs < INPUTS);
    }
}

#[test]
#[ignore = "minutes: make soak"]
fn no_foreign_bytes_break_a_reader_for_minutes() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (seconds, seed) = (number("FUZZ_SECONDS").unwrap_or(120), number("SOAK_SEED").unwrap_or_else(|| fastrand::u64(..)));
    for (name, target) in targets::ALL {
        let began = Instant::now();
        let inputs = fuzz(name, target, seed, |_| began.elapsed() < Duration::from_secs(seconds));
        println!("fuzz {name}: {inputs} inputs in {seconds} s, seed {seed}");
    }
}
