//! The state file: what this machine has replayed, one mark a line. It outlives a kill at any moment.
//!
//! A part's marks are appended by one write and brought to the disk before anything else happens. A line that a kill cut short is taken
//! away at the next start: its letters are replayed once more, which is harmless.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;

use super::ledger::{Ledger, Witness};
use super::line::{Line, mark};
use crate::dead_letter::DeadLetter;

/// Why there is no state.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file cannot be used.
    #[error("it cannot be read or written: {0}")]
    Io(#[from] io::Error),
    /// Somebody else is at it.
    #[error("another replay is using it")]
    InUse,
    /// The file holds something else: nothing must be taken away from it or added to it.
    #[error("line {0} is no mark of a replay: is this really a state file?")]
    NotState(u64),
}

/// An open state file, which no other replay can open.
#[derive(Debug)]
pub struct StateFile {
    file: File,
}

impl StateFile {
    /// Opens or makes it, and tells the ledger what is done.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn open(path: &Path, ledger: &mut Ledger) -> Result<Self, StateError> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => StateError::InUse,
            TryLockError::Error(error) => StateError::Io(error),
        })?;
        let whole = read(&file, ledger)?;
        file.set_len(whole)?;
        let mut state = Self { file };
        state.file.seek(SeekFrom::End(0))?;
        Ok(state)
    }

    /// Tells the ledger what is done by an existing file, and changes nothing.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn peek(path: &Path, ledger: &mut Ledger) -> Result<(), StateError> {
        match File::open(path) {
            Ok(file) => read(&file, ledger).map(|_| ()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Notes that these letters are done.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add<'l>(&mut self, letters: impl IntoIterator<Item = &'l DeadLetter>) -> io::Result<()> {
        let lines: String = letters.into_iter().map(|letter| format!("{}\n", mark(letter))).collect();
        self.file.write_all(lines.as_bytes())?;
        self.file.sync_data()
    }
}

/// Reads marks up to the end of the last whole line, and returns how many bytes that is.
fn read(file: &File, ledger: &mut Ledger) -> Result<u64, StateError> {
    let (mut lines, mut line, mut whole, mut number) = (BufReader::new(file), Vec::new(), 0, 0);
    while lines.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
        number += 1;
        match Line::of_text(&line) {
            Line::Replayed(letter) => ledger.done(&letter, Witness::State),
            _ => return Err(StateError::NotState(number)),
        }
        whole += line.len() as u64;
        line.clear();
    }
    // The rest of a file of another kind is no cut mark.
    let cut = line.is_empty() || b"{\"cursor\":".starts_with(&line[..line.len().min(10)]);
    if cut { Ok(whole) } else { Err(StateError::NotState(number + 1)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dead_letter::Pointer;
    use crate::delivery::DeadLetterReason;
    use crate::replay::ledger::Choice;
    use crate::sls::cursor::Cursor;
    use crate::trace::SpanId;

    fn letter(group: u64) -> DeadLetter {
        let cursor = Cursor::from_number(group).text().to_owned();
        let (project, logstore) = ("p-1".to_owned(), "log".to_owned());
        let pointer = Pointer::Log { project, logstore, shard: 0, cursor, end_cursor: None, index: 0, receive_time: None };
        DeadLetter::new(pointer, Some(SpanId([1; 8])), DeadLetterReason::Refused, None)
    }

    fn ledger() -> Ledger {
        let mut ledger = Ledger::new(Choice::default());
        (1..=3).for_each(|group| ledger.take(Line::Letter(Box::new(letter(group)))));
        ledger
    }

    fn open_after(path: &Path) -> usize {
        let mut ledger = ledger();
        StateFile::open(path, &mut ledger).unwrap();
        ledger.open().len()
    }

    #[test]
    fn what_was_noted_is_known_at_the_next_start_and_to_those_who_only_look() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        StateFile::peek(&path, &mut ledger()).unwrap();
        assert!(!path.exists());
        let mut state = StateFile::open(&path, &mut ledger()).unwrap();
        state.add(&[letter(1), letter(2)]).unwrap();
        let mut looking = ledger();
        StateFile::peek(&path, &mut looking).unwrap();
        assert_eq!(looking.open().len(), 1);
        assert!(matches!(StateFile::open(&path, &mut ledger()), Err(StateError::InUse)));
        drop(state);
        assert_eq!(open_after(&path), 1);
    }

    #[test]
    fn a_mark_cut_anywhere_by_a_kill_is_taken_away_and_the_ones_before_it_hold() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        let lines = format!("{}\n{}\n", mark(&letter(1)), mark(&letter(2)));
        let first = lines.find('\n').unwrap() + 1;
        for cut in first..lines.len() {
            std::fs::write(&path, &lines[..cut]).unwrap();
            let mut known = ledger();
            let mut state = StateFile::open(&path, &mut known).unwrap();
            assert_eq!(known.open().len(), 2, "{cut}");
            state.add(&[letter(3)]).unwrap();
            drop(state);
            assert_eq!(open_after(&path), 1, "{cut}");
        }
    }

    #[test]
    fn a_file_of_another_kind_is_left_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("letters.jsonl");
        for text in [format!("{}\n", letter(1).json()), "sentinel without a line break".to_owned(), "{}\n".to_owned()] {
            std::fs::write(&path, &text).unwrap();
            let error = StateFile::open(&path, &mut ledger()).unwrap_err();
            assert!(matches!(error, StateError::NotState(1)) && !error.to_string().contains("sentinel"), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }
}
