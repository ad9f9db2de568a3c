//! Rules that can never apply: found when they are read, because nobody misses the effect of a rule that has none. Pure.
//!
//! What is found is certain; what is not found may still be one, since patterns are not compared with each other.

use super::condition::{Conditions, Test};

/// Why a rule of an ordered list can never apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeverApplies {
    /// Its own conditions exclude each other.
    Impossible,
    /// Every record for which it would hold is taken by the rule at this index, which stands before it.
    TakenBy(usize),
}

/// The rules of a list, in which the first that holds decides, that can never apply: their indices and why. `None` stands for a rule that
/// could not be read, of which nothing is certain.
pub fn never_applies<'c>(rules: impl IntoIterator<Item = Option<&'c Conditions>>) -> Vec<(usize, NeverApplies)> {
    let rules: Vec<_> = rules.into_iter().collect();
    let read = |(index, rule): (usize, &Option<&'c Conditions>)| Some((index, (*rule)?));
    let why = |(index, rule): (usize, &Conditions)| {
        if is_impossible(rule) {
            return Some((index, NeverApplies::Impossible));
        }
        let taken_by = rules[..index].iter().position(|earlier| earlier.is_some_and(|earlier| covers(earlier, rule)))?;
        Some((index, NeverApplies::TakenBy(taken_by)))
    };
    rules.iter().enumerate().filter_map(read).filter_map(why).collect()
}

/// True if no record can meet all conditions.
pub fn is_impossible(rule: &Conditions) -> bool {
    rule.iter().any(|condition| {
        let tests = rule.of(&condition.field);
        let absent_and_present = tests.clone().any(|test| *test == Test::Exists(false)) && tests.clone().any(|test| !test.holds(None));
        absent_and_present
            || finite(tests.clone()).is_some_and(|values| values.is_empty())
            || is_empty_interval(tests.clone())
            || have_two_ends(tests.clone())
            || is_denied(tests)
    })
}

/// True if the tests ask for two beginnings, or two ends, of which neither is a part of the other.
fn have_two_ends<'t>(tests: impl Iterator<Item = &'t Test> + Clone) -> bool {
    let differs = |one: &Test, other: &Test| match (one, other) {
        (Test::Prefix(one), Test::Prefix(other)) => !one.starts_with(other.as_str()) && !other.starts_with(one.as_str()),
        (Test::Suffix(one), Test::Suffix(other)) => !one.ends_with(other.as_str()) && !other.ends_with(one.as_str()),
        _ => false,
    };
    tests.clone().any(|one| tests.clone().any(|other| differs(one, other)))
}

/// True if a `not` denies what the other tests demand.
fn is_denied<'t>(tests: impl Iterator<Item = &'t Test> + Clone) -> bool {
    tests.clone().any(|test| match test {
        Test::Not(denied) => denied.iter().all(|denied| follows(denied, tests.clone())),
        _ => false,
    })
}

/// True if every record that meets `later` meets `earlier` as well.
fn covers(earlier: &Conditions, later: &Conditions) -> bool {
    earlier.iter().all(|condition| follows(&condition.test, later.of(&condition.field)))
}

/// True if a value that passes all of `tests` passes `wanted`, too.
fn follows<'t>(wanted: &Test, mut tests: impl Iterator<Item = &'t Test> + Clone) -> bool {
    if let Some(values) = finite(tests.clone()) {
        return values.iter().all(|value| wanted.holds(Some(value)));
    }
    let is_demanded = *wanted == Test::Exists(true) && tests.clone().any(|test| !test.holds(None));
    is_demanded || tests.any(|test| test == wanted || is_narrower(test, wanted))
}

fn is_narrower(test: &Test, wanted: &Test) -> bool {
    match (test, wanted) {
        (Test::Prefix(long), Test::Prefix(short)) => long.starts_with(short.as_str()),
        (Test::Suffix(long), Test::Suffix(short)) => long.ends_with(short.as_str()),
        (Test::Prefix(long) | Test::Suffix(long) | Test::Contains(long), Test::Contains(short)) => long.contains(short.as_str()),
        (Test::Above(inner), Test::Above(outer)) => inner >= outer,
        (Test::Below(inner), Test::Below(outer)) => inner <= outer,
        _ => false,
    }
}

/// The only values that pass, where the tests name them one by one.
fn finite<'t>(mut tests: impl Iterator<Item = &'t Test> + Clone) -> Option<Vec<&'t str>> {
    let named = tests.clone().find_map(|test| match test {
        Test::Equals(text) => Some(std::slice::from_ref(text)),
        Test::In(texts) => Some(texts.as_slice()),
        _ => None,
    })?;
    let all: Vec<_> = tests.by_ref().collect();
    Some(named.iter().map(String::as_str).filter(|value| all.iter().all(|test| test.holds(Some(value)))).collect())
}

fn is_empty_interval<'t>(tests: impl Iterator<Item = &'t Test> + Clone) -> bool {
    let above = tests.clone().filter_map(|test| if let Test::Above(bound) = test { Some(*bound) } else { None }).reduce(f64::max);
    let below = tests.filter_map(|test| if let Test::Below(bound) = test { Some(*bound) } else { None }).reduce(f64::min);
    above.zip(below).is_some_and(|(above, below)| above >= below)
}

#[cfg(test)]
mod tests {
    use super::super::condition::tests::{is, when};
    use super::*;

    fn one_of(texts: &[&str]) -> Test {
        Test::In(texts.iter().map(|text| (*text).to_owned()).collect())
    }

    #[test]
    fn conditions_that_exclude_each_other_are_found() {
        for conditions in [
            when([("consumer", is("a")), ("consumer", is("b"))]),
            when([("consumer", is("a")), ("consumer", Test::Not(vec![is("a")]))]),
            when([("consumer", one_of(&["a", "b"])), ("consumer", Test::Prefix("c".into()))]),
            when([("consumer", one_of(&[]))]),
            when([("consumer", Test::Exists(false)), ("consumer", is("a"))]),
            when([("consumer", Test::Contains("x".into())), ("consumer", Test::Exists(false))]),
            when([("duration", Test::Above(5.0)), ("duration", Test::Below(5.0))]),
            when([("consumer", Test::Prefix("a-".into())), ("consumer", Test::Prefix("b".into()))]),
            when([("consumer", Test::Suffix("-a".into())), ("consumer", Test::Suffix("b".into()))]),
            when([("consumer", Test::Exists(true)), ("consumer", Test::Not(vec![Test::Exists(true)]))]),
            when([("consumer", Test::Prefix("ab".into())), ("consumer", Test::Not(vec![Test::Prefix("a".into())]))]),
        ] {
            assert_eq!(never_applies([Some(&conditions)]), [(0, NeverApplies::Impossible)], "{conditions:?}");
        }
        for conditions in [
            when([]),
            when([("consumer", is("a")), ("api", is("b"))]),
            when([("consumer", one_of(&["a", "b"])), ("consumer", Test::Not(vec![is("a")]))]),
            when([("consumer", Test::Exists(false)), ("consumer", Test::Not(vec![is("a")]))]),
            when([("duration", Test::Above(5.0)), ("duration", Test::Below(6.0))]),
            when([("consumer", Test::Prefix("a".into())), ("consumer", Test::Prefix("ab".into())), ("consumer", Test::Suffix("b".into()))]),
            when([("consumer", Test::Prefix("a".into())), ("consumer", Test::Not(vec![Test::Prefix("ab".into())]))]),
            when([("consumer", Test::Not(vec![is("a")])), ("consumer", Test::Not(vec![is("b")]))]),
        ] {
            assert_eq!(never_applies([Some(&conditions)]), [], "{conditions:?}");
        }
    }

    #[test]
    fn a_rule_behind_one_that_takes_all_its_records_is_found() {
        for (earlier, later) in [
            (when([]), when([("consumer", is("a"))])),
            (when([]), when([])),
            (when([("consumer", is("a"))]), when([("consumer", is("a")), ("api", is("x"))])),
            (when([("consumer", one_of(&["a", "b"]))]), when([("consumer", is("b"))])),
            (when([("consumer", Test::Prefix("team-".into()))]), when([("consumer", one_of(&["team-a", "team-b"]))])),
            (when([("path", Test::Prefix("/v1".into()))]), when([("path", Test::Prefix("/v1/chat".into()))])),
            (when([("path", Test::Contains("v1".into()))]), when([("path", Test::Suffix("/v1/".into()))])),
            (when([("duration", Test::Above(5.0))]), when([("duration", Test::Above(9.0))])),
            (when([("duration", Test::Below(9.0))]), when([("duration", Test::Below(9.0))])),
            (when([("consumer", Test::Exists(true))]), when([("consumer", Test::Suffix("x".into()))])),
        ] {
            let other = when([("api", is("other"))]);
            let found = never_applies([Some(&other), Some(&earlier), Some(&later)]);
            assert_eq!(found, [(2, NeverApplies::TakenBy(1))], "{later:?}");
        }
    }

    #[test]
    fn rules_that_only_overlap_are_left_alone() {
        for (earlier, later) in [
            (when([("consumer", is("a"))]), when([("consumer", one_of(&["a", "b"]))])),
            (when([("consumer", is("a")), ("api", is("x"))]), when([("consumer", is("a"))])),
            (when([("consumer", is("a"))]), when([("api", is("a"))])),
            (when([("path", Test::Prefix("/v1/chat".into()))]), when([("path", Test::Prefix("/v1".into()))])),
            (when([("path", Test::Suffix("chat".into()))]), when([("path", Test::Prefix("chat".into()))])),
            (when([("duration", Test::Above(9.0))]), when([("duration", Test::Above(5.0))])),
            (when([("consumer", Test::Exists(true))]), when([("consumer", Test::Not(vec![is("a")]))])),
        ] {
            assert_eq!(never_applies([Some(&earlier), Some(&later)]), [], "{earlier:?} {later:?}");
        }
    }

    #[test]
    fn every_such_rule_is_found_and_one_that_could_not_be_read_takes_nothing() {
        let (all, one) = (when([]), when([("consumer", is("a"))]));
        let none = when([("consumer", is("a")), ("consumer", is("b"))]);
        assert_eq!(
            never_applies([None, Some(&none), Some(&all), None, Some(&one), Some(&none)]),
            [(1, NeverApplies::Impossible), (4, NeverApplies::TakenBy(2)), (5, NeverApplies::Impossible)]
        );
    }
}
