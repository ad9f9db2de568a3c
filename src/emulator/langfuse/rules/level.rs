//! Levels and their spellings (`reference/langfuse.md` §5).

use std::fmt;

use serde_json::Value;

use crate::emulator::langfuse::version::{ServerVersion, since};

/// How serious an observation is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// `DEBUG`.
    Debug,
    /// `DEFAULT`.
    #[default]
    Default,
    /// `WARNING`.
    Warning,
    /// `ERROR`.
    Error,
}

impl Level {
    /// The one spelling that is always understood.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Default => "DEFAULT",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
        }
    }

    /// The exact spelling, the only one of the batch API and of OTLP before 4.0.
    pub fn exact(text: &str) -> Option<Self> {
        [Self::Debug, Self::Default, Self::Warning, Self::Error].into_iter().find(|level| level.as_str() == text)
    }

    fn alias(text: &str) -> Option<Self> {
        match text.to_lowercase().as_str() {
            "debug" | "trace" | "verbose" => Some(Self::Debug),
            "default" | "info" | "log" | "notice" | "ok" | "success" => Some(Self::Default),
            "warning" | "warn" => Some(Self::Warning),
            "error" | "fatal" | "critical" => Some(Self::Error),
            _ => None,
        }
    }

    /// The level of a span, or nothing where its spelling drops the observation (before 4.0).
    pub fn of_span(attribute: Option<&Value>, status_is_error: bool, version: ServerVersion) -> Option<Self> {
        let by_status = if status_is_error { Self::Error } else { Self::Default };
        let Some(given) = attribute else { return Some(by_status) };
        let text = given.as_str().unwrap_or_default();
        if version >= since::LEVEL_ALIASES { Some(Self::alias(text).unwrap_or(by_status)) } else { Self::exact(text) }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: ServerVersion = ServerVersion::new(4, 0, 0);
    const V3: ServerVersion = ServerVersion::new(3, 200, 0);

    #[test]
    fn v4_reads_foreign_names_and_v3_drops_the_observation() {
        let cases = [("ERROR", Level::Error), ("Warn", Level::Warning), ("verbose", Level::Debug), ("ok", Level::Default)];
        for (text, level) in cases {
            assert_eq!(Level::of_span(Some(&Value::from(text)), false, V4), Some(level), "{text}");
        }
        assert_eq!(Level::of_span(Some(&Value::from("warn")), false, V3), None);
        assert_eq!(Level::of_span(Some(&Value::from("WARNING")), true, V3), Some(Level::Warning));
    }

    #[test]
    fn an_unknown_or_absent_level_follows_the_status() {
        assert_eq!(Level::of_span(Some(&Value::from("odd")), true, V4), Some(Level::Error));
        assert_eq!(Level::of_span(Some(&Value::from(3)), false, V4), Some(Level::Default));
        assert_eq!(Level::of_span(None, true, V3), Some(Level::Error));
    }
}
