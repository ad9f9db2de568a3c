use std::time::{Duration, SystemTime};

use super::*;
use crate::dead_letter::Pointer;
use crate::deadline::Deadline;
use crate::delivery::SendStats;
use crate::error::{Failure, Stage};
use crate::secret::{Credentials, Secret};
use crate::select::Conditions;
use crate::sls::client::{Logstore, SlsClient};
use crate::sls::endpoint::{Endpoint, EndpointSettings};
use crate::sls::signing::SignatureSettings;

/// Remembers what it was told, by index of the record.
#[derive(Default)]
struct Told(Vec<(u32, Settled)>);

impl Origin for Told {
    fn pointer(&self, position: Position) -> Pointer {
        let (project, logstore, cursor) = ("p".to_owned(), "l".to_owned(), "c".to_owned());
        Pointer::Log { project, logstore, shard: 0, cursor, end_cursor: None, index: position.index, receive_time: None }
    }

    fn settled(&mut self, position: Position, how: Settled) {
        self.0.push((position.index, how));
    }
}

/// Letters that are kept until they are written, which no test does.
fn letters() -> Letters {
    let client = SlsClient::new(crate::tls::client_config(&[]).unwrap(), SystemTime::now).unwrap();
    let endpoint = Endpoint::resolve("https://cn-hangzhou.log.aliyuncs.com", &EndpointSettings::default()).unwrap();
    let credentials = Credentials { access_key_id: "id".into(), access_key_secret: Secret::new("secret"), security_token: None };
    let signing = SignatureSettings::default().signing(endpoint.region(), None).unwrap();
    let place = Logstore { client, endpoint, project: "p".into(), name: "letters".into(), credentials, signing };
    Letters::new(Some(place), Deadline::of_call(Duration::from_secs(1)), SystemTime::now)
}

const REFUSED: Outcome = Outcome::DeadLetter { reason: DeadLetterReason::Refused, status: 400 };
const TOO_LARGE: Outcome = Outcome::DeadLetter { reason: DeadLetterReason::TooLarge, status: 413 };

fn position(index: u32) -> Position {
    Position { group: None, index, received: None }
}

fn routes() -> Routes {
    let route = |name: &str, on_refusal| Route { name: name.to_owned(), when: Conditions::default(), to: vec![0, 1], on_refusal };
    Routes { rules: vec![route("letters", OnRefusal::DeadLetter), route("blocks", OnRefusal::Block)] }
}

fn source(index: u32, route: usize, copies: usize) -> Source {
    let ticket = (copies > 1).then_some(index + 1);
    Source { position: position(index), span_id: SpanId([7; 8]), route: Some(route), ticket, spent: None }
}

/// Takes in record `index` with so many copies on their way.
fn take(settlement: &mut Settlement<'_>, index: u32, route: usize, copies: usize) {
    settlement.report().ingest_lines += 1;
    settlement.take(position(index), Taken { route: Some(route), copies, ticket: source(index, route, copies).ticket });
}

fn batch(outcomes: Vec<(Source, Outcome)>, stop: Option<Stop>) -> BatchReport {
    BatchReport { outcomes, stats: SendStats::default(), stop, left: None }
}

/// The report in short: delivered, dead-lettered, undone, observations; and those of the first route.
fn counts(report: &mut Report, route: &str) -> ([u64; 4], [u64; 5]) {
    report.close();
    let of_route = report.routes[route];
    let all = [report.ship_lines, report.dead_lettered.values().sum(), report.undone, report.observations];
    (all, [of_route.records, of_route.delivered, of_route.dead_lettered, of_route.undone, of_route.observations])
}

#[test]
fn a_record_of_two_destinations_ends_as_the_worse_of_both_in_any_order() {
    let cases = [
        (Outcome::Delivered, Outcome::Delivered, [1, 0, 0, 2], [1, 1, 0, 0, 2], &[][..]),
        (Outcome::Delivered, REFUSED, [0, 1, 0, 1], [1, 0, 1, 0, 1], &["refused"]),
        (REFUSED, TOO_LARGE, [0, 1, 0, 0], [1, 0, 1, 0, 0], &["refused", "too_large"]),
        (Outcome::Delivered, Outcome::Undone, [0, 0, 1, 1], [1, 0, 0, 1, 1], &[]),
        (REFUSED, Outcome::Undone, [0, 0, 1, 0], [1, 0, 0, 1, 0], &[]),
        (Outcome::Undone, Outcome::Undone, [0, 0, 1, 0], [1, 0, 0, 1, 0], &[]),
    ];
    for (first, second, all, of_route, reasons) in cases {
        for [first, second] in [[first, second], [second, first]] {
            let (mut origin, routes, mut report) = (Told::default(), routes(), Report::new("r"));
            let mut letters = letters();
            let mut settlement = Settlement::new(Done { origin: &mut origin, report: &mut report, letters: &mut letters }, &routes);
            take(&mut settlement, 0, 0, 2);
            settlement.settle(&batch(vec![(source(0, 0, 2), first)], None), Some("one"));
            settlement.settle(&batch(vec![(source(0, 0, 2), second)], None), Some("two"));
            assert!(settlement.pending.is_empty());
            let mut written: Vec<_> = letters.pending().iter().map(|letter| letter.reason.name()).collect();
            written.sort_unstable();
            assert_eq!(written, reasons, "{first:?} {second:?}");
            assert_eq!(counts(&mut report, "letters"), (all, of_route), "{first:?} {second:?}");
            let settled = usize::from(first != Outcome::Undone && second != Outcome::Undone);
            assert_eq!(origin.0.len(), settled, "{first:?} {second:?}");
        }
    }
}

#[test]
fn a_record_whose_second_destination_never_answers_stays_undone() {
    let (mut origin, routes, mut report) = (Told::default(), routes(), Report::new("r"));
    let mut letters = letters();
    let mut settlement = Settlement::new(Done { origin: &mut origin, report: &mut report, letters: &mut letters }, &routes);
    take(&mut settlement, 0, 0, 2);
    settlement.settle(&batch(vec![(source(0, 0, 2), Outcome::Delivered)], None), None);
    assert_eq!(counts(&mut report, "letters"), ([0, 0, 1, 1], [1, 0, 0, 1, 1]));
    assert!(origin.0.is_empty());
}

#[test]
fn what_all_destinations_had_before_counts_as_resumed_and_one_copy_alone_decides() {
    let (mut origin, routes, mut report) = (Told::default(), routes(), Report::new("r"));
    let mut letters = letters();
    let mut settlement = Settlement::new(Done { origin: &mut origin, report: &mut report, letters: &mut letters }, &routes);
    take(&mut settlement, 0, 0, 0);
    take(&mut settlement, 1, 0, 1);
    settlement.settle(&batch(vec![(source(1, 0, 1), Outcome::Delivered)], None), None);
    assert_eq!(report.resumed, 1);
    assert_eq!(counts(&mut report, "letters"), ([2, 0, 0, 1], [2, 2, 0, 0, 1]));
    assert_eq!(origin.0, [(0, Settled::Delivered), (1, Settled::Delivered)]);
}

#[test]
fn a_refusal_of_the_function_buries_records_of_routes_that_say_so_and_leaves_the_others_undone() {
    let failure = Failure::new(Stage::Deliver, "langfuse_keys_refused", "refused", "check the keys");
    let refused = Some(Stop::Refused { status: 401, failure: failure.clone() });
    let outcomes = || vec![(source(0, 0, 1), Outcome::Undone), (source(1, 0, 1), Outcome::Delivered), (source(2, 1, 1), Outcome::Undone)];
    for (stop, buried, undone) in [(refused, 1, true), (Some(Stop::Unavailable(failure)), 0, true), (None, 0, false)] {
        let (mut origin, routes, mut report) = (Told::default(), routes(), Report::new("r"));
        let mut letters = letters();
        let mut settlement = Settlement::new(Done { origin: &mut origin, report: &mut report, letters: &mut letters }, &routes);
        (0..2).for_each(|index| take(&mut settlement, index, 0, 1));
        take(&mut settlement, 2, 1, 1);
        assert_eq!(settlement.settle(&batch(outcomes(), stop.clone()), Some("a")), undone, "{stop:?}");
        let letters = letters.pending();
        assert_eq!(letters.len(), buried, "{stop:?}");
        for letter in letters {
            let named = (letter.reason.name(), letter.status, letter.route.as_deref(), letter.destination.as_deref());
            assert_eq!(named, ("refused", Some(401), Some("letters"), Some("a")));
        }
        assert_eq!(counts(&mut report, "blocks").1, [1, 0, 0, 1, 0], "{stop:?}");
    }
}

#[test]
fn where_all_that_a_refusal_left_is_buried_nothing_is_undone() {
    let failure = Failure::new(Stage::Deliver, "langfuse_keys_refused", "refused", "check the keys");
    let (mut origin, routes, mut report) = (Told::default(), routes(), Report::new("r"));
    let mut letters = letters();
    let mut settlement = Settlement::new(Done { origin: &mut origin, report: &mut report, letters: &mut letters }, &routes);
    take(&mut settlement, 0, 0, 1);
    let stop = Some(Stop::Refused { status: 401, failure });
    assert!(!settlement.settle(&batch(vec![(source(0, 0, 1), Outcome::Undone)], stop), None));
    assert_eq!(report.dead_lettered, [("refused", 1)].into());
}
