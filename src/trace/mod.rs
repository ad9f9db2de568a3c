//! The neutral trace model: what one model call is to an observer. Plain data, borrowed from the record where it can be.
//!
//! It knows neither SLS nor Langfuse (`design.md` decision 11): no attribute names, no JSON of anybody's API. The files beside it turn a
//! [`crate::gateway::GatewayCall`] into it; all judgement about meaning lives in them.

pub mod attributes;
pub mod bodies;
pub mod bounds;
pub mod content;
pub mod cost;
pub mod ids;
pub mod map;
pub mod mapping;
pub mod marks;
pub mod metadata;
pub mod naming;
pub mod outcome;
pub mod ownership;
pub mod prices;
pub mod room;
pub mod settings;
pub mod time;
pub mod usage;

use std::borrow::Cow;

pub use ids::{SpanId, TraceId};

use crate::gateway::unescape::decoded;

/// The kind of an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObservationType {
    /// A model produced something.
    Generation,
    /// Texts became vectors.
    Embedding,
    /// Documents were fetched or ranked.
    Retriever,
    /// A tool ran.
    Tool,
    /// An agent application ran.
    Agent,
}

/// How bad the outcome was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// As it should be.
    Default,
    /// Ended early, but not by a fault: the client left, a policy refused.
    Warning,
    /// Failed.
    Error,
}

/// One observation: a model call, a tool call, an agent run.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation<'a> {
    /// The trace it belongs to.
    pub trace_id: TraceId,
    /// Its own id, unique in the project.
    pub span_id: SpanId,
    /// The observation above it; `None` for a root.
    pub parent: Option<SpanId>,
    /// What it is.
    pub kind: ObservationType,
    /// What people call it.
    pub name: Cow<'a, str>,
    /// When it began, UNIX milliseconds.
    pub start_ms: i64,
    /// When it ended, UNIX milliseconds, never before `start_ms`.
    pub end_ms: i64,
    /// When the first token came, UNIX milliseconds, between start and end; streams only.
    pub completion_start_ms: Option<i64>,
    /// How it ended.
    pub level: Level,
    /// Why, where there is something to say.
    pub status_message: Option<String>,
    /// The model that answered, else the one asked for.
    pub model: Option<Cow<'a, str>>,
    /// Counted tokens; `None` where nothing is known.
    pub usage: Option<usage::Usage>,
    /// What it cost, USD; `None` where that is not known, or left to whoever stores it.
    pub cost: Option<cost::Cost>,
    /// What went in.
    pub input: Option<Payload<'a>>,
    /// What came out.
    pub output: Option<Payload<'a>>,
    /// The prompt of the project that was used; generations only.
    pub prompt: Option<Prompt<'a>>,
    /// Deployment environment.
    pub environment: Option<Cow<'a, str>>,
    /// What the whole trace carries; `None` on a joined observation, which must not touch the application's trace.
    pub trace: Option<TraceAttributes<'a>>,
    /// What people filter on, in a fixed order; no key repeats.
    pub metadata: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// Attributes of a trace that is ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceAttributes<'a> {
    /// Name of the trace.
    pub name: Cow<'a, str>,
    /// Who called.
    pub user_id: Option<Cow<'a, str>>,
    /// The conversation.
    pub session_id: Option<Cow<'a, str>>,
    /// Labels with few values.
    pub tags: Vec<Cow<'a, str>>,
    /// Release of the deployment.
    pub release: Option<Cow<'a, str>>,
    /// Version of the application.
    pub version: Option<Cow<'a, str>>,
}

/// A prompt that is kept beside the traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// Its version, from 1.
    pub version: u32,
}

/// What went in or came out of an observation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// Text or JSON as it is.
    Plain(Part<'a>),
    /// A conversation: messages we made, then the members of a logged JSON array of messages.
    Conversation {
        /// Messages in front.
        leading: Vec<Message<'a>>,
        /// A JSON array, as text.
        logged: Option<Cow<'a, str>>,
        /// What the request held beside its messages, such as its tools; text where a structure could not be read.
        extras: Vec<(&'static str, Part<'a>)>,
    },
    /// One message.
    Reply(Message<'a>),
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Who speaks: a plain word, in which nothing must be escaped.
    pub role: &'static str,
    /// What is said; `None` with tool calls alone.
    pub content: Option<Part<'a>>,
    /// What the model thought before.
    pub thinking: Option<Cow<'a, str>>,
    /// A JSON array of tool calls; text where it could not be read.
    pub tool_calls: Option<Part<'a>>,
}

/// A piece of content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// Valid JSON, as text, with characters rather than `\u` escapes.
    Json(Cow<'a, str>),
    /// Text of a message as the inside of a JSON string, with those escapes only that JSON demands. The long texts of `ai_log` come so and
    /// leave so: neither to unescape nor to escape them saves a quarter of all the time between page and request.
    Quoted(Cow<'a, str>),
}

impl Part<'_> {
    /// The bare text, or the JSON.
    pub fn bare(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) | Self::Json(text) => Cow::Borrowed(text),
            Self::Quoted(inside) => decoded(inside).unwrap_or_default(),
        }
    }

    /// Turns a quoted text into a bare one, for whoever wants to change it.
    pub fn unquote(&mut self) {
        if let Self::Quoted(_) = self {
            *self = Self::Text(Cow::Owned(self.bare().into_owned()));
        }
    }
}
