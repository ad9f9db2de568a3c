//! What was sent for each span, for people who look at it. The real server forgets it; so does the stand-in unless its world says otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

/// One OTLP span as it was read from the request, with what it stood in.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Its resource.
    pub resource: Arc<Value>,
    /// Its scope.
    pub scope: Arc<Value>,
    /// The span itself.
    pub span: Value,
}

/// The last source of each span, by project, trace id and span id.
#[derive(Debug, Default)]
pub struct Sources(BTreeMap<(String, String, String), Source>);

impl Sources {
    /// Keeps a source in the place of an earlier one.
    pub fn keep(&mut self, project: &str, trace: String, span: String, source: Source) {
        self.0.insert((project.to_owned(), trace, span), source);
    }

    /// The source of a span.
    pub fn of(&self, project: &str, trace: &str, span: &str) -> Option<&Source> {
        self.0.get(&(project.to_owned(), trace.to_owned(), span.to_owned()))
    }

    /// Forgets every other source than those of these spans, named by project and span id.
    pub fn retain(&mut self, spans: &BTreeSet<(&str, &str)>) {
        self.0.retain(|(project, _, span), _| spans.contains(&(project.as_str(), span.as_str())));
    }
}
