use proptest::prelude::*;

use super::*;
use crate::gateway::source::Source;
use crate::gateway::{GatewayCall, Skip, Value};
use crate::sls::{Field, LogTime};
use crate::trace::map::observation;
use crate::trace::settings::TraceSettings;

fn record<'a>(pairs: &[(&'a str, &'a str)]) -> LogRecord<'a> {
    let fields = pairs.iter().map(|(key, value)| Field { key: key.as_bytes(), value: value.as_bytes() }).collect();
    LogRecord { time: LogTime { seconds: 1_772_417_405, nanoseconds: None }, fields }
}

fn sources(texts: &[&str]) -> Sources {
    Sources::new(texts.iter().map(|text| Source::parse(text).unwrap()).collect()).unwrap()
}

/// A dialect of records that have a field `kind_of_record`.
fn dialect(origins: &[(&str, &[&str])]) -> Dialect {
    let target = |key: &str| TARGETS.iter().find(|target| target.key == key).unwrap();
    let origin = |texts: &[&str]| Origin { sources: sources(texts), values: BTreeMap::from([("yes".to_owned(), "hit".to_owned())]) };
    Dialect {
        name: "other".into(),
        when: vec![Condition { path: FieldPath::parse("kind_of_record").unwrap(), demand: Demand::OneOf(Box::new(["call".into()])) }],
        origins: origins.iter().map(|(key, texts)| (target(key), origin(texts))).collect(),
        duration_unit: DurationUnit::Seconds,
        names: Names::Foreign,
        ignore: vec!["noise".into()],
    }
}

fn with_call(dialect: Dialect, pairs: &[(&str, &str)], check: impl FnOnce(Result<GatewayCall<'_>, Skip>)) {
    let mut all = vec![("kind_of_record", "call")];
    all.extend_from_slice(pairs);
    let record = record(&all);
    let dialects = Dialects::new(vec![dialect]);
    let read = dialects.read(&record);
    check(read.parsed().call());
}

fn text(raw: Option<&[u8]>) -> &str {
    raw.map_or("", |raw| std::str::from_utf8(raw).unwrap())
}

#[test]
fn a_record_is_recognised_by_all_conditions_and_else_one_of_the_gateway() {
    let dialects = Dialects::new(vec![dialect(&[("model", &["name"])])]);
    let of = |pairs: &[(&str, &str)]| matches!(dialects.read(&record(pairs)), Read::Translated(_));
    assert!(of(&[("kind_of_record", "call")]));
    assert!(!of(&[("kind_of_record", "other")]) && !of(&[]) && !of(&[("request_id", "r"), ("ai_log", "{}")]));
}

#[test]
fn named_values_get_our_names_and_what_is_not_named_stays() {
    let dialect = dialect(&[("model", &["name"]), ("user", &["who.id"]), ("messages", &["in.messages"]), ("cache_status", &["cached"])]);
    let pairs = [
        ("name", "m"),
        ("who", r#"{"id":"u"}"#),
        ("in", r#"{"messages":[{"role":"user","content":"x"}]}"#),
        ("cached", "yes"),
        ("noise", "n"),
        ("model", "stays what it is"),
        ("_pod_", "p"),
    ];
    with_call(dialect, &pairs, |call| {
        let call = call.unwrap();
        assert_eq!((call.kind, call.dialect), (CallKind::Chat, Some("other")));
        assert_eq!(call.ai.model.as_ref().unwrap().text().unwrap(), "m");
        assert_eq!(text(call.envelope.consumer), "u");
        assert_eq!(call.ai.messages.as_ref().unwrap().json().unwrap(), r#"[{"role":"user","content":"x"}]"#);
        assert_eq!(call.ai.cache_status.as_ref().and_then(Value::text).unwrap(), "hit");
        let others: Vec<_> = call.envelope.others.iter().map(|field| text(Some(field.key))).collect();
        assert_eq!(others, ["kind_of_record", "model", "who"]);
    });
}

#[test]
fn a_kind_is_named_or_found_out_and_none_is_no_call() {
    let kind = |word: &str| {
        let mut found = None;
        with_call(dialect(&[("kind", &["word"]), ("model", &["name"])]), &[("word", word), ("name", "m")], |call| {
            found = Some(call.map(|call| call.kind));
        });
        found.unwrap()
    };
    assert_eq!((kind("embedding"), kind("tool")), (Ok(CallKind::Embedding), Ok(CallKind::Tool)));
    assert_eq!((kind("none"), kind("unheard of")), (Err(Skip::NotAModelCall), Ok(CallKind::Chat)));
}

#[test]
fn times_are_made_of_those_that_are_there() {
    let times = |origins: &[(&str, &[&str])], pairs: &[(&str, &str)]| {
        let mut found = (String::new(), String::new(), None);
        with_call(dialect(origins), &[pairs, &[("name", "m")]].concat(), |call| {
            let call = call.unwrap();
            let first = call.ai.llm_first_token_duration.as_ref().and_then(Value::milliseconds);
            found = (text(call.envelope.start_time).to_owned(), text(call.envelope.duration).to_owned(), first);
        });
        found
    };
    let all: &[(&str, &[&str])] = &[
        ("model", &["name"]),
        ("start", &["begin"]),
        ("end", &["finish"]),
        ("first_token", &["first"]),
        ("first_token_after", &["wait"]),
        ("duration", &["took"]),
    ];
    let found = |start: &str, duration: &str, first| (start.to_owned(), duration.to_owned(), first);
    let (begin, finish) = (("begin", "1772417401.037"), ("finish", "1772417402.5"));
    assert_eq!(times(all, &[begin, finish, ("first", "1772417401.4")]), found("1772417401037", "1463", Some(363)));
    assert_eq!(times(all, &[begin, ("took", "1.463"), ("wait", "0.363")]), found("1772417401037", "1463", Some(363)));
    assert_eq!(times(all, &[finish, ("took", "1.463")]), found("1772417401037", "1463", None));
    assert_eq!(times(all, &[begin, finish, ("first", "1772417402.5")]), found("1772417401037", "1463", None), "no stream");
    assert_eq!(times(all, &[finish]), found("", "", None));
    assert_eq!(times(all, &[("begin", "soon"), finish]), found("soon", "", None));
    assert_eq!(times(all, &[begin, ("took", "-1"), ("finish", "1772417401")]), found("1772417401037", "", None), "an end before the start");
}

#[test]
fn a_cost_is_an_amount_or_nothing() {
    for (logged, cost) in [("0.0012", Some(0.0012)), ("0", Some(0.0)), ("-1", None), ("NaN", None), ("1e9", None), ("free", None)] {
        with_call(dialect(&[("model", &["name"]), ("cost", &["usd"])]), &[("name", "m"), ("usd", logged)], |call| {
            assert_eq!(call.unwrap().cost, cost, "{logged}");
        });
    }
}

#[test]
fn the_span_id_is_of_the_whole_line_whatever_the_dialect_makes_of_it() {
    let pairs = [("kind_of_record", "call"), ("id", "r-1"), ("begin", "1772417401.037"), ("name", "m")];
    let seen = |pairs: &[(&str, &str)], dialect: Dialect| {
        let record = record(pairs);
        let settings = TraceSettings { dialects: std::sync::Arc::new(Dialects::new(vec![dialect])), ..TraceSettings::default() };
        let read = settings.dialects.read(&record);
        let parsed = read.parsed();
        let observation = observation(&record, &parsed.call().unwrap(), &settings);
        (observation.trace_id.to_string(), observation.span_id.to_string(), observation.start_ms)
    };
    let little = || dialect(&[("model", &["name"])]);
    let much = || dialect(&[("model", &["name"]), ("request_id", &["id"]), ("start", &["begin"])]);
    let (trace_id, span_id, start_ms) = seen(&pairs, much());
    assert_eq!(seen(&pairs, little()).1, span_id);
    assert_eq!((trace_id.as_str(), start_ms), ("a5fa777a3dc67268caea6eea038ba141", 1_772_417_401_037));
    assert_eq!(span_id, "a0937d67044afe48");
    let mut moved: Vec<_> = pairs.into_iter().rev().collect();
    moved.push(("__pack_meta__", "1|2"));
    assert_eq!(seen(&moved, much()), (trace_id, span_id.clone(), start_ms));
    assert_ne!(seen(&[("kind_of_record", "call"), ("name", "m"), ("more", "x")], much()).1, span_id);
}

#[test]
fn the_output_that_is_compatible_with_nginx_needs_no_configuration() {
    let dialects = Dialects::default();
    let record = record(&[
        ("time", "2026-03-02T02:10:03+00:00"),
        ("request_time", "1.250"),
        ("status", "502"),
        ("request_method", "POST"),
        ("url", "/v1/chat/completions?x=1"),
        ("req_id", "r-1"),
        ("ai_log", r#"{"model":"qwen-plus","api":"demo@a@b","consumer":"team-a","input_token":3,"output_token":4,"total_token":7}"#),
        ("response_flags", "UC"),
        ("remote_addr", "192.0.2.1"),
        ("body_bytes_sent", "77"),
    ]);
    let read = dialects.read(&record);
    let parsed = read.parsed();
    let call = parsed.call().unwrap();
    assert_eq!((call.dialect, call.kind), (Some("nginx"), CallKind::Chat));
    assert_eq!((text(call.envelope.start_time), text(call.envelope.duration)), ("1772417401750", "1250"));
    assert_eq!((text(call.envelope.response_code), text(call.envelope.response_flags)), ("502", "UC"));
    assert_eq!((text(call.envelope.request_id), text(call.envelope.path)), ("r-1", "/v1/chat/completions?x=1"));
    assert_eq!(call.ai.model.as_ref().and_then(Value::text).unwrap(), "qwen-plus");
    assert_eq!(call.envelope.others.iter().map(|field| text(Some(field.key))).collect::<Vec<_>>(), ["body_bytes_sent"]);
    let plain = [("request_time", "1"), ("status", "200"), ("url", "/index.html"), ("request_method", "GET")];
    assert_eq!(dialects.read(&super::tests::record(&plain)).parsed().call().map(|call| call.kind), Err(Skip::NotAModelCall));
}

#[test]
fn an_own_dialect_of_that_name_replaces_the_built_in_one() {
    let own = Dialect { name: "nginx".into(), ..dialect(&[("model", &["name"])]) };
    assert_eq!(Dialects::new(vec![own]).0.len(), 1);
    assert_eq!(Dialects::new(vec![dialect(&[])]).0.len(), 2);
}

proptest! {
    #[test]
    fn no_bytes_stop_a_translation(values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 6), numbers in "[0-9.e-]{0,24}") {
        let names: [&[u8]; 6] = [b"name", b"begin", b"finish", b"took", b"usd", b"ai_log"];
        let mut fields: Vec<_> = names.iter().zip(&values).map(|(key, value)| Field { key, value }).collect();
        fields.extend([b"begin", b"first"].map(|key| Field { key, value: numbers.as_bytes() }));
        fields.push(Field { key: b"kind_of_record", value: b"call" });
        let record = LogRecord { time: LogTime { seconds: 1, nanoseconds: None }, fields };
        let all: &[(&str, &[&str])] = &[
            ("model", &["name"]), ("start", &["begin"]), ("end", &["finish"]), ("duration", &["took"]), ("first_token", &["first"]), ("cost", &["usd"]),
        ];
        let settings = TraceSettings { dialects: std::sync::Arc::new(Dialects::new(vec![dialect(all)])), ..TraceSettings::default() };
        let read = settings.dialects.read(&record);
        let parsed = read.parsed();
        if let Ok(call) = parsed.call() {
            let observation = observation(&record, &call, &settings);
            prop_assert!(observation.start_ms <= observation.end_ms);
        }
    }
}
