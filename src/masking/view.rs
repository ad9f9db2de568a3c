//! A text as it is searched: escapes read, wide characters narrow, what nobody sees left out; with the way back to the text. Pure.
//!
//! Most texts need none of it and are searched as they are.

use std::borrow::Cow;

/// Bytes to search, and where in the text each of them comes from.
#[derive(Debug)]
pub(super) struct View<'t> {
    /// What is searched. ASCII is ASCII here, whatever it was written as.
    pub bytes: Cow<'t, [u8]>,
    /// Where the bytes go on elsewhere in the text: from a place here, and from which place there. Empty: never.
    origins: Vec<(usize, usize)>,
}

impl<'t> View<'t> {
    /// The view of a text.
    pub(super) fn of(text: &'t str, features: Features) -> Self {
        let text = text.as_bytes();
        let mut view = Self { bytes: Cow::Borrowed(text), origins: Vec::new() };
        if !features.folds() {
            return view;
        }
        let (mut bytes, mut copied) = (Vec::new(), 0);
        while let Some((at, fold)) = next_fold(text, copied) {
            bytes.reserve(text.len() - copied);
            bytes.extend_from_slice(&text[copied..at]);
            view.origins.push((bytes.len(), at));
            let mut utf8 = [0; 4];
            bytes.extend_from_slice(fold.character.map_or("", |character| character.encode_utf8(&mut utf8)).as_bytes());
            copied = at + fold.length;
            view.origins.push((bytes.len(), copied));
        }
        if view.is_folded() {
            bytes.extend_from_slice(&text[copied..]);
            view.bytes = Cow::Owned(bytes);
        }
        view
    }

    /// Where in the text the byte at `position` begins.
    pub(super) fn origin(&self, position: usize) -> usize {
        match self.origins.partition_point(|(here, _)| *here <= position) {
            0 => position,
            next => self.origins[next - 1].1 + (position - self.origins[next - 1].0),
        }
    }

    /// True if anything in the text is searched as something else.
    pub(super) fn is_folded(&self) -> bool {
        !self.origins.is_empty()
    }
}

fn next_fold(text: &[u8], from: usize) -> Option<(usize, Fold)> {
    let mut at = from;
    loop {
        at += text[at..].iter().position(|byte| may_fold(*byte))?;
        match folded(&text[at..]) {
            Some(fold) => return Some((at, fold)),
            None => at += 1,
        }
    }
}

/// What stands for something else: how many bytes it has, and the character that it is; `None` for what is not seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fold {
    length: usize,
    character: Option<char>,
}

/// What kinds of bytes a text has at all: most texts are done with after this one quick look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Features(u8);

const FOLDS: u8 = 1;
const BRACKET: u8 = 2;
const SIGN: u8 = 4;

static FEATURES: [u8; 256] = features();

const fn features() -> [u8; 256] {
    let mut features = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        features[byte] = match byte as u8 {
            byte if may_fold(byte) => FOLDS | SIGN,
            b'[' => BRACKET,
            b'0'..=b'9' | b'@' | b':' | b'=' | b'-' | b'_' | b'.' | 0x80.. => SIGN,
            _ => 0,
        };
        byte += 1;
    }
    features
}

impl Features {
    pub(super) fn of(text: &str) -> Self {
        Self(text.bytes().fold(0, |all, byte| all | FEATURES[usize::from(byte)]))
    }

    fn folds(self) -> bool {
        self.0 & FOLDS != 0
    }

    /// True if there may be a seam.
    pub(super) fn has_bracket(self) -> bool {
        self.0 & BRACKET != 0
    }

    /// True if there is a digit, a sign or a character beyond ASCII: words alone are hardly ever secrets.
    pub(super) fn has_sign(self) -> bool {
        self.0 & SIGN != 0
    }
}

const fn may_fold(byte: u8) -> bool {
    matches!(byte, b'\\' | b'%' | b'&' | 0xc2 | 0xe2 | 0xe3 | 0xef)
}

/// What a text begins with, if that stands for something else.
fn folded(text: &[u8]) -> Option<Fold> {
    match text[0] {
        b'\\' => escape(text),
        b'%' => percent(text),
        b'&' => entity(text),
        _ => wide(text),
    }
}

/// The most backslashes before an escaped character: one that was escaped six times over has 63.
const MOST_SLASHES: usize = 64;

/// A JSON escape, also one that was escaped again: any number of backslashes in front.
fn escape(text: &[u8]) -> Option<Fold> {
    let slashes = text.iter().take(MOST_SLASHES + 1).take_while(|byte| **byte == b'\\').count();
    let fold = |length, character| Some(Fold { length: slashes + length, character: Some(character) });
    match *text.get(slashes)? {
        b'u' => {
            let code = hex(text.get(slashes + 1..slashes + 5)?)?;
            // Halves of pairs are no characters; nothing that is searched for has any.
            let character = char::from_u32(code).unwrap_or('?');
            Some(Fold { length: slashes + 5, character: narrow(character).map_or(Some(character), |narrow| narrow) })
        }
        byte @ (b'"' | b'/' | b'\'') => fold(1, char::from(byte)),
        b'n' | b'r' => fold(1, '\n'),
        b't' | b'b' | b'f' => fold(1, ' '),
        _ => None,
    }
}

/// The percent escapes of one character, also some whose percent signs were escaped again. Bytes that are no UTF-8 are a character that nobody
/// knows: their digits must not become a part of the word behind them.
fn percent(text: &[u8]) -> Option<Fold> {
    let (first, mut length) = escaped_byte(text)?;
    let mut bytes = [first, 0, 0, 0];
    let wanted = match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    };
    let mut known = 1;
    while let Some((byte, more)) = text.get(length..).filter(|_| known < wanted).and_then(escaped_byte) {
        (bytes[known], known, length) = (byte, known + 1, length + more);
    }
    match std::str::from_utf8(&bytes[..known]).ok().and_then(|text| text.chars().next()) {
        Some(character) => Some(Fold { length, character: narrow(character).unwrap_or(Some(character)) }),
        None => Some(Fold { length: escaped_byte(text)?.1, character: Some(char::REPLACEMENT_CHARACTER) }),
    }
}

/// The byte of a percent escape, and how long that is.
fn escaped_byte(text: &[u8]) -> Option<(u8, usize)> {
    let mut length = text.starts_with(b"%").then_some(1)?;
    while text.get(length..length + 2) == Some(b"25") && text.get(length + 2..length + 4).is_some_and(|next| hex(next).is_some()) {
        length += 2;
    }
    let byte = hex(text.get(length..length + 2)?)?;
    Some((u8::try_from(byte).ok()?, length + 2))
}

/// A numeric character reference of ASCII: `&#64;`, `&#x40;`.
fn entity(text: &[u8]) -> Option<Fold> {
    let rest = text.strip_prefix(b"&#")?;
    let end = rest.iter().take(8).position(|byte| *byte == b';')?;
    let digits = std::str::from_utf8(&rest[..end]).ok()?;
    let code = match digits.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16).ok()?,
        None => digits.parse().ok()?,
    };
    let character = char::from_u32(code).filter(char::is_ascii)?;
    Some(Fold { length: end + 3, character: Some(character) })
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |code, digit| Some(code * 16 + char::from(*digit).to_digit(16)?))
}

/// A character that is another one made wide, one of many dashes or blanks, or not seen at all.
fn wide(text: &[u8]) -> Option<Fold> {
    // Chinese punctuation begins with the same bytes.
    match text {
        [0xe3, second, third, ..] if (*second, *third) != (0x80, 0x80) => return None,
        [0xef, 0xbc, 0x80..=0x8a | 0x8c | 0x9b | 0x9c | 0x9e | 0x9f, ..] => return None,
        _ => {}
    }
    let length = if text[0] == 0xc2 { 2 } else { 3 };
    let character = std::str::from_utf8(text.get(..length)?).ok()?.chars().next()?;
    Some(Fold { length, character: narrow(character)? })
}

/// What a character is searched as, if not as itself; inside, `None` for what is not seen.
fn narrow(character: char) -> Option<Option<char>> {
    Some(match character {
        // The comma, the exclamation mark and such end a word either way.
        '＋' | '－' | '．' | '／' | '０'..='：' | '＝' | '＠' | 'Ａ'..='Ｚ' | '＿' | 'ａ'..='ｚ' => {
            char::from_u32(u32::from(character) - 0xfee0)
        }
        '\u{2010}'..='\u{2015}' | '\u{2212}' => Some('-'),
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{3000}' => Some(' '),
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' => None,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> String {
        String::from_utf8(View::of(text, Features::of(text)).bytes.into_owned()).unwrap()
    }

    #[test]
    fn most_texts_are_searched_as_they_are() {
        for text in ["", "plain text, 100 % sure & more", "中文，没有什么。“引号”、顿号！", "it’s — no", "C:\\dir\\x"]
        {
            let view = View::of(text, Features::of(text));
            assert!(!view.is_folded() || text.contains('—'), "{text}");
        }
    }

    #[test]
    fn escapes_and_wide_characters_are_read() {
        for (text, expected) in [
            (r"\u0031\u0033", "13"),
            (r"\\u0031\\\\u0033", "13"),
            (r"a\/b\\\/c", "a/b/c"),
            (r#"\"k\":\n1"#, "\"k\":\n1"),
            ("a%40b%2540c", "a@b@c"),
            ("%E7%B3%BB138%E8%B0%A2", "系138谢"),
            ("%25E7%25b3%25BB1 %25%45%37", "系1 %E7"),
            ("%EF%BC%911%E2%80%8B2%F0%9F%98%803", "112😀3"),
            ("%C1%AA138 %E7%B3138 %E7", "\u{fffd}\u{fffd}138 \u{fffd}\u{fffd}138 \u{fffd}"),
            ("a&#64;b&#x40;c", "a@b@c"),
            ("１３８－００１３　ａ＠Ｂ", "138-0013 a@B"),
            ("1\u{200b}3\u{ad}8", "138"),
            (r"\uff11\u200b2", "12"),
            (r"\ud83d\ude00 100%zz &#x4e2d; \u12", r"?? 100%zz &#x4e2d; \u12"),
        ] {
            assert_eq!(seen(text), expected, "{text}");
        }
    }

    #[test]
    fn every_byte_leads_back_to_where_it_is_from() {
        let view = View::of(r"a１\u0032z", Features::of(r"a１\u0032z"));
        assert_eq!(&*view.bytes, b"a12z");
        assert_eq!((0..5).map(|at| view.origin(at)).collect::<Vec<_>>(), [0, 1, 4, 10, 11]);
    }
}
