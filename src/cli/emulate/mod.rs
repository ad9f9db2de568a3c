//! `emulate`: a stand-in as a process of its own, until Ctrl-C. One file per service; here only what both share.

mod langfuse;
mod sls;

use std::path::PathBuf;

use clap::Subcommand;

use super::ending::Ending;
use super::{Surroundings, say, told_to_end};

/// The services that can be played.
#[derive(Debug, Subcommand)]
pub enum Emulate {
    /// Simple Log Service: PullLogs, GetCursor, GetCursorTime, ListShards, PutLogs
    Sls(sls::Sls),
    /// Langfuse: OTLP, batch ingestion, health, and reading back
    Langfuse(langfuse::Langfuse),
}

impl Emulate {
    /// Runs the stand-in until it is told to end.
    pub async fn run(self, around: Surroundings<'_>) -> Result<(), Ending> {
        match self {
            Self::Sls(sls) => sls.run(around).await,
            Self::Langfuse(langfuse) => langfuse.run().await,
        }
    }
}

async fn until_told_to_end() -> Result<(), Ending> {
    say("Stop it with Ctrl-C.")?;
    told_to_end().await
}

/// The words of a port that cannot be had.
fn cannot_listen(port: u16) -> String {
    format!("cannot listen on 127.0.0.1:{port}; choose another --port, or 0 for any free one")
}

/// This program as a word of a shell.
fn program() -> String {
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("sls-to-langfuse")).display().to_string();
    let plain = program.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
    if plain { program } else { format!("'{}'", program.replace('\'', r"'\''")) }
}
