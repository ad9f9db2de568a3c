//! What a finding is, and what all of them come to. Plain data; the names are a contract (`docs/doctor.md`).

use serde::Serialize;
use serde_json::{Map, Value};

/// Version of the JSON form.
pub const VERSION: u32 = 1;

/// How it stands with one thing. In the order of weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// It could not be looked at.
    Skip,
    /// It works, but something is worth doing.
    Warn,
    /// It does not work.
    Fail,
}

impl Status {
    /// Its name in text and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skip => "skip",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// Stable name, such as `sls.permission.read`.
    pub id: &'static str,
    /// How it stands.
    pub status: Status,
    /// The destination it is about, where there are sections for destinations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// What was found, or why it was not looked at.
    pub what: String,
    /// What to do; none where there is nothing to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// Counts and names for scripts.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub facts: Map<String, Value>,
}

impl Check {
    fn new(id: &'static str, status: Status, what: impl Into<String>, fix: Option<String>) -> Self {
        Self { id, status, destination: None, what: what.into(), fix, facts: Map::new() }
    }

    /// As it should be.
    pub fn ok(id: &'static str, what: impl Into<String>) -> Self {
        Self::new(id, Status::Ok, what, None)
    }

    /// It works, but something is worth doing.
    pub fn warn(id: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(id, Status::Warn, what, Some(fix.into()))
    }

    /// It does not work.
    pub fn fail(id: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(id, Status::Fail, what, Some(fix.into()))
    }

    /// It was not looked at, for this reason.
    pub fn skip(id: &'static str, why: impl Into<String>) -> Self {
        Self::new(id, Status::Skip, why, None)
    }

    /// The same with something for scripts.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.facts.insert(name.to_owned(), value.into());
        self
    }

    /// The same about a destination.
    #[must_use]
    pub fn of(mut self, destination: Option<&str>) -> Self {
        self.destination = destination.map(str::to_owned);
        self
    }
}

/// How many findings there are of each status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// As they should be.
    pub ok: usize,
    /// Worth doing something about.
    pub warn: usize,
    /// Not working.
    pub fail: usize,
    /// Not looked at.
    pub skip: usize,
}

/// All findings, in the order in which they are told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diagnosis {
    /// Version of this form: [`VERSION`].
    pub v: u32,
    /// Version of this program.
    pub version: &'static str,
    /// The heaviest status; what was not looked at does not count.
    pub status: Status,
    /// How many there are of each.
    pub counts: Counts,
    /// The findings.
    pub checks: Vec<Check>,
}

impl Diagnosis {
    /// Sums findings up.
    pub fn of(checks: Vec<Check>) -> Self {
        let count = |status| checks.iter().filter(|check| check.status == status).count();
        let counts = Counts { ok: count(Status::Ok), warn: count(Status::Warn), fail: count(Status::Fail), skip: count(Status::Skip) };
        let heaviest = checks.iter().map(|check| check.status).filter(|status| *status != Status::Skip).max();
        Self { v: VERSION, version: env!("CARGO_PKG_VERSION"), status: heaviest.unwrap_or(Status::Ok), counts, checks }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_finding_decides_and_what_was_not_looked_at_does_not_count() {
        let status = |checks: &[Check]| Diagnosis::of(checks.to_vec()).status;
        let (ok, skip) = (Check::ok("settings", ""), Check::skip("sls.key", ""));
        let (warn, fail) = (Check::warn("sls.retention", "", ""), Check::fail("langfuse.keys", "", ""));
        assert_eq!(status(&[]), Status::Ok);
        assert_eq!(status(&[ok.clone(), skip.clone()]), Status::Ok);
        assert_eq!(status(&[warn.clone(), skip.clone(), ok.clone()]), Status::Warn);
        assert_eq!(status(&[warn.clone(), fail.clone(), ok.clone()]), Status::Fail);
        assert_eq!(Diagnosis::of(vec![ok.clone(), ok, warn, skip, fail]).counts, Counts { ok: 2, warn: 1, fail: 1, skip: 1 });
    }

    #[test]
    fn what_is_empty_stands_in_no_json() {
        let bare = serde_json::to_value(Check::ok("settings", "good")).unwrap();
        assert_eq!(bare, serde_json::json!({"id": "settings", "status": "ok", "what": "good"}));
        let full = Check::fail("langfuse.keys", "401", "check the keys").of(Some("a")).with("status", 401);
        let expected = serde_json::json!({"id": "langfuse.keys", "status": "fail", "destination": "a", "what": "401",
            "fix": "check the keys", "facts": {"status": 401}});
        assert_eq!(serde_json::to_value(full).unwrap(), expected);
    }
}
