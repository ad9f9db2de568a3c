//! Finds each setting (default < file < environment), resolves references, and collects what is wrong.
//!
//! Knows where values stand and not what they are for: rules come in as functions, from `sections.rs`.

use std::path::{Path, PathBuf};

use super::file::{FileSettings, Raw};
use super::platform::CODE_PATH;
use super::problem::{Place, Problem, Problems};
use super::rules::Rule;
use super::setting::{Setting, Unset};
use super::table;
use super::tables::{Entry, TableKind, Text};
use super::variables::{Files, Variables};

/// Longest refused word of a closed list that is shown. All such words are shorter, all keys are longer.
const LONGEST_SHOWN_WORD: usize = 16;

/// Whether what opens one of the two ends must be right: the keys and the address of Langfuse projects, the key pair of SLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keys {
    /// It must, and is read.
    Needed,
    /// It is not looked at.
    NotNeeded,
}

/// The settings of one start, while they are read.
pub(super) struct Reader<'a> {
    variables: &'a dyn Variables,
    files: &'a dyn Files,
    file: FileSettings,
    /// What `CONFIG_TOML` holds. It goes before the file.
    inline: FileSettings,
    problems: Problems,
    /// Whether this start will send anything.
    pub(super) langfuse_keys: Keys,
    /// Whether this start may read with keys of its settings.
    pub(super) sls_keys: Keys,
}

impl<'a> Reader<'a> {
    /// Reads the text in `CONFIG_TOML` and the file that `CONFIG_FILE` names, if any.
    pub(super) fn open(variables: &'a dyn Variables, files: &'a dyn Files) -> Self {
        let (file, inline) = (FileSettings::default(), FileSettings::default());
        let (langfuse_keys, sls_keys) = (Keys::Needed, Keys::Needed);
        let mut reader = Self { variables, files, file, inline, problems: Problems::default(), langfuse_keys, sls_keys };
        if let Some(path) = reader.variable(table::CONFIG_FILE.name) {
            reader.file = match reader.read_text(Path::new(&path)) {
                Ok(text) => FileSettings::parse(&text, |line| Place::File { line }),
                Err(rule) => FileSettings::unreadable(Problem::new(&table::CONFIG_FILE, Place::Environment, rule)),
            };
        }
        if let Some(text) = reader.variable(table::CONFIG_TOML.name) {
            reader.inline = FileSettings::parse(&text, |line| Place::Inline { line });
        }
        for problem in reader.file.problems.drain(..).chain(reader.inline.problems.drain(..)) {
            reader.problems.push(problem);
        }
        reader
    }

    /// Everything that was wrong.
    pub(super) fn into_problems(self) -> Problems {
        self.problems
    }

    /// True if nothing was wrong so far under a key of a table that ends before `end`. On one line tables are not told apart.
    pub(super) fn has_read(&self, entry: &Entry, key: &str, end: Option<Place>) -> bool {
        let prefix = format!("{}.{key}", entry.path);
        let is_inside = |place: Place| place == entry.place || (place > entry.place && end.is_none_or(|end| place < end));
        !self.problems.iter().any(|problem| problem.setting.starts_with(&prefix) && is_inside(problem.place))
    }

    /// True if nothing was wrong so far.
    pub(super) fn is_content(&self) -> bool {
        self.problems.is_empty()
    }

    /// The value of a setting, its default if it is not set. None if it has neither, or if it broke its rule, which is then recorded.
    pub(super) fn value<T>(&mut self, setting: &Setting, rule: impl FnOnce(&str) -> Result<T, Rule>) -> Option<T> {
        let raw = self.raw(setting)?;
        rule(&raw.text).map_err(|rule| self.refuse(setting, raw.place, rule)).ok()
    }

    /// As [`Reader::value`], for a value that may be a reference.
    pub(super) fn secret(&mut self, setting: &Setting, rule: impl FnOnce(&str) -> Result<String, Rule>) -> Option<String> {
        let raw = self.raw(setting)?;
        self.dereference(&raw.text).and_then(|text| rule(&text)).map_err(|rule| self.refuse(setting, raw.place, rule)).ok()
    }

    /// As [`Reader::value`], for one of a closed list of words in any case.
    pub(super) fn choice<T: Copy>(&mut self, setting: &Setting, words: &[(&str, T)]) -> Option<T> {
        self.value(setting, |text| {
            let known = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
            known.map(|(_, value)| *value).ok_or_else(|| unknown_word(text, words.iter().map(|(word, _)| *word)))
        })
    }

    /// As [`Reader::value`], for the path of a file whose content has a rule.
    pub(super) fn content<T>(&mut self, setting: &Setting, rule: impl FnOnce(&[u8]) -> Result<T, Rule>) -> Option<T> {
        let raw = self.raw(setting)?;
        self.read(Path::new(&raw.text)).and_then(|content| rule(&content)).map_err(|rule| self.refuse(setting, raw.place, rule)).ok()
    }

    /// Where a setting is set, right or wrong.
    pub(super) fn place(&self, setting: &Setting) -> Option<Place> {
        match self.variable(setting.name) {
            Some(_) => Some(Place::Environment),
            None => self.in_text(setting).map(|raw| raw.as_ref().map_or(Place::Unset, |raw| raw.place)),
        }
    }

    /// Records a problem.
    pub(super) fn refuse(&mut self, setting: &Setting, place: Place, rule: impl Into<Rule>) {
        self.problems.push(Problem::new(setting, place, rule.into()));
    }

    /// Records that a setting is missing, unless it may stand in a file that could not be read.
    pub(super) fn demand(&mut self, setting: &Setting, rule: impl Into<Rule>) {
        if !self.file.unreadable && !self.inline.unreadable {
            self.refuse(setting, Place::Unset, rule);
        }
    }

    /// The tables of a kind, in the order of the text: those of `CONFIG_TOML` where it has any, else those of the file.
    pub(super) fn entries(&self, kind: &TableKind) -> Vec<Entry> {
        let of = |text: &FileSettings| -> Vec<Entry> {
            let wanted = text.entries.iter().filter(|(name, _)| *name == kind.name);
            wanted.map(|(_, entry)| entry.clone()).collect()
        };
        let inline = of(&self.inline);
        if inline.is_empty() { of(&self.file) } else { inline }
    }

    /// The text, word or number under a key of a table, judged by a rule. None if it is not there, or broke its rule, which is then recorded.
    pub(super) fn text<T>(&mut self, entry: &Entry, key: &str, rule: impl FnOnce(&str) -> Result<T, Rule>) -> Option<T> {
        let text = entry.text(key)?;
        rule(&text.text).map_err(|rule| self.refuse_entry(entry, key, text.place, rule)).ok()
    }

    /// The texts under a key of a table, each judged by a rule. None if the key is not there or one broke its rule; all that do are recorded.
    pub(super) fn texts<T>(&mut self, entry: &Entry, key: &str, rule: impl Fn(&str) -> Result<T, Rule>) -> Option<Vec<T>> {
        entry.member(key)?;
        let mut judge = |text: &Text| rule(&text.text).map_err(|rule| self.refuse_entry(entry, key, text.place, rule)).ok();
        let judged: Vec<Option<T>> = entry.texts(key).iter().map(&mut judge).collect();
        judged.into_iter().collect()
    }

    /// As [`Reader::text`], for a value that may be a reference.
    pub(super) fn secret_of(&mut self, entry: &Entry, key: &str, rule: impl FnOnce(&str) -> Result<String, Rule>) -> Option<String> {
        let text = entry.text(key)?;
        self.dereference(&text.text).and_then(|text| rule(&text)).map_err(|rule| self.refuse_entry(entry, key, text.place, rule)).ok()
    }

    /// Records a problem of a key of a table, or of a rule between keys.
    pub(super) fn refuse_entry(&mut self, entry: &Entry, key: &str, place: Place, rule: impl Into<Rule>) {
        let setting = format!("{}.{key}", entry.path);
        self.problems.push(Problem { setting, rule: rule.into(), example: entry.example(key), place, order: entry.order });
    }

    /// What somebody wrote for a setting, as text. None where nobody did, and where the file holds something that is no text.
    pub(super) fn written(&self, setting: &Setting) -> Option<Raw> {
        match self.variable(setting.name) {
            Some(text) => Some(Raw { text, place: Place::Environment }),
            None => self.in_text(setting).cloned().flatten(),
        }
    }

    fn in_text(&self, setting: &Setting) -> Option<&Option<Raw>> {
        self.inline.values.get(setting.name).or_else(|| self.file.values.get(setting.name))
    }

    fn raw(&mut self, setting: &Setting) -> Option<Raw> {
        if self.place(setting).is_some() {
            return self.written(setting);
        }
        match setting.unset {
            Unset::Default(text) => Some(Raw { text: text.to_owned(), place: Place::Unset }),
            Unset::Nothing => None,
            Unset::Refused => {
                self.demand(setting, "must be set");
                None
            }
        }
    }

    /// An empty variable counts as not set: deployment templates have no other way to leave one out.
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn dereference(&self, text: &str) -> Result<String, Rule> {
        if let Some(name) = text.strip_prefix("env:") {
            return self
                .variable(name)
                .ok_or_else(|| format!("must refer to a variable that is set{}", shown(name, is_variable_name)).into());
        }
        let Some(path) = text.strip_prefix("file:") else { return Ok(text.to_owned()) };
        if !path.starts_with('/') {
            return Err("must refer to a file by its absolute path, as in file:/path".into());
        }
        let content = self.read_text(Path::new(path)).map_err(|rule| Rule::from(format!("{rule}{}", shown(path, is_plain_path))))?;
        let line = content.strip_suffix('\n').unwrap_or(&content);
        Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, Rule> {
        let base = self.variable(CODE_PATH).map(PathBuf::from).unwrap_or_default();
        self.files.read(&base.join(path)).map_err(|error| format!("must name a file that can be read ({})", error.kind()).into())
    }

    fn read_text(&self, path: &Path) -> Result<String, Rule> {
        String::from_utf8(self.read(path)?).map_err(|_| "must name a file of UTF-8 text".into())
    }
}

fn unknown_word<'w>(text: &str, supported: impl Iterator<Item = &'w str>) -> Rule {
    let supported = supported.collect::<Vec<_>>().join(", ");
    let plain = text.len() <= LONGEST_SHOWN_WORD && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    match plain {
        true => format!("must be one of {supported}, not {text}").into(),
        false => format!("must be one of {supported}").into(),
    }
}

/// What a reference names, but only if it cannot well be the secret itself, written behind `env:` or `file:` by mistake.
fn shown(name: &str, is_plain: fn(u8) -> bool) -> String {
    if name.len() <= 100 && name.bytes().all(is_plain) { format!(": {name}") } else { String::new() }
}

const fn is_variable_name(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_'
}

const fn is_plain_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-')
}
