//! Secrets in texts: found and covered, `[masked:email]` for an address. Pure, and blind to where a text comes from.
//!
//! `view` undoes what hides a secret, `scan` looks once at every byte and asks the file of a kind where it may begin, `own` holds the
//! operator's patterns, `cut` knows what a cut leaves, `json` keeps JSON valid, `stream` joins what
//! arrived in pieces, `hash` makes ids unreadable. Nothing here knows a field, a
//! policy or a destination. Masking is best effort: what has no form of its own, such as a name, is not found.

mod address;
mod check;
mod credential;
mod cut;
mod hash;
mod json;
mod kind;
mod name;
mod number;
mod own;
mod scan;
mod settings;
mod stream;
mod view;
mod word;

#[cfg(test)]
mod tests;

pub use cut::Ends;
pub use hash::{HASH_DIGITS, hashed};
pub use kind::{BUILT_IN, Found, Kind, Kinds};
pub use own::{Pattern, PatternError};
pub use settings::{ContentPolicy, ContentSettings, IdForm};

use kind::Span;
use name::strength;
use own::Own;
use view::{Features, View};

/// The shortest secret of letters alone, `Bearer AbcdefgH`. Bytes.
const SHORTEST_OF_LETTERS: usize = 15;

/// What is masked: some of the built-in kinds, and patterns of the operator. Made once, at the start.
#[derive(Clone, Debug)]
pub struct Masking {
    kinds: Kinds,
    own: Option<Own>,
}

impl Default for Masking {
    /// Every built-in kind.
    fn default() -> Self {
        Self { kinds: Kinds::ALL, own: None }
    }
}

impl PartialEq for Masking {
    fn eq(&self, other: &Self) -> bool {
        let own = |masking: &Self| masking.own.as_ref().map(|own| own.patterns().to_vec());
        self.kinds == other.kinds && own(self) == own(other)
    }
}

impl Masking {
    /// These kinds, and these patterns beside them.
    ///
    /// # Errors
    /// Where the patterns are too many or too large together; each of them is judged by [`Pattern::check`].
    pub fn new(kinds: Kinds, patterns: Vec<Pattern>) -> Result<Self, PatternError> {
        let own = if patterns.is_empty() { None } else { Some(Own::new(patterns)?) };
        Ok(Self { kinds, own })
    }

    /// A text with its secrets covered, and still JSON if it is; `None` if it has none.
    pub fn text(&self, text: &str, ends: Ends, found: &mut Found) -> Option<String> {
        json::value(self, text, ends, 0, found)
    }

    /// Valid JSON with its secrets covered; `None` if it has none.
    pub fn json(&self, json: &str, ends: Ends, found: &mut Found) -> Option<String> {
        json::json(self, json, ends, 0, found)
    }

    /// The value of a field, all of it if the name says that it is a secret; `None` if there is nothing to cover.
    pub fn named(&self, name: &str, text: &str, ends: Ends, found: &mut Found) -> Option<String> {
        let is_secret = strength(name.as_bytes()).is_some_and(|strength| credential::is_secret(text.as_bytes(), strength, true));
        if is_secret && self.wants(Kind::ApiKey) {
            found.insert(Kind::ApiKey);
            return Some(self.mark(Kind::ApiKey));
        }
        self.text(text, ends, found)
    }

    /// The name of a kind, as it is told.
    pub fn name(&self, kind: Kind) -> &str {
        let own =
            |index: u16| self.own.as_ref().and_then(|own| own.patterns().get(usize::from(index))).map(|pattern| pattern.name.as_str());
        match kind {
            Kind::Own(index) => own(index),
            built_in => built_in.name(),
        }
        .unwrap_or("other")
    }

    fn wants(&self, kind: Kind) -> bool {
        self.kinds.has(kind)
    }

    fn mark(&self, kind: Kind) -> String {
        format!("[masked:{}]", self.name(kind))
    }

    /// A text that is no JSON.
    fn plain(&self, text: &str, ends: Ends, found: &mut Found) -> Option<String> {
        let spans = self.spans(text, ends);
        if spans.is_empty() {
            return None;
        }
        let (mut out, mut copied) = (String::with_capacity(text.len()), 0);
        for span in spans {
            found.insert(span.kind);
            for part in [&text[copied..span.start], "[masked:", self.name(span.kind), "]"] {
                out.push_str(part);
            }
            copied = span.end;
        }
        out.push_str(&text[copied..]);
        Some(out)
    }

    /// What is to be covered, in order and apart.
    fn spans(&self, text: &str, ends: Ends) -> Vec<Span> {
        let features = Features::of(text);
        if !features.has_sign() && text.len() < SHORTEST_OF_LETTERS && self.own.is_none() && ends == Ends::Whole {
            return Vec::new();
        }
        let view = View::of(text, features);
        let mut spans = scan::scan(&view.bytes, self.kinds);
        if let (Some(own), Ok(seen)) = (&self.own, std::str::from_utf8(&view.bytes)) {
            spans.extend(own.find(seen));
        }
        for span in &mut spans {
            // What is longer than is looked at ends after so many bytes, which may be inside of a character.
            (span.start, span.end) = (text.floor_char_boundary(view.origin(span.start)), text.ceil_char_boundary(view.origin(span.end)));
        }
        if let Some(own) = self.own.as_ref().filter(|_| view.is_folded()) {
            spans.extend(own.find(text));
        }
        if ends != Ends::Whole || features.has_bracket() {
            spans.extend(cut::at_cuts(text, ends));
        }
        apart(spans)
    }
}

/// Spans in order; those that overlap become one, of the kind that begins first, or of the longer one.
fn apart(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
    spans.dedup_by(|next, last| {
        let overlap = next.start < last.end;
        if overlap {
            last.end = last.end.max(next.end);
        }
        overlap
    });
    spans
}
