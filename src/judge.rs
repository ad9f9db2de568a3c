//! What is to become of one record: the order of filter, mapping, sampling and route, and only that. Pure; what is decided here is
//! carried out in `convert`, and only counted by a dry run.

use std::borrow::Cow;

use crate::gateway::field_path::FieldPath;
use crate::gateway::{GatewayCall, Value};
use crate::report::SkipReason;
use crate::select::{Fields, Routed, SampleBy, Sampled, Selection, sampling};
use crate::sls::LogRecord;
use crate::trace::Observation;
use crate::trace::map::observation;
use crate::trace::outcome::{is_denied, is_limited};
use crate::trace::settings::TraceSettings;

/// The settings that decide about records.
#[derive(Clone, Copy, Debug)]
pub struct Judge<'s> {
    /// How traces look.
    pub trace: &'s TraceSettings,
    /// Which records go where.
    pub selection: &'s Selection,
}

/// What is to become of a record.
#[derive(Debug)]
pub enum Judged<'s, 'a> {
    /// It is passed over.
    Skipped(SkipReason, Deciding<'s>),
    /// No route holds for it.
    Unrouted(Observation<'a>, Deciding<'s>),
    /// It is sent, along a route if there are any.
    Sent(Observation<'a>, Routed<'s>, Deciding<'s>),
}

/// The names of the rules that decided about a record; `None` where none held, or none was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deciding<'s> {
    /// The `[[filter]]`.
    pub filter: Option<&'s str>,
    /// The `[[sampling.rule]]` that gave the rate.
    pub sampling: Option<&'s str>,
}

/// A call with the record it stands in, as conditions see them.
struct OfCall<'c, 'a> {
    record: &'c LogRecord<'a>,
    call: &'c GatewayCall<'a>,
}

impl Fields for OfCall<'_, '_> {
    fn text(&self, path: &FieldPath) -> Option<Cow<'_, str>> {
        path.in_call(self.record, self.call)
    }
}

impl<'s> Judge<'s> {
    /// Decides about a record and hands the decision to `then`.
    pub fn judge<T>(&self, record: &LogRecord<'_>, then: impl FnOnce(Judged<'s, '_>) -> T) -> T {
        if !self.trace.enabled {
            return then(Judged::Skipped(SkipReason::Disabled, Deciding::default()));
        }
        let read = self.trace.dialects.read(record);
        let parsed = read.parsed();
        match parsed.call() {
            Ok(call) => then(self.of_call(record, &call)),
            Err(skip) => then(Judged::Skipped(SkipReason::Record(skip), Deciding::default())),
        }
    }

    fn of_call<'a>(&self, record: &LogRecord<'a>, call: &GatewayCall<'a>) -> Judged<'s, 'a>
    where
        's: 'a,
    {
        let fields = OfCall { record, call };
        let filtered = self.selection.filter.decide(&fields);
        let mut by = Deciding { filter: filtered.rule, sampling: None };
        if !filtered.wanted {
            return Judged::Skipped(SkipReason::Filtered, by);
        }
        let mut observation = observation(record, call, self.trace);
        let rule = self.selection.sampling.rule(&fields);
        by.sampling = rule.map(|rule| rule.name.as_str());
        let rate = rule.map_or(self.trace.sample_rate, |rule| rule.rate);
        match self.sampled(rate, &observation, record, call) {
            Sampled::Left => return Judged::Skipped(SkipReason::SampledOut, by),
            Sampled::Kept { rate, because } => sampling::note(&mut observation, rate, because),
        }
        match self.selection.routes.route(&fields) {
            Routed::Nowhere => Judged::Unrouted(observation, by),
            routed => Judged::Sent(observation, routed, by),
        }
    }

    fn sampled<'a>(&self, rate: f64, observation: &Observation<'a>, record: &LogRecord<'a>, call: &GatewayCall<'a>) -> Sampled
    where
        's: 'a,
    {
        let sampling = &self.selection.sampling;
        let session = if sampling.by == SampleBy::Session { self.session(record, call) } else { None };
        sampling.decide(rate, observation, session.as_deref(), || is_denied(call) || is_limited(call))
    }

    /// The session, also of a call that joins somebody's trace and therefore carries none.
    fn session<'a>(&self, record: &LogRecord<'a>, call: &GatewayCall<'a>) -> Option<Cow<'a, str>>
    where
        's: 'a,
    {
        match &self.trace.mapping.session {
            Some(sources) => sources.first(record, call, Some).map(|(session, _)| session),
            None => call.ai.session_id.as_ref().and_then(Value::text),
        }
    }
}

#[cfg(test)]
mod tests;
