//! Time of a processor for each record, from the page that arrives to the answer of Langfuse: by corpus and compression, by the length of the
//! range, and by the number of calls at once.

use std::path::Path;
use std::time::Duration;

use super::corpus::Texts;
use super::plot::{self, Plot};
use super::program::{Program, Start, all};
use super::world::World;
use super::{Spread, micros};

/// Records of one measurement, and how often it is made.
const RECORDS: u64 = 20_000;
const ROUNDS: usize = 7;

/// Lengths of ranges.
const LENGTHS: [u64; 6] = [10, 100, 1000, 10_000, 100_000, 1_000_000];

/// Calls at once.
const AT_ONCE: [u64; 4] = [1, 2, 4, 8];

/// Prints the figures, and draws those that are a curve.
pub async fn run(program: &Path) -> anyhow::Result<()> {
    println!("\nprocessor time of the whole process, µs a record: median (quarter – three quarters)");
    for texts in Texts::BOTH {
        let world = World::start(texts, Duration::ZERO).await?;
        for compression in ["gzip", "none"] {
            let process = started(program, &world, compression).await?;
            let figures = rounds(&process, RECORDS, 1, ROUNDS).await?;
            println!("  text that {:<16} {compression}: {figures}", texts.name());
        }
    }
    let world = World::start(Texts::Alike, Duration::ZERO).await?;
    let process = started(program, &world, "gzip").await?;
    let lengths = over(&process, &LENGTHS, |length| (length, 1)).await?;
    let at_once = over(&process, &AT_ONCE, |calls| (RECORDS, calls)).await?;
    let plots = [
        Plot { file: "cost-by-range.svg", title: "Records in a range", points: lengths },
        Plot { file: "cost-by-calls.svg", title: "Calls at once in one instance", points: at_once },
    ];
    plots.iter().try_for_each(plot::draw)
}

/// What a record takes where nothing is compressed.
pub async fn without_compression(program: &Path, world: &World) -> anyhow::Result<Spread> {
    let process = started(program, world, "none").await?;
    rounds(&process, RECORDS, 1, ROUNDS).await
}

async fn started(program: &Path, world: &World, compression: &str) -> anyhow::Result<Program> {
    let mut settings = world.settings();
    settings.insert("OTEL_EXPORTER_OTLP_COMPRESSION", compression.to_owned());
    let process = Start { program: program.into(), prefix: Vec::new(), settings }.run().await?;
    // The first call pays for connections, and the world for its pages.
    process.call(0, RECORDS).await?;
    Ok(process)
}

/// A point for each value: the records of all calls together, and how many calls.
async fn over(process: &Program, values: &[u64], of: impl Fn(u64) -> (u64, u64)) -> anyhow::Result<Vec<(u64, Spread)>> {
    let mut points = Vec::new();
    for value in values {
        let (records, calls) = of(*value);
        let rounds_of = if records > RECORDS { 1 + (ROUNDS as u64 * RECORDS / records) as usize } else { ROUNDS };
        let figures = rounds(process, records, calls, rounds_of).await?;
        println!("  {records:>8} records in {calls} calls at once: {figures}");
        points.push((*value, figures));
    }
    Ok(points)
}

/// The time for each record in so many rounds. Short ranges come so often that each round has as many records as another.
async fn rounds(process: &Program, records: u64, calls: u64, rounds: usize) -> anyhow::Result<Spread> {
    let mut figures = Vec::new();
    for _ in 0..rounds {
        let repeats = (RECORDS / records / 4).max(1);
        let before = process.cpu()?;
        for repeat in 0..repeats {
            let each = records / calls;
            let first = |call: u64| (repeat * 7 + call * each / 10) % 190;
            all((0..calls).map(|call| process.call(first(call), each))).await.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
        }
        figures.push(micros(process.cpu()? - before) / (records * repeats) as f64);
    }
    Ok(Spread::of(figures))
}
