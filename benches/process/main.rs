//! What the deployable costs as a whole process: start, memory, time of a processor for each record, latency, and what it does on a slice of
//! a core. `make cost`; `make cost PART=memory` for one of them, `make cost PART=groups` for what of it has large log groups.
//!
//! Both services stand beside it in this process. Times of a processor are those of the kernel for the function's own threads, so that what
//! else runs on the machine adds to the spread and not to the figures.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]

#[path = "../corpus/mod.rs"]
mod corpus;
mod latency;
mod memory;
mod plot;
mod program;
mod python;
mod quota;
mod records;
mod starts;
mod world;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    // `cargo bench` adds an option of its own.
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let program = PathBuf::from(words.next().context("usage: process BOOTSTRAP [PART …]: run `make cost`")?).canonicalize()?;
    let parts: Vec<_> = words.collect();
    let all = ["starts", "memory", "records", "latency", "quota"].map(str::to_owned).to_vec();
    println!("{}: {} bytes", program.display(), std::fs::metadata(&program)?.len());
    for part in if parts.is_empty() { all } else { parts } {
        match part.as_str() {
            "starts" => starts::run(&program).await?,
            "memory" => memory::run(&program).await?,
            "groups" => memory::large_groups(&program).await?,
            "records" => records::run(&program).await?,
            "latency" => latency::run(&program).await?,
            "quota" => quota::run(&program).await?,
            "python" => python::run(&program).await?,
            other => bail!("there is no part {other}"),
        }
    }
    Ok(())
}

/// The median of some figures, and a quarter and three quarters of the way through them.
#[derive(Clone, Copy, Debug)]
struct Spread {
    quarter: f64,
    median: f64,
    three_quarters: f64,
}

impl Spread {
    fn of(mut figures: Vec<f64>) -> Self {
        figures.sort_unstable_by(f64::total_cmp);
        let at = |share: usize| figures.get(figures.len() * share / 4).copied().unwrap_or(f64::NAN);
        Self { quarter: at(1), median: at(2), three_quarters: at(3) }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:.2} ({:.2} – {:.2})", self.median, self.quarter, self.three_quarters)
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
