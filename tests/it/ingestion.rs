//! Both APIs of Langfuse and the choice between them, against servers of every age.

use sls_to_langfuse::emulator::langfuse::{
    BATCH_PATH, Health, LangfuseEmulator, LangfuseWorld, OTLP_PATH, ObservationType, ServerVersion, WriteMode,
};

use crate::support::{self, Answer, Function, SAMPLES, SEED, World, append, event, ordinary_settings};

/// A server of this release in this mode, and the function before it.
async fn against(version: &str, mode: WriteMode, settings: &[(&str, &str)]) -> World {
    let version: ServerVersion = version.parse().unwrap();
    let langfuse = LangfuseEmulator::start(0, LangfuseWorld { mode, ..LangfuseWorld::of_version(version) }).await.unwrap();
    let sls = support::sls_with(&[0]).await;
    append(&sls, 0, sls_to_langfuse::emulator::sls::groups_from_jsonl(SAMPLES, 5, 1_772_417_413).unwrap());
    let mut all = ordinary_settings(&langfuse.base_url(), &sls.endpoint());
    all.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let function = Function::start(&all).await;
    World { sls, langfuse, function }
}

fn paths(world: &World) -> Vec<String> {
    world.posts().into_iter().map(|request| request.path).collect()
}

fn assert_all_arrived(world: &World, answer: &Answer) {
    assert_eq!(
        (answer.status, answer.body["shipLines"].as_u64(), answer.body["undone"].as_u64()),
        (200, Some(12), Some(0)),
        "{:?}",
        answer.body
    );
    assert!(world.langfuse.lost().is_empty(), "{:?}", world.langfuse.lost());
    assert!(world.langfuse.duplicates().is_empty());
    assert_eq!(world.langfuse.observations().len(), 12);
}

#[tokio::test]
async fn auto_takes_otlp_from_3_63_on_and_the_batch_api_below() {
    for (version, mode, path) in [
        ("2.95.11", WriteMode::Legacy, BATCH_PATH),
        ("3.10.0", WriteMode::Legacy, BATCH_PATH),
        ("3.62.0", WriteMode::Legacy, BATCH_PATH),
        ("3.63.0", WriteMode::Legacy, OTLP_PATH),
        ("3.100.0", WriteMode::Legacy, OTLP_PATH),
        ("3.200.0", WriteMode::Dual, OTLP_PATH),
        ("4.16.0", WriteMode::EventsOnly, OTLP_PATH),
    ] {
        let world = against(version, mode, &[]).await;
        let answer = world.invoke().await;
        assert_eq!(paths(&world), [path], "{version}");
        assert_all_arrived(&world, &answer);
    }
}

#[tokio::test]
async fn a_closed_health_page_means_otlp() {
    for health in [Health::NotFound, Health::Unauthorized, Health::Page, Health::Unavailable] {
        let world = against("4.16.0", WriteMode::EventsOnly, &[]).await;
        world.langfuse.change(|server| server.health = health.clone());
        let answer = world.invoke().await;
        assert_eq!(paths(&world), [OTLP_PATH], "{health:?}");
        assert_all_arrived(&world, &answer);
    }
}

#[tokio::test]
async fn a_server_that_is_unwell_still_says_how_old_it_is() {
    let world = against("3.50.0", WriteMode::Legacy, &[]).await;
    world.langfuse.change(|server| server.health = Health::Unavailable);
    let answer = world.invoke().await;
    assert_eq!(paths(&world), [BATCH_PATH]);
    assert_all_arrived(&world, &answer);
}

#[tokio::test]
async fn a_health_page_that_claims_a_newer_3_is_found_out_by_the_missing_endpoint() {
    let world = against("3.10.0", WriteMode::Legacy, &[]).await;
    world.langfuse.change(|server| server.health = Health::Reports("3.99.0".into()));
    let answer = world.invoke().await;
    assert_eq!(paths(&world), [OTLP_PATH, BATCH_PATH]);
    assert_all_arrived(&world, &answer);
}

#[tokio::test]
async fn a_health_page_that_claims_a_4_leaves_no_way_around_a_missing_endpoint() {
    let world = against("3.10.0", WriteMode::Legacy, &[]).await;
    world.langfuse.change(|server| server.health = Health::Reports("4.0.0".into()));
    let answer = world.invoke().await;
    assert_eq!((answer.fc_status.as_str(), answer.body["errorType"].as_str()), ("404", Some("langfuse_endpoint_missing")));
    assert_eq!(answer.body["report"]["undone"], 12);
}

#[tokio::test]
async fn a_health_page_that_claims_an_old_3_is_found_out_by_the_refused_events() {
    let world = against("4.16.0", WriteMode::EventsOnly, &[]).await;
    world.langfuse.change(|server| server.health = Health::Reports("3.50.0".into()));
    let answer = world.invoke().await;
    assert_eq!(paths(&world), [BATCH_PATH, OTLP_PATH]);
    assert_all_arrived(&world, &answer);
}

#[tokio::test]
async fn a_server_upgraded_behind_a_warm_instance_is_followed() {
    let world = against("3.50.0", WriteMode::Legacy, &[]).await;
    world.invoke().await;
    world.langfuse.change(|server| {
        server.version = "4.16.0".parse().unwrap();
        server.mode = WriteMode::EventsOnly;
    });
    world.langfuse.clear();
    let answer = world.invoke().await;
    assert_all_arrived(&world, &answer);
    let before = paths(&world).len();
    world.invoke().await;
    assert_eq!(paths(&world)[before..], [OTLP_PATH], "the version was asked for again");
}

#[tokio::test]
async fn the_batch_api_can_be_demanded_and_keeps_its_types_apart_by_version() {
    for (version, agent) in [("3.98.2", ObservationType::Agent), ("3.98.1", ObservationType::Generation)] {
        let world = against(version, WriteMode::Legacy, &[("LANGFUSE_INGESTION", "batch")]).await;
        let answer = world.invoke().await;
        assert_all_arrived(&world, &answer);
        let request = &world.posts()[0];
        assert_eq!(
            (request.path.as_str(), request.header("content-type"), request.header("content-encoding")),
            (BATCH_PATH, Some("application/json"), None)
        );
        let row = world.langfuse.observations().into_iter().find(|row| row.metadata["path"].contains("/apps/")).unwrap();
        assert_eq!((row.observation_type, row.model.as_deref()), (agent, Some("qwen-plus")));
        assert_eq!(
            (row.user_id.as_deref(), row.session_id.as_deref(), row.trace_name.as_deref()),
            (Some("demo-user"), Some("5d2e"), Some("demo-agent@a@b"))
        );
    }
}

#[tokio::test]
async fn a_demanded_batch_api_that_stores_nothing_fails_instead_of_losing() {
    let world = against("4.16.0", WriteMode::EventsOnly, &[("LANGFUSE_INGESTION", "batch")]).await;
    let answer = world.invoke().await;
    assert_eq!((answer.fc_status.as_str(), answer.body["errorType"].as_str()), ("404", Some("langfuse_events_only")));
    assert_eq!((&answer.body["report"]["undone"], &answer.body["report"]["deadLettered"]), (&12.into(), &serde_json::json!({})));
}

#[tokio::test]
async fn a_redelivered_batch_is_the_same_rows() {
    let world = against("3.150.0", WriteMode::Legacy, &[("LANGFUSE_INGESTION", "batch")]).await;
    world.invoke().await;
    let first = world.langfuse.observations();
    world.invoke().await;
    let mut second = world.langfuse.observations();
    second.iter_mut().for_each(|row| row.arrivals = 1);
    assert_eq!(second, first);
    let bodies: Vec<_> = world.posts().into_iter().map(|request| request.decoded).collect();
    assert_eq!(bodies[0], bodies[1]);
}

#[tokio::test]
async fn a_demanded_otlp_never_asks_for_the_version() {
    let world = against("4.16.0", WriteMode::EventsOnly, &[("LANGFUSE_INGESTION", "otlp")]).await;
    let answer = world.invoke().await;
    assert_all_arrived(&world, &answer);
    assert_eq!(world.langfuse.requests().len(), 1);
    assert_eq!(world.function.invoke(&event(0, SEED, SEED)).await.status, 200);
}
