//! Scripted misbehaviour: what goes wrong, in which order, for which operation. Says nothing about how requests are judged.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::call::Operation;
use super::refusal::Refusal;
use crate::emulator::server::Reply;

/// One thing that goes wrong with one request. The request has passed host, headers, signature and permission before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An error of the service itself (`reference/sls.md` §7). Nothing is done.
    Error {
        /// HTTP status.
        status: u16,
        /// `errorCode`.
        code: String,
        /// `errorMessage`.
        message: String,
    },
    /// Status and body of something in between, such as a proxy: no JSON, no `x-log-requestid`. Nothing is done.
    Plain(u16, String),
    /// The connection dies. Nothing is done.
    Reset,
    /// The connection dies after the work is done: a PutLogs has stored its group.
    ResetAfterwards,
    /// The connection dies after this many bytes of the body.
    CutBody(usize),
    /// The body is whole by HTTP, but ends after this many bytes.
    ShortBody(usize),
    /// `Content-Type` says this.
    ContentType(String),
    /// The body comes in pieces of so many bytes, each after a pause.
    Drip(usize, Duration),
    /// The answer comes this much later; the work is done at once.
    Delay(Duration),
    /// `x-log-bodyrawsize` is off by so many bytes.
    WrongRawSize(i64),
    /// `x-log-bodyrawsize` says this many bytes.
    RawSizeIs(u64),
    /// Every byte of the body is 0xff: neither packed data nor protobuf.
    CorruptBody,
    /// `x-log-cursor` is absent.
    NoCursorHeader,
    /// `x-log-cursor` is this text.
    CursorText(String),
    /// `x-log-cursor` is the one before the request's.
    CursorBackwards,
    /// PullLogs reads past `end_cursor`.
    IgnoreEnd,
    /// PullLogs gives no group, but its cursor moves past those of the page, as after a filter.
    EmptyPageMovingOn,
    /// PullLogs gives no group and the cursor of the request.
    Stall,
}

impl Fault {
    /// True for those that only a page of logs can have.
    fn is_of_pages(&self) -> bool {
        use Fault::{CursorBackwards, CursorText, EmptyPageMovingOn, IgnoreEnd, NoCursorHeader, RawSizeIs, Stall, WrongRawSize};
        matches!(
            self,
            NoCursorHeader | CursorText(_) | CursorBackwards | IgnoreEnd | EmptyPageMovingOn | Stall | RawSizeIs(_) | WrongRawSize(_)
        )
    }

    pub(super) fn strikes(&self, operation: Operation) -> bool {
        operation == Operation::PullLogs || !self.is_of_pages()
    }

    /// The refusal this fault is, if it is one.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Error { status, code, message } => Some(Refusal::new(*status, code, message)),
            _ => None,
        }
    }

    /// What the peer gets in place of this answer, and after which pause.
    pub(super) fn deliver(&self, response: Response<Bytes>) -> (Reply, Option<Duration>) {
        match self {
            Self::CutBody(keep) => (Reply::Cut(response, *keep), None),
            Self::Drip(piece, pause) => (Reply::Drip(response, *piece, *pause), None),
            Self::Delay(pause) => (Reply::Whole(response), Some(*pause)),
            Self::Reset | Self::ResetAfterwards => (Reply::Reset, None),
            _ => (Reply::Whole(self.bend(response)), None),
        }
    }

    fn bend(&self, mut response: Response<Bytes>) -> Response<Bytes> {
        let headers = response.headers_mut();
        match self {
            Self::WrongRawSize(off) => shift_raw_size(headers, *off),
            Self::RawSizeIs(size) => drop(headers.insert(RAW_SIZE, HeaderValue::from(*size))),
            Self::NoCursorHeader => drop(headers.remove(CURSOR)),
            Self::CursorText(text) => drop(HeaderValue::from_str(text).map(|text| headers.insert(CURSOR, text))),
            Self::ContentType(text) => drop(HeaderValue::from_str(text).map(|text| headers.insert(CONTENT_TYPE, text))),
            Self::ShortBody(keep) => return response.map(|body| body.slice(..body.len().min(*keep))),
            Self::CorruptBody => return response.map(|body| Bytes::from(vec![0xff; body.len()])),
            _ => {}
        }
        response
    }
}

const RAW_SIZE: HeaderName = HeaderName::from_static("x-log-bodyrawsize");
const CURSOR: HeaderName = HeaderName::from_static("x-log-cursor");

fn shift_raw_size(headers: &mut HeaderMap, off: i64) {
    let size = headers.get(RAW_SIZE).and_then(|size| size.to_str().ok()?.parse::<u64>().ok()).unwrap_or_default();
    headers.insert(RAW_SIZE, HeaderValue::from(size.saturating_add_signed(off)));
}

/// An answer that is not the service's own.
pub(super) fn plain(status: u16, body: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_owned()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    response
}

/// Decides by itself whether the next request of an operation goes wrong, and how.
pub(super) type Chance = Box<dyn FnMut(Operation) -> Option<Fault> + Send>;

/// Faults that wait for their request.
#[derive(Debug, Default)]
pub(super) struct Script(VecDeque<(Option<Operation>, Fault)>);

impl Script {
    pub(super) fn push(&mut self, operation: Option<Operation>, fault: Fault) {
        self.0.push_back((operation, fault));
    }

    /// The oldest fault that a request of this operation can have.
    pub(super) fn take(&mut self, operation: Operation) -> Option<Fault> {
        let fits = |(only, fault): &(Option<Operation>, Fault)| only.is_none_or(|only| only == operation) && fault.strikes(operation);
        let position = self.0.iter().position(fits)?;
        self.0.remove(position).map(|(_, fault)| fault)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_body_is_whole_by_http_and_another_type_keeps_the_body() {
        let bent = |fault: Fault| fault.bend(plain(200, "page")).into_parts();
        assert_eq!(bent(Fault::ShortBody(2)).1, "pa");
        assert_eq!(bent(Fault::ShortBody(9)).1, "page");
        let (head, body) = bent(Fault::ContentType("text/plain".into()));
        assert_eq!((head.headers[CONTENT_TYPE].to_str().unwrap(), &body[..]), ("text/plain", b"page".as_slice()));
    }

    #[test]
    fn a_fault_waits_for_a_request_it_fits() {
        let mut script = Script::default();
        script.push(Some(Operation::PutLogs), Fault::Reset);
        script.push(None, Fault::Stall);
        script.push(None, Fault::CorruptBody);
        assert_eq!(script.take(Operation::GetCursor), Some(Fault::CorruptBody));
        assert_eq!(script.take(Operation::GetCursor), None);
        assert_eq!(script.take(Operation::PullLogs), Some(Fault::Stall));
        assert_eq!(script.take(Operation::PullLogs), None);
        assert_eq!(script.take(Operation::PutLogs), Some(Fault::Reset));
        assert_eq!(script.len(), 0);
    }
}
