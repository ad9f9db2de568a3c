//! The rule of each sort of value: a text in, a value or the broken rule out.
//!
//! Pure, and blind to names and places. A rule is a phrase such as "must be …" and never contains the text it judges.

use crate::secret::Secret;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::sls::endpoint::{self, Endpoint, EndpointSettings};
use crate::trace::prices::{self, Price};

/// A broken rule, as a phrase.
pub(super) type Rule = Cow<'static, str>;

const LONGEST_REQUEST: Duration = Duration::from_secs(900);

/// Ten years: longer than any Logstore keeps its logs unless for ever, and far from overflowing a clock.
const LONGEST_AGE_DAYS: u64 = 3650;

/// The SDKs of Langfuse drop longer values of a trace (`reference/langfuse.md` §7).
const LONGEST_LABEL: usize = 200;

/// `true/false`, `1/0`, `yes/no`, `on/off` in any case.
pub(super) fn switch(text: &str) -> Result<bool, Rule> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("must be true or false".into()),
    }
}

/// Seconds above 0 and up to 900, also decimal.
pub(super) fn seconds(text: &str) -> Result<Duration, Rule> {
    let duration = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration
        .filter(|duration| !duration.is_zero() && *duration <= LONGEST_REQUEST)
        .ok_or_else(|| "must be a number of seconds above 0 and at most 900".into())
}

/// A share from 0 to 1.
pub(super) fn share(text: &str) -> Result<f64, Rule> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "must be a number from 0 to 1".into())
}

/// Any number.
pub(super) fn number(text: &str) -> Result<f64, Rule> {
    let number = text.replace('_', "").parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| "must be a number".into())
}

/// CNY for one USD. The reverse rate, a common mistake, lies below 1.
pub(super) fn cny_per_usd(text: &str) -> Result<f64, Rule> {
    let rate = text.parse().ok().filter(|rate| (1.0..=100.0).contains(rate));
    rate.ok_or_else(|| "must be how many CNY one USD costs, a number from 1 to 100".into())
}

/// A file of prices.
pub(super) fn prices(content: &[u8]) -> Result<Vec<Arc<Price>>, Rule> {
    prices::own_prices(content).map_err(|error| {
        let entry = r#"pattern = "my-model", currency = "CNY", tiers = [{ input = 0.8, output = 2 }]"#;
        format!("must name a file of prices per 1M tokens, with entries such as {entry}; {error}").into()
    })
}

/// `alias=model`, by alias in lower case.
pub(super) fn aliases(text: &str) -> Result<BTreeMap<String, String>, Rule> {
    let rule = || Rule::from("must be alias=model, separated by commas, each alias once");
    let mut aliases = BTreeMap::new();
    for element in elements(text) {
        let (alias, model) = element.split_once('=').map(|(alias, model)| (alias.trim(), model.trim())).ok_or_else(rule)?;
        let is_name = |name: &str| !name.is_empty() && !name.contains('=') && !name.chars().any(char::is_control);
        if !is_name(alias) || !is_name(model) || aliases.insert(alias.to_lowercase(), model.to_owned()).is_some() {
            return Err(rule());
        }
    }
    Ok(aliases)
}

/// `90s`, `30m`, `6h`, `2d`, or `off` as None. A bare number says nothing about its unit and is refused.
pub(super) fn age(text: &str) -> Result<Option<Duration>, Rule> {
    let lower = text.to_ascii_lowercase();
    if lower == "off" {
        return Ok(None);
    }
    let units = [("s", 1), ("m", 60), ("h", 3600), ("d", 86400)];
    let seconds = units.iter().find_map(|(unit, length)| digits(lower.strip_suffix(unit)?)?.checked_mul(*length));
    match seconds {
        Some(seconds @ 1..) if seconds <= LONGEST_AGE_DAYS * 86400 => Ok(Some(Duration::from_secs(seconds))),
        _ => Err("must be a whole number with a unit (90s, 30m, 6h, 2d; at most 3650d) or off".into()),
    }
}

fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The address of a Langfuse server: normalised by the parser that the HTTP client uses, without trailing slashes.
pub(super) fn base_url(text: &str) -> Result<String, Rule> {
    let rule = || Rule::from("must be an http or https URL with a host, without user, query or fragment");
    let written_out =
        ["http://", "https://"].iter().any(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    // The parser drops or turns these instead of refusing them.
    if !written_out || text.contains(['@', '?', '#', '\\']) || text.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
        return Err(rule());
    }
    let url = reqwest::Url::parse(text).map_err(|_| rule())?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err(rule());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// A proxy: an http or https URL, which may carry user and password, or host and port alone.
pub(super) fn proxy(text: &str) -> Result<Secret, Rule> {
    let rule = || Rule::from("must be the http or https URL of a proxy, or its host and port");
    let url = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let parsed = reqwest::Url::parse(&url).map_err(|_| rule())?;
    let usable = matches!(parsed.scheme(), "http" | "https") && parsed.host_str().is_some_and(|host| !host.is_empty());
    if usable && reqwest::Proxy::all(&url).is_ok() { Ok(Secret::new(url)) } else { Err(rule()) }
}

/// A key or token: it travels in headers, so it is printable ASCII without blanks.
pub(super) fn key(text: &str) -> Result<String, Rule> {
    let printable = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    printable.then(|| text.to_owned()).ok_or_else(|| "must be a key of printable ASCII characters without blanks".into())
}

/// A user name of basic authentication, which ends at the first colon.
pub(super) fn public_key(text: &str) -> Result<String, Rule> {
    key(text).and_then(|key| if key.contains(':') { Err("must be a Langfuse public key, which holds no colon".into()) } else { Ok(key) })
}

/// `^(?!langfuse)[a-z0-9_-]{1,40}$` (`reference/langfuse.md` §5).
pub(super) fn environment(text: &str) -> Result<String, Rule> {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    let valid = (1..=40).contains(&text.len()) && text.bytes().all(known) && !text.starts_with("langfuse");
    valid.then(|| text.to_owned()).ok_or_else(|| "must be 1 to 40 of a-z, 0-9, _ and -, not beginning with langfuse".into())
}

/// A release, a version or a tag.
pub(super) fn label(text: &str) -> Result<String, Rule> {
    let valid = !text.is_empty() && text.chars().count() <= LONGEST_LABEL && !text.chars().any(char::is_control);
    valid.then(|| text.to_owned()).ok_or_else(|| "must be text of 1 to 200 characters without control characters".into())
}

/// The operator's own endpoint, as text that resolves.
pub(super) fn endpoint(text: &str) -> Result<String, Rule> {
    let settings = EndpointSettings { replacement: Some(text.to_owned()), ..EndpointSettings::default() };
    match Endpoint::resolve("", &settings) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => {
            Err("must be an SLS endpoint: a host or IPv4 address, with http:// or https:// before it and :port behind it if needed".into())
        }
    }
}

/// Exact hosts, lower-case, without their ports.
pub(super) fn hosts(text: &str) -> Result<Vec<String>, Rule> {
    elements(text)
        .map(endpoint::allowed_host)
        .collect::<Result<_, _>>()
        .map_err(|_| "must be exact hosts separated by commas: no scheme, path or wildcard; a port is allowed and has no effect".into())
}

/// A region id such as `cn-hangzhou`.
pub(super) fn region(text: &str) -> Result<String, Rule> {
    let valid = text.len() <= 64
        && text.split('-').all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()));
    valid.then(|| text.to_owned()).ok_or_else(|| "must be a region id of Alibaba Cloud".into())
}

/// A Logstore name (`reference/sls.md` §1).
pub(super) fn logstore(text: &str) -> Result<String, Rule> {
    let rule = "must be a Logstore name: 2 to 80 of a-z, 0-9, - and _, beginning and ending with a letter or digit";
    endpoint::is_logstore_name(text).then(|| text.to_owned()).ok_or_else(|| rule.into())
}

/// Any text.
pub(super) fn any(text: &str) -> Result<String, Rule> {
    Ok(text.to_owned())
}

/// The elements of comma text, trimmed, without the empty ones.
pub(super) fn elements(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted<T>(rule: fn(&str) -> Result<T, Rule>, texts: &[&str]) {
        texts.iter().for_each(|text| assert!(rule(text).is_ok(), "{text}"));
    }

    fn refused<T>(rule: fn(&str) -> Result<T, Rule>, texts: &[&str]) {
        texts.iter().for_each(|text| assert!(rule(text).is_err(), "{text}"));
    }

    #[test]
    fn a_switch_is_one_of_eight_words_in_any_case() {
        for text in ["true", "TRUE", "1", "yes", "Yes", "on"] {
            assert_eq!(switch(text), Ok(true));
        }
        for text in ["false", "False", "0", "no", "off", "OFF"] {
            assert_eq!(switch(text), Ok(false));
        }
        refused(switch, &["", "2", "y", "enabled", "tru e"]);
    }

    #[test]
    fn seconds_are_above_zero_and_at_most_900() {
        assert_eq!(seconds("30"), Ok(Duration::from_secs(30)));
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        accepted(seconds, &["900", "1.0"]);
        refused(seconds, &["0", "-1", "900.1", "nan", "inf", "30s", "1e-30", ""]);
    }

    #[test]
    fn a_share_lies_between_0_and_1() {
        assert_eq!(share("0.25"), Ok(0.25));
        accepted(share, &["0", "1", "1.0"]);
        refused(share, &["-0.1", "1.0001", "nan", "25%", ""]);
    }

    #[test]
    fn a_rate_is_not_its_reverse() {
        assert_eq!(cny_per_usd("7.1"), Ok(7.1));
        accepted(cny_per_usd, &["1", "100"]);
        refused(cny_per_usd, &["0.14", "0", "-7", "100.1", "nan", "inf", "7,1", ""]);
    }

    #[test]
    fn an_alias_stands_once_and_names_a_model() {
        let expected = [("chat", "qwen-plus"), ("gw/fast", "Qwen-Flash")].map(|(alias, model)| (alias.to_owned(), model.to_owned()));
        assert_eq!(aliases("Chat = qwen-plus, gw/fast=Qwen-Flash,"), Ok(BTreeMap::from(expected)));
        refused(aliases, &["chat", "=m", "a=", "a=b=c", "a=b,A=c", "a=b\u{1}"]);
    }

    #[test]
    fn an_age_needs_its_unit() {
        let seconds = |count| Ok(Some(Duration::from_secs(count)));
        assert_eq!(age("90s"), seconds(90));
        assert_eq!(age("30m"), seconds(1800));
        assert_eq!(age("6h"), seconds(21600));
        assert_eq!(age("2D"), seconds(172_800));
        assert_eq!(age("Off"), Ok(None));
        refused(
            age,
            &["6", "0", "0h", "h", "", "-1h", "+1h", "1.5h", "6 h", "1w", "3651d", "99999999999999999999d", "18446744073709551615d"],
        );
    }

    #[test]
    fn a_base_url_loses_its_trailing_slashes_and_keeps_its_prefix() {
        let cases = [
            ("https://cloud.langfuse.com", "https://cloud.langfuse.com"),
            ("HTTPS://Cloud.Langfuse.com:443//", "https://cloud.langfuse.com"),
            ("http://10.0.0.1:3000/", "http://10.0.0.1:3000"),
            ("https://intern.example/tools/langfuse/", "https://intern.example/tools/langfuse"),
            ("http://[::1]:3000", "http://[::1]:3000"),
        ];
        for (text, expected) in cases {
            assert_eq!(base_url(text).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn a_base_url_that_is_not_only_an_address_is_refused() {
        refused(
            base_url,
            &[
                "",
                "cloud.langfuse.com",
                "ftp://h",
                "https:h",
                "https://",
                "https:///",
                "https://user@h",
                "https://user:key@h",
                "https://@h",
                "https://h?x=1",
                "https://h?",
                "https://h#x",
                "https://h\\x",
                "https://h /x",
                "https://h\n",
                "https://h:port",
                "日志",
            ],
        );
    }

    #[test]
    fn keys_are_printable_and_a_public_key_has_no_colon() {
        accepted(key, &["sk-lf-1", "a:b", "x+/="]);
        refused(key, &["", "a b", "a\n", "ключ"]);
        accepted(public_key, &["pk-lf-1"]);
        refused(public_key, &["pk:1", ""]);
    }

    #[test]
    fn an_environment_is_what_every_version_of_langfuse_accepts() {
        accepted(environment, &["production", "a", "a_b-c", "x-langfuse", &"e".repeat(40)]);
        refused(environment, &["", "Production", "langfuse", "langfuse-x", "a.b", "a b", &"e".repeat(41)]);
    }

    #[test]
    fn a_label_has_up_to_200_characters() {
        accepted(label, &["v1.2.3", "发布 7", &"版".repeat(200)]);
        refused(label, &["", "a\nb", &"版".repeat(201)]);
    }

    #[test]
    fn hosts_are_exact_and_lose_their_ports() {
        assert_eq!(hosts("A.example:8080, 10.0.0.1 ,"), Ok(vec!["a.example".to_owned(), "10.0.0.1".to_owned()]));
        refused(hosts, &["https://a.example", "a.example/x", "*.example", "a.example:https"]);
    }

    #[test]
    fn names_of_alibaba_follow_its_rules() {
        accepted(endpoint, &["cn-hangzhou.log.aliyuncs.com", "http://10.0.0.1:8080/", "https://sls.example.com"]);
        refused(endpoint, &["", "ftp://h", "https://h/x", "::1"]);
        accepted(region, &["cn-hangzhou", "ap-southeast-1"]);
        refused(region, &["", "CN", "cn--x", "cn_hangzhou", "cn/x"]);
        accepted(logstore, &["dead-letters", "a_1"]);
        refused(logstore, &["", "A", "a/b", "-a"]);
    }
}
