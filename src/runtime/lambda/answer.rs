//! What was done → the answer to Lambda, which knows two: an object, which counts as success but for the items that it names, and an
//! error, after which everything comes again. Pure.

use aws_lambda_events::sqs::SqsBatchResponse;
use lambda_runtime::Diagnostic;
use serde_json::Value;

use super::origin::EventOrigin;
use crate::error::{Failure, Stage};
use crate::handler::Handled;

/// The error of an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvocationError(pub Failure);

impl From<InvocationError> for Diagnostic {
    fn from(InvocationError(failure): InvocationError) -> Self {
        Self { error_type: failure.error_type.to_owned(), error_message: format!("{}; {}", failure.message, failure.hint) }
    }
}

/// The answer of a call without items: its report.
///
/// # Errors
/// When something is undone.
pub fn whole(handled: &Handled) -> Result<Value, InvocationError> {
    match &handled.failure {
        Some(failure) => Err(InvocationError(failure.clone())),
        None => Ok(serde_json::to_value(&handled.report).unwrap_or_default()),
    }
}

/// The answer of a call for the items of an event.
///
/// An error if none of its items is done, so that nothing is lost either where nobody has switched partial answers on
/// (`ReportBatchItemFailures`): Lambda would take a partial answer for success there.
///
/// # Errors
/// When everything must come again.
pub fn of_items(handled: &Handled, origin: &EventOrigin) -> Result<Value, InvocationError> {
    let Some(failed) = origin.failed() else { return whole(handled) };
    match (&handled.failure, failed.len()) {
        (Some(failure), count) if count == 0 || count == origin.count() => Err(InvocationError(failure.clone())),
        (None, count) if count > 0 && count == origin.count() => Err(InvocationError(all_refused(count))),
        _ => Ok(partial(&handled.report.request_id, &failed, origin.count())),
    }
}

/// The same form for streams and queues.
fn partial(request_id: &str, failed: &[&str], of: usize) -> Value {
    if !failed.is_empty() {
        tracing::warn!(
            event = "partial_answer",
            request_id,
            items = of,
            failed = failed.len(),
            "items are left to come again; they do only if the event source mapping has ReportBatchItemFailures"
        );
    }
    let mut answer = SqsBatchResponse::default();
    answer.set_failures(failed.iter().copied());
    serde_json::to_value(&answer).unwrap_or_default()
}

fn all_refused(messages: usize) -> Failure {
    let message = format!("none of {messages} messages can ever be delivered whole; the log has a line dead_letter for each record");
    Failure::new(Stage::Deliver, "dead_letters", message, "the queue keeps them: its redrive policy says where they go in the end")
}
