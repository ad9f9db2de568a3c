//! Filter, sampling and routes through the real binary: which records go to which project, and what happens when one of them does not take
//! its own.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use sls_to_langfuse::emulator::langfuse::{Fault, LangfuseEmulator, LangfuseWorld, ProjectKey, StoredObservation, When};
use sls_to_langfuse::emulator::sls::SlsEmulator;
use sls_to_langfuse::sls::wire;
use tempfile::NamedTempFile;

use crate::records::{chat, chat_saying, group, request_id};
use crate::support::{Answer, Function, SEED, append, event, ordinary_settings, sls_with};

/// Present in the question of one record only.
const POISON: &str = "poisoned-question";

/// Two Langfuse servers, each with the projects `one` and `two`, and a function with a file of rules.
struct Tenants {
    sls: SlsEmulator,
    a: LangfuseEmulator,
    b: LangfuseEmulator,
    function: Function,
    _file: NamedTempFile,
}

async fn langfuse() -> LangfuseEmulator {
    let key = |project: &str| ProjectKey::new(&format!("pk-lf-{project}"), &format!("sk-lf-sentinel-{project}"), project);
    LangfuseEmulator::start(0, LangfuseWorld { keys: vec![key("one"), key("two")], ..LangfuseWorld::default() }).await.unwrap()
}

/// The table of a destination.
fn destination(name: &str, langfuse: &LangfuseEmulator, project: &str) -> String {
    let (host, public) = (langfuse.base_url(), format!("pk-lf-{project}"));
    format!("[destination.{name}]\nhost = '{host}'\npublic_key = '{public}'\nsecret_key = 'env:KEY_OF_{}'\n", project.to_uppercase())
}

impl Tenants {
    /// These logs in one group, destinations `a` and `b` on servers of their own, and these rules. `{a}` and `{b}` in the rules are
    /// replaced by the tables of the destinations.
    async fn new(logs: Vec<wire::Log>, rules: &str) -> Self {
        Self::with(logs, rules, &[]).await
    }

    async fn with(logs: Vec<wire::Log>, rules: &str, more: &[(&str, &str)]) -> Self {
        let (sls, a, b) = (sls_with(&[0, 1]).await, langfuse().await, langfuse().await);
        append(&sls, 0, vec![group(logs.clone())]);
        append(&sls, 1, vec![group(logs)]);
        let rules = rules.replace("{a}", &destination("a", &a, "one")).replace("{b}", &destination("b", &b, "one"));
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), rules).unwrap();
        let mut settings = ordinary_settings("http://127.0.0.1:9", &sls.endpoint());
        settings.retain(|name, _| !name.starts_with("LANGFUSE_"));
        settings.insert("CONFIG_FILE".into(), file.path().display().to_string());
        settings.extend([("KEY_OF_ONE", "sk-lf-sentinel-one"), ("KEY_OF_TWO", "sk-lf-sentinel-two")].map(|(k, v)| (k.into(), v.into())));
        settings.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Self { function: Function::start(&settings).await, sls, a, b, _file: file }
    }

    async fn invoke(&self) -> Answer {
        let answer = self.function.invoke(&event(0, SEED, SEED + 1)).await;
        answer.assert_balanced();
        answer
    }
}

/// A call of a consumer.
fn call(number: usize, consumer: &str) -> wire::Log {
    with_consumer(chat(number), consumer)
}

fn with_consumer(mut log: wire::Log, consumer: &str) -> wire::Log {
    log.contents.push(wire::Content { key: b"consumer".to_vec(), value: consumer.into() });
    log
}

/// A call with another value in one field.
fn changed(mut log: wire::Log, field: &str, value: &str) -> wire::Log {
    let content = log.contents.iter_mut().find(|content| content.key == field.as_bytes()).unwrap();
    content.value = value.into();
    log
}

fn arrived(langfuse: &LangfuseEmulator) -> BTreeSet<String> {
    of(langfuse.observations())
}

fn of(rows: Vec<StoredObservation>) -> BTreeSet<String> {
    rows.iter().map(|row| row.metadata["request_id"].clone()).collect()
}

fn numbers(numbers: impl IntoIterator<Item = usize>) -> BTreeSet<String> {
    numbers.into_iter().map(request_id).collect()
}

/// `records`, `delivered`, `deadLettered`, `undone`, `observations` of a route.
fn route(answer: &Answer, name: &str) -> [u64; 5] {
    let counts = &answer.report()["routes"][name];
    ["records", "delivered", "deadLettered", "undone", "observations"].map(|member| counts[member].as_u64().unwrap())
}

fn posts(langfuse: &LangfuseEmulator) -> usize {
    langfuse.requests().iter().filter(|request| request.method == "POST").count()
}

const TO_EACH: &str = "{a}{b}
[[route]]
name = 'team-a'
when = [{ field = 'consumer', equals = 'team-a' }]
to = 'a'
[[route]]
name = 'teams'
when = [{ field = 'consumer', prefix = 'team-' }]
to = 'b'
";

#[tokio::test]
async fn of_overlapping_routes_the_first_one_takes_a_record_and_none_is_sent_twice() {
    let world = Tenants::new(vec![call(0, "team-a"), call(1, "team-b"), call(2, "team-c")], TO_EACH).await;
    let answer = world.invoke().await;
    answer.assert_success();
    assert_eq!((arrived(&world.a), arrived(&world.b)), (numbers([0]), numbers([1, 2])));
    assert_eq!((route(&answer, "team-a"), route(&answer, "teams")), ([1, 1, 0, 0, 1], [2, 2, 0, 0, 2]));
    assert_eq!([answer.count("shipLines"), answer.count("observations")], [3, 3]);
    assert!(!world.function.output().contains("sentinel"));
}

#[tokio::test]
async fn an_unmatched_record_goes_nowhere_even_with_a_server_set_beside_the_routes() {
    let beside = LangfuseEmulator::start(0, LangfuseWorld::default()).await.unwrap();
    let host = beside.base_url();
    let flat = [
        ("LANGFUSE_HOST", host.as_str()),
        ("LANGFUSE_PUBLIC_KEY", LangfuseWorld::PUBLIC_KEY),
        ("LANGFUSE_SECRET_KEY", LangfuseWorld::SECRET_KEY),
    ];
    let world = Tenants::with(vec![call(0, "team-a"), call(1, "stranger"), chat(2)], TO_EACH, &flat).await;
    let answer = world.invoke().await;
    answer.assert_success();
    assert_eq!(answer.report()["deadLettered"], json!({"unrouted": 2}));
    assert_eq!((arrived(&world.a), posts(&world.b), beside.requests().len()), (numbers([0]), 0, 0));
    let letters = world.function.events("dead_letter");
    let letter = &letters[0];
    assert_eq!((letters.len(), letter["reason"].as_str(), letter["index"].as_u64()), (2, Some("unrouted"), Some(1)));
    assert!(letter["spanId"].is_string() && letter.get("route").is_none() && letter.get("status").is_none(), "{letter}");
}

#[tokio::test]
async fn a_last_route_without_conditions_takes_the_rest_and_may_name_the_server_of_the_flat_settings() {
    let beside = LangfuseEmulator::start(0, LangfuseWorld::default()).await.unwrap();
    let host = beside.base_url();
    let flat = [
        ("LANGFUSE_HOST", host.as_str()),
        ("LANGFUSE_PUBLIC_KEY", LangfuseWorld::PUBLIC_KEY),
        ("LANGFUSE_SECRET_KEY", LangfuseWorld::SECRET_KEY),
    ];
    let rules = format!("{TO_EACH}[[route]]\nname = 'rest'\nto = 'default'\n");
    let world = Tenants::with(vec![call(0, "team-a"), call(1, "stranger"), chat(2)], &rules, &flat).await;
    let answer = world.invoke().await;
    answer.assert_success();
    assert_eq!((arrived(&world.a), arrived(&beside)), (numbers([0]), numbers([1, 2])));
    assert_eq!(route(&answer, "rest"), [2, 2, 0, 0, 2]);
}

#[tokio::test]
async fn two_projects_of_one_server_are_told_apart_by_their_keys() {
    let server = langfuse().await;
    let rules = TO_EACH.replace("{a}", &destination("a", &server, "one")).replace("{b}", &destination("b", &server, "two"));
    let world = Tenants::new(vec![call(0, "team-a"), call(1, "team-b")], &rules).await;
    world.invoke().await.assert_success();
    assert_eq!((of(server.observations_of("one")), of(server.observations_of("two"))), (numbers([0]), numbers([1])));
}

#[tokio::test]
async fn a_dead_key_of_one_tenant_becomes_dead_letters_and_the_others_are_served() {
    let world = Tenants::with(vec![call(0, "team-a"), call(1, "team-b"), call(2, "team-a")], TO_EACH, &[]).await;
    world.b.change(|world| world.keys.clear());
    for requests in [1, 0] {
        let before = posts(&world.b);
        let answer = world.invoke().await;
        answer.assert_success();
        assert_eq!(answer.report()["deadLettered"], json!({"refused": 1}));
        assert_eq!((route(&answer, "team-a")[..4].to_vec(), route(&answer, "teams")), (vec![2, 2, 0, 0], [1, 0, 1, 0, 0]));
        // The second time it is left alone, as any destination that refuses is.
        assert_eq!(posts(&world.b) - before, requests);
    }
    assert_eq!(arrived(&world.a), numbers([0, 2]));
    let letters = world.function.events("dead_letter");
    let letter = &letters[0];
    assert_eq!((&letter["route"], &letter["destination"], &letter["status"]), (&json!("teams"), &json!("b"), &json!(401)));
    let told = world.function.events("destination_refused");
    assert_eq!((told.len(), told[0]["error_type"].as_str()), (2, Some("langfuse_keys_refused")));
    assert!(told[0]["hint"].as_str().unwrap().contains("secret_key of [destination.b]"), "{}", told[0]);
    assert!(!world.function.output().contains("sentinel"));
}

#[tokio::test]
async fn every_way_of_refusing_this_function_is_a_dead_letter_where_the_route_says_so() {
    for fault in [
        Fault::answer(403, "application/json", r#"{"message":"suspended","error":"ForbiddenError"}"#),
        Fault::status(405),
        Fault::Redirect("https://login.example.com/".into()),
        Fault::HtmlLogin200,
    ] {
        let world = Tenants::new(vec![call(0, "team-a"), call(1, "team-b")], TO_EACH).await;
        world.b.refuse_when(When::ingest(), fault.clone());
        let answer = world.invoke().await;
        answer.assert_success();
        assert_eq!(answer.report()["deadLettered"], json!({"refused": 1}), "{fault:?}");
        assert_eq!(arrived(&world.a), numbers([0]), "{fault:?}");
    }
}

#[tokio::test]
async fn a_route_that_blocks_fails_the_call_after_the_others_have_been_served() {
    let rules = TO_EACH.replace("to = 'b'", "to = 'b'\non_refusal = 'block'");
    let world = Tenants::new(vec![call(0, "team-b"), call(1, "team-a")], &rules).await;
    world.b.change(|world| world.keys.clear());
    let answer = world.invoke().await;
    assert_eq!(answer.failure(), ("langfuse_keys_refused", "deliver"));
    assert!(answer.body["errorMessage"].as_str().unwrap().contains("(destination b)"), "{}", answer.text);
    assert_eq!((arrived(&world.a), answer.count("undone"), route(&answer, "teams")), (numbers([1]), 1, [1, 0, 0, 1, 0]));
    let again = world.invoke().await;
    assert_eq!((again.failure().0, again.count("resumed"), posts(&world.a)), ("langfuse_keys_refused", 1, 1));
}

const TO_BOTH: &str = "{a}{b}
[[route]]
name = 'both'
to = ['a', 'b']
";

#[tokio::test]
async fn while_one_of_two_destinations_is_down_only_what_it_lacks_is_sent_again() {
    let world = Tenants::new((0..5).map(chat).collect(), TO_BOTH).await;
    world.b.refuse_when(When::ingest(), Fault::RateLimited { retry_after: 0 });
    let down = world.invoke().await;
    assert_eq!(down.failure(), ("langfuse_unavailable", "deliver"));
    assert_eq!((route(&down, "both"), down.count("undone"), down.count("shipLines")), ([5, 0, 0, 5, 5], 5, 0));
    assert_eq!((arrived(&world.a), arrived(&world.b)), (numbers(0..5), numbers([])));
    world.b.clear_script();
    let up = world.invoke().await;
    up.assert_success();
    assert_eq!((route(&up, "both"), up.count("observations"), up.count("resumed")), ([5, 5, 0, 0, 5], 5, 0));
    assert_eq!((arrived(&world.b), posts(&world.a)), (numbers(0..5), 1));
    assert!(world.a.observations().iter().chain(&world.b.observations()).all(|row| row.arrivals == 1));
    // Done: a redelivery of the range is new work for both.
    assert_eq!(world.invoke().await.count("observations"), 10);
}

#[tokio::test]
async fn an_outage_of_one_destination_does_not_keep_the_rest_of_the_range_from_the_others() {
    // Far more than one batch, so that the outage shows while most of the range is still to come.
    let logs = (0..24_000).map(|number| call(number, if number % 2 == 0 { "team-a" } else { "team-b" })).collect();
    let world = Tenants::new(logs, TO_EACH).await;
    world.b.refuse_when(When::ingest(), Fault::RateLimited { retry_after: 0 });
    let answer = world.invoke().await;
    assert_eq!(answer.failure().0, "langfuse_unavailable");
    assert_eq!((route(&answer, "team-a"), route(&answer, "teams")), ([12_000, 12_000, 0, 0, 12_000], [12_000, 0, 0, 12_000, 0]));
    assert_eq!(arrived(&world.a).len(), 12_000);
    // Twenty-four batches with five attempts each, of which at most sixteen are on their way when the first one gives up.
    assert!((5..=80).contains(&posts(&world.b)), "{}", posts(&world.b));
}

#[tokio::test]
async fn a_record_that_one_of_two_destinations_refuses_is_one_dead_letter_and_its_neighbours_arrive_at_both() {
    let logs = (0..8).map(|number| if number == 3 { chat_saying(number, POISON) } else { chat(number) }).collect();
    let world = Tenants::new(logs, TO_BOTH).await;
    world.b.refuse_when(When::ingest().and(When::text(POISON)), Fault::status(400));
    let answer = world.invoke().await;
    answer.assert_success();
    assert_eq!((answer.count("shipLines"), answer.count("observations")), (7, 15));
    assert_eq!((&answer.report()["deadLettered"], route(&answer, "both")), (&json!({"refused": 1}), [8, 7, 1, 0, 15]));
    assert_eq!((arrived(&world.a).len(), arrived(&world.b).len()), (8, 7));
    let letters = world.function.events("dead_letter");
    let letter = &letters[0];
    assert_eq!((letters.len(), letter["index"].as_u64(), letter["destination"].as_str()), (1, Some(3), Some("b")));
}

#[tokio::test]
async fn an_observation_is_the_same_whatever_route_it_takes() {
    let logs = || vec![call(0, "team-a"), call(1, "team-b")];
    let routed = Tenants::new(logs(), TO_BOTH).await;
    routed.invoke().await.assert_success();
    let plain = Tenants::new(logs(), "{a}\n[[route]]\nname = 'all'\nto = 'a'").await;
    plain.invoke().await.assert_success();
    let bodies = |langfuse: &LangfuseEmulator| -> Vec<_> {
        langfuse.requests().into_iter().filter(|request| request.method == "POST").map(|request| request.decoded).collect()
    };
    let expected = bodies(&plain.a);
    assert!(!expected.is_empty());
    assert_eq!((bodies(&routed.a), bodies(&routed.b)), (expected.clone(), expected));
}

#[tokio::test]
async fn filters_decide_before_anything_else_and_a_call_can_only_ask_for_less() {
    let rules = "{a}
[[filter]]
name = 'no-tests'
action = 'exclude'
when = [{ field = 'consumer', equals = 'test' }]
[[route]]
name = 'all'
to = 'a'
";
    let world = Tenants::new(vec![call(0, "test"), call(1, "team-a"), call(2, "team-b")], rules).await;
    let answer = world.invoke().await;
    answer.assert_success();
    assert_eq!((&answer.report()["skipped"], arrived(&world.a)), (&json!({"filtered": 1}), numbers([1, 2])));
    world.a.clear();
    let mut narrowed = event(0, SEED, SEED + 1);
    narrowed["parameter"] = json!({"filter": {"consumer": ["test", "team-b"]}});
    let answer = world.function.invoke(&narrowed).await;
    answer.assert_success();
    assert_eq!((&answer.report()["skipped"], arrived(&world.a)), (&json!({"filtered": 2}), numbers([2])));
    narrowed["parameter"] = json!({"filter": {"consumer": {"sentinel": 1}}});
    let refused = world.function.invoke(&narrowed).await;
    assert_eq!(refused.failure(), ("invalid_parameter", "event"));
    assert!(!refused.text.contains("sentinel"));
}

#[tokio::test]
async fn sampling_decides_alike_on_every_shard_in_every_instance_and_again_and_keeps_all_errors() {
    let logs = || -> Vec<_> {
        // Multiples of an odd number spread evenly over the ids.
        let spread = |number: usize| {
            changed(chat(number), "trace_id", &format!("{:032x}", (number as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
        };
        let ordinary = (0..100).map(spread);
        let failed = (100..120).map(|number| changed(spread(number), "response_code", "502"));
        ordinary.chain(failed).collect()
    };
    let rules = "langfuse_sample_rate = 0.3\n{a}\n[[route]]\nname = 'all'\nto = 'a'\n";
    let mut kept = BTreeSet::new();
    for shard in [0, 1, 0] {
        let world = Tenants::new(logs(), rules).await;
        for _ in 0..2 {
            world.a.clear();
            let answer = world.function.invoke(&event(shard, SEED, SEED + 1)).await;
            answer.assert_success();
            let rows = world.a.observations();
            assert_eq!(answer.report()["skipped"], json!({"sampled_out": 120 - rows.len()}));
            let noted: BTreeMap<_, _> = rows
                .iter()
                .map(|row| {
                    (
                        row.metadata["request_id"].clone(),
                        (row.metadata["gw_sample_rate"].clone(), row.metadata.get("gw_sampled_because").cloned()),
                    )
                })
                .collect();
            assert!((100..120).all(|number| noted[&request_id(number)] == ("0.3".to_owned(), Some("error".to_owned()))));
            assert!((0..100).filter_map(|number| noted.get(&request_id(number))).all(|noted| *noted == ("0.3".to_owned(), None)));
            kept.insert(noted.into_keys().collect::<Vec<_>>());
        }
    }
    assert_eq!(kept.len(), 1, "one decision for all");
    assert!((25..=100).contains(&kept.first().unwrap().len()));
}

#[tokio::test]
async fn rules_that_contradict_each_other_are_told_with_line_reason_and_advice() {
    let rules = "{a}
[[route]]
name = 'all'
to = 'a'
[[route]]
name = 'all'
when = [{ field = 'consumer', equals = 'team-a' }]
to = ['a', 'bb']
";
    let world = Tenants::new(vec![chat(0)], rules).await;
    let answer = world.function.invoke(&event(0, SEED, SEED + 1)).await;
    assert_eq!(answer.failure().1, "settings");
    let message = answer.body["errorMessage"].as_str().unwrap();
    for expected in [
        "route.to (CONFIG_FILE line 12): must be the NAME of a [destination.NAME], or default; ",
        "route.name (CONFIG_FILE line 9): must have a name of its own; there is one of this name on line 6",
    ] {
        assert!(message.contains(expected), "{expected}: {message}");
    }
    assert!(!message.contains("sentinel"));
    drop(world.sls);
}
