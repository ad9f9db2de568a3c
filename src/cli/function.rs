//! A running `bootstrap`, called as Function Compute calls it (`reference/function-compute.md` §1, §2.1).

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, anyhow};
use serde_json::Value;
use tokio::sync::oneshot;

use super::ending::Ending;
use crate::secret::Credentials;
use crate::tls;

/// How long the process may take until it listens. The platform waits 120 s; here it is a matter of milliseconds.
const START: Duration = Duration::from_secs(10);

/// `x-fc-function-timeout` of the calls. Seconds.
const TIMEOUT_SECONDS: u64 = 60;

/// Lines of the function's log that are kept to explain a failure.
const LINES: usize = 200;

/// The process. It ends when this is dropped.
pub struct Function {
    child: Child,
    log: Log,
    readers: Vec<JoinHandle<()>>,
    invoke: String,
    http: reqwest::Client,
}

/// What the function answered.
#[derive(Debug)]
pub struct Answer {
    /// True if the platform would count the call as a success.
    pub success: bool,
    /// The report, or the failure with the report in it.
    pub body: Value,
    /// The same as it came.
    pub text: String,
}

/// The newest lines that the process wrote.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<VecDeque<String>>>);

impl Function {
    /// Starts the program with exactly these variables and waits until it listens.
    pub async fn start(program: &Path, variables: &BTreeMap<String, String>) -> Result<Self, Ending> {
        let mut command = Command::new(program);
        command.env_clear().envs(variables).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let log = Log::default();
        let (told, port) = oneshot::channel();
        let readers = vec![log.follow(child.stdout.take(), Some(told)), log.follow(child.stderr.take(), None)];
        let mut function = Self { child, log, readers, invoke: String::new(), http: client()? };
        let Some(port) = tokio::time::timeout(START, port).await.ok().and_then(Result::ok) else {
            return Err(anyhow!("{} did not listen; it wrote:\n{}", program.display(), function.last_words()).into());
        };
        function.invoke = format!("http://127.0.0.1:{port}/invoke");
        Ok(function)
    }

    /// Ends the process and returns all that it wrote.
    fn last_words(&mut self) -> String {
        self.end();
        for reader in self.readers.drain(..) {
            // A reader ends with the pipe; there is nothing to do about one that panicked.
            let _ = reader.join();
        }
        self.log.text()
    }

    fn end(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Posts an event with all the headers that the platform sends.
    pub async fn invoke(&self, event: &str, project: &str, credentials: &Credentials) -> Result<Answer, Ending> {
        let mut request = self.http.post(&self.invoke).body(event.to_owned());
        for (name, value) in headers(project, credentials) {
            request = request.header(name, value);
        }
        let response = request.send().await.with_context(|| format!("the function did not answer; it wrote:\n{}", self.log.text()))?;
        let success = response.headers().get("x-fc-status").is_some_and(|status| status == "200");
        let text = response.text().await.context("the function's answer was cut")?;
        let body = serde_json::from_str(&text).context("the function's answer is not JSON")?;
        Ok(Answer { success, body, text })
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.end();
    }
}

impl Log {
    /// Keeps what comes out of a pipe, and tells the port once the function says that it listens.
    fn follow(&self, pipe: Option<impl Read + Send + 'static>, mut told: Option<oneshot::Sender<u16>>) -> JoinHandle<()> {
        let log = self.clone();
        let read = move || {
            for line in pipe.into_iter().flat_map(|pipe| BufReader::new(pipe).lines().map_while(Result::ok)) {
                if let Some((port, told)) = port_of(&line).and_then(|port| Some((port, told.take()?))) {
                    let _ = told.send(port);
                }
                log.push(line);
            }
        };
        // A thread, because pipes have no other way of waiting here; it ends with the process.
        std::thread::spawn(read)
    }

    fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

fn client() -> Result<reqwest::Client, Ending> {
    let tls = tls::client_config(&[]).context("TLS cannot be set up")?;
    let client = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls).timeout(Duration::from_secs(TIMEOUT_SECONDS + 3));
    Ok(client.build().context("the HTTP client cannot be set up")?)
}

fn port_of(line: &str) -> Option<u16> {
    let line: Value = serde_json::from_str(line).ok()?;
    let address = line.get("address").filter(|_| line["event"] == "listening")?;
    address.as_str()?.rsplit(':').next()?.parse().ok()
}

fn headers(project: &str, credentials: &Credentials) -> [(&'static str, String); 23] {
    let token = credentials.security_token.as_ref().map_or("", |token| token.expose());
    [
        ("content-type", "application/octet-stream"),
        ("x-fc-request-id", "1-69a4f2a9-15c0ffee-000000000001"),
        ("x-fc-access-key-id", &credentials.access_key_id),
        ("x-fc-access-key-secret", credentials.access_key_secret.expose()),
        ("x-fc-security-token", token),
        ("x-fc-function-name", "sls-to-langfuse"),
        ("x-fc-function-handler", "index.handler"),
        ("x-fc-function-memory", "256"),
        ("x-fc-function-timeout", &TIMEOUT_SECONDS.to_string()),
        ("x-fc-function-initializer", ""),
        ("x-fc-initialization-timeout", "3"),
        ("x-fc-region", "cn-hangzhou"),
        ("x-fc-account-id", "1000000000000001"),
        ("x-fc-qualifier", "LATEST"),
        ("x-fc-version-id", ""),
        ("x-fc-service-name", ""),
        ("x-fc-service-logproject", project),
        ("x-fc-service-logstore", "function-log"),
        ("x-fc-control-path", "/invoke"),
        ("x-fc-retry-count", "0"),
        ("x-fc-tracing-opentracing-span-context", ""),
        ("x-fc-tracing-opentracing-span-baggages", ""),
        ("x-fc-tracing-jaeger-endpoint", ""),
    ]
    .map(|(name, value)| (name, value.to_owned()))
}
