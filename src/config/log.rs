//! What the operator says about our own log: its form, and which levels of which modules.
//!
//! Turns texts into values; nothing is installed or printed here.

use tracing_subscriber::filter::{LevelFilter, Targets};

use super::rules::{Rule, elements};

/// The crates of this project, whose levels `RUST_LOG` decides.
const OWN_CRATES: [&str; 2] = ["sls_to_langfuse", "bootstrap"];

/// Dependencies log requests and headers at finer levels (`design.md` §2, `RUST_LOG`; decision 9).
const FOREIGN_CAP: LevelFilter = LevelFilter::WARN;

/// Says of a failed call what our own line has said, without an event.
const SAID_ALREADY: (&str, LevelFilter) = ("lambda_runtime::layers::panic", LevelFilter::OFF);

/// `LOG_FORMAT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For a person at a terminal.
    Human,
}

/// What the operator says about the log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogSettings {
    /// `LOG_FORMAT`; None: JSON in a function, for people on a terminal.
    pub format: Option<LogFormat>,
    /// `RUST_LOG`, complete: our own levels, and everything else at most at warn.
    pub filter: Targets,
    /// `TZ`, as written and not checked; only for display on a terminal.
    pub time_zone: String,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { format: None, filter: general_filter(LevelFilter::INFO), time_zone: "UTC".to_owned() }
    }
}

/// A level, or `module=level`, separated by commas.
pub(super) fn filter(text: &str) -> Result<Targets, Rule> {
    let mut general = LevelFilter::INFO;
    let mut modules = Vec::new();
    for element in elements(text) {
        match element.split_once('=') {
            None => general = level(element)?,
            Some((module, text)) => modules.push(directive(module.trim(), level(text.trim())?)?),
        }
    }
    Ok(general_filter(general).with_targets(modules))
}

fn general_filter(general: LevelFilter) -> Targets {
    let own = OWN_CRATES.map(|name| (name, general));
    Targets::new().with_default(general.min(FOREIGN_CAP)).with_targets([SAID_ALREADY]).with_targets(own)
}

fn directive(module: &str, level: LevelFilter) -> Result<(String, LevelFilter), Rule> {
    let is_path = !module.is_empty() && module.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':'));
    let is_own = OWN_CRATES.iter().any(|name| module.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::")));
    if !is_path {
        return Err(rule());
    }
    Ok((module.to_owned(), if is_own { level } else { level.min(FOREIGN_CAP) }))
}

fn level(text: &str) -> Result<LevelFilter, Rule> {
    match text.to_ascii_lowercase().as_str() {
        "off" => Ok(LevelFilter::OFF),
        "error" => Ok(LevelFilter::ERROR),
        "warn" => Ok(LevelFilter::WARN),
        "info" => Ok(LevelFilter::INFO),
        "debug" => Ok(LevelFilter::DEBUG),
        "trace" => Ok(LevelFilter::TRACE),
        _ => Err(rule()),
    }
}

fn rule() -> Rule {
    "must be a level (off, error, warn, info, debug, trace) or module=level, separated by commas".into()
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn a_level_is_ours_alone_and_dependencies_stay_at_warn() {
        let filter = filter("trace").unwrap();
        assert!(filter.would_enable("sls_to_langfuse::sls", &Level::TRACE));
        assert!(filter.would_enable("bootstrap", &Level::TRACE));
        assert!(filter.would_enable("hyper", &Level::WARN));
        assert!(!filter.would_enable("hyper", &Level::INFO));
    }

    #[test]
    fn nobody_repeats_what_our_own_line_says_of_a_failed_call() {
        for filter in [filter("info").unwrap(), LogSettings::default().filter] {
            assert!(!filter.would_enable("lambda_runtime::layers::panic", &Level::ERROR));
            assert!(filter.would_enable("lambda_runtime::runtime", &Level::WARN));
        }
    }

    #[test]
    fn a_stricter_level_holds_for_dependencies_too() {
        let filter = filter("OFF").unwrap();
        assert!(!filter.would_enable("sls_to_langfuse", &Level::ERROR));
        assert!(!filter.would_enable("hyper", &Level::ERROR));
    }

    #[test]
    fn a_module_can_be_louder_than_the_rest_unless_it_is_foreign() {
        let filter = filter("error, sls_to_langfuse::sls=debug, reqwest=trace").unwrap();
        assert!(filter.would_enable("sls_to_langfuse::sls::client", &Level::DEBUG));
        assert!(!filter.would_enable("sls_to_langfuse::delivery", &Level::WARN));
        assert!(filter.would_enable("reqwest", &Level::WARN));
        assert!(!filter.would_enable("reqwest", &Level::INFO));
    }

    #[test]
    fn modules_alone_leave_the_rest_at_info() {
        let filter = filter("sls_to_langfuse::sls=trace").unwrap();
        assert!(filter.would_enable("sls_to_langfuse::delivery", &Level::INFO));
        assert!(!filter.would_enable("sls_to_langfuse::delivery", &Level::DEBUG));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["verbose", "sls_to_langfuse", "=info", "a=", "a=b=c", "[span]=info", "a b=info", "3"] {
            assert!(filter(text).is_err(), "{text}");
        }
    }
}
