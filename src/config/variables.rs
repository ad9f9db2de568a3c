//! Where texts come from: variables by name and files by path.
//!
//! Two small traits stand between the rules and the process, so that no test and no embedded run touches the real environment
//! (`reference/style.md` §3). Reading the environment of the process anywhere else is a defect. No meaning is given to any name here.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The most that is read of one file, in bytes. Certificate bundles of whole systems have a quarter of a megabyte; a path to a device or
/// to a log must not fill the memory.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Texts by variable name.
pub trait Variables {
    /// The text of a variable, None if it is not there. An empty text is a text.
    fn get(&self, name: &str) -> Option<String>;
}

/// Contents by path.
pub trait Files {
    /// The whole content of a file.
    ///
    /// # Errors
    /// Whatever the file system says, and [`io::ErrorKind::FileTooLarge`] above 4 MiB.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
}

/// The environment of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnvironment;

impl Variables for ProcessEnvironment {
    /// Bytes that are not UTF-8 arrive as U+FFFD, so that the rule of the setting refuses them rather than the value being taken for unset.
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the environment of the process")]
    fn get(&self, name: &str) -> Option<String> {
        std::env::var_os(name).map(|text| text.to_string_lossy().into_owned())
    }
}

impl Variables for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<String> {
        BTreeMap::get(self, name).cloned()
    }
}

/// The file system of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileSystem;

impl Files for FileSystem {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        std::fs::File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut content)?;
        if content.len() as u64 > MAX_FILE_BYTES { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(content) }
    }
}

impl Files for BTreeMap<PathBuf, Vec<u8>> {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_of_the_file_system_is_read_whole() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"content\n").unwrap();
        assert_eq!(FileSystem.read(file.path()).unwrap(), b"content\n");
    }

    #[test]
    fn a_file_above_the_limit_is_refused_instead_of_cut() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(MAX_FILE_BYTES).unwrap();
        assert_eq!(FileSystem.read(file.path()).unwrap().len() as u64, MAX_FILE_BYTES);
        file.as_file().set_len(MAX_FILE_BYTES + 1).unwrap();
        assert_eq!(FileSystem.read(file.path()).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_missing_file_says_so() {
        assert_eq!(FileSystem.read(Path::new("/no/such/file")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
