//! Inputs and outputs under the policy. A conversation stays one: under `lengths` its roles, and how long each message was. Pure.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::covered::{Cover, characters};
use crate::masking::{ContentPolicy, Ends};
use crate::trace::room::CUT_MARK;
use crate::trace::{Message, Part, Payload};

/// Roles of the protocols (`reference/langfuse.md` §11). Any other text at that place is a client's.
const ROLES: [&str; 7] = ["system", "developer", "user", "assistant", "tool", "function", "model"];

/// One side of a call in place.
pub(super) fn cover(payload: &mut Option<Payload<'_>>, field: &str, cover: &mut Cover<'_>) {
    let Some(there) = payload.as_mut().filter(|_| !cover.is_kept(field)) else { return };
    match cover.policy() {
        ContentPolicy::Full => {}
        ContentPolicy::Masked => mask(there, cover),
        ContentPolicy::Lengths => lengths(there),
        ContentPolicy::None => *payload = None,
    }
}

fn mask(payload: &mut Payload<'_>, cover: &mut Cover<'_>) {
    match payload {
        Payload::Plain(part) => mask_part(part, cover),
        Payload::Reply(message) => mask_message(message, cover),
        Payload::Conversation { leading, logged, extras } => {
            leading.iter_mut().for_each(|message| mask_message(message, cover));
            if let Some(logged) = logged {
                mask_json(logged, cover);
            }
            extras.iter_mut().for_each(|(_, part)| mask_part(part, cover));
        }
    }
}

fn mask_message(message: &mut Message<'_>, cover: &mut Cover<'_>) {
    let Message { role: _, content, thinking, tool_calls } = message;
    content.iter_mut().chain(tool_calls).for_each(|part| mask_part(part, cover));
    if let Some(thinking) = thinking {
        mask_text(thinking, cover);
    }
}

fn mask_part(part: &mut Part<'_>, cover: &mut Cover<'_>) {
    part.unquote();
    match part {
        Part::Text(text) | Part::Quoted(text) => mask_text(text, cover),
        Part::Json(json) => mask_json(json, cover),
    }
}

fn mask_text(text: &mut Cow<'_, str>, cover: &mut Cover<'_>) {
    let is_open = || text.trim_start().starts_with(['{', '[']) && !text.trim_end().ends_with(['}', ']']);
    let ends = match text.strip_suffix(CUT_MARK) {
        Some(kept) => Ends::CutAt(kept.len()),
        None if cover.damaged || is_open() => Ends::Doubtful,
        None => Ends::Whole,
    };
    cover.mask(text, ends);
}

fn mask_json(json: &mut Cow<'_, str>, cover: &mut Cover<'_>) {
    let ends = if cover.damaged { Ends::Doubtful } else { Ends::Whole };
    if let Some(masked) = cover.settings.masking.json(json, ends, &mut cover.found) {
        *json = Cow::Owned(masked);
    }
}

fn lengths(payload: &mut Payload<'_>) {
    match payload {
        Payload::Plain(part) => measure(part),
        Payload::Reply(message) => measure_message(message),
        Payload::Conversation { leading, logged, extras } => {
            leading.iter_mut().for_each(measure_message);
            if let Some(logged) = logged {
                *logged = Cow::Owned(measured(logged));
            }
            extras.iter_mut().for_each(|(_, part)| measure(part));
        }
    }
}

fn measure_message(message: &mut Message<'_>) {
    let Message { role: _, content, thinking, tool_calls } = message;
    content.iter_mut().chain(tool_calls).for_each(measure);
    if let Some(thinking) = thinking {
        *thinking = Cow::Owned(characters(thinking));
    }
}

fn measure(part: &mut Part<'_>) {
    part.unquote();
    let (Part::Text(text) | Part::Json(text) | Part::Quoted(text)) = part;
    *part = Part::Text(Cow::Owned(characters(text)));
}

/// A JSON array of messages as one of roles and lengths.
fn measured(messages: &str) -> String {
    #[derive(Deserialize)]
    struct Logged<'m> {
        #[serde(borrow)]
        role: Option<Cow<'m, str>>,
        #[serde(borrow)]
        content: Option<&'m RawValue>,
    }
    let all: Vec<&RawValue> = serde_json::from_str(messages).unwrap_or_default();
    let one = |message: &&RawValue| {
        let read = serde_json::from_str::<Logged<'_>>(message.get()).ok();
        let role = read.as_ref().and_then(|read| ROLES.iter().find(|role| read.role.as_deref() == Some(**role)));
        let content = read.as_ref().and_then(|read| read.content).unwrap_or(message).get();
        let text = serde_json::from_str::<String>(content);
        json!({"role": role.unwrap_or(&"other"), "content": characters(text.as_deref().unwrap_or(content))})
    };
    serde_json::Value::from_iter(all.iter().map(one)).to_string()
}
