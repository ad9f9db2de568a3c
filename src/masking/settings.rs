//! What the operator decides about content. Plain data.

use std::sync::Arc;

use super::Masking;
use crate::secret::Secret;

/// `CONTENT_POLICY`: how much of prompts and answers leaves for Langfuse (`design.md` decision 9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContentPolicy {
    /// All of it.
    #[default]
    Full,
    /// With secrets masked.
    Masked,
    /// Only how long it was.
    Lengths,
    /// Nothing.
    None,
}

impl ContentPolicy {
    /// Its name in the settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Masked => "masked",
            Self::Lengths => "lengths",
            Self::None => "none",
        }
    }
}

/// How an id is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdForm {
    /// As it was logged.
    #[default]
    Logged,
    /// As its keyed hash.
    Hash,
}

/// What becomes of content.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContentSettings {
    /// How much of it leaves.
    pub policy: ContentPolicy,
    /// What is masked wherever a text leaves, under every policy but `full`.
    pub masking: Arc<Masking>,
    /// How users are shown, under every policy.
    pub user_id: IdForm,
    /// How sessions are shown, under every policy.
    pub session_id: IdForm,
    /// The key of hashes. Always there where an id is shown as its hash.
    pub hash_key: Option<Secret>,
    /// Fields that are left as they are under every policy, by the names of [`crate::policy::KEEPABLE`].
    pub keep: Vec<String>,
}
