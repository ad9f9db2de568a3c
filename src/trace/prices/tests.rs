//! The shipped list holds together (`reference/model-prices.md`, "Refresh"), and names find their prices.

use std::collections::BTreeSet;

use super::entry::PriceEntry;
use super::*;

fn entries() -> Vec<PriceEntry> {
    list::json(LIST).unwrap()
}

fn book(region: Region) -> PriceBook {
    PriceBook::new(PriceSettings { region, ..PriceSettings::default() })
}

fn with_own(own: &str) -> PriceSettings {
    PriceSettings { own: own_prices(own.as_bytes()).unwrap(), ..PriceSettings::default() }
}

/// The price of the first tier for input, and who says so.
fn found(book: &PriceBook, model: &str) -> Option<(f64, String)> {
    book.price(model).map(|quote| quote.price).map(|price| (price.tier(0).unwrap().input, price.origin.clone()))
}

fn input(book: &PriceBook, model: &str) -> Option<f64> {
    found(book, model).map(|(input, _)| input)
}

#[test]
fn every_entry_of_the_shipped_list_obeys_the_rules() {
    let entries = entries();
    assert_eq!(entries.len(), 156);
    for entry in &entries {
        let price = entry.price().and_then(Price::checked).unwrap_or_else(|rule| panic!("{}: {rule}", entry.pattern));
        assert!(price.region.is_some() && price.origin.contains(" 202"), "{}", entry.pattern);
    }
    assert_eq!(list::shipped_prices(LIST).len(), entries.len());
}

#[test]
fn every_example_finds_its_own_entry_first_in_its_region() {
    let prices: Vec<_> = entries().iter().map(|entry| (entry.examples.clone(), entry.price().unwrap())).collect();
    let list: Vec<_> = prices.iter().map(|(_, price)| price.clone()).collect();
    for (examples, price) in &prices {
        assert!(!examples.is_empty());
        for example in examples {
            let first = first_match(&list, price.region.unwrap(), example).unwrap();
            assert!(Arc::ptr_eq(&first, price), "{example}");
        }
    }
}

#[test]
fn no_input_is_dearer_from_an_automatic_cache() {
    for entry in entries() {
        for tier in &entry.tiers {
            let cached = [tier.input_cached, tier.input_cached_explicit];
            assert!(cached.into_iter().flatten().all(|cached| cached <= tier.input), "{}", entry.pattern);
        }
    }
}

#[test]
fn prefixes_snapshots_and_case_do_not_matter() {
    let book = book(Region::Cn);
    for name in [
        "qwen-plus",
        "Qwen-Plus",
        "qwen-plus-latest",
        "qwen-plus-2025-07-28",
        "qwen-plus-20250728",
        "qwen-plus-0728",
        "dashscope/qwen-plus",
        "openrouter/qwen/qwen-plus",
    ] {
        assert_eq!(input(&book, name), Some(0.8), "{name}");
    }
    assert_eq!(input(&book, "ZHIPU/GLM-5"), input(&book, "glm-5"));
    assert_eq!(input(&book, "doubao-seed-1-6-251015"), input(&book, "doubao-seed-1.6"));
}

#[test]
fn a_similar_name_is_another_model() {
    let book = book(Region::Cn);
    for name in
        ["qwen-plus-x", "my-qwen-plus", "qwen", "dashscope:qwen-plus", "qwen-plus/x", "", "/", "gpt-4o", "claude-sonnet-4-5", "千问"]
    {
        assert_eq!(found(&book, name), None, "{name}");
    }
}

#[test]
fn the_configured_region_comes_before_the_other() {
    let (cn, intl) = (book(Region::Cn), book(Region::Intl));
    assert_eq!(
        (cn.price("qwen-plus").unwrap().price.currency, intl.price("qwen-plus").unwrap().price.currency),
        (Currency::Cny, Currency::Usd)
    );
    assert_eq!(intl.price("doubao-seed-1.6").unwrap().price.currency, Currency::Cny, "there is no other");
    assert_eq!(cn.price("qwen-plus-us").unwrap().price.currency, Currency::Usd, "there is no other");
}

#[test]
fn own_prices_come_first_and_may_be_of_any_model() {
    let own = r#"
[[price]]
pattern = "^qwen-plus$"
currency = "CNY"
vendor = "contract"
as_of = "2026-11"
tiers = [{ input = 0.5, output = 1 }]

[[price]]
pattern = "gpt-4o"
currency = "USD"
tiers = [{ input = 2.5, output = 10 }]

[[price]]
pattern = "aliyun/gpt-4o-mini"
currency = "USD"
tiers = [{ input = 0.2, output = 1 }]

[[price]]
pattern = "two"
region = "intl"
currency = "USD"
tiers = [{ input = 1, output = 1 }]

[[price]]
pattern = "two"
region = "cn"
currency = "CNY"
tiers = [{ input = 7, output = 7 }]
"#;
    let book = PriceBook::new(with_own(own));
    assert_eq!(found(&book, "qwen-plus"), Some((0.5, "contract 2026-11".to_owned())));
    assert_eq!(found(&book, "qwen-plus-latest"), Some((0.8, "alibaba-bailian 2026-05".to_owned())));
    assert_eq!(found(&book, "aliyun/gpt-4o"), Some((2.5, "own price".to_owned())));
    assert_eq!((input(&book, "aliyun/gpt-4o-mini"), input(&book, "gpt-4o-mini")), (Some(0.2), None));
    assert_eq!(input(&book, "two"), Some(7.0));
    assert_eq!(input(&PriceBook::new(PriceSettings { region: Region::Intl, ..with_own(own) }), "two"), Some(1.0));
}

#[test]
fn an_alias_leads_to_one_name_and_not_further() {
    let pairs = [("chat", "qwen-plus"), ("gw/fast", "qwen-turbo"), ("again", "chat"), ("glm-5", "qwen-turbo")];
    let aliases = pairs.map(|(alias, model)| (alias.to_owned(), model.to_owned())).into();
    let book = PriceBook::new(PriceSettings { aliases, ..PriceSettings::default() });
    for (name, expected) in [
        ("Chat", Some(0.8)),
        ("team/chat", Some(0.8)),
        ("gw/fast", Some(0.3)),
        ("fast", None),
        ("again", None),
        ("glm-5", Some(0.3)),
        ("qwen-plus", Some(0.8)),
    ] {
        assert_eq!(input(&book, name), expected, "{name}");
    }
}

#[test]
fn what_is_remembered_is_bounded_and_changes_no_answer() {
    let book = book(Region::Cn);
    for round in 0..3 {
        for number in 0..MAX_KNOWN_NAMES {
            assert_eq!(input(&book, &format!("made-up-{round}-{number}")), None);
            assert_eq!(input(&book, "qwen-plus"), Some(0.8));
        }
    }
    assert!(book.known().len() <= MAX_KNOWN_NAMES);
}

#[test]
fn nothing_is_parsed_before_the_first_search() {
    let book = PriceBook::new(with_own(r#"[{"pattern": "mine", "currency": "USD", "tiers": [{"input": 1, "output": 1}]}]"#));
    assert_eq!(input(&book, "mine"), Some(1.0));
    assert!(book.shipped.get().is_none());
    assert_eq!(input(&book, "qwen-plus"), Some(0.8));
    assert!(book.shipped.get().is_some());
}

#[test]
fn the_vendors_that_langfuse_prices_have_no_entry() {
    let vendors: BTreeSet<_> = entries().iter().map(|entry| entry.price().unwrap().origin.split(' ').next().unwrap().to_owned()).collect();
    let expected =
        ["alibaba-bailian", "baidu", "deepseek", "minimax", "moonshot", "stepfun", "tencent", "volcengine", "zhipu"].map(str::to_owned);
    assert_eq!(vendors, BTreeSet::from(expected));
}

#[test]
fn a_model_is_told_by_a_name_of_its_list_without_prefix_and_snapshot() {
    let book = book(Region::Cn);
    for (model, name) in [
        ("qwen-max", "qwen-max"),
        ("dashscope/QWEN-Max-2025-01-25", "qwen-max"),
        ("qwen-plus-latest", "qwen-plus"),
        ("qwen3-1.7b", "qwen3-1.7b"),
        ("siliconflow/deepseek-v3.2", "deepseek-v3.2"),
        ("text-embedding-v3", "text-embedding-v3"),
        ("azure/gpt-4o-2024-08-06", "gpt-4o"),
    ] {
        assert_eq!(book.public_name(model).as_deref(), Some(name), "{model}");
        assert_eq!(book.public_name(model).as_deref(), Some(name), "{model}, remembered");
    }
    assert_eq!(book.public_name("a secret of a caller"), None);
}

#[test]
fn every_example_of_the_list_is_told_by_a_name_of_its_entry() {
    for entry in entries() {
        let price = entry.price().unwrap();
        for example in &entry.examples {
            let name = price.public_name(example);
            let own = entry.examples.iter().any(|known| entry::without_prefixes(known).to_lowercase() == *name);
            assert!(own && example.to_lowercase().contains(&*name), "{example}: {name}");
        }
    }
}

#[test]
fn an_own_price_is_told_by_its_first_example_or_its_pattern_and_an_alias_by_what_it_means() {
    let entry = |pattern: &str, examples: &str| {
        format!("[[price]]\npattern = '{pattern}'\n{examples}currency = 'CNY'\ntiers = [{{ input = 1, output = 2 }}]\n")
    };
    let own = entry("our-.*", "examples = ['Our-Model']\n") + &entry("their-model", "");
    let aliases = [("fast".to_owned(), "qwen-flash".to_owned())].into();
    let book = PriceBook::new(PriceSettings { aliases, ..with_own(&own) });
    for (model, name) in [("our-word-of-a-caller", "our-model"), ("x/their-model", "their-model"), ("FAST", "qwen-flash")] {
        assert_eq!(book.public_name(model).as_deref(), Some(name), "{model}");
    }
}
