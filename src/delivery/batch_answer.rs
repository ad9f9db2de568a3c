//! An answer of the batch endpoint → what became of each observation, or of the whole request. One table, pure.
//!
//! Facts: `reference/langfuse.md` §1, §2 "Batch endpoint answers", §8; decisions: `design.md` §2 "Delivered" and decision 5. A status that
//! speaks of the whole request means here what it means on the OTLP endpoint, so `verdict` decides it; a server that runs but may not
//! store says 500 in the words of a 400, which changes nothing. What to do about a result is `call`'s business.

use std::collections::HashMap;

use serde_json::Value;

use super::answer::Answer;
use super::verdict::{Block, Verdict, verdict};
use crate::export::ingestion::{EnvelopeId, ObservationEvents};

/// The id under which a server reports an event whose own id it could not read.
const UNKNOWN_ID: &str = "unknown";

/// What the refusal of an event says if the server stores no events of this API (`reference/langfuse.md` §1).
const EVENTS_ONLY: &str = "events_only";

/// What became of one observation. The order is that of weight: of an observation's several events the heaviest result counts, since it
/// is delivered only if all of them are, and repeating does not help one that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObservationResult {
    /// All its events were taken.
    Delivered,
    /// An event failed by the server's fault, or nobody said what became of it: send it again, unchanged.
    Retry,
    /// The server will never take it, with this status.
    Refused(u16),
    /// The server stores nothing of this API; OTLP will do (`design.md` §2 "auto").
    EventsOnly,
}

/// What an answer of the batch endpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchVerdict {
    /// The server read the request: one result per observation, in the order they were sent.
    Settled(Vec<ObservationResult>),
    /// It did not; never [`Verdict::Delivered`].
    Whole(Verdict),
}

/// The verdict over an answer to a request with these events.
pub fn batch_verdict(answer: &Answer, sent: &[ObservationEvents]) -> BatchVerdict {
    match verdict(answer) {
        Verdict::Delivered => settled(answer, sent),
        whole => BatchVerdict::Whole(whole),
    }
}

fn settled(answer: &Answer, sent: &[ObservationEvents]) -> BatchVerdict {
    let Some(reports) = Reports::of(&answer.body) else {
        // The contents of an answer matter only for 207 (`design.md` §2 "Delivered"), where they are the only thing that matters.
        return match answer.status {
            207 => BatchVerdict::Whole(Verdict::Retry(None)),
            _ => BatchVerdict::Settled(vec![ObservationResult::Delivered; sent.len()]),
        };
    };
    let results = reports.settle(sent);
    // A key that may write nothing is our configuration, and no fault of the records (`design.md` decision 5).
    let no_permission = |result: &ObservationResult| matches!(result, ObservationResult::Refused(401 | 403));
    match !results.is_empty() && results.iter().all(no_permission) {
        true => BatchVerdict::Whole(Verdict::Blocked(Block::Permission)),
        false => BatchVerdict::Settled(results),
    }
}

/// The two lists of an answer.
#[derive(Debug, Default)]
struct Reports {
    /// The heaviest result by event.
    known: HashMap<EnvelopeId, ObservationResult>,
    /// Failures of events without a readable id; a success that names nobody proves nothing.
    unknown: Vec<ObservationResult>,
}

impl Reports {
    /// `None`: the answer has neither list.
    fn of(body: &[u8]) -> Option<Self> {
        let answer: Value = serde_json::from_slice(body).ok()?;
        let list = |name| answer.get(name).and_then(Value::as_array);
        let (successes, errors) = (list("successes"), list("errors"));
        if successes.is_none() && errors.is_none() {
            return None;
        }
        let mut reports = Self::default();
        successes.into_iter().flatten().for_each(|entry| reports.add(entry, success(entry)));
        errors.into_iter().flatten().for_each(|entry| reports.add(entry, error(entry)));
        Some(reports)
    }

    fn add(&mut self, entry: &Value, result: ObservationResult) {
        let id = entry.get("id").and_then(Value::as_str).unwrap_or(UNKNOWN_ID);
        if let Some(id) = EnvelopeId::parse(id) {
            self.known.entry(id).and_modify(|known| *known = result.max(*known)).or_insert(result);
        } else if id == UNKNOWN_ID && result != ObservationResult::Delivered {
            self.unknown.push(result);
        }
    }

    fn settle(&self, sent: &[ObservationEvents]) -> Vec<ObservationResult> {
        let unreported = sent.iter().flat_map(ObservationEvents::ids).filter(|id| !self.known.contains_key(id)).count();
        let otherwise = self.result_of_unreported(unreported);
        let event = |id| self.known.get(&id).copied().unwrap_or(otherwise);
        sent.iter().map(|events| events.ids().map(event).max().unwrap_or(otherwise)).collect()
    }

    /// What became of the events in neither list. If the reports without an id are as many and agree, they are about these events;
    /// otherwise nobody knows which, and nothing proves a delivery.
    fn result_of_unreported(&self, unreported: usize) -> ObservationResult {
        match self.unknown.split_first() {
            Some((first, others)) if self.unknown.len() == unreported && others.iter().all(|other| other == first) => *first,
            _ => ObservationResult::Retry,
        }
    }
}

fn status(entry: &Value) -> Option<u16> {
    entry.get("status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok())
}

fn success(entry: &Value) -> ObservationResult {
    match status(entry) {
        Some(200..=299) => ObservationResult::Delivered,
        _ => ObservationResult::Retry,
    }
}

fn error(entry: &Value) -> ObservationResult {
    match status(entry) {
        Some(400) if names_the_mode(entry) => ObservationResult::EventsOnly,
        Some(408 | 425 | 429) => ObservationResult::Retry,
        Some(status @ 400..=499) => ObservationResult::Refused(status),
        _ => ObservationResult::Retry,
    }
}

fn names_the_mode(entry: &Value) -> bool {
    ["message", "error"].iter().filter_map(|key| entry.get(key)?.as_str()).any(|text| text.contains(EVENTS_ONLY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ObservationResult::{Delivered, EventsOnly, Refused, Retry};
    use std::time::Duration;

    const MODE: &str = "Event type \\\"trace-create\\\" is not accepted when LANGFUSE_MIGRATION_V4_WRITE_MODE is events_only.";

    fn id(number: u8) -> EnvelopeId {
        EnvelopeId([number; 16])
    }

    /// A root with events 1 and 2, a joined observation with event 3.
    fn sent() -> [ObservationEvents; 2] {
        [ObservationEvents { trace: Some(id(1)), observation: id(2) }, ObservationEvents { trace: None, observation: id(3) }]
    }

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, is_json: true, body: body.into(), ..Answer::default() }
    }

    /// A 207 with events by number; 0 is `unknown`.
    fn multi(successes: &[u8], errors: &[(u8, u16, &str)]) -> Answer {
        let name = |number: u8| if number == 0 { UNKNOWN_ID.to_owned() } else { id(number).to_string() };
        let successes: Vec<_> = successes.iter().map(|number| format!(r#"{{"id":"{}","status":201}}"#, name(*number))).collect();
        let error = |(number, status, text): &(u8, u16, &str)| {
            format!(r#"{{"id":"{}","status":{status},"message":"Invalid request data","error":"{text}"}}"#, name(*number))
        };
        let errors: Vec<_> = errors.iter().map(error).collect();
        answer(207, &format!(r#"{{"successes":[{}],"errors":[{}]}}"#, successes.join(","), errors.join(",")))
    }

    fn results(answer: &Answer) -> [ObservationResult; 2] {
        match batch_verdict(answer, &sent()) {
            BatchVerdict::Settled(results) => results.try_into().unwrap(),
            BatchVerdict::Whole(whole) => panic!("{whole:?}"),
        }
    }

    fn whole(answer: &Answer) -> Verdict {
        match batch_verdict(answer, &sent()) {
            BatchVerdict::Whole(whole) => whole,
            BatchVerdict::Settled(results) => panic!("{results:?}"),
        }
    }

    #[test]
    fn every_status_without_a_list_speaks_of_the_whole_request() {
        for status in (100..600).filter(|status| ![200, 207].contains(status)) {
            for body in ["", r#"{"message":"m","error":"ForbiddenError"}"#, r#"{"successes":[],"errors":[]}"#] {
                for is_json in [true, false] {
                    let answer = Answer { status, is_json, body: body.into(), ..Answer::default() };
                    assert_eq!(whole(&answer), verdict(&answer), "{status} {body}");
                }
            }
        }
    }

    #[test]
    fn the_answers_of_the_endpoint_have_the_verdicts_of_the_table() {
        let text = |status, body: &str| Answer { status, body: body.into(), ..Answer::default() };
        assert_eq!(whole(&answer(400, r#"{"message":"Invalid request data","errors":["x"]}"#)), Verdict::Refused);
        assert_eq!(whole(&text(400, "Invalid JSON")), Verdict::Refused);
        assert_eq!(whole(&text(413, "Body exceeded 4.5mb limit")), Verdict::TooLarge);
        assert_eq!(whole(&answer(401, r#"{"error":"UnauthorizedError","message":"no"}"#)), Verdict::Blocked(Block::Keys));
        assert_eq!(whole(&answer(403, r#"{"error":"ForbiddenError","message":"no"}"#)), Verdict::Blocked(Block::Permission));
        assert_eq!(whole(&answer(405, r#"{"error":"MethodNotAllowedError"}"#)), Verdict::Blocked(Block::NoEndpoint));
        assert_eq!(whole(&answer(500, r#"{"message":"Invalid request data","errors":["Failed to upload"]}"#)), Verdict::Retry(None));
        assert_eq!(whole(&answer(500, r#"{"error":"Internal Server Error"}"#)), Verdict::Retry(None));
        let wait = Some(Duration::from_secs(7));
        assert_eq!(whole(&Answer { retry_after: wait, ..text(429, "Too many requests") }), Verdict::Retry(wait));
    }

    #[test]
    fn a_success_needs_whole_json_and_a_207_its_lists() {
        let cut = r#"{"successes":[{"id":"#;
        assert_eq!([whole(&answer(200, cut)), whole(&answer(207, cut))], [const { Verdict::Retry(None) }; 2]);
        let page = Answer { status: 207, body: b"<html>".to_vec(), ..Answer::default() };
        assert_eq!(whole(&page), Verdict::Blocked(Block::NotLangfuse));
        for listless in ["{}", "[]", "null", r#"{"successes":{},"errors":null}"#, r#"{"message":"ok"}"#] {
            assert_eq!(whole(&answer(207, listless)), Verdict::Retry(None), "{listless}");
            assert_eq!(results(&answer(200, listless)), [Delivered, Delivered], "{listless}");
        }
        assert_eq!(results(&Answer { status: 200, ..multi(&[1, 2], &[(3, 400, "x")]) }), [Delivered, Refused(400)]);
    }

    #[test]
    fn an_observation_is_delivered_only_with_all_its_events() {
        assert_eq!(results(&multi(&[3, 2, 1], &[])), [Delivered, Delivered]);
        assert_eq!(results(&multi(&[2, 3], &[])), [Retry, Delivered]);
        assert_eq!(results(&multi(&[1, 3], &[])), [Retry, Delivered]);
        assert_eq!(results(&multi(&[], &[])), [Retry, Retry]);
        assert_eq!(results(&answer(207, r#"{"successes":[]}"#)), [Retry, Retry]);
        assert_eq!(results(&answer(207, r#"{"errors":[]}"#)), [Retry, Retry]);
    }

    #[test]
    fn each_status_of_an_event_has_its_result() {
        for (status, expected) in [
            (400, Refused(400)),
            (401, Refused(401)),
            (404, Refused(404)),
            (413, Refused(413)),
            (422, Refused(422)),
            (408, Retry),
            (429, Retry),
            (500, Retry),
            (503, Retry),
            (0, Retry),
            (302, Retry),
        ] {
            assert_eq!(results(&multi(&[1, 2], &[(3, status, "x")])), [Delivered, expected], "{status}");
            assert_eq!(results(&multi(&[2, 3], &[(1, status, "x")])), [expected, Delivered], "trace {status}");
        }
    }

    #[test]
    fn no_status_of_an_event_is_without_a_result() {
        let of = |status: u16| results(&multi(&[1, 2], &[(3, status, "x")]))[1];
        let refused: Vec<u16> = (100..600).filter(|status| of(*status) == Refused(*status)).collect();
        let expected: Vec<u16> = (400..500).filter(|status| ![408, 425, 429].contains(status)).collect();
        assert_eq!(refused, expected);
        assert!((100..600).filter(|status| !expected.contains(status)).all(|status| of(status) == Retry));
    }

    #[test]
    fn the_heaviest_result_of_an_observation_counts() {
        assert_eq!(results(&multi(&[3], &[(1, 500, "x"), (2, 400, "x")])), [Refused(400), Delivered]);
        assert_eq!(results(&multi(&[3], &[(1, 400, MODE), (2, 500, "x")])), [EventsOnly, Delivered]);
        assert_eq!(results(&multi(&[3], &[(1, 400, "x"), (2, 400, MODE)])), [EventsOnly, Delivered]);
        // The same event twice in one request, once taken and once not.
        assert_eq!(results(&multi(&[1, 2, 2, 3], &[(2, 500, "x")])), [Retry, Delivered]);
    }

    #[test]
    fn a_server_that_stores_only_events_is_told_by_the_text_of_its_400() {
        assert_eq!(results(&multi(&[], &[(1, 400, MODE), (2, 400, MODE), (3, 400, MODE)])), [EventsOnly, EventsOnly]);
        assert_eq!(results(&multi(&[1, 2], &[(3, 500, MODE)])), [Delivered, Retry]);
        let entry = format!(r#"{{"id":"{}","status":400,"message":"not accepted in events_only mode"}}"#, id(3));
        let named_in_the_message = answer(207, &format!(r#"{{"successes":[],"errors":[{entry}]}}"#));
        assert_eq!(results(&named_in_the_message), [Retry, EventsOnly]);
    }

    #[test]
    fn events_without_an_id_are_matched_by_their_count() {
        assert_eq!(results(&multi(&[1, 2], &[(0, 400, "x")])), [Delivered, Refused(400)]);
        assert_eq!(results(&multi(&[3], &[(0, 400, "x"), (0, 400, "y")])), [Refused(400), Delivered]);
        assert_eq!(results(&multi(&[3], &[(0, 400, "x")])), [Retry, Delivered], "one of two: nobody knows which");
        assert_eq!(results(&multi(&[3], &[(0, 400, "x"), (0, 500, "y")])), [Retry, Delivered], "they disagree");
        assert_eq!(results(&multi(&[1, 2, 3], &[(0, 400, "x")])), [Delivered, Delivered], "all are accounted for");
        assert_eq!(results(&multi(&[1, 2, 0], &[])), [Delivered, Retry], "a success without a name");
        assert_eq!(results(&multi(&[], &[(0, 400, MODE), (0, 400, MODE), (0, 400, MODE)])), [EventsOnly, EventsOnly]);
    }

    #[test]
    fn strange_entries_prove_nothing() {
        let entries = format!(
            r#"{{"successes":[{{"id":"{}"}},{{"id":7,"status":201}},"x",null,{{"id":"somebody-else","status":201}},{{"id":"{}","status":"201"}},{{"id":"{}","status":201}}],"errors":[{{}},{{"id":"other","status":400}}]}}"#,
            id(1),
            id(2),
            id(3),
        );
        assert_eq!(results(&answer(207, &entries)), [Retry, Delivered]);
    }

    #[test]
    fn a_key_that_may_write_nothing_blocks_and_condemns_no_record() {
        let all = multi(&[], &[(1, 401, "x"), (2, 401, "x"), (3, 401, "x")]);
        assert_eq!(whole(&all), Verdict::Blocked(Block::Permission));
        assert_eq!(results(&multi(&[3], &[(1, 401, "x"), (2, 401, "x")])), [Refused(401), Delivered]);
    }

    #[test]
    fn a_request_without_observations_has_no_results() {
        assert_eq!(batch_verdict(&multi(&[], &[]), &[]), BatchVerdict::Settled(vec![]));
    }
}
