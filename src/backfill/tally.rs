//! Records by what became of them, as a state on the disk counts them. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::progress::Counts;
use crate::report::Report;

/// Records by what became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// All of them.
    pub records: u64,
    /// Delivered ones.
    pub delivered: u64,
    /// Reason → skipped ones.
    pub skipped: BTreeMap<String, u64>,
    /// Reason → dead letters.
    pub dead_lettered: BTreeMap<String, u64>,
}

impl Tally {
    /// What a call did.
    pub fn of_report(report: &Report) -> Self {
        let named = |counts: &BTreeMap<&'static str, u64>| counts.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect();
        Self {
            records: report.ingest_lines,
            delivered: report.ship_lines,
            skipped: named(&report.skipped),
            dead_lettered: named(&report.dead_lettered),
        }
    }

    /// What is settled so far.
    pub fn of(counts: &Counts) -> Self {
        let skipped = counts.skipped.iter().map(|(reason, count)| (reason.name().to_owned(), *count)).collect();
        let dead_lettered = counts.dead_lettered.iter().map(|(reason, count)| (reason.name().to_owned(), *count)).collect();
        Self { records: counts.lines, delivered: counts.shipped, skipped, dead_lettered }
    }

    /// Adds what became of others.
    pub fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.delivered += other.delivered;
        other.skipped.iter().for_each(|(reason, count)| *self.skipped.entry(reason.clone()).or_default() += count);
        other.dead_lettered.iter().for_each(|(reason, count)| *self.dead_lettered.entry(reason.clone()).or_default() += count);
    }
}
