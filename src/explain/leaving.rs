//! What the content policy leaves of the attributes: the last step before they are sent, shown last. Pure.
//!
//! Where values come from is found out before it (`influence`), since a value that was covered says nothing about its source.

use super::facts::Facts;
use super::{Attribute, Delivered};
use crate::masking::ContentPolicy;
use crate::trace::settings::TraceSettings;

/// What says how much of texts is sent.
const SETTING: &str = "CONTENT_POLICY";

/// Puts the values that leave in the place of those that were mapped.
pub fn leave(mut delivered: Delivered, leaving: &Facts, settings: &TraceSettings) -> Delivered {
    let policy = settings.content.policy;
    let mut mapped = std::mem::take(&mut delivered.attributes);
    for fact in &leaving.0 {
        let known = mapped.iter().position(|attribute| attribute.name == fact.name).map(|index| mapped.remove(index));
        delivered.attributes.push(match known {
            Some(attribute) if attribute.text == fact.text => attribute,
            Some(attribute) => changed(attribute, &fact.text, policy),
            None => new(&fact.name, &fact.text),
        });
    }
    let kept_back: Vec<_> = mapped.into_iter().map(|attribute| attribute.name).collect();
    if !kept_back.is_empty() {
        delivered.notes.push(format!("{SETTING}={} keeps back: {}", policy.name(), kept_back.join(", ")));
    }
    delivered
}

fn changed(attribute: Attribute, text: &str, policy: ContentPolicy) -> Attribute {
    let what = match policy {
        ContentPolicy::Full => "its keyed hash ([masking])".to_owned(),
        policy => format!("changed by {SETTING}={}", policy.name()),
    };
    let how = attribute.how.map_or_else(|| what.clone(), |how| format!("{how}; {what}"));
    Attribute { text: text.to_owned(), how: Some(how), ..attribute }
}

/// What the policy adds: its marks, and fields whose names were secrets.
fn new(name: &str, text: &str) -> Attribute {
    let how = match name {
        "metadata.gw_content_policy" => "which policy was applied",
        "metadata.gw_masked" => "which kinds of secrets were found",
        _ => "its name held a secret",
    };
    Attribute { name: name.to_owned(), text: text.to_owned(), from: Vec::new(), setting: Some(SETTING), how: Some(how.to_owned()) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Explanation, explain};
    use super::*;
    use crate::masking::ContentSettings;
    use crate::sls::{Field, LogRecord, LogTime};

    fn explained(policy: ContentPolicy) -> Delivered {
        let pairs = [
            ("request_id", "r-1"),
            ("path", "/v1/chat/completions"),
            ("question", "call 13800138000"),
            ("answer", "I will"),
            ("consumer", "alice"),
            ("tenant", "a@b.com"),
        ];
        let fields = pairs.iter().map(|(key, value)| Field { key: key.as_bytes(), value: value.as_bytes() }).collect();
        let settings =
            TraceSettings { content: Arc::new(ContentSettings { policy, ..ContentSettings::default() }), ..TraceSettings::default() };
        match explain(&LogRecord { time: LogTime { seconds: 1, nanoseconds: None }, fields }, &settings) {
            Explanation::Delivered(delivered) => delivered,
            Explanation::Skipped(skipped) => panic!("{skipped:?}"),
        }
    }

    #[test]
    fn what_leaves_is_shown_with_its_source_and_the_policy() {
        let masked = explained(ContentPolicy::Masked);
        let of = |name: &str| masked.attributes.iter().find(|attribute| attribute.name == name).unwrap();
        assert_eq!(of("input").text, r#"[{"role":"user","content":"call [masked:mobile]"}]"#);
        assert_eq!(
            (of("input").from.as_slice(), of("metadata.tenant").from.as_slice()),
            (["question".to_owned()].as_slice(), ["tenant".to_owned()].as_slice())
        );
        assert_eq!(of("metadata.tenant").how.as_deref(), Some("changed by CONTENT_POLICY=masked"));
        assert_eq!((of("metadata.gw_masked").text.as_str(), of("metadata.gw_masked").setting), ("mobile,email", Some("CONTENT_POLICY")));
        assert_eq!(of("userId").how, None);
    }

    #[test]
    fn what_does_not_leave_is_named() {
        let none = explained(ContentPolicy::None);
        assert_eq!(none.notes, ["CONTENT_POLICY=none keeps back: input, output, metadata.tenant"]);
        assert!(none.absent.iter().all(|absent| absent.name != "input"), "it was logged");
    }
}
