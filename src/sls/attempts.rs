//! One small call, with the attempts and waits that SLS asks for. Pages have their own in `reader`, because a page that is too large is asked for in parts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::error::{ErrorClass, SlsError};
use crate::deadline::Deadline;

/// How often a call is made at most.
const MAX_ATTEMPTS: u32 = 5;

/// The longest that one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Makes a call until it is answered, and counts every request. `call` is given the time that the request may take.
///
/// # Errors
/// A refusal that no repetition changes, or the last error when attempts or time are used up.
pub async fn repeated<T, C: Future<Output = Result<T, SlsError>>>(
    deadline: Deadline,
    requests: &AtomicU64,
    call: impl Fn(Duration) -> C,
) -> Result<T, SlsError> {
    let (mut attempt, mut clock_corrected) = (0, false);
    loop {
        requests.fetch_add(1, Relaxed);
        let error = match call(REQUEST_TIMEOUT.min(deadline.left())).await {
            Ok(answer) => return Ok(answer),
            Err(SlsError::Refused(refusal)) if refusal.class == ErrorClass::Clock && !clock_corrected => {
                clock_corrected = true;
                continue;
            }
            Err(error) => error,
        };
        attempt += 1;
        match error.retry_wait(attempt - 1) {
            Some(wait) if attempt < MAX_ATTEMPTS && deadline.sleep(wait).await => {}
            _ => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sls::error::{Refusal, TransportKind};

    async fn asked(errors: Vec<SlsError>) -> (Result<(), SlsError>, u64) {
        let (requests, errors) = (AtomicU64::new(0), std::sync::Mutex::new(errors));
        let deadline = Deadline::of_call(Duration::from_secs(600));
        let answer = repeated(deadline, &requests, |_| std::future::ready(errors.lock().unwrap().pop().map_or(Ok(()), Err))).await;
        (answer, requests.into_inner())
    }

    fn refused(status: u16, code: &str) -> SlsError {
        SlsError::Refused(Refusal::read(status, format!(r#"{{"errorCode":"{code}"}}"#).as_bytes(), "r"))
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_go_better_is_asked_again_and_what_may_not_is_told_at_once() {
        let (answer, requests) = asked(vec![SlsError::Transport(TransportKind::Broken), refused(503, "ServerBusy")]).await;
        assert_eq!((answer.is_ok(), requests), (true, 3));
        let (answer, requests) = asked(vec![refused(404, "LogStoreNotExist")]).await;
        assert_eq!((answer.is_err(), requests), (true, 1));
        let (answer, requests) = asked((0..9).map(|_| refused(403, "ShardReadQuotaExceed")).collect()).await;
        assert_eq!((answer.is_err(), requests), (true, 5));
        let (answer, requests) = asked(vec![refused(400, "RequestTimeExpired")]).await;
        assert_eq!((answer.is_ok(), requests), (true, 2));
        let (answer, requests) = asked((0..3).map(|_| refused(400, "RequestTimeExpired")).collect()).await;
        assert_eq!((answer.is_err(), requests), (true, 2));
    }
}
