//! The trigger, and which log goes where. Pure.

use serde_json::Value;

use super::{Deployed, interval, number};
use crate::config;
use crate::doctor::check::Check;

/// How often one range is tried again by default; 0 leaves it to the next interval.
const SOME_RETRIES: f64 = 1.0;

pub(super) fn region(deployed: &Deployed<'_>) -> Check {
    let (id, own) = ("manifest.region", deployed.props["region"].as_str().unwrap_or_default());
    let source = deployed.trigger["sourceArn"].as_str().and_then(|arn| arn.split(':').nth(2)).unwrap_or_default();
    match (own, source) {
        ("", _) => Check::fail(id, "the function has no region", "set `region` to that of the SLS project"),
        (_, "") => Check::fail(id, "the trigger has no sourceArn", "set `sourceArn: acs:log:REGION:ACCOUNT:project/PROJECT`"),
        (own, source) if own != source => Check::fail(
            id,
            format!("the function is in {own} and the project in {source}"),
            "deploy the function in the region of the project",
        ),
        (own, _) => Check::ok(id, format!("function and project are in {own}")),
    }
}

/// A log of ours that goes into the Logstore which the trigger reads would call the function for its own lines, for ever.
pub(super) fn logs(deployed: &Deployed<'_>) -> Check {
    let (id, trigger) = ("manifest.log", &deployed.trigger["triggerConfig"]);
    let project = deployed.trigger["sourceArn"].as_str().and_then(|arn| arn.rsplit_once("project/")).map(|(_, project)| project);
    let source = (project, trigger["sourceConfig"]["logstore"].as_str());
    let place = |config: &'_ Value| (config["project"].as_str().map(str::to_owned), config["logstore"].as_str().map(str::to_owned));
    let is_source = |(project, logstore): &(Option<String>, Option<String>)| {
        logstore.as_deref().is_some_and(|logstore| source.1 == Some(logstore))
            && project.as_deref().is_none_or(|project| source.0 == Some(project))
    };
    let dead = deployed.environment.values.get("DEAD_LETTER_LOGSTORE").cloned();
    let logs = [
        ("the function's log (logConfig)", place(&deployed.props["logConfig"])),
        ("the trigger's log (triggerConfig.logConfig)", place(&trigger["logConfig"])),
        ("the dead letters (DEAD_LETTER_LOGSTORE)", (None, dead)),
    ];
    let looping: Vec<_> = logs.iter().filter(|(_, place)| is_source(place)).map(|(name, _)| *name).collect();
    if !looping.is_empty() {
        let what =
            format!("{} would go into the Logstore that the trigger reads: each line would call the function again", looping.join(" and "));
        return Check::fail(id, what, "give each of them a Logstore of its own in the same project");
    }
    if deployed.props["logConfig"].is_null() {
        return Check::warn(
            id,
            "the function has no logConfig, so nobody sees its reports",
            "set `logConfig` to a Logstore of its own, or to auto",
        );
    }
    Check::ok(id, "no log of the function goes into the Logstore that it reads")
}

pub(super) fn trigger(deployed: &Deployed<'_>) -> Check {
    let (id, config) = ("manifest.trigger", &deployed.trigger["triggerConfig"]);
    let (interval, retries) = (interval(deployed.trigger), number(&config["jobConfig"]["maxRetryTime"]));
    let mut problems = Vec::new();
    if !(3.0..=600.0).contains(&interval) {
        problems.push(format!("triggerInterval {interval} is not from 3 to 600 s"));
    }
    if retries.is_some_and(|retries| !(0.0..=100.0).contains(&retries)) {
        problems.push(format!("maxRetryTime {} is not from 0 to 100", retries.unwrap_or_default()));
    }
    if config["sourceConfig"]["logstore"].as_str().is_none_or(str::is_empty) {
        problems.push("sourceConfig.logstore is missing".to_owned());
    }
    if let Some(trace) = deployed.trace
        && let Err(error) = parameter(trace, &config["functionParameter"])
    {
        problems.push(format!("functionParameter would fail every call: {error}"));
    }
    if !problems.is_empty() {
        return Check::fail(id, problems.join("; "), "mend it in triggerConfig (docs/deploy-function-compute.md)");
    }
    worth_telling(id, config, interval, retries)
}

fn parameter(trace: &crate::trace::settings::TraceSettings, parameter: &Value) -> Result<(), config::ParameterError> {
    config::apply_parameter_member(trace, parameter)?;
    config::filter_of_parameter_member(parameter).map(|_| ())
}

fn worth_telling(id: &'static str, config: &Value, interval: f64, retries: Option<f64>) -> Check {
    let start = match number(&config["sourceConfig"]["startTime"]) {
        Some(start) => format!(", from the logs of {start} (UNIX seconds) on"),
        None => String::new(),
    };
    let what = format!("every {interval} s for each shard with new logs{start}");
    if config["enable"] == false {
        return Check::warn(id, format!("{what}, but it is disabled"), "set `enable: true`");
    }
    if retries.is_some_and(|retries| retries < SOME_RETRIES) {
        return Check::warn(id, format!("{what}, and a failed call is tried again only at the next interval"), "set `maxRetryTime: 3`");
    }
    Check::ok(id, what)
}
