//! Our clock against that of a server. Pure.

use std::time::{Duration, SystemTime};

use super::check::Check;

/// What one sees in `Date`, which counts seconds, after an answer that took a while.
const UNSEEN: i64 = 5;

/// From here on times in Langfuse look wrong to people. Seconds.
const WORTH_TELLING: i64 = 60;

/// How far SLS lets a signature be off (`reference/sls.md` §7, RequestTimeExpired). Seconds.
const REFUSED_BY_SLS: i64 = 900;

/// Whose clock it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// Refuses signatures that are too far off.
    Sls,
    /// Refuses nothing for its time.
    Langfuse,
}

impl Server {
    fn id(self) -> &'static str {
        match self {
            Self::Sls => "clock.sls",
            Self::Langfuse => "clock.langfuse",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Sls => "SLS",
            Self::Langfuse => "Langfuse",
        }
    }
}

/// What a server said, and what our clock said in the middle of the asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Whose clock.
    pub server: Server,
    /// What it said; none: its answer had no date.
    pub told: Option<SystemTime>,
    /// What ours said then.
    pub ours: SystemTime,
}

impl Reading {
    /// A reading of a server that was asked at `asked` and has answered at `answered`.
    pub fn between(server: Server, told: Option<SystemTime>, asked: SystemTime, answered: SystemTime) -> Self {
        Self { server, told, ours: asked + answered.duration_since(asked).unwrap_or(Duration::ZERO) / 2 }
    }

    /// By how much our clock is ahead of the server's. Seconds; none: it did not say.
    pub fn ahead(&self) -> Option<i64> {
        let told = self.told?;
        let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        Some(match self.ours.duration_since(told) {
            Ok(ahead) => seconds(ahead),
            Err(behind) => -seconds(behind.duration()),
        })
    }
}

/// The finding over a reading. `others` are what other servers say: where they agree with this one, the clock of this machine is wrong.
pub fn judge(reading: &Reading, others: &[Reading]) -> Check {
    let (id, name) = (reading.server.id(), reading.server.name());
    let Some(ahead) = reading.ahead() else {
        return Check::skip(id, format!("the answer of {name} carries no Date"));
    };
    if ahead.abs() < WORTH_TELLING {
        let what = if ahead.abs() <= UNSEEN { format!("this clock agrees with {name}") } else { off(ahead, name) };
        return Check::ok(id, what).with("aheadSeconds", ahead);
    }
    let fix = fix(ahead, name, others);
    let check = match reading.server {
        Server::Sls if ahead.abs() >= REFUSED_BY_SLS => {
            Check::fail(id, format!("{}, and SLS refuses signatures that are 15 minutes off", off(ahead, name)), fix)
        }
        Server::Sls | Server::Langfuse => Check::warn(id, off(ahead, name), fix),
    };
    check.with("aheadSeconds", ahead)
}

fn off(ahead: i64, name: &str) -> String {
    format!("this clock is {} s {} that of {name}", ahead.abs(), if ahead > 0 { "ahead of" } else { "behind" })
}

fn fix(ahead: i64, name: &str, others: &[Reading]) -> String {
    let told: Vec<i64> = others.iter().filter_map(Reading::ahead).collect();
    let agree = |other: &i64| (ahead - other).abs() < WORTH_TELLING;
    match told.is_empty() {
        true => format!("set the clock of this machine (NTP); if it is right, that of {name} is wrong"),
        false if told.iter().all(agree) => "set the clock of this machine (NTP): every server tells the same other time".to_owned(),
        false if told.iter().any(|other| other.abs() < WORTH_TELLING) => {
            format!("the clock of {name} is wrong, another server agrees with this one: set it there (NTP)")
        }
        false => format!("set the clocks of this machine and of {name} (NTP): no two agree"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::*;

    fn reading(server: Server, ahead: i64) -> Reading {
        let ours = SystemTime::UNIX_EPOCH + Duration::from_secs(1_772_417_413);
        let distance = Duration::from_secs(ahead.unsigned_abs());
        Reading { server, told: Some(if ahead > 0 { ours - distance } else { ours + distance }), ours }
    }

    #[test]
    fn sls_fails_at_fifteen_minutes_and_langfuse_never() {
        for (server, ahead, status) in [
            (Server::Sls, 0, Status::Ok),
            (Server::Sls, 59, Status::Ok),
            (Server::Sls, -60, Status::Warn),
            (Server::Sls, 899, Status::Warn),
            (Server::Sls, 900, Status::Fail),
            (Server::Sls, -900, Status::Fail),
            (Server::Langfuse, -59, Status::Ok),
            (Server::Langfuse, 100_000, Status::Warn),
        ] {
            let check = judge(&reading(server, ahead), &[]);
            assert_eq!((check.status, check.facts["aheadSeconds"].as_i64()), (status, Some(ahead)), "{server:?} {ahead}");
        }
        let silent = Reading { told: None, ..reading(Server::Sls, 0) };
        assert_eq!(judge(&silent, &[]).status, Status::Skip);
    }

    #[test]
    fn whose_clock_is_wrong_is_told_by_the_others() {
        let fix = |ahead, others: &[i64]| {
            let others: Vec<_> = others.iter().map(|ahead| reading(Server::Langfuse, *ahead)).collect();
            judge(&reading(Server::Sls, ahead), &others).fix.unwrap()
        };
        assert!(fix(1000, &[990]).starts_with("set the clock of this machine"));
        assert!(fix(1000, &[3]).starts_with("the clock of SLS is wrong"));
        assert!(fix(1000, &[-500]).starts_with("set the clocks of this machine and of SLS"));
        assert!(fix(1000, &[]).contains("if it is right"));
    }

    #[test]
    fn the_time_of_asking_is_the_middle_of_it() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let reading = Reading::between(Server::Sls, Some(at(102)), at(100), at(104));
        assert_eq!((reading.ours, reading.ahead()), (at(102), Some(0)));
    }
}
