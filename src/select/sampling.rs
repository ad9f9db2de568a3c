//! Which traces are kept where only a share of them is wanted. Pure: the record and the settings decide, so every shard, runtime and
//! redelivery decides alike.
//!
//! | | |
//! |---|---|
//! | by trace | the rule of the Langfuse SDKs on the trace id, so that an application that samples at the same rate keeps the same traces |
//! | by session | the same rule on the id that the SDKs make of the session's text; on the trace id where there is no session |
//! | always kept | of our own traces: errors, refusals by a policy, slow calls. A joined trace is the application's, which knows of none of them |

use std::time::Duration;

use super::condition::{Conditions, Fields};
use crate::trace::ids::seeded_trace_id;
use crate::trace::map::is_sampled;
use crate::trace::{Level, Observation, TraceId};

/// How long a call may take before it counts as slow, if nobody says otherwise: long answers of reasoning models take less.
pub const DEFAULT_SLOW_ABOVE: Duration = Duration::from_secs(60);

/// What is kept or left out as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SampleBy {
    /// A trace.
    #[default]
    Trace,
    /// A session; a trace where there is none.
    Session,
}

/// Another rate for some records.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplingRule {
    /// Its name, unique among the rules.
    pub name: String,
    /// For which records.
    pub when: Conditions,
    /// The share of them to keep, 0 to 1.
    pub rate: f64,
}

/// What the operator says about sampling, beside the rate of all.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// What is kept or left out as one.
    pub by: SampleBy,
    /// Calls of own traces that take longer are always kept; `None`: however long they take.
    pub slow_above: Option<Duration>,
    /// In order; the first that holds gives the rate.
    pub rules: Vec<SamplingRule>,
}

/// Why a record is kept whatever the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// It failed.
    Error,
    /// A policy refused it.
    Denied,
    /// It took long.
    Slow,
}

/// What sampling says about a record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sampled {
    /// It goes on; `rate` is the share that does, `because` says that this one would have gone on at any rate.
    Kept {
        /// 0 to 1.
        rate: f64,
        /// None: by the rate.
        because: Option<Because>,
    },
    /// It is left out, for this rule if one gave the rate.
    Left,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { by: SampleBy::default(), slow_above: Some(DEFAULT_SLOW_ABOVE), rules: Vec::new() }
    }
}

impl Because {
    /// The word in `gw_sampled_because`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Denied => "denied",
            Self::Slow => "slow",
        }
    }
}

impl Sampling {
    /// The rule that gives the rate of a record; `None`: the general rate holds.
    pub fn rule(&self, fields: &impl Fields) -> Option<&SamplingRule> {
        self.rules.iter().find(|rule| rule.when.hold(fields))
    }

    /// What becomes of an observation at this rate. `session` is the id of its session, `refused` says whether a policy refused the call.
    pub fn decide(&self, rate: f64, observation: &Observation<'_>, session: Option<&str>, refused: impl FnOnce() -> bool) -> Sampled {
        if rate >= 1.0 {
            return Sampled::Kept { rate, because: None };
        }
        let because = self.always_kept(observation, refused);
        match because.is_some() || is_sampled(self.unit(observation.trace_id, session), rate) {
            true => Sampled::Kept { rate, because },
            false => Sampled::Left,
        }
    }

    fn unit(&self, trace_id: TraceId, session: Option<&str>) -> TraceId {
        match (self.by, session) {
            (SampleBy::Session, Some(session)) => seeded_trace_id(session.as_bytes()),
            _ => trace_id,
        }
    }

    fn always_kept(&self, observation: &Observation<'_>, refused: impl FnOnce() -> bool) -> Option<Because> {
        let lasted = u64::try_from(observation.end_ms - observation.start_ms).map(Duration::from_millis).unwrap_or_default();
        let is_slow = self.slow_above.is_some_and(|bound| lasted > bound);
        match observation.level {
            _ if observation.parent.is_some() => None,
            Level::Error => Some(Because::Error),
            _ if refused() => Some(Because::Denied),
            _ => is_slow.then_some(Because::Slow),
        }
    }
}

/// Writes on an observation at what rate it was kept, where that is not all of them, so that counts can be scaled up again: one that
/// is kept at any rate stands for itself, every other one for `1 / rate`.
pub fn note(observation: &mut Observation<'_>, rate: f64, because: Option<Because>) {
    if rate < 1.0 {
        observation.metadata.push(("gw_sample_rate".into(), rate.to_string().into()));
        observation.metadata.extend(because.map(|because| ("gw_sampled_because".into(), because.name().into())));
    }
}
