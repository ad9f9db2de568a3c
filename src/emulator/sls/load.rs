//! Log groups from a file of JSON lines, one log a line, as a person has them after an export. Reads no file itself.

use crate::lines;
use crate::sls::wire::{Content, Log, LogGroup, LogTag};

/// Why a text is not a file of logs. Names the place, never the content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// Not a JSON object.
    #[error("line {line}, column {column}: not a JSON object; each line must be one log as a JSON object")]
    NotAnObject {
        /// From 1.
        line: usize,
        /// From 1, in bytes; 0 when it is the line as a whole.
        column: usize,
    },
}

/// The logs of `text`, one JSON object a line, in order over `groups` log groups whose sizes differ by one log at most. Blank lines
/// are skipped; there are fewer groups when there are fewer logs, and 0 counts as 1.
///
/// Texts are taken as they are; any other value becomes its JSON text, as SLS stores it. The time of a log is its `__time__`
/// (seconds), else `start_time` (RFC 3339, without zone UTC) plus `duration` (milliseconds), rounded up, else `default_time`.
///
/// # Errors
/// When a line is not a JSON object.
pub fn groups_from_jsonl(text: &str, groups: usize, default_time: u32) -> Result<Vec<LogGroup>, LoadError> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let logs: Vec<Log> = lines.map(|(index, line)| log(line, index + 1, default_time)).collect::<Result<_, _>>()?;
    let groups = groups.clamp(1, logs.len().max(1));
    let (size, larger) = (logs.len() / groups, logs.len() % groups);
    let mut logs = logs.into_iter();
    let part = |index: usize| logs.by_ref().take(size + usize::from(index < larger)).collect::<Vec<_>>();
    Ok((0..groups).map(part).filter(|logs| !logs.is_empty()).enumerate().map(|(index, logs)| group(index, logs)).collect())
}

/// With the topic, source and tags a collector sets, so that a reader meets them.
fn group(index: usize, logs: Vec<Log>) -> LogGroup {
    let tag = |key: &str, value: String| LogTag { key: key.into(), value: value.into() };
    LogGroup {
        logs,
        topic: Some(b"ai-gateway".to_vec()),
        source: Some(b"192.0.2.10".to_vec()),
        log_tags: vec![tag("__hostname__", "gateway-0".into()), tag("__pack_id__", format!("5B1A2C3D4E5F6071-{index:X}"))],
        ..LogGroup::default()
    }
}

fn log(line: &str, number: usize, default_time: u32) -> Result<Log, LoadError> {
    let broken = |error: serde_json::Error| LoadError::NotAnObject { line: number, column: error.column() };
    let mut fields = lines::fields(line).map_err(broken)?;
    let time = log_time(&fields).unwrap_or(default_time);
    // Part of a log's head, not of its fields, when it is pulled.
    fields.retain(|(key, _)| key != "__time__");
    let content = |(key, value): (String, String)| Content { key: key.into_bytes(), value: value.into_bytes() };
    Ok(Log { time, contents: fields.into_iter().map(content).collect(), time_ns: None })
}

fn log_time(fields: &[(String, String)]) -> Option<u32> {
    let field = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    field("__time__").and_then(|time| time.parse().ok()).or_else(|| end_time(field("start_time")?, field("duration")?))
}

fn end_time(start: &str, duration: &str) -> Option<u32> {
    let zoneless = || start.parse::<jiff::civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|time| time.timestamp());
    let start = start.parse::<jiff::Timestamp>().ok().or_else(zoneless)?;
    let end = start.as_nanosecond() + duration.parse::<u32>().ok().map(i128::from)? * 1_000_000;
    u32::try_from(end.div_euclid(1_000_000_000) + i128::from(end.rem_euclid(1_000_000_000) > 0)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(log: &Log) -> Vec<(&str, &str)> {
        let text = |bytes| std::str::from_utf8(bytes).unwrap();
        log.contents.iter().map(|content| (text(&content.key), text(&content.value))).collect()
    }

    #[test]
    fn logs_spread_in_order_over_groups_of_nearly_equal_size() {
        let text: String = (0..7).map(|n| format!("{{\"n\":{n}}}\n\n")).collect();
        for (groups, sizes) in [(0, vec![7]), (1, vec![7]), (3, vec![3, 2, 2]), (7, vec![1; 7]), (9, vec![1; 7])] {
            let loaded = groups_from_jsonl(&text, groups, 1).unwrap();
            assert_eq!(loaded.iter().map(|group| group.logs.len()).collect::<Vec<_>>(), sizes);
            let order: Vec<_> = loaded.iter().flat_map(|group| &group.logs).map(|log| fields(log)[0].1.to_owned()).collect();
            assert_eq!(order, ["0", "1", "2", "3", "4", "5", "6"]);
        }
        assert_eq!(groups_from_jsonl("\n", 3, 1), Ok(vec![]));
    }

    #[test]
    fn values_keep_their_text_order_and_repetition() {
        let line = r#"{"z":"\u4f60\n","a":1.50,"b":true,"o":{"x": [1]},"z":null}"#;
        let groups = groups_from_jsonl(line, 1, 7).unwrap();
        assert_eq!(fields(&groups[0].logs[0]), [("z", "你\n"), ("a", "1.50"), ("b", "true"), ("o", r#"{"x": [1]}"#), ("z", "null")]);
        assert_eq!(groups[0].logs[0].time, 7);
    }

    #[test]
    fn the_time_is_the_logged_one_else_the_rounded_end_else_the_default() {
        for (line, time) in [
            (r#"{"__time__":"1700000000","start_time":"2026-03-02T02:10:01.037Z","duration":"1"}"#, 1_700_000_000),
            (r#"{"__time__":1700000000}"#, 1_700_000_000),
            (r#"{"start_time":"2026-03-02T02:10:01.037Z","duration":"1500"}"#, 1_772_417_403),
            (r#"{"start_time":"2026-03-02T10:10:01.000+08:00","duration":1000}"#, 1_772_417_402),
            (r#"{"start_time":"2026-03-02T02:10:01","duration":"0"}"#, 1_772_417_401),
            (r#"{"start_time":"2026-03-02T02:10:01Z","duration":"-"}"#, 5),
            (r#"{"start_time":"-","duration":"1"}"#, 5),
            ("{}", 5),
        ] {
            let groups = groups_from_jsonl(line, 1, 5).unwrap();
            assert_eq!(groups[0].logs[0].time, time, "{line}");
            assert!(!fields(&groups[0].logs[0]).iter().any(|(key, _)| *key == "__time__"));
        }
    }

    #[test]
    fn a_broken_line_is_named_by_its_place_and_not_by_its_content() {
        for (text, line, column) in [("{}\n\n{\"sentinel\": x}", 3, 14), ("[]", 1, 0), ("{} sentinel", 1, 4), ("\"sentinel\"", 1, 10)] {
            let error = groups_from_jsonl(text, 1, 1).unwrap_err();
            assert!(!error.to_string().contains("sentinel"), "{error}");
            assert_eq!(error, LoadError::NotAnObject { line, column }, "{text}");
        }
    }

    #[test]
    fn the_gateway_samples_load_with_topic_source_and_tags() {
        let groups = groups_from_jsonl(include_str!("../../../tests/fixtures/gateway-samples.jsonl"), 5, 1).unwrap();
        assert_eq!(groups.iter().map(|group| group.logs.len()).collect::<Vec<_>>(), [3, 3, 2, 2, 2]);
        assert_eq!(groups[0].logs[0].time, 1_772_417_403);
        for group in &groups {
            assert!(group.topic.is_some() && group.source.is_some() && group.log_tags[0].key == b"__hostname__");
        }
    }
}
