//! Simple Log Service, as far as this project calls it: PullLogs, GetCursor, GetCursorTime, ListShards, GetLogStore, PutLogs.
//!
//! It follows `reference/sls.md` and is no kinder than that: signatures, clock, tokens and permissions are checked before anything
//! is done, and where the reference leaves something open the stricter reading holds. It evaluates no SPL and keeps nothing on disk.

mod access;
mod call;
mod compression;
mod cursor;
mod fault;
mod load;
mod logstore;
mod lookup;
mod pull;
mod put;
mod record;
mod refusal;
mod service;
mod shard;
mod signature;
#[cfg(test)]
mod tests;

pub use access::{AccessKey, Action, Grant, Grants, SecurityToken};
pub use call::Operation;
pub use fault::Fault;
pub use load::{LoadError, groups_from_jsonl};
pub use logstore::UnknownPlace;
pub use record::RecordedRequest;
pub use shard::{PageLimits, ShardSpec};

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::Request;

use self::logstore::Logstore;
use self::service::State;
use crate::emulator::server::{Answer, Reply, Server};
use crate::sls::wire::LogGroup;

/// Tells the time to the stand-in.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// The world around the Logstores.
#[derive(Clone)]
pub struct SlsWorld {
    /// Region id: part of resource names, and what V4 signatures must be made for.
    pub region: String,
    /// Account id in resource names.
    pub account: String,
    /// The server's time.
    pub clock: Clock,
    /// How much one page of PullLogs may hold.
    pub page_limits: PageLimits,
}

impl Default for SlsWorld {
    /// Region `cn-hangzhou`, the system clock and pages as large as consumers expect.
    fn default() -> Self {
        Self {
            region: "cn-hangzhou".into(),
            account: "1000000000000000".into(),
            clock: Arc::new(SystemTime::now),
            page_limits: PageLimits::default(),
        }
    }
}

/// A handle of a running stand-in. The port closes when the last handle is dropped.
#[derive(Clone)]
pub struct SlsEmulator {
    service: Arc<Service>,
    server: Arc<Server>,
}

impl std::fmt::Debug for SlsEmulator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SlsEmulator").field("address", &self.address()).finish_non_exhaustive()
    }
}

struct Service(Mutex<State>);

impl Service {
    /// A panic elsewhere must not turn every later request into another one.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answer for Service {
    fn answer(&self, request: Request<Bytes>) -> Pin<Box<dyn Future<Output = Reply> + Send + '_>> {
        Box::pin(async move {
            let (reply, pause) = self.state().handle(&request);
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
            }
            reply
        })
    }
}

impl SlsEmulator {
    /// Starts an empty stand-in on 127.0.0.1, `port` 0 for any free one.
    ///
    /// # Errors
    /// When the port cannot be bound.
    pub async fn start(port: u16, world: SlsWorld) -> std::io::Result<Self> {
        let service = Arc::new(Service(Mutex::new(State::new(world))));
        let server = Arc::new(Server::start(port, service.clone()).await?);
        Ok(Self { service, server })
    }

    /// Where it listens. The project goes into `Host` only: `<project>.127.0.0.1:<port>`.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// How many connections it has accepted so far.
    pub fn connections(&self) -> usize {
        self.server.connections()
    }

    /// The address as the endpoint of an event or setting: `http://127.0.0.1:<port>`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Makes a Logstore, and its project if need be; one of the same name is replaced. The shards share the keys equally.
    pub fn create_logstore(&self, project: &str, logstore: &str, shards: &[ShardSpec]) {
        let mut state = self.service.state();
        let made = Logstore::new(shards, seconds(&state.world.clock));
        state.projects.add(project, logstore, made);
    }

    /// Appends a log group to a shard as if it arrived at `receive_time` (seconds), and returns its cursor. Nothing about the group
    /// is checked, so that damaged data can be placed.
    ///
    /// # Errors
    /// When there is no such shard.
    pub fn append(&self, project: &str, logstore: &str, shard: u32, group: &LogGroup, receive_time: u32) -> Result<String, UnknownPlace> {
        let mut state = self.service.state();
        let shard = state.projects.shard(project, logstore, shard)?;
        let index = shard.push(group, receive_time);
        Ok(cursor::encode(shard.number(index)))
    }

    /// The same for a group that is encoded already, which it need not be well.
    ///
    /// # Errors
    /// When there is no such shard.
    pub fn append_encoded(&self, place: (&str, &str, u32), group: &[u8], receive_time: u32) -> Result<String, UnknownPlace> {
        let mut state = self.service.state();
        let shard = state.projects.shard(place.0, place.1, place.2)?;
        let index = shard.push_encoded(group, receive_time);
        Ok(cursor::encode(shard.number(index)))
    }

    /// The cursor of the group at `index`, counted from 0 since the shard was made; it need not exist.
    ///
    /// # Errors
    /// When there is no such shard.
    pub fn cursor(&self, project: &str, logstore: &str, shard: u32, index: usize) -> Result<String, UnknownPlace> {
        let number = self.service.state().projects.shard(project, logstore, shard)?.number(index);
        Ok(cursor::encode(number))
    }

    /// The cursor of the next group to be written.
    ///
    /// # Errors
    /// When there is no such shard.
    pub fn end_cursor(&self, project: &str, logstore: &str, shard: u32) -> Result<String, UnknownPlace> {
        let mut state = self.service.state();
        let shard = state.projects.shard(project, logstore, shard)?;
        Ok(cursor::encode(shard.number(shard.end())))
    }

    /// Makes the group at `index` the first that can be read, as the end of retention does.
    ///
    /// # Errors
    /// When there is no such shard.
    pub fn expire_before(&self, project: &str, logstore: &str, shard: u32, index: usize) -> Result<(), UnknownPlace> {
        self.service.state().projects.shard(project, logstore, shard)?.expire_before(index);
        Ok(())
    }

    /// Sets for how many days GetLogStore says that logs are kept.
    ///
    /// # Errors
    /// When there is no such Logstore.
    pub fn set_retention(&self, project: &str, logstore: &str, days: u32) -> Result<(), UnknownPlace> {
        self.service.state().projects.logstore(project, logstore)?.retention_days = days;
        Ok(())
    }

    /// Splits a shard: it becomes readonly, and two new ones share its keys (`reference/sls.md` §3, "Shards").
    ///
    /// # Errors
    /// When there is no such shard.
    pub fn split(&self, project: &str, logstore: &str, shard: u32, children: [ShardSpec; 2]) -> Result<(), UnknownPlace> {
        let mut state = self.service.state();
        let now = seconds(&state.world.clock);
        state.projects.shard(project, logstore, shard)?;
        state.projects.logstore(project, logstore)?.split(shard, children, now);
        Ok(())
    }

    /// Takes a shard away, as happens to a readonly one after its retention (`reference/sls.md` §3, "Shards").
    ///
    /// # Errors
    /// When there is no such shard.
    pub fn remove_shard(&self, project: &str, logstore: &str, shard: u32) -> Result<(), UnknownPlace> {
        let mut state = self.service.state();
        state.projects.shard(project, logstore, shard)?;
        state.projects.logstore(project, logstore)?.shards.remove(&shard);
        Ok(())
    }

    /// What PutLogs stored in a Logstore, in order of arrival; nothing when there is no such Logstore.
    pub fn put_groups(&self, project: &str, logstore: &str) -> Vec<LogGroup> {
        self.service.state().projects.logstore(project, logstore).map(|logstore| logstore.puts.clone()).unwrap_or_default()
    }

    /// Makes a key known, or replaces the one of the same id.
    pub fn add_key(&self, key: AccessKey) {
        self.service.state().keys.insert(key.id.clone(), key);
    }

    /// Forgets a key, as when it is deleted in the console.
    pub fn remove_key(&self, id: &str) {
        self.service.state().keys.remove(id);
    }

    /// Replaces the clock. It is asked while a request is being judged, so it must not call this handle.
    pub fn set_clock(&self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) {
        self.service.state().world.clock = Arc::new(clock);
    }

    /// Replaces the limits of a page.
    pub fn set_page_limits(&self, limits: PageLimits) {
        self.service.state().world.page_limits = limits;
    }

    /// Queues a fault for the next request of this operation, of any when none is named. Each fault strikes once.
    pub fn script(&self, operation: impl Into<Option<Operation>>, fault: Fault) {
        self.service.state().script.push(operation.into(), fault);
    }

    /// Lets every request for which no fault is scripted ask whether it goes wrong. It is asked while a request is being judged, so it
    /// must not call this handle.
    pub fn set_chance(&self, chance: impl FnMut(Operation) -> Option<Fault> + Send + 'static) {
        self.service.state().chance = Some(Box::new(chance));
    }

    /// How many scripted faults have not struck yet.
    pub fn pending_faults(&self) -> usize {
        self.service.state().script.len()
    }

    /// The requests that arrived, oldest first.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.service.state().records.all()
    }

    /// Forgets the requests that arrived.
    pub fn clear_requests(&self) {
        self.service.state().records.clear();
    }
}

fn seconds(clock: &Clock) -> u32 {
    let since = clock().duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
}
