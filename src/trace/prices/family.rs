//! Names of models that Langfuse prices by itself: their families, and what of a name may stand in our log. Pure.

/// Families of names that Langfuse prices by itself, if no other prefix than the vendor's stands before them (`reference/langfuse.md`
/// §6).
const PRICED_BY_LANGFUSE: [&str; 9] = ["gpt", "chatgpt", "o1", "o3", "o4", "claude", "gemini", "text-embedding-3", "text-embedding-ada"];

/// What vendors of these families call their sizes, generations and kinds. A name is told up to the first part that is none of them: the
/// rest may be anybody's text.
const PARTS: [&str; 32] = [
    "120b", "16k", "20b", "32k", "3n", "4o", "audio", "chat", "codex", "deep", "exp", "flash", "haiku", "image", "instant", "instruct",
    "large", "latest", "lite", "live", "max", "mini", "nano", "opus", "oss", "preview", "pro", "realtime", "research", "small", "sonnet",
    "turbo",
];

/// How many parts of a name are told behind its family. The longest names of vendors have five; more would let callers make up names.
const MAX_PARTS: usize = 5;

/// The family that Langfuse prices `name` by, and the rest of the name. In lower case only, and without the vendor.
fn family(name: &str) -> Option<(&'static str, &str)> {
    let of = |family: &'static str| name.strip_prefix(family).map(|rest| (family, rest));
    PRICED_BY_LANGFUSE.iter().filter_map(|family| of(family)).find(|(_, rest)| rest.is_empty() || rest.starts_with('-'))
}

/// True if Langfuse has a price for the model of this name, as far as is known.
pub fn is_priced_by_langfuse(model: &str) -> bool {
    let lower = model.to_lowercase();
    let name = ["openai/", "anthropic/", "google/"].iter().find_map(|vendor| lower.strip_prefix(vendor)).unwrap_or(&lower);
    family(name).is_some()
}

/// The name of such a model without prefixes, snapshot and whatever else is appended to it; `None` for other models.
pub(super) fn public_name(model: &str) -> Option<String> {
    let lower = model.to_lowercase();
    let (family, rest) = family(super::entry::without_prefixes(&lower))?;
    let known = rest.split('-').skip(1).take(MAX_PARTS).take_while(|part| PARTS.contains(part) || is_version(part));
    Some(known.fold(family.to_owned(), |name, part| name + "-" + part))
}

/// One or two digits, and as many more behind a dot. A date of a snapshot has four or more, and a year's month and day come behind it.
fn is_version(part: &str) -> bool {
    let short = |digits: &str| (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    part.split_once('.').map_or_else(|| short(part), |(major, minor)| short(major) && short(minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_told_without_vendor_and_snapshot() {
        for (model, name) in [
            ("gpt-4o-mini", "gpt-4o-mini"),
            ("azure/GPT-4o-2024-08-06", "gpt-4o"),
            ("gpt-4.1-nano", "gpt-4.1-nano"),
            ("gpt-4-32k-0613", "gpt-4-32k"),
            ("o3-mini", "o3-mini"),
            ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
            ("anthropic/claude-3-5-haiku-latest", "claude-3-5-haiku-latest"),
            ("gemini-2.5-flash-lite", "gemini-2.5-flash-lite"),
            ("text-embedding-3-small", "text-embedding-3-small"),
            ("text-embedding-ada-002", "text-embedding-ada"),
            ("o1", "o1"),
        ] {
            assert_eq!(public_name(model).as_deref(), Some(name), "{model}");
        }
    }

    #[test]
    fn what_somebody_appended_is_not_told() {
        for (model, name) in [
            ("gpt-4o-our-secret-mini", "gpt-4o"),
            ("claude-123", "claude"),
            ("gpt-4o mini", "gpt"),
            ("o3-1.2.3", "o3"),
            ("o1-1-2-3-4-5-6", "o1-1-2-3-4-5"),
        ] {
            assert_eq!(public_name(model).as_deref(), Some(name), "{model}");
        }
        for model in ["gptx", "my-gpt-4o", "qwen-max", "", "openai/"] {
            assert_eq!(public_name(model), None, "{model}");
        }
    }

    #[test]
    fn only_the_vendor_may_stand_before_a_name_that_langfuse_prices() {
        assert!(is_priced_by_langfuse("openai/gpt-4o") && is_priced_by_langfuse("Claude-3"));
        assert!(!is_priced_by_langfuse("azure/gpt-4o") && !is_priced_by_langfuse("text-embedding-v4"));
    }
}
