//! Sends encoded observations to a destination and says for each of them what became of it.
//!
//! It reads answers, waits, divides and tries again. It knows neither logs nor pages, and of an observation only where it came from.

pub mod answer;
pub mod backoff;
pub mod batch_answer;
mod breaker;
pub mod call;
pub mod connection;
pub mod destination;
mod draft;
pub mod failures;
pub mod gzip;
pub mod ingestion_plan;
mod isolation;
pub mod job;
pub mod load;
pub mod memory;
pub mod remake;
pub mod request;
mod route;
mod stopping;
pub mod verdict;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Failure;
use crate::export::batch::Source;

/// What became of one observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The destination has it.
    Delivered,
    /// The destination will never take it: `reason` and the status of its answer.
    DeadLetter {
        /// Why.
        reason: DeadLetterReason,
        /// HTTP status that decided it.
        status: u16,
    },
    /// Unknown or not yet: the call must fail, so that it comes again.
    Undone,
}

/// Why a record goes to the dead letters (`design.md` §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadLetterReason {
    /// Refused even when alone.
    Refused,
    /// Too large even when alone.
    TooLarge,
    /// No route holds for it.
    Unrouted,
    /// Damaged in the log: it cannot be read.
    Damaged,
    /// Kept failing alone while others were accepted, for longer than the operator waits.
    GaveUp,
}

impl DeadLetterReason {
    /// All there are.
    pub const ALL: [Self; 5] = [Self::Refused, Self::TooLarge, Self::Unrouted, Self::Damaged, Self::GaveUp];

    /// The name in reports and dead letters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::TooLarge => "too_large",
            Self::Unrouted => "unrouted",
            Self::Damaged => "damaged",
            Self::GaveUp => "gave_up",
        }
    }
}

/// What sending cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendStats {
    /// Requests, repeated ones included.
    pub requests: u64,
    /// Requests that repeated an earlier one.
    pub retries: u64,
    /// Bytes of request bodies before compression, of requests that were accepted.
    pub body_bytes: u64,
    /// Bytes of request bodies as sent, of all requests.
    pub wire_bytes: u64,
    /// How long requests waited before they were repeated. Of requests side by side, the sum.
    pub waited: Duration,
}

/// Why a destination gets nothing more in a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It refuses this function, whatever the record: keys, permissions, address. A person must act.
    Refused {
        /// HTTP status that told it; 0: there was no answer.
        status: u16,
        /// In words.
        failure: Failure,
    },
    /// It may work later.
    Unavailable(Failure),
}

impl Stop {
    /// The reason in words.
    pub fn failure(&self) -> &Failure {
        match self {
            Self::Refused { failure, .. } | Self::Unavailable(failure) => failure,
        }
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Unavailable(failure)
    }
}

/// What became of a whole batch.
#[derive(Debug)]
pub struct BatchReport {
    /// One outcome per source position, in the order of the batch.
    pub outcomes: Vec<(Source, Outcome)>,
    /// What it cost.
    pub stats: SendStats,
    /// Why nothing more needs to be sent to this destination in this call; what is undone is so for this reason.
    pub stop: Option<Stop>,
    /// Why single observations are left undone although the destination takes others.
    pub left: Option<Failure>,
}
