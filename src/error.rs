//! What all failures of a call share: the stage, what failed, and what the operator should do. No HTTP, no exit codes.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

/// A count and what is counted.
pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Where a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The settings of the function.
    Settings,
    /// The event, its parameters, or what stands in the headers of the call.
    Event,
    /// Reading from SLS.
    Pull,
    /// Sending to Langfuse.
    Deliver,
    /// Writing dead letters.
    DeadLetter,
    /// The time of the call ran out.
    Deadline,
    /// A bug of ours.
    Internal,
}

impl Stage {
    /// The name in the answer and in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Event => "event",
            Self::Pull => "pull",
            Self::Deliver => "deliver",
            Self::DeadLetter => "dead_letter",
            Self::Deadline => "deadline",
            Self::Internal => "internal",
        }
    }
}

impl Serialize for Stage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Why a call failed, in words that name no content of a log and no text of a server's answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Where.
    pub stage: Stage,
    /// A short stable name, for alerts.
    pub error_type: &'static str,
    /// What failed, on what.
    pub message: String,
    /// What may be left as it is, because it mends itself where a trigger calls.
    pub comfort: Option<&'static str>,
    /// What to do next.
    pub hint: String,
}

impl Failure {
    /// A failure of a stage.
    pub fn new(stage: Stage, error_type: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { stage, error_type, message: message.into(), comfort: None, hint: hint.into() }
    }

    /// The same with a comfort for whom a trigger calls.
    #[must_use]
    pub fn with_comfort(self, comfort: &'static str) -> Self {
        Self { comfort: Some(comfort), ..self }
    }

    /// What to do next where a trigger calls: comfort and hint.
    pub fn advice(&self) -> Cow<'_, str> {
        self.comfort.map_or(Cow::Borrowed(&self.hint), |comfort| Cow::Owned(format!("{comfort}; {}", self.hint)))
    }
}
