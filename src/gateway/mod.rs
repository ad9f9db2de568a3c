//! One access-log record of an AI gateway, in the gateway's own words.
//!
//! A [`LogRecord`] becomes a [`GatewayCall`], or a counted [`Skip`]. What a field *means* for a trace is decided further right, in
//! `trace`; here it is only found, unwrapped and told present from absent. Pure. Facts: `reference/gateway-logs.md`.
//! A new dialect of gateway is a new file here.

pub mod ai_log;
pub mod envelope;
pub mod kind;
pub mod unescape;
pub mod value;

use std::borrow::Cow;

use crate::sls::LogRecord;
use ai_log::AiLog;
use envelope::Envelope;
pub use kind::CallKind;
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
}

impl<'a> ParsedRecord<'a> {
    /// Sorts the fields of a record. Copies nothing but an `ai_log` that was escaped once too often or is not UTF-8.
    pub fn of(record: &LogRecord<'a>) -> Self {
        let envelope = Envelope::of(record);
        let ai_log = ai_log::unwrapped(envelope.ai_log.unwrap_or_default());
        Self { envelope, ai_log }
    }

    /// The record as a call.
    ///
    /// # Errors
    /// A [`Skip`] where it is none.
    pub fn call(&self) -> Result<GatewayCall<'_>, Skip> {
        let ai = AiLog::parse(&self.ai_log);
        let kind = kind::kind(&self.envelope, &ai)?;
        Ok(GatewayCall { kind, envelope: &self.envelope, ai })
    }
}

impl<'a> GatewayCall<'a> {
    /// A value that stands in the access log or inside `ai_log`; a real value wins over a marker (`reference/gateway-logs.md` §3).
    pub fn either(&self, envelope: Option<&'a [u8]>, ai: &Option<Value<'a>>) -> Option<Value<'a>> {
        let inside = ai.clone().filter(|value| !value.is_absent());
        inside.or_else(|| Value::of_field(envelope))
    }
}
