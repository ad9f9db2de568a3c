//! Ids that nobody can read and that stay apart: HMAC-SHA256 under a key of the operator. Pure.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::secret::Secret;

/// How many hexadecimal digits of the hash are kept: 128 bits, so that no two of any number of users meet.
pub const HASH_DIGITS: usize = 32;

/// The first [`HASH_DIGITS`] hexadecimal digits of HMAC-SHA256 of the id: the same in every instance that has the key.
pub fn hashed(id: &str, key: &Secret) -> String {
    // A key of any length is taken, so there is no error to tell.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()) else { return String::new() };
    mac.update(id.as_bytes());
    let mut text = String::with_capacity(HASH_DIGITS);
    for byte in mac.finalize().into_bytes().iter().take(HASH_DIGITS / 2) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_every_other_program() {
        // RFC 4231, test case 2.
        assert_eq!(hashed("what do ya want for nothing?", &Secret::new("Jefe")), "5bdcc146bf60754e6a042426089575c7");
    }
}
