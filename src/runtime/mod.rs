//! Front ends: a platform's way to call becomes an `Invocation`, and what was done becomes the platform's answer.
//!
//! Names of one platform stay in its own module. A new platform is a new module here.

pub mod fc;
pub mod lambda;

use std::pin::Pin;
use std::sync::Arc;

use tokio::task::JoinSet;
use tracing::Instrument;

use crate::error::{Failure, Stage};
use crate::handler::{Handled, Handler};
use crate::invocation::Invocation;
use crate::report::{CallOutcome, Report};

/// What a front end calls.
pub trait Application: Send + Sync + 'static {
    /// Handles one call to its end.
    fn invoke(self: Arc<Self>, invocation: Invocation) -> Pin<Box<dyn Future<Output = Handled> + Send>>;

    /// Why no call can succeed in this process, if that is known from the start.
    fn start_failure(&self) -> Option<Failure> {
        None
    }
}

impl Application for Handler {
    fn invoke(self: Arc<Self>, invocation: Invocation) -> Pin<Box<dyn Future<Output = Handled> + Send>> {
        Box::pin(async move { self.handle(&invocation).await })
    }
}

/// Answers every call with the problems of the settings, where the operator looks (`design.md` §2).
#[derive(Debug)]
pub struct Misconfigured {
    /// All problems, one a line.
    pub problems: String,
}

impl Application for Misconfigured {
    fn invoke(self: Arc<Self>, invocation: Invocation) -> Pin<Box<dyn Future<Output = Handled> + Send>> {
        Box::pin(async move { failed(&invocation.request_id, self.failure()) })
    }

    fn start_failure(&self) -> Option<Failure> {
        Some(self.failure())
    }
}

impl Misconfigured {
    fn failure(&self) -> Failure {
        let hint = "correct the settings named in the message and deploy again";
        Failure::new(Stage::Settings, "invalid_settings", self.problems.clone(), hint)
    }
}

/// Runs a call in a task of its own, so that a panic ends that task. Dropping the set ends the call when its caller has gone.
async fn in_own_task<T: Send + 'static>(call: impl Future<Output = T> + Send + 'static) -> Result<T, Failure> {
    let mut task = JoinSet::new();
    task.spawn(call.in_current_span());
    match task.join_next().await {
        Some(Ok(ended)) => Ok(ended),
        _ => Err(Failure::new(Stage::Internal, "panic", "the call panicked", "the range comes again; report this: it is a bug")),
    }
}

/// A call that failed before it did anything.
pub fn failed(request_id: &str, failure: Failure) -> Handled {
    let report = Report { outcome: CallOutcome::Failure, ..Report::new(request_id) };
    Handled { report, failure: Some(failure) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_fails_its_call_alone_and_its_message_goes_nowhere() {
        let failure = in_own_task(async { panic!("sentinel") }).await.map(|(): ()| ()).unwrap_err();
        assert_eq!((failure.stage, failure.error_type), (Stage::Internal, "panic"));
        assert!(!format!("{failure:?}").contains("sentinel"));
        assert_eq!(in_own_task(async { 7 }).await.unwrap(), 7);
    }
}
