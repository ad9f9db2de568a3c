//! What all failures of a call share: the stage, what failed, and what the operator should do. No HTTP, no exit codes.

use serde::Serialize;

/// Where a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
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
    /// What to do next.
    pub hint: String,
}

impl Failure {
    /// A failure of a stage.
    pub fn new(stage: Stage, error_type: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { stage, error_type, message: message.into(), hint: hint.into() }
    }
}
