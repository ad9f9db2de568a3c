//! What leaves under each policy, field by field.

use std::sync::Arc;

use super::*;
use crate::gateway::ParsedRecord;
use crate::masking::{Kinds, Masking, hashed};
use crate::secret::Secret;
use crate::sls::{Field, LogRecord, LogTime};
use crate::trace::map::observation;
use crate::trace::mapping::{Mapping, Source, Sources};
use crate::trace::room::CUT_MARK;
use crate::trace::settings::{Ownership, TraceSettings};
use crate::trace::{Message, Part, Payload};

/// What leaves of a chat with these fields.
fn leaving(pairs: &[(&str, &str)], content: ContentSettings, check: impl FnOnce(&Observation<'_>)) {
    let settings = TraceSettings {
        content: Arc::new(content),
        environment: Some("prod".into()),
        release: Some("2026-09-01".into()),
        tags: vec!["team-a".into()],
        ..TraceSettings::default()
    };
    leaving_under(pairs, &settings, check);
}

fn leaving_under(pairs: &[(&str, &str)], settings: &TraceSettings, check: impl FnOnce(&Observation<'_>)) {
    let usual = [("request_id", "r-1"), ("path", "/v1/chat/completions")];
    let usual = usual.iter().filter(|(key, _)| !pairs.iter().any(|(other, _)| other == key));
    let fields = usual.chain(pairs).map(|(key, value)| Field { key: key.as_bytes(), value: value.as_bytes() }).collect();
    let record = LogRecord { time: LogTime { seconds: 1_772_417_405, nanoseconds: None }, fields };
    let parsed = ParsedRecord::of(&record);
    let mut observation = observation(&record, &parsed.call().unwrap(), settings);
    apply(&mut observation, &settings.content);
    check(&observation);
}

fn under(policy: ContentPolicy) -> ContentSettings {
    ContentSettings { policy, ..ContentSettings::default() }
}

fn metadata<'o>(observation: &'o Observation<'_>, key: &str) -> Option<&'o str> {
    observation.metadata.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_ref())
}

fn text(text: &Option<impl AsRef<str>>) -> Option<&str> {
    text.as_ref().map(AsRef::as_ref)
}

const CHAT: [(&str, &str); 12] = [
    ("question", "my number is 13800138000"),
    ("answer", "mail a@b.com"),
    (
        "ai_log",
        r#"{"model":"qwen-plus","api":"客服-chat@a@b","session_id":"s-1","consumer":"alice","reasoning":"hm 10.0.0.1","cache_status":"miss","input_token":5,"output_token":6,"total_token":11,"safecheck_status":"request pass","safecheck_riskWords":"words of a client"}"#,
    ),
    ("path", "/v1/chat/completions?q=words"),
    ("response_code", "503"),
    ("response_flags", "UH"),
    ("response_code_details", "upstream_reset_before_response_started{words of a server}"),
    ("user_agent", "client/1.0 (words)"),
    ("tenant", "words of a tenant"),
    ("route_name", "客服-chat@a@b@c"),
    ("trace_id", "words of a client"),
    ("start_time", "2026-03-02T02:10:01.037Z"),
];

#[test]
fn full_changes_nothing() {
    let full = TraceSettings::default();
    leaving_under(&CHAT, &full, |observation| {
        assert_eq!(metadata(observation, POLICY_MARK), None);
        assert_eq!(metadata(observation, "tenant"), Some("words of a tenant"));
        assert!(observation.status_message.as_ref().unwrap().contains("words of a server"));
        let said = |role, text: &'static str| Message { role, content: Some(Part::Text(text.into())), thinking: None, tool_calls: None };
        let conversation = Payload::Conversation { leading: vec![said("user", "my number is 13800138000")], logged: None, extras: vec![] };
        assert_eq!(observation.input, Some(conversation));
    });
}

#[test]
fn masked_covers_secrets_and_says_which() {
    leaving(&CHAT, under(ContentPolicy::Masked), |observation| {
        let said = |role, text: &'static str| Message { role, content: Some(Part::Text(text.into())), thinking: None, tool_calls: None };
        let conversation =
            Payload::Conversation { leading: vec![said("user", "my number is [masked:mobile]")], logged: None, extras: vec![] };
        assert_eq!(observation.input, Some(conversation));
        let reply = Message { thinking: Some("hm [masked:ip]".into()), ..said("assistant", "mail [masked:email]") };
        assert_eq!(observation.output, Some(Payload::Reply(reply)));
        assert_eq!((metadata(observation, POLICY_MARK), metadata(observation, MASKED_MARK)), (Some("masked"), Some("mobile,email,ip")));
        assert_eq!(metadata(observation, "tenant"), Some("words of a tenant"));
    });
}

#[test]
fn lengths_keep_numbers_ids_and_verdicts_and_no_words() {
    leaving(&CHAT, under(ContentPolicy::Lengths), |observation| {
        let said = |role, text: &'static str| Message { role, content: Some(Part::Text(text.into())), thinking: None, tool_calls: None };
        let conversation = Payload::Conversation { leading: vec![said("user", "[24 characters]")], logged: None, extras: vec![] };
        assert_eq!(observation.input, Some(conversation));
        let reply = Message { thinking: Some("[11 characters]".into()), ..said("assistant", "[12 characters]") };
        assert_eq!(observation.output, Some(Payload::Reply(reply)));
        assert_eq!(observation.status_message.as_deref(), Some("HTTP 503, [67 characters]"));
        assert_eq!((observation.name.as_ref(), observation.model.as_deref()), ("客服-chat@a@b", Some("qwen-plus")));
        assert_eq!(observation.usage.as_ref().unwrap().total, 11);
        let trace = observation.trace.as_ref().unwrap();
        assert_eq!((trace.user_id.as_deref(), trace.session_id.as_deref()), (Some("alice"), Some("s-1")));
        assert_eq!(trace.tags, ["team-a", "cache:miss"]);
        for (key, value) in [
            ("path", "/v1/chat/completions"),
            ("response_code", "503"),
            ("response_code_details", "upstream_reset_before_response_started"),
            ("user_agent", "[18 characters]"),
            ("tenant", "[17 characters]"),
            ("trace_id", "[17 characters]"),
            ("route_name", "客服-chat@a@b@c"),
            ("safecheck_status", "request pass"),
            ("safecheck_riskWords", "[17 characters]"),
            (POLICY_MARK, "lengths"),
        ] {
            assert_eq!(metadata(observation, key), Some(value), "{key}");
        }
        assert_eq!((text(&observation.environment), text(&trace.release)), (Some("prod"), Some("2026-09-01")));
    });
}

#[test]
fn none_leaves_out_what_lengths_counts() {
    leaving(&CHAT, under(ContentPolicy::None), |observation| {
        assert_eq!((&observation.input, &observation.output), (&None, &None));
        assert_eq!(observation.status_message.as_deref(), Some("HTTP 503"));
        let kept: Vec<_> = observation.metadata.iter().map(|(key, _)| key.as_ref()).collect();
        #[rustfmt::skip]
        let expected = [
            "request_id", "path", "route_name", "response_code", "response_code_details", "response_flags", "api", "consumer", "cache_status",
            "safecheck_status", "gw_price_source", "gw_content_policy",
        ];
        assert_eq!(kept, expected);
        let words = format!("{observation:?}");
        assert!(!words.contains("words") && !words.contains("number"), "{words}");
    });
}

#[test]
fn a_logged_conversation_keeps_its_roles_under_lengths() {
    let log = r#"{"messages":[{"role":"user","content":"你好"},{"role":"secret","content":[{"type":"text"}]},{"role":"tool"}],"tools":[{"name":"words"}],"tool_calls":[{"id":"words"}]}"#;
    leaving(&[("ai_log", log)], under(ContentPolicy::Lengths), |observation| {
        let logged = r#"[{"content":"[2 characters]","role":"user"},{"content":"[17 characters]","role":"other"},{"content":"[15 characters]","role":"tool"}]"#;
        let Some(Payload::Conversation { logged: Some(there), extras, .. }) = &observation.input else { panic!("{:?}", observation.input) };
        assert_eq!(serde_json::from_str::<serde_json::Value>(there).unwrap(), serde_json::from_str::<serde_json::Value>(logged).unwrap());
        assert_eq!(extras, &vec![("tools", Part::Text("[18 characters]".into()))]);
        assert!(!format!("{observation:?}").contains("words"));
    });
}

#[test]
fn a_text_that_a_client_put_in_the_place_of_an_id_does_not_leave() {
    let log = r#"{"session_id":"tell nobody","consumer":"two words","model":"a model of mine","mcp_tool_name":"-","cache_status":"so it is, he said"}"#;
    for (policy, model) in [(ContentPolicy::Lengths, Some("[15 characters]")), (ContentPolicy::None, None)] {
        leaving(&[("ai_log", log), ("request_id", "a request of mine")], under(policy), |observation| {
            let trace = observation.trace.as_ref().unwrap();
            assert_eq!((&trace.session_id, &trace.user_id), (&None, &None), "a length would make one session of many");
            assert_eq!(observation.model.as_deref(), model);
            assert_eq!(metadata(observation, "request_id"), model.map(|_| "[17 characters]"));
            for words in ["nobody", "two words", "of mine", "he said"] {
                assert!(!format!("{observation:?}").contains(words), "{words}");
            }
        });
    }
}

#[test]
fn secrets_in_ids_names_and_keys_are_masked_under_every_policy() {
    let log = r#"{"session_id":"13800138000","consumer":"a@b.com","model":"sk-abcdefghijklmnop1234","api":"10.1.2.3","chat_id":"11010519491231002X","cache_status":"4111111111111111"}"#;
    let pairs = [
        ("ai_log", log),
        ("request_id", "13900139000"),
        ("path", "/v1/chat/completions/a%40b.com"),
        ("13700137000", "x"),
        ("X-Api-Key", "hunter2!"),
        ("trace_id", "13600136000"),
        ("response_code_details", "a@b.com"),
        ("response_code", "500"),
    ];
    for policy in [ContentPolicy::Masked, ContentPolicy::Lengths, ContentPolicy::None] {
        leaving(&pairs, under(policy), |observation| {
            let all = format!("{observation:?}");
            for secret in [
                "13800138000",
                "a@b.com",
                "a%40b",
                "sk-abc",
                "10.1.2.3",
                "11010519",
                "41111",
                "13900139000",
                "13700137000",
                "hunter2",
                "13600136000",
            ] {
                assert!(!all.contains(secret), "{policy:?} {secret} {all}");
            }
        });
    }
    leaving(&pairs, under(ContentPolicy::Masked), |observation| {
        let trace = observation.trace.as_ref().unwrap();
        assert_eq!((trace.user_id.as_deref(), trace.session_id.as_deref()), (Some("[masked:email]"), Some("[masked:mobile]")));
        assert_eq!((metadata(observation, "[masked:mobile]"), metadata(observation, "X-Api-Key")), (Some("x"), Some("[masked:api_key]")));
    });
}

#[test]
fn an_environment_or_release_with_a_secret_is_left_out() {
    let settings = TraceSettings {
        environment: Some("13800138000".into()),
        release: Some("10.0.0.1".into()),
        version: Some("v2".into()),
        tags: vec!["a@b.com".into()],
        content: Arc::new(under(ContentPolicy::Masked)),
        ..TraceSettings::default()
    };
    leaving_under(&CHAT, &settings, |observation| {
        let trace = observation.trace.as_ref().unwrap();
        assert_eq!((text(&observation.environment), text(&trace.release), text(&trace.version)), (None, None, Some("v2")));
        assert_eq!(trace.tags[0], "[masked:email]");
    });
}

#[test]
fn ids_are_hashed_wherever_they_stand_and_under_every_policy() {
    let key = Secret::new("0123456789abcdef");
    let log = r#"{"session_id":"s-1","consumer":"alice"}"#;
    let settings =
        |policy| ContentSettings { user_id: IdForm::Hash, session_id: IdForm::Hash, hash_key: Some(key.clone()), ..under(policy) };
    for policy in [ContentPolicy::Full, ContentPolicy::Masked, ContentPolicy::None] {
        leaving(&[("ai_log", log), ("owner", "alice")], settings(policy), |observation| {
            let trace = observation.trace.as_ref().unwrap();
            assert_eq!(trace.user_id.as_deref(), Some(hashed("alice", &key).as_str()));
            assert_eq!(trace.session_id.as_deref(), Some(hashed("s-1", &key).as_str()));
            assert_eq!(metadata(observation, "consumer"), Some(hashed("alice", &key).as_str()));
            assert!(!format!("{observation:?}").contains("alice"));
        });
    }
    let joined = TraceSettings { ownership: Ownership::Join, content: Arc::new(settings(ContentPolicy::Full)), ..TraceSettings::default() };
    leaving_under(&[("ai_log", log)], &joined, |observation| {
        assert_eq!(metadata(observation, "consumer"), Some(hashed("alice", &key).as_str()));
        assert_eq!(metadata(observation, "session_id"), Some(hashed("s-1", &key).as_str()));
    });
}

#[test]
fn what_the_mapping_puts_together_is_judged_as_well() {
    let sources = |text: &str| Some(Sources::new(vec![Source::parse(text).unwrap()]).unwrap());
    let mapping = Mapping {
        user: sources("tenant"),
        name: sources("{tenant}@chat"),
        environment: sources("mail"),
        prompt_name: sources("mail"),
        prompt_version: sources("=3"),
        ..Mapping::default()
    };
    let pairs = [("tenant", "carol"), ("mail", "a@b.com")];
    let key = Secret::new("0123456789abcdef");
    let content = ContentSettings { user_id: IdForm::Hash, hash_key: Some(key.clone()), ..under(ContentPolicy::Masked) };
    for ownership in [Ownership::Own, Ownership::Join] {
        let settings =
            TraceSettings { mapping: Arc::new(mapping.clone()), content: Arc::new(content.clone()), ownership, ..TraceSettings::default() };
        leaving_under(&pairs, &settings, |observation| {
            assert_eq!(observation.name, format!("{}@chat", hashed("carol", &key)));
            assert_eq!((text(&observation.environment), &observation.prompt), (None, &None));
            let all = format!("{observation:?}");
            assert!(!all.contains("carol") && !all.contains("a@b.com") && !all.contains("a-b-com"), "{all}");
        });
    }
    let settings = TraceSettings { mapping: Arc::new(mapping), content: Arc::new(under(ContentPolicy::None)), ..TraceSettings::default() };
    leaving_under(&[("tenant", "two words"), ("mail", "words of a client")], &settings, |observation| {
        assert!(!format!("{observation:?}").contains("words"), "{observation:?}");
    });
}

#[test]
fn with_a_key_a_masked_id_becomes_its_hash_so_that_users_stay_apart() {
    let key = Secret::new("0123456789abcdef");
    let settings = ContentSettings { hash_key: Some(key.clone()), ..under(ContentPolicy::Masked) };
    leaving(&[("consumer", "13800138000")], settings, |observation| {
        let trace = observation.trace.as_ref().unwrap();
        assert_eq!(trace.user_id.as_deref(), Some(hashed("13800138000", &key).as_str()));
        assert_eq!(metadata(observation, MASKED_MARK), Some("mobile"));
    });
}

#[test]
fn kept_fields_are_left_alone() {
    let keep = ["metadata.tenant", "user_id", "status_message"].map(str::to_owned).to_vec();
    for policy in [ContentPolicy::Masked, ContentPolicy::Lengths, ContentPolicy::None] {
        let settings = ContentSettings { keep: keep.clone(), ..under(policy) };
        leaving(
            &[("tenant", "of 13800138000"), ("consumer", "a@b.com"), ("response_code", "500"), ("response_code_details", "a b")],
            settings,
            |observation| {
                assert_eq!(metadata(observation, "tenant"), Some("of 13800138000"));
                assert_eq!(observation.trace.as_ref().unwrap().user_id.as_deref(), Some("a@b.com"));
                assert_eq!(observation.status_message.as_deref(), Some("HTTP 500, a b"));
            },
        );
    }
}

#[test]
fn no_half_of_a_secret_is_left_at_a_cut_of_ours() {
    // A long text, a long field, a long key, a long id and a long reason, each cut inside the number.
    let number = "11010519491231002X";
    for shift in 0..24 {
        let cut_at = |limit: usize| format!("{} {number} and more words", "x".repeat(limit - shift));
        let question = cut_at(900_000 - CUT_MARK.len());
        let (field, key, id) = (cut_at(1500), cut_at(120), format!("{}{number}{}", "字".repeat(198 - shift), "尾".repeat(30)));
        let details = cut_at(300);
        let log = serde_json::json!({"consumer": id, "session_id": id, "api": id}).to_string();
        let pairs = [
            ("question", question.as_str()),
            ("tenant", &field),
            (&key, "x"),
            ("ai_log", &log),
            ("response_code", "500"),
            ("response_code_details", &details),
        ];
        leaving(&pairs, under(ContentPolicy::Masked), |observation| {
            let all = format!("{observation:?}");
            assert!(!all.contains("11010"), "{shift}: …{}", all.find("11010").map_or("", |at| &all[at.saturating_sub(60)..at + 40]));
        });
    }
}

#[test]
fn no_half_of_a_secret_is_left_where_a_record_breaks_off() {
    let whole =
        r#"{"model":"qwen-plus","messages":[{"role":"user","content":"in 2024, card 4111 1111 1111 1111 and 11010519491231002X, so"#;
    for cut in 60..whole.len() {
        leaving(&[("ai_log", &whole[..cut])], under(ContentPolicy::Masked), |observation| {
            let all = format!("{observation:?}");
            assert!(!all.contains("4111") && !all.contains("11010519"), "{all}");
        });
    }
    leaving(
        &[("ai_log", r#"{"model":"qwen-plus-2025","question":"hm"} 491231002X","k":1}"#)],
        under(ContentPolicy::Masked),
        |observation| {
            assert_eq!(observation.model.as_deref(), Some("qwen-plus-2025"));
        },
    );
}

#[test]
fn chosen_kinds_alone_are_masked() {
    let masking = Arc::new(Masking::new(Kinds::of([crate::masking::Kind::Email]), vec![]).unwrap());
    let settings = ContentSettings { masking, ..under(ContentPolicy::Masked) };
    leaving(&[("tenant", "a@b.com 13800138000")], settings, |observation| {
        assert_eq!(metadata(observation, "tenant"), Some("[masked:email] 13800138000"));
    });
}
