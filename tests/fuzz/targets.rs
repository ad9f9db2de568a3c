//! What foreign bytes are fed to, and what must hold whatever they are. Shared by the tests and by `cargo fuzz`; needs nothing but the crate.
//!
//! An input is text and bytes as they come, so that a found one can be read: a few lines for headers, then the body.

use std::collections::HashSet;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};
use sls_to_langfuse::config::{self, Files, Variables};
use sls_to_langfuse::convert::{Converter, Fate};
use sls_to_langfuse::delivery::answer::Answer;
use sls_to_langfuse::delivery::batch_answer::{BatchVerdict, batch_verdict};
use sls_to_langfuse::delivery::ingestion_plan::Api;
use sls_to_langfuse::delivery::request::{self, Body, Run};
use sls_to_langfuse::delivery::verdict::{Verdict, verdict};
use sls_to_langfuse::export::batch::Batch;
use sls_to_langfuse::export::ingestion::BatchDialect;
use sls_to_langfuse::export::server_version::ServerVersion;
use sls_to_langfuse::invocation::TriggerEvent;
use sls_to_langfuse::judge::Judge;
use sls_to_langfuse::lines;
use sls_to_langfuse::origin::Position;
use sls_to_langfuse::select::Selection;
use sls_to_langfuse::sls::cursor::Cursor;
use sls_to_langfuse::sls::error::Refusal;
use sls_to_langfuse::sls::page::PageHead;
use sls_to_langfuse::sls::{Field, LogRecord, LogTime, decode};
use sls_to_langfuse::spare::Spare;
use sls_to_langfuse::trace::settings::TraceSettings;

/// A target: takes any bytes, and panics if something does not hold.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const ALL: [(&str, Target); 7] = [
    ("page", page),
    ("record", record),
    ("log_lines", log_lines),
    ("event", event),
    ("langfuse_answer", langfuse_answer),
    ("sls_answer", sls_answer),
    ("config", config_file),
];

/// Larger pages are refused before they are unpacked.
const MAX_PAGE_BYTES: u64 = 1 << 20;

/// Splits off so many lines.
fn lines<const N: usize>(input: &[u8]) -> ([&[u8]; N], &[u8]) {
    let mut rest = input;
    let lines = std::array::from_fn(|_| {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let line = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        line
    });
    (lines, rest)
}

fn headers<const N: usize>(names: [&'static str; N], values: [&[u8]; N]) -> http::HeaderMap {
    let pairs = names.into_iter().zip(values).filter(|(_, value)| !value.is_empty());
    pairs.filter_map(|(name, value)| Some((http::HeaderName::from_static(name), http::HeaderValue::from_bytes(value).ok()?))).collect()
}

/// Cursor, size, packing, last cursor and count as lines, then the body → groups → records → observations.
pub fn page(input: &[u8]) {
    let (values, body) = lines(input);
    let names = ["x-log-cursor", "x-log-bodyrawsize", "x-log-compresstype", "x-log-read-last-cursor", "x-log-count"];
    let Ok(head) = PageHead::read(&headers(names, values)) else { return };
    if head.raw_size.is_some_and(|size| size > MAX_PAGE_BYTES) || body.len() > head.packed_limit() {
        return;
    }
    let Ok(page) = head.unpack(body.to_vec().into(), &Spare::default()) else { return };
    if let Some(size) = head.raw_size {
        assert_eq!(page.len() as u64, size, "a page has the size that its header says");
    }
    let mut records = 0;
    for group in decode::groups(&page).map_while(Result::ok) {
        let _ = (group.received(), group.attributes());
        for record in group.records().filter_map(Result::ok) {
            records += 1;
            observed(&record);
        }
    }
    assert!(records <= page.len(), "more records than bytes");
}

/// A JSON object is a record with these fields; anything else is the `ai_log` of an ordinary call.
pub fn record(input: &[u8]) {
    let fields: Option<Map<String, Value>> = serde_json::from_slice(input).ok();
    let Some(fields) = fields else {
        let pairs: [(&[u8], &[u8]); 4] =
            [(b"ai_log", input), (b"request_id", b"r-1"), (b"start_time", b"2026-03-02T02:10:01.037Z"), (b"path", b"/v1/chat/completions")];
        return observed(&LogRecord { time: time(), fields: pairs.map(|(key, value)| Field { key, value }).to_vec() });
    };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let pairs: Vec<(String, String)> = fields.iter().map(|(key, value)| (key.clone(), text(value))).collect();
    let fields = pairs.iter().map(|(key, value)| Field { key: key.as_bytes(), value: value.as_bytes() }).collect();
    observed(&LogRecord { time: time(), fields });
}

/// A text of log lines, as it comes by Lambda.
pub fn log_lines(input: &[u8]) {
    let lines = lines::of_text(input, time());
    assert!(lines.len() <= input.len(), "more lines than bytes");
    lines.iter().flatten().for_each(|line| observed(&line.record()));
}

fn time() -> LogTime {
    LogTime { seconds: 1_772_417_413, nanoseconds: None }
}

/// Converts a record twice, to the same bytes, that both APIs can be written from.
fn observed(record: &LogRecord<'_>) {
    static SETTINGS: OnceLock<TraceSettings> = OnceLock::new();
    let settings = SETTINGS.get_or_init(|| config::load_trace(&Nothing, &Nothing).expect("defaults are right"));
    let selection = Selection::default();
    let encoded = || {
        let mut converter = Converter::new(Judge { trace: settings, selection: &selection }, [HashSet::new()], Spare::default());
        let converted = converter.convert(record, Position { group: Some(7), index: 0, received: None });
        let batch = only(converter);
        let taken = matches!(converted.fate, Fate::Taken(_));
        assert_eq!(batch.len(), usize::from(taken), "a record is skipped or becomes one observation");
        batch
    };
    let (first, again) = (encoded(), encoded());
    let bytes = first.bytes_of(&(0..first.len()));
    assert_eq!(bytes, again.bytes_of(&(0..again.len())), "the same record gives the same bytes");
    for dialect in [None, Some("3.50.0")].map(|version| BatchDialect::of(version.and_then(ServerVersion::parse))) {
        // Too large for one request is an answer too.
        match request::body(Run::Part(bytes), Api::Batch(dialect), None) {
            Ok(Body { wire, .. }) => drop(serde_json::from_slice::<serde::de::IgnoredAny>(&wire).expect("a batch is JSON")),
            Err(error) => assert_eq!(error, request::NoBody::TooLarge, "what was encoded reads back"),
        }
    }
}

/// What is in the batch of the only destination.
fn only(mut converter: Converter<'_>) -> Batch {
    converter.take().pop().map(|(_, batch)| batch).unwrap_or_default()
}

/// A trigger event, its parameter, and the input as a parameter itself.
pub fn event(input: &[u8]) {
    let settings = TraceSettings::default();
    if let Ok(event) = TriggerEvent::parse(input) {
        let _ = config::apply_parameter_member(&settings, &event.parameter);
        let _ = event.range.begin.compare(&event.range.end);
    }
    if let Ok(parameter) = serde_json::from_slice::<Value>(input)
        && let Ok(changed) = config::apply_parameter_member(&settings, &parameter)
    {
        assert!((0.0..=1.0).contains(&changed.sample_rate), "a sample rate is a share");
    }
}

/// Status, content type, `Retry-After` and `Location` as lines, then the body.
pub fn langfuse_answer(input: &[u8]) {
    let ([status, values @ ..], body): ([&[u8]; 4], _) = lines(input);
    let status = std::str::from_utf8(status).ok().and_then(|text| text.parse().ok()).unwrap_or(207);
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_772_417_413);
    let answer = Answer::new(status, &headers(["content-type", "retry-after", "location"], values), body.to_vec(), now);
    let delivered = verdict(&answer) == Verdict::Delivered;
    assert!(!delivered || (matches!(status, 200 | 207) && answer.is_whole_json()), "only whole JSON proves a delivery");
    let sent = sent();
    match batch_verdict(&answer, &sent.events) {
        BatchVerdict::Settled(results) => assert!(delivered && results.len() == sent.events.len(), "one result for each observation"),
        BatchVerdict::Whole(verdict) => assert_ne!(verdict, Verdict::Delivered, "a batch is delivered event by event"),
    }
    let _ = ServerVersion::of_health(body);
}

/// A request of three observations, whose event ids a corpus can name.
fn sent() -> &'static Body {
    static SENT: OnceLock<Body> = OnceLock::new();
    SENT.get_or_init(|| {
        let (settings, selection) = (TraceSettings::default(), Selection::default());
        let mut converter = Converter::new(Judge { trace: &settings, selection: &selection }, [HashSet::new()], Spare::default());
        for id in ["r-1", "r-2", "r-3"] {
            let pairs = [("request_id", id), ("start_time", "2026-03-02T02:10:01.037Z"), ("ai_log", r#"{"model":"qwen-plus"}"#)];
            let fields = pairs.iter().map(|(key, value)| Field { key: key.as_bytes(), value: value.as_bytes() }).collect();
            converter.convert(&LogRecord { time: time(), fields }, Position { group: None, index: 0, received: None });
        }
        let batch = only(converter);
        request::body(Run::Part(batch.bytes_of(&(0..batch.len()))), Api::Batch(BatchDialect::of(None)), None).expect("it fits")
    })
}

/// Status as a line, then a refusal; and the same bytes as a cursor.
pub fn sls_answer(input: &[u8]) {
    let ([status], body) = lines(input);
    let status = std::str::from_utf8(status).ok().and_then(|text| text.parse().ok()).unwrap_or(400);
    let refusal = Refusal::read(status, body, &String::from_utf8_lossy(body));
    let told = refusal.to_string();
    assert!(told.len() < 256 && told.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '), "an error prints no foreign text");
    let cursor = Cursor::new(String::from_utf8_lossy(body));
    assert!(cursor.is_at(&cursor.clone()), "a cursor stands where it stands");
    if let Some(number) = cursor.number() {
        assert!(Cursor::from_number(number).is_at(&cursor), "equal numbers are one place");
    }
}

/// A configuration file beside the variables without which nothing starts.
pub fn config_file(input: &[u8]) {
    match config::load(&Required, &Only(input)) {
        Ok(config) => drop(format!("{config:?}")),
        Err(problems) => {
            assert!(!problems.is_empty() && problems.iter().all(|problem| !problem.to_string().is_empty()), "a reason is given")
        }
    }
}

struct Nothing;

impl Variables for Nothing {
    fn get(&self, _: &str) -> Option<String> {
        None
    }
}

impl Files for Nothing {
    fn read(&self, _: &Path) -> std::io::Result<Vec<u8>> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}

struct Required;

impl Variables for Required {
    fn get(&self, name: &str) -> Option<String> {
        let value = match name {
            "LANGFUSE_HOST" => "https://langfuse.example.com",
            "LANGFUSE_PUBLIC_KEY" | "LANGFUSE_SECRET_KEY" => "key",
            "CONFIG_FILE" => "/config.toml",
            _ => return None,
        };
        Some(value.to_owned())
    }
}

/// The configuration file and no other.
struct Only<'f>(&'f [u8]);

impl Files for Only<'_> {
    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        if path.ends_with("config.toml") { Ok(self.0.to_vec()) } else { Err(std::io::ErrorKind::NotFound.into()) }
    }
}
