//! Numbers: identity cards, mobiles, payment cards, IPv4 addresses. Digits alone say little, so check digits, dates, known beginnings and the
//! way the digits are grouped decide. Pure.
//!
//! Digits of a longer number, of hexadecimal text and behind a decimal point are none of these.

use std::ops::Range;

use super::check::{is_card, is_date, is_id, is_region};
use super::kind::{Kind, Span};
use super::scan::{Haystack, span};

/// The most digits that are looked at together: nineteen of a card, and as many as show that it is none.
const MAX_DIGITS: usize = 24;

/// The most groups: nine of a card written in twos is nothing that people write; five is.
const MAX_GROUPS: usize = 6;

/// Digits in groups, as they are written.
struct Digits<'v> {
    haystack: Haystack<'v>,
    digits: [u8; MAX_DIGITS],
    /// Where each group stands, and how many digits there are up to its end.
    groups: [(Range<usize>, usize); MAX_GROUPS],
    count: usize,
}

/// What stands between two groups.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gap {
    /// This one character.
    One(u8),
    /// A line ends.
    Line,
    /// Some blanks, dashes, dots and brackets.
    Mixed,
}

/// The secret that begins with the digit at `start`.
pub(super) fn number(haystack: Haystack<'_>, start: usize) -> Option<Span> {
    let digits = Digits::from(haystack, start);
    digits.ipv4().or_else(|| digits.number())
}

/// The secret that begins behind the letters of a word, such as `tel13800138000`.
pub(super) fn behind_letters(haystack: Haystack<'_>, letters: Range<usize>, end: usize) -> Option<Span> {
    let is_hex = haystack.bytes[letters.clone()].iter().all(u8::is_ascii_hexdigit);
    if letters.end == end || is_hex {
        return None;
    }
    Digits::from(haystack, letters.end).number()
}

impl<'v> Digits<'v> {
    fn from(haystack: Haystack<'v>, start: usize) -> Self {
        let mut digits = Self { haystack, digits: [0; MAX_DIGITS], groups: std::array::from_fn(|_| (0..0, 0)), count: 0 };
        let (mut at, mut total) = (start, 0);
        while digits.count < MAX_GROUPS {
            let end = haystack.end_of(at, |byte| byte.is_ascii_digit());
            if end == at || total + (end - at) > MAX_DIGITS {
                break;
            }
            digits.digits[total..total + (end - at)].copy_from_slice(&haystack.bytes[at..end]);
            total += end - at;
            digits.groups[digits.count] = (at..end, total);
            digits.count += 1;
            at = haystack.end_of(end, is_gap);
            if at == end || at - end > 3 {
                break;
            }
        }
        digits
    }

    fn number(&self) -> Option<Span> {
        if self.count == 0 || self.is_decimal() {
            return None;
        }
        self.id_card().or_else(|| self.mobile()).or_else(|| self.bank_card())
    }

    /// Digits behind `0.`; people write `1.` before the first item of a list.
    fn is_decimal(&self) -> bool {
        let start = self.groups[0].0.start;
        self.haystack.before(start) == b'.'
            && self.haystack.before(start - 1) == b'0'
            && !self.haystack.before(start.saturating_sub(2)).is_ascii_digit()
    }

    fn groups(&self) -> &[(Range<usize>, usize)] {
        &self.groups[..self.count]
    }

    fn gap(&self, before: usize) -> Gap {
        let gap = &self.haystack.bytes[self.groups[before - 1].0.end..self.groups[before].0.start];
        match gap {
            [one] if *one != b'\n' => Gap::One(*one),
            _ if gap.contains(&b'\n') => Gap::Line,
            _ => Gap::Mixed,
        }
    }

    /// True if nothing of the same number follows the group.
    fn ends_with(&self, group: usize) -> bool {
        let end = self.groups[group].0.end;
        let after = self.haystack.end_of(end, |byte| byte.is_ascii_alphanumeric());
        let rest = &self.haystack.bytes[end..after];
        let cents = self.haystack.at(after) == b'.' && {
            let digits = self.haystack.end_of(after + 1, |byte| byte.is_ascii_digit()) - (after + 1).min(self.haystack.bytes.len());
            digits == 1 || digits == 2
        };
        let is_word = rest.iter().all(u8::is_ascii_alphabetic) && !rest.iter().all(u8::is_ascii_hexdigit);
        (rest.is_empty() && !cents) || is_word
    }

    fn found(&self, end: usize, kind: Kind) -> Option<Span> {
        let start = self.groups[0].0.start;
        let start = if self.haystack.before(start) == b'+' { start - 1 } else { start };
        span(self.haystack, start, end, kind)
    }

    fn id_card(&self) -> Option<Span> {
        let by_group = self.groups().iter().enumerate().find_map(|(group, (place, total))| match total {
            15 if group == 0 && self.ends_with(group) && !self.follows_a_point() => self.is_old_id().then_some(place.end),
            17 => self.check_letter(place.end).filter(|_| is_id(&self.digits[..17], 10)),
            18 if self.ends_with(group) => is_id(&self.digits[..17], self.digits[17] - b'0').then_some(place.end),
            _ => None,
        });
        by_group.and_then(|end| self.found(end, Kind::IdCard))
    }

    /// The end of the `X` that stands for ten, behind the digits.
    fn check_letter(&self, end: usize) -> Option<usize> {
        let at = if is_gap(self.haystack.at(end)) { end + 1 } else { end };
        let is_letter = matches!(self.haystack.at(at), b'x' | b'X') && !self.haystack.at(at + 1).is_ascii_alphanumeric();
        is_letter.then_some(at + 1)
    }

    fn is_old_id(&self) -> bool {
        let digits = &self.digits[..15];
        is_region(digits) && is_date(&[b"19", &digits[6..12]].concat())
    }

    fn mobile(&self) -> Option<Span> {
        (0..self.count.min(5)).find_map(|last| {
            let total = self.groups[last].1;
            let prefix = self.country_code()?;
            let is_mobile = total == prefix + 11 && self.digits[prefix] == b'1' && self.digits[prefix + 1] >= b'3';
            let is_written_so = is_mobile && self.ends_with(last) && self.is_grouped_as_mobile(prefix, last);
            if is_written_so { self.found(self.groups[last].0.end, Kind::Mobile) } else { None }
        })
    }

    /// How many digits say which country: 0, or those of `86`, `0086`. `None` where the number cannot be a mobile.
    fn country_code(&self) -> Option<usize> {
        let code = |code: &[u8]| self.digits.starts_with(code).then_some(code.len());
        match self.digits[0] {
            b'1' => Some(0),
            b'8' => code(b"86"),
            b'0' => code(b"0086"),
            _ => None,
        }
    }

    /// In one, as 3-4-4, 3-8, 7-4 or 4-4-3, or broken once by the end of a line; the code of the country stands alone or in front.
    fn is_grouped_as_mobile(&self, prefix: usize, last: usize) -> bool {
        let first = if prefix > 0 && self.groups[0].1 == prefix { 1 } else { 0 };
        let mut lengths = [0; 4];
        for (length, group) in lengths.iter_mut().zip(first..=last) {
            let all_before = if group == 0 { prefix } else { self.groups[group - 1].1.max(prefix) };
            *length = self.groups[group].1 - all_before;
        }
        match lengths {
            [11, 0, ..] | [3, 4, 4, 0] | [3, 8, 0, _] | [7, 4, 0, _] | [4, 4, 3, 0] => true,
            [a, b, 0, _] => a >= 3 && b >= 3 && self.gap(last) == Gap::Line,
            _ => false,
        }
    }

    fn bank_card(&self) -> Option<Span> {
        (0..self.count).rev().find_map(|last| {
            let digits = &self.digits[..self.groups[last].1];
            let is_card = self.is_grouped_as_card(last) && is_card(digits) && self.ends_with(last) && !self.follows_a_point();
            if is_card { self.found(self.groups[last].0.end, Kind::BankCard) } else { None }
        })
    }

    fn follows_a_point(&self) -> bool {
        let start = self.groups[0].0.start;
        self.haystack.before(start) == b'.' && start > 1 && self.haystack.before(start - 1).is_ascii_digit()
    }

    /// In one, in fours, as 4-6-5 or 6-13, all with the same blank or dash between, or broken once by the end of a line.
    fn is_grouped_as_card(&self, last: usize) -> bool {
        let length = |group: usize| self.groups[group].0.len();
        let uniform = (1..=last).all(|group| matches!(self.gap(group), Gap::One(b' ' | b'-')) && self.gap(group) == self.gap(1));
        let fours = || (0..last).all(|group| length(group) == 4) && length(last) <= 4;
        match last {
            0 => true,
            1 => (uniform && length(0) == 6) || (self.gap(1) == Gap::Line && length(0).min(length(1)) >= 3),
            2 if length(0) == 4 && length(1) == 6 => uniform,
            _ => uniform && fours(),
        }
    }

    fn ipv4(&self) -> Option<Span> {
        let octet = |group: usize| {
            let place = &self.groups[group].0;
            let value = self.haystack.bytes[place.clone()].iter().fold(0_u32, |value, digit| value * 10 + u32::from(digit - b'0'));
            place.len() <= 3 && value <= 255
        };
        let dotted = self.count >= 4 && (1..4).all(|group| self.gap(group) == Gap::One(b'.')) && (0..4).all(octet);
        let end = self.groups[3].0.end;
        let goes_on = self.haystack.at(end).is_ascii_alphanumeric() || (self.count > 4 && self.gap(4) == Gap::One(b'.'));
        let is_inside = matches!(self.haystack.before(self.groups[0].0.start), b'.' | b'_');
        if !dotted || goes_on || is_inside || self.is_version() {
            return None;
        }
        span(self.haystack, self.groups[0].0.start, end, Kind::Ip)
    }

    /// `120.0.0.0` is the version of a browser or a network, and nobody's address.
    fn is_version(&self) -> bool {
        (1..4).all(|group| self.haystack.bytes[self.groups[group].0.clone()].iter().all(|digit| *digit == b'0'))
    }
}

fn is_gap(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'(' | b')' | b'\n' | b'\r' | b'\t')
}
