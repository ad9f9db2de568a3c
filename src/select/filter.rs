//! Which records are wanted at all: ordered rules, of which the first that holds decides. Pure.

use super::condition::{Conditions, Fields};

/// What becomes of a record for which a rule holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It goes on.
    Include,
    /// It is passed over, counted as `filtered`.
    Exclude,
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct FilterRule {
    /// Its name, unique among the rules.
    pub name: String,
    /// What it does.
    pub action: Action,
    /// For which records.
    pub when: Conditions,
}

/// The rules, and what the trigger of a call demands beside them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// In order.
    pub rules: Vec<FilterRule>,
    /// Alternatives that a call's `functionParameter` names: a record must meet all conditions of one of them as well. None: no demand.
    pub of_call: Option<Vec<Conditions>>,
}

/// What the rules say about a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision<'f> {
    /// The name of the rule that decided; `None`: none of them holds, or the call's own filter decided.
    pub rule: Option<&'f str>,
    /// Whether the record goes on.
    pub wanted: bool,
}

impl Filter {
    /// Decides about the record with these fields.
    pub fn decide(&self, fields: &impl Fields) -> Decision<'_> {
        let decisive = self.rules.iter().find(|rule| rule.when.hold(fields));
        let wanted = match (decisive, self.rules.last()) {
            (Some(rule), _) => rule.action == Action::Include,
            // What is left after exceptions is the opposite of the last rule.
            (None, Some(last)) => last.action == Action::Exclude,
            (None, None) => true,
        };
        let by_call = self.of_call.as_ref().is_none_or(|alternatives| alternatives.iter().any(|one| one.hold(fields)));
        let rule = decisive.filter(|_| by_call || !wanted).map(|rule| rule.name.as_str());
        Decision { rule, wanted: wanted && by_call }
    }

    /// True if every record goes on.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.of_call.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::super::condition::Test;
    use super::super::condition::tests::{is, when};
    use super::*;
    use std::collections::BTreeMap;

    fn rule(name: &str, action: Action, when: Conditions) -> FilterRule {
        FilterRule { name: name.to_owned(), action, when }
    }

    /// Whether a record of the consumer goes on, and the rule that decided.
    fn decided<'f>(filter: &'f Filter, consumer: &'static str) -> (bool, Option<&'f str>) {
        let Decision { rule, wanted } = filter.decide(&BTreeMap::from([("consumer", consumer)]));
        (wanted, rule)
    }

    #[test]
    fn the_first_rule_that_holds_decides() {
        let rules = vec![
            rule("keep-vip", Action::Include, when([("consumer", is("team-vip"))])),
            rule("no-teams", Action::Exclude, when([("consumer", Test::Prefix("team-".into()))])),
        ];
        let filter = Filter { rules, of_call: None };
        assert_eq!(decided(&filter, "team-vip"), (true, Some("keep-vip")));
        assert_eq!(decided(&filter, "team-a"), (false, Some("no-teams")));
        assert_eq!(decided(&filter, "other"), (true, None), "the last rule excludes, so the rest goes on");
    }

    #[test]
    fn where_the_last_rule_includes_the_rest_is_passed_over() {
        let rules = vec![
            rule("no-tests", Action::Exclude, when([("consumer", is("test"))])),
            rule("teams", Action::Include, when([("consumer", Test::Prefix("te".into()))])),
        ];
        let filter = Filter { rules, of_call: None };
        assert_eq!(decided(&filter, "test"), (false, Some("no-tests")));
        assert_eq!(decided(&filter, "team"), (true, Some("teams")));
        assert_eq!(decided(&filter, "other"), (false, None));
    }

    #[test]
    fn the_filter_of_a_call_narrows_the_rules_and_never_widens_them() {
        let rules = vec![rule("no-tests", Action::Exclude, when([("consumer", is("test"))]))];
        let alternatives = vec![when([("consumer", is("test"))]), when([("consumer", is("team"))])];
        let filter = Filter { rules, of_call: Some(alternatives) };
        assert_eq!(decided(&filter, "test"), (false, Some("no-tests")));
        assert_eq!(decided(&filter, "team"), (true, None));
        assert_eq!(decided(&filter, "other"), (false, None));
    }

    #[test]
    fn without_rules_everything_goes_on() {
        assert!(Filter::default().is_empty());
        assert_eq!(decided(&Filter::default(), "a"), (true, None));
    }
}
