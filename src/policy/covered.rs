//! One text under the policy: masked, replaced by its length, or left out. Pure; which field demands what form is told by the caller.

use std::borrow::Cow;

use super::fields::Form;
use crate::masking::{ContentPolicy, ContentSettings, Ends, Found, hashed};
use crate::trace::bounds::{MAX_ATTRIBUTE_CHARS, MAX_ORIGINAL};
use crate::trace::metadata::{MAX_KEY_BYTES, MAX_VALUE_BYTES};

/// What the mapping puts behind a text that it cut.
const CUT_MARKS: [&str; 2] = ["…", "..."];

/// The policy at work on one observation, and what it has found so far.
#[derive(Debug)]
pub(super) struct Cover<'s> {
    pub settings: &'s ContentSettings,
    /// The record breaks off: texts may have been cut where nothing says so.
    pub damaged: bool,
    pub found: Found,
}

impl<'s> Cover<'s> {
    pub(super) fn new(settings: &'s ContentSettings, damaged: bool) -> Self {
        Self { settings, damaged, found: Found::new() }
    }

    pub(super) fn policy(&self) -> ContentPolicy {
        self.settings.policy
    }

    /// True for a field that the operator excepts.
    pub(super) fn is_kept(&self, field: &str) -> bool {
        self.settings.keep.iter().any(|kept| kept == field)
    }

    /// True if the text may hold what people write: `masked` sends it masked, the others do not.
    pub(super) fn hides(&self, text: &str, form: Form) -> bool {
        self.policy() != ContentPolicy::Masked && !form.fits(text)
    }

    /// Masks a text in place.
    pub(super) fn mask(&mut self, text: &mut Cow<'_, str>, ends: Ends) {
        if let Some(masked) = self.settings.masking.text(text, ends, &mut self.found) {
            *text = Cow::Owned(masked);
        }
    }

    /// Masks the value of a named field in place, all of it where the name says so.
    pub(super) fn mask_named(&mut self, name: &str, text: &mut Cow<'_, str>, ends: Ends) {
        if let Some(masked) = self.settings.masking.named(name, text, ends, &mut self.found) {
            *text = Cow::Owned(masked);
        }
    }

    /// As [`Cover::ends`], for a name: whether a model's or an API's is damaged is seen by its reader, and half of one is no secret.
    pub(super) fn ends_of_name(&self, text: &str) -> Ends {
        Some(self.ends(text)).filter(|ends| *ends != Ends::Doubtful).unwrap_or(Ends::Whole)
    }

    /// How sure it is that a short text is all there.
    pub(super) fn ends(&self, text: &str) -> Ends {
        let mark = CUT_MARKS.iter().find(|mark| text.ends_with(**mark));
        // Cuts end between two characters, so up to three bytes earlier.
        let bytes = |limit: usize| (limit..=limit + 3).contains(&text.len());
        let is_full =
            || bytes(MAX_VALUE_BYTES) || bytes(MAX_KEY_BYTES) || [MAX_ATTRIBUTE_CHARS, MAX_ORIGINAL + 1].contains(&text.chars().count());
        match mark.filter(|_| is_full()) {
            Some(mark) => Ends::CutAt(text.len() - mark.len()),
            None if self.damaged => Ends::Doubtful,
            None => Ends::Whole,
        }
    }

    /// What stands for a text that does not leave; `None` under `none`.
    pub(super) fn length(&self, text: &str) -> Option<String> {
        (self.policy() == ContentPolicy::Lengths).then(|| characters(text))
    }

    /// A short text in place, or nothing; returns whether something is left.
    pub(super) fn keeps_label(&mut self, field: &str, text: &mut Cow<'_, str>, form: Form) -> bool {
        if self.is_kept(field) {
            return true;
        }
        if self.hides(text, form) {
            let length = self.length(text);
            return length.map(|length| *text = Cow::Owned(length)).is_some();
        }
        let ends = self.ends_of_name(text);
        self.mask(text, ends);
        bound(text);
        true
    }

    /// As [`Cover::keeps_label`], for a field that need not be there.
    pub(super) fn label(&mut self, field: &str, text: &mut Option<Cow<'_, str>>, form: Form) {
        if text.as_mut().is_some_and(|text| !self.keeps_label(field, text, form)) {
            *text = None;
        }
    }

    /// As [`Cover::keeps_label`], for a name, which has to be there.
    pub(super) fn label_or_mark(&mut self, field: &str, text: &mut Cow<'_, str>) {
        if !self.keeps_label(field, text, Form::Word) {
            *text = Cow::Borrowed("[hidden]");
        }
    }

    /// An id in place. A length would make one user of many; so does a mark, so a key gives the hash instead.
    pub(super) fn id(&mut self, field: &str, id: &mut Option<Cow<'_, str>>) {
        let Some(text) = id.as_mut().filter(|_| !self.is_kept(field)) else { return };
        if self.hides(text, Form::Word) {
            *id = None;
            return;
        }
        let ends = self.ends(text);
        let Some(masked) = self.settings.masking.text(text, ends, &mut self.found) else { return };
        *text = Cow::Owned(self.settings.hash_key.as_ref().map_or(masked, |key| hashed(text, key)));
        bound(text);
    }

    /// True if nothing of the text would be changed.
    pub(super) fn leaves_as_it_is(&mut self, field: &str, text: &str) -> bool {
        let ends = self.ends(text);
        self.is_kept(field) || (!self.hides(text, Form::Word) && self.settings.masking.text(text, ends, &mut self.found).is_none())
    }

    /// A status message: the status is a number and stays, the rest may quote anything.
    pub(super) fn status(&mut self, message: &mut Option<String>) {
        let Some(text) = message.as_mut().filter(|_| !self.is_kept("status_message")) else { return };
        if self.policy() == ContentPolicy::Masked {
            *text = text.split_inclusive('…').map(|part| self.masked_part(part)).collect();
            return;
        }
        let (status, rest) = text.split_once(", ").unwrap_or((text.as_str(), ""));
        let (status, rest) = if is_status(status) { (status, rest) } else { ("", text.as_str()) };
        let rest = Some(rest).filter(|rest| !rest.is_empty()).and_then(|rest| self.length(rest));
        let kept: Vec<_> = [Some(status.to_owned()).filter(|status| !status.is_empty()), rest].into_iter().flatten().collect();
        *message = Some(kept.join(", ")).filter(|kept| !kept.is_empty());
    }

    /// A part of a status message, which ends with a cut if it ends with the mark of one.
    fn masked_part(&mut self, part: &str) -> String {
        let ends = part.strip_suffix('…').map_or(Ends::Whole, |kept| Ends::CutAt(kept.len()));
        self.settings.masking.text(part, ends, &mut self.found).unwrap_or_else(|| part.to_owned())
    }
}

/// What stands for a text under `lengths`.
pub(super) fn characters(text: &str) -> String {
    format!("[{} characters]", text.chars().count())
}

/// What `outcome` writes first.
fn is_status(text: &str) -> bool {
    text == "no response" || text.strip_prefix("HTTP ").is_some_and(|code| code.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Marks may be longer than what they cover; an attribute must not grow beyond its bound.
fn bound(text: &mut Cow<'_, str>) {
    if text.char_indices().nth(MAX_ATTRIBUTE_CHARS).is_some() {
        *text = Cow::Owned(text.chars().take(MAX_ATTRIBUTE_CHARS - 3).chain("...".chars()).collect());
    }
}
