//! Writes a log group, with the attempts and waits that SLS asks for. It knows nothing of what the logs say.

use std::time::Duration;

use super::client::Logstore;
use super::error::SlsError;
use super::wire;
use crate::deadline::Deadline;

/// How often one group is sent at most.
const MAX_ATTEMPTS: u32 = 4;

/// The longest that one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Sends a group until it is taken, and counts every request. A group that was stored without an answer is stored twice.
///
/// # Errors
/// A refusal that no repetition changes, or the last error when attempts or time are used up.
pub async fn put(logstore: &Logstore, group: &wire::LogGroup, deadline: Deadline, requests: &mut u64) -> Result<(), SlsError> {
    let mut attempt = 0;
    loop {
        *requests += 1;
        let Err(error) = logstore.put_logs(group, REQUEST_TIMEOUT.min(deadline.left())).await else { return Ok(()) };
        attempt += 1;
        match error.retry_wait(attempt - 1) {
            Some(wait) if attempt < MAX_ATTEMPTS && deadline.sleep(wait).await => {}
            _ => return Err(error),
        }
    }
}
