//! Which API a call uses: chosen once, changed only before anything was accepted (`design.md` §2 "auto").

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{MutexGuard, PoisonError};

use super::Stop;
use super::call::CallDelivery;
use super::ingestion_plan::{Api, IngestionPlan};
use super::job::Job;
use super::verdict::Block;

/// The API of a call, and what else there is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    pub(super) plan: IngestionPlan,
    pub(super) api: Api,
}

impl CallDelivery {
    /// The API of this call: decided once, since the two must not be mixed (`reference/langfuse.md` §9 "Across the two APIs").
    pub(super) async fn route(&self) -> Route {
        if let Some(route) = *self.locked() {
            return route;
        }
        let plan = self.destination.plan(self.deadline.left()).await;
        *self.locked().get_or_insert(Route { plan, api: plan.first() })
    }

    /// The API of this call, if it is decided.
    pub(super) fn known_api(&self) -> Option<Api> {
        self.locked().map(|route| route.api)
    }

    /// Sends the following batches to the other API, unless this one has accepted something.
    pub(super) fn change_api(&self, api: Api) {
        if let Some(route) = self.locked().as_mut().filter(|_| !self.state.accepted.load(Relaxed)) {
            route.api = api;
        }
    }

    fn locked(&self) -> MutexGuard<'_, Option<Route>> {
        self.state.route.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A server without OTLP may have the batch API; everything else that blocks ends the call.
    pub(super) async fn detour(&self, job: Job, status: u16, block: &Block) -> Result<Vec<Job>, Stop> {
        let missing = *block == Block::NoEndpoint && status == 404 && job.api == Api::Otlp;
        let instead = if missing && !self.state.accepted.load(Relaxed) { self.instead_of_otlp().await } else { None };
        if let Some(api) = instead {
            self.change_api(api);
            return Ok(vec![Job::first(job.run, api)]);
        }
        Err(self.blocked(status, block, &job))
    }

    /// What there is where the OTLP endpoint is not. What was known of the version is asked for again, since it has just been proven wrong
    /// or was never known.
    async fn instead_of_otlp(&self) -> Option<Api> {
        if let Some(api) = self.route().await.plan.after_missing_otlp() {
            return Some(api);
        }
        self.destination.forget_version().await;
        self.destination.plan(self.deadline.left()).await.after_missing_otlp()
    }
}
