//! Thousands of records through the real binary while both sides stumble, processes die and ranges come twice: nothing may be missing,
//! nothing may arrive under another key or with other contents, and every report must add up.
//!
//! `make test` runs the short ones, `make soak` the long ones with the deployable itself.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "figures are for a person, and `make soak` says how long a run is")]

mod chaos;
mod instance;
mod large;
mod ledger;
mod supply;
mod trigger;

use std::sync::Mutex;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use sls_to_langfuse::emulator::langfuse::{LangfuseEmulator, LangfuseWorld};
use sls_to_langfuse::emulator::sls::{ShardSpec, SlsEmulator};

use self::chaos::{Chaos, LostAnswers};
use self::instance::Instance;
use self::ledger::{Ledger, Sums};
use self::supply::Supply;
use self::trigger::{Ageing, Habits, Reading, Tally, Trigger};
use crate::support::{PROJECT, append, ordinary_settings, sls_with};
use crate::traffic::Shape;

const DEAD_LETTERS: &str = "dead-letters";

const SHARDS: u32 = 4;

/// What the whole process may ever hold, megabytes: half of the smallest instance.
const MEMORY_MB: u64 = 64;

/// How often what arrived is taken from the stand-in, which would otherwise hold all of it.
const DRAIN: Duration = Duration::from_millis(100);

/// One run.
struct Plan {
    name: &'static str,
    seed: u64,
    records: usize,
    stumbles: usize,
    shape: Shape,
    chaos: Chaos,
    habits: Habits,
    /// How long one request to Langfuse may take, seconds.
    patience: &'static str,
    /// How long a process lives.
    life: Option<Duration>,
}

/// What came of it.
struct Figures {
    sums: Sums,
    tally: Tally,
    /// Rows that were stored of which the function was told nothing.
    unanswered: u64,
    peak_mb: u64,
}

impl Plan {
    /// Ranges of about so many records, everything else as ordinary as a run with faults can be.
    fn new(name: &'static str, seed: u64, records: usize, records_per_range: u64) -> Self {
        println!("{name}: seed {seed}");
        Self {
            name,
            seed,
            records,
            stumbles: 0,
            shape: Shape { median: 200.0, longest: 8000.0 },
            chaos: Chaos::new(seed, 0.1, LostAnswers::Some, Duration::from_secs(4)),
            habits: Habits {
                seed,
                reading: Reading::UntilSuccess,
                ageing: Ageing::None,
                interval: (records_per_range / 10).max(1),
                timeouts: [3, 10, 60],
                twice: 0.0,
            },
            patience: "2",
            life: None,
        }
    }

    async fn run(self) -> Figures {
        let began = Instant::now();
        let mut supply = Supply::new(self.seed, self.records, SHARDS, self.stumbles, self.shape);
        let sls = filled(&mut supply).await;
        let langfuse = LangfuseEmulator::start(0, LangfuseWorld { keep_bodies: false, ..LangfuseWorld::default() }).await.unwrap();
        self.chaos.befall_sls(&sls);
        self.chaos.befall_langfuse(&langfuse);
        let mut settings = ordinary_settings(&langfuse.base_url(), &sls.endpoint());
        settings.extend(
            [("DEAD_LETTER_LOGSTORE", DEAD_LETTERS), ("LANGFUSE_SDK_TIMEOUT", self.patience)].map(|(n, v)| (n.to_owned(), v.to_owned())),
        );
        let instance = Instance::start(settings).await;
        let trigger = Trigger { habits: self.habits, supply: &supply, instance: &instance, tally: Mutex::default() };
        let ledger = Mutex::new(Ledger::default());
        tokio::select! {
            _ = async { tokio::join!(trigger.work_off(0), trigger.work_off(1), trigger.work_off(2), trigger.work_off(3)) } => {}
            () = drained(&langfuse, &ledger) => {}
            () = killed(&instance, self.life) => {}
        }
        let mut ledger = ledger.into_inner().unwrap();
        ledger.add(langfuse.take_arrivals());
        let letters = ledger::letters(&sls.put_groups(PROJECT, DEAD_LETTERS));
        let sums = ledger.settle(&supply, &letters);
        let peak_mb = instance.peak_mb().await;
        let unanswered = self.chaos.unanswered();
        let figures = Figures { sums, tally: trigger.tally.into_inner().unwrap(), unanswered, peak_mb };
        self.print(&figures, &instance, began.elapsed());
        ledger.missing(&supply, &letters).iter().for_each(|missing| println!("  missing    {missing}"));
        assert!(langfuse.lost().is_empty());
        figures
    }

    fn print(&self, figures: &Figures, instance: &Instance, took: Duration) {
        let Figures { sums, tally, unanswered, peak_mb } = figures;
        let [sls_faults, faults] = self.chaos.struck();
        let share = |rows: u64| 100.0 * rows as f64 / sums.delivered.max(1) as f64;
        let repeated = sums.repeated.saturating_sub(tally.sent_again);
        println!("{}: done in {:.1} s", self.name, took.as_secs_f64());
        println!(
            "  records    {} offered, {} delivered, {} skipped, {} dead letters, {} missing, {} wrong, {} with differing contents",
            sums.offered, sums.delivered, sums.skipped, sums.dead_letters, sums.missing, sums.wrong, sums.differing
        );
        println!(
            "  repeated   {} rows ({:.3} %), of them {} by ranges that came twice; {repeated} otherwise ({:.3} %)",
            sums.repeated,
            share(sums.repeated),
            tally.sent_again,
            share(repeated)
        );
        println!(
            "  explained  {unanswered} rows by lost answers, {} by kills, {} by calls whose time ran out, {} by old ranges, at most",
            tally.killed, tally.cut_off, tally.proven
        );
        println!(
            "  calls      {} ({} failed, {} of them died, {} came twice), {:.1} function seconds, {} kills, {:?}",
            tally.calls,
            tally.failed,
            tally.died,
            tally.twice,
            instance.busy().as_secs_f64(),
            instance.kills.load(Relaxed),
            tally.failures
        );
        println!(
            "  requests   {} to Langfuse ({} retries, {faults} faults), {} to SLS ({sls_faults} faults), {} records resumed",
            tally.requests, tally.retries, tally.sls_requests, tally.resumed
        );
        println!("  memory     {peak_mb} MB at most");
    }
}

impl Figures {
    fn assert_kept_promises(&self) {
        let Sums { offered, delivered, skipped, dead_letters, missing, wrong, differing, .. } = self.sums;
        assert_eq!((missing, wrong, differing), (0, 0, 0), "{:?}", self.sums);
        assert_eq!(offered, delivered + skipped + dead_letters);
        assert!(self.peak_mb < MEMORY_MB, "{} MB", self.peak_mb);
        let (repeated, explained) = (self.repeated(), self.explained());
        assert!(repeated <= explained, "{repeated} rows came again, and the run explains {explained} of them");
    }

    /// Rows that may have come more than once by what befell this very run: each of these causes leaves the function without knowledge of what
    /// was stored.
    fn explained(&self) -> u64 {
        self.unanswered + self.tally.killed + self.tally.cut_off + self.tally.proven
    }

    /// Rows that came more than once although nobody asked for their range twice.
    fn repeated(&self) -> u64 {
        self.sums.repeated.saturating_sub(self.tally.sent_again)
    }
}

/// SLS with the groups of the supply, which keeps only their places.
async fn filled(supply: &mut Supply) -> SlsEmulator {
    let sls = sls_with(&(0..SHARDS).collect::<Vec<_>>()).await;
    sls.create_logstore(PROJECT, DEAD_LETTERS, &[ShardSpec { id: 0, seed: 1 }]);
    for (shard, groups) in (0..).zip(&mut supply.shards) {
        append(&sls, shard, groups.iter_mut().map(std::mem::take).collect());
    }
    sls
}

async fn drained(langfuse: &LangfuseEmulator, ledger: &Mutex<Ledger>) {
    loop {
        tokio::time::sleep(DRAIN).await;
        let rows = langfuse.take_arrivals();
        ledger.lock().unwrap().add(rows);
    }
}

async fn killed(instance: &Instance, life: Option<Duration>) {
    let Some(life) = life else { return std::future::pending().await };
    loop {
        tokio::time::sleep(life).await;
        instance.kill().await;
    }
}

/// A new world each time, and the same again by its number: `SEED` where it is set.
fn seed() -> u64 {
    number("SOAK_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32))
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a whole number")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_records_arrive_once_each_while_both_sides_stumble() {
    let mut plan = Plan::new("short, same range until success", seed(), 5000, 125);
    // Nobody is cut off: every row that is stored is answered for.
    (plan.chaos.lost_answers, plan.chaos.hang) = (LostAnswers::None, Duration::from_secs(1));
    (plan.patience, plan.habits.timeouts) = ("60", [600; 3]);
    let figures = plan.run().await;
    figures.assert_kept_promises();
    // No answer was lost, so nothing may come twice.
    assert_eq!(figures.sums.repeated, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_records_survive_lost_answers_longer_ranges_and_ranges_that_come_twice() {
    let mut plan = Plan::new("short, longer range at the next interval", seed(), 5000, 125);
    plan.habits = Habits { reading: Reading::NextInterval, twice: 0.2, ..plan.habits };
    plan.run().await.assert_kept_promises();
}

/// Ranges small enough that lost answers are a matter of shares and not of luck.
const RECORDS_PER_RANGE: u64 = 125;

fn records() -> usize {
    number("SOAK_RECORDS").map_or(200_000, |records| records as usize)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes: make soak"]
async fn two_hundred_thousand_records_arrive_and_no_row_comes_again_but_for_a_lost_answer() {
    let mut plan = Plan::new("without kills", seed(), records(), RECORDS_PER_RANGE);
    plan.stumbles = records().div_ceil(100_000);
    plan.habits.ageing = Ageing::Hours;
    // Time-outs are a fault of the run, not of the machine that it runs on.
    (plan.patience, plan.chaos.hang, plan.habits.timeouts) = ("5", Duration::from_secs(8), [10, 60, 60]);
    plan.run().await.assert_kept_promises();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes: make soak"]
async fn two_hundred_thousand_records_survive_kills_and_ranges_that_come_twice() {
    let life = Duration::from_secs(number("SOAK_LIFE").unwrap_or(3));
    for (name, reading) in [("killed, same range until success", Reading::UntilSuccess), ("killed, longer ranges", Reading::NextInterval)] {
        let mut plan = Plan::new(name, seed(), records() / 2, RECORDS_PER_RANGE);
        plan.habits = Habits { reading, twice: 0.05, ..plan.habits };
        plan.life = Some(life);
        plan.run().await.assert_kept_promises();
    }
}
