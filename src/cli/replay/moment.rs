//! A moment as people write it. Pure.

use jiff::Timestamp;

/// The UNIX second that a text names: RFC 3339 with a zone, or how long before `now`, as `90s`, `30m`, `2h`, `1d`, `2w`.
///
/// # Errors
/// The rule, when it is neither.
pub fn moment(text: &str, now: u32) -> Result<u32, &'static str> {
    const RULE: &str = "write a time with its zone, as 2026-03-02T02:10:00Z, or how long ago it was, as 90s, 30m, 2h, 1d or 2w";
    if let Ok(time) = text.parse::<Timestamp>() {
        return u32::try_from(time.as_second()).map_err(|_| RULE);
    }
    ago(text.strip_suffix(" ago").unwrap_or(text)).map(|ago| now.saturating_sub(ago)).ok_or(RULE)
}

fn ago(text: &str) -> Option<u32> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        'w' => 7 * 24 * 3600,
        _ => return None,
    };
    let digits = &text[..text.len() - 1];
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse::<u32>().ok()?.checked_mul(unit)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_with_zone_or_a_while_ago() {
        const NOW: u32 = 1_772_417_413;
        for (text, second) in [
            ("2026-03-02T02:10:13Z", NOW),
            ("2026-03-02T10:10:13+08:00", NOW),
            ("2026-03-02T02:10:13.999Z", NOW),
            ("90s", NOW - 90),
            ("30m", NOW - 1800),
            ("2h", NOW - 7200),
            ("2h ago", NOW - 7200),
            ("1d", NOW - 86_400),
            ("2w", NOW - 1_209_600),
            ("0s", NOW),
            ("4000w", 0),
        ] {
            assert_eq!(moment(text, NOW), Ok(second), "{text}");
        }
        for text in [
            "",
            "h",
            "2",
            "2x",
            "-2h",
            "+2h",
            "1.5h",
            "2 h",
            "9999999w",
            "2026-03-02T02:10:13",
            "yesterday",
            "1900-01-01T00:00:00Z",
            "二h",
            "2时",
        ] {
            assert!(moment(text, NOW).is_err(), "{text}");
        }
    }
}
