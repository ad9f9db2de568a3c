//! `doctor`: is everything as it must be; and with `--policies` the least that each identity of a deployment must be allowed.
//!
//! `examine` asks the questions of `crate::doctor` in their order, `subject` says what is asked about, `words` prints what was found.
//! `deployment` says what things are called, `manifest` reads that from an `s.yaml` (`yaml` being how), `policies` makes the documents and `commands` says how
//! to apply them.

mod commands;
mod deployment;
mod examine;
mod manifest;
mod policies;
mod subject;
mod words;
mod yaml;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Args;

use super::ending::Ending;
use super::{Surroundings, remark, say};
use crate::doctor::langfuse::Writing;
use deployment::{Deployment, Names};
use manifest::Function;
use policies::Document;

/// Arguments of `doctor`.
#[derive(Args, Debug)]
pub struct Doctor {
    /// Print the least-privilege RAM policies for function, trigger and deployer, and check nothing
    #[arg(long)]
    policies: bool,
    /// A Serverless Devs manifest to check and to take names and settings from; options beside it win
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// With --policies: write each document into this folder and print the commands that apply them
    #[arg(long, value_name = "DIR", requires = "policies")]
    write: Option<PathBuf>,
    /// Endpoint of SLS [default: SLS_ENDPOINT, else the public one of the region]
    #[arg(long, value_name = "HOST", conflicts_with = "policies")]
    endpoint: Option<String>,
    /// About how many of the newest records to look at
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    records: u64,
    /// Write no observation to Langfuse
    #[arg(long)]
    no_canary: bool,
    /// How long to wait until the observation that was written can be read
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=900))]
    canary_wait: u64,
    /// How long one request may take
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    timeout: u64,
    /// Print JSON (docs/doctor.md)
    #[arg(long, conflicts_with = "policies")]
    json: bool,
    #[command(flatten)]
    names: Names,
}

impl Doctor {
    /// Prints what was found; or the policy documents, or writes them and prints how to apply them.
    pub async fn run(self, around: Surroundings<'_>) -> Result<(), Ending> {
        let function = self.manifest.as_deref().map(read).transpose()?;
        match self.policies {
            true => self.policies(function),
            false => examine::run(&self, function, around).await,
        }
    }

    fn policies(self, function: Option<Function>) -> Result<(), Ending> {
        let deployment = Deployment::of(self.names.or(names(function.as_ref()))).map_err(Ending::misused)?;
        let documents = policies::documents(&deployment);
        match &self.write {
            Some(directory) => {
                write(&documents, directory)?;
                say(&commands::applying(&deployment, &documents, directory))
            }
            None => documents.iter().try_for_each(|document| say(&format!("# {}: {}\n{}", document.file, document.purpose, document.json))),
        }
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }

    fn writing(&self) -> Writing {
        if self.no_canary { Writing::Nothing } else { Writing::Canary(Duration::from_secs(self.canary_wait)) }
    }
}

fn names(function: Option<&Function>) -> Names {
    function.map(Function::names).unwrap_or_default()
}

fn read(path: &Path) -> Result<Function, Ending> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| Ending::misused(format!("cannot read the manifest {shown}: {error}")))?;
    manifest::function(&text).map_err(|error| Ending::misused(format!("the manifest {shown} cannot be used: {error}")))
}

fn write(documents: &[Document], directory: &Path) -> Result<(), Ending> {
    fs::create_dir_all(directory).with_context(|| format!("cannot make the folder {}", directory.display()))?;
    for document in documents {
        let path = directory.join(document.file);
        fs::write(&path, &document.json).with_context(|| format!("cannot write {}", path.display()))?;
        remark(&format!("wrote {}: {}", path.display(), document.purpose));
    }
    Ok(())
}
