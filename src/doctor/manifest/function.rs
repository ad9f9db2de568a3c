//! The function itself: role, time, size, start, network. Pure.

use serde_json::Value;

use super::{DEFAULT_CPU, DEFAULT_MEMORY, DEFAULT_TIMEOUT, Deployed, Package, all_or, interval, number};
use crate::doctor::check::Check;

/// Below this a cold start, one repeated request and the reserve for the answer do not fit. Seconds.
const SHORTEST_TIMEOUT: f64 = 10.0;

/// The longest that Function Compute knows. Seconds.
const LONGEST_TIMEOUT: f64 = 86_400.0;

/// Rounding of decimal fractions.
const ROUNDING: f64 = 1e-6;

pub(super) fn role(deployed: &Deployed<'_>) -> Check {
    let id = "manifest.role";
    let named = |role: &Value| role.as_str().is_some_and(|role| !role.trim().is_empty());
    match (named(&deployed.props["role"]), named(&deployed.trigger["invocationRole"])) {
        (true, true) => Check::ok(id, "function and trigger have a role; what each must be allowed says `doctor --policies`"),
        (false, _) => Check::fail(
            id,
            "the function has no role, so it gets no key to read SLS with",
            "set `role` to a role with log:GetCursorOrData on the Logstore (`doctor --policies --manifest s.yaml`)",
        ),
        (true, false) => Check::warn(
            id,
            "the trigger has no role of yours, so whether SLS may call the function depends on what is deployed with",
            "set `invocationRole` of the trigger to a role that SLS may take and that may call the function (`doctor --policies --manifest s.yaml`)",
        ),
    }
}

pub(super) fn timeout(deployed: &Deployed<'_>) -> Check {
    let (id, interval) = ("manifest.timeout", interval(deployed.trigger));
    let timeout = number(&deployed.props["timeout"]).unwrap_or(DEFAULT_TIMEOUT);
    let check = if !(SHORTEST_TIMEOUT..=LONGEST_TIMEOUT).contains(&timeout) {
        let what =
            format!("a time-out of {timeout} s: a call must have {SHORTEST_TIMEOUT} to {LONGEST_TIMEOUT} s (without `timeout` it has 3)");
        Check::fail(id, what, "set `timeout: 120`")
    } else if deployed.request_timeout.is_some_and(|request| request >= timeout) {
        let request = deployed.request_timeout.unwrap_or_default();
        let what = format!("a time-out of {timeout} s, and one request to Langfuse may take {request} s of it");
        Check::warn(id, what, "raise `timeout` to three times LANGFUSE_SDK_TIMEOUT, or lower that")
    } else if timeout < interval {
        let what = format!("a time-out of {timeout} s, and {interval} s between two calls: a full range may not be done in one call");
        Check::warn(id, what, format!("set `timeout` to {interval} or more, or call more often (triggerInterval)"))
    } else {
        Check::ok(id, format!("a time-out of {timeout} s for what comes in {interval} s"))
    };
    check.with("timeoutSeconds", timeout)
}

/// Multiples and ratio of `reference/function-compute.md` §6.2, which the schema of the component does not check.
pub(super) fn size(deployed: &Deployed<'_>) -> Check {
    let props = deployed.props;
    let memory = number(&props["memorySize"]).unwrap_or(DEFAULT_MEMORY);
    let cpu = number(&props["cpu"]).unwrap_or(DEFAULT_CPU);
    let concurrency = number(&props["instanceConcurrency"]).unwrap_or(1.0);
    let ratio = memory / 1024.0 / cpu;
    let mut problems = Vec::new();
    let mut demand = |good: bool, problem: String| {
        if !good {
            problems.push(problem)
        }
    };
    demand(
        (128.0..=32_768.0).contains(&memory) && memory % 64.0 == 0.0,
        format!("memorySize {memory} is no multiple of 64 from 128 to 32768"),
    );
    demand((0.05 - ROUNDING..=16.0).contains(&cpu) && is_multiple(cpu, 0.05), format!("cpu {cpu} is no multiple of 0.05 from 0.05 to 16"));
    demand(
        (1.0 - ROUNDING..=4.0 + ROUNDING).contains(&ratio),
        format!("{cpu} vCPU take {} to {} MB, not {memory}", cpu * 1024.0, cpu * 4096.0),
    );
    demand((1.0..=200.0).contains(&concurrency), format!("instanceConcurrency {concurrency} is not from 1 to 200"));
    if props["cpu"].is_null() && memory != DEFAULT_MEMORY {
        problems.push("cpu is missing: the component fills it in only for 512 MB".to_owned());
    }
    let well = format!("{cpu} vCPU, {memory} MB, up to {concurrency} calls at once in an instance");
    all_or("manifest.size", problems, "for example `cpu: 0.1`, `memorySize: 256`, `instanceConcurrency: 4`", well)
}

fn is_multiple(value: f64, step: f64) -> bool {
    let steps = value / step;
    (steps - steps.round()).abs() < ROUNDING
}

pub(super) fn startup(deployed: &Deployed<'_>) -> Check {
    let (id, props) = ("manifest.startup", deployed.props);
    let runtime = props["runtime"].as_str().unwrap_or_default();
    let custom = &props["customRuntimeConfig"];
    let words = ["command", "args"].into_iter().flat_map(|key| custom[key].as_array().into_iter().flatten());
    let words: Vec<_> = words.filter_map(serde_json::Value::as_str).collect();
    // Without a command Function Compute starts /code/bootstrap.
    let starts_it = words.is_empty() || words.iter().any(|word| word.rsplit('/').next() == Some("bootstrap"));
    match deployed.package {
        _ if !runtime.starts_with("custom") => {
            Check::fail(id, format!("the runtime {runtime:?} does not start programs"), "set `runtime: custom.debian12`")
        }
        _ if !starts_it => Check::fail(id, "customRuntimeConfig.command does not start bootstrap", "set `command: [/code/bootstrap]`"),
        Package::Missing => Check::warn(id, "there is no program bootstrap where `code` points to", "run `make package` before `s deploy`"),
        Package::NotExecutable => {
            Check::fail(id, "bootstrap, where `code` points to, may not be executed", "chmod +x it, or run `make package` again")
        }
        Package::Ready | Package::NotLookedInto => Check::ok(id, format!("{runtime} starts bootstrap")),
    }
}

pub(super) fn network(deployed: &Deployed<'_>) -> Check {
    let (id, props) = ("manifest.network", deployed.props);
    let internet = props["internetAccess"].as_bool().unwrap_or(true);
    match (internet, props["vpcConfig"].is_null()) {
        (true, _) => Check::ok(id, "the function may reach the internet"),
        (false, false) => Check::ok(id, "the function reaches a VPC and not the internet: Langfuse must be in it"),
        (false, true) => Check::fail(
            id,
            "internetAccess is false and there is no vpcConfig, so the function cannot reach Langfuse",
            "set `internetAccess: true`, or a `vpcConfig` in which Langfuse is reached",
        ),
    }
}
