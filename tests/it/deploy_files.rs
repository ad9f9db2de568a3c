//! The files around the code agree with it: events, make targets, manifest, scripts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sls_to_langfuse::config::{Setting, Unset, settings};
use sls_to_langfuse::invocation::TriggerEvent;
use sls_to_langfuse::runtime::lambda;

fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

fn text(relative: &str) -> String {
    std::fs::read_to_string(path(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"))
}

fn manifest() -> toml::Table {
    text("Cargo.toml").parse().unwrap()
}

#[test]
fn every_event_file_parses_and_has_a_name_with_hyphens() {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(path("events")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
        assert!(name.strip_suffix(".json").is_some_and(|stem| stem.bytes().all(plain)), "{name}");
        let event = std::fs::read_to_string(entry.path()).unwrap();
        let kind = lambda::kind(&event).unwrap_or_else(|failure| panic!("{name}: {failure}"));
        assert_eq!(kind == lambda::Kind::SlsTrigger, TriggerEvent::parse(event.as_bytes()).is_ok(), "{name}");
        names.insert((name, kind));
    }
    for (name, kind) in [
        ("lambda-cloudwatch-logs.json", lambda::Kind::CloudWatchLogs),
        ("lambda-kinesis.json", lambda::Kind::Kinesis),
        ("lambda-kinesis-cloudwatch.json", lambda::Kind::Kinesis),
        ("lambda-sqs.json", lambda::Kind::Sqs),
        ("sls-trigger.json", lambda::Kind::SlsTrigger),
        ("sls-trigger-empty-range.json", lambda::Kind::SlsTrigger),
        ("sls-trigger-catch-up.json", lambda::Kind::SlsTrigger),
    ] {
        assert!(names.contains(&(name.to_owned(), kind)), "{name}");
    }
}

#[test]
fn the_makefile_has_the_targets_of_the_contract_and_each_says_what_it_does() {
    let makefile = text("Makefile");
    for target in ["help", "run", "test", "check", "peers", "package", "invoke", "clean"] {
        assert!(makefile.contains(&format!("\n.PHONY: {target}\n{target}: ## ")), "{target}");
    }
}

#[test]
fn the_function_is_built_by_default_and_promises_nothing_of_a_feature() {
    let manifest = manifest();
    let binaries = manifest["bin"].as_array().unwrap();
    let binary = |name: &str| binaries.iter().find(|binary| binary["name"].as_str() == Some(name)).unwrap();
    assert!(binary("bootstrap").get("required-features").is_none());
    assert_eq!(binary("sls-to-langfuse")["required-features"].as_array().unwrap()[0].as_str(), Some("cli"));
    assert_eq!(manifest["package"]["default-run"].as_str(), Some("sls-to-langfuse"));
}

#[test]
fn every_dependency_comes_from_a_registry_and_has_a_version() {
    let manifest = manifest();
    for section in ["dependencies", "dev-dependencies"] {
        for (name, wanted) in manifest[section].as_table().unwrap() {
            let version = wanted.as_str().or_else(|| wanted.get("version")?.as_str());
            assert!(version.is_some_and(|version| version != "*"), "{section}: {name}");
            assert!(["git", "path", "registry"].iter().all(|source| wanted.get(source).is_none()), "{section}: {name}");
        }
    }
}

#[test]
fn tls_and_compression_need_no_more_than_a_c_compiler() {
    let lock = text("Cargo.lock");
    for library in ["openssl-sys", "native-tls", "aws-lc-sys", "libz-sys", "libz-ng-sys", "zstd-sys", "lz4-sys", "cmake"] {
        assert!(!lock.contains(&format!("name = \"{library}\"")), "{library}");
    }
}

#[cfg(unix)]
#[test]
fn the_scripts_can_be_run() {
    use std::os::unix::fs::PermissionsExt;
    for script in [".ci/run", ".ci/runtimes"] {
        let mode = std::fs::metadata(path(script)).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{script}");
    }
}

/// The row of a setting in a README's table, made from the table that configuration reads.
fn row(setting: &Setting, chinese: bool) -> String {
    let default = match setting.unset {
        Unset::Refused if chinese => "必填".to_owned(),
        Unset::Refused => "required".to_owned(),
        Unset::Nothing => "—".to_owned(),
        Unset::Default(default) => format!("`{default}`"),
    };
    format!("| `{}` | {} | {default} |", setting.name, if chinese { setting.meaning_zh } else { setting.meaning })
}

#[test]
fn both_readmes_explain_exactly_the_settings_there_are() {
    for (file, chinese) in [("README.md", false), ("README.zh-CN.md", true)] {
        let readme = text(file);
        let written: Vec<_> = readme.lines().filter(|line| line.starts_with("| `") && line.matches(" | ").count() == 2).collect();
        let named: Vec<_> =
            written.into_iter().filter(|line| settings().iter().any(|s| line.starts_with(&format!("| `{}` |", s.name)))).collect();
        let expected: Vec<_> = settings().iter().map(|setting| row(setting, chinese)).collect();
        assert_eq!(named, expected, "{file}");
    }
}

#[test]
fn the_manifest_sets_only_settings_there_are() {
    let yaml = text("s.yaml");
    let block = yaml.split("environmentVariables:\n").nth(1).unwrap();
    let names: Vec<_> =
        block.lines().take_while(|line| line.starts_with("        ")).filter_map(|line| line.trim().split(':').next()).collect();
    assert_eq!(names, ["LANGFUSE_HOST", "LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"]);
    assert!(names.iter().all(|name| settings().iter().any(|setting| setting.name == *name)));
}

#[test]
fn the_manifest_keeps_the_platform_s_rules_for_sizes() {
    // `reference/function-compute.md` §6.2: cpu in steps of 0.05, memory in steps of 64 MB, one to four GB per vCPU.
    let yaml = text("s.yaml");
    let number = |key: &str| -> f64 {
        let line = yaml.lines().find(|line| line.trim().starts_with(&format!("{key}:"))).unwrap();
        line.split(':').nth(1).unwrap().split('#').next().unwrap().trim().parse().unwrap()
    };
    let (cpu, memory) = (number("cpu"), number("memorySize"));
    assert!(((cpu / 0.05).round() * 0.05 - cpu).abs() < 1e-9 && memory % 64.0 == 0.0 && memory >= 128.0);
    assert!((1.0..=4.0).contains(&(memory / 1024.0 / cpu)), "{cpu} vCPU with {memory} MB");
    assert!([512.0, 10240.0].contains(&number("diskSize")) && (1.0..=200.0).contains(&number("instanceConcurrency")));
    assert!((3.0..=600.0).contains(&number("triggerInterval")) && (0.0..=100.0).contains(&number("maxRetryTime")));
}

#[test]
fn the_changelog_begins_with_this_version() {
    let changelog = text("CHANGELOG.md");
    let newest = changelog.lines().find(|line| line.starts_with("## [") && !line.contains("Unreleased")).unwrap();
    assert!(newest.starts_with(&format!("## [{}]", env!("CARGO_PKG_VERSION"))), "{newest}");
}
