//! The state of the stand-in and the order of the steps of one request: fault, answer, record.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response};

use super::fault::{Fault, Script};
use super::incoming::{Incoming, RecordedRequest};
use super::store::{Store, Table, keep_newest};
use super::world::{LangfuseWorld, WriteMode};
use super::{batch, otlp, page, partial, route};
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
    /// What was asked, the newest of it where the world keeps no more.
    pub requests: Vec<RecordedRequest>,
    /// How many requests were forgotten.
    forgotten: usize,
    /// Another number after every change of the store.
    revision: u64,
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

    /// A server of this world, with nothing in it.
    pub fn of(world: LangfuseWorld) -> Self {
        // A page that outlives one server must not take the next one for it. Doubles carry 52 bits.
        Self { world, revision: u64::from(fastrand::u32(..)) << 20, ..Self::default() }
    }

    /// Notes that the store, or how it is read, is not what it was.
    pub fn changed(&mut self) {
        self.revision += 1;
    }

    fn shown(&self) -> page::Shown<'_> {
        let (table, version, mode) = (self.primary(), self.world.version, self.world.effective_mode());
        page::Shown { store: &self.store, table, version, mode, revision: self.revision }
    }

    /// Takes up a request: the real answer unless a fault stands before the server, the fault, and the running number of the request.
    pub fn take(&mut self, incoming: &Incoming) -> (Response<Bytes>, Option<Fault>, usize) {
        let fault = self.script.next(incoming);
        let (answer, items) = if fault.as_ref().is_none_or(Fault::stores) {
            self.real_answer(incoming, fault.as_ref())
        } else {
            (Response::new(Bytes::new()), otlp::items(incoming) + batch::items(incoming))
        };
        if items > 0 {
            self.changed();
        }
        self.requests.push(RecordedRequest::new(incoming, self.world.keep_bodies, items));
        let number = self.forgotten + self.requests.len() - 1;
        if let Some(keep) = self.world.keep {
            self.forgotten += keep_newest(&mut self.requests, keep);
            self.store.keep_newest(keep);
        }
        (answer, fault, number)
    }

    fn real_answer(&mut self, incoming: &Incoming, fault: Option<&Fault>) -> (Response<Bytes>, usize) {
        let Some(Fault::RefuseEvents { text, status }) = fault else {
            return route::answer(&mut self.store, &self.world, incoming);
        };
        let (rest, refused) = partial::without(incoming, text);
        let (answer, items) = route::answer(&mut self.store, &self.world, &rest);
        (partial::with_errors(answer, &refused, *status), items + refused.len())
    }

    /// Forgets every request so far.
    pub fn forget_requests(&mut self) {
        self.forgotten += self.requests.len();
        self.requests.clear();
    }

    fn answered(&mut self, number: usize, reply: &Reply, faulted: bool) {
        let status = match reply {
            Reply::Whole(response) | Reply::Cut(response, _) | Reply::Drip(response, _, _) => Some(response.status()),
            Reply::Reset => None,
        };
        if let Some(request) = number.checked_sub(self.forgotten).and_then(|place| self.requests.get_mut(place)) {
            request.answered(status, faulted);
        }
    }
}

impl Door {
    async fn reply(&self, request: Request<Bytes>) -> Reply {
        let incoming = Incoming::new(request);
        // No request of Langfuse's: it is not recorded, and no fault is used up by it.
        if page::is_asked(&incoming) {
            return Reply::Whole(page::answer(locked(&self.0).shown(), &incoming));
        }
        let (answer, fault, number, version) = {
            let mut state = locked(&self.0);
            let (answer, fault, number) = state.take(&incoming);
            (answer, fault, number, state.world.version)
        };
        let faulted = fault.is_some();
        let reply = match fault {
            Some(fault) => fault.reply(answer, version).await,
            None => Reply::Whole(answer),
        };
        locked(&self.0).answered(number, &reply, faulted);
        reply
    }
}

impl Answer for Door {
    fn answer(&self, request: Request<Bytes>) -> Pin<Box<dyn Future<Output = Reply> + Send + '_>> {
        Box::pin(self.reply(request))
    }
}
