//! What was answered with success and then lost (`reference/langfuse.md` §12). The real server tells nobody; the stand-in keeps a list.

/// Why something was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostReason {
    /// An attribute without a value: the whole request is lost.
    AttributeWithoutValue,
    /// A malformed span or list before 4.4, where it was not refused: the whole request is lost.
    Malformed,
    /// Completion start without a zone, or not a text (old tables).
    CompletionStartTime,
    /// Prompt name alone, or prompt version as text (old tables).
    PromptLink,
    /// Status message is not a text (old tables).
    StatusMessage,
    /// Version is not a text (old tables).
    Version,
    /// Name is not a text (old tables).
    Name,
    /// Span id is empty (old tables).
    EmptySpanId,
    /// Level in another spelling (before 4.0).
    Level,
    /// Unsuitable environment name (before 3.161).
    Environment,
    /// A usage object with a value that is no count (before 3.138).
    Usage,
    /// The trace row: name over 1000 characters or not a text, or version not a text (old tables). The observation is stored.
    TraceRow,
    /// `langfuse.trace.input` or `.output` (`events_full`). The observation is stored.
    TraceInputOutput,
    /// A trace of the batch API without `body.id`: answered 201, stored nowhere.
    TraceWithoutId,
}

impl LostReason {
    /// Its name for the page.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AttributeWithoutValue => "attribute_without_value",
            Self::Malformed => "malformed",
            Self::CompletionStartTime => "completion_start_time",
            Self::PromptLink => "prompt_link",
            Self::StatusMessage => "status_message",
            Self::Version => "version",
            Self::Name => "name",
            Self::EmptySpanId => "empty_span_id",
            Self::Level => "level",
            Self::Environment => "environment",
            Self::Usage => "usage",
            Self::TraceRow => "trace_row",
            Self::TraceInputOutput => "trace_input_output",
            Self::TraceWithoutId => "trace_without_id",
        }
    }
}

/// Something that was answered with success and then lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Id of the project.
    pub project: String,
    /// Why.
    pub reason: LostReason,
    /// How many spans or events are gone; 0 where only a part of a span is.
    pub observations: usize,
    /// The span id, or the envelope id of the batch API; nothing for a whole request.
    pub id: Option<String>,
}
