//! Records that were pulled before are pulled and delivered once more: the steps of a call without its event.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

use super::in_time::in_time;
use super::{Handled, Handler};
use crate::deadline::Deadline;
use crate::delivery::memory::RangeKey;
use crate::error::Failure;
use crate::feed::Feed;
use crate::judge::Judge;
use crate::letters::Letters;
use crate::origin::Origin;
use crate::report::Report;
use crate::settlement::{Done, Settlement};
use crate::sls::calls::Shard;
use crate::sls::ranges::Ranges;
use crate::sls::reader::Range;
use crate::trace::settings::TraceSettings;
use crate::work::Work;

/// What to pull again.
#[derive(Debug)]
pub struct Recall<'r> {
    /// Where, with a trusted endpoint.
    pub shard: Shard,
    /// What of it; never empty.
    pub ranges: Vec<Range>,
    /// How traces look.
    pub trace: &'r TraceSettings,
    /// How long the work may take.
    pub timeout: Duration,
}

impl Handler {
    /// Pulls the ranges and delivers what `origin` wants of them, as a call does. Dead letters are told to `origin` and written nowhere:
    /// they are there already. What keeps failing alone while others are accepted is one of them.
    pub async fn recall(&self, recall: Recall<'_>, origin: &mut dyn Origin) -> Handled {
        let (started, deadline) = (Instant::now(), Deadline::of_call(recall.timeout));
        let mut report = Report::new("replay");
        let failure = self.pull_and_deliver(recall, deadline, origin, &mut report).await.err();
        Handled::ended(report, failure, started)
    }

    async fn pull_and_deliver(
        &self,
        recall: Recall<'_>,
        deadline: Deadline,
        origin: &mut dyn Origin,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let requests = Arc::new(AtomicU64::new(0));
        let range = range_key(&recall);
        let ranges = Ranges::new(recall.shard, recall.ranges, self.pages.for_call(), deadline, requests.clone());
        let deliveries = self.deliveries(deadline, &range, true);
        // They are written already, where they came from.
        let mut letters = Letters::new(None, deadline, self.now);
        let done = Done { origin, report: &mut *report, letters: &mut letters };
        let judge = Judge { trace: recall.trace, selection: &self.settings.selection };
        let work = Work::new(Settlement::new(done, &judge.selection.routes), judge, deliveries, self.batches.for_call(), self.sls.spare());
        let ended = in_time(deadline, work.run(Feed::Ranges(Box::new(ranges)))).await;
        report.sls_requests = requests.load(Relaxed);
        // What was accepted is noted letter by letter, on disk.
        self.forget(&range);
        ended.map_err(|ended| ended.failure(report))
    }
}

fn range_key(recall: &Recall<'_>) -> RangeKey {
    let logstore = &recall.shard.logstore;
    let begin = recall.ranges.first().map(|range| range.begin.text().to_owned()).unwrap_or_default();
    RangeKey { job: "replay".to_owned(), project: logstore.project.clone(), logstore: logstore.name.clone(), shard: recall.shard.id, begin }
}
