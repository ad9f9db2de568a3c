//! The failures of delivery in words: what failed, at which host, and what to do. No text of a server's answer. Pure.

use std::time::Duration;

use super::answer::NoAnswer;
use super::destination::Destination;
use super::ingestion_plan::Api;
use super::job::LastAttempt;
use super::verdict::Block;
use crate::error::{Failure, Stage};

/// Something stands in the way of every request.
pub fn blocked(destination: &Destination, status: u16, block: &Block, api: Api) -> Failure {
    let message = match status {
        0 => format!("{} could not be asked", host(destination)),
        _ => format!("{} answered {} with status {status}", host(destination), api.path()),
    };
    Failure::new(Stage::Deliver, block.error_type(), message, hint(block, api))
}

/// The destination is being left alone after such an answer.
pub fn paused(destination: &Destination, block: &Block, left: Duration) -> Failure {
    let message = format!("{} refused this function before; it is left alone for {} s more", host(destination), left.as_secs().max(1));
    Failure::new(Stage::Deliver, block.error_type(), message, hint(block, Api::Otlp))
}

/// The attempts or the time are used up.
pub fn exhausted(destination: &Destination, last: LastAttempt, attempts: u32) -> Failure {
    unavailable(last, format!("{} did not take a request after {attempts} attempts ({last})", host(destination)))
}

/// The next attempt would have to wait longer than is worth it.
pub fn too_long_a_wait(destination: &Destination, last: LastAttempt, wait: Duration) -> Failure {
    let seconds = wait.as_secs();
    unavailable(last, format!("{} asks for {seconds} s before the next attempt ({last}), which this call does not wait", host(destination)))
}

fn unavailable(last: LastAttempt, message: String) -> Failure {
    let advice = match last {
        LastAttempt::Answered(429) => "Langfuse limits this project's rate: lower the sample rate or raise the plan if it stays",
        LastAttempt::Answered(403) => "something in front of Langfuse refuses requests: look at its firewall",
        LastAttempt::Answered(_) => "look at the health of Langfuse and of the proxies in front of it",
        LastAttempt::NoAnswer(NoAnswer::Unreachable) => "check the name in LANGFUSE_HOST, and that the function's network reaches it",
        _ => "check that Langfuse is up and reachable from the function; LANGFUSE_SDK_TIMEOUT limits each request",
    };
    Failure::new(Stage::Deliver, "langfuse_unavailable", message, format!("nothing is lost, the trigger brings the range again; {advice}"))
}

/// The operator demands the batch API, and the server stores nothing of it.
pub fn events_only(destination: &Destination) -> Failure {
    let message = format!("{} stores nothing that comes by the batch API", host(destination));
    Failure::new(Stage::Deliver, "langfuse_events_only", message, "set LANGFUSE_INGESTION to auto or otlp")
}

/// An encoded observation does not read back.
pub fn unreadable() -> Failure {
    Failure::new(Stage::Internal, "unreadable_batch", "an encoded batch does not read back", "report this: it is a bug")
}

fn host(destination: &Destination) -> String {
    let url = reqwest::Url::parse(&destination.settings().base_url).ok();
    format!("Langfuse at {}", url.as_ref().and_then(reqwest::Url::host_str).unwrap_or("its host"))
}

fn hint(block: &Block, api: Api) -> String {
    match (block, api) {
        (Block::Keys, _) => "check LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY, and that they belong to this host".into(),
        (Block::Permission, _) => {
            "the key may not write traces, or ingestion is suspended by plan usage: look at the project in Langfuse".into()
        }
        (Block::Redirect(Some(origin)), _) => {
            format!("LANGFUSE_HOST redirects to {origin}; if that is your Langfuse, set LANGFUSE_HOST to it (redirects are never followed)")
        }
        (Block::Certificate, _) => {
            "the certificate of this host is not trusted, or is of another name: check LANGFUSE_HOST; for a private authority set SSL_CERT_FILE"
                .into()
        }
        (Block::Redirect(None), _) => {
            "LANGFUSE_HOST redirects to another path of the same host, probably to a login page; set the address of Langfuse itself".into()
        }
        (Block::NoEndpoint, Api::Otlp) => {
            "this address has no OTLP endpoint: check the path in LANGFUSE_HOST; for a Langfuse before 3.63 set LANGFUSE_INGESTION=batch"
                .into()
        }
        (Block::NoEndpoint, Api::Batch(_)) => "this address has no batch endpoint: check the path in LANGFUSE_HOST".into(),
        (Block::NotLangfuse, _) => {
            "this address answers with something that is not Langfuse: check LANGFUSE_HOST and the proxy in front of it".into()
        }
        (Block::Unexpected, _) => "check LANGFUSE_HOST and the proxies between the function and Langfuse".into(),
    }
}
