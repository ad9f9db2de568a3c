//! The most memory that the process ever held, by the kernel's own count (`VmHWM`).

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;

use super::corpus::{RECORDS_PER_GROUP, Texts};
use super::program::{Program, Start, all};
use super::world::World;

/// Decoded bytes of one record.
const BYTES_A_RECORD: u64 = 4500;

/// What Langfuse takes for a request, milliseconds: what waits for an answer is held.
const ANSWERS: [u64; 4] = [0, 50, 100, 500];

/// `OTEL_EXPORTER_OTLP_COMPRESSION`: without it a request is held as large as it is.
const COMPRESSIONS: [&str; 2] = ["gzip", "none"];

/// Over how many calls at once a range of 100 MB is spread, and over how many one of 2 GB.
const CALLS_FOR_100_MB: [u64; 3] = [1, 4, 8];
const CALLS_FOR_2_GB: [u64; 2] = [1, 4];

/// The most that each may take, megabytes.
const BOUND_OF_100_MB: u64 = 32;
const BOUND_OF_2_GB: u64 = 64;

/// Calls that one process lives through, and what it may grow by between a tenth of them and all, kilobytes.
const CALLS: u64 = 1000;
const GROWTH_KB: u64 = 1024;

/// Prints the figures, and fails above the bounds.
pub async fn run(program: &Path) -> anyhow::Result<()> {
    let mut kept = true;
    for texts in Texts::BOTH {
        for answer in ANSWERS {
            let world = World::start(texts, Duration::from_millis(answer)).await?;
            for compression in COMPRESSIONS {
                let start = started(program, &world, compression);
                println!("\nmemory, {}, {compression}, Langfuse answering in {answer} ms", texts.name());
                kept &= peaks(&start, 100, &CALLS_FOR_100_MB, BOUND_OF_100_MB).await?;
                if answer == 0 {
                    kept &= peaks(&start, 2048, &CALLS_FOR_2_GB, BOUND_OF_2_GB).await?;
                }
            }
        }
    }
    let is_flat = many_calls(program).await?;
    println!();
    ensure!(kept && is_flat, "a bound of memory is BROKEN");
    Ok(())
}

fn started(program: &Path, world: &World, compression: &str) -> Start {
    let mut settings = world.settings();
    settings.insert("OTEL_EXPORTER_OTLP_COMPRESSION", compression.into());
    Start { program: program.into(), prefix: Vec::new(), settings }
}

/// True if a range of so many megabytes stays under `bound` of them over each of these numbers of calls.
async fn peaks(start: &Start, megabytes: u64, calls: &[u64], bound: u64) -> anyhow::Result<bool> {
    let mut kept = true;
    for calls in calls {
        let program = start.run().await?;
        let idle = program.memory_kb("VmRSS")?;
        pull(&program, megabytes, *calls).await?;
        let peak = program.memory_kb("VmHWM")?;
        println!("  {megabytes:>4} MB in {calls} calls at once: at most {:.1} MB (idle {:.1} MB)", mb(peak), mb(idle));
        kept &= peak <= bound * 1024;
    }
    Ok(kept)
}

async fn pull(program: &Program, megabytes: u64, calls: u64) -> anyhow::Result<()> {
    let records = megabytes * 1024 * 1024 / BYTES_A_RECORD / calls;
    let groups = records.div_ceil(RECORDS_PER_GROUP as u64);
    all((0..calls).map(|call| program.call(call * groups, records))).await.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    Ok(())
}

/// True if what the process holds does not grow from call to call.
async fn many_calls(program: &Path) -> anyhow::Result<bool> {
    let world = World::start(Texts::Varied, Duration::ZERO).await?;
    let program = started(program, &world, "gzip").run().await?;
    let mut early = 0;
    for call in 0..CALLS {
        program.call(call % 190, 100).await?;
        // What a process keeps to itself has settled by then.
        if call == CALLS / 10 {
            early = program.memory_kb("VmRSS")?;
        }
    }
    let late = program.memory_kb("VmRSS")?;
    println!("  {CALLS} calls: {:.1} MB after a tenth of them, {:.1} MB after all", mb(early), mb(late));
    Ok(late < early + GROWTH_KB)
}

fn mb(kilobytes: u64) -> f64 {
    kilobytes as f64 / 1024.0
}
