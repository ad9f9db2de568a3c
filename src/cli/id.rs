//! `id`: who log records are in Langfuse. Reads lines, prints lines; the ids come from `records`.

use std::io::BufRead;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::anyhow;
use clap::Args;
use serde_json::json;

use super::ending::Ending;
use super::records::{Identified, identify};
use super::{Surroundings, input, remark, say};
use crate::config::load_trace;
use crate::emulator::sls::LoadError;
use crate::gateway::dialect::Dialects;
use crate::report::SkipReason;

/// Arguments of `id`.
#[derive(Args, Debug)]
pub struct Id {
    /// Log records, one flat JSON object a line; - or nothing: standard input
    file: Option<PathBuf>,
    /// Print one JSON object per record instead of columns
    #[arg(long)]
    json: bool,
}

impl Id {
    /// Prints a line per record, and goes on behind lines that are no records. Of the settings only the dialects count.
    pub fn run(self, around: Surroundings<'_>) -> Result<(), Ending> {
        let dialects = load_trace(around.variables, around.files).map_err(Ending::wrong_settings)?.dialects;
        let path = input::or_stdin(self.file.clone());
        let mut lines = input::open(&path, "the log records")?;
        let (mut number, mut bad, mut line) = (0, 0, Vec::new());
        while lines.read_until(b'\n', &mut line).map_err(|error| input::unreadable(&path, "the log records", &error))? > 0 {
            number += 1;
            bad += u64::from(!self.print(number, &line, &dialects)?);
            line.clear();
        }
        if bad == 0 { Ok(()) } else { Err(anyhow!("{bad} of {number} lines are not log records").into()) }
    }

    /// Prints what a line is; false if it is no record.
    fn print(&self, number: usize, line: &[u8], dialects: &Arc<Dialects>) -> Result<bool, Ending> {
        let Ok(text) = std::str::from_utf8(line) else {
            remark(&format!("line {number}: not UTF-8"));
            return Ok(false);
        };
        match identify(text, dialects) {
            Ok(Some(record)) => say(&self.shown(number, record)).map(|()| true),
            Ok(None) => Ok(true),
            Err(LoadError::NotAnObject { column, .. }) => {
                remark(&LoadError::NotAnObject { line: number, column }.to_string());
                Ok(false)
            }
        }
    }

    fn shown(&self, number: usize, record: Result<Identified, SkipReason>) -> String {
        match (record, self.json) {
            (Ok(seen), true) => json!({
                "line": number, "traceId": seen.trace_id.to_string(), "spanId": seen.span_id.to_string(),
                "start": rfc3339(seen.start_ms), "startMs": seen.start_ms, "type": seen.kind,
            })
            .to_string(),
            (Ok(seen), false) => {
                format!("{}  {}  {}  {}  {}", seen.trace_id, seen.span_id, rfc3339(seen.start_ms), seen.start_ms, seen.kind)
            }
            (Err(reason), true) => json!({"line": number, "skipped": reason.name()}).to_string(),
            (Err(reason), false) => format!("-  -  -  -  skipped: {}", reason.name()),
        }
    }
}

fn rfc3339(ms: i64) -> String {
    format!("{:.3}", jiff::Timestamp::from_millisecond(ms).unwrap_or_default())
}
