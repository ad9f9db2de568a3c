//! One pass over a text for every built-in kind: each byte is looked at once, and a few of them begin a closer look. Pure.
//!
//! A digit, a letter at the beginning of a word, `@`, `:`, `=`, dashes and Chinese characters before a letter are what secrets begin with or
//! hang on. What a closer look demands stands in the file of its kind; who overlaps whom is settled in `spans`.

use super::kind::{Kind, Kinds, Span};
use super::{address, credential, number, word};

/// What a byte may be the beginning of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Nothing.
    Plain,
    /// A word of ASCII letters and digits.
    Word,
    /// An e-mail address, around it.
    At,
    /// The value of a name, or an IPv6 address.
    Colon,
    /// The value of a name.
    Equals,
    /// A key in PEM.
    Dash,
    /// A Chinese character of three bytes.
    Wide,
}

static CLASSES: [Class; 256] = classes();

const fn classes() -> [Class; 256] {
    let mut classes = [Class::Plain; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => Class::Word,
            b'@' => Class::At,
            b':' => Class::Colon,
            b'=' => Class::Equals,
            b'-' => Class::Dash,
            0xe4..=0xe9 => Class::Wide,
            _ => Class::Plain,
        };
        byte += 1;
    }
    classes
}

/// The text that is searched, with what every closer look needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Haystack<'v> {
    pub bytes: &'v [u8],
    pub kinds: Kinds,
}

impl Haystack<'_> {
    /// The byte at a place, 0 outside.
    pub(super) fn at(&self, place: usize) -> u8 {
        self.bytes.get(place).copied().unwrap_or(0)
    }

    /// The byte before a place, 0 at the beginning.
    pub(super) fn before(&self, place: usize) -> u8 {
        if place == 0 { 0 } else { self.at(place - 1) }
    }

    /// Where the bytes end that are of some sort, from a place on.
    pub(super) fn end_of(&self, from: usize, sort: impl Fn(u8) -> bool) -> usize {
        self.bytes[from.min(self.bytes.len())..].iter().position(|byte| !sort(*byte)).map_or(self.bytes.len(), |length| from + length)
    }

    /// The same, and at most so many of them, for what may be tried at every byte of a long run.
    pub(super) fn end_within(&self, from: usize, most: usize, sort: impl Fn(u8) -> bool) -> usize {
        let from = from.min(self.bytes.len());
        let last = (from + most).min(self.bytes.len());
        self.bytes[from..last].iter().position(|byte| !sort(*byte)).map_or(last, |length| from + length)
    }

    /// Where the bytes of some sort begin that end at a place; at most so many.
    pub(super) fn start_of(&self, end: usize, most: usize, sort: impl Fn(u8) -> bool) -> usize {
        let from = end.saturating_sub(most);
        self.bytes[from..end].iter().rposition(|byte| !sort(*byte)).map_or(from, |last| from + last + 1)
    }

    /// True if the text goes on like this from a place.
    pub(super) fn goes_on(&self, from: usize, with: &[u8]) -> bool {
        self.bytes.get(from..).is_some_and(|rest| rest.starts_with(with))
    }
}

/// Every secret of the built-in kinds, in no order; they may overlap.
pub(super) fn scan(bytes: &[u8], kinds: Kinds) -> Vec<Span> {
    let haystack = Haystack { bytes, kinds };
    let (mut spans, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        at = match CLASSES[usize::from(bytes[at])] {
            Class::Plain => at + 1,
            Class::Word => of_word(haystack, at, &mut spans),
            Class::At => look(at, word::email(haystack, at), &mut spans),
            Class::Colon => look(at, address::ipv6(haystack, at).or_else(|| credential::value(haystack, at)), &mut spans),
            Class::Equals => look(at, credential::value(haystack, at), &mut spans),
            Class::Dash => look(at, credential::pem(haystack, at), &mut spans),
            Class::Wide => of_character(haystack, at, &mut spans),
        };
    }
    spans
}

/// Takes what was found and says where to go on: behind it, or behind the byte that led there.
fn look(at: usize, found: Option<Span>, spans: &mut Vec<Span>) -> usize {
    spans.extend(found);
    found.map_or(at + 1, |span| span.end.max(at + 1))
}

fn of_character(haystack: Haystack<'_>, at: usize, spans: &mut Vec<Span>) -> usize {
    let found = match &haystack.bytes[at..] {
        [_, _, _, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z', ..] => word::plate(haystack, at),
        // 密, 口, 私 and 令 begin the words for secrets.
        [0xe5, 0xaf, 0x86, ..] | [0xe5, 0x8f, 0xa3, ..] | [0xe7, 0xa7, 0x81, ..] | [0xe4, 0xbb, 0xa4, ..] => {
            credential::named_in_chinese(haystack, at)
        }
        _ => None,
    };
    spans.extend(found);
    found.map_or(at + 3, |span| span.end)
}

/// What a word is made of, as bits.
const DIGIT: u8 = 1;
const UPPER: u8 = 2;

/// The shortest word without digits, capitals or a sign behind it that can begin something: `bearer` and its like have five letters and more.
const SHORTEST_SCHEME: usize = 5;

fn of_word(haystack: Haystack<'_>, at: usize, spans: &mut Vec<Span>) -> usize {
    let (mut end, mut made_of, mut letters) = (at, 0, at);
    while let Some(byte) = haystack.bytes.get(end).filter(|byte| CLASSES[usize::from(**byte)] == Class::Word) {
        made_of |= match byte {
            b'0'..=b'9' => DIGIT,
            b'A'..=b'Z' => UPPER,
            _ => 0,
        };
        end += 1;
        letters = if made_of & DIGIT == 0 { end } else { letters };
    }
    let joined = matches!(haystack.at(end), b'-' | b'_' | b'.' | b'/');
    // Most words of a language are done with here.
    if made_of == 0 && !joined && !((SHORTEST_SCHEME..=6).contains(&(end - at)) && haystack.at(end) == b' ') && end - at < 20 {
        return end;
    }
    if end - at == 8 && haystack.at(end) == b'-' && is_uuid(haystack, at) {
        return at + 36;
    }
    let found = match letters - at {
        0 => number::number(haystack, at),
        _ => of_letters(haystack, at..end).or_else(|| number::behind_letters(haystack, at..letters, end)),
    };
    spans.extend(found);
    found.map_or(end, |span| span.end.max(end))
}

fn of_letters(haystack: Haystack<'_>, word: std::ops::Range<usize>) -> Option<Span> {
    credential::key(haystack, word.clone()).or_else(|| word::passport(haystack, word))
}

/// A UUID is never a secret, and its digits are no numbers.
fn is_uuid(haystack: Haystack<'_>, at: usize) -> bool {
    let shape = |(offset, byte): (usize, &u8)| match offset {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    let whole = haystack.bytes.get(at..at + 36).is_some_and(|uuid| uuid.iter().enumerate().all(shape));
    whole && !haystack.at(at + 36).is_ascii_alphanumeric()
}

/// A span of a kind, if that kind is wanted.
pub(super) fn span(haystack: Haystack<'_>, start: usize, end: usize, kind: Kind) -> Option<Span> {
    haystack.kinds.has(kind).then_some(Span { start, end, kind })
}
