//! The state of the stand-in and the order of the steps of one request: fault, answer, record.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response};

use super::fault::{Fault, Script};
use super::incoming::{Incoming, RecordedRequest};
use super::store::{Store, Table};
use super::world::{LangfuseWorld, WriteMode};
use super::{batch, otlp, route};
use crate::emulator::server::{Answer, Reply};

/// Everything behind the lock.
#[derive(Debug, Default)]
pub struct State {
    /// The server that is played.
    pub world: LangfuseWorld,
    /// What it keeps.
    pub store: Store,
    /// What goes wrong.
    pub script: Script,
    /// What was asked.
    pub requests: Vec<RecordedRequest>,
}

/// What the server calls. It holds the state only, so that the port closes with the last handle.
pub struct Door(pub Arc<Mutex<State>>);

/// The state, also after a predicate of a test panicked under the lock.
pub fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// The table that the present write mode fills at once.
    pub fn primary(&self) -> Table {
        if self.world.effective_mode() == WriteMode::EventsOnly { Table::EventsFull } else { Table::Observations }
    }

    /// Takes up a request: the real answer unless a fault stands before the server, and the fault.
    pub fn take(&mut self, incoming: &Incoming) -> (Response<Bytes>, Option<Fault>, usize) {
        let fault = self.script.next(incoming);
        let (answer, items) = if fault.as_ref().is_none_or(Fault::stores) {
            route::answer(&mut self.store, &self.world, incoming)
        } else {
            (Response::new(Bytes::new()), otlp::items(incoming) + batch::items(incoming))
        };
        self.requests.push(RecordedRequest::new(incoming, self.world.keep_bodies, items));
        (answer, fault, self.requests.len() - 1)
    }

    fn answered(&mut self, place: usize, reply: &Reply, faulted: bool) {
        let status = match reply {
            Reply::Whole(response) | Reply::Cut(response, _) | Reply::Drip(response, _, _) => Some(response.status()),
            Reply::Reset => None,
        };
        if let Some(request) = self.requests.get_mut(place) {
            request.answered(status, faulted);
        }
    }
}

impl Door {
    async fn reply(&self, request: Request<Bytes>) -> Reply {
        let incoming = Incoming::new(request);
        let (answer, fault, place, version) = {
            let mut state = locked(&self.0);
            let (answer, fault, place) = state.take(&incoming);
            (answer, fault, place, state.world.version)
        };
        let faulted = fault.is_some();
        let reply = match fault {
            Some(fault) => fault.reply(answer, version).await,
            None => Reply::Whole(answer),
        };
        locked(&self.0).answered(place, &reply, faulted);
        reply
    }
}

impl Answer for Door {
    fn answer(&self, request: Request<Bytes>) -> Pin<Box<dyn Future<Output = Reply> + Send + '_>> {
        Box::pin(self.reply(request))
    }
}
