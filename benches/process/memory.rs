//! The most memory that the process ever held, by the kernel's own count (`VmHWM`).

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;

use super::corpus::{RECORDS_PER_GROUP, Texts};
use super::program::{Program, Start, all};
use super::world::World;

/// Decoded bytes of one record.
const BYTES_A_RECORD: u64 = 4500;

/// Megabytes of a range, over how many calls at once it is spread, and the most memory that it may take, megabytes.
const RANGES: [(u64, u64, u64); 4] = [(100, 1, 32), (100, 4, 32), (2048, 1, 64), (2048, 4, 64)];

/// Calls that one process lives through, and what it may grow by between a tenth of them and all, kilobytes.
const CALLS: u64 = 1000;
const GROWTH_KB: u64 = 1024;

/// Prints the figures, and fails above the bounds.
pub async fn run(program: &Path) -> anyhow::Result<()> {
    let mut kept = true;
    for (delay, how) in [(Duration::ZERO, "at once"), (Duration::from_millis(100), "in 100 ms")] {
        let world = World::start(Texts::Varied, delay).await?;
        let start = Start { program: program.into(), prefix: Vec::new(), settings: world.settings() };
        println!("\nmemory, Langfuse answering {how}");
        for (megabytes, calls, bound) in RANGES {
            if megabytes > 100 && !delay.is_zero() {
                continue;
            }
            let program = start.run().await?;
            let idle = program.memory_kb("VmRSS")?;
            pull(&program, megabytes, calls).await?;
            let peak = program.memory_kb("VmHWM")?;
            println!("  {megabytes:>4} MB in {calls} calls at once: at most {:.1} MB (idle {:.1} MB)", mb(peak), mb(idle));
            kept &= peak <= bound * 1024;
        }
    }
    let world = World::start(Texts::Varied, Duration::ZERO).await?;
    let program = Start { program: program.into(), prefix: Vec::new(), settings: world.settings() }.run().await?;
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
    println!();
    ensure!(kept && late < early + GROWTH_KB, "a bound of memory is BROKEN");
    Ok(())
}

async fn pull(program: &Program, megabytes: u64, calls: u64) -> anyhow::Result<()> {
    let records = megabytes * 1024 * 1024 / BYTES_A_RECORD / calls;
    let groups = records.div_ceil(RECORDS_PER_GROUP as u64);
    all((0..calls).map(|call| program.call(call * groups, records))).await.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    Ok(())
}

fn mb(kilobytes: u64) -> f64 {
    kilobytes as f64 / 1024.0
}
