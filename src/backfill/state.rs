//! What is known of a backfill: what it is of, its slices, and how far each of them is. Plain data; on disk it is one JSON object, which
//! `file` keeps.

use serde::{Deserialize, Serialize};

use super::plan::{ShardPlan, Window};
pub use super::tally::Tally;
use crate::progress::Saved;
use crate::sls::cursor::Cursor;
use crate::sls::reader::Range;

/// The version of the form, and the only one that is read.
pub const VERSION: u32 = 1;

/// A backfill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Version of this form.
    pub v: u32,
    /// What it is of. A state of another backfill must never be gone on with.
    pub of: Parameters,
    /// Its shards.
    pub shards: Vec<ShardNote>,
    /// Its slices, those that are worked on first in front.
    pub slices: Vec<Slice>,
}

/// What a backfill is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parameters {
    /// Project.
    pub project: String,
    /// Logstore.
    pub logstore: String,
    /// The shards that were named; none: all.
    pub shards: Vec<u32>,
    /// The beginning of the window.
    pub from: Bound,
    /// Its end, which is not in it.
    pub to: Bound,
    /// The trigger's `functionParameter` as text, empty without one.
    pub parameter: String,
    /// Which Langfuse projects it goes to, in no readable form.
    pub destinations: String,
}

/// One end of the window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// UNIX seconds.
    pub at: i64,
    /// As it was written, where that means another moment every time, such as `24h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ago: Option<String>,
}

/// What is worth knowing of a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShardNote {
    /// Number of the shard.
    pub id: u32,
    /// True if nothing is written to it any more.
    pub read_only: bool,
    /// When the oldest log group that is kept was received, if that is behind the beginning of the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<i64>,
}

/// A part of one shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Slice {
    /// Number of the shard.
    pub shard: u32,
    /// Cursor of its beginning.
    pub begin: String,
    /// Cursor of its end, which is not in it.
    pub end: String,
    /// How far it is, unless it has ended.
    #[serde(default)]
    pub saved: Saved,
    /// Since when it has failed while others were taken, without coming further, UNIX seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<i64>,
    /// What of it was gone.
    #[serde(default)]
    pub lost: Lost,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// Log groups that had left the Logstore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// How many, where the cursors tell it.
    pub groups: u64,
    /// Number of the first group behind them.
    pub to: u64,
}

/// How a slice ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ended {
    /// Every record of it has had its one end.
    Done(Tally),
    /// Its shard is gone, with what was not settled by then.
    Gone,
}

/// How far a backfill is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// What became of the records so far.
    pub tally: Tally,
    /// Log groups behind, of those in [`Self::groups`].
    pub groups_done: u64,
    /// All log groups, as far as the cursors tell; a slice whose cursors do not counts as one.
    pub groups: u64,
    /// Slices that have ended.
    pub slices_done: usize,
    /// All slices.
    pub slices: usize,
    /// Log groups that had left the Logstore.
    pub lost: u64,
}

impl State {
    /// A backfill of which nothing is done. Slices of the shards take turns, so that workers side by side read different shards.
    pub fn of_plan(of: Parameters, plan: &[ShardPlan]) -> Self {
        let shards = plan.iter().map(|shard| ShardNote { id: shard.id, read_only: shard.read_only, oldest: shard.oldest }).collect();
        let longest = plan.iter().map(|shard| shard.slices.len()).max().unwrap_or(0);
        let turn = |turn: usize| plan.iter().filter_map(move |shard| Some(Slice::new(shard.id, shard.slices.get(turn)?)));
        Self { v: VERSION, of, shards, slices: (0..longest).flat_map(turn).collect() }
    }

    /// True if nothing is to be done any more.
    pub fn is_done(&self) -> bool {
        self.slices.iter().all(|slice| slice.ended.is_some())
    }

    /// How far it is.
    pub fn standing(&self) -> Standing {
        let mut standing = Standing { slices: self.slices.len(), ..Standing::default() };
        for slice in &self.slices {
            standing.tally.add(&slice.tally());
            standing.groups_done += slice.groups_done();
            standing.groups += slice.groups();
            standing.slices_done += usize::from(slice.ended.is_some());
            standing.lost += slice.lost.groups;
        }
        standing
    }
}

impl Parameters {
    /// The window.
    pub fn window(&self) -> Window {
        Window { from: self.from.at, to: self.to.at }
    }

    /// True if a bound means another moment every time it is written.
    pub fn is_relative(&self) -> bool {
        self.from.ago.is_some() || self.to.ago.is_some()
    }

    /// What is not the same as in `asked`, in words.
    pub fn differences(&self, asked: &Self) -> Vec<&'static str> {
        [
            ("the project", self.project == asked.project),
            ("the Logstore", self.logstore == asked.logstore),
            ("--shard", self.shards == asked.shards),
            ("--from", self.from.is_same(&asked.from)),
            ("--to", self.to.is_same(&asked.to)),
            ("--parameter", self.parameter == asked.parameter),
            ("the Langfuse project (host or key)", self.destinations == asked.destinations),
        ]
        .into_iter()
        .filter_map(|(what, is_same)| (!is_same).then_some(what))
        .collect()
    }
}

impl Bound {
    /// The same moment, or the same words where they mean another one every time: these go on with the moment they meant at first.
    fn is_same(&self, asked: &Self) -> bool {
        self.ago == asked.ago && (self.ago.is_some() || self.at == asked.at)
    }
}

impl Slice {
    fn new(shard: u32, range: &Range) -> Self {
        let (begin, end) = (range.begin.text().to_owned(), range.end.text().to_owned());
        Self { shard, begin, end, saved: Saved::default(), failing_since: None, lost: Lost::default(), ended: None }
    }

    /// What it is of its shard.
    pub fn range(&self) -> Range {
        Range { begin: Cursor::new(self.begin.as_str()), end: Cursor::new(self.end.as_str()) }
    }

    /// Takes over how far it is. True if it came further; an attempt that begins further back has not.
    pub fn came_to(&mut self, saved: &Saved) -> bool {
        let moved = saved.settled.group > self.saved.settled.group;
        if moved {
            self.saved = saved.clone();
            self.failing_since = None;
        }
        moved
    }

    /// Counts what is gone, once for each log group whatever the number of attempts that came upon it.
    pub fn lose(&mut self, part: &Range) {
        let (Some(begin), Some(end)) = (part.begin.number(), part.end.number()) else { return };
        self.lost.groups += end.saturating_sub(begin.max(self.lost.to));
        self.lost.to = self.lost.to.max(end);
    }

    fn tally(&self) -> Tally {
        match &self.ended {
            Some(Ended::Done(tally)) => tally.clone(),
            _ => Tally::of(&self.saved.settled.counts),
        }
    }

    fn groups(&self) -> u64 {
        let range = self.range();
        range.end.number().zip(range.begin.number()).map_or(1, |(end, begin)| end.saturating_sub(begin))
    }

    fn groups_done(&self) -> u64 {
        if self.ended.is_some() {
            return self.groups();
        }
        let begin = self.range().begin.number();
        self.saved.settled.group.zip(begin).map_or(0, |(group, begin)| group.saturating_sub(begin).min(self.groups()))
    }
}

#[cfg(test)]
pub(in crate::backfill) mod tests;
