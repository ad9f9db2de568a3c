//! Every setting with the value in force and where it comes from, for people. Judges nothing: a value may well break its rule.

use super::problem::Place;
use super::reader::Reader;
use super::setting::Setting;
use super::table;
use super::tables::{Entry, Form, Node, tables};
use super::variables::{Files, Variables};

/// A setting and what holds for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// The setting.
    pub setting: Setting,
    /// What holds.
    pub value: Value,
}

/// What holds for a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Nothing,
    /// The default.
    Default(&'static str),
    /// This text, as it is written there.
    Text(String, Place),
    /// Something that is never shown.
    Hidden(Place),
}

/// All settings, in the order of the table.
pub fn effective(variables: &dyn Variables, files: &dyn Files) -> Vec<Effective> {
    let reader = Reader::open(variables, files);
    table::settings().iter().map(|setting| Effective { setting: *setting, value: value(&reader, setting) }).collect()
}

/// A key of a table and what holds for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveKey {
    /// Table and key, as `mapping.user` or `route[2].to`.
    pub name: String,
    /// What holds, in TOML.
    pub value: Value,
}

/// Every key of a table that somebody wrote, in the order of the tables.
pub fn effective_tables(variables: &dyn Variables, files: &dyn Files) -> Vec<EffectiveKey> {
    let reader = Reader::open(variables, files);
    let mut keys = Vec::new();
    for kind in tables() {
        for (index, entry) in reader.entries(kind).iter().enumerate() {
            let path = if kind.form == Form::List { format!("{}[{}]", kind.name, index + 1) } else { entry.path.clone() };
            put_entry(&mut keys, &path, entry);
        }
    }
    keys
}

fn put_entry(keys: &mut Vec<EffectiveKey>, path: &str, entry: &Entry) {
    for member in &entry.members {
        let name = format!("{path}.{}", member.key);
        let text = |text: String| Value::Text(text, member.place);
        let value = match &member.node {
            Node::Text(written) => text(quoted(&written.text)),
            Node::Number(written) => text(written.text.clone()),
            Node::Secret(written) => Value::Hidden(written.place),
            Node::Switch(on) => text(on.to_string()),
            Node::Texts(texts) => text(format!("[{}]", texts.iter().map(|one| quoted(&one.text)).collect::<Vec<_>>().join(", "))),
            Node::Table(inner) => {
                put_entry(keys, &name, inner);
                continue;
            }
            Node::Tables(inner) => {
                inner.iter().enumerate().for_each(|(index, entry)| put_entry(keys, &format!("{name}[{}]", index + 1), entry));
                continue;
            }
        };
        keys.push(EffectiveKey { name, value });
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn value(reader: &Reader<'_>, setting: &Setting) -> Value {
    match (reader.written(setting), setting.unset) {
        (Some(raw), _) if setting.secret => Value::Hidden(raw.place),
        (Some(raw), _) => Value::Text(raw.text, raw.place),
        (None, super::Unset::Default(text)) => Value::Default(text),
        (None, _) => Value::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn each_key_of_a_table_has_its_value_and_place() {
        let variables = BTreeMap::from([("CONFIG_FILE".to_owned(), "s.toml".to_owned())]);
        let text =
            b"[mapping]\nuser = ['a\"b', 'c']\n[mapping.metadata]\nt = 'x'\n[dialect.d]\ngateway_fields = true\nwhen = { y = '*' }\n";
        let keys = effective_tables(&variables, &BTreeMap::from([(PathBuf::from("s.toml"), text.to_vec())]));
        let shown: Vec<_> = keys.iter().map(|key| (key.name.as_str(), key.value.clone())).collect();
        let text = |text: &str, line| Value::Text(text.into(), Place::File { line });
        assert_eq!(
            shown,
            [
                ("mapping.user", text(r#"["a\"b", "c"]"#, 2)),
                ("mapping.metadata.t", text(r#"["x"]"#, 4)),
                ("dialect.d.gateway_fields", text("true", 6)),
                ("dialect.d.when.y", text(r#"["*"]"#, 7)),
            ]
        );
    }

    #[test]
    fn each_setting_has_its_value_and_place_and_no_secret_is_shown() {
        let pairs =
            [("CONFIG_FILE", "s.toml"), ("LANGFUSE_SECRET_KEY", "sentinel"), ("LANGFUSE_RELEASE", "variable"), ("TRACE_OWNERSHIP", "")];
        let variables: BTreeMap<String, String> = pairs.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        let text = b"langfuse_release = 'file'\nlangfuse_public_key = 'sentinel'\nsls_region = 'cn-hangzhou'".to_vec();
        let all = effective(&variables, &BTreeMap::from([(PathBuf::from("s.toml"), text)]));
        let of = |name: &str| all.iter().find(|one| one.setting.name == name).unwrap().value.clone();
        assert_eq!(all.len(), table::settings().len());
        assert_eq!(of("LANGFUSE_RELEASE"), Value::Text("variable".into(), Place::Environment));
        assert_eq!(of("SLS_REGION"), Value::Text("cn-hangzhou".into(), Place::File { line: 3 }));
        assert_eq!(
            (of("LANGFUSE_SECRET_KEY"), of("LANGFUSE_PUBLIC_KEY")),
            (Value::Hidden(Place::Environment), Value::Hidden(Place::File { line: 2 }))
        );
        assert_eq!((of("TRACE_OWNERSHIP"), of("LANGFUSE_HOST")), (Value::Default("auto"), Value::Nothing));
        assert!(!format!("{all:?}").contains("sentinel"));
    }
}
