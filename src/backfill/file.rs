//! The state file: whole at every moment, and held by one backfill at a time.
//!
//! A new text is written beside the file, brought to the disk, and takes the file's place by a rename; a kill at any moment leaves the old or
//! the new one. The lock is on the file itself: the new one is locked before it takes the place, and who has locked one that has lost its
//! place has nothing.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::state::{State, VERSION};

/// Larger than any state: some hundred slices of some hundred bytes. Bytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Why there is no state.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file cannot be used.
    #[error("it cannot be read or written: {0}")]
    Io(#[from] io::Error),
    /// Somebody else is at it.
    #[error("another backfill is using it")]
    InUse,
    /// The file holds something else: nothing must be taken away from it.
    #[error("it holds no state of a backfill: is this really a state file?")]
    NotState,
    /// The file is of a program whose states have another form.
    #[error("it was written by another version of this program: finish it with that one, or name another file with --state")]
    Version,
}

/// A state file that nobody else can open.
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
    /// Holds the lock.
    held: File,
}

impl StateFile {
    /// Opens or makes the file, and reads what is in it; nothing in a new one.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn open(path: &Path) -> Result<(Self, Option<State>), StateError> {
        let mut held = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        held.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => StateError::InUse,
            TryLockError::Error(error) => StateError::Io(error),
        })?;
        // Replaced between the opening and the lock: the holder of the new one is at work.
        if std::fs::metadata(path)?.ino() != held.metadata()?.ino() {
            return Err(StateError::InUse);
        }
        let mut text = String::new();
        (&mut held).take(MAX_BYTES).read_to_string(&mut text).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => StateError::NotState,
            _ => StateError::Io(error),
        })?;
        Ok((Self { path: path.to_owned(), held }, state_of(&text)?))
    }

    /// Puts a state in the place of what is there.
    ///
    /// # Errors
    /// When it cannot be brought to the disk; then the old state is still there.
    pub fn replace(&mut self, state: &State) -> io::Result<()> {
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        let mut file = File::create(&name)?;
        file.lock()?;
        file.write_all(&serde_json::to_vec(state)?)?;
        file.sync_all()?;
        std::fs::rename(&name, &self.path)?;
        self.held = file;
        let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(directory)?.sync_all()
    }
}

impl StateFile {
    /// Takes the file away if nothing has been put into it: a backfill that could not begin leaves nothing behind.
    pub fn discard_if_new(self) {
        if self.held.metadata().is_ok_and(|held| held.len() == 0) {
            // What stays is an empty file, which the next one takes for a new one.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn state_of(text: &str) -> Result<Option<State>, StateError> {
    if text.is_empty() {
        return Ok(None);
    }
    let value: serde_json::Value = serde_json::from_str(text).map_err(|_| StateError::NotState)?;
    match (value["v"].as_u64(), value["of"].is_object()) {
        (Some(version), true) if version == u64::from(VERSION) => {}
        (Some(_), true) => return Err(StateError::Version),
        _ => return Err(StateError::NotState),
    }
    serde_json::from_value(value).map(Some).map_err(|_| StateError::NotState)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backfill::state::tests::{parameters, state};

    #[test]
    fn what_was_put_in_is_there_for_the_next_one_and_only_one_holds_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        let (mut file, before) = StateFile::open(&path).unwrap();
        assert_eq!(before, None);
        for _ in 0..2 {
            assert!(matches!(StateFile::open(&path), Err(StateError::InUse)));
            file.replace(&state()).unwrap();
        }
        assert!(matches!(StateFile::open(&path), Err(StateError::InUse)), "the one in its place is held too");
        drop(file);
        assert_eq!(StateFile::open(&path).unwrap().1, Some(state()));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_kill_while_a_state_is_written_leaves_the_one_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        StateFile::open(&path).unwrap().0.replace(&state()).unwrap();
        std::fs::write(directory.path().join("state.new"), "{\"v\":1,\"of").unwrap();
        let (mut file, read) = StateFile::open(&path).unwrap();
        assert_eq!(read, Some(state()));
        let mut further = state();
        further.of.parameter = "{}".into();
        file.replace(&further).unwrap();
        drop(file);
        assert_eq!(StateFile::open(&path).unwrap().1, Some(further));
    }

    #[test]
    fn a_file_of_another_kind_or_version_is_left_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let newer = serde_json::to_string(&State { v: 2, ..state() }).unwrap();
        let half = &serde_json::to_string(&state()).unwrap()[..40];
        let torn = serde_json::json!({"v": 1, "of": parameters(), "slices": "sentinel"}).to_string();
        for (text, is_version) in [("sentinel", false), ("{}", false), (half, false), (&torn, false), (&newer, true)] {
            std::fs::write(&path, text).unwrap();
            let error = StateFile::open(&path).unwrap_err();
            let expected = if is_version { matches!(error, StateError::Version) } else { matches!(error, StateError::NotState) };
            assert!(expected && !error.to_string().contains("sentinel"), "{error}: {text}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(matches!(StateFile::open(&path), Err(StateError::NotState)));
    }
}
