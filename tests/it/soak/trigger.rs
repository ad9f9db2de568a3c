//! The SLS trigger: one position per shard, a failed range comes again, and now and then a range comes twice.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;

use serde_json::json;

use super::instance::Instance;
use super::supply::Supply;
use crate::support::{Answer, SEED, event};

/// What the trigger does when the retries of a range are used up (`reference/function-compute.md` §4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Text A: it calls again at the next interval, by then with a longer range.
    NextInterval,
    /// Text B: it keeps calling with the same range until the function succeeds.
    UntilSuccess,
}

/// Calls after which the retries are used up.
const RETRIES: usize = 3;

/// Calls after which hours have passed, where a run wants that.
const OLD_AFTER: usize = 3;

/// No run needs as many calls for one range: more mean that it is stuck.
const STUCK_AFTER: usize = 200;

/// What the age of a range that fails again and again is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ageing {
    /// It stays young.
    None,
    /// After some calls it is seven hours old.
    Hours,
}

/// How a run delivers its ranges.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    pub seed: u64,
    pub reading: Reading,
    pub ageing: Ageing,
    /// Log groups that arrive in one interval.
    pub interval: u64,
    /// The time-outs that calls have, one of them by chance, seconds.
    pub timeouts: [u32; 3],
    /// Share of ranges that come twice: half of them at the same time, half after success.
    pub twice: f64,
}

/// What the calls of a run added up to.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub calls: u64,
    pub failed: u64,
    pub died: u64,
    pub twice: u64,
    /// Failures by their type.
    pub failures: BTreeMap<String, u64>,
    pub requests: u64,
    pub sls_requests: u64,
    pub retries: u64,
    pub resumed: u64,
    /// Rows that calls for ranges brought that had been asked for already.
    pub sent_again: u64,
    /// Records of calls that died with their process, and of those that went on in another process than the attempt before them.
    pub killed: u64,
    /// Records of calls whose time ran out with requests on their way.
    pub cut_off: u64,
    /// Records of calls for old ranges, which send some again to see something accepted.
    pub proven: u64,
}

pub struct Trigger<'r> {
    pub habits: Habits,
    pub supply: &'r Supply,
    pub instance: &'r Instance,
    pub tally: Mutex<Tally>,
}

impl Trigger<'_> {
    /// Brings everything in one shard, in order.
    pub async fn work_off(&self, shard: u32) {
        let total = self.supply.shards[shard as usize].len() as u64;
        let mut random = fastrand::Rng::with_seed(self.habits.seed + u64::from(shard));
        let mut position = 0;
        while position < total {
            position = self.deliver(shard, position, total, &mut random).await;
        }
    }

    /// Brings the range that begins here until it is done, and returns its end.
    async fn deliver(&self, shard: u32, begin: u64, total: u64, random: &mut fastrand::Rng) -> u64 {
        let twice = random.f64() < self.habits.twice;
        let at_once = random.bool();
        let mut process = None;
        for attempt in 0..STUCK_AFTER {
            // Every few failures the next interval comes, and with it more data.
            let intervals = if self.habits.reading == Reading::NextInterval { 1 + attempt / (RETRIES + 1) } else { 1 };
            let range = begin..(begin + self.habits.interval * intervals as u64).min(total);
            let call = self.call(shard, range.clone(), attempt, random.choice(self.habits.timeouts).unwrap_or(60));
            let (number, done) = match twice && at_once && attempt == 0 {
                true => {
                    let (done, again) = tokio::join!(call, self.call(shard, range.clone(), attempt, 60));
                    self.count_again(again.1.as_ref());
                    done
                }
                false => call.await,
            };
            if process.replace(number).is_some_and(|before| before != number) {
                self.tally.lock().unwrap().killed += self.records(shard, range.clone());
            }
            if done.is_none_or(|answer| answer.status != 200) {
                continue;
            }
            if twice && !at_once {
                let again = self.call(shard, range.clone(), attempt, 60).await;
                self.count_again(again.1.as_ref());
            }
            return range.end;
        }
        panic!("shard {shard} is stuck at group {begin}: {:?}", self.tally.lock().unwrap());
    }

    async fn call(&self, shard: u32, range: Range<u64>, attempt: usize, timeout: u32) -> (u64, Option<Answer>) {
        let mut event = event(shard, SEED + range.start, SEED + range.end);
        let is_old = self.habits.ageing == Ageing::Hours && attempt >= OLD_AFTER;
        if is_old {
            event["cursorTime"] = json!(event["cursorTime"].as_i64().unwrap() - 7 * 3600);
        }
        let (process, answer) = self.instance.call(&event.to_string(), timeout).await;
        if is_old {
            self.tally.lock().unwrap().proven += self.records(shard, range.clone());
        }
        self.check(shard, range, answer.as_ref());
        (process, answer)
    }

    fn records(&self, shard: u32, range: Range<u64>) -> u64 {
        self.supply.expected(shard, range).get("arrives").copied().unwrap_or_default()
    }

    /// Every answer must add up, and a success must say exactly what was in the range.
    fn check(&self, shard: u32, range: Range<u64>, answer: Option<&Answer>) {
        let mut tally = self.tally.lock().unwrap();
        tally.calls += 1;
        let Some(answer) = answer else {
            (tally.died, tally.failed) = (tally.died + 1, tally.failed + 1);
            tally.killed += self.records(shard, range);
            return;
        };
        answer.assert_balanced();
        tally.requests += answer.count("requests");
        tally.sls_requests += answer.count("slsRequests");
        tally.retries += answer.count("retries");
        tally.resumed += answer.count("resumed");
        if answer.status != 200 {
            tally.failed += 1;
            let error_type = answer.failure().0;
            *tally.failures.entry(error_type.to_owned()).or_default() += 1;
            tally.cut_off += if error_type == "out_of_time" { self.records(shard, range) } else { 0 };
            return;
        }
        let expected = self.supply.expected(shard, range);
        let mut told: BTreeMap<&str, u64> = BTreeMap::from([("arrives", answer.count("shipLines"))]);
        for counts in ["skipped", "deadLettered"].map(|member| answer.report()[member].as_object().unwrap()) {
            told.extend(counts.iter().map(|(reason, count)| (reason.as_str(), count.as_u64().unwrap())));
        }
        // Chance may give up a record more in an old range.
        if self.habits.ageing == Ageing::None {
            told.retain(|_, count| *count > 0);
            assert_eq!(told, expected, "{}", answer.text);
        }
        assert_eq!(answer.count("ingestLines"), expected.values().sum::<u64>(), "{}", answer.text);
    }

    fn count_again(&self, answer: Option<&Answer>) {
        let mut tally = self.tally.lock().unwrap();
        tally.twice += 1;
        tally.sent_again += answer.map_or(0, |answer| answer.count("shipLines") - answer.count("resumed"));
    }
}
