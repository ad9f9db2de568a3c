//! A table as somebody wrote it: its shape is right, its values are not yet judged. Plain data.

use super::super::problem::Place;
use super::kind::Key;

/// One table of the file, or a table inside one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What problems call it: `mapping`, `profile.batch`.
    pub path: String,
    /// The NAME of `[kind.NAME]`, else empty.
    pub name: String,
    /// Where it begins.
    pub place: Place,
    /// What it holds, in the order of the file.
    pub members: Vec<Member>,
    /// What it may hold; nothing for a table of any names.
    pub(super) keys: &'static [Key],
    /// Where its problems stand in the report.
    pub(in super::super) order: usize,
}

/// A key of a table and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The key.
    pub key: String,
    /// Where it stands.
    pub place: Place,
    /// The value.
    pub node: Node,
}

/// A text and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The text, trimmed.
    pub text: String,
    /// Its line.
    pub place: Place,
}

/// A value of the shape that its key demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// Text, or a word of a closed list.
    Text(Text),
    /// A number as it is written.
    Number(Text),
    /// Text that is never shown.
    Secret(Text),
    /// `true` or `false`.
    Switch(bool),
    /// A list of texts; one text is a list of one.
    Texts(Vec<Text>),
    /// A table.
    Table(Entry),
    /// A list of tables.
    Tables(Vec<Entry>),
}

impl Entry {
    /// The member under a key.
    pub fn member(&self, key: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.key == key)
    }

    /// The text, word or number under a key, as it is written.
    pub fn text(&self, key: &str) -> Option<&Text> {
        match &self.member(key)?.node {
            Node::Text(text) | Node::Number(text) | Node::Secret(text) => Some(text),
            _ => None,
        }
    }

    /// The texts under a key; none where it is not there.
    pub fn texts(&self, key: &str) -> &[Text] {
        match self.member(key).map(|member| &member.node) {
            Some(Node::Texts(texts)) => texts,
            _ => &[],
        }
    }

    /// The switch under a key.
    pub fn switch(&self, key: &str) -> Option<bool> {
        match self.member(key)?.node {
            Node::Switch(on) => Some(on),
            _ => None,
        }
    }

    /// The table under a key.
    pub fn table(&self, key: &str) -> Option<&Entry> {
        match &self.member(key)?.node {
            Node::Table(entry) => Some(entry),
            _ => None,
        }
    }

    /// The list of tables under a key; none where it is not there.
    pub fn tables(&self, key: &str) -> &[Entry] {
        match self.member(key).map(|member| &member.node) {
            Some(Node::Tables(entries)) => entries,
            _ => &[],
        }
    }

    /// A line that would be right for a key.
    pub(in super::super) fn example(&self, key: &str) -> String {
        match self.keys.iter().find(|known| known.name == key).or(self.keys.first()) {
            Some(known) => known.example_in_file(),
            None => format!("{key} = \"…\""),
        }
    }
}
