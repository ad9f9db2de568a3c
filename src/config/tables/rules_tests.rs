//! The tables that choose records, from their text to settings or problems.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::super::{Config, load, load_without_keys};
use crate::delivery::destination::{Compression, IngestionApi};
use crate::select::{OnRefusal, SampleBy, Test};

const A: &str = "[destination.a]\nhost = 'https://a.example.com/'\npublic_key = 'env:A_PUBLIC'\nsecret_key = 'file:/secret'\n";

fn files(text: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    [("/rules.toml", text), ("/secret", "sentinel-secret\n")].map(|(path, text)| (path.into(), text.into())).into()
}

fn variables(more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let file = [("CONFIG_FILE", "/rules.toml"), ("A_PUBLIC", "pk-a")];
    file.iter().chain(more).map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

const FLAT: [(&str, &str); 3] =
    [("LANGFUSE_HOST", "https://flat.example.com"), ("LANGFUSE_PUBLIC_KEY", "pk-flat"), ("LANGFUSE_SECRET_KEY", "sk-flat")];

fn loaded(text: &str, more: &[(&str, &str)]) -> Config {
    load(&variables(more), &files(text)).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The problems of a file, without their examples.
fn problems(text: &str) -> Vec<String> {
    let problems = load(&variables(&FLAT), &files(text)).unwrap_err();
    let told: Vec<_> = problems.iter().map(|one| format!("{} ({}): {}", one.setting, one.place, one.rule)).collect();
    assert!(!told.join("\n").contains("sentinel"), "{told:?}");
    told
}

#[test]
fn a_destination_takes_what_it_does_not_say_from_the_flat_settings() {
    let more = [("LANGFUSE_INGESTION", "otlp"), ("LANGFUSE_SDK_TIMEOUT", "7"), ("OTEL_EXPORTER_OTLP_COMPRESSION", "none")];
    let rules = format!("{A}[[route]]\nname = 'all'\nto = 'a'");
    let config = loaded(&rules, &more);
    let [a] = config.destinations.as_slice() else { panic!("{config:?}") };
    assert_eq!((a.name.as_deref(), a.base_url.as_str(), a.public_key.as_str()), (Some("a"), "https://a.example.com", "pk-a"));
    assert_eq!(a.secret_key.expose(), "sentinel-secret");
    assert_eq!((a.api, a.request_timeout, a.compression), (IngestionApi::Otlp, Duration::from_secs(7), Compression::None));
    assert_eq!(config.selection.routes.rules[0].on_refusal, OnRefusal::DeadLetter);
    assert!(!format!("{config:?}").contains("sentinel"));
    let own = rules.replace("secret_key", "ingestion = 'batch'\ntimeout = 3\ncompression = 'gzip'\nsecret_key");
    let a = &loaded(&own, &more).destinations[0];
    assert_eq!((a.api, a.request_timeout, a.compression), (IngestionApi::Batch, Duration::from_secs(3), Compression::Gzip));
}

#[test]
fn the_flat_destination_is_needed_only_where_a_route_names_it_or_there_are_none() {
    let to = |to: &str| {
        format!(
            "{A}[[route]]\nname = 'one'\nwhen = [{{ field = 'consumer', exists = true }}]\nto = 'a'\n[[route]]\nname = 'two'\nto = {to}"
        )
    };
    assert_eq!(loaded(&to("'a'"), &[]).destinations.len(), 1);
    assert_eq!(loaded(&to("'a'"), &FLAT).destinations.len(), 1, "set beside the routes it gets nothing");
    let both = loaded(&to("['a', 'default']"), &FLAT);
    assert_eq!(both.destinations.iter().map(|one| one.name.as_deref()).collect::<Vec<_>>(), [None, Some("a")]);
    assert_eq!(both.selection.routes.rules.iter().map(|route| route.to.clone()).collect::<Vec<_>>(), [vec![1], vec![1, 0]]);
    let missing = load(&variables(&[]), &files(&to("'default'"))).unwrap_err();
    let missing: Vec<_> = missing.iter().map(|problem| problem.setting.clone()).collect();
    assert_eq!(missing, ["LANGFUSE_HOST", "LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"]);
}

#[test]
fn a_run_that_sends_nothing_needs_neither_keys_nor_an_address() {
    let rules = format!("{}[[route]]\nname = 'all'\nto = ['a', 'default']", A.replace("/secret", "/nowhere"));
    let config = load_without_keys(&BTreeMap::from([("CONFIG_FILE".to_owned(), "/rules.toml".to_owned())]), &files(&rules)).unwrap();
    assert_eq!(config.destinations.len(), 2);
    let none = load_without_keys(&BTreeMap::new(), &BTreeMap::<PathBuf, Vec<u8>>::new()).unwrap();
    assert_eq!(none.destinations.len(), 1);
    assert!(load_without_keys(&variables(&[("LANGFUSE_SAMPLE_RATE", "2")]), &files(&rules)).is_err());
}

#[test]
fn every_operator_is_read() {
    let rules = "[[filter]]\nname = 'f'\naction = 'Exclude'\nwhen = [
        { field = 'a', in = ['pmcs', 'y'], prefix = 'p', suffix = 's', contains = 'c', matches = '^pm', exists = true },
        { field = 'b', above = 1, below = 2.5, not = { equals = 'n', prefix = 'o' } },
    ]";
    let when = &loaded(rules, &FLAT).selection.filter.rules[0].when;
    let names: Vec<_> = when.iter().map(|condition| format!("{} {:?}", condition.field, condition.test)).collect();
    assert_eq!(names.len(), 9, "{names:?}");
    assert!(when.iter().any(|condition| condition.test == Test::Below(2.5)));
    let not = Test::Not(vec![Test::Equals("n".into()), Test::Prefix("o".into())]);
    assert!(when.iter().any(|condition| condition.field.as_str() == "b" && condition.test == not));
}

#[test]
fn sampling_is_read_and_has_its_defaults() {
    let plain = loaded("", &FLAT).selection.sampling;
    assert_eq!((plain.by, plain.slow_above, plain.rules.len()), (SampleBy::Trace, Some(Duration::from_secs(60)), 0));
    let text = "[sampling]\nby = 'session'\nslow_above = 'off'\n[[sampling.rule]]\nname = 't'\nrate = 0.25\n";
    let sampling = loaded(text, &FLAT).selection.sampling;
    assert_eq!((sampling.by, sampling.slow_above, sampling.rules[0].rate), (SampleBy::Session, None, 0.25));
}

#[test]
fn each_mistake_is_told_with_line_rule_and_advice() {
    let filter = |when: &str| format!("[[filter]]\nname = 'f'\naction = 'exclude'\nwhen = {when}");
    for (text, expected) in [
        (filter("[]"), "filter.when (CONFIG_FILE line 4): must hold at least one condition; a rule for all records has no when"),
        (filter("[{ field = 'a[', equals = 'x' }]"), "filter.when.field (CONFIG_FILE line 4): must be"),
        (filter("[{ field = 'a' }]"), "filter.when.field (CONFIG_FILE line 4): must say what the value is tested for: equals, in,"),
        (filter("[{ equals = 'sentinel' }]"), "filter.when.field (CONFIG_FILE line 4): must be set in this table"),
        (
            filter("[{ field = 'a', equal = 'sentinel' }]"),
            "filter.when.equal (CONFIG_FILE line 4): must be a key of this table; did you mean equals?",
        ),
        (filter("[{ field = 'a', matches = '(sentinel' }]"), "filter.when.matches (CONFIG_FILE line 4): must be a regular expression"),
        (filter("[{ field = 'a', prefix = '' }]"), "filter.when.prefix (CONFIG_FILE line 4): must not be empty"),
        (
            filter("[{ field = 'a', equals = '-' }]"),
            "filter.when.equals (CONFIG_FILE line 4): must be a value; this stands for none: exists = false",
        ),
        (filter("[{ field = 'a', in = ['x', ''] }]"), "filter.when.in (CONFIG_FILE line 4): must be a value; this stands for none"),
        (filter("[{ field = 'a', in = [] }]"), "filter.when.in (CONFIG_FILE line 4): must be a list of at least one text"),
        (filter("[{ field = 'a', not = {} }]"), "filter.when.not.equals (CONFIG_FILE line 4): must say what"),
        (
            filter("[{ field = 'a', equals = 'x' }, { field = 'a', equals = 'y' }]"),
            "filter.when (CONFIG_FILE line 1): can never hold: its conditions exclude each other",
        ),
        ("[[filter]]\nname = 'f'\naction = 'drop'".into(), "filter.action (CONFIG_FILE line 3): must be one of include, exclude"),
        ("[[filter]]\nname = 'f'".into(), "filter.action (CONFIG_FILE line 1): must be set in this table"),
        ("[filter]\nname = 'f'".into(), "filter (CONFIG_FILE line 1): must be a list of tables"),
        ("[sampling]\nby = 'user'".into(), "sampling.by (CONFIG_FILE line 2): must be one of trace, session"),
        ("[sampling]\nslow_above = '60'".into(), "sampling.slow_above (CONFIG_FILE line 2): must be a whole number with a unit"),
        ("[[sampling.rule]]\nname = 't'\nrate = 2".into(), "sampling.rule.rate (CONFIG_FILE line 3): must be a number from 0 to 1"),
        (
            format!("{A}[[route]]\nname = 'r'\nto = 'aa'"),
            "route.to (CONFIG_FILE line 7): must be the NAME of a [destination.NAME], or default; ",
        ),
        (format!("{A}[[route]]\nname = 'r'\nto = ['a', 'a']"), "route.to (CONFIG_FILE line 7): must name each destination once"),
        (format!("{A}[[route]]\nname = 'r'\nto = []"), "route.to (CONFIG_FILE line 7): must name at least one destination"),
        (A.into(), "destination.a.host (CONFIG_FILE line 1): must be named by a [[route]], in its to; or take the table out"),
        (A.replace(".a]", ".default]"), "destination.default.host (CONFIG_FILE line 1): must have another name"),
        (
            A.replace("env:A_PUBLIC", "env:MISSING"),
            "destination.a.public_key (CONFIG_FILE line 3): must refer to a variable that is set: MISSING",
        ),
        (A.replace("https://a", "ftp://a"), "destination.a.host (CONFIG_FILE line 2): must be an http or https URL"),
    ] {
        let told = problems(&text);
        assert!(told.iter().any(|one| one.starts_with(expected)), "{expected}\n{told:#?}");
    }
}

#[test]
fn rules_that_cannot_be_meant_are_told_with_the_other_rule() {
    let rule = |name: &str, when: &str| format!("[[filter]]\nname = '{name}'\naction = 'exclude'\n{when}\n");
    let of = |consumer: &str| format!("when = [{{ field = 'consumer', equals = '{consumer}' }}]");
    let told = |rules: &[String]| problems(&rules.concat());
    assert_eq!(
        told(&[rule("one", &of("a")), rule("one", &of("b"))]),
        ["filter.name (CONFIG_FILE line 5): must have a name of its own; there is one of this name on line 1"]
    );
    assert_eq!(
        told(&[rule("one", "# all"), rule("two", &of("a"))]),
        [
            "filter.when (CONFIG_FILE line 5): can never be reached: one (line 1) stands before it and takes every record; move that one behind it"
        ]
    );
    let with_another = format!("langfuse_sample_rate = 2\n{}{}", rule("one", "# all"), rule("two", &of("a")));
    assert_eq!(problems(&with_another).len(), 2, "a mistake elsewhere hides none");
    let misspelt = rule("other", "when = [{ feld = 'consumer', equals = 'a' }]");
    let lines = |told: Vec<String>| told.iter().map(|one| one.split(':').next().unwrap_or("").to_owned()).collect::<Vec<_>>();
    assert_eq!(
        lines(told(&[misspelt.clone(), rule("one", &of("a")), rule("two", &of("a")), rule("three", &of("b")), rule("four", &of("b"))])),
        [
            "filter.when.feld (CONFIG_FILE line 4)",
            "filter.when.field (CONFIG_FILE line 4)",
            "filter.when (CONFIG_FILE line 9)",
            "filter.when (CONFIG_FILE line 17)"
        ],
        "all at once, and a rule that could not be read takes nothing from the others"
    );
    let unreadable = rule("first", "when = 'consumer'");
    assert_eq!(lines(told(&[unreadable, rule("one", &of("a"))])), ["filter.when (CONFIG_FILE line 4)"]);
    let narrower = "when = [{ field = 'consumer', equals = 'a' }, { field = 'api', exists = true }]";
    assert_eq!(
        told(&[rule("one", &of("b")), rule("two", &of("a")), rule("three", narrower)]),
        [
            "filter.when (CONFIG_FILE line 9): can never be reached: two (line 5) stands before it and takes every record that this one would; \
          move that one behind it"
        ]
    );
}
