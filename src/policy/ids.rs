//! Users and sessions as keyed hashes, wherever they stand. Pure.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::masking::{ContentSettings, IdForm, hashed};
use crate::secret::Secret;
use crate::trace::Observation;

/// Metadata that holds a user or a session whatever the mapping takes for one.
const USER_KEYS: [&str; 2] = ["consumer", "gw_user_id"];
const SESSION_KEYS: [&str; 2] = ["session_id", "gw_session_id"];

/// The consumer of callers without authentication (`reference/gateway-logs.md` §10): nobody's id.
const NOBODY: &str = "none";

/// The shortest id that is looked for inside names and tags, which a template may have put together. Bytes; a shorter one is in any word.
const SHORTEST_PART: usize = 4;

/// Puts hashes in the place of ids, wherever they stand as a whole, and in names and tags as a part.
pub(super) fn hash(observation: &mut Observation<'_>, settings: &ContentSettings) {
    let Some(key) = &settings.hash_key else { return };
    let ids = ids(observation, settings);
    let whole = |text: &mut Cow<'_, str>| {
        if ids.contains(text.as_ref()) {
            *text = Cow::Owned(hashed(text, key));
        }
    };
    observation.metadata.iter_mut().for_each(|(_, value)| whole(value));
    parted(&mut observation.name, &ids, key);
    if let Some(trace) = &mut observation.trace {
        trace.user_id.iter_mut().chain(&mut trace.session_id).for_each(whole);
        trace.tags.iter_mut().chain([&mut trace.name]).for_each(|text| parted(text, &ids, key));
    }
}

/// The ids that are not to be shown.
fn ids(observation: &Observation<'_>, settings: &ContentSettings) -> BTreeSet<String> {
    let trace = observation.trace.as_ref();
    let of = |form: IdForm, own: Option<&Cow<'_, str>>, keys: &[&str]| -> Vec<String> {
        let named = observation.metadata.iter().filter(|(name, _)| keys.contains(&name.as_ref())).map(|(_, value)| value);
        own.into_iter().chain(named).filter(|_| form == IdForm::Hash).map(ToString::to_string).collect()
    };
    let users = of(settings.user_id, trace.and_then(|trace| trace.user_id.as_ref()), &USER_KEYS);
    let sessions = of(settings.session_id, trace.and_then(|trace| trace.session_id.as_ref()), &SESSION_KEYS);
    users.into_iter().chain(sessions).filter(|id| id != NOBODY).collect()
}

/// Puts hashes in the place of the ids in a text.
fn parted(text: &mut Cow<'_, str>, ids: &BTreeSet<String>, key: &Secret) {
    for id in ids {
        if *text == id.as_str() || (id.len() >= SHORTEST_PART && text.contains(id.as_str())) {
            *text = Cow::Owned(text.replace(id.as_str(), &hashed(id, key)));
        }
    }
}
