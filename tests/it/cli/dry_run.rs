//! `invoke --dry-run`: the same counts as a real call, from an event, a file and a window over all shards, and nothing sent.

use serde_json::{Value, json};
use sls_to_langfuse::emulator::langfuse::LangfuseEmulator;
use sls_to_langfuse::emulator::sls::{AccessKey, ShardSpec, SlsEmulator, SlsWorld};
use sls_to_langfuse::sls::wire;

use super::{EVENT, Ended, LOGS, keys, langfuse, run, temporary};
use crate::records::{chat, group};
use crate::support::{LOGSTORE, PROJECT, SEED};

/// Noon of a day, UNIX seconds.
const NOON: u32 = 1_772_452_800;

const HOUR: u32 = 3600;

fn printed(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"))
}

fn of_consumer(number: usize, consumer: &str) -> wire::Log {
    let mut log = chat(number);
    log.contents.push(wire::Content { key: b"consumer".to_vec(), value: consumer.into() });
    log
}

/// Two shards with one call an hour each, from noon on, of two consumers in turn.
async fn two_shards() -> SlsEmulator {
    let sls = SlsEmulator::start(0, SlsWorld::default()).await.unwrap();
    sls.create_logstore(PROJECT, LOGSTORE, &[0, 1].map(|id| ShardSpec { id, seed: SEED }));
    for hour in 0..6 {
        for shard in [0, 1] {
            let number = usize::try_from(hour).unwrap() * 2 + usize::try_from(shard).unwrap();
            let log = of_consumer(number, if hour % 2 == 0 { "team-a" } else { "team-b" });
            sls.append(PROJECT, LOGSTORE, shard, &group(vec![log]), NOON + hour * HOUR).unwrap();
        }
    }
    sls.add_key(AccessKey::permanent("id", "sentinel-secret"));
    sls
}

/// A dry run over a window, with a file of rules whose keys nobody has.
async fn over(sls: &SlsEmulator, rules: &str, window: &[&str], langfuse: &LangfuseEmulator) -> Ended {
    let (file, endpoint, host) = (temporary(rules), sls.endpoint(), langfuse.base_url());
    let path = file.path().display().to_string();
    let mut arguments = vec!["invoke", "--dry-run", "--project", PROJECT, "--logstore", LOGSTORE];
    arguments.extend(window);
    let mut variables = keys(&host).to_vec();
    variables.extend([("SLS_ENDPOINT", endpoint.as_str()), ("CONFIG_FILE", &path)]);
    variables.extend([("ALIBABA_CLOUD_ACCESS_KEY_ID", "id"), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "sentinel-secret")]);
    run(&arguments, &variables).await
}

fn rules(host: &str) -> String {
    format!(
        "[destination.a]\nhost = '{host}'\npublic_key = 'env:NOBODY_HAS_THIS'\nsecret_key = 'file:/no/such/file'\n\
         [[filter]]\nname = 'first-only'\naction = 'exclude'\nwhen = [{{ field = 'request_id', equals = 'request-000000' }}]\n\
         [[route]]\nname = 'team-a'\nwhen = [{{ field = 'consumer', equals = 'team-a' }}]\nto = ['a', 'default']\n\
         [[route]]\nname = 'nobody'\nwhen = [{{ field = 'consumer', equals = 'team-c' }}]\nto = 'a'\n"
    )
}

#[tokio::test]
async fn a_window_over_all_shards_is_counted_by_outcome_rule_and_route_and_nothing_is_sent() {
    let (sls, server) = (two_shards().await, langfuse().await);
    let window = ["--from", "1772452800", "--until", "2026-03-02T16:00:00Z"];
    let ended = over(&sls, &rules(&server.base_url()), &window, &server).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let told = printed(&ended);
    assert_eq!(
        (&told["dryRun"], &told["records"], &told["wouldDeliver"], &told["observations"]),
        (&json!(true), &json!(8), &json!(3), &json!(6))
    );
    assert_eq!((&told["skipped"], &told["deadLettered"]), (&json!({"filtered": 1}), &json!({"unrouted": 4})));
    assert_eq!((&told["routes"], &told["filters"]), (&json!({"team-a": 3, "nobody": 0}), &json!({"first-only": 1})));
    assert_eq!((&told["levels"], &told["withoutUsage"], &told["withoutCost"]), (&json!({"DEFAULT": 3}), &json!(0), &json!(0)));
    assert_eq!(told["observationsPerDay"], 36, "6 in the 4 hours asked for");
    assert!(told["estimated"].as_str().unwrap().contains("14400 s asked for"), "{told}");
    assert!(ended.stderr.contains("would deliver  3 as 6 observations") && ended.stderr.contains("nothing: this was a dry run"));
    assert!(server.requests().is_empty(), "not even a question for its version");
    assert!(!format!("{ended:?}").contains("sentinel"));
}

#[tokio::test]
async fn one_shard_can_be_named_and_the_window_is_a_day_until_now_if_nothing_else_is_said() {
    let (sls, server) = (two_shards().await, langfuse().await);
    let one = over(&sls, "", &["--shard", "1", "--from", "2026-03-02", "--until", "2026-03-03"], &server).await;
    assert_eq!((&printed(&one)["records"], &printed(&one)["observationsPerDay"]), (&json!(6), &json!(6)));
    let today = over(&sls, "", &[], &server).await;
    assert_eq!((today.code, &printed(&today)["records"]), (Some(0), &json!(0)), "the logs are older than a day");
    let backwards = over(&sls, "", &["--from", "1h", "--until", "2h"], &server).await;
    assert_eq!(backwards.code, Some(2));
    assert!(backwards.stderr.contains("--from must be before --until"), "{}", backwards.stderr);
}

#[tokio::test]
async fn a_dry_run_of_an_event_counts_what_the_call_then_does() {
    let server = langfuse().await;
    let host = server.base_url();
    let file = temporary("langfuse_sample_rate = 0.5");
    let path = file.path().display().to_string();
    let mut variables = keys(&host).to_vec();
    variables.push(("CONFIG_FILE", &path));
    let dry = printed(&run(&["invoke", "--dry-run", "--event", EVENT, "--logs", LOGS], &variables).await);
    assert!(server.requests().is_empty());
    let alone = printed(&run(&["invoke", "--dry-run", "--logs", LOGS], &[("CONFIG_FILE", &path)]).await);
    let real = printed(&run(&["invoke", "--event", EVENT, "--logs", LOGS], &variables).await);
    for told in [&dry, &alone] {
        assert_eq!((&told["records"], &told["wouldDeliver"]), (&real["ingestLines"], &real["shipLines"]));
        assert_eq!((&told["skipped"], &told["deadLettered"]), (&real["skipped"], &real["deadLettered"]));
    }
    assert_eq!(server.observations().len() as u64, dry["observations"].as_u64().unwrap());
    assert!(dry["skipped"]["sampled_out"].as_u64().unwrap() > 0 && dry["wouldDeliver"].as_u64().unwrap() > 0, "{dry}");
}

#[tokio::test]
async fn what_cannot_be_read_fails_after_what_was_counted_is_told() {
    let server = langfuse().await;
    let sls = two_shards().await;
    let missing = over(&sls, "", &["--shard", "7", "--from", "2026-03-02", "--until", "2026-03-03"], &server).await;
    assert_eq!((missing.code, &printed(&missing)["records"]), (Some(1), &json!(0)));
    assert!(missing.stderr.contains("shard 7"), "{}", missing.stderr);
    for (arguments, expected) in [
        (&["invoke", "--dry-run", "--logs", "/no/such/file"][..], "cannot read the logs"),
        (&["invoke", "--project", PROJECT, "--logstore", LOGSTORE], "--dry-run"),
        (&["invoke", "--dry-run", "--project", PROJECT], "--logstore"),
        (&["invoke", "--dry-run", "--project", PROJECT, "--logstore", LOGSTORE, "--from", "yesterday"], "UNIX seconds"),
        (&["invoke", "--dry-run", "--project", PROJECT, "--logstore", LOGSTORE], "ALIBABA_CLOUD_ACCESS_KEY_ID"),
    ] {
        let ended = run(arguments, &[]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ended.stderr.contains(expected), "{arguments:?}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn invoke_to_the_emulator_sends_nothing_to_the_destinations_of_the_file() {
    let server = langfuse().await;
    let file = temporary(&format!(
        "[destination.a]\nhost = '{}'\npublic_key = 'env:NOBODY'\nsecret_key = 'env:NOBODY'\n[[route]]\nname = 'all'\nto = 'a'\n",
        server.base_url()
    ));
    let path = file.path().display().to_string();
    let ended = run(&["invoke", "--event", EVENT, "--logs", LOGS, "--to", "emulator"], &[("CONFIG_FILE", &path)]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(printed(&ended)["routes"]["all"]["delivered"], 12);
    assert!(server.requests().is_empty());
}
