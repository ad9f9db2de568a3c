//! `explain`: what becomes of log records, and why. Reads lines, prints trees or JSON; the judgement is `explain`'s.

use std::io::BufRead;
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::Args;
use serde_json::{Value, json};

use super::ending::Ending;
use super::records::with_record;
use super::{Surroundings, input, remark, say};
use crate::config::{apply_parameter_member, load_rules, load_trace};
use crate::emulator::sls::LoadError;
use crate::explain::{self, Explanation, explain_under, tree};
use crate::judge::Judge;

/// Arguments of `explain`.
#[derive(Args, Debug)]
pub struct Explain {
    /// Log records, one flat JSON object a line; - or nothing: standard input
    file: Option<PathBuf>,
    /// Print one JSON object per record instead of a tree
    #[arg(long)]
    json: bool,
    /// Use this [profile.NAME] of the configuration file, as a trigger's functionParameter may
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
}

impl Explain {
    /// Explains each record, and goes on behind lines that are no records. Needs no setting and no network.
    pub fn run(self, around: Surroundings<'_>) -> Result<(), Ending> {
        let settings = load_trace(around.variables, around.files).map_err(Ending::wrong_settings)?;
        let chosen = self.profile.as_ref().map_or(Value::Null, |name| json!({ "profile": name }));
        let settings = apply_parameter_member(&settings, &chosen).map_err(|error| Ending::misused(anyhow!(error)))?;
        let (selection, destinations) = load_rules(around.variables, around.files).map_err(Ending::wrong_settings)?;
        let judge = Judge { trace: &settings, selection: &selection };
        let path = input::or_stdin(self.file.clone());
        let mut lines = input::open(&path, "the log records")?;
        let (mut number, mut bad, mut said, mut line) = (0, 0, false, Vec::new());
        while lines.read_until(b'\n', &mut line).map_err(|error| input::unreadable(&path, "the log records", &error))? > 0 {
            number += 1;
            match explained(number, &line, &judge, &destinations) {
                Ok(Some(explanation)) => {
                    self.print(number, &explanation, said)?;
                    said = true;
                }
                Ok(None) => {}
                Err(problem) => {
                    remark(&problem);
                    bad += 1;
                }
            }
            line.clear();
        }
        if bad == 0 { Ok(()) } else { Err(anyhow!("{bad} of {number} lines are not log records").into()) }
    }

    fn print(&self, number: usize, explanation: &Explanation, said: bool) -> Result<(), Ending> {
        if self.json {
            return say(&explain::json::json(number, explanation).context("the explanation cannot be written as JSON")?);
        }
        let gap = if said { "\n" } else { "" };
        say(&format!("{gap}{}", tree::tree(number, explanation)))
    }
}

/// What becomes of the record on a line; `None` for a blank one.
fn explained(number: usize, line: &[u8], judge: &Judge<'_>, destinations: &[String]) -> Result<Option<Explanation>, String> {
    let text = std::str::from_utf8(line).map_err(|_| format!("line {number}: not UTF-8"))?;
    let place = |LoadError::NotAnObject { column, .. }: LoadError| LoadError::NotAnObject { line: number, column }.to_string();
    with_record(text, |record| explain_under(record, judge, destinations)).map_err(place)
}
