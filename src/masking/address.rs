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
    let mut end = haystack.end_of(at, is_part).min(start + LONGEST + 1);
    while haystack.before(end) == b'.' || (haystack.before(end) == b':' && haystack.before(end - 1) != b':') {
        end -= 1;
    }
    if haystack.before(start).is_ascii_alphanumeric() || haystack.at(end).is_ascii_alphanumeric() {
        return None;
    }
    let text = std::str::from_utf8(haystack.bytes.get(start..end)?).ok()?;
    let plausible = text.bytes().any(|byte| byte.is_ascii_digit()) && text.parse::<Ipv6Addr>().is_ok();
    if plausible { span(haystack, start, end, Kind::Ip) } else { None }
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')
}
