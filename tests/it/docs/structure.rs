//! Pages, links and languages: nothing leads nowhere, and both languages say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::page::{Page, pages, root};
use super::{shell, variables};

/// Pages in one language, or in both at once: what a registry wants, and the log of changes.
const ENGLISH_ONLY: [&str; 4] =
    ["CHANGELOG.md", "deploy/serverless-devs/readme.md", "deploy/serverless-devs/src/readme.md", "deploy/serverless-devs/version.md"];

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
fn every_page_leads_to_itself_in_the_other_language() {
    let pages = pages();
    for page in pages.values().filter(|page| pages.contains_key(&page.twin())) {
        let twin = PathBuf::from(page.twin());
        let leads = page.links().iter().any(|target| page.destination(target).is_some_and(|(path, _)| path == twin));
        assert!(leads, "{} does not lead to {}", page.path, page.twin());
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

#[test]
fn a_readme_is_one_screen_long() {
    let pages = pages();
    for path in ["README.md", "README.zh-CN.md"] {
        let lines = pages[path].text.lines().count();
        assert!((50..=85).contains(&lines), "{path}: {lines} lines");
    }
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
