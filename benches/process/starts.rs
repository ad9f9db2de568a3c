//! From the start of the process to the first byte served, and to the end of the first call.

use std::path::Path;
use std::time::Duration;

use super::corpus::Texts;
use super::program::Start;
use super::world::World;
use super::{Spread, millis};

/// How often it is started.
const STARTS: usize = 40;

/// Records of the first call: a quiet minute.
const RECORDS: u64 = 100;

/// Starts it again and again.
pub async fn run(program: &Path) -> anyhow::Result<()> {
    let world = World::start(Texts::Varied, Duration::ZERO).await?;
    let start = Start { program: program.into(), prefix: Vec::new(), settings: world.settings() };
    let (mut served, mut called, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let program = start.run().await?;
        served.push(millis(program.age()));
        program.call(0, RECORDS).await?;
        called.push(millis(program.age()));
        cpu.push(millis(program.cpu()?));
    }
    println!("\n{STARTS} starts, milliseconds: median (quarter – three quarters)");
    println!("  start to first byte served           {}", Spread::of(served));
    println!("  start to end of a call of {RECORDS} records {}", Spread::of(called));
    println!("  time of a processor for both         {}", Spread::of(cpu));
    Ok(())
}
