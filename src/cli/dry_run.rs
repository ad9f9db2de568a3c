//! `invoke --dry-run`: what would become of a range, of a window of time over all shards, or of a file of logs, without sending anything.
//!
//! Nothing is sent because there is nothing to send with: the handler of a dry run has no destinations, and their keys are not read.

use anyhow::{Context, anyhow};
use clap::Args;
use serde::Serialize;
use serde_json::Value;
use std::ops::RangeInclusive;
use std::path::Path;

use super::ending::{Ending, with_hint};
use super::invoke::{self, Invoke};
use super::moment::moment;
use super::overlay::Overlay;
use super::records::with_record;
use super::stand_in::{bad_logs, sls_for};
use super::{Surroundings, input, remark, say, survey_words};
use crate::assembly;
use crate::backfill::plan::{self, PlanError, Planner};
use crate::config::{self, Config, LogFormat};
use crate::handler::{Access, Handler};
use crate::invocation::{Invocation, LogPlace, TriggerEvent};
use crate::judge::Judge;
use crate::logging;
use crate::origin::Position;
use crate::sls::client::Logstore;
use crate::sls::signing::SignatureSettings;
use crate::survey::{Estimate, Survey};

/// A window of time over the shards of a Logstore, instead of an event.
#[derive(Args, Debug)]
pub struct Window {
    /// With --dry-run: the project to read a window of time of, instead of an event
    #[arg(long, value_name = "NAME", requires = "logstore", requires = "dry_run", conflicts_with_all = ["event", "logs"])]
    project: Option<String>,
    /// Its Logstore
    #[arg(long, value_name = "NAME", requires = "project")]
    logstore: Option<String>,
    /// Only this shard [default: all]
    #[arg(long, value_name = "N", requires = "project")]
    shard: Option<u32>,
    /// Logs received since: a time, a date (UTC), UNIX seconds, or a time ago such as 48h [default: 24h]
    #[arg(long, value_name = "TIME", requires = "project", value_parser = moment, allow_hyphen_values = true)]
    from: Option<i64>,
    /// Logs received before that time; it is not called --to as elsewhere, because --to says where observations go [default: now]
    #[arg(long, value_name = "TIME", requires = "project", value_parser = moment, allow_hyphen_values = true)]
    until: Option<i64>,
    /// Endpoint of SLS [default: SLS_ENDPOINT]
    #[arg(long, value_name = "HOST", requires = "project")]
    endpoint: Option<String>,
}

/// What is printed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told<'s> {
    dry_run: bool,
    #[serde(flatten)]
    survey: &'s Survey,
    #[serde(flatten)]
    estimate: Estimate,
}

/// Reads, counts and tells.
pub async fn run(invoke: &Invoke, around: Surroundings<'_>) -> Result<(), Ending> {
    let overlay = invoke.window.endpoint.iter().fold(Overlay::on(around.variables), |overlay, host| overlay.with("SLS_ENDPOINT", host));
    let loaded = config::load_without_keys(&overlay, around.files);
    let mut config = invoke::with_sls_keys(loaded, Surroundings { variables: &overlay, ..around }, invoke.logs.is_some())?;
    logging::start_beside_result(&config.log, LogFormat::Human);
    let mut survey = Survey::of(&config.selection);
    let (read, window) = match (&invoke.event, &invoke.logs, &invoke.window.project) {
        (Some(event), logs, _) => (of_event(invoke, &mut config, event, logs.as_deref(), &mut survey).await, None),
        (None, Some(logs), _) => (of_file(&config, logs, &mut survey), None),
        (None, None, Some(project)) => {
            let (place, window) = window(&invoke.window, project)?;
            (of_window(invoke, &config, &place, &window, &mut survey).await, Some(window))
        }
        (None, None, None) => {
            return Err(Ending::misused("name what to read: --event FILE, --logs FILE.jsonl, or --project NAME --logstore NAME"));
        }
    };
    // What was read before a failure is told; a wrong call has nothing to tell.
    if matches!(read, Err(Ending::Misused(_))) {
        return read;
    }
    tell(&survey, survey.estimate(window))?;
    read
}

fn tell(survey: &Survey, estimate: Estimate) -> Result<(), Ending> {
    remark(&survey_words::in_words(survey, &estimate));
    say(&json(survey, estimate)?)
}

/// The counts as JSON.
pub(super) fn json(survey: &Survey, estimate: Estimate) -> Result<String, Ending> {
    let told = Told { dry_run: true, survey, estimate };
    Ok(serde_json::to_string_pretty(&told).context("the result cannot be written")?)
}

async fn of_event(invoke: &Invoke, config: &mut Config, event: &Path, logs: Option<&Path>, survey: &mut Survey) -> Result<(), Ending> {
    let text = input::text(event, "the event")?;
    let event = TriggerEvent::parse(text.as_bytes()).map_err(|failure| Ending::misused(with_hint(&failure)))?;
    let logs = logs.map(|path| input::text(path, "the logs")).transpose()?;
    let sls = match &logs {
        Some(logs) => Some(sls_for(&event, logs, None).await?),
        None => None,
    };
    if let Some(sls) = &sls {
        config.endpoint.replacement = Some(sls.emulator.endpoint());
        config.signature = SignatureSettings::default();
    }
    let invocation = Invocation { credentials: sls.as_ref().map(|sls| sls.credentials.clone()), ..invoke.invocation(text) };
    Ok(surveyor(config)?.survey(&event, &invocation, survey).await?)
}

/// Logs by themselves: what a call of any trigger would make of them.
fn of_file(config: &Config, logs: &Path, survey: &mut Survey) -> Result<(), Ending> {
    let text = input::text(logs, "the logs")?;
    let judge = Judge { trace: &config.trace, selection: &config.selection };
    for line in text.lines() {
        let position = Position { group: None, index: 0, received: None };
        with_record(line, |record| survey.count(&judge, position, Some(record))).map_err(|error| bad_logs(&error))?;
    }
    Ok(())
}

fn window(window: &Window, project: &str) -> Result<(LogPlace, RangeInclusive<i64>), Ending> {
    let now = moment("now").map_err(Ending::misused)?;
    let (from, to) = (window.from.unwrap_or(now - 86_400), window.until.unwrap_or(now).min(now));
    if from >= to {
        return Err(Ending::misused("--from must be before --until, and before now"));
    }
    let logstore = window.logstore.clone().unwrap_or_default();
    Ok((LogPlace { project: project.to_owned(), logstore }, from..=to))
}

async fn of_window(
    invoke: &Invoke,
    config: &Config,
    place: &LogPlace,
    window: &RangeInclusive<i64>,
    survey: &mut Survey,
) -> Result<(), Ending> {
    let (handler, invocation) = (surveyor(config)?, invoke.invocation(String::new()));
    if config.endpoint.replacement.is_none() {
        return Err(Ending::misused("name the endpoint: --endpoint cn-hangzhou.log.aliyuncs.com, or SLS_ENDPOINT"));
    }
    let logstore = handler.logstore(place, Access { endpoint: "", credentials: None, region: None })?;
    let named: Vec<_> = invoke.window.shard.into_iter().collect();
    let of = Surveyed {
        shards: &named,
        endpoint: "",
        window: plan::Window { from: *window.start(), to: *window.end() },
        parameter: &Value::Null,
    };
    survey_window(&handler, logstore, &of, &invocation, survey).await
}

/// What of a Logstore is to be counted.
pub(super) struct Surveyed<'s> {
    /// The shards; none: all.
    pub(super) shards: &'s [u32],
    /// Endpoint of the project, where the settings do not replace it.
    pub(super) endpoint: &'s str,
    /// What SLS received in it.
    pub(super) window: plan::Window,
    /// The trigger's `functionParameter`.
    pub(super) parameter: &'s Value,
}

/// Counts what would become of what was received in a window.
pub(super) async fn survey_window(
    handler: &Handler,
    logstore: Logstore,
    of: &Surveyed<'_>,
    invocation: &Invocation,
    survey: &mut Survey,
) -> Result<(), Ending> {
    let place = LogPlace { project: logstore.project.clone(), logstore: logstore.name.clone() };
    let planner = Planner::new(logstore, invocation.deadline);
    for shard in planner.shards(of.shards).await.map_err(no_plan)? {
        let range = planner.range(shard.id, of.window).await.map_err(no_plan)?;
        let event = TriggerEvent {
            endpoint: of.endpoint.to_owned(),
            parameter: of.parameter.clone(),
            ..TriggerEvent::of_range(place.clone(), shard.id, range)
        };
        handler.survey(&event, invocation, survey).await?;
    }
    Ok(())
}

/// Why a window is in no shard, and what to do.
pub(super) fn no_plan(error: PlanError) -> Ending {
    anyhow!("{error}\nwhat to do: {}", error.hint()).into()
}

fn surveyor(config: &Config) -> Result<Handler, Ending> {
    Ok(assembly::surveyor(config).context("the clients cannot be set up")?)
}
