//! Which release the stand-in plays, and since when each rule holds. Numbers only; the rules themselves live with what they rule.

use std::fmt;
use std::str::FromStr;

/// A release of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerVersion {
    major: u32,
    minor: u32,
    patch: u32,
}

impl ServerVersion {
    /// From its three numbers.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// The first number.
    pub fn major(self) -> u32 {
        self.major
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A text is not three numbers with dots between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a server version is three numbers with dots between, such as 4.16.0")]
pub struct NotAVersion;

impl FromStr for ServerVersion {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let numbers: Result<Vec<u32>, _> = text.split('.').map(str::parse).collect();
        match numbers.as_deref() {
            Ok([major, minor, patch]) => Ok(Self::new(*major, *minor, *patch)),
            _ => Err(NotAVersion),
        }
    }
}

/// The first release that has each thing (`reference/langfuse.md` §1, both tables).
pub(super) mod since {
    use super::ServerVersion;

    const fn v(major: u32, minor: u32, patch: u32) -> ServerVersion {
        ServerVersion::new(major, minor, patch)
    }

    pub const OTLP: ServerVersion = v(3, 22, 0);
    pub const OTLP_JSON: ServerVersion = v(3, 27, 0);
    pub const GZIP: ServerVersion = v(3, 30, 0);
    pub const ENVIRONMENTS: ServerVersion = v(3, 34, 0);
    pub const ANSWER_200: ServerVersion = v(3, 38, 0);
    pub const LANGFUSE_ATTRIBUTES: ServerVersion = v(3, 59, 0);
    pub const TEXT_IDS: ServerVersion = v(3, 81, 0);
    pub const NEWER_TYPES: ServerVersion = v(3, 98, 2);
    pub const GENAI_MESSAGES: ServerVersion = v(3, 106, 4);
    pub const FORGIVING_USAGE: ServerVersion = v(3, 138, 0);
    pub const INGESTION_VERSION: ServerVersion = v(3, 154, 0);
    pub const TIMES_FILLED: ServerVersion = v(3, 155, 1);
    pub const ENVIRONMENT_REPLACED: ServerVersion = v(3, 161, 0);
    pub const GENAI_USAGE_ARITHMETIC: ServerVersion = v(3, 168, 0);
    pub const RATE_LIMIT_JSON: ServerVersion = v(3, 170, 0);
    pub const APP_ROOT: ServerVersion = v(3, 176, 0);
    pub const WRITE_MODES: ServerVersion = v(3, 179, 0);
    pub const TEXT_INTEGERS: ServerVersion = v(3, 179, 0);
    pub const LONG_INTEGERS: ServerVersion = v(3, 214, 0);
    pub const LEVEL_ALIASES: ServerVersion = v(4, 0, 0);
    pub const REQUEST_VALIDATION: ServerVersion = v(4, 4, 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_by_number_not_by_text() {
        assert!(ServerVersion::new(3, 98, 2) < ServerVersion::new(3, 106, 4));
        assert!(ServerVersion::new(4, 4, 0) < ServerVersion::new(4, 16, 0));
    }

    #[test]
    fn reads_what_it_prints_and_nothing_else() {
        assert_eq!("4.16.0".parse(), Ok(ServerVersion::new(4, 16, 0)));
        assert_eq!(ServerVersion::new(3, 98, 2).to_string(), "3.98.2");
        for text in ["", "4", "4.16", "v4.16.0", "4.16.0.1", "4.16.0-rc.1"] {
            assert_eq!(text.parse::<ServerVersion>(), Err(NotAVersion), "{text}");
        }
    }
}
