//! Asks the source of the records: is it there, what may the key do, what are its shards and its retention, and what stands in it.

use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant, SystemTime};

use super::check::Check;
use super::clock::{Reading, Server};
use super::quality;
use super::refusal::{self, Action, Obstacle};
use super::sample::{Bounds, Sample};
use crate::deadline::Deadline;
use crate::judge::Judge;
use crate::sls::attempts::repeated;
use crate::sls::calls::{FOREVER_DAYS, From, LogstoreInfo, Shard, ShardInfo};
use crate::sls::client::Logstore;
use crate::sls::error::SlsError;

/// For so long an outage of Langfuse may last without loss: a public holiday that nobody watched, and the repair. Days.
const OUTAGE_DAYS: u32 = 7;

/// How many shards are read at most; further ones are like these.
const MAX_SHARDS_READ: usize = 16;

/// The fewest records that are read of a shard.
const FEWEST_RECORDS: u64 = 10;

/// From here on the newest record is an old one. Seconds.
const OLD: i64 = 86_400;

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
    found.checks.extend([key(), logstore(&source.logstore)]);
    found.checks.extend(answers.permissions(source));
    found.checks.extend([shards(&answers.shards), retention(&answers.info)]);
    read(&mut found, &answers, source, judge, extent).await;
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

fn logstore(logstore: &Logstore) -> Check {
    Check::ok("sls.logstore", format!("project {} has the Logstore {}", logstore.project, logstore.name))
}

impl Answers {
    fn obstacle(&self, logstore: &Logstore) -> Option<Obstacle> {
        let errors = [self.shards.as_ref().err(), self.cursor.as_ref().err(), self.info.as_ref().err()];
        errors.into_iter().flatten().find_map(|error| refusal::obstacle(error, logstore))
    }

    fn permissions(&self, source: &Source) -> [Check; 4] {
        let of = |action, error| refusal::permission(action, &source.logstore, error);
        [
            of(Action::Read, self.cursor.as_ref().copied()),
            of(Action::ListShards, self.shards.as_ref().map(|_| ())),
            of(Action::GetLogStore, self.info.as_ref().map(|_| ())),
            match (&source.dead_letters, &self.write) {
                (Some(dead), Some(result)) => write_permission(dead, result),
                _ => Check::skip(Action::Write.id(), "DEAD_LETTER_LOGSTORE is not set: dead letters go to the log alone"),
            },
        ]
    }
}

fn write_permission(dead: &Logstore, result: &Result<(), SlsError>) -> Check {
    let obstacle = result.as_ref().err().and_then(|error| refusal::obstacle(error, dead));
    match obstacle {
        Some(_) => {
            let what = format!("DEAD_LETTER_LOGSTORE: project {} has no Logstore {} that can be written", dead.project, dead.name);
            Check::fail(Action::Write.id(), what, "create it in the project of the gateway's log, or unset DEAD_LETTER_LOGSTORE")
        }
        None => refusal::permission(Action::Write, dead, result.as_ref().copied()),
    }
}

fn shards(listed: &Result<Vec<ShardInfo>, SlsError>) -> Check {
    let id = "sls.shards";
    let shards = match listed {
        Ok(shards) => shards,
        Err(error) => return Check::skip(id, format!("the shards were not listed: {error}")),
    };
    let read_only = shards.iter().filter(|shard| shard.status == "readonly").count();
    let what = match (shards.len(), read_only) {
        (1, 0) => "1 shard: one call of the function in each interval".to_owned(),
        (all, 0) => format!("{all} shards: up to {all} calls of the function in each interval"),
        (all, read_only) => format!("{all} shards, {read_only} of them read-only: split or merged, still read until their logs expire"),
    };
    let check = match shards.len() > read_only {
        true => Check::ok(id, what),
        false => {
            Check::fail(id, format!("none of {} shards can be written", shards.len()), "look at the shards of the Logstore in the console")
        }
    };
    check.with("shards", shards.len()).with("readOnly", read_only)
}

fn retention(info: &Result<LogstoreInfo, SlsError>) -> Check {
    let id = "sls.retention";
    let days = match info {
        Ok(info) => info.retention_days,
        Err(error) => return Check::skip(id, format!("the Logstore did not tell its retention: {error}")),
    };
    let check = match days {
        FOREVER_DAYS.. => Check::ok(id, "logs are kept for ever"),
        OUTAGE_DAYS.. => Check::ok(id, format!("logs are kept for {days} days: so long an outage loses nothing")),
        _ => Check::warn(
            id,
            format!("logs are kept for {days} days only: what an outage of Langfuse outlasts is lost"),
            format!("raise the retention of the Logstore to {OUTAGE_DAYS} days or more"),
        ),
    };
    check.with("days", days)
}

/// Reads the newest records, unless that is known to be forbidden.
async fn read(found: &mut Findings, answers: &Answers, source: &Source, judge: &Judge<'_>, extent: Extent) {
    if let Err(error) = &answers.cursor {
        let why = format!("the Logstore cannot be read: {error}");
        found.checks.extend(rest_of(IDS.len() - 1, &why));
        return;
    }
    let ids = to_read(answers.shards.as_deref().ok());
    let now = i64::from(crate::sls::unix_seconds(extent.now));
    let each = (extent.records / ids.len().max(1) as u64).max(FEWEST_RECORDS);
    let bounds = Bounds { records: each, timeout: extent.timeout, now };
    let (mut sample, mut failed) = (Sample::of(judge), None);
    for id in ids {
        let shard = Shard { logstore: source.logstore.clone(), id };
        if let Err(error) = sample.read(&shard, judge, bounds).await {
            failed = Some((id, error));
            break;
        }
    }
    found.checks.push(match &failed {
        Some((id, error)) => Check::fail("sls.records", format!("shard {id} could not be read: {error}"), refusal::advice(error)),
        None => records(&sample, now),
    });
    found.checks.extend(sample.quality.checks());
    found.sample = (sample.survey.records > 0).then_some(sample);
}

/// The shards with the newest records: those that are written first. Where they are not known, one is guessed.
fn to_read(listed: Option<&[ShardInfo]>) -> Vec<u32> {
    let Some(listed) = listed else { return vec![0] };
    let mut shards: Vec<_> = listed.iter().collect();
    shards.sort_by_key(|shard| shard.status == "readonly");
    shards.iter().map(|shard| shard.id).take(MAX_SHARDS_READ).collect()
}

fn records(sample: &Sample, now: i64) -> Check {
    let (id, survey) = ("sls.records", &sample.survey);
    let Some(newest) = sample.shards.iter().filter_map(|shard| shard.newest).max() else {
        let fix = "send a call through the gateway and look whether its log delivery to this Logstore is on; a minute later there must be a record";
        return Check::warn(id, "the Logstore holds no records", fix).with("records", 0);
    };
    let passed: Vec<_> = survey.skipped.iter().chain(&survey.dead_lettered).map(|(reason, count)| format!("{count} {reason}")).collect();
    let others = if passed.is_empty() { String::new() } else { format!(", the others: {}", passed.join(", ")) };
    let (all, calls, age) = (survey.records, survey.would_deliver, (now - newest).max(0));
    let what = format!("of the {all} newest records {calls} would be delivered{others}; the newest came {} ago", words(age));
    let strangers = survey.skipped.get("not_a_gateway_log").copied().unwrap_or(0);
    let check = if strangers == all {
        let fix = "name the Logstore of the gateway's access log; for another gateway write a dialect (docs/mapping.md)";
        Check::fail(id, format!("none of the {all} newest records is of a gateway"), fix)
    } else if age > OLD {
        Check::warn(id, what, "look whether the gateway still delivers its log here")
    } else if calls == 0 {
        Check::warn(
            id,
            what,
            "look at one of them with `sls-to-langfuse explain`; filters, sampling and routes decide too (docs/routing.md)",
        )
    } else {
        Check::ok(id, what)
    };
    check.with("records", all).with("wouldDeliver", calls).with("newestSeconds", age)
}

/// A time for people.
fn words(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::*;
    use crate::sls::error::TransportKind;

    fn shard(id: u32, status: &str) -> ShardInfo {
        ShardInfo { id, status: status.to_owned() }
    }

    #[test]
    fn shards_are_well_as_long_as_one_can_be_written() {
        let check = shards(&Ok(vec![shard(0, "readonly"), shard(1, "readwrite"), shard(2, "readwrite")]));
        assert_eq!((check.status, &check.facts["shards"], &check.facts["readOnly"]), (Status::Ok, &3.into(), &1.into()));
        assert!(check.what.starts_with("3 shards, 1 of them read-only"));
        assert_eq!(shards(&Ok(vec![shard(0, "readonly")])).status, Status::Fail);
        assert_eq!(shards(&Err(SlsError::Transport(TransportKind::TimedOut))).status, Status::Skip);
    }

    #[test]
    fn a_retention_shorter_than_an_outage_is_worth_a_warning() {
        let status = |days| retention(&Ok(LogstoreInfo { retention_days: days })).status;
        assert_eq!([1, 6, 7, 30, 3650].map(status), [Status::Warn, Status::Warn, Status::Ok, Status::Ok, Status::Ok]);
        assert_eq!(retention(&Ok(LogstoreInfo { retention_days: 3650 })).what, "logs are kept for ever");
    }

    #[test]
    fn shards_that_are_written_are_read_first() {
        let listed: Vec<_> = (0..20).map(|id| shard(id, if id < 10 { "readonly" } else { "readwrite" })).collect();
        assert_eq!(to_read(Some(&listed)), (10..20).chain(0..6).collect::<Vec<_>>());
        assert_eq!(to_read(None), [0]);
    }

    #[test]
    fn ages_read_well() {
        assert_eq!([119, 120, 7200, 172_800].map(words), ["119 s", "2 min", "2 h", "2 days"]);
    }
}
