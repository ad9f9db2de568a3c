//! An SLS stand-in in which the range of a trigger event holds given logs, and the credentials that may read it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;

use super::ending::Ending;
use crate::emulator::sls::{AccessKey, Action, Grant, LoadError, ShardSpec, SlsEmulator, SlsWorld, groups_from_jsonl};
use crate::invocation::TriggerEvent;
use crate::secret::{Credentials, Secret};
use crate::sls::wire::LogGroup;

/// The most log groups that a range may span here. Events of busy shards span thousands; more would only be filled with empty groups.
const MAX_GROUPS: u64 = 100_000;

/// How long credentials of a function's role are valid (`reference/function-compute.md` §2.2).
const VALID_FOR: Duration = Duration::from_secs(36 * 3600);

const KEY_ID: &str = "STS.stand-in";
const KEY_SECRET: &str = "stand-in-key-secret";
const TOKEN: &str = "stand-in-security-token";

/// The stand-in and how to read it.
pub struct SlsStandIn {
    /// Gone when dropped.
    pub emulator: SlsEmulator,
    /// Credentials of a role that may read the Logstore, as temporary as those of a function.
    pub credentials: Credentials,
}

/// Starts a stand-in for the Logstore of `event`, with these logs (one JSON object a line) spread over the log groups of its range, and
/// `dead_letters` as a further Logstore that may be written.
///
/// # Errors
/// When a line is no log, or the cursors of the event leave no room for logs.
pub async fn sls_for(event: &TriggerEvent, logs: &str, dead_letters: Option<&str>) -> Result<SlsStandIn, Ending> {
    let (seed, span) = range(event)?;
    let received = received(event);
    let groups = groups(logs, span, received)?;
    let emulator = SlsEmulator::start(0, SlsWorld::default()).await.context("the SLS stand-in cannot listen")?;
    let (project, logstore) = (&event.place.project, &event.place.logstore);
    emulator.create_logstore(project, logstore, &[ShardSpec { id: event.shard, seed }]);
    for group in &groups {
        emulator.append(project, logstore, event.shard, group, received).context("the SLS stand-in lost its shard")?;
    }
    let mut grants = vec![Grant { action: Action::Read, logstore: logstore.clone() }];
    if let Some(letters) = dead_letters {
        emulator.create_logstore(project, letters, &[ShardSpec { id: 0, seed }]);
        grants.push(Grant { action: Action::Write, logstore: letters.to_owned() });
    }
    let expires = SystemTime::now() + VALID_FOR;
    emulator.add_key(AccessKey::permanent(KEY_ID, KEY_SECRET).with_token(TOKEN, expires).allowed(grants));
    Ok(SlsStandIn { emulator, credentials: credentials() })
}

/// A file of logs that has a line that is no log.
pub fn bad_logs(error: &LoadError) -> Ending {
    Ending::misused(format!("the logs cannot be used: {error}"))
}

fn credentials() -> Credentials {
    let security_token = Some(Secret::new(TOKEN));
    Credentials { access_key_id: KEY_ID.to_owned(), access_key_secret: Secret::new(KEY_SECRET), security_token }
}

/// The number of the first log group of the event's range, and how many groups there are.
fn range(event: &TriggerEvent) -> Result<(u64, u64), Ending> {
    let (begin, end) = (event.range.begin.number(), event.range.end.number());
    let Some((begin, end)) = begin.zip(end) else {
        return Err(Ending::misused("with --logs the cursors of the event must be base64 of a number, as in events/sls-trigger.json"));
    };
    match end.saturating_sub(begin) {
        span @ 0..=MAX_GROUPS => Ok((begin, span)),
        span => {
            let rule = format!("with --logs the cursors of the event may be at most {MAX_GROUPS} log groups apart, not {span}");
            Err(Ending::misused(format!("{rule}: take the ones of events/sls-trigger.json")))
        }
    }
}

/// One group of the range after the other. Behind the logs there are empty ones, because a range never ends before its end cursor; an
/// empty range has one group behind it.
fn groups(logs: &str, span: u64, received: u32) -> Result<Vec<LogGroup>, Ending> {
    let wanted = usize::try_from(span).unwrap_or(usize::MAX);
    let mut groups = groups_from_jsonl(logs, wanted, received).map_err(|error| bad_logs(&error))?;
    groups.resize(wanted.max(groups.len()), LogGroup::default());
    Ok(groups)
}

/// When the logs arrived, UNIX seconds: as the event says, else now.
fn received(event: &TriggerEvent) -> u32 {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let time = event.cursor_time.and_then(|time| u64::try_from(time).ok()).unwrap_or_else(now);
    u32::try_from(time).unwrap_or(u32::MAX)
}
