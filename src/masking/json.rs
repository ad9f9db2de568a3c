//! Secrets inside JSON: every string is read, searched and written again, JSON inside strings too, and the result is JSON. Pure.
//!
//! What is not touched stays as it was written, byte by byte.

use std::borrow::Cow;

use super::credential::is_secret;
use super::kind::{Found, Kind};
use super::name::{Strength, strength};
use super::{Ends, Masking, stream};

/// How deep JSON inside strings of JSON is read as such; below, it is text.
const MAX_NESTING: usize = 8;

/// The shortest number that can be a secret: a mobile.
const SHORTEST_NUMBER: usize = 11;

/// A text, as JSON where it is JSON; `None` if there is nothing to mask.
pub(super) fn value(masking: &Masking, text: &str, ends: Ends, depth: usize, found: &mut Found) -> Option<String> {
    let is_json =
        depth < MAX_NESTING && text.trim_start().starts_with(['{', '[']) && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    match () {
        () if is_json => json(masking, text, ends, depth, found),
        () if stream::is_stream(text) => stream::stream(masking, text, ends, found),
        () => masking.plain(text, ends, found),
    }
}

/// Valid JSON; `None` if there is nothing to mask.
pub(super) fn json(masking: &Masking, json: &str, ends: Ends, depth: usize, found: &mut Found) -> Option<String> {
    let mut walk = Walk { masking, json, ends, depth, found, name: None, out: String::new(), copied: 0 };
    let mut at = 0;
    while at < json.len() {
        at = walk.step(at);
    }
    walk.finish()
}

struct Walk<'w, 'j> {
    masking: &'w Masking,
    json: &'j str,
    ends: Ends,
    depth: usize,
    found: &'w mut Found,
    /// What the name in front says about the next value.
    name: Option<Strength>,
    out: String,
    copied: usize,
}

impl Walk<'_, '_> {
    /// Takes what begins at a place and returns where it ends.
    fn step(&mut self, at: usize) -> usize {
        match self.json.as_bytes()[at] {
            b'"' => self.string(at),
            b'-' | b'0'..=b'9' => self.number(at),
            b'{' | b'[' | b',' => {
                self.name = None;
                at + 1
            }
            _ => at + 1,
        }
    }

    fn string(&mut self, at: usize) -> usize {
        let end = end_of_string(self.json.as_bytes(), at);
        let rest = self.json[end..].trim_start();
        let raw = &self.json[at + 1..(end - 1).max(at + 1)];
        let text = decoded(raw);
        if rest.starts_with(':') {
            self.name = strength(text.as_bytes());
            if let Some(masked) = self.masking.plain(&text, Ends::Whole, self.found) {
                self.replace(at, end, &masked);
            }
            return end;
        }
        let is_last = rest.bytes().all(|byte| matches!(byte, b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t'));
        let ends = if is_last { self.ends } else { Ends::Whole };
        let name = self.name.take();
        if name.is_some_and(|strength| is_secret(text.as_bytes(), strength, true)) && self.masking.wants(Kind::ApiKey) {
            self.found.insert(Kind::ApiKey);
            self.replace(at, end, &self.masking.mark(Kind::ApiKey));
        } else if let Some(masked) = value(self.masking, &text, ends, self.depth + 1, self.found) {
            self.replace(at, end, &masked);
        }
        end
    }

    /// A number that is a secret becomes a text.
    fn number(&mut self, at: usize) -> usize {
        let bytes = &self.json.as_bytes()[at..];
        let length = bytes.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')).unwrap_or(bytes.len());
        let end = at + length;
        if length >= SHORTEST_NUMBER
            && let Some(masked) = self.masking.plain(&self.json[at..end], Ends::Whole, self.found)
        {
            self.replace(at, end, &masked);
        }
        end
    }

    fn replace(&mut self, start: usize, end: usize, text: &str) {
        self.out.push_str(&self.json[self.copied..start]);
        self.out.push_str(&serde_json::Value::from(text).to_string());
        self.copied = end;
    }

    fn finish(mut self) -> Option<String> {
        if self.copied == 0 {
            return None;
        }
        self.out.push_str(&self.json[self.copied..]);
        Some(self.out)
    }
}

/// Where the string that begins at `at` ends, its quotes included.
pub(super) fn end_of_string(json: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while end < json.len() && json[end] != b'"' {
        end += if json[end] == b'\\' { 2 } else { 1 };
    }
    (end + 1).min(json.len())
}

/// What a string says. One with lone halves of surrogate pairs is searched as it is written.
pub(super) fn decoded(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    serde_json::from_str(&format!("\"{raw}\"")).map_or(Cow::Borrowed(raw), Cow::Owned)
}
