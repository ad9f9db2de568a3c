//! `doctor`: what a deployment needs. So far `--policies`: the least that each of its identities must be allowed.
//!
//! `deployment` says what things are called, `manifest` reads that from an `s.yaml` (`yaml` being how), `policies` makes the documents and `commands` says how
//! to apply them; here they are put together, printed and written. Nothing here asks the cloud.

mod commands;
mod deployment;
mod manifest;
mod policies;
mod yaml;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use super::ending::Ending;
use super::{remark, say};
use deployment::{Deployment, Names};
use policies::Document;

/// Arguments of `doctor`.
#[derive(Args, Debug)]
pub struct Doctor {
    /// The least-privilege RAM policies for function, trigger and deployer
    #[arg(long, required = true)]
    policies: bool,
    /// A Serverless Devs manifest to take names from; options beside it win
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Write each document into this folder and print the commands that apply them
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
    #[command(flatten)]
    names: Names,
}

impl Doctor {
    /// Prints the documents, or writes them and prints how to apply them.
    pub fn run(self) -> Result<(), Ending> {
        let read = self.manifest.as_deref().map(read).transpose()?.unwrap_or_default();
        let deployment = Deployment::of(self.names.or(read)).map_err(Ending::misused)?;
        let documents = policies::documents(&deployment);
        match &self.write {
            Some(directory) => {
                write(&documents, directory)?;
                say(&commands::applying(&deployment, &documents, directory))
            }
            None => documents.iter().try_for_each(|document| say(&format!("# {}: {}\n{}", document.file, document.purpose, document.json))),
        }
    }
}

fn read(path: &Path) -> Result<Names, Ending> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| Ending::misused(format!("cannot read the manifest {shown}: {error}")))?;
    manifest::names(&text).map_err(|error| Ending::misused(format!("the manifest {shown} cannot be used: {error}")))
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
