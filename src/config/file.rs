//! The TOML file of settings: text in, raw values by setting and problems out.
//!
//! Knows the shape of the file and which keys there are. Whether a value is right is decided where the environment is judged as well, so
//! that both obey one rule. The parser's own messages are not repeated: they may quote the line, and the line may hold a key.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use super::nearest::nearest;
use super::problem::{Place, Problem};
use super::setting::{Kind, Reach, Setting};
use super::table::{self, settings};
use super::tables::{Entry, Tables, is_table, nearest_table, tables};

/// A value as it was written, not yet judged.
#[derive(Clone, Debug)]
pub(super) struct Raw {
    pub text: String,
    pub place: Place,
}

/// What the file says.
#[derive(Debug, Default)]
pub(super) struct FileSettings {
    /// By name of setting. None: it is there, but not as text, and that is among the problems.
    pub values: BTreeMap<&'static str, Option<Raw>>,
    /// The tables of a kind, in the order of the file.
    pub entries: Vec<(&'static str, Entry)>,
    pub problems: Vec<Problem>,
    /// True if the file could not be taken in: then nothing is known to be missing.
    pub unreadable: bool,
}

impl FileSettings {
    /// The result for a file that could not be read at all.
    pub(super) fn unreadable(problem: Problem) -> Self {
        Self { problems: vec![problem], unreadable: true, ..Self::default() }
    }

    /// Reads the text of a file, or of a variable that holds such a text; `place` says where a line of it is.
    pub(super) fn parse(text: &str, place: fn(usize) -> Place) -> Self {
        let (root, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            return Self { problems: syntax_problems(text, &errors, place), unreadable: true, ..Self::default() };
        }
        let mut read = Self::default();
        let mut tables = Tables::default();
        let places = |offset| place(line_of(text, offset));
        for (key, value) in root.get_ref().iter() {
            match is_table(key.get_ref()) {
                true => tables.take(key.get_ref(), value.get_ref(), key.span().start, &places),
                false => read.take(key.get_ref(), value.get_ref(), places(key.span().start)),
            }
        }
        read.problems.append(&mut tables.problems);
        Self { entries: tables.entries, ..read }
    }

    fn take(&mut self, key: &str, value: &DeValue<'_>, place: Place) {
        let Some(setting) = settings().iter().find(|setting| setting.key() == key) else {
            return self.problems.push(unknown_key(key, place));
        };
        if setting.reach == Reach::EnvironmentOnly {
            return self.problems.push(environment_only(setting, place));
        }
        match text_of(setting.kind, value) {
            Some(text) if text.trim().is_empty() => {}
            Some(text) => _ = self.values.insert(setting.name, Some(Raw { text: text.trim().to_owned(), place })),
            None => {
                self.problems.push(Problem::new(setting, place, shape(setting.kind)));
                self.values.insert(setting.name, None);
            }
        }
    }
}

fn text_of(kind: Kind, value: &DeValue<'_>) -> Option<String> {
    match (kind, value) {
        (_, DeValue::String(text)) => Some(text.to_string()),
        (Kind::Number | Kind::Switch, DeValue::Integer(number)) if number.radix() == 10 => Some(number.as_str().to_owned()),
        (Kind::Number, DeValue::Float(number)) => Some(number.as_str().to_owned()),
        (Kind::Switch, DeValue::Boolean(on)) => Some(on.to_string()),
        (Kind::List, DeValue::Array(elements)) => {
            let texts: Option<Vec<_>> = elements.iter().map(|element: &Spanned<_>| element.get_ref().as_str()).collect();
            texts.map(|texts| texts.join(","))
        }
        _ => None,
    }
}

const fn shape(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Choice(_) => "must be text in quotes",
        Kind::Number => "must be a number",
        Kind::Switch => "must be true or false",
        Kind::List => "must be an array of texts, or one text with commas",
    }
}

fn syntax_problems(text: &str, errors: &[Error], place: fn(usize) -> Place) -> Vec<Problem> {
    let mut lines: Vec<_> = errors.iter().map(|error| (line_of(text, error.span().map_or(0, |span| span.start)), rule_of(error))).collect();
    lines.sort_unstable();
    lines.dedup_by_key(|(line, _)| *line);
    lines.into_iter().map(|(line, rule)| file_problem(place(line), rule)).collect()
}

fn rule_of(error: &Error) -> &'static str {
    match error.message() {
        "duplicate key" => "must name each setting once",
        _ => "must be TOML: one name = value on a line, texts in quotes",
    }
}

/// A problem of the file as a whole.
fn file_problem(place: Place, rule: &'static str) -> Problem {
    let file = if matches!(place, Place::Inline { .. }) { &table::CONFIG_TOML } else { &table::CONFIG_FILE };
    Problem { setting: file.name.into(), example: table::LANGFUSE_HOST.example_in_file(), ..Problem::new(file, place, rule) }
}

fn unknown_key(key: &str, place: Place) -> Problem {
    let anywhere = || settings().iter().filter(|setting| setting.reach == Reach::Anywhere);
    if let Some(kind) = nearest_table(key, anywhere()) {
        let rule = format!("must be the name of a setting or of a table; did you mean {}?", kind.heading());
        return Problem { setting: shown(key).into(), rule: rule.into(), example: kind.heading(), ..file_problem(place, "") };
    }
    let meant = nearest(key, anywhere().map(|setting| setting.name));
    let meant = settings().iter().find(|setting| Some(setting.name) == meant);
    let rule = match meant {
        Some(setting) => format!("must be the name of a setting; did you mean {}?", setting.key()),
        None => format!("must be the name of a setting in lower case, or of a table: {}", headings().join(", ")),
    };
    Problem {
        setting: shown(key).into(),
        rule: rule.into(),
        example: meant.unwrap_or(&table::LANGFUSE_HOST).example_in_file(),
        ..file_problem(place, "")
    }
}

fn environment_only(setting: &Setting, place: Place) -> Problem {
    let rule = "must be set in the environment, not in the file";
    Problem { example: setting.example_in_environment(), ..Problem::new(setting, place, rule) }
}

fn headings() -> Vec<String> {
    tables().iter().map(|kind| kind.heading()).collect()
}

fn shown(key: &str) -> &str {
    if is_plain(key) { key } else { "unknown key" }
}

/// A stray text at the place of a key is shown only if it looks like a name and not like a key of another sort.
fn is_plain(key: &str) -> bool {
    key.len() <= 40 && key.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_file(line: usize) -> Place {
        Place::File { line }
    }

    fn value(text: &str, name: &str) -> Option<String> {
        let read = FileSettings::parse(text, in_file);
        assert!(read.problems.is_empty(), "{:?}", read.problems);
        read.values.get(name).cloned().flatten().map(|raw| raw.text)
    }

    fn problems(text: &str) -> Vec<String> {
        FileSettings::parse(text, in_file).problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn values_become_the_text_that_a_variable_would_hold() {
        let cases = [
            ("langfuse_host = \"https://h\"", "LANGFUSE_HOST", "https://h"),
            ("langfuse_sdk_timeout = 1_0", "LANGFUSE_SDK_TIMEOUT", "10"),
            ("langfuse_sdk_timeout = 2.5", "LANGFUSE_SDK_TIMEOUT", "2.5"),
            ("langfuse_sdk_timeout = '30'", "LANGFUSE_SDK_TIMEOUT", "30"),
            ("sls_plain_http = true", "SLS_PLAIN_HTTP", "true"),
            ("sls_plain_http = 0", "SLS_PLAIN_HTTP", "0"),
            ("sls_plain_http = 'on'", "SLS_PLAIN_HTTP", "on"),
            ("sls_allowed_endpoints = ['a', 'b']", "SLS_ALLOWED_ENDPOINTS", "a,b"),
            ("sls_allowed_endpoints = 'a, b'", "SLS_ALLOWED_ENDPOINTS", "a, b"),
        ];
        for (text, name, expected) in cases {
            assert_eq!(value(text, name).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn an_empty_text_and_an_empty_array_count_as_not_set() {
        assert_eq!(value("langfuse_release = ''", "LANGFUSE_RELEASE"), None);
        assert_eq!(value("sls_allowed_endpoints = []", "SLS_ALLOWED_ENDPOINTS"), None);
    }

    #[test]
    fn a_value_of_another_type_is_named_with_its_line() {
        assert_eq!(
            problems("# first\n\nlangfuse_release = 5"),
            [r#"langfuse_release (CONFIG_FILE line 3): must be text in quotes; example: langfuse_release = "2026-09-01""#]
        );
        assert_eq!(
            problems("sls_plain_http = [true]"),
            ["sls_plain_http (CONFIG_FILE line 1): must be true or false; example: sls_plain_http = true"]
        );
        for text in ["langfuse_sdk_timeout = true", "langfuse_sdk_timeout = 0x1e", "sls_allowed_endpoints = [1]", "langfuse_host.a = 'b'"] {
            assert_eq!(problems(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn an_unknown_key_is_answered_with_the_nearest_name() {
        assert_eq!(
            problems("langfuse_release = 'r'\nlangfuse_hots = 'https://h'"),
            ["langfuse_hots (CONFIG_FILE line 2): must be the name of a setting; did you mean langfuse_host?; \
              example: langfuse_host = \"https://cloud.langfuse.com\""]
        );
        assert!(problems("LANGFUSE_HOST = 'https://h'")[0].contains("did you mean langfuse_host?"));
    }

    #[test]
    fn an_unknown_table_is_answered_with_the_nearest_one_or_all() {
        assert_eq!(
            problems("[kafka]\nbrokers = 'x'"),
            [format!(
                "kafka (CONFIG_FILE line 1): must be the name of a setting in lower case, or of a table: {}; \
                 example: langfuse_host = \"https://cloud.langfuse.com\"",
                headings().join(", ")
            )]
        );
        assert_eq!(
            problems("\n[maping]\nuser = 'consumer'"),
            ["maping (CONFIG_FILE line 2): must be the name of a setting or of a table; did you mean [mapping]?; example: [mapping]"]
        );
    }

    #[test]
    fn what_belongs_into_the_environment_is_sent_there() {
        assert_eq!(
            problems("tz = 'Asia/Shanghai'"),
            ["tz (CONFIG_FILE line 1): must be set in the environment, not in the file; example: TZ=Asia/Shanghai"]
        );
        for key in ["config_file", "config_toml", "rust_log", "https_proxy", "http_proxy", "all_proxy", "no_proxy"] {
            assert!(problems(&format!("{key} = 'x'"))[0].contains("must be set in the environment"), "{key}");
        }
    }

    #[test]
    fn syntax_errors_are_counted_by_line_and_quote_nothing() {
        let text = "langfuse_host = \"https://h\"\nlangfuse_secret_key = sentinel\"x\nlangfuse_release = 'open\n";
        let read = FileSettings::parse(text, in_file);
        let lines: Vec<_> = read.problems.iter().map(|problem| problem.place).collect();
        assert_eq!(lines, [Place::File { line: 2 }, Place::File { line: 3 }]);
        assert!(read.unreadable && read.values.is_empty());
        assert!(problems(text).iter().all(|problem| !problem.contains("sentinel")));
    }

    #[test]
    fn a_key_that_stands_twice_is_named_as_such() {
        let twice = problems("langfuse_host = 'https://a'\nlangfuse_host = 'https://b'");
        assert_eq!(
            twice,
            ["CONFIG_FILE (CONFIG_FILE line 2): must name each setting once; example: langfuse_host = \"https://cloud.langfuse.com\""]
        );
    }
}
