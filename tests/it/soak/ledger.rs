//! What arrived, and whether that is what was offered.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use sls_to_langfuse::emulator::langfuse::StoredObservation;
use sls_to_langfuse::sls::cursor::Cursor;
use sls_to_langfuse::sls::wire::LogGroup;

use super::supply::{Fate, Place, Supply};
use crate::support::SEED;

/// What decides in Langfuse whether two rows are one: trace, span, start.
type Key = (String, String, i64);

/// Everything that arrived, without the contents.
#[derive(Debug, Default)]
pub struct Ledger {
    keys: HashMap<String, Key>,
    contents: HashMap<Key, u64>,
    pub rows: u64,
    /// Rows whose content is another than that of an earlier row of the same key.
    pub differing: u64,
    /// Rows of one record under two keys.
    pub moved: u64,
}

/// The sums of a run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sums {
    pub offered: u64,
    pub delivered: u64,
    pub skipped: u64,
    pub dead_letters: u64,
    pub missing: u64,
    /// Rows that nobody offered, dead letters of records that arrive, and the like.
    pub wrong: u64,
    pub repeated: u64,
    pub differing: u64,
}

impl Ledger {
    pub fn add(&mut self, rows: Vec<StoredObservation>) {
        for row in rows {
            self.rows += 1;
            let mut hasher = DefaultHasher::new();
            format!("{:?}", StoredObservation { arrivals: 1, ..row.clone() }).hash(&mut hasher);
            let id = row.metadata.get("request_id").cloned().unwrap_or_default();
            let key = (row.trace_id, row.span_id, row.start_ms);
            let content = hasher.finish();
            self.differing += u64::from(*self.contents.entry(key.clone()).or_insert(content) != content);
            self.moved += u64::from(*self.keys.entry(id).or_insert_with(|| key.clone()) != key);
        }
    }

    /// How many records arrived, repeated ones once.
    pub fn known(&self) -> usize {
        self.keys.len()
    }

    /// Compares with what was offered. `letters`: the dead letters that were written.
    pub fn settle(&self, supply: &Supply, letters: &Letters) -> Sums {
        let mut sums = Sums { offered: supply.fates.len() as u64, differing: self.differing + self.moved, ..Sums::default() };
        for (place, fate) in &supply.fates {
            match self.end(fate, letters.get(place)) {
                End::Delivered => sums.delivered += 1,
                End::Skipped => sums.skipped += 1,
                End::DeadLetter => sums.dead_letters += 1,
                End::Missing => sums.missing += 1,
            }
            sums.wrong += u64::from(self.arrived(fate) && letters.contains_key(place));
        }
        sums.wrong += self.keys.len() as u64 - sums.delivered;
        // Two records under one key would hide one behind the other.
        sums.wrong += self.keys.len().saturating_sub(self.contents.len()) as u64;
        sums.repeated = self.rows - self.contents.len() as u64;
        sums
    }

    /// What is missing, in words.
    pub fn missing(&self, supply: &Supply, letters: &Letters) -> Vec<String> {
        let missing = supply.fates.iter().filter(|(place, fate)| self.end(fate, letters.get(place)) == End::Missing);
        missing.map(|(place, fate)| format!("{place:?} {fate:?}, dead letters {:?}", letters.get(place))).collect()
    }

    fn arrived(&self, fate: &Fate) -> bool {
        matches!(fate, Fate::Arrives(id) if self.keys.contains_key(id))
    }

    fn end(&self, fate: &Fate, letters: Option<&BTreeSet<String>>) -> End {
        match fate {
            Fate::Skipped(_) if letters.is_none() => End::Skipped,
            _ if self.arrived(fate) => End::Delivered,
            // What fails again and again by chance alone may be given up in an old range.
            Fate::Arrives(_) if letters.is_some_and(|letters| letters.contains("gave_up")) => End::DeadLetter,
            Fate::Letter(reason) if letters.is_some_and(|letters| letters.len() == 1 && letters.contains(*reason)) => End::DeadLetter,
            _ => End::Missing,
        }
    }
}

/// How a record ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Delivered,
    Skipped,
    DeadLetter,
    Missing,
}

/// The reasons of the dead letters by the places they point to.
pub type Letters = BTreeMap<Place, BTreeSet<String>>;

/// The dead letters in a Logstore: the places they point to and their reasons.
pub fn letters(groups: &[LogGroup]) -> Letters {
    let mut letters = Letters::new();
    for log in groups.iter().flat_map(|group| &group.logs) {
        let member = |name: &str| {
            let content = log.contents.iter().find(|content| content.key == name.as_bytes()).unwrap();
            String::from_utf8(content.value.clone()).unwrap()
        };
        let group = Cursor::new(member("cursor")).number().unwrap() - SEED;
        let place = (member("shard").parse().unwrap(), group, member("index").parse().unwrap());
        letters.entry(place).or_default().insert(member("reason"));
    }
    letters
}
