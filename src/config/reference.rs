//! The reference of all settings as Markdown, for the documentation: made of the tables that the reader goes by, so that it cannot differ. Pure.

use super::setting::{self, Reach, Setting, Unset};
use super::table::settings;
use super::tables::{Form, Key, Need, Shape, TableKind, tables};

/// A language of the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Simplified Chinese.
    Chinese,
}

impl Language {
    fn pick(self, english: &'static str, chinese: &'static str) -> &'static str {
        match self {
            Self::English => english,
            Self::Chinese => chinese,
        }
    }
}

/// Every setting and every key of a table: two sections of `docs/settings.md` or `docs/settings.zh-CN.md`.
pub fn reference(language: Language) -> String {
    let rows: String = settings().iter().map(|setting| of_setting(setting, language)).collect();
    let mut shown = Shown::default();
    let kinds: String = tables().iter().map(|kind| of_kind(kind, language, &mut shown)).collect();
    let (variables, head) = (language.pick("## Variables", "## 变量"), language.pick(HEAD, HEAD_ZH));
    let file = language.pick("## Tables of the file", "## 文件中的表");
    format!("{variables}\n\n{head}{rows}\n{file}\n{kinds}")
}

const HEAD: &str = "| variable | meaning | takes | default | may stand in |\n|---|---|---|---|---|\n";
const HEAD_ZH: &str = "| 变量 | 含义 | 取值 | 默认值 | 可写在 |\n|---|---|---|---|---|\n";
const KEY_HEAD: &str = "| key | meaning | takes |\n|---|---|---|\n";
const KEY_HEAD_ZH: &str = "| 键 | 含义 | 取值 |\n|---|---|---|\n";

fn of_setting(setting: &Setting, language: Language) -> String {
    let default = match setting.unset {
        Unset::Refused => language.pick("required", "必填").to_owned(),
        Unset::Nothing => "—".to_owned(),
        Unset::Default(default) => format!("`{default}`"),
    };
    let place = match setting.reach {
        Reach::Anywhere => language.pick("environment, file", "环境变量、文件"),
        Reach::EnvironmentOnly => language.pick("environment", "环境变量"),
    };
    let meaning = language.pick(setting.meaning, setting.meaning_zh);
    format!("| `{}` | {meaning} | {} | {default} | {place} |\n", setting.name, of_value(setting, language))
}

fn of_value(setting: &Setting, language: Language) -> String {
    let kind = match setting.kind {
        setting::Kind::Text => language.pick("text", "文本").to_owned(),
        setting::Kind::Number => language.pick("number", "数字").to_owned(),
        setting::Kind::Switch => choice(&["true", "false"], language),
        setting::Kind::Choice(words) => choice(words, language),
        setting::Kind::List => language.pick("list", "列表").to_owned(),
    };
    if setting.secret { format!("{kind}{}", language.pick(", never shown", "，不会显示")) } else { kind }
}

fn choice(words: &[&str], language: Language) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(language.pick(", ", "、"))
}

/// Lists of keys that have been written out, by where they stand.
#[derive(Default)]
struct Shown(Vec<(String, &'static [Key])>);

impl Shown {
    /// Where a list stands that has all of these keys.
    fn place(&self, keys: &[Key]) -> Option<&str> {
        self.0.iter().find(|(_, list)| keys.iter().all(|key| list.contains(key))).map(|(place, _)| place.as_str())
    }
}

fn of_kind(kind: &TableKind, language: Language, shown: &mut Shown) -> String {
    let heading = match kind.form {
        Form::One => format!("[{}]", kind.name),
        Form::Named(_) => format!("[{}.NAME]", kind.name),
        Form::List => format!("[[{}]]", kind.name),
    };
    let meaning = language.pick(kind.meaning, kind.meaning_zh);
    let intro = format!("\n### `{heading}`\n\n{meaning}{}", language.pick(".", "。"));
    if let Some(place) = shown.place(kind.keys) {
        let same = match language {
            Language::English => format!("The keys are those of `{place}`."),
            Language::Chinese => format!("键与 `{place}` 相同。"),
        };
        return format!("{intro}\n\n{same}\n");
    }
    shown.0.push((heading, kind.keys));
    let rows: String = kind.keys.iter().map(|key| of_key(key, kind.name, "", language, shown)).collect();
    format!("{intro}\n\n{}{rows}", language.pick(KEY_HEAD, KEY_HEAD_ZH))
}

/// The row of a key, and rows of the keys of tables inside it, unless these stand elsewhere.
fn of_key(key: &Key, table: &str, above: &str, language: Language, shown: &mut Shown) -> String {
    let name = format!("{above}{}", key.name);
    let must = if key.need == Need::Required { language.pick("; must be set", "，必填") } else { "" };
    let meaning = language.pick(key.meaning, key.meaning_zh);
    let row = |takes: &str| format!("| `{name}` | {meaning} | {takes}{must} |\n");
    let (takes, inner) = of_shape(key.shape, language);
    let Some(keys) = inner else { return row(&takes) };
    if let Some(place) = shown.place(keys) {
        return row(&format!("{takes}{} `{place}`", language.pick(" as in", "，同")));
    }
    shown.0.push((format!("{table}.{name}"), keys));
    let rows: String = keys.iter().map(|key| of_key(key, table, &format!("{name}."), language, shown)).collect();
    row(&takes) + &rows
}

/// What a value is, and the keys of the tables inside it.
fn of_shape(shape: Shape, language: Language) -> (String, Option<&'static [Key]>) {
    match shape {
        Shape::Text => (language.pick("text", "文本").to_owned(), None),
        Shape::Secret => {
            (language.pick("text, `env:NAME`, `file:/path`; never shown", "文本、`env:NAME`、`file:/path`，不会显示").to_owned(), None)
        }
        Shape::Number => (language.pick("number", "数字").to_owned(), None),
        Shape::Switch => (choice(&["true", "false"], language), None),
        Shape::Choice(words) => (choice(words, language), None),
        Shape::Texts => (language.pick("text, or a list of texts", "文本，或文本列表").to_owned(), None),
        Shape::Map(_) => (language.pick("table of any names", "任意名称的表").to_owned(), None),
        Shape::Table(keys) => (language.pick("table", "表").to_owned(), Some(keys)),
        Shape::Tables(keys) => (language.pick("list of tables", "表的列表").to_owned(), Some(keys)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_and_every_table_stands_in_the_reference_of_each_language() {
        for language in [Language::English, Language::Chinese] {
            let text = reference(language);
            for setting in settings() {
                assert_eq!(text.matches(&format!("\n| `{}` | ", setting.name)).count(), 1, "{}", setting.name);
            }
            assert_eq!(text.matches("\n### `[").count(), tables().len());
        }
    }

    #[test]
    fn keys_that_stand_in_two_places_are_written_out_once() {
        let text = reference(Language::English);
        assert_eq!(text.matches("| `prompt_name` |").count(), 1);
        assert!(text.contains("### `[profile.NAME]`") && text.contains("\nThe keys are those of `[mapping]`.\n"));
        assert_eq!(text.matches("| `when.field` |").count(), 1);
        assert!(text.contains("| list of tables as in `filter.when` |"));
    }

    #[test]
    fn a_row_says_what_a_setting_takes_what_holds_without_it_and_where_it_may_stand() {
        let text = reference(Language::English);
        for row in [
            "| `LANGFUSE_INGESTION` | Which API of Langfuse receives the data; auto decides by the server's version | `auto`, `otlp`, `batch` | `auto` | environment, file |",
            "| `TZ` | Time zone for display on a terminal; times in data and logs stay in UTC | text | `UTC` | environment |",
            "| `LANGFUSE_SECRET_KEY` | Secret key of the Langfuse project | text, never shown | required | environment, file |",
        ] {
            assert!(text.lines().any(|line| line == row), "{row}");
        }
        let must = "| `host` | Address of the Langfuse server; a path prefix is allowed | text; must be set |";
        assert!(text.lines().any(|line| line == must), "{must}");
    }

    #[test]
    fn no_cell_breaks_its_row() {
        for language in [Language::English, Language::Chinese] {
            for line in reference(language).lines().filter(|line| line.starts_with("| ")) {
                assert!([4, 6].contains(&line.matches('|').count()), "{line}");
            }
        }
    }
}
