//! What is found, what is not, and that nothing else changes.

use proptest::prelude::*;

use super::*;

fn masked(text: &str) -> String {
    Masking::default().text(text, Ends::Whole, &mut Found::new()).unwrap_or_else(|| text.to_owned())
}

fn changes(pairs: &[(&str, &str)]) {
    let wrong: Vec<_> = pairs
        .iter()
        .filter(|(text, expected)| masked(text) != *expected)
        .map(|(text, expected)| (*text, *expected, masked(text)))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn stay(texts: &[&str]) {
    changes(&texts.iter().map(|text| (*text, *text)).collect::<Vec<_>>());
}

#[test]
fn identity_cards_need_province_date_and_check_digit() {
    changes(&[
        ("身份证11010519491231002X。", "身份证[masked:id_card]。"),
        ("id: 11010519491231002x", "id: [masked:id_card]"),
        ("440524188001010014", "[masked:id_card]"),
        ("110105 19491231 002X", "[masked:id_card]"),
        ("110105-1949-1231-002X,", "[masked:id_card],"),
        ("110105194912\n31002X", "[masked:id_card]"),
        ("ID11010519491231002X", "ID[masked:id_card]"),
        ("１１０１０５１９４９１２３１００２Ｘ", "[masked:id_card]"),
        ("老证110105491231002号", "老证[masked:id_card]号"),
    ]);
    stay(&["110105194912310021", "000105194912310020", "110105194913310025", "1101051949123100", "9110105194912310020"]);
}

#[test]
fn mobiles_are_found_in_every_way_they_are_written() {
    changes(&[
        ("电话13800138000吧", "电话[masked:mobile]吧"),
        ("+8613800138000", "[masked:mobile]"),
        ("+86 138-0013-8000", "[masked:mobile]"),
        ("(86)138 0013 8000", "([masked:mobile]"),
        ("008613800138000", "[masked:mobile]"),
        ("8613800138000,", "[masked:mobile],"),
        ("138 0013 8000/139 0013 9000", "[masked:mobile]/[masked:mobile]"),
        ("1380013\n8000", "[masked:mobile]"),
        ("１３８００１３８０００", "[masked:mobile]"),
        (r"\u0031\u003380013\u0038000", "[masked:mobile]"),
        (r"\n13800138000\n", r"\n[masked:mobile]\n"),
        ("1\u{200b}3800138000", "[masked:mobile]"),
        ("tel13800138000, user_13800138000_x", "tel[masked:mobile], user_[masked:mobile]_x"),
        ("1.13800138000", "1.[masked:mobile]"),
        ("138－0013－8000", "[masked:mobile]"),
        ("13800138000.", "[masked:mobile]."),
        ("2024-13800138000", "2024-[masked:mobile]"),
    ]);
    stay(&[
        "1772417401037",
        "12800138000",
        "113800138000",
        "0.13800138000",
        "a13800138000f",
        "13800138000.50",
        "1380013800",
        "150 200 300 40",
    ]);
}

#[test]
fn cards_need_a_check_digit_and_a_known_beginning() {
    changes(&[
        ("卡号6222021001116245703", "卡号6222021001116245703"),
        ("4111111111111111", "[masked:bank_card]"),
        ("4111 1111 1111 1111", "[masked:bank_card]"),
        ("4111-1111-1111-1111.", "[masked:bank_card]."),
        ("378282246310005", "[masked:bank_card]"),
        ("3782 822463 10005", "[masked:bank_card]"),
        ("5555555555554444和6011111111111117", "[masked:bank_card]和[masked:bank_card]"),
        ("4222222222222", "[masked:bank_card]"),
        ("4111 1111 1111 1111 20", "[masked:bank_card] 20"),
    ]);
    stay(&[
        "4111111111111112",
        "1772417401037000",
        "41111111111111110000000",
        "0.4111111111111111",
        "f4111111111111111a",
        "20260302021001037",
        "4444444444444444",
        "4111 111 11111 1111",
    ]);
}

#[test]
fn words_of_letters_and_digits_are_known_by_their_form() {
    changes(&[
        ("护照E12345678，", "护照[masked:passport]，"),
        ("EA1234567 G12345678", "[masked:passport] [masked:passport]"),
        ("护照号码：p1234567", "护照号码：[masked:passport]"),
        ("车牌京A12345停", "车牌[masked:plate]停"),
        ("粤B·D12345", "[masked:plate]"),
        ("沪AD12345、沪A·12345D", "[masked:plate]、[masked:plate]"),
        ("粤Z1234港来了", "[masked:plate]来了"),
        ("京Ａ１２３４５", "[masked:plate]"),
    ]);
    stay(&["e12345678", "E1234567", "AE12345678", "新API接口", "新B2024年", "京A1234567890", "在A12345", "E12345678a"]);
}

#[test]
fn addresses_of_mail_end_where_chinese_begins() {
    changes(&[
        ("邮箱zhang.san@example.com.cn。", "邮箱[masked:email]。"),
        ("<a+b@x.io>, c@d.org.", "<[masked:email]>, [masked:email]."),
        ("13800138000@qq.com", "[masked:email]"),
        ("?email=zhang%40example.com&x=1", "?email=[masked:email]&x=1"),
        ("zhang＠example．com", "[masked:email]"),
        ("a@b.com.1", "[masked:email].1"),
        (r"zhang\u0040example.com", "[masked:email]"),
    ]);
    stay(&["demo-chat@a@b", "@you", "a@b", "npm i x@1.2.3", "@a.com", "a@.com"]);
}

#[test]
fn keys_are_known_by_their_beginning() {
    for key in [
        "sk-abcdefghijklmnop1234",
        "sk-proj-AbC_123-xyz789012345",
        "sk-lf-12345678-aaaa",
        "pk-lf-12345678-aaaa",
        "AKIAIOSFODNN7EXAMPLE",
        "LTAI5tExampleExample12",
        "ghp_0123456789abcdefghijABCDEFGHIJ012345",
        "xoxb-123456789012-abcdefGHIJ",
        "AIzaSyA-0123456789abcdefghijklmnopqrstuv",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.sig_nature-x",
        "github_pat_0123456789abcdefghij_ABCDEFGHIJ",
    ] {
        assert_eq!(masked(&format!("用{key}吧")), "用[masked:api_key]吧", "{key}");
        assert_eq!(masked(&format!("{key}.")), "[masked:api_key].", "{key}");
    }
    stay(&["task-management-system-one", "risk-0123456789abcdefghij", "sk-learn", "AKIAshort", "eyJ", "disk-0123456789abcdef0123"]);
}

#[test]
fn chinese_in_percent_escapes_ends_words_and_begins_them() {
    changes(&[
        ("/q?u=%E8%81%94%E7%B3%BB13800138000%E8%B0%A2", "/q?u=%E8%81%94%E7%B3%BB[masked:mobile]%E8%B0%A2"),
        ("u=%e7%b3%bb11010519491231002X&v=1", "u=%e7%b3%bb[masked:id_card]&v=1"),
        ("u=%25E7%25B3%25BB13800138000", "u=%25E7%25B3%25BB[masked:mobile]"),
        ("u=%E7%B3%BBLTAI5tBbCC29F5jL8uj5pc57", "u=%E7%B3%BB[masked:api_key]"),
        ("u=%E4%BA%ACA12345&v=1", "u=[masked:plate]&v=1"),
        ("u=%E5%AF%86%E7%A0%81%EF%BC%9Ahunter2!&v=1", "u=%E5%AF%86%E7%A0%81%EF%BC%9A[masked:api_key]&v=1"),
        ("gbk=%C1%AA%CF%B513800138000", "gbk=%C1%AA%CF%B5[masked:mobile]"),
    ]);
    stay(&["/q?u=%E8%81%94%E7%B3%BB&v=100%25", "%E7%B3%BB138001380001", "50%fewer"]);
}

#[test]
fn values_are_secrets_by_their_name() {
    changes(&[
        ("password=hunter2", "password=[masked:api_key]"),
        ("password: hunter", "password: [masked:api_key]"),
        (r#""password": "correct horse""#, r#""password": "[masked:api_key]""#),
        (r#"\"db_password\":\"correct horse\","#, r#"\"db_password\":\"[masked:api_key]\","#),
        ("secret: s3cr3tvalue", "secret: [masked:api_key]"),
        ("X-Api-Key: abcd1234efgh", "X-Api-Key: [masked:api_key]"),
        ("X-Api-Key: abcd1234efgh@X-Api-Key: ijkl5678mnop", "X-Api-Key: [masked:api_key]: [masked:api_key]"),
        ("Authorization: Bearer abcdef123456", "Authorization: Bearer [masked:api_key]"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic [masked:api_key]"),
        (r"bearer abc\/def\/ghi123", "bearer [masked:api_key]"),
        ("map[password:hunter2 role:user]", "map[password:[masked:api_key] role:user]"),
        ("?token=abc123def&x=1", "?token=[masked:api_key]&x=1"),
        ("密码：hunter22", "密码：[masked:api_key]"),
        ("密码是hunter22，", "密码是[masked:api_key]，"),
        ("postgres://app:hunter2@db:5432/x", "postgres://app:[masked:api_key]@db:5432/x"),
        ("/v1?key=abcdef12345", "/v1?key=[masked:api_key]"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEabc\n-----END RSA PRIVATE KEY-----\nx", "[masked:api_key]\nx"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEabc\nde", "[masked:api_key]"),
        ("of it\n MIIEabcdef\nabc=\n-----END PRIVATE KEY-----", "of it\n [masked:api_key]"),
    ]);
    stay(&[
        "Password: must be at least eight characters",
        "the token: every word",
        "total_token: 1234567, max_tokens=4096",
        "the bearer certificates",
        r#"{"password": null, "token": "Hello"}"#,
        "key: value1, secret: always",
        "basic knowledge of rust2018editions",
        "https://example.com:8080/a@b",
        "密码是什么",
    ]);
}

#[test]
fn addresses_of_the_internet_are_not_versions_or_times() {
    changes(&[
        ("from 10.1.2.3:443", "from [masked:ip]:443"),
        ("http://192.168.1.1/x", "http://[masked:ip]/x"),
        ("[2001:db8::1]:443", "[[masked:ip]]:443"),
        ("fe80::1, ::1.", "[masked:ip], [masked:ip]."),
        ("2001:0db8:85a3:0000:0000:8a2e:0370:7334", "[masked:ip]"),
        ("::ffff:10.0.0.1", "[masked:ip]"),
        ("cache:2001:db8:294::8a2e:370:7334", "cache:[masked:ip]"),
        ("map[x:2001:db8::1 y", "map[x:[masked:ip] y"),
        ("1:2:3:4:5:6:7:8:443 up", "[masked:ip]:443 up"),
        ("服务器10.0.0.1的", "服务器[masked:ip]的"),
    ]);
    stay(&[
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "Chrome/120.0.0.0",
        "12:34:56",
        "std::vec",
        "a::b",
        "00:1a:2b:3c:4d:5e",
        "v1.2.3.4",
        "::",
        "10:20",
    ]);
}

#[test]
fn ids_and_times_are_not_numbers() {
    stay(&[
        "5b8aa5a2d2c872e8321cf37308d69d01",
        "00-5b8aa5a2d2c872e8321cf37308d69d01-00f067aa0ba902b7-01",
        "4b1a0c3e-4111-4111-8111-111111111111",
        "41111111-1111-1111-4111-138001380001",
        "chatcmpl-8f2d138001380004c",
        "2026-03-02T02:10:01.037Z",
        "2026-03-02 02:10:01 13:00",
        "1772417401037000000",
    ]);
}

#[test]
fn json_stays_json() {
    changes(&[
        (r#"{"phone":13800138000,"n":5}"#, r#"{"phone":"[masked:mobile]","n":5}"#),
        (r#"[{"a":"\u0031\u003380013\u0038000"}]"#, r#"[{"a":"[masked:mobile]"}]"#),
        (r#"{"a":"{\"phone\":13800138000,\"b\":\"x\\ny\"}"}"#, r#"{"a":"{\"phone\":\"[masked:mobile]\",\"b\":\"x\\ny\"}"}"#),
        (r#"{"password":"correct horse","b":1}"#, r#"{"password":"[masked:api_key]","b":1}"#),
        (r#"{"13800138000":1}"#, r#"{"[masked:mobile]":1}"#),
        (r#"{"u":"https:\/\/a:pw@b"}"#, r#"{"u":"https://a:[masked:api_key]@b"}"#),
        (r#"{"k":"Bearer abc\/def123"}"#, r#"{"k":"Bearer [masked:api_key]"}"#),
        (r#"{"a":"x\n13800138000\ny"}"#, r#"{"a":"x\n[masked:mobile]\ny"}"#),
        (r#" {"a" : "half \ud83d 13800138000"}"#, r#" {"a" : "half \\ud83d [masked:mobile]"}"#),
    ]);
}

#[test]
fn a_number_in_the_pieces_of_an_event_stream_is_found() {
    let events = |pieces: &[&str]| {
        pieces.iter().map(|piece| format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{piece}\"}}}}]}}\n\n")).collect::<String>()
    };
    let out = masked(&events(&["call ", "138", "001", "38000", " or a@", "b.com\\n", "x"]));
    assert_eq!(out, events(&["call ", "[masked:mobile]", "", "", " or [masked:email]", "\\n", "x"]));
    let cut = events(&["tel ", "138", "001"]);
    let out = Masking::default().text(&cut, Ends::Doubtful, &mut Found::new()).unwrap();
    assert_eq!(out, events(&["tel ", "[masked:cut]", ""]));
    let whole = events(&["one", " two"]);
    assert_eq!(masked(&whole), whole);
    let escaped = "data: {\"delta\":\"\\u0031380\"}\ndata: {\"delta\":\"0138000\"}\ndata: [DONE]";
    assert_eq!(masked(escaped), "data: {\"delta\":\"[masked:mobile]\"}\ndata: {\"delta\":\"\"}\ndata: [DONE]");
}

#[test]
fn what_touches_a_cut_is_left_out() {
    let at = |text: &str, ends| Masking::default().text(text, ends, &mut Found::new()).unwrap_or_else(|| text.to_owned());
    assert_eq!(masked("my id 1101051949 [truncated] 002X is, and"), "my id [masked:cut] [truncated] [masked:cut] is, and");
    assert_eq!(
        masked("card 4111 1111 11\u{fffd} [truncated] \u{fffd}11 1111 now"),
        "card [masked:cut]\u{fffd} [truncated] \u{fffd}[masked:cut] now"
    );
    assert_eq!(at("mail a@b.co… [cut]", Ends::CutAt(11)), "mail [masked:email]… [cut]");
    assert_eq!(at("mail someone@exam… [cut]", Ends::CutAt(17)), "mail [masked:cut]… [cut]");
    assert_eq!(at("in 138 0013 80", Ends::Doubtful), "in [masked:cut]");
    assert_eq!(at("我的邮箱abc@", Ends::Doubtful), "我的邮箱[masked:cut]");
    assert_eq!(at("key sk-abc", Ends::Doubtful), "key [masked:cut]");
    assert_eq!(at("车牌京A1B", Ends::Doubtful), "车牌京[masked:cut]");
    assert_eq!(at("db https://admin:wY2G9", Ends::Doubtful), "db [masked:cut]");
    for whole in ["all is well in 202", "北京AI", "see https://example.com/a:b", "see https://example.com"] {
        assert_eq!(at(whole, Ends::Doubtful), whole);
    }
    assert_eq!(at(r#"[{"a":"in 2024"},{"b":"tel 1380013"}]"#, Ends::Doubtful), r#"[{"a":"in 2024"},{"b":"tel [masked:cut]"}]"#);
}

#[test]
fn patterns_of_the_operator_are_found_beside_the_others() {
    let pattern = |name: &str, regex: &str| Pattern { name: name.into(), regex: regex.into() };
    let masking =
        Masking::new(Kinds::of([Kind::Email]), vec![pattern("staff", "工号[:：][0-9]{4}"), pattern("ticket", r"\b(?i:t)-[\d_]+\b")])
            .unwrap();
    let mut found = Found::new();
    let text = masking.text("工号：1234，T-77，T－88，a@b.com，13800138000", Ends::Whole, &mut found).unwrap();
    assert_eq!(text, "[masked:staff]，[masked:ticket]，[masked:ticket]，[masked:email]，13800138000");
    assert_eq!(found.iter().map(|kind| masking.name(*kind)).collect::<Vec<_>>(), ["email", "staff", "ticket"]);
}

#[test]
fn a_pattern_that_cannot_be_carried_out_is_refused() {
    for (name, regex) in
        [("a", "("), ("a", "(?=x)"), ("a", "x*"), ("a", ""), ("a", r"(?:\w{100}){100}"), ("email", "x"), ("A b", "x"), ("cut", "x")]
    {
        assert!(Pattern { name: name.into(), regex: regex.into() }.check().is_err(), "{name} {regex}");
    }
    assert_eq!(Pattern { name: "a_1".into(), regex: r"(?i)\bemp\d{6}\b|[一-龥]{2}号|\S+@corp".into() }.check(), Ok(()));
}

#[test]
fn a_hostile_text_takes_no_longer_than_another_of_its_length() {
    // Each of these would take hours if a closer look began at every byte and ran to the end.
    for part in [
        "\\",
        ":",
        "a:",
        "token=",
        "password:",
        "-----BEGIN ",
        "-----END ",
        "%25",
        "1 ",
        "1",
        "a@",
        "@",
        "[truncated]",
        "sk-",
        "京A",
        "密码是",
        "bearer ",
        "://",
        "data:{\"text\":\"1\"}\n",
        "[\"",
        "{\"a\":",
        "1.",
        "\u{200b}",
        "eyJ.",
        "13800138000",
        "&#6",
        "Bearer",
    ] {
        masked(&part.repeat(300_000 / part.len()));
    }
}

/// One secret of each kind, valid whatever stands around it.
const SECRETS: [&str; 14] = [
    "11010519491231002X",
    "440524188001010014",
    "13800138000",
    "+86 139-0013-9000",
    "4111111111111111",
    "5555 5555 5555 4444",
    "E12345678",
    "京A12345",
    "zhang.san@example.com",
    "sk-abcdefghijklmnop1234",
    "LTAI5tExampleExample12",
    "password=hunter2hunter2",
    "10.1.2.3",
    "2001:db8::8a2e:370:7334",
];

/// The part of a secret that must not be left.
fn core(secret: &str) -> &str {
    secret.strip_prefix("password=").unwrap_or(secret)
}

/// Text that is no part of a secret: it begins and ends with what is in no word.
fn around() -> impl Strategy<Value = String> {
    "([a-z]{1,8}|[你我他的电话是，。！ \n\t]{1,6}|[\"\\\\{}<>()]){0,6}"
}

#[test]
fn a_value_that_is_longer_than_is_looked_at_is_covered_up_to_a_whole_character() {
    for ascii in 0..8 {
        let text = format!(r#"[truncated] {{"input_token":"{}{}", x"#, "a".repeat(ascii), "字".repeat(400));
        for ends in [Ends::Whole, Ends::Doubtful, Ends::CutAt(text.len() - 3)] {
            let masked = Masking::default().text(&text, ends, &mut Found::new()).unwrap();
            assert!(masked.contains(r#"{"input_token":"[masked:api_key]字"#), "{masked}");
        }
    }
}

proptest! {
    #[test]
    fn a_planted_secret_never_survives(before in around(), after in around(), secret in prop::sample::select(&SECRETS[..])) {
        let text = format!("{before} {secret} {after}");
        prop_assert!(!masked(&text).contains(core(secret)), "{}", masked(&text));
        let glued = format!("{before}是{secret}的{after}");
        prop_assert!(!masked(&glued).contains(core(secret)), "{}", masked(&glued));
    }

    #[test]
    fn nor_inside_json_however_it_is_escaped(before in around(), after in around(), secret in prop::sample::select(&SECRETS[..]), depth in 0..4) {
        let escaped: String = secret.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
        let mut json = format!(r#"{{"k":[{},"{escaped}",1]}}"#, serde_json::json!(format!("{before} {secret} {after}")));
        for _ in 0..depth {
            json = serde_json::json!([{"arguments": json}]).to_string();
        }
        let out = masked(&json);
        let mut inner: serde_json::Value = serde_json::from_str(&out).unwrap();
        for _ in 0..depth {
            inner = serde_json::from_str(inner[0]["arguments"].as_str().unwrap()).unwrap();
        }
        let read = inner.to_string();
        prop_assert!(!read.contains(core(secret)) && !out.contains(core(secret)), "{}", read);
    }

    #[test]
    fn a_secret_that_is_cut_anywhere_leaves_no_half(before in around(), secret in prop::sample::select(&SECRETS[..]), share in 0.0..1.0f64) {
        let kept = secret.floor_char_boundary((secret.len() as f64 * share) as usize);
        let text = format!("{before} {}", &secret[..kept]);
        let ends = Ends::CutAt(text.len());
        let out = Masking::default().text(&format!("{text}… [cut]"), ends, &mut Found::new()).unwrap_or(text.clone());
        let left = &secret[..secret.floor_char_boundary(kept.min(secret.len() / 2))];
        prop_assert!(left.len() < 5 || !out.contains(left), "{}", out);
        let seam = format!("{text} [truncated] {} {before}", &secret[kept..]);
        prop_assert!(kept < 5 || kept + 5 > secret.len() || (!masked(&seam).contains(&secret[..kept]) && !masked(&seam).contains(&secret[kept..])), "{}", masked(&seam));
    }

    #[test]
    fn any_text_is_searched_without_a_panic_and_twice_is_as_once(text in any::<String>(), json in prop::collection::vec(any::<String>(), 0..4)) {
        let events = format!("data: {text}\ndata: {{\"text\":\"{text}\",\"content\":\"{text}");
        for ends in [Ends::Whole, Ends::Doubtful, Ends::CutAt(events.len())] {
            Masking::default().text(&events, ends, &mut Found::new());
        }
        let once = masked(&text);
        prop_assert_eq!(masked(&once), once);
        let json = serde_json::json!(json).to_string();
        prop_assert!(serde_json::from_str::<serde_json::Value>(&masked(&json)).is_ok());
    }

    #[test]
    fn text_without_secrets_stays_as_it_is(text in "([a-z]{1,10}|[0-9]{1,5}[,，。 \n]|[\u{4e00}-\u{4e10}]{1,8}|[ ,.!?:=，。\n\"\\\\%]){0,40}") {
        // Ten numbers with a blank between may happen to be a card.
        let text = text.replace(' ', "；");
        // Two colons and a digit are an address.
        prop_assume!(!text.contains("::"));
        prop_assert_eq!(masked(&text), text);
    }
}
