//! What a run offers: records over shards, and what must become of each.

use std::collections::BTreeMap;

use sls_to_langfuse::sls::wire;

use crate::records::{chat_saying, group, request_id};
use crate::traffic::{Generator, Shape};

/// Present in records that Langfuse refuses for ever.
pub const REFUSED: &str = "refused-for-ever";
/// Present in records on which Langfuse stumbles for ever.
pub const STUMBLE: &str = "stumbled-over-for-ever";

/// One record of this many is refused for ever.
const REFUSED_ONE_OF: usize = 700;

/// What must become of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives under this request id.
    Arrives(String),
    /// It is passed over for this reason.
    Skipped(&'static str),
    /// It becomes a dead letter for this reason.
    Letter(&'static str),
}

/// A record's place: shard, log group, index in it.
pub type Place = (u32, u64, u32);

/// Everything offered.
pub struct Supply {
    /// The groups of each shard.
    pub shards: Vec<Vec<wire::LogGroup>>,
    pub fates: BTreeMap<Place, Fate>,
}

impl Supply {
    /// So many records, spread evenly; `stumbles` of them make Langfuse stumble.
    pub fn new(seed: u64, records: usize, shards: u32, stumbles: usize, shape: Shape) -> Self {
        let mut maker = Maker { generator: Generator::new(seed, shape), made: 0, stumble_every: records.checked_div(stumbles) };
        let mut supply = Self { shards: Vec::new(), fates: BTreeMap::new() };
        for shard in 0..shards {
            let mut groups = Vec::new();
            let mut left = records / shards as usize;
            while left > 0 {
                let size = (1 + (groups.len() * 7) % 20).min(left);
                let made: Vec<_> = (0..size).map(|_| maker.record()).collect();
                for (index, (_, fate)) in made.iter().enumerate() {
                    supply.fates.insert((shard, groups.len() as u64, index as u32), fate.clone());
                }
                groups.push(group(made.into_iter().map(|(log, _)| log).collect()));
                left -= size;
            }
            supply.shards.push(groups);
        }
        supply
    }

    /// How many records of a range have each fate: delivered, and the others by reason.
    pub fn expected(&self, shard: u32, groups: std::ops::Range<u64>) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        for fate in self.fates.range((shard, groups.start, 0)..(shard, groups.end, 0)).map(|(_, fate)| fate) {
            let name = match fate {
                Fate::Arrives(_) => "arrives",
                Fate::Skipped(reason) | Fate::Letter(reason) => reason,
            };
            *counts.entry(name).or_default() += 1;
        }
        counts
    }
}

struct Maker {
    generator: Generator,
    made: usize,
    stumble_every: Option<usize>,
}

impl Maker {
    fn record(&mut self) -> (wire::Log, Fate) {
        self.made += 1;
        if self.stumble_every.is_some_and(|every| self.made % every == every / 2) {
            return (chat_saying(self.made, STUMBLE), Fate::Letter("gave_up"));
        }
        if self.made % REFUSED_ONE_OF == 300 {
            return (chat_saying(self.made, REFUSED), Fate::Letter("refused"));
        }
        if self.made.is_multiple_of(10) {
            return (chat_saying(self.made, "平常的问题"), Fate::Arrives(request_id(self.made)));
        }
        let log = self.generator.record();
        let id = log.contents.iter().find(|content| content.key == b"request_id").map(|content| String::from_utf8_lossy(&content.value));
        let fate = match id {
            Some(id) if self.generator.calls.contains(id.as_ref()) => Fate::Arrives(id.into_owned()),
            Some(_) => Fate::Skipped("not_a_model_call"),
            None => Fate::Skipped("not_a_gateway_log"),
        };
        (log, fate)
    }
}
