//! Dashboards, alerts, metrics and the index in `deploy/observability` and `template.yaml` ask for nothing that no line has.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sls_to_langfuse::delivery::DeadLetterReason;
use sls_to_langfuse::emulator::langfuse::{Fault, When};
use sls_to_langfuse::gateway::Skip;
use sls_to_langfuse::report::SkipReason;

use crate::seen::{BOOKS, error_types, name, path, rows, text, written};
use crate::support::World;

const SKIPPED: [SkipReason; 5] = [
    SkipReason::Record(Skip::NotAModelCall),
    SkipReason::Record(Skip::NotAGatewayLog),
    SkipReason::Filtered,
    SkipReason::SampledOut,
    SkipReason::Disabled,
];

const DEAD: [DeadLetterReason; 5] = DeadLetterReason::ALL;

fn json(relative: &str) -> Value {
    serde_json::from_str(&text(relative)).unwrap()
}

/// Fields of the lines that are drawn, with the type that an index gives them. Those inside of objects have a dot in their name.
async fn fields() -> BTreeMap<String, &'static str> {
    let world = World::new().await;
    world.langfuse.script_when(When::text("0b7e1f05-4c1d-4a58-9d2b-0f6b1c2d3e05"), 9, Fault::answer(400, "application/json", "{}"));
    world.invoke().await.assert_success();
    world.langfuse.refuse_when(When::ingest(), Fault::answer(401, "application/json", r#"{"message":"no"}"#));
    assert_eq!(world.invoke().await.failure().0, "langfuse_keys_refused");
    let lines: Vec<_> = ["report", "usage", "failure", "dead_letter"].into_iter().flat_map(|event| world.function.events(event)).collect();
    let mut fields = BTreeMap::new();
    for (name, value) in lines.iter().flat_map(|line| line.as_object().unwrap()) {
        let kind = match value {
            Value::String(_) => "text",
            Value::Number(_) if name == "costUsd" => "double",
            Value::Number(_) => "long",
            _ => continue,
        };
        assert_eq!(*fields.entry(name.clone()).or_insert(kind), kind, "{name}");
    }
    assert!(lines.iter().any(|line| line["deadLettered"]["refused"] == 1));
    fields.extend(SKIPPED.map(|reason| (format!("skipped.{}", reason.name()), "long")));
    fields.extend(DEAD.map(|reason| (format!("deadLettered.{}", reason.name()), "long")));
    // Only where the platform traces its calls, and on Lambda.
    fields.extend([("trace_id".to_owned(), "text"), ("source".to_owned(), "text")]);
    fields
}

fn index() -> BTreeMap<String, String> {
    let index = json("deploy/observability/sls/index.json");
    let keys = index["keys"]["message"]["json_keys"].as_object().unwrap();
    keys.iter().map(|(name, key)| (name.clone(), key["type"].as_str().unwrap().to_owned())).collect()
}

/// Name and definition of each alert.
fn alerts() -> BTreeMap<String, Value> {
    let entries = std::fs::read_dir(path("deploy/observability/sls/alerts")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.map(|name| (name.trim_end_matches(".json").to_owned(), json(&format!("deploy/observability/sls/alerts/{name}")))).collect()
}

fn charts() -> Vec<Value> {
    json("deploy/observability/sls/dashboard.json")["charts"].as_array().unwrap().clone()
}

/// All queries for SLS, with where they stand.
fn sls_queries() -> Vec<(String, String)> {
    let of_chart = |chart: &Value| {
        let query = &chart["search"]["chartQueries"][0];
        assert_eq!(query["query"], query["tokenQuery"]);
        (chart["title"].as_str().unwrap().to_owned(), query["query"].as_str().unwrap().to_owned())
    };
    let of_alert = |(name, alert): (String, Value)| (name, alert["configuration"]["queryList"][0]["query"].as_str().unwrap().to_owned());
    charts().iter().map(of_chart).chain(alerts().into_iter().map(of_alert)).collect()
}

/// What follows each occurrence of `mark` in `text`, as long as it is part of a name.
fn words_after(text: &str, mark: &str) -> BTreeSet<String> {
    let is_part = |letter: &char| letter.is_ascii_alphanumeric() || ['_', '.'].contains(letter);
    text.split(mark).skip(1).map(|rest| rest.chars().take_while(is_part).collect()).collect()
}

#[tokio::test]
async fn the_index_has_fields_there_are_with_their_types() {
    let fields = fields().await;
    for (name, kind) in index() {
        assert_eq!(fields.get(&name).copied(), Some(kind.as_str()), "{name}");
    }
    let index = index();
    for (name, _) in
        fields.iter().filter(|(name, kind)| **kind != "text" && !["shard", "v", "index", "status", "receiveTime"].contains(&&***name))
    {
        assert!(index.contains_key(name), "{name} can be counted and is not");
    }
}

#[test]
fn queries_of_sls_ask_for_fields_of_the_index_only() {
    let index = index();
    let queries = sls_queries();
    assert_eq!(queries.len(), 24);
    for (place, query) in queries {
        let (search, sql) = query.split_once(" | ").unwrap();
        let asked = words_after(search, "message.");
        let used = words_after(sql, "\"message.");
        assert!(!asked.is_empty() && !used.is_empty() || sql.contains("count(1)"), "{place}");
        for field in asked.union(&used) {
            assert!(index.contains_key(field), "{place}: {field}");
        }
        for event in words_after(search, "message.event: ") {
            assert!(written().contains_key(&event), "{place}: {event}");
        }
        for error in words_after(search, "message.error_type: ") {
            assert!(error_types().contains_key(&error), "{place}: {error}");
        }
    }
}

#[test]
fn charts_have_ids_of_their_own_and_draw_columns_of_their_queries() {
    let charts = charts();
    let titles: BTreeSet<_> = charts.iter().map(|chart| chart["title"].as_str().unwrap()).collect();
    assert_eq!(titles.len(), charts.len());
    let plain = |title: &str| title.len() >= 2 && title.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    assert!(titles.iter().all(|title| plain(title)));
    for chart in &charts {
        let sql = chart["search"]["chartQueries"][0]["query"].as_str().unwrap();
        let columns = words_after(sql, " as ");
        let drawn = &chart["display"]["queryOptionMap"]["A"];
        for key in ["xAxisKey", "yAxisKey", "aggField"] {
            assert!(drawn.get(key).is_none_or(|column| columns.contains(column.as_str().unwrap())), "{}: {drawn}", chart["title"]);
        }
        for column in drawn["yAxisKeys"].as_array().into_iter().flatten() {
            assert!(columns.contains(column.as_str().unwrap()), "{}: {column}", chart["title"]);
        }
        let end = |at: &str, length: &str| chart["display"][at].as_u64().unwrap() + chart["display"][length].as_u64().unwrap();
        assert!(end("xPos", "width") <= 24, "{}", chart["title"]);
    }
}

#[test]
fn alerts_compare_columns_of_their_queries_and_the_run_book_explains_each() {
    let alerts = alerts();
    for (name, alert) in &alerts {
        let configuration = &alert["configuration"];
        assert_eq!(alert["name"], format!("sls-to-langfuse-{name}"));
        let columns = words_after(configuration["queryList"][0]["query"].as_str().unwrap(), " as ");
        let condition = configuration["severityConfigurations"][0]["evalCondition"]["condition"].as_str().unwrap();
        let compared = condition.split(' ').filter(|word| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
        assert!(compared.map(str::to_owned).all(|word| columns.contains(&word)), "{name}: {condition}");
    }
    for book in BOOKS {
        let told: BTreeSet<_> = rows(book, "alert").iter().map(|row| name(&row[0])).collect();
        assert_eq!(told, alerts.keys().cloned().collect(), "{book}");
    }
    let rules = text("deploy/observability/grafana/rules.yaml");
    assert_eq!(rules.matches("- alert: ").count(), alerts.len());
}

#[tokio::test]
async fn queries_of_loki_ask_for_fields_there_are() {
    let fields: BTreeSet<_> = fields().await.into_keys().map(|name| name.replace('.', "_")).collect();
    let dashboard = json("deploy/observability/grafana/dashboard.json");
    let panels = dashboard["panels"].as_array().unwrap();
    let exprs =
        panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap()).map(|target| target["expr"].as_str().unwrap().to_owned());
    let rules = text("deploy/observability/grafana/rules.yaml");
    let rules = rules.split("expr: >-\n").skip(1).map(|rest| rest.lines().next().unwrap().trim().to_owned());
    let exprs: Vec<_> = exprs.chain(rules).collect();
    assert!(exprs.len() > 30, "{}", exprs.len());
    for expr in exprs {
        for event in words_after(&expr, "\"event\":\"") {
            assert!(written().contains_key(&event), "{expr}");
        }
        let grouped = expr.split("sum by (").skip(1).flat_map(|rest| rest.split(')').next().unwrap().split(", ")).map(str::to_owned);
        let compared = words_after(&expr, "| ").into_iter().filter(|word| !["json", "unwrap", ""].contains(&word.as_str()));
        for field in words_after(&expr, "| unwrap ").into_iter().chain(grouped).chain(compared) {
            assert!(fields.contains(&field), "{field} in {expr}");
        }
        let errors =
            expr.split("error_type=~\"").nth(1).map(|rest| rest.split('"').next().unwrap()).into_iter().flat_map(|list| list.split('|'));
        for error in errors {
            assert!(error_types().contains_key(error), "{error}");
        }
    }
}

#[tokio::test]
async fn metrics_of_cloudwatch_are_made_of_fields_there_are() {
    let fields = fields().await;
    let template = text("template.yaml");
    let asked = words_after(&template, "\"$.");
    let filtered = words_after(&template, "{ $.");
    assert!(asked.len() >= 5 && filtered.contains("event"), "{asked:?} {filtered:?}");
    for field in words_after(&template, "$.").iter().filter(|field| *field != "ai_log") {
        assert!(fields.contains_key(field), "{field}");
    }
    for event in words_after(&template, "$.event = \"") {
        assert!(written().contains_key(&event), "{event}");
    }
    for error in words_after(&template, "$.error_type = \"") {
        assert!(error_types().contains_key(&error), "{error}");
    }
}
