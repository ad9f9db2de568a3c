//! The dead letters of a call on their way to the Logstore that the operator named for them (`design.md` decision 7).
//!
//! They are written while the call goes on, so that neither memory nor a late failure keeps them; a range that comes again may write them
//! again, which `replay` ignores.

use std::time::SystemTime;

use crate::dead_letter::{self, DeadLetter};
use crate::deadline::Deadline;
use crate::error::{Failure, Stage};
use crate::sls::client::Logstore;
use crate::sls::error::SlsError;
use crate::sls::unix_seconds;
use crate::sls::writer;

/// How many letters are kept that cannot be written: some five megabytes.
const MAX_PENDING: usize = 10_000;

/// The letters of one call that are not written yet.
#[derive(Debug)]
pub struct Letters {
    place: Option<Logstore>,
    deadline: Deadline,
    now: fn() -> SystemTime,
    pending: Vec<DeadLetter>,
    /// The Logstore has not taken the last ones.
    fails: bool,
    /// Requests to SLS so far, repeated ones included.
    pub requests: u64,
}

impl Letters {
    /// Letters for `place`; without one they stand in the log alone.
    pub fn new(place: Option<Logstore>, deadline: Deadline, now: fn() -> SystemTime) -> Self {
        Self { place, deadline, now, pending: Vec::new(), fails: false, requests: 0 }
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

    /// Writes what is not written yet, while the call goes on. False if that does not work now: the letters are kept for the end of the call, so
    /// that what can be delivered is delivered first.
    ///
    /// # Errors
    /// When there are too many to keep.
    pub async fn write_on_the_way(&mut self) -> Result<bool, Failure> {
        if self.fails && self.pending.len() < MAX_PENDING {
            return Ok(false);
        }
        let written = self.write().await;
        self.fails = written.is_err();
        match written {
            Err(failure) if self.pending.len() >= MAX_PENDING => Err(failure),
            written => Ok(written.is_ok()),
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
            let group = dead_letter::log_group(&self.pending[..part], unix_seconds((self.now)()));
            let written = writer::put(place, &group, self.deadline, &mut self.requests).await;
            written.map_err(|error| not_written(&place.name, &error))?;
            self.pending.drain(..part);
        }
        Ok(())
    }
}

fn not_written(logstore: &str, error: &SlsError) -> Failure {
    let is_missing = matches!(error, SlsError::Refused(refusal) if refusal.is_of_missing_logstore());
    let hint = match is_missing {
        true => {
            "create the Logstore of DEAD_LETTER_LOGSTORE in the project of the gateway's log, or correct its name; the range comes again"
        }
        false => "the function role needs log:PostLogStoreLogs on DEAD_LETTER_LOGSTORE; the range comes again",
    };
    Failure::new(Stage::DeadLetter, "dead_letters_not_written", format!("dead letters cannot be written to {logstore}: {error}"), hint)
}
