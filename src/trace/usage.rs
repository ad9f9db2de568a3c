//! Logged token counts → buckets that do not overlap, with their total. Pure.
//!
//! Protocols disagree on whether cached and reasoning tokens are part of the input and output counts (`reference/gateway-logs.md` §6);
//! Langfuse prices bucket by bucket and wants them apart (`reference/langfuse.md` §6).

use std::collections::BTreeMap;

use crate::gateway::{GatewayCall, Value, kind};

/// Counted tokens: flat buckets, their sum, and whether the log agreed with itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bucket and count, in a fixed order; a bucket that the log did not mention is not here, a logged zero is.
    pub buckets: Vec<(&'static str, u64)>,
    /// All tokens.
    pub total: u64,
    /// The logged total differs from the sum of the buckets.
    pub mismatch: bool,
}

impl Usage {
    /// A call that certainly used nothing: it was refused or failed. Sent so that no server counts tokens by itself.
    pub fn zero() -> Self {
        Self { buckets: vec![("input", 0), ("output", 0)], total: 0, mismatch: false }
    }
}

/// How a protocol counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counting {
    /// Cached tokens are part of the input, reasoning tokens of the output (OpenAI and all that copy it).
    Inclusive,
    /// Cache reads and writes come on top of the input (Claude).
    CacheOnTop,
    /// Thoughts come on top of the output (Gemini).
    ThoughtsOnTop,
}

/// Details of one side: names and counts.
type Details = BTreeMap<String, u64>;

/// The logged counts of one call.
struct Counts {
    input: Option<u64>,
    output: Option<u64>,
    total: Option<u64>,
    cached: Option<u64>,
    cache_creation: Option<u64>,
    /// Reasoning tokens under the name of a protocol that counts them beside the output.
    thoughts: Option<u64>,
    reasoning: Option<u64>,
    input_audio: Option<u64>,
    output_audio: Option<u64>,
}

/// The usage of a call; `None` where the log has no counts.
pub fn usage(call: &GatewayCall<'_>) -> Option<Usage> {
    let counts = Counts::of(call);
    if counts.input.is_none() && counts.output.is_none() && counts.total.is_none() {
        return None;
    }
    let buckets = counts.buckets(counts.counting(call));
    let sum = buckets.iter().fold(0u64, |sum, (_, count)| sum.saturating_add(*count));
    let logged = counts.total.unwrap_or(sum);
    // A smaller total than its parts would hide tokens; a larger one knows of tokens that the parts do not name.
    Some(Usage { buckets, total: logged.max(sum), mismatch: logged != sum })
}

impl Counts {
    fn of(call: &GatewayCall<'_>) -> Self {
        let ai = &call.ai;
        let count = |value: Option<Value<'_>>| value.and_then(|value| value.count());
        let (input, output) = (
            details(call, "input_token_details", &ai.input_token_details),
            details(call, "output_token_details", &ai.output_token_details),
        );
        let first = |side: &Details, names: &[&str]| names.iter().find_map(|name| side.get(*name).copied());
        Self {
            input: count(call.either(call.envelope.input_token, &ai.input_token)),
            output: count(call.either(call.envelope.output_token, &ai.output_token)),
            total: count(ai.total_token.clone()),
            cached: first(&input, &["cached_tokens", "cache_read_input_tokens", "cached_content_token_count"])
                .or(count(ai.cached_tokens.clone())),
            cache_creation: first(&input, &["cache_creation_input_tokens"]),
            thoughts: first(&output, &["thoughts_token_count"]),
            reasoning: first(&output, &["thoughts_token_count", "reasoning_tokens"]).or(count(ai.reasoning_tokens.clone())),
            input_audio: first(&input, &["audio_tokens"]),
            output_audio: first(&output, &["audio_tokens"]),
        }
    }

    /// The protocol by its path, else by the only reading under which the logged total adds up.
    fn counting(&self, call: &GatewayCall<'_>) -> Counting {
        let path = kind::path(call.envelope);
        if path.ends_with("/messages") || self.cache_creation.is_some() || self.adds_up_with_cache() {
            Counting::CacheOnTop
        } else if self.thoughts.is_some() || path.contains(":generateContent") || path.contains(":streamGenerateContent") {
            Counting::ThoughtsOnTop
        } else {
            Counting::Inclusive
        }
    }

    fn adds_up_with_cache(&self) -> bool {
        let (Some(input), Some(output), Some(total), Some(cached)) = (self.input, self.output, self.total, self.cached) else {
            return false;
        };
        cached > 0 && cached > input && total == input.saturating_add(output).saturating_add(cached)
    }

    fn buckets(&self, counting: Counting) -> Vec<(&'static str, u64)> {
        let inside = |parts: [Option<u64>; 2]| parts.into_iter().flatten().fold(0u64, u64::saturating_add);
        let in_input =
            if counting == Counting::CacheOnTop { inside([self.input_audio, None]) } else { inside([self.cached, self.input_audio]) };
        let in_output = if counting == Counting::ThoughtsOnTop {
            inside([self.output_audio, None])
        } else {
            inside([self.reasoning, self.output_audio])
        };
        let buckets = [
            ("input", self.input.map(|input| input.saturating_sub(in_input))),
            ("input_cached_tokens", self.cached),
            ("input_cache_creation", self.cache_creation),
            ("input_audio_tokens", self.input_audio),
            ("output", self.output.map(|output| output.saturating_sub(in_output))),
            ("output_reasoning_tokens", self.reasoning),
            ("output_audio_tokens", self.output_audio),
        ];
        buckets.into_iter().filter_map(|(name, count)| Some((name, count?))).collect()
    }
}

/// The details of one side: an object, or an object in a string, or expanded members `<name>.<detail>`; entries that are no counts are
/// left out.
fn details(call: &GatewayCall<'_>, name: &str, value: &Option<Value<'_>>) -> Details {
    let object = value.as_ref().and_then(Value::json);
    let members: BTreeMap<String, serde_json::Value> = object.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
    let counted = members.into_iter().filter_map(|(detail, value)| Some((detail, Value::Json(&value.to_string()).count()?)));
    let expanded = call.ai.others.iter().filter_map(|(key, value)| {
        let detail = key.strip_prefix(name)?.strip_prefix('.')?;
        Some((detail.to_owned(), value.count()?))
    });
    expanded.chain(counted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::ParsedRecord;
    use crate::sls::{Field, LogRecord, LogTime};

    fn usage_of(path: &str, ai_log: &str) -> Option<Usage> {
        let pairs = [("path", path), ("request_id", "r"), ("ai_log", ai_log)];
        let fields = pairs.iter().map(|(key, value)| Field { key: key.as_bytes(), value: value.as_bytes() }).collect();
        let record = LogRecord { time: LogTime { seconds: 1, nanoseconds: None }, fields };
        let parsed = ParsedRecord::of(&record);
        usage(&parsed.call().unwrap())
    }

    fn agreed(buckets: &[(&'static str, u64)], total: u64) -> Option<Usage> {
        Some(Usage { buckets: buckets.to_vec(), total, mismatch: false })
    }

    const CHAT: &str = "/v1/chat/completions";

    #[test]
    fn plain_counts_pass_through_in_every_form() {
        let expected = agreed(&[("input", 11), ("output", 64)], 75);
        assert_eq!(usage_of(CHAT, r#"{"input_token":11,"output_token":64,"total_token":75}"#), expected);
        assert_eq!(usage_of(CHAT, r#"{"input_token":"11","output_token":"64"}"#), expected);
    }

    #[test]
    fn openai_counts_lose_what_they_include() {
        let log = r#"{"input_token":1200,"output_token":52,"total_token":1252,"cached_tokens":1024,
                      "input_token_details":{"cached_tokens":1024},"output_token_details":"{\"reasoning_tokens\":40}"}"#;
        let buckets = [("input", 176), ("input_cached_tokens", 1024), ("output", 12), ("output_reasoning_tokens", 40)];
        assert_eq!(usage_of(CHAT, log), agreed(&buckets, 1252));
    }

    #[test]
    fn claude_counts_keep_the_cache_on_top() {
        let log = r#"{"input_token":30,"output_token":5,"total_token":2083,
                      "input_token_details":{"cache_creation_input_tokens":0,"cache_read_input_tokens":2048}}"#;
        let buckets = [("input", 30), ("input_cached_tokens", 2048), ("input_cache_creation", 0), ("output", 5)];
        assert_eq!(usage_of("/v1/messages", log), agreed(&buckets, 2083));
        assert_eq!(usage_of(CHAT, log), agreed(&buckets, 2083));
    }

    #[test]
    fn gemini_counts_keep_thoughts_on_top() {
        let log = r#"{"input_token":10,"output_token":5,"total_token":35,"output_token_details":{"thoughts_token_count":20}}"#;
        let buckets = [("input", 10), ("output", 5), ("output_reasoning_tokens", 20)];
        assert_eq!(usage_of("/v1beta/models/g:generateContent", log), agreed(&buckets, 35));
        assert_eq!(usage_of(CHAT, log), agreed(&buckets, 35));
    }

    #[test]
    fn zero_is_a_value_and_nothing_is_not() {
        assert_eq!(usage_of(CHAT, r#"{"input_token":0,"output_token":0,"total_token":0}"#), agreed(&[("input", 0), ("output", 0)], 0));
        assert_eq!(usage_of(CHAT, r#"{"input_token":"-","output_token":null}"#), None);
        assert_eq!(usage_of(CHAT, r#"{"input_token":-4}"#), None);
    }

    #[test]
    fn a_total_that_does_not_add_up_is_marked_and_never_smaller_than_its_parts() {
        let larger = usage_of(CHAT, r#"{"input_token":10,"output_token":5,"total_token":100}"#).unwrap();
        assert_eq!((larger.total, larger.mismatch), (100, true));
        let smaller = usage_of(CHAT, r#"{"input_token":10,"output_token":5,"total_token":1}"#).unwrap();
        assert_eq!((smaller.total, smaller.mismatch), (15, true));
    }
}
