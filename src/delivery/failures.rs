//! The failures of delivery in words: what failed, at which host, and what to do. No text of a server's answer. Pure.

use std::time::Duration;

use super::destination::Destination;
use super::ingestion_plan::Api;
use super::verdict::Block;
use crate::error::{Failure, Stage};

/// Something stands in the way of every request.
pub fn blocked(destination: &Destination, status: u16, block: &Block, api: Api) -> Failure {
    let message = format!("{} answered {} with status {status}", host(destination), api.path());
    Failure::new(Stage::Deliver, block.error_type(), message, hint(block, api))
}

/// The destination is being left alone after such an answer.
pub fn paused(destination: &Destination, block: &Block, left: Duration) -> Failure {
    let message = format!("{} refused this function before; it is left alone for {} s more", host(destination), left.as_secs().max(1));
    Failure::new(Stage::Deliver, block.error_type(), message, hint(block, Api::Otlp))
}

/// The attempts or the time are used up; status 0: no answer came.
pub fn exhausted(destination: &Destination, status: u16, attempts: u32) -> Failure {
    let last = if status == 0 { "no whole answer".to_owned() } else { format!("status {status}") };
    let message = format!("{} did not take a request after {attempts} attempts ({last})", host(destination));
    let hint = "nothing is lost: the trigger brings the range again; check that Langfuse is up and reachable from the function";
    Failure::new(Stage::Deliver, "langfuse_unavailable", message, hint)
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
        (Block::Redirect(Some(host)), _) => {
            format!("LANGFUSE_HOST redirects to host {host}; if that is your Langfuse, set it (redirects are never followed)")
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
