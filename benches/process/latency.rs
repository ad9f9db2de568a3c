//! How long a range takes where Langfuse takes its time, beside the best schedule of its requests.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;

use super::corpus::Texts;
use super::program::Start;
use super::world::World;
use super::{Spread, millis};

/// What Langfuse takes for each request.
const ANSWER: Duration = Duration::from_millis(50);

/// `OTEL_EXPORTER_OTLP_COMPRESSION`: without it there is less work to hide the answers behind, and what waits for them is larger.
const COMPRESSIONS: [&str; 2] = ["gzip", "none"];

const RECORDS: u64 = 10_000;
const ROUNDS: usize = 15;

/// How many times the best schedule a range may take.
const BOUND: f64 = 1.3;

/// Prints the figures, and fails above the bound.
pub async fn run(program: &Path) -> anyhow::Result<()> {
    println!("\n{RECORDS} records, Langfuse answering in {ANSWER:?}: milliseconds, of them at work, beside the best schedule");
    let mut kept = true;
    for texts in Texts::BOTH {
        for compression in COMPRESSIONS {
            kept &= beside_the_best(program, texts, compression).await?;
        }
    }
    ensure!(kept, "the bound of latency is BROKEN");
    Ok(())
}

/// True if a range stays under the bound. Nothing can be faster than the work of the processor with one answer behind it, however many
/// requests wait for theirs at the same time.
async fn beside_the_best(program: &Path, texts: Texts, compression: &'static str) -> anyhow::Result<bool> {
    let world = World::start(texts, ANSWER).await?;
    let mut settings = world.settings();
    settings.insert("OTEL_EXPORTER_OTLP_COMPRESSION", compression.into());
    let process = Start { program: program.into(), prefix: Vec::new(), settings }.run().await?;
    process.call(0, RECORDS).await?;
    let (mut took, mut work, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (cpu, began) = (process.cpu()?, Instant::now());
        process.call(0, RECORDS).await?;
        let (elapsed, cpu) = (millis(began.elapsed()), millis(process.cpu()? - cpu));
        took.push(elapsed);
        work.push(cpu);
        ratios.push(elapsed / (cpu + millis(ANSWER)));
    }
    let ratio = Spread::of(ratios);
    println!("  {:<16} {compression:<4}  {}, {}, {ratio}", texts.name(), Spread::of(took), Spread::of(work));
    Ok(ratio.median <= BOUND)
}
