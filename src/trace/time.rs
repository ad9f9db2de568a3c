//! When a call began, answered and ended: whole UNIX milliseconds, from the record alone (`reference/gateway-logs.md` §9). Pure.

use crate::gateway::moment::{LAST_MS, parse};
use crate::gateway::{GatewayCall, Value};
use crate::sls::LogTime;

/// The times of one call, UNIX milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// The proxy began to read the request.
    pub start_ms: i64,
    /// The last byte was sent.
    pub end_ms: i64,
    /// The first token came.
    pub completion_start_ms: Option<i64>,
    /// True if the start is a moment that was logged as such.
    pub is_start_logged: bool,
}

/// The start of a call that logged this one, if any. Depends on nothing but the record, since Langfuse stores a moved start as a second row
/// (`reference/langfuse.md` §9). A record without any time starts at 0.
fn start_ms(logged: Option<i64>, call: &GatewayCall<'_>, log_time: LogTime) -> i64 {
    let derived = || {
        let duration = duration(call).unwrap_or(0);
        log_time.milliseconds().map(|end| end.saturating_sub(duration))
    };
    logged.or_else(derived).unwrap_or(0).clamp(0, LAST_MS)
}

/// All times of a call, in order: start ≤ first token ≤ end, whatever the clocks said.
pub fn times(call: &GatewayCall<'_>, log_time: LogTime) -> Times {
    let logged = Value::of_field(call.envelope.start_time).and_then(|text| parse(&text.text()?));
    let start_ms = start_ms(logged, call, log_time);
    let end_ms = match duration(call) {
        Some(duration) => start_ms.saturating_add(duration),
        None => log_time.milliseconds().unwrap_or(start_ms),
    };
    let end_ms = end_ms.clamp(start_ms, LAST_MS);
    let first_token = milliseconds(&call.ai.llm_first_token_duration).map(|wait| start_ms.saturating_add(wait).min(end_ms));
    Times { start_ms, end_ms, completion_start_ms: first_token, is_start_logged: logged.is_some() }
}

/// How long the call took; the model's part of it where the proxy did not say.
fn duration(call: &GatewayCall<'_>) -> Option<i64> {
    milliseconds(&Value::of_field(call.envelope.duration)).or_else(|| milliseconds(&call.ai.llm_service_duration))
}

fn milliseconds(value: &Option<Value<'_>>) -> Option<i64> {
    i64::try_from(value.as_ref()?.milliseconds()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::ParsedRecord;
    use crate::sls::{Field, LogRecord};

    const LOG_TIME: LogTime = LogTime { seconds: 1_772_417_405, nanoseconds: Some(250_999_999) };

    fn times_of(pairs: &[(&str, &str)]) -> Times {
        let mut fields: Vec<_> = pairs.iter().map(|(key, value)| Field { key: key.as_bytes(), value: value.as_bytes() }).collect();
        fields.push(Field { key: b"path", value: b"/v1/chat/completions" });
        fields.push(Field { key: b"response_code", value: b"200" });
        let record = LogRecord { time: LOG_TIME, fields };
        let parsed = ParsedRecord::of(&record);
        times(&parsed.call().unwrap(), record.time)
    }

    #[test]
    fn every_way_of_writing_one_moment_is_the_same_millisecond() {
        for text in [
            "2026-03-02T02:10:01.037Z",
            "2026-03-02T02:10:01.037",
            "2026-03-02 02:10:01.037",
            "2026-03-02T10:10:01.037+08:00",
            "2026-03-02T02:10:01.037999999Z",
            "2026-03-01T21:10:01.037-05:00",
            "1772417401037",
            "1772417401037123",
            "1772417401037123456",
        ] {
            assert_eq!(parse(text), Some(1_772_417_401_037), "{text}");
        }
        assert_eq!(parse("1772417401"), Some(1_772_417_401_000));
    }

    #[test]
    fn nonsense_is_no_moment() {
        for text in
            ["", "-", "yesterday", "2026-13-01T00:00:00Z", "1", "9999-12-31T00:00:00Z", "1969-12-31T23:59:59Z", "99999999999999999999"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_ordinary_stream_has_start_first_token_and_end() {
        let ai_log = r#"{"llm_first_token_duration":371,"llm_service_duration":1488}"#;
        let times = times_of(&[("start_time", "2026-03-02T02:10:01.037Z"), ("duration", "1500"), ("ai_log", ai_log)]);
        let start_ms = 1_772_417_401_037;
        assert_eq!(times, Times { start_ms, end_ms: start_ms + 1500, completion_start_ms: Some(start_ms + 371), is_start_logged: true });
    }

    #[test]
    fn missing_times_are_taken_from_their_neighbours() {
        let log_ms = 1_772_417_405_250;
        let without_start = times_of(&[("start_time", "-"), ("duration", "1500")]);
        assert_eq!((without_start.start_ms, without_start.end_ms), (log_ms - 1500, log_ms));
        let service = times_of(&[("start_time", "2026-03-02T02:10:01Z"), ("ai_log", r#"{"llm_service_duration":"90"}"#)]);
        assert_eq!(service.end_ms - service.start_ms, 90);
        let nothing = times_of(&[("start_time", "2026-03-02T02:10:01Z"), ("duration", "-")]);
        assert_eq!(nothing.end_ms, log_ms);
    }

    #[test]
    fn clocks_that_disagree_never_turn_time_around() {
        let late = times_of(&[("start_time", "2026-03-02T03:00:00Z"), ("ai_log", r#"{"llm_first_token_duration":50}"#)]);
        assert_eq!((late.end_ms, late.completion_start_ms), (late.start_ms, Some(late.start_ms)));
        let negative = times_of(&[("start_time", "2026-03-02T02:10:01Z"), ("duration", "-5")]);
        assert!(negative.end_ms >= negative.start_ms);
    }
}
