//! A call whose records come with the event: unpack, convert, deliver, settle, report.

use tokio::time::Instant;

use super::{Handled, Handler, all_settled, in_time, warn_if_disabled};
use crate::deadline::Deadline;
use crate::delivery::memory::RangeKey;
use crate::error::Failure;
use crate::feed::{Feed, Parcels};
use crate::judge::Judge;
use crate::letters::Letters;
use crate::origin::Origin;
use crate::report::Report;
use crate::settlement::{Done, Settlement};
use crate::work::Work;

/// One call of this kind.
pub struct LineCall {
    /// Id of the call, for logs and the answer.
    pub request_id: String,
    /// When the work must be done.
    pub deadline: Deadline,
    /// Its records.
    pub parcels: Parcels,
    /// The name of their source, for the report.
    pub source: String,
    /// What identifies them when they come again.
    pub range: RangeKey,
    /// When the newest of them arrived, UNIX seconds, where it is known.
    pub newest: Option<i64>,
}

impl Handler {
    /// Handles one call to its end; `origin` then knows what became of each record.
    pub async fn handle_lines(&self, call: LineCall, origin: &mut dyn Origin) -> Handled {
        let started = Instant::now();
        let mut report = Report { source: call.source.clone(), lag_ms: self.lag_ms(call.newest), ..Report::new(&call.request_id) };
        let failure = self.run_lines(call, origin, &mut report).await.err();
        Handled::ended(report, failure, started)
    }

    async fn run_lines(&self, call: LineCall, origin: &mut dyn Origin, report: &mut Report) -> Result<(), Failure> {
        let trace = &self.settings.trace;
        warn_if_disabled(trace, report);
        let _turn = self.turn(call.deadline).await?;
        let feed = Feed::Parcels(call.parcels, self.pages.for_call());
        let deliveries = self.deliveries(call.deadline, &call.range, self.gives_up(call.newest));
        let selection = &self.settings.selection;
        let mut letters = Letters::new(None, call.deadline, self.now);
        let settlement = Settlement::new(Done { origin, report: &mut *report, letters: &mut letters }, &selection.routes);
        let work = Work::new(settlement, Judge { trace, selection }, deliveries, self.batches.for_call(), self.sls.spare());
        in_time(call.deadline, work.run(feed)).await.map_err(|ended| ended.failure(report))?;
        all_settled(report)?;
        self.forget(&call.range);
        Ok(())
    }
}
