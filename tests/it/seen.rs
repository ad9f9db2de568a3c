//! What is seen from outside: lines of the log with their fields, and the report, against the run book and the dashboards.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::json;
use sls_to_langfuse::emulator::langfuse::{Fault, When};

use crate::support::{Answer, SEED, World, event};

/// Both languages of the run book.
pub const BOOKS: [&str; 2] = ["docs/operations.md", "docs/operations.zh-CN.md"];

/// What every line has, and what every line of a call has.
const ALWAYS: [&str; 4] = ["timestamp", "level", "service", "message"];

pub fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

pub fn text(relative: &str) -> String {
    std::fs::read_to_string(path(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"))
}

/// The code of every file under `src`, without its tests.
fn sources() -> Vec<(String, String)> {
    let (mut folders, mut found) = (vec![path("src")], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap().path();
            let name = entry.to_str().unwrap().to_owned();
            if entry.is_dir() {
                folders.push(entry);
            } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
                let code = std::fs::read_to_string(&entry).unwrap();
                found.push((name, code.split("#[cfg(test)]").next().unwrap().to_owned()));
            }
        }
    }
    found
}

/// What stands between the parentheses that `code` begins with, divided at its outer commas.
fn arguments(code: &str) -> Vec<String> {
    let (mut parts, mut depth, mut quoted) = (vec![String::new()], 0, false);
    let mut letters = code.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' | ']' | '}' if !quoted && depth == 0 => break,
            ')' | ']' | '}' if !quoted => depth -= 1,
            _ => {}
        }
        if letter == ',' && depth == 0 && !quoted {
            parts.push(String::new());
        } else {
            parts.last_mut().unwrap().push(letter);
        }
        if letter == '\\' {
            parts.last_mut().unwrap().extend(letters.next());
        }
    }
    parts.iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

/// Level and fields of the lines that the code writes, by event. A line without an event is a mistake.
pub fn written() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut events = BTreeMap::new();
    for (file, code) in sources() {
        for level in ["error", "warn", "info", "debug", "trace"] {
            for rest in code.split(&format!("tracing::{level}!(")).skip(1) {
                let fields: Vec<_> = arguments(rest).into_iter().take_while(|part| !part.starts_with('"')).collect();
                let event = fields.iter().find_map(|field| field.strip_prefix("event = "));
                let event = event.unwrap_or_else(|| panic!("{file}: a line without event: {fields:?}"));
                let names = fields.iter().map(|field| field.split('=').next().unwrap().trim().trim_start_matches(['%', '?']).to_owned());
                let name = event.trim_matches('"').to_owned();
                // What every line of a call has is said once, and an object that is named as its event becomes part of the line.
                let names = names.filter(|field| field != "event" && field != "request_id");
                let names: BTreeSet<_> = names.map(|field| if field == name { "members".to_owned() } else { field }).collect();
                let name = if event.starts_with('"') { name } else { panic!("{file}: an event that is no text: {event}") };
                let known = events.entry(name.clone()).or_insert_with(|| (level.to_owned(), names.clone()));
                assert_eq!(*known, (level.to_owned(), names), "{file}: two forms of {name}");
            }
        }
    }
    events
}

/// The cells of the rows of the table of a page whose heading begins with this word in backquotes.
pub fn rows(page: &str, heading: &str) -> Vec<Vec<String>> {
    let (page, heading) = (text(page), format!("\n| `{heading}` |"));
    let mut tables = page.split(&heading).skip(1).map(|rest| rest.lines().skip(1));
    let table = tables.find(|lines| lines.clone().next().is_some_and(|line| line.starts_with("|---")));
    let rows = table.unwrap_or_else(|| panic!("no table of {heading}")).skip(1).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// The names in backquotes in a cell.
fn names(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

pub fn name(cell: &str) -> String {
    names(cell).into_iter().next().unwrap_or_else(|| panic!("no name in {cell}"))
}

#[test]
fn the_run_book_has_exactly_the_lines_that_the_code_writes() {
    let written = written();
    assert!(written.len() >= 15 && written.contains_key("report"), "{written:?}");
    for book in BOOKS {
        let mut told = BTreeMap::new();
        for row in rows(book, "event") {
            let mut fields = names(&row[2]);
            // The members of an object that becomes part of the line have a table of their own.
            if row[2].contains("](") {
                fields.insert("members".to_owned());
            }
            assert!(told.insert(name(&row[0]), (row[1].clone(), fields)).is_none(), "{book}: {}", row[0]);
        }
        assert_eq!(told, written, "{book}");
    }
}

/// Every text of this form behind one of these in the code: `Failure::new(Stage::X, "…"`, and the tables that name failures by cause.
pub fn error_types() -> BTreeMap<String, BTreeSet<String>> {
    let mut types: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, code) in sources() {
        for rest in code.split("Failure::new(Stage::").skip(1) {
            let arguments = arguments(rest);
            let stage = snake(&arguments[0]);
            if let Some(name) = arguments[1].strip_prefix('"') {
                types.entry(name.trim_end_matches('"').to_owned()).or_default().insert(stage);
            }
        }
        let (prefix, stage) = match file.rsplit_once("src/").unwrap().1 {
            "pull.rs" => ("\"sls_", "pull"),
            "delivery/verdict.rs" => ("\"langfuse_", "deliver"),
            _ => continue,
        };
        for rest in code.split(prefix).skip(1) {
            let name = format!("{}{}", &prefix[1..], rest.split('"').next().unwrap());
            types.entry(name).or_default().insert(stage.to_owned());
        }
    }
    types
}

fn snake(name: &str) -> String {
    let letter = |letter: char| if letter.is_uppercase() { format!("_{}", letter.to_lowercase()) } else { letter.to_string() };
    name.chars().map(letter).collect::<String>().trim_start_matches('_').to_owned()
}

#[test]
fn the_run_book_explains_exactly_the_errors_there_are() {
    let written = error_types();
    assert!(written.len() >= 30 && written["out_of_time"] == BTreeSet::from(["deadline".to_owned()]), "{written:?}");
    for book in BOOKS {
        let told: BTreeMap<_, _> = rows(book, "errorType").iter().map(|row| (name(&row[0]), names(&row[1]))).collect();
        assert_eq!(told, written, "{book}");
    }
}

#[tokio::test]
async fn the_run_book_explains_exactly_the_members_of_the_report() {
    let world = World::new().await;
    world.langfuse.refuse_when(When::ingest(), Fault::answer(401, "application/json", r#"{"message":"no"}"#));
    let failed = world.invoke().await;
    let mut members: BTreeSet<String> = failed.report().as_object().unwrap().keys().cloned().collect();
    // Only on Lambda, and only with routes.
    members.extend(["source".to_owned(), "routes".to_owned()]);
    assert!(members.contains("settledCursor") && members.contains("usage"));
    let usage: BTreeSet<_> = ["calls", "inputTokens", "outputTokens", "totalTokens", "costUsd", "unpriced"].map(str::to_owned).into();
    for book in BOOKS {
        let told: BTreeSet<_> = rows(book, "report").iter().flat_map(|row| names(&row[0])).collect();
        assert_eq!(told, members, "{book}");
        let told: BTreeSet<_> = rows(book, "usage").iter().flat_map(|row| names(&row[0])).collect();
        assert_eq!(told, usage, "{book}");
    }
}

#[tokio::test]
async fn tokens_and_cost_of_the_samples_are_counted_by_model() {
    let world = World::new().await;
    let answer = world.invoke().await;
    answer.assert_success();
    // Counts as in `samples`, prices per million tokens at 7.1 CNY to the USD.
    let yuan = |millionths: f64| millionths / 1e6 / 7.1;
    let expected = [
        ("claude-sonnet-4-5", [1, 2078, 5, 2083, 1], 0.0),
        ("deepseek-reasoner", [1, 25, 52, 77, 0], yuan(129.0)),
        ("gpt-4o", [3, 1244, 82, 1326, 3], 0.0),
        ("other", [2, 0, 0, 0, 0], 0.0),
        ("qwen-plus", [2, 50, 120, 170, 0], yuan(280.0)),
        ("qwen-turbo", [1, 11, 64, 75, 0], yuan(41.7)),
        ("text-embedding-v4", [1, 40, 0, 40, 0], yuan(20.0)),
    ];
    let usage = answer.report()["usage"].as_object().unwrap().clone();
    assert_eq!(usage.keys().collect::<Vec<_>>(), expected.map(|(model, ..)| model));
    let lines = world.function.events("usage");
    assert_eq!(lines.len(), expected.len());
    for ((model, counts, cost), line) in expected.into_iter().zip(lines) {
        for (member, count) in ["calls", "inputTokens", "outputTokens", "totalTokens", "unpriced"].into_iter().zip(counts) {
            assert_eq!((usage[model][member].as_u64(), &line[member]), (Some(count), &usage[model][member]), "{model} {member}");
        }
        assert!((usage[model]["costUsd"].as_f64().unwrap() - cost).abs() < 1e-11, "{model}: {}", usage[model]);
        assert_eq!((line["model"].as_str(), &line["costUsd"]), (Some(model), &usage[model]["costUsd"]));
    }
}

#[tokio::test]
async fn tokens_and_cost_of_the_whole_corpus_are_those_that_langfuse_has() {
    let groups = crate::gateway_corpus::log_groups();
    let end = SEED + groups.len() as u64;
    let world = World::of(groups, &[("MODEL_ALIASES", "house-model=qwen-plus")]).await;
    let answer = world.function.invoke(&event(0, SEED, end)).await;
    answer.assert_success();
    let rows = world.langfuse.observations();
    let sum = |member: &str| answer.report()["usage"].as_object().unwrap().values().map(|used| used[member].as_f64().unwrap()).sum::<f64>();
    let side = |side: &str| {
        let of_row = rows.iter().flat_map(|row| &row.usage_details);
        of_row.filter(|(bucket, _)| bucket.starts_with(side)).map(|(_, count)| *count as f64).sum::<f64>()
    };
    let cost: f64 = rows.iter().filter_map(|row| row.cost_details.get("total")).sum();
    let counted = rows.iter().filter(|row| row.model.is_some() || !row.usage_details.is_empty()).count();
    assert!(rows.len() > 100 && cost > 0.0, "{} {cost}", rows.len());
    assert_eq!([sum("inputTokens"), sum("outputTokens"), sum("totalTokens")], [side("input"), side("output"), side("total")]);
    assert!((sum("costUsd") - cost).abs() < 1e-9 * cost, "{} {cost}", sum("costUsd"));
    assert_eq!(sum("calls"), counted as f64);
}

#[tokio::test]
async fn what_an_earlier_attempt_delivered_is_not_counted_again() {
    let world = World::with_settings(&[("LANGFUSE_SDK_TIMEOUT", "1")]).await;
    world.langfuse.refuse_when(When::text("0b7e1f05-4c1d-4a58-9d2b-0f6b1c2d3e05"), Fault::answer(500, "text/plain", "no"));
    let event = event(0, SEED, SEED + 5).to_string();
    let first = world.function.call(&event, &[("x-fc-function-timeout", "5")]).await;
    assert_eq!(first.status, 404, "{}", first.text);
    world.langfuse.clear_script();
    let second = world.invoke().await;
    second.assert_success();
    assert!(second.count("resumed") > 0);
    let calls =
        |answer: &Answer| answer.report()["usage"].as_object().unwrap().values().map(|used| used["calls"].as_u64().unwrap()).sum::<u64>();
    assert_eq!(calls(&first) + calls(&second), 11, "{} and {}", first.text, second.text);
}

/// The fields that the run book tells of an event.
fn told(event: &str) -> BTreeSet<String> {
    let row = rows(BOOKS[0], "event").into_iter().find(|row| name(&row[0]) == event).unwrap_or_else(|| panic!("{event} is told nowhere"));
    let members = match event {
        "report" | "usage" => rows(BOOKS[0], event).iter().flat_map(|row| names(&row[0])).collect(),
        "dead_letter" => {
            let page = text("docs/replay.md");
            let rows = page.split("## The letter").nth(1).unwrap().lines().filter(|line| line.starts_with("| `"));
            rows.flat_map(|row| names(row.split(" | ").next().unwrap())).collect()
        }
        _ => BTreeSet::new(),
    };
    names(&row[2]).into_iter().chain(members).collect()
}

#[tokio::test]
async fn lines_have_the_fields_that_the_run_book_tells_and_no_others() {
    let world = World::new().await;
    world.langfuse.script_when(When::text("0b7e1f05-4c1d-4a58-9d2b-0f6b1c2d3e05"), 9, Fault::answer(400, "application/json", "{}"));
    world.invoke().await.assert_success();
    world.function.call("{}", &[]).await;
    let mut lambda = crate::lambda_api::Lambda::new().await;
    assert!(lambda.invoke(&json!({})).await.failed);
    let output = format!("{}{}", world.function.output(), lambda.process.output());
    let mut seen = BTreeSet::new();
    for text in output.lines().filter(|line| !line.starts_with("FC ")) {
        let line: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(serde_json::to_string(&line).unwrap().len(), text.len(), "nothing is named twice: {text}");
        let event = line.get("event").and_then(|event| event.as_str()).unwrap_or_else(|| panic!("no event: {line:?}")).to_owned();
        let told = told(&event);
        for field in line.keys().filter(|field| !ALWAYS.contains(&field.as_str())) {
            assert!(told.contains(field) || ["event", "request_id", "trace_id"].contains(&field.as_str()), "{event}: {field}");
        }
        seen.insert(event);
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["dead_letter", "failure", "listening", "polling", "report", "usage"]);
}

#[tokio::test]
async fn every_line_of_a_call_has_its_id_and_the_platform_s_trace() {
    let world = World::with_settings(&[("LANGFUSE_TRACING_ENABLED", "false")]).await;
    let event = event(0, SEED, SEED + 5).to_string();
    let traced = [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")];
    world.function.call(&event, &traced).await.assert_success();
    for kind in ["disabled", "report"] {
        let [line] = &world.function.events(kind)[..] else { panic!("{kind}") };
        assert_eq!(line["request_id"], "1-67b2f0aa-0123456789ab-cdef", "{kind}");
        assert_eq!(line["trace_id"], "0af7651916cd43dd8448eb211c80319c", "{kind}");
        assert_eq!(line["service"], "sls-to-langfuse", "{kind}");
        assert!(ALWAYS.iter().all(|field| line[*field].is_string()), "{line}");
        let time = line["timestamp"].as_str().unwrap();
        assert!(time.len() == 30 && time.ends_with('Z') && &time[19..20] == ".", "{time}");
    }
    world.invoke().await.assert_success();
    assert_eq!(world.function.events("report")[1].get("trace_id"), None);
    assert_eq!(json!(null), world.function.events("listening")[0]["request_id"]);
}
