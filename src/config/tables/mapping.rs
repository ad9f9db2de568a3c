//! `[mapping]` and `[profile.NAME]` → [`Mapping`].

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::reader::Reader;
use super::super::rules::{self, Rule};
use super::{Entry, Form, Key, Need, Node, Shape, TableKind, Text};
use crate::trace::attributes;
use crate::trace::mapping::{Mapping, Source, Sources};
use crate::trace::metadata::is_free_key;
use crate::trace::ownership::span_in;

pub(in super::super) static MAPPING: TableKind = TableKind {
    name: "mapping",
    form: Form::One,
    keys: KEYS,
    meaning: "Which values of a record become user, session, name and the rest; each key is a list of paths, constants (=text) and \
              templates ({path}), tried in order",
    meaning_zh: "日志中的哪些值成为用户、会话、名称等；每个键是一组按顺序尝试的路径、常量（=文本）和模板（{路径}）",
};

pub(in super::super) static PROFILE: TableKind = TableKind {
    name: "profile",
    form: Form::Named("batch"),
    keys: KEYS,
    meaning: "A mapping with a name, which a trigger's functionParameter chooses; what it names replaces the same key of [mapping]",
    meaning_zh: "带名称的映射，由触发器的 functionParameter 选择；其中的键替换 [mapping] 的同名键",
};

macro_rules! keys {
    ($($name:literal: $shape:expr, $example:literal, $meaning:literal, $meaning_zh:literal;)+) => {
        &[$(Key { name: $name, shape: $shape, need: Need::Optional, example: $example, meaning: $meaning, meaning_zh: $meaning_zh }),+]
    };
}

static KEYS: &[Key] = keys! {
    "user": Shape::Texts, r#"["request_header.x-user-id", "consumer"]"#,
        "Who called; not set: consumer",
        "调用者；不设置时为 consumer";
    "session": Shape::Texts, r#"["request_body.metadata.session_id", "ai_log.session_id"]"#,
        "The conversation; not set: ai_log.session_id",
        "会话；不设置时为 ai_log.session_id";
    "name": Shape::Texts, r#""{consumer}@{ai_log.api}""#,
        "Name of the trace and of its observation (a tool call keeps the tool's name); nothing found: the API's name",
        "Trace 及其 Observation 的名称（工具调用保留工具名）；未找到时为 API 名称";
    "trace_name": Shape::Texts, r#"["ai_log.scene"]"#,
        "Name of the trace where it differs from name; nothing found: as name",
        "与 name 不同时的 Trace 名称；未找到时与 name 相同";
    "tags": Shape::Texts, r#"["tenant:{request_header.x-tenant}", "request_body.metadata.tags", "=gateway"]"#,
        "Tags beside those of verdicts: every source that finds something; a JSON list becomes several",
        "除判定结果之外的标签：取所有找到的值；JSON 列表展开为多个标签";
    "environment": Shape::Texts, r#"["request_header.x-environment", "_namespace_"]"#,
        "Environment; nothing found: LANGFUSE_TRACING_ENVIRONMENT",
        "环境名；未找到时为 LANGFUSE_TRACING_ENVIRONMENT";
    "release": Shape::Texts, r#"["request_header.x-release"]"#,
        "Release; nothing found: LANGFUSE_RELEASE",
        "发布版本；未找到时为 LANGFUSE_RELEASE";
    "version": Shape::Texts, r#"["request_header.x-app-version"]"#,
        "Version of the application; nothing found: that of the trigger's functionParameter",
        "应用版本；未找到时取触发器 functionParameter 中的值";
    "prompt_name": Shape::Texts, r#"["request_header.x-prompt-name"]"#,
        "Name of a prompt in the Langfuse project; goes with prompt_version, on generations only",
        "Langfuse 项目中的提示词名称；与 prompt_version 成对，仅用于 generation";
    "prompt_version": Shape::Texts, r#"["request_header.x-prompt-version"]"#,
        "Version of that prompt, a whole number",
        "该提示词的版本，整数";
    "parent": Shape::Texts, r#"["request_header.x-parent-span"]"#,
        "The span above: 16 hex digits, a whole traceparent or a B3 header; nothing found: what the gateway logged",
        "上级 Span：16 位十六进制、完整的 traceparent 或 B3 头；未找到时取网关记录的值";
    "metadata": Shape::Map(&Shape::Texts), r#"{ tenant = "request_header.x-tenant" }"#,
        "Further metadata by key; values that are there anyway need no entry",
        "更多元数据，按键填写；本来就有的值无需列出";
};

/// What records are mapped to, and the mappings that a call may choose instead.
pub(in super::super) fn mappings(reader: &mut Reader<'_>) -> (Arc<Mapping>, Arc<BTreeMap<String, Arc<Mapping>>>) {
    let base = reader.entries(&MAPPING).first().map(|entry| {
        let read = mapping(reader, entry);
        pair_of_prompt(reader, entry, &read);
        read
    });
    let base = base.unwrap_or_default();
    let mut profiles = BTreeMap::new();
    for entry in reader.entries(&PROFILE) {
        let whole = base.overridden_by(&mapping(reader, &entry));
        pair_of_prompt(reader, &entry, &whole);
        profiles.insert(entry.name, Arc::new(whole));
    }
    (Arc::new(base), Arc::new(profiles))
}

/// Langfuse links by both or not at all.
fn pair_of_prompt(reader: &mut Reader<'_>, entry: &Entry, mapping: &Mapping) {
    for (there, missing) in [("prompt_name", "prompt_version"), ("prompt_version", "prompt_name")] {
        let is_set = |key: &str| if key == "prompt_name" { mapping.prompt_name.is_some() } else { mapping.prompt_version.is_some() };
        if let Some(member) = entry.member(there).filter(|_| is_set(there) && !is_set(missing) && entry.member(missing).is_none()) {
            reader.refuse_entry(entry, missing, member.place, format!("must be set where {there} is"));
        }
    }
}

fn mapping(reader: &mut Reader<'_>, entry: &Entry) -> Mapping {
    let label = |text: &str| rules::label(text).map(|_| ());
    let environment = |text: &str| rules::environment(text).map(|_| ());
    Mapping {
        user: sources(reader, entry, "user", label),
        session: sources(reader, entry, "session", label),
        name: sources(reader, entry, "name", label),
        trace_name: sources(reader, entry, "trace_name", label),
        tags: sources(reader, entry, "tags", label),
        environment: sources(reader, entry, "environment", environment),
        release: sources(reader, entry, "release", label),
        version: sources(reader, entry, "version", label),
        prompt_name: sources(reader, entry, "prompt_name", label),
        prompt_version: sources(reader, entry, "prompt_version", prompt_version),
        parent: sources(reader, entry, "parent", parent),
        metadata: metadata(reader, entry),
    }
}

fn prompt_version(text: &str) -> Result<(), Rule> {
    attributes::prompt_version(text).map(|_| ()).ok_or_else(|| "must be a whole number from 1, as in =3".into())
}

fn parent(text: &str) -> Result<(), Rule> {
    span_in(text).map(|_| ()).ok_or_else(|| "must be 16 hex digits, not all 0".into())
}

/// The sources under a key; a constant obeys the rule of what it is for.
fn sources(reader: &mut Reader<'_>, entry: &Entry, key: &str, constant: fn(&str) -> Result<(), Rule>) -> Option<Sources> {
    let member = entry.member(key)?;
    let read = reader.texts(entry, key, |text| source(text, constant));
    read.and_then(|sources| Sources::new(sources).map_err(|error| reader.refuse_entry(entry, key, member.place, error.to_string())).ok())
}

fn source(text: &str, constant: fn(&str) -> Result<(), Rule>) -> Result<Source, Rule> {
    let source = Source::parse(text).map_err(|error| Rule::from(error.to_string()))?;
    match &source {
        Source::Constant(text) => constant(text).map(|()| source),
        Source::Path(_) | Source::Template { .. } => Ok(source),
    }
}

fn metadata(reader: &mut Reader<'_>, entry: &Entry) -> BTreeMap<String, Sources> {
    let Some(table) = entry.table("metadata") else { return BTreeMap::new() };
    let mut metadata = BTreeMap::new();
    for member in &table.members {
        let Node::Texts(texts) = &member.node else { continue };
        if !is_free_key(&member.key) {
            let rule = "must have keys of 1 to 120 bytes that are no names of ours or of Langfuse: not gw_…, attributes, resourceAttributes, scope";
            reader.refuse_entry(entry, "metadata", member.place, rule);
        }
        let mut read = Vec::new();
        for Text { text, place } in texts {
            match Source::parse(text) {
                Ok(source) => read.push(source),
                Err(error) => reader.refuse_entry(entry, "metadata", *place, error.to_string()),
            }
        }
        match Sources::new(read) {
            Ok(sources) => _ = metadata.insert(member.key.clone(), sources),
            Err(_) if !texts.is_empty() => {}
            Err(error) => reader.refuse_entry(entry, "metadata", member.place, error.to_string()),
        }
    }
    metadata
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::super::load_trace;
    use super::*;
    use crate::trace::settings::TraceSettings;

    fn read(text: &str) -> Result<TraceSettings, Vec<String>> {
        let variables = BTreeMap::from([("CONFIG_FILE".to_owned(), "s.toml".to_owned())]);
        let files = BTreeMap::from([(PathBuf::from("s.toml"), text.as_bytes().to_vec())]);
        load_trace(&variables, &files).map_err(|problems| problems.to_string().lines().map(str::to_owned).collect())
    }

    fn written(sources: &Option<Sources>) -> Vec<String> {
        sources.iter().flat_map(Sources::iter).map(ToString::to_string).collect()
    }

    #[test]
    fn no_table_is_the_mapping_that_names_nothing() {
        assert_eq!(read("langfuse_release = 'r'").unwrap().mapping, Arc::new(Mapping::default()));
    }

    #[test]
    fn each_key_is_one_source_or_a_list_of_them() {
        let settings = read(
            "[mapping]\nuser = ['request_header.x-user-id', 'consumer']\nname = '{consumer}@{ai_log.api}'\nenvironment = '=prod'\n\
             [mapping.metadata]\ntenant = 'request_header.x-tenant'\n",
        );
        let mapping = settings.unwrap().mapping;
        assert_eq!(written(&mapping.user), ["request_header.x-user-id", "consumer"]);
        assert_eq!(written(&mapping.name), ["{consumer}@{ai_log.api}"]);
        assert_eq!(written(&mapping.environment), ["=prod"]);
        assert_eq!(mapping.metadata["tenant"].iter().map(ToString::to_string).collect::<Vec<_>>(), ["request_header.x-tenant"]);
        assert_eq!(mapping.session, None);
    }

    #[test]
    fn a_profile_replaces_what_it_names_and_leaves_the_rest() {
        let settings = read(
            "[profile.batch]\nuser = '=batch'\nmetadata = { b = 'y' }\n[mapping]\nuser = 'consumer'\nsession = 'x'\nmetadata = { a = 'x' }\n",
        );
        let settings = settings.unwrap();
        let batch = &settings.profiles["batch"];
        assert_eq!((written(&batch.user), written(&batch.session)), (vec!["=batch".to_owned()], vec!["x".to_owned()]));
        assert_eq!(batch.metadata.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(written(&settings.mapping.user), ["consumer"]);
    }

    #[test]
    fn every_wrong_source_is_named_with_its_line_and_what_to_write() {
        let problems = read(
            "[mapping]\nuser = ['a..b',\n  'consumer x']\nname = '{consumer'\nenvironment = '=Production'\ntags = []\n\
             [mapping.metadata]\nt = '$.x'\n[profile.p]\nusr = 'x'\n",
        );
        assert_eq!(
            problems.unwrap_err(),
            [
                "mapping.user (CONFIG_FILE line 2): must be a path: a name is missing at character 3; names are separated by single dots, \
                 as in ai_log.session_id; example: user = [\"request_header.x-user-id\", \"consumer\"]",
                "mapping.user (CONFIG_FILE line 3): must be a path: there is a blank or control character at character 9; a name with such \
                 a character stands in quotes, as in request_body.\"my key\"; example: user = [\"request_header.x-user-id\", \"consumer\"]",
                "mapping.name (CONFIG_FILE line 4): must be a template: a brace at character 1 has no partner; a brace that is meant is \
                 written twice; example: name = \"{consumer}@{ai_log.api}\"",
                "mapping.environment (CONFIG_FILE line 5): must be 1 to 40 of a-z, 0-9, _ and -, not beginning with langfuse; example: \
                 environment = [\"request_header.x-environment\", \"_namespace_\"]",
                "mapping.tags (CONFIG_FILE line 6): must be 1 to 20 sources; example: tags = [\"tenant:{request_header.x-tenant}\", \
                 \"request_body.metadata.tags\", \"=gateway\"]",
                "mapping.metadata (CONFIG_FILE line 8): must be a path: it begins with $ at character 1; leave out $ and the dot behind it; \
                 example: metadata = { tenant = \"request_header.x-tenant\" }",
                "profile.p.usr (CONFIG_FILE line 10): must be a key of this table; did you mean user?; \
                 example: user = [\"request_header.x-user-id\", \"consumer\"]",
            ]
        );
    }

    #[test]
    fn a_constant_that_can_never_be_meant_is_refused() {
        for (line, rule) in [
            ("parent = '=zz'", "mapping.parent (CONFIG_FILE line 2): must be 16 hex digits, not all 0; "),
            ("parent = '=0000000000000000'", "mapping.parent (CONFIG_FILE line 2): must be 16 hex digits, not all 0; "),
            (
                "prompt_version = ['v', '=two']\nprompt_name = 'n'",
                "mapping.prompt_version (CONFIG_FILE line 2): must be a whole number from",
            ),
        ] {
            let problems = read(&format!("[mapping]\n{line}")).unwrap_err();
            assert!(problems.len() == 1 && problems[0].starts_with(rule), "{problems:?}");
        }
        assert!(read("[mapping]\nparent = '=00f067aa0ba902b7'\nprompt_name = '=n'\nprompt_version = '=3'").is_ok());
    }

    #[test]
    fn a_prompt_needs_name_and_version_where_they_come_together() {
        let rule = |text: &str| read(text).map(|_| ()).map_err(|problems| problems.join("\n"));
        let expected = "mapping.prompt_version (CONFIG_FILE line 2): must be set where prompt_name is; \
                        example: prompt_version = [\"request_header.x-prompt-version\"]";
        assert_eq!(rule("[mapping]\nprompt_name = 'a'"), Err(expected.to_owned()));
        assert_eq!(rule("[mapping]\nprompt_name = 'a'\nprompt_version = 'b'\n[profile.p]\nprompt_name = 'c'"), Ok(()));
        assert!(
            rule("[profile.p]\nprompt_version = 'c'").unwrap_err().starts_with("profile.p.prompt_name (CONFIG_FILE line 2): must be set")
        );
    }

    #[test]
    fn a_key_of_metadata_that_is_taken_is_refused() {
        for key in ["gw_x", "scope", "a.__proto__", "''"] {
            let quoted = if key == "''" { key.to_owned() } else { format!("'{key}'") };
            let problems = read(&format!("[mapping.metadata]\n{quoted} = 'x'\n")).unwrap_err();
            assert!(
                problems.len() == 1 && problems[0].starts_with("mapping.metadata (CONFIG_FILE line 2): must have keys"),
                "{problems:?}"
            );
        }
    }

    #[test]
    fn the_example_of_every_key_is_accepted() {
        let lines: Vec<_> = KEYS.iter().map(Key::example_in_file).collect();
        assert!(read(&format!("[mapping]\n{}", lines.join("\n"))).is_ok());
    }
}
