//! Projects, their Logstores and shards: looking up, making and splitting. Knows nothing of HTTP but the refusals of §7.

use std::collections::BTreeMap;

use super::call::Place;
use super::refusal::Refusal;
use super::shard::{KeyRange, Shard, ShardSpec};
use crate::sls::wire::LogGroup;

/// A project, Logstore or shard that was never made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stand-in has no shard {shard:?} in Logstore {logstore:?} of project {project:?}; create_logstore comes first")]
pub struct UnknownPlace {
    /// Project asked for.
    pub project: String,
    /// Logstore asked for.
    pub logstore: String,
    /// Shard asked for; none when it was about the Logstore.
    pub shard: Option<u32>,
}

#[derive(Debug, Default)]
pub(super) struct Logstore {
    pub(super) shards: BTreeMap<u32, Shard>,
    /// What PutLogs stored, in order of arrival.
    pub(super) puts: Vec<LogGroup>,
    /// What GetLogStore says; what is kept decides `expire_before`.
    pub(super) retention_days: u32,
    pub(super) create_time: u32,
}

/// What the console suggests. Days.
const RETENTION_DAYS: u32 = 30;

impl Logstore {
    /// Equal key ranges in the order given.
    pub(super) fn new(specs: &[ShardSpec], create_time: u32) -> Self {
        let part = |(index, spec): (usize, &ShardSpec)| {
            let shard = Shard::new(spec.seed, KeyRange::part(index, specs.len()), create_time);
            (spec.id, shard)
        };
        Self { shards: specs.iter().enumerate().map(part).collect(), puts: Vec::new(), retention_days: RETENTION_DAYS, create_time }
    }

    /// Makes the parent readonly and adds two children with half its keys each. None if there is no such parent.
    pub(super) fn split(&mut self, parent: u32, children: [ShardSpec; 2], create_time: u32) -> Option<()> {
        let parent = self.shards.get_mut(&parent)?;
        parent.read_only = true;
        let halves = parent.keys.halves();
        for (spec, keys) in children.into_iter().zip(halves) {
            self.shards.insert(spec.id, Shard::new(spec.seed, keys, create_time));
        }
        Some(())
    }

    pub(super) fn shard(&self, id: u32) -> Result<&Shard, Refusal> {
        self.shards.get(&id).ok_or_else(|| Refusal::new(400, "ShardNotExist", format!("Shard {id} does not exist.")))
    }

    /// The shard a write goes to: by key, or in turn. Readonly shards take nothing.
    pub(super) fn writable(&mut self, place: Place) -> Result<&mut Shard, Refusal> {
        let turn = self.puts.len();
        let mut open: Vec<_> = self.shards.values_mut().filter(|shard| !shard.read_only).collect();
        let chosen = match place {
            Place::Key(key) => open.iter().position(|shard| shard.keys.contains(key)),
            Place::Logstore | Place::Shard(_) => turn.checked_rem(open.len()),
        };
        chosen.map(|index| open.swap_remove(index)).ok_or_else(no_shard)
    }
}

fn no_shard() -> Refusal {
    Refusal::new(400, "LogStoreWithoutShard", "logstore has no shard")
}

/// All projects by name, their Logstores by name.
#[derive(Debug, Default)]
pub(super) struct Projects(BTreeMap<String, BTreeMap<String, Logstore>>);

impl Projects {
    pub(super) fn add(&mut self, project: &str, name: &str, logstore: Logstore) {
        self.0.entry(project.to_owned()).or_default().insert(name.to_owned(), logstore);
    }

    /// For a request about the Logstore itself.
    pub(super) fn known(&mut self, project: &str, logstore: &str) -> Result<&mut Logstore, Refusal> {
        let missing_project = || Refusal::new(404, "ProjectNotExist", format!("The Project does not exist : {project}"));
        let missing_logstore = || Refusal::new(404, "LogStoreNotExist", format!("logstore {logstore} does not exist"));
        self.0.get_mut(project).ok_or_else(missing_project)?.get_mut(logstore).ok_or_else(missing_logstore)
    }

    /// For a request that wants a shard.
    pub(super) fn find(&mut self, project: &str, logstore: &str) -> Result<&mut Logstore, Refusal> {
        let logstore = self.known(project, logstore)?;
        if logstore.shards.is_empty() { Err(no_shard()) } else { Ok(logstore) }
    }

    /// For the program that set the stand-in up.
    pub(super) fn logstore(&mut self, project: &str, logstore: &str) -> Result<&mut Logstore, UnknownPlace> {
        let found = self.0.get_mut(project).and_then(|logstores| logstores.get_mut(logstore));
        found.ok_or_else(|| UnknownPlace { project: project.to_owned(), logstore: logstore.to_owned(), shard: None })
    }

    /// For the program that set the stand-in up.
    pub(super) fn shard(&mut self, project: &str, logstore: &str, shard: u32) -> Result<&mut Shard, UnknownPlace> {
        let unknown = || UnknownPlace { project: project.to_owned(), logstore: logstore.to_owned(), shard: Some(shard) };
        self.logstore(project, logstore).ok().and_then(|logstore| logstore.shards.get_mut(&shard)).ok_or_else(unknown)
    }
}
