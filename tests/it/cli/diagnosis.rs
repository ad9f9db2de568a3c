//! `doctor` against both stand-ins: each finding good and bad, through the real binary.

use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use sls_to_langfuse::emulator::langfuse::{Fault, Health, LangfuseEmulator, LangfuseWorld, ProjectKey, ServerVersion, When, WriteMode};
use sls_to_langfuse::emulator::sls::{AccessKey, Action, Fault as SlsFault, Grant, Operation, ShardSpec, SlsEmulator, SlsWorld};
use sls_to_langfuse::sls::{unix_seconds, wire};

use super::{Ended, keys, langfuse, run, temporary};
use crate::records::{chat, group, log};
use crate::support::{LOGSTORE, PROJECT, SEED};

const SECRET: &str = "sentinel-access-key-secret";

fn now() -> u32 {
    unix_seconds(SystemTime::now())
}

fn rich(number: usize) -> wire::Log {
    let mut log = chat(number);
    let ai_log = r#"{"api":"a@b@c","model":"qwen-plus","input_token":25,"output_token":60,"total_token":85,"session_id":"sentinel-session","response_type":"stream","llm_first_token_duration":90,"llm_service_duration":1400,"chat_round":1}"#;
    log.contents[0].value = ai_log.into();
    log.contents.push(wire::Content { key: b"consumer".to_vec(), value: b"sentinel-user".to_vec() });
    log
}

/// A Logstore of two shards, each with a log group of two records an hour for the last twelve hours.
async fn sls_of(record: fn(usize) -> wire::Log) -> SlsEmulator {
    let sls = empty_sls().await;
    for hour in (0..12).rev() {
        for shard in [0, 1] {
            let logs = (0..2).map(|index| record(hour * 4 + shard * 2 + index)).collect();
            let received = now() - 3600 * u32::try_from(hour).unwrap() - 30;
            sls.append(PROJECT, LOGSTORE, u32::try_from(shard).unwrap(), &group(logs), received).unwrap();
        }
    }
    sls
}

async fn empty_sls() -> SlsEmulator {
    let sls = SlsEmulator::start(0, SlsWorld::default()).await.unwrap();
    sls.create_logstore(PROJECT, LOGSTORE, &[0, 1].map(|id| ShardSpec { id, seed: SEED }));
    sls.add_key(AccessKey::permanent("id", SECRET));
    sls
}

/// Both ends, and what is asked of them.
#[derive(Clone)]
struct Patient {
    sls: SlsEmulator,
    langfuse: LangfuseEmulator,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
}

impl Patient {
    async fn well() -> Self {
        Self::of(sls_of(rich).await, langfuse().await)
    }

    fn of(sls: SlsEmulator, langfuse: LangfuseEmulator) -> Self {
        let mut variables: Vec<_> = keys(&langfuse.base_url()).map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        for (name, value) in
            [("ALIBABA_CLOUD_ACCESS_KEY_ID", "id"), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", SECRET), ("TRACE_OWNERSHIP", "own")]
        {
            variables.push((name.to_owned(), value.to_owned()));
        }
        let endpoint = sls.endpoint();
        let arguments = ["doctor", "--json", "--records", "20", "--project", PROJECT, "--logstore", LOGSTORE, "--endpoint", &endpoint];
        Self { sls, langfuse, arguments: arguments.map(str::to_owned).into(), variables }
    }

    async fn with_langfuse(langfuse: LangfuseWorld) -> Self {
        Self::of(sls_of(rich).await, LangfuseEmulator::start(0, langfuse).await.unwrap())
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with another value of an option.
    fn with(mut self, option: &str, value: &str) -> Self {
        let at = self.arguments.iter().position(|known| known == option).unwrap();
        self.arguments[at + 1] = value.to_owned();
        self
    }

    fn asking(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    async fn run(&self) -> Ended {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let variables: Vec<_> = self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        run(&arguments, &variables).await
    }

    async fn examined(&self) -> Found {
        let ended = self.run().await;
        let json = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
        Found { json, code: ended.code }
    }
}

/// What was found.
#[derive(Debug)]
struct Found {
    json: Value,
    code: Option<i32>,
}

impl Found {
    fn all(&self, id: &str) -> Vec<&Value> {
        self.json["checks"].as_array().unwrap().iter().filter(|check| check["id"] == id).collect()
    }

    fn check(&self, id: &str) -> &Value {
        let all = self.all(id);
        assert_eq!(all.len(), 1, "{id}: {self:?}");
        all[0]
    }

    fn status(&self, id: &str) -> &str {
        self.check(id)["status"].as_str().unwrap()
    }

    fn text(&self, id: &str) -> String {
        let check = self.check(id);
        format!("{} -> {}", check["what"].as_str().unwrap(), check["fix"].as_str().unwrap_or_default())
    }

    /// The ids of all findings of a status.
    fn of(&self, status: &str) -> Vec<&str> {
        let checks = self.json["checks"].as_array().unwrap().iter();
        checks.filter(|check| check["status"] == status).map(|check| check["id"].as_str().unwrap()).collect()
    }

    /// This and nothing else failed.
    fn fails_only(&self, id: &str) {
        assert_eq!((self.of("fail"), self.code), (vec![id], Some(1)), "{self:#?}");
    }
}

fn names(facts: &Value) -> Value {
    json!(facts.as_object().unwrap().keys().collect::<Vec<_>>())
}

/// What differs from run to run, taken out.
fn without_measures(mut found: Found) -> Value {
    for check in found.json["checks"].as_array_mut().unwrap() {
        match check["id"].as_str().unwrap() {
            "langfuse.canary" => {
                check["what"] = json!("…");
                check["facts"] = names(&check["facts"]);
            }
            "clock.sls" | "clock.langfuse" => check["facts"] = names(&check["facts"]),
            id if id.starts_with("estimate") => {
                check["what"] = json!("…");
                check["facts"] = names(&check["facts"]);
            }
            "sls.records" => {
                check["what"] = json!("…");
                check["facts"]["newestSeconds"] = json!("…");
            }
            _ => {}
        }
    }
    found.json["version"] = json!("…");
    found.json
}

#[tokio::test]
async fn where_all_is_well_everything_is_ok_and_the_canary_is_read_back() {
    let patient = Patient::well().await;
    let found = patient.examined().await;
    assert_eq!(
        (found.code, &found.json["status"], found.of("fail"), found.of("warn")),
        (Some(0), &json!("ok"), vec![], vec![]),
        "{found:#?}"
    );
    let arrived = patient.langfuse.observations();
    assert_eq!(arrived.len(), 1, "one observation and no record of the log");
    assert_eq!((arrived[0].environment.as_str(), arrived[0].name.as_deref()), ("sls-to-langfuse-doctor", Some("sls-to-langfuse doctor")));
    assert_eq!(found.check("langfuse.canary")["facts"]["traceId"], arrived[0].trace_id.as_str());
}

#[tokio::test]
async fn the_json_form_is_a_contract() {
    let mut found = Patient::well().await.asking(&["--manifest", "s.yaml", "--region", "cn-hangzhou"]).examined().await;
    // Whether `make package` was run here.
    let checks = found.json["checks"].as_array_mut().unwrap();
    checks.retain(|check| check["id"] != "manifest.startup");
    found.json["counts"] = Value::Null;
    found.json["status"] = Value::Null;
    insta::assert_json_snapshot!("diagnosis", without_measures(found));
}

#[tokio::test]
async fn each_missing_action_is_named_with_the_statement_that_gives_it() {
    for (action, id, code) in [
        (Action::Read, "sls.permission.read", 1),
        (Action::ListShards, "sls.permission.list_shards", 0),
        (Action::GetLogStore, "sls.permission.get_logstore", 0),
        (Action::Write, "sls.permission.write", 1),
    ] {
        let patient = Patient::well().await.set("DEAD_LETTER_LOGSTORE", "dead");
        patient.sls.create_logstore(PROJECT, "dead", &[ShardSpec { id: 0, seed: SEED }]);
        let others = Action::ALL.into_iter().filter(|other| *other != action);
        let grants = others.flat_map(|action| [LOGSTORE, "dead"].map(|logstore| Grant { action, logstore: logstore.into() })).collect();
        patient.sls.add_key(AccessKey::permanent("id", SECRET).allowed(grants));
        let found = patient.examined().await;
        let wrong = if code == 1 { "fail" } else { "warn" };
        assert_eq!((found.code, found.of(wrong)), (Some(code), vec![id]), "{action:?}");
        let place = if action == Action::Write { "dead" } else { LOGSTORE };
        let text = found.text(id);
        assert!(text.contains(&format!(r#""Action":["{}"]"#, action.name())), "{text}");
        assert!(text.contains(&format!(r#""Resource":["acs:log:*:*:project/{PROJECT}/logstore/{place}"]"#)), "{text}");
        let unread = found.status("sls.records") == "skip";
        assert_eq!(unread, action == Action::Read, "{found:#?}");
        assert_eq!(patient.sls.put_groups(PROJECT, "dead"), [], "asking writes nothing");
    }
}

#[tokio::test]
async fn a_wrong_key_or_place_is_one_failure_and_what_depends_on_it_is_skipped() {
    let wrong_secret = Patient::well().await.set("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "sentinel-other");
    let unknown = Patient::well().await.set("ALIBABA_CLOUD_ACCESS_KEY_ID", "other");
    for (patient, fix) in [(wrong_secret, "ALIBABA_CLOUD_ACCESS_KEY_SECRET"), (unknown, "ALIBABA_CLOUD_ACCESS_KEY_ID")] {
        let found = patient.examined().await;
        found.fails_only("sls.key");
        assert!(found.check("sls.key")["fix"].as_str().unwrap().contains(fix));
        assert_eq!(found.check("sls.permission.read")["what"], "the key is not taken (sls.key)");
        assert_eq!((found.status("langfuse.canary"), found.status("estimate.function")), ("ok", "skip"));
    }
    for (argument, text) in [("--project", "there is no project other"), ("--logstore", "has no Logstore other")] {
        let found = Patient::well().await.with(argument, "other").examined().await;
        found.fails_only("sls.logstore");
        assert!(found.text("sls.logstore").contains(text));
        assert_eq!(found.status("sls.key"), "ok");
    }
}

#[tokio::test]
async fn a_dead_letter_logstore_that_is_not_there_is_found() {
    let found = Patient::well().await.set("DEAD_LETTER_LOGSTORE", "dead").examined().await;
    found.fails_only("sls.permission.write");
    assert!(found.text("sls.permission.write").contains("no Logstore dead"));
    let found = Patient::well().await.set("DEAD_LETTER_LOGSTORE", LOGSTORE).examined().await;
    found.fails_only("sls.permission.write");
    assert!(found.text("sls.permission.write").contains("each dead letter would call the function again"));
}

#[tokio::test]
async fn deliveries_that_are_switched_off_are_told() {
    let found = Patient::well().await.set("LANGFUSE_TRACING_ENABLED", "false").examined().await;
    assert_eq!((found.code, found.of("warn")), (Some(0), vec!["settings", "sls.records"]));
    assert_eq!(found.check("quality.score")["facts"]["score"], 100, "the log is as good as ever");
}

#[tokio::test]
async fn the_newest_records_are_looked_at_and_no_others() {
    let sls = empty_sls().await;
    for age in (0..60).rev() {
        let record = if age < 10 { rich(age) } else { chat(age) };
        sls.append(PROJECT, LOGSTORE, 1, &group(vec![record]), now() - 600 * u32::try_from(age).unwrap() - 1).unwrap();
    }
    let found = Patient::of(sls, langfuse().await).with("--records", "20").examined().await;
    assert_eq!((&found.check("sls.records")["facts"]["records"], found.of("warn")), (&json!(10), vec![]), "{found:#?}");
    assert_eq!(found.check("quality.session")["facts"]["calls"], 10);
    let per_day = found.check("estimate.observations")["facts"]["observationsPerDay"].as_u64().unwrap();
    assert!((140..=150).contains(&per_day), "one in ten minutes, sixty over nearly ten hours: {per_day}");
}

#[tokio::test]
async fn a_wrong_clock_is_found_on_either_side_and_hides_nothing_else() {
    for (ahead, status) in [(1200, "fail"), (-1200, "fail"), (120, "warn"), (20, "ok")] {
        let patient = Patient::well().await;
        let shift = Duration::from_secs(u64::try_from(i64::abs(ahead)).unwrap());
        let clock = move || if ahead > 0 { SystemTime::now() - shift } else { SystemTime::now() + shift };
        patient.sls.set_clock(clock);
        let found = patient.examined().await;
        assert_eq!(found.status("clock.sls"), status, "{ahead}");
        let told = found.check("clock.sls")["facts"]["aheadSeconds"].as_i64().unwrap();
        assert!((told - ahead).abs() <= 5, "{told} {ahead}");
        assert_eq!((found.status("sls.key"), found.status("sls.records")), ("ok", "ok"), "{found:#?}");
        if status == "fail" {
            assert!(found.text("clock.sls").contains("the clock of SLS is wrong"), "Langfuse agrees with this machine");
        }
    }
    let patient = Patient::well().await;
    let date = httpdate::fmt_http_date(SystemTime::now() - Duration::from_secs(7200));
    let health = Fault::Status {
        status: 200,
        headers: vec![("date".into(), date)],
        content_type: "application/json".into(),
        body: r#"{"status":"OK","version":"4.16.0"}"#.into(),
    };
    patient.langfuse.refuse_when(When::path("/api/public/health"), health);
    let found = patient.examined().await;
    assert_eq!((found.code, found.of("warn")), (Some(0), vec!["clock.langfuse"]));
}

#[tokio::test]
async fn an_empty_logstore_is_worth_a_look_and_a_foreign_one_is_wrong() {
    let found = Patient::of(empty_sls().await, langfuse().await).examined().await;
    assert_eq!((found.code, found.of("warn")), (Some(0), vec!["sls.records"]));
    assert_eq!((found.status("quality.score"), found.status("estimate.observations")), ("skip", "skip"));
    let foreign = sls_of(|_| log(&[("content", "sentinel-line of another program")])).await;
    let found = Patient::of(foreign, langfuse().await).examined().await;
    found.fails_only("sls.records");
}

#[tokio::test]
async fn a_log_that_nobody_delivers_any_more_is_old() {
    let sls = empty_sls().await;
    sls.append(PROJECT, LOGSTORE, 0, &group(vec![rich(1)]), now() - 200_000).unwrap();
    let found = Patient::of(sls, langfuse().await).examined().await;
    assert_eq!((found.status("sls.records"), found.check("sls.records")["facts"]["records"].as_u64()), ("warn", Some(1)));
    assert!(found.text("sls.records").contains("2 days ago"));
}

#[tokio::test]
async fn records_of_poor_quality_name_the_switches_that_raise_it() {
    let poor = sls_of(|number| {
        let mut log = chat(number);
        log.contents[0].value = r#"{"model":"qwen-plus","response_type":"stream"}"#.into();
        log.contents[1].value = "half [truncated] half".into();
        log.contents[2].value = "-".into();
        log
    });
    let found = Patient::of(poor.await, langfuse().await).examined().await;
    for (id, fix) in [
        ("quality.usage", "include_usage"),
        ("quality.session", "session_id_header"),
        ("quality.user", "x-mse-consumer"),
        ("quality.first_token", "llm_first_token_duration"),
        ("quality.output", "use_default_attributes"),
        ("quality.whole", "value_length_limit"),
    ] {
        assert_eq!((found.status(id), &found.check(id)["facts"]["percent"]), ("warn", &json!(0)), "{id}");
        assert!(found.text(id).contains(fix), "{}", found.text(id));
    }
    assert_eq!((found.status("quality.input"), found.code), ("ok", Some(0)));
    assert_eq!(found.check("quality.score")["facts"]["score"], 100 / 7);
}

#[tokio::test]
async fn roots_in_traces_of_applications_are_told_until_somebody_decides() {
    let found = Patient::well().await.set("TRACE_OWNERSHIP", "auto").examined().await;
    assert_eq!((found.code, found.of("warn")), (Some(0), vec!["quality.parent"]));
    assert!(found.text("quality.parent").contains("TRACE_OWNERSHIP=join"));
}

#[tokio::test]
async fn read_only_shards_are_counted_and_only_such_are_wrong() {
    let patient = Patient::well().await;
    let children = [2, 3].map(|id| ShardSpec { id, seed: SEED });
    patient.sls.split(PROJECT, LOGSTORE, 0, children).unwrap();
    let found = patient.examined().await;
    assert_eq!((found.status("sls.shards"), &found.check("sls.shards")["facts"]), ("ok", &json!({"shards": 4, "readOnly": 1})));
    for shard in [1, 2, 3] {
        patient.sls.remove_shard(PROJECT, LOGSTORE, shard).unwrap();
    }
    patient.examined().await.fails_only("sls.shards");
}

#[tokio::test]
async fn a_short_retention_is_worth_a_warning() {
    let patient = Patient::well().await;
    patient.sls.set_retention(PROJECT, LOGSTORE, 3).unwrap();
    let found = patient.examined().await;
    assert_eq!((found.code, found.of("warn"), &found.check("sls.retention")["facts"]["days"]), (Some(0), vec!["sls.retention"], &json!(3)));
}

#[tokio::test]
async fn an_endpoint_that_is_not_sls_is_told_from_one_that_is_not_there() {
    let other = langfuse().await;
    let found = Patient::well().await.with("--endpoint", &other.base_url()).examined().await;
    found.fails_only("sls.endpoint");
    assert!(found.text("sls.endpoint").contains("is not SLS"));
    let found = Patient::well().await.with("--endpoint", "http://127.0.0.1:1").examined().await;
    found.fails_only("sls.endpoint");
    assert!(found.text("sls.endpoint").contains("could not connect"));
    assert_eq!((found.status("clock.sls"), found.status("langfuse.canary")), ("skip", "ok"));
}

#[tokio::test]
async fn a_server_that_hangs_costs_seconds_and_hides_nothing_of_the_other() {
    let patient = Patient::well().await.asking(&["--timeout", "1"]);
    let hang = Duration::from_secs(600);
    for operation in [Operation::ListShards, Operation::GetCursor, Operation::GetLogStore] {
        patient.sls.script(operation, SlsFault::Delay(hang));
    }
    let started = Instant::now();
    let found = patient.examined().await;
    found.fails_only("sls.permission.read");
    assert_eq!(found.of("warn"), ["sls.permission.list_shards", "sls.permission.get_logstore"]);
    assert_eq!((found.status("sls.key"), found.status("sls.logstore")), ("skip", "skip"), "nobody knows");
    assert!(found.text("sls.permission.read").contains("timed out"));
    assert_eq!((found.status("langfuse.canary"), found.status("sls.shards")), ("ok", "skip"));
    let patient = Patient::well().await.asking(&["--timeout", "1"]);
    patient.langfuse.refuse_when(When::new(|_| true), Fault::Hang(hang));
    let found = patient.examined().await;
    found.fails_only("langfuse.health");
    assert!(found.text("langfuse.health").contains("timed out"));
    let nobody = Patient::well().await.set("LANGFUSE_HOST", "http://127.0.0.1:1").examined().await;
    nobody.fails_only("langfuse.health");
    assert!(nobody.text("langfuse.health").contains("no connection"));
    assert_eq!((found.status("langfuse.keys"), found.status("estimate.function")), ("skip", "ok"));
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}

#[tokio::test]
async fn wrong_keys_a_closed_project_and_another_host_are_told_apart() {
    let wrong = Patient::well().await.set("LANGFUSE_SECRET_KEY", "sk-lf-sentinel-other");
    let suspended = Patient::with_langfuse(LangfuseWorld { suspended: true, ..LangfuseWorld::default() }).await;
    let page = Patient::well().await;
    page.langfuse.refuse_when(When::new(|_| true), Fault::HtmlLogin200);
    let firewall = Patient::well().await;
    firewall.langfuse.refuse_when(When::ingest(), Fault::answer(403, "text/html", "<html>no</html>"));
    let moved = Patient::well().await;
    moved.langfuse.refuse_when(When::ingest(), Fault::Redirect("https://login.example.com/x?token=sentinel".into()));
    for (patient, what, fix) in [
        (wrong, "status 401", "that they belong to this host"),
        (suspended, "status 403", "suspended by plan usage"),
        (page, "status 200", "not Langfuse"),
        (firewall, "status 403", "firewall"),
        (moved, "status 307", "https://login.example.com"),
    ] {
        let found = patient.examined().await;
        found.fails_only("langfuse.keys");
        let text = found.text("langfuse.keys");
        assert!(text.contains(what) && text.contains(fix), "{text}");
        assert_eq!((found.status("langfuse.canary"), patient.langfuse.observations().len()), ("skip", 0));
        assert!(!found.json.to_string().contains("sentinel"));
    }
}

#[tokio::test]
async fn an_unwell_or_silent_health_page_is_told() {
    for (health, status) in
        [(Health::Unavailable, "fail"), (Health::NotFound, "warn"), (Health::Unauthorized, "warn"), (Health::Page, "warn")]
    {
        let found = Patient::with_langfuse(LangfuseWorld { health: health.clone(), ..LangfuseWorld::default() }).await.examined().await;
        assert_eq!((found.status("langfuse.health"), found.status("langfuse.canary")), (status, "ok"), "{health:?}");
    }
}

#[tokio::test]
async fn old_releases_get_the_canary_by_the_api_that_they_speak() {
    for (version, api, health) in [
        ((2, 95, 0), "batch", "warn"),
        ((3, 50, 0), "batch", "warn"),
        ((3, 63, 0), "otlp", "ok"),
        ((3, 179, 0), "otlp", "ok"),
        ((4, 0, 0), "otlp", "ok"),
    ] {
        let version = ServerVersion::new(version.0, version.1, version.2);
        let patient = Patient::with_langfuse(LangfuseWorld::of_version(version)).await;
        let found = patient.examined().await;
        assert_eq!((found.code, found.status("langfuse.health"), found.status("langfuse.canary")), (Some(0), health, "ok"), "{found:#?}");
        assert_eq!(
            (&found.check("langfuse.ingestion")["facts"]["api"], patient.langfuse.observations().len()),
            (&json!(api), 1),
            "{version}"
        );
    }
    let dual = LangfuseWorld { mode: WriteMode::Dual, ..LangfuseWorld::default() };
    assert_eq!(Patient::with_langfuse(dual).await.examined().await.status("langfuse.canary"), "ok");
}

#[tokio::test]
async fn an_api_that_stores_nothing_is_found_out_before_and_by_the_canary() {
    let found = Patient::well().await.set("LANGFUSE_INGESTION", "batch").examined().await;
    found.fails_only("langfuse.canary");
    assert_eq!(found.status("langfuse.ingestion"), "warn");
    assert!(found.text("langfuse.canary").contains("stores nothing that comes by the batch API"));
}

#[tokio::test]
async fn what_is_accepted_and_never_shown_is_a_failure() {
    let patient = Patient::well().await.asking(&["--canary-wait", "1"]);
    patient.langfuse.refuse_when(When::ingest(), Fault::answer(200, "application/json", "{}"));
    let found = patient.examined().await;
    found.fails_only("langfuse.canary");
    assert!(found.text("langfuse.canary").contains("did not show it within 1 s"));
    assert_eq!(found.status("langfuse.keys"), "ok");
}

#[tokio::test]
async fn what_is_shown_late_is_waited_for() {
    let patient = Patient::well().await;
    let empty = Fault::answer(200, "application/json", r#"{"data":[],"meta":{}}"#);
    patient.langfuse.script_when(When::path("/api/public/v2/observations"), 2, empty);
    let found = patient.examined().await;
    assert_eq!(found.status("langfuse.canary"), "ok");
    let reads = patient.langfuse.requests().into_iter().filter(|request| request.path == "/api/public/v2/observations").count();
    assert_eq!(reads, 3);
}

#[tokio::test]
async fn what_the_old_tables_show_first_is_read_there() {
    let dual = LangfuseWorld { mode: WriteMode::Dual, ..LangfuseWorld::default() };
    let patient = Patient::with_langfuse(dual).await.set("LANGFUSE_INGESTION", "batch").asking(&["--canary-wait", "1"]);
    let empty = Fault::answer(200, "application/json", r#"{"data":[],"meta":{}}"#);
    patient.langfuse.refuse_when(When::path("/api/public/v2/observations"), empty);
    assert_eq!(patient.examined().await.status("langfuse.canary"), "ok");
}

#[tokio::test]
async fn a_langfuse_in_trouble_is_told_without_the_comfort_of_a_trigger() {
    for (when, id) in [(When::text("sls-to-langfuse doctor"), "langfuse.canary"), (When::ingest(), "langfuse.keys")] {
        let patient = Patient::well().await.asking(&["--timeout", "1"]);
        patient.langfuse.refuse_when(when, Fault::answer(503, "application/json", "{}"));
        let found = patient.examined().await;
        found.fails_only(id);
        let fix = found.check(id)["fix"].as_str().unwrap();
        assert_eq!(fix, "look at the health of Langfuse and of the proxies in front of it");
        assert!(!found.text(id).contains("asks for"), "a server that named no wait asked for none");
    }
}

#[tokio::test]
async fn reading_calls_that_are_closed_are_no_failure_of_delivery() {
    let patient = Patient::well().await;
    for path in ["/api/public/v2/observations", "/api/public/observations"] {
        patient.langfuse.refuse_when(When::path(path), Fault::answer(403, "text/html", "no"));
    }
    let found = patient.examined().await;
    assert_eq!((found.code, found.of("warn")), (Some(0), vec!["langfuse.canary"]));
}

#[tokio::test]
async fn nothing_is_written_without_the_canary() {
    let patient = Patient::well().await.asking(&["--no-canary"]);
    let found = patient.examined().await;
    assert_eq!((found.code, found.check("langfuse.canary")["what"].as_str()), (Some(0), Some("left out by --no-canary")));
    assert!(patient.langfuse.observations().is_empty());
}

#[tokio::test]
async fn every_destination_is_looked_at_and_named() {
    let (patient, other) = (Patient::well().await, langfuse().await);
    other.change(|world| world.keys = vec![ProjectKey::new("pk-lf-b", "sk-lf-b", "project-b")]);
    let file = temporary(&format!(
        "[destination.a]\nhost = '{0}'\npublic_key = 'pk-lf-b'\nsecret_key = 'sk-lf-b'\n\
         [destination.b]\nhost = '{0}'\npublic_key = 'pk-lf-b'\nsecret_key = 'sk-lf-sentinel'\n\
         [[route]]\nname = 'all'\nto = ['a', 'b', 'default']\n",
        other.base_url()
    ));
    let patient = patient.set("CONFIG_FILE", file.path().to_str().unwrap());
    let found = patient.examined().await;
    let named = |id: &str| found.all(id).iter().map(|check| (check["destination"].clone(), check["status"].clone())).collect::<Vec<_>>();
    let mut statuses = named("langfuse.keys");
    statuses.sort_by_key(|(name, _)| name.to_string());
    assert_eq!(statuses, [(json!("a"), json!("ok")), (json!("b"), json!("fail")), (Value::Null, json!("ok"))]);
    assert_eq!((found.code, found.all("clock.langfuse").len(), other.observations().len()), (Some(1), 3, 1));
    let text = found.json["checks"].as_array().unwrap().iter().find(|check| check["status"] == "fail").unwrap();
    assert!(text["fix"].as_str().unwrap().contains("secret_key of [destination.b]"), "{text}");
}

#[tokio::test]
async fn wrong_settings_are_2_and_hide_nothing_that_can_be_looked_at() {
    let patient = Patient::well().await.set("LANGFUSE_SECRET_KEY", "").set("LANGFUSE_SAMPLE_RATE", "sentinel");
    let found = patient.examined().await;
    assert_eq!((found.code, found.all("settings").len()), (Some(2), 2));
    assert_eq!(found.of("ok"), Vec::<&str>::new(), "a wrong rate leaves nothing that could be used");
    let found = Patient::well().await.set("LANGFUSE_SECRET_KEY", "").examined().await;
    assert_eq!((found.code, found.of("fail"), found.status("sls.records")), (Some(2), vec!["settings"], "ok"));
    assert_eq!(found.check("settings")["facts"]["setting"], "LANGFUSE_SECRET_KEY");
    let found = Patient::well().await.set("ALIBABA_CLOUD_ACCESS_KEY_ID", "").set("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "").examined().await;
    assert_eq!((found.code, found.of("fail"), found.status("langfuse.canary")), (Some(2), vec!["settings"], "ok"));
}

#[tokio::test]
async fn half_a_key_pair_of_sls_is_told_and_hides_nothing_of_langfuse() {
    for missing in ["ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"] {
        let found = Patient::well().await.set(missing, "").examined().await;
        assert_eq!((found.code, found.of("fail")), (Some(2), vec!["settings"]), "{missing}");
        assert_eq!(found.check("settings")["facts"]["setting"], missing);
        assert_eq!((found.status("langfuse.canary"), found.status("sls.records")), ("ok", "skip"), "{missing}");
    }
    let both = Patient::well().await.set("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "").set("LANGFUSE_SECRET_KEY", "").examined().await;
    let named: Vec<_> = both.all("settings").iter().map(|check| check["facts"]["setting"].as_str().unwrap()).collect();
    assert_eq!((both.code, named), (Some(2), vec!["LANGFUSE_SECRET_KEY", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"]));
}

#[tokio::test]
async fn wrong_usage_is_2_and_prints_nothing() {
    for arguments in [
        vec!["doctor", "--project", "p"],
        vec!["doctor", "--json", "--policies"],
        vec!["doctor", "--write", "d"],
        vec!["doctor", "--canary-wait", "0"],
        vec!["doctor", "--manifest", "no-such-file"],
        vec!["doctor", "--project", "my-project", "--logstore", "gateway/../log"],
        vec!["doctor", "--project", "my.project", "--logstore", "gateway-log"],
    ] {
        let ended = run(&arguments, &[]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}");
    }
}

#[tokio::test]
async fn without_a_logstore_only_langfuse_is_looked_at() {
    let langfuse = langfuse().await;
    let host = langfuse.base_url();
    let ended = run(&["doctor"], &keys(&host)).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    let skipped = ended.stdout.lines().find(|line| line.starts_with("skip  sls.endpoint .. quality.score ")).unwrap();
    assert!(skipped.contains("no Logstore was named"), "{skipped}");
    assert!(ended.stdout.lines().any(|line| line.starts_with("ok    langfuse.canary")), "{}", ended.stdout);
    assert!(ended.stderr.contains("--no-canary leaves it out"), "{}", ended.stderr);
}

#[tokio::test]
async fn the_manifest_is_judged_with_the_environment_that_it_gives() {
    let text = std::fs::read_to_string("s.yaml").unwrap();
    let text = text
        .replace("my-gateway-project", PROJECT)
        .replace("timeout: 120", "timeout: 5")
        .replace("functionLogstore: sls-to-langfuse-log", "functionLogstore: ai-gateway-log");
    let text = text.replace("LANGFUSE_HOST: ", "LANGFUSE_SAMPLE_RATE: \"2\"\n        LANGFUSE_HOST: ");
    let file = temporary(&text);
    let patient = Patient::well().await.asking(&["--manifest", file.path().to_str().unwrap()]);
    let found = patient.examined().await;
    assert_eq!(found.of("fail"), ["settings", "manifest.log", "manifest.timeout"]);
    assert_eq!(found.check("settings")["facts"]["setting"], "LANGFUSE_SAMPLE_RATE");
    assert_eq!((found.code, found.status("manifest.environment")), (Some(2), "ok"));
}

#[tokio::test]
async fn no_secret_and_no_logged_text_is_printed() {
    let patient = Patient::well().await.set("LANGFUSE_SECRET_KEY", "sk-lf-sentinel").set("RUST_LOG", "trace");
    patient.langfuse.change(|world| world.keys.push(ProjectKey::new("pk-lf-emulator", "sk-lf-sentinel", "sentinel-project")));
    let in_words = Patient { arguments: patient.arguments.iter().filter(|one| *one != "--json").cloned().collect(), ..patient.clone() };
    for patient in [patient, in_words] {
        let ended = patient.run().await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        for text in ["sentinel", "qwen-plus", "好的", "第 1"] {
            assert!(!ended.stdout.contains(text) && !ended.stderr.contains(text), "{text}: {ended:?}");
        }
    }
}

#[test]
fn both_pages_explain_exactly_the_checks_and_the_options_there_are() {
    use sls_to_langfuse::doctor::{estimate, langfuse, manifest, quality, sls};
    let own = ["settings", "clock.sls", "clock.langfuse"];
    let ids: Vec<&str> =
        own.into_iter().chain(sls::IDS).chain(quality::ids()).chain(langfuse::IDS).chain(manifest::IDS).chain(estimate::IDS).collect();
    for page in [include_str!("../../../docs/doctor.md"), include_str!("../../../docs/doctor.zh-CN.md")] {
        let rows: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
        let of_checks: Vec<&str> = rows
            .iter()
            .copied()
            .filter(|name| !name.starts_with("--") && !name.contains('[') && (name.contains('.') || *name == "settings"))
            .collect();
        assert_eq!(of_checks, ids);
    }
}

#[tokio::test]
async fn both_pages_name_every_option_that_help_does() {
    let help = run(&["doctor", "--help"], &[]).await.stdout;
    let names_of_policies = ["--account", "--function", "--trigger", "--function-role", "--trigger-role", "--log-project", "--log-store"];
    let further = ["--trigger-log-project", "--trigger-log-store", "--dead-letter-logstore", "--write", "--help"];
    let options =
        help.split_whitespace().filter(|word| word.starts_with("--") && word.len() > 2).map(|word| word.trim_matches([',', ':', '.']));
    for option in options.filter(|option| !names_of_policies.contains(option) && !further.contains(option)) {
        for page in ["docs/doctor.md", "docs/doctor.zh-CN.md"] {
            let text = std::fs::read_to_string(page).unwrap();
            assert!(text.contains(&format!("`{option}")), "{page}: {option}");
        }
    }
}
