//! Every setting with the value in force and where it comes from, for people. Judges nothing: a value may well break its rule.

use super::problem::Place;
use super::reader::Reader;
use super::setting::Setting;
use super::table;
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
