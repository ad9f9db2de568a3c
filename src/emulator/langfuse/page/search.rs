//! Which traces somebody looks for. Pure.
//!
//! Words are joined by "and", and letter case does not matter. A word is looked for in everything that is shown; with a field's name and a
//! colon in front (`user:`, `session:`, `model:`, `name:`, `tag:`, `env:`, `type:`, `level:`, `id:`) in that field alone.

use std::collections::BTreeMap;

use super::view::Group;
use crate::emulator::langfuse::store::observation::{Level, StoredObservation, StoredTrace};

/// What is asked for.
#[derive(Debug)]
pub struct Search {
    words: Vec<Word>,
    level: Option<Level>,
}

#[derive(Debug)]
struct Word {
    field: Option<Field>,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    User,
    Session,
    Model,
    Name,
    Tag,
    Environment,
    Type,
    Level,
    Id,
    /// Texts and metadata, which no name narrows down.
    Content,
}

impl Field {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "user" => Self::User,
            "session" => Self::Session,
            "model" => Self::Model,
            "name" => Self::Name,
            "tag" => Self::Tag,
            "env" => Self::Environment,
            "type" => Self::Type,
            "level" => Self::Level,
            "id" => Self::Id,
            _ => return None,
        })
    }
}

impl Word {
    fn read(word: &str) -> Self {
        let named = word.split_once(':').and_then(|(name, text)| Some((Field::named(&name.to_lowercase())?, text)));
        match named {
            Some((field, text)) => Self { field: Some(field), text: text.to_lowercase() },
            None => Self { field: None, text: word.to_lowercase() },
        }
    }

    fn is_in(&self, field: Field, text: &str) -> bool {
        self.field.is_none_or(|wanted| wanted == field) && text.to_lowercase().contains(&self.text)
    }
}

impl Search {
    /// Reads `search` and `level` (`error`, or `warning` for both).
    pub fn read(asked: &BTreeMap<String, String>) -> Self {
        let level = match asked.get("level").map(String::as_str) {
            Some("error") => Some(Level::Error),
            Some("warning") => Some(Level::Warning),
            _ => None,
        };
        Self { words: asked.get("search").into_iter().flat_map(|text| text.split_whitespace()).map(Word::read).collect(), level }
    }

    /// Whether a trace has every word somewhere, and is serious enough. The trace is made only when somebody looks for words.
    pub fn finds(&self, group: &Group<'_>, trace: impl FnOnce() -> StoredTrace) -> bool {
        let serious = match self.level {
            None => true,
            Some(Level::Error) => group.level() == Level::Error,
            Some(_) => matches!(group.level(), Level::Error | Level::Warning),
        };
        if !serious || self.words.is_empty() {
            return serious;
        }
        let trace = trace();
        self.words.iter().all(|word| in_trace(word, &trace) || group.rows.iter().any(|row| in_row(word, row.observation)))
    }
}

fn in_trace(word: &Word, trace: &StoredTrace) -> bool {
    let texts = [
        (Field::Id, Some(&trace.id)),
        (Field::Name, trace.name.as_ref()),
        (Field::User, trace.user_id.as_ref()),
        (Field::Session, trace.session_id.as_ref()),
        (Field::Environment, Some(&trace.environment)),
        (Field::Content, trace.input.as_ref()),
        (Field::Content, trace.output.as_ref()),
    ];
    any(word, texts) || trace.tags.iter().any(|tag| word.is_in(Field::Tag, tag)) || in_metadata(word, &trace.metadata)
}

fn in_row(word: &Word, row: &StoredObservation) -> bool {
    let texts = [
        (Field::Id, Some(&row.span_id)),
        (Field::Name, row.name.as_ref()),
        (Field::Model, row.model.as_ref()),
        (Field::Environment, Some(&row.environment)),
        (Field::Content, row.status_message.as_ref()),
        (Field::Content, row.input.as_ref()),
        (Field::Content, row.output.as_ref()),
    ];
    let fixed = word.is_in(Field::Type, row.observation_type.as_str()) || word.is_in(Field::Level, row.level.as_str());
    fixed || any(word, texts) || in_metadata(word, &row.metadata)
}

fn any<'a>(word: &Word, texts: impl IntoIterator<Item = (Field, Option<&'a String>)>) -> bool {
    texts.into_iter().any(|(field, text)| text.is_some_and(|text| word.is_in(field, text)))
}

fn in_metadata(word: &Word, metadata: &BTreeMap<String, String>) -> bool {
    metadata.iter().any(|(key, text)| word.is_in(Field::Content, key) || word.is_in(Field::Content, text))
}
