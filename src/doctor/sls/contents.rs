//! What stands in the Logstore: its newest records, read and judged.

use super::super::check::Check;
use super::super::refusal;
use super::super::sample::{Bounds, Sample};
use super::{Answers, Extent, Findings, IDS, Source, rest_of};
use crate::judge::Judge;
use crate::sls::calls::{Shard, ShardInfo};

/// How many shards are read at most; further ones are like these.
const MAX_SHARDS_READ: usize = 16;

/// The fewest records that are read of a shard.
const FEWEST_RECORDS: u64 = 10;

/// From here on the newest record is an old one. Seconds.
const OLD: i64 = 86_400;

/// Reads the newest records, unless that is known to be forbidden.
pub(super) async fn read(found: &mut Findings, answers: &Answers, source: &Source, judge: &Judge<'_>, extent: Extent) {
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
    if survey.records == 0 {
        let fix = "send a call through the gateway and look whether its log delivery to this Logstore is on; a minute later there must be a record";
        return Check::warn(id, "the Logstore holds no records", fix).with("records", 0);
    }
    let newest = sample.shards.iter().filter_map(|shard| shard.newest).max();
    let passed: Vec<_> = survey.skipped.iter().chain(&survey.dead_lettered).map(|(reason, count)| format!("{count} {reason}")).collect();
    let others = if passed.is_empty() { String::new() } else { format!(", the others: {}", passed.join(", ")) };
    let (all, calls) = (survey.records, survey.would_deliver);
    let age = newest.map(|newest| (now - newest).max(0));
    let what = format!(
        "of the {all} newest records {calls} would be delivered{others}{}",
        age.map(|age| format!("; the newest came {} ago", words(age))).unwrap_or_default()
    );
    let strangers = survey.skipped.get("not_a_gateway_log").copied().unwrap_or(0);
    let check = if strangers == all {
        let fix = "name the Logstore of the gateway's access log; for another gateway write a dialect (docs/mapping.md)";
        Check::fail(id, format!("none of the {all} newest records is of a gateway"), fix)
    } else if age.is_some_and(|age| age > OLD) {
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
    use super::*;

    fn shard(id: u32, status: &str) -> ShardInfo {
        ShardInfo { id, status: status.to_owned() }
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
