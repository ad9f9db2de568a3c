//! PutLogs.

use super::*;

fn stored(emulator: &SlsEmulator) -> Vec<LogGroup> {
    emulator.put_groups("demo-project", "demo-logstore")
}

fn with_log(log: Log) -> LogGroup {
    LogGroup { logs: vec![log], ..Default::default() }
}

fn field(key: &[u8], value: Vec<u8>) -> LogGroup {
    with_log(Log { time: NOW as u32, contents: vec![Content { key: key.into(), value }], time_ns: None })
}

/// The body of `group` packed with lz4.
fn packed(group: &LogGroup) -> Ask {
    let raw = group.encode_to_vec();
    Ask::put(group).body(lz4_flex::block::compress(&raw)).header("x-log-compresstype", "lz4")
}

#[tokio::test]
async fn a_group_is_stored_by_every_path_packing_and_signature() {
    let emulator = world().await;
    let asks = [
        Ask::put(&group(10)),
        packed(&group(11)),
        Ask::put(&group(12)).path("/logstores/demo-logstore"),
        packed(&group(13)).signing(Signing::V4),
        Ask::put(&group(14)).path("/logstores/demo-logstore/shards/route").parameter("key", &"f".repeat(32)),
    ];
    for ask in asks {
        let got = ask.answer(&emulator).await;
        assert_eq!((got.status, got.body.len()), (200, 0), "{}", String::from_utf8_lossy(&got.body));
        assert!(got.header("x-log-requestid").is_some());
    }
    assert_eq!(stored(&emulator), (10..15).map(group).collect::<Vec<_>>());
    assert_eq!(emulator.end_cursor("demo-project", "demo-logstore", 7).unwrap(), cursor::encode(53));
    assert_eq!(Ask::pull(5).answer(&emulator).await.page().groups, [group(10), group(12)]);
}

#[tokio::test]
async fn the_dead_letter_of_the_vectors_is_stored_as_it_is() {
    let emulator = world().await;
    let file: Value = serde_json::from_str(include_str!("../../../../tests/fixtures/sls-vectors.json")).unwrap();
    let vector = file["protobuf"].as_array().unwrap().iter().find(|vector| vector["name"] == "put_logs_dead_letter").unwrap();
    let hex = vector["raw_hex"].as_str().unwrap();
    let raw: Vec<u8> = (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect();
    let sent = LogGroup::decode(&raw[..]).unwrap();
    assert_eq!(packed(&sent).answer(&emulator).await.status, 200);
    assert_eq!(stored(&emulator), [sent]);
}

#[tokio::test]
async fn what_a_write_gets_wrong_is_refused_and_not_stored() {
    const TOO_LARGE: usize = 10 * 1024 * 1024 + 1;
    let emulator = world().await;
    let put = || Ask::put(&group(1));
    let time = |seconds: u64| Ask::put(&with_log(Log { time: seconds as u32, contents: vec![], time_ns: None }));
    let size = |bytes: usize| bytes.to_string();
    let raw = group(1).encode_to_vec().len();
    let table: Vec<(&str, Ask, u16, &str)> = vec![
        ("content type", put().header("Content-Type", "application/json"), 415, "InvalidContentType"),
        ("no content type", put().without_header("Content-Type"), 415, "InvalidContentType"),
        ("not protobuf", put().body(vec![0xff; 9]).header("x-log-bodyrawsize", "9"), 400, "PostBodyInvalid"),
        ("no log", Ask::put(&LogGroup { topic: Some(b"t".to_vec()), ..Default::default() }), 400, "PostBodyInvalid"),
        ("no body", put().body(vec![]).header("x-log-bodyrawsize", "0").header("Content-Length", "0"), 400, "PostBodyInvalid"),
        ("no MD5", put().spoil("content-md5", None), 400, "MissingParameter"),
        ("wrong MD5", put().spoil("content-md5", Some("00")), 401, "SignatureNotMatch"),
        ("wrong MD5, V4", put().signing(Signing::V4).spoil("content-md5", Some("00")), 400, "PostBodyInvalid"),
        ("body shorter than told", put().header("x-log-bodyrawsize", &size(raw + 1)), 400, "PostBodyUncompressError"),
        ("unpacks to less", packed(&group(1)).header("x-log-bodyrawsize", &size(raw + 1)), 400, "PostBodyUncompressError"),
        ("unpacks to more", packed(&group(1)).header("x-log-bodyrawsize", &size(raw - 1)), 400, "PostBodyUncompressError"),
        ("not lz4", put().header("x-log-compresstype", "lz4"), 400, "PostBodyUncompressError"),
        ("unknown packing", put().header("x-log-compresstype", "gzip"), 400, "InvalidCompressType"),
        ("too large when unpacked", packed(&group(1)).header("x-log-bodyrawsize", &size(TOO_LARGE)), 413, "PostBodyTooLarge"),
        ("too large", put().body(vec![0; TOO_LARGE]).header("x-log-bodyrawsize", &size(TOO_LARGE)), 413, "PostBodyTooLarge"),
        ("time 0", time(0), 400, "InvalidTimestamp"),
        ("time too far ahead", time(NOW + 901), 400, "InvalidTimestamp"),
        ("time too far back", time(NOW - 604_801), 400, "InvalidTimestamp"),
        ("empty key", Ask::put(&field(b"", vec![])), 400, "InvalidKey"),
        ("value not UTF-8", Ask::put(&field(b"k", vec![0xff])), 400, "InvalidEncoding"),
        ("value too long", Ask::put(&field(b"k", vec![b'v'; (1 << 20) + 1])), 400, "PostBodyInvalid"),
        ("short key", put().path("/logstores/demo-logstore/shards/route").parameter("key", "ff"), 400, "ParameterInvalid"),
        ("no key", put().path("/logstores/demo-logstore/shards/route"), 400, "ParameterInvalid"),
        ("a shard by id", put().path(SHARD_0), 405, "InvalidMethod"),
        ("unknown Logstore", put().path("/logstores/none/shards/lb"), 404, "LogStoreNotExist"),
    ];
    for (case, ask, status, code) in table {
        let got = ask.answer(&emulator).await;
        assert_eq!((got.status, got.code().as_str()), (status, code), "{case}: {}", String::from_utf8_lossy(&got.body));
    }
    assert_eq!(stored(&emulator), []);
    let message = Ask::put(&group(1)).header("x-log-bodyrawsize", &size(TOO_LARGE)).answer(&emulator).await.json();
    assert_eq!(message["errorMessage"], "Body size 10485761 must little than 10485760.");
}

#[tokio::test]
async fn the_largest_times_and_values_are_stored() {
    let emulator = world().await;
    for time in [NOW - 604_800, NOW, NOW + 900] {
        let group = with_log(Log { time: time as u32, contents: vec![], time_ns: Some(0) });
        assert_eq!(Ask::put(&group).answer(&emulator).await.status, 200);
    }
    assert_eq!(packed(&field(b"k", vec![b'v'; 1 << 20])).answer(&emulator).await.status, 200);
    assert_eq!(stored(&emulator).len(), 4);
}

#[test]
fn a_body_of_unknown_length_is_refused() {
    let mut state = State::new(SlsWorld { clock: Arc::new(now), ..SlsWorld::default() });
    state.keys.insert("id".into(), AccessKey::permanent("id", "secret"));
    state.projects.add("demo-project", "demo-logstore", Logstore::new(&[ShardSpec { id: 0, seed: 0 }], 0));
    let ask = Ask::put(&group(1));
    let mut request = Request::post(&ask.path).header("host", &ask.host);
    for (name, value) in ask.signed_headers() {
        request = request.header(name, value);
    }
    let (reply, _) = state.handle(&request.body(ask.body.into()).unwrap());
    let Reply::Whole(response) = reply else { panic!("an answer") };
    assert_eq!(response.status(), 411);
}
