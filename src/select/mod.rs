//! Which records go on, and where to: filter, sampling, routes. Pure: values in, decisions out.
//!
//! It knows gateway calls by their fields and observations by what the trace model says; no page, no request, no destination but as a
//! number. What a field path means is `gateway`'s business, what a rule looks like in the file is `config`'s.

pub mod condition;
pub mod contradiction;
pub mod filter;
pub mod routes;
pub mod sampling;

pub use condition::{Condition, Conditions, Fields, Pattern, Test};
pub use filter::{Action, Decision, Filter, FilterRule};
pub use routes::{OnRefusal, Route, Routed, Routes};
pub use sampling::{SampleBy, Sampled, Sampling, SamplingRule};

/// Everything that the operator says about which records go where.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// Which are wanted.
    pub filter: Filter,
    /// Which share of them.
    pub sampling: Sampling,
    /// Where they go.
    pub routes: Routes,
}
