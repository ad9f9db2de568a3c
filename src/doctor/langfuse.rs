//! Asks a destination: is it there, which release is it, does it take the keys, and by which API it will be sent to.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::canary::{self, Canary};
use super::check::{Check, Status};
use super::clock::{Reading, Server};
use crate::delivery::answer::{Answer, NoAnswer};
use crate::delivery::destination::{Destination, IngestionApi};
use crate::delivery::failures;
use crate::delivery::ingestion_plan::{Api, IngestionPlan};
use crate::delivery::job::LastAttempt;
use crate::delivery::request::Run;
use crate::delivery::verdict::{Block, Verdict, verdict, verdict_of_silence};
use crate::error::Failure;
use crate::export::server_version::ServerVersion;

/// The ids of all checks here but the clock's, in their order.
pub const IDS: [&str; 4] = ["langfuse.health", "langfuse.keys", "langfuse.ingestion", "langfuse.canary"];

/// The first version that takes what we send by OTLP (`reference/langfuse.md` §1).
const OTLP_SINCE: ServerVersion = ServerVersion::new(3, 63, 0);

/// The first version that stores nothing of the batch API unless told to (`reference/langfuse.md` §1).
const EVENTS_ONLY_SINCE: ServerVersion = ServerVersion::new(4, 0, 0);

/// Whether an observation is written, and how long it may take to show up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// Nothing is written.
    Nothing,
    /// One observation, which must be readable after this time.
    Canary(Duration),
}

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// The findings.
    pub checks: Vec<Check>,
    /// What its clock said.
    pub clock: Option<Reading>,
    /// The time of one small request.
    pub round_trip: Option<Duration>,
}

impl Findings {
    /// Nothing could be looked at, for this reason.
    pub fn skipped(why: &str) -> Self {
        Self { checks: IDS.map(|id| Check::skip(id, why)).into(), ..Self::default() }
    }

    fn then_skip(mut self, why: &str) -> Self {
        self.checks.extend(IDS.into_iter().skip(self.checks.len()).map(|id| Check::skip(id, why)));
        self
    }
}

/// Looks at a destination. Every finding names it, where it has a name.
pub async fn examine(destination: &Arc<Destination>, timeout: Duration, writing: Writing) -> Findings {
    let mut found = look(destination, timeout, writing).await;
    let name = destination.settings().name.as_deref();
    found.checks = found.checks.into_iter().map(|check| check.of(name)).collect();
    found
}

async fn look(destination: &Arc<Destination>, timeout: Duration, writing: Writing) -> Findings {
    let mut found = Findings::default();
    let asked = SystemTime::now();
    let health = destination.health(timeout).await;
    found.clock = health.as_ref().ok().map(|answer| Reading::between(Server::Langfuse, answer.date, asked, SystemTime::now()));
    let version = health.as_ref().ok().and_then(|answer| ServerVersion::of_health(&answer.body));
    found.checks.push(of_health(destination, &health, version));
    if health.is_err() {
        return found.then_skip("it does not answer (langfuse.health)");
    }
    let plan = IngestionPlan::new(destination.settings().api, version);
    let started = Instant::now();
    let (keys, api) = keys(destination, plan, timeout).await;
    found.round_trip = Some(started.elapsed());
    let refused = keys.status == Status::Fail;
    found.checks.push(keys);
    if refused {
        return found.then_skip("it does not take an empty request (langfuse.keys)");
    }
    found.checks.push(ingestion(destination, version, api));
    found.checks.push(match writing {
        Writing::Nothing => Check::skip("langfuse.canary", "left out by --no-canary"),
        Writing::Canary(wait) => canary::examine(destination, &Canary::new(SystemTime::now()), version, timeout, wait).await,
    });
    found
}

fn of_health(destination: &Destination, health: &Result<Answer, NoAnswer>, version: Option<ServerVersion>) -> Check {
    let (id, host) = ("langfuse.health", failures::host(destination));
    let failed = |what: String, hint: String| Check::fail(id, what, failures::in_names_of(destination, hint));
    let answer = match health {
        Ok(answer) => answer,
        Err(reason) => return failed(format!("{host} does not answer: {}", LastAttempt::NoAnswer(*reason)), silence(destination, *reason)),
    };
    match (answer.status, version) {
        (300..=399, _) => {
            let failure = failures::blocked(destination, answer.status, &Block::Redirect(answer.redirect_origin.clone()), Api::Otlp);
            failed(format!("{host} answers its health page with a redirect ({})", answer.status), failure.hint)
        }
        (200, Some(version)) => of_version(destination, &host, version),
        (500.., _) => failed(
            format!("{host} says that it is not well (status {})", answer.status),
            "look at the log of Langfuse and at its databases".to_owned(),
        ),
        (status, _) => {
            let fix = "nothing, if that is meant; else let /api/public/health through: auto then takes OTLP, which needs 3.63 or later";
            Check::warn(id, format!("{host} does not tell its version (status {status} for its health page)"), fix)
        }
    }
}

fn of_version(destination: &Destination, host: &str, version: ServerVersion) -> Check {
    let text = format!("{}.{}.{}", version.major, version.minor, version.patch);
    let check = match version < OTLP_SINCE && destination.settings().api != IngestionApi::Otlp {
        true => Check::warn(
            "langfuse.health",
            format!("{host} is {text}, which is served by the older batch API"),
            "upgrade Langfuse to 3.63 or later, better to 4",
        ),
        false => Check::ok("langfuse.health", format!("{host} is {text}")),
    };
    check.with("version", text)
}

/// What to do about no answer at all.
fn silence(destination: &Destination, reason: NoAnswer) -> String {
    match verdict_of_silence(reason) {
        Verdict::Blocked(block) => failures::blocked(destination, 0, &block, Api::Otlp).hint,
        _ if reason == NoAnswer::TimedOut => "check that Langfuse is up, and the way to it: a firewall may swallow the connection".into(),
        _ => "check the name in LANGFUSE_HOST, that Langfuse is up, and that this network reaches it (HTTPS_PROXY)".into(),
    }
}

/// An empty request, which stores nothing and is refused like any other; and the API that took it.
async fn keys(destination: &Destination, plan: IngestionPlan, timeout: Duration) -> (Check, Api) {
    let first = plan.first();
    match (post_nothing(destination, first, timeout).await, plan.after_missing_otlp()) {
        (Err(failure), Some(other)) if first == Api::Otlp && failure.error_type == Block::NoEndpoint.error_type() => {
            (of_keys(destination, post_nothing(destination, other, timeout).await), other)
        }
        (outcome, _) => (of_keys(destination, outcome), first),
    }
}

fn of_keys(destination: &Destination, outcome: Result<(), Failure>) -> Check {
    match outcome {
        Ok(()) => Check::ok("langfuse.keys", format!("{} takes the keys", failures::host(destination))),
        Err(failure) => {
            let (what, fix) = failures::asked_by_hand(failure);
            Check::fail("langfuse.keys", what, fix)
        }
    }
}

async fn post_nothing(destination: &Destination, api: Api, timeout: Duration) -> Result<(), Failure> {
    let body = destination.body(Run::Part(&[]), api).map_err(|_| failures::unreadable())?;
    let (status, verdict, last) = match destination.post(body, timeout).await {
        Ok(answer) => (answer.status, verdict(&answer), LastAttempt::Answered(answer.status)),
        Err(reason) => (0, verdict_of_silence(reason), LastAttempt::NoAnswer(reason)),
    };
    match verdict {
        Verdict::Delivered => Ok(()),
        Verdict::Blocked(block) => Err(failures::blocked(destination, status, &block, api)),
        Verdict::Retry(_) => Err(failures::exhausted(destination, last, 1)),
        // Nothing is neither too large nor wrong.
        Verdict::TooLarge | Verdict::Refused => Err(failures::blocked(destination, status, &Block::Unexpected, api)),
    }
}

fn ingestion(destination: &Destination, version: Option<ServerVersion>, api: Api) -> Check {
    let id = "langfuse.ingestion";
    let (name, words) = match api {
        Api::Otlp => ("otlp", "OTLP"),
        Api::Batch(_) => ("batch", "the batch API"),
    };
    let set = |what: String, fix: &str| Check::warn(id, what, failures::in_names_of(destination, fix.to_owned()));
    let check = match (destination.settings().api, version) {
        (IngestionApi::Batch, Some(version)) if version >= EVENTS_ONLY_SINCE => {
            set("LANGFUSE_INGESTION=batch, of which Langfuse 4 stores nothing by default".to_owned(), "set LANGFUSE_INGESTION to auto")
        }
        (IngestionApi::Otlp, Some(version)) if version < OTLP_SINCE => {
            set("LANGFUSE_INGESTION=otlp, of which this Langfuse does not read everything".to_owned(), "set LANGFUSE_INGESTION to auto")
        }
        (IngestionApi::Auto, _) => Check::ok(id, format!("auto: observations go by {words}")),
        (IngestionApi::Otlp | IngestionApi::Batch, _) => Check::ok(id, format!("as set: observations go by {words}")),
    };
    check.with("api", name)
}
