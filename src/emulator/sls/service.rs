//! The order of the steps for one request, and the state they need. Each step stands in its own file.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{DATE, HeaderValue};
use http::{Request, Response};

use super::access::{AccessKey, check_grant};
use super::call::{Call, Operation, Place, Route, project_of};
use super::fault::{self, Chance, Fault, Script};
use super::logstore::{Logstore, Projects};
use super::record::{RecordedRequest, Records};
use super::refusal::Refusal;
use super::shard::Shard;
use super::{SlsWorld, lookup, pull, put, signature};
use crate::emulator::server::Reply;

/// The only API version there is (`reference/sls.md` §2).
const API_VERSION: &str = "0.6.0";

/// Everything the stand-in remembers.
pub(super) struct State {
    pub(super) world: SlsWorld,
    pub(super) projects: Projects,
    pub(super) keys: BTreeMap<String, AccessKey>,
    pub(super) script: Script,
    pub(super) chance: Option<Chance>,
    pub(super) records: Records,
    request_ids: u64,
}

/// A request that was let in, and the fault that waits for it.
struct Admitted<'a> {
    project: &'a str,
    route: Route<'a>,
    fault: Option<Fault>,
}

impl State {
    pub(super) fn new(world: SlsWorld) -> Self {
        Self {
            world,
            projects: Projects::default(),
            keys: BTreeMap::new(),
            script: Script::default(),
            chance: None,
            records: Records::default(),
            request_ids: 0,
        }
    }

    /// What the peer gets, and after which pause.
    pub(super) fn handle(&mut self, request: &Request<Bytes>) -> (Reply, Option<Duration>) {
        let now = (self.world.clock)();
        let mut record = RecordedRequest::of(request);
        let call = Call::of(request);
        let (reply, pause) = match self.admit(&call, now) {
            Err(refusal) => (Reply::Whole(self.refused(&refusal, &mut record, now)), None),
            Ok(admitted) => self.serve(&call, &admitted, &mut record, now),
        };
        record.status = status(&reply);
        self.records.push(record);
        (reply, pause)
    }

    /// The checks that come before anything the request wants.
    fn admit<'a>(&mut self, call: &Call<'a>, now: SystemTime) -> Result<Admitted<'a>, Refusal> {
        let project = project_of(call.host)?;
        check_version(call)?;
        call.raw_size()?;
        let key = signature::signer(call, &self.keys, &self.world.region, now)?;
        let route = call.route()?;
        let owner = format!("{}:{}:project/{project}", self.world.region, self.world.account);
        check_grant(key, &route, &owner)?;
        Ok(Admitted { project, route, fault: self.fault(route.operation) })
    }

    /// What was scripted goes before what happens by chance.
    fn fault(&mut self, operation: Operation) -> Option<Fault> {
        let by_chance = |chance: &mut Chance| chance(operation).filter(|fault| fault.strikes(operation));
        self.script.take(operation).or_else(|| self.chance.as_mut().and_then(by_chance))
    }

    fn serve(&mut self, call: &Call, admitted: &Admitted, record: &mut RecordedRequest, now: SystemTime) -> (Reply, Option<Duration>) {
        record.operation = Some(admitted.route.operation);
        let fault = admitted.fault.as_ref();
        match fault {
            Some(Fault::Plain(status, body)) => return (Reply::Whole(dated(fault::plain(*status, body), now)), None),
            Some(Fault::Reset) => return (Reply::Reset, None),
            _ => {}
        }
        let done = fault.and_then(Fault::refusal).map_or_else(|| self.work(call, admitted, now), Err);
        let response = match done {
            Ok(response) => self.signed_off(response, now),
            Err(refusal) => self.refused(&refusal, record, now),
        };
        match fault {
            Some(fault) => fault.deliver(response),
            None => (Reply::Whole(response), None),
        }
    }

    fn work(&mut self, call: &Call, admitted: &Admitted, now: SystemTime) -> Result<Response<Bytes>, Refusal> {
        let Admitted { project, route, fault } = admitted;
        if route.operation == Operation::GetLogStore {
            return Ok(lookup::get_logstore(route.logstore, self.projects.known(project, route.logstore)?));
        }
        let logstore = self.projects.find(project, route.logstore)?;
        match route.operation {
            Operation::ListShards => Ok(lookup::list_shards(logstore)),
            Operation::GetLogStore => Ok(lookup::get_logstore(route.logstore, logstore)),
            Operation::PutLogs => put::put(call, logstore, route.place, now),
            Operation::PullLogs => pull::pull(call, shard_of(logstore, route.place)?, self.world.page_limits, fault.as_ref()),
            Operation::GetCursor => lookup::get_cursor(call, shard_of(logstore, route.place)?),
            Operation::GetCursorTime => lookup::get_cursor_time(call, shard_of(logstore, route.place)?),
        }
    }

    fn refused(&mut self, refusal: &Refusal, record: &mut RecordedRequest, now: SystemTime) -> Response<Bytes> {
        record.error_code = Some(refusal.code.clone());
        self.signed_off(refusal.response(), now)
    }

    /// What stands on every answer of the service: its id, and its time, from which a client can correct its clock.
    fn signed_off(&mut self, mut response: Response<Bytes>, now: SystemTime) -> Response<Bytes> {
        self.request_ids += 1;
        if let Ok(id) = HeaderValue::try_from(format!("{:024X}", self.request_ids)) {
            response.headers_mut().insert("x-log-requestid", id);
        }
        dated(response, now)
    }
}

fn check_version(call: &Call) -> Result<(), Refusal> {
    match call.header("x-log-apiversion") {
        Some(API_VERSION) => Ok(()),
        Some(other) => Err(Refusal::new(400, "InvalidAPIVersion", format!("API version {other} is not supported"))),
        None => Err(Refusal::missing("x-log-apiversion")),
    }
}

fn shard_of(logstore: &Logstore, place: Place) -> Result<&Shard, Refusal> {
    match place {
        Place::Shard(id) => logstore.shard(id),
        Place::Logstore | Place::Key(_) => Err(Refusal::invalid("ShardId")),
    }
}

fn dated(mut response: Response<Bytes>, now: SystemTime) -> Response<Bytes> {
    if let Ok(date) = HeaderValue::try_from(httpdate::fmt_http_date(now)) {
        response.headers_mut().insert(DATE, date);
    }
    response
}

fn status(reply: &Reply) -> Option<u16> {
    match reply {
        Reply::Whole(response) | Reply::Cut(response, _) | Reply::Drip(response, ..) => Some(response.status().as_u16()),
        Reply::Reset => None,
    }
}
