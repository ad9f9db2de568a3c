//! A world around the real binary: SLS, Langfuse, the process, and calls as Function Compute makes them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use sls_to_langfuse::emulator::langfuse::{LangfuseEmulator, LangfuseWorld, RecordedRequest};
use sls_to_langfuse::emulator::sls::{AccessKey, ShardSpec, SlsEmulator, SlsWorld, groups_from_jsonl};
use sls_to_langfuse::sls::wire;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

pub const PROJECT: &str = "demo-project";
pub const LOGSTORE: &str = "ai-gateway-log";
pub const SEED: u64 = 1_732_154_287_213_232_000;
pub const SAMPLES: &str = include_str!("../fixtures/gateway-samples.jsonl");
pub const KEY_ID: &str = "STS.testkey";
pub const KEY_SECRET: &str = "sentinel-key-secret";
pub const TOKEN: &str = "sentinel-security-token";

/// Both stand-ins and a running `bootstrap`.
pub struct World {
    pub sls: SlsEmulator,
    pub langfuse: LangfuseEmulator,
    pub function: Function,
}

/// A process of `bootstrap` and everything it has written.
pub struct Process {
    output: Arc<Mutex<String>>,
    child: Child,
}

/// A `bootstrap` that listens for calls of Function Compute.
pub struct Function {
    base_url: String,
    http: reqwest::Client,
    process: Process,
}

/// The answer of one call.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub fc_status: String,
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Answer {
    /// The report, which is the answer of a success and a member of that of a failure.
    pub fn report(&self) -> &Value {
        if self.body["report"].is_object() { &self.body["report"] } else { &self.body }
    }

    /// A number of the report.
    pub fn count(&self, member: &str) -> u64 {
        self.report()[member].as_u64().unwrap_or_else(|| panic!("{member}: {}", self.text))
    }

    /// Why the call failed: `errorType` and `stage`, both empty for a success.
    pub fn failure(&self) -> (&str, &str) {
        (self.body["errorType"].as_str().unwrap_or_default(), self.body["stage"].as_str().unwrap_or_default())
    }

    /// Checks what holds for every call (`design.md` §2): each record has one end, only a failure leaves something undone, and
    /// both statuses tell the outcome.
    pub fn assert_balanced(&self) {
        let sum = |member: &str| self.report()[member].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum::<u64>();
        let ends = self.count("shipLines") + sum("skipped") + sum("deadLettered") + self.count("undone");
        assert_eq!(self.count("ingestLines"), ends, "{}", self.text);
        let (status, outcome) = if self.failure().0.is_empty() { (200, "success") } else { (404, "failure") };
        assert_eq!(
            (self.status, self.fc_status.parse(), self.report()["outcome"].as_str()),
            (status, Ok(status), Some(outcome)),
            "{}",
            self.text
        );
        assert!(outcome == "failure" || self.count("undone") == 0, "{}", self.text);
    }

    /// The same for a call that must have succeeded.
    pub fn assert_success(&self) {
        self.assert_balanced();
        assert_eq!(self.status, 200, "{}", self.text);
    }
}

impl World {
    /// The samples in five groups of shard 0, a Langfuse 4.16, and a function with ordinary settings.
    pub async fn new() -> Self {
        Self::with_settings(&[]).await
    }

    /// The same with more settings, which may replace ordinary ones.
    pub async fn with_settings(settings: &[(&str, &str)]) -> Self {
        Self::of(groups_from_jsonl(SAMPLES, 5, 1_772_417_413).unwrap(), settings).await
    }

    /// The same with these groups in shard 0.
    pub async fn of(groups: Vec<wire::LogGroup>, settings: &[(&str, &str)]) -> Self {
        let (sls, langfuse) = (sls_with(&[0]).await, LangfuseEmulator::start(0, LangfuseWorld::default()).await.unwrap());
        append(&sls, 0, groups);
        let mut all = ordinary_settings(&langfuse.base_url(), &sls.endpoint());
        all.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let function = Function::start(&all).await;
        Self { sls, langfuse, function }
    }

    /// What was posted to Langfuse, without the questions for its health.
    pub fn posts(&self) -> Vec<RecordedRequest> {
        self.langfuse.requests().into_iter().filter(|request| request.method == "POST").collect()
    }

    /// Calls the function with the ordinary event.
    pub async fn invoke(&self) -> Answer {
        self.function.invoke(&event(0, SEED, SEED + 5)).await
    }
}

/// The gateway's ids of all records that a Langfuse has.
pub fn arrived(langfuse: &LangfuseEmulator) -> BTreeSet<String> {
    langfuse.observations().iter().map(|row| row.metadata["request_id"].clone()).collect()
}

/// A stand-in for SLS with one Logstore and these shards, and the key that calls bring.
pub async fn sls_with(shards: &[u32]) -> SlsEmulator {
    let sls = SlsEmulator::start(0, SlsWorld::default()).await.unwrap();
    let shards: Vec<_> = shards.iter().map(|id| ShardSpec { id: *id, seed: SEED }).collect();
    sls.create_logstore(PROJECT, LOGSTORE, &shards);
    let expires = SystemTime::now() + Duration::from_secs(36 * 3600);
    sls.add_key(AccessKey::permanent(KEY_ID, KEY_SECRET).with_token(TOKEN, expires));
    sls
}

pub fn append(sls: &SlsEmulator, shard: u32, groups: Vec<wire::LogGroup>) {
    for group in groups {
        sls.append(PROJECT, LOGSTORE, shard, &group, 1_772_417_413).unwrap();
    }
}

pub fn ordinary_settings(langfuse: &str, sls: &str) -> BTreeMap<String, String> {
    let pairs = [
        ("LANGFUSE_HOST", langfuse),
        ("LANGFUSE_PUBLIC_KEY", LangfuseWorld::PUBLIC_KEY),
        ("LANGFUSE_SECRET_KEY", LangfuseWorld::SECRET_KEY),
        ("SLS_ENDPOINT", sls),
        ("FC_SERVER_PORT", "0"),
        ("FC_FUNC_CODE_PATH", "/code/"),
    ];
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The settings of a person at a command line, with the key that the stand-in knows.
pub fn personal_settings(langfuse: &str, sls: &str) -> BTreeMap<String, String> {
    let own =
        [("ALIBABA_CLOUD_ACCESS_KEY_ID", KEY_ID), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", KEY_SECRET), ("ALIBABA_CLOUD_SECURITY_TOKEN", TOKEN)];
    let mut settings = ordinary_settings(langfuse, sls);
    settings.retain(|name, _| !name.starts_with("FC_"));
    settings.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    settings
}

/// The trigger event of a range of one shard.
pub fn event(shard: u32, begin: u64, end: u64) -> Value {
    let cursor = |number| sls_to_langfuse::sls::cursor::Cursor::from_number(number).text().to_owned();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    json!({
        "parameter": {},
        "source": {"endpoint": "http://cn-hangzhou-intranet.log.aliyuncs.com", "projectName": PROJECT, "logstoreName": LOGSTORE,
                   "shardId": shard, "beginCursor": cursor(begin), "endCursor": cursor(end)},
        "jobName": "job", "taskId": "task", "cursorTime": now
    })
}

impl Function {
    /// Starts `bootstrap` with exactly these variables and waits until it says where it listens.
    pub async fn start(settings: &BTreeMap<String, String>) -> Self {
        Self::of(command(settings)).await
    }

    /// The same with a program of one's own.
    pub async fn of(command: Command) -> Self {
        let (told, address) = tokio::sync::oneshot::channel();
        let process = Process::started(command, Some(told));
        let port = address.await.unwrap_or_else(|_| panic!("bootstrap did not listen: {}", process.output()));
        let http = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(sls_to_langfuse::tls::client_config(&[]).unwrap());
        Self { base_url: format!("http://127.0.0.1:{port}"), http: http.build().unwrap(), process }
    }

    /// Posts an event with all the headers that Function Compute sends.
    pub async fn invoke(&self, event: &Value) -> Answer {
        self.call(&event.to_string(), &[]).await
    }

    /// Posts a body; the given headers replace or join the ordinary ones, an empty value removes one.
    pub async fn call(&self, body: &str, headers: &[(&str, &str)]) -> Answer {
        self.try_call(body, headers).await.unwrap()
    }

    /// The same for a process that may die in the middle.
    pub async fn try_call(&self, body: &str, headers: &[(&str, &str)]) -> reqwest::Result<Answer> {
        let mut all: BTreeMap<String, String> = fc_headers();
        all.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let mut request = self.http.post(format!("{}/invoke", self.base_url)).body(body.to_owned());
        for (name, value) in all.iter().filter(|(_, value)| *value != "(none)") {
            request = request.header(name, value);
        }
        let response = request.send().await?;
        let fc_status = response.headers().get("x-fc-status").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        let (status, body) = (response.status().as_u16(), response.bytes().await?);
        let text = String::from_utf8_lossy(&body).into_owned();
        Ok(Answer { status, fc_status, body: serde_json::from_slice(&body).unwrap_or(Value::Null), text })
    }

    /// Any other request: method, path, and the status and text of the answer.
    pub async fn request(&self, method: &str, path: &str) -> (u16, String) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let response = self.http.request(method, format!("{}{path}", self.base_url)).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// Where it listens, for a connection of one's own.
    pub fn address(&self) -> String {
        self.base_url.trim_start_matches("http://").to_owned()
    }

    /// Everything written to stdout and stderr so far.
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// Log lines of one kind.
    pub fn events(&self, event: &str) -> Vec<Value> {
        self.process.events(event)
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.process.child.id().unwrap()
    }

    /// Waits for the process to end by itself.
    pub async fn ended(&mut self) -> Option<i32> {
        self.process.ended().await
    }
}

impl Process {
    /// Starts `bootstrap` with exactly these variables.
    pub fn start(settings: &BTreeMap<String, String>) -> Self {
        Self::started(command(settings), None)
    }

    fn started(mut command: Command, told: Option<tokio::sync::oneshot::Sender<u16>>) -> Self {
        let mut child = command.spawn().unwrap();
        let output = Arc::new(Mutex::new(String::new()));
        tokio::spawn(collect(child.stdout.take().unwrap(), output.clone(), told));
        tokio::spawn(collect(child.stderr.take().unwrap(), output.clone(), None));
        Self { output, child }
    }

    /// Everything written to stdout and stderr so far.
    pub fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    /// Log lines of one kind.
    pub fn events(&self, event: &str) -> Vec<Value> {
        let lines = self.output();
        lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).filter(|line| line["event"] == event).collect()
    }

    /// Waits for the process to end by itself.
    pub async fn ended(&mut self) -> Option<i32> {
        self.child.wait().await.unwrap().code()
    }
}

/// `bootstrap` with exactly these variables.
pub fn command(settings: &BTreeMap<String, String>) -> Command {
    command_of(env!("CARGO_BIN_EXE_bootstrap"), settings)
}

/// A program with exactly these variables.
pub fn command_of(program: impl AsRef<std::ffi::OsStr>, settings: &BTreeMap<String, String>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(settings).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn collect(stream: impl AsyncRead + Unpin, output: Arc<Mutex<String>>, mut told: Option<tokio::sync::oneshot::Sender<u16>>) {
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(port) = port_of(&line)
            && let Some(told) = told.take()
        {
            let _ = told.send(port);
        }
        let mut output = output.lock().unwrap();
        output.push_str(&line);
        output.push('\n');
    }
}

/// The port in the line that tells it, in either form of the log.
fn port_of(line: &str) -> Option<u16> {
    let address = match serde_json::from_str::<Value>(line) {
        Ok(line) if line["event"] == "listening" => line["address"].as_str()?.to_owned(),
        Ok(_) => return None,
        Err(_) => line.split_once("event=\"listening\" address=")?.1.split(' ').next()?.to_owned(),
    };
    address.rsplit(':').next()?.parse().ok()
}

/// The headers of a call (`reference/function-compute.md` §2.1).
pub fn fc_headers() -> BTreeMap<String, String> {
    let pairs = [
        ("Content-Type", "application/octet-stream"),
        ("x-fc-request-id", "1-67b2f0aa-0123456789ab-cdef"),
        ("x-fc-access-key-id", KEY_ID),
        ("x-fc-access-key-secret", KEY_SECRET),
        ("x-fc-security-token", TOKEN),
        ("x-fc-function-name", "sls-to-langfuse"),
        ("x-fc-function-handler", "index.handler"),
        ("x-fc-function-memory", "256"),
        ("x-fc-function-timeout", "60"),
        ("x-fc-region", "cn-hangzhou"),
        ("x-fc-account-id", "1000000000000001"),
        ("x-fc-qualifier", "LATEST"),
        ("x-fc-version-id", ""),
        ("x-fc-service-logproject", PROJECT),
        ("x-fc-service-logstore", "function-log"),
        ("x-fc-control-path", "/invoke"),
        ("x-fc-retry-count", "0"),
    ];
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Waits until something is so. The limit is for what will never be so, and far above what a busy machine needs.
pub async fn until(so: impl Fn() -> bool) {
    let waiting = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap();
}

/// The most memory that the process ever held, in megabytes; `None` where the system does not tell.
pub fn peak_memory_mb(function: &Function) -> Option<u64> {
    memory_kb(function, "VmHWM").map(|kilobytes| kilobytes / 1024)
}

/// A figure of the process by its name in `/proc`, kilobytes; `None` where the system does not tell.
pub fn memory_kb(function: &Function, figure: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", function.pid())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(':'))?;
    Some(line.trim().trim_end_matches("kB").trim().parse().unwrap())
}
