//! What is known about a setting before anybody sets it: its name, its kind, its default, and how to write it down.
//!
//! Plain data and its spelling. Values, places and checks belong elsewhere.

use super::table;

/// What sort of value a setting takes, which decides how it may be written in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text; in the file, in quotes.
    Text,
    /// A number; in the file bare or in quotes.
    Number,
    /// true/false, 1/0, yes/no, on/off in any case; in the file also bare.
    Switch,
    /// One of these words, in any case.
    Choice(&'static [&'static str]),
    /// Texts separated by commas; in the file also an array of texts.
    List,
}

/// What holds when a setting is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unset {
    /// The start fails.
    Refused,
    /// Nothing; the meaning says what that means.
    Nothing,
    /// This value, written as in the environment.
    Default(&'static str),
}

/// Where a setting may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// In the environment or in the file.
    Anywhere,
    /// Only in the environment: it says where the file is, or is read before or beside it.
    EnvironmentOnly,
}

/// One setting of the contract (`design.md` §2 "Settings").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The variable. In the file the same in lower case.
    pub name: &'static str,
    /// What sort of value it takes.
    pub kind: Kind,
    /// What holds without it.
    pub unset: Unset,
    /// Where it may be written.
    pub reach: Reach,
    /// True where a value may hold a key: it is never shown. Keys that are read here may be given as `env:NAME` or `file:/path`.
    pub secret: bool,
    /// A value that is accepted, written as in the environment. Not a real key.
    pub example: &'static str,
    /// What it is for, in one line of English.
    pub meaning: &'static str,
    /// The same in Chinese.
    pub meaning_zh: &'static str,
}

impl Setting {
    /// Its key in the file.
    pub fn key(&self) -> String {
        self.name.to_ascii_lowercase()
    }

    /// `NAME=value`, a line that is right.
    pub fn example_in_environment(&self) -> String {
        format!("{}={}", self.name, self.example)
    }

    /// `name = value` in TOML, a line that is right.
    pub fn example_in_file(&self) -> String {
        let value = match self.kind {
            Kind::Number | Kind::Switch => self.example.to_owned(),
            Kind::Text | Kind::Choice(_) => format!("{:?}", self.example),
            Kind::List => format!("{:?}", self.example.split(',').collect::<Vec<_>>()),
        };
        format!("{} = {value}", self.key())
    }

    /// Its place in the table.
    pub(super) fn position(&self) -> usize {
        table::settings().iter().position(|setting| setting.name == self.name).unwrap_or(usize::MAX)
    }
}
