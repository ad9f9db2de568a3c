//! How long a range takes where Langfuse takes its time, beside the best schedule of its requests.

use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::corpus::Texts;
use super::program::Start;
use super::world::World;
use super::{Spread, millis};

/// What Langfuse takes for each request.
const ANSWER: Duration = Duration::from_millis(50);

/// Requests of one call at the same time (`MAX_ON_THE_WAY` in `src/work.rs`).
const AT_ONCE: f64 = 9.0;

const RECORDS: u64 = 10_000;
const ROUNDS: usize = 9;

/// Prints the figures. Nothing can be faster than the work of the processor with one answer behind it, nor than the requests in rows.
pub async fn run(program: &Path) -> anyhow::Result<()> {
    let world = World::start(Texts::Alike, ANSWER).await?;
    let process = Start { program: program.into(), prefix: Vec::new(), settings: world.settings() }.run().await?;
    process.call(0, RECORDS).await?;
    let (mut took, mut work, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (before, cpu, began) = (world.sink.requests.load(Relaxed), process.cpu()?, Instant::now());
        process.call(0, RECORDS).await?;
        let (elapsed, cpu) = (millis(began.elapsed()), millis(process.cpu()? - cpu));
        let requests = (world.sink.requests.load(Relaxed) - before) as f64;
        let best = (cpu + millis(ANSWER)).max((requests / AT_ONCE).ceil() * millis(ANSWER));
        took.push(elapsed);
        work.push(cpu);
        ratios.push(elapsed / best);
    }
    println!("\n{RECORDS} records, Langfuse answering in {ANSWER:?}");
    println!("  milliseconds                  {}, {} of them at work", Spread::of(took), Spread::of(work));
    println!("  beside the best schedule      {}", Spread::of(ratios));
    Ok(())
}
