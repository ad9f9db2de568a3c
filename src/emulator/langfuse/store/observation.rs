//! One stored observation and one stored trace, as a reader of the tables sees them. Plain data and its merge rules.

use std::collections::BTreeMap;

use serde_json::Value;

pub use crate::emulator::langfuse::rules::level::Level;

/// What an observation is (`reference/langfuse.md` §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObservationType {
    /// Plain work.
    Span,
    /// A model call.
    Generation,
    /// A moment.
    Event,
    /// An embedding call.
    Embedding,
    /// An agent.
    Agent,
    /// A tool call.
    Tool,
    /// A chain.
    Chain,
    /// A retrieval.
    Retriever,
    /// A guardrail.
    Guardrail,
    /// An evaluation.
    Evaluator,
}

impl ObservationType {
    const ALL: [(Self, &'static str, &'static str); 10] = [
        (Self::Span, "span", "SPAN"),
        (Self::Generation, "generation", "GENERATION"),
        (Self::Event, "event", "EVENT"),
        (Self::Embedding, "embedding", "EMBEDDING"),
        (Self::Agent, "agent", "AGENT"),
        (Self::Tool, "tool", "TOOL"),
        (Self::Chain, "chain", "CHAIN"),
        (Self::Retriever, "retriever", "RETRIEVER"),
        (Self::Guardrail, "guardrail", "GUARDRAIL"),
        (Self::Evaluator, "evaluator", "EVALUATOR"),
    ];

    /// By the lower-case name of requests.
    pub fn from_request(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, lower, _)| *lower == name).map(|(kind, ..)| kind)
    }

    /// By the upper-case name of the tables.
    pub fn from_table(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, _, upper)| *upper == name).map(|(kind, ..)| kind)
    }

    /// The upper-case name of the tables.
    pub fn as_str(self) -> &'static str {
        Self::ALL.into_iter().find(|(kind, ..)| *kind == self).map_or("SPAN", |(_, _, upper)| upper)
    }

    /// One of the three types that exist since the beginning.
    pub(crate) fn is_original(self) -> bool {
        matches!(self, Self::Span | Self::Generation | Self::Event)
    }

    /// Whether the old tables keep model, usage, cost, parameters, prompt and completion start (`reference/langfuse.md` §6).
    pub(crate) fn keeps_model(self) -> bool {
        !matches!(self, Self::Span | Self::Event)
    }
}

/// One observation as a table holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredObservation {
    /// Id of the project.
    pub project: String,
    /// Trace id as stored, mostly 32 hex characters.
    pub trace_id: String,
    /// Span id, or body id of the batch API.
    pub span_id: String,
    /// Parent span id; nothing for a root.
    pub parent_span_id: Option<String>,
    /// What it is.
    pub observation_type: ObservationType,
    /// Name.
    pub name: Option<String>,
    /// Start, milliseconds since 1970.
    pub start_ms: i64,
    /// End, milliseconds since 1970.
    pub end_ms: Option<i64>,
    /// When the first token came, milliseconds since 1970.
    pub completion_start_ms: Option<i64>,
    /// Level.
    pub level: Level,
    /// Status message.
    pub status_message: Option<String>,
    /// Model name as sent.
    pub model: Option<String>,
    /// Model parameters.
    pub model_parameters: BTreeMap<String, Value>,
    /// Tokens by bucket (`reference/langfuse.md` §6).
    pub usage_details: BTreeMap<String, u64>,
    /// US dollars by bucket (`reference/langfuse.md` §6).
    pub cost_details: BTreeMap<String, f64>,
    /// Input, text or JSON text.
    pub input: Option<String>,
    /// Output, text or JSON text.
    pub output: Option<String>,
    /// Metadata: in `events_full` nested objects are flattened to dotted names, in the old tables nested values are JSON text.
    pub metadata: BTreeMap<String, String>,
    /// Name of the linked prompt.
    pub prompt_name: Option<String>,
    /// Version of the linked prompt.
    pub prompt_version: Option<i64>,
    /// User; of the trace row when read from the old tables.
    pub user_id: Option<String>,
    /// Session; of the trace row when read from the old tables.
    pub session_id: Option<String>,
    /// Trace name; of the trace row when read from the old tables.
    pub trace_name: Option<String>,
    /// Tags; of the trace row when read from the old tables.
    pub tags: Vec<String>,
    /// Release; of the trace row when read from the old tables.
    pub release: Option<String>,
    /// Version.
    pub version: Option<String>,
    /// Environment, `default` where none was sent.
    pub environment: String,
    /// Public; of the trace row when read from the old tables.
    pub public: bool,
    /// `langfuse.internal.is_app_root`, `events_full` only.
    pub app_root: bool,
    /// How many times something arrived under this row's key.
    pub arrivals: u32,
}

impl StoredObservation {
    /// A row with ids and a start, and nothing else.
    pub(crate) fn bare(project: &str, trace_id: &str, span_id: &str, observation_type: ObservationType, start_ms: i64) -> Self {
        Self {
            project: project.into(),
            trace_id: trace_id.into(),
            span_id: span_id.into(),
            parent_span_id: None,
            observation_type,
            name: None,
            start_ms,
            end_ms: None,
            completion_start_ms: None,
            level: Level::Default,
            status_message: None,
            model: None,
            model_parameters: BTreeMap::new(),
            usage_details: BTreeMap::new(),
            cost_details: BTreeMap::new(),
            input: None,
            output: None,
            metadata: BTreeMap::new(),
            prompt_name: None,
            prompt_version: None,
            user_id: None,
            session_id: None,
            trace_name: None,
            tags: Vec::new(),
            release: None,
            version: None,
            environment: crate::emulator::langfuse::rules::environment::DEFAULT.into(),
            public: false,
            app_root: false,
            arrivals: 1,
        }
    }

    /// The field merge of the old tables: what is absent here stays as it was, metadata is united, the stored start is kept
    /// (`reference/langfuse.md` §9).
    pub(super) fn merged_over(mut self, stored: Self) -> Self {
        self.start_ms = stored.start_ms;
        self.parent_span_id = self.parent_span_id.or(stored.parent_span_id);
        self.name = self.name.or(stored.name);
        self.end_ms = self.end_ms.or(stored.end_ms);
        self.completion_start_ms = self.completion_start_ms.or(stored.completion_start_ms);
        self.status_message = self.status_message.or(stored.status_message);
        self.model = self.model.or(stored.model);
        self.input = self.input.or(stored.input);
        self.output = self.output.or(stored.output);
        self.prompt_name = self.prompt_name.or(stored.prompt_name);
        self.prompt_version = self.prompt_version.or(stored.prompt_version);
        self.version = self.version.or(stored.version);
        self.model_parameters = given_or(self.model_parameters, stored.model_parameters);
        self.usage_details = given_or(self.usage_details, stored.usage_details);
        self.cost_details = given_or(self.cost_details, stored.cost_details);
        self.metadata = stored.metadata.into_iter().chain(self.metadata).collect();
        self
    }
}

fn given_or<V>(given: BTreeMap<String, V>, stored: BTreeMap<String, V>) -> BTreeMap<String, V> {
    if given.is_empty() { stored } else { given }
}

/// One trace: a row of the old tables, or what the rows of `events_full` add up to (`reference/langfuse.md` §7).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredTrace {
    /// Id of the project.
    pub project: String,
    /// Trace id.
    pub id: String,
    /// Milliseconds since 1970.
    pub timestamp_ms: i64,
    /// Name.
    pub name: Option<String>,
    /// User.
    pub user_id: Option<String>,
    /// Session.
    pub session_id: Option<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// Release.
    pub release: Option<String>,
    /// Version.
    pub version: Option<String>,
    /// Environment.
    pub environment: String,
    /// Public.
    pub public: bool,
    /// Input, text or JSON text.
    pub input: Option<String>,
    /// Output, text or JSON text.
    pub output: Option<String>,
    /// Metadata by top-level key.
    pub metadata: BTreeMap<String, String>,
}
