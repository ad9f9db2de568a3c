//! The order of the steps of a call, and only that: read the event, pull pages, convert, deliver, settle, report.
//!
//! Here for what an SLS trigger names, in `lines` for what comes with the event itself. The only module that sees both sides of the trace model. Whoever calls it, Function Compute, Lambda or the command line, gets the
//! same: a report, and a failure if anything is left undone (`design.md` decision 5).

mod in_time;
mod lines;
mod range;
mod reach;
pub mod recall;
pub mod slice;
mod survey;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::budget::{Allowance, ByteBudget};
use crate::config;
use crate::deadline::Deadline;
use crate::delivery::call::CallDelivery;
use crate::delivery::destination::Destination;
use crate::delivery::memory::RangeKey;
use crate::error::{Failure, Stage};
use crate::invocation::{Invocation, TriggerEvent};
use crate::judge::Judge;
use crate::report::{CallOutcome, Report};
use crate::resume::Resumes;
use crate::secret::Credentials;
use crate::select::Selection;
use crate::sls::calls::Shard;
use crate::sls::client::SlsClient;
use crate::sls::endpoint::EndpointSettings;
use crate::sls::reader::PAGE_ROOM;
use crate::sls::signing::SignatureSettings;
use crate::sls::unix_seconds;
use crate::trace::settings::TraceSettings;
use crate::work::again::Copies;
use in_time::in_time;
pub use lines::LineCall;
use range::RangeCall;
pub use reach::Access;
use slice::Along;

/// Decoded pages, and parts of larger ones, that all calls together may hold beyond one each. Bytes. The next one of one call: while it is pulled
/// for one the others convert theirs.
const SHARED_PAGE_BYTES: u64 = PAGE_ROOM;

/// What all calls together may take beyond what each brings itself: requests on their way beyond one each, by [`CallDelivery::weight`], and
/// [`CALL_BYTES`] for each call at work. Bytes. Five more requests of one alone then leave at the same time or are kept, as they are before
/// compression, and one more of three between them; either way the process stays under 32 MB.
const SHARED_BATCH_BYTES: u64 = 31 * 256 * 1024;

/// What a call at work takes of [`SHARED_BATCH_BYTES`] for its page, what it is packed in, and its open batch. Bytes. So it takes room from
/// the requests of the others, and begins when they have left it: after one answer of a slow Langfuse.
const CALL_BYTES: u64 = 9 * 256 * 1024;

/// Of [`SHARED_BATCH_BYTES`], what goes into copies of requests that wait for their answer. Bytes. A further one is held by nobody once it has
/// left, and pulled again if it must be sent again, so that an answer which takes long keeps nobody waiting for memory.
const COPY_BYTES: u64 = 2 * 1024 * 1024;

/// How many calls are worked on at the same time; further ones wait for their turn. One alone keeps a core busy unless answers are slow, and
/// each takes some five megabytes with its pages, its batch and a request.
const CALLS_AT_WORK: usize = 3;

/// How much time must be left to a call that had to wait for its turn. With less, all it could do is to begin a request, and to blame whom that
/// went to.
const LEAST_WORK: Duration = Duration::from_millis(100);

/// What the operator decides about calls.
#[derive(Clone, Debug)]
pub struct HandlerSettings {
    /// How traces look.
    pub trace: TraceSettings,
    /// Which records go where.
    pub selection: Selection,
    /// Which endpoints are trusted.
    pub endpoint: EndpointSettings,
    /// How requests to SLS are signed.
    pub signature: SignatureSettings,
    /// Logstore for dead letters, in the project of the source.
    pub dead_letter_logstore: Option<String>,
    /// How old a range may be before what keeps failing alone is given up; `None`: never.
    pub give_up_after: Option<Duration>,
    /// Credentials for calls that bring none.
    pub credentials: Option<Credentials>,
}

/// Handles calls, several at once. Keeps nothing of one call for the next but connections and what is known of the destination.
#[derive(Debug)]
pub struct Handler {
    settings: HandlerSettings,
    sls: SlsClient,
    destinations: Vec<Arc<Destination>>,
    pages: ByteBudget,
    batches: ByteBudget,
    copies: Copies,
    resumes: Resumes,
    turns: Semaphore,
    now: fn() -> SystemTime,
}

/// How a call ended: its report, and why it failed if it did.
#[derive(Debug)]
pub struct Handled {
    /// What was done.
    pub report: Report,
    /// Why something is undone.
    pub failure: Option<Failure>,
}

impl Handled {
    fn ended(mut report: Report, failure: Option<Failure>, started: Instant) -> Self {
        report.close();
        report.outcome = if failure.is_some() { CallOutcome::Failure } else { CallOutcome::Success };
        report.duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Self { report, failure }
    }
}

impl Handler {
    /// A handler that sends to these destinations: the numbers of routes are their indices; without routes there is one.
    pub fn new(settings: HandlerSettings, sls: SlsClient, destinations: Vec<Destination>, now: fn() -> SystemTime) -> Self {
        Self {
            settings,
            sls,
            destinations: destinations.into_iter().map(Arc::new).collect(),
            pages: ByteBudget::new(SHARED_PAGE_BYTES),
            batches: ByteBudget::new(SHARED_BATCH_BYTES),
            copies: Copies::new(COPY_BYTES),
            resumes: Resumes::default(),
            turns: Semaphore::new(CALLS_AT_WORK),
            now,
        }
    }

    /// Handles one call to its end.
    pub async fn handle(&self, invocation: &Invocation) -> Handled {
        let started = Instant::now();
        let mut report = Report::new(&invocation.request_id);
        let failure = self.run(invocation, &mut report).await.err();
        Handled::ended(report, failure, started)
    }

    async fn run(&self, invocation: &Invocation, report: &mut Report) -> Result<(), Failure> {
        let event = TriggerEvent::parse(&invocation.event)?;
        self.run_event(&event, invocation, Along::default(), report).await
    }

    async fn run_event(&self, event: &TriggerEvent, invocation: &Invocation, along: Along<'_>, report: &mut Report) -> Result<(), Failure> {
        self.describe(event, report);
        let trace = config::apply_parameter_member(&self.settings.trace, &event.parameter).map_err(parameter_failure)?;
        let selection = self.selection(event)?;
        self.refuse_own_logs(event, invocation)?;
        let shard = self.shard(event, invocation)?;
        warn_if_disabled(&trace, report);
        if event.range.begin.is_at(&event.range.end) {
            return Ok(());
        }
        let judge = Judge { trace: &trace, selection: &selection };
        self.run_range(RangeCall { event, shard, judge, deadline: invocation.deadline, along }, report).await?;
        all_settled(report)
    }

    /// Waits until this call may work and there is memory for it, as far as its deadline allows.
    async fn turn(&self, deadline: Deadline) -> Result<(Option<SemaphorePermit<'_>>, Allowance), Failure> {
        let out_of_time = |_| {
            let message =
                format!("the time of the call ran out while {CALLS_AT_WORK} others were worked on, or held the memory for requests");
            let hint = "nothing is lost: the range comes again; lower instanceConcurrency, or look for a slow SLS or Langfuse";
            Failure::new(Stage::Deadline, "out_of_time", message, hint)
        };
        let waiting = async {
            // A semaphore that is never closed always gives.
            let turn = self.turns.acquire().await.ok();
            (turn, self.batches.set_aside(CALL_BYTES).await)
        };
        // A free turn is taken at once, however little time there is.
        let until = deadline.instant().checked_sub(LEAST_WORK).unwrap_or_else(|| deadline.instant());
        tokio::time::timeout_at(until, waiting).await.map_err(out_of_time)
    }

    /// The rules of the process, narrowed by the filter of the call if it has one.
    fn selection(&self, event: &TriggerEvent) -> Result<Cow<'_, Selection>, Failure> {
        let of_call = config::filter_of_parameter_member(&event.parameter).map_err(parameter_failure)?;
        let Some(of_call) = of_call else { return Ok(Cow::Borrowed(&self.settings.selection)) };
        let mut selection = self.settings.selection.clone();
        selection.filter.of_call = Some(of_call);
        Ok(Cow::Owned(selection))
    }

    fn describe(&self, event: &TriggerEvent, report: &mut Report) {
        report.job_name = event.job_name.clone();
        report.task_id = event.task_id.clone();
        report.project = event.place.project.clone();
        report.logstore = event.place.logstore.clone();
        report.shard = event.shard;
        report.begin_cursor = event.range.begin.text().to_owned();
        report.end_cursor = event.range.end.text().to_owned();
        report.lag_ms = self.lag_ms(event.cursor_time);
    }

    /// How long ago the newest record arrived (UNIX seconds); 0 where that is not known.
    fn lag_ms(&self, newest: Option<i64>) -> u64 {
        let lag = newest.map_or(0, |time| i64::from(self.now_seconds()).saturating_sub(time).max(0));
        u64::try_from(lag).unwrap_or(0).saturating_mul(1000)
    }

    /// A function that reads what it writes would feed itself for ever.
    fn refuse_own_logs(&self, event: &TriggerEvent, invocation: &Invocation) -> Result<(), Failure> {
        let is_own_log = invocation.own_log.as_ref() == Some(&event.place);
        let is_dead_letters = self.settings.dead_letter_logstore.as_ref() == Some(&event.place.logstore);
        let what = match (is_own_log, is_dead_letters) {
            (true, _) => "the function's own log",
            (_, true) => "the Logstore of its dead letters",
            _ => return Ok(()),
        };
        let message = format!("the trigger reads {}/{}, which is {what}", event.place.project, event.place.logstore);
        Err(Failure::new(Stage::Event, "loop", message, "bind the trigger to the Logstore of the gateway's access log"))
    }

    /// The shard of the event, with this call's credentials.
    fn shard(&self, event: &TriggerEvent, invocation: &Invocation) -> Result<Shard, Failure> {
        let access =
            Access { endpoint: &event.endpoint, credentials: invocation.credentials.clone(), region: invocation.region.as_deref() };
        Ok(Shard { logstore: self.logstore(&event.place, access)?, id: event.shard })
    }

    /// What a call sends with: one delivery for each destination.
    fn deliveries(&self, deadline: Deadline, range: &RangeKey, gives_up: bool) -> Vec<CallDelivery> {
        self.destinations.iter().map(|to| CallDelivery::new(to.clone(), deadline, range.clone(), gives_up)).collect()
    }

    /// A range is done: what was accepted of it need not be remembered.
    fn forget(&self, range: &RangeKey) {
        self.destinations.iter().for_each(|destination| destination.accepted().forget(range));
    }

    /// True if even the newest record (UNIX seconds) is older than the operator waits for what keeps failing (`design.md` decision 5).
    fn gives_up(&self, newest: Option<i64>) -> bool {
        let age = newest.map(|time| i64::from(self.now_seconds()).saturating_sub(time));
        let limit = self.settings.give_up_after.and_then(|limit| i64::try_from(limit.as_secs()).ok());
        age.zip(limit).is_some_and(|(age, limit)| age > limit)
    }

    fn now_seconds(&self) -> u32 {
        unix_seconds((self.now)())
    }
}

fn all_settled(report: &Report) -> Result<(), Failure> {
    match report.unsettled() {
        0 => Ok(()),
        undone => Err(Failure::new(Stage::Internal, "unsettled", format!("{undone} records were not settled"), "report this: it is a bug")),
    }
}

fn warn_if_disabled(trace: &TraceSettings, report: &Report) {
    if !trace.enabled {
        tracing::warn!(event = "disabled", request_id = %report.request_id, "LANGFUSE_TRACING_ENABLED is false: records are skipped");
    }
}

fn parameter_failure(error: config::ParameterError) -> Failure {
    let hint = "correct functionParameter of the trigger; everything else belongs into the function's environment";
    Failure::new(Stage::Event, "invalid_parameter", error.to_string(), hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::batch::MAX_REQUEST_BYTES;

    /// How many full requests so many calls at work have on their way at once, by memory.
    async fn on_their_way(calls: usize, weight: u64) -> usize {
        let batches = ByteBudget::new(SHARED_BATCH_BYTES);
        let mut held = Vec::new();
        for _ in 0..calls {
            held.push(batches.set_aside(CALL_BYTES).await);
        }
        let budgets: Vec<_> = (0..calls).map(|_| batches.for_call()).collect();
        let mut requests = Vec::new();
        for budget in budgets.iter().cycle() {
            // In paused time a wait is over at once, when nothing else is left to do.
            match tokio::time::timeout(Duration::from_secs(1), budget.take(MAX_REQUEST_BYTES as u64)).await {
                Ok(mut allowance) => {
                    allowance.shrink(weight);
                    requests.push(allowance);
                }
                Err(_) => break,
            }
        }
        requests.len()
    }

    #[tokio::test(start_paused = true)]
    async fn calls_at_once_hold_one_page_or_part_of_one_each_and_one_more_between_them() {
        let mut counts = Vec::new();
        for calls in 1..=CALLS_AT_WORK {
            let pages = ByteBudget::new(SHARED_PAGE_BYTES);
            let mut held = Vec::new();
            for budget in std::iter::repeat_with(|| pages.for_call()).take(calls) {
                while let Ok(page) = tokio::time::timeout(Duration::from_secs(1), budget.take(PAGE_ROOM)).await {
                    held.push(page);
                }
            }
            counts.push(held.len());
        }
        assert_eq!(counts, [2, 3, 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_at_once_share_the_memory_for_requests_and_compressed_ones_take_less_of_it() {
        let mut counts = Vec::new();
        for calls in 1..=CALLS_AT_WORK {
            counts.push([on_their_way(calls, MAX_REQUEST_BYTES as u64).await, on_their_way(calls, MAX_REQUEST_BYTES as u64 / 2).await]);
        }
        assert_eq!(counts, [[6, 11], [5, 7], [4, 4]]);
    }
}
