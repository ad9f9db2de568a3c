//! Where letters come from: a file, or the dead-letter Logstore. Every line goes to the ledger; nothing is kept here.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::ledger::Ledger;
use super::line::{Line, mark};
use crate::budget::{ByteBudget, CallBudget};
use crate::dead_letter::{self, DeadLetter};
use crate::deadline::Deadline;
use crate::sls::attempts::repeated;
use crate::sls::calls::{From, Shard};
use crate::sls::client::Logstore;
use crate::sls::error::SlsError;
use crate::sls::reader::{Range, Read as Found, ReadFailure, Reader};
use crate::sls::writer;

/// The longest line that may be a letter. Bytes. A letter has some hundred; wrapped and escaped a few times it is still far below.
const MAX_LINE_BYTES: u64 = 256 * 1024;

/// Decoded pages of the dead-letter Logstore that are held beyond the one in work. Bytes.
const PAGE_BYTES: u64 = 4 * 1024 * 1024;

/// Which letters of a Logstore are read, by the time at which SLS received them, UNIX seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// From this second on; none: the oldest that is kept.
    pub from: Option<u32>,
    /// Up to this second, exclusive; none: up to now.
    pub to: Option<u32>,
}

/// Why the letters cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LettersError {
    /// The list of shards, or a place in one, cannot be had.
    #[error("{0}")]
    Call(#[from] SlsError),
    /// A page cannot be had.
    #[error("{0}")]
    Page(#[from] ReadFailure),
}

/// Reads a file line by line. A line longer than any letter is foreign, and never held whole.
///
/// # Errors
/// When the file cannot be read.
pub fn from_lines(mut lines: impl BufRead, ledger: &mut Ledger) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line.len() as u64 == MAX_LINE_BYTES && !line.ends_with(b"\n") {
            skip_line(&mut lines)?;
            ledger.take(Line::Foreign);
        } else {
            ledger.take(Line::of_text(&line));
        }
    }
}

fn skip_line(lines: &mut impl BufRead) -> io::Result<()> {
    loop {
        let (used, ended) = match lines.fill_buf()? {
            [] => return Ok(()),
            part => part.iter().position(|byte| *byte == b'\n').map_or((part.len(), false), |at| (at + 1, true)),
        };
        lines.consume(used);
        if ended {
            return Ok(());
        }
    }
}

/// The dead-letter Logstore.
#[derive(Debug)]
pub struct LetterStore {
    logstore: Logstore,
    deadline: Deadline,
    budget: CallBudget,
    requests: Arc<AtomicU64>,
}

impl LetterStore {
    /// Asks nothing yet. `requests` counts every request.
    pub fn new(logstore: Logstore, deadline: Deadline, requests: Arc<AtomicU64>) -> Self {
        Self { logstore, deadline, budget: ByteBudget::new(PAGE_BYTES).for_call(), requests }
    }

    /// Reads the letters of the period from every shard, and the marks up to now: a letter of last week may have been replayed today.
    ///
    /// # Errors
    /// [`LettersError`].
    pub async fn read(&self, period: Period, ledger: &mut Ledger) -> Result<(), LettersError> {
        for shard in repeated(self.deadline, &self.requests, |time| self.logstore.shards(time)).await? {
            let shard = Shard { logstore: self.logstore.clone(), id: shard.id };
            let begin = self.cursor(&shard, period.from.map_or(From::Begin, From::Received)).await?;
            let end = self.cursor(&shard, From::End).await?;
            let Some(to) = period.to else {
                self.read_range(&shard, Range { begin, end }, |line| ledger.take(line)).await?;
                continue;
            };
            let middle = self.cursor(&shard, From::Received(to)).await?;
            self.read_range(&shard, Range { begin, end: middle.clone() }, |line| ledger.take(line)).await?;
            let only_marks = |line| {
                if matches!(line, Line::Replayed(_)) {
                    ledger.take(line)
                }
            };
            self.read_range(&shard, Range { begin: middle, end }, only_marks).await?;
        }
        Ok(())
    }

    async fn cursor(&self, shard: &Shard, from: From) -> Result<crate::sls::cursor::Cursor, SlsError> {
        repeated(self.deadline, &self.requests, |time| shard.cursor(from, time)).await
    }

    async fn read_range(&self, shard: &Shard, range: Range, mut take: impl FnMut(Line)) -> Result<(), ReadFailure> {
        let mut reader = Reader::new(shard.clone(), range, self.budget.clone(), self.deadline, self.requests.clone());
        while let Some(found) = reader.next().await? {
            // What has left the retention since the cursor was asked for is as old as what had left before.
            let Found::Page(page) = found else { continue };
            for (_, group) in page.groups() {
                for record in group.records() {
                    take(record.map_or(Line::Unreadable(dead_letter::Unreadable::Damaged), |record| Line::of_record(&record)));
                }
            }
        }
        Ok(())
    }

    /// Writes a mark for each of these letters, so that no other replay sends them again. `now`: UNIX seconds.
    ///
    /// # Errors
    /// A refusal, or the last error when attempts or time are used up.
    pub async fn mark(&self, letters: &[DeadLetter], now: u32) -> Result<(), SlsError> {
        for part in letters.chunks(dead_letter::MAX_LETTERS_PER_REQUEST) {
            let (group, mut requests) = (dead_letter::log_group_of(part.iter().map(mark), now), 0);
            let written = writer::put(&self.logstore, &group, self.deadline, &mut requests).await;
            self.requests.fetch_add(requests, Relaxed);
            written?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::ledger::Choice;

    #[test]
    fn a_line_without_end_is_foreign_and_the_lines_around_it_are_read() {
        let letter = r#"{"v":1,"project":"p-1","logstore":"log","shard":0,"cursor":"MQ==","index":0,"spanId":"0101010101010101","reason":"refused"}"#;
        let long = "x".repeat(usize::try_from(MAX_LINE_BYTES).unwrap() * 2 + 5);
        let text = format!("{letter}\n{long}\nsentinel\n{}", letter.replace("\"index\":0", "\"index\":1"));
        let mut ledger = Ledger::new(Choice::default());
        from_lines(io::BufReader::with_capacity(1000, text.as_bytes()), &mut ledger).unwrap();
        assert_eq!((ledger.open().len(), ledger.tally().foreign), (2, 2));
        let mut cut = Ledger::new(Choice::default());
        from_lines(long.as_bytes(), &mut cut).unwrap();
        assert_eq!(cut.tally().foreign, 1);
    }
}
