//! AWS Lambda: the crate `lambda_runtime` polls for events, and each becomes a call of the same handler (`reference/function-compute.md` §9).
//!
//! Log lines come with the event, from CloudWatch Logs, Kinesis or SQS; an event of an SLS trigger is pulled from SLS. One call at a time,
//! each in a task of its own, so that a panic fails that call alone and its message goes nowhere.

mod answer;
mod cloudwatch;
mod event;
mod kinesis;
mod origin;
mod sqs;
mod unpack;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use serde_json::Value;
use serde_json::value::RawValue;
use tracing::Instrument;

use super::{failed, in_own_task};
use crate::deadline::{DEFAULT_TIMEOUT, Deadline};
use crate::error::Failure;
use crate::handler::{Handled, Handler, LineCall};
use crate::invocation::Invocation;
use crate::logging;
pub use answer::InvocationError;
use event::Incoming;
pub use event::{Kind, kind};

/// What Lambda calls.
#[derive(Debug)]
pub struct FrontEnd {
    /// Handles the calls.
    pub handler: Handler,
    /// The log group that the function writes to, if the platform says so.
    pub own_log_group: Option<String>,
}

/// One event.
#[derive(Clone, Debug)]
pub struct Request {
    /// Id of the call.
    pub id: String,
    /// The event as it arrived.
    pub event: String,
    /// When the work must be done.
    pub deadline: Deadline,
}

/// Serves events until the platform ends the process.
///
/// # Errors
/// When the runtime API breaks off.
pub async fn serve(front_end: FrontEnd) -> Result<(), lambda_runtime::Error> {
    let front_end = Arc::new(front_end);
    let service = service_fn(move |event: LambdaEvent<Box<RawValue>>| invoke(front_end.clone(), event));
    Runtime::new(service).run().await
}

async fn invoke(front_end: Arc<FrontEnd>, event: LambdaEvent<Box<RawValue>>) -> Result<Value, InvocationError> {
    let id = event.context.request_id.clone();
    let deadline = deadline(event.context.deadline(), SystemTime::now());
    let request = Request { id: id.clone(), event: event.payload.get().to_owned(), deadline };
    let span = logging::span_of_call(&id, event.context.xray_trace_id.as_deref().and_then(root));
    async {
        let ended = in_own_task(async move { front_end.handle(request).await }).await;
        let (handled, answer) = ended.unwrap_or_else(|failure| refused(&id, failure));
        logging::call(&handled, &handled.report.json());
        answer
    }
    .instrument(span)
    .await
}

/// The trace id in X-Ray's header: `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`.
fn root(header: &str) -> Option<&str> {
    let root = header.split(';').find_map(|part| part.trim().strip_prefix("Root="))?;
    let is_id = !root.is_empty() && root.len() <= 64 && root.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    is_id.then_some(root)
}

/// The deadline of a call that is killed at `end`. A time that has passed is none: local stand-ins send a duration instead
/// (`reference/function-compute.md` §9.4).
fn deadline(end: SystemTime, now: SystemTime) -> Deadline {
    let left = end.duration_since(now).ok().filter(|left| *left > Duration::ZERO);
    Deadline::of_call(left.unwrap_or(DEFAULT_TIMEOUT))
}

impl FrontEnd {
    /// Handles an event to its end: what was done, and the answer to the platform.
    pub async fn handle(&self, request: Request) -> (Handled, Result<Value, InvocationError>) {
        let own_log_group = self.own_log_group.as_deref();
        let incoming = match kind(&request.event) {
            Ok(Kind::SlsTrigger) => return self.pull(request).await,
            Ok(Kind::CloudWatchLogs) => cloudwatch::incoming(&request.event, own_log_group),
            Ok(Kind::Kinesis) => kinesis::incoming(&request.event, own_log_group),
            Ok(Kind::Sqs) => sqs::incoming(&request.event),
            Err(failure) => Err(failure),
        };
        match incoming {
            Ok(incoming) => self.take_in(request, incoming).await,
            Err(failure) => refused(&request.id, failure),
        }
    }

    async fn pull(&self, request: Request) -> (Handled, Result<Value, InvocationError>) {
        let Request { id, event, deadline } = request;
        let event = Bytes::from(event);
        let invocation = Invocation { request_id: id, event, credentials: None, region: None, deadline, own_log: None };
        let handled = self.handler.handle(&invocation).await;
        let answer = answer::whole(&handled);
        (handled, answer)
    }

    async fn take_in(&self, request: Request, incoming: Incoming) -> (Handled, Result<Value, InvocationError>) {
        let Incoming { parcels, source, range, newest, mut origin } = incoming;
        let call = LineCall { request_id: request.id, deadline: request.deadline, parcels, source, range, newest };
        let handled = self.handler.handle_lines(call, &mut origin).await;
        let answer = answer::of_items(&handled, &origin);
        (handled, answer)
    }
}

fn refused(request_id: &str, failure: Failure) -> (Handled, Result<Value, InvocationError>) {
    (failed(request_id, failure.clone()), Err(InvocationError(failure)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trace_id_is_the_root_of_x_ray_s_header() {
        let id = "1-5759e988-bd862e3fe1be46a994272793";
        assert_eq!(root(&format!("Root={id};Parent=53995c3f42cd8ad8;Sampled=1")), Some(id));
        assert_eq!(root(&format!("Self=1-2-3; Root={id}")), Some(id));
        assert_eq!([root(""), root("Root="), root("Root=a secret;Sampled=0")], [None; 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_is_that_of_the_context_unless_it_has_passed() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_772_417_413);
        assert_eq!(deadline(now + Duration::from_secs(20), now).left(), Duration::from_secs(18));
        for passed in [now, SystemTime::UNIX_EPOCH + Duration::from_secs(600)] {
            assert_eq!(deadline(passed, now).left(), Duration::from_secs(57));
        }
    }
}
