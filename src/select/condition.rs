//! Conditions on the fields of a record: what filters, sampling rules and routes choose by. Pure.
//!
//! A condition looks at one field; all conditions of a rule must hold. Where the field is absent, every test fails but `exists = false` and
//! a `not` around one that fails.

use std::borrow::Cow;

use regex_lite::Regex;

use crate::gateway::field_path::FieldPath;

/// Where the values of fields come from.
pub trait Fields {
    /// The value at a path as text; `None` where there is none.
    fn text(&self, path: &FieldPath) -> Option<Cow<'_, str>>;
}

/// What a rule demands of a record: all of it. Nothing demanded holds for every record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conditions(Vec<Condition>);

/// A test of one field.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Which field.
    pub field: FieldPath,
    /// What must be so.
    pub test: Test,
}

/// What can be asked of a value. Texts are compared exactly, letter case included.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// It is this text.
    Equals(String),
    /// It is one of these texts.
    In(Vec<String>),
    /// It begins so.
    Prefix(String),
    /// It ends so.
    Suffix(String),
    /// This stands somewhere in it.
    Contains(String),
    /// The pattern is found somewhere in it.
    Matches(Pattern),
    /// There is a value, or there is none.
    Exists(bool),
    /// It is a number above this one.
    Above(f64),
    /// It is a number below this one.
    Below(f64),
    /// Not all of these are so.
    Not(Vec<Self>),
}

/// A regular expression that knows its text.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles an expression in the syntax of the `regex` crate, without Unicode classes; matching takes linear time.
    ///
    /// # Errors
    /// When it is no expression, or too large once compiled.
    pub fn new(text: &str) -> Result<Self, regex_lite::Error> {
        Regex::new(text).map(Self)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Conditions {
    /// All of these.
    pub fn new(conditions: Vec<Condition>) -> Self {
        Self(conditions)
    }

    /// True if they hold for the record with these fields.
    pub fn hold(&self, fields: &impl Fields) -> bool {
        self.0.iter().all(|condition| condition.test.holds(fields.text(&condition.field).as_deref()))
    }

    /// True if nothing is demanded, so that every record will do.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The single conditions.
    pub fn iter(&self) -> impl Iterator<Item = &Condition> {
        self.0.iter()
    }

    /// The tests of one field.
    pub(super) fn of<'c>(&'c self, field: &'c FieldPath) -> impl Iterator<Item = &'c Test> + Clone {
        self.0.iter().filter(move |condition| condition.field == *field).map(|condition| &condition.test)
    }
}

impl Test {
    /// True if it holds for a value, `None` being an absent one.
    pub fn holds(&self, value: Option<&str>) -> bool {
        match self {
            Self::Exists(wanted) => value.is_some() == *wanted,
            Self::Not(tests) => !tests.iter().all(|test| test.holds(value)),
            _ => value.is_some_and(|value| self.holds_for_text(value)),
        }
    }

    fn holds_for_text(&self, value: &str) -> bool {
        match self {
            Self::Equals(text) => value == text,
            Self::In(texts) => texts.iter().any(|text| value == text),
            Self::Prefix(text) => value.starts_with(text.as_str()),
            Self::Suffix(text) => value.ends_with(text.as_str()),
            Self::Contains(text) => value.contains(text.as_str()),
            Self::Matches(pattern) => pattern.0.is_match(value),
            Self::Above(bound) => number(value).is_some_and(|number| number > *bound),
            Self::Below(bound) => number(value).is_some_and(|number| number < *bound),
            Self::Exists(_) | Self::Not(_) => self.holds(Some(value)),
        }
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::collections::BTreeMap;

    impl Fields for BTreeMap<&str, &str> {
        fn text(&self, path: &FieldPath) -> Option<Cow<'_, str>> {
            self.get(path.to_string().as_str()).map(|text| Cow::Borrowed(*text))
        }
    }

    pub(in super::super) fn path(text: &str) -> FieldPath {
        FieldPath::parse(text).unwrap()
    }

    /// `field`, then a test of it, for each.
    pub(in super::super) fn when(conditions: impl IntoIterator<Item = (&'static str, Test)>) -> Conditions {
        Conditions::new(conditions.into_iter().map(|(field, test)| Condition { field: path(field), test }).collect())
    }

    pub(in super::super) fn is(text: &str) -> Test {
        Test::Equals(text.to_owned())
    }

    fn matches(pattern: &str) -> Test {
        Test::Matches(Pattern::new(pattern).unwrap())
    }

    #[test]
    fn each_test_holds_for_exactly_the_values_it_names() {
        for (test, holds, fails) in [
            (is("team-a"), &["team-a"][..], &["Team-a", "team-ab", ""][..]),
            (Test::In(vec!["a".into(), "b".into()]), &["a", "b"], &["ab", "c", ""]),
            (Test::Prefix("/v1/".into()), &["/v1/chat", "/v1/"], &["/v1", "x/v1/"]),
            (Test::Suffix("-prod".into()), &["eu-prod"], &["eu-prod-2"]),
            (Test::Contains("内部".into()), &["内部测试", "x内部"], &["内 部"]),
            (matches("^team-[0-9]+$"), &["team-12"], &["team-", "xteam-12"]),
            (matches("[0-9]{3}"), &["a123b"], &["a12b"]),
            (Test::Above(400.0), &["400.5", " 401 ", "1e3"], &["400", "399", "many", "", "NaN", "inf"]),
            (Test::Below(400.0), &["399.9", "-1"], &["400", "few", "-inf"]),
            (Test::Exists(true), &["", "x"], &[]),
            (Test::Exists(false), &[], &["", "x"]),
            (Test::Not(vec![is("a")]), &["b", ""], &["a"]),
            (Test::Not(vec![Test::Prefix("a".into()), Test::Suffix("z".into())]), &["ab", "bz"], &["az"]),
        ] {
            for value in holds {
                assert!(test.holds(Some(value)), "{test:?}: {value}");
            }
            for value in fails {
                assert!(!test.holds(Some(value)), "{test:?}: {value}");
            }
        }
    }

    #[test]
    fn of_an_absent_field_only_its_absence_and_negations_are_true() {
        for test in
            [is(""), Test::In(Vec::new()), Test::Prefix(String::new()), Test::Contains(String::new()), matches(""), Test::Exists(true)]
        {
            assert!(!test.holds(None), "{test:?}");
            assert!(Test::Not(vec![test]).holds(None));
        }
        assert!(!Test::Above(f64::NEG_INFINITY).holds(None) && !Test::Below(f64::INFINITY).holds(None));
        assert!(Test::Exists(false).holds(None));
        assert!(!Test::Not(vec![Test::Exists(false)]).holds(None));
    }

    #[test]
    fn all_conditions_must_hold_and_none_hold_for_everything() {
        let record = BTreeMap::from([("consumer", "team-a"), ("response_code", "200")]);
        let both = |code: f64| when([("consumer", is("team-a")), ("response_code", Test::Above(code))]);
        assert!(both(199.0).hold(&record) && !both(200.0).hold(&record));
        assert!(Conditions::default().hold(&record) && Conditions::default().is_empty());
        assert!(!when([("api", is("chat"))]).hold(&record));
    }
}
