//! `demo`: what it shows, what it looks at, and to whom it sends.

use std::collections::BTreeSet;

use serde_json::Value;
use sls_to_langfuse::emulator::langfuse::{Fault, LangfuseWorld, When};

use tokio::io::{AsyncBufReadExt, BufReader};

use super::{Ended, client, command, keys, langfuse, run};

#[tokio::test]
async fn demo_prints_every_observation_the_report_and_where_to_go_next() {
    let ended = run(&["demo"], &[]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(lines.iter().filter(|line| line.starts_with("trace ")).count(), 12);
    assert_eq!(lines.iter().filter(|line| line.starts_with("└─ ")).count(), 12);
    for expected in [
        "trace 5b8aa5a2d2c872e8321cf37308d69d04",
        "│  name demo-chat@a@b · user demo-user · session sess-demo-4 · environment default",
        "└─ GENERATION demo-chat@a@b · model qwen-plus",
        "└─ EMBEDDING demo-embed@a@b · model text-embedding-v4",
        "└─ TOOL search_docs · no model",
        "└─ AGENT demo-agent@a@b · model qwen-plus",
        "│  name demo-chat@a@b · user demo-user · tags cache:hit · environment default",
        "      level ERROR: HTTP 429, ai-token-ratelimit.rejected",
        "      latency 1500 ms, first token after 371 ms · tokens input 176, input cached 1024, output 15, output reasoning 0, total 1215",
        r#"      in  [{"role":"user","content":"用一句话解释什么是云原生。"}]"#,
        "  dead letters   none",
    ] {
        assert!(lines.contains(&expected), "{expected}\n{}", ended.stdout);
    }
    assert!(ended.stdout.contains("  delivered      12 as 12 observations in 1 request ("), "{}", ended.stdout);
    let report: Value = lines.iter().find_map(|line| serde_json::from_str(line).ok()).unwrap();
    assert_eq!((report["shipLines"].as_u64(), report["outcome"].as_str()), (Some(12), Some("success")));
    assert!(lines[lines.len() - 4..].iter().any(|line| line.contains("make test")));
}

#[tokio::test]
async fn demo_serves_a_page_with_what_arrived_until_it_is_told_to_end() {
    let mut child = command(&["demo", "--serve", "always"], &[]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let page = loop {
        let line = lines.next_line().await.unwrap().expect("it says where the page is");
        if let Some(page) = line.strip_prefix("What arrived, as a page: ") {
            break page.to_owned();
        }
    };
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("Stop it with Ctrl-C."));
    let read = |what: &str| {
        let asked = client().get(format!("{page}{what}")).send();
        async move { asked.await.unwrap().text().await.unwrap() }
    };
    assert!(read("").await.contains("local-page"));
    let traces: Value = serde_json::from_str(&read("_local/traces").await).unwrap();
    assert_eq!((traces["total"].as_u64(), traces["traces"].as_array().unwrap().len()), (Some(12), 12));
    let trace: Value = serde_json::from_str(&read("_local/trace?id=5b8aa5a2d2c872e8321cf37308d69d04").await).unwrap();
    let id = trace["observations"][0]["id"].as_str().unwrap();
    let raw: Value = serde_json::from_str(&read(&format!("_local/raw?trace=5b8aa5a2d2c872e8321cf37308d69d04&id={id}")).await).unwrap();
    assert_eq!((raw["api"].as_str(), raw["span"]["spanId"].as_str()), (Some("otlp"), Some(id)));
    let pid = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn demo_without_a_terminal_ends_when_everything_is_said() {
    for serve in [&["demo"][..], &["demo", "--serve", "never"]] {
        let ended = run(serve, &[]).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(!ended.stdout.contains("as a page:"), "{}", ended.stdout);
    }
}

#[tokio::test]
async fn demo_looks_at_no_variable_of_langfuse_or_of_a_proxy() {
    let other = langfuse().await;
    let host = other.base_url();
    let mut variables = keys(&host).to_vec();
    let more = [("LANGFUSE_SAMPLE_RATE", "0"), ("LANGFUSE_TRACING_ENVIRONMENT", "Not Valid"), ("HTTP_PROXY", &host), ("http_proxy", &host)];
    variables.extend(more);
    let ended = run(&["demo"], &variables).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.stdout, run(&["demo"], &[]).await.stdout_with_times_of(&ended));
    assert!(other.requests().is_empty());
}

impl Ended {
    /// The output with the two durations of another one, which are the only thing that differs between equal runs.
    fn stdout_with_times_of(&self, other: &Self) -> String {
        let varies = |line: &&str| line.starts_with("  took ") || line.starts_with('{');
        let mut theirs = other.stdout.lines().filter(varies);
        let lines = self.stdout.lines().map(|line| if varies(&line) { theirs.next().unwrap() } else { line });
        lines.map(|line| format!("{line}\n")).collect()
    }
}

#[tokio::test]
async fn demo_to_langfuse_names_the_host_first_and_the_traces_last() {
    let server = langfuse().await;
    let host = server.base_url();
    let mut variables = keys(&host).to_vec();
    variables.retain(|(name, _)| *name != "LANGFUSE_SECRET_KEY");
    // A reference, as people keep their keys, and settings that would keep the logs from arriving.
    let kept = [("LANGFUSE_SECRET_KEY", "env:MY_KEY"), ("MY_KEY", LangfuseWorld::SECRET_KEY), ("LOG_FORMAT", "human"), ("RUST_LOG", "off")];
    variables.extend(kept);
    variables.extend([("LANGFUSE_SAMPLE_RATE", "0"), ("LANGFUSE_TRACING_ENABLED", "false"), ("LANGFUSE_TRACING_ENVIRONMENT", "mine")]);
    let ended = run(&["demo", "--to", "langfuse"], &variables).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert!(ended.stdout.lines().next().unwrap().contains(&host), "{}", ended.stdout);
    let rows = server.observations();
    assert_eq!(rows.len(), 12);
    assert!(rows.iter().all(|row| row.environment == "sls-to-langfuse-demo"));
    let links: BTreeSet<_> = ended.stdout.lines().filter(|line| line.starts_with("  http")).map(str::trim).collect();
    let expected: BTreeSet<_> = rows.iter().map(|row| format!("{host}/project/{}/traces/{}", row.project, row.trace_id)).collect();
    assert_eq!(links, expected.iter().map(String::as_str).collect());
    assert!(ended.stdout.contains("2 March 2026"));
    assert!(!ended.stdout.contains(LangfuseWorld::SECRET_KEY));
}

#[tokio::test]
async fn demo_to_a_server_that_hides_its_project_prints_short_links() {
    let server = langfuse().await;
    let host = server.base_url();
    server.refuse_when(When::path("/api/public/projects"), Fault::status(500));
    let ended = run(&["demo", "--to", "langfuse"], &keys(&host)).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains(&format!("  {host}/trace/5b8aa5a2d2c872e8321cf37308d69d01\n")), "{}", ended.stdout);
}

#[tokio::test]
async fn demo_to_langfuse_fails_with_what_to_do_when_the_keys_are_wrong() {
    let server = langfuse().await;
    let host = server.base_url();
    let mut variables = keys(&host);
    variables[2].1 = "sk-lf-wrong";
    let ended = run(&["demo", "--to", "langfuse"], &variables).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    assert!(ended.stderr.contains("what to do: "), "{}", ended.stderr);
    assert!(!ended.stdout.contains("The traces"));
}

#[tokio::test]
async fn demo_to_langfuse_without_settings_names_all_of_them() {
    let ended = run(&["demo", "--to", "langfuse"], &[]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    for name in ["LANGFUSE_HOST", "LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"] {
        assert!(ended.stderr.contains(name), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn demo_says_how_to_get_the_function_where_there_is_none() {
    let ended = run(&["demo", "--bootstrap", "/no/such/bootstrap"], &[]).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("/no/such/bootstrap") && ended.stderr.contains("cargo build"), "{}", ended.stderr);
    let no_function = run(&["demo", "--bootstrap", env!("CARGO_BIN_EXE_sls-to-langfuse")], &[]).await;
    assert_eq!(no_function.code, Some(1));
    assert!(no_function.stderr.contains("did not listen") && no_function.stderr.contains("Usage:"), "{}", no_function.stderr);
}
