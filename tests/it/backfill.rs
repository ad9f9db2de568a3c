//! `backfill`: a window of time from all shards, delivered as the function delivers it, whatever interrupts it; through both real binaries.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use sls_to_langfuse::emulator::langfuse::{Fault, LangfuseEmulator, LangfuseWorld, StoredObservation, When};
use sls_to_langfuse::emulator::sls::{AccessKey, Action, Fault as SlsFault, Grant, Operation, ShardSpec};
use sls_to_langfuse::sls::wire;
use tokio::process::Command;

use crate::cli::Ended;
use crate::place::{Place, ended, sorted};
use crate::records::{chat, chat_saying, group, request_ids};
use crate::support::{Function, KEY_ID, KEY_SECRET, LOGSTORE, PROJECT, SEED, TOKEN, event, ordinary_settings, until};

/// When the first log group of these tests was received, UNIX seconds: 2026-03-02T12:00:00Z, long ago for `GIVE_UP_AFTER`.
const NOON: u32 = 1_772_452_800;

/// Present in the question of records that are refused. Nothing may ever tell it.
const POISON: &str = "sentinel-poisoned-question";

/// About the log groups of one slice.
const SLICE: usize = 256;

impl Place {
    /// So many slices of log groups of one call each, in shard 0, evenly in time. Returns the arguments that name all of it too.
    async fn of_slices(slices: usize) -> (Self, Vec<String>) {
        let place = Self::of_shards(&[0]).await;
        for number in 0..slices * SLICE {
            place.receive(0, chat(number), u32::try_from(number / SLICE).unwrap());
        }
        (place, window(0, u32::try_from(slices).unwrap()))
    }

    /// A log group of one log, received so many seconds after noon.
    fn receive(&self, shard: u32, log: wire::Log, second: u32) {
        self.sls.append(PROJECT, LOGSTORE, shard, &group(vec![log]), NOON + second).unwrap();
    }

    fn files(&self) -> Vec<String> {
        std::fs::read_dir(self.directory.path()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn state(&self, name: &str) -> Option<Value> {
        serde_json::from_str(&std::fs::read_to_string(self.path(name)).ok()?).ok()
    }

    fn backfill_command(&self, arguments: &[impl AsRef<str>], more: &[(&str, &str)]) -> Command {
        let mut all = vec!["backfill", "--project", PROJECT, "--logstore", LOGSTORE];
        all.extend(arguments.iter().map(AsRef::as_ref));
        self.command(&all, more)
    }

    async fn backfill_with(&self, arguments: &[impl AsRef<str>], more: &[(&str, &str)]) -> Ended {
        ended(self.backfill_command(arguments, more).spawn().unwrap()).await
    }

    async fn backfill(&self, arguments: &[impl AsRef<str>]) -> Ended {
        self.backfill_with(arguments, &[]).await
    }

    fn pulls(&self) -> usize {
        self.sls_requests(Operation::PullLogs).len()
    }

    /// A key that may only do this on the gateway's Logstore.
    fn allow(&self, actions: &[Action]) {
        let grants = actions.iter().map(|action| Grant { action: *action, logstore: LOGSTORE.into() }).collect();
        let expires = SystemTime::now() + Duration::from_secs(3600);
        self.sls.add_key(AccessKey::permanent(KEY_ID, KEY_SECRET).with_token(TOKEN, expires).allowed(grants));
    }
}

/// The window of these seconds after noon.
fn window(from: u32, to: u32) -> Vec<String> {
    ["--from".to_owned(), (NOON + from).to_string(), "--to".to_owned(), (NOON + to).to_string()].into()
}

fn with(arguments: &[String], more: &[&str]) -> Vec<String> {
    arguments.iter().cloned().chain(more.iter().map(|text| (*text).to_owned())).collect()
}

fn printed(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"))
}

fn line<'e>(ended: &'e Ended, title: &str) -> &'e str {
    let found = ended.stdout.lines().find_map(|line| line.trim_start().strip_prefix(title));
    found.unwrap_or_else(|| panic!("{title}: {ended:?}")).trim_start()
}

/// A limit of the rate that no call waits for, so that calls fail at once.
const LIMITED: Fault = Fault::RateLimited { retry_after: 3600 };

#[tokio::test]
async fn every_shard_is_read_also_the_read_only_one_of_a_split_and_one_without_data_costs_no_page() {
    let place = Place::of_shards(&[0, 3]).await;
    (0..4).for_each(|number| place.receive(0, chat(number), 1));
    place.sls.split(PROJECT, LOGSTORE, 0, [ShardSpec { id: 4, seed: 7 }, ShardSpec { id: 5, seed: 900 }]).unwrap();
    (4..6).for_each(|number| place.receive(4, chat(number), 5));
    place.receive(5, chat(6), 5);
    let arguments = ["--from", "2026-03-02T12:00:00Z", "--to", "2026-03-02T20:00:10+08:00"];
    let done = place.backfill(&arguments).await;
    assert_eq!((done.code, done.stderr.as_str(), place.arrived()), (Some(0), "", request_ids(0..7)), "{}", done.stdout);
    assert_eq!((line(&done, "shards"), line(&done, "slices"), line(&done, "read")), ("4 (1 read-only)", "3 of 3 done", "7 records"));
    assert_eq!((line(&done, "delivered"), line(&done, "skipped"), line(&done, "dead letters")), ("7", "none", "none"));
    assert_eq!(line(&done, "window"), "2026-03-02T12:00:00Z to 2026-03-02T12:00:10Z, by the time at which SLS received the logs");
    assert_eq!(place.files(), ["demo-project.ai-gateway-log.20260302T120000Z-20260302T120010Z.backfill"]);
    assert!(
        place.sls.requests().iter().all(|request| request.operation != Some(Operation::PullLogs) || !request.path.contains("shards/3"))
    );
    // The same once more finds everything done.
    let (posts, pulls) = (place.posts(), place.pulls());
    let again = place.backfill(&arguments).await;
    assert_eq!((again.code, place.posts(), place.pulls()), (Some(0), posts, pulls), "{}", again.stderr);
    assert_eq!((line(&again, "read"), line(&again, "delivered")), ("7 records", "7"));
    assert!(again.stderr.contains("is done already"), "{}", again.stderr);
    // One shard alone is another backfill.
    let one = place.backfill(&[&arguments[..], &["--shard", "5", "--json"]].concat()).await;
    assert_eq!((one.code, &printed(&one)["records"], &printed(&one)["shards"]), (Some(0), &json!(1), &json!(1)));
}

#[tokio::test]
async fn windows_are_half_open_so_that_neighbours_share_no_record_and_miss_none() {
    let place = Place::of_shards(&[0, 1]).await;
    for (number, second) in [9, 10, 10, 19, 20, 29, 30].into_iter().enumerate() {
        place.receive(u32::try_from(number % 2).unwrap(), chat(number), second);
    }
    let first = place.backfill(&window(10, 20)).await;
    assert_eq!((first.code, place.arrived()), (Some(0), request_ids([1, 2, 3])), "{}", first.stderr);
    let second = place.backfill(&window(20, 30)).await;
    assert_eq!((second.code, place.arrived()), (Some(0), request_ids(1..6)), "{}", second.stderr);
    assert!(place.langfuse.duplicates().is_empty());
}

#[tokio::test]
async fn what_a_function_delivers_live_and_what_a_backfill_delivers_is_the_same_wherever_slices_end() {
    let parameter = json!({"tags": ["live"], "environment": "late"});
    let (place, all) = Place::of_slices(3).await;
    let function = Function::start(&ordinary_settings(&place.langfuse.base_url(), &place.sls.endpoint())).await;
    let mut trigger = event(0, SEED, SEED + 700);
    trigger["parameter"] = parameter.clone();
    function.invoke(&trigger).await.assert_success();
    let live = sorted(place.langfuse.observations());
    place.langfuse.clear();
    let done = place.backfill(&with(&all, &["--parameter", &parameter.to_string(), "--json"])).await;
    assert_eq!((done.code, &printed(&done)["slices"]), (Some(0), &json!(3)), "{}", done.stderr);
    let backfilled = sorted(place.langfuse.observations());
    assert_eq!((live.len(), backfilled.len()), (700, 768));
    let both: BTreeMap<_, _> = backfilled.iter().map(|row| (&row.span_id, row)).collect();
    assert!(live.iter().all(|row| both[&row.span_id] == row));
    // Sent in one piece, beside what is there: the same rows.
    let whole = place.backfill(&with(&window(0, 1000), &["--parameter", &parameter.to_string()])).await;
    assert_eq!((whole.code, place.langfuse.arrivals().len()), (Some(0), 2 * 768));
    place.langfuse.merge();
    let merged = sorted(place.langfuse.observations()).into_iter().map(|row| StoredObservation { arrivals: 1, ..row });
    assert!(merged.eq(backfilled));
}

#[tokio::test]
async fn a_killed_backfill_goes_on_where_it_was_and_repeats_little() {
    let (place, all) = Place::of_slices(8).await;
    let all = with(&all, &["--state", "s", "--parallel", "1"]);
    place.langfuse.refuse_when(When::ingest(), Fault::Delay(Duration::from_millis(500)));
    let mut child = place.backfill_command(&all, &[]).spawn().unwrap();
    let ended_slices =
        || place.state("s").map_or(0, |state| state["slices"].as_array().unwrap().iter().filter(|one| one["ended"].is_object()).count());
    until(|| ended_slices() >= 2).await;
    child.kill().await.unwrap();
    let noted = ended_slices();
    assert!((2..8).contains(&noted), "{noted}");
    place.langfuse.clear_script();
    let done = place.backfill(&with(&all, &["--json"])).await;
    assert_eq!((done.code, place.arrived()), (Some(0), request_ids(0..8 * SLICE)), "{}", done.stderr);
    assert!(done.stderr.contains("going on with the backfill of 2026-03-02T12:00:00Z to 2026-03-02T12:00:08Z (s)"), "{}", done.stderr);
    let told = printed(&done);
    assert_eq!((&told["records"], &told["delivered"], &told["done"]), (&json!(8 * SLICE), &json!(8 * SLICE), &json!(true)));
    assert_eq!(told["thisRun"]["observations"], json!((8 - noted) * SLICE), "what was noted is not sent again");
    let repeated = place.langfuse.arrivals().len() - 8 * SLICE;
    assert!(repeated <= 4 * SLICE, "{repeated}");
}

/// One slice, because SLS received everything within one second, of so many records that fill a request each.
async fn of_one_long_slice(records: usize) -> (Place, Vec<String>) {
    let place = Place::of_shards(&[0]).await;
    let long = "长".repeat(350_000);
    (0..records).for_each(|number| place.receive(0, chat_saying(number, &long), 0));
    (place, with(&window(0, 1), &["--state", "s"]))
}

#[tokio::test]
async fn a_kill_in_the_middle_of_a_slice_repeats_only_what_is_behind_the_last_note() {
    let (place, all) = of_one_long_slice(12).await;
    place.langfuse.refuse_when(When::ingest(), Fault::Delay(Duration::from_millis(700)));
    let mut child = place.backfill_command(&all, &[]).spawn().unwrap();
    let settled = || place.state("s").and_then(|state| state["slices"][0]["saved"]["settled"]["counts"]["lines"].as_u64()).unwrap_or(0);
    until(|| settled() > 0).await;
    child.kill().await.unwrap();
    let noted = settled();
    place.langfuse.clear_script();
    let done = place.backfill(&with(&all, &["--json"])).await;
    assert_eq!((done.code, place.arrived()), (Some(0), request_ids(0..12)), "{}", done.stderr);
    let told = printed(&done);
    assert_eq!((&told["records"], &told["delivered"], &told["slices"]), (&json!(12), &json!(12), &json!(1)));
    assert_eq!(told["thisRun"]["observations"], json!(12 - noted));
}

/// Interrupts a backfill once so many requests have been sent, and finishes it later. Returns how many records had arrived in between.
async fn interrupted(place: &Place, all: &[String], records: usize) -> usize {
    place.langfuse.refuse_when(When::ingest(), Fault::Delay(Duration::from_millis(400)));
    let child = place.backfill_command(all, &[]).spawn().unwrap();
    until(|| place.posts() >= 2).await;
    let pid = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let interrupted = ended(child).await;
    assert_eq!(interrupted.code, Some(1), "{}", interrupted.stderr);
    assert!(interrupted.stderr.contains("ending: what has been read is delivered first"), "{}", interrupted.stderr);
    assert!(
        interrupted.stderr.contains("interrupted: ") && interrupted.stderr.contains("run the same command again"),
        "{}",
        interrupted.stderr
    );
    let arrived = place.arrived().len();
    place.langfuse.clear_script();
    let done = place.backfill(all).await;
    assert_eq!((done.code, place.arrived()), (Some(0), request_ids(0..records)), "{}", done.stderr);
    assert!(place.langfuse.duplicates().is_empty());
    arrived
}

#[tokio::test]
async fn an_interruption_delivers_what_has_been_read_and_the_next_run_repeats_nothing() {
    let (place, all) = Place::of_slices(6).await;
    let arrived = interrupted(&place, &with(&all, &["--state", "s", "--parallel", "2"]), 6 * SLICE).await;
    assert!((1..6 * SLICE).contains(&arrived), "{arrived}");
    // Also in the middle of a slice.
    let (place, all) = of_one_long_slice(24).await;
    let arrived = interrupted(&place, &all, 24).await;
    assert!((1..24).contains(&arrived), "{arrived}");
}

#[tokio::test]
async fn a_second_interruption_ends_it_at_once_and_loses_nothing() {
    let (place, all) = Place::of_slices(3).await;
    let all = with(&all, &["--state", "s"]);
    // The second request would have to wait for more than four minutes.
    let mut child = place.backfill_command(&with(&all, &["--rate", "1"]), &[]).spawn().unwrap();
    until(|| place.posts() >= 1).await;
    let (pid, began) = (child.id().unwrap().to_string(), Instant::now());
    while child.try_wait().unwrap().is_none() {
        std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(ended(child).await.code, Some(1));
    let done = place.backfill(&all).await;
    assert_eq!((done.code, place.arrived()), (Some(0), request_ids(0..3 * SLICE)), "{}", done.stderr);
}

#[tokio::test]
async fn however_often_it_is_killed_and_whatever_answers_are_lost_nothing_is_missing_in_the_end() {
    let place = Place::of_shards(&[0, 1]).await;
    for number in 0..6 * SLICE {
        place.receive(u32::try_from(number % 2).unwrap(), chat(number), u32::try_from(number / SLICE).unwrap());
    }
    place.sls.split(PROJECT, LOGSTORE, 1, [ShardSpec { id: 2, seed: 1 }, ShardSpec { id: 3, seed: 1 }]).unwrap();
    place.receive(3, chat(6 * SLICE), 5);
    let all = with(&window(0, 6), &["--state", "s", "--parallel", "3"]);
    for more in [1, 2, 3, 1, 4, 2] {
        place.langfuse.script([
            Fault::ResetAfterStoring,
            Fault::Delay(Duration::from_millis(300)),
            Fault::Delay(Duration::from_millis(900)),
        ]);
        let before = place.posts();
        let mut child = place.backfill_command(&all, &[]).spawn().unwrap();
        while place.posts() < before + more && child.try_wait().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let _ = child.kill().await;
    }
    place.langfuse.clear_script();
    let done = place.backfill(&with(&all, &["--json"])).await;
    assert_eq!((done.code, place.arrived()), (Some(0), request_ids(0..=6 * SLICE)), "{}", done.stderr);
    let told = printed(&done);
    assert_eq!((&told["records"], &told["delivered"]), (&json!(6 * SLICE + 1), &json!(6 * SLICE + 1)));
    assert_eq!((&told["readOnlyShards"], &told["done"]), (&json!(1), &json!(true)));
}

#[tokio::test]
async fn services_that_falter_are_asked_again_and_a_limit_of_the_rate_is_waited_out() {
    let (place, all) = Place::of_slices(2).await;
    // Our clock is wrong, as far as SLS is concerned.
    place.sls.set_clock(|| SystemTime::now() + Duration::from_secs(3600));
    let busy = || SlsFault::Error { status: 503, code: "ServerBusy".into(), message: "sentinel".into() };
    for operation in [Operation::ListShards, Operation::GetCursor, Operation::GetCursor, Operation::PullLogs, Operation::PullLogs] {
        place.sls.script(operation, busy());
    }
    place.langfuse.script([Fault::status(503), LIMITED]);
    let done = place.backfill(&all).await;
    assert_eq!((done.code, place.sls.pending_faults(), place.arrived()), (Some(0), 0, request_ids(0..2 * SLICE)), "{}", done.stderr);
    assert!(done.stderr.contains("status 429") && done.stderr.contains("it is tried again"), "{}", done.stderr);
    assert!(place.langfuse.duplicates().is_empty());
}

#[tokio::test]
async fn an_outage_is_waited_for_as_long_as_was_said_and_then_the_state_is_kept() {
    let (place, all) = Place::of_slices(5).await;
    place.langfuse.refuse_when(When::ingest(), LIMITED);
    let all = with(&all, &["--wait", "1s", "--state", "s"]);
    let failed = place.backfill(&with(&all, &["--json"])).await;
    let told = printed(&failed);
    assert_eq!((failed.code, &told["done"], &told["slicesDone"], &told["delivered"]), (Some(1), &json!(false), &json!(0), &json!(0)));
    assert!(
        failed.stderr.contains("5 slices are not done: Langfuse at 127.0.0.1 ") && failed.stderr.contains("status 429"),
        "{}",
        failed.stderr
    );
    assert!(failed.stderr.contains("what to do: ") && failed.stderr.contains("run the same command again"), "{}", failed.stderr);
    let state = place.state("s").unwrap();
    assert!(
        state["slices"].as_array().unwrap().iter().all(|slice| slice["failingSince"].is_null()),
        "an outage is nobody's fault: {state}"
    );
    place.langfuse.clear_script();
    let done = place.backfill(&all).await;
    assert_eq!((done.code, place.arrived()), (Some(0), request_ids(0..5 * SLICE)), "{}", done.stderr);
    assert!(place.langfuse.duplicates().is_empty());
}

#[tokio::test]
async fn wrong_permissions_and_keys_stop_it_at_once_with_what_to_do() {
    let (place, all) = Place::of_slices(3).await;
    place.allow(&[Action::Read]);
    let unlisted = place.backfill(&all).await;
    assert_eq!((unlisted.code, unlisted.stdout.as_str(), place.files()), (Some(1), "", vec![]));
    assert!(unlisted.stderr.contains("log:ListShards") && unlisted.stderr.contains("--shard"), "{}", unlisted.stderr);
    place.allow(&[Action::ListShards]);
    let unread = place.backfill(&all).await;
    assert_eq!((unread.code, place.files()), (Some(1), vec![]));
    assert!(unread.stderr.contains("shard 0") && unread.stderr.contains("log:GetCursorOrData"), "{}", unread.stderr);
    place.allow(&[Action::ListShards, Action::Read]);
    let missing = place.backfill(&with(&all, &["--shard", "9"])).await;
    assert_eq!((missing.code, place.files()), (Some(1), vec![]));
    assert!(missing.stderr.contains("no such shard"), "{}", missing.stderr);
    // Named shards need no list.
    place.allow(&[Action::Read]);
    let began = Instant::now();
    let refused = place.backfill_with(&with(&all, &["--shard", "0"]), &[("LANGFUSE_SECRET_KEY", "sk-lf-sentinel")]).await;
    assert_eq!((refused.code, place.files().len()), (Some(1), 1));
    assert!(refused.stderr.contains("nothing more is begun") && refused.stderr.contains("LANGFUSE_SECRET_KEY"), "{}", refused.stderr);
    assert!(began.elapsed() < Duration::from_secs(60), "nobody waits ten minutes for a key to become right");
    let done = place.backfill(&with(&all, &["--shard", "0"])).await;
    assert_eq!((done.code, place.arrived()), (Some(0), request_ids(0..3 * SLICE)), "{}", done.stderr);
}

#[tokio::test]
async fn a_record_that_fails_alone_keeps_only_its_slice_and_is_given_up_for_its_failing_not_for_its_age() {
    let place = Place::of_shards(&[0, 1]).await;
    place.receive(0, chat_saying(0, POISON), 0);
    place.receive(0, chat(1), 0);
    (2..5).for_each(|number| place.receive(1, chat(number), 0));
    place.langfuse.refuse_when(When::text(POISON), Fault::status(500));
    let all = with(&window(0, 1), &["--wait", "0s", "--state", "s", "--parallel", "1", "--json"]);
    // The records are months old.
    let impatient = [("GIVE_UP_AFTER", "10s")];
    let first = place.backfill_with(&all, &impatient).await;
    let told = printed(&first);
    assert_eq!((first.code, place.arrived(), &told["deadLettered"]), (Some(1), request_ids(1..5), &json!({})), "{}", first.stderr);
    assert!(first.stderr.contains("it is left for another run; the others go on"), "{}", first.stderr);
    assert!(first.stderr.contains("1 slice is not done: they failed by themselves"), "{}", first.stderr);
    // It has been failing for a while.
    let mut state = place.state("s").unwrap();
    let failing = state["slices"].as_array_mut().unwrap().iter_mut().find(|slice| slice["failingSince"].is_number()).unwrap();
    failing["failingSince"] = json!(failing["failingSince"].as_i64().unwrap() - 60);
    std::fs::write(place.path("s"), state.to_string()).unwrap();
    let second = place.backfill_with(&all, &impatient).await;
    let told = printed(&second);
    assert_eq!(
        (second.code, place.arrived(), &told["deadLettered"]),
        (Some(0), request_ids(1..5), &json!({"gave_up": 1})),
        "{}",
        second.stderr
    );
    assert_eq!((&told["records"], &told["delivered"], &told["done"]), (&json!(5), &json!(4), &json!(true)));
    assert!(second.stderr.contains("dead_letter"), "{}", second.stderr);
}

#[tokio::test]
async fn dead_letters_go_where_the_function_writes_them() {
    let place = Place::of_shards(&[0]).await;
    place.sls.create_logstore(PROJECT, "dead-letters", &[ShardSpec { id: 0, seed: 1 }]);
    place.receive(0, chat_saying(0, POISON), 0);
    place.receive(0, chat(1), 0);
    place.langfuse.refuse_when(When::text(POISON), Fault::status(400));
    let done = place.backfill_with(&window(0, 1), &[("DEAD_LETTER_LOGSTORE", "dead-letters")]).await;
    assert_eq!((done.code, line(&done, "dead letters"), line(&done, "delivered")), (Some(0), "1 refused", "1"), "{}", done.stderr);
    let letters: Vec<_> = place.sls.put_groups(PROJECT, "dead-letters").into_iter().flat_map(|group| group.logs).collect();
    assert_eq!(letters.len(), 1);
    // Its own letters are no access log.
    let settings = [("DEAD_LETTER_LOGSTORE", LOGSTORE)];
    let looping = place.backfill_with(&with(&window(0, 1), &["--state", "other"]), &settings).await;
    assert_eq!(looping.code, Some(1));
    assert!(looping.stderr.contains("the Logstore of its dead letters") && looping.stderr.contains("access log"), "{}", looping.stderr);
}

#[tokio::test]
async fn what_leaves_the_logstore_while_it_waits_is_told_and_is_no_failure() {
    let (place, all) = Place::of_slices(2).await;
    place.sls.append(PROJECT, LOGSTORE, 0, &group(vec![chat(9999)]), NOON + 50).unwrap();
    place.langfuse.refuse_when(When::ingest(), LIMITED);
    let all = with(&all, &["--wait", "0s", "--json"]);
    assert_eq!(place.backfill(&all).await.code, Some(1));
    place.langfuse.clear_script();
    place.sls.expire_before(PROJECT, LOGSTORE, 0, 300).unwrap();
    let done = place.backfill(&all).await;
    let told = printed(&done);
    assert_eq!((done.code, place.arrived()), (Some(0), request_ids(300..2 * SLICE)), "{}", done.stderr);
    assert_eq!((&told["expiredGroups"], &told["records"]), (&json!(300), &json!(2 * SLICE - 300)));
    // What had gone before is not known to have been there; since when logs are kept is.
    let later = place.backfill(&with(&all, &["--state", "later"])).await;
    assert_eq!(printed(&later)["keptSince"], json!({"0": "2026-03-02T12:00:01Z"}));
    assert_eq!(printed(&later)["expiredGroups"], json!(0));
}

#[tokio::test]
async fn a_read_only_shard_that_disappears_while_it_waits_is_told_and_the_others_are_done() {
    let place = Place::of_shards(&[0, 1]).await;
    place.receive(0, chat(0), 0);
    place.receive(1, chat(1), 0);
    place.langfuse.refuse_when(When::ingest(), LIMITED);
    let all = with(&window(0, 1), &["--wait", "0s"]);
    assert_eq!(place.backfill(&all).await.code, Some(1));
    place.langfuse.clear_script();
    place.sls.remove_shard(PROJECT, LOGSTORE, 0).unwrap();
    let done = place.backfill(&all).await;
    assert_eq!((done.code, place.arrived()), (Some(0), request_ids([1])), "{}", done.stderr);
    assert_eq!((line(&done, "gone"), line(&done, "slices")), ("1 slice of shards that have disappeared", "2 of 2 done"));
}

#[tokio::test]
async fn a_dry_run_counts_what_is_then_done_and_sends_and_notes_nothing() {
    let (place, all) = Place::of_slices(2).await;
    place.sls.append(PROJECT, LOGSTORE, 0, &group(vec![chat(9999)]), NOON + 50).unwrap();
    let rules = tempfile::NamedTempFile::new().unwrap();
    let filter = "[[filter]]\nname = 'none-of-these'\naction = 'exclude'\nwhen = [{ field = 'request_id', prefix = 'request-0000' }]\n";
    std::fs::write(rules.path(), filter).unwrap();
    let file = rules.path().display().to_string();
    let settings = [("CONFIG_FILE", file.as_str())];
    let keyless = [settings[0], ("LANGFUSE_SECRET_KEY", "(none)"), ("LANGFUSE_PUBLIC_KEY", "(none)")];
    let dry = place.backfill_with(&with(&all, &["--dry-run", "--json"]), &keyless).await;
    let counted = printed(&dry);
    assert_eq!((dry.code, &counted["dryRun"], &counted["records"]), (Some(0), &json!(true), &json!(2 * SLICE)), "{}", dry.stderr);
    assert_eq!((&counted["skipped"], &counted["filters"]), (&json!({"filtered": 100}), &json!({"none-of-these": 100})));
    assert!(place.langfuse.requests().is_empty() && place.files().is_empty());
    let words = place.backfill_with(&with(&all, &["--dry-run"]), &keyless).await;
    assert_eq!((words.code, line(&words, "sent"), line(&words, "read")), (Some(0), "nothing: this was a dry run", "512 records"));
    let real = printed(&place.backfill_with(&with(&all, &["--json"]), &settings).await);
    assert_eq!((&real["records"], &real["delivered"]), (&counted["records"], &counted["wouldDeliver"]));
    assert_eq!(real["skipped"], counted["skipped"]);
}

#[tokio::test]
async fn routes_are_counted_by_name() {
    let place = Place::of_shards(&[0]).await;
    (0..3).for_each(|number| place.receive(0, chat(number), 0));
    let rules = tempfile::NamedTempFile::new().unwrap();
    let route = "[[route]]\nname = 'first'\nwhen = [{ field = 'request_id', equals = 'request-000000' }]\nto = 'default'\n\
                 [[route]]\nname = 'rest'\nto = 'default'\n";
    std::fs::write(rules.path(), route).unwrap();
    let file = rules.path().display().to_string();
    let done = place.backfill_with(&with(&window(0, 1), &["--json"]), &[("CONFIG_FILE", &file)]).await;
    let routes = &printed(&done)["thisRun"]["routes"];
    assert_eq!((&routes["first"]["delivered"], &routes["rest"]["delivered"]), (&json!(1), &json!(2)), "{}", done.stderr);
}

#[tokio::test]
async fn a_destination_of_a_route_that_refuses_us_leaves_its_records_for_the_next_run() {
    let place = Place::of_shards(&[0]).await;
    (0..3).for_each(|number| place.receive(0, chat(number), 0));
    let other = LangfuseEmulator::start(0, LangfuseWorld::default()).await.unwrap();
    other.refuse_when(When::ingest(), Fault::status(401));
    let rules = tempfile::NamedTempFile::new().unwrap();
    let route = format!(
        "[destination.other]\nhost = '{}'\npublic_key = '{}'\nsecret_key = 'env:OTHER_KEY'\n\
         [[route]]\nname = 'first'\nwhen = [{{ field = 'request_id', equals = 'request-000000' }}]\nto = 'other'\n\
         [[route]]\nname = 'rest'\nto = 'default'\n",
        other.base_url(),
        LangfuseWorld::PUBLIC_KEY
    );
    std::fs::write(rules.path(), route).unwrap();
    let file = rules.path().display().to_string();
    let settings = [("CONFIG_FILE", file.as_str()), ("OTHER_KEY", LangfuseWorld::SECRET_KEY)];
    let all = with(&window(0, 1), &["--json"]);
    let stopped = place.backfill_with(&all, &settings).await;
    let told = printed(&stopped);
    assert_eq!((stopped.code, &told["done"], &told["deadLettered"]), (Some(1), &json!(false), &json!({})), "{}", stopped.stderr);
    other.clear_script();
    let done = printed(&place.backfill_with(&all, &settings).await);
    assert_eq!((&done["done"], &done["delivered"]), (&json!(true), &json!(3)));
    assert_eq!((place.langfuse.observations().len(), other.observations().len()), (2, 1));
}

#[tokio::test]
async fn observations_keep_the_rate_that_was_said() {
    let (place, all) = Place::of_slices(3).await;
    let child = place.backfill_command(&with(&all, &["--rate", "256"]), &[]).spawn().unwrap();
    until(|| place.posts() >= 1).await;
    let first = Instant::now();
    until(|| place.posts() == 3).await;
    // Two requests of 256 observations are paid for before the third goes.
    assert!(first.elapsed() > Duration::from_secs(1), "{:?}", first.elapsed());
    assert_eq!((ended(child).await.code, place.arrived().len()), (Some(0), 3 * SLICE));
}

#[tokio::test]
async fn a_state_of_another_backfill_or_in_use_is_refused_and_left_as_it_is() {
    let (place, all) = Place::of_slices(1).await;
    let all = with(&all, &["--state", "s"]);
    assert_eq!(place.backfill(&all).await.code, Some(0));
    let (before, posts) = (std::fs::read(place.path("s")).unwrap(), place.posts());
    let mut other = all.clone();
    other[1] = (NOON - 1).to_string();
    for (arguments, settings, difference) in [
        (other.clone(), vec![], "--from differ"),
        (with(&all, &["--shard", "0"]), vec![], "--shard differ"),
        (with(&all, &["--parameter", "{}"]), vec![], "--parameter differ"),
        (with(&other, &["--shard", "0"]), vec![], "--shard, --from differ"),
        (all.clone(), vec![("LANGFUSE_PUBLIC_KEY", "pk-lf-other")], "the Langfuse project (host or key) differ"),
    ] {
        let refused = place.backfill_with(&arguments, &settings).await;
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{difference}");
        assert!(refused.stderr.contains(difference) && refused.stderr.contains("--state"), "{difference}: {}", refused.stderr);
    }
    let held = std::fs::File::open(place.path("s")).unwrap();
    held.lock().unwrap();
    let busy = place.backfill(&all).await;
    assert_eq!(busy.code, Some(2));
    assert!(busy.stderr.contains("another backfill is using it"), "{}", busy.stderr);
    std::fs::write(place.path("notes.txt"), "sentinel").unwrap();
    let foreign = place.backfill(&with(&all[..4], &["--state", "notes.txt"])).await;
    assert_eq!(foreign.code, Some(2));
    assert!(foreign.stderr.contains("is this really a state file?"), "{}", foreign.stderr);
    assert_eq!((std::fs::read(place.path("s")).unwrap(), place.posts()), (before, posts));
}

#[tokio::test]
async fn a_while_ago_keeps_its_first_meaning_until_it_is_done_and_then_means_today() {
    let place = Place::of_shards(&[0]).await;
    let now = u32::try_from(SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()).unwrap();
    place.sls.append(PROJECT, LOGSTORE, 0, &group(vec![chat(0)]), now - 7200).unwrap();
    place.sls.append(PROJECT, LOGSTORE, 0, &group(vec![chat(1)]), now - 1800).unwrap();
    place.langfuse.refuse_when(When::ingest(), LIMITED);
    let arguments = ["--from", "-1h", "--wait", "0s"];
    assert_eq!(place.backfill(&arguments).await.code, Some(1));
    assert_eq!(place.files(), ["demo-project.ai-gateway-log.1h-now.backfill"]);
    let first = place.state("demo-project.ai-gateway-log.1h-now.backfill").unwrap();
    place.langfuse.clear_script();
    place.sls.append(PROJECT, LOGSTORE, 0, &group(vec![chat(2)]), now - 60).unwrap();
    let done = place.backfill(&["--from", "1h"]).await;
    assert_eq!((done.code, place.arrived()), (Some(0), request_ids([1])), "{}", done.stderr);
    assert!(done.stderr.contains("going on with the backfill of"), "{}", done.stderr);
    assert_eq!(place.state("demo-project.ai-gateway-log.1h-now.backfill").unwrap()["of"], first["of"]);
    let another = place.backfill(&["--from", "1h"]).await;
    assert_eq!((another.code, place.arrived()), (Some(0), request_ids([1, 2])), "{}", another.stderr);
}

#[tokio::test]
async fn wrong_usage_and_missing_settings_are_told_before_anything_is_asked() {
    let place = Place::of_shards(&[0]).await;
    let wrong: [(&[&str], &str); 9] = [
        (&[], "--from"),
        (&["--from", "yesterday"], "UNIX seconds"),
        (&["--from", "1h", "--to", "2h"], "--from must be before --to"),
        (&["--from", "1h", "--to", "2200-01-01"], "--to must not lie in the future"),
        (&["--from", "1h", "--rate", "0"], "--rate"),
        (&["--from", "1h", "--parallel", "9"], "--parallel"),
        (&["--from", "1h", "--wait", "10"], "length of time"),
        (&["--from", "1h", "--parameter", "{"], "--parameter is not JSON"),
        (&["--from", "1h", "--parameter", r#"{"langfuse_host":"x"}"#], "not allowed"),
    ];
    for (arguments, expected) in wrong {
        let ended = place.backfill(arguments).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(expected), "{arguments:?}: {}", ended.stderr);
    }
    for (missing, value, expected) in [
        ("LANGFUSE_HOST", "(none)", "LANGFUSE_HOST"),
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", "(none)", "ALIBABA_CLOUD_ACCESS_KEY_ID"),
        ("LANGFUSE_TRACING_ENABLED", "false", "LANGFUSE_TRACING_ENABLED"),
        ("SLS_ENDPOINT", "(none)", "--endpoint"),
    ] {
        let ended = place.backfill_with(&["--from", "1h"], &[(missing, value)]).await;
        assert_eq!(ended.code, Some(2), "{missing}");
        assert!(ended.stderr.contains(expected), "{missing}: {}", ended.stderr);
    }
    let endpoint = place.sls.endpoint();
    let untrusted = place.backfill_with(&["--from", "1h", "--endpoint", &endpoint], &[("SLS_ENDPOINT", "(none)")]).await;
    assert_eq!(untrusted.code, Some(2));
    assert!(untrusted.stderr.contains("SLS_ALLOWED_ENDPOINTS"), "{}", untrusted.stderr);
    assert!(place.sls.requests().is_empty() && place.files().is_empty());
    let allowed = [("SLS_ENDPOINT", "(none)"), ("SLS_ALLOWED_ENDPOINTS", "127.0.0.1")];
    assert_eq!(place.backfill_with(&["--from", "1h", "--endpoint", &endpoint], &allowed).await.code, Some(0));
}
