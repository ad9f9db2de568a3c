//! What is known about a table before anybody writes one. Plain data and its spelling.

/// How often a table stands in the file, and under which heading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Once, as `[name]`.
    One,
    /// As `[name.NAME]`, for each NAME once; the example NAME.
    Named(&'static str),
    /// As often as wanted, as `[[name]]`; their order counts.
    List,
}

/// A table of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableKind {
    /// The name in its heading.
    pub name: &'static str,
    /// How often it stands there.
    pub form: Form,
    /// What it may hold.
    pub keys: &'static [Key],
    /// What it is for, in one line of English.
    pub meaning: &'static str,
    /// The same in Chinese.
    pub meaning_zh: &'static str,
}

/// A key of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub shape: Shape,
    /// Whether it must be there.
    pub need: Need,
    /// A value that is accepted, in TOML. Not a real key of anybody.
    pub example: &'static str,
    /// What it is for, in one line of English.
    pub meaning: &'static str,
    /// The same in Chinese.
    pub meaning_zh: &'static str,
}

/// Whether a key must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It must.
    Required,
    /// It may be left out; the meaning says what then holds.
    Optional,
}

/// What sort of value a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Text in quotes.
    Text,
    /// Text that is never shown: a key, or a reference to one, `env:NAME` or `file:/path`.
    Secret,
    /// A number, bare.
    Number,
    /// `true` or `false`.
    Switch,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of texts, or one text.
    Texts,
    /// A table of these keys.
    Table(&'static [Key]),
    /// A list of tables of these keys.
    Tables(&'static [Key]),
    /// A table of any names, each with a value of this shape.
    Map(&'static Shape),
}

impl Shape {
    /// What a value must be, as a phrase.
    pub(super) fn rule(self) -> String {
        match self {
            Self::Text | Self::Secret => "must be text in quotes".to_owned(),
            Self::Number => "must be a number".to_owned(),
            Self::Switch => "must be true or false".to_owned(),
            Self::Choice(words) => format!("must be one of {}", words.join(", ")),
            Self::Texts => "must be a list of texts, or one text in quotes".to_owned(),
            Self::Table(_) | Self::Map(_) => "must be a table, as in { name = value }".to_owned(),
            Self::Tables(_) => "must be a list of tables, as in [{ name = value }]".to_owned(),
        }
    }
}

impl TableKind {
    /// The heading of one such table, as in the file.
    pub fn heading(&self) -> String {
        match self.form {
            Form::One => format!("[{}]", self.name),
            Form::Named(name) => format!("[{}.{name}]", self.name),
            Form::List => format!("[[{}]]", self.name),
        }
    }
}

impl Key {
    /// `name = value` in TOML, a line that is right.
    pub fn example_in_file(&self) -> String {
        format!("{} = {}", self.name, self.example)
    }
}
