//! The documentation is true: links lead somewhere, both languages say the same, and every command, setting, file and right in it exists.

mod commands;
mod facts;
mod page;
mod shell;
mod structure;

use std::collections::BTreeSet;

use sls_to_langfuse::config::settings;

use page::Page;

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
