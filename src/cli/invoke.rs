//! `invoke`: one event through the handler, in this process. The same handler as in the function, another front end.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;

use super::dry_run::{self, Window};
use super::ending::{Ending, with_hint};
use super::overlay::Overlay;
use super::stand_in::{SlsStandIn, sls_for};
use super::{Surroundings, Target, input, needs, remark, say, tree};
use crate::assembly::{self, Place};
use crate::config::{self, Config, LogFormat, Problems};
use crate::deadline::Deadline;
use crate::delivery::connection::ProxySettings;
use crate::delivery::destination::DestinationSettings;
use crate::emulator::langfuse::{LangfuseEmulator, LangfuseWorld};
use crate::handler::Handled;
use crate::invocation::{Invocation, TriggerEvent};
use crate::logging;
use crate::runtime::lambda::{self, FrontEnd, InvocationError, Kind, Request};
use crate::secret::{Credentials, Secret};
use crate::sls::signing::SignatureSettings;

/// The id of these calls in logs and reports.
const REQUEST_ID: &str = "command-line";

/// Arguments of `invoke`.
#[derive(Args, Debug)]
pub struct Invoke {
    /// The event, as one in events/: of an SLS trigger, or of Lambda with records in it; - is standard input
    #[arg(long, value_name = "FILE", required_unless_present = "dry_run")]
    pub(super) event: Option<PathBuf>,
    /// Read these logs, one JSON object a line, from a stand-in instead of SLS; the cursors of the event span all of them
    #[arg(long, value_name = "FILE.jsonl")]
    pub(super) logs: Option<PathBuf>,
    /// Send nothing: count what would become of the records, by outcome, rule and route, and estimate the observations of a day
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    pub(super) window: Window,
    /// Where the observations go
    #[arg(long, value_enum, default_value = "langfuse")]
    to: Target,
    /// How long the work may take, as the time-out of the function
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
}

impl Invoke {
    /// Handles the event. The report goes to stdout, everything else to stderr.
    pub async fn run(self, around: Surroundings<'_>) -> Result<(), Ending> {
        if self.dry_run {
            return dry_run::run(&self, around).await;
        }
        let path = self.event.as_ref().ok_or_else(|| Ending::misused("name the event: --event FILE"))?;
        let event = input::text(path, "the event")?;
        if lambda::kind(&event).is_ok_and(|kind| kind != Kind::SlsTrigger) {
            return self.run_with_lines(around, event).await;
        }
        let parsed = TriggerEvent::parse(event.as_bytes()).map_err(|failure| Ending::misused(with_hint(&failure)))?;
        let logs = self.logs.as_ref().map(|path| input::text(path, "the logs")).transpose()?;
        let langfuse = self.langfuse().await?;
        let mut config = configuration(around, langfuse.as_ref(), logs.is_some())?;
        let sls = match &logs {
            Some(logs) => Some(sls_for(&parsed, logs, config.dead_letter_logstore.as_deref()).await?),
            None => None,
        };
        if let Some(sls) = &sls {
            config.endpoint.replacement = Some(sls.emulator.endpoint());
            config.signature = SignatureSettings::default();
        }
        let credentials = sls.as_ref().map(|sls: &SlsStandIn| sls.credentials.clone());
        let handled = self.handle(&config, event, credentials).await?;
        if let Some(langfuse) = &langfuse {
            remark(&format!("{}\n", tree::tree(langfuse)));
        }
        told(handled)
    }

    /// A call with this event, with the credentials of the settings.
    pub(super) fn invocation(&self, event: String) -> Invocation {
        let deadline = Deadline::of_call(Duration::from_secs(self.timeout));
        let request_id = REQUEST_ID.to_owned();
        Invocation { request_id, event: event.into(), credentials: None, region: None, deadline, own_log: None }
    }

    /// Handles an event of Lambda that brings its own records.
    async fn run_with_lines(self, around: Surroundings<'_>, event: String) -> Result<(), Ending> {
        if self.logs.is_some() {
            return Err(Ending::misused("this event brings its own records: leave --logs out"));
        }
        let langfuse = self.langfuse().await?;
        let config = configuration(around, langfuse.as_ref(), true)?;
        logging::start_beside_result(&config.log, LogFormat::Human);
        let handler = assembly::handler(&config, Place::Elsewhere).context("the clients cannot be set up")?;
        let request = Request { id: REQUEST_ID.to_owned(), event, deadline: Deadline::of_call(Duration::from_secs(self.timeout)) };
        let (handled, answer) = FrontEnd { handler, own_log_group: None }.handle(request).await;
        if let (Some(langfuse), Ok(answer)) = (&langfuse, &answer) {
            remark(&format!("{}\n\nthe answer to Lambda: {answer}\n", tree::tree(langfuse)));
        }
        told(handled)?;
        // Nothing but dead letters in a queue is no failure of the work, but an error all the same.
        answer.map(|_| ()).map_err(|InvocationError(failure)| failure.into())
    }

    async fn langfuse(&self) -> Result<Option<LangfuseEmulator>, Ending> {
        match self.to {
            Target::Langfuse => Ok(None),
            Target::Emulator => {
                let started = LangfuseEmulator::start(0, LangfuseWorld::default()).await;
                Ok(Some(started.context("the Langfuse stand-in cannot listen")?))
            }
        }
    }

    async fn handle(&self, config: &Config, event: String, credentials: Option<Credentials>) -> Result<Handled, Ending> {
        logging::start_beside_result(&config.log, LogFormat::Human);
        let handler = assembly::handler(config, Place::Elsewhere).context("the clients cannot be set up")?;
        let deadline = Deadline::of_call(Duration::from_secs(self.timeout));
        let invocation = Invocation { credentials, deadline, ..self.invocation(event) };
        Ok(handler.handle(&invocation).await)
    }
}

/// The stand-in in the place of a destination: whatever the file names, nothing else is sent to.
fn stand_in(destination: &DestinationSettings, langfuse: &LangfuseEmulator) -> DestinationSettings {
    DestinationSettings {
        base_url: langfuse.base_url(),
        public_key: LangfuseWorld::PUBLIC_KEY.to_owned(),
        secret_key: Secret::new(LangfuseWorld::SECRET_KEY),
        ..destination.clone()
    }
}

/// The settings, or every problem: also that nothing says how to read SLS.
fn configuration(around: Surroundings<'_>, langfuse: Option<&LangfuseEmulator>, has_logs: bool) -> Result<Config, Ending> {
    let own = Overlay::on(around.variables);
    let variables = langfuse.into_iter().fold(own, Overlay::with_emulator);
    let load = if langfuse.is_some() { config::load_without_keys } else { config::load };
    let mut config = with_sls_keys(load(&variables, around.files), Surroundings { variables: &variables, ..around }, has_logs)?;
    if let Some(langfuse) = langfuse {
        config.connection.proxies = ProxySettings::default();
        config.destinations.iter_mut().for_each(|destination| *destination = stand_in(destination, langfuse));
    }
    Ok(config)
}

/// What was loaded, if it says how to read SLS where that is needed.
pub(super) fn with_sls_keys(loaded: Result<Config, Problems>, around: Surroundings<'_>, has_logs: bool) -> Result<Config, Ending> {
    if has_logs {
        return loaded.map_err(Ending::wrong_settings);
    }
    needs::sls_key(loaded, around, "; or give logs with --logs FILE.jsonl")
}

fn told(handled: Handled) -> Result<(), Ending> {
    let report = serde_json::to_string_pretty(&handled.report).map_err(|error| anyhow!("the report cannot be written: {error}"))?;
    say(&report)?;
    handled.failure.map_or(Ok(()), |failure| Err(failure.into()))
}
