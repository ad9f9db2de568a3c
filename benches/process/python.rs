//! Other ways to do the job, in Python, beside this one: the same pages of the same world, without compression on any side.

use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::process::Command;

use super::Spread;
use super::corpus::Texts;
use super::records;
use super::world::{FIRST, World};

/// Log groups of one measurement, and how often it is made.
const GROUPS: usize = 500;
const ROUNDS: usize = 3;

/// Packages of each, and what it is called (`benches/python/ways.py`).
const WAYS: [(&str, &str); 3] = [("now", "by_hand"), ("now", "sdks"), ("two", "sdk_2")];

/// Prints the figures: ours first, the others with how many times as much they take.
pub async fn run(program: &Path) -> anyhow::Result<()> {
    let world = World::start(Texts::Varied, Duration::ZERO).await?;
    let ours = records::without_compression(program, &world).await?;
    println!("\nbeside Python, µs a record without compression, text that compresses badly");
    println!("  {:<10} {ours}", "this");
    for (packages, way) in WAYS {
        let mut figures = Vec::new();
        for _ in 0..ROUNDS {
            figures.push(measure(&world, packages, way).await?);
        }
        let theirs = Spread::of(figures);
        println!("  {way:<10} {theirs}, {:.0} times", theirs.median / ours.median);
    }
    Ok(())
}

async fn measure(world: &World, packages: &str, way: &str) -> anyhow::Result<f64> {
    let before = world.sink.requests.load(Relaxed);
    let [sls, langfuse] = world.addresses();
    let mut command = Command::new(format!("target/bench-python/{packages}/bin/python"));
    command.args(["benches/python/ways.py", way, &sls, &langfuse, &FIRST.to_string(), &GROUPS.to_string()]);
    let output = command.stderr(Stdio::inherit()).output().await.context("no Python: run `make cost PART=python`")?;
    ensure!(output.status.success(), "{way} failed");
    ensure!(world.sink.requests.load(Relaxed) > before, "{way} sent nothing");
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}
