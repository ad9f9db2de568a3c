//! Asks the source of the records: is it there, what may the key do, what are its shards and its retention, and what stands in it.

mod contents;
mod logstore;

use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant, SystemTime};

use super::check::Check;
use super::clock::{Reading, Server};
use super::quality;
use super::refusal::{self, Action, Obstacle};
use super::sample::Sample;
use crate::deadline::Deadline;
use crate::judge::Judge;
use crate::sls::attempts::repeated;
use crate::sls::calls::{From, LogstoreInfo, Shard, ShardInfo};
use crate::sls::client::Logstore;
use crate::sls::error::SlsError;

/// The ids of all checks here but the clock's and the quality's, in their order.
pub const IDS: [&str; 10] = [
    "sls.endpoint",
    "sls.key",
    "sls.logstore",
    "sls.permission.read",
    "sls.permission.list_shards",
    "sls.permission.get_logstore",
    "sls.permission.write",
    "sls.shards",
    "sls.retention",
    "sls.records",
];

/// What is looked at.
#[derive(Clone, Debug)]
pub struct Source {
    /// The gateway's log.
    pub logstore: Logstore,
    /// Where dead letters go, if into a Logstore.
    pub dead_letters: Option<Logstore>,
}

/// How much is looked at, and in which time.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// About so many records in all.
    pub records: u64,
    /// The longest that one request may take.
    pub timeout: Duration,
    /// Now.
    pub now: SystemTime,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// The findings.
    pub checks: Vec<Check>,
    /// What its clock said.
    pub clock: Option<Reading>,
    /// The newest records, if any could be read.
    pub sample: Option<Sample>,
    /// The time of one small request.
    pub round_trip: Option<Duration>,
}

/// The answers to the small questions.
struct Answers {
    shards: Result<Vec<ShardInfo>, SlsError>,
    info: Result<LogstoreInfo, SlsError>,
    cursor: Result<(), SlsError>,
    write: Option<Result<(), SlsError>>,
    round_trip: Duration,
}

impl Findings {
    /// Nothing could be looked at, for this reason.
    pub fn skipped(why: &str) -> Self {
        Self { checks: rest_of(0, why), ..Self::default() }
    }

    /// The endpoint is one that nothing is sent to.
    pub fn refused(endpoint: Check) -> Self {
        Self { checks: vec![endpoint], ..Self::default() }.then_skip("the endpoint is not trusted (sls.endpoint)")
    }

    fn then_skip(mut self, why: &str) -> Self {
        self.checks.extend(rest_of(self.checks.len(), why));
        self
    }
}

fn rest_of(told: usize, why: &str) -> Vec<Check> {
    IDS.into_iter().skip(told).chain(quality::ids()).map(|id| Check::skip(id, why)).collect()
}

/// Looks at everything.
pub async fn examine(source: &Source, judge: &Judge<'_>, extent: Extent) -> Findings {
    let mut found = Findings::default();
    let (endpoint, clock) = reach(&source.logstore, extent.timeout).await;
    found.clock = clock;
    let reached = endpoint.fix.is_none();
    found.checks.push(endpoint);
    if !reached {
        return found.then_skip("the endpoint was not reached (sls.endpoint)");
    }
    let answers = ask(source, extent.timeout).await;
    if let Some(obstacle) = answers.obstacle(&source.logstore) {
        return behind(found, obstacle, &source.logstore);
    }
    found.round_trip = Some(answers.round_trip);
    found.checks.extend([answers.key(), answers.place(&source.logstore)]);
    found.checks.extend(answers.permissions(source));
    found.checks.extend([logstore::shards(&answers.shards), logstore::retention(&answers.info)]);
    contents::read(&mut found, &answers, source, judge, extent).await;
    found
}

async fn reach(logstore: &Logstore, timeout: Duration) -> (Check, Option<Reading>) {
    let (id, host) = ("sls.endpoint", logstore.endpoint.host());
    let asked = SystemTime::now();
    let probe = match logstore.probe(timeout).await {
        Ok(probe) => probe,
        Err(error) => return (Check::fail(id, format!("{host}: {error}"), refusal::advice(&error)), None),
    };
    let clock = Reading::between(Server::Sls, probe.server_time, asked, SystemTime::now());
    if probe.is_sls {
        return (Check::ok(id, format!("SLS answers at {host}")), Some(clock));
    }
    let to = probe.redirect_origin.map(|origin| format!(", and redirects to {origin}")).unwrap_or_default();
    let what = format!("what answers at {host} is not SLS (status {}{to})", probe.status);
    (
        Check::fail(
            id,
            what,
            "set the endpoint of the project's region, such as cn-hangzhou.log.aliyuncs.com, and look for a proxy in between",
        ),
        None,
    )
}

async fn ask(source: &Source, timeout: Duration) -> Answers {
    let logstore = &source.logstore;
    let shards = patiently(timeout, |left| logstore.shards(left)).await;
    let started = Instant::now();
    let cursor = patiently(timeout, |left| first_cursor(logstore, &shards, left)).await;
    let round_trip = started.elapsed();
    let may_write = async |dead: &Logstore| patiently(timeout, |left| dead.may_write(left)).await;
    let write = async {
        match &source.dead_letters {
            Some(dead) => Some(may_write(dead).await),
            None => None,
        }
    };
    let (info, write) = tokio::join!(patiently(timeout, |left| logstore.info(left)), write);
    Answers { shards, info, cursor, write, round_trip }
}

async fn patiently<T, C: Future<Output = Result<T, SlsError>>>(timeout: Duration, call: impl Fn(Duration) -> C) -> Result<T, SlsError> {
    repeated(Deadline::of_call(timeout), &AtomicU64::new(0), call).await
}

/// Asks for a cursor of a shard. Where the shards are not known, one is guessed: that it is missing is told only to whoever may read.
async fn first_cursor(logstore: &Logstore, shards: &Result<Vec<ShardInfo>, SlsError>, timeout: Duration) -> Result<(), SlsError> {
    let id = shards.as_ref().ok().and_then(|shards| shards.first()).map_or(0, |shard| shard.id);
    match (Shard { logstore: logstore.clone(), id }).cursor(From::Begin, timeout).await {
        Err(SlsError::Refused(refusal)) if refusal.is_of_shard() => Ok(()),
        answer => answer.map(|_| ()),
    }
}

fn behind(mut found: Findings, obstacle: Obstacle, logstore: &Logstore) -> Findings {
    if obstacle.id == "sls.logstore" {
        found.checks.push(key());
    }
    let why = match obstacle.id {
        "sls.key" => "the key is not taken (sls.key)".to_owned(),
        _ => format!("{}/{} cannot be used (sls.logstore)", logstore.project, logstore.name),
    };
    found.checks.push(Check::fail(obstacle.id, obstacle.what, obstacle.fix));
    found.then_skip(&why)
}

fn key() -> Check {
    Check::ok("sls.key", "SLS takes the key in ALIBABA_CLOUD_ACCESS_KEY_ID")
}

impl Answers {
    fn obstacle(&self, logstore: &Logstore) -> Option<Obstacle> {
        let errors = [self.shards.as_ref().err(), self.cursor.as_ref().err()];
        errors.into_iter().flatten().find_map(|error| refusal::obstacle(error, logstore))
    }

    /// Whether SLS takes the key: it does where it does anything for it, or says that it may not.
    fn key(&self) -> Check {
        let taken = |error: Option<&SlsError>| match error {
            None => true,
            Some(SlsError::Refused(refusal)) => refusal.is_denial,
            Some(_) => false,
        };
        let errors = [self.shards.as_ref().err(), self.cursor.as_ref().err(), self.info.as_ref().err()];
        match errors.into_iter().any(taken) {
            true => key(),
            false => Check::skip("sls.key", "no signed request was answered"),
        }
    }

    fn place(&self, logstore: &Logstore) -> Check {
        let id = "sls.logstore";
        match self.shards.is_ok() || self.cursor.is_ok() || self.info.is_ok() {
            true => Check::ok(id, format!("project {} has the Logstore {}", logstore.project, logstore.name)),
            false => Check::skip(id, "nothing that was asked about it was answered"),
        }
    }

    fn permissions(&self, source: &Source) -> [Check; 4] {
        let of = |action, error| refusal::permission(action, &source.logstore, error);
        [
            of(Action::Read, self.cursor.as_ref().copied()),
            of(Action::ListShards, self.shards.as_ref().map(|_| ())),
            of(Action::GetLogStore, self.info.as_ref().map(|_| ())),
            match (&source.dead_letters, &self.write) {
                (Some(dead), Some(result)) => write_permission(&source.logstore, dead, result),
                _ => Check::skip(Action::Write.id(), "DEAD_LETTER_LOGSTORE is not set: dead letters go to the log alone"),
            },
        ]
    }
}

fn write_permission(source: &Logstore, dead: &Logstore, result: &Result<(), SlsError>) -> Check {
    if dead.name == source.name {
        let what =
            format!("DEAD_LETTER_LOGSTORE is {}, the Logstore that is read: each dead letter would call the function again", dead.name);
        return Check::fail(Action::Write.id(), what, "give the dead letters a Logstore of their own in the same project");
    }
    let obstacle = result.as_ref().err().and_then(|error| refusal::obstacle(error, dead));
    match obstacle {
        Some(_) => {
            let what = format!("DEAD_LETTER_LOGSTORE: project {} has no Logstore {} that can be written", dead.project, dead.name);
            Check::fail(Action::Write.id(), what, "create it in the project of the gateway's log, or unset DEAD_LETTER_LOGSTORE")
        }
        None => refusal::permission(Action::Write, dead, result.as_ref().copied()),
    }
}
