//! IPv6 addresses. Pure.

use std::net::Ipv6Addr;

use super::kind::{Kind, Span};
use super::scan::{Haystack, span};

/// The longest that is written: eight groups of four, the last two as an IPv4 address.
const LONGEST: usize = 45;

/// The address around the colon at `at`.
///
/// Names of code such as `abc::def` are addresses, too, so a digit is demanded.
pub(super) fn ipv6(haystack: Haystack<'_>, at: usize) -> Option<Span> {
    let begins = haystack.at(at + 1) == b':' || haystack.before(at).is_ascii_hexdigit();
    if !begins || !is_part(haystack.at(at + 1)) {
        return None;
    }
    let start = haystack.start_of(at, LONGEST, is_part);
    let mut end = haystack.end_within(at, 2 * LONGEST, is_part);
    while haystack.before(end) == b'.' || (haystack.before(end) == b':' && haystack.before(end - 1) != b':') {
        end -= 1;
    }
    // Most runs are times.
    haystack.bytes.get(start..end)?.iter().filter(|byte| **byte == b':').nth(1)?;
    // `cache:2001:db8::1`, and a port behind eight groups.
    let later = || (start..end).filter(|place| haystack.at(*place) == b':').take(MOST_BEFORE).map(|colon| colon + 1);
    let earlier = haystack.bytes.get(start..end)?.iter().rposition(|byte| *byte == b':').map_or(end, |colon| start + colon);
    let places = std::iter::once(start).chain(later()).flat_map(|start| [(start, end), (start, earlier)]);
    let found = places.into_iter().find(|(start, end)| is_address(haystack, *start, *end))?;
    span(haystack, found.0, found.1, Kind::Ip)
}

/// How many groups of the run may be something else in front of the address.
const MOST_BEFORE: usize = 3;

fn is_address(haystack: Haystack<'_>, start: usize, end: usize) -> bool {
    let Some(text) = haystack.bytes.get(start..end) else { return false };
    let apart = !haystack.before(start).is_ascii_alphanumeric() && !haystack.at(end).is_ascii_alphanumeric();
    let digits = text.iter().any(u8::is_ascii_digit);
    let address = std::str::from_utf8(text).ok().and_then(|text| text.parse::<Ipv6Addr>().ok());
    // `::0` is nobody's.
    apart && digits && address.is_some_and(|address| !address.is_unspecified())
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')
}
