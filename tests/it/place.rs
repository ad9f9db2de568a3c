//! Where a person works with the command line: both stand-ins, and a directory for what commands leave behind.
//!
//! Here for what several commands need; what only one does stands beside its tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use sls_to_langfuse::emulator::langfuse::{LangfuseEmulator, LangfuseWorld, StoredObservation};
use sls_to_langfuse::emulator::sls::{Operation, RecordedRequest, SlsEmulator};
use tokio::process::{Child, Command};

use crate::cli::{self, Ended};
use crate::support::{self, personal_settings, sls_with};

pub struct Place {
    pub sls: SlsEmulator,
    pub langfuse: LangfuseEmulator,
    pub directory: tempfile::TempDir,
}

impl Place {
    pub async fn of_shards(shards: &[u32]) -> Self {
        let langfuse = LangfuseEmulator::start(0, LangfuseWorld::default()).await.unwrap();
        Self { sls: sls_with(shards).await, langfuse, directory: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Writes a file and returns its path.
    pub fn file(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name).display().to_string()
    }

    pub fn settings(&self) -> BTreeMap<String, String> {
        personal_settings(&self.langfuse.base_url(), &self.sls.endpoint())
    }

    /// The program in the directory; more settings replace ordinary ones, and take one away with `(none)`.
    pub fn command(&self, arguments: &[&str], more: &[(&str, &str)]) -> Command {
        let mut settings = self.settings();
        settings.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        settings.retain(|_, value| value != "(none)");
        let settings: Vec<_> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut command = cli::command(arguments, &settings);
        command.current_dir(self.directory.path());
        command
    }

    /// Requests to Langfuse that sent something.
    pub fn posts(&self) -> usize {
        self.langfuse.requests().iter().filter(|request| request.method == "POST").count()
    }

    pub fn sls_requests(&self, operation: Operation) -> Vec<RecordedRequest> {
        self.sls.requests().into_iter().filter(|request| request.operation == Some(operation)).collect()
    }

    /// The gateway's ids of all records that Langfuse has.
    pub fn arrived(&self) -> BTreeSet<String> {
        support::arrived(&self.langfuse)
    }
}

/// How a command ended, which told nothing that it must not.
pub async fn ended(child: Child) -> Ended {
    let output = child.wait_with_output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let ended = Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
    assert!(!format!("{ended:?}").contains("sentinel") && !ended.stderr.contains("panicked"), "{ended:?}");
    ended
}

pub fn sorted(mut rows: Vec<StoredObservation>) -> Vec<StoredObservation> {
    rows.sort_by(|a, b| a.span_id.cmp(&b.span_id));
    rows
}
