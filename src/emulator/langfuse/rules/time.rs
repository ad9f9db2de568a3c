//! Times as the server reads them. Everything is milliseconds since 1970, UTC.

use std::time::{SystemTime, UNIX_EPOCH};

/// One day, for the keys of the old tables.
const DAY_MS: i64 = 86_400_000;

/// The only form that the batch API and the old tables take: a date, `T`, a time and a zone (`reference/langfuse.md` §5, §8).
pub fn zoned_ms(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let form = bytes.len() >= 17 && bytes.get(10) == Some(&b'T') && bytes.iter().all(u8::is_ascii) && has_zone(text) && !text.contains('[');
    form.then(|| text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond))?
}

fn has_zone(text: &str) -> bool {
    let tail = text.get(text.len().saturating_sub(6)..).unwrap_or_default().as_bytes();
    text.ends_with('Z') || matches!(tail, [b'+' | b'-', _, _, b':', _, _])
}

/// Whatever JavaScript's `Date` reads, for a server whose zone is UTC: also without a zone, with a blank, or only a date.
pub fn loose_ms(text: &str) -> Option<i64> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(time.as_millisecond());
    }
    let time = text.parse::<jiff::civil::DateTime>().ok()?;
    time.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|time| time.timestamp().as_millisecond())
}

/// As the reading API prints it.
pub fn iso(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map(|time| format!("{time:.3}")).unwrap_or_default()
}

/// Days since 1970, the date part of the old tables' keys (`reference/langfuse.md` §9).
pub fn utc_day(ms: i64) -> i64 {
    ms.div_euclid(DAY_MS)
}

/// The moment of processing.
pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demands_a_zone_where_the_old_tables_do() {
        assert_eq!(zoned_ms("2025-05-22T00:00:00.500Z"), Some(1_747_872_000_500));
        assert_eq!(zoned_ms("2025-05-22T08:00:00.500999+08:00"), Some(1_747_872_000_500));
        assert_eq!(zoned_ms("2025-05-22T00:00Z"), Some(1_747_872_000_000));
        for text in ["2025-05-22T00:00:00", "2025-05-22 00:00:00Z", "2025-05-22", "1747872000500", "", "2025-05-22T00:00:00Z[UTC]", "é"] {
            assert_eq!(zoned_ms(text), None, "{text}");
        }
    }

    #[test]
    fn reads_loosely_where_v4_does() {
        for text in ["2025-05-22T00:00:00.500", "2025-05-22 00:00:00.500", "2025-05-22T00:00:00.500Z"] {
            assert_eq!(loose_ms(text), Some(1_747_872_000_500), "{text}");
        }
        assert_eq!(loose_ms("2025-05-22"), Some(1_747_872_000_000));
        assert_eq!(loose_ms("1747872000500000000"), None);
    }

    #[test]
    fn prints_milliseconds_and_counts_days_below_zero() {
        assert_eq!(iso(1_747_872_000_500), "2025-05-22T00:00:00.500Z");
        assert_eq!((utc_day(-1), utc_day(0), utc_day(DAY_MS)), (-1, 0, 1));
    }
}
