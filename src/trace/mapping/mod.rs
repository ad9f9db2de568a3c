//! Which values of a record become user, session, name and the other attributes of an observation, as the operator decided. Pure.
//!
//! A [`Mapping`] is read once, at the start, from texts such as `consumer`, `=production` and `{consumer}@{ai_log.api}` (`gateway::source`). What it
//! does not name is decided in `map` as if there were no mapping, and costs nothing. Identity never depends on it (`design.md` decision 1):
//! it can name no trace id, span id, start or type. The parent is named by it, because decision 3 leaves that to configuration.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use crate::gateway::source::{Source, SourceError, Sources};

/// What the operator names; `None` where it is left to the rules of `map`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Who called.
    pub user: Option<Sources>,
    /// The conversation.
    pub session: Option<Sources>,
    /// What people call the trace, and the observation unless it is of a tool, which has a name of its own.
    pub name: Option<Sources>,
    /// What people call the trace, where it differs from `name`.
    pub trace_name: Option<Sources>,
    /// Labels beside those that are always there: every source that finds something, not only the first.
    pub tags: Option<Sources>,
    /// Deployment environment.
    pub environment: Option<Sources>,
    /// Release of the deployment.
    pub release: Option<Sources>,
    /// Version of the application.
    pub version: Option<Sources>,
    /// Name of the prompt in the Langfuse project.
    pub prompt_name: Option<Sources>,
    /// Its version, a whole number.
    pub prompt_version: Option<Sources>,
    /// The span above the observation: 16 hex digits, a whole `traceparent` or a B3 header.
    pub parent: Option<Sources>,
    /// Further metadata, by key.
    pub metadata: BTreeMap<String, Sources>,
}

impl Mapping {
    /// This mapping with what another one names instead, its metadata beside ours.
    #[must_use]
    pub fn overridden_by(&self, other: &Self) -> Self {
        let pick = |of: fn(&Self) -> &Option<Sources>| of(other).clone().or_else(|| of(self).clone());
        let mut metadata = self.metadata.clone();
        metadata.extend(other.metadata.clone());
        Self {
            user: pick(|mapping| &mapping.user),
            session: pick(|mapping| &mapping.session),
            name: pick(|mapping| &mapping.name),
            trace_name: pick(|mapping| &mapping.trace_name),
            tags: pick(|mapping| &mapping.tags),
            environment: pick(|mapping| &mapping.environment),
            release: pick(|mapping| &mapping.release),
            version: pick(|mapping| &mapping.version),
            prompt_name: pick(|mapping| &mapping.prompt_name),
            prompt_version: pick(|mapping| &mapping.prompt_version),
            parent: pick(|mapping| &mapping.parent),
            metadata,
        }
    }
}
