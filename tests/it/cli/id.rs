//! `id`: identities to the digit, and lines that are none.

use serde_json::{Value, json};

use super::{LOGS, run, temporary};

#[tokio::test]
async fn id_prints_the_pinned_identity_of_the_first_sample() {
    let first = "5b8aa5a2d2c872e8321cf37308d69d01  46eb655ffa96c5f0  2026-03-02T02:10:01.037Z  1772417401037  generation";
    let ended = run(&["id", LOGS], &[]).await;
    assert_eq!((ended.code, ended.stdout.lines().count(), ended.stdout.lines().next()), (Some(0), 12, Some(first)));
    let ended = run(&["id", "--json", LOGS], &[]).await;
    let seen: Value = serde_json::from_str(ended.stdout.lines().next().unwrap()).unwrap();
    let expected = json!({"line": 1, "traceId": "5b8aa5a2d2c872e8321cf37308d69d01", "spanId": "46eb655ffa96c5f0",
        "start": "2026-03-02T02:10:01.037Z", "startMs": 1_772_417_401_037_i64, "type": "generation"});
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn id_says_which_lines_are_none_and_goes_on() {
    let call = r#"{"request_id":"r","method":"POST","path":"/v1/chat/completions","duration":"1500","__time__":"1772417403"}"#;
    let file = temporary(&format!("{call}\n\nsentinel\n[1]\n{{\"request_id\":\"r\",\"path\":\"/x\"}}\n{{\"content\":\"x\"}}"));
    let ended = run(&["id", &file.path().display().to_string()], &[]).await;
    assert_eq!(ended.code, Some(1));
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert!(lines[0].ends_with("  2026-03-02T02:10:01.500Z  1772417401500  generation"), "{}", lines[0]);
    assert_eq!(lines[1..], ["-  -  -  -  skipped: not_a_model_call", "-  -  -  -  skipped: not_a_gateway_log"]);
    assert!(ended.stderr.contains("line 3, column") && ended.stderr.contains("line 4, column"), "{}", ended.stderr);
    assert!(ended.stderr.contains("2 of 6 lines") && !ended.stderr.contains("sentinel"), "{}", ended.stderr);
}
