//! The arguments of a backfill as its state knows them, and where that lies if nobody says so. Pure.

use std::fmt::Write;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::backfill::plan::Window;
use crate::backfill::state::{Bound, Parameters};
use crate::cli::moment::Written;
use crate::delivery::destination::DestinationSettings;

/// How many bytes of a hash tell Langfuse projects apart.
const FINGERPRINT_BYTES: usize = 8;

/// One end of the window.
pub fn bound(written: &Written) -> Bound {
    Bound { at: written.at, ago: written.ago.clone() }
}

/// The window.
pub fn window(from: &Written, to: &Written) -> Window {
    Window { from: from.at, to: to.at }
}

/// The name of the state file: the same for the same backfill, and another one for another window or shards.
pub fn default(of: &Parameters) -> String {
    let mut name = format!("{}.{}.{}-{}", of.project, of.logstore, in_name(&of.from), in_name(&of.to));
    if !of.shards.is_empty() {
        let shards: Vec<_> = of.shards.iter().map(u32::to_string).collect();
        name = format!("{name}.shard-{}", shards.join("-"));
    }
    name + ".backfill"
}

fn in_name(bound: &Bound) -> String {
    let written = |time: Timestamp| time.strftime("%Y%m%dT%H%M%SZ").to_string();
    bound.ago.clone().unwrap_or_else(|| Timestamp::from_second(bound.at).map_or_else(|_| bound.at.to_string(), written))
}

/// Which Langfuse projects these are: what is done in one is not done in another. No key can be read from it.
pub fn fingerprint(destinations: &[DestinationSettings]) -> String {
    let mut hash = Sha256::new();
    for one in destinations {
        hash.update(format!("{}\n{}\n{}\n", one.name.as_deref().unwrap_or_default(), one.base_url, one.public_key));
    }
    hash.finalize().iter().take(FINGERPRINT_BYTES).fold(String::new(), |mut text, byte| {
        // Writing to a text never fails.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::moment::written;

    #[test]
    fn the_name_tells_what_it_is_of_and_stays_the_same() {
        let of = |from: &str, to: &str, shards: &[u32]| {
            let (from, to) = (bound(&written(from).unwrap()), bound(&written(to).unwrap()));
            let (project, logstore, parameter, destinations) = ("p".into(), "l".into(), String::new(), String::new());
            default(&Parameters { project, logstore, shards: shards.into(), from, to, parameter, destinations })
        };
        assert_eq!(of("2026-03-01", "2026-03-02T08:00:00+08:00", &[]), "p.l.20260301T000000Z-20260302T000000Z.backfill");
        assert_eq!(of("-24h", "now", &[3, 4]), "p.l.24h-now.shard-3-4.backfill");
    }
}
