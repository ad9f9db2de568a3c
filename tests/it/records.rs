//! Gateway records and stand-in answers made for tests.

use std::collections::{BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use sls_to_langfuse::emulator::server::{Answer, Reply, Server};
use sls_to_langfuse::sls::wire;

/// When the records of these tests were written, UNIX seconds.
pub const LOGGED_AT: u32 = 1_772_417_413;

/// A log of these fields.
pub fn log(fields: &[(&str, &str)]) -> wire::Log {
    let contents = fields.iter().map(|(key, value)| wire::Content { key: (*key).into(), value: (*value).into() }).collect();
    wire::Log { time: LOGGED_AT, contents, time_ns: None }
}

/// The request id of call number `number`, which is also what its row is found by.
pub fn request_id(number: usize) -> String {
    format!("request-{number:06}")
}

/// The ids of these calls.
pub fn request_ids(numbers: impl IntoIterator<Item = usize>) -> BTreeSet<String> {
    numbers.into_iter().map(request_id).collect()
}

/// An ordinary chat call with this question.
pub fn chat_saying(number: usize, question: &str) -> wire::Log {
    let trace_id = format!("5b8aa5a2d2c872e8321cf373{number:08x}");
    let start = format!("2026-03-02T02:{:02}:{:02}.037Z", number / 60 % 60, number % 60);
    log(&[
        ("ai_log", r#"{"api":"demo-chat@a@b","model":"qwen-plus","input_token":25,"output_token":60,"total_token":85}"#),
        ("question", question),
        ("answer", "好的。"),
        ("method", "POST"),
        ("path", "/v1/chat/completions"),
        ("request_id", &request_id(number)),
        ("response_code", "200"),
        ("response_code_details", "via_upstream"),
        ("route_name", "demo-chat"),
        ("start_time", &start),
        ("duration", "1500"),
        ("trace_id", &trace_id),
    ])
}

/// An ordinary chat call.
pub fn chat(number: usize) -> wire::Log {
    chat_saying(number, &format!("第 {number} 个问题？"))
}

/// A log group.
pub fn group(logs: Vec<wire::Log>) -> wire::LogGroup {
    wire::LogGroup { logs, ..Default::default() }
}

/// So many groups of so many chat calls each, numbered through.
pub fn chats(groups: usize, per_group: usize) -> Vec<wire::LogGroup> {
    (0..groups).map(|at| group((0..per_group).map(|index| chat(at * per_group + index)).collect())).collect()
}

/// A server that gives prepared answers, the last one again and again, and remembers what it was asked.
pub struct Prepared {
    answers: Mutex<VecDeque<Response<Bytes>>>,
    requests: Mutex<Vec<Request<Bytes>>>,
}

impl Prepared {
    /// Starts it. Keep the server: dropping it closes the port.
    pub async fn start(answers: impl IntoIterator<Item = Response<Bytes>>) -> (Arc<Self>, Server) {
        let prepared = Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), requests: Mutex::default() });
        let server = Server::start(0, prepared.clone()).await.unwrap();
        (prepared, server)
    }

    /// How many requests came.
    pub fn asked(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// The paths that were asked for.
    pub fn paths(&self) -> Vec<String> {
        self.requests.lock().unwrap().iter().map(|request| request.uri().path().to_owned()).collect()
    }
}

impl Answer for Prepared {
    fn answer(&self, request: Request<Bytes>) -> Pin<Box<dyn Future<Output = Reply> + Send + '_>> {
        self.requests.lock().unwrap().push(request);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        Box::pin(async move { answer.map_or(Reply::Reset, Reply::Whole) })
    }
}

/// An answer with these headers.
pub fn response(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Response<Bytes> {
    let builder = headers.iter().fold(Response::builder().status(status), |builder, (name, value)| builder.header(*name, *value));
    builder.body(body.into()).unwrap()
}
