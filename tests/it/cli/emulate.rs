//! `emulate`: the stand-ins as processes, by their own examples.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::{Ended, client, command, langfuse, run, temporary};

/// A stand-in in a process of its own, and what it said at its start.
struct StandIn {
    child: Child,
    said: String,
}

impl StandIn {
    async fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut child = command(&[&["emulate"], arguments].concat(), variables).spawn().unwrap();
        let (mut said, mut lines) = (String::new(), BufReader::new(child.stdout.take().unwrap()).lines());
        while let Some(line) = lines.next_line().await.unwrap() {
            said.push_str(&format!("{line}\n"));
            if line.starts_with("Stop it") {
                break;
            }
        }
        Self { child, said }
    }

    /// The example that it says can be pasted, as a shell runs it.
    async fn pasted(&self) -> Ended {
        let example = self.said.split_once("from another terminal").unwrap().1.split_once(":\n").unwrap().1;
        let script = example.split("  curl").next().unwrap().split("Stop it").next().unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null()).kill_on_drop(true);
        let output = shell.output().await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    async fn terminated(mut self) -> Option<i32> {
        let pid = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().await.unwrap().code()
    }
}

#[tokio::test]
async fn emulate_sls_serves_what_its_example_asks_for_and_ends_well() {
    let sls = StandIn::start(&["sls", "--shards", "2"], &[]).await;
    assert!(sls.said.starts_with("SLS stand-in: http://127.0.0.1:"), "{}", sls.said);
    let ended = sls.pasted().await;
    assert_eq!(ended.code, Some(0), "{}\n{}", sls.said, ended.stderr);
    assert_eq!(serde_json::from_str::<Value>(&ended.stdout).unwrap()["shipLines"], 6);
    assert_eq!(sls.terminated().await, Some(0));
}

#[tokio::test]
async fn emulate_sls_holds_the_logs_under_the_names_and_keys_that_it_is_given() {
    let file = temporary("{\"request_id\":\"r\",\"path\":\"/v1/chat/completions\"}\n");
    let arguments = ["sls", "--logs", &file.path().display().to_string(), "--project", "p-1", "--logstore", "l-1", "--access-key-id", "id"];
    let arguments = [&arguments[..], &["--access-key-secret", "sentinel"]].concat();
    let sls = StandIn::start(&arguments, &[]).await;
    assert!(sls.said.contains("p-1") && sls.said.contains("l-1") && !sls.said.contains("sentinel"), "{}", sls.said);
    let from_environment = [("ALIBABA_CLOUD_ACCESS_KEY_ID", "id"), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "sentinel")];
    let other = StandIn::start(&["sls"], &from_environment).await;
    assert!(other.said.contains("access key id       id") && !other.said.contains("sentinel"), "{}", other.said);
}

#[tokio::test]
async fn emulate_langfuse_takes_what_its_example_sends_in_every_mode() {
    for (mode, release) in [("events_only", "4.16.0"), ("dual", "4.16.0"), ("legacy", "3.150.0")] {
        let langfuse = StandIn::start(&["langfuse", "--mode", mode, "--version", release], &[]).await;
        assert!(langfuse.said.starts_with("Langfuse stand-in: http://127.0.0.1:"), "{}", langfuse.said);
        let page = langfuse.said.lines().find_map(|line| line.strip_prefix("  page         ")).unwrap();
        assert!(client().get(page).send().await.unwrap().text().await.unwrap().contains("local-page"));
        assert!(langfuse.said.contains(&format!("release      {release}, write mode {mode}")), "{}", langfuse.said);
        let ended = langfuse.pasted().await;
        assert_eq!(ended.code, Some(0), "{mode}: {}", ended.stderr);
        assert_eq!(serde_json::from_str::<Value>(&ended.stdout).unwrap()["shipLines"], 12);
        let traces: Value =
            serde_json::from_str(&client().get(format!("{page}_local/traces")).send().await.unwrap().text().await.unwrap()).unwrap();
        assert_eq!(traces["total"], 12);
        assert_eq!(langfuse.terminated().await, Some(0));
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_said_so() {
    let server = langfuse().await;
    let busy = server.address().port().to_string();
    let ended = run(&["emulate", "langfuse", "--port", &busy], &[]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains(&format!("cannot listen on 127.0.0.1:{busy}")) && ended.stderr.contains("--port"), "{}", ended.stderr);
}

#[tokio::test]
async fn doctor_examines_both_stand_ins_as_they_are_started_on_the_command_line() {
    let trouble = ["--deny", "log:GetLogStore", "--clock-ahead", "-1200"];
    let (sick, well) =
        (StandIn::start(&[&["sls"], &trouble[..]].concat(), &[]).await, StandIn::start(&["sls", "--retention", "3"], &[]).await);
    let server = StandIn::start(&["langfuse"], &[]).await;
    let address = |stand_in: &StandIn| stand_in.said.lines().next().unwrap().rsplit(' ').next().unwrap().to_owned();
    let host = address(&server);
    let mut variables = super::keys(&host).to_vec();
    variables.extend([("ALIBABA_CLOUD_ACCESS_KEY_ID", "emulator-key-id"), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "emulator-key-secret")]);
    for (sls, code, findings) in [
        (&sick, 1, [("clock.sls", "fail"), ("sls.permission.get_logstore", "warn"), ("sls.retention", "skip"), ("langfuse.canary", "ok")]),
        (&well, 0, [("clock.sls", "ok"), ("sls.permission.get_logstore", "ok"), ("sls.retention", "warn"), ("langfuse.canary", "ok")]),
    ] {
        let endpoint = address(sls);
        let arguments = ["doctor", "--json", "--project", "demo-project", "--logstore", "ai-gateway-log", "--endpoint", &endpoint];
        let ended = run(&arguments, &variables).await;
        assert_eq!(ended.code, Some(code), "{ended:?}");
        let told: Value = serde_json::from_str(&ended.stdout).unwrap();
        for (id, status) in findings {
            let check = told["checks"].as_array().unwrap().iter().find(|check| check["id"] == id).unwrap();
            assert_eq!(check["status"], status, "{check}");
        }
    }
    let unknown = run(&["emulate", "sls", "--deny", "log:Everything"], &[]).await;
    assert_eq!((unknown.code, unknown.stderr.contains("log:GetCursorOrData")), (Some(2), true));
}
