//! Files that a user names, `-` being standard input. What stands in them is judged elsewhere.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::ending::Ending;

/// The most of one file that is held in memory. Bytes. Far more than an event or a test's logs; a wrong path must not fill the memory.
const MAX_FILE_BYTES: u64 = 1024 * 1024 * 1024;

/// Opens a file to be read piece by piece. `what` says in messages what it should hold.
///
/// # Errors
/// [`Ending::Misused`], when it cannot be opened.
pub fn open(path: &Path, what: &str) -> Result<Box<dyn BufRead>, Ending> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    }
    let file = File::open(path).map_err(|error| unreadable(path, what, &error))?;
    Ok(Box::new(BufReader::new(file)))
}

/// Reads a whole file as text.
///
/// # Errors
/// [`Ending::Misused`], when it cannot be read, is too large or is not UTF-8.
pub fn text(path: &Path, what: &str) -> Result<String, Ending> {
    let mut text = String::new();
    open(path, what)?.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).map_err(|error| unreadable(path, what, &error))?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(Ending::misused(format!("{what} {} is larger than 1 GiB: split it", path.display())));
    }
    Ok(text)
}

/// The error of a file that cannot be read.
pub fn unreadable(path: &Path, what: &str, error: &std::io::Error) -> Ending {
    Ending::misused(format!("cannot read {what} {}: {error}; name a readable file, or - for standard input", path.display()))
}

/// The path as an argument, `-` where it is left out.
pub fn or_stdin(path: Option<PathBuf>) -> PathBuf {
    path.unwrap_or_else(|| PathBuf::from("-"))
}
