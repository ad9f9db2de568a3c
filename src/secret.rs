//! Values that must not be printed, and the SLS credentials made of them.
//!
//! A [`Secret`] has no `Display`, and its `Debug` prints a fixed mark, so that no log line, error, report or panic
//! can carry it. Nothing else may live here.

use std::fmt;

/// A text that is never printed. Reading it is a deliberate act: [`Secret::expose`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that signs or authenticates with it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// True for an empty text: Function Compute sends empty credential headers where a function has no role
    /// (`reference/function-compute.md` §2.1).
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[hidden]")
    }
}

/// An access key of Alibaba Cloud, with the security token when it is a temporary one (STS).
///
/// The front end of a call decides where it comes from; nothing keeps it after the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The key's public half. Not a secret, but named only in signatures.
    pub access_key_id: String,
    /// The key that signs.
    pub access_key_secret: Secret,
    /// Sent and signed as `x-acs-security-token`.
    pub security_token: Option<Secret>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_a_mark_instead_of_the_text() {
        let credentials = Credentials {
            access_key_id: "id".into(),
            access_key_secret: Secret::new("sentinel-secret"),
            security_token: Some(Secret::new("sentinel-token")),
        };
        let printed = format!("{credentials:?}");
        assert!(!printed.contains("sentinel"), "{printed}");
        assert_eq!(format!("{:?}", Secret::new("x")), "[hidden]");
    }
}
