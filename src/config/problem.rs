//! What is wrong with a configuration, said so that it can be repaired without a second look.
//!
//! In: names, rules and places. Out: one line of text per problem. A value never enters: whoever reads the start-up log may not be
//! whoever may read the keys (`design.md` decision 9).

use std::borrow::Cow;
use std::fmt;

use super::setting::Setting;

/// Where a value stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Nowhere, and it had to.
    Unset,
    /// In a variable.
    Environment,
    /// In the file that `CONFIG_FILE` names, on this line, counted from 1.
    File {
        /// The line.
        line: usize,
    },
    /// In the text that `CONFIG_TOML` holds, on this line, counted from 1.
    Inline {
        /// The line.
        line: usize,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unset => formatter.write_str("not set"),
            Self::Environment => formatter.write_str("environment"),
            Self::File { line } => write!(formatter, "CONFIG_FILE line {line}"),
            Self::Inline { line } => write!(formatter, "CONFIG_TOML line {line}"),
        }
    }
}

/// One thing to repair. Holds no value of any setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The name of the setting as it is written at that place: a variable, or a key of the file.
    pub setting: String,
    /// What is demanded, as a phrase: "must be …".
    pub rule: Cow<'static, str>,
    /// A line that would be right at that place, such as `LANGFUSE_SDK_TIMEOUT=30` or `langfuse_sdk_timeout = 30`.
    pub example: String,
    /// Where the wrong value stands.
    pub place: Place,
    /// Position in the table of settings, which gives the order of the report.
    pub(super) order: usize,
}

impl Problem {
    /// A problem of a setting of the table, named and exemplified in the manner of its place.
    pub(super) fn new(setting: &Setting, place: Place, rule: impl Into<Cow<'static, str>>) -> Self {
        let (name, example) = match place {
            Place::File { .. } | Place::Inline { .. } => (setting.key(), setting.example_in_file()),
            Place::Unset | Place::Environment => (setting.name.to_owned(), setting.example_in_environment()),
        };
        Self { setting: name, rule: rule.into(), example, place, order: setting.position() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({}): {}; example: {}", self.setting, self.place, self.rule, self.example)
    }
}

/// Every problem of a configuration, in the order of the table of settings. `Display` prints one line each.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn push(&mut self, problem: Problem) {
        let place = self.0.partition_point(|known| (known.order, known.place) <= (problem.order, problem.place));
        self.0.insert(place, problem);
    }

    /// True if nothing is wrong. What [`super::load`] and [`super::platform`] return as an error is never empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The problems in order.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let line_break = if index == 0 { "" } else { "\n" };
            write!(formatter, "{line_break}{problem}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::table;
    use super::*;

    #[test]
    fn a_problem_is_written_in_the_manner_of_its_place() {
        let timeout = &table::LANGFUSE_SDK_TIMEOUT;
        let in_environment = Problem::new(timeout, Place::Environment, "must be short");
        assert_eq!(in_environment.to_string(), "LANGFUSE_SDK_TIMEOUT (environment): must be short; example: LANGFUSE_SDK_TIMEOUT=30");
        let in_file = Problem::new(timeout, Place::File { line: 7 }, "must be short");
        assert_eq!(in_file.to_string(), "langfuse_sdk_timeout (CONFIG_FILE line 7): must be short; example: langfuse_sdk_timeout = 30");
        let unset = Problem::new(&table::LANGFUSE_HOST, Place::Unset, "must be set");
        assert_eq!(unset.to_string(), "LANGFUSE_HOST (not set): must be set; example: LANGFUSE_HOST=https://cloud.langfuse.com");
    }

    #[test]
    fn problems_stand_in_the_order_of_the_table_and_of_the_file() {
        let mut problems = Problems::default();
        problems.push(Problem::new(&table::RUST_LOG, Place::Environment, "c"));
        problems.push(Problem::new(&table::CONFIG_FILE, Place::File { line: 9 }, "b"));
        problems.push(Problem::new(&table::CONFIG_FILE, Place::File { line: 2 }, "a"));
        assert_eq!(problems.iter().map(|problem| problem.rule.as_ref()).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(problems.to_string().lines().count(), 3);
    }
}
