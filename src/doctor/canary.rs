//! One observation, written like any other and read back through the public API: the only proof that something shows up
//! (`reference/langfuse.md` §4 "200 is not storage", §14).

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tokio::time::Instant;

use super::check::Check;
use crate::budget::Allowance;
use crate::deadline::Deadline;
use crate::delivery::Outcome;
use crate::delivery::answer::Answer;
use crate::delivery::call::CallDelivery;
use crate::delivery::destination::Destination;
use crate::delivery::failures;
use crate::delivery::memory::RangeKey;
use crate::delivery::remake::Keeping;
use crate::export::batch::{Batch, Source};
use crate::export::otlp::SpanWriter;
use crate::export::server_version::ServerVersion;
use crate::origin::Position;
use crate::trace::{Level, Observation, ObservationType, Part, Payload, SpanId, TraceAttributes, TraceId};

/// The environment of the observation, by which it is filtered out.
pub const ENVIRONMENT: &str = "sls-to-langfuse-doctor";

const ID: &str = "langfuse.canary";

/// What it is called.
const NAME: &str = "sls-to-langfuse doctor";

/// The first version whose newer reading call knows everything at once (`reference/langfuse.md` §14).
const NEW_TABLES_SINCE: ServerVersion = ServerVersion::new(4, 0, 0);

/// The first wait before it is asked for, and the longest; each is half as long again as the one before.
const WAITS: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(5));

/// The observation that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canary {
    trace_id: TraceId,
    span_id: SpanId,
    start_ms: i64,
}

/// What a look at the reading API shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// It is there.
    There,
    /// It is not there yet.
    NotYet,
    /// There is no such call, or it is closed.
    Closed(u16),
    /// No answer, or one that may be better next time.
    Unclear,
}

impl Canary {
    /// A new one, of now.
    pub fn new(now: SystemTime) -> Self {
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let start_ms = i64::try_from(since.as_millis()).unwrap_or(0);
        // Zeros alone would be no ids.
        let trace_id = TraceId(fastrand::u128(1..).to_be_bytes());
        Self { trace_id, span_id: SpanId(fastrand::u64(1..).to_be_bytes()), start_ms }
    }

    fn observation(&self) -> Observation<'static> {
        let text = |text: &'static str| Some(Payload::Plain(Part::Text(text.into())));
        Observation {
            trace_id: self.trace_id,
            span_id: self.span_id,
            parent: None,
            kind: ObservationType::Generation,
            name: NAME.into(),
            start_ms: self.start_ms,
            end_ms: self.start_ms,
            completion_start_ms: None,
            level: Level::Default,
            status_message: None,
            model: None,
            usage: None,
            cost: None,
            input: text("Can this be written?"),
            output: text("It can be read. This trace may be deleted."),
            prompt: None,
            environment: Some(ENVIRONMENT.into()),
            trace: Some(TraceAttributes { name: NAME.into(), ..TraceAttributes::default() }),
            metadata: Vec::new(),
        }
    }

    fn batch(&self) -> Batch {
        let position = Position { group: None, index: 0, received: None };
        let mut batch = Batch::default();
        let source = Source { position, span_id: self.span_id, route: None, ticket: None, spent: None };
        batch.push(SpanWriter::default().write(&self.observation()), source);
        batch
    }

    /// The calls by which it can be read: of the new tables, and of the old ones.
    fn paths(&self) -> [String; 2] {
        let id = self.trace_id.to_string();
        [format!("/api/public/v2/observations?traceId={id}&fields=core,basic"), format!("/api/public/observations?traceId={id}")]
    }
}

/// Writes it and waits until it can be read.
pub async fn examine(
    destination: &Arc<Destination>,
    canary: &Canary,
    version: Option<ServerVersion>,
    timeout: Duration,
    wait: Duration,
) -> Check {
    let delivery = CallDelivery::new(destination.clone(), Deadline::of_call(timeout * 2), RangeKey::default(), false);
    let report = delivery.deliver(canary.batch(), Allowance::default(), Keeping::default()).await;
    if report.outcomes.first().map(|(_, outcome)| *outcome) != Some(Outcome::Delivered) {
        let failure = report.stop.map(|stop| stop.failure().clone()).or(report.left);
        let (what, fix) = failure.map_or_else(|| refused(destination), failures::asked_by_hand);
        return Check::fail(ID, format!("the canary was not taken: {what}"), fix);
    }
    let written = Instant::now();
    let mut paths = canary.paths();
    if version.is_some_and(|version| version < NEW_TABLES_SINCE) {
        paths.reverse();
    }
    told(destination, canary, read_back(destination, canary, &paths, wait).await, written.elapsed(), wait)
}

fn refused(destination: &Destination) -> (String, String) {
    (format!("{} refuses the observation itself", failures::host(destination)), "report this: a canary is refused nowhere".to_owned())
}

/// Asks until it is there, closed to us, or the time is up.
async fn read_back(destination: &Destination, canary: &Canary, paths: &[String; 2], wait: Duration) -> Look {
    let (until, mut pause) = (Instant::now() + wait, WAITS.0);
    loop {
        let look = look(destination, canary, paths).await;
        let left = until.saturating_duration_since(Instant::now());
        if matches!(look, Look::There | Look::Closed(_)) || left.is_zero() {
            return look;
        }
        tokio::time::sleep(pause.min(left)).await;
        pause = (pause * 3 / 2).min(WAITS.1);
    }
}

/// Looks by the first call, and by the other where the first has no such call or does not show it: while the tables of both are written,
/// what came by the batch API stands in the old ones minutes before (`reference/langfuse.md` §14).
async fn look(destination: &Destination, canary: &Canary, paths: &[String; 2]) -> Look {
    let mut looks = [Look::Unclear; 2];
    for (look, path) in looks.iter_mut().zip(paths) {
        *look = match destination.get(path).await {
            Some(answer) => seen(&answer, canary),
            None => Look::Unclear,
        };
        if !matches!(look, Look::NotYet | Look::Closed(404)) {
            return *look;
        }
    }
    both(looks)
}

/// What two looks say together: what one does not show yet may come, whether or not there is the other.
fn both(looks: [Look; 2]) -> Look {
    match looks {
        [_, Look::There] => Look::There,
        [Look::NotYet, _] | [_, Look::NotYet] => Look::NotYet,
        [_, second] => second,
    }
}

fn seen(answer: &Answer, canary: &Canary) -> Look {
    match answer.status {
        200 => match serde_json::from_slice::<Value>(&answer.body) {
            Ok(body) if holds(&body, canary) => Look::There,
            Ok(_) => Look::NotYet,
            Err(_) => Look::Unclear,
        },
        408 | 429 | 500.. => Look::Unclear,
        status => Look::Closed(status),
    }
}

/// The observation itself: an answer that names another one proves nothing. Servers before 3.34 know no environments.
fn holds(body: &Value, canary: &Canary) -> bool {
    let (span_id, trace_id) = (canary.span_id.to_string(), canary.trace_id.to_string());
    let is_it = |row: &Value| row["id"] == span_id && row["traceId"] == trace_id && row["name"] == NAME;
    body["data"].as_array().into_iter().flatten().any(is_it)
}

fn told(destination: &Destination, canary: &Canary, look: Look, took: Duration, wait: Duration) -> Check {
    let host = failures::host(destination);
    let check = match look {
        Look::There => {
            let what = format!(
                "one observation was written to {host} and read back after {:.1} s (environment {ENVIRONMENT})",
                took.as_secs_f64()
            );
            Check::ok(ID, what).with("readableAfterMs", u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
        }
        Look::NotYet => Check::fail(
            ID,
            format!("{host} took the observation and did not show it within {} s", wait.as_secs()),
            "look at Langfuse's worker, its queue (Redis), blob storage and ClickHouse; or wait longer: --canary-wait 120",
        ),
        Look::Closed(status) => Check::warn(
            ID,
            format!("{host} took the observation, and answers the reading calls with status {status}"),
            format!(
                "look for a trace in environment {ENVIRONMENT} by hand; let /api/public/observations and /api/public/v2 through to check it here"
            ),
        ),
        Look::Unclear => Check::fail(
            ID,
            format!("{host} took the observation, and does not answer when it is asked for it"),
            "look at the health of Langfuse's web server and of ClickHouse behind it",
        ),
    };
    check.with("traceId", canary.trace_id.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn canary() -> Canary {
        Canary { trace_id: TraceId([1; 16]), span_id: SpanId([2; 8]), start_ms: 0 }
    }

    fn answer(status: u16, body: &Value) -> Answer {
        Answer { status, is_json: true, body: body.to_string().into(), ..Answer::default() }
    }

    #[test]
    fn only_the_very_observation_counts_as_read_back() {
        let row = json!({"id": "02".repeat(8), "traceId": "01".repeat(16), "name": NAME});
        let look = |row: Value| seen(&answer(200, &json!({"data": [{"id": "x"}, row]})), &canary());
        assert_eq!(look(row.clone()), Look::There);
        for (member, other) in [("id", "03"), ("traceId", "03"), ("name", "x")] {
            let mut row = row.clone();
            row[member] = json!(other);
            assert_eq!(look(row), Look::NotYet, "{member}");
        }
        assert_eq!(seen(&answer(200, &json!({"data": []})), &canary()), Look::NotYet);
    }

    #[test]
    fn a_closed_call_is_told_from_a_slow_one() {
        for (status, look) in
            [(404, Look::Closed(404)), (401, Look::Closed(401)), (403, Look::Closed(403)), (429, Look::Unclear), (503, Look::Unclear)]
        {
            assert_eq!(seen(&answer(status, &json!({})), &canary()), look);
        }
        let cut = Answer { status: 200, body: b"{".to_vec(), ..Answer::default() };
        assert_eq!(seen(&cut, &canary()), Look::Unclear);
    }

    #[test]
    fn one_call_that_shows_it_is_enough_and_one_that_may_yet_show_it_is_waited_for() {
        let (none, closed) = (Look::Closed(404), Look::Closed(403));
        assert_eq!(both([Look::NotYet, Look::There]), Look::There);
        assert_eq!([both([Look::NotYet, none]), both([none, Look::NotYet]), both([Look::NotYet, Look::Unclear])], [Look::NotYet; 3]);
        assert_eq!([both([none, none]), both([none, closed]), both([none, Look::Unclear])], [none, closed, Look::Unclear]);
    }

    #[test]
    fn every_canary_is_another_one_in_its_own_environment() {
        let (one, other) = (Canary::new(SystemTime::now()), Canary::new(SystemTime::now()));
        assert!(one.trace_id != other.trace_id && one.span_id != other.span_id);
        assert_eq!((one.batch().len(), one.observation().environment.as_deref()), (1, Some(ENVIRONMENT)));
    }
}
