//! Advice on texts: what is not logged, and what arrives damaged. Pure.

use super::{Advice, Call};
use crate::explain::origins::origins;

/// How texts are switched on.
const SWITCH_ON: &str = "log contents: the conversation group of the AI log policy, or `use_default_attributes: true` of ai-statistics";

/// For protocols and kinds of call whose texts the plugin does not know.
const BODIES: &str = "log request_body and response_body, or attributes of your own that read the texts out of them";

pub(super) fn input(call: &Call<'_, '_>) -> Option<Advice> {
    if call.has("input") {
        return None;
    }
    let (advice, why) = switch(call);
    Advice::some("input", advice, format!("neither question nor messages nor request_body has a value{why}"))
}

pub(super) fn output(call: &Call<'_, '_>) -> Option<Advice> {
    // Vectors are no text, and what failed has no answer.
    if call.has("output") || !call.succeeded() || call.is_of(&["embedding"]) {
        return None;
    }
    let (advice, why) = switch(call);
    let early =
        if call.is("ai_log.response_type", "stream") && why.is_empty() { "; before Higress 2.2.1 streams often had none" } else { "" };
    Advice::some("output", advice, format!("neither answer nor tool_calls nor response_body has a value{why}{early}"))
}

/// What to switch on, and why the usual switch would not do.
fn switch(call: &Call<'_, '_>) -> (&'static str, &'static str) {
    let path = call.text("original_path").or_else(|| call.text("path")).unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    match () {
        () if path.ends_with("/responses") || path.contains("enerateContent") => {
            (BODIES, ", and question and answer are not built in for this protocol")
        }
        () if call.is_of(&["tool", "embedding", "retriever"]) || path.contains("/images/") || path.contains("/audio/") => {
            (BODIES, ", and question and answer exist for chats only")
        }
        () => (SWITCH_ON, ""),
    }
}

pub(super) fn messages(call: &Call<'_, '_>) -> Option<Advice> {
    let single = call.is("ai_log.chat_round", "1") || call.text("ai_log.messages").is_some();
    let asked = call.text("ai_log.question").or_else(|| call.text("question")).is_some();
    let chat = call.has("input") && call.is_of(&["generation", "agent"]);
    let advice = "log the attribute `messages` (ai-statistics) to see the whole conversation";
    let whole = origins(call.0, "input").iter().any(|source| source.name == "request_body");
    (chat && asked && !single && !whole)
        .then(|| Advice::some("messages", advice, "question holds the last message of the request only"))
        .flatten()
}

pub(super) fn salvaged(call: &Call<'_, '_>) -> Option<Advice> {
    let advice = "raise the collector's limit for one value or line, or lower `value_length_limit` of ai-statistics below it";
    let because = "ai_log breaks off or is damaged: only what stands before the damage was read";
    call.0.places.is_damaged().then(|| Advice::some("ai_log", advice, because)).flatten()
}

pub(super) fn seam(call: &Call<'_, '_>) -> Option<Advice> {
    let cut = named(call, |text| text.contains("[truncated]"))?;
    let advice = "raise `value_length_limit` of ai-statistics (4000 bytes by default before Higress 2.2.1, 32000 since)";
    Advice::some("whole_texts", advice, format!("{cut} holds `[truncated]`: the gateway left out its middle"))
}

pub(super) fn go_syntax(call: &Call<'_, '_>) -> Option<Advice> {
    let printed = named(call, |text| text.trim_start().starts_with("[map[") || text.trim_start().starts_with("map["))?;
    let advice = "keep it inside ai_log instead of a separate log field, and raise `value_length_limit` of ai-statistics";
    Advice::some("structure", advice, format!("{printed} is printed in Go syntax (`map[…]`), which is no JSON"))
}

/// The first place whose text is like this.
fn named(call: &Call<'_, '_>, is_it: impl Fn(&str) -> bool) -> Option<String> {
    let places = call.0.places;
    let found = places.sources.iter().find(|source| places.text_at(source).is_some_and(|text| is_it(&text)));
    // A name is logged text too, and of any length.
    found.map(|source| source.name.chars().take(100).collect())
}
