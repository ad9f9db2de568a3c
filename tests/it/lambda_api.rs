//! The runtime API of Lambda as a stand-in, and the real `bootstrap` that polls it (`reference/function-compute.md` §9).

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::Value;
use sls_to_langfuse::emulator::langfuse::{LangfuseEmulator, LangfuseWorld};
use sls_to_langfuse::emulator::server::{Answer, Reply, Server};
use tokio::sync::{Mutex as AsyncMutex, mpsc};

use crate::support::{Process, ordinary_settings, until};

/// Where the function's own log goes.
pub const OWN_LOG_GROUP: &str = "/aws/lambda/sls-to-langfuse";

/// Langfuse, the runtime API, and a `bootstrap` between them.
pub struct Lambda {
    pub langfuse: LangfuseEmulator,
    pub process: Process,
    events: mpsc::UnboundedSender<Event>,
    answers: mpsc::UnboundedReceiver<Answered>,
    calls: u32,
    _server: Server,
}

/// What the function told the runtime API.
#[derive(Debug)]
pub struct Answered {
    /// The request id that stands in the path.
    pub id: String,
    /// True if it is an error.
    pub failed: bool,
    /// The answer, or the error with its `errorType` and `errorMessage`.
    pub body: Value,
}

struct Event {
    id: String,
    body: String,
    deadline_ms: u128,
}

struct RuntimeApi {
    events: AsyncMutex<mpsc::UnboundedReceiver<Event>>,
    running: Mutex<Option<String>>,
    answers: mpsc::UnboundedSender<Answered>,
}

impl Answer for RuntimeApi {
    fn answer(&self, request: Request<Bytes>) -> Pin<Box<dyn Future<Output = Reply> + Send + '_>> {
        Box::pin(async move {
            let path = request.uri().path().strip_prefix("/2018-06-01/runtime/invocation/").unwrap_or_default().to_owned();
            match (request.method(), path.split_once('/')) {
                (&Method::GET, None) if path == "next" => self.next().await,
                (&Method::POST, Some((id, what @ ("response" | "error")))) => Reply::Whole(self.take(&request, id, what)),
                _ => Reply::Whole(status(404)),
            }
        })
    }
}

impl RuntimeApi {
    /// Waits for an event, as the platform freezes a function until there is one.
    async fn next(&self) -> Reply {
        let Some(event) = self.events.lock().await.recv().await else { return Reply::Reset };
        *self.running.lock().unwrap() = Some(event.id.clone());
        let response = Response::builder()
            .header("content-type", "application/json")
            .header("lambda-runtime-aws-request-id", event.id)
            .header("lambda-runtime-deadline-ms", event.deadline_ms.to_string())
            .header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-central-1:123456789012:function:sls-to-langfuse")
            .header("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0");
        Reply::Whole(response.body(event.body.into()).unwrap())
    }

    /// Takes the one answer of the running call.
    fn take(&self, request: &Request<Bytes>, id: &str, what: &str) -> Response<Bytes> {
        if self.running.lock().unwrap().take().as_deref() != Some(id) {
            return status(400);
        }
        let body = serde_json::from_slice(request.body()).unwrap_or_else(|_| Value::String("(no JSON)".into()));
        let _ = self.answers.send(Answered { id: id.into(), failed: what == "error", body });
        status(202)
    }
}

fn status(status: u16) -> Response<Bytes> {
    Response::builder().status(status).body(Bytes::from_static(b"{\"status\":\"OK\"}")).unwrap()
}

/// What Lambda sets, beside the ordinary settings without those of Function Compute.
pub fn settings(langfuse: &str, runtime_api: &str) -> BTreeMap<String, String> {
    let mut all = ordinary_settings(langfuse, "http://127.0.0.1:9");
    all.retain(|name, _| !name.starts_with("FC_") && name != "SLS_ENDPOINT");
    let platform = [
        ("AWS_LAMBDA_RUNTIME_API", runtime_api),
        ("AWS_LAMBDA_FUNCTION_NAME", "sls-to-langfuse"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", OWN_LOG_GROUP),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/03/02/[$LATEST]0"),
        ("AWS_REGION", "eu-central-1"),
    ];
    all.extend(platform.map(|(name, value)| (name.to_owned(), value.to_owned())));
    all
}

impl Lambda {
    /// A Langfuse 4.16 and a function with ordinary settings.
    pub async fn new() -> Self {
        Self::with_settings(&[]).await
    }

    /// The same with more settings, which may replace ordinary ones.
    pub async fn with_settings(more: &[(&str, &str)]) -> Self {
        let langfuse = LangfuseEmulator::start(0, LangfuseWorld::default()).await.unwrap();
        let ((events, waiting), (told, answers)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        let api = RuntimeApi { events: AsyncMutex::new(waiting), running: Mutex::default(), answers: told };
        let server = Server::start(0, Arc::new(api)).await.unwrap();
        let mut all = settings(&langfuse.base_url(), &server.address().to_string());
        all.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Self { langfuse, process: Process::start(&all), events, answers, calls: 0, _server: server }
    }

    /// Calls the function, which has a minute.
    pub async fn invoke(&mut self, event: &Value) -> Answered {
        self.call(&event.to_string(), Duration::from_secs(60)).await
    }

    /// Calls the function with an event of any kind, which is killed after `timeout`.
    pub async fn call(&mut self, event: &str, timeout: Duration) -> Answered {
        let deadline_ms = (SystemTime::now() + timeout).duration_since(UNIX_EPOCH).unwrap().as_millis();
        self.calls += 1;
        let id = format!("8476a536-e9f4-11e8-9739-{:012}", self.calls);
        self.events.send(Event { id: id.clone(), body: event.into(), deadline_ms }).ok().unwrap();
        let answered = tokio::time::timeout(Duration::from_secs(60), self.answers.recv()).await;
        let answered = answered.ok().flatten().unwrap_or_else(|| panic!("no answer: {}", self.process.output()));
        assert_eq!(answered.id, id);
        answered
    }

    /// The report of the last call. It is written before the answer, but may be read later.
    pub async fn report(&self) -> Value {
        until(|| self.process.events("report").len() == self.calls as usize).await;
        self.process.events("report").pop().unwrap()
    }

    /// The bodies that were posted to Langfuse.
    pub fn posted(&self) -> Vec<Bytes> {
        let posts = self.langfuse.requests().into_iter().filter(|request| request.method == "POST");
        posts.map(|request| request.decoded).collect()
    }
}
