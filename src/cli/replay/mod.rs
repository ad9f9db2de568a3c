//! `replay`: dead letters once more. Arguments and the order of the steps; the work is `replay`'s.

mod account;
mod progress;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::{ArgGroup, Args};

use super::arguments::{logstore_name, project_name};
use super::ending::{Ending, with_hint};
use super::{Surroundings, input, moment, needs, say};
use crate::assembly::{self, Place};
use crate::config::{self, LogFormat};
use crate::deadline::Deadline;
use crate::delivery::DeadLetterReason;
use crate::handler::{Access, Handler};
use crate::invocation::LogPlace;
use crate::logging;
use crate::replay::Outcome;
use crate::replay::ledger::{Choice, Ledger};
use crate::replay::letters::{LetterStore, Period, from_lines};
use crate::replay::state::{StateError, StateFile};
use crate::trace::settings::TraceSettings;
use progress::Progress;

/// How long the requests to the dead-letter Logstore may take together: far more than they need, so that only what hangs is ended.
const STORE_TIMEOUT: Duration = Duration::from_secs(7 * 24 * 3600);

/// Arguments of `replay`.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("source").required(true).args(["file", "logstore"])))]
pub struct Replay {
    /// Letters from a file: the letters as JSON, or lines of the function's log among others; - is standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Project of the dead-letter Logstore
    #[arg(long, value_name = "NAME", requires = "logstore", value_parser = project_name)]
    project: Option<String>,
    /// Letters from this Logstore
    #[arg(long, value_name = "NAME", requires = "project", value_parser = logstore_name)]
    logstore: Option<String>,
    /// Only letters that SLS received at this time or later: a time, a date (UTC), UNIX seconds, or a time ago such as 2h [default: all that are kept]
    #[arg(long, value_name = "TIME", requires = "logstore", value_parser = time, allow_hyphen_values = true)]
    from: Option<u32>,
    /// Only letters that SLS received before this time [default: now]
    #[arg(long, value_name = "TIME", requires = "logstore", value_parser = time, allow_hyphen_values = true)]
    to: Option<u32>,
    /// Endpoint of the projects [default: SLS_ENDPOINT, else the public one of SLS_REGION]
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Only letters with these reasons, separated by commas
    #[arg(long, value_name = "REASONS", value_delimiter = ',', value_parser = reason)]
    reason: Vec<DeadLetterReason>,
    /// What is done, for the next replay [default: FILE.replayed, PROJECT.LOGSTORE.replayed]
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// The trigger's functionParameter, where it has one
    #[arg(long, value_name = "JSON")]
    parameter: Option<String>,
    /// Read the letters, say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// Settings and clients, as far as this replay needs them.
struct Tools {
    handler: Handler,
    trace: TraceSettings,
    endpoint: String,
    letters_in: Option<String>,
}

impl Replay {
    /// Replays, and fails if something remains.
    pub async fn run(self, around: Surroundings<'_>) -> Result<(), Ending> {
        if self.from.zip(self.to).is_some_and(|(from, to)| from >= to) {
            return Err(Ending::misused("--from must be before --to"));
        }
        let state = self.state_path()?;
        // What only counts letters of a file needs no setting.
        let tools = if self.dry_run && self.file.is_some() { None } else { Some(self.tools(around)?) };
        let mut ledger = Ledger::new(self.choice(tools.as_ref()));
        let store = self.store(tools.as_ref())?;
        self.read(store.as_ref(), &mut ledger).await?;
        match tools.filter(|_| !self.dry_run) {
            None => dry(&state, &mut ledger),
            Some(tools) => replayed(&tools, &state, store, ledger).await,
        }
    }

    fn state_path(&self) -> Result<PathBuf, Ending> {
        match (&self.state, &self.file, &self.project, &self.logstore) {
            (Some(path), ..) => Ok(path.clone()),
            (None, Some(file), ..) if file == Path::new("-") => {
                Err(Ending::misused("standard input has no place for what is done: name a file with --state FILE"))
            }
            (None, Some(file), ..) => {
                let mut name = file.clone().into_os_string();
                name.push(".replayed");
                Ok(name.into())
            }
            (None, None, Some(project), Some(logstore)) => Ok(format!("{project}.{logstore}.replayed").into()),
            _ => Err(Ending::misused("name --file, or --project and --logstore")),
        }
    }

    fn tools(&self, around: Surroundings<'_>) -> Result<Tools, Ending> {
        let mut config = needs::sls_key(config::load(around.variables, around.files), around, "")?;
        if !config.trace.enabled {
            return Err(Ending::misused("LANGFUSE_TRACING_ENABLED is false: nothing would be delivered; set it to true for the replay"));
        }
        let endpoint = needs::sls_endpoint(self.endpoint.as_deref(), &mut config)?;
        let parameter = needs::parameter(self.parameter.as_deref(), &config)?;
        let trace = config::apply_parameter_member(&config.trace, &parameter).map_err(Ending::misused)?;
        logging::start_beside_result(&config.log, LogFormat::Human);
        let handler = assembly::handler(&config, Place::Elsewhere).context("the clients cannot be set up")?;
        Ok(Tools { handler, trace, endpoint, letters_in: config.dead_letter_logstore })
    }

    fn choice(&self, tools: Option<&Tools>) -> Choice {
        let own = tools.and_then(|tools| tools.letters_in.clone());
        let letters_in = self.logstore.clone().into_iter().chain(own).collect();
        Choice { reasons: self.reason.clone(), project: self.project.clone(), letters_in }
    }

    fn store(&self, tools: Option<&Tools>) -> Result<Option<LetterStore>, Ending> {
        let (Some(tools), Some(project), Some(logstore)) = (tools, &self.project, &self.logstore) else { return Ok(None) };
        let place = LogPlace { project: project.clone(), logstore: logstore.clone() };
        let access = Access { endpoint: &tools.endpoint, credentials: None, region: None };
        let logstore = tools.handler.logstore(&place, access).map_err(|failure| Ending::misused(with_hint(&failure)))?;
        Ok(Some(LetterStore::new(logstore, Deadline::of_call(STORE_TIMEOUT), Arc::default())))
    }

    async fn read(&self, store: Option<&LetterStore>, ledger: &mut Ledger) -> Result<(), Ending> {
        if let Some(path) = &self.file {
            let lines = input::open(path, "the dead letters")?;
            return from_lines(lines, ledger).map_err(|error| input::unreadable(path, "the dead letters", &error));
        }
        let Some(store) = store else { return Ok(()) };
        let period = Period { from: self.from, to: self.to };
        store.read(period, ledger).await.map_err(|error| {
            let role = "check project, Logstore and endpoint, and that the key has log:ListShards and log:GetCursorOrData there";
            anyhow!("the dead letters cannot be read: {error}\nwhat to do: {role}").into()
        })
    }
}

/// Says what would be done.
fn dry(state: &Path, ledger: &mut Ledger) -> Result<(), Ending> {
    StateFile::peek(state, ledger).map_err(|error| bad_state(state, &error))?;
    tell_found(ledger).map(|_| ())?;
    say("dry run: nothing was pulled, sent or noted")
}

async fn replayed(tools: &Tools, state: &Path, store: Option<LetterStore>, mut ledger: Ledger) -> Result<(), Ending> {
    let state_file = StateFile::open(state, &mut ledger).map_err(|error| bad_state(state, &error))?;
    let open = tell_found(&ledger)?;
    let outcome = {
        let mut progress = Progress::of(open);
        let (handler, trace, endpoint) = (&tools.handler, &tools.trace, tools.endpoint.as_str());
        let replay = crate::replay::Replay { handler, trace, endpoint, ledger: &ledger, state: state_file, store };
        replay.run(&mut progress).await.with_context(|| format!("cannot note what is done in {}", state.display()))?
    };
    tell_done(&ledger, &outcome)
}

/// Prints what was read; returns how many records are open.
fn tell_found(ledger: &Ledger) -> Result<u64, Ending> {
    let open = ledger.open();
    say(&account::found(ledger, &open))?;
    Ok(open.len() as u64)
}

fn tell_done(ledger: &Ledger, outcome: &Outcome) -> Result<(), Ending> {
    say(&account::done(outcome))?;
    match account::remains(ledger.tally(), Some(outcome)) {
        None => Ok(()),
        Some(what) => Err(anyhow!("{what}").into()),
    }
}

fn bad_state(path: &Path, error: &StateError) -> Ending {
    Ending::misused(format!("the state file {} cannot be used: {error}", path.display()))
}

fn reason(text: &str) -> Result<DeadLetterReason, String> {
    let known = DeadLetterReason::ALL.into_iter().find(|reason| reason.name() == text);
    known.ok_or_else(|| format!("the reasons are {}", DeadLetterReason::ALL.map(DeadLetterReason::name).join(", ")))
}

fn time(text: &str) -> Result<u32, String> {
    moment::moment(text).map(|at| u32::try_from(at).unwrap_or(u32::MAX))
}
