//! PutLogs: one log group in, nothing but a request id out (`reference/sls.md` §3).

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use prost::Message;

use super::call::{Call, Place};
use super::compression::Compression;
use super::logstore::Logstore;
use super::refusal::Refusal;
use crate::sls::sign::content_md5;
use crate::sls::wire::{Log, LogGroup};

/// Bytes of one request before compression (`reference/sls.md` §3: 10 MB).
const MAX_RAW_BYTES: usize = 10 * 1024 * 1024;

/// Bytes of one value (`reference/sls.md` §3: "must not" be longer).
const MAX_VALUE_BYTES: usize = 1 << 20;

/// How far a log's time may lie ahead. The reference only warns of InvalidTimestamp; the numbers are a cautious reading.
const MAX_AHEAD_SECONDS: u64 = 15 * 60;

/// How far a log's time may lie back.
const MAX_BACK_SECONDS: u64 = 7 * 24 * 3600;

/// Stores the group of a PutLogs request.
pub(super) fn put(call: &Call, logstore: &mut Logstore, place: Place, now: SystemTime) -> Result<Response<Bytes>, Refusal> {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let group = LogGroup::decode(&unpacked(call)?[..]).map_err(|_| Refusal::post_body("The body is not a LogGroup"))?;
    check_group(&group, now)?;
    logstore.writable(place)?.push(&group, u32::try_from(now).unwrap_or(u32::MAX));
    logstore.puts.push(group);
    Ok(Response::new(Bytes::new()))
}

fn unpacked(call: &Call) -> Result<Vec<u8>, Refusal> {
    call.header(CONTENT_LENGTH.as_str()).ok_or_else(|| Refusal::new(411, "MissingContentLength", "Content-Length is missing"))?;
    if call.header(CONTENT_TYPE.as_str()) != Some("application/x-protobuf") {
        return Err(Refusal::new(415, "InvalidContentType", "Content-Type must be application/x-protobuf"));
    }
    let raw_size = call.raw_size()?;
    check_size(raw_size.max(call.body.len()))?;
    if call.header("content-md5").is_some_and(|given| given != content_md5(call.body)) {
        return Err(Refusal::post_body("Content-MD5 does not match the body"));
    }
    let compression = Compression::claimed(call.header("x-log-compresstype"))?;
    let mismatch = || Refusal::new(400, "PostBodyUncompressError", "The body does not uncompress to x-log-bodyrawsize bytes");
    compression.unpack(call.body, raw_size).ok_or_else(mismatch)
}

fn check_size(bytes: usize) -> Result<(), Refusal> {
    if bytes <= MAX_RAW_BYTES {
        return Ok(());
    }
    Err(Refusal::new(413, "PostBodyTooLarge", format!("Body size {bytes} must little than {MAX_RAW_BYTES}.")))
}

/// One bad log refuses the whole group.
fn check_group(group: &LogGroup, now: u64) -> Result<(), Refusal> {
    if group.logs.is_empty() {
        return Err(Refusal::post_body("The LogGroup has no log"));
    }
    group.logs.iter().try_for_each(|log| check_log(log, now))
}

fn check_log(log: &Log, now: u64) -> Result<(), Refusal> {
    let times = now.saturating_sub(MAX_BACK_SECONDS)..=now.saturating_add(MAX_AHEAD_SECONDS);
    if !times.contains(&log.time.into()) {
        return Err(Refusal::new(400, "InvalidTimestamp", format!("Log time {} is out of range", log.time)));
    }
    for content in &log.contents {
        check_text(&content.key)?;
        check_text(&content.value)?;
        if content.key.is_empty() {
            return Err(Refusal::new(400, "InvalidKey", "A log has an empty key"));
        }
        if content.value.len() > MAX_VALUE_BYTES {
            return Err(Refusal::post_body("A log has a value of more than 1 MB"));
        }
    }
    Ok(())
}

fn check_text(bytes: &[u8]) -> Result<(), Refusal> {
    std::str::from_utf8(bytes).map(drop).map_err(|_| Refusal::new(400, "InvalidEncoding", "A log is not UTF-8"))
}
