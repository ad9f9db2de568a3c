//! `backfill`: what SLS received in a window of time, delivered as the function delivers it. Arguments and the order of the steps; the work
//! is `backfill`'s.

mod account;
mod begin;
mod place;
mod progress;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use serde_json::Value;
use tokio::sync::mpsc;

use super::arguments::{logstore_name, project_name};
use super::dry_run::{self, Surveyed, survey_window};
use super::ending::{Ending, with_hint};
use super::moment::{Written, length, written};
use super::{Surroundings, needs, say, survey_words, told_to_end};
use crate::assembly::{self, Place};
use crate::backfill::file::StateFile;
use crate::backfill::patience::Patience;
use crate::backfill::state::{Parameters, State};
use crate::backfill::{Outcome, Totals};
use crate::config::{self, Config, LogFormat};
use crate::deadline::Deadline;
use crate::handler::{Access, Handler};
use crate::invocation::{Invocation, LogPlace};
use crate::logging;
use crate::pace::Pace;
use crate::sls::client::Logstore;
use crate::survey::Survey;
use account::{Account, remains};
use begin::begun;
use progress::Progress;

/// How long reading may take as a whole where nothing is noted: only what hangs is ended.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// Arguments of `backfill`.
#[derive(Args, Debug)]
pub struct Backfill {
    /// Project
    #[arg(long, value_name = "NAME", value_parser = project_name)]
    project: String,
    /// The gateway's Logstore
    #[arg(long, value_name = "NAME", value_parser = logstore_name)]
    logstore: String,
    /// Logs that SLS received at this time or later: a time, a date (UTC), UNIX seconds, or a time ago such as 24h
    #[arg(long, value_name = "TIME", value_parser = written, allow_hyphen_values = true)]
    from: Written,
    /// Logs that SLS received before this time
    #[arg(long, value_name = "TIME", value_parser = written, allow_hyphen_values = true, default_value = "now")]
    to: Written,
    /// Only these shards, separated by commas [default: all, read-only ones included]
    #[arg(long, value_name = "N", value_delimiter = ',')]
    shard: Vec<u32>,
    /// Endpoint of the project [default: SLS_ENDPOINT, else the public one of SLS_REGION]
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// The trigger's functionParameter, where it has one
    #[arg(long, value_name = "JSON")]
    parameter: Option<String>,
    /// At most so many observations a second [default: as many as Langfuse takes]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// How many slices of time are worked on side by side
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=6))]
    parallel: u8,
    /// How long an outage of SLS or Langfuse is waited for
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = length)]
    wait: u64,
    /// How far it is, for the next run [default: a file in this directory, named by project, Logstore and times]
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Send nothing: count what would become of the records, by outcome, rule and route
    #[arg(long)]
    dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Backfill {
    /// Works off the window, and fails if something remains.
    pub async fn run(mut self, around: Surroundings<'_>) -> Result<(), Ending> {
        self.shard.sort_unstable();
        self.shard.dedup();
        let now = written("now").map_err(Ending::misused)?;
        if self.to.at > now.at {
            return Err(Ending::misused("--to must not lie in the future: leave it out, or run the backfill then"));
        }
        if self.from.at >= self.to.at {
            return Err(Ending::misused("--from must be before --to"));
        }
        if self.dry_run { self.count(around).await } else { self.deliver(around).await }
    }

    async fn count(&self, around: Surroundings<'_>) -> Result<(), Ending> {
        let loaded = config::load_without_keys(around.variables, around.files);
        let mut config = needs::sls_key(loaded, around, "")?;
        let (endpoint, parameter) = self.source(&mut config)?;
        logging::start_beside_result(&config.log, LogFormat::Human);
        let handler = assembly::surveyor(&config).context("the clients cannot be set up")?;
        let logstore = self.reached(&handler, &endpoint)?;
        let (request_id, deadline) = ("backfill".to_owned(), Deadline::of_call(LONGEST));
        let invocation = Invocation { request_id, event: Default::default(), credentials: None, region: None, deadline, own_log: None };
        let (mut survey, window) = (Survey::of(&config.selection), place::window(&self.from, &self.to));
        let of = Surveyed { shards: &self.shard, endpoint: &endpoint, window, parameter: &parameter };
        let read = survey_window(&handler, logstore, &of, &invocation, &mut survey).await;
        // What was read before a failure is told.
        let estimate = survey.estimate(Some(window.from..=window.to));
        let told = if self.json { dry_run::json(&survey, estimate)? } else { survey_words::in_words(&survey, &estimate) };
        say(&told)?;
        read
    }

    async fn deliver(&self, around: Surroundings<'_>) -> Result<(), Ending> {
        let mut config = needs::sls_key(config::load(around.variables, around.files), around, "")?;
        if !config.trace.enabled {
            return Err(Ending::misused("LANGFUSE_TRACING_ENABLED is false: nothing would be delivered; set it to true for the backfill"));
        }
        config.selection.routes.block_on_refusal();
        let (endpoint, parameter) = self.source(&mut config)?;
        logging::start_beside_result(&config.log, LogFormat::Human);
        let handler = assembly::handler(&config, Place::Elsewhere).context("the clients cannot be set up")?;
        let logstore = self.reached(&handler, &endpoint)?;
        let of = self.parameters(&config, &parameter);
        let path = self.state.clone().unwrap_or_else(|| place::default(&of).into());
        let mut interruptions = interruptions();
        let (file, state) = begun(of, &path, logstore, &mut interruptions).await?;
        let work = crate::backfill::Backfill {
            handler: Arc::new(handler),
            endpoint,
            parameter,
            workers: usize::from(self.parallel),
            pace: self.rate.map(Pace::new),
            patience: Patience { limit: Duration::from_secs(self.wait) },
        };
        self.work_off(work, state, (file, &path), interruptions).await
    }

    async fn work_off(
        &self,
        work: crate::backfill::Backfill,
        state: State,
        (mut file, path): (StateFile, &Path),
        interruptions: mpsc::Receiver<()>,
    ) -> Result<(), Ending> {
        let began = Instant::now();
        let outcome = {
            let mut progress = Progress::from(state.standing());
            let run = work.run(state, &mut file, &mut progress, interruptions).await;
            run.with_context(|| format!("cannot note what is done in {}", path.display()))?
        };
        self.tell(&outcome.state, &outcome.totals, began.elapsed())?;
        ended(&outcome, path)
    }

    /// Where the logs are, and with which parameter of a trigger they are read.
    fn source(&self, config: &mut Config) -> Result<(String, Value), Ending> {
        let endpoint = needs::sls_endpoint(self.endpoint.as_deref(), config)?;
        Ok((endpoint, needs::parameter(self.parameter.as_deref(), config)?))
    }

    fn reached(&self, handler: &Handler, endpoint: &str) -> Result<Logstore, Ending> {
        let place = LogPlace { project: self.project.clone(), logstore: self.logstore.clone() };
        let access = Access { endpoint, credentials: None, region: None };
        handler.logstore(&place, access).map_err(|failure| Ending::misused(with_hint(&failure)))
    }

    fn parameters(&self, config: &Config, parameter: &Value) -> Parameters {
        Parameters {
            project: self.project.clone(),
            logstore: self.logstore.clone(),
            shards: self.shard.clone(),
            from: place::bound(&self.from),
            to: place::bound(&self.to),
            parameter: if parameter.is_null() { String::new() } else { parameter.to_string() },
            destinations: place::fingerprint(&config.destinations),
        }
    }

    fn tell(&self, state: &State, totals: &Totals, took: Duration) -> Result<(), Ending> {
        let account = Account::of(state, totals, took);
        match self.json {
            true => say(&serde_json::to_string_pretty(&account).context("the result cannot be written")?),
            false => say(&account.in_words()),
        }
    }
}

fn ended(outcome: &Outcome, path: &Path) -> Result<(), Ending> {
    match remains(outcome) {
        None => Ok(()),
        Some(what) => Err(anyhow::anyhow!("{what} (state: {})", path.display()).into()),
    }
}

/// A message for every time that somebody asks this process to end.
fn interruptions() -> mpsc::Receiver<()> {
    let (told, asked) = mpsc::channel(2);
    tokio::spawn(async move { while told_to_end().await.is_ok() && told.send(()).await.is_ok() {} });
    asked
}
