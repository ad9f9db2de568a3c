//! Who calls: keys and what they may do (`reference/langfuse.md` §2, "Auth").

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use tokio::time::Instant;

use super::world::{LangfuseWorld, ProjectKey};

/// How long an unknown secret is remembered as bad; every further attempt renews it.
const BAD_FOR: Duration = Duration::from_secs(300);

/// Secrets that were unknown when they were tried, and when that was last.
#[derive(Default)]
pub struct BadKeys(HashMap<String, Instant>);

impl std::fmt::Debug for BadKeys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "BadKeys({})", self.0.len())
    }
}

impl BadKeys {
    /// Whether a secret counts as bad, which one that is unknown now does from here on.
    fn is_bad(&mut self, secret: &str, known: bool) -> bool {
        let bad = !known || self.0.get(secret).is_some_and(|since| since.elapsed() < BAD_FOR);
        if bad {
            self.0.insert(secret.to_owned(), Instant::now());
        }
        bad
    }
}

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everything in its project.
    Project,
    /// Scores only: a bare public key.
    Scores,
}

/// A caller whose key is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Id of the project.
    pub project: String,
    /// Name of the project.
    pub project_name: String,
    /// What the key may do.
    pub access: Access,
}

impl Caller {
    fn new(key: &ProjectKey, access: Access) -> Self {
        Self { project: key.project_id.clone(), project_name: key.project_name.clone(), access }
    }
}

const INVALID: &str = "Invalid credentials. Confirm that you've configured the correct host.";

/// Checks an `Authorization` header. The key is found through its secret; the public key beside it is not compared.
///
/// # Errors
/// The text of the 401.
pub fn check(world: &LangfuseWorld, bad: &mut BadKeys, header: Option<&str>) -> Result<Caller, &'static str> {
    let header = header.filter(|header| !header.is_empty()).ok_or("No authorization header")?;
    if let Some(token) = header.strip_prefix("Basic ") {
        let secret = secret(token).ok_or("Invalid authorization header. Confirm that you've configured the correct host.")?;
        let key = world.keys.iter().find(|key| key.secret.expose() == secret);
        let good = !bad.is_bad(&secret, key.is_some());
        return key.filter(|_| good).map(|key| Caller::new(key, Access::Project)).ok_or(INVALID);
    }
    if let Some(public) = header.strip_prefix("Bearer ") {
        let key = world.keys.iter().find(|key| key.public == public);
        return key.map(|key| Caller::new(key, Access::Scores)).ok_or(INVALID);
    }
    Err("Invalid authorization header")
}

/// Only the first two parts between colons are used, and neither may be empty.
fn secret(token: &str) -> Option<String> {
    let decoded = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
    let mut parts = decoded.split(':');
    let (public, secret) = (parts.next()?, parts.next()?);
    (!public.is_empty() && !secret.is_empty()).then(|| secret.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(header: Option<&str>) -> Result<Access, &'static str> {
        check(&LangfuseWorld::default(), &mut BadKeys::default(), header).map(|caller| caller.access)
    }

    fn basic(pair: &str) -> String {
        format!("Basic {}", STANDARD.encode(pair))
    }

    #[test]
    fn answers_each_kind_of_header() {
        let malformed = Err("Invalid authorization header. Confirm that you've configured the correct host.");
        let cases = [
            (None, Err("No authorization header")),
            (Some(String::new()), Err("No authorization header")),
            (Some("Token x".into()), Err("Invalid authorization header")),
            (Some(basic("pk-lf-emulator:sk-lf-emulator").replace("Basic", "basic")), Err("Invalid authorization header")),
            (Some("Basic ???".into()), malformed),
            (Some(basic("pk-lf-emulator")), malformed),
            (Some(basic("pk-lf-emulator:wrong")), Err(INVALID)),
            (Some(basic("pk-lf-emulator:sk-lf-emulator")), Ok(Access::Project)),
            (Some(basic("pk-lf-other:sk-lf-emulator:more")), Ok(Access::Project)),
            (Some("Bearer pk-lf-emulator".into()), Ok(Access::Scores)),
            (Some("Bearer sk-lf-emulator".into()), Err(INVALID)),
        ];
        for (header, expected) in cases {
            assert_eq!(outcome(header.as_deref()), expected, "{header:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_secret_stays_bad_for_five_minutes_after_its_last_attempt() {
        let mut world = LangfuseWorld { keys: Vec::new(), ..LangfuseWorld::default() };
        let mut bad = BadKeys::default();
        let header = basic("pk-lf-emulator:sk-lf-emulator");
        let mut attempt = |world: &LangfuseWorld| check(world, &mut bad, Some(&header)).is_ok();
        assert!(!attempt(&world));
        world.keys = LangfuseWorld::default().keys;
        for (seconds, good) in [(299, false), (299, false), (300, true)] {
            tokio::time::advance(Duration::from_secs(seconds)).await;
            assert_eq!(attempt(&world), good, "{seconds}");
        }
    }
}
