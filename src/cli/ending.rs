//! How a command ends that did not do its work, and the exit code of each way (`design.md` §2).

use std::fmt::Display;
use std::io;
use std::process::ExitCode;

use crate::error::Failure;

/// The work failed.
const FAILED: u8 = 1;
/// Wrong usage or configuration.
pub const MISUSED: u8 = 2;

/// How a command ends that did not do its work.
#[derive(Debug)]
pub enum Ending {
    /// The work failed.
    Failed(anyhow::Error),
    /// The command was called wrongly, or its settings are wrong.
    Misused(anyhow::Error),
}

impl From<anyhow::Error> for Ending {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Failure> for Ending {
    fn from(failure: Failure) -> Self {
        Self::Failed(anyhow::Error::msg(with_hint(&failure)))
    }
}

impl Ending {
    /// Wrong usage or configuration, with what to do about it.
    pub fn misused(what: impl Display) -> Self {
        Self::Misused(anyhow::Error::msg(what.to_string()))
    }

    /// Settings that are wrong: every problem, one a line.
    pub fn wrong_settings(problems: impl Display) -> Self {
        Self::misused(format!("these settings are wrong:\n{problems}"))
    }

    /// Says what went wrong and turns it into the exit code.
    pub fn tell(self) -> ExitCode {
        let (error, code) = match self {
            Self::Failed(error) => (error, FAILED),
            Self::Misused(error) => (error, MISUSED),
        };
        // As in `sls-to-langfuse id logs.jsonl | head -1`: the reader has what it wanted.
        if is_closed_pipe(&error) {
            return ExitCode::SUCCESS;
        }
        super::remark(&format!("error: {error:#}"));
        ExitCode::from(code)
    }
}

/// A failure of the library as text: what failed, and what to do.
pub fn with_hint(failure: &Failure) -> String {
    format!("{}\nwhat to do: {}", failure.message, failure.advice())
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
