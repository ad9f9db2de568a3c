//! Moments as a person writes them on a command line. Pure.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// What is understood, for help and errors.
const FORMS: &str =
    "a time (2026-03-01T08:00:00+08:00), a date (2026-03-01, UTC), UNIX seconds, a time ago (24h or -24h, 30m, 7d, 2w) or now";

/// A moment as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// UNIX seconds.
    pub at: i64,
    /// The words, where they mean another moment every time.
    pub ago: Option<String>,
}

/// A moment with the words for it.
///
/// # Errors
/// When the text is none.
pub fn written(text: &str) -> Result<Written, String> {
    let words = text.trim().trim_start_matches('-');
    let is_relative = words == "now" || ago(words).is_some();
    moment(text).map(|at| Written { at, ago: is_relative.then(|| words.to_owned()) })
}

/// A length of time as `90s`, `30m`, `24h`, `7d` or `2w`, in seconds.
///
/// # Errors
/// When the text is none.
pub fn length(text: &str) -> Result<u64, &'static str> {
    ago(text).and_then(|seconds| u64::try_from(seconds).ok()).ok_or("must be a length of time as 90s, 30m, 24h, 7d or 2w")
}

/// A moment, UNIX seconds.
///
/// # Errors
/// When the text is none.
pub fn moment(text: &str) -> Result<i64, String> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    at(text, i64::try_from(since.as_secs()).unwrap_or(i64::MAX)).ok_or_else(|| format!("must be {FORMS}"))
}

fn at(text: &str, now: i64) -> Option<i64> {
    let text = text.trim();
    if text == "now" {
        return Some(now);
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    ago(text.strip_prefix('-').unwrap_or(text))
        .and_then(|ago| now.checked_sub(ago))
        .or_else(|| written_out(text))
        .filter(|moment| *moment >= 0)
}

fn ago(text: &str) -> Option<i64> {
    let units = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400), ("w", 604_800)];
    let text = text.strip_suffix(" ago").unwrap_or(text);
    let (digits, unit) = units.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)))?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse::<i64>().ok().filter(|_| plain)?.checked_mul(unit)
}

fn written_out(text: &str) -> Option<i64> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment.as_second());
    }
    let midnight = text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok()?;
    // The parser of dates takes times as well and would drop them without their zone.
    (text.len() == 10).then(|| midnight.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_understood_and_nothing_else() {
        let now = 1_772_417_413;
        for (text, expected) in [
            ("now", Some(now)),
            ("24h", Some(now - 86_400)),
            ("30m", Some(now - 1800)),
            ("7d", Some(now - 604_800)),
            ("1772417413", Some(1_772_417_413)),
            ("2026-03-02T10:10:13+08:00", Some(1_772_417_413)),
            ("2026-03-02T02:10:13.999Z", Some(1_772_417_413)),
            ("90s", Some(now - 90)),
            ("2h ago", Some(now - 7200)),
            ("2w", Some(now - 1_209_600)),
            ("0s", Some(now)),
            ("2026-03-02T02:10:13Z", Some(1_772_417_413)),
            ("2026-03-02", Some(1_772_409_600)),
            ("2026-03-02T02:10:13", None),
            ("yesterday", None),
            ("-1h", Some(now - 3600)),
            ("--1h", None),
            ("+2h", None),
            ("2x", None),
            ("1.5h", None),
            ("2 h", None),
            ("4000w", None),
            ("9999999w", None),
            ("1900-01-01T00:00:00Z", None),
            ("二h", None),
            ("2时", None),
            ("h", None),
            ("99999999999999999h", None),
            ("", None),
        ] {
            assert_eq!(at(text, now), expected, "{text}");
        }
    }

    #[test]
    fn words_are_kept_where_they_mean_another_moment_every_time() {
        assert_eq!(written("2026-03-02"), Ok(Written { at: 1_772_409_600, ago: None }));
        for (text, words) in [("24h", "24h"), ("-24h", "24h"), ("now", "now")] {
            assert_eq!(written(text).unwrap().ago.as_deref(), Some(words));
        }
        assert!(written("yesterday").is_err() && written("--24h").is_err());
    }

    #[test]
    fn a_length_of_time_has_a_unit() {
        assert_eq!((length("0s"), length("90s"), length("2h")), (Ok(0), Ok(90), Ok(7200)));
        assert!(length("90").is_err() && length("-1h").is_err() && length("").is_err());
    }
}
