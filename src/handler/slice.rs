//! A range that somebody waits for: the steps of a call without its event, watched, at a pace, begun where an earlier process came to, and
//! to be ended early.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::range::range_key;
use super::{Handled, Handler};
use crate::deadline::Deadline;
use crate::feed::{Feed, Halt};
use crate::invocation::{Invocation, TriggerEvent};
use crate::pace::Pace;
use crate::progress::Saved;
use crate::report::Report;
use crate::sls::reader::{Range, Reader};

/// Who is told how far a range is, while it is worked on.
pub trait Watch: Send + Sync {
    /// Everything before this is settled, and nothing of it is only in memory.
    fn settled(&self, saved: &Saved);

    /// A part of the range has left the retention of the Logstore.
    fn lost(&self, part: &Range);
}

/// A range of one shard.
pub struct Slice<'s> {
    /// As a trigger would name it; its `cursor_time` is what decides about giving up.
    pub event: &'s TriggerEvent,
    /// Where an earlier attempt came to.
    pub saved: &'s Saved,
    /// How long the work may take.
    pub timeout: Duration,
    /// Is told how far it is.
    pub watch: &'s dyn Watch,
    /// Is kept with all others who keep it.
    pub pace: Option<&'s Pace>,
    /// Ends it early.
    pub halt: &'s Arc<Halt>,
}

/// What goes along with a range that somebody waits for; nothing with that of a trigger.
#[derive(Clone, Copy, Default)]
pub(super) struct Along<'s> {
    pub(super) pace: Option<&'s Pace>,
    watch: Option<&'s dyn Watch>,
    halt: Option<&'s Arc<Halt>>,
}

impl Along<'_> {
    pub(super) fn feed(self, reader: Reader) -> Feed {
        match self.halt {
            Some(halt) => Feed::Halting(Box::new(reader), Arc::clone(halt)),
            None => Feed::Shard(Box::new(reader)),
        }
    }

    pub(super) fn settled(self, saved: &Saved) {
        self.watch.iter().for_each(|watch| watch.settled(saved));
    }

    pub(super) fn lost(self, part: &Range) {
        self.watch.iter().for_each(|watch| watch.lost(part));
    }
}

impl Handler {
    /// Handles a range as a call with its event would, with the credentials of the settings. A success with a halt that was obeyed has settled
    /// everything before what the watch was told last, and nothing behind it.
    pub async fn handle_slice(&self, slice: Slice<'_>) -> Handled {
        let (started, deadline) = (Instant::now(), Deadline::of_call(slice.timeout));
        let request_id = "backfill".to_owned();
        let invocation = Invocation { request_id, event: Bytes::new(), credentials: None, region: None, deadline, own_log: None };
        self.resumes.keep(&range_key(slice.event), slice.saved);
        let along = Along { pace: slice.pace, watch: Some(slice.watch), halt: Some(slice.halt) };
        let mut report = Report::new(&invocation.request_id);
        let failure = self.run_event(slice.event, &invocation, along, &mut report).await.err();
        Handled::ended(report, failure, started)
    }
}
