//! What is refused, with which status and code.

use super::*;

async fn expect(emulator: &SlsEmulator, case: &str, ask: Ask, status: u16, code: &str) {
    let got = ask.answer(emulator).await;
    let body = String::from_utf8_lossy(&got.body);
    assert_eq!((got.status, got.code().as_str()), (status, code), "{case}: {body}");
    assert!(!got.json()["errorMessage"].as_str().unwrap().is_empty(), "{case}");
    assert!(got.header("x-log-requestid").is_some(), "{case}");
    let recorded = emulator.requests().pop().unwrap();
    assert_eq!((recorded.status, recorded.error_code.as_deref()), (Some(status), Some(code)), "{case}");
}

type Row = (&'static str, Ask, u16, &'static str);

async fn expect_all(rows: Vec<Row>) {
    let emulator = world().await;
    for (case, ask, status, code) in rows {
        expect(&emulator, case, ask, status, code).await;
    }
}

fn pull() -> Ask {
    Ask::pull(0)
}

fn v4() -> Ask {
    Ask::pull(0).signing(Signing::V4)
}

#[tokio::test]
async fn a_request_without_the_right_head_is_refused() {
    expect_all(vec![
        ("host is an address", pull().host("127.0.0.1:80"), 400, "InvalidHost"),
        ("host is an endpoint", pull().host("cn-hangzhou.log.aliyuncs.com"), 400, "InvalidHost"),
        ("no version", pull().without_header("x-log-apiversion"), 400, "MissingParameter"),
        ("old version", pull().header("x-log-apiversion", "0.4.0"), 400, "InvalidAPIVersion"),
        ("no raw size", pull().without_header("x-log-bodyrawsize"), 400, "MissingParameter"),
        ("raw size not a number", pull().header("x-log-bodyrawsize", "x"), 400, "ParameterInvalid"),
        ("unsigned", pull().signing(Signing::None), 401, "Unauthorized"),
        ("foreign scheme", pull().spoil("authorization", Some("Basic aWQ6")), 401, "Unauthorized"),
        ("no date", pull().spoil("date", None), 400, "MissingDate"),
        ("date not RFC 1123", pull().spoil("date", Some("2024-11-21T02:30:45Z")), 400, "InvalidDateFormat"),
        ("no x-log-date", v4().spoil("x-log-date", None), 400, "MissingDate"),
        ("x-log-date not basic ISO 8601", v4().spoil("x-log-date", Some("2024-11-21T02:30:45Z")), 400, "InvalidDateFormat"),
        ("no method", pull().spoil("x-log-signaturemethod", None), 400, "MissingParameter"),
        ("method of V4 in V1", pull().spoil("x-log-signaturemethod", Some("hmac-sha256")), 400, "ParameterInvalid"),
        ("method of V1 in V4", v4().header("x-log-signaturemethod", "hmac-sha1"), 400, "ParameterInvalid"),
        ("no content hash", v4().spoil("x-log-content-sha256", None), 400, "MissingParameter"),
    ])
    .await;
}

#[tokio::test]
async fn a_request_signed_by_nobody_known_is_refused() {
    expect_all(vec![
        ("unknown key", pull().key("other", "secret", None), 401, "InvalidAccessKeyId"),
        ("wrong secret", pull().key("id", "other", None), 401, "SignatureNotMatch"),
        ("wrong secret, V4", v4().key("id", "other", None), 401, "SignatureNotMatch"),
        ("another region", Ask { region: "cn-beijing", ..v4() }, 401, "SignatureNotMatch"),
        (
            "host of V4 changed on the way",
            v4().host("demo-project.localhost").spoil("host", Some("demo-project.127.0.0.1")),
            401,
            "SignatureNotMatch",
        ),
        ("content hash of something else", v4().spoil("x-log-content-sha256", Some("00")), 401, "SignatureNotMatch"),
        (
            "a signed header changed",
            pull().header("x-log-bodyrawsize", "1").spoil("x-log-bodyrawsize", Some("0")),
            401,
            "SignatureNotMatch",
        ),
        ("a header added by a proxy", pull().spoil("x-acs-added", Some("1")), 401, "SignatureNotMatch"),
        ("a header added by a proxy, V4", v4().spoil("x-log-added", Some("1")), 401, "SignatureNotMatch"),
        ("token removed", pull().key("sts", "secret", Some("token")).spoil(SECURITY_TOKEN, None), 401, "SignatureNotMatch"),
        ("no token", pull().key("sts", "secret", None), 401, "Unauthorized"),
        ("another token", pull().key("sts", "secret", Some("other")), 401, "Unauthorized"),
        ("a token for a permanent key", pull().key("id", "secret", Some("token")), 401, "Unauthorized"),
    ])
    .await;
}

#[tokio::test]
async fn a_request_for_what_is_not_there_is_refused() {
    expect_all(vec![
        ("unknown project", pull().host("no-project.127.0.0.1"), 404, "ProjectNotExist"),
        ("unknown Logstore", pull().path("/logstores/nothing/shards/0"), 404, "LogStoreNotExist"),
        ("unknown shard", pull().path("/logstores/demo-logstore/shards/1"), 400, "ShardNotExist"),
        ("shard not a number", pull().path("/logstores/demo-logstore/shards/x"), 400, "ParameterInvalid"),
        ("unknown path", pull().path("/machinegroups"), 400, "ParameterInvalid"),
        ("method of nothing", Ask { method: "DELETE", ..pull() }, 405, "InvalidMethod"),
        ("POST to the list of shards", Ask { method: "POST", ..pull() }.path("/logstores/demo-logstore/shards"), 405, "InvalidMethod"),
        ("GET of no Logstore", pull().path("/logstores/other"), 404, "LogStoreNotExist"),
        ("no type", pull().without_parameter("type"), 400, "ParameterInvalid"),
        ("unknown type", pull().parameter("type", "histogram"), 400, "ParameterInvalid"),
    ])
    .await;
}

#[tokio::test]
async fn a_read_with_parameters_that_make_no_sense_is_refused() {
    expect_all(vec![
        ("no Accept", pull().header("Accept", "*/*"), 400, "InvalidAcceptContentType"),
        ("gzip", pull().header("Accept-Encoding", "gzip"), 400, "InvalidAcceptEncoding"),
        ("no count", pull().without_parameter("count"), 400, "ParameterInvalid"),
        ("count 0", pull().parameter("count", "0"), 400, "ParameterInvalid"),
        ("count 1001", pull().parameter("count", "1001"), 400, "ParameterInvalid"),
        ("a query nobody evaluates", pull().parameter("query", "* | where a = 'x'"), 400, "ParameterInvalid"),
        ("no cursor", pull().without_parameter("cursor"), 400, "ParameterInvalid"),
        ("cursor not base64", pull().parameter("cursor", "1732154287213232000"), 400, "InvalidCursor"),
        ("cursor before the first", Ask::pull(0).parameter("cursor", &cursor::encode(SEED - 1)), 400, "InvalidCursor"),
        ("cursor behind the end", Ask::pull(6), 400, "InvalidCursor"),
        ("end cursor not base64", pull().parameter("end_cursor", "x"), 400, "InvalidCursor"),
        ("cursor from nothing", pull().parameter("type", "cursor"), 400, "ParameterInvalid"),
        ("cursor from yesterday", pull().parameter("type", "cursor").parameter("from", "yesterday"), 400, "ParameterInvalid"),
        ("cursor from before 1970", pull().parameter("type", "cursor").parameter("from", "-1"), 400, "ParameterInvalid"),
        ("time of no cursor", pull().parameter("type", "cursor_time").without_parameter("cursor"), 400, "ParameterInvalid"),
        ("time of the end", Ask::pull(5).parameter("type", "cursor_time"), 400, "InvalidCursor"),
    ])
    .await;
}

#[tokio::test]
async fn checks_come_in_the_order_of_the_service() {
    let emulator = world().await;
    let everything_wrong = Ask::pull(99).host("no-project.127.0.0.1").key("other", "wrong", None).date(UNIX_EPOCH);
    let steps: [(Ask, &str); 5] = [
        (everything_wrong.clone().without_header("x-log-apiversion"), "MissingParameter"),
        (everything_wrong.clone(), "RequestTimeExpired"),
        (everything_wrong.clone().date(now()), "InvalidAccessKeyId"),
        (everything_wrong.clone().date(now()).key("id", "wrong", None), "SignatureNotMatch"),
        (everything_wrong.date(now()).key("id", "secret", None), "ProjectNotExist"),
    ];
    for (ask, code) in steps {
        assert_eq!(ask.answer(&emulator).await.code(), code);
    }
}

#[tokio::test]
async fn a_clock_may_be_off_by_fifteen_minutes_and_no_second_more() {
    let emulator = world().await;
    for signing in [Signing::V1, Signing::V4] {
        let ask = |date| Ask::pull(0).signing(signing).date(date);
        for date in [now() - Duration::from_secs(900), now() + Duration::from_secs(900)] {
            assert_eq!(ask(date).answer(&emulator).await.status, 200);
        }
        for date in [now() - Duration::from_secs(901), now() + Duration::from_secs(901)] {
            expect(&emulator, "skew", ask(date), 400, "RequestTimeExpired").await;
        }
    }
    emulator.set_clock(|| now() + Duration::from_secs(1200));
    let got = Ask::pull(0).answer(&emulator).await;
    let message = "Request time Thu, 21 Nov 2024 02:30:45 GMT has been expired while server time is Thu, 21 Nov 2024 02:50:45 GMT.";
    assert_eq!(got.json()["errorMessage"], message);
    assert_eq!(got.header("date"), Some("Thu, 21 Nov 2024 02:50:45 GMT"));
}

#[tokio::test]
async fn both_versions_and_both_kinds_of_key_are_accepted() {
    let emulator = world().await;
    for signing in [Signing::V1, Signing::V4] {
        let ask = Ask::pull(0).signing(signing);
        assert_eq!(ask.answer(&emulator).await.page(), page(0, 5));
        assert_eq!(ask.key("sts", "secret", Some("token")).answer(&emulator).await.page(), page(0, 5));
    }
    let with_method = Ask::pull(0).signing(Signing::V4).header("x-log-signaturemethod", "hmac-sha256");
    assert_eq!(with_method.answer(&emulator).await.status, 200);
    let unsigned_date_of_the_python_sdk = Ask::pull(0).spoil("x-log-date", Some("20241121T023045Z"));
    assert_eq!(unsigned_date_of_the_python_sdk.answer(&emulator).await.status, 200);
}

#[tokio::test]
async fn messages_name_what_a_client_goes_by() {
    let emulator = world().await;
    let got = Ask::pull(0).key("id", "wrong", None).answer(&emulator).await;
    let signature = Ask::pull(0).key("id", "wrong", None).signed_headers().pop().unwrap().1.replace("LOG id:", "");
    assert_eq!(got.json()["errorMessage"], format!("Signature {signature} not matched."));

    let got = Ask::pull(0).key("other", "x", None).answer(&emulator).await;
    assert_eq!(got.json()["errorMessage"], "The access key id you provided is invalid: other.");

    emulator.add_key(AccessKey::permanent("sts", "secret").with_token("token", now()));
    let got = Ask::pull(0).key("sts", "secret", Some("token")).answer(&emulator).await;
    assert_eq!(
        got.json(),
        serde_json::json!({"errorCode": "Unauthorized", "errorMessage": "The security token you provided has expired."})
    );

    emulator.remove_key("id");
    assert_eq!(Ask::pull(0).answer(&emulator).await.code(), "InvalidAccessKeyId");
}

#[tokio::test]
async fn a_key_may_do_what_its_role_allows_and_nothing_else() {
    let emulator = world().await;
    let read = Grant { action: Action::Read, logstore: "demo-logstore".into() };
    emulator.add_key(AccessKey::permanent("id", "secret").allowed(vec![read]));
    assert_eq!(Ask::pull(0).answer(&emulator).await.status, 200);

    let got = Ask::put(&group(1)).answer(&emulator).await;
    let resource = "acs:log:cn-hangzhou:1000000000000000:project/demo-project/logstore/demo-logstore";
    let message = format!("denied by sts or ram, action: log:PostLogStoreLogs, resource: {resource}");
    let detail = serde_json::json!({"AuthAction": "log:PostLogStoreLogs"});
    let body = serde_json::json!({"errorCode": "Unauthorized", "errorMessage": message, "accessDeniedDetail": detail});
    assert_eq!((got.status, got.json()), (401, body));
    assert_eq!(emulator.put_groups("demo-project", "demo-logstore"), []);

    let shards = Ask::new("GET", "/logstores/demo-logstore/shards", &[]);
    expect(&emulator, "list", shards, 401, "Unauthorized").await;
    expect(&emulator, "other Logstore", Ask::pull(0).path("/logstores/other/shards/0"), 401, "Unauthorized").await;
}

#[tokio::test]
async fn a_printed_record_shows_no_key_material() {
    let emulator = world().await;
    emulator.add_key(AccessKey::permanent("sts", "secret").with_token("sentinel", now() + Duration::from_secs(60)));
    assert_eq!(Ask::pull(0).key("sts", "secret", Some("sentinel")).answer(&emulator).await.status, 200);
    let recorded = emulator.requests().pop().unwrap();
    assert_eq!(recorded.headers[SECURITY_TOKEN], "sentinel");
    let printed = format!("{recorded:?}");
    assert!(!printed.contains("sentinel") && !printed.contains("LOG sts"), "{printed}");
}
