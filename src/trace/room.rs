//! How much of a text fits: the size of one input or output as it is sent, escapes included. Pure.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::json_string::to_escape;

/// The longest input or output. Bytes as written, with the escapes of JSON. A field of Langfuse should stay near one megabyte
/// (`reference/langfuse.md` §3), and the conversation around the texts needs some of it.
pub const MAX_PAYLOAD_BYTES: usize = 900_000;

/// The mark at the end of a text that was cut here.
pub const CUT_MARK: &str = "… [cut by sls-to-langfuse]";

/// What is left of the room for one input or output.
#[derive(Clone, Copy, Debug)]
pub struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Self(MAX_PAYLOAD_BYTES)
    }
}

impl Room {
    /// Takes room for JSON that can only be sent whole; false if there is not enough.
    pub fn takes(&mut self, json: &str) -> bool {
        let fits = json.len() <= self.0;
        self.0 -= if fits { json.len() } else { 0 };
        fits
    }

    /// What is left. Bytes.
    pub fn left(self) -> usize {
        self.0
    }

    /// A text as far as there is room for it, and how many of its bytes that are, if not all.
    pub fn fitted<'a>(&mut self, text: Cow<'a, str>) -> (Cow<'a, str>, Option<usize>) {
        let written = written_len(&text);
        if written <= self.0 {
            self.0 -= written;
            return (text, None);
        }
        let kept = &text[..end_within(&text, self.0.saturating_sub(CUT_MARK.len()))];
        self.0 = 0;
        (Cow::Owned(format!("{kept}{CUT_MARK}")), Some(kept.len()))
    }
}

/// A list of messages with the first one, as many of the last ones as there is room for, and a note between them; how many are left out.
pub fn without_the_middle(json: &str, room: usize) -> Option<(String, usize)> {
    const NOTE_BYTES: usize = 120;
    let messages: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    let (first, rest) = messages.split_first()?;
    let first = first.get().len().checked_add(NOTE_BYTES).filter(|length| *length <= room / 2).map(|_| first.get());
    let mut left = room.checked_sub(NOTE_BYTES + first.map_or(0, str::len))?;
    let fits = |message: &&&RawValue| {
        let fits = message.get().len() < left;
        left -= if fits { message.get().len() + 1 } else { 0 };
        fits
    };
    let kept = rest.iter().rev().take_while(fits).count();
    let left_out = messages.len() - kept - usize::from(first.is_some());
    let note = format!(r#"{{"role":"system","content":"… [{left_out} messages cut by sls-to-langfuse]"}}"#);
    let last = rest[rest.len() - kept..].iter().map(|message| message.get());
    let all: Vec<_> = first.into_iter().chain([note.as_str()]).chain(last).collect();
    (kept > 0).then(|| (format!("[{}]", all.join(",")), left_out))
}

/// How long a text is inside a JSON string. Bytes.
fn written_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    bytes.len() + to_escape(bytes).map(|at| usize::from(added_by(bytes[at]))).sum::<usize>()
}

fn added_by(byte: u8) -> u8 {
    let short = u8::from(byte == b'"') | u8::from(byte == b'\\');
    let control = u8::from(byte < 0x20);
    let named = u8::from(byte == b'\n') | u8::from(byte == b'\r') | u8::from(byte == b'\t');
    short + 5 * control - 4 * named
}

/// Where a text must end, between two characters, to be no longer than `room` inside a JSON string.
fn end_within(text: &str, room: usize) -> usize {
    let mut written = 0;
    let mut fits = |byte: &u8| {
        written += 1 + usize::from(added_by(*byte));
        written <= room
    };
    text.floor_char_boundary(text.as_bytes().iter().take_while(|byte| fits(byte)).count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fitted(text: &str, room: usize) -> (String, Option<usize>) {
        let (text, kept) = Room(room).fitted(Cow::Borrowed(text));
        (text.into_owned(), kept)
    }

    #[test]
    fn a_text_is_measured_as_it_is_written() {
        assert_eq!(fitted("\u{1}\u{1}", 12).1, None);
        assert_eq!(fitted("\u{1}\u{1}", 11).1, Some(0));
        assert_eq!(fitted(&"好".repeat(100), 40 + CUT_MARK.len()), (format!("{}{CUT_MARK}", "好".repeat(13)), Some(39)));
    }

    #[test]
    fn room_is_taken_only_by_what_fits() {
        let mut room = Room(10);
        assert!(!room.takes("12345678901") && room.takes("123456") && !room.takes("12345"));
        assert_eq!((room.left(), room.fitted("1234".into()).1, room.left()), (4, None, 0));
    }

    proptest! {
        #[test]
        fn what_is_kept_is_a_beginning_and_never_longer_than_the_room(text in any::<String>(), room in 0usize..80) {
            let (kept, cut) = fitted(&text, room);
            let mut written = Vec::new();
            crate::export::json::put_string(&mut written, &kept);
            let limit = if cut.is_some() { room.max(CUT_MARK.len()) } else { room };
            prop_assert!(written.len() - 2 <= limit);
            prop_assert!(text.starts_with(&kept[..cut.unwrap_or(text.len())]));
        }
    }
}
