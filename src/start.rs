//! How the function starts: which front end, with which settings, and what happens when they are wrong (`design.md` §2).

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::assembly::Place;
use crate::config::{self, Config, Files, LogFormat, LogSettings, Platform, Problems, Variables};
use crate::handler::Handler;
use crate::runtime::{Application, Misconfigured, fc, lambda};
use crate::{assembly, logging};

/// The exit code for wrong usage or configuration (`design.md` §2).
const WRONG_CONFIGURATION: u8 = 2;

/// Runs the function until the platform ends it.
pub fn function(variables: &dyn Variables, files: &dyn Files) -> ExitCode {
    let platform = match config::platform(variables) {
        Ok(platform) => platform,
        Err(problems) => return refuse(&problems.to_string()),
    };
    match (config::load(variables, files), platform.is_function_compute()) {
        (Ok(config), _) => with_settings(&platform, &config),
        (Err(problems), true) => without_settings(&platform, &problems),
        (Err(problems), false) if platform.lambda_runtime_api.is_some() => {
            tell(&problems);
            ExitCode::from(WRONG_CONFIGURATION)
        }
        (Err(problems), false) => refuse(&problems.to_string()),
    }
}

fn with_settings(platform: &Platform, config: &Config) -> ExitCode {
    logging::start(&config.log, LogFormat::Json);
    logging::hide_panic_messages();
    let place = if platform.is_function_compute() { Place::FunctionCompute } else { Place::Elsewhere };
    match assembly::handler(config, place) {
        Ok(handler) if platform.lambda_runtime_api.is_some() => run_on_lambda(platform, handler),
        Ok(handler) => run(platform, Arc::new(handler)),
        Err(error) => refuse(&error.to_string()),
    }
}

/// A start that fails ends the process: the platform begins anew, and shows what was written.
fn run_on_lambda(platform: &Platform, handler: Handler) -> ExitCode {
    let front_end = lambda::FrontEnd { handler, own_log_group: platform.lambda_log_group.clone() };
    let served = one_thread().and_then(|runtime| {
        tracing::info!(event = "polling", version = env!("CARGO_PKG_VERSION"), "ready for events");
        runtime.block_on(lambda::serve(front_end)).map_err(std::io::Error::other)
    });
    served.map_or_else(|error| refuse(&format!("the runtime API of Lambda broke off: {error}")), |()| ExitCode::SUCCESS)
}

fn without_settings(platform: &Platform, problems: &Problems) -> ExitCode {
    tell(problems);
    run(platform, Arc::new(Misconfigured { problems: problems.to_string() }))
}

/// Every problem of the settings as a line of the log, in the form that holds where nothing is set.
fn tell(problems: &Problems) {
    logging::start(&LogSettings::default(), LogFormat::Json);
    for problem in problems.iter() {
        tracing::error!(event = "invalid_settings", "{problem}");
    }
}

/// One thread: the smallest instances have a fraction of a core, and every further thread costs memory there.
fn one_thread() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn run(platform: &Platform, application: Arc<dyn Application>) -> ExitCode {
    let runtime = match one_thread() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&format!("the runtime cannot start: {error}")),
    };
    let served = runtime.block_on(serve(platform.listen_port, application));
    served.map_or_else(|error| refuse(&format!("cannot listen on port {}: {error}", platform.listen_port)), |()| ExitCode::SUCCESS)
}

async fn serve(port: u16, application: Arc<dyn Application>) -> std::io::Result<()> {
    let listener = fc::listen(port).await?;
    tracing::info!(event = "listening", address = %listener.local_addr()?, version = env!("CARGO_PKG_VERSION"), "ready for calls");
    let (stop, stopping) = watch::channel(false);
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! { _ = terminated.recv() => {}, _ = interrupted.recv() => {} }
        let _ = stop.send(true);
    });
    fc::serve(listener, application, stopping).await;
    Ok(())
}

fn refuse(reason: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr().lock(), "{reason}");
    ExitCode::from(WRONG_CONFIGURATION)
}
