//! The configuration file at work, through the program: mapping, profiles, dialects, and the files about it that are committed.

use serde_json::{Value, json};
use sls_to_langfuse::config::{Form, Reach, settings, tables};
use sls_to_langfuse::emulator::langfuse::{
    BATCH_PATH, LangfuseEmulator, LangfuseWorld, Level, OTLP_PATH, ObservationType, StoredObservation,
};

use super::{EVENT, LOGS, keys, langfuse, run, temporary};

const LITELLM: &str = "tests/fixtures/litellm.jsonl";
const LITELLM_CONFIG: &str = "docs/examples/litellm.toml";
const EXAMPLE: &str = "docs/sls-to-langfuse.example.toml";

fn text(relative: &str) -> String {
    std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)).unwrap()
}

/// The observations of an event's logs under a configuration file.
async fn delivered(server: &LangfuseEmulator, event: &str, logs: &str, config: &str) -> Vec<StoredObservation> {
    let host = server.base_url();
    let mut variables = keys(&host).to_vec();
    variables.push(("CONFIG_FILE", config));
    let ended = run(&["invoke", "--event", event, "--logs", logs], &variables).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    server.observations()
}

fn with_id<'o>(all: &'o [StoredObservation], request_id: &str) -> &'o StoredObservation {
    all.iter().find(|one| one.metadata.get("request_id").is_some_and(|id| id == request_id)).unwrap()
}

#[tokio::test]
async fn records_of_litellm_are_delivered_by_a_file_alone() {
    let server = langfuse().await;
    let all = delivered(&server, EVENT, LITELLM, LITELLM_CONFIG).await;
    assert_eq!(all.len(), 3);
    let chat = with_id(&all, "chatcmpl-demo-1");
    assert_eq!((chat.trace_id.as_str(), chat.span_id.as_str()), ("5b8aa5a2d2c872e8321cf37308d69d01", "873bf57887f00f12"));
    let times = (chat.start_ms, chat.completion_start_ms, chat.end_ms);
    assert_eq!(times, (1_772_417_401_037, Some(1_772_417_401_500), Some(1_772_417_403_250)));
    assert_eq!(
        (chat.observation_type, chat.model.as_deref(), chat.name.as_deref()),
        (ObservationType::Generation, Some("gpt-4o"), Some("chat-default"))
    );
    assert_eq!((chat.user_id.as_deref(), chat.session_id.as_deref()), (Some("alice"), Some("s-demo-1")));
    assert_eq!(chat.tags, ["prod", "team-a"]);
    let usage = json!({"input": 80, "input_cached_tokens": 100, "output": 30, "output_reasoning_tokens": 10, "total": 220});
    assert_eq!(json!(chat.usage_details), usage);
    assert_eq!(json!(chat.cost_details), json!({"total": 0.00135}));
    assert_eq!(
        serde_json::from_str::<Value>(chat.input.as_ref().unwrap()).unwrap(),
        json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "你好"}])
    );
    let output: Value = serde_json::from_str(chat.output.as_ref().unwrap()).unwrap();
    assert_eq!((&output["role"], &output["content"]), (&json!("assistant"), &json!("你好!")));
    assert_eq!((chat.metadata["gw_dialect"].as_str(), chat.metadata["team"].as_str()), ("litellm", "demo-team"));
    let embedding = with_id(&all, "emb-demo-2");
    assert_eq!(
        (embedding.observation_type, embedding.completion_start_ms, embedding.output.as_deref()),
        (ObservationType::Embedding, None, None)
    );
    assert_eq!((embedding.input.as_deref(), embedding.user_id.as_deref()), (Some("a text to embed"), Some("demo-owner")));
    let refused = with_id(&all, "chatcmpl-demo-3");
    let message = "HTTP 429, litellm.RateLimitError: RateLimitError: OpenAIException - too many requests";
    assert_eq!((refused.level, refused.status_message.as_deref(), refused.output.as_deref()), (Level::Error, Some(message), None));
}

#[tokio::test]
async fn without_its_dialect_such_a_record_is_no_gateway_log() {
    let ended = run(&["id", LITELLM], &[]).await;
    assert_eq!(ended.stdout.lines().collect::<Vec<_>>(), ["-  -  -  -  skipped: not_a_gateway_log"; 3]);
    let ended = run(&["id", LITELLM], &[("CONFIG_FILE", LITELLM_CONFIG)]).await;
    let first = "5b8aa5a2d2c872e8321cf37308d69d01  873bf57887f00f12  2026-03-02T02:10:01.037Z  1772417401037  generation";
    assert_eq!(ended.stdout.lines().next(), Some(first));
}

#[tokio::test]
async fn a_mapping_and_a_profile_shape_what_arrives() {
    let config = temporary(
        "[mapping]\nuser = ['request_header.x-user-id', 'consumer']\nname = '{consumer}@{ai_log.api}'\nenvironment = '=staging'\n",
    );
    let file = config.path().display().to_string();
    let all = delivered(&langfuse().await, EVENT, LOGS, &file).await;
    let first = all.iter().find(|one| one.span_id == "46eb655ffa96c5f0").unwrap();
    assert_eq!((first.user_id.as_deref(), first.environment.as_str()), (Some("demo-user"), "staging"));
    assert_eq!((first.name.as_deref(), first.trace_name.as_deref()), (Some("demo-user@demo-chat@a@b"), Some("demo-user@demo-chat@a@b")));

    let config = temporary("[mapping]\nuser = 'consumer'\n[profile.nightly]\nuser = '=batch'\nsession = '=night'\n[profile.other]\n");
    let file = config.path().display().to_string();
    let mut event: Value = serde_json::from_str(&text(EVENT)).unwrap();
    event["parameter"] = json!({"profile": "nightly"});
    let chosen = temporary(&event.to_string());
    let all = delivered(&langfuse().await, &chosen.path().display().to_string(), LOGS, &file).await;
    assert!(!all.is_empty() && all.iter().all(|one| one.user_id.as_deref() == Some("batch") && one.session_id.as_deref() == Some("night")));
    event["parameter"] = json!({"profile": "sentinel"});
    let unknown = temporary(&event.to_string());
    let server = langfuse().await;
    let host = server.base_url();
    let mut variables = keys(&host).to_vec();
    variables.push(("CONFIG_FILE", &file));
    let ended = run(&["invoke", "--event", &unknown.path().display().to_string(), "--logs", LOGS], &variables).await;
    assert_eq!((ended.code, server.observations().len()), (Some(1), 0));
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(said.contains("must be one of the profiles of the configuration file: nightly, other") && !said.contains("sentinel"), "{said}");
}

#[tokio::test]
async fn a_prompt_is_linked_through_both_apis() {
    let config = temporary("[mapping]\nprompt_name = '=greet'\nprompt_version = ['ai_log.prompt', '=3']\n");
    let file = config.path().display().to_string();
    for (version, path) in [("4.16.0", OTLP_PATH), ("3.200.0", OTLP_PATH), ("3.50.0", BATCH_PATH)] {
        let server = LangfuseEmulator::start(0, LangfuseWorld::of_version(version.parse().unwrap())).await.unwrap();
        let all = delivered(&server, EVENT, LOGS, &file).await;
        assert!(server.requests().iter().any(|request| request.path == path) && server.lost().is_empty(), "{version}");
        // An old server has no event for an embedding: it arrives as a generation, which it is not.
        let is_one =
            |one: &&StoredObservation| one.observation_type == ObservationType::Generation && !one.metadata.contains_key("gw_type");
        let (generations, others): (Vec<_>, Vec<_>) = all.iter().partition(is_one);
        assert_eq!((generations.is_empty(), others.is_empty()), (false, false));
        assert!(generations.iter().all(|one| (one.prompt_name.as_deref(), one.prompt_version) == (Some("greet"), Some(3))), "{version}");
        assert!(others.iter().all(|one| (one.prompt_name.as_deref(), one.prompt_version) == (None, None)), "{version}");
    }
}

#[tokio::test]
async fn explain_names_the_source_of_the_mapping_the_profile_and_the_dialect() {
    let config =
        temporary("[mapping]\nuser = ['request_header.x-user-id', 'consumer']\nsession = 'ai_log.none'\n[profile.p]\nname = '=n'\n");
    let file = config.path().display().to_string();
    let ended = run(&["explain", LOGS], &[("CONFIG_FILE", &file)]).await;
    assert!(ended.stdout.contains("├─ user          demo-user  ← ai_log.consumer  (mapping, user: consumer)\n"), "{}", ended.stdout);
    assert!(ended.stdout.contains("session       no source of session in the mapping has a value\n"), "{}", ended.stdout);
    let ended = run(&["explain", "--profile", "p", LOGS], &[("CONFIG_FILE", &file)]).await;
    assert!(ended.stdout.contains("├─ name          n  (profile p, name: =n)\n"), "{}", ended.stdout);
    assert!(ended.stdout.contains("├─ trace name    n  (profile p, name: =n)\n"), "{}", ended.stdout);
    let wrong = run(&["explain", "--profile", "q", LOGS], &[("CONFIG_FILE", &file)]).await;
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("must be one of the profiles of the configuration file: p"), "{}", wrong.stderr);
    let ended = run(&["explain", LITELLM], &[("CONFIG_FILE", LITELLM_CONFIG)]).await;
    assert_eq!(ended.stdout.matches("read in the dialect litellm\n").count(), 3);
    assert!(ended.stdout.contains("├─ user          alice  ← end_user\n"), "{}", ended.stdout);
    assert_eq!(ended.stdout.matches("(USD, as logged)\n").count(), 3);
}

#[tokio::test]
async fn explain_says_whose_price_a_record_of_another_gateway_was_charged_at() {
    let config = temporary("[dialect.d]\nwhen = { e = '*' }\nstart = 'b'\nmodel = 'm'\ninput_tokens = 'i'\noutput_tokens = 'o'\n");
    let logs = temporary(r#"{"e": "x", "b": "2026-03-02T02:10:01.037Z", "m": "qwen-plus", "i": "10", "o": "5"}"#);
    let (file, lines) = (config.path().display().to_string(), logs.path().display().to_string());
    let ended = run(&["explain", &lines], &[("CONFIG_FILE", &file)]).await;
    assert!(ended.stdout.contains("(USD, price of alibaba-bailian 2026-05, CNY at 7.1)\n"), "{}", ended.stdout);
}

#[tokio::test]
async fn config_prints_the_tables_with_their_places() {
    let inline = "langfuse_release = 'r'\nmapping = { user = 'consumer' }";
    let file = temporary("[profile.p]\nname = ['ai_log.api', '=x']\n[mapping]\nsession = 'y'\n");
    let path = file.path().display().to_string();
    let variables = [
        ("CONFIG_FILE", path.as_str()),
        ("CONFIG_TOML", inline),
        ("LANGFUSE_HOST", "https://h"),
        ("LANGFUSE_PUBLIC_KEY", "pk"),
        ("LANGFUSE_SECRET_KEY", "sk"),
    ];
    let ended = run(&["config"], &variables).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let tables: Vec<_> = ended.stdout.lines().skip(settings().len()).collect();
    assert_eq!(
        tables,
        [r#"mapping.user = ["consumer"] (CONFIG_TOML line 2)"#, r#"profile.p.name = ["ai_log.api", "=x"] (CONFIG_FILE line 2)"#]
    );
    assert!(ended.stdout.contains("LANGFUSE_RELEASE = r (CONFIG_TOML line 1)\n"));
}

#[tokio::test]
async fn the_committed_schema_and_example_are_what_the_program_prints() {
    for (flag, file) in [("--schema", "docs/sls-to-langfuse.schema.json"), ("--example", EXAMPLE)] {
        let ended = run(&["config", flag], &[]).await;
        assert_eq!(ended.code, Some(0));
        assert!(ended.stdout == text(file), "write the output of `sls-to-langfuse config {flag}` to {file}");
    }
}

#[test]
fn the_example_covers_every_key_of_the_schema() {
    let (example, schema): (String, Value) = (text(EXAMPLE), serde_json::from_str(&text("docs/sls-to-langfuse.schema.json")).unwrap());
    let properties = schema["properties"].as_object().unwrap();
    let there = settings().iter().filter(|setting| setting.reach == Reach::Anywhere).count();
    assert_eq!(properties.len(), there + tables().len());
    let mut section = String::new();
    let mut written = std::collections::BTreeSet::new();
    for line in example.lines().filter(|line| !line.starts_with("# ")).map(|line| line.trim_start_matches('#')) {
        match line.strip_prefix('[') {
            Some(heading) => section = heading.trim_start_matches('[').split(['.', ']']).next().unwrap().to_owned(),
            None => _ = written.insert((section.clone(), line.split(" = ").next().unwrap().to_owned())),
        }
    }
    for (name, property) in properties {
        let kind = tables().iter().find(|kind| kind.name == name);
        let Some(kind) = kind else {
            assert!(written.contains(&(String::new(), name.clone())), "{name}");
            continue;
        };
        let table = match kind.form {
            Form::One => property,
            Form::Named(_) => &property["additionalProperties"],
            Form::List => &property["items"],
        };
        for key in table["properties"].as_object().unwrap().keys() {
            assert!(written.contains(&(name.clone(), key.clone())), "{name}.{key}");
        }
    }
}

/// Keys that say the same as another one and must not stand beside it.
const ALTERNATIVES: [&str; 2] = ["first_token_after =", "langfuse_base_url ="];

#[tokio::test]
async fn the_example_is_accepted_as_it_is_and_with_everything_switched_on() {
    let folder = tempfile::tempdir().unwrap();
    let host = "https://cloud.langfuse.com";
    let as_it_is = temporary(&text(EXAMPLE)).into_temp_path();
    let ended = run(&["config"], &[("CONFIG_FILE", as_it_is.to_str().unwrap())]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains(&format!("LANGFUSE_HOST = {host} (CONFIG_FILE line ")));
    let on = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with([' ', ':']) => rest.to_owned(),
        _ => line.to_owned(),
    };
    let alone = |line: &String| !ALTERNATIVES.iter().any(|key| line.starts_with(key));
    // The one example that names a file outside of the function's folder.
    let all: Vec<_> = text(EXAMPLE).lines().map(on).filter(alone).filter(|line| !line.starts_with("ssl_cert_file")).collect();
    std::fs::write(folder.path().join("all.toml"), all.join("\n")).unwrap();
    std::fs::write(folder.path().join("prices.toml"), "[[price]]\npattern = 'm'\ncurrency = 'USD'\ntiers = [{ input = 1, output = 2 }]\n")
        .unwrap();
    let keys =
        [("TEAM_A_PUBLIC_KEY", "sentinel-public"), ("TEAM_A_SECRET_KEY", "sentinel-secret"), ("MASKING_KEY", "sentinel-masking-key")];
    let variables = [("CONFIG_FILE", "all.toml"), ("FC_FUNC_CODE_PATH", folder.path().to_str().unwrap()), keys[0], keys[1], keys[2]];
    let ended = run(&["config"], &variables).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("mapping.user = ") && ended.stdout.contains("dialect.litellm.when.call_type = "));
    assert!(ended.stdout.contains("destination.team-a.secret_key = [hidden]") && !ended.stdout.contains("sentinel"), "{}", ended.stdout);
}
