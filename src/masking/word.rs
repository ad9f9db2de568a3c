//! What is known by its letters: e-mail addresses, passports, licence plates. Pure.
//!
//! Chinese text has no blanks: a word of ASCII ends where a Chinese character stands.

use std::ops::Range;

use super::kind::{Kind, Span};
use super::scan::{Haystack, span};

/// The longest local part of an address. Bytes (RFC 5321).
const LONGEST_LOCAL_PART: usize = 64;

/// How far in front of a number it is said that it is a passport. Bytes.
const NEAR: usize = 24;

/// The provinces on plates; 使 and 领 are embassies and consulates.
const PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使领";

/// What a plate may end with.
const ENDINGS: &str = "学警港澳领挂使";

/// The address around the `@` at `at`.
pub(super) fn email(haystack: Haystack<'_>, at: usize) -> Option<Span> {
    let is_local = |byte: u8| byte.is_ascii_alphanumeric() || b"._%+-'".contains(&byte);
    let mut start = haystack.start_of(at, LONGEST_LOCAL_PART, is_local);
    while matches!(haystack.at(start), b'.' | b'\'' | b'%') && start < at {
        start += 1;
    }
    let end = end_of_domain(haystack, at + 1)?;
    if start == at { None } else { span(haystack, start, end, Kind::Email) }
}

/// The end of the longest beginning that is a domain: two labels or more, the last one of letters.
fn end_of_domain(haystack: Haystack<'_>, from: usize) -> Option<usize> {
    let end = haystack.end_of(from, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    let mut domain = haystack.bytes.get(from..end)?;
    loop {
        domain = domain.strip_suffix(b".").or_else(|| domain.strip_suffix(b"-")).unwrap_or(domain);
        let point = domain.iter().rposition(|byte| *byte == b'.').filter(|point| *point > 0)?;
        let last = &domain[point + 1..];
        let letters = last.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        if last.starts_with(b"xn--") || (letters >= 2 && letters == last.len()) {
            return Some(from + domain.len());
        }
        domain = &domain[..point];
    }
}

/// A passport or permit that is this word: its letters and the number of its digits say so, or a word in front does.
pub(super) fn passport(haystack: Haystack<'_>, word: Range<usize>) -> Option<Span> {
    let text = haystack.bytes.get(word.clone()).filter(|text| (8..=11).contains(&text.len()))?;
    let letters = text.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let digits = text.len() - letters;
    if !text[letters..].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let by_form = match (letters, digits, text[0]) {
        (1, 8, b'E' | b'G' | b'D' | b'S' | b'P' | b'C' | b'K') => true,
        (2, 7, b'E' | b'D' | b'S' | b'P' | b'C') => text[1].is_ascii_uppercase(),
        _ => false,
    };
    let by_name = || matches!((letters, digits), (1, 7..=10) | (2, 6..=8)) && is_named(haystack, word.start);
    if by_form || by_name() { span(haystack, word.start, word.end, Kind::Passport) } else { None }
}

fn is_named(haystack: Haystack<'_>, at: usize) -> bool {
    let before = &haystack.bytes[at.saturating_sub(NEAR)..at];
    ["护照", "通行证", "assport", "ASSPORT"].iter().any(|name| before.windows(name.len()).any(|part| part == name.as_bytes()))
}

/// A plate whose province is the character at `at`: a letter, then five, or six for vehicles of new energy, three digits at the least.
pub(super) fn plate(haystack: Haystack<'_>, at: usize) -> Option<Span> {
    let province = std::str::from_utf8(haystack.bytes.get(at..at + 3)?).ok().filter(|province| PROVINCES.contains(province))?;
    let number = match haystack.at(at + 3) {
        b'0'..=b'9' if province == "使" => at + 3,
        office if office.is_ascii_alphabetic() => end_of_point(haystack, at + 4),
        _ => return None,
    };
    let end = haystack.end_of(number, |byte| byte.is_ascii_alphanumeric());
    let digits = haystack.bytes[number..end].iter().filter(|byte| byte.is_ascii_digit()).count();
    let ending =
        haystack.bytes.get(end..end + 3).and_then(|last| std::str::from_utf8(last).ok()).is_some_and(|last| ENDINGS.contains(last));
    match end - number {
        5 | 6 if digits >= 3 => span(haystack, at, end, Kind::Plate),
        4 if digits >= 3 && ending => span(haystack, at, end + 3, Kind::Plate),
        _ => None,
    }
}

/// True for what a plate begins with.
pub(super) fn is_province(character: char) -> bool {
    PROVINCES.contains(character)
}

/// The end of the point, dash or blank between the office and the number.
fn end_of_point(haystack: Haystack<'_>, at: usize) -> usize {
    let points: [&[u8]; 6] = ["·".as_bytes(), "•".as_bytes(), "・".as_bytes(), b"-", b" ", b"."];
    points.iter().find(|point| haystack.goes_on(at, point)).map_or(at, |point| at + point.len())
}
