//! What a call did, counted: the answer's report, which is also one line of the log (`design.md` §2). No HTTP.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::delivery::{DeadLetterReason, SendStats};
use crate::gateway::Skip;
use crate::progress::Counts;
use crate::spent::UsageByModel;

/// Why a record was passed over on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SkipReason {
    /// No model call, or no gateway log.
    Record(Skip),
    /// A filter does not want it.
    Filtered,
    /// The sample rate left it out.
    SampledOut,
    /// Tracing is switched off.
    Disabled,
}

impl SkipReason {
    /// All there are.
    pub const ALL: [Self; 5] =
        [Self::Record(Skip::NotAModelCall), Self::Record(Skip::NotAGatewayLog), Self::Filtered, Self::SampledOut, Self::Disabled];

    /// The name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Record(Skip::NotAModelCall) => "not_a_model_call",
            Self::Record(Skip::NotAGatewayLog) => "not_a_gateway_log",
            Self::Filtered => "filtered",
            Self::SampledOut => "sampled_out",
            Self::Disabled => "disabled",
        }
    }
}

impl Serialize for SkipReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for SkipReason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::ALL.into_iter().find(|reason| reason.name() == name).ok_or_else(|| serde::de::Error::custom("no reason to skip a record"))
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallOutcome {
    /// Everything in the range is settled.
    #[default]
    Success,
    /// Something is undone; the range must come again.
    Failure,
}

/// Members and meanings: `design.md` §2, "Answer of `/invoke` and the report". Times are milliseconds, sizes bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the members are documented by the table in `design.md` §2")]
pub struct Report {
    pub v: u32,
    pub version: &'static str,
    pub outcome: CallOutcome,
    pub request_id: String,
    pub job_name: String,
    pub task_id: String,
    /// Stream, queue or log group that the records came from, where that is not a Logstore.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
    pub project: String,
    pub logstore: String,
    pub shard: u32,
    pub begin_cursor: String,
    pub end_cursor: String,
    /// On a failure, the cursor before which every record is settled; empty where nothing is known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub settled_cursor: String,
    pub ingest_lines: u64,
    pub ingest_bytes: u64,
    pub ship_lines: u64,
    pub ship_bytes: u64,
    pub skipped: BTreeMap<&'static str, u64>,
    pub dead_lettered: BTreeMap<&'static str, u64>,
    pub resumed: u64,
    pub undone: u64,
    /// By name of route, every one of them; nothing where no routes are configured.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub routes: BTreeMap<String, RouteReport>,
    /// Tokens and cost by model, of the records that this very call delivered: those in `resumed` were in the report of an earlier one.
    pub usage: UsageByModel,
    pub observations: u64,
    pub pages: u64,
    pub sls_requests: u64,
    pub requests: u64,
    pub retries: u64,
    pub wire_bytes: u64,
    /// How long requests to Langfuse waited before they were repeated, in all.
    pub waited_ms: u64,
    /// Log groups that had left the retention before they could be read, where their number is known.
    pub lost_groups: u64,
    pub lag_ms: u64,
    pub duration_ms: u64,
}

/// What a call did with the records of one route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteReport {
    /// Records that took it. Always: `records = delivered + deadLettered + undone`.
    pub records: u64,
    /// Of them those that all its destinations have, now or from an earlier attempt.
    pub delivered: u64,
    /// Of them those that a destination will not take.
    pub dead_lettered: u64,
    /// Of them those that are not settled.
    pub undone: u64,
    /// Observations delivered, one for each destination.
    pub observations: u64,
}

impl Report {
    /// An empty report of this version.
    pub fn new(request_id: &str) -> Self {
        Self { v: 1, version: env!("CARGO_PKG_VERSION"), request_id: request_id.to_owned(), ..Self::default() }
    }

    /// As the answer of a call and the line in its log have it.
    pub fn json(&self) -> String {
        // Plain numbers and texts always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Counts a record that was skipped.
    pub fn skip(&mut self, reason: SkipReason) {
        *self.skipped.entry(reason.name()).or_default() += 1;
    }

    /// Counts a record that became a dead letter.
    pub fn dead_letter(&mut self, reason: DeadLetterReason) {
        *self.dead_lettered.entry(reason.name()).or_default() += 1;
    }

    /// Counts an observation that a destination took.
    pub fn observe(&mut self, route: Option<&str>) {
        self.observations += 1;
        self.on_route(route, |counts| counts.observations += 1);
    }

    /// Counts a record that all its destinations have.
    pub fn ship(&mut self, route: Option<&str>) {
        self.ship_lines += 1;
        self.on_route(route, |counts| counts.delivered += 1);
    }

    /// Changes the counts of a route; those of records that took none are nobody's.
    pub fn on_route(&mut self, route: Option<&str>, change: impl FnOnce(&mut RouteReport)) {
        if let Some(counts) = route.and_then(|name| self.routes.get_mut(name)) {
            change(counts);
        }
    }

    /// Counts what is not settled, once nothing more will be.
    pub fn close(&mut self) {
        self.undone = self.unsettled();
        for counts in self.routes.values_mut() {
            counts.undone = counts.records.saturating_sub(counts.delivered + counts.dead_lettered);
        }
    }

    /// Counts what earlier attempts have settled, so that the report speaks of the whole range. They are in no count of a route.
    pub fn take_over(&mut self, counts: &Counts) {
        self.ingest_lines += counts.lines;
        self.ship_lines += counts.shipped;
        self.resumed += counts.shipped;
        counts.skipped.iter().for_each(|(reason, count)| *self.skipped.entry(reason.name()).or_default() += count);
        counts.dead_lettered.iter().for_each(|(reason, count)| *self.dead_lettered.entry(reason.name()).or_default() += count);
    }

    /// Adds what sending cost.
    pub fn add(&mut self, stats: SendStats) {
        self.requests += stats.requests;
        self.retries += stats.retries;
        self.wire_bytes += stats.wire_bytes;
        self.ship_bytes += stats.body_bytes;
        self.waited_ms += u64::try_from(stats.waited.as_millis()).unwrap_or(u64::MAX);
    }

    /// Records read and settled in no way yet.
    pub fn unsettled(&self) -> u64 {
        let settled = self.ship_lines + self.skipped.values().sum::<u64>() + self.dead_lettered.values().sum::<u64>();
        self.ingest_lines.saturating_sub(settled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_counts_that_sls_copies_and_the_balance_are_there() {
        let mut report = Report::new("r-1");
        report.ingest_lines = 4;
        report.ship(None);
        report.skip(SkipReason::Record(Skip::NotAModelCall));
        report.dead_letter(DeadLetterReason::Refused);
        assert_eq!(report.unsettled(), 1);
        let json = serde_json::to_value(&report).unwrap();
        for member in ["ingestLines", "ingestBytes", "shipLines", "shipBytes", "undone", "resumed", "lagMs", "durationMs", "slsRequests"] {
            assert!(json[member].is_u64(), "{member}");
        }
        assert_eq!(json["skipped"], serde_json::json!({"not_a_model_call": 1}));
        assert_eq!(json["deadLettered"], serde_json::json!({"refused": 1}));
        assert_eq!((json["v"].as_u64(), json["outcome"].as_str()), (Some(1), Some("success")));
    }
}
