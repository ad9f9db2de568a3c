//! The protobuf messages of SLS as prost types: for PutLogs, the stand-in and, as the oracle, for tests.
//!
//! The hot read of PullLogs does not go through these types (see `decode`). Field numbers: `reference/sls.md` §2, table "Protobuf".
//! Keys and values are `bytes`, because one value that is not UTF-8 would make prost refuse the whole page.

/// One key and value of a log.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Content {
    /// Field name.
    #[prost(bytes = "vec", required, tag = "1")]
    pub key: Vec<u8>,
    /// Field value.
    #[prost(bytes = "vec", required, tag = "2")]
    pub value: Vec<u8>,
}

/// One log: a time and its fields.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Log {
    /// UNIX seconds.
    #[prost(uint32, required, tag = "1")]
    pub time: u32,
    /// The fields in the order they were written; a key may repeat.
    #[prost(message, repeated, tag = "2")]
    pub contents: Vec<Content>,
    /// Nanoseconds inside the second, 0 to 999 999 999.
    #[prost(fixed32, optional, tag = "4")]
    pub time_ns: Option<u32>,
}

/// One tag of a log group.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct LogTag {
    /// Tag name, without the `__tag__:` that readers put in front.
    #[prost(bytes = "vec", required, tag = "1")]
    pub key: Vec<u8>,
    /// Tag value.
    #[prost(bytes = "vec", required, tag = "2")]
    pub value: Vec<u8>,
}

/// The unit of writing and of cursors: logs that arrived together.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct LogGroup {
    /// The logs.
    #[prost(message, repeated, tag = "1")]
    pub logs: Vec<Log>,
    /// Internal to the service; read, never sent.
    #[prost(bytes = "vec", optional, tag = "2")]
    pub category: Option<Vec<u8>>,
    /// Topic, mostly empty.
    #[prost(bytes = "vec", optional, tag = "3")]
    pub topic: Option<Vec<u8>>,
    /// Address of the sender.
    #[prost(bytes = "vec", optional, tag = "4")]
    pub source: Option<Vec<u8>>,
    /// Id of the sending machine.
    #[prost(bytes = "vec", optional, tag = "5")]
    pub machine_uuid: Option<Vec<u8>>,
    /// Tags shared by all logs of the group.
    #[prost(message, repeated, tag = "6")]
    pub log_tags: Vec<LogTag>,
}

/// The body of a PullLogs answer.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct LogGroupList {
    /// The groups, in cursor order.
    #[prost(message, repeated, tag = "1")]
    pub log_groups: Vec<LogGroup>,
}
