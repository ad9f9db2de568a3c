//! A moment as it was logged → UNIX milliseconds. Pure, and exact: the start of a call is part of its identity.

use jiff::civil::Time;
use jiff::fmt::strtime;
use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;

/// The last moment that fits the nanoseconds of OTLP (unsigned 64 bits): in the year 2554. UNIX milliseconds.
pub const LAST_MS: i64 = 18_446_744_073_000;

/// A logged moment in UNIX milliseconds: RFC 3339 in its usual variations, a missing zone meaning UTC, or digits of UNIX time.
pub fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    let ms = if text.bytes().all(|byte| byte.is_ascii_digit()) { unix(text)? } else { rfc3339(text)? };
    (1..=LAST_MS).contains(&ms).then_some(ms)
}

fn rfc3339(text: &str) -> Option<i64> {
    let pieces = Pieces::parse(text).ok()?;
    let moment = pieces.date().to_datetime(pieces.time().unwrap_or(Time::midnight()));
    let offset = pieces.to_numeric_offset().unwrap_or(Offset::UTC);
    Some(offset.to_timestamp(moment).ok()?.as_nanosecond().div_euclid(1_000_000)).and_then(|ms| i64::try_from(ms).ok())
}

/// Seconds, milliseconds, microseconds or nanoseconds, told apart by their length: all of this century.
fn unix(digits: &str) -> Option<i64> {
    let number: i64 = digits.parse().ok()?;
    match digits.len() {
        9..=10 => number.checked_mul(1000),
        12..=13 => Some(number),
        15..=16 => Some(number / 1000),
        18..=19 => Some(number / 1_000_000),
        _ => None,
    }
}

/// As [`parse`], in the further forms of other gateways: UNIX seconds with a fraction, cut to milliseconds, and the common log format.
pub fn parse_foreign(text: &str) -> Option<i64> {
    let text = text.trim();
    let ms = parse(text).or_else(|| fractional(text)).or_else(|| common_log(text))?;
    (1..=LAST_MS).contains(&ms).then_some(ms)
}

/// Decimal digits only: a detour over floating point would move some moments by a millisecond.
fn fractional(text: &str) -> Option<i64> {
    let (seconds, fraction) = text.split_once('.')?;
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !(9..=10).contains(&seconds.len()) || !are_digits(seconds) || fraction.is_empty() || !are_digits(fraction) {
        return None;
    }
    let thousandths: String = fraction.chars().chain("00".chars()).take(3).collect();
    seconds.parse::<i64>().ok()?.checked_mul(1000)?.checked_add(thousandths.parse().ok()?)
}

/// `02/Mar/2026:02:10:01 +0000`, as NGINX writes its local time.
fn common_log(text: &str) -> Option<i64> {
    let moment = strtime::parse("%d/%b/%Y:%H:%M:%S %z", text.trim_matches(['[', ']'])).ok()?;
    moment.to_timestamp().ok().map(jiff::Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_other_gateways_are_exact_to_the_millisecond() {
        for (text, ms) in [
            ("1772417401.037", Some(1_772_417_401_037)),
            ("1772417401.0379999", Some(1_772_417_401_037)),
            ("1772417401.5", Some(1_772_417_401_500)),
            ("1772417401", Some(1_772_417_401_000)),
            ("2026-03-02T02:10:01.037Z", Some(1_772_417_401_037)),
            ("02/Mar/2026:10:10:01 +0800", Some(1_772_417_401_000)),
            ("[02/Mar/2026:02:10:01 +0000]", Some(1_772_417_401_000)),
            ("1.5", None),
            ("1772417401.", None),
            ("1772417401.x", None),
            ("-1772417401.5", None),
            ("1.772417401e9", None),
            ("soon", None),
        ] {
            assert_eq!(parse_foreign(text), ms, "{text}");
        }
        assert_eq!(parse("1772417401.037"), None, "the gateway's own field has no such form");
    }
}
