//! Commands of the pages are taken by the program, by make, and by the folder they are typed in; those that change nothing are run.

use std::collections::BTreeSet;
use std::ffi::OsString;

use clap::error::ErrorKind;

use super::page::{Page, pages, root};
use super::shell;

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

#[test]
fn commands_are_taken_apart_as_a_shell_does() {
    let command = |line: &str| shell::simple(line).concat();
    assert_eq!(command("A=b sls-to-langfuse id 'a b' # no").join("|"), "sls-to-langfuse|id|a b");
    assert_eq!(shell::simple("make package && s deploy | sh").len(), 3);
    assert_eq!(shell::of_program(&command("cargo run --quiet -- id x")).unwrap().join(" "), "id x");
    assert_eq!(shell::commands("console", "$ a \\\n  b\nout\n"), [["a", "b"]]);
    assert!(sls_to_langfuse::cli::takes(["x", "explain", "--nothing"].map(OsString::from)).is_err());
}
