//! Settings, rights, modules, samples and pieces of configuration in the pages are those of the program.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Map, Value, json};
use sls_to_langfuse::config::{self, settings};
use sls_to_langfuse::trace::settings::TraceSettings;

use super::page::{pages, root};
use super::variables;

#[test]
fn every_setting_that_is_named_exists() {
    for page in pages().values() {
        let known = |name: &&str| settings().iter().any(|setting| setting.name == *name);
        let unknown: Vec<_> = variables(page).into_iter().filter(|name| !known(name)).collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", page.path);
    }
}

#[tokio::test]
async fn the_settings_pages_hold_the_reference_that_the_program_prints() {
    let pages = pages();
    for (path, language) in [("docs/settings.md", "en"), ("docs/settings.zh-CN.md", "zh")] {
        let printed = crate::cli::run(&["config", "--reference", language], &[]).await;
        assert!(printed.code == Some(0) && printed.stdout.lines().count() > 150, "{printed:?}");
        assert!(
            pages[path].text.contains(&printed.stdout),
            "replace two sections of {path} by `sls-to-langfuse config --reference {language}`"
        );
    }
}

#[test]
fn the_settings_pages_name_what_is_read_of_the_platform() {
    let source = std::fs::read_to_string(root().join("src/config/platform.rs")).unwrap();
    let source = source.split("#[cfg(test)]").next().unwrap();
    let is_name = |text: &&str| text.starts_with("FC_") || text.starts_with("AWS_");
    let names: BTreeSet<_> = source.split('"').skip(1).step_by(2).filter(is_name).collect();
    assert!(names.len() >= 8, "{names:?}");
    let pages = pages();
    for path in ["docs/settings.md", "docs/settings.zh-CN.md"] {
        let code: BTreeSet<_> = pages[path].code().into_iter().filter(is_name).collect();
        assert_eq!(code, names, "{path}");
    }
}

#[test]
fn the_settings_pages_name_what_a_trigger_may_set() {
    let parameters = Map::from_iter([("LANGFUSE_HOST".to_owned(), json!("x"))]);
    let refusal = config::apply_parameters(&TraceSettings::default(), &parameters).unwrap_err().to_string();
    let allowed = refusal.split("it may hold ").nth(1).unwrap().split(", everything").next().unwrap();
    let allowed: Vec<_> = allowed.split(", ").collect();
    assert_eq!(allowed.len(), 7, "{refusal}");
    let pages = pages();
    for path in ["docs/settings.md", "docs/settings.zh-CN.md"] {
        let section = pages[path].text.split("functionParameter`\n").nth(1).unwrap().split("\n#").next().unwrap();
        let rows: Vec<_> = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
        assert_eq!(rows, allowed, "{path}");
    }
}

/// Rights that stand in a text as `service:Action`, between these characters.
fn rights<'t>(texts: impl IntoIterator<Item = &'t str>, services: &[&str]) -> BTreeSet<String> {
    let words = texts.into_iter().flat_map(|text| text.split(|letter: char| !letter.is_ascii_alphanumeric() && !":*".contains(letter)));
    let is_right = |word: &&str| {
        word.split_once(':')
            .is_some_and(|(service, action)| services.contains(&service) && action.starts_with(|first: char| first.is_ascii_uppercase()))
    };
    words.filter(is_right).map(str::to_owned).collect()
}

#[test]
fn the_security_pages_name_exactly_the_rights_of_the_policies() {
    let folder = std::fs::read_dir(root().join("deploy/policies")).unwrap();
    let policies: Vec<_> = folder.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).collect();
    let template = std::fs::read_to_string(root().join("template.yaml")).unwrap();
    let alibaba = rights(policies.iter().map(String::as_str), &["log", "fc", "ram"]);
    let aws = rights([template.as_str()], &["logs", "sqs", "kinesis", "lambda"]);
    assert!(alibaba.len() > 20 && aws.len() > 9, "{alibaba:?} {aws:?}");
    let pages = pages();
    for path in ["docs/security.md", "docs/security.zh-CN.md"] {
        assert_eq!(rights(pages[path].code(), &["log", "fc", "ram"]), alibaba, "{path}");
        assert_eq!(rights(pages[path].code(), &["logs", "sqs", "kinesis", "lambda"]), aws, "{path}");
    }
}

/// What a piece of configuration refers to: names behind `env:`, paths behind `file:`.
fn referred<'t>(text: &'t str, kind: &str) -> Vec<&'t str> {
    text.split(&format!("\"{kind}:")).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[test]
fn every_piece_of_configuration_is_accepted() {
    let mut seen = 0;
    for page in pages().values() {
        for block in page.blocks.iter().filter(|block| block.language == "toml") {
            let mut variables: BTreeMap<String, String> =
                referred(&block.text, "env").into_iter().map(|name| (name.to_owned(), "a-key-of-enough-length".to_owned())).collect();
            let mut files: BTreeMap<PathBuf, Vec<u8>> =
                referred(&block.text, "file").into_iter().map(|path| (path.into(), b"key\n".to_vec())).collect();
            for (name, value) in [("LANGFUSE_HOST", "https://h"), ("LANGFUSE_PUBLIC_KEY", "pk"), ("LANGFUSE_SECRET_KEY", "sk")] {
                if !block.text.contains(&format!("{} =", name.to_lowercase())) {
                    variables.insert(name.to_owned(), value.to_owned());
                }
            }
            let setting = if block.text.contains("[[price]]") { "PRICES_FILE" } else { "CONFIG_FILE" };
            variables.insert(setting.to_owned(), "/page.toml".to_owned());
            files.insert("/page.toml".into(), block.text.clone().into_bytes());
            config::load(&variables, &files).unwrap_or_else(|problems| panic!("{}:\n{}\n{problems}", page.path, block.text));
            seen += 1;
        }
    }
    assert!(seen >= 24, "{seen}");
}

#[test]
fn every_piece_of_json_can_be_read_and_every_filter_in_it_is_accepted() {
    let mut filters = 0;
    for page in pages().values() {
        for block in page.blocks.iter().filter(|block| block.language == "json") {
            let value: Value = serde_json::from_str(&block.text).unwrap_or_else(|error| panic!("{}: {error}\n{}", page.path, block.text));
            if value.get("filter").is_some() {
                assert!(config::filter_of_parameter_member(&value).unwrap().is_some(), "{}", page.path);
                filters += 1;
            }
        }
    }
    assert!(filters >= 2, "{filters}");
}

#[tokio::test]
async fn the_sample_in_each_readme_is_what_the_demo_prints() {
    let ended = crate::cli::run(&["demo"], &[]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let pages = pages();
    for path in ["README.md", "README.zh-CN.md"] {
        let sample = pages[path].blocks.iter().find(|block| block.language == "text").unwrap();
        assert!(ended.stdout.contains(&sample.text), "{path}\n{}", ended.stdout);
    }
}

#[tokio::test]
async fn the_lines_in_each_quick_start_are_what_explain_prints() {
    let ended = crate::cli::run(&["explain", "tests/fixtures/gateway-samples.jsonl"], &[]).await;
    let first: BTreeSet<_> = ended.stdout.split("\n\n").next().unwrap().lines().collect();
    let pages = pages();
    for path in ["docs/quick-start.md", "docs/quick-start.zh-CN.md"] {
        let sample = pages[path].blocks.iter().find(|block| block.language == "text").unwrap();
        let wrong: Vec<_> = sample.text.lines().filter(|line| !first.contains(line)).collect();
        assert!(wrong.is_empty(), "{path}: {wrong:#?}");
    }
}

#[test]
fn the_architecture_pages_name_every_module() {
    let map = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let modules: BTreeSet<_> = map.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let pages = pages();
    for path in ["docs/architecture.md", "docs/architecture.zh-CN.md"] {
        let code: BTreeSet<_> = pages[path].code().into_iter().collect();
        let missing: Vec<_> = modules.iter().filter(|name| !code.contains(*name)).collect();
        assert!(missing.is_empty(), "{path}: {missing:?}");
    }
}

/// A benchmark that wants features which `make bench` leaves out would end it for all of them.
#[test]
fn the_makefile_runs_every_benchmark_by_its_name() {
    let manifest: toml::Table = std::fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    let run = |name: &str, rest: &str| makefile.lines().any(|line| line.contains(&format!("--bench {name}")) && line.contains(rest));
    for bench in manifest["bench"].as_array().unwrap() {
        let (name, wants_more) = (bench["name"].as_str().unwrap(), bench.get("required-features").is_some());
        assert_eq!((run(name, "--no-default-features"), run(name, "")), (!wants_more, true), "{name}");
    }
}

#[test]
fn rights_are_told_from_other_words_with_a_colon() {
    let found: Vec<_> = rights(["\"log:GetCursorOrData\", logs:Put, log:event=x log:Get*"], &["log"]).into_iter().collect();
    assert_eq!(found, ["log:Get*", "log:GetCursorOrData"]);
}
