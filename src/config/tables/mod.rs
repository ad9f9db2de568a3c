//! The tables of the configuration file: `[mapping]`, `[profile.NAME]` and their kind. What flat settings are in `table.rs`, these are here.
//!
//! # How a table is added
//!
//! 1. Describe it in a file of its own beside this one: a [`TableKind`] with its [`Key`]s, each with a [`Shape`], a meaning in both languages
//!    and an example that is accepted. `mapping.rs` is the model.
//! 2. Name that description in [`TABLES`]. From then on the file may hold the table: types, required and unknown keys are checked with line,
//!    rule and suggestion, `config` prints it with secrets hidden, and `config --schema`, `config --example` and `config --reference` know it: write their output to
//!    `docs/sls-to-langfuse.schema.json`, `docs/sls-to-langfuse.example.toml` and the two pages `docs/settings` again, which tests hold equal.
//! 3. In the same file, write the function that makes the module's own settings of the [`Entry`]s: `reader.entries(&KIND)` hands them over,
//!    `reader.text`, `reader.texts` and `reader.secret_of` judge a value by a rule (a function from text to value or phrase) and record what
//!    is wrong at its line, `reader.refuse_entry` records what is wrong between keys. Call it from `sections.rs`.
//!
//! The settings belong to the module that acts on them, which knows nothing of files; a rule of hers is applied here, never written here.
//! A value never enters a message (`problem.rs`), so a rule is a phrase that does not repeat what it judges.

pub(super) mod conditions;
pub(super) mod dialect;
mod entry;
pub(super) mod filter;
mod kind;
pub(super) mod mapping;
pub(super) mod masking;
mod read;
pub(super) mod routing;
#[cfg(test)]
mod rules_tests;
pub(super) mod sampling;

pub(super) use routing::DEFAULT as DEFAULT_DESTINATION;

pub use entry::{Entry, Member, Node, Text};
pub use kind::{Form, Key, Need, Shape, TableKind};
pub(super) use read::{Tables, is_table, nearest_table};

/// Every table that the file may hold, in the order in which they are documented, judged and printed.
pub static TABLES: &[&TableKind] = &[
    &mapping::MAPPING,
    &mapping::PROFILE,
    &dialect::DIALECT,
    &filter::FILTER,
    &sampling::SAMPLING,
    &routing::DESTINATION,
    &routing::ROUTE,
    &masking::MASKING,
];

/// Every table that the file may hold.
pub fn tables() -> &'static [&'static TableKind] {
    TABLES
}
