//! `config`: the settings in force and where each comes from, or what a configuration file may hold. Values are found and judged by
//! `config`, never here.

use anyhow::Context;
use clap::{Args, ValueEnum};

use super::ending::Ending;
use super::{Surroundings, say};
use crate::config::{self, Value, effective, effective_tables, example, load, schema};

/// Arguments of `config`.
#[derive(Args, Debug)]
pub struct Config {
    /// Print the JSON schema of the configuration file instead, for editors
    #[arg(long, conflicts_with = "example")]
    schema: bool,
    /// Print a configuration file with every key in it instead, each explained
    #[arg(long)]
    example: bool,
    /// Print the generated part of docs/settings.md in this language instead
    #[arg(long, value_name = "LANGUAGE", hide = true, conflicts_with_all = ["schema", "example"])]
    reference: Option<Language>,
}

/// A language of the documentation.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Language {
    En,
    Zh,
}

impl From<Language> for config::Language {
    fn from(language: Language) -> Self {
        match language {
            Language::En => Self::English,
            Language::Zh => Self::Chinese,
        }
    }
}

impl Config {
    /// Prints every setting and every key of a table, or every problem.
    pub fn run(self, around: Surroundings<'_>) -> Result<(), Ending> {
        if self.schema {
            return say(&serde_json::to_string_pretty(&schema()).context("the schema cannot be written")?);
        }
        if self.example {
            return say(example().trim_end());
        }
        if let Some(language) = self.reference {
            return say(config::reference(language.into()).trim_end());
        }
        load(around.variables, around.files).map_err(Ending::wrong_settings)?;
        effective(around.variables, around.files).iter().try_for_each(|one| say(&line(one.setting.name, &one.value)))?;
        effective_tables(around.variables, around.files).iter().try_for_each(|one| say(&line(&one.name, &one.value)))
    }
}

fn line(name: &str, value: &Value) -> String {
    match value {
        Value::Nothing => format!("{name} = (not set)"),
        Value::Default(text) => format!("{name} = {text} (default)"),
        Value::Text(text, place) => format!("{name} = {text} ({place})"),
        Value::Hidden(place) => format!("{name} = [hidden] ({place})"),
    }
}
