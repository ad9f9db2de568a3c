//! One slice from its beginning to its end: attempts, waits, and what is noted of them. All slices of a backfill share a [`Common`].

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::patience::{Meaning, Next, Patience, Trouble, meaning};
use super::state::{Ended, Slice, State, Tally};
use crate::error::Failure;
use crate::feed::Halt;
use crate::handler::slice::{self, Watch};
use crate::handler::{Handled, Handler};
use crate::invocation::{LogPlace, TriggerEvent};
use crate::pace::Pace;
use crate::progress::Saved;
use crate::report::{Report, RouteReport};
use crate::sls::reader::Range;
use crate::sls::unix_seconds;

/// How long one attempt may take. Far more than a slice needs even at a slow pace: requests have time-outs of their own, so that nothing
/// hangs, and what is settled by then is kept.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// The job that these ranges are of, as the name of a trigger's job.
const JOB: &str = "backfill";

/// What all slices share.
pub(super) struct Common {
    pub handler: Arc<Handler>,
    /// Endpoint of the project, trusted or not.
    pub endpoint: String,
    /// The trigger's `functionParameter`.
    pub parameter: Value,
    pub pace: Option<Pace>,
    pub patience: Patience,
    pub state: Mutex<State>,
    /// The state has changed since it was noted.
    pub changed: AtomicBool,
    /// When any slice came further for the last time.
    pub progress: Mutex<Instant>,
    pub totals: Mutex<Totals>,
    /// True once everybody is to come to an end.
    pub halted: watch::Receiver<bool>,
    pub told: mpsc::UnboundedSender<Told>,
}

/// Something that went wrong with a slice.
#[derive(Debug)]
pub struct Told {
    /// Its shard.
    pub shard: u32,
    /// What.
    pub failure: Failure,
    /// What is done about it.
    pub next: Next,
}

/// How the work on a slice ended.
#[derive(Debug)]
pub(super) enum End {
    /// It is done, or was ended early.
    Well,
    /// It is left for another run.
    Left,
    /// Nothing more should be begun, for this reason.
    Stop(Failure),
}

/// What this run did beside settling records, whichever of them it settled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Observations delivered.
    pub observations: u64,
    /// Requests to SLS for logs, failed ones included.
    pub sls_requests: u64,
    /// Requests to Langfuse.
    pub requests: u64,
    /// Of them those that repeated an earlier one.
    pub retries: u64,
    /// Bytes of requests to Langfuse as sent.
    pub wire_bytes: u64,
    /// By name of route.
    pub routes: BTreeMap<String, RouteReport>,
}

/// Notes how far one slice is.
struct Noting<'c> {
    common: &'c Common,
    index: usize,
}

impl Common {
    /// Works on a slice until it is done or left.
    pub async fn work_off(self: Arc<Self>, index: usize) -> End {
        let mut trouble: Option<Trouble> = None;
        loop {
            let (began, before) = (Instant::now(), self.slice(index));
            let halt = Arc::new(Halt::new(self.halted.clone()));
            let Handled { report, failure } = self.attempt(index, &before, &halt).await;
            lock(&self.totals).add(&report);
            // Also what stands in a page with a record that fails: it is no outage in which something is taken.
            if report.observations > 0 {
                self.came_further();
            }
            let Some(failure) = failure else {
                if !halt.was_obeyed() {
                    self.end(index, Ended::Done(Tally::of_report(&report)));
                }
                return End::Well;
            };
            let earlier = trouble.filter(|_| self.slice(index).saved == before.saved);
            let (since, failed) = earlier.map_or((Instant::now(), 0), |earlier| (earlier.since, earlier.failed));
            let current = Trouble { since, attempt: began, failed: failed + 1 };
            trouble = Some(current);
            match self.weigh(index, &report, failure, current) {
                Ok(wait) => self.wait(wait).await,
                Err(end) => return end,
            }
            if *self.halted.borrow() {
                return End::Well;
            }
        }
    }

    async fn attempt(&self, index: usize, slice: &Slice, halt: &Arc<Halt>) -> Handled {
        let place = {
            let of = &lock(&self.state).of;
            LogPlace { project: of.project.clone(), logstore: of.logstore.clone() }
        };
        let event = TriggerEvent {
            endpoint: self.endpoint.clone(),
            job_name: JOB.to_owned(),
            parameter: self.parameter.clone(),
            // How long it has been failing here takes the place of its age: a record is not given up because it is old.
            cursor_time: slice.failing_since,
            ..TriggerEvent::of_range(place, slice.shard, slice.range())
        };
        let watch = Noting { common: self, index };
        let (saved, timeout, pace) = (&slice.saved, ATTEMPT_TIMEOUT, self.pace.as_ref());
        self.handler.handle_slice(slice::Slice { event: &event, saved, timeout, watch: &watch, pace, halt }).await
    }

    /// How long to wait after a failure, or how the work on the slice ends with it.
    fn weigh(&self, index: usize, report: &Report, failure: Failure, trouble: Trouble) -> Result<Duration, End> {
        let next = match meaning(&failure) {
            Meaning::Passing => self.patience.next(trouble, *lock(&self.progress), Instant::now()),
            Meaning::OfSlice => Next::Leave,
            Meaning::Everywhere => Next::Stop,
            Meaning::ShardGone => {
                self.end(index, Ended::Gone);
                return Err(End::Well);
            }
        };
        // In an outage nothing is said about its records.
        if report.observations > 0 || next == Next::Leave {
            self.fails_alone(index);
        }
        // Nobody listens any more when everything is over.
        let _ = self.told.send(Told { shard: self.slice(index).shard, failure: failure.clone(), next });
        match next {
            Next::Again(wait) => Ok(wait),
            Next::Leave => Err(End::Left),
            Next::Stop => Err(End::Stop(failure)),
        }
    }

    async fn wait(&self, wait: Duration) {
        let mut halted = self.halted.clone();
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = halted.wait_for(|halted| *halted) => {}
        }
    }

    fn slice(&self, index: usize) -> Slice {
        lock(&self.state).slices[index].clone()
    }

    fn fails_alone(&self, index: usize) {
        let slice = &mut lock(&self.state).slices[index];
        slice.failing_since.get_or_insert(i64::from(unix_seconds(SystemTime::now())));
        self.changed.store(true, Relaxed);
    }

    fn end(&self, index: usize, how: Ended) {
        lock(&self.state).slices[index].ended = Some(how);
        self.came_further();
    }

    fn came_further(&self) {
        *lock(&self.progress) = Instant::now();
        self.changed.store(true, Relaxed);
    }
}

impl Watch for Noting<'_> {
    fn settled(&self, saved: &Saved) {
        if lock(&self.common.state).slices[self.index].came_to(saved) {
            self.common.came_further();
        }
    }

    fn lost(&self, part: &Range) {
        lock(&self.common.state).slices[self.index].lose(part);
        self.common.changed.store(true, Relaxed);
    }
}

impl Totals {
    fn add(&mut self, report: &Report) {
        self.observations += report.observations;
        self.sls_requests += report.sls_requests;
        self.requests += report.requests;
        self.retries += report.retries;
        self.wire_bytes += report.wire_bytes;
        for (name, counts) in &report.routes {
            let route = self.routes.entry(name.clone()).or_default();
            route.records += counts.records;
            route.delivered += counts.delivered;
            route.dead_lettered += counts.dead_lettered;
            route.undone += counts.undone;
            route.observations += counts.observations;
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
