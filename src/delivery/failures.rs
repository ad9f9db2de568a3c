//! The failures of delivery in words: what failed, at which host, and what to do. No text of a server's answer. Pure.

use std::time::Duration;

use super::answer::NoAnswer;
use super::destination::{Destination, Pause};
use super::ingestion_plan::Api;
use super::job::LastAttempt;
use super::verdict::Block;
use crate::error::{Failure, Stage, counted};

/// Comfort that holds for a call by the trigger alone.
const COMES_AGAIN: &str = "nothing is lost, the trigger brings the range again";

/// Message and hint for somebody who asked by hand: no trigger brings anything again.
pub fn asked_by_hand(failure: Failure) -> (String, String) {
    (failure.message, failure.hint)
}

/// Something stands in the way of every request.
pub fn blocked(destination: &Destination, status: u16, block: &Block, api: Api) -> Failure {
    let message = match status {
        0 => format!("{} could not be asked", host(destination)),
        _ => format!("{} answered {} with status {status}", host(destination), api.path()),
    };
    Failure::new(Stage::Deliver, block.error_type(), message, hint(destination, block, api))
}

/// The destination is being left alone after such an answer.
pub fn paused(destination: &Destination, pause: &Pause) -> Failure {
    let seconds = pause.left().as_secs().max(1);
    let message = format!("{} refused this function before; it is left alone for {seconds} s more", host(destination));
    Failure::new(Stage::Deliver, pause.block.error_type(), message, hint(destination, &pause.block, Api::Otlp))
}

/// The attempts or the time are used up.
pub fn exhausted(destination: &Destination, last: LastAttempt, attempts: u32) -> Failure {
    let tries = counted(attempts.into(), "attempt", "attempts");
    unavailable(destination, last, format!("{} did not take a request after {tries} ({last})", host(destination)))
}

/// The next attempt would have to wait longer than is worth it.
pub fn too_long_a_wait(destination: &Destination, last: LastAttempt, wait: Duration) -> Failure {
    let seconds = wait.as_secs();
    unavailable(
        destination,
        last,
        format!(
            "{} did not take a request ({last}); the next attempt is {seconds} s away, which this call does not wait",
            host(destination)
        ),
    )
}

fn unavailable(destination: &Destination, last: LastAttempt, message: String) -> Failure {
    let advice = match last {
        LastAttempt::Answered(429) => "Langfuse limits this project's rate: lower the sample rate or raise the plan if it stays",
        LastAttempt::Answered(403) => "something in front of Langfuse refuses requests: look at its firewall",
        LastAttempt::Answered(_) => "look at the health of Langfuse and of the proxies in front of it",
        LastAttempt::NoAnswer(NoAnswer::Unreachable) => "check the name in LANGFUSE_HOST, and that the function's network reaches it",
        _ => "check that Langfuse is up and reachable from the function; LANGFUSE_SDK_TIMEOUT limits each request",
    };
    let hint = in_names_of(destination, advice.to_owned());
    Failure::new(Stage::Deliver, "langfuse_unavailable", message, hint).with_comfort(COMES_AGAIN)
}

/// The operator demands the batch API, and the server stores nothing of it.
pub fn events_only(destination: &Destination) -> Failure {
    let message = format!("{} stores nothing that comes by the batch API", host(destination));
    Failure::new(Stage::Deliver, "langfuse_events_only", message, in_names_of(destination, "set LANGFUSE_INGESTION to auto or otlp".into()))
}

/// An encoded observation does not read back.
pub fn unreadable() -> Failure {
    Failure::new(Stage::Internal, "unreadable_batch", "an encoded batch does not read back", "report this: it is a bug")
}

/// Records that were made into a request once are others now.
pub fn not_the_same() -> Failure {
    let message = "records of a request that must be sent again are not found as they were before";
    let hint = "nothing is lost: the range comes again; if it stays, look at the retention of the Logstore";
    Failure::new(Stage::Pull, "not_found_again", message, hint)
}

/// Its host, and its name where it has one.
pub fn host(destination: &Destination) -> String {
    let settings = destination.settings();
    let url = reqwest::Url::parse(&settings.base_url).ok();
    let host = url.as_ref().and_then(reqwest::Url::host_str).unwrap_or("its host");
    match &settings.name {
        Some(name) => format!("Langfuse at {host} (destination {name})"),
        None => format!("Langfuse at {host}"),
    }
}

/// What to do, in the names under which this destination was set.
fn hint(destination: &Destination, block: &Block, api: Api) -> String {
    in_names_of(destination, general_hint(block, api))
}

/// A section of the file has its own names for what the variables say.
pub fn in_names_of(destination: &Destination, text: String) -> String {
    let Some(section) = &destination.settings().name else { return text };
    let names = [
        ("LANGFUSE_HOST", "host"),
        ("LANGFUSE_PUBLIC_KEY", "public_key"),
        ("LANGFUSE_SECRET_KEY", "secret_key"),
        ("LANGFUSE_INGESTION", "ingestion"),
        ("LANGFUSE_SDK_TIMEOUT", "timeout"),
    ];
    names.iter().fold(text, |text, (variable, key)| text.replace(variable, &format!("{key} of [destination.{section}]")))
}

fn general_hint(block: &Block, api: Api) -> String {
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
