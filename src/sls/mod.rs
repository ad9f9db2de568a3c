//! Simple Log Service: pulling a range of a shard and reading what comes. Plain data first, then one file per question.
//!
//! Nothing here knows gateways, traces or Langfuse, and it imports nothing of ours but the leaves (`secret`, `deadline`, `budget`), so that
//! it can become a crate of its own. Facts: `reference/sls.md`.

pub mod attempts;
pub mod calls;
mod checks;
pub mod client;
pub mod cursor;
pub mod decode;
pub mod endpoint;
pub mod error;
mod flow;
pub mod lz4;
mod numbering;
pub mod page;
pub mod parts;
pub mod probe;
pub mod protobuf;
pub mod ranges;
mod read;
pub mod reader;
pub mod sign;
pub mod signing;
mod steering;
pub mod wire;
pub mod writer;

use std::time::{SystemTime, UNIX_EPOCH};

/// A time as SLS counts it: UNIX seconds; 0 before 1970.
pub fn unix_seconds(time: SystemTime) -> u32 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
}

/// When a log was produced or collected: after the request it describes (`reference/gateway-logs.md` §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogTime {
    /// UNIX seconds; 0 where the log had no time.
    pub seconds: u32,
    /// Nanoseconds inside the second, where the writer knew them.
    pub nanoseconds: Option<u32>,
}

impl LogTime {
    /// UNIX milliseconds, cut off, never rounded; `None` where the log had no time.
    pub fn milliseconds(self) -> Option<i64> {
        let part = i64::from(self.nanoseconds.unwrap_or(0).min(999_999_999) / 1_000_000);
        (self.seconds != 0).then(|| i64::from(self.seconds) * 1000 + part)
    }
}

/// One key and value of a log, as bytes: neither need be UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'p> {
    /// Field name.
    pub key: &'p [u8],
    /// Field value.
    pub value: &'p [u8],
}

/// One log of a page, borrowed from it. A key may repeat; readers take the last one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord<'p> {
    /// When it was written.
    pub time: LogTime,
    /// Its fields, in order.
    pub fields: Vec<Field<'p>>,
}
