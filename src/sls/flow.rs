//! A page that is taken in parts while its bytes come: the answer that brings them, and what has come of it.

use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::time::Instant;

use super::calls::PageAnswer;
use super::error::SlsError;
use super::page::PageHead;
use super::parts::{Part, Parts};

/// A page on its way.
#[derive(Debug)]
pub(super) struct Flow {
    answer: PageAnswer,
    parts: Parts,
    /// What came and was not taken yet.
    bytes: Bytes,
    has_ended: bool,
    /// The number of its first group, where it is known.
    pub(super) first_group: Option<u64>,
}

impl Flow {
    /// The parts of this answer.
    pub(super) fn new(answer: PageAnswer, parts: Parts, first_group: Option<u64>) -> Self {
        Self { answer, parts, bytes: Bytes::new(), has_ended: false, first_group }
    }

    /// What the headers say.
    pub(super) fn head(&self) -> &PageHead {
        self.answer.head()
    }

    /// The next part.
    ///
    /// # Errors
    /// When the answer breaks off, brings nothing more `within` this time, or cannot be what the service meant.
    pub(super) async fn next(&mut self, within: Duration) -> Result<Part, SlsError> {
        let until = Instant::now() + within;
        loop {
            let mut bytes = self.bytes.as_ref();
            let part = self.parts.next(&mut bytes, !self.has_ended)?;
            let taken = self.bytes.len() - bytes.len();
            self.bytes.advance(taken);
            if let Some(part) = part {
                return Ok(part);
            }
            match self.answer.more(until).await? {
                Some(bytes) => self.bytes = bytes,
                None => self.has_ended = true,
            }
        }
    }
}
