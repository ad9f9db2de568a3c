use super::*;
use crate::progress::{Counts, Mark};
use crate::report::SkipReason;

pub(in crate::backfill) fn parameters() -> Parameters {
    Parameters {
        project: "p-1".into(),
        logstore: "log".into(),
        shards: vec![],
        from: Bound { at: 100, ago: None },
        to: Bound { at: 200, ago: None },
        parameter: String::new(),
        destinations: "d".into(),
    }
}

fn range(begin: u64, end: u64) -> Range {
    Range { begin: Cursor::from_number(begin), end: Cursor::from_number(end) }
}

fn shard(id: u32, slices: Vec<Range>) -> ShardPlan {
    ShardPlan { id, read_only: id == 0, slices, oldest: None }
}

/// Shard 0 with two slices, shard 1 with none, shard 5 with one.
pub(in crate::backfill) fn state() -> State {
    let plan = [shard(0, vec![range(10, 20), range(20, 25)]), shard(1, vec![]), shard(5, vec![range(7, 8)])];
    State::of_plan(parameters(), &plan)
}

fn saved(group: u64, lines: u64) -> Saved {
    let counts = Counts { lines, shipped: lines, skipped: [(SkipReason::Filtered, 0)].into(), ..Counts::default() };
    Saved { settled: Mark { group: Some(group), counts }, proof: Mark::default() }
}

#[test]
fn shards_take_turns_and_one_without_slices_is_only_noted() {
    let state = state();
    let slices: Vec<_> = state.slices.iter().map(|slice| (slice.shard, slice.range())).collect();
    assert_eq!(slices, [(0, range(10, 20)), (5, range(7, 8)), (0, range(20, 25))]);
    assert_eq!(state.shards.iter().map(|shard| (shard.id, shard.read_only)).collect::<Vec<_>>(), [(0, true), (1, false), (5, false)]);
    assert!(!state.is_done() && State::of_plan(parameters(), &[]).is_done());
}

#[test]
fn the_form_on_disk_reads_back_with_every_reason() {
    let mut state = state();
    let mut all = saved(15, 9);
    all.settled.counts.skipped = SkipReason::ALL.into_iter().zip(1..).collect();
    all.settled.counts.dead_lettered = crate::delivery::DeadLetterReason::ALL.into_iter().zip(1..).collect();
    all.proof = saved(12, 3).settled;
    assert!(state.slices[0].came_to(&all));
    state.slices[1].ended = Some(Ended::Done(Tally { records: 4, skipped: [("filtered".into(), 4)].into(), ..Tally::default() }));
    state.slices[2].ended = Some(Ended::Gone);
    let text = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
}

#[test]
fn the_standing_adds_up_what_is_done_and_what_is_on_its_way() {
    let mut state = state();
    state.slices[0].came_to(&saved(14, 40));
    state.slices[1].ended =
        Some(Ended::Done(Tally { records: 3, delivered: 2, skipped: [("filtered".into(), 1)].into(), ..Tally::default() }));
    let standing = state.standing();
    assert_eq!((standing.tally.records, standing.tally.delivered, standing.tally.skipped["filtered"]), (43, 42, 1));
    assert_eq!((standing.groups_done, standing.groups, standing.slices_done, standing.slices), (5, 16, 1, 3));
    state.slices.iter_mut().for_each(|slice| slice.ended = Some(Ended::Gone));
    assert_eq!((state.standing().groups_done, state.is_done()), (16, true));
}

#[test]
fn a_slice_only_comes_further_and_then_it_is_not_failing() {
    let mut slice = state().slices.remove(0);
    slice.failing_since = Some(5);
    assert!(!slice.came_to(&Saved::default()) && slice.failing_since == Some(5));
    assert!(slice.came_to(&saved(14, 40)) && slice.failing_since.is_none());
    assert!(!slice.came_to(&saved(12, 20)) && !slice.came_to(&saved(14, 40)));
    assert_eq!(slice.saved, saved(14, 40));
}

#[test]
fn what_is_gone_is_counted_once_whatever_the_attempts() {
    let mut slice = state().slices.remove(0);
    for (begin, end, groups) in [(10, 12, 2), (10, 12, 2), (10, 15, 5), (17, 18, 6)] {
        slice.lose(&range(begin, end));
        assert_eq!(slice.lost.groups, groups);
    }
    slice.lose(&Range { begin: Cursor::new("?"), end: Cursor::new("!") });
    assert_eq!(slice.lost.groups, 6);
}

#[test]
fn every_parameter_that_differs_is_named_and_words_for_a_while_ago_keep_their_first_meaning() {
    let own = parameters();
    assert!(own.differences(&parameters()).is_empty());
    let other = Parameters {
        project: "p-2".into(),
        logstore: "other".into(),
        shards: vec![1],
        from: Bound { at: 101, ago: None },
        to: Bound { at: 200, ago: Some("now".into()) },
        parameter: "{}".into(),
        destinations: "e".into(),
    };
    let all = ["the project", "the Logstore", "--shard", "--from", "--to", "--parameter", "the Langfuse project (host or key)"];
    assert_eq!(own.differences(&other), all);
    let ago = |at, text: &str| Parameters { from: Bound { at, ago: Some(text.into()) }, ..parameters() };
    assert!(ago(1, "24h").differences(&ago(999, "24h")).is_empty());
    assert_eq!(ago(1, "24h").differences(&ago(1, "1d")), ["--from"]);
    assert!(ago(1, "24h").is_relative() && !own.is_relative());
}
