//! What came of a backfill, in words and as JSON. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::backfill::state::{Ended, Standing, State, Tally};
use crate::backfill::{Outcome, Totals};
use crate::cli::output::{counted, reasons, size};
use crate::report::RouteReport;

/// What is told. Counts of records speak of the whole backfill, with earlier runs; those of requests and routes of this run alone.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Account<'a> {
    dry_run: bool,
    /// True if nothing is to be done any more.
    done: bool,
    from: String,
    to: String,
    shards: usize,
    read_only_shards: usize,
    slices: usize,
    slices_done: usize,
    #[serde(flatten)]
    tally: Tally,
    /// Log groups that had left the Logstore before they could be read.
    expired_groups: u64,
    /// Slices of shards that had disappeared.
    slices_gone: usize,
    /// Shard → when the oldest log group that it keeps was received: the window begins before that.
    kept_since: BTreeMap<u32, String>,
    this_run: ThisRun<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ThisRun<'a> {
    observations: u64,
    sls_requests: u64,
    requests: u64,
    retries: u64,
    wire_bytes: u64,
    duration_ms: u128,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    routes: &'a BTreeMap<String, RouteReport>,
}

impl<'a> Account<'a> {
    /// Of a state, and what this run did.
    pub fn of(state: &State, totals: &'a Totals, took: Duration) -> Self {
        let Standing { tally, slices_done, slices, lost, .. } = state.standing();
        let window = state.of.window();
        let kept = |shard: &crate::backfill::state::ShardNote| Some((shard.id, time(shard.oldest?)));
        let Totals { observations, sls_requests, requests, retries, wire_bytes, routes } = totals;
        Self {
            dry_run: false,
            done: state.is_done(),
            from: time(window.from),
            to: time(window.to),
            shards: state.shards.len(),
            read_only_shards: state.shards.iter().filter(|shard| shard.read_only).count(),
            slices,
            slices_done,
            tally,
            expired_groups: lost,
            slices_gone: state.slices.iter().filter(|slice| slice.ended == Some(Ended::Gone)).count(),
            kept_since: state.shards.iter().filter_map(kept).collect(),
            this_run: ThisRun {
                observations: *observations,
                sls_requests: *sls_requests,
                requests: *requests,
                retries: *retries,
                wire_bytes: *wire_bytes,
                duration_ms: took.as_millis(),
                routes,
            },
        }
    }

    /// In a few lines.
    pub fn in_words(&self) -> String {
        let run = &self.this_run;
        let shards = match self.read_only_shards {
            0 => self.shards.to_string(),
            read_only => format!("{} ({read_only} read-only)", self.shards),
        };
        let mut lines = vec![
            ("window", format!("{} to {}, by the time at which SLS received the logs", self.from, self.to)),
            ("shards", shards),
            ("slices", format!("{} of {} done", self.slices_done, self.slices)),
            ("read", counted(self.tally.records, "record", "records")),
            ("delivered", self.tally.delivered.to_string()),
            ("skipped", named(&self.tally.skipped)),
            ("dead letters", named(&self.tally.dead_lettered)),
        ];
        lines.extend(self.what_is_gone());
        if !run.routes.is_empty() {
            let routes: Vec<_> = run.routes.iter().map(|(name, route)| format!("{} {name}", route.delivered)).collect();
            lines.push(("routes", format!("{} (delivered in this run)", routes.join(", "))));
        }
        let (sls, langfuse) = (counted(run.sls_requests, "request", "requests"), counted(run.requests, "request", "requests"));
        let repeated = format!("{} of them repeated, {} on the wire", run.retries, size(run.wire_bytes));
        lines.push(("this run", format!("{sls} to SLS, {langfuse} to Langfuse, {repeated}; {:.1} s", run.duration_ms as f64 / 1000.0)));
        lines.iter().map(|(title, text)| format!("  {title:<14} {text}")).collect::<Vec<_>>().join("\n")
    }

    fn what_is_gone(&self) -> Vec<(&'static str, String)> {
        let mut lines = Vec::new();
        if self.expired_groups > 0 {
            lines.push(("expired", format!("{} had left the Logstore", counted(self.expired_groups, "log group", "log groups"))));
        }
        if self.slices_gone > 0 {
            let gone = counted(self.slices_gone as u64, "slice", "slices");
            lines.push(("gone", format!("{gone} of shards that have disappeared")));
        }
        if !self.kept_since.is_empty() {
            let shards: Vec<_> = self.kept_since.iter().map(|(shard, since)| format!("shard {shard} since {since}")).collect();
            lines.push(("kept", format!("{}; nothing older is there, and the window begins before that", shards.join(", "))));
        }
        lines
    }
}

/// Why not everything is done, with what to do; none: everything is.
pub fn remains(outcome: &Outcome) -> Option<String> {
    let standing = outcome.state.standing();
    let open = counted((standing.slices - standing.slices_done) as u64, "slice is", "slices are");
    let again = "what is done is noted: run the same command again";
    if standing.slices == standing.slices_done {
        return None;
    }
    Some(match (&outcome.stopped, outcome.halted) {
        (Some(failure), _) => {
            let hint = crate::cli::again::hint(failure);
            let hint = if hint.contains(again) { hint } else { format!("{hint}; {again}") };
            format!("{open} not done: {}\nwhat to do: {hint}", failure.message)
        }
        (None, true) => format!("interrupted: {open} not done\nwhat to do: {again}"),
        (None, false) => format!("{open} not done: they failed by themselves, as told above\nwhat to do: {again}"),
    })
}

fn named(counts: &BTreeMap<String, u64>) -> String {
    reasons(counts.iter().map(|(reason, count)| (reason, *count)))
}

/// UNIX seconds as people read them.
pub fn time(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}
