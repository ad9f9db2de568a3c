//! Which destinations a record goes to: ordered rules, of which the first that holds decides. Fails closed: where there are rules and none
//! holds, a record goes nowhere. Pure; a destination is a number here.

use super::condition::{Conditions, Fields};

/// What becomes of the records of a route when a destination refuses this function for its keys, permissions or address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnRefusal {
    /// They stay undone and the call fails: SLS is the buffer until a person acts.
    #[default]
    Block,
    /// They become dead letters, so that the other routes go on; `replay` brings them back.
    DeadLetter,
}

/// One route.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Its name, unique among the routes.
    pub name: String,
    /// For which records.
    pub when: Conditions,
    /// Where they go: indices of destinations, each once, at least one.
    pub to: Vec<usize>,
    /// What happens if a destination refuses us.
    pub on_refusal: OnRefusal,
}

/// The routes of the process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Routes {
    /// In order. None: everything goes to the one destination there is.
    pub rules: Vec<Route>,
}

/// Where a record goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Routed<'r> {
    /// To the only destination; there are no rules.
    ToTheOne,
    /// Along the route with this index.
    Along(usize, &'r Route),
    /// Nowhere: no rule holds for it.
    Nowhere,
}

impl Routes {
    /// True if there are rules.
    pub fn exist(&self) -> bool {
        !self.rules.is_empty()
    }

    /// Lets a destination that refuses us hold up the records of every route: where a person waits for the end, who can mend it and go on.
    pub fn block_on_refusal(&mut self) {
        self.rules.iter_mut().for_each(|route| route.on_refusal = OnRefusal::Block);
    }

    /// Where the record with these fields goes.
    pub fn route(&self, fields: &impl Fields) -> Routed<'_> {
        if !self.exist() {
            return Routed::ToTheOne;
        }
        let found = self.rules.iter().enumerate().find(|(_, route)| route.when.hold(fields));
        found.map_or(Routed::Nowhere, |(index, route)| Routed::Along(index, route))
    }
}

#[cfg(test)]
mod tests {
    use super::super::condition::Test;
    use super::super::condition::tests::{is, when};
    use super::*;
    use std::collections::BTreeMap;

    fn route(name: &str, when: Conditions, to: &[usize]) -> Route {
        Route { name: name.to_owned(), when, to: to.to_vec(), on_refusal: OnRefusal::DeadLetter }
    }

    fn of(routes: &Routes, consumer: &'static str) -> Option<String> {
        match routes.route(&BTreeMap::from([("consumer", consumer)])) {
            Routed::ToTheOne => Some("the one".to_owned()),
            Routed::Along(index, route) => Some(format!("{index} {}", route.name)),
            Routed::Nowhere => None,
        }
    }

    #[test]
    fn of_overlapping_routes_the_first_one_is_taken() {
        let team = |prefix: &str| when([("consumer", Test::Prefix(prefix.to_owned()))]);
        let routes = Routes { rules: vec![route("a", when([("consumer", is("team-a"))]), &[0]), route("teams", team("team-"), &[1])] };
        assert_eq!(of(&routes, "team-a").as_deref(), Some("0 a"));
        assert_eq!(of(&routes, "team-b").as_deref(), Some("1 teams"));
        assert_eq!(of(&routes, "other"), None, "no rule, no destination");
    }

    #[test]
    fn a_route_without_conditions_takes_the_rest() {
        let routes = Routes { rules: vec![route("a", when([("consumer", is("team-a"))]), &[0]), route("rest", when([]), &[1])] };
        assert_eq!(of(&routes, "other").as_deref(), Some("1 rest"));
    }

    #[test]
    fn without_rules_there_is_one_destination_for_all() {
        assert_eq!(of(&Routes::default(), "anybody").as_deref(), Some("the one"));
    }
}
