//! The files around the code agree with it: events, make targets, manifest, scripts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sls_to_langfuse::config::settings;
use sls_to_langfuse::invocation::TriggerEvent;
use sls_to_langfuse::runtime::lambda;

use crate::json_schema::Schema;

#[path = "../../src/cli/doctor/yaml.rs"]
mod yaml;

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
    for target in ["help", "run", "test", "check", "peers", "package", "bench", "template", "langfuse-env", "invoke", "clean"] {
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
fn the_page_of_the_stand_in_is_in_the_command_line_and_never_in_the_function() {
    let holds = |program: &str, text: &[u8]| std::fs::read(program).unwrap().windows(text.len()).any(|window| window == text);
    let page = text("src/emulator/langfuse/page/index.html");
    for mark in [&b"sls-to-langfuse-local-page"[..], b"/_local/page/app.js"] {
        assert!(page.as_bytes().windows(mark.len()).any(|window| window == mark));
        assert!(holds(env!("CARGO_BIN_EXE_sls-to-langfuse"), mark));
        assert!(!holds(env!("CARGO_BIN_EXE_bootstrap"), mark));
    }
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
    for script in [".ci/run", ".ci/package", ".ci/runtimes", "deploy/langfuse/new-env"] {
        let mode = std::fs::metadata(path(script)).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{script}");
    }
}

/// A manifest as Serverless Devs reads it, its `${vars.…}` filled in.
fn serverless(relative: &str) -> Value {
    yaml::filled_in(&text(relative)).unwrap_or_else(|line| panic!("{relative} line {line}"))
}

fn props(manifest: &Value) -> &Value {
    &manifest["resources"]["forwarder"]["props"]
}

#[test]
fn the_manifest_is_what_the_platform_and_this_program_take() {
    let schema = Schema::parse(&text("tests/fixtures/s.schema.json"));
    let good = serverless("s.yaml");
    assert_eq!(schema.check(&good), Ok(()));
    for (pointer, bad) in [
        ("/edition", json!("1.0.0")),
        ("/vars/account", json!(1)),
        ("/resources/forwarder/component", json!("fc")),
        ("/resources/forwarder/props/runtime", json!("custom.debian9")),
        ("/resources/forwarder/props/cpu", json!(0.01)),
        ("/resources/forwarder/props/memorySize", json!(200)),
        ("/resources/forwarder/props/diskSize", json!(1024)),
        ("/resources/forwarder/props/timeout", json!(86401)),
        ("/resources/forwarder/props/instanceConcurrency", json!(0)),
        ("/resources/forwarder/props/role", json!("sls-to-langfuse-function")),
        ("/resources/forwarder/props/customRuntimeConfig", json!({"command": ["/code/bootstrap"], "port": 9000, "healthCheckConfig": {}})),
        ("/resources/forwarder/props/environmentVariables/LANGFUSE_HOST", json!(1)),
        ("/resources/forwarder/props/environmentVariables", json!({"FC_X": "1"})),
        ("/resources/forwarder/props/logConfig/logBeginRule", json!("Regex")),
        ("/resources/forwarder/props/triggers/0/sourceArn", json!("acs:log:cn-hangzhou:project/p")),
        ("/resources/forwarder/props/triggers/0/triggerConfig/jobConfig/triggerInterval", json!(2)),
        ("/resources/forwarder/props/triggers/0/triggerConfig/jobConfig/maxRetryTime", json!("3")),
        ("/resources/forwarder/props/triggers/0/triggerConfig/functionParameter", json!({"LANGFUSE_HOST": "https://elsewhere"})),
        ("/resources/forwarder/props/triggers/0/triggerConfig/logConfig/logstore", json!("${vars.forgotten}")),
    ] {
        let mut wrong = good.clone();
        *wrong.pointer_mut(pointer).unwrap() = bad;
        assert!(schema.check(&wrong).is_err(), "{pointer}");
    }
}

#[test]
fn the_manifest_sets_only_settings_there_are() {
    let manifest = serverless("s.yaml");
    let names: Vec<_> = props(&manifest)["environmentVariables"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["LANGFUSE_HOST", "LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"]);
    assert!(names.iter().all(|name| settings().iter().any(|setting| setting.name == *name)));
}

#[test]
fn no_address_and_no_key_stands_in_the_manifest() {
    let manifest = serverless("s.yaml");
    for (name, value) in props(&manifest)["environmentVariables"].as_object().unwrap() {
        assert_eq!(value.as_str(), Some(format!("${{env('{name}')}}").as_str()));
    }
}

#[test]
fn whoever_deploys_edits_nothing_below_the_variables() {
    let yaml = text("s.yaml");
    let (_, below) = yaml.split_once("\nresources:\n").unwrap();
    let vars = serverless("s.yaml")["vars"].as_object().unwrap().clone();
    for (name, value) in &vars {
        let value = value.as_str().unwrap();
        assert!(below.contains(&format!("${{vars.{name}}}")), "{name} is used nowhere");
        assert!(!below.contains(value), "{value} stands below the variables too");
    }
}

#[test]
fn the_manifest_keeps_the_platform_s_rules_for_sizes() {
    // `reference/function-compute.md` §6.2: cpu in steps of 0.05, memory in steps of 64 MB, one to four GB per vCPU.
    let manifest = serverless("s.yaml");
    let (cpu, memory) = (props(&manifest)["cpu"].as_f64().unwrap(), props(&manifest)["memorySize"].as_f64().unwrap());
    assert!(((cpu / 0.05).round() * 0.05 - cpu).abs() < 1e-9 && memory % 64.0 == 0.0);
    assert!((1.0..=4.0).contains(&(memory / 1024.0 / cpu)), "{cpu} vCPU with {memory} MB");
}

/// A manifest from its first key on, every variable's value replaced by the question for it.
fn asked_for(manifest: &str) -> String {
    let mut in_vars = false;
    let lines = manifest.lines().skip_while(|line| !line.starts_with("edition:")).map(|line| {
        in_vars = line == "vars:" || in_vars && line.starts_with("  ");
        match line.trim_start().split_once(": ") {
            Some((name, rest)) if in_vars || name == "access" => {
                let comment = rest.find(" #").map_or("", |at| &rest[at..]);
                let indent = if in_vars { "  " } else { "" };
                format!("{indent}{name}: \"{{{{ {name} }}}}\"{comment}")
            }
            _ => line.to_owned(),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_template_is_the_manifest_with_a_question_for_each_variable() {
    let template = text("deploy/serverless-devs/src/s.yaml");
    let from_edition: Vec<_> = template.lines().skip_while(|line| !line.starts_with("edition:")).collect();
    assert_eq!(from_edition.join("\n"), asked_for(&text("s.yaml")));
}

#[test]
fn the_template_asks_for_each_variable_and_each_secret_and_nothing_else() {
    let publish = serverless("deploy/serverless-devs/publish.yaml");
    let manifest = serverless("s.yaml");
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let (vars, secrets) = (keys(&manifest["vars"]), keys(&props(&manifest)["environmentVariables"]));
    let parameters = &publish["Parameters"];
    assert_eq!(keys(&parameters["properties"]), vars.union(&secrets).cloned().collect());
    let required: BTreeSet<_> = parameters["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect();
    assert_eq!(required, keys(&parameters["properties"]));
    for (name, parameter) in parameters["properties"].as_object().unwrap() {
        // `s init` writes parameters of this type, and no others, to .env, where `${env('…')}` finds them.
        assert_eq!(parameter["type"] == "secret", secrets.contains(name), "{name}");
    }
    let (kind, version) = (&publish["Type"], &publish["Version"]);
    assert_eq!((kind.as_str(), version.as_str()), (Some("Project"), Some(env!("CARGO_PKG_VERSION"))));
    assert!(text("deploy/serverless-devs/version.md").starts_with(&format!("# {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn the_policies_in_the_repository_are_those_of_the_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_sls-to-langfuse"));
    program.args(["doctor", "--policies", "--manifest", "s.yaml", "--write"]).arg(folder.path()).current_dir(path(""));
    assert!(program.output().unwrap().status.success());
    let names = |folder: &Path| {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<BTreeSet<_>>()
    };
    let written = names(folder.path());
    assert_eq!(names(&path("deploy/policies")), written);
    assert_eq!(written.len(), 5);
    for name in written {
        assert_eq!(text(&format!("deploy/policies/{name}")), std::fs::read_to_string(folder.path().join(&name)).unwrap(), "{name}");
    }
}

const LOCAL_LANGFUSE: &str = "deploy/langfuse/docker-compose.yaml";

/// Names behind `${`, and what stands between a name and the `}`.
fn substituted(text: &str) -> Vec<(&str, &str)> {
    let inner = text.split("${").skip(1).map(|rest| rest.split('}').next().unwrap());
    inner
        .map(|inner| inner.split_at(inner.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(inner.len())))
        .collect()
}

/// The pairs of a file of settings.
fn pairs(text: &str) -> BTreeMap<&str, &str> {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| line.trim_start_matches("export ").split_once('=').unwrap()).collect()
}

#[test]
fn the_local_langfuse_has_no_secret_by_default_and_says_how_to_make_them() {
    let compose = text(LOCAL_LANGFUSE);
    let found = substituted(&compose);
    assert!(found.len() > 9 && found.iter().all(|(_, otherwise)| *otherwise == ":?make langfuse-env"), "{found:?}");
    let secret =
        |key: &str| key.ends_with("_AUTH") || ["PASSWORD", "SECRET", "SALT", "ENCRYPTION_KEY"].iter().any(|part| key.contains(part));
    for line in compose.lines().filter(|line| !line.trim_start().starts_with('#')) {
        if let Some((key, value)) = line.trim().split_once(": ").filter(|(key, _)| secret(key)) {
            assert!(value.starts_with("${"), "{key}");
        }
    }
}

#[test]
fn the_local_langfuse_is_reached_from_this_machine_alone() {
    let compose = serverless(LOCAL_LANGFUSE);
    let published: Vec<_> = compose["services"].as_object().unwrap().values().filter_map(|service| service.get("ports")).collect();
    assert_eq!(published, [&json!(["127.0.0.1:3000:3000"])]);
}

#[cfg(unix)]
#[test]
fn secrets_for_the_local_langfuse_are_random_complete_private_and_kept() {
    use std::os::unix::fs::PermissionsExt;
    let made = || {
        let folder = tempfile::tempdir().unwrap();
        let run = || std::process::Command::new(path("deploy/langfuse/new-env")).arg(folder.path()).output().unwrap();
        assert!(run().status.success());
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let both = (read(".env"), read("run.env"));
        assert!(run().status.success());
        assert_eq!((read(".env"), read("run.env")), both);
        for name in [".env", "run.env"] {
            assert_eq!(std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        }
        both
    };
    let ((env, run), (other, _)) = (made(), made());
    let (env, run, other) = (pairs(&env), pairs(&run), pairs(&other));
    let compose = text(LOCAL_LANGFUSE);
    let wanted: BTreeSet<_> = substituted(&compose).into_iter().map(|(name, _)| name).collect();
    assert_eq!(env.keys().copied().collect::<BTreeSet<_>>(), wanted);
    for (name, value) in &env {
        assert_eq!(other[name] == *value, *name == "UI_EMAIL", "{name}");
    }
    // Langfuse takes nothing else: 64 hexadecimal digits, and passwords of at least 8 characters that mean nothing in a URL.
    assert!(env["ENCRYPTION_KEY"].len() == 64 && env["UI_PASSWORD"].len() >= 8);
    assert!(
        env.iter()
            .filter(|(name, _)| !name.ends_with("_KEY") && **name != "UI_EMAIL")
            .all(|(_, value)| value.bytes().all(|byte| byte.is_ascii_hexdigit()))
    );
    let host = ("LANGFUSE_HOST", "http://localhost:3000");
    assert_eq!(
        run,
        BTreeMap::from([host, ("LANGFUSE_PUBLIC_KEY", env["PROJECT_PUBLIC_KEY"]), ("LANGFUSE_SECRET_KEY", env["PROJECT_SECRET_KEY"])])
    );
}

/// What `.ci/runtimes` says of a file with the header of a Linux binary for a machine, and this text in it.
#[cfg(unix)]
fn runtimes_of(machine: u8, inside: &str) -> (Option<i32>, String) {
    let mut bytes = vec![0; 64];
    bytes[..4].copy_from_slice(b"\x7fELF");
    bytes[18] = machine;
    bytes.extend(inside.as_bytes());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let ended = std::process::Command::new(path(".ci/runtimes")).arg(file.path()).output().unwrap();
    let said = String::from_utf8(ended.stdout).unwrap();
    (ended.status.code(), said.lines().skip(1).collect::<Vec<_>>().join("; "))
}

#[cfg(unix)]
#[test]
fn a_binary_runs_where_the_system_has_what_it_needs_of_glibc() {
    const X86_64: u8 = 0x3e;
    const ARM64: u8 = 0xb7;
    for (inside, code, said) in [
        ("", 0, "needs glibc: none (static), says its text; runs on: custom custom.debian10 custom.debian11 custom.debian12"),
        (
            "GLIBC_2.4 GLIBC_2.17 GLIBC_2.2.5",
            0,
            "needs glibc: 2.17, says its text; runs on: custom custom.debian10 custom.debian11 custom.debian12",
        ),
        ("GLIBC_2.25 GLIBC_2.9", 0, "needs glibc: 2.25, says its text; runs on: custom.debian10 custom.debian11 custom.debian12"),
        ("GLIBC_2.36 GLIBC_2.4", 0, "needs glibc: 2.36, says its text; runs on: custom.debian12"),
        ("GLIBC_2.39", 1, "needs glibc: 2.39, says its text"),
    ] {
        assert_eq!(runtimes_of(X86_64, inside), (Some(code), said.to_owned()));
    }
    let (code, said) = runtimes_of(ARM64, "GLIBC_2.17");
    assert_eq!(
        (code, said.as_str()),
        (Some(0), "needs glibc: 2.17, says its text; for arm64: no runtime of Function Compute starts it, AWS Lambda does")
    );
    assert_eq!(runtimes_of(3, ""), (Some(1), String::new()));
}

#[test]
fn the_changelog_begins_with_this_version() {
    let changelog = text("CHANGELOG.md");
    let newest = changelog.lines().find(|line| line.starts_with("## [") && !line.contains("Unreleased")).unwrap();
    assert!(newest.starts_with(&format!("## [{}]", env!("CARGO_PKG_VERSION"))), "{newest}");
}
