//! What the operator decides about traces: ownership, sampling, prices, and the attributes that every trace carries.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::mapping::Mapping;
use super::prices::PriceBook;
use crate::gateway::dialect::Dialects;

/// `TRACE_OWNERSHIP` (`design.md` decision 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ownership {
    /// Join if the gateway logged a parent, else own.
    #[default]
    Auto,
    /// Our observation is a root and carries the trace-level attributes.
    Own,
    /// The trace belongs to an application.
    Join,
}

/// `JOIN_USAGE`: what becomes of token counts on a joined observation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JoinUsage {
    /// Sent as usage.
    #[default]
    Usage,
    /// Sent as metadata, because the application counts the same call.
    Metadata,
}

/// What the operator decides about traces. A trigger's `functionParameter` may replace `environment`, `release`, `version`, `tags` and
/// `sample_rate`, and choose a profile, for one call (`design.md` §2).
#[derive(Clone, Debug, PartialEq)]
pub struct TraceSettings {
    /// `LANGFUSE_TRACING_ENABLED`.
    pub enabled: bool,
    /// `LANGFUSE_SAMPLE_RATE`, 0.0 to 1.0.
    pub sample_rate: f64,
    /// `TRACE_OWNERSHIP`.
    pub ownership: Ownership,
    /// `JOIN_USAGE`.
    pub join_usage: JoinUsage,
    /// `PRICE_REGION`, `CNY_PER_USD`, `PRICES_FILE`, `MODEL_ALIASES`: what models cost.
    pub prices: Arc<PriceBook>,
    /// `LANGFUSE_TRACING_ENVIRONMENT`; matches `^(?!langfuse)[a-z0-9_-]{1,40}$` (`reference/langfuse.md` §5).
    pub environment: Option<String>,
    /// `LANGFUSE_RELEASE`.
    pub release: Option<String>,
    /// Version of the traced application; only a call's `functionParameter` sets it.
    pub version: Option<String>,
    /// Tags of every own trace; only a call's `functionParameter` sets them.
    pub tags: Vec<String>,
    /// `[dialect.NAME]`: how records of other gateways are read.
    pub dialects: Arc<Dialects>,
    /// `[mapping]`, or the `[profile.NAME]` that the call has chosen.
    pub mapping: Arc<Mapping>,
    /// The NAME of that profile.
    pub profile: Option<String>,
    /// Every `[profile.NAME]`, each with what it leaves to `[mapping]`.
    pub profiles: Arc<BTreeMap<String, Arc<Mapping>>>,
}

impl Default for TraceSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            sample_rate: 1.0,
            ownership: Ownership::default(),
            join_usage: JoinUsage::default(),
            prices: Arc::default(),
            environment: None,
            release: None,
            version: None,
            tags: Vec::new(),
            dialects: Arc::default(),
            mapping: Arc::default(),
            profile: None,
            profiles: Arc::default(),
        }
    }
}
