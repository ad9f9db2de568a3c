//! The calls of the SLS API, one function each (`reference/sls.md` §2, §3). No loops over pages, no retries.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use prost::Message;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

use super::client::{Logstore, Request, bounded_body, chunk, large_body};
use super::cursor::Cursor;
use super::error::{Damage, ErrorClass, SlsError, TransportKind};
use super::page::PageHead;
use super::parts::{Given, Parts};
use super::wire;
use crate::spare::Spare;

/// The most bytes of a JSON answer that are read: a Logstore has at most some hundred shards of about 200 bytes each.
const MAX_JSON_BYTES: usize = 1024 * 1024;

/// The most decoded bytes that PutLogs may carry (`reference/sls.md` §3: plan for 3 MB, never above 10).
pub const MAX_PUT_BYTES: usize = 3_000_000;

/// The most logs that PutLogs may carry (`reference/sls.md` §3).
pub const MAX_PUT_LOGS: usize = 4096;

/// The retention that means "for ever" (page "logstore" of the API description, parameter `ttl`).
pub const FOREVER_DAYS: u32 = 3650;

/// The header that stands on every answer of the service (`reference/sls.md` §3, "PutLogs", and §7).
pub(super) const REQUEST_ID: &str = "x-log-requestid";

/// One shard of a Logstore.
#[derive(Clone, Debug)]
pub struct Shard {
    /// The Logstore.
    pub logstore: Logstore,
    /// Number of the shard.
    pub id: u32,
}

/// The head of a page whose body has not been read yet, so that its size can be refused first.
#[derive(Debug)]
pub struct PageAnswer {
    head: PageHead,
    response: reqwest::Response,
    spare: Spare,
}

/// Where GetCursor begins (`reference/sls.md` §3): compared with the time of receipt, clamped to what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// The oldest log that is kept.
    Begin,
    /// The next log that will be written.
    End,
    /// The first log received at this UNIX second or later.
    Received(u32),
}

/// What a shard is to its Logstore.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ShardInfo {
    /// Its number; numbers have gaps.
    #[serde(rename = "shardID")]
    pub id: u32,
    /// `readwrite` or `readonly`; a read-only shard stays readable until retention ends.
    pub status: String,
}

/// What a Logstore is set to, as far as anybody here asks.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct LogstoreInfo {
    /// For how many days logs are kept; [`FOREVER_DAYS`]: for ever.
    #[serde(rename = "ttl")]
    pub retention_days: u32,
}

impl Shard {
    /// PullLogs: up to `count` log groups of `[cursor, end)`, as LZ4. The head of the answer must come within `timeout`; how long the body may
    /// take, who reads it says.
    ///
    /// # Errors
    /// A refusal of the service, no head within `timeout`, or headers without which the page cannot be read.
    pub async fn pull(&self, cursor: &Cursor, end: &Cursor, count: u32, timeout: Duration) -> Result<PageAnswer, SlsError> {
        let count = count.to_string();
        let query = [("type", "log"), ("cursor", cursor.text()), ("count", &count), ("end_cursor", end.text())];
        let headers = [("Accept", "application/x-protobuf"), ("Accept-Encoding", "lz4"), ("x-log-bodyrawsize", "0")];
        let request = Request { headers: &headers, timeout: None, ..self.get(&query, timeout) };
        let response = in_time(Instant::now() + timeout, self.logstore.send(request)).await?;
        Ok(PageAnswer { head: PageHead::read(response.headers())?, response, spare: self.logstore.client.spare().clone() })
    }

    /// GetCursor: where the logs received since `from` begin.
    ///
    /// # Errors
    /// A refusal of the service, no answer within `timeout`, or an answer that is none.
    pub async fn cursor(&self, from: From, timeout: Duration) -> Result<Cursor, SlsError> {
        let from = match from {
            From::Begin => "begin".to_owned(),
            From::End => "end".to_owned(),
            From::Received(second) => second.to_string(),
        };
        let answer: Value = json(self.logstore.send(self.get(&[("type", "cursor"), ("from", &from)], timeout)).await?).await?;
        answer["cursor"].as_str().filter(|text| !text.is_empty()).map(Cursor::new).ok_or(SlsError::Damaged(Damage::Answer))
    }

    /// GetCursorTime: when the log group at `cursor` was received, UNIX seconds. The end of a shard has no log group, so the one before
    /// answers for it.
    ///
    /// # Errors
    /// A refusal of the service, no answer within `timeout`, or an answer that is none.
    pub async fn cursor_time(&self, cursor: &Cursor, timeout: Duration) -> Result<i64, SlsError> {
        match (self.time_at(cursor, timeout).await, cursor.number()) {
            (Err(SlsError::Refused(refusal)), Some(number)) if refusal.class == ErrorClass::CursorGone && number > 0 => {
                self.time_at(&Cursor::from_number(number - 1), timeout).await
            }
            (answered, _) => answered,
        }
    }

    async fn time_at(&self, cursor: &Cursor, timeout: Duration) -> Result<i64, SlsError> {
        let query = [("type", "cursor_time"), ("cursor", cursor.text())];
        let answer: Value = json(self.logstore.send(self.get(&query, timeout)).await?).await?;
        let time = &answer["cursor_time"];
        // A number in the documentation, a text in the published API description.
        time.as_i64().or_else(|| time.as_str()?.parse().ok()).ok_or(SlsError::Damaged(Damage::Answer))
    }

    fn get<'r>(&self, query: &'r [(&'r str, &'r str)], timeout: Duration) -> Request<'r> {
        Request { query, ..get(format!("/logstores/{}/shards/{}", self.logstore.name, self.id), timeout) }
    }
}

impl Logstore {
    /// ListShards: all of them, read-only ones included.
    ///
    /// # Errors
    /// A refusal of the service, no answer within `timeout`, or an answer that is none.
    pub async fn shards(&self, timeout: Duration) -> Result<Vec<ShardInfo>, SlsError> {
        json(self.send(get(format!("/logstores/{}/shards", self.name), timeout)).await?).await
    }

    /// GetLogStore: what the Logstore is set to. Takes `log:GetLogStore`, which neither the function nor a reader of shards needs.
    ///
    /// # Errors
    /// A refusal of the service, no answer within `timeout`, or an answer that is none.
    pub async fn info(&self, timeout: Duration) -> Result<LogstoreInfo, SlsError> {
        json(self.send(get(format!("/logstores/{}", self.name), timeout)).await?).await
    }

    /// PutLogs, wherever a shard has room. Not idempotent: a repeated call can write twice.
    ///
    /// # Errors
    /// A group beyond [`MAX_PUT_BYTES`] or [`MAX_PUT_LOGS`], a refusal of the service, or no answer within `timeout`.
    pub async fn put_logs(&self, group: &wire::LogGroup, timeout: Duration) -> Result<(), SlsError> {
        let raw = group.encode_to_vec();
        if raw.len() > MAX_PUT_BYTES || group.logs.len() > MAX_PUT_LOGS {
            return Err(SlsError::TooLarge { bytes: raw.len() as u64, limit: MAX_PUT_BYTES as u64 });
        }
        let size = raw.len().to_string();
        let headers = [("Content-Type", "application/x-protobuf"), ("x-log-bodyrawsize", &size), ("x-log-compresstype", "lz4")];
        let path = format!("/logstores/{}/shards/lb", self.name);
        let body = lz4_flex::block::compress(&raw);
        let response =
            self.send(Request { method: Method::POST, path, query: &[], headers: &headers, body, timeout: Some(timeout) }).await?;
        // The answer carries nothing else, so this alone tells it from the page of something in between, behind which nothing was stored.
        match response.headers().contains_key(REQUEST_ID) {
            true => Ok(()),
            false => Err(SlsError::Damaged(Damage::Answer)),
        }
    }
}

impl PageAnswer {
    /// What the headers say.
    pub fn head(&self) -> &PageHead {
        &self.head
    }

    /// Reads and unpacks the body. The caller has checked its size.
    ///
    /// # Errors
    /// When the answer breaks off, is longer than its head allows, does not come `within` this time, or does not unpack.
    pub async fn page(mut self, within: Duration) -> Result<Bytes, SlsError> {
        let reading = large_body(&mut self.response, self.head.packed_limit(), &self.spare);
        let body = in_time(Instant::now() + within, reading).await?;
        self.head.unpack(body, &self.spare)
    }

    /// How this page of so many groups is unpacked in parts, but for what was given before; `None`: not at all ([`Parts::new`]).
    pub(super) fn parts(&self, groups: usize, given: Given) -> Option<Parts> {
        Parts::new(&self.head, groups, given, &self.spare)
    }

    /// What comes next of the body; `None`: nothing more.
    ///
    /// # Errors
    /// When the answer breaks off, or nothing comes `until` then.
    pub(super) async fn more(&mut self, until: Instant) -> Result<Option<Bytes>, SlsError> {
        in_time(until, chunk(&mut self.response, usize::MAX)).await
    }
}

/// What the library's own time-out does not do: it would run on while an answer waits for us.
async fn in_time<T>(until: Instant, answer: impl Future<Output = Result<T, SlsError>>) -> Result<T, SlsError> {
    tokio::time::timeout_at(until, answer).await.unwrap_or(Err(SlsError::Transport(TransportKind::TimedOut)))
}

fn get(path: String, timeout: Duration) -> Request<'static> {
    Request { method: Method::GET, path, query: &[], headers: &[("x-log-bodyrawsize", "0")], body: Vec::new(), timeout: Some(timeout) }
}

async fn json<T: DeserializeOwned>(mut response: reqwest::Response) -> Result<T, SlsError> {
    let body = bounded_body(&mut response, MAX_JSON_BYTES).await?;
    serde_json::from_slice(&body).map_err(|_| SlsError::Damaged(Damage::Answer))
}
