//! Logged token counts → buckets that do not overlap, with their total. Pure.
//!
//! Protocols disagree on whether cached and reasoning tokens are part of the input and output counts (`reference/gateway-logs.md` §6);
//! Langfuse prices bucket by bucket and wants them apart (`reference/langfuse.md` §6).

use crate::gateway::members::each_member;
use crate::gateway::{GatewayCall, Value, kind};

/// Counted tokens: flat buckets, their sum, and whether the log agreed with itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bucket and count, in a fixed order; a bucket that the log did not mention is not here, a logged zero is.
    pub buckets: Vec<(&'static str, u64)>,
    /// All tokens.
    pub total: u64,
    /// The logged total, if it differs from the sum of the buckets.
    pub mismatch: Option<u64>,
}

impl Usage {
    /// A call that certainly used nothing: it was refused or failed. Sent so that no server counts tokens by itself.
    pub fn zero() -> Self {
        Self { buckets: vec![("input", 0), ("output", 0)], total: 0, mismatch: None }
    }

    /// The sum of the buckets.
    pub fn counted(&self) -> u64 {
        sum(self.buckets.iter().copied())
    }
}

/// How a record's counts include each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counting {
    /// Cache reads and writes are part of the input.
    cache_inside: bool,
    /// Thoughts are part of the output.
    thoughts_inside: bool,
}

/// OpenAI and all that copy it.
const INCLUSIVE: Counting = Counting { cache_inside: true, thoughts_inside: true };

/// Claude.
const CACHE_ON_TOP: Counting = Counting { cache_inside: false, thoughts_inside: true };

/// Gemini.
const THOUGHTS_ON_TOP: Counting = Counting { cache_inside: true, thoughts_inside: false };

/// Details of one side: names of [`DETAILS`] and counts, no name twice.
#[derive(Default)]
struct Details(Vec<(&'static str, u64)>);

impl Details {
    fn get(&self, name: &str) -> Option<u64> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, count)| *count)
    }

    /// Notes a count, in place of one that was noted before; one that becomes no bucket is not looked at.
    fn put(&mut self, name: &str, count: Option<u64>) {
        let known = || DETAILS.iter().flat_map(|(_, names, _)| *names).find(|known| **known == name);
        let (Some(count), Some(known)) = (count, known()) else { return };
        match self.0.iter_mut().find(|(name, _)| name == known) {
            Some((_, noted)) => *noted = count,
            None => self.0.push((known, count)),
        }
    }
}

/// Details that are buckets of their own: side, the names they have in the protocols, the bucket. The first name that is there counts.
const DETAILS: [(Side, &[&str], &str); 10] = [
    (Side::Input, &["cached_tokens", "cache_read_input_tokens", "cached_content_token_count"], "input_cached_tokens"),
    (Side::Input, &["cache_creation_input_tokens"], "input_cache_creation"),
    (Side::Input, &["audio_tokens"], "input_audio_tokens"),
    (Side::Input, &["image_tokens"], "input_image_tokens"),
    (Side::Input, &["video_tokens"], "input_video_tokens"),
    (Side::Input, &["tool_use_prompt_token_count"], "input_tool_use_tokens"),
    (Side::Output, &["reasoning_tokens", "thoughts_token_count"], "output_reasoning_tokens"),
    (Side::Output, &["audio_tokens"], "output_audio_tokens"),
    (Side::Output, &["image_tokens"], "output_image_tokens"),
    (Side::Output, &["video_tokens"], "output_video_tokens"),
];

/// Details that say how others are made up and are no tokens beside them.
const COVERED: [&str; 2] = ["text_tokens", "accepted_prediction_tokens"];

/// The two sides of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Input,
    Output,
}

/// The logged counts of one call.
struct Counts {
    input: Option<u64>,
    output: Option<u64>,
    total: Option<u64>,
    /// By bucket, in the order of [`DETAILS`].
    details: Vec<(Side, &'static str, u64)>,
    /// Names that only the protocol of Claude, or of Gemini, has.
    claude: bool,
    gemini: bool,
}

/// The usage of a call; `None` where the log has no counts.
pub fn usage(call: &GatewayCall<'_>) -> Option<Usage> {
    let counts = Counts::of(call);
    if counts.input.is_none() && counts.output.is_none() && counts.total.is_none() {
        return None;
    }
    let buckets: Vec<_> = counts.buckets(counts.counting(&kind::path(call.envelope))).collect();
    let sum = sum(buckets.iter().copied());
    let logged = counts.total.unwrap_or(sum);
    // A side that was not logged is no disagreement about the total, unless the other side alone is larger.
    let complete = counts.input.is_some() && counts.output.is_some();
    let mismatch = (logged < sum || (complete && logged != sum)).then_some(logged);
    // A smaller total than its parts would hide tokens; a larger one knows of tokens that the parts do not name.
    Some(Usage { buckets, total: logged.max(sum), mismatch })
}

/// Logged values that are no counts, and details that are no buckets, under the names of the log.
pub fn unread<'a>(call: &GatewayCall<'a>) -> impl Iterator<Item = (&'static str, Value<'a>)> {
    let (envelope, ai) = (call.envelope, &call.ai);
    let counts = [
        ("input_token", call.either(envelope.input_token, &ai.input_token)),
        ("output_token", call.either(envelope.output_token, &ai.output_token)),
        ("total_token", ai.total_token.clone()),
        ("cached_tokens", ai.cached_tokens.clone()),
        ("reasoning_tokens", ai.reasoning_tokens.clone()),
    ];
    let unreadable = counts.into_iter().filter_map(|(name, value)| Some((name, value?))).filter(|(_, value)| value.count().is_none());
    let details =
        [("input_token_details", &ai.input_token_details, Side::Input), ("output_token_details", &ai.output_token_details, Side::Output)];
    let unknown = details.into_iter().filter_map(|(name, value, side)| {
        let value = value.clone().filter(|value| !value.is_absent() && !has_buckets_only(value, side))?;
        Some((name, value))
    });
    unreadable.chain(unknown)
}

fn sum(buckets: impl IntoIterator<Item = (&'static str, u64)>) -> u64 {
    buckets.into_iter().fold(0u64, |sum, (_, count)| sum.saturating_add(count))
}

/// True if the details hold nothing but what becomes a bucket or is part of one. Zero says nothing.
fn has_buckets_only(value: &Value<'_>, side: Side) -> bool {
    let known = |name: &str| COVERED.contains(&name) || DETAILS.iter().any(|(of, names, _)| *of == side && names.contains(&name));
    let mut only = true;
    let is_object = value.json().is_some_and(|json| each_member(&json, |name, json| only &= known(&name) || matches!(json, "0" | "null")));
    is_object && only
}

impl Counts {
    fn of(call: &GatewayCall<'_>) -> Self {
        let ai = &call.ai;
        let count = |value: Option<Value<'_>>| value.and_then(|value| value.count());
        let mut sides = [
            details(call, "input_token_details", &ai.input_token_details),
            details(call, "output_token_details", &ai.output_token_details),
        ];
        // The copies beside the details serve where these are missing.
        let copies = [(0, "cached_tokens", &ai.cached_tokens), (1, "reasoning_tokens", &ai.reasoning_tokens)];
        for (side, name, value) in copies {
            let named = DETAILS
                .iter()
                .find(|(_, names, _)| names[0] == name)
                .is_some_and(|(_, names, _)| names.iter().any(|name| sides[side].get(name).is_some()));
            if !named {
                sides[side].put(name, value.as_ref().and_then(Value::count));
            }
        }
        let [input, output] = &sides;
        let found = DETAILS.iter().filter_map(|(side, names, bucket)| {
            let details = if *side == Side::Input { input } else { output };
            names.iter().find_map(|name| details.get(name)).map(|count| (*side, *bucket, count))
        });
        Self {
            input: count(call.either(call.envelope.input_token, &ai.input_token)),
            output: count(call.either(call.envelope.output_token, &ai.output_token)),
            total: ai.total_token.as_ref().and_then(Value::count),
            details: found.collect(),
            claude: input.get("cache_read_input_tokens").is_some(),
            gemini: output.get("thoughts_token_count").is_some(),
        }
    }

    /// The protocol by its path; elsewhere the only reading under which the logged total adds up, else the one of the names.
    fn counting(&self, path: &str) -> Counting {
        if path.trim_end_matches('/').ends_with("/messages") {
            return CACHE_ON_TOP;
        }
        let by_name = match () {
            () if self.gemini || is_path_of_gemini(path) => THOUGHTS_ON_TOP,
            () if self.claude || self.cache_exceeds_the_input() => CACHE_ON_TOP,
            () => INCLUSIVE,
        };
        // Compatible interfaces count inclusively under the names of other protocols; where several readings add up, the name decides.
        let neither = Counting { cache_inside: false, thoughts_inside: false };
        let readings = [by_name, INCLUSIVE, CACHE_ON_TOP, THOUGHTS_ON_TOP, neither];
        readings.into_iter().find(|reading| self.adds_up(*reading)).unwrap_or(by_name)
    }

    fn cache_exceeds_the_input(&self) -> bool {
        self.input.is_some_and(|input| self.cache() > input)
    }

    fn cache(&self) -> u64 {
        self.bucket("input_cached_tokens").saturating_add(self.bucket("input_cache_creation"))
    }

    fn bucket(&self, name: &str) -> u64 {
        self.details.iter().find(|(_, bucket, _)| *bucket == name).map_or(0, |(_, _, count)| *count)
    }

    /// True if the logged total is the sum of the buckets, and no part is larger than its whole.
    fn adds_up(&self, counting: Counting) -> bool {
        self.total.is_some_and(|total| sum(self.buckets(counting)) == total)
    }

    fn buckets(&self, counting: Counting) -> impl Iterator<Item = (&'static str, u64)> {
        let is_inside = move |bucket: &str| match bucket {
            "input_cached_tokens" | "input_cache_creation" => counting.cache_inside,
            "output_reasoning_tokens" => counting.thoughts_inside,
            "input_tool_use_tokens" => false,
            _ => true,
        };
        let of_side = |side: Side| self.details.iter().filter(move |(of, _, _)| *of == side);
        let inside = move |side: Side| {
            of_side(side).filter(|(_, bucket, _)| is_inside(bucket)).fold(0u64, |sum, (_, _, count)| sum.saturating_add(*count))
        };
        let sides = [(Side::Input, "input", self.input), (Side::Output, "output", self.output)];
        sides.into_iter().flat_map(move |(side, name, count)| {
            let plain = count.map(|count| (name, count.saturating_sub(inside(side))));
            plain.into_iter().chain(of_side(side).map(|(_, bucket, count)| (*bucket, *count)))
        })
    }
}

fn is_path_of_gemini(path: &str) -> bool {
    path.contains(':') && (path.contains(":generateContent") || path.contains(":streamGenerateContent"))
}

/// The details of one side: an object, or an object in a string, or expanded members `<name>.<detail>`; entries that are no counts are
/// left out.
fn details(call: &GatewayCall<'_>, name: &str, value: &Option<Value<'_>>) -> Details {
    let mut details = Details::default();
    for (key, value) in &call.ai.others {
        if let Some(detail) = key.strip_prefix(name).and_then(|rest| rest.strip_prefix('.')) {
            details.put(detail, value.count());
        }
    }
    if let Some(json) = value.as_ref().and_then(Value::json) {
        each_member(&json, |detail, json| details.put(&detail, Value::Json(json).count()));
    }
    details
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
        Some(Usage { buckets: buckets.to_vec(), total, mismatch: None })
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
        assert_eq!((larger.total, larger.mismatch, larger.counted()), (100, Some(100), 15));
        let smaller = usage_of(CHAT, r#"{"input_token":10,"output_token":5,"total_token":1}"#).unwrap();
        assert_eq!((smaller.total, smaller.mismatch), (15, Some(1)));
    }
}
