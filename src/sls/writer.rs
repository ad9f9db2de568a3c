//! Writes a log group, with the attempts and waits that SLS asks for. It knows nothing of what the logs say.

use std::sync::atomic::AtomicU64;

use super::attempts::repeated;
use super::client::Logstore;
use super::error::SlsError;
use super::wire;
use crate::deadline::Deadline;

/// Sends a group until it is taken, and counts every request. A group that was stored without an answer is stored twice.
///
/// # Errors
/// A refusal that no repetition changes, or the last error when attempts or time are used up.
pub async fn put(logstore: &Logstore, group: &wire::LogGroup, deadline: Deadline, requests: &mut u64) -> Result<(), SlsError> {
    let counted = AtomicU64::new(0);
    let written = repeated(deadline, &counted, |time| logstore.put_logs(group, time)).await;
    *requests += counted.into_inner();
    written
}
