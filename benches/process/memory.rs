//! The most memory that the process ever held, by the kernel's own count (`VmHWM`).

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;

use super::corpus::Texts;
use super::micros;
use super::program::{Program, Start, all};
use super::world::{Groups, World};

/// Decoded bytes of one record.
const BYTES_A_RECORD: u64 = 4500;

/// What Langfuse takes for a request, milliseconds: what waits for an answer is held.
const ANSWERS: [u64; 4] = [0, 50, 100, 500];

/// The same for large log groups.
const ANSWERS_FOR_LARGE_GROUPS: [u64; 2] = [0, 500];

/// `OTEL_EXPORTER_OTLP_COMPRESSION`: without it a request is held as large as it is.
const COMPRESSIONS: [&str; 2] = ["gzip", "none"];

/// Over how many calls at once a range of 100 MB is spread, and over how many one of 2 GB.
const CALLS_FOR_100_MB: [u64; 3] = [1, 4, 8];
const CALLS_FOR_2_GB: [u64; 2] = [1, 4];

/// The most that each may take, 10^6 bytes.
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
                kept &= peaks(&start, &world, 100, &CALLS_FOR_100_MB, BOUND_OF_100_MB).await?;
                if answer == 0 {
                    kept &= peaks(&start, &world, 2048, &CALLS_FOR_2_GB, BOUND_OF_2_GB).await?;
                }
            }
        }
        kept &= with_large_groups(program, texts).await?;
    }
    let is_flat = many_calls(program).await?;
    println!();
    ensure!(kept && is_flat, "a bound of memory is BROKEN");
    Ok(())
}

/// The part of it with large log groups alone.
pub async fn large_groups(program: &Path) -> anyhow::Result<()> {
    let mut kept = true;
    for texts in Texts::BOTH {
        kept &= with_large_groups(program, texts).await?;
    }
    ensure!(kept, "a bound of memory is BROKEN");
    Ok(())
}

/// True if the size of the groups, whole ones of which a page holds, makes no difference to the bound.
async fn with_large_groups(program: &Path, texts: Texts) -> anyhow::Result<bool> {
    let mut kept = true;
    for groups in [Groups::Large, Groups::Largest] {
        for answer in ANSWERS_FOR_LARGE_GROUPS {
            let world = World::of(texts, groups, Duration::from_millis(answer)).await?;
            for compression in COMPRESSIONS {
                println!("\nmemory, {}, {}, {compression}, Langfuse answering in {answer} ms", texts.name(), groups.name());
                let start = started(program, &world, compression);
                kept &= peaks(&start, &world, 100, &CALLS_FOR_100_MB, BOUND_OF_100_MB).await?;
            }
        }
    }
    Ok(kept)
}

fn started(program: &Path, world: &World, compression: &str) -> Start {
    let mut settings = world.settings();
    settings.insert("OTEL_EXPORTER_OTLP_COMPRESSION", compression.into());
    Start { program: program.into(), prefix: Vec::new(), settings }
}

/// True if a range of so many megabytes stays under `bound` of them over each of these numbers of calls.
async fn peaks(start: &Start, world: &World, megabytes: u64, calls: &[u64], bound: u64) -> anyhow::Result<bool> {
    let mut kept = true;
    for calls in calls {
        let program = start.run().await?;
        let idle = program.memory_kb("VmRSS")?;
        let cpu = program.cpu()?;
        let records = pull(&program, world, megabytes, *calls).await?;
        let cpu = micros(program.cpu()? - cpu) / records as f64;
        let peak = program.memory_kb("VmHWM")?;
        println!(
            "  {megabytes:>4} MB in {calls} calls at once: at most {:.1} MB (idle {:.1} MB), {cpu:.1} µs a record",
            mb(peak),
            mb(idle)
        );
        kept &= peak * 1024 <= bound * 1_000_000;
    }
    Ok(kept)
}

/// Pulls so many megabytes, and says how many records that were.
async fn pull(program: &Program, world: &World, megabytes: u64, calls: u64) -> anyhow::Result<u64> {
    let (groups, records) = world.groups_for((megabytes * 1024 * 1024 / BYTES_A_RECORD / calls).max(1));
    // Every call begins where the groups begin to come again, so that each of them has the same records.
    let first = |call: u64| call * world.different();
    let calls = all((0..calls).map(|call| program.call_groups(first(call), groups, records))).await;
    Ok(records * calls.into_iter().collect::<anyhow::Result<Vec<_>>>()?.len() as u64)
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
