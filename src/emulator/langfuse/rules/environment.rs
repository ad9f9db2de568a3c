//! Environment names (`reference/langfuse.md` §5, "Environment").

use crate::emulator::langfuse::version::{ServerVersion, since};

/// What stands where no name was given.
pub const DEFAULT: &str = "default";

const MAX_CHARS: usize = 40;

/// The stored name, or nothing where an unsuitable one makes the event invalid (before 3.161).
pub fn stored(name: &str, version: ServerVersion) -> Option<String> {
    if version < since::ENVIRONMENTS {
        return Some(DEFAULT.into());
    }
    if version >= since::ENVIRONMENT_REPLACED {
        return Some(normalised(name));
    }
    (well_formed(name) && !name.starts_with("langfuse")).then(|| name.to_owned())
}

fn normalised(name: &str) -> String {
    let lower = name.to_lowercase();
    let mut rest = lower.as_str();
    while let Some(after) = rest.strip_prefix("langfuse") {
        rest = after.strip_prefix(['-', '_']).unwrap_or(after);
    }
    let cut: String = rest.chars().take(MAX_CHARS).collect();
    if well_formed(&cut) { cut } else { DEFAULT.into() }
}

fn well_formed(name: &str) -> bool {
    let suits = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-' || char == '_';
    (1..=MAX_CHARS).contains(&name.len()) && name.chars().all(suits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_what_does_not_suit() {
        let cases = [
            ("Production", "production"),
            ("langfuse-langfuse_prod", "prod"),
            ("langfuse", "default"),
            ("my env", "default"),
            ("", "default"),
            ("a_b-1", "a_b-1"),
        ];
        for (name, expected) in cases {
            assert_eq!(stored(name, ServerVersion::new(4, 16, 0)).as_deref(), Some(expected), "{name}");
        }
        assert_eq!(stored(&"a".repeat(50), ServerVersion::new(3, 161, 0)), Some("a".repeat(40)));
    }

    #[test]
    fn refuses_the_event_before_3_161_and_knows_no_names_before_3_34() {
        let strict = ServerVersion::new(3, 160, 0);
        for name in ["Production", "langfuse-prod", &"a".repeat(41)] {
            assert_eq!(stored(name, strict), None, "{name}");
        }
        assert_eq!(stored("prod", strict).as_deref(), Some("prod"));
        assert_eq!(stored("prod", ServerVersion::new(3, 33, 0)).as_deref(), Some("default"));
    }
}
