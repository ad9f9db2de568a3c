//! The environment of this process with some variables decided by the command. Pure.

use std::collections::BTreeMap;

use crate::config::Variables;
use crate::emulator::langfuse::{LangfuseEmulator, LangfuseWorld};

/// Variables above variables. An empty text above takes away what is below.
pub struct Overlay<'v> {
    below: &'v dyn Variables,
    above: BTreeMap<String, String>,
}

impl<'v> Overlay<'v> {
    /// Nothing above yet.
    pub fn on(below: &'v dyn Variables) -> Self {
        Self { below, above: BTreeMap::new() }
    }

    /// The same with this variable decided.
    #[must_use]
    pub fn with(mut self, name: &str, text: impl Into<String>) -> Self {
        self.above.insert(name.to_owned(), text.into());
        self
    }

    /// The same with the stand-in as Langfuse, whatever is below.
    #[must_use]
    pub fn with_emulator(self, langfuse: &LangfuseEmulator) -> Self {
        // Both names of the address, because a file may name another one under either.
        self.with("LANGFUSE_HOST", langfuse.base_url())
            .with("LANGFUSE_BASE_URL", langfuse.base_url())
            .with("LANGFUSE_PUBLIC_KEY", LangfuseWorld::PUBLIC_KEY)
            .with("LANGFUSE_SECRET_KEY", LangfuseWorld::SECRET_KEY)
    }
}

impl Variables for Overlay<'_> {
    fn get(&self, name: &str) -> Option<String> {
        self.above.get(name).cloned().or_else(|| self.below.get(name))
    }
}
