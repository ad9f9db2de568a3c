use std::borrow::Cow;

use proptest::prelude::*;

use super::*;
use crate::gateway::ParsedRecord;
use crate::sls::{Field, LogTime};

const BODY: &str = r#"{"model":"m","metadata":{"user_id":"u-1","n":7,"on":true,"none":null},
    "messages":[{"role":"system"},{"role":"user","content":[ {"type": "text"} ]}],"x.tenant":{"id":"t"},"twice":1,"twice":2,
    "inner":"{\"a\":{\"b\":\"c\"}}"}"#;

fn record<'a>(pairs: &[(&'a str, &'a str)]) -> LogRecord<'a> {
    let fields = pairs.iter().map(|(key, value)| Field { key: key.as_bytes(), value: value.as_bytes() }).collect();
    LogRecord { time: LogTime { seconds: 1, nanoseconds: None }, fields }
}

/// What the path finds in a call with these fields beside those that make it one.
fn found(path: &str, pairs: &[(&str, &str)]) -> Option<String> {
    let mut all = vec![("path", "/v1/chat/completions"), ("request_id", "r"), ("start_time", "-")];
    all.extend_from_slice(pairs);
    let record = record(&all);
    let parsed = ParsedRecord::of(&record);
    let call = parsed.call().unwrap();
    FieldPath::parse(path).unwrap().in_call(&record, &call).map(Cow::into_owned)
}

fn in_body(path: &str) -> Option<String> {
    found(path, &[("request_body", BODY)])
}

fn refused(text: &str) -> (PathRule, usize) {
    let error = FieldPath::parse(text).unwrap_err();
    (error.rule, error.position)
}

#[test]
fn a_field_of_the_log_is_found_by_its_key_and_the_last_one_counts() {
    assert_eq!(found("consumer", &[("consumer", "a"), ("consumer", "b")]).as_deref(), Some("b"));
    assert_eq!(found("_namespace_", &[("_namespace_", "prod")]).as_deref(), Some("prod"));
    assert_eq!(found("x-tenant", &[("x-tenant", "t")]).as_deref(), Some("t"));
    assert_eq!(found("consumer", &[]), None);
}

#[test]
fn every_mark_of_the_gateway_for_nothing_is_nothing() {
    for mark in ["-", "", "<nil>", "null"] {
        assert_eq!(found("consumer", &[("consumer", mark)]), None, "{mark:?}");
        let ai_log = format!(r#"{{"session_id":{mark:?}}}"#);
        assert_eq!(found("ai_log.session_id", &[("ai_log", &ai_log)]).is_none(), mark != "null", "a text of these letters was really said");
    }
    assert_eq!(in_body("request_body.metadata.none"), None);
}

#[test]
fn a_member_of_ai_log_is_found_whatever_was_done_to_it() {
    let object = r#"{"session_id":"s","tenant":{"id":7}}"#;
    let wrapped = serde_json::to_string(object).unwrap();
    for ai_log in [object, wrapped.as_str(), r#"{"session_id":"s","tenant":{"id":7},"answer":"cut in the mid"#] {
        assert_eq!(found("ai_log.session_id", &[("ai_log", ai_log)]).as_deref(), Some("s"), "{ai_log}");
        assert_eq!(found("ai_log.tenant.id", &[("ai_log", ai_log)]).as_deref(), Some("7"), "{ai_log}");
    }
    assert_eq!(found("ai_log.session_id", &[("ai_log.session_id", "expanded")]).as_deref(), Some("expanded"));
    let record = record(&[("ai_log", &wrapped)]);
    assert_eq!(FieldPath::parse("ai_log.tenant").unwrap().in_record(&record).as_deref(), Some(r#"{"id":7}"#));
}

#[test]
fn a_path_leads_into_the_json_of_a_body() {
    for (path, expected) in [
        ("request_body.model", "m"),
        ("request_body.metadata.user_id", "u-1"),
        ("request_body.metadata.n", "7"),
        ("request_body.metadata.on", "true"),
        ("request_body.messages[1].role", "user"),
        ("request_body.messages[1].content", r#"[{"type":"text"}]"#),
        ("request_body.\"x.tenant\".id", "t"),
        ("request_body.'x.tenant'", r#"{"id":"t"}"#),
        ("request_body.twice", "2"),
        ("request_body.inner.a.b", "c"),
    ] {
        assert_eq!(in_body(path).as_deref(), Some(expected), "{path}");
    }
    for path in
        ["request_body.messages[2]", "request_body.messages.role", "request_body.metadata[0]", "request_body.model.x", "request_body.no"]
    {
        assert_eq!(in_body(path), None, "{path}");
    }
}

#[test]
fn what_stands_before_a_damage_is_found() {
    let cut = &BODY[..60];
    assert_eq!(found("request_body.metadata.user_id", &[("request_body", cut)]).as_deref(), Some("u-1"));
    assert_eq!(found("request_body.messages[0].role", &[("request_body", cut)]), None);
}

#[test]
fn json_is_unwrapped_a_few_times_and_no_more() {
    let mut json = r#"{"a":"b"}"#.to_owned();
    for _ in 0..3 {
        json = serde_json::to_string(&json).unwrap();
    }
    assert_eq!(found("custom_log.a", &[("custom_log", &json)]).as_deref(), Some("b"));
    for _ in 0..3 {
        json = serde_json::to_string(&json).unwrap();
    }
    assert_eq!(found("custom_log.a", &[("custom_log", &json)]), None);
}

#[test]
fn a_dotted_key_of_a_collector_is_found_where_the_object_does_not_have_it() {
    assert_eq!(found("custom_log.a.b", &[("custom_log.a.b", "c")]).as_deref(), Some("c"));
    assert_eq!(found("custom_log.a", &[("custom_log", r#"{"a":"object"}"#), ("custom_log.a", "c")]).as_deref(), Some("object"));
}

#[test]
fn a_header_is_found_wherever_an_operator_may_log_it() {
    for pair in [
        ("request_header", r#"{"x-user-id":"u"}"#),
        ("request_headers", r#"{"X-User-Id":"u"}"#),
        ("request_header.x-user-id", "u"),
        ("x-user-id", "u"),
        ("x_user_id", "u"),
        ("ai_log", r#"{"x_user_id":"u"}"#),
    ] {
        assert_eq!(found("request_header.x-user-id", &[pair]).as_deref(), Some("u"), "{pair:?}");
        assert_eq!(found("request_headers.X-User-Id", &[pair]).is_some(), pair.0 != "request_header.x-user-id", "{pair:?}");
    }
    assert_eq!(found("request_header.x-user-id", &[("x-user-idx", "u")]), None);
}

#[test]
fn a_wrong_path_says_what_and_where() {
    for (text, rule, position) in [
        ("", PathRule::Empty, 1),
        ("  ", PathRule::Empty, 1),
        ("a..b", PathRule::MissingName, 3),
        (".a", PathRule::MissingName, 1),
        ("a.", PathRule::MissingName, 3),
        ("a.''", PathRule::MissingName, 3),
        ("a b", PathRule::Blank, 2),
        ("日 志", PathRule::Blank, 2),
        ("{consumer}", PathRule::Unexpected, 1),
        ("a}", PathRule::Unexpected, 2),
        ("a.\"b", PathRule::OpenQuote, 3),
        ("a[x]", PathRule::Index, 2),
        ("a[-1]", PathRule::Index, 2),
        ("a[", PathRule::Index, 2),
        ("a[1", PathRule::Index, 2),
        ("a[9999999]", PathRule::Index, 2),
        ("[0]", PathRule::Unexpected, 1),
        ("ai_log", PathRule::Whole, 6),
        ("ai_log[0]", PathRule::Whole, 9),
        ("request_header", PathRule::Whole, 14),
        ("$.a", PathRule::Dollar, 1),
    ] {
        assert_eq!(refused(text), (rule, position), "{text:?}");
    }
    assert_eq!(refused(&"a".repeat(301)).0, PathRule::TooLong);
    assert_eq!(
        FieldPath::parse("a..b").unwrap_err().to_string(),
        "must be a path: a name is missing at character 3; names are separated by single dots, as in ai_log.session_id"
    );
}

proptest! {
    #[test]
    fn any_text_is_a_path_or_an_error_inside_it(text in "\\PC{0,30}", chopped in r#"[a.\[\]0-9"'{} $]{0,20}"#) {
        for text in [text, chopped] {
            match FieldPath::parse(&text) {
                Ok(path) => prop_assert_eq!(path.to_string(), text.trim()),
                Err(error) => prop_assert!(error.position <= text.chars().count().max(1) + 1),
            }
        }
    }

    #[test]
    fn no_bytes_stop_a_lookup(value in proptest::collection::vec(any::<u8>(), 0..60), json in r#"[{}\[\]",:\\a0-9 ]{0,40}"#) {
        let fields = vec![
            Field { key: b"request_body", value: &value },
            Field { key: b"ai_log", value: json.as_bytes() },
            Field { key: b"request_header", value: json.as_bytes() },
        ];
        let record = LogRecord { time: LogTime { seconds: 1, nanoseconds: None }, fields };
        for path in ["request_body.a", "request_body[0].a", "ai_log.a", "ai_log.a[0].a", "request_header.a", "request_body"] {
            FieldPath::parse(path).unwrap().in_record(&record);
        }
        if let Ok(call) = ParsedRecord::of(&record).call() {
            FieldPath::parse("ai_log.a[0].a").unwrap().in_call(&record, &call);
        }
    }

    #[test]
    fn a_member_that_serde_json_finds_is_found(key in "[a-z.\" ]{1,8}", other in "[a-z]{1,8}", text in "\\PC{1,20}", index in 0..3usize) {
        prop_assume!(!key.contains('"') && key != other);
        let list: Vec<_> = (0..3).map(|at| if at == index { serde_json::json!({ &key: &text }) } else { serde_json::json!(at) }).collect();
        let body = serde_json::json!({ &other: list }).to_string();
        let record = record(&[("request_body", &body)]);
        let path = FieldPath::parse(&format!("request_body.{other}[{index}].\"{key}\"")).unwrap();
        let expected = Value::Json(&serde_json::to_string(&text).unwrap()).text().map(Cow::into_owned);
        prop_assert_eq!(path.in_record(&record).map(Cow::into_owned), expected);
    }
}
