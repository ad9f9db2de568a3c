//! The version of a Langfuse server, as its health answer names it. Plain data and its reading; decisions over it are made elsewhere.

use serde::Deserialize;

/// Path of the health endpoint; it needs no key (`reference/langfuse.md` §2 "Health").
pub const HEALTH_PATH: &str = "/api/public/health";

/// A released version, ordered as releases are. A suffix such as `-rc.1` is not part of it: what a release has, its candidates have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerVersion {
    /// First number.
    pub major: u32,
    /// Second number.
    pub minor: u32,
    /// Third number.
    pub patch: u32,
}

/// The part of a health answer that is read.
#[derive(Deserialize)]
struct Health {
    version: String,
}

impl ServerVersion {
    /// A version of these three numbers.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// The version in the body of a health answer, whatever its status: a server without its database still says who it is.
    /// `None`: unknown (`reference/langfuse.md` §2 "Health").
    pub fn of_health(body: &[u8]) -> Option<Self> {
        Self::parse(&serde_json::from_slice::<Health>(body).ok()?.version)
    }

    /// Reads `3.63.1`, `v3.63.1`, `3.63.1-rc.1`, `3.63`; a number that is left out is 0. `None`: not a version.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let released = text.split(['-', '+']).next()?;
        let mut numbers = released.split('.').map(|number| number.parse::<u32>().ok());
        let major = numbers.next()??;
        Some(Self::new(major, numbers.next().unwrap_or(Some(0))?, numbers.next().unwrap_or(Some(0))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_in_all_its_spellings() {
        for (text, expected) in [
            ("3.63.1", Some((3, 63, 1))),
            ("v3.63.1", Some((3, 63, 1))),
            (" V3.63.1 ", Some((3, 63, 1))),
            ("3.63.0-rc.1", Some((3, 63, 0))),
            ("4.16.0+build.7", Some((4, 16, 0))),
            ("4.16.0-rc.1+build.7", Some((4, 16, 0))),
            ("3.63", Some((3, 63, 0))),
            ("4", Some((4, 0, 0))),
            ("3.98.2.1", Some((3, 98, 2))),
            ("", None),
            ("v", None),
            ("latest", None),
            ("3.x", None),
            ("3.", None),
            ("3.63.one", None),
            ("-3.1.0", None),
            ("99999999999.0.0", None),
        ] {
            assert_eq!(
                ServerVersion::parse(text),
                expected.map(|(major, minor, patch)| ServerVersion::new(major, minor, patch)),
                "{text:?}"
            );
        }
    }

    #[test]
    fn the_health_answer_names_it() {
        let version = |body: &str| ServerVersion::of_health(body.as_bytes());
        assert_eq!(version(r#"{"status":"OK","version":"3.63.1"}"#), Some(ServerVersion::new(3, 63, 1)));
        assert_eq!(version(r#"{"status":"Database not available","version":"4.16.0"}"#), Some(ServerVersion::new(4, 16, 0)));
        for unknown in [r#"{"status":"OK"}"#, r#"{"version":3}"#, r#"{"version":"nightly"}"#, "<html>", "", "[]"] {
            assert_eq!(version(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn versions_compare_by_number() {
        let sorted = ["2.95.0", "3.9.10", "3.63.0", "3.98.1", "3.98.2", "3.100.0", "4.0.0"].map(|text| ServerVersion::parse(text).unwrap());
        assert!(sorted.is_sorted());
    }
}
