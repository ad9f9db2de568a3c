//! A range that is read and judged, and nothing else: what a dry run does instead of a call.

use std::sync::Arc;

use super::{Handler, in_time, parameter_failure};
use crate::config;
use crate::error::Failure;
use crate::feed::{Feed, Piece};
use crate::invocation::{Invocation, TriggerEvent};
use crate::judge::Judge;
use crate::report::Report;
use crate::sls::reader::Reader;
use crate::survey::Survey;

impl Handler {
    /// Reads the range of an event as a call would and counts what would become of its records. Sends and writes nothing.
    ///
    /// # Errors
    /// When the event is none, or the range cannot be read to its end within the deadline; what was read is counted.
    pub async fn survey(&self, event: &TriggerEvent, invocation: &Invocation, survey: &mut Survey) -> Result<(), Failure> {
        let trace = config::apply_parameter_member(&self.settings.trace, &event.parameter).map_err(parameter_failure)?;
        let selection = self.selection(event)?;
        self.refuse_own_logs(event, invocation)?;
        let shard = self.shard(event, invocation)?;
        if event.range.begin.is_at(&event.range.end) {
            return Ok(());
        }
        let judge = Judge { trace: &trace, selection: &selection };
        let reader = Reader::new(shard, event.range.clone(), self.pages.for_call(), invocation.deadline, Arc::default());
        let reading = count_all(Feed::Shard(Box::new(reader)), &judge, survey);
        in_time(invocation.deadline, reading).await.map_err(|ended| ended.failure(&Report::new(&invocation.request_id)))
    }
}

async fn count_all(mut feed: Feed, judge: &Judge<'_>, survey: &mut Survey) -> Result<(), Failure> {
    while let Some(piece) = feed.next().await? {
        count(&piece, judge, survey);
        tokio::task::yield_now().await;
    }
    Ok(())
}

fn count(piece: &Piece, judge: &Judge<'_>, survey: &mut Survey) {
    for (position, record) in piece.records() {
        survey.count(judge, position, record.as_ref());
    }
}
