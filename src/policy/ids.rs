//! Users and sessions as keyed hashes, wherever they stand. Pure.

use std::borrow::Cow;

use crate::masking::{ContentSettings, IdForm, hashed};
use crate::secret::Secret;
use crate::trace::Observation;

/// Metadata that holds a user or a session whatever the mapping takes for one.
const USER_KEY: &str = "consumer";
const SESSION_KEY: &str = "session_id";

/// The consumer of callers without authentication (`reference/gateway-logs.md` §10): nobody's id.
const NOBODY: &str = "none";

/// Puts hashes in the place of ids, and of every metadata value and tag that is the same text.
pub(super) fn hash(observation: &mut Observation<'_>, settings: &ContentSettings) {
    let Some(key) = &settings.hash_key else { return };
    let user = observation.trace.as_mut().and_then(|trace| trace.user_id.as_mut());
    let user = user.filter(|_| settings.user_id == IdForm::Hash).map(|id| replaced(id, key));
    let session = observation.trace.as_mut().and_then(|trace| trace.session_id.as_mut());
    let session = session.filter(|_| settings.session_id == IdForm::Hash).map(|id| replaced(id, key));
    let is_id = |text: &str| [&user, &session].into_iter().flatten().any(|id| id == text);
    let is_named =
        |name: &str| (name == USER_KEY && settings.user_id == IdForm::Hash) || (name == SESSION_KEY && settings.session_id == IdForm::Hash);
    for (name, value) in &mut observation.metadata {
        if value != NOBODY && (is_named(name) || is_id(value)) {
            replaced(value, key);
        }
    }
    for tag in observation.trace.iter_mut().flat_map(|trace| &mut trace.tags).filter(|tag| is_id(tag)) {
        replaced(tag, key);
    }
}

/// Puts the hash in the place of an id and returns what stood there.
fn replaced(id: &mut Cow<'_, str>, key: &Secret) -> String {
    let hash = hashed(id, key);
    std::mem::replace(id, Cow::Owned(hash)).into_owned()
}
