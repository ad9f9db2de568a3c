//! Logged text as one line that is safe on a terminal. Pure.
//!
//! Whoever calls the gateway writes prompts, and a prompt must not move the cursor, rename the window or reverse the line
//! (`design.md` decision 9).

pub use crate::error::counted;

/// `text` on one line of at most `limit` characters: white space joined, whatever steers a terminal shown as `�`.
pub fn one_line(text: &str, limit: usize) -> String {
    let mut line = String::new();
    let mut count = 0;
    for word in text.split_whitespace() {
        for shown in (count > 0).then_some(' ').into_iter().chain(word.chars().map(safe)) {
            if count == limit {
                line.pop();
                return line + "…";
            }
            line.push(shown);
            count += 1;
        }
    }
    line
}

fn safe(letter: char) -> char {
    // Marks and overrides of writing direction turn around what follows them.
    let turns = matches!(letter, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if letter.is_control() || turns { char::REPLACEMENT_CHARACTER } else { letter }
}

/// Counts by reason, `none` where there are none.
pub fn reasons(counts: impl IntoIterator<Item = (impl AsRef<str>, u64)>) -> String {
    let counts: Vec<_> = counts.into_iter().map(|(reason, count)| format!("{count} {}", reason.as_ref().replace('_', " "))).collect();
    if counts.is_empty() { "none".to_owned() } else { counts.join(", ") }
}

/// A size in bytes for people.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => counted(bytes, "byte", "bytes"),
        1_000..1_000_000 => format!("{}.{} KB", bytes / 1_000, bytes % 1_000 / 100),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_one_line_of_at_most_so_many_characters() {
        assert_eq!(one_line(" a\n\n b\tc ", 9), "a b c");
        assert_eq!(one_line("云原生是一种方法", 8), "云原生是一种方法");
        assert_eq!(one_line("云原生是一种方法", 7), "云原生是一种…");
        assert_eq!(one_line("", 5), "");
    }

    #[test]
    fn nothing_in_a_prompt_steers_the_terminal() {
        assert_eq!(one_line("a\u{1b}[2Jb\u{9b}c\u{7}\u{202e}d", 20), "a�[2Jb�c��d");
    }

    #[test]
    fn counts_and_sizes_read_well() {
        assert_eq!((counted(1, "page", "pages"), counted(0, "page", "pages")), ("1 page".into(), "0 pages".into()));
        assert_eq!([size(1), size(999), size(1_049), size(2_560_000)], ["1 byte", "999 bytes", "1.0 KB", "2.5 MB"]);
    }
}
