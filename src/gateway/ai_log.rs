//! The `ai_log` field: JSON text written by the gateway's AI plugins → its members. Pure.
//!
//! Members keep their JSON text and are looked at when someone asks. What stands before a damage is kept.
//! Facts: `reference/gateway-logs.md` §1, §4, §10.

use std::borrow::Cow;

use super::members::each_member;
use super::value::{Value, text_of};
use crate::sls::Field;

/// Whether the text of `ai_log` could be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// There was none.
    #[default]
    Absent,
    /// All of it.
    Whole,
    /// It breaks off or is damaged; the members before the damage are here.
    Salvaged {
        /// Bytes up to the damage.
        read: usize,
        /// Bytes of the whole text.
        of: usize,
    },
}

/// Declares the members that have a meaning of their own, so that no list of them can miss one.
macro_rules! members {
    ($($name:ident),+ $(,)?) => {
        /// The members of `ai_log`, by the names the plugins give them; all others in `others`.
        #[derive(Debug, Default)]
        #[allow(missing_docs, reason = "the fields carry the names and meanings of `reference/gateway-logs.md` §4")]
        pub struct AiLog<'a> {
            pub reading: Reading,
            $(pub $name: Option<Value<'a>>,)+
            /// Everything else, verdicts of content safety (`safecheck_*`) and custom attributes among them, in order.
            pub others: Vec<(Cow<'a, str>, Value<'a>)>,
        }

        impl<'a> AiLog<'a> {
            /// The names of the members that have a field of their own.
            pub const NAMES: [&'static str; [$(stringify!($name)),+].len()] = [$(stringify!($name)),+];

            /// The member of this name, one with a field of its own or another.
            pub fn member(&self, name: &str) -> Option<&Value<'a>> {
                match name {
                    $(stringify!($name) => self.$name.as_ref(),)+
                    _ => self.other(name),
                }
            }

            fn slot(&mut self, key: &str) -> Option<&mut Option<Value<'a>>> {
                match key {
                    $(stringify!($name) => Some(&mut self.$name),)+
                    _ => None,
                }
            }
        }
    };
}

members! {
    api, model, request_model, chat_id, session_id, chat_round, consumer, response_type, llm_first_token_duration, llm_service_duration,
    input_token, output_token, total_token, input_token_details, output_token_details, reasoning_tokens, cached_tokens, question, answer,
    reasoning, system, messages, tools, tool_calls, cache_status, fallback_from, token_ratelimit_status, mcp_tool_name,
}

impl<'a> AiLog<'a> {
    /// Reads the members of unwrapped `ai_log` text.
    pub fn parse(text: &'a str) -> Self {
        let mut ai = Self::default();
        if super::value::is_marker(text) {
            return ai;
        }
        let whole = each_member(text, |name, json| ai.keep(name, Value::Json(json)));
        ai.reading = if whole { Reading::Whole } else { Reading::Salvaged { read: 0, of: text.len() } };
        ai
    }

    /// Adds a member that stands in a field of its own; a real value that was read before stays.
    pub fn add_expanded(&mut self, field: &Field<'a>) {
        let (key, value) = (text_of(field.key), Value::Text(text_of(field.value)));
        if self.reading == Reading::Absent {
            self.reading = Reading::Whole;
        }
        match self.slot(&key) {
            Some(Some(known)) if !known.is_absent() => {}
            _ => self.keep(key, value),
        }
    }

    /// A member that has no field of its own.
    pub fn other(&self, name: &str) -> Option<&Value<'a>> {
        self.others.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    fn keep(&mut self, key: Cow<'a, str>, value: Value<'a>) {
        match self.slot(&key) {
            // Of two equal members the last one counts, unless it says that there is nothing.
            Some(Some(_)) if value.is_absent() => {}
            Some(slot) => *slot = Some(value),
            None => self.others.push((key, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_json_and_strangers_their_name() {
        let ai = AiLog::parse(r#"{"model":"qwen-plus","input_token":25,"tenant":{"id":7},"safecheck_status":"reqeust deny"}"#);
        assert_eq!(ai.model, Some(Value::Json("\"qwen-plus\"")));
        assert_eq!(ai.input_token.as_ref().unwrap().count(), Some(25));
        assert_eq!(ai.other("tenant"), Some(&Value::Json(r#"{"id":7}"#)));
        assert_eq!(ai.other("safecheck_status").unwrap().text().unwrap(), "reqeust deny");
        assert_eq!(ai.reading, Reading::Whole);
    }

    #[test]
    fn an_absent_log_is_not_a_damaged_one() {
        for text in ["", "-", "<nil>", "null"] {
            assert_eq!(AiLog::parse(text).reading, Reading::Absent, "{text:?}");
        }
    }

    #[test]
    fn what_stands_before_a_damage_is_kept() {
        let ai = AiLog::parse(r#"{"api":"a@b@c","model":"gpt-4o","answer":"it breaks he"#);
        assert_eq!((ai.reading, ai.model), (Reading::Salvaged { read: 0, of: 54 }, Some(Value::Json("\"gpt-4o\""))));
        assert_eq!(ai.answer, None);
        assert_eq!(AiLog::parse("not json").reading, Reading::Salvaged { read: 0, of: 8 });
    }

    #[test]
    fn the_last_of_two_equal_members_wins() {
        assert_eq!(AiLog::parse(r#"{"model":"a","model":"b"}"#).model, Some(Value::Json("\"b\"")));
    }

    #[test]
    fn deep_nesting_neither_overflows_nor_takes_its_neighbours() {
        let deep = format!(r#"{{"model":"m","messages":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(AiLog::parse(&deep).model, Some(Value::Json("\"m\"")));
    }
}
