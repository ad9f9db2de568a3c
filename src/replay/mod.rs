//! Dead letters → their records, pulled from SLS again and delivered as live ones are (`design.md` decision 7).
//!
//! `line` reads letters in whatever form people have them, `letters` finds them in a file or a Logstore, `ledger` keeps their pointers,
//! `plan` groups them, `selection` tells which pulled records are meant, `state` remembers on disk what is done. This file says the order
//! of the steps. Pulling, converting and delivering are the [`Handler`]'s, as for a call: there is no second pipeline here.
//!
//! A letter is done when its record was delivered, or is passed over by today's settings. That is noted twice: in the state file, for this
//! machine and at once, and as a mark in the dead-letter Logstore, for every other; logs cannot be changed or taken away, so the mark is a
//! log of its own beside the letter. What is not done stays as it is and is tried again by the next replay.

pub mod ledger;
pub mod letters;
pub mod line;
pub mod plan;
pub mod selection;
pub mod state;

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::time::{Duration, SystemTime};

use crate::dead_letter::DeadLetter;
use crate::error::{Failure, Stage};
use crate::handler::recall::Recall;
use crate::handler::{Access, Handler};
use crate::invocation::LogPlace;
use crate::report::Report;
use crate::sls::calls::Shard;
use crate::sls::error::SlsError;
use crate::sls::unix_seconds;
use crate::trace::settings::TraceSettings;
use ledger::{Ledger, Wanted};
use letters::LetterStore;
use plan::Part;
use selection::{End, Selection};
use state::StateFile;

/// How long one part may take: far more than its pages and requests need, so that only what hangs is ended.
const PART_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// How many parts in a row may fail to be delivered with nothing accepted: beyond them it is an outage, and waiting is for the operator.
const MAX_FRUITLESS: u32 = 3;

/// Who watches a replay.
pub trait Watch {
    /// So many more records have had their end, or have been tried in vain.
    fn advanced(&mut self, records: u64);

    /// Something could not be read or delivered; `place`: where the records are.
    fn trouble(&mut self, place: &LogPlace, failure: &Failure);
}

/// What came of a replay, in records.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What became of the records that were open.
    pub ends: BTreeMap<End, u64>,
    /// Of what was done: delivered.
    pub delivered: u64,
    /// Of what was done: passed over by today's settings, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// What cannot be delivered today either, by today's reason.
    pub again: BTreeMap<&'static str, u64>,
    /// Requests to SLS for the records, failed ones included.
    pub sls_requests: u64,
    /// Requests to Langfuse, and how many of them repeated an earlier one.
    pub requests: u64,
    /// Of the requests: repeated ones.
    pub retries: u64,
    /// Why marks could not be written to the dead-letter Logstore.
    pub unmarked: Option<SlsError>,
}

/// Delivers what a ledger holds open.
pub struct Replay<'r> {
    /// Pulls and delivers.
    pub handler: &'r Handler,
    /// How traces look.
    pub trace: &'r TraceSettings,
    /// Endpoint of the records' projects, not yet trusted.
    pub endpoint: &'r str,
    /// What was read.
    pub ledger: &'r Ledger,
    /// What is done.
    pub state: StateFile,
    /// Where marks go, if the letters came from there.
    pub store: Option<LetterStore>,
}

impl Replay<'_> {
    /// Works through everything that is open.
    ///
    /// # Errors
    /// When the state file cannot be written: what is done would not be remembered.
    pub async fn run(mut self, watch: &mut dyn Watch) -> io::Result<Outcome> {
        let mut outcome = Outcome::default();
        let (ledger, open) = (self.ledger, self.ledger.open());
        self.mark(&ledger.unmarked(), &mut outcome).await;
        let (mut fruitless, mut unreadable) = (0, HashSet::new());
        for part in plan::parts(&open) {
            let (place, wanted) = (&ledger.places()[part.place], &open[part.wanted.clone()]);
            if fruitless >= MAX_FRUITLESS || unreadable.contains(&part.place) {
                outcome.end_all(End::Undone, wanted.len() as u64);
                continue;
            }
            let (ends, report, failure) = self.deliver(&part, wanted, place).await;
            fruitless = if failure.as_ref().is_some_and(is_of_delivery) && report.ship_lines == 0 { fruitless + 1 } else { 0 };
            if let Some(failure) = failure {
                watch.trouble(place, &failure);
                if !is_of_delivery(&failure) {
                    unreadable.insert(part.place);
                }
            }
            outcome.add(&ends, &report);
            self.note(wanted, &ends, &mut outcome).await?;
            watch.advanced(wanted.len() as u64);
        }
        Ok(outcome)
    }

    async fn deliver(&self, part: &Part, wanted: &[Wanted], place: &LogPlace) -> (Vec<End>, Report, Option<Failure>) {
        let mut selection = Selection::new(place, wanted);
        let access = Access { endpoint: self.endpoint, credentials: None, region: None };
        let logstore = match self.handler.logstore(place, access) {
            Ok(logstore) => logstore,
            Err(failure) => return (selection.ends(false), Report::default(), Some(failure)),
        };
        let shard = Shard { logstore, id: part.shard };
        let recall = Recall { shard, ranges: part.ranges.clone(), trace: self.trace, timeout: PART_TIMEOUT };
        let handled = self.handler.recall(recall, &mut selection).await;
        (selection.ends(handled.failure.is_none()), handled.report, handled.failure)
    }

    /// Notes what is done: first here, then where everybody sees it.
    async fn note(&mut self, wanted: &[Wanted], ends: &[End], outcome: &mut Outcome) -> io::Result<()> {
        let done = wanted.iter().zip(ends).filter(|(_, end)| **end == End::Done);
        let letters: Vec<_> = done.flat_map(|(wanted, _)| self.ledger.letters_of(wanted)).collect();
        if !letters.is_empty() {
            self.state.add(&letters)?;
            self.mark(&letters, outcome).await;
        }
        Ok(())
    }

    /// Writes marks. After a failure no more are tried: the next replay finds in the state file which ones are missing.
    async fn mark(&self, letters: &[DeadLetter], outcome: &mut Outcome) {
        let Some(store) = self.store.as_ref().filter(|_| !letters.is_empty() && outcome.unmarked.is_none()) else { return };
        outcome.unmarked = store.mark(letters, now()).await.err();
    }
}

impl Outcome {
    /// How many records had this end.
    pub fn count(&self, end: End) -> u64 {
        self.ends.get(&end).copied().unwrap_or_default()
    }

    fn end_all(&mut self, end: End, records: u64) {
        *self.ends.entry(end).or_default() += records;
    }

    fn add(&mut self, ends: &[End], report: &Report) {
        ends.iter().for_each(|end| self.end_all(*end, 1));
        self.delivered += report.ship_lines;
        report.skipped.iter().for_each(|(reason, count)| *self.skipped.entry(reason).or_default() += count);
        report.dead_lettered.iter().for_each(|(reason, count)| *self.again.entry(reason).or_default() += count);
        self.sls_requests += report.sls_requests;
        self.requests += report.requests;
        self.retries += report.retries;
    }
}

fn is_of_delivery(failure: &Failure) -> bool {
    matches!(failure.stage, Stage::Deliver | Stage::Deadline | Stage::Internal)
}

/// UNIX seconds.
fn now() -> u32 {
    unix_seconds(SystemTime::now())
}
