//! The command line for people: one file per command, and beside them what several commands share.
//!
//! The only place that prints for people. A command reads its arguments, calls the library, and says what came out; what it does beyond
//! that belongs into the library. A new command is a file here, a variant of `Command`, and an arm of `run`.
//!
//! Commands: `backfill`, `config`, `demo`, `doctor`, `emulate`, `explain`, `id`, `invoke`, `replay`. Shared: `arguments` (their values), `ending` (exit codes),
//! `input` (files), `needs` (what reading SLS takes), `output` (lines that are safe on a terminal), `overlay` (settings that a
//! command decides), `stand_in` (SLS for an event), `function` (a running `bootstrap`), `sample` (what the demo sends), `records` (lines →
//! observations), `bar` and `again` (how far, and what to do when it fails), `tree` and `account` (what arrived, what was done), `links`
//! (where to look), `page` (how long the stand-in's page is there). `dry_run`, `moment` and `survey_words` belong to commands that send
//! nothing, or read a window of time.

mod account;
mod again;
mod arguments;
mod backfill;
mod bar;
mod config;
mod demo;
mod doctor;
mod dry_run;
mod emulate;
mod ending;
mod explain;
mod function;
mod id;
mod input;
mod invoke;
mod links;
mod moment;
mod needs;
mod output;
mod overlay;
mod page;
mod records;
mod replay;
mod sample;
mod stand_in;
mod survey_words;
mod tree;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};

use crate::config::{Files, Variables};
use ending::Ending;

/// Turns AI-gateway access logs in Alibaba Cloud SLS into Langfuse observations.
#[derive(Debug, Parser)]
#[command(name = "sls-to-langfuse", version, after_help = "Exit codes: 0 done, 1 the work failed, 2 wrong usage or configuration.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send twelve sample logs through the real function and show what arrives
    Demo(demo::Demo),
    /// Handle one trigger event here, as the function would
    Invoke(invoke::Invoke),
    /// Deliver what SLS received in a window of time, from all shards; it goes on where it was interrupted
    Backfill(Box<backfill::Backfill>),
    /// Deliver dead letters after what stood in their way is gone
    Replay(replay::Replay),
    /// Run a stand-in for SLS or Langfuse until Ctrl-C
    #[command(subcommand)]
    Emulate(emulate::Emulate),
    /// Show what becomes of log records: every attribute with its source, and what the gateway could log to get more
    Explain(explain::Explain),
    /// Print trace id, span id, start and type of log records
    Id(id::Id),
    /// Print the settings in force, with secrets hidden
    Config(config::Config),
    /// Check settings, SLS, Langfuse and s.yaml, each finding with what to do; --policies prints what roles must be allowed
    Doctor(Box<doctor::Doctor>),
}

/// Where observations go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Target {
    /// A stand-in inside this process; LANGFUSE_HOST and its keys are not looked at
    Emulator,
    /// The server that LANGFUSE_HOST names
    Langfuse,
}

/// What every command may ask.
#[derive(Clone, Copy)]
struct Surroundings<'s> {
    variables: &'s dyn Variables,
    files: &'s dyn Files,
}

/// Runs the command line.
pub fn main(arguments: impl IntoIterator<Item = OsString>, variables: &dyn Variables, files: &dyn Files) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(usage) => {
            // Help and version are no errors; a closed terminal is nobody to tell.
            let _ = usage.print();
            return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(ending::MISUSED));
        }
    };
    let ended = run(arguments.command, Surroundings { variables, files });
    ended.map_or_else(|ending| ending.tell(), |()| ExitCode::SUCCESS)
}

/// Whether a command line, the program's name first, is one that this program takes. Nothing is run: the documentation is held against it.
///
/// # Errors
/// What the parser says of it.
pub fn takes(arguments: impl IntoIterator<Item = OsString>) -> Result<(), clap::Error> {
    Arguments::try_parse_from(arguments).map(|_| ())
}

fn run(command: Command, around: Surroundings<'_>) -> Result<(), Ending> {
    match command {
        Command::Demo(demo) => block_on(demo.run(around)),
        Command::Invoke(invoke) => block_on(invoke.run(around)),
        Command::Backfill(backfill) => block_on(backfill.run(around)),
        Command::Replay(replay) => block_on(replay.run(around)),
        Command::Emulate(emulate) => block_on(emulate.run(around)),
        Command::Explain(explain) => explain.run(around),
        Command::Id(id) => id.run(around),
        Command::Config(config) => config.run(around),
        Command::Doctor(doctor) => block_on(doctor.run(around)),
    }
}

fn block_on(work: impl Future<Output = Result<(), Ending>>) -> Result<(), Ending> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("the runtime cannot start")?;
    runtime.block_on(work)
}

/// Waits until the user or the system asks this process to end.
async fn told_to_end() -> Result<(), Ending> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminated = signal(SignalKind::terminate()).context("signals cannot be received")?;
    let mut interrupted = signal(SignalKind::interrupt()).context("signals cannot be received")?;
    tokio::select! { _ = terminated.recv() => {}, _ = interrupted.recv() => {} }
    Ok(())
}

/// Writes a result to stdout, with a line break behind it.
fn say(text: &str) -> Result<(), Ending> {
    writeln!(std::io::stdout().lock(), "{text}").context("cannot write to stdout")?;
    Ok(())
}

/// Writes something beside the result to stderr.
fn remark(text: &str) {
    // Nobody is there to be told that there is nobody to tell.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
