//! Langfuse's bounds on attributes, kept by cutting visibly (`reference/langfuse.md` §5, §7). Pure.

use std::borrow::Cow;

/// The longest user id, session id, name and tag. Characters. The SDKs drop longer ones (`reference/langfuse.md` §7); here they are cut.
pub const MAX_ATTRIBUTE_CHARS: usize = 200;

/// The longest environment. Characters (`reference/langfuse.md` §5).
const MAX_ENVIRONMENT: usize = 40;

/// The longest original of a cut value that a mark keeps. Characters.
pub const MAX_ORIGINAL: usize = 1000;

/// A text as an environment: `^(?!langfuse)[a-z0-9_-]{1,40}$` (`reference/langfuse.md` §5); `None` where nothing is left of it.
pub fn environment(text: &str) -> Option<Cow<'_, str>> {
    let known = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, '_' | '-');
    if (1..=MAX_ENVIRONMENT).contains(&text.len()) && text.chars().all(known) && !text.starts_with("langfuse") {
        return Some(Cow::Borrowed(text));
    }
    let plain: String = text.trim().to_lowercase().chars().map(|letter| if known(letter) { letter } else { '-' }).collect();
    let mut rest = plain.as_str();
    while let Some(behind) = rest.strip_prefix("langfuse") {
        rest = behind.trim_start_matches(['-', '_']);
    }
    let cut: String = rest.chars().take(MAX_ENVIRONMENT).collect();
    cut.bytes().any(|byte| byte.is_ascii_alphanumeric()).then_some(Cow::Owned(cut))
}

/// The text that a mark keeps of a cut or changed one.
pub fn original(text: &str) -> String {
    match text.char_indices().nth(MAX_ORIGINAL) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A text cut visibly to what an attribute may hold; one in ASCII stays so (`reference/langfuse.md` §7).
pub fn bounded(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.len() <= MAX_ATTRIBUTE_CHARS || text.char_indices().nth(MAX_ATTRIBUTE_CHARS).is_none() {
        return text;
    }
    let mark = if text.is_ascii() { "..." } else { "…" };
    let kept = text.chars().take(MAX_ATTRIBUTE_CHARS - mark.chars().count());
    Cow::Owned(kept.chain(mark.chars()).collect())
}
