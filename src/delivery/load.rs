//! What the batches of a call put on memory, and on the destination at once.

use tokio::sync::OwnedSemaphorePermit;

use super::call::CallDelivery;
use super::ingestion_plan::Api;
use crate::export::batch::Batch;

/// How many requests may wait for an answer of one destination at the same time, of all calls together. A whole core makes a request in a
/// millisecond and a half to six, so with this many an answer that takes fifty keeps it waiting for next to nothing; and each has a connection,
/// which takes memory on both sides.
pub const MOST_AT_ONCE: usize = 32;

impl CallDelivery {
    /// A place among those [`MOST_AT_ONCE`], until it is dropped; `None` if others have them all.
    pub fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.destination.place()
    }

    /// The most memory that a batch takes until its answer comes. Bytes. Compressed it takes less, which its allowance then shrinks to.
    pub fn weight(&self, batch: &Batch) -> u64 {
        match self.known_api() {
            // What it was made of waits beside it: the answer speaks of each observation.
            Some(Api::Batch(_)) => 2 * batch.bytes(),
            _ => batch.bytes(),
        }
    }

    /// True if a batch need not be kept while it waits for its answer, where it can be made again.
    pub fn may_forget(&self) -> bool {
        self.known_api() == Some(Api::Otlp)
    }

    /// With how many requests at once the destination kept up when it last answered one.
    pub fn kept_up(&self) -> usize {
        self.destination.kept_up()
    }

    /// Notes for later calls that it keeps up with so many.
    pub fn keeps_up_with(&self, requests: usize) {
        self.destination.keeps_up_with(requests);
    }
}
