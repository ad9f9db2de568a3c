//! The dead letters of a call on their way to the Logstore that the operator named for them (`design.md` decision 7).
//!
//! They are written while the call goes on, so that neither memory nor a late failure keeps them; a range that comes again may write them
//! again, which `replay` ignores.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::dead_letter::{self, DeadLetter};
use crate::deadline::Deadline;
use crate::error::{Failure, Stage};
use crate::sls::client::Logstore;
use crate::sls::writer;

/// The letters of one call that are not written yet.
#[derive(Debug)]
pub struct Letters {
    place: Option<Logstore>,
    deadline: Deadline,
    now: fn() -> SystemTime,
    pending: Vec<DeadLetter>,
    /// Requests to SLS so far, repeated ones included.
    pub requests: u64,
}

impl Letters {
    /// Letters for `place`; without one they stand in the log alone.
    pub fn new(place: Option<Logstore>, deadline: Deadline, now: fn() -> SystemTime) -> Self {
        Self { place, deadline, now, pending: Vec::new(), requests: 0 }
    }

    /// The letters that are not written yet; none where there is no place for them.
    pub fn pending(&self) -> &[DeadLetter] {
        &self.pending
    }

    /// Adds a letter.
    pub fn add(&mut self, letter: DeadLetter) {
        if self.place.is_some() {
            self.pending.push(letter);
        }
    }

    /// Writes what is not written yet.
    ///
    /// # Errors
    /// When SLS does not take it before the deadline: then the call must fail, because nothing else holds the pointers.
    pub async fn write(&mut self) -> Result<(), Failure> {
        let Some(place) = &self.place else { return Ok(()) };
        while !self.pending.is_empty() {
            let part = self.pending.len().min(dead_letter::MAX_LETTERS_PER_REQUEST);
            let group = dead_letter::log_group(&self.pending[..part], now_seconds(self.now));
            let written = writer::put(place, &group, self.deadline, &mut self.requests).await;
            written.map_err(|error| {
                let message = format!("dead letters cannot be written to {}: {error}", place.name);
                let hint = "the function role needs log:PostLogStoreLogs on DEAD_LETTER_LOGSTORE; the range comes again";
                Failure::new(Stage::DeadLetter, "dead_letters_not_written", message, hint)
            })?;
            self.pending.drain(..part);
        }
        Ok(())
    }
}

fn now_seconds(now: fn() -> SystemTime) -> u32 {
    let since = now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
}
