//! PullLogs: one page of a half-open window (`reference/sls.md` §2).

use std::ops::Range;

use bytes::Bytes;
use http::Response;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::call::Call;
use super::compression::Compression;
use super::cursor;
use super::fault::Fault;
use super::refusal::Refusal;
use super::shard::{PageLimits, Shard};

/// The most log groups a request may ask for (`reference/sls.md` §2).
const MAX_COUNT: usize = 1000;

/// Answers a PullLogs request.
pub(super) fn pull(call: &Call, shard: &Shard, limits: PageLimits, fault: Option<&Fault>) -> Result<Response<Bytes>, Refusal> {
    check_accept(call)?;
    let compression = Compression::negotiated(call.headers)?;
    let limits = PageLimits { max_groups: limits.max_groups.min(count(call)?), ..limits };
    let window = window(call, shard, fault)?;
    let groups = shard.page(window.clone(), limits);
    let page = Page::of(shard, groups).bent(shard, window.start, fault);
    Ok(page.response(shard, compression))
}

/// What follows is protobuf, and the service wants to hear that it is wanted.
fn check_accept(call: &Call) -> Result<(), Refusal> {
    match call.header(ACCEPT.as_str()) {
        Some("application/x-protobuf") => Ok(()),
        _ => Err(Refusal::new(400, "InvalidAcceptContentType", "Accept is not supported")),
    }
}

fn count(call: &Call) -> Result<usize, Refusal> {
    // A push-down changes what a page holds. Pages without it would let a client believe that its filter works.
    if let Some(name) = ["query", "processor"].into_iter().find(|name| call.parameter(name).is_some_and(|value| !value.is_empty())) {
        return Err(Refusal::invalid(name));
    }
    let count = call.parameter("count").and_then(|count| count.parse().ok());
    count.filter(|count| (1..=MAX_COUNT).contains(count)).ok_or_else(|| Refusal::invalid("Count"))
}

/// `[cursor, end_cursor)` as indexes. A window that ends before it starts is empty.
fn window(call: &Call, shard: &Shard, fault: Option<&Fault>) -> Result<Range<usize>, Refusal> {
    let start = call.parameter("cursor").ok_or_else(|| Refusal::invalid("Cursor"))?;
    let start = cursor::decode(start).and_then(|number| shard.index(number)).ok_or_else(Refusal::cursor)?;
    let end = match call.parameter("end_cursor") {
        Some(text) => cursor::decode(text).ok_or_else(Refusal::cursor)?,
        None => shard.number(shard.end()),
    };
    let end = if fault == Some(&Fault::IgnoreEnd) { shard.number(shard.end()) } else { end };
    let end = usize::try_from(end.saturating_sub(shard.seed)).unwrap_or(usize::MAX).min(shard.end());
    Ok(start..end.max(start))
}

/// One answer before it is packed.
struct Page {
    groups: Range<usize>,
    /// Number of the next cursor.
    next: u64,
    /// Seconds.
    time: u32,
}

impl Page {
    fn of(shard: &Shard, groups: Range<usize>) -> Self {
        let last = groups.end.checked_sub(1);
        let time = last.and_then(|last| shard.receive_time(last)).unwrap_or(shard.create_time);
        Self { next: shard.number(groups.end), groups, time }
    }

    fn bent(self, shard: &Shard, start: usize, fault: Option<&Fault>) -> Self {
        let nothing = start..start;
        match fault {
            Some(Fault::Stall) => Self { groups: nothing, next: shard.number(start), ..self },
            Some(Fault::EmptyPageMovingOn) => Self { groups: nothing, ..self },
            Some(Fault::CursorBackwards) => Self { next: shard.number(start).saturating_sub(1), ..self },
            _ => self,
        }
    }

    fn response(self, shard: &Shard, compression: Compression) -> Response<Bytes> {
        let raw = shard.body(self.groups.clone());
        let mut headers = self.headers(shard, raw.len());
        if let Some(name) = compression.name() {
            headers.insert("x-log-compresstype", HeaderValue::from_static(name));
        }
        let body = if raw.is_empty() { raw } else { compression.pack(raw) };
        let mut response = Response::new(Bytes::from(body));
        *response.headers_mut() = headers;
        response
    }

    fn headers(&self, shard: &Shard, raw_size: usize) -> HeaderMap {
        let number = |name, value: u64| (HeaderName::from_static(name), HeaderValue::from(value));
        let at_end = self.next == shard.number(shard.end());
        let mut headers = HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf")),
            number("x-log-count", self.groups.len() as u64),
            number("x-log-bodyrawsize", raw_size as u64),
            number("x-log-cursor-time", self.time.into()),
            number("x-log-end-of-cursor", at_end.into()),
        ]);
        if let Ok(next) = HeaderValue::try_from(cursor::encode(self.next)) {
            headers.insert("x-log-cursor", next);
        }
        if !self.groups.is_empty() {
            headers.extend([number("x-log-read-last-cursor", shard.number(self.groups.end - 1))]);
        }
        headers
    }
}
