//! What we say about our own work beside the gateway's words: metadata named `gw_*` (`design.md` decision 10). Pure.

use std::borrow::Cow;

/// Marks of one observation, each name once, with all that was said under it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks(Vec<(Cow<'static, str>, String)>);

impl Marks {
    /// Adds something to a mark; what was said before is not said again.
    pub fn put(&mut self, name: impl Into<Cow<'static, str>>, said: impl Into<String>) {
        let (name, said) = (name.into(), said.into());
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, all)) if all.split("; ").any(|known| known == said) => {}
            Some((_, all)) => {
                all.push_str("; ");
                all.push_str(&said);
            }
            None => self.0.push((name, said)),
        }
    }

    /// The marks as metadata, in the order in which they came up.
    pub fn into_metadata<'a>(self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> {
        self.0.into_iter().map(|(name, said)| (name, Cow::Owned(said)))
    }
}
