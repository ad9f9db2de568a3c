//! The content policy: the one place that every text passes on its way out (`design.md` decision 9). Pure.
//!
//! It stands between the mapping and the encoding, so that whatever the mapping puts into an observation is judged here and nothing is
//! forgotten by being new: [`apply`] takes an observation apart by naming every field. Identity is made before, from what was logged.
//!
//! | policy | input, output | status message, unknown metadata | ids, model, name, tags, known metadata |
//! |---|---|---|---|
//! | `full` | as they are | as they are | as they are |
//! | `masked` | secrets masked | secrets masked | secrets masked |
//! | `lengths` | `[12 characters]`, roles kept | `[12 characters]` | kept if they are words, secrets masked |
//! | `none` | nothing | nothing | kept if they are words, secrets masked |
//!
//! Where a field is a known one, and what form it must have, stands in `fields`; `payload` knows conversations; `covered` covers one text.

mod covered;
mod fields;
mod ids;
mod payload;

#[cfg(test)]
mod tests;

pub use fields::{KEEPABLE, is_keepable};

use std::borrow::Cow;

use crate::masking::{ContentPolicy, ContentSettings, IdForm};
use crate::trace::usage::Usage;
use crate::trace::{Observation, TraceAttributes};
use covered::Cover;
use fields::Form;

/// What says which policy was applied; not there under `full`.
pub const POLICY_MARK: &str = "gw_content_policy";

/// What says which kinds of secrets were masked, separated by commas.
pub const MASKED_MARK: &str = "gw_masked";

/// The lowest number with eleven digits, as a mobile has. No call has ten billion tokens.
const MAX_COUNT: u64 = 10_000_000_000;

/// Applies the policy to an observation, in place. Under `full` with ids as they were logged, nothing is looked at.
pub fn apply(observation: &mut Observation<'_>, settings: &ContentSettings) {
    if settings.user_id == IdForm::Hash || settings.session_id == IdForm::Hash {
        ids::hash(observation, settings);
    }
    if settings.policy == ContentPolicy::Full {
        return;
    }
    let damaged = observation.metadata.iter().any(|(key, _)| key == "gw_salvaged");
    let mut cover = Cover::new(settings, damaged);
    texts(observation, &mut cover);
    let kinds: Vec<_> = cover.found.iter().map(|kind| settings.masking.name(*kind)).collect();
    observation.metadata.push((Cow::Borrowed(POLICY_MARK), Cow::Borrowed(settings.policy.name())));
    if !kinds.is_empty() {
        observation.metadata.push((Cow::Borrowed(MASKED_MARK), Cow::Owned(kinds.join(","))));
    }
}

/// Every text of an observation. The fields are named one by one, so that a new one cannot be forgotten here.
fn texts(observation: &mut Observation<'_>, cover: &mut Cover<'_>) {
    #[rustfmt::skip]
    let Observation {
        trace_id: _, span_id: _, parent: _, kind: _, name, start_ms: _, end_ms: _, completion_start_ms: _, level: _, status_message, model,
        usage, cost, input, output, prompt, environment, trace, metadata,
    } = observation;
    if usage.as_ref().is_some_and(is_no_count) {
        (*usage, *cost) = (None, None);
    }
    payload::cover(input, "input", cover);
    payload::cover(output, "output", cover);
    cover.label_or_mark("name", name);
    cover.status(status_message);
    cover.label("model", model, Form::Word);
    if prompt.as_mut().is_some_and(|prompt| !cover.leaves_as_it_is("prompt", &prompt.name)) {
        *prompt = None;
    }
    // What was made an environment, an address for instance, is not seen in it any more.
    let original = metadata.iter().find(|(key, _)| key == "gw_environment").map(|(_, original)| original);
    if original.is_some_and(|original| !cover.leaves_as_it_is("environment", original)) {
        *environment = None;
    }
    if environment.as_deref().is_some_and(|text| !cover.leaves_as_it_is("environment", text)) {
        *environment = None;
    }
    if let Some(trace) = trace {
        trace_texts(trace, cover);
    }
    fields::cover(metadata, cover);
}

/// True for counts that are rather telephone numbers: a client's text in the place of a count.
fn is_no_count(usage: &Usage) -> bool {
    usage.buckets.iter().map(|(_, count)| *count).chain([usage.total]).any(|count| count >= MAX_COUNT)
}

fn trace_texts(trace: &mut TraceAttributes<'_>, cover: &mut Cover<'_>) {
    let TraceAttributes { name, user_id, session_id, tags, release, version } = trace;
    cover.label_or_mark("name", name);
    cover.id("user_id", user_id);
    cover.id("session_id", session_id);
    tags.retain_mut(|tag| cover.keeps_label("tags", tag, Form::Phrase));
    // A part of a release is another release.
    for (field, text) in [("release", release), ("version", version)] {
        if text.as_deref().is_some_and(|text| !cover.leaves_as_it_is(field, text)) {
            *text = None;
        }
    }
}
