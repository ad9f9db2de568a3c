//! The documentation is true: links lead somewhere, both languages say the same, and every command, setting, file and right in it exists.

mod page;
mod shell;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use serde_json::{Map, Value, json};
use sls_to_langfuse::config::{self, settings};
use sls_to_langfuse::trace::settings::TraceSettings;

use page::{Page, pages, root};

/// Pages in one language, or in both at once: what a registry wants, and the log of changes.
const ENGLISH_ONLY: [&str; 4] =
    ["CHANGELOG.md", "deploy/serverless-devs/readme.md", "deploy/serverless-devs/src/readme.md", "deploy/serverless-devs/version.md"];

/// Variables of other programs whose names begin like ours.
const OF_OTHERS: [&str; 3] = ["LANGFUSE_MIGRATION_V4_WRITE_MODE", "LANGFUSE_TRACING_SAMPLE_RATE", "HTTP_PORT"];

fn both_languages(pages: &BTreeMap<String, Page>) -> Vec<(&Page, &Page)> {
    let english = pages.values().filter(|page| !page.is_chinese());
    english.filter_map(|page| Some((page, pages.get(&page.twin())?))).collect()
}

#[test]
fn every_page_is_there_in_both_languages() {
    let pages = pages();
    for page in pages.values().filter(|page| !ENGLISH_ONLY.contains(&page.path.as_str())) {
        assert!(pages.contains_key(&page.twin()), "{} is missing", page.twin());
    }
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_are_there() {
    let pages = pages();
    let mut wrong = Vec::new();
    for page in pages.values() {
        for target in page.links() {
            let Some((path, anchor)) = page.destination(&target) else { continue };
            let heading = |anchor: &String| pages.get(path.to_str().unwrap()).is_some_and(|page| page.anchors().contains(anchor));
            if !root().join(&path).exists() || !anchor.as_ref().is_none_or(heading) {
                wrong.push(format!("{}: {target}", page.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_page_leads_to_pages_of_its_own_language_where_there_are_any() {
    let pages = pages();
    for page in pages.values() {
        for target in page.links() {
            let Some((path, _)) = page.destination(&target) else { continue };
            let Some(other) = pages.get(path.to_str().unwrap()).filter(|other| other.path != page.twin()) else { continue };
            let right = other.is_chinese() == page.is_chinese() || !pages.contains_key(&other.twin());
            assert!(right, "{}: {target}", page.path);
        }
    }
}

#[test]
fn every_page_is_found_from_the_index() {
    let pages = pages();
    for (index, chinese) in [("docs/README.md", false), ("docs/README.zh-CN.md", true)] {
        let linked: BTreeSet<_> = pages[index].links().iter().filter_map(|target| pages[index].destination(target)).collect();
        let linked: BTreeSet<_> = linked.into_iter().map(|(path, _)| path).collect();
        for page in pages.values().filter(|page| page.path.starts_with("docs/") && page.is_chinese() == chinese) {
            assert!(page.path == index || linked.contains(&PathBuf::from(&page.path)), "{index}: {}", page.path);
        }
    }
}

#[test]
fn both_languages_have_the_same_headings_and_tables() {
    for (english, chinese) in both_languages(&pages()) {
        let levels = |page: &Page| page.headings().iter().map(|(level, _)| *level).collect::<Vec<_>>();
        assert_eq!(levels(english), levels(chinese), "{}", chinese.path);
        assert_eq!(english.tables(), chinese.tables(), "{}", chinese.path);
    }
}

#[test]
fn both_languages_have_the_same_blocks_but_for_comments() {
    for (english, chinese) in both_languages(&pages()) {
        let languages = |page: &Page| page.blocks.iter().map(|block| block.language.clone()).collect::<Vec<_>>();
        assert_eq!(languages(english), languages(chinese), "{}", chinese.path);
        let commands = |page: &Page| {
            let told =
                page.blocks.iter().filter(|block| ["sh", "console", "toml", "yaml", "json", "sql"].contains(&block.language.as_str()));
            told.map(|block| block.text.lines().map(shell::without_comment).collect::<Vec<_>>().join("\n")).collect::<Vec<_>>()
        };
        assert_eq!(commands(english), commands(chinese), "{}", chinese.path);
    }
}

#[test]
fn both_languages_name_the_same_settings_and_lead_to_the_same_pages() {
    for (english, chinese) in both_languages(&pages()) {
        assert_eq!(variables(english), variables(chinese), "{}", chinese.path);
        let targets = |page: &Page| {
            let targets = page.links().into_iter().filter_map(|target| page.destination(&target).map(|(path, _)| path));
            let neutral = |path: PathBuf| path.to_str().unwrap().replace(".zh-CN.", ".");
            targets.map(neutral).collect::<BTreeSet<_>>()
        };
        assert_eq!(targets(english), targets(chinese), "{}", chinese.path);
    }
}

/// Words that begin like the name of a setting, up to the first `_`.
fn variables(page: &Page) -> BTreeSet<&str> {
    let beginnings: BTreeSet<_> = settings().iter().filter_map(|setting| setting.name.split_once('_')).map(|(first, _)| first).collect();
    let code = page.code().into_iter().chain(page.blocks.iter().map(|block| block.text.as_str()));
    let words = code.flat_map(|text| text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_'));
    let is_ours = |word: &&str| {
        let capitals = word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        capitals && !word.ends_with('_') && word.split_once('_').is_some_and(|(first, _)| beginnings.contains(first))
    };
    words.filter(is_ours).collect()
}

#[test]
fn every_setting_that_is_named_exists() {
    for page in pages().values() {
        let known = |name: &&str| settings().iter().any(|setting| setting.name == *name) || OF_OTHERS.contains(name);
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
    assert!(names.len() > 8, "{names:?}");
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

/// Every command of a page, with whether it stands in a block, where it must be whole.
fn commands(page: &Page) -> Vec<(Vec<String>, bool)> {
    let whole = page.blocks.iter().flat_map(|block| shell::commands(&block.language, &block.text)).map(|command| (command, true));
    let named = page.code().into_iter().flat_map(shell::simple).map(|command| (command, false));
    whole.chain(named).collect()
}

/// `--help` and `--version`.
fn is_an_answer(kind: ErrorKind) -> bool {
    [ErrorKind::DisplayHelp, ErrorKind::DisplayVersion].contains(&kind)
}

/// A command that is only named in a sentence may lack what it needs.
fn is_incomplete(kind: ErrorKind) -> bool {
    [ErrorKind::MissingRequiredArgument, ErrorKind::MissingSubcommand, ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand].contains(&kind)
}

#[test]
fn every_command_of_the_program_is_one_that_it_takes() {
    let mut seen = 0;
    for page in pages().values() {
        for (command, whole) in commands(page) {
            let Some(arguments) = shell::of_program(&command).filter(|arguments| !arguments.is_empty()) else { continue };
            let words = std::iter::once("sls-to-langfuse").chain(arguments.iter().map(String::as_str)).map(OsString::from);
            let refused = sls_to_langfuse::cli::takes(words).err();
            let wrong = refused.filter(|refusal| !is_an_answer(refusal.kind()) && (whole || !is_incomplete(refusal.kind())));
            assert!(wrong.is_none(), "{}: {}\n{}", page.path, command.join(" "), wrong.unwrap());
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen}");
}

/// Commands that read what is in the project and change nothing.
fn is_harmless(arguments: &[String]) -> bool {
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    let files: Vec<_> = arguments.iter().filter(|argument| argument.ends_with(".json") || argument.ends_with(".jsonl")).collect();
    let there = !files.is_empty() && files.iter().all(|file| root().join(file).exists());
    match arguments.first().map(String::as_str) {
        Some("id" | "explain") => there,
        Some("invoke") => there && has("--logs") && (has("--dry-run") || has("emulator")),
        Some("config") => has("--schema") || has("--example"),
        Some("doctor") => has("--policies") && !has("--write"),
        _ => false,
    }
}

#[tokio::test]
async fn commands_that_change_nothing_do_what_the_pages_say() {
    let mut seen = BTreeSet::new();
    for page in pages().values() {
        for (command, _) in commands(page).into_iter().filter(|(_, whole)| *whole) {
            let Some(arguments) = shell::of_program(&command).filter(|arguments| is_harmless(arguments)) else { continue };
            if seen.insert(arguments.to_vec()) {
                let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
                let ended = crate::cli::run(&arguments, &[]).await;
                assert_eq!(ended.code, Some(0), "{}: {}\n{}", page.path, command.join(" "), ended.stderr);
                assert!(!ended.stdout.is_empty(), "{}: {}", page.path, command.join(" "));
            }
        }
    }
    assert!(seen.len() >= 5, "{seen:?}");
}

#[test]
fn every_make_target_and_its_variables_exist() {
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    let mut seen = BTreeSet::new();
    for page in pages().values() {
        for (command, _) in commands(page).into_iter().filter(|(command, _)| command[0] == "make") {
            for word in &command[1..] {
                let exists = match word.split_once('=') {
                    Some((variable, _)) => makefile.contains(&format!("\n{variable} :=")),
                    None => makefile.contains(&format!("\n{word}: ## ")),
                };
                assert!(exists, "{}: {}", page.path, command.join(" "));
                seen.insert(word.clone());
            }
        }
    }
    assert!(seen.contains("run") && seen.contains("test") && seen.contains("package"), "{seen:?}");
}

const FOLDERS: [&str; 9] = ["src/", "tests/", "docs/", "deploy/", "events/", "benches/", "fuzz/", ".ci/", ".github/"];

#[test]
fn every_file_of_the_project_that_is_named_exists() {
    for page in pages().values() {
        let words = commands(page).into_iter().flat_map(|(command, _)| command);
        for word in words.filter(|word| FOLDERS.iter().any(|folder| word.starts_with(folder))) {
            // Made by `make langfuse-env`, and not kept by git.
            if word.ends_with(".env") || word.contains(['*', '…']) {
                continue;
            }
            let (name, beside) = (word.trim_end_matches(['/', '.']), root().join(&page.path));
            assert!(root().join(name).exists() || beside.with_file_name(name).exists(), "{}: {word}", page.path);
        }
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

#[test]
fn a_readme_is_one_screen_long() {
    let pages = pages();
    for path in ["README.md", "README.zh-CN.md"] {
        let lines = pages[path].text.lines().count();
        assert!((50..=85).contains(&lines), "{path}: {lines} lines");
    }
}

#[test]
fn the_checks_themselves_see_what_is_wrong() {
    let command = |line: &str| shell::simple(line).concat();
    assert_eq!(command("A=b sls-to-langfuse id 'a b' # no").join("|"), "sls-to-langfuse|id|a b");
    assert_eq!(shell::simple("make package && s deploy | sh").len(), 3);
    assert_eq!(shell::of_program(&command("cargo run --quiet -- id x")).unwrap().join(" "), "id x");
    assert_eq!(shell::commands("console", "$ a \\\n  b\nout\n"), [["a", "b"]]);
    assert!(sls_to_langfuse::cli::takes(["x", "explain", "--nothing"].map(OsString::from)).is_err());
    let rights_of = |text| rights([text], &["log"]).into_iter().collect::<Vec<_>>();
    assert_eq!(rights_of("\"log:GetCursorOrData\", logs:Put, log:event=x log:Get*"), ["log:Get*", "log:GetCursorOrData"]);
}

#[test]
fn the_picture_is_the_same_in_both_languages_but_for_its_words() {
    let shape = |name: &str| {
        let svg = std::fs::read_to_string(root().join("docs/images").join(name)).unwrap();
        svg.split('>').map(|piece| piece.rsplit('<').next().unwrap().to_owned()).filter(|tag| !tag.contains("xml:lang")).collect::<Vec<_>>()
    };
    let (english, chinese) = (shape("architecture.svg"), shape("architecture.zh-CN.svg"));
    assert!(english.len() > 100);
    assert_eq!(english, chinese);
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
