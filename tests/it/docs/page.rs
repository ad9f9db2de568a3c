//! A page of the documentation, taken apart: headings, links, tables, blocks and words in code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A block between fences.
#[derive(Debug)]
pub struct Block {
    pub language: String,
    pub text: String,
}

/// One file of the documentation.
#[derive(Debug)]
pub struct Page {
    /// From the root of the project, as in `docs/x.md`.
    pub path: String,
    /// All of it.
    pub text: String,
    /// What stands outside of blocks.
    pub prose: Vec<String>,
    pub blocks: Vec<Block>,
}

/// Every page, by its path.
pub fn pages() -> BTreeMap<String, Page> {
    let mut found = BTreeMap::new();
    let folders = ["", "docs", "deploy/serverless-devs"];
    for entry in folders.iter().flat_map(|folder| std::fs::read_dir(root().join(folder)).unwrap()) {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            let relative = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            found.insert(relative.clone(), Page::read(relative));
        }
    }
    found
}

impl Page {
    fn read(path: String) -> Self {
        let text = std::fs::read_to_string(root().join(&path)).unwrap();
        let (mut prose, mut blocks, mut open) = (Vec::new(), Vec::new(), None::<Block>);
        for line in text.lines() {
            match (line.trim_start().strip_prefix("```"), open.take()) {
                (Some(language), None) => open = Some(Block { language: language.to_owned(), text: String::new() }),
                (Some(_), Some(block)) => blocks.push(block),
                (None, Some(mut block)) => {
                    block.text += &format!("{line}\n");
                    open = Some(block);
                }
                (None, None) => prose.push(line.to_owned()),
            }
        }
        assert!(open.is_none(), "{path}: a block is not closed");
        Self { path, text, prose, blocks }
    }

    pub fn is_chinese(&self) -> bool {
        self.path.ends_with(".zh-CN.md")
    }

    /// The other language of this page, whether it is there or not.
    pub fn twin(&self) -> String {
        match self.path.strip_suffix(".zh-CN.md") {
            Some(stem) => format!("{stem}.md"),
            None => format!("{}.zh-CN.md", self.path.trim_end_matches(".md")),
        }
    }

    /// Level and text of every heading.
    pub fn headings(&self) -> Vec<(usize, &str)> {
        let level = |line: &str| line.len() - line.trim_start_matches('#').len();
        self.prose.iter().filter(|line| line.starts_with('#')).map(|line| (level(line), line.trim_start_matches('#').trim())).collect()
    }

    /// What links may name behind `#`, by the rule of GitHub.
    pub fn anchors(&self) -> BTreeSet<String> {
        let mut anchors = BTreeSet::new();
        for (_, heading) in self.headings() {
            let kept = heading.to_lowercase();
            let slug: String = kept
                .chars()
                .filter(|letter| letter.is_alphanumeric() || [' ', '-', '_'].contains(letter))
                .map(|letter| if letter == ' ' { '-' } else { letter })
                .collect();
            let again = (1..).map(|number| format!("{slug}-{number}"));
            let free = std::iter::once(slug.clone()).chain(again).find(|slug| !anchors.contains(slug));
            anchors.extend(free);
        }
        anchors
    }

    /// The target of every link and of every picture.
    pub fn links(&self) -> Vec<String> {
        let mut links = Vec::new();
        for line in &self.prose {
            let plain: String = line.split('`').step_by(2).collect::<Vec<_>>().join("code");
            for (at, _) in plain.match_indices("](") {
                let target = plain[at + 2..].split(')').next().unwrap().split(' ').next().unwrap();
                links.push(target.to_owned());
            }
            for attribute in ["src=\"", "srcset=\"", "href=\""] {
                links.extend(plain.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
            }
        }
        links
    }

    /// Where a link leads, from the root of the project, and its anchor; `None` for one that leaves the project.
    pub fn destination(&self, target: &str) -> Option<(PathBuf, Option<String>)> {
        if target.contains("://") {
            return None;
        }
        let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor.to_owned())));
        if file.is_empty() {
            return Some((PathBuf::from(&self.path), anchor));
        }
        let mut path = Path::new(&self.path).parent().unwrap().to_owned();
        for part in file.split('/').filter(|part| !part.is_empty()) {
            if part == ".." { assert!(path.pop(), "{}: {target} leaves the project", self.path) } else { path.push(part) }
        }
        Some((path, anchor))
    }

    /// Rows and columns of every table.
    pub fn tables(&self) -> Vec<(usize, usize)> {
        let mut tables: Vec<(usize, usize)> = Vec::new();
        let mut inside = false;
        for line in self.prose.iter().map(|line| line.trim()) {
            let row = line.starts_with('|');
            match (row, inside) {
                (true, true) => tables.last_mut().unwrap().0 += 1,
                (true, false) => tables.push((1, line.replace("\\|", "").matches('|').count() - 1)),
                _ => {}
            }
            inside = row;
        }
        tables
    }

    /// What stands between backquotes outside of blocks.
    pub fn code(&self) -> Vec<&str> {
        self.prose.iter().flat_map(|line| line.split('`').skip(1).step_by(2)).collect()
    }
}
