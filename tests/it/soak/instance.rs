//! One instance of the function that may be killed and comes again, as Function Compute replaces one.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::sync::RwLock;

use crate::support::{Answer, Function, command_of, memory_kb, peak_memory_mb};

/// The process, and what it has cost so far.
pub struct Instance {
    settings: BTreeMap<String, String>,
    function: RwLock<Function>,
    pid: AtomicU64,
    pub kills: AtomicU64,
    peak_mb: AtomicU64,
    busy_ms: AtomicU64,
}

impl Instance {
    pub async fn start(settings: BTreeMap<String, String>) -> Self {
        let function = started(&settings).await;
        let pid = AtomicU64::new(function.pid().into());
        Self {
            settings,
            function: RwLock::new(function),
            pid,
            kills: AtomicU64::new(0),
            peak_mb: AtomicU64::new(0),
            busy_ms: AtomicU64::new(0),
        }
    }

    /// One call, and the number of the process that got it. No answer: the process died before it answered.
    pub async fn call(&self, event: &str, timeout: u32) -> (u64, Option<Answer>) {
        let function = self.function.read().await;
        let number = self.kills.load(Relaxed);
        let began = Instant::now();
        let answer = function.try_call(event, &[("x-fc-function-timeout", &timeout.to_string())]).await.ok();
        self.busy_ms.fetch_add(began.elapsed().as_millis() as u64, Relaxed);
        (number, answer)
    }

    /// Kills the process in whatever it is doing, and starts another.
    pub async fn kill(&self) {
        let pid = self.pid.load(Relaxed).to_string();
        self.note_peak(&*self.function.read().await);
        std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap();
        let mut function = self.function.write().await;
        *function = started(&self.settings).await;
        self.pid.store(function.pid().into(), Relaxed);
        // Before the lock is let go: the next call belongs to the next process.
        self.kills.fetch_add(1, Relaxed);
    }

    fn note_peak(&self, function: &Function) {
        self.peak_mb.fetch_max(peak_memory_mb(function).unwrap_or_default(), Relaxed);
    }

    /// The most memory that any process of it ever held, megabytes.
    pub async fn peak_mb(&self) -> u64 {
        self.note_peak(&*self.function.read().await);
        self.peak_mb.load(Relaxed)
    }

    /// What the process holds now, kilobytes.
    pub async fn memory_kb(&self) -> u64 {
        memory_kb(&*self.function.read().await, "VmRSS").unwrap_or_default()
    }

    /// How long calls took, all together.
    pub fn busy(&self) -> Duration {
        Duration::from_millis(self.busy_ms.load(Relaxed))
    }
}

async fn started(settings: &BTreeMap<String, String>) -> Function {
    // The deployable itself where `make soak` has built it.
    let program = std::env::var_os("SOAK_BOOTSTRAP").unwrap_or_else(|| env!("CARGO_BIN_EXE_bootstrap").into());
    Function::of(command_of(program, settings)).await
}
