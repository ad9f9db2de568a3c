//! Logged text that can be looked at: escaped, so that it steers no terminal, and shortened. Pure.
//!
//! Whoever calls the gateway writes prompts (`design.md` decision 9).

use std::borrow::Cow;
use std::fmt::Write;

/// `text` on one line: whatever steers a terminal or turns the direction of writing is shown as an escape.
pub fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            _ if steers(letter) => {
                // Writing to a string cannot fail.
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(letter));
            }
            _ => shown.push(letter),
        }
    }
    shown
}

/// JSON text with the same letters as `\u` escapes, which every reader of JSON undoes.
pub fn escaped_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for letter in json.chars() {
        if steers(letter) {
            letter.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                let _ = write!(shown, "\\u{unit:04x}");
            });
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// The beginning of a text, at most `limit` characters, with a mark if there is more.
pub fn shortened(text: &str, limit: usize) -> Cow<'_, str> {
    match text.char_indices().nth(limit) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

fn steers(letter: char) -> bool {
    // Marks and overrides of writing direction, line and paragraph separators, letters without width, tags.
    let unseen = matches!(letter,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    letter.is_control() || unseen
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_steers_a_terminal_is_seen_and_does_nothing() {
        assert_eq!(escaped("a\u{1b}[2J\u{9b}b\u{7}\u{202e}c\n\td"), r"a\u{1b}[2J\u{9b}b\u{7}\u{202e}c\n\td");
        assert_eq!(escaped("云原生 😀 é"), "云原生 😀 é");
    }

    #[test]
    fn a_text_is_shortened_between_characters() {
        assert_eq!((shortened("云原生", 2).as_ref(), shortened("云原生", 3).as_ref()), ("云原…", "云原生"));
    }

    proptest! {
        #[test]
        fn escaped_json_means_the_same_and_holds_nothing_that_steers(text in any::<String>()) {
            let json = escaped_json(&serde_json::to_string(&text).unwrap());
            prop_assert!(!json.chars().any(steers), "{json:?}");
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
