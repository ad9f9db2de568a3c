//! The command line: output and exit codes of every command, run as people run it, with an environment of its own.

mod demo;
mod diagnosis;
mod doctor;
mod dry_run;
mod emulate;
mod explain;
mod id;
mod invoke;
mod mapping;

use std::process::Stdio;

use sls_to_langfuse::emulator::langfuse::{LangfuseEmulator, LangfuseWorld};
use tokio::process::Command;

const EVENT: &str = "events/sls-trigger.json";
const LOGS: &str = "tests/fixtures/gateway-samples.jsonl";

/// What a command left behind.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

pub fn command(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sls-to-langfuse"));
    command.args(arguments).env_clear().envs(variables.iter().copied()).current_dir(env!("CARGO_MANIFEST_DIR"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

pub async fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    let output = command(arguments, variables).output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

pub fn client() -> reqwest::Client {
    // The second test to come finds the provider installed, which is what it wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn langfuse() -> LangfuseEmulator {
    LangfuseEmulator::start(0, LangfuseWorld::default()).await.unwrap()
}

fn keys(host: &str) -> [(&str, &str); 3] {
    [("LANGFUSE_HOST", host), ("LANGFUSE_PUBLIC_KEY", LangfuseWorld::PUBLIC_KEY), ("LANGFUSE_SECRET_KEY", LangfuseWorld::SECRET_KEY)]
}

pub fn temporary(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[tokio::test]
async fn config_shows_every_setting_and_no_secret() {
    let file = temporary("langfuse_host = 'https://langfuse.example.com'\nlangfuse_secret_key = 'sentinel-1'\nsls_region = 'cn-hangzhou'");
    let path = file.path().display().to_string();
    let variables = [("CONFIG_FILE", path.as_str()), ("LANGFUSE_PUBLIC_KEY", "sentinel-2"), ("HTTPS_PROXY", "http://u:sentinel-3@proxy")];
    let ended = run(&["config"], &variables).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    for line in [
        "LANGFUSE_HOST = https://langfuse.example.com (CONFIG_FILE line 1)",
        "LANGFUSE_PUBLIC_KEY = [hidden] (environment)",
        "LANGFUSE_SECRET_KEY = [hidden] (CONFIG_FILE line 2)",
        "LANGFUSE_SDK_TIMEOUT = 30 (default)",
        "LANGFUSE_RELEASE = (not set)",
        "HTTPS_PROXY = [hidden] (environment)",
    ] {
        assert!(ended.stdout.lines().any(|printed| printed == line), "{line}\n{}", ended.stdout);
    }
    assert_eq!(ended.stdout.lines().count(), sls_to_langfuse::config::settings().len());
    assert!(!ended.stdout.contains("sentinel"));
    let wrong = run(&["config"], &[("LANGFUSE_SAMPLE_RATE", "sentinel")]).await;
    assert_eq!((wrong.code, wrong.stdout.as_str()), (Some(2), ""));
    assert!(wrong.stderr.contains("LANGFUSE_HOST") && wrong.stderr.contains("LANGFUSE_SAMPLE_RATE") && !wrong.stderr.contains("sentinel"));
}

#[tokio::test]
async fn wrong_usage_is_2_and_help_is_0() {
    let wrong: [&[&str]; 14] = [
        &[],
        &["no-such-command"],
        &["demo", "--to", "elsewhere"],
        &["invoke"],
        &["invoke", "--event", EVENT, "--timeout", "0"],
        &["emulate"],
        &["emulate", "sls", "--shards", "0"],
        &["emulate", "sls", "--project", "../x"],
        &["emulate", "sls", "--access-key-id", "alone"],
        &["emulate", "langfuse", "--version", "4"],
        &["id", "/no/such/file"],
        &["id", "--unknown"],
        &["explain", "/no/such/file"],
        &["explain", "--unknown"],
    ];
    for arguments in wrong {
        let ended = run(arguments, &[]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(!ended.stderr.is_empty(), "{arguments:?}");
    }
    let half = run(&["emulate", "sls"], &[("ALIBABA_CLOUD_ACCESS_KEY_ID", "id")]).await;
    assert_eq!(half.code, Some(2));
    let commands = ["backfill", "demo", "invoke", "replay", "emulate", "explain", "id", "config"];
    for arguments in [vec!["--help"], vec!["--version"]].into_iter().chain(commands.map(|command| vec![command, "--help"])) {
        let ended = run(&arguments, &[]).await;
        assert_eq!((ended.code, ended.stderr.as_str(), ended.stdout.is_empty()), (Some(0), "", false), "{arguments:?}");
    }
}
