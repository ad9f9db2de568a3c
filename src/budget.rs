//! How many bytes may be in flight: a budget of the process for one kind of thing, shared by all running calls.
//!
//! Each call may always hold one of them, so that a call never waits for another call to make its next step; every further one must
//! fit the shared budget (`design.md` decision 8). It knows sizes, not what they are sizes of.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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

    /// Waits for a part of it that nobody shares until it is given back.
    pub async fn set_aside(&self, bytes: u64) -> Allowance {
        let units = units(bytes).min(self.units);
        Allowance { permit: self.shared.clone().acquire_many_owned(units).await.ok() }
    }

    /// The view of one call, which brings its own one.
    pub fn for_call(&self) -> CallBudget {
        CallBudget { own: Arc::new(Semaphore::new(1)), budget: self.clone() }
    }
}

/// The budget as one call sees it.
#[derive(Clone, Debug)]
pub struct CallBudget {
    own: Arc<Semaphore>,
    budget: ByteBudget,
}

/// The right to hold so many bytes; dropping it gives them back. The default: what nobody counts.
#[derive(Debug, Default)]
pub struct Allowance {
    permit: Option<OwnedSemaphorePermit>,
}

impl Allowance {
    /// Gives back what is not needed to hold `bytes`.
    pub fn shrink(&mut self, bytes: u64) {
        let Some(permit) = &mut self.permit else { return };
        // The one that a call brings itself counts as one, whatever its size.
        let excess = permit.num_permits().saturating_sub(units(bytes) as usize);
        drop(permit.split(excess));
    }
}

impl CallBudget {
    /// Waits until `bytes` may be held: at once if the call holds nothing, else when the shared budget has room.
    pub async fn take(&self, bytes: u64) -> Allowance {
        let units = units(bytes).min(self.budget.units);
        let permit = tokio::select! {
            biased;
            own = self.own.clone().acquire_owned() => own,
            shared = self.budget.shared.clone().acquire_many_owned(units) => shared,
        };
        // A semaphore that is never closed always gives; without a permit the bytes are simply not counted.
        Allowance { permit: permit.ok() }
    }
}

fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    async fn waits(call: &CallBudget, bytes: u64) -> bool {
        timeout(Duration::from_secs(1), call.take(bytes)).await.is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_always_gets_its_first_one_and_waits_for_the_rest() {
        let budget = ByteBudget::new(4096);
        let (first, second) = (budget.for_call(), budget.for_call());
        let _own = first.take(1 << 30).await;
        let ahead = first.take(4096).await;
        assert!(waits(&first, 1).await);
        let _others_own = second.take(1 << 30).await;
        assert!(waits(&second, 1024).await);
        drop(ahead);
        assert!(!waits(&second, 4096).await);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_larger_than_the_budget_takes_all_of_it_instead_of_waiting_for_ever() {
        let call = ByteBudget::new(2048).for_call();
        let _own = call.take(1).await;
        assert!(!waits(&call, 1 << 40).await);
    }
    #[tokio::test(start_paused = true)]
    async fn what_becomes_smaller_makes_room_and_keeps_its_own() {
        let call = ByteBudget::new(4096).for_call();
        let mut own = call.take(4096).await;
        let mut shared = call.take(4096).await;
        own.shrink(1);
        assert!(waits(&call, 1).await);
        shared.shrink(1025);
        assert!(waits(&call, 2049).await);
        let _rest = call.take(2048).await;
        shared.shrink(4096);
        assert!(waits(&call, 1).await);
    }
}
