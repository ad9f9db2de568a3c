//! Delivery as one call sees it: attempts, waits, division of refused requests, the way to the other API, and when to stop trying.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use super::answer::NoAnswer;
use super::batch_answer::{BatchVerdict, ObservationResult, batch_verdict};
use super::destination::Destination;
use super::ingestion_plan::{Api, IngestionPlan};
use super::job::{Job, LastAttempt, PER_EVENT, Shipment};
use super::request::{self, Body, NoBody};
use super::verdict::{Block, Verdict, verdict};
use super::{BatchReport, DeadLetterReason, Outcome, backoff, failures};
use crate::deadline::Deadline;
use crate::error::Failure;
use crate::export::batch::Batch;

/// What all deliveries of one call to one destination share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CallDelivery {
    destination: Arc<Destination>,
    deadline: Deadline,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The destination took something in this call: what it refuses then is refused for its content, and the API stays.
    accepted: AtomicBool,
    /// A request failed for good in this call: further ones would only cost time.
    stopped: AtomicBool,
    /// The API of this call, once it is decided, and what else there is.
    route: Mutex<Option<Route>>,
}

#[derive(Clone, Copy, Debug)]
struct Route {
    plan: IngestionPlan,
    api: Api,
}

/// How one request ended.
enum Sent {
    /// One result per observation.
    Settled(Vec<ObservationResult>),
    /// One verdict for all, with the status behind it.
    Whole(u16, Verdict),
    /// No whole answer.
    Nothing(NoAnswer),
    /// A bug of ours.
    Unreadable,
}

impl CallDelivery {
    /// Delivery of a call that must be done by `deadline`.
    pub fn new(destination: Arc<Destination>, deadline: Deadline) -> Self {
        Self { destination, deadline, state: Arc::default() }
    }

    /// Asks the destination what it is, where that decides the API, so that the answer is there when the first batch is.
    pub async fn prepare(&self) {
        if self.destination.paused().is_none() {
            self.route().await;
        }
    }

    /// Begins no further request and no further attempt of this call; what is on its way is still waited for.
    pub fn stop(&self) {
        self.state.stopped.store(true, Relaxed);
    }

    /// Sends a batch and settles every observation in it.
    pub async fn deliver(self, batch: Batch) -> BatchReport {
        let mut shipment = Shipment::new(&batch);
        if let Some((block, left)) = self.destination.paused() {
            return shipment.report(Some(failures::paused(&self.destination, &block, left)));
        }
        let mut jobs = vec![Job::first(0..batch.len(), self.route().await.api)];
        while let Some(job) = jobs.pop() {
            match self.work_off(&mut shipment, job).await {
                Ok(more) => jobs.extend(more),
                Err(failure) => {
                    self.stop();
                    return shipment.report(Some(failure));
                }
            }
        }
        shipment.report(None)
    }

    /// Sends one job, settles what its answer settles, and returns what is still to be done.
    async fn work_off(&self, shipment: &mut Shipment<'_>, job: Job) -> Result<Vec<Job>, Failure> {
        self.wait_before(&job).await?;
        match self.send(shipment, &job).await {
            Sent::Settled(results) => self.settle(shipment, &job, &results).await,
            Sent::Whole(_, Verdict::Delivered) => {
                shipment.settle(job.run, Outcome::Delivered);
                Ok(Vec::new())
            }
            Sent::Whole(status, Verdict::Retry(asked)) => self.retried(job.again(asked, LastAttempt::Answered(status))),
            Sent::Nothing(NoAnswer::Certificate) => self.detour(job, 0, &Block::Certificate).await,
            Sent::Nothing(reason) => self.retried(job.again(None, LastAttempt::NoAnswer(reason))),
            Sent::Whole(_, Verdict::TooLarge | Verdict::Refused) if job.run.len() > 1 => Ok(job.halves().into()),
            Sent::Whole(status, Verdict::TooLarge) => self.give_up(shipment, job, DeadLetterReason::TooLarge, status).await,
            Sent::Whole(status, Verdict::Refused) => self.give_up(shipment, job, DeadLetterReason::Refused, status).await,
            Sent::Whole(status, Verdict::Blocked(block)) => self.detour(job, status, &block).await,
            Sent::Unreadable => Err(failures::unreadable()),
        }
    }

    /// Settles an answer that speaks of each observation.
    async fn settle(&self, shipment: &mut Shipment<'_>, job: &Job, results: &[ObservationResult]) -> Result<Vec<Job>, Failure> {
        let otlp = self.route().await.plan.after_events_only();
        if results.contains(&ObservationResult::EventsOnly) {
            self.destination.forget_version().await;
            match otlp {
                Some(api) => self.change_api(api),
                None => return Err(failures::events_only(&self.destination)),
            }
        }
        let jobs = shipment.settle_each(job, results, otlp);
        match jobs.iter().any(|job| job.attempt >= backoff::MAX_ATTEMPTS) {
            true => Err(failures::exhausted(&self.destination, PER_EVENT, backoff::MAX_ATTEMPTS)),
            false => Ok(jobs),
        }
    }

    fn retried(&self, job: Job) -> Result<Vec<Job>, Failure> {
        if job.attempt < backoff::MAX_ATTEMPTS && !self.state.stopped.load(Relaxed) {
            return Ok(vec![job]);
        }
        Err(failures::exhausted(&self.destination, job.last, job.attempt))
    }

    /// A server without OTLP may have the batch API; everything else that blocks ends the call.
    async fn detour(&self, job: Job, status: u16, block: &Block) -> Result<Vec<Job>, Failure> {
        let missing = *block == Block::NoEndpoint && status == 404 && job.api == Api::Otlp;
        if missing && !self.state.accepted.load(Relaxed) {
            if let Some(api) = self.instead_of_otlp().await {
                self.change_api(api);
                return Ok(vec![Job::first(job.run, api)]);
            }
        }
        self.destination.pause(block);
        Err(failures::blocked(&self.destination, status, block, job.api))
    }

    /// Settles a lone observation that the destination does not take.
    async fn give_up(&self, shipment: &mut Shipment<'_>, job: Job, reason: DeadLetterReason, status: u16) -> Result<Vec<Job>, Failure> {
        self.prove_health(shipment, &job, status).await?;
        shipment.settle(job.run, Outcome::DeadLetter { reason, status });
        Ok(Vec::new())
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

    /// Makes sure that a destination which refuses a lone observation is able to accept anything at all, so that a proxy that refuses
    /// every request never turns a whole range into dead letters.
    async fn prove_health(&self, shipment: &mut Shipment<'_>, job: &Job, refused_with: u16) -> Result<(), Failure> {
        if self.state.accepted.load(Relaxed) {
            return Ok(());
        }
        match self.send(shipment, &Job::first(0..0, job.api)).await {
            Sent::Settled(_) | Sent::Whole(_, Verdict::Delivered) => Ok(()),
            Sent::Whole(status, Verdict::Retry(_)) => Err(failures::exhausted(&self.destination, LastAttempt::Answered(status), 1)),
            Sent::Nothing(reason) => Err(failures::exhausted(&self.destination, LastAttempt::NoAnswer(reason), 1)),
            Sent::Whole(status, Verdict::Blocked(block)) => Err(failures::blocked(&self.destination, status, &block, job.api)),
            _ => Err(failures::blocked(&self.destination, refused_with, &Block::Unexpected, job.api)),
        }
    }

    /// Waits as long as an attempt must wait, or says why there is none.
    async fn wait_before(&self, job: &Job) -> Result<(), Failure> {
        if self.state.stopped.load(Relaxed) {
            return Err(failures::exhausted(&self.destination, job.last, job.attempt));
        }
        if let Some((block, left)) = self.destination.paused() {
            return Err(failures::paused(&self.destination, &block, left));
        }
        let Some(failed_before) = job.attempt.checked_sub(1) else { return Ok(()) };
        match self.deadline.sleep(backoff::wait(failed_before, job.asked, fastrand::f64())).await {
            true => Ok(()),
            false => Err(failures::exhausted(&self.destination, job.last, job.attempt)),
        }
    }

    async fn send(&self, shipment: &mut Shipment<'_>, job: &Job) -> Sent {
        let body = match request::body(shipment.bytes(job), job.api, self.destination.settings().compression) {
            Ok(body) => body,
            Err(NoBody::TooLarge) => return Sent::Whole(413, Verdict::TooLarge),
            Err(NoBody::Unreadable) => return Sent::Unreadable,
        };
        shipment.stats.requests += 1;
        shipment.stats.retries += u64::from(job.attempt > 0);
        shipment.stats.wire_bytes += body.wire.len() as u64;
        let sent = self.judged(&body).await;
        if matches!(&sent, Sent::Whole(_, Verdict::Delivered)) || takes_some(&sent) {
            self.state.accepted.store(true, Relaxed);
            shipment.stats.body_bytes += body.raw_len as u64;
        }
        sent
    }

    async fn judged(&self, body: &Body) -> Sent {
        let answer = match self.destination.post(body, self.deadline.left()).await {
            Ok(answer) => answer,
            Err(reason) => return Sent::Nothing(reason),
        };
        match body.api {
            Api::Otlp => Sent::Whole(answer.status, verdict(&answer)),
            Api::Batch(_) => match batch_verdict(&answer, &body.events) {
                BatchVerdict::Settled(results) => Sent::Settled(results),
                BatchVerdict::Whole(verdict) => Sent::Whole(answer.status, verdict),
            },
        }
    }

    /// The API of this call: decided once, since the two must not be mixed (`reference/langfuse.md` §9 "Across the two APIs").
    async fn route(&self) -> Route {
        if let Some(route) = *self.locked() {
            return route;
        }
        let plan = self.destination.plan(self.deadline.left()).await;
        *self.locked().get_or_insert(Route { plan, api: plan.first() })
    }

    /// Sends the following batches to the other API, unless this one has accepted something.
    fn change_api(&self, api: Api) {
        if let Some(route) = self.locked().as_mut().filter(|_| !self.state.accepted.load(Relaxed)) {
            route.api = api;
        }
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Option<Route>> {
        self.state.route.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn takes_some(sent: &Sent) -> bool {
    matches!(sent, Sent::Settled(results) if results.contains(&ObservationResult::Delivered))
}
