//! One access-log record of an AI gateway, in the gateway's own words.
//!
//! A [`LogRecord`] becomes a [`GatewayCall`], or a counted [`Skip`]. What a field *means* for a trace is decided further right, in
//! `trace`; here it is only found, unwrapped and told present from absent. Pure. Facts: `reference/gateway-logs.md`.
//! A record of another gateway is first translated (`dialect`); a new dialect is data, not code.

pub mod ai_log;
pub mod broken_text;
pub mod dialect;
pub mod envelope;
pub mod field_path;
pub mod go_syntax;
pub mod json_rpc;
pub mod kind;
pub mod members;
pub mod moment;
pub mod salvage;
pub mod source;
pub mod unescape;
pub mod value;
pub mod wrapping;

use std::borrow::Cow;
use std::cell::OnceCell;

use crate::sls::LogRecord;
use ai_log::{AiLog, Reading};
use dialect::Translation;
use envelope::Envelope;
pub use kind::CallKind;
use salvage::Salvaged;
pub use value::Value;

/// Why a record is no model call. Counted under these names (`design.md` §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Skip {
    /// A request through the gateway, but to no model, tool or agent.
    NotAModelCall,
    /// Not an access log of a gateway at all.
    NotAGatewayLog,
}

/// A record whose fields are sorted out and whose `ai_log` is unwrapped, ready to be looked at as a call.
#[derive(Debug)]
pub struct ParsedRecord<'a> {
    envelope: Envelope<'a>,
    ai_log: Cow<'a, str>,
    /// `ai_log` made whole, once it has turned out to be damaged.
    repaired: OnceCell<Salvaged>,
    /// What a dialect knows of the record beside its fields.
    translation: Option<&'a Translation<'a>>,
}

/// One call through the gateway: what the proxy wrote about the request, and what the AI plugins wrote about the model call.
#[derive(Debug)]
pub struct GatewayCall<'a> {
    /// What kind of call it was.
    pub kind: CallKind,
    /// The fields of the access log.
    pub envelope: &'a Envelope<'a>,
    /// The members of `ai_log`.
    pub ai: AiLog<'a>,
    /// What stands in `ai_log` from a damage on and could not be read.
    pub unread: &'a str,
    /// The dialect that the record was translated from; `None` for one of the gateway's own.
    pub dialect: Option<&'a str>,
    /// What the call cost, USD, where the record says so.
    pub cost: Option<f64>,
}

impl<'a> ParsedRecord<'a> {
    /// Sorts the fields of a record. Copies nothing but an `ai_log` that was escaped once too often or is not UTF-8.
    pub fn of(record: &LogRecord<'a>) -> Self {
        Self::sorted(Envelope::of(record), None)
    }

    /// A record of another gateway, whose fields have our names.
    fn translated(envelope: Envelope<'a>, translation: &'a Translation<'a>) -> Self {
        Self::sorted(envelope, Some(translation))
    }

    fn sorted(envelope: Envelope<'a>, translation: Option<&'a Translation<'a>>) -> Self {
        let ai_log = wrapping::unwrapped(envelope.ai_log.unwrap_or_default());
        Self { envelope, ai_log, repaired: OnceCell::new(), translation }
    }

    /// The record as a call.
    ///
    /// # Errors
    /// A [`Skip`] where it is none.
    pub fn call(&self) -> Result<GatewayCall<'_>, Skip> {
        let mut ai = self.members();
        self.envelope.expanded.iter().for_each(|field| ai.add_expanded(field));
        let kind = match self.translation {
            None => kind::kind(&self.envelope, &ai)?,
            Some(translation) => translation.kind.unwrap_or_else(|| kind::kind_of_call(&self.envelope, &ai))?,
        };
        let unread = match ai.reading {
            Reading::Salvaged { read, .. } => self.ai_log.get(read..).unwrap_or_default(),
            Reading::Absent | Reading::Whole => "",
        };
        let (dialect, cost) = self.translation.map_or((None, None), |translation| (Some(translation.dialect), translation.cost));
        Ok(GatewayCall { kind, envelope: &self.envelope, ai, unread, dialect, cost })
    }

    /// The members of `ai_log`; of a damaged one those before the damage.
    fn members(&self) -> AiLog<'_> {
        let ai = AiLog::parse(&self.ai_log);
        let Reading::Salvaged { of, .. } = ai.reading else { return ai };
        let repaired = self.repaired.get_or_init(|| salvage::completed(&self.ai_log));
        AiLog { reading: Reading::Salvaged { read: repaired.read, of }, ..AiLog::parse(&repaired.json) }
    }
}

impl<'a> GatewayCall<'a> {
    /// A value that stands in the access log or inside `ai_log`: a real one wins over a marker (`reference/gateway-logs.md` §3), and the
    /// more complete one of two real ones, inside `ai_log` if they are alike.
    pub fn either(&self, envelope: Option<&'a [u8]>, ai: &Option<Value<'a>>) -> Option<Value<'a>> {
        let outside = Value::of_field(envelope);
        let Some(inside) = ai.as_ref().filter(|value| !value.is_absent()) else { return outside };
        let better = outside.filter(|outside| outside.soundness() > inside.soundness() || self.goes_on(inside, outside));
        Some(better.unwrap_or_else(|| inside.clone()))
    }

    /// True if `ai_log` was cut and `outside` is what `inside` began.
    fn goes_on(&self, inside: &Value<'a>, outside: &Value<'a>) -> bool {
        let (Reading::Salvaged { .. }, Some(inside), Some(outside)) = (self.ai.reading, inside.text(), outside.text()) else {
            return false;
        };
        outside.len() > inside.len() && outside.starts_with(inside.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sls::{Field, LogTime};

    fn with_call(pairs: &[(&str, &str)], check: impl FnOnce(GatewayCall<'_>)) {
        let mut fields: Vec<_> = pairs.iter().map(|(key, value)| Field { key: key.as_bytes(), value: value.as_bytes() }).collect();
        fields.push(Field { key: b"path", value: b"/v1/chat/completions" });
        fields.push(Field { key: b"request_id", value: b"r" });
        let record = LogRecord { time: LogTime { seconds: 1, nanoseconds: None }, fields };
        let parsed = ParsedRecord::of(&record);
        check(parsed.call().unwrap());
    }

    fn text(value: &Option<Value<'_>>) -> String {
        value.as_ref().unwrap().text().unwrap().into_owned()
    }

    #[test]
    fn a_cut_ai_log_keeps_the_beginning_of_the_text_it_was_cut_in() {
        with_call(&[("ai_log", r#"{"model":"m","answer":"half an ans"#)], |call| {
            assert_eq!((text(&call.ai.model), text(&call.ai.answer)), ("m".into(), "half an ans".into()));
            assert_eq!(call.ai.reading, Reading::Salvaged { read: 34, of: 34 });
        });
    }

    #[test]
    fn raw_line_breaks_cost_nothing() {
        with_call(&[("ai_log", "{\"answer\":\"one\ntwo\",\"model\":\"m\"}")], |call| {
            assert_eq!((text(&call.ai.answer), text(&call.ai.model)), ("one\ntwo".into(), "m".into()));
        });
    }

    #[test]
    fn expanded_members_are_found_and_never_win_over_the_object() {
        with_call(&[("ai_log.model", "a"), ("ai_log.input_token", "12"), ("ai_log.tenant", "t")], |call| {
            assert_eq!((text(&call.ai.model), call.ai.input_token.as_ref().unwrap().count()), ("a".into(), Some(12)));
            assert_eq!(call.ai.other("tenant").unwrap().text().unwrap(), "t");
        });
        with_call(&[("ai_log.model", "a"), ("ai_log", r#"{"model":"b"}"#)], |call| assert_eq!(text(&call.ai.model), "b"));
    }

    #[test]
    fn a_real_value_wins_over_a_marker_wherever_it_stands() {
        with_call(&[("question", "-"), ("ai_log", r#"{"question":"inside","answer":"-"}"#), ("answer", "outside")], |call| {
            assert_eq!(text(&call.either(call.envelope.question, &call.ai.question)), "inside");
            assert_eq!(text(&call.either(call.envelope.answer, &call.ai.answer)), "outside");
        });
    }
}
