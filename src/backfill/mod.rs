//! What SLS received in a window of time → delivered as if a trigger had brought it.
//!
//! `plan` asks SLS where the window lies and cuts it into slices, `state` says how far each of them is, `file` keeps that on the disk,
//! `slices` works one off, `patience` decides about failures. This file says the order of the steps: several slices side by side, a note of the
//! state every second, an end when somebody asks for one. Pulling, converting and delivering are the [`Handler`]'s, as for a call: there is
//! no second pipeline here.
//!
//! What is noted is settled: dead letters are written and Langfuse has answered. What a kill takes with it is what was settled within the last
//! second, and what was under way; it is sent once more, the same to the byte.

pub mod file;
pub mod patience;
pub mod plan;
mod slices;
pub mod state;
mod tally;

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};

use crate::error::{Failure, Stage};
use crate::handler::Handler;
use crate::pace::Pace;
use file::StateFile;
use patience::Patience;
use slices::{Common, End, lock};
pub use slices::{Told, Totals};
use state::{Standing, State};

/// How often the state is brought to the disk, if it has changed: what a kill makes repeat at most.
const NOTE_EVERY: Duration = Duration::from_secs(1);

/// How long slices may take to come to an end once they are asked to: as long as a request and its answer. What is not settled by then is
/// sent once more by the next run.
const GRACE: Duration = Duration::from_secs(30);

/// Who watches a backfill.
pub trait Watcher {
    /// How far it is; told every second.
    fn stands(&mut self, standing: &Standing);

    /// Something went wrong.
    fn trouble(&mut self, told: &Told);

    /// It has been asked to end, and ends what is under way.
    fn halting(&mut self);
}

/// What to work with.
pub struct Backfill {
    /// Pulls and delivers.
    pub handler: Arc<Handler>,
    /// Endpoint of the project, not yet trusted.
    pub endpoint: String,
    /// The trigger's `functionParameter`; null without one.
    pub parameter: Value,
    /// How many slices are worked on side by side.
    pub workers: usize,
    /// How many observations a second may go out; none: as many as are taken.
    pub pace: Option<Pace>,
    /// How long an outage is waited for.
    pub patience: Patience,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// The state at the end, which is on the disk.
    pub state: State,
    /// What this run did.
    pub totals: Totals,
    /// Why nothing more was begun.
    pub stopped: Option<Failure>,
    /// How many slices were left for another run because they failed alone.
    pub left: usize,
    /// Somebody asked it to end.
    pub halted: bool,
}

/// A running backfill.
struct Run {
    common: Arc<Common>,
    waiting: VecDeque<usize>,
    running: JoinSet<End>,
    workers: usize,
    halt: watch::Sender<bool>,
    /// When patience with what is under way ends.
    end_of_grace: Option<Instant>,
    stopped: Option<Failure>,
    left: usize,
}

impl Backfill {
    /// Works through everything that is open in a state; every message of `interruptions` asks it to end, the second one at once.
    ///
    /// # Errors
    /// When the state cannot be brought to the disk: what is done would not be remembered.
    pub async fn run(
        self,
        state: State,
        file: &mut StateFile,
        watcher: &mut dyn Watcher,
        mut interruptions: mpsc::Receiver<()>,
    ) -> io::Result<Outcome> {
        let (mut run, mut told) = self.begin(state);
        let (mut every, mut halted) = (tokio::time::interval(NOTE_EVERY), false);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        run.note(file)?;
        while run.begins_more() {
            tokio::select! {
                Some(ended) = run.running.join_next() => run.take(ended),
                Some(told) = told.recv() => watcher.trouble(&told),
                _ = every.tick() => {
                    run.note(file)?;
                    watcher.stands(&lock(&run.common.state).standing());
                }
                Some(()) = interruptions.recv() => match std::mem::replace(&mut halted, true) {
                    false => {
                        watcher.halting();
                        run.halt();
                    }
                    true => break,
                },
                () = end(run.end_of_grace) => break,
            }
        }
        run.running.shutdown().await;
        while let Ok(told) = told.try_recv() {
            watcher.trouble(&told);
        }
        run.note(file)?;
        Ok(run.outcome(halted))
    }

    fn begin(self, state: State) -> (Run, mpsc::UnboundedReceiver<Told>) {
        let ((telling, told), (halt, halted)) = (mpsc::unbounded_channel(), watch::channel(false));
        let open = |(index, slice): (usize, &state::Slice)| slice.ended.is_none().then_some(index);
        let waiting = state.slices.iter().enumerate().filter_map(open).collect();
        let common = Common {
            handler: self.handler,
            endpoint: self.endpoint,
            parameter: self.parameter,
            pace: self.pace,
            patience: self.patience,
            state: Mutex::new(state),
            changed: AtomicBool::new(true),
            progress: Mutex::new(Instant::now()),
            totals: Mutex::default(),
            halted,
            told: telling,
        };
        let (common, running, workers) = (Arc::new(common), JoinSet::new(), self.workers);
        (Run { common, waiting, running, workers, halt, end_of_grace: None, stopped: None, left: 0 }, told)
    }
}

impl Run {
    /// Begins slices as long as there is a worker for them. False if nothing is under way any more.
    fn begins_more(&mut self) -> bool {
        while self.running.len() < self.workers && self.end_of_grace.is_none() {
            let Some(index) = self.waiting.pop_front() else { break };
            self.running.spawn(Arc::clone(&self.common).work_off(index));
        }
        !self.running.is_empty()
    }

    fn take(&mut self, ended: Result<End, JoinError>) {
        match ended {
            Ok(End::Well) => {}
            Ok(End::Left) => self.left += 1,
            Ok(End::Stop(failure)) => self.stop(failure),
            Err(_) => self.stop(Failure::new(Stage::Internal, "task_failed", "the work on a slice broke off", "report this: it is a bug")),
        }
    }

    fn stop(&mut self, failure: Failure) {
        self.stopped.get_or_insert(failure);
        self.halt();
    }

    /// Begins nothing more, and lets what is under way come to an end.
    fn halt(&mut self) {
        self.halt.send_replace(true);
        self.end_of_grace.get_or_insert_with(|| Instant::now() + GRACE);
    }

    /// Brings the state to the disk, if it has changed.
    fn note(&self, file: &mut StateFile) -> io::Result<()> {
        if !self.common.changed.swap(false, Relaxed) {
            return Ok(());
        }
        let state = lock(&self.common.state).clone();
        file.replace(&state)
    }

    fn outcome(self, halted: bool) -> Outcome {
        let (state, totals) = (lock(&self.common.state).clone(), lock(&self.common.totals).clone());
        Outcome { state, totals, stopped: self.stopped, left: self.left, halted }
    }
}

async fn end(of_grace: Option<Instant>) {
    match of_grace {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
