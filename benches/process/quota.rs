//! The sizes that Function Compute sells: records a second, and what a million of them cost there (`reference/function-compute.md` §8).
//!
//! The kernel holds the process to its share of a core (CFS, 100 ms a period) and to its memory, by control groups of version 1, which needs root.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::corpus::Texts;
use super::program::{Program, Start};
use super::world::World;
use super::{Spread, millis};

/// A size, and a call for it.
#[derive(Clone, Copy, Debug)]
struct Size {
    /// Share of a core.
    cpu: f64,
    megabytes: u64,
    /// Records of the call, some seconds' worth.
    records: u64,
}

const SIZES: [Size; 5] = [
    Size { cpu: 0.05, megabytes: 128, records: 10_000 },
    Size { cpu: 0.1, megabytes: 128, records: 20_000 },
    Size { cpu: 0.25, megabytes: 256, records: 50_000 },
    Size { cpu: 0.5, megabytes: 512, records: 100_000 },
    Size { cpu: 1.0, megabytes: 1024, records: 200_000 },
];

/// What a call costs by itself, a vCPU for a second, and a GB for a second. CU.
const CU_CALL: f64 = 0.0075;
const CU_VCPU: f64 = 1.0;
const CU_GB: f64 = 0.15;

/// The first tier of the price list, for one CU.
const USD_PER_CU: f64 = 0.000_020;

/// The length of a period of the scheduler.
const PERIOD: Duration = Duration::from_millis(100);

/// How often the function is asked whether it is well while it works.
const ASKED_EVERY: Duration = Duration::from_millis(500);

impl Size {
    /// CU for a million records, where a call with its records takes so long.
    fn cu_per_million(self, seconds: f64) -> f64 {
        let active = CU_VCPU * self.cpu + CU_GB * self.megabytes as f64 / 1024.0;
        (CU_CALL + seconds * active) * 1e6 / self.records as f64
    }
}

/// A control group of one kind.
struct Group(PathBuf);

impl Group {
    fn new(kind: &str, limits: &[(&str, u64)]) -> std::io::Result<Self> {
        let path = Path::new("/sys/fs/cgroup").join(kind).join("sls-to-langfuse-bench");
        if !path.exists() {
            std::fs::create_dir(&path)?;
        }
        limits.iter().try_for_each(|(file, limit)| std::fs::write(path.join(file), limit.to_string()))?;
        Ok(Self(path))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// Prints a line for each size.
pub async fn run(program: &Path) -> anyhow::Result<()> {
    println!("\nsizes of Function Compute: records a second, CU and USD for a million, and the answers of a hook meanwhile");
    for texts in Texts::BOTH {
        println!("  text that {}", texts.name());
        let world = World::start(texts, Duration::ZERO).await?;
        for size in SIZES {
            let Size { cpu, megabytes, .. } = size;
            match sized(program, &world, size).await {
                Ok(line) => println!("    {cpu:>5} vCPU {megabytes:>5} MB {line}"),
                Err(error) => println!("    {cpu:>5} vCPU {megabytes:>5} MB not measured: {error:#}"),
            }
        }
    }
    Ok(())
}

async fn sized(program: &Path, world: &World, size: Size) -> anyhow::Result<String> {
    let period = PERIOD.as_micros() as u64;
    let quota = (size.cpu * period as f64) as u64;
    let groups = [
        Group::new("cpu", &[("cpu.cfs_period_us", period), ("cpu.cfs_quota_us", quota)])?,
        Group::new("memory", &[("memory.limit_in_bytes", size.megabytes << 20)])?,
    ];
    let joins: Vec<_> = groups.iter().map(|group| format!("echo $$ > {}/cgroup.procs; ", group.0.display())).collect();
    let script = format!("{}exec \"$0\"", joins.concat());
    let prefix = ["/bin/sh", "-ec", &script].map(str::to_owned).to_vec();
    let process = Start { program: program.into(), prefix, settings: world.settings() }.run().await?;
    let started = millis(process.age());
    process.call(0, 100).await?;
    let (began, asked) = (Instant::now(), Mutex::new(Vec::new()));
    tokio::select! {
        called = process.call(0, size.records) => { called?; }
        asked = ask(&process, &asked) => asked?,
    }
    let seconds = began.elapsed().as_secs_f64();
    let answers = Spread::of(asked.into_inner().unwrap_or_default());
    let peak = process.memory_kb("VmHWM")? / 1024;
    process.end().await?;
    let (rate, cu) = (size.records as f64 / seconds, size.cu_per_million(seconds));
    Ok(format!(
        "{rate:>7.0} records/s {cu:>6.1} CU {:.5} USD, started in {started:.0} ms, asked meanwhile {answers} ms, peak {peak} MB",
        cu * USD_PER_CU
    ))
}

/// Asks the function whether it is well again and again, and notes how long each answer takes, milliseconds.
async fn ask(process: &Program, answers: &Mutex<Vec<f64>>) -> anyhow::Result<()> {
    loop {
        tokio::time::sleep(ASKED_EVERY).await;
        let began = Instant::now();
        process.ask().await?;
        if let Ok(mut answers) = answers.lock() {
            answers.push(millis(began.elapsed()));
        }
    }
}
