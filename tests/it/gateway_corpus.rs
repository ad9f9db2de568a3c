//! Gateway records as data: every case of `tests/fixtures/gateway` becomes exactly the span that its file expects, alone and among all others.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use prost::Message;
use serde_json::{Map, Value, json};
use sls_to_langfuse::export::otlp::{SpanWriter, body_prefix};
use sls_to_langfuse::export::wire::{ExportTraceServiceRequest, Span, any_value};
use sls_to_langfuse::gateway::Skip;
use sls_to_langfuse::masking::{ContentPolicy, ContentSettings};
use sls_to_langfuse::policy;
use sls_to_langfuse::sls::{Field, LogRecord, LogTime, wire};
use sls_to_langfuse::trace::map::observation;
use sls_to_langfuse::trace::settings::{JoinUsage, Ownership, TraceSettings};

/// One record and what must become of it.
struct Case {
    name: String,
    fields: Vec<(String, Vec<u8>)>,
    log_time: u32,
    settings: TraceSettings,
    expected: Map<String, Value>,
}

impl Case {
    fn record(&self) -> LogRecord<'_> {
        let fields = self.fields.iter().map(|(key, value)| Field { key: key.as_bytes(), value }).collect();
        LogRecord { time: LogTime { seconds: self.log_time, nanoseconds: None }, fields }
    }

    /// The encoded span, or why there is none.
    fn encoded(&self) -> Result<Vec<u8>, Skip> {
        converted(&self.record(), &self.settings)
    }
}

/// Every record of the corpus as a log group of its own.
pub fn log_groups() -> Vec<wire::LogGroup> {
    let content = |(key, value): &(String, Vec<u8>)| wire::Content { key: key.clone().into_bytes(), value: value.clone() };
    let log = |case: &Case| wire::Log { time: case.log_time, contents: case.fields.iter().map(content).collect(), time_ns: None };
    CORPUS.iter().map(|case| wire::LogGroup { logs: vec![log(case)], ..wire::LogGroup::default() }).collect()
}

fn converted(record: &LogRecord<'_>, settings: &TraceSettings) -> Result<Vec<u8>, Skip> {
    let read = settings.dialects.read(record);
    let parsed = read.parsed();
    let call = parsed.call()?;
    Ok(SpanWriter::default().write(&observation(record, &call, settings)).to_vec())
}

/// All cases, in the order of their files. The first line of a file holds what its cases have in common.
static CORPUS: LazyLock<Vec<Case>> = LazyLock::new(corpus);

fn corpus() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/gateway");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    files.iter().flat_map(|file| cases(file)).collect()
}

fn cases(file: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(file).unwrap();
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}")));
    let defaults = lines.next().unwrap();
    let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
    lines.enumerate().map(|(index, line)| case(&stem, index + 2, &defaults, &line)).collect()
}

fn case(stem: &str, line: usize, defaults: &Value, case: &Value) -> Case {
    let id = format!("{stem}-{line}");
    let fields = merged(&defaults["fields"], &case["fields"]);
    let there = fields.iter().filter(|(_, value)| !value.is_null());
    // Every record of a corpus is another one, as in a Logstore.
    let own = |key: &str, text: &str| if key == "request_id" { text.replace("{id}", &id) } else { text.to_owned() };
    let bytes = |key: &str, value: &Value| match value {
        Value::String(text) => own(key, text).into_bytes(),
        other => assembled(other),
    };
    Case {
        name: format!("{id}: {}", case["name"].as_str().unwrap()),
        fields: there.map(|(key, value)| (key.clone(), bytes(key, value))).collect(),
        log_time: case.get("log_time").or(defaults.get("log_time")).and_then(Value::as_u64).unwrap().try_into().unwrap(),
        settings: settings(&case["settings"]),
        expected: merged(&defaults["expected"], &case["expected"]),
    }
}

/// `over` laid over `under`.
fn merged(under: &Value, over: &Value) -> Map<String, Value> {
    let mut merged = under.as_object().cloned().unwrap_or_default();
    merged.extend(over.as_object().cloned().unwrap_or_default());
    merged
}

/// A field value in parts: text, `{"hex"}`, `{"repeat","times"}`, or `{"json"}`, which is written without blanks.
fn assembled(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.as_bytes().to_vec(),
        Value::Array(parts) => parts.iter().flat_map(assembled).collect(),
        Value::Object(part) if part.contains_key("hex") => {
            let hex = part["hex"].as_str().unwrap();
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
        }
        Value::Object(part) if part.contains_key("repeat") => {
            let times = part["times"].as_u64().unwrap().try_into().unwrap();
            part["repeat"].as_str().unwrap().repeat(times).into_bytes()
        }
        Value::Object(part) => part["json"].to_string().into_bytes(),
        other => panic!("no field value: {other}"),
    }
}

/// One price list for all cases, because reading it takes longer than all of them.
static SETTINGS: LazyLock<TraceSettings> = LazyLock::new(TraceSettings::default);

fn settings(value: &Value) -> TraceSettings {
    let text = |key: &str| value[key].as_str();
    TraceSettings {
        ownership: match text("ownership") {
            Some("own") => Ownership::Own,
            Some("join") => Ownership::Join,
            _ => Ownership::Auto,
        },
        join_usage: if text("join_usage") == Some("metadata") { JoinUsage::Metadata } else { JoinUsage::Usage },
        environment: text("environment").map(str::to_owned),
        release: text("release").map(str::to_owned),
        ..SETTINGS.clone()
    }
}

fn decoded(encoded: &[u8]) -> Vec<Span> {
    let body = [body_prefix(encoded.len()).as_slice(), encoded].concat();
    let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
    request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
}

fn attributes(span: &Span) -> BTreeMap<&str, Value> {
    let text = |value: &any_value::Value| match value {
        any_value::Value::StringValue(text) => json!(text),
        any_value::Value::ArrayValue(array) => array.values.iter().map(|element| text_of(element.value.as_ref().unwrap())).collect(),
        other => panic!("{other:?}"),
    };
    span.attributes.iter().map(|pair| (pair.key.as_str(), text(pair.value.as_ref().unwrap().value.as_ref().unwrap()))).collect()
}

fn text_of(value: &any_value::Value) -> Value {
    match value {
        any_value::Value::StringValue(text) => json!(text),
        other => panic!("{other:?}"),
    }
}

/// What a span says, under the names that expectations use.
fn said(span: &Span, expected: &Map<String, Value>) -> Map<String, Value> {
    let attributes = attributes(span);
    let get = |key: &str| attributes.get(key).cloned().unwrap_or(Value::Null);
    let structured = |key: &str| get(key).as_str().map_or(Value::Null, |text| serde_json::from_str(text).unwrap());
    let ms = |nanoseconds: u64| i64::try_from(nanoseconds / 1_000_000).unwrap();
    let start = ms(span.start_time_unix_nano);
    let first_token = get("langfuse.observation.completion_start_time");
    let first_token = first_token.as_str().map(|text| text.parse::<jiff::Timestamp>().unwrap().as_millisecond() - start);
    let mut said = Map::new();
    for (name, value) in [
        ("type", get("langfuse.observation.type")),
        ("name", json!(span.name)),
        ("trace_name", get("langfuse.trace.name")),
        ("model", get("langfuse.observation.model.name")),
        ("level", get("langfuse.observation.level")),
        ("status_message", get("langfuse.observation.status_message")),
        ("usage", structured("langfuse.observation.usage_details")),
        ("input", content(get("langfuse.observation.input"), &expected["input"])),
        ("output", content(get("langfuse.observation.output"), &expected["output"])),
        ("start", json!(jiff::Timestamp::from_millisecond(start).unwrap().to_string())),
        ("end_after_ms", json!(ms(span.end_time_unix_nano) - start)),
        ("first_token_after_ms", json!(first_token)),
        ("user", get("langfuse.user.id")),
        ("session", get("langfuse.session.id")),
        ("tags", if attributes.contains_key("langfuse.trace.tags") { get("langfuse.trace.tags") } else { json!([]) }),
        ("environment", get("langfuse.environment")),
        ("trace_id", json!(hex(&span.trace_id))),
        ("parent", if span.parent_span_id.is_empty() { Value::Null } else { json!(hex(&span.parent_span_id)) }),
    ] {
        said.insert(name.to_owned(), value);
    }
    let metadata = |key: &&str| key.strip_prefix("langfuse.observation.metadata.").map(str::to_owned);
    let metadata: Map<_, _> = attributes.iter().filter_map(|(key, value)| Some((metadata(key)?, value.clone()))).collect();
    let is_mark = |key: &str| key.starts_with("gw_") && key != "gw_price_source";
    let marks = metadata.iter().filter(|(key, _)| is_mark(key)).map(|(key, value)| (key.clone(), value.clone())).collect();
    said.insert("marks".to_owned(), Value::Object(marks));
    let asked = expected["metadata"].as_object().unwrap();
    let shown = asked.keys().map(|key| (key.clone(), metadata.get(key).cloned().unwrap_or(Value::Null))).collect();
    said.insert("metadata".to_owned(), Value::Object(shown));
    said
}

/// Content in the form in which it is expected: text, structure, or a summary of something long.
fn content(text: Value, expected: &Value) -> Value {
    let Some(text) = text.as_str() else { return text };
    match expected {
        Value::Object(summary) if summary.contains_key("$starts") => {
            let (starts, ends) = (summary["$starts"].as_str().unwrap(), summary["$ends"].as_str().unwrap());
            let most = summary.get("$at_most").cloned();
            let fits = most.as_ref().and_then(Value::as_u64).is_none_or(|most| text.len() as u64 <= most);
            let mut found = Map::new();
            found.insert("$starts".into(), json!(text.chars().take(starts.chars().count()).collect::<String>()));
            found.insert(
                "$ends".into(),
                json!(text.chars().rev().take(ends.chars().count()).collect::<Vec<_>>().iter().rev().collect::<String>()),
            );
            if let Some(most) = most {
                found.insert("$at_most".into(), if fits { most } else { json!(text.len()) });
            }
            Value::Object(found)
        }
        Value::Object(_) | Value::Array(_) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        _ => json!(text),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is wrong with a case, one line each.
fn faults(case: &Case, encoded: &Result<Vec<u8>, Skip>) -> Vec<String> {
    let outcome = match encoded {
        Ok(_) => "delivered",
        Err(Skip::NotAModelCall) => "not_a_model_call",
        Err(Skip::NotAGatewayLog) => "not_a_gateway_log",
    };
    let mut faults = Vec::new();
    let wanted = case.expected.get("outcome").and_then(Value::as_str).unwrap_or("delivered");
    if outcome != wanted {
        faults.push(format!("{}\n  outcome: {outcome}, expected {wanted}", case.name));
    }
    let (Ok(encoded), "delivered") = (encoded, wanted) else { return faults };
    let mut spans = decoded(encoded);
    assert_eq!(spans.len(), 1, "{}", case.name);
    let said = said(&spans.remove(0), &case.expected);
    for (key, wanted) in case.expected.iter().filter(|(key, _)| *key != "outcome") {
        let found = said.get(key).unwrap_or_else(|| panic!("{}: unknown expectation {key}", case.name));
        if found != wanted {
            faults.push(format!("{}\n  {key}: {}\n  expected: {}", case.name, shortened(found), shortened(wanted)));
        }
    }
    faults
}

fn shortened(value: &Value) -> String {
    value.to_string().chars().take(600).collect()
}

#[test]
fn every_case_becomes_exactly_the_span_that_is_expected() {
    let corpus = &*CORPUS;
    let faults: Vec<_> = corpus.iter().flat_map(|case| faults(case, &case.encoded())).collect();
    assert!(faults.is_empty(), "{} of {} cases:\n{}", faults.len(), corpus.len(), faults.join("\n"));
    assert!(corpus.len() >= 250, "only {} cases were found", corpus.len());
}

#[test]
fn in_any_batch_order_of_fields_and_transport_the_bytes_are_the_same() {
    let corpus = &*CORPUS;
    let mut order: Vec<_> = (0..corpus.len()).collect();
    let mut random = fastrand::Rng::with_seed(7);
    random.shuffle(&mut order);
    let mut writer = SpanWriter::default();
    for index in order {
        let case = &corpus[index];
        let mut moved = case.record();
        moved.fields.push(Field { key: b"__pack_meta__", value: b"1|2|3|4" });
        moved.fields.push(Field { key: b"__tag__:__receive_time__", value: b"1772417999" });
        moved.fields.push(Field { key: b"_container_ip_", value: b"192.0.2.77" });
        random.shuffle(&mut moved.fields);
        let read = case.settings.dialects.read(&moved);
        let parsed = read.parsed();
        let batched = parsed.call().map(|call| writer.write(&observation(&moved, &call, &case.settings)).to_vec());
        assert!(batched == case.encoded(), "{}", case.name);
    }
}

#[test]
fn no_two_records_share_a_span() {
    let mut seen = BTreeMap::new();
    for case in CORPUS.iter() {
        let Ok(encoded) = case.encoded() else { continue };
        let id = decoded(&encoded).remove(0).span_id;
        if let Some(other) = seen.insert(id, case.name.clone()) {
            panic!("{} and {other}", case.name);
        }
    }
}

#[test]
fn nothing_in_the_corpus_is_taken_for_a_secret_that_is_none() {
    let mut found = BTreeMap::new();
    for case in CORPUS.iter() {
        let record = case.record();
        let read = case.settings.dialects.read(&record);
        let parsed = read.parsed();
        let Ok(call) = parsed.call() else { continue };
        let mut observation = observation(&record, &call, &case.settings);
        policy::apply(&mut observation, &ContentSettings { policy: ContentPolicy::Masked, ..ContentSettings::default() });
        if let Some((_, kinds)) = observation.metadata.iter().find(|(key, _)| key == policy::MASKED_MARK) {
            kinds.split(',').for_each(|kind| found.entry(kind.to_owned()).or_insert_with(Vec::new).push(case.name.as_str()));
        }
    }
    // Addresses of services, and words that touch a cut or the end of a damaged record.
    found.retain(|kind, _| kind != "ip" && kind != "cut");
    assert_eq!(found, BTreeMap::new());
}
