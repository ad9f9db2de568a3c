//! Judges the function and its trigger as an `s.yaml` describes them, before they are deployed. Pure: values in, findings out. Rules are those
//! of `reference/function-compute.md` §1.4, §4.2, §5 and §6.

mod environment;
mod function;
mod trigger;

pub use environment::{Environment, of_function as environment};

use serde_json::Value;

use super::check::Check;
use super::estimate::Plan;
use crate::trace::settings::TraceSettings;

/// The ids of all checks here, in their order.
pub const IDS: [&str; 9] = [
    "manifest.region",
    "manifest.role",
    "manifest.log",
    "manifest.timeout",
    "manifest.size",
    "manifest.startup",
    "manifest.network",
    "manifest.environment",
    "manifest.trigger",
];

/// Settings of the fc3 component where a manifest says nothing (`reference/function-compute.md` §6.2).
const DEFAULT_TIMEOUT: f64 = 3.0;
const DEFAULT_MEMORY: f64 = 512.0;
const DEFAULT_CPU: f64 = 0.35;
const DEFAULT_DISK: f64 = 512.0;

/// What the template of this program sets. Seconds.
const DEFAULT_INTERVAL: f64 = 60.0;

/// What stands where the manifest says that the code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Package {
    /// A program that can be started.
    Ready,
    /// A file that is not marked as a program.
    NotExecutable,
    /// Nothing.
    Missing,
    /// A package or an address that is not looked into.
    NotLookedInto,
}

/// A function of a manifest, its variables filled in, and what is known beside it.
#[derive(Clone, Copy, Debug)]
pub struct Deployed<'m> {
    /// `props` of the resource.
    pub props: &'m Value,
    /// Its trigger of type log.
    pub trigger: &'m Value,
    /// Its environment.
    pub environment: &'m Environment,
    /// Its code.
    pub package: Package,
    /// The longest that one request to Langfuse may take, by the settings. Seconds.
    pub request_timeout: Option<f64>,
    /// How traces look by the settings; `None`: the settings are wrong.
    pub trace: Option<&'m TraceSettings>,
}

/// Judges all of it.
pub fn examine(deployed: &Deployed<'_>) -> Vec<Check> {
    vec![
        trigger::region(deployed),
        function::role(deployed),
        trigger::logs(deployed),
        function::timeout(deployed),
        function::size(deployed),
        function::startup(deployed),
        function::network(deployed),
        environment::judge(deployed.environment),
        trigger::trigger(deployed),
    ]
}

/// What it costs by.
pub fn plan(props: &Value, trigger: &Value) -> Plan {
    Plan {
        cpu: number(&props["cpu"]).unwrap_or(DEFAULT_CPU),
        memory: number(&props["memorySize"]).unwrap_or(DEFAULT_MEMORY),
        disk: number(&props["diskSize"]).unwrap_or(DEFAULT_DISK),
        interval: interval(trigger),
        region: props["region"].as_str().map(str::to_owned),
    }
}

fn interval(trigger: &Value) -> f64 {
    number(&trigger["triggerConfig"]["jobConfig"]["triggerInterval"]).unwrap_or(DEFAULT_INTERVAL)
}

/// A number, which the component also takes as a text.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// A check that fails with everything that is wrong, or is well.
fn all_or(id: &'static str, problems: Vec<String>, fix: &str, well: String) -> Check {
    if problems.is_empty() { Check::ok(id, well) } else { Check::fail(id, problems.join("; "), fix) }
}

#[cfg(test)]
mod tests;
