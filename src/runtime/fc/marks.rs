//! The hooks of the platform, and the lines that tell its log where a call begins and ends (`reference/function-compute.md` §3).

use std::io::Write;

use http::Method;

/// What the platform calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// An event.
    Invoke,
    /// Once before the first event, if configured.
    Initialize,
    /// Before the instance goes, if configured.
    PreStop,
}

impl Hook {
    /// The hook behind a request line.
    pub fn of(method: &Method, path: &str) -> Option<Self> {
        match (method, path) {
            (&Method::POST, "/invoke") => Some(Self::Invoke),
            (&Method::POST, "/initialize") => Some(Self::Initialize),
            (&Method::GET, "/pre-stop") => Some(Self::PreStop),
            _ => None,
        }
    }

    /// Its path.
    pub fn path(self) -> &'static str {
        match self {
            Self::Invoke => "/invoke",
            Self::Initialize => "/initialize",
            Self::PreStop => "/pre-stop",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Invoke => "Invoke",
            Self::Initialize => "Initialize",
            Self::PreStop => "PreStop",
        }
    }
}

/// A call between its two marks. It gets its end in any case: one that is dropped on the way, because its caller went away, has failed.
#[derive(Debug)]
pub struct Marked<'r> {
    hook: Hook,
    request_id: &'r str,
    failed: Option<bool>,
}

impl<'r> Marked<'r> {
    /// Marks the beginning of a call.
    pub fn start(hook: Hook, request_id: &'r str) -> Self {
        line(&format!("FC {} Start RequestId: {request_id}", hook.name()));
        Self { hook, request_id, failed: None }
    }

    /// Marks the end of a call.
    pub fn end(mut self, failed: bool) {
        self.failed = Some(failed);
    }
}

impl Drop for Marked<'_> {
    fn drop(&mut self) {
        let Self { hook, request_id, failed } = self;
        if failed.is_none() {
            tracing::warn!(event = "abandoned", request_id, "the caller went away before the call was done");
        }
        let error = if failed.unwrap_or(true) { ", Error: Unhandled function error" } else { "" };
        line(&format!("FC {} End RequestId: {request_id}{error}", hook.name()));
    }
}

fn line(text: &str) {
    // A closed stdout must not end a call.
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}
