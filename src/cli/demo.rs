//! `demo`: sample logs through the real function, between stand-ins or to a real Langfuse, and what came out of it.
//!
//! The order of the steps and the words around them. The function itself runs in a process of its own, as it does when deployed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::Args;

use super::ending::Ending;
use super::function::{Answer, Function};
use super::overlay::Overlay;
use super::page::{self, Serve};
use super::stand_in::{SlsStandIn, sls_for};
use super::{Surroundings, Target, account, links, sample, say, told_to_end, tree};
use crate::config::{self, Variables};
use crate::delivery::destination::DestinationSettings;
use crate::emulator::langfuse::{LangfuseEmulator, LangfuseWorld};

/// Environment of what the demo sends to a real server, so that it can be told apart and deleted.
const ENVIRONMENT: &str = "sls-to-langfuse-demo";

/// Logstore of the stand-in for dead letters, whatever the user's is called.
const DEAD_LETTERS: &str = "demo-dead-letters";

const ROUTED: &str = "the demo sends to one project, and CONFIG_FILE has routes to several: unset CONFIG_FILE, and name the project by \
                      LANGFUSE_HOST, LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY";

const NEXT: &str = "Where to go next:
  make test               every test that needs only the toolchain
  make package            dist/bootstrap; docs/deploy-function-compute.md says the rest
  make run TO=langfuse    the same logs to your server (LANGFUSE_HOST, LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY)";

/// Arguments of `demo`.
#[derive(Args, Debug)]
pub struct Demo {
    /// Where the observations go
    #[arg(long, value_enum, default_value = "emulator")]
    to: Target,
    /// Whether a page shows what arrived at the stand-in until Ctrl-C
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    serve: Serve,
    /// The function's binary [default: `bootstrap` beside this program]
    #[arg(long, value_name = "PATH")]
    bootstrap: Option<PathBuf>,
}

impl Demo {
    /// Runs the demo; Ctrl-C ends it together with the function.
    pub async fn run(self, around: Surroundings<'_>) -> Result<(), Ending> {
        let program = self.program()?;
        let work = async {
            match self.to {
                Target::Emulator => to_emulator(program).await.map(Some),
                Target::Langfuse => to_langfuse(program, around).await.map(|()| None),
            }
        };
        let stand_in = tokio::select! {
            ended = work => ended?,
            told = told_to_end() => return told.and_then(|()| Err(anyhow!("interrupted").into())),
        };
        match stand_in {
            Some(langfuse) => page::shown(&langfuse, self.serve).await,
            None => Ok(()),
        }
    }

    fn program(&self) -> Result<PathBuf, Ending> {
        let beside = || Ok(std::env::current_exe().context("this program does not know where it is")?.with_file_name("bootstrap"));
        let program = self.bootstrap.clone().map_or_else(beside, Ok::<_, Ending>)?;
        if program.is_file() {
            return Ok(program);
        }
        let what = format!("the function is not at {}", program.display());
        Err(Ending::misused(format!("{what}: build it (cargo build --bin bootstrap), or name it with --bootstrap")))
    }
}

/// The stand-in with what arrived there.
async fn to_emulator(program: PathBuf) -> Result<LangfuseEmulator, Ending> {
    let world = LangfuseWorld { keep_sources: true, ..LangfuseWorld::default() };
    let langfuse = LangfuseEmulator::start(0, world).await.context("the Langfuse stand-in cannot listen")?;
    say("Twelve sample logs of an AI gateway: SLS (stand-in) -> bootstrap (the real function) -> Langfuse (stand-in)\n")?;
    let settings = [
        ("LANGFUSE_HOST", langfuse.base_url()),
        ("LANGFUSE_PUBLIC_KEY", LangfuseWorld::PUBLIC_KEY.to_owned()),
        ("LANGFUSE_SECRET_KEY", LangfuseWorld::SECRET_KEY.to_owned()),
    ];
    let answer = call(program, settings.map(|(name, text)| (name.to_owned(), text)).into()).await?;
    say(&tree::tree(&langfuse))?;
    told(&answer)?;
    say(&format!("\n{NEXT}"))?;
    Ok(langfuse)
}

async fn to_langfuse(program: PathBuf, around: Surroundings<'_>) -> Result<(), Ending> {
    let overlay = overlay(around.variables);
    let config = config::load(&overlay, around.files).map_err(Ending::wrong_settings)?;
    let langfuse = config.destinations.first().filter(|_| !config.selection.routes.exist()).ok_or_else(|| Ending::misused(ROUTED))?;
    say(&format!("Sending twelve sample logs to {}, environment {ENVIRONMENT}\n", langfuse.base_url))?;
    let answer = call(program, settings(&overlay, langfuse)).await?;
    told(&answer)?;
    say("\nThe traces:")?;
    for link in links::of(langfuse, &config.connection, &sample::traces()).await {
        say(&format!("  {link}"))?;
    }
    say(&format!("\nThe sample logs are of {}: a date filter in Langfuse may hide them. They can take a minute to appear.", sample::DAY))
}

/// Calls the function once, between an SLS stand-in and what these settings say.
async fn call(program: PathBuf, mut settings: BTreeMap<String, String>) -> Result<Answer, Ending> {
    let event = sample::event()?;
    let SlsStandIn { emulator: sls, credentials } = sls_for(&event, sample::LOGS, Some(DEAD_LETTERS)).await?;
    settings.insert("SLS_ENDPOINT".to_owned(), sls.endpoint());
    settings.insert("FC_SERVER_PORT".to_owned(), "0".to_owned());
    settings.entry("FC_FUNC_CODE_PATH".to_owned()).or_insert_with(|| "/code/".to_owned());
    let function = Function::start(&program, &settings).await?;
    function.invoke(sample::EVENT, &event.place.project, &credentials).await
}

/// Prints the report in words and as it came, or fails as the function did.
fn told(answer: &Answer) -> Result<(), Ending> {
    if answer.success {
        return say(&format!("\nThe report:\n{}\n\n{}", account::in_words(&answer.body), answer.text));
    }
    say(&format!("\nThe function's answer:\n{}", answer.text))?;
    let member = |name: &str| answer.body[name].as_str().unwrap_or("unknown");
    Err(anyhow!("the function failed: {}\nwhat to do: {}", member("errorMessage"), member("hint")).into())
}

/// The user's settings, but for those that would keep the sample logs from arriving or would touch more than a Langfuse project.
fn overlay(variables: &dyn Variables) -> Overlay<'_> {
    Overlay::on(variables)
        .with("LANGFUSE_TRACING_ENVIRONMENT", ENVIRONMENT)
        .with("LANGFUSE_TRACING_ENABLED", "true")
        .with("LANGFUSE_SAMPLE_RATE", "1")
        .with("DEAD_LETTER_LOGSTORE", DEAD_LETTERS)
        .with("SLS_SIGNATURE_VERSION", "auto")
        .with("LOG_FORMAT", "json")
        .with("RUST_LOG", "info")
        .with("ALIBABA_CLOUD_ACCESS_KEY_ID", "unused")
        .with("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "unused")
        .with("ALIBABA_CLOUD_SECURITY_TOKEN", "unused")
}

/// The settings for the function: every one that is set, with the keys themselves in the place of references to them.
fn settings(overlay: &Overlay<'_>, langfuse: &DestinationSettings) -> BTreeMap<String, String> {
    let lower = |name: &str| name.ends_with("_PROXY").then(|| name.to_ascii_lowercase());
    let names = config::settings().iter().flat_map(|setting| [Some(setting.name.to_owned()), lower(setting.name)]).flatten();
    let mut settings: BTreeMap<_, _> = names.filter_map(|name| Some((name.clone(), overlay.get(&name)?))).collect();
    settings.remove("LANGFUSE_BASE_URL");
    settings.insert("LANGFUSE_HOST".to_owned(), langfuse.base_url.clone());
    settings.insert("LANGFUSE_PUBLIC_KEY".to_owned(), langfuse.public_key.clone());
    settings.insert("LANGFUSE_SECRET_KEY".to_owned(), langfuse.secret_key.expose().to_owned());
    // Relative paths in the settings start there, or else here.
    let here = || std::env::current_dir().ok().map(|path| path.display().to_string());
    let code_path = overlay.get("FC_FUNC_CODE_PATH").filter(|path| !path.is_empty()).or_else(here);
    settings.extend(code_path.map(|path| ("FC_FUNC_CODE_PATH".to_owned(), path)));
    settings
}
