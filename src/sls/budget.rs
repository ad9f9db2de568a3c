//! How many decoded bytes may be in flight: one budget for the process, shared by all running calls.
//!
//! Each call may always hold one page, so that a call never waits for another call to make its first step; every further page that
//! is pulled ahead must fit the shared budget (`design.md` decision 8).

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Decoded bytes that all calls together may hold beyond one page each. Bytes. With four calls at once this keeps the process under
/// 64 MB, of which about 10 MB are code and connections.
pub const SHARED_BYTES: u64 = 8 * 1024 * 1024;

/// What one permit of the semaphore stands for. Bytes.
const UNIT: u64 = 1024;

/// The budget of the process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ByteBudget {
    shared: Arc<Semaphore>,
    units: u32,
}

impl ByteBudget {
    /// A budget of `bytes`.
    pub fn new(bytes: u64) -> Self {
        let units = u32::try_from(bytes / UNIT).unwrap_or(u32::MAX).max(1);
        Self { shared: Arc::new(Semaphore::new(units as usize)), units }
    }

    /// The view of one call, which brings its own one page.
    pub fn for_call(&self) -> CallBudget {
        CallBudget { own: Arc::new(Semaphore::new(1)), budget: self.clone() }
    }
}

impl Default for ByteBudget {
    fn default() -> Self {
        Self::new(SHARED_BYTES)
    }
}

/// The budget as one call sees it.
#[derive(Clone, Debug)]
pub struct CallBudget {
    own: Arc<Semaphore>,
    budget: ByteBudget,
}

/// The right to hold one page; dropping it gives the bytes back.
#[derive(Debug)]
pub struct PageAllowance {
    _permit: Option<OwnedSemaphorePermit>,
}

impl CallBudget {
    /// Waits until a page of `bytes` may be held: at once if the call holds none, else when the shared budget has room.
    pub async fn page(&self, bytes: u64) -> PageAllowance {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).clamp(1, self.budget.units);
        let permit = tokio::select! {
            biased;
            own = self.own.clone().acquire_owned() => own,
            shared = self.budget.shared.clone().acquire_many_owned(units) => shared,
        };
        // A semaphore that is never closed always gives; without a permit the page is simply not counted.
        PageAllowance { _permit: permit.ok() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    async fn waits(call: &CallBudget, bytes: u64) -> bool {
        timeout(Duration::from_secs(1), call.page(bytes)).await.is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_always_gets_its_first_page_and_waits_for_the_rest() {
        let budget = ByteBudget::new(4096);
        let (first, second) = (budget.for_call(), budget.for_call());
        let _own = first.page(1 << 30).await;
        let ahead = first.page(4096).await;
        assert!(waits(&first, 1).await);
        let _others_own = second.page(1 << 30).await;
        assert!(waits(&second, 1024).await);
        drop(ahead);
        assert!(!waits(&second, 4096).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_larger_than_the_budget_takes_all_of_it_instead_of_waiting_for_ever() {
        let call = ByteBudget::new(2048).for_call();
        let _own = call.page(1).await;
        assert!(!waits(&call, 1 << 40).await);
    }
}
