//! `emulate langfuse`: the Langfuse stand-in for as long as somebody needs it.

use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};

use super::{cannot_listen, program, until_told_to_end};
use crate::cli::ending::Ending;
use crate::cli::say;
use crate::emulator::langfuse::{LangfuseEmulator, LangfuseWorld, ServerVersion, WriteMode};

/// How often a dual server copies what it has staged, as its periodic job does.
const PROPAGATION: Duration = Duration::from_secs(5);

/// Arguments of `emulate langfuse`.
#[derive(Args, Debug)]
pub struct Langfuse {
    /// Port on 127.0.0.1; 0 takes any free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Release to play
    #[arg(long, value_name = "X.Y.Z", default_value = "4.16.0")]
    version: ServerVersion,
    /// Where it stores [default: what the release does]
    #[arg(long, value_enum)]
    mode: Option<Mode>,
    /// How many of the newest observations and requests it remembers
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    keep: usize,
}

/// The write modes by their names in the settings of the server.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Mode {
    /// New tables only; the batch API is refused
    EventsOnly,
    /// Both
    Dual,
    /// Old tables only
    Legacy,
}

impl Langfuse {
    /// Runs it until it is told to end.
    pub async fn run(self) -> Result<(), Ending> {
        let langfuse = LangfuseEmulator::start(self.port, self.world()).await.with_context(|| cannot_listen(self.port))?;
        say(&introduction(&langfuse))?;
        let mut job = tokio::time::interval(PROPAGATION);
        let propagate = async {
            loop {
                job.tick().await;
                langfuse.propagate();
            }
        };
        tokio::select! { ended = until_told_to_end() => ended, () = propagate => Ok(()) }
    }

    fn world(&self) -> LangfuseWorld {
        let played = LangfuseWorld::of_version(self.version);
        let mode = self.mode.map_or(played.mode, |mode| match mode {
            Mode::EventsOnly => WriteMode::EventsOnly,
            Mode::Dual => WriteMode::Dual,
            Mode::Legacy => WriteMode::Legacy,
        });
        LangfuseWorld { mode, keep_bodies: false, keep_sources: true, keep: Some(self.keep), ..played }
    }
}

fn introduction(langfuse: &LangfuseEmulator) -> String {
    let (url, world) = (langfuse.base_url(), langfuse.world());
    let (public, secret) = (LangfuseWorld::PUBLIC_KEY, LangfuseWorld::SECRET_KEY);
    let (mode, path) = match world.mode {
        WriteMode::EventsOnly => ("events_only", "v2/observations"),
        WriteMode::Dual => ("dual", "v2/observations"),
        WriteMode::Legacy => ("legacy", "observations"),
    };
    [
        format!("Langfuse stand-in: {url}"),
        format!("  release      {}, write mode {mode}", world.version),
        format!("  project      {}", LangfuseWorld::PROJECT),
        format!("  public key   {public}"),
        format!("  secret key   {secret}"),
        format!("  page         {url}/"),
        "Try it from another terminal, in the directory of the project:".to_owned(),
        format!("  LANGFUSE_HOST={url} LANGFUSE_PUBLIC_KEY={public} LANGFUSE_SECRET_KEY={secret} \\"),
        format!("    {} invoke --event events/sls-trigger.json --logs tests/fixtures/gateway-samples.jsonl", program()),
        format!("  curl -s -u {public}:{secret} '{url}/api/public/{path}?limit=3'"),
    ]
    .join("\n")
}
