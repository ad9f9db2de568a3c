//! What is examined: the settings in force, the Logstore, the destinations, the manifest; and every problem that stands in the way of one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context;

use super::Doctor;
use super::deployment::Names;
use super::manifest::Function;
use crate::assembly;
use crate::cli::ending::Ending;
use crate::cli::overlay::Overlay;
use crate::cli::{Surroundings, arguments, needs};
use crate::config::{self, Config, Problems, Variables};
use crate::delivery::connection::http_client;
use crate::delivery::destination::{Destination, DestinationSettings};
use crate::doctor::Check;
use crate::doctor::manifest::{Environment, Package, environment};
use crate::doctor::sls::Source;
use crate::handler::Access;
use crate::invocation::LogPlace;
use crate::sls::client::Logstore;

/// A manifest, and what is known beside it.
pub struct Manifest {
    /// The function.
    pub function: Function,
    /// Its environment.
    pub environment: Environment,
    /// Its code.
    pub package: Package,
}

/// The settings as far as they can be used.
pub struct Settings {
    /// What can be used; without Langfuse keys, or without the key pair of SLS, if these alone are wrong.
    pub config: Option<Config>,
    /// Destinations can be sent to.
    pub with_keys: bool,
    /// `settings`: one finding for each problem, or one that there is none.
    pub checks: Vec<Check>,
}

impl Manifest {
    /// The function of a manifest that lies at `path`, with the environment of the shell filled in.
    pub fn of(function: Function, path: &Path, shell: &dyn Variables) -> Self {
        let environment = environment(&function.props, shell);
        let package = code(&function, path).map_or(Package::NotLookedInto, |code| package(&code));
        Self { function, environment, package }
    }

    /// The settings of the shell with those of the function above them, which are the ones in force once it is deployed.
    pub fn over<'v>(&self, path: &Path, shell: &'v dyn Variables) -> Overlay<'v> {
        let own = self.environment.values.iter();
        let overlay = own.fold(Overlay::on(shell), |overlay, (name, value)| overlay.with(name, value));
        // Files are named as they will lie beside the code.
        match code(&self.function, path).filter(|_| self.environment.values.contains_key("CONFIG_FILE")) {
            Some(code) => overlay.with("FC_FUNC_CODE_PATH", code.display().to_string()),
            None => overlay,
        }
    }
}

/// The folder of the code, where it is one.
fn code(function: &Function, manifest: &Path) -> Option<PathBuf> {
    let code = manifest.parent().unwrap_or(Path::new(".")).join(function.props["code"].as_str()?);
    (code.extension().is_none_or(|kind| kind != "zip")).then_some(code)
}

fn package(code: &Path) -> Package {
    use std::os::unix::fs::PermissionsExt;
    match std::fs::metadata(code.join("bootstrap")) {
        Err(_) => Package::Missing,
        Ok(file) if file.permissions().mode() & 0o111 == 0 => Package::NotExecutable,
        Ok(_) => Package::Ready,
    }
}

impl Settings {
    /// Loads them. A wrong or missing key of one end leaves the rest usable.
    pub fn load(variables: &dyn Variables, around: Surroundings<'_>) -> Self {
        let problems = match config::load(variables, around.files) {
            Ok(config) => return Self { config: Some(config), with_keys: true, checks: Vec::new() },
            Err(problems) => problems,
        };
        let without_sls = config::load_without_sls_keys(variables, around.files).ok();
        let with_keys = without_sls.is_some();
        let config = without_sls.or_else(|| config::load_without_keys(variables, around.files).ok());
        Self { config, with_keys, checks: of_problems(&problems) }
    }

    /// Adds what reading a Logstore needs beside settings that are right, and puts the endpoint of the region in where none is set.
    pub fn need_sls(&mut self, names: &Names, around: Surroundings<'_>) {
        if !needs::has_key(around) && !self.names(needs::KEY_ID) {
            let fix = "export both, of a key that may read the Logstore; or leave --project and --manifest out";
            self.checks.push(Check::fail("settings", needs::keyless(""), fix));
        }
        let Some(config) = &mut self.config else { return };
        if config.endpoint.replacement.is_some() {
            return;
        }
        match names.region.as_ref().or(config.signature.region.as_ref()) {
            Some(region) => config.endpoint.replacement = Some(format!("{region}.log.aliyuncs.com")),
            None => self.checks.push(Check::fail(
                "settings",
                "the endpoint of SLS is not known",
                "name it: --endpoint cn-hangzhou.log.aliyuncs.com, --region cn-hangzhou, SLS_ENDPOINT or SLS_REGION",
            )),
        }
    }

    /// True if a finding is about this setting.
    fn names(&self, setting: &str) -> bool {
        self.checks.iter().any(|check| check.facts.get("setting").is_some_and(|named| named == setting))
    }

    /// True if nobody says where SLS is.
    pub fn lacks_endpoint(&self) -> bool {
        self.config.as_ref().is_none_or(|config| config.endpoint.replacement.is_none())
    }

    /// The findings about settings.
    pub fn told(&self) -> Vec<Check> {
        if !self.checks.is_empty() {
            return self.checks.clone();
        }
        if self.config.as_ref().is_some_and(|config| !config.trace.enabled) {
            let fix = "set LANGFUSE_TRACING_ENABLED to true; to pause, disable the trigger instead";
            return vec![Check::warn(
                "settings",
                "LANGFUSE_TRACING_ENABLED is false: every record is passed over and none is delivered",
                fix,
            )];
        }
        let destinations = self.config.as_ref().map_or(0, |config| config.destinations.len());
        vec![Check::ok("settings", "all settings are right").with("destinations", destinations)]
    }
}

fn of_problems(problems: &Problems) -> Vec<Check> {
    let check = |problem: &config::Problem| {
        Check::fail(
            "settings",
            format!("{} ({}): {}", problem.setting, problem.place, problem.rule),
            format!("for example: {}", problem.example),
        )
        .with("setting", problem.setting.as_str())
    };
    problems.iter().map(check).collect()
}

/// The Logstore that was named; `None`: none was.
///
/// # Errors
/// [`Ending::Misused`] for half a name, and for one that no project or Logstore can have: it would become part of another address.
pub fn place(names: &Names) -> Result<Option<LogPlace>, Ending> {
    match (&names.project, &names.logstore) {
        (Some(project), Some(logstore)) => {
            let project =
                arguments::project_name(project).map_err(|rule| Ending::misused(format!("--project, or the manifest: {rule}")))?;
            let logstore =
                arguments::logstore_name(logstore).map_err(|rule| Ending::misused(format!("--logstore, or the manifest: {rule}")))?;
            Ok(Some(LogPlace { project, logstore }))
        }
        (None, None) => Ok(None),
        _ => Err(Ending::misused("--project and --logstore belong together")),
    }
}

/// The Logstore as it may be asked, and that of the dead letters, or why not.
///
/// # Errors
/// The finding `sls.endpoint`; the clients cannot be set up.
pub fn source(config: &Config, place: &LogPlace) -> Result<Result<Source, Check>, Ending> {
    let handler = assembly::surveyor(config).context("the clients cannot be set up")?;
    let logstore = match handler.logstore(place, Access { endpoint: "", credentials: None, region: None }) {
        Ok(logstore) => logstore,
        Err(failure) => return Ok(Err(Check::fail("sls.endpoint", failure.message, failure.hint))),
    };
    let dead_letters = config.dead_letter_logstore.clone().map(|name| Logstore { name, ..logstore.clone() });
    Ok(Ok(Source { logstore, dead_letters }))
}

/// Every destination, with requests that take no longer than is waited here.
///
/// # Errors
/// When the client cannot be set up.
pub fn destinations(config: &Config, doctor: &Doctor) -> Result<Vec<Arc<Destination>>, Ending> {
    let http = http_client(&config.connection).context("the client cannot be set up")?;
    let of = |settings: &DestinationSettings| {
        let settings = DestinationSettings { request_timeout: settings.request_timeout.min(doctor.timeout()), ..settings.clone() };
        Arc::new(Destination::new(settings, http.clone(), config.destinations.len(), SystemTime::now))
    };
    Ok(config.destinations.iter().map(of).collect())
}
