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

/// Why a record is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filtered<'f> {
    /// The rule of this name excludes it.
    By(&'f str),
    /// No rule holds for it, and the last one includes: only what is included by name is wanted.
    NotIncluded,
    /// The call's own filter does not hold.
    ByCall,
}

impl Filter {
    /// Why the record with these fields is passed over; `None`: it goes on.
    pub fn excludes(&self, fields: &impl Fields) -> Option<Filtered<'_>> {
        let decisive = self.rules.iter().find(|rule| rule.when.hold(fields));
        match (decisive, self.rules.last()) {
            (Some(FilterRule { action: Action::Exclude, name, .. }), _) => return Some(Filtered::By(name)),
            (None, Some(FilterRule { action: Action::Include, .. })) => return Some(Filtered::NotIncluded),
            _ => {}
        }
        let wanted = self.of_call.as_ref().is_none_or(|alternatives| alternatives.iter().any(|one| one.hold(fields)));
        (!wanted).then_some(Filtered::ByCall)
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

    fn of(consumer: &'static str) -> BTreeMap<&'static str, &'static str> {
        BTreeMap::from([("consumer", consumer)])
    }

    #[test]
    fn the_first_rule_that_holds_decides() {
        let rules = vec![
            rule("keep-vip", Action::Include, when([("consumer", is("team-vip"))])),
            rule("no-teams", Action::Exclude, when([("consumer", Test::Prefix("team-".into()))])),
        ];
        let filter = Filter { rules, of_call: None };
        assert_eq!(filter.excludes(&of("team-vip")), None);
        assert_eq!(filter.excludes(&of("team-a")), Some(Filtered::By("no-teams")));
        assert_eq!(filter.excludes(&of("other")), None, "the last rule excludes, so the rest goes on");
    }

    #[test]
    fn where_the_last_rule_includes_the_rest_is_passed_over() {
        let rules = vec![
            rule("no-tests", Action::Exclude, when([("consumer", is("test"))])),
            rule("teams", Action::Include, when([("consumer", Test::Prefix("te".into()))])),
        ];
        let filter = Filter { rules, of_call: None };
        assert_eq!(filter.excludes(&of("test")), Some(Filtered::By("no-tests")));
        assert_eq!(filter.excludes(&of("team")), None);
        assert_eq!(filter.excludes(&of("other")), Some(Filtered::NotIncluded));
    }

    #[test]
    fn the_filter_of_a_call_narrows_the_rules_and_never_widens_them() {
        let rules = vec![rule("no-tests", Action::Exclude, when([("consumer", is("test"))]))];
        let alternatives = vec![when([("consumer", is("test"))]), when([("consumer", is("team"))])];
        let filter = Filter { rules, of_call: Some(alternatives) };
        assert_eq!(filter.excludes(&of("test")), Some(Filtered::By("no-tests")));
        assert_eq!(filter.excludes(&of("team")), None);
        assert_eq!(filter.excludes(&of("other")), Some(Filtered::ByCall));
    }

    #[test]
    fn without_rules_everything_goes_on() {
        assert!(Filter::default().is_empty());
        assert_eq!(Filter::default().excludes(&of("a")), None);
    }
}
