//! The calls that answer in JSON: GetCursor, GetCursorTime, ListShards (`reference/sls.md` §3), GetLogStore.

use bytes::Bytes;
use http::Response;
use serde_json::json;

use super::call::Call;
use super::cursor;
use super::logstore::Logstore;
use super::refusal::{self, Refusal};
use super::shard::Shard;

/// `from` is the time of arrival in seconds, `begin` or `end`; one before what is kept means its beginning.
pub(super) fn get_cursor(call: &Call, shard: &Shard) -> Result<Response<Bytes>, Refusal> {
    let index = match call.parameter("from") {
        Some("begin") => shard.first(),
        Some("end") => shard.end(),
        Some(time) => shard.received_since(time.parse().map_err(|_| Refusal::invalid("From"))?),
        None => return Err(Refusal::invalid("From")),
    };
    Ok(refusal::json(200, &json!({"cursor": cursor::encode(shard.number(index))})))
}

/// The end cursor has no data and so no time; clients ask for the one before it.
pub(super) fn get_cursor_time(call: &Call, shard: &Shard) -> Result<Response<Bytes>, Refusal> {
    let text = call.parameter("cursor").ok_or_else(|| Refusal::invalid("Cursor"))?;
    let index = cursor::decode(text).and_then(|number| shard.index(number));
    let time = index.and_then(|index| shard.receive_time(index)).ok_or_else(Refusal::cursor)?;
    Ok(refusal::json(200, &json!({"cursor_time": time})))
}

/// Readonly shards included.
pub(super) fn list_shards(logstore: &Logstore) -> Response<Bytes> {
    let shards: Vec<_> = logstore.shards.iter().map(|(id, shard)| described(*id, shard)).collect();
    refusal::json(200, &json!(shards))
}

/// Settings that nothing here plays have the values of a Logstore made in the console (page "logstore" of the API description).
pub(super) fn get_logstore(name: &str, logstore: &Logstore) -> Response<Bytes> {
    let body = json!({
        "logstoreName": name,
        "ttl": logstore.retention_days,
        "shardCount": logstore.shards.values().filter(|shard| !shard.read_only).count(),
        "enable_tracking": false,
        "autoSplit": true,
        "maxSplitShard": 64,
        "appendMeta": true,
        "telemetryType": "None",
        "mode": "standard",
        "createTime": logstore.create_time,
        "lastModifyTime": logstore.create_time,
    });
    refusal::json(200, &body)
}

fn described(id: u32, shard: &Shard) -> serde_json::Value {
    json!({
        "shardID": id,
        "status": if shard.read_only { "readonly" } else { "readwrite" },
        "inclusiveBeginKey": format!("{:032x}", shard.keys.begin),
        "exclusiveEndKey": format!("{:032x}", shard.keys.end),
        "createTime": shard.create_time,
    })
}
