//! When a call stops sending to a destination, and why.

use std::sync::atomic::Ordering::Relaxed;

use super::call::CallDelivery;
use super::{Stop, failures};

impl CallDelivery {
    /// Begins no further request and no further attempt of this call; what is on its way is still waited for.
    pub fn stop(&self) {
        self.state.stopped.store(true, Relaxed);
    }

    /// Nothing more goes to the destination in this call, for the first reason there was.
    pub(super) fn stopped_for(&self, stop: Stop) -> Stop {
        self.stop();
        self.state.reason.get_or_init(|| stop).clone()
    }

    /// Whether the destination may be asked at all.
    pub(super) fn may_go_on(&self) -> Result<(), Stop> {
        if let Some(stop) = self.state.reason.get() {
            return Err(stop.clone());
        }
        match self.destination.paused() {
            Some(pause) => Err(Stop::Refused { status: pause.status, failure: failures::paused(&self.destination, &pause) }),
            None => Ok(()),
        }
    }
}
