//! What a month brings, in observations, in units of Langfuse and in money of Function Compute, reckoned from the newest records. Pure.
//!
//! Prices are those of the lists in `reference/function-compute.md` §8, first tier; what a unit is says Langfuse's page "Billable Units".

use std::time::Duration;

use super::check::Check;
use super::sample::{Sample, ShardSample};
use crate::export::batch::MAX_REQUEST_OBSERVATIONS;

/// The ids of all checks here, in their order.
pub const IDS: [&str; 3] = ["estimate.observations", "estimate.langfuse", "estimate.function"];

/// A span that is shorter says little about a day. Seconds.
const SHORTEST_SPAN: i64 = 60;

const DAYS: f64 = 30.0;
const SECONDS_A_DAY: f64 = 86_400.0;

/// CU of one call.
const CU_A_CALL: f64 = 0.0075;
/// CU of a vCPU in a second.
const CU_A_VCPU: f64 = 1.0;
/// CU of a GB of memory in a second.
const CU_A_GB: f64 = 0.15;
/// CU of a GB of disk in a second.
const CU_A_GB_OF_DISK: f64 = 0.05;

/// Requests to SLS in a call: a page, and the look whether it was the last.
const REQUESTS_A_CALL: f64 = 2.0;

/// The function and its trigger, as far as they cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// vCPU.
    pub cpu: f64,
    /// Megabytes.
    pub memory: f64,
    /// Megabytes.
    pub disk: f64,
    /// Seconds between two calls for a shard.
    pub interval: f64,
    /// Region, which decides the price list.
    pub region: Option<String>,
}

impl Default for Plan {
    /// Those of the `s.yaml` that comes with this program.
    fn default() -> Self {
        Self { cpu: 0.1, memory: 128.0, disk: 512.0, interval: 60.0, region: None }
    }
}

/// What was measured on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// One small request to SLS.
    pub sls: Duration,
    /// One small request to Langfuse.
    pub langfuse: Duration,
}

/// What comes in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Records a day.
    pub records: f64,
    /// Log groups a day, shard by shard summed; no call is made without one.
    pub calls: f64,
}

/// How many records come a day, and how many calls that makes at most; `None`: too little is known.
pub fn rate(shards: &[ShardSample], interval: f64) -> Option<Rate> {
    let known = || shards.iter().filter(|shard| shard.span >= SHORTEST_SPAN);
    let a_day = |shard: &ShardSample| Some(float(shard.received?) * SECONDS_A_DAY / (float(shard.span.unsigned_abs())));
    let records = |shard: &ShardSample| Some(a_day(shard)? * float(shard.records) / float(shard.groups.max(1)));
    let sum = |of: &dyn Fn(&ShardSample) -> Option<f64>| known().map(of).sum::<Option<f64>>();
    let calls = |shard: &ShardSample| Some(a_day(shard)?.min(SECONDS_A_DAY / interval));
    let rate = Rate { records: sum(&records)?, calls: sum(&calls)? };
    (known().count() > 0 && rate.records > 0.0).then_some(rate)
}

/// The three findings; skipped where too little is known.
pub fn checks(sample: &Sample, plan: &Plan, waits: Waits) -> Vec<Check> {
    let Some(rate) = rate(&sample.shards, plan.interval) else {
        let why = "not estimated: less than a minute of records, or none";
        return IDS.map(|id| Check::skip(id, why)).into();
    };
    let share = float(sample.survey.observations) / float(sample.survey.records.max(1));
    let observations = rate.records * share;
    vec![of_observations(sample, rate, observations), of_langfuse(sample, observations), of_function(sample, rate, plan, waits)]
}

fn of_observations(sample: &Sample, rate: Rate, observations: f64) -> Check {
    let what = format!(
        "about {} observations a day: {} records a day by the cursors of the last 24 hours (or since the shards began), of which the {} newest would give {}",
        grouped(observations),
        grouped(rate.records),
        sample.survey.records,
        sample.survey.observations
    );
    Check::ok("estimate.observations", what).with("observationsPerDay", whole(observations)).with("recordsPerDay", whole(rate.records))
}

fn of_langfuse(sample: &Sample, observations: f64) -> Check {
    let traces = observations * sample.traces.len() as f64 / float(sample.survey.would_deliver.max(1));
    let units = (observations + traces) * DAYS;
    let what = format!(
        "about {} units a month if this is Langfuse Cloud, which bills traces + observations + scores: {} observations and {} traces of their own",
        grouped(units),
        grouped(observations * DAYS),
        grouped(traces * DAYS)
    );
    Check::ok("estimate.langfuse", what).with("unitsPerMonth", whole(units)).with("tracesPerMonth", whole(traces * DAYS))
}

fn of_function(sample: &Sample, rate: Rate, plan: &Plan, waits: Waits) -> Check {
    let records_a_call = rate.records / rate.calls;
    let seconds = seconds_a_call(sample, records_a_call, plan, waits);
    let (calls, cu) = (rate.calls * DAYS, rate.calls * DAYS * cu_a_call(seconds, plan));
    let (currency, price) = price(plan.region.as_deref());
    let money = cu * price;
    let what = format!(
        "about {currency} {money:.2} a month for Function Compute: {} calls of about {seconds:.2} s with {} vCPU and {} MB are {} CU, at {price} a CU \
         (list price, first tier; waits as measured from here, traffic not included)",
        grouped(calls),
        plan.cpu,
        plan.memory,
        grouped(cu)
    );
    let check = Check::ok("estimate.function", what).with("callsPerMonth", whole(calls)).with("cuPerMonth", whole(cu));
    check.with("currency", currency).with("costPerMonth", (money * 100.0).round() / 100.0)
}

/// Waits for SLS and Langfuse, and our own work on the share of a core that the function has.
fn seconds_a_call(sample: &Sample, records: f64, plan: &Plan, waits: Waits) -> f64 {
    let requests = (records / MAX_REQUEST_OBSERVATIONS as f64).ceil().max(1.0);
    let work = sample.judging.as_secs_f64() / float(sample.survey.records.max(1)) * records / plan.cpu;
    waits.sls.as_secs_f64() * REQUESTS_A_CALL + waits.langfuse.as_secs_f64() * requests + work
}

fn cu_a_call(seconds: f64, plan: &Plan) -> f64 {
    let a_second = plan.cpu * CU_A_VCPU + plan.memory / 1024.0 * CU_A_GB + plan.disk / 1024.0 * CU_A_GB_OF_DISK;
    CU_A_CALL + seconds * a_second
}

/// Currency and price of a CU by the list of the region.
fn price(region: Option<&str>) -> (&'static str, f64) {
    match region {
        Some(region) if region.starts_with("cn-") && region != "cn-hongkong" => ("CNY", 0.000_11),
        _ => ("USD", 0.000_02),
    }
}

#[allow(clippy::cast_precision_loss, reason = "an estimate")]
fn float(count: u64) -> f64 {
    count as f64
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate, never negative")]
fn whole(estimate: f64) -> u64 {
    estimate.round() as u64
}

/// A count with its thousands apart.
fn grouped(estimate: f64) -> String {
    let digits = whole(estimate).to_string();
    let apart = digits.bytes().enumerate().flat_map(|(index, digit)| {
        let comma = index > 0 && (digits.len() - index).is_multiple_of(3);
        comma.then_some(',').into_iter().chain([char::from(digit)])
    });
    apart.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Judge;
    use crate::select::Selection;
    use crate::survey::Survey;
    use crate::trace::TraceId;
    use crate::trace::settings::TraceSettings;

    fn shard(received: u64, span: i64) -> ShardSample {
        ShardSample { groups: 10, records: 200, received: Some(received), span, newest: None }
    }

    #[test]
    fn a_day_is_reckoned_from_the_log_groups_of_each_shard() {
        let rate = |shards: &[ShardSample]| rate(shards, 60.0);
        assert_eq!(rate(&[shard(100, 86_400)]), Some(Rate { records: 2000.0, calls: 100.0 }));
        assert_eq!(rate(&[shard(100, 8640), shard(0, 86_400)]), Some(Rate { records: 20_000.0, calls: 1000.0 }), "young and silent");
        assert_eq!(rate(&[shard(1_000_000, 86_400)]).unwrap().calls, 1440.0, "not more than one call in an interval");
        assert_eq!(rate(&[shard(100, 59)]), None);
        assert_eq!(rate(&[]), None);
        assert_eq!(rate(&[ShardSample { received: None, ..shard(1, 86_400) }]), None);
    }

    fn sample() -> Sample {
        let (trace, selection) = (TraceSettings::default(), Selection::default());
        let mut sample = Sample::of(&Judge { trace: &trace, selection: &selection });
        sample.survey = Survey { records: 200, would_deliver: 100, observations: 100, ..Survey::default() };
        sample.traces = (0..50).map(|id| TraceId([id; 16])).collect();
        sample.shards = vec![shard(144, 86_400)];
        sample.judging = Duration::from_millis(2);
        sample
    }

    #[test]
    fn observations_units_and_money_follow_from_the_sample() {
        let waits = Waits { sls: Duration::from_millis(50), langfuse: Duration::from_millis(100) };
        let plan = Plan { region: Some("cn-hangzhou".into()), ..Plan::default() };
        let checks = checks(&sample(), &plan, waits);
        let fact = |check: usize, name: &str| checks[check].facts[name].clone();
        assert_eq!((fact(0, "observationsPerDay"), fact(0, "recordsPerDay")), (1440.into(), 2880.into()));
        assert_eq!((fact(1, "unitsPerMonth"), fact(1, "tracesPerMonth")), ((30 * (1440 + 720)).into(), (30 * 720).into()));
        // 144 calls a day of 0.2 s wait and 20 records of 10 µs on a tenth of a core; 0.1 + 0.01875 + 0.025 CU a second.
        let expected = 144.0 * 30.0 * (0.0075 + 0.202 * 0.14375);
        assert_eq!((fact(2, "callsPerMonth"), fact(2, "cuPerMonth")), (4320.into(), whole(expected).into()));
        assert_eq!((fact(2, "currency"), fact(2, "costPerMonth")), ("CNY".into(), 0.02.into()));
        assert!(checks[2].what.contains("at 0.00011 a CU"), "{}", checks[2].what);
    }

    #[test]
    fn the_price_list_is_that_of_the_region() {
        assert_eq!(
            [Some("cn-shanghai"), Some("cn-hongkong"), Some("ap-southeast-1"), None].map(|region| price(region).0),
            ["CNY", "USD", "USD", "USD"]
        );
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0.0, 999.4, 1000.0, 1_234_567.0].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
