//! A configuration file with every key in it, each explained and with a value that is accepted. Made of the tables that the reader goes by,
//! so that none is missing. Pure.

use super::setting::{Reach, Setting, Unset};
use super::table::settings;
use super::tables::{Form, Key, Need, Shape, TableKind, tables};

const HEAD: &str = "\
# Every key of the configuration file, with an example of its value.
#
# What must be set is set; all the rest is commented out, and the text beside it says what then holds. `# ` stands before words and `#` alone
# before what can be switched on. An editor that knows JSON schemas reads sls-to-langfuse.schema.json. The guides explain what fits together.
#:schema sls-to-langfuse.schema.json
";

/// The file.
pub fn example() -> String {
    let flat = settings().iter().filter(|setting| setting.reach == Reach::Anywhere).map(of_setting);
    HEAD.to_owned() + &flat.chain(tables().iter().map(|kind| of_kind(kind))).collect::<String>()
}

fn of_setting(setting: &Setting) -> String {
    let (mark, otherwise) = match setting.unset {
        Unset::Refused => ("", String::new()),
        Unset::Nothing => ("#", String::new()),
        Unset::Default(text) => ("#", format!(" Default: {text}.")),
    };
    format!("\n# {}.{otherwise}\n{mark}{}\n", setting.meaning, setting.example_in_file())
}

fn of_kind(kind: &TableKind) -> String {
    let keys: String = kind.keys.iter().map(|key| of_key(key, "")).collect();
    let many = match kind.form {
        Form::One => "",
        Form::Named(_) => " One table for each name.",
        Form::List => " One table for each entry; their order counts.",
    };
    format!("\n# {}.{many}\n#{}\n{keys}", kind.meaning, kind.heading())
}

/// A key, and the keys of a table inside it, which its example shows.
fn of_key(key: &Key, indent: &str) -> String {
    let must = if key.need == Need::Required { " Must be set." } else { "" };
    let inner: String = match key.shape {
        Shape::Table(keys) | Shape::Tables(keys) => keys.iter().map(|key| of_inner(key, indent)).collect(),
        _ => String::new(),
    };
    format!("{indent}# {}.{must}\n{inner}{indent}#{}\n", key.meaning, key.example_in_file())
}

fn of_inner(key: &Key, indent: &str) -> String {
    let must = if key.need == Need::Required { " Must be set." } else { "" };
    format!("{indent}#   {} = {}: {}.{must}\n", key.name, key.example, key.meaning)
}
