//! The calls of the SLS API against the stand-in, with both signature versions.

use std::time::{Duration, SystemTime};

use sls_to_langfuse::emulator::langfuse::{LangfuseEmulator, LangfuseWorld};
use sls_to_langfuse::emulator::sls::{AccessKey, Action, Fault, Grant, Operation, ShardSpec, SlsEmulator, SlsWorld};
use sls_to_langfuse::secret::{Credentials, Secret};
use sls_to_langfuse::sls::calls::{From, LogstoreInfo, Shard};
use sls_to_langfuse::sls::client::{Logstore, SlsClient};
use sls_to_langfuse::sls::cursor::Cursor;
use sls_to_langfuse::sls::decode;
use sls_to_langfuse::sls::endpoint::{Endpoint, EndpointSettings};
use sls_to_langfuse::sls::error::{Damage, ErrorClass, SlsError};
use sls_to_langfuse::sls::signing::Signing;
use sls_to_langfuse::sls::wire;
use sls_to_langfuse::tls;

use crate::records::{Prepared, response};

const SECOND: Duration = Duration::from_secs(10);
const SEED: u64 = 1_732_154_287_213_232_000;

fn signings() -> [Signing; 2] {
    [Signing::V1, Signing::V4 { region: "cn-hangzhou".into() }]
}

fn group(text: &str) -> wire::LogGroup {
    let time = u32::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()).unwrap();
    let contents = vec![wire::Content { key: b"message".to_vec(), value: text.as_bytes().to_vec() }];
    wire::LogGroup { logs: vec![wire::Log { time, contents, time_ns: None }], ..Default::default() }
}

/// Shard 0 with three groups received at 1000, 2000 and 3000, and an empty shard 7.
async fn sls() -> SlsEmulator {
    let sls = SlsEmulator::start(0, SlsWorld::default()).await.unwrap();
    sls.create_logstore("p-1", "log", &[ShardSpec { id: 0, seed: SEED }, ShardSpec { id: 7, seed: 5 }]);
    sls.add_key(AccessKey::permanent("id", "secret"));
    for (text, received) in [("一", 1000), ("二", 2000), ("三", 3000)] {
        sls.append("p-1", "log", 0, &group(text), received).unwrap();
    }
    sls
}

fn logstore(sls: &SlsEmulator, signing: Signing) -> Logstore {
    let settings = EndpointSettings { replacement: Some(sls.endpoint()), ..Default::default() };
    Logstore {
        client: SlsClient::new(tls::client_config(&[]).unwrap(), SystemTime::now).unwrap(),
        endpoint: Endpoint::resolve("", &settings).unwrap(),
        project: "p-1".into(),
        name: "log".into(),
        credentials: Credentials { access_key_id: "id".into(), access_key_secret: Secret::new("secret"), security_token: None },
        signing,
    }
}

fn shard(sls: &SlsEmulator, signing: Signing, id: u32) -> Shard {
    Shard { logstore: logstore(sls, signing), id }
}

#[tokio::test]
async fn cursors_stand_where_logs_were_received() {
    let sls = sls().await;
    for signing in signings() {
        let shard = shard(&sls, signing, 0);
        for (from, offset) in [
            (From::Begin, 0),
            (From::Received(1), 0),
            (From::Received(1001), 1),
            (From::Received(3000), 2),
            (From::Received(9999), 3),
            (From::End, 3),
        ] {
            assert_eq!(shard.cursor(from, SECOND).await.unwrap(), Cursor::from_number(SEED + offset), "{from:?}");
        }
    }
}

#[tokio::test]
async fn the_time_of_the_end_is_that_of_the_last_group() {
    let sls = sls().await;
    for signing in signings() {
        let shard = shard(&sls, signing, 0);
        let mut times = Vec::new();
        for number in SEED..=SEED + 3 {
            times.push(shard.cursor_time(&Cursor::from_number(number), SECOND).await.unwrap());
        }
        assert_eq!(times, [1000, 2000, 3000, 3000]);
    }
}

#[tokio::test]
async fn all_shards_are_listed_also_those_that_were_split() {
    let sls = sls().await;
    sls.split("p-1", "log", 7, [ShardSpec { id: 8, seed: 1 }, ShardSpec { id: 9, seed: 1 }]).unwrap();
    for signing in signings() {
        let shards = logstore(&sls, signing).shards(SECOND).await.unwrap();
        let listed: Vec<_> = shards.iter().map(|shard| (shard.id, shard.status.as_str())).collect();
        assert_eq!(listed, [(0, "readwrite"), (7, "readonly"), (8, "readwrite"), (9, "readwrite")]);
    }
}

#[tokio::test]
async fn what_is_put_can_be_pulled() {
    let sls = sls().await;
    for signing in signings() {
        let group = group("死信");
        logstore(&sls, signing).put_logs(&group, SECOND).await.unwrap();
        assert_eq!(sls.put_groups("p-1", "log").last().unwrap().logs, group.logs);
    }
}

#[tokio::test]
async fn a_page_of_something_in_between_is_no_proof_that_logs_were_stored() {
    let sls = sls().await;
    sls.script(Operation::PutLogs, Fault::Plain(200, "<html>a page</html>".into()));
    let put = logstore(&sls, Signing::V1).put_logs(&group("死信"), SECOND).await;
    assert!(matches!(put, Err(SlsError::Damaged(Damage::Answer))), "{put:?}");
    assert!(sls.put_groups("p-1", "log").is_empty());
}

#[tokio::test]
async fn a_page_is_read_with_both_signatures() {
    let sls = sls().await;
    for signing in signings() {
        let shard = shard(&sls, signing, 0);
        let answer = shard.pull(&Cursor::from_number(SEED), &Cursor::from_number(SEED + 2), 1000, SECOND).await.unwrap();
        let head = answer.head().clone();
        let page = answer.page(SECOND).await.unwrap();
        let texts: Vec<_> =
            decode::groups(&page).flat_map(|group| group.unwrap().records()).map(|record| record.unwrap().fields[0].value).collect();
        assert_eq!(texts, ["一".as_bytes(), "二".as_bytes()]);
        assert_eq!((head.next, head.last_group), (Cursor::from_number(SEED + 2), Some(SEED + 1)));
    }
}

#[tokio::test]
async fn a_wrong_region_is_a_wrong_signature() {
    let sls = sls().await;
    let error = shard(&sls, Signing::V4 { region: "cn-shanghai".into() }, 0).cursor(From::Begin, SECOND).await.unwrap_err();
    let SlsError::Refused(refusal) = error else { panic!("{error}") };
    assert_eq!((refusal.status, refusal.code.as_str(), refusal.class), (401, "SignatureNotMatch", ErrorClass::Permanent));
}

#[tokio::test]
async fn a_group_beyond_the_limits_is_not_sent() {
    let sls = sls().await;
    let many = wire::LogGroup { logs: vec![group("x").logs[0].clone(); 4097], ..Default::default() };
    assert!(matches!(logstore(&sls, Signing::V1).put_logs(&many, SECOND).await, Err(SlsError::TooLarge { .. })));
    assert!(sls.requests().is_empty());
}

#[tokio::test]
async fn a_logstore_tells_for_how_long_it_keeps_logs() {
    let sls = sls().await;
    sls.set_retention("p-1", "log", 90).unwrap();
    for signing in signings() {
        assert_eq!(logstore(&sls, signing).info(SECOND).await.unwrap(), LogstoreInfo { retention_days: 90 });
    }
    sls.add_key(AccessKey::permanent("id", "secret").allowed(vec![]));
    let refused = logstore(&sls, Signing::V1).info(SECOND).await.unwrap_err();
    assert!(matches!(refused, SlsError::Refused(refusal) if refusal.is_denial && refusal.status == 401));
}

#[tokio::test]
async fn a_probe_needs_no_key_and_tells_sls_from_a_page() {
    let sls = sls().await;
    let told = httpdate::parse_http_date("Thu, 21 Nov 2024 02:30:45 GMT").unwrap();
    sls.set_clock(move || told);
    let probe = logstore(&sls, Signing::V1).probe(SECOND).await.unwrap();
    assert!(probe.is_sls && probe.status >= 400, "{probe:?}");
    assert_eq!(probe.server_time, Some(told));
    assert!(!sls.requests()[0].headers.contains_key("authorization"));
    let elsewhere = LangfuseEmulator::start(0, LangfuseWorld::default()).await.unwrap();
    let settings = EndpointSettings { replacement: Some(elsewhere.base_url()), ..Default::default() };
    let other = Logstore { endpoint: Endpoint::resolve("", &settings).unwrap(), ..logstore(&sls, Signing::V1) };
    assert!(!other.probe(SECOND).await.unwrap().is_sls);
}

#[tokio::test]
async fn whether_logs_may_be_written_is_found_out_without_writing() {
    let sls = sls().await;
    for signing in signings() {
        logstore(&sls, signing).may_write(SECOND).await.unwrap();
    }
    let reader = Grant { action: Action::Read, logstore: "log".into() };
    sls.add_key(AccessKey::permanent("id", "secret").allowed(vec![reader]));
    let refused = logstore(&sls, Signing::V1).may_write(SECOND).await.unwrap_err();
    assert!(matches!(refused, SlsError::Refused(refusal) if refusal.is_denial));
    assert_eq!(sls.put_groups("p-1", "log"), []);
}

#[tokio::test]
async fn a_refusal_in_the_words_of_sls_is_sls_even_without_its_id() {
    let json = |status, code: &str| {
        response(status, &[("content-type", "application/json")], format!(r#"{{"errorCode":"{code}","errorMessage":"m"}}"#))
    };
    let refused =
        [json(401, "Unauthorized"), json(400, "ParameterInvalid"), json(400, "LogStoreWithoutShard"), json(403, "WriteQuotaExceed")];
    let (_, server) = Prepared::start(refused).await;
    let sls = sls().await;
    let settings = EndpointSettings { replacement: Some(format!("http://{}", server.address())), ..Default::default() };
    let other = Logstore { endpoint: Endpoint::resolve("", &settings).unwrap(), ..logstore(&sls, Signing::V1) };
    assert!(other.probe(SECOND).await.unwrap().is_sls);
    assert!(other.may_write(SECOND).await.is_ok(), "refused for its body");
    assert!(other.may_write(SECOND).await.is_err(), "nowhere to write");
    assert!(other.may_write(SECOND).await.is_err(), "not told");
}
