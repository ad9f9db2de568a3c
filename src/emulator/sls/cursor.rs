//! Cursor texts: base64 of a decimal number (`reference/sls.md` §6). Written apart from the client's code, so that it can judge it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The text of a cursor number.
pub(super) fn encode(number: u64) -> String {
    STANDARD.encode(number.to_string())
}

/// The number of a cursor text that this service could have written itself; anything else is nobody's cursor.
pub(super) fn decode(text: &str) -> Option<u64> {
    let digits = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
    let number = digits.parse().ok()?;
    (encode(number) == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_the_vectors_goes_both_ways() {
        let file: serde_json::Value = serde_json::from_str(include_str!("../../../tests/fixtures/sls-vectors.json")).unwrap();
        for pair in file["cursors"]["pairs"].as_array().unwrap() {
            let (text, number) = (pair["cursor"].as_str().unwrap(), pair["number"].as_str().unwrap().parse().unwrap());
            assert_eq!((encode(number), decode(text)), (text.to_owned(), Some(number)));
        }
    }

    #[test]
    fn texts_the_service_would_not_write_are_no_cursors() {
        for text in
            ["", "MA", "MA==\n", "MDA=", "KzE=", "LTE=", "eA==", "MTU1NzA1NzQwMTEwMjEzMDkwCg==", "!", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5"]
        {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
