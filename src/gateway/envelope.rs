//! The fields of the access log itself: one pass over a record, every known field to its place. Pure.
//!
//! Values stay raw bytes here, because identity is computed from them (`design.md` decision 1).

use super::ai_log::AiLog;
use crate::sls::{Field, LogRecord};

/// The raw value of a field, `None` where the record does not have it. The last one wins if a key repeats.
pub type Raw<'a> = Option<&'a [u8]>;

/// The known fields by name (`reference/gateway-logs.md` §3), and all the others.
#[derive(Debug, Default)]
#[allow(missing_docs, reason = "the fields carry the names and meanings of `reference/gateway-logs.md` §3")]
pub struct Envelope<'a> {
    pub ai_log: Raw<'a>,
    pub question: Raw<'a>,
    pub answer: Raw<'a>,
    pub consumer: Raw<'a>,
    pub request_body: Raw<'a>,
    pub response_body: Raw<'a>,
    pub start_time: Raw<'a>,
    pub duration: Raw<'a>,
    pub trace_id: Raw<'a>,
    pub request_id: Raw<'a>,
    pub method: Raw<'a>,
    pub path: Raw<'a>,
    pub original_path: Raw<'a>,
    pub authority: Raw<'a>,
    pub user_agent: Raw<'a>,
    pub response_code: Raw<'a>,
    pub response_code_details: Raw<'a>,
    pub response_flags: Raw<'a>,
    pub route_name: Raw<'a>,
    pub cluster_id: Raw<'a>,
    pub upstream_cluster: Raw<'a>,
    pub upstream_host: Raw<'a>,
    pub upstream_transport_failure_reason: Raw<'a>,
    pub bytes_received: Raw<'a>,
    pub bytes_sent: Raw<'a>,
    /// Top-level in Higress 1.4, which had no `ai_log`.
    pub model: Raw<'a>,
    pub input_token: Raw<'a>,
    pub output_token: Raw<'a>,
    /// Trace context of the caller, where an operator logs it (`reference/gateway-logs.md` §7).
    pub traceparent: Raw<'a>,
    pub b3: Raw<'a>,
    pub x_b3_traceid: Raw<'a>,
    pub x_b3_spanid: Raw<'a>,
    pub parent_span_id: Raw<'a>,
    pub span_id: Raw<'a>,
    /// Members of `ai_log` in fields of their own, by name: those that a collector has expanded, `ai_log.<name>`, without the prefix, and
    /// those that the plugin logs separately (`reference/gateway-logs.md` §1, §3, §10).
    pub expanded: Vec<Field<'a>>,
    /// Fields with no place above that are neither a collector's nor known to be of no interest, by name.
    pub others: Vec<Field<'a>>,
}

/// Known fields that say nothing about a model call and much about a network, so that they stay in SLS: addresses, protocols, and
/// durations that the others imply.
const OF_NO_INTEREST: [&[u8]; 17] = [
    b"downstream_local_address",
    b"downstream_remote_address",
    b"downstream_transport_failure_reason",
    b"ext_authz_duration",
    b"ext_authz_status_code",
    b"http_referer",
    b"istio_policy_status",
    b"protocol",
    b"request_duration",
    b"requested_server_name",
    b"response_tx_duration",
    b"upstream_local_address",
    b"upstream_protocol",
    b"upstream_service_time",
    b"x_forwarded_for",
    b"x-forwarded-for",
    b"upstream_wire_bytes",
];

/// True for a field that a collector added: it describes the transport and differs between two deliveries of one line
/// (`reference/gateway-logs.md` §2).
pub fn is_of_collector(key: &[u8]) -> bool {
    key.starts_with(b"__") || (key.len() > 1 && key.starts_with(b"_") && key.ends_with(b"_"))
}

/// True for a member of `ai_log` that stands beside it.
fn is_of_plugins(key: &[u8]) -> bool {
    key.starts_with(b"safec") || AiLog::NAMES.iter().any(|name| name.as_bytes() == key)
}

/// The name of the member of `ai_log` that a field of this name holds.
fn expanded(key: &[u8]) -> Option<&[u8]> {
    key.strip_prefix(b"ai_log.").or_else(|| is_of_plugins(key).then_some(key))
}

impl<'a> Envelope<'a> {
    /// Sorts the fields of a record.
    pub fn of(record: &LogRecord<'a>) -> Self {
        let mut envelope = Self::default();
        for field in &record.fields {
            match envelope.slot(field.key) {
                Some(slot) => *slot = Some(field.value),
                None if is_of_collector(field.key) || OF_NO_INTEREST.contains(&field.key) => {}
                None => match expanded(field.key) {
                    Some(key) => envelope.expanded.push(Field { key, value: field.value }),
                    None => envelope.others.push(*field),
                },
            }
        }
        // By name, so that no order of transport shows; the sort keeps the order of equal names.
        envelope.expanded.sort_by_key(|field| field.key);
        envelope.others.sort_by_key(|field| field.key);
        envelope
    }

    /// True if at least one field is there that only an access log of a gateway has. One of the names that its plugins use is no proof.
    pub fn is_gateway_log(&self) -> bool {
        [self.ai_log, self.route_name, self.response_code, self.response_flags, self.request_id, self.start_time]
            .iter()
            .any(Option::is_some)
    }

    fn slot(&mut self, key: &[u8]) -> Option<&mut Raw<'a>> {
        Some(match key {
            b"ai_log" => &mut self.ai_log,
            b"question" => &mut self.question,
            b"answer" => &mut self.answer,
            b"consumer" => &mut self.consumer,
            b"request_body" => &mut self.request_body,
            b"response_body" => &mut self.response_body,
            b"start_time" => &mut self.start_time,
            b"duration" => &mut self.duration,
            b"trace_id" => &mut self.trace_id,
            b"request_id" => &mut self.request_id,
            b"method" => &mut self.method,
            b"path" => &mut self.path,
            b"original_path" => &mut self.original_path,
            b"authority" => &mut self.authority,
            b"user_agent" => &mut self.user_agent,
            b"response_code" => &mut self.response_code,
            b"response_code_details" => &mut self.response_code_details,
            b"response_flags" => &mut self.response_flags,
            b"route_name" => &mut self.route_name,
            b"cluster_id" => &mut self.cluster_id,
            b"upstream_cluster" => &mut self.upstream_cluster,
            b"upstream_host" => &mut self.upstream_host,
            b"upstream_transport_failure_reason" => &mut self.upstream_transport_failure_reason,
            b"bytes_received" => &mut self.bytes_received,
            b"bytes_sent" => &mut self.bytes_sent,
            b"model" => &mut self.model,
            b"input_token" => &mut self.input_token,
            b"output_token" => &mut self.output_token,
            b"traceparent" => &mut self.traceparent,
            b"b3" => &mut self.b3,
            b"x_b3_traceid" | b"x-b3-traceid" => &mut self.x_b3_traceid,
            b"x_b3_spanid" | b"x-b3-spanid" => &mut self.x_b3_spanid,
            b"parent_span_id" => &mut self.parent_span_id,
            b"span_id" => &mut self.span_id,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sls::LogTime;

    fn record<'a>(pairs: &[(&'a str, &'a str)]) -> LogRecord<'a> {
        let fields = pairs.iter().map(|(key, value)| Field { key: key.as_bytes(), value: value.as_bytes() }).collect();
        LogRecord { time: LogTime { seconds: 1, nanoseconds: None }, fields }
    }

    #[test]
    fn strangers_are_kept_and_collector_fields_are_not() {
        let record = record(&[("tenant", "t"), ("__tag__:__path__", "p"), ("_pod_name_", "n"), ("x_forwarded_for", "a"), ("_x", "y")]);
        let envelope = Envelope::of(&record);
        let keys: Vec<_> = envelope.others.iter().map(|field| field.key).collect();
        assert_eq!(keys, [b"_x".as_slice(), b"tenant"]);
        assert!(!envelope.is_gateway_log());
    }

    #[test]
    fn the_last_of_two_equal_keys_wins() {
        let record = record(&[("request_id", "a"), ("request_id", "b")]);
        assert_eq!(Envelope::of(&record).request_id, Some(b"b".as_slice()));
        assert!(Envelope::of(&record).is_gateway_log());
    }
}
