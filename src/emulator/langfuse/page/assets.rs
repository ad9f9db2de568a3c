//! The files of the page, inside the binary as they stand here. No build step, and nothing from anywhere else.

use bytes::Bytes;
use http::{Response, StatusCode};

use crate::emulator::langfuse::reply;

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Path, content type, text.
const FILES: [(&str, &str, &str); 14] = [
    ("/", HTML, include_str!("index.html")),
    ("/_local/page/page.css", STYLE, include_str!("page.css")),
    ("/_local/page/app.js", SCRIPT, include_str!("app.js")),
    ("/_local/page/chat.js", SCRIPT, include_str!("chat.js")),
    ("/_local/page/conversation.js", SCRIPT, include_str!("conversation.js")),
    ("/_local/page/data.js", SCRIPT, include_str!("data.js")),
    ("/_local/page/dom.js", SCRIPT, include_str!("dom.js")),
    ("/_local/page/format.js", SCRIPT, include_str!("format.js")),
    ("/_local/page/frame.js", SCRIPT, include_str!("frame.js")),
    ("/_local/page/list.js", SCRIPT, include_str!("list.js")),
    ("/_local/page/observation.js", SCRIPT, include_str!("observation.js")),
    ("/_local/page/trace.js", SCRIPT, include_str!("trace.js")),
    ("/_local/page/traces.js", SCRIPT, include_str!("traces.js")),
    ("/_local/page/words.js", SCRIPT, include_str!("words.js")),
];

/// The file at a path.
pub fn file(path: &str) -> Option<Response<Bytes>> {
    let (_, kind, text) = FILES.iter().find(|(name, ..)| *name == path)?;
    Some(reply::with_type(StatusCode::OK, kind, Bytes::from_static(text.as_bytes())))
}
