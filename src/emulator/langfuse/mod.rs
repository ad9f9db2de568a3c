//! A stand-in for Langfuse, no kinder than the real server (`reference/langfuse.md`): both ingestion endpoints, the tables behind them,
//! what is lost on the way, and faults by script.
//!
//! Here live the handle and the order of the steps; rules, endpoints, tables and the page for people have files of their own. Not played: media, scores,
//! prompts, metrics, sampling, price look-up and tokenising, span events, and the attribute names of single frameworks.

mod auth;
mod batch;
mod fault;
mod incoming;
mod otlp;
mod page;
mod partial;
mod read;
mod reply;
mod route;
mod rules;
mod state;
mod store;
mod version;
mod world;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

pub use batch::{MAX_BODY as BATCH_MAX_BODY, PATH as BATCH_PATH};
pub use fault::{Fault, Gate, When};
pub use incoming::{Incoming, RecordedRequest};
pub use otlp::PATH as OTLP_PATH;
pub use store::Table;
pub use store::lost::{Lost, LostReason};
pub use store::observation::{Level, ObservationType, StoredObservation, StoredTrace};
pub use version::{NotAVersion, ServerVersion};
pub use world::{Health, LangfuseWorld, ProjectKey, WriteMode};

use super::server::Server;
use state::{Door, State, locked};
use store::Store;

/// A running stand-in. Clones share it; dropping the last one closes the port.
#[derive(Clone, Debug)]
pub struct LangfuseEmulator {
    state: Arc<Mutex<State>>,
    server: Arc<Server>,
}

impl LangfuseEmulator {
    /// Listens on 127.0.0.1, `port` 0 for any free one.
    ///
    /// # Errors
    /// When the port cannot be bound.
    pub async fn start(port: u16, world: LangfuseWorld) -> io::Result<Self> {
        let state = Arc::new(Mutex::new(State::of(world)));
        let server = Server::start(port, Arc::new(Door(state.clone()))).await?;
        Ok(Self { state, server: Arc::new(server) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// How many connections it has accepted so far.
    pub fn connections(&self) -> usize {
        self.server.connections()
    }

    /// `http://127.0.0.1:port`, no trailing slash.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The world as it is now.
    pub fn world(&self) -> LangfuseWorld {
        locked(&self.state).world.clone()
    }

    /// Changes the world while it runs.
    pub fn change(&self, change: impl FnOnce(&mut LangfuseWorld)) {
        let mut state = locked(&self.state);
        change(&mut state.world);
        state.changed();
    }

    /// Another release from the next request on; the write mode stays.
    pub fn set_version(&self, version: ServerVersion) {
        self.change(|world| world.version = version);
    }

    /// Another write mode from the next request on; what is stored stays where it is.
    pub fn set_mode(&self, mode: WriteMode) {
        self.change(|world| world.mode = mode);
    }

    /// The next posts to the OTLP and the batch endpoint go wrong like this, one after the other.
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        let mut state = locked(&self.state);
        faults.into_iter().for_each(|fault| state.script.add(When::ingest(), fault, Some(1)));
    }

    /// The next `times` requests that fulfil the condition go wrong like this.
    pub fn script_when(&self, when: When, times: usize, fault: Fault) {
        locked(&self.state).script.add(when, fault, Some(times));
    }

    /// Every request that fulfils the condition goes wrong like this, until [`Self::clear_script`].
    pub fn refuse_when(&self, when: When, fault: Fault) {
        locked(&self.state).script.add(when, fault, None);
    }

    /// Nothing goes wrong any more.
    pub fn clear_script(&self) {
        locked(&self.state).script.clear();
    }

    /// Every request so far, in the order in which they were taken up.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        locked(&self.state).requests.clone()
    }

    /// The merged rows of the table that the present write mode fills at once: `events_full` in events_only, else the old one.
    pub fn observations(&self) -> Vec<StoredObservation> {
        let state = locked(&self.state);
        state.store.table(state.primary())
    }

    /// Those of one project.
    pub fn observations_of(&self, project: &str) -> Vec<StoredObservation> {
        self.observations().into_iter().filter(|row| row.project == project).collect()
    }

    /// The merged rows of a table.
    pub fn table(&self, table: Table) -> Vec<StoredObservation> {
        locked(&self.state).store.table(table)
    }

    /// Every row present in `events_full`, duplicates included, as v4 reads and sums see them until the database merges.
    pub fn unmerged(&self) -> Vec<StoredObservation> {
        locked(&self.state).store.events_full.unmerged().to_vec()
    }

    /// The database merges `events_full`.
    pub fn merge(&self) {
        let mut state = locked(&self.state);
        state.store.events_full.merge();
        state.changed();
    }

    /// The periodic job of a dual server runs: staged rows reach `events_full`.
    pub fn propagate(&self) {
        let mut state = locked(&self.state);
        if !state.store.staging.is_empty() {
            state.store.propagate();
            state.changed();
        }
    }

    /// Every observation that was stored, in order, once for each arrival whatever the tables.
    pub fn arrivals(&self) -> Vec<StoredObservation> {
        locked(&self.state).store.arrivals.clone()
    }

    /// Takes out every observation that was stored since the last time, in order, once for each arrival whatever the tables, and forgets
    /// the tables and the requests with them; what was lost stays known: for runs whose world does not fit into memory.
    pub fn take_arrivals(&self) -> Vec<StoredObservation> {
        let mut state = locked(&self.state);
        state.forget_requests();
        state.changed();
        let Store { arrivals, lost, bad_keys, .. } = std::mem::take(&mut state.store);
        state.store = Store { lost, bad_keys, ..Store::default() };
        arrivals
    }

    /// The rows of [`Self::observations`] that arrived more than once.
    pub fn duplicates(&self) -> Vec<StoredObservation> {
        self.observations().into_iter().filter(|row| row.arrivals > 1).collect()
    }

    /// What was answered with success and then lost.
    pub fn lost(&self) -> Vec<Lost> {
        locked(&self.state).store.lost.clone()
    }

    /// A trace: the row of the old table, or in events_only what its rows add up to.
    pub fn trace(&self, project: &str, id: &str) -> Option<StoredTrace> {
        let state = locked(&self.state);
        match state.primary() {
            Table::EventsFull => state.store.events_full.trace(project, id),
            Table::Observations => state.store.old.trace(project, id),
        }
    }

    /// The rows of the old table `traces`.
    pub fn old_traces(&self) -> Vec<StoredTrace> {
        locked(&self.state).store.old.traces()
    }

    /// Forgets everything stored, lost and recorded; world and script stay.
    pub fn clear(&self) {
        let mut state = locked(&self.state);
        state.store = Store::default();
        state.changed();
        state.forget_requests();
    }
}

#[cfg(test)]
mod tests;
