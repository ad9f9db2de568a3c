//! How long a range takes where Langfuse takes its time, beside the best schedule of its requests.

use std::path::Path;
use std::time::{Duration, Instant};

use super::corpus::Texts;
use super::program::Start;
use super::world::World;
use super::{Spread, millis};

/// What Langfuse takes for each request.
const ANSWER: Duration = Duration::from_millis(50);

const RECORDS: u64 = 10_000;
const ROUNDS: usize = 9;

/// Prints the figures. Nothing can be faster than the work of the processor with one answer behind it, however many requests wait for theirs at
/// the same time.
pub async fn run(program: &Path) -> anyhow::Result<()> {
    let world = World::start(Texts::Alike, ANSWER).await?;
    let process = Start { program: program.into(), prefix: Vec::new(), settings: world.settings() }.run().await?;
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
    println!("\n{RECORDS} records, Langfuse answering in {ANSWER:?}");
    println!("  milliseconds                  {}, {} of them at work", Spread::of(took), Spread::of(work));
    println!("  beside the best schedule      {}", Spread::of(ratios));
    Ok(())
}
