//! The order of the questions, and only that: settings, then SLS and every destination side by side, then the manifest and what a month brings.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, anyhow};
use tokio::task::JoinSet;

use super::deployment::Names;
use super::manifest::Function;
use super::subject::{self, Manifest, Settings};
use super::{Doctor, names, words};
use crate::cli::ending::Ending;
use crate::cli::overlay::Overlay;
use crate::cli::{Surroundings, remark, say};
use crate::config::{Config, LogFormat};
use crate::delivery::destination::Destination;
use crate::doctor::clock::{self, Reading};
use crate::doctor::estimate::{self, Plan, Waits};
use crate::doctor::langfuse::{self, Writing};
use crate::doctor::manifest::{self, Deployed};
use crate::doctor::sls::{self, Extent};
use crate::doctor::{Check, Diagnosis, Status};
use crate::invocation::LogPlace;
use crate::judge::Judge;
use crate::logging;

const WRONG_SETTINGS: &str = "the settings are wrong (settings)";

/// What was found at both ends.
struct Ends {
    sls: sls::Findings,
    langfuse: Vec<langfuse::Findings>,
}

/// Asks, tells, and ends with 1 if something failed and with 2 if settings did.
pub async fn run(doctor: &Doctor, function: Option<Function>, around: Surroundings<'_>) -> Result<(), Ending> {
    let names = doctor.names.clone().or(names(function.as_ref()));
    let place = subject::place(&names)?;
    let path = doctor.manifest.clone().unwrap_or_default();
    let manifest = function.map(|function| Manifest::of(function, &path, around.variables));
    let variables = match &manifest {
        Some(manifest) => manifest.over(&path, around.variables),
        None => Overlay::on(around.variables),
    };
    let variables = doctor.endpoint.iter().fold(variables, |overlay, host| overlay.with("SLS_ENDPOINT", host));
    let around = Surroundings { variables: &variables, ..around };
    let mut settings = Settings::load(&variables, around);
    if place.is_some() {
        settings.need_sls(&names, around);
    }
    let ends = ask(doctor, &settings, place.as_ref()).await?;
    tell(doctor, Diagnosis::of(findings(&settings, &ends, manifest.as_ref(), &names)))
}

async fn ask(doctor: &Doctor, settings: &Settings, place: Option<&LogPlace>) -> Result<Ends, Ending> {
    let Some(config) = &settings.config else {
        return Ok(Ends { sls: sls::Findings::skipped(WRONG_SETTINGS), langfuse: vec![langfuse::Findings::skipped(WRONG_SETTINGS)] });
    };
    logging::start_beside_result(&config.log, LogFormat::Human);
    let (sls, langfuse) = tokio::join!(ask_sls(doctor, settings, config, place), ask_langfuse(doctor, settings, config));
    Ok(Ends { sls: sls?, langfuse: langfuse? })
}

async fn ask_sls(doctor: &Doctor, settings: &Settings, config: &Config, place: Option<&LogPlace>) -> Result<sls::Findings, Ending> {
    let Some(place) = place else {
        return Ok(sls::Findings::skipped("no Logstore was named: --project and --logstore, or --manifest s.yaml"));
    };
    if config.credentials.is_none() || settings.lacks_endpoint() {
        return Ok(sls::Findings::skipped(WRONG_SETTINGS));
    }
    let judge = Judge { trace: &config.trace, selection: &config.selection };
    let extent = Extent { records: doctor.records, timeout: doctor.timeout(), now: SystemTime::now() };
    Ok(match subject::source(config, place)? {
        Ok(source) => sls::examine(&source, &judge, extent).await,
        Err(endpoint) => sls::Findings::refused(endpoint),
    })
}

async fn ask_langfuse(doctor: &Doctor, settings: &Settings, config: &Config) -> Result<Vec<langfuse::Findings>, Ending> {
    if !settings.with_keys {
        return Ok(vec![langfuse::Findings::skipped(WRONG_SETTINGS)]);
    }
    let (timeout, writing) = (doctor.timeout(), doctor.writing());
    if let Writing::Canary(wait) = writing {
        let seconds = wait.as_secs();
        remark(&format!(
            "one observation is written to each Langfuse project and read back; this may take {seconds} s (--no-canary leaves it out)"
        ));
    }
    let mut asking = JoinSet::new();
    for (index, destination) in subject::destinations(config, doctor)?.into_iter().enumerate() {
        asking.spawn(async move { (index, of_destination(destination, timeout, writing).await) });
    }
    let mut found = asking.join_all().await;
    found.sort_by_key(|(index, _)| *index);
    Ok(found.into_iter().map(|(_, findings)| findings).collect())
}

async fn of_destination(destination: Arc<Destination>, timeout: Duration, writing: Writing) -> langfuse::Findings {
    langfuse::examine(&destination, timeout, writing).await
}

/// All findings in the order in which they are told.
fn findings(settings: &Settings, ends: &Ends, manifest: Option<&Manifest>, names: &Names) -> Vec<Check> {
    let mut checks = settings.told();
    checks.extend(clocks(ends));
    checks.extend(ends.sls.checks.iter().cloned());
    checks.extend(ends.langfuse.iter().flat_map(|found| found.checks.iter().cloned()));
    checks.extend(of_manifest(settings, manifest));
    checks.extend(estimates(ends, manifest, names));
    checks
}

fn clocks(ends: &Ends) -> Vec<Check> {
    let readings: Vec<Reading> = ends.sls.clock.into_iter().chain(ends.langfuse.iter().filter_map(|found| found.clock)).collect();
    let judged = |found: Option<Reading>, id| match found {
        Some(reading) => clock::judge(&reading, &others(&readings, &reading)),
        None => Check::skip(id, "the server was not reached"),
    };
    let destination = |found: &langfuse::Findings| found.checks.first().and_then(|check| check.destination.clone());
    let of_langfuse = ends.langfuse.iter().map(|found| judged(found.clock, "clock.langfuse").of(destination(found).as_deref()));
    [judged(ends.sls.clock, "clock.sls")].into_iter().chain(of_langfuse).collect()
}

fn others(readings: &[Reading], one: &Reading) -> Vec<Reading> {
    let mut others = readings.to_vec();
    others.iter().position(|other| other == one).map(|index| others.swap_remove(index));
    others
}

fn of_manifest(settings: &Settings, manifest: Option<&Manifest>) -> Vec<Check> {
    let Some(Manifest { function, environment, package }) = manifest else {
        return manifest::IDS.map(|id| Check::skip(id, "no manifest was named: --manifest s.yaml")).into();
    };
    let config = settings.config.as_ref();
    manifest::examine(&Deployed {
        props: &function.props,
        trigger: &function.trigger,
        environment,
        package: *package,
        request_timeout: config.and_then(|config| config.destinations.iter().map(|one| one.request_timeout.as_secs_f64()).reduce(f64::max)),
        trace: config.map(|config| &config.trace),
    })
}

fn estimates(ends: &Ends, manifest: Option<&Manifest>, names: &Names) -> Vec<Check> {
    let Some(sample) = &ends.sls.sample else {
        return estimate::IDS.map(|id| Check::skip(id, "not estimated: no records were read (sls.records)")).into();
    };
    let plan = match manifest {
        Some(manifest) => manifest::plan(&manifest.function.props, &manifest.function.trigger),
        None => Plan { region: names.region.clone(), ..Plan::default() },
    };
    let langfuse = ends.langfuse.iter().filter_map(|found| found.round_trip).max().unwrap_or_default();
    estimate::checks(sample, &plan, Waits { sls: ends.sls.round_trip.unwrap_or_default(), langfuse })
}

fn tell(doctor: &Doctor, diagnosis: Diagnosis) -> Result<(), Ending> {
    match doctor.json {
        true => say(&serde_json::to_string_pretty(&diagnosis).context("the findings cannot be written")?)?,
        false => say(&words::in_words(&diagnosis))?,
    }
    let failed = |id: &str| diagnosis.checks.iter().any(|check| check.status == Status::Fail && check.id == id);
    match diagnosis.status {
        Status::Fail if failed("settings") => Err(Ending::misused("settings are wrong: see the findings")),
        Status::Fail => Err(anyhow!("{} of {} checks failed: see the findings", diagnosis.counts.fail, diagnosis.checks.len()).into()),
        Status::Ok | Status::Skip | Status::Warn => Ok(()),
    }
}
