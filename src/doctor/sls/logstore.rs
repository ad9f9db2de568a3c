//! What the Logstore is: its shards and its retention. Pure.

use super::super::check::Check;
use crate::sls::calls::{FOREVER_DAYS, LogstoreInfo, ShardInfo};
use crate::sls::error::SlsError;

/// For so long an outage of Langfuse may last without loss: a public holiday that nobody watched, and the repair. Days.
const OUTAGE_DAYS: u32 = 7;

pub(super) fn shards(listed: &Result<Vec<ShardInfo>, SlsError>) -> Check {
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

pub(super) fn retention(info: &Result<LogstoreInfo, SlsError>) -> Check {
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

#[cfg(test)]
mod tests {
    use super::super::super::check::Status;
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
}
