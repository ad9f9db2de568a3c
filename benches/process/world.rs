//! Both sides of the function, as light as they can be, so that they take little of the machine beside it: pages of a shard without end, and
//! a Langfuse that counts what it gets.
//!
//! They check nothing: what is right is tested against the stand-ins of `src/emulator`.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use sls_to_langfuse::emulator::server::{Answer, Reply, Server};
use sls_to_langfuse::sls::cursor::Cursor;
use sls_to_langfuse::sls::wire::LogGroup;

use super::corpus::{self, RECORDS_PER_GROUP, Texts};

/// The number of the first group of the shard.
pub const FIRST: u64 = 1_000_000_000;

/// Groups that differ; behind the last the first comes again.
const GROUPS: usize = 200;

/// The records of each of the groups that differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Groups {
    /// About what a collector writes.
    Usual,
    /// 4 to 6 MB.
    Large,
    /// 10 MB, which is the most that SLS takes.
    Largest,
}

impl Groups {
    /// As it is told.
    pub fn name(self) -> &'static str {
        match self {
            Self::Usual => "groups of 45 KB",
            Self::Large => "groups of 4 to 6 MB",
            Self::Largest => "groups of 10 MB",
        }
    }

    fn records(self) -> Vec<usize> {
        match self {
            Self::Usual => vec![RECORDS_PER_GROUP; GROUPS],
            Self::Large => (0..16).map(|at| 900 + at * 7 % 16 * 28).collect(),
            Self::Largest => vec![2220; 8],
        }
    }
}

/// A shard, a Langfuse, and where they listen.
pub struct World {
    sls: Server,
    langfuse: Server,
    records: Vec<usize>,
    /// What Langfuse got.
    pub sink: Arc<Sink>,
}

impl World {
    /// A world whose texts are such, and whose Langfuse takes so long for each request.
    pub async fn start(texts: Texts, delay: Duration) -> std::io::Result<Self> {
        Self::of(texts, Groups::Usual, delay).await
    }

    /// One with such groups.
    pub async fn of(texts: Texts, groups: Groups, delay: Duration) -> std::io::Result<Self> {
        let records = groups.records();
        let groups = corpus::groups_of(texts, &records, 7);
        let sink = Arc::new(Sink { delay, ..Sink::default() });
        Ok(Self {
            sls: Server::start(0, Arc::new(Shard { groups, pages: Mutex::default() })).await?,
            langfuse: Server::start(0, sink.clone()).await?,
            records,
            sink,
        })
    }

    /// How many of its groups have at least so many records, all from the first on, and how many those are.
    pub fn groups_for(&self, records: u64) -> (u64, u64) {
        let mut sizes = self.records.iter().cycle().map(|size| *size as u64);
        let mut found = (0, 0);
        while found.1 < records {
            found = (found.0 + 1, found.1 + sizes.next().unwrap_or(records));
        }
        found
    }

    /// How many groups differ: behind them the first comes again.
    pub fn different(&self) -> u64 {
        self.records.len() as u64
    }

    /// Where SLS and Langfuse listen.
    pub fn addresses(&self) -> [String; 2] {
        [self.sls.address().to_string(), self.langfuse.address().to_string()]
    }

    /// The settings of a function in this world.
    pub fn settings(&self) -> HashMap<&'static str, String> {
        HashMap::from([
            ("LANGFUSE_HOST", format!("http://{}", self.langfuse.address())),
            ("LANGFUSE_PUBLIC_KEY", "pk-lf-bench".into()),
            ("LANGFUSE_SECRET_KEY", "sk-lf-bench".into()),
            ("SLS_ENDPOINT", format!("http://{}", self.sls.address())),
            ("FC_FUNC_CODE_PATH", "/code/".into()),
        ])
    }
}

/// A packed page, and its size before.
type Packed = (Bytes, usize);

/// A shard whose groups come again and again.
struct Shard {
    groups: Vec<LogGroup>,
    /// By the index of the first group and their number.
    pages: Mutex<HashMap<(usize, usize), Packed>>,
}

impl Shard {
    fn page(&self, first: usize, count: usize) -> Packed {
        let mut pages = self.pages.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let packed = pages.entry((first, count)).or_insert_with(|| {
            let groups: Vec<_> = (0..count).map(|at| self.groups[(first + at) % self.groups.len()].clone()).collect();
            let raw = corpus::page(&groups);
            (lz4_flex::block::compress(&raw).into(), raw.len())
        });
        packed.clone()
    }

    fn pull(&self, query: &str) -> Option<Response<Bytes>> {
        let parameter = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let number = |name| Cursor::new(parameter(name)?.replace("%3D", "=")).number();
        let (begin, end) = (number("cursor")?, number("end_cursor")?);
        let count = parameter("count")?.parse::<u64>().ok()?.min(end.saturating_sub(begin));
        let first = usize::try_from(begin - FIRST).ok()? % self.groups.len();
        let (body, raw) = self.page(first, usize::try_from(count).ok()?);
        let response = Response::builder()
            .header("content-type", "application/x-protobuf")
            .header("x-log-count", count)
            .header("x-log-bodyrawsize", raw)
            .header("x-log-compresstype", "lz4")
            .header("x-log-cursor-time", 1_772_417_413)
            .header("x-log-end-of-cursor", 0)
            .header("x-log-cursor", Cursor::from_number(begin + count).text())
            .header("x-log-read-last-cursor", begin + count - 1);
        response.body(body).ok()
    }
}

impl Answer for Shard {
    fn answer(&self, request: Request<Bytes>) -> Pin<Box<dyn Future<Output = Reply> + Send + '_>> {
        let page = self.pull(request.uri().query().unwrap_or_default());
        Box::pin(async move { page.map_or(Reply::Reset, Reply::Whole) })
    }
}

/// A Langfuse that takes everything.
#[derive(Default)]
pub struct Sink {
    delay: Duration,
    /// Requests with spans.
    pub requests: AtomicU64,
    /// Their bytes, as they came.
    pub bytes: AtomicU64,
}

impl Answer for Sink {
    fn answer(&self, request: Request<Bytes>) -> Pin<Box<dyn Future<Output = Reply> + Send + '_>> {
        let json = |text: &'static str| {
            let response = Response::builder().header("content-type", "application/json").body(Bytes::from_static(text.as_bytes()));
            response.map_or(Reply::Reset, Reply::Whole)
        };
        Box::pin(async move {
            if request.method() == http::Method::GET {
                return json(r#"{"status":"OK","version":"4.16.0"}"#);
            }
            self.requests.fetch_add(1, Relaxed);
            self.bytes.fetch_add(request.body().len() as u64, Relaxed);
            tokio::time::sleep(self.delay).await;
            json("{}")
        })
    }
}
