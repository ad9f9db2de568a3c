//! Event streams: a logged body of `data:` lines holds its text in pieces of a few characters, and every long number in several of them. Pure.
//!
//! The pieces are joined, searched as one text, and what is found is taken out of each piece it lies in.

use std::ops::Range;

use super::json::{decoded, end_of_string};
use super::kind::{Found, Span};
use super::{Ends, Masking};

/// The members that hold a piece of a text, in the protocols of model services.
const PIECES: [&str; 7] = ["content", "text", "reasoning_content", "thinking", "arguments", "partial_json", "delta"];

/// The shortest stream of two events that hold anything. Bytes.
const SHORTEST: usize = 30;

/// A piece of a text: where its string stands, quotes included, what it says, and where that is in the joined text.
struct Piece {
    place: Range<usize>,
    text: String,
    start: usize,
}

/// True for a text of at least two events.
pub(super) fn is_stream(text: &str) -> bool {
    text.len() > SHORTEST && text.contains("data:") && text.lines().filter(|line| line.starts_with("data:")).nth(1).is_some()
}

/// An event stream with its secrets covered; `None` if it has none.
pub(super) fn stream(masking: &Masking, text: &str, ends: Ends, found: &mut Found) -> Option<String> {
    let joined_ends = if ends == Ends::Whole { Ends::Whole } else { Ends::Doubtful };
    let mut changes: Vec<(Range<usize>, String)> =
        PIECES.iter().flat_map(|name| changes(masking, text, name, joined_ends, found)).collect();
    changes.sort_by_key(|(place, _)| place.start);
    let joined = (!changes.is_empty()).then(|| replaced(text, &changes));
    let ends = match (ends, &joined) {
        (Ends::CutAt(at), Some(joined)) => Ends::CutAt((at + joined.len()).saturating_sub(text.len())),
        (ends, _) => ends,
    };
    masking.plain(joined.as_deref().unwrap_or(text), ends, found).or(joined)
}

/// What the strings under one name become.
fn changes(masking: &Masking, text: &str, name: &str, ends: Ends, found: &mut Found) -> Vec<(Range<usize>, String)> {
    let pieces = pieces(text, name);
    let joined: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
    let spans = masking.spans(&joined, ends);
    found.extend(spans.iter().map(|span| span.kind));
    let change =
        |piece: &Piece| without(masking, piece, &spans).map(|text| (piece.place.clone(), serde_json::Value::from(text).to_string()));
    pieces.iter().filter_map(change).collect()
}

/// A piece without what lies in a secret; the mark stands where the secret begins.
fn without(masking: &Masking, piece: &Piece, spans: &[Span]) -> Option<String> {
    let end = piece.start + piece.text.len();
    let first = spans.partition_point(|span| span.end <= piece.start);
    let mut inside = spans[first..].iter().take_while(|span| span.start < end).peekable();
    inside.peek()?;
    let (mut out, mut copied) = (String::new(), 0);
    for span in inside {
        let from = span.start.saturating_sub(piece.start);
        out.push_str(&piece.text[copied..from]);
        if span.start >= piece.start {
            out.push_str(&masking.mark(span.kind));
        }
        copied = span.end.min(end) - piece.start;
    }
    out.push_str(&piece.text[copied..]);
    Some(out)
}

fn pieces(text: &str, name: &str) -> Vec<Piece> {
    let member = format!("\"{name}\"");
    let mut pieces: Vec<Piece> = Vec::new();
    let mut start = 0;
    for (at, _) in text.match_indices(&member) {
        let colon = text[at + member.len()..].trim_start();
        let Some(value) = colon.strip_prefix(':').map(str::trim_start).filter(|value| value.starts_with('"')) else { continue };
        let from = text.len() - value.len();
        let line = from + value.find('\n').unwrap_or(value.len());
        let to = end_of_string(text.as_bytes(), from).min(line);
        if pieces.last().is_some_and(|last| last.place.end > from) || !text.is_char_boundary(to) {
            continue;
        }
        let said = decoded(value[1..to - from].trim_end_matches('"')).into_owned();
        let length = said.len();
        pieces.push(Piece { place: from..to, text: said, start });
        start += length;
    }
    pieces
}

fn replaced(text: &str, changes: &[(Range<usize>, String)]) -> String {
    let (mut out, mut copied) = (String::with_capacity(text.len()), 0);
    for (place, new) in changes.iter().filter(|(place, _)| !place.is_empty()) {
        // A piece inside a piece was changed with it.
        if place.start < copied {
            continue;
        }
        out.push_str(&text[copied..place.start]);
        out.push_str(new);
        copied = place.end;
    }
    out.push_str(&text[copied..]);
    out
}
