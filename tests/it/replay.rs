//! `replay`: what a function dead-lettered is delivered later, once, as it would have been; through both real binaries.

use std::path::Path;
use std::time::Duration;

use prost::Message;
use serde_json::{Value, json};
use sls_to_langfuse::dead_letter::{DeadLetter, Pointer, log_group};
use sls_to_langfuse::delivery::DeadLetterReason;
use sls_to_langfuse::emulator::langfuse::{Fault, StoredObservation, When};
use sls_to_langfuse::emulator::sls::{AccessKey, Action, Fault as SlsFault, Grant, Operation, ShardSpec};
use sls_to_langfuse::sls::cursor::Cursor;
use sls_to_langfuse::sls::{Field, LogRecord, LogTime, wire};
use sls_to_langfuse::trace::ids;

use crate::cli::Ended;
use crate::place::{Place, ended, sorted};
use crate::records::{chat, chat_saying, chats, group, request_ids};
use crate::support::{Answer, Function, KEY_ID, KEY_SECRET, LOGSTORE, PROJECT, SEED, TOKEN, World, event, ordinary_settings, until};

/// Present in the question of records that are refused at first. Nothing may ever tell it.
const POISON: &str = "sentinel-poisoned-question";

const LETTERS: &str = "dead-letters";

impl Place {
    /// With a Logstore for letters.
    async fn with_letters(shards: &[u32]) -> Self {
        let place = Self::of_shards(shards).await;
        place.sls.create_logstore(PROJECT, LETTERS, &[ShardSpec { id: 0, seed: 1 }, ShardSpec { id: 7, seed: 1 }]);
        place
    }

    /// With these groups in shard 0.
    async fn holding(groups: &[wire::LogGroup]) -> Self {
        let place = Self::with_letters(&[0]).await;
        crate::support::append(&place.sls, 0, groups.to_vec());
        place
    }

    fn letters_file(&self, letters: &[DeadLetter]) -> String {
        self.file("letters.jsonl", &letters.iter().map(|letter| format!("{}\n", letter.json())).collect::<String>())
    }

    async fn replay_with(&self, arguments: &[&str], more: &[(&str, &str)]) -> Ended {
        ended(self.command(&[&["replay"], arguments].concat(), more).spawn().unwrap()).await
    }

    async fn replay(&self, arguments: &[&str]) -> Ended {
        self.replay_with(arguments, &[]).await
    }

    async fn replay_logstore(&self) -> Ended {
        self.replay(&["--project", PROJECT, "--logstore", LETTERS]).await
    }

    /// Calls a function, with the letters going to the Logstore, for a range of shard 0; it ends with the call.
    async fn call(&self, begin: u64, end: u64, settings: &[(&str, &str)]) -> (Answer, String) {
        let mut all = ordinary_settings(&self.langfuse.base_url(), &self.sls.endpoint());
        all.insert("DEAD_LETTER_LOGSTORE".into(), LETTERS.into());
        all.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let function = Function::start(&all).await;
        let answer = function.invoke(&event(0, begin, end)).await;
        answer.assert_success();
        let letters = answer.report()["deadLettered"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum::<u64>();
        until(|| function.output().matches("dead_letter").count() as u64 >= letters && function.output().contains("report")).await;
        (answer, function.output())
    }

    /// Marks in the dead-letter Logstore.
    fn marks(&self) -> usize {
        let logs = self.sls.put_groups(PROJECT, LETTERS).into_iter().flat_map(|group| group.logs);
        logs.filter(|log| log.contents.iter().any(|content| content.key == b"event" && content.value == b"dead_letter_replayed")).count()
    }
}

fn pointer(shard: u32, group: u64, index: u32) -> Pointer {
    let (project, logstore) = (PROJECT.to_owned(), LOGSTORE.to_owned());
    Pointer::Log {
        project,
        logstore,
        shard,
        cursor: Cursor::from_number(group).text().to_owned(),
        end_cursor: None,
        index,
        receive_time: None,
    }
}

/// The letter of a log at a place.
fn letter(log: &wire::Log, shard: u32, group: u64, index: u32, reason: DeadLetterReason) -> DeadLetter {
    let fields = log.contents.iter().map(|content| Field { key: &content.key, value: &content.value }).collect();
    let span_id = ids::span_id_of(&LogRecord { time: LogTime { seconds: log.time, nanoseconds: None }, fields });
    DeadLetter::new(pointer(shard, group, index), Some(span_id), reason, Some(400))
}

/// A letter for each log of groups that begin a shard.
fn letters(groups: &[wire::LogGroup], shard: u32) -> Vec<DeadLetter> {
    let of_group = |(at, group): (usize, &wire::LogGroup)| {
        let group_number = SEED + at as u64;
        let logs = group.logs.iter().enumerate();
        logs.map(|(index, log)| letter(log, shard, group_number, u32::try_from(index).unwrap(), DeadLetterReason::Refused))
            .collect::<Vec<_>>()
    };
    groups.iter().enumerate().flat_map(of_group).collect()
}

/// The rows as a function delivers them that nothing goes wrong for.
async fn rows_of(groups: Vec<wire::LogGroup>) -> Vec<StoredObservation> {
    let span = groups.len() as u64;
    let world = World::of(groups, &[]).await;
    world.function.invoke(&event(0, SEED, SEED + span)).await.assert_balanced();
    sorted(world.langfuse.observations())
}

/// Three groups with what is refused, too large and damaged in them, and ordinary records around.
fn troubled() -> Vec<wire::LogGroup> {
    let large = chat_saying(4, &"好".repeat(40_000));
    vec![group(vec![chat(0), chat_saying(1, POISON), chat(2)]), group(vec![chat(3), large]), group(vec![chat_saying(5, POISON), chat(6)])]
}

/// A place in which a function has made letters of what is troubled: three in both the Logstore and the log that is returned.
async fn after_trouble(settings: &[(&str, &str)]) -> (Place, String) {
    let place = Place::holding(&troubled()).await;
    place.langfuse.refuse_when(When::text(POISON), Fault::status(400));
    place.langfuse.change(|world| world.body_limit = Some(12_000));
    let all = [settings, &[("OTEL_EXPORTER_OTLP_COMPRESSION", "none")]].concat();
    let (answer, log) = place.call(SEED, SEED + 3, &all).await;
    assert_eq!(answer.report()["deadLettered"], json!({"refused": 2, "too_large": 1}));
    assert_eq!(place.arrived(), request_ids([0, 2, 3, 6]));
    (place, log)
}

fn repair(place: &Place) {
    place.langfuse.clear_script();
    place.langfuse.change(|world| world.body_limit = None);
    place.sls.clear_requests();
}

#[tokio::test]
async fn what_was_dead_lettered_is_delivered_from_the_logstore_as_it_would_have_been_and_only_once() {
    let (place, _) = after_trouble(&[]).await;
    repair(&place);
    let before = place.posts();
    let ended = place.replay_logstore().await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
    assert_eq!(sorted(place.langfuse.observations()), rows_of(troubled()).await);
    assert!(place.langfuse.duplicates().is_empty());
    assert!(ended.stdout.contains("letters        3 (2 refused, 1 too large)\n"), "{}", ended.stdout);
    assert!(ended.stdout.contains("open           3 records, in 1 range of log groups\n"), "{}", ended.stdout);
    assert!(ended.stdout.contains("delivered      3\n"), "{}", ended.stdout);
    assert_eq!((place.posts() - before, place.marks()), (1, 3));
    // Each group was pulled once: all three are in one range.
    let pulled = place.sls_requests(Operation::PullLogs).into_iter().filter(|request| request.path.contains(LOGSTORE)).count();
    assert_eq!(pulled, 1);
    // Here, and on a machine that knows nothing of it.
    for state in ["demo-project.dead-letters.replayed", "other-machine"] {
        let again = place.replay(&["--project", PROJECT, "--logstore", LETTERS, "--state", state]).await;
        assert_eq!((again.code, again.stderr.as_str()), (Some(0), ""), "{}", again.stdout);
        assert!(again.stdout.contains("done before    3 of the records\n") && again.stdout.contains("open           0 records\n"));
    }
    assert_eq!((place.posts() - before, place.marks()), (1, 3));
    assert!(place.langfuse.duplicates().is_empty());
}

#[tokio::test]
async fn the_log_of_the_function_will_do_for_letters_in_every_form() {
    for (form, wrapped) in [("json", false), ("json", true), ("human", false)] {
        let (place, log) = after_trouble(&[("LOG_FORMAT", form)]).await;
        repair(&place);
        let wrap =
            |line: &str| if wrapped { json!({"functionName": "f", "message": line, "__time__": "1"}).to_string() } else { line.to_owned() };
        let lines: String = log.lines().map(|line| format!("{}\nsentinel of another program\n", wrap(line))).collect();
        let path = place.file("function.log", &lines);
        let ended = place.replay(&["--file", &path]).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{form} {wrapped}: {}", ended.stdout);
        assert_eq!(place.arrived(), request_ids(0..7), "{form} {wrapped}");
        let foreign = log.lines().count() * 2 - 3;
        assert!(ended.stdout.contains(&format!("other lines    {foreign} are no letters\n")), "{form} {wrapped}: {}", ended.stdout);
        assert_eq!((place.marks(), place.text("function.log.replayed").lines().count()), (0, 3));
        let again = place.replay(&["--file", &path]).await;
        assert_eq!(again.code, Some(0));
        assert!(place.langfuse.duplicates().is_empty(), "{form} {wrapped}");
    }
}

#[tokio::test]
async fn standard_input_will_do_too_but_needs_a_place_for_what_is_done() {
    let groups = chats(1, 2);
    let place = Place::holding(&groups).await;
    let text: String = letters(&groups, 0).iter().map(|letter| format!("{}\n", letter.json())).collect();
    let mut command = place.command(&["replay", "--file", "-", "--state", "s"], &[]);
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut input, text.as_bytes()).await.unwrap();
    drop(input);
    assert_eq!(child.wait_with_output().await.unwrap().status.code(), Some(0));
    assert_eq!((place.arrived(), place.text("s").lines().count()), (request_ids(0..2), 2));
    let without = place.replay(&["--file", "-"]).await;
    assert_eq!(without.code, Some(2));
    assert!(without.stderr.contains("--state FILE"), "{}", without.stderr);
}

#[tokio::test]
async fn a_dry_run_reads_letters_counts_them_and_touches_nothing() {
    let (place, log) = after_trouble(&[]).await;
    repair(&place);
    let before = place.posts();
    let path = place.file("function.log", &log);
    // A file needs neither settings nor network.
    let nothing: Vec<_> = place.settings().into_keys().collect();
    let nothing: Vec<_> = nothing.iter().map(|name| (name.as_str(), "(none)")).collect();
    let ended = place.replay_with(&["--file", &path, "--dry-run"], &nothing).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert!(ended.stdout.contains("letters        3 (2 refused, 1 too large)\n"), "{}", ended.stdout);
    assert!(ended.stdout.ends_with("open           3 records, in 1 range of log groups\ndry run: nothing was pulled, sent or noted\n"));
    assert!(place.sls.requests().is_empty());
    let ended = place.replay(&["--project", PROJECT, "--logstore", LETTERS, "--dry-run", "--reason", "too_large"]).await;
    assert_eq!(ended.code, Some(0));
    assert!(
        ended.stdout.contains("left out       2 by --reason\n") && ended.stdout.contains("open           1 record,"),
        "{}",
        ended.stdout
    );
    assert!(place.sls.requests().iter().all(|request| request.path.contains(LETTERS)));
    assert_eq!((place.posts(), place.marks(), std::fs::read_dir(place.directory.path()).unwrap().count()), (before, 0, 1));
}

#[tokio::test]
async fn only_the_chosen_reasons_are_replayed_and_the_rest_stays() {
    let (place, _) = after_trouble(&[]).await;
    repair(&place);
    let ended = place.replay(&["--project", PROJECT, "--logstore", LETTERS, "--reason", "gave_up,too_large"]).await;
    assert_eq!((ended.code, place.arrived()), (Some(0), request_ids([0, 2, 3, 4, 6])), "{}", ended.stderr);
    let rest = place.replay_logstore().await;
    assert_eq!((rest.code, place.arrived()), (Some(0), request_ids(0..7)));
    assert!(place.langfuse.duplicates().is_empty());
}

#[tokio::test]
async fn what_fails_again_stays_with_its_reason_and_takes_no_neighbour_with_it() {
    let (place, _) = after_trouble(&[]).await;
    place.langfuse.change(|world| world.body_limit = None);
    let first = place.replay_logstore().await;
    assert_eq!((first.code, place.arrived()), (Some(1), request_ids([0, 2, 3, 4, 6])));
    assert!(first.stdout.contains("delivered      1\n") && first.stdout.contains("failed again   2 refused\n"), "{}", first.stdout);
    assert!(first.stderr.contains("2 records are not done"), "{}", first.stderr);
    // No new letters: the old ones are still there.
    let logs: usize = place.sls.put_groups(PROJECT, LETTERS).iter().map(|group| group.logs.len()).sum();
    assert_eq!((logs, place.marks()), (3 + 1, 1));
    place.langfuse.clear_script();
    let second = place.replay_logstore().await;
    assert_eq!((second.code, place.arrived()), (Some(0), request_ids(0..7)), "{}", second.stderr);
    assert!(place.langfuse.duplicates().is_empty());
}

#[tokio::test]
async fn what_a_server_keeps_stumbling_over_does_not_keep_its_neighbours_from_being_done() {
    let groups = vec![group(vec![chat(0), chat_saying(1, POISON), chat(2)])];
    let place = Place::holding(&groups).await;
    place.langfuse.refuse_when(When::text(POISON), Fault::status(500));
    let path = place.letters_file(&letters(&groups, 0));
    let first = place.replay(&["--file", &path]).await;
    assert_eq!((first.code, place.arrived()), (Some(1), request_ids([0, 2])), "{}", first.stderr);
    assert!(first.stdout.contains("failed again   1 gave up\n"), "{}", first.stdout);
    place.langfuse.clear_script();
    let second = place.replay(&["--file", &path]).await;
    assert_eq!((second.code, place.arrived()), (Some(0), request_ids(0..3)));
    assert!(place.langfuse.duplicates().is_empty());
}

#[tokio::test]
async fn an_outage_leaves_everything_to_the_next_replay_and_is_not_waited_out() {
    let place = Place::with_letters(&[0, 1, 2, 3, 4]).await;
    let mut all = Vec::new();
    for shard in 0..5 {
        let groups = vec![group(vec![chat(shard as usize)])];
        crate::support::append(&place.sls, shard, groups.clone());
        all.extend(letters(&groups, shard));
    }
    let path = place.letters_file(&all);
    place.langfuse.refuse_when(When::ingest(), Fault::status(401));
    let ended = place.replay(&["--file", &path]).await;
    assert_eq!((ended.code, place.posts()), (Some(1), 1), "{}", ended.stderr);
    assert!(ended.stdout.contains("delivered      0\n") && ended.stdout.contains("undone         5 are still to be tried\n"));
    assert!(ended.stderr.contains("LANGFUSE_SECRET_KEY") && ended.stderr.contains("5 records are not done"), "{}", ended.stderr);
    assert_eq!(place.sls_requests(Operation::PullLogs).len(), 3);
    place.langfuse.clear_script();
    let ended = place.replay(&["--file", &path]).await;
    assert_eq!((ended.code, place.arrived()), (Some(0), request_ids(0..5)));
}

#[tokio::test]
async fn a_killed_replay_goes_on_where_it_was_and_repeats_one_part_at_most() {
    let groups = chats(300, 4);
    let place = Place::holding(&groups).await;
    let path = place.letters_file(&letters(&groups, 0));
    place.langfuse.refuse_when(When::ingest(), Fault::Delay(Duration::from_millis(200)));
    let mut child = place.command(&["replay", "--file", &path], &[]).spawn().unwrap();
    let state = place.path("letters.jsonl.replayed");
    until(|| std::fs::read_to_string(&state).is_ok_and(|text| text.lines().count() >= 500)).await;
    child.kill().await.unwrap();
    let noted = std::fs::read_to_string(&state).unwrap().lines().count();
    assert!((500..1200).contains(&noted), "{noted}");
    place.langfuse.clear_script();
    let ended = place.replay(&["--file", &path]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains(&format!("done before    {noted} of the records\n")), "{}", ended.stdout);
    assert_eq!(place.arrived(), request_ids(0..1200));
    let repeated = place.langfuse.arrivals().len() - 1200;
    assert!(repeated <= 500, "{repeated}");
    assert_eq!(place.text("letters.jsonl.replayed").lines().count(), 1200);
}

#[tokio::test]
async fn two_thousand_letters_of_four_shards_cost_a_handful_of_requests() {
    let place = Place::with_letters(&[0, 1, 2, 3]).await;
    let all = chats(100, 20);
    let mut wanted = Vec::new();
    for (shard, groups) in (0..).zip(all.chunks(25)) {
        crate::support::append(&place.sls, shard, groups.to_vec());
        wanted.extend(letters(groups, shard));
    }
    // In no order, each twice, as redelivered ranges leave them.
    wanted.sort_by_key(|letter| letter.span_id.clone());
    wanted.extend(wanted.clone());
    let path = place.letters_file(&wanted);
    let ended = place.replay(&["--file", &path]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("repeated       2000 name a record that another letter names too\n"), "{}", ended.stdout);
    assert!(ended.stdout.contains("open           2000 records, in 4 ranges of log groups\n"), "{}", ended.stdout);
    assert_eq!(place.arrived(), request_ids(0..2000));
    assert!(place.langfuse.duplicates().is_empty());
    let pulled = place.sls.requests();
    assert!(pulled.iter().all(|request| request.operation == Some(Operation::PullLogs)));
    // Ten groups at first, then the other fifteen: two pages a shard.
    assert_eq!(pulled.len(), 8);
}

#[tokio::test]
async fn a_letter_that_names_another_record_is_told_and_nothing_is_sent_for_it() {
    let groups = vec![group(vec![chat(0), chat(1)]), group(vec![chat(2)])];
    let place = Place::holding(&groups).await;
    let mut all = letters(&groups, 0);
    // Moved by one, beyond its group, beyond the shard, far beyond the shard.
    all[1].pointer = pointer(0, SEED + 1, 0);
    let beyond = [pointer(0, SEED, 9), pointer(0, SEED + 2, 0), pointer(0, SEED + 1_000_000, 0)];
    all.extend(beyond.map(|pointer| DeadLetter { pointer, ..all[0].clone() }));
    let path = place.letters_file(&all);
    let ended = place.replay(&["--file", &path]).await;
    assert_eq!((ended.code, place.arrived()), (Some(1), request_ids([0, 2])), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("delivered      2\n"), "{}", ended.stdout);
    assert!(ended.stdout.contains("mismatched     4 are not where their letters point: nothing was sent for them\n"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("expired"), "{}", ended.stdout);
    assert_eq!(place.text("letters.jsonl.replayed").lines().count(), 2);
}

#[tokio::test]
async fn a_damaged_record_is_tried_again_by_its_index_and_stays_if_it_is_still_damaged() {
    let place = Place::holding(&[group(vec![chat(0), chat(1)])]).await;
    // A field that claims more bytes than the log has.
    let damaged = [chat(3).encode_to_vec(), vec![0x12, 0x7f, 1]].concat();
    let mut encoded = group(vec![chat(2)]).encode_to_vec();
    encoded.push(0x0a);
    prost::encoding::encode_varint(damaged.len() as u64, &mut encoded);
    encoded.extend(damaged);
    place.sls.append_encoded((PROJECT, LOGSTORE, 0), &encoded, 1_772_417_413).unwrap();
    let (answer, _) = place.call(SEED, SEED + 2, &[]).await;
    assert_eq!(answer.report()["deadLettered"], json!({"damaged": 1}));
    place.langfuse.clear();
    // One that this version can read, though the one that wrote the letter could not.
    let readable = DeadLetter::new(pointer(0, SEED, 1), None, DeadLetterReason::Damaged, None);
    place.sls.append(PROJECT, LETTERS, 7, &log_group(&[readable], 1_772_417_413), 1_772_417_413).unwrap();
    let ended = place.replay_logstore().await;
    assert_eq!((ended.code, place.arrived()), (Some(1), request_ids([1])), "{}", ended.stderr);
    assert!(ended.stdout.contains("delivered      1\n") && ended.stdout.contains("failed again   1 damaged\n"), "{}", ended.stdout);
}

#[tokio::test]
async fn what_has_left_the_logstore_is_told_and_is_no_failure() {
    let groups = chats(40, 2);
    let place = Place::holding(&groups).await;
    let mut wanted = letters(&groups, 0);
    // Every other group, so that each is a range of its own.
    wanted.retain(
        |letter| matches!(&letter.pointer, Pointer::Log { cursor, .. } if Cursor::new(cursor.as_str()).number().unwrap().is_multiple_of(2)),
    );
    let path = place.letters_file(&wanted);
    place.sls.expire_before(PROJECT, LOGSTORE, 0, 30).unwrap();
    let ended = place.replay(&["--file", &path]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
    assert!(
        ended.stdout.contains("expired        30 have left the Logstore\n") && ended.stdout.contains("delivered      10\n"),
        "{}",
        ended.stdout
    );
    // One refusal and one question for all that is gone, then a page for each range that is not.
    assert!(place.sls.requests().len() <= 8, "{}", place.sls.requests().len());
    place.sls.split(PROJECT, LOGSTORE, 0, [ShardSpec { id: 1, seed: SEED }, ShardSpec { id: 2, seed: SEED }]).unwrap();
    place.sls.remove_shard(PROJECT, LOGSTORE, 0).unwrap();
    place.sls.clear_requests();
    let ended = place.replay(&["--file", &path, "--state", "other"]).await;
    assert_eq!((ended.code, place.sls.requests().len()), (Some(0), 1), "{}", ended.stderr);
    assert!(ended.stdout.contains("expired        40 have left the Logstore\n"), "{}", ended.stdout);
}

#[tokio::test]
async fn a_function_that_is_bound_to_dead_letters_by_mistake_takes_none_for_a_call() {
    let (place, _) = after_trouble(&[]).await;
    repair(&place);
    assert_eq!(place.replay_logstore().await.code, Some(0));
    let before = place.posts();
    let mut settings = ordinary_settings(&place.langfuse.base_url(), &place.sls.endpoint());
    let mut trigger = event(0, 1, 2);
    trigger["source"]["logstoreName"] = LETTERS.into();
    // One that writes its letters elsewhere cannot know; one that writes them there does.
    let unaware = Function::start(&settings).await.invoke(&trigger).await;
    unaware.assert_success();
    assert_eq!((&unaware.report()["skipped"], place.posts()), (&json!({"not_a_gateway_log": 3}), before));
    settings.insert("DEAD_LETTER_LOGSTORE".into(), LETTERS.into());
    let aware = Function::start(&settings).await.invoke(&trigger).await;
    assert_eq!((aware.failure(), place.posts()), (("loop", "event"), before));
}

#[tokio::test]
async fn letters_of_a_period_are_read_from_all_shards_and_marks_up_to_now() {
    let groups = chats(1, 4);
    let place = Place::holding(&groups).await;
    for (letter, (shard, received)) in letters(&groups, 0).into_iter().zip([(0, 1000), (0, 2000), (7, 2500), (7, 3000)]) {
        place.sls.append(PROJECT, LETTERS, shard, &log_group(&[letter], received), received).unwrap();
    }
    let period = ["--project", PROJECT, "--logstore", LETTERS, "--from", "1970-01-01T00:33:20Z", "--to", "1970-01-01T00:50:00Z"];
    let ended = place.replay(&period).await;
    assert_eq!((ended.code, place.arrived()), (Some(0), request_ids([1, 2])), "{}", ended.stderr);
    // The marks are of today, far behind the period.
    let elsewhere = place.replay(&[&period[..], &["--state", "other-machine"]].concat()).await;
    assert!(elsewhere.stdout.contains("done before    2 of the records\n"), "{}", elsewhere.stdout);
    assert_eq!((elsewhere.code, place.replay_logstore().await.code, place.arrived()), (Some(0), Some(0), request_ids(0..4)));
    assert!(place.langfuse.duplicates().is_empty());
}

#[tokio::test]
async fn marks_that_could_not_be_written_are_told_and_written_by_the_next_replay() {
    let groups = chats(2, 3);
    let place = Place::holding(&groups).await;
    place.sls.append(PROJECT, LETTERS, 0, &log_group(&letters(&groups, 0), 1000), 1000).unwrap();
    let expires = std::time::SystemTime::now() + Duration::from_secs(3600);
    let grant = |action, logstore: &str| Grant { action, logstore: logstore.into() };
    let reading = vec![grant(Action::Read, LOGSTORE), grant(Action::Read, LETTERS), grant(Action::ListShards, LETTERS)];
    place.sls.add_key(AccessKey::permanent(KEY_ID, KEY_SECRET).with_token(TOKEN, expires).allowed(reading.clone()));
    let first = place.replay_logstore().await;
    assert_eq!((first.code, place.arrived(), place.marks()), (Some(1), request_ids(0..6), 0));
    assert!(first.stderr.contains("log:PostLogStoreLogs"), "{}", first.stderr);
    let both = [reading, vec![grant(Action::Write, LETTERS)]].concat();
    place.sls.add_key(AccessKey::permanent(KEY_ID, KEY_SECRET).with_token(TOKEN, expires).allowed(both));
    let second = place.replay_logstore().await;
    assert_eq!((second.code, second.stderr.as_str(), place.marks()), (Some(0), "", 6), "{}", second.stdout);
    assert!(place.langfuse.duplicates().is_empty());
}

#[tokio::test]
async fn a_service_that_falters_is_asked_again() {
    let groups = chats(2, 3);
    let place = Place::holding(&groups).await;
    place.sls.append(PROJECT, LETTERS, 0, &log_group(&letters(&groups, 0), 1000), 1000).unwrap();
    let busy = || SlsFault::Error { status: 503, code: "ServerBusy".into(), message: "busy".into() };
    for operation in [Operation::ListShards, Operation::GetCursor, Operation::PullLogs, Operation::PullLogs, Operation::PutLogs] {
        place.sls.script(operation, busy());
    }
    place.langfuse.script([Fault::status(503)]);
    let ended = place.replay_logstore().await;
    assert_eq!((ended.code, place.sls.pending_faults(), place.arrived()), (Some(0), 0, request_ids(0..6)), "{}", ended.stderr);
    assert!(ended.stdout.contains("to Langfuse, 1 of them repeated\n"), "{}", ended.stdout);
}

#[tokio::test]
async fn letters_that_cannot_be_read_or_must_not_be_followed_are_counted_and_remain() {
    let groups = chats(1, 1);
    let place = Place::holding(&groups).await;
    let good = letters(&groups, 0).remove(0);
    let changed = |name: &str, value: Value| {
        let mut letter = good.json();
        letter[name] = value;
        letter.to_string()
    };
    let lines = [
        changed("v", json!(2)),
        changed("reason", json!("sentinel")),
        changed("project", json!("evil.example.com#")),
        changed("logstore", json!(LETTERS)),
        good.json().to_string(),
    ];
    let path = place.file("letters.jsonl", &lines.join("\n"));
    let ended = place.replay_with(&["--file", &path], &[("DEAD_LETTER_LOGSTORE", LETTERS)]).await;
    assert_eq!((ended.code, place.arrived()), (Some(1), request_ids([0])));
    for line in ["other version  1 ", "damaged        2 ", "misplaced      1 "] {
        assert!(ended.stdout.contains(line), "{line}: {}", ended.stdout);
    }
    assert!(ended.stderr.contains("4 letters were not read"), "{}", ended.stderr);
    // In a Logstore, nobody else's project is followed either.
    let other = DeadLetter { pointer: elsewhere("other-project"), ..good.clone() };
    place.sls.append(PROJECT, LETTERS, 0, &log_group(&[other], 1000), 1000).unwrap();
    place.sls.clear_requests();
    let ended = place.replay_logstore().await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout.contains("misplaced      1 "), "{}", ended.stdout);
    assert!(place.sls.requests().iter().all(|request| request.host.starts_with(PROJECT)));
}

fn elsewhere(project: &str) -> Pointer {
    let (project, logstore, cursor) = (project.to_owned(), LOGSTORE.to_owned(), Cursor::from_number(SEED).text().to_owned());
    Pointer::Log { project, logstore, shard: 0, cursor, end_cursor: None, index: 0, receive_time: None }
}

#[tokio::test]
async fn one_place_that_cannot_be_read_does_not_keep_the_others_from_being_replayed() {
    let groups = chats(1, 1);
    let place = Place::holding(&groups).await;
    let good = letters(&groups, 0).remove(0);
    let lost = DeadLetter { pointer: elsewhere("a-project"), ..good.clone() };
    let path = place.letters_file(&[lost, good]);
    let ended = place.replay(&["--file", &path]).await;
    assert_eq!((ended.code, place.arrived()), (Some(1), request_ids([0])));
    assert!(ended.stderr.contains("a-project/ai-gateway-log: ") && ended.stderr.contains("ProjectNotExist"), "{}", ended.stderr);
    assert!(ended.stdout.contains("undone         1 "), "{}", ended.stdout);
}

#[tokio::test]
async fn nothing_is_signed_for_an_endpoint_that_is_not_trusted() {
    let groups = chats(1, 1);
    let place = Place::holding(&groups).await;
    let path = place.letters_file(&letters(&groups, 0));
    let endpoint = place.sls.endpoint();
    let named = ["--file", &path, "--endpoint", &endpoint];
    let untrusted = place.replay_with(&named, &[("SLS_ENDPOINT", "https://cn-hangzhou.log.aliyuncs.com")]).await;
    assert_eq!((untrusted.code, place.sls.requests().len()), (Some(2), 0));
    assert!(untrusted.stderr.contains("127.0.0.1") && untrusted.stderr.contains("SLS_ALLOWED_ENDPOINTS"), "{}", untrusted.stderr);
    let none = place.replay_with(&["--file", &path], &[("SLS_ENDPOINT", "(none)")]).await;
    assert_eq!(none.code, Some(2));
    assert!(none.stderr.contains("--endpoint") && none.stderr.contains("SLS_REGION"), "{}", none.stderr);
    let allowed = place.replay_with(&named, &[("SLS_ENDPOINT", "(none)"), ("SLS_ALLOWED_ENDPOINTS", "127.0.0.1")]).await;
    assert_eq!((allowed.code, place.arrived()), (Some(0), request_ids([0])), "{}", allowed.stderr);
}

#[tokio::test]
async fn todays_settings_and_the_triggers_parameter_decide_how_traces_look() {
    let groups = chats(1, 1);
    let place = Place::holding(&groups).await;
    let path = place.letters_file(&letters(&groups, 0));
    let parameter = r#"{"tags":["replayed"],"environment":"late"}"#;
    let ended = place.replay_with(&["--file", &path, "--parameter", parameter], &[("LANGFUSE_RELEASE", "r-2")]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let row = &place.langfuse.observations()[0];
    assert_eq!((row.environment.as_str(), row.release.as_deref(), &row.tags[..]), ("late", Some("r-2"), &["replayed".to_owned()][..]));
    let left_out = place.replay_with(&["--file", &path, "--state", "s"], &[("LANGFUSE_SAMPLE_RATE", "0")]).await;
    assert_eq!(left_out.code, Some(0));
    assert!(left_out.stdout.contains("passed over    1 sampled out\n"), "{}", left_out.stdout);
}

#[tokio::test]
async fn a_range_without_group_numbers_is_searched_for_the_span() {
    let groups = chats(3, 2);
    let place = Place::holding(&groups).await;
    let (project, logstore, cursor) = (PROJECT.to_owned(), LOGSTORE.to_owned(), Cursor::from_number(SEED).text().to_owned());
    let end_cursor = Some(Cursor::from_number(SEED + 3).text().to_owned());
    let pointer = Pointer::Log { project, logstore, shard: 0, cursor, end_cursor, index: 1, receive_time: None };
    let wanted = DeadLetter { pointer, ..letters(&groups, 0).remove(3) };
    let path = place.letters_file(&[wanted]);
    let ended = place.replay(&["--file", &path]).await;
    assert_eq!((ended.code, place.arrived()), (Some(0), request_ids([3])), "{}", ended.stdout);
}

#[tokio::test]
async fn a_state_file_in_use_or_of_another_kind_is_left_alone() {
    let groups = chats(1, 1);
    let place = Place::holding(&groups).await;
    let path = place.letters_file(&letters(&groups, 0));
    let before = place.text("letters.jsonl");
    let wrong = place.replay(&["--file", &path, "--state", &path]).await;
    assert_eq!((wrong.code, place.text("letters.jsonl")), (Some(2), before));
    assert!(wrong.stderr.contains("is this really a state file?"), "{}", wrong.stderr);
    let held = std::fs::File::create(place.path("held")).unwrap();
    held.lock().unwrap();
    let busy = place.replay(&["--file", &path, "--state", "held"]).await;
    assert_eq!(busy.code, Some(2));
    assert!(busy.stderr.contains("another replay is using it"), "{}", busy.stderr);
    assert!(place.arrived().is_empty());
}

#[tokio::test]
async fn wrong_usage_and_missing_settings_are_told_before_anything_is_done() {
    let place = Place::holding(&chats(1, 1)).await;
    let path = place.letters_file(&[]);
    let wrong: [&[&str]; 12] = [
        &[],
        &["--file", "/no/such/file"],
        &["--file", &path, "--logstore", LETTERS, "--project", PROJECT],
        &["--file", &path, "--from", "1d"],
        &["--project", PROJECT],
        &["--logstore", LETTERS],
        &["--project", "../x", "--logstore", LETTERS],
        &["--project", PROJECT, "--logstore", LETTERS, "--from", "yesterday"],
        &["--project", PROJECT, "--logstore", LETTERS, "--from", "1d", "--to", "2d"],
        &["--file", &path, "--reason", "unlucky"],
        &["--file", &path, "--parameter", "{"],
        &["--file", &path, "--parameter", r#"{"langfuse_host":"x"}"#],
    ];
    for arguments in wrong {
        let ended = place.replay(arguments).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}: {}", ended.stderr);
        assert!(!ended.stderr.is_empty(), "{arguments:?}");
    }
    for (missing, value) in [("LANGFUSE_HOST", "(none)"), ("ALIBABA_CLOUD_ACCESS_KEY_ID", "(none)"), ("LANGFUSE_TRACING_ENABLED", "false")]
    {
        let ended = place.replay_with(&["--file", &path], &[(missing, value)]).await;
        assert_eq!(ended.code, Some(2), "{missing}");
        assert!(ended.stderr.contains(missing), "{missing}: {}", ended.stderr);
    }
    assert!(place.sls.requests().is_empty());
    let nothing = place.replay(&["--file", &path]).await;
    assert_eq!((nothing.code, nothing.stderr.as_str()), (Some(0), ""), "nothing to do is no failure");
}

#[tokio::test]
async fn neither_state_nor_marks_nor_letters_hold_content() {
    let (place, log) = after_trouble(&[]).await;
    repair(&place);
    let all = [("RUST_LOG", "trace"), ("LOG_FORMAT", "json")];
    let ended = place.replay_with(&["--project", PROJECT, "--logstore", LETTERS, "--state", "state"], &all).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let stored = format!(
        "{:?}",
        place.sls.put_groups(PROJECT, LETTERS).iter().map(Message::encode_to_vec).map(String::from_utf8).collect::<Vec<_>>()
    );
    for text in [log, stored, place.text("state")] {
        assert!(!text.contains("sentinel") && !text.contains("好好"), "{text}");
    }
    assert!(Path::new(&place.path("state")).exists());
}
