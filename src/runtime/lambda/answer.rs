//! What was done → the answer to Lambda, which knows two: an object, which counts as success but for the items that it names, and an
//! error, after which everything comes again. Pure.

use std::fmt;

use aws_lambda_events::sqs::SqsBatchResponse;
use lambda_runtime::Diagnostic;
use serde_json::Value;

use super::origin::EventOrigin;
use crate::error::{Failure, Stage};
use crate::handler::Handled;

/// The error of an invocation.
#[derive(Clone, PartialEq, Eq)]
pub struct InvocationError(pub Failure);

/// Short, because the runtime library logs it beside our own line `event=failure`.
impl fmt::Debug for InvocationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.error_type)
    }
}

impl From<InvocationError> for Diagnostic {
    fn from(InvocationError(failure): InvocationError) -> Self {
        Self { error_type: failure.error_type.to_owned(), error_message: format!("{}; {}", failure.message, failure.advice()) }
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
/// An error if none of its items that hold something is done, so that nothing is lost either where nobody has switched partial answers on
/// (`ReportBatchItemFailures`): Lambda would take a partial answer for success there.
///
/// # Errors
/// When everything must come again.
pub fn of_items(handled: &Handled, origin: &EventOrigin) -> Result<Value, InvocationError> {
    let Some(failed) = origin.failed() else { return whole(handled) };
    match (&handled.failure, failed.len()) {
        (Some(failure), count) if count == 0 || count == origin.filled() => Err(InvocationError(failure.clone())),
        (None, count) if count > 0 && count == origin.filled() => Err(InvocationError(all_refused(count))),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::ByteBudget;
    use crate::delivery::DeadLetterReason;
    use crate::feed::Piece;
    use crate::lines::Parcel;
    use crate::origin::{Origin, Position, Settled};
    use crate::report::Report;
    use crate::runtime::lambda::origin::Names;
    use serde_json::json;

    fn stream() -> Names {
        Names::Kinesis { stream: "s".into(), shard: "0".into(), sequence_numbers: ["a", "b", "c"].map(str::to_owned).into() }
    }

    fn queue() -> Names {
        Names::Sqs { queue: "q".into(), message_ids: ["a", "b", "c"].map(str::to_owned).into() }
    }

    /// Items of so many lines each, `None` for one that was not read, of which the first lines are settled in these ways.
    async fn items(names: Names, items: [Option<(usize, &[Settled])>; 3]) -> EventOrigin {
        let mut origin = EventOrigin::new(names);
        for (item, (lines, settled)) in (0..).zip(items).filter_map(|(item, read)| Some((item, read?))) {
            let parcel = Parcel { item, received: None, lines: vec![None; lines], size: 1 };
            origin.read(&Piece::Parcel(parcel, ByteBudget::new(1).for_call().take(1).await));
            for (index, how) in (0..).zip(settled) {
                origin.settled(Position { group: Some(item), index, received: None }, *how);
            }
        }
        origin
    }

    fn handled(failed: bool) -> Handled {
        let failure = failed.then(|| Failure::new(Stage::Deliver, "outage", "what", "do"));
        Handled { report: Report::new("r-1"), failure }
    }

    fn told(answer: Result<Value, InvocationError>) -> String {
        match answer {
            Ok(answer) => {
                let ids = answer["batchItemFailures"].as_array().unwrap().iter().map(|item| item["itemIdentifier"].as_str().unwrap());
                ids.collect::<Vec<_>>().join(",")
            }
            Err(InvocationError(failure)) => failure.error_type.to_owned(),
        }
    }

    const DONE: Settled = Settled::Delivered;
    const DEAD: Settled = Settled::DeadLetter(DeadLetterReason::Refused);

    #[tokio::test]
    async fn a_stream_names_what_is_undone_and_a_queue_its_dead_letters_too() {
        let read = [Some((2, &[DONE, DONE][..])), Some((2, &[DONE][..])), Some((1, &[DEAD][..]))];
        assert_eq!(told(of_items(&handled(true), &items(stream(), read).await)), "b");
        assert_eq!(told(of_items(&handled(true), &items(queue(), read).await)), "b,c");
        let unread = [Some((1, &[DONE][..])), None, None];
        assert_eq!(told(of_items(&handled(true), &items(stream(), unread).await)), "b,c");
    }

    #[tokio::test]
    async fn nothing_undone_is_an_empty_list() {
        let read = [Some((1, &[DONE][..])), Some((0, &[][..])), Some((1, &[DEAD][..]))];
        assert_eq!(of_items(&handled(false), &items(stream(), read).await).unwrap(), json!({"batchItemFailures": []}));
        assert_eq!(told(of_items(&handled(false), &items(queue(), read).await)), "c");
    }

    #[tokio::test]
    async fn nothing_done_is_an_error_and_items_without_lines_do_not_count_as_done() {
        for read in [[None; 3], [Some((1, &[][..])); 3], [Some((0, &[][..])), Some((1, &[][..])), None]] {
            assert_eq!(told(of_items(&handled(true), &items(stream(), read).await)), "outage");
            assert_eq!(told(of_items(&handled(true), &items(queue(), read).await)), "outage");
        }
        let dead = [Some((1, &[DEAD][..])), Some((0, &[][..])), Some((2, &[DONE, DEAD][..]))];
        assert_eq!(told(of_items(&handled(false), &items(queue(), dead).await)), "dead_letters");
    }

    #[tokio::test]
    async fn a_failure_that_leaves_no_item_behind_is_still_an_error() {
        let all = [Some((1, &[DONE][..])); 3];
        assert_eq!(told(of_items(&handled(true), &items(stream(), all).await)), "outage");
    }

    #[test]
    fn the_error_tells_what_failed_and_what_to_do() {
        let told = Diagnostic::from(InvocationError(Failure::new(Stage::Deliver, "kind", "what", "do")));
        assert_eq!((told.error_type.as_str(), told.error_message.as_str()), ("kind", "what; do"));
    }
}
