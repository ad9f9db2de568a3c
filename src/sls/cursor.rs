//! Positions in a shard. Pure.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Documentation examples drop the padding, so both forms decode (`reference/sls.md` §6).
const LENIENT: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// A cursor of one shard: the text as received, which is what goes back to the service, and the number of the log group it stands
/// before, where the text is the base64 of one (`reference/sls.md` §6).
///
/// Numbers of two shards must never be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    text: String,
    number: Option<u64>,
}

impl Cursor {
    /// Takes a cursor as a service or an event wrote it. Never fails: a text that holds no number can still be sent back and
    /// compared for equality.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let number = decode(&text);
        Self { text, number }
    }

    /// The cursor of a log group by its number.
    pub fn from_number(number: u64) -> Self {
        Self { text: LENIENT.encode(number.to_string()), number: Some(number) }
    }

    /// The text as received.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The number of the log group that starts here, if the text holds one.
    pub fn number(&self) -> Option<u64> {
        self.number
    }

    /// True if both stand at the same place: equal numbers, or equal texts where one has no number.
    pub fn is_at(&self, other: &Cursor) -> bool {
        match (self.number, other.number) {
            (Some(own), Some(others)) => own == others,
            _ => self.text == other.text,
        }
    }

    /// Compares by number; `None` where one has none.
    pub fn compare(&self, other: &Cursor) -> Option<std::cmp::Ordering> {
        Some(self.number?.cmp(&other.number?))
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.text)
    }
}

fn decode(text: &str) -> Option<u64> {
    let bytes = LENIENT.decode(text.trim()).ok()?;
    let digits = std::str::from_utf8(&bytes).ok()?.trim();
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering;

    fn vectors() -> serde_json::Value {
        serde_json::from_str::<serde_json::Value>(include_str!("../../tests/fixtures/sls-vectors.json")).unwrap()["cursors"].clone()
    }

    #[test]
    fn decodes_and_encodes_every_published_pair() {
        for pair in vectors()["pairs"].as_array().unwrap() {
            let number: u64 = pair["number"].as_str().unwrap().parse().unwrap();
            let text = pair["cursor"].as_str().unwrap();
            assert_eq!(Cursor::new(text).number(), Some(number));
            assert_eq!(Cursor::from_number(number).text(), text);
        }
    }

    #[test]
    fn orders_by_number_and_not_by_text() {
        for pair in vectors()["ordering"]["pairs_less_than"].as_array().unwrap() {
            let (less, greater) = (Cursor::new(pair[0].as_str().unwrap()), Cursor::new(pair[1].as_str().unwrap()));
            assert_eq!(less.compare(&greater), Some(Ordering::Less));
        }
    }

    #[test]
    fn keeps_the_text_of_an_unpadded_cursor_and_reads_its_number() {
        let cursor = Cursor::new("MTQ0NzMyOTQwMTEwMjEzMDkwNA");
        assert_eq!((cursor.text(), cursor.number()), ("MTQ0NzMyOTQwMTEwMjEzMDkwNA", Some(1_447_329_401_102_130_904)));
        assert_eq!(Cursor::new("MTU1NzA1NzQwMTEwMjEzMDkwCg").number(), Some(155_705_740_110_213_090));
    }

    #[test]
    fn a_foreign_text_has_no_number_but_equals_itself() {
        for text in ["", "not base64!", "YWJj", "LTE=", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk="] {
            let cursor = Cursor::new(text);
            assert_eq!(cursor.number(), None, "{text}");
            assert!(cursor.is_at(&Cursor::new(text)) && !cursor.is_at(&Cursor::from_number(1)));
        }
    }
}
