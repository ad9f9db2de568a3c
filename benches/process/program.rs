//! The deployable as a process: its start, calls as Function Compute makes them, and what it has taken of the machine.

use std::collections::HashMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use sls_to_langfuse::sls::cursor::Cursor;
use tokio::process::{Child, Command};

use super::corpus::RECORDS_PER_GROUP;
use super::world::FIRST;

/// How a process is started.
#[derive(Clone, Debug)]
pub struct Start {
    /// The binary.
    pub program: PathBuf,
    /// Programs and arguments before it, which must end in running it.
    pub prefix: Vec<String>,
    /// Its settings, all there are.
    pub settings: HashMap<&'static str, String>,
}

/// A running function.
pub struct Program {
    child: Child,
    base_url: String,
    http: reqwest::Client,
    began: Instant,
}

impl Start {
    /// Starts it, and waits until it has answered for the first time.
    pub async fn run(&self) -> anyhow::Result<Program> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let words = self.prefix.iter().cloned().chain([self.program.display().to_string()]);
        let mut words = words.collect::<Vec<_>>().into_iter();
        let mut command = Command::new(words.next().context("no program")?);
        command.args(words).env_clear().envs(&self.settings).env("FC_SERVER_PORT", port.to_string());
        command.stdout(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
        let http = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(sls_to_langfuse::tls::client_config(&[])?).build()?;
        let began = Instant::now();
        let mut program = Program { child: command.spawn()?, base_url: format!("http://127.0.0.1:{port}"), http, began };
        program.wait().await?;
        Ok(program)
    }
}

impl Program {
    async fn wait(&mut self) -> anyhow::Result<()> {
        while self.ask().await.is_err() {
            ensure!(self.child.try_wait()?.is_none(), "the function ended at its start");
            tokio::time::sleep(Duration::from_micros(100)).await;
        }
        Ok(())
    }

    /// Asks whether it is well.
    pub async fn ask(&self) -> anyhow::Result<()> {
        self.http.get(format!("{}/healthz", self.base_url)).send().await?.error_for_status()?;
        Ok(())
    }

    /// Ends it, and waits until it is gone.
    pub async fn end(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// How long ago it was started.
    pub fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// One call for so many records from there on, and the report that it ends with.
    pub async fn call(&self, first: u64, records: u64) -> anyhow::Result<Value> {
        let groups = records.div_ceil(RECORDS_PER_GROUP as u64);
        self.call_groups(first, groups, groups * RECORDS_PER_GROUP as u64).await
    }

    /// One call for so many groups from there on, with so many records, and the report that it ends with.
    pub async fn call_groups(&self, first: u64, groups: u64, records: u64) -> anyhow::Result<Value> {
        let cursor = |number: u64| Cursor::from_number(number).text().to_owned();
        let event = json!({
            "parameter": {},
            "source": {"endpoint": "http://cn-hangzhou-intranet.log.aliyuncs.com", "projectName": "bench", "logstoreName": "gateway",
                       "shardId": 0, "beginCursor": cursor(FIRST + first), "endCursor": cursor(FIRST + first + groups)},
            "jobName": "bench", "taskId": "task", "cursorTime": SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs()
        });
        let request = self.http.post(format!("{}/invoke", self.base_url)).body(event.to_string());
        let headers = [
            ("x-fc-request-id", "bench"),
            ("x-fc-access-key-id", "key"),
            ("x-fc-access-key-secret", "secret"),
            ("x-fc-security-token", "token"),
            ("x-fc-function-timeout", "86400"),
            ("x-fc-control-path", "/invoke"),
        ];
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let report: Value = serde_json::from_slice(&request.send().await?.bytes().await?)?;
        ensure!(report["shipLines"] == json!(records), "not everything was delivered: {report}");
        Ok(report)
    }

    /// What all its threads have taken of a processor.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        let mut nanoseconds = 0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.pid()?))? {
            let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
            nanoseconds += text.split(' ').next().context("no time")?.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// A figure of `/proc/…/status`, kilobytes.
    pub fn memory_kb(&self, figure: &str) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()?))?;
        let line = status.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(':')).context("no such figure")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    }

    /// Its process id.
    pub fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().context("the function has ended")
    }
}

/// Futures of one kind at the same time.
pub async fn all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, output) in futures.iter_mut().filter(|(_, output)| output.is_none()) {
            if let std::task::Poll::Ready(ready) = future.as_mut().poll(context) {
                *output = Some(ready);
            }
        }
        if futures.iter().all(|(_, output)| output.is_some()) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    futures.into_iter().filter_map(|(_, output)| output).collect()
}
