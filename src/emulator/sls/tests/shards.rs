//! ListShards, splitting, and what never was made.

use serde_json::json;

use super::*;

fn list(logstore: &str) -> Ask {
    Ask::new("GET", &format!("/logstores/{logstore}/shards"), &[])
}

#[tokio::test]
async fn shards_share_all_keys_and_are_listed_with_their_state() {
    let emulator = world().await;
    let expected = serde_json::json!([
        {
            "shardID": 0,
            "status": "readwrite",
            "inclusiveBeginKey": "00000000000000000000000000000000",
            "exclusiveEndKey": "7fffffffffffffffffffffffffffffff",
            "createTime": NOW,
        },
        {
            "shardID": 7,
            "status": "readwrite",
            "inclusiveBeginKey": "7fffffffffffffffffffffffffffffff",
            "exclusiveEndKey": "ffffffffffffffffffffffffffffffff",
            "createTime": NOW,
        },
    ]);
    assert_eq!(list("demo-logstore").answer(&emulator).await.json(), expected);
}

#[tokio::test]
async fn a_split_shard_is_readonly_and_stays_readable() {
    let emulator = world().await;
    let children = [ShardSpec { id: 8, seed: 1000 }, ShardSpec { id: 9, seed: 2000 }];
    emulator.split("demo-project", "demo-logstore", 0, children).unwrap();
    let shards = list("demo-logstore").answer(&emulator).await.json();
    let field = |name: &str| shards.as_array().unwrap().iter().map(|shard| shard[name].clone()).collect::<Vec<_>>();
    assert_eq!(field("shardID"), [0, 7, 8, 9]);
    assert_eq!(field("status"), ["readonly", "readwrite", "readwrite", "readwrite"]);
    assert_eq!(field("exclusiveEndKey")[2], field("inclusiveBeginKey")[3]);
    assert_eq!(field("inclusiveBeginKey")[2], field("inclusiveBeginKey")[0]);
    assert_eq!(field("exclusiveEndKey")[3], field("exclusiveEndKey")[0]);
    assert_eq!(Ask::pull(0).answer(&emulator).await.page(), page(0, 5));

    emulator.remove_shard("demo-project", "demo-logstore", 9).unwrap();
    assert_eq!(list("demo-logstore").answer(&emulator).await.json().as_array().unwrap().len(), 3);
    assert_eq!(Ask::pull(0).path("/logstores/demo-logstore/shards/9").answer(&emulator).await.code(), "ShardNotExist");

    let low_key = "0".repeat(32);
    let route = Ask::put(&group(1)).path("/logstores/demo-logstore/shards/route").parameter("key", &low_key);
    assert_eq!(route.answer(&emulator).await.status, 200);
    assert_eq!(emulator.end_cursor("demo-project", "demo-logstore", 8).unwrap(), cursor::encode(1001));
    assert_eq!(emulator.end_cursor("demo-project", "demo-logstore", 0).unwrap(), cursor::encode(SEED + 5));
}

#[tokio::test]
async fn a_logstore_says_what_it_is_set_to_even_without_a_shard() {
    let emulator = world().await;
    let told = |name: &str| Ask::new("GET", &format!("/logstores/{name}"), &[]);
    emulator.set_retention("demo-project", "demo-logstore", 7).unwrap();
    let answer = told("demo-logstore").answer(&emulator).await.json();
    let shown = (&answer["logstoreName"], &answer["ttl"], &answer["shardCount"], &answer["createTime"]);
    assert_eq!(shown, (&json!("demo-logstore"), &json!(7), &json!(2), &json!(NOW)));
    emulator.create_logstore("demo-project", "bare", &[]);
    assert_eq!(told("bare").answer(&emulator).await.json()["ttl"], 30);
    assert!(emulator.set_retention("demo-project", "none", 7).is_err());
}

#[tokio::test]
async fn a_logstore_without_shards_says_so() {
    let emulator = world().await;
    emulator.create_logstore("demo-project", "bare", &[]);
    let got = list("bare").answer(&emulator).await;
    assert_eq!((got.status, got.code().as_str()), (400, "LogStoreWithoutShard"));
    assert_eq!(list("none").answer(&emulator).await.code(), "LogStoreNotExist");
}

#[tokio::test]
async fn setting_up_what_was_never_made_is_an_error_and_not_a_shard() {
    let emulator = world().await;
    let unknown = |shard| UnknownPlace { project: "demo-project".into(), logstore: "demo-logstore".into(), shard: Some(shard) };
    assert_eq!(emulator.append("demo-project", "demo-logstore", 3, &group(1), 1), Err(unknown(3)));
    let children = [ShardSpec { id: 8, seed: 1 }, ShardSpec { id: 9, seed: 1 }];
    assert_eq!(emulator.split("demo-project", "demo-logstore", 4, children), Err(unknown(4)));
    assert!(emulator.cursor("demo-project", "other", 0, 0).is_err());
    assert_eq!(emulator.put_groups("demo-project", "other"), []);
}
