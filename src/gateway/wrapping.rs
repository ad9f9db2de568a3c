//! An `ai_log` field → the text of the JSON object in it. Pure.
//!
//! On its way it may have been made a string once too often, or escaped without quotes, and cut after that
//! (`reference/gateway-logs.md` §1).

use std::borrow::Cow;

use super::broken_text;
use super::value::text_of;

/// How often `ai_log` may have been turned into a string on its way before it is taken for damaged.
const MAX_WRAPPINGS: usize = 3;

/// The text of the JSON object in an `ai_log` field: a string once too often, or escaped once too often, is unwrapped.
pub fn unwrapped(field: &[u8]) -> Cow<'_, str> {
    let mut text = without_byte_order_mark(text_of(field));
    for _ in 0..MAX_WRAPPINGS {
        let Some(inner) = wrapped(text.trim()).map(broken_text::decoded) else { break };
        text = Cow::Owned(inner);
    }
    text
}

/// The inside of a string: with its quotes, of which the last may be cut off, or without any, so that the object begins with an escape.
fn wrapped(text: &str) -> Option<&str> {
    if let Some(inner) = text.strip_prefix('"') {
        return Some(&inner[..broken_text::end_of_string(inner)]);
    }
    let members = text.strip_prefix('{')?.trim_start();
    members.starts_with('\\').then_some(text)
}

fn without_byte_order_mark(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_start_matches('\u{feff}')),
        Cow::Owned(text) => Cow::Owned(text.trim_start_matches('\u{feff}').to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_escaping_too_many_is_undone() {
        let object = r#"{"model":"m","answer":"a \"quoted\" word"}"#;
        let string = serde_json::to_string(object).unwrap();
        let twice = serde_json::to_string(&string).unwrap();
        let bare = string.trim_matches('"');
        for wrapped in [object, &string, &twice, bare] {
            assert_eq!(unwrapped(wrapped.as_bytes()), object, "{wrapped}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_unwrapped_to_something(bytes in proptest::collection::vec(any::<u8>(), 0..80), text in r#"[{\\"a:,\\\\u0d8 ]{0,40}"#) {
            unwrapped(&bytes);
            unwrapped(text.as_bytes());
        }
    }
}
