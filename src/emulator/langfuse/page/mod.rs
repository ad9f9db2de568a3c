//! A page for people over what the stand-in stored: `GET /` and what it asks for under `/_local/`. Read only; a real Langfuse has nothing there.
//!
//! | path | answer |
//! |---|---|
//! | `/` | the page; its scripts and style under `/_local/page/` |
//! | `/_local/now` | a revision that changes with every arrival, counts, and the server that is played |
//! | `/_local/traces?search=&level=&offset=&limit=` | traces, the one that arrived last in front; 100 of them, 500 at most |
//! | `/_local/trace?id=&project=` | one trace and its observations, without their texts |
//! | `/_local/observation?trace=&id=&project=&start=` | one observation with input, output and metadata |
//! | `/_local/raw?trace=&id=&project=` | what was sent for it: the OTLP span, or the events of the batch API |
//! | `/_local/lost` | what was answered with success and then lost |
//!
//! Everything stored is logged text, and so hostile: it leaves as JSON alone, to this machine alone ([`guard`]), and the page puts it in as
//! text. How the page looks and reads is the business of the files beside it; what may be asked, and what comes back, is that of this module.

mod answers;
mod assets;
mod guard;
mod preview;
mod search;
mod view;

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use serde_json::json;

use super::incoming::Incoming;
use super::reply;
use super::store::{Store, Table};
use super::version::ServerVersion;
use super::world::WriteMode;

/// Where everything but the page itself stands.
const OWN: &str = "/_local/";

/// The only sources of the page are its own files; nothing in it may become markup or script, and nobody may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// On every answer. Nothing may be kept, guessed, framed, opened or read by anybody else.
const HEADERS: [(&str, &str); 7] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("x-frame-options", "DENY"),
];

/// What the page shows: the store, and how its server is set up at this moment.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// Everything stored.
    pub store: &'a Store,
    /// The table that is read.
    pub table: Table,
    /// The release that is played.
    pub version: ServerVersion,
    /// The write mode in force.
    pub mode: WriteMode,
    /// Another number after every change of the store.
    pub revision: u64,
}

/// Whether a request is one of the page's, and none of Langfuse's.
pub fn is_asked(incoming: &Incoming) -> bool {
    incoming.path == "/" || incoming.path.starts_with(OWN)
}

/// Answers a request of the page.
pub fn answer(shown: Shown<'_>, incoming: &Incoming) -> Response<Bytes> {
    let answer = match guard::refusal(incoming) {
        Some(message) => said(StatusCode::FORBIDDEN, message),
        // The server leaves the body of an answer to HEAD out, and its length in.
        None if ![Method::GET, Method::HEAD].contains(&incoming.method) => {
            said(StatusCode::METHOD_NOT_ALLOWED, "The page is read only: GET.")
        }
        None => found(shown, incoming).unwrap_or_else(|| said(StatusCode::NOT_FOUND, "There is nothing of that name.")),
    };
    HEADERS.iter().fold(answer, |answer, (name, value)| reply::with_header(answer, name, value))
}

fn found(shown: Shown<'_>, incoming: &Incoming) -> Option<Response<Bytes>> {
    let asked = incoming.parameters();
    let data = match incoming.path.strip_prefix(OWN) {
        Some("now") => answers::now(shown),
        Some("traces") => answers::traces(shown, &asked),
        Some("trace") => answers::trace(shown, &asked)?,
        Some("observation") => answers::observation(shown, &asked)?,
        Some("raw") => answers::raw(shown, &asked)?,
        Some("lost") => answers::lost(shown),
        _ => return assets::file(&incoming.path),
    };
    Some(reply::json(StatusCode::OK, &data))
}

fn said(status: StatusCode, message: &str) -> Response<Bytes> {
    reply::json(status, &json!({ "message": message }))
}
