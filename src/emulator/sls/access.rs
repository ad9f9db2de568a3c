//! Keys the service knows, and what each may do. Whether a signature fits is the business of `signature`.

use std::time::SystemTime;

use super::call::{Operation, Route};
use super::refusal::Refusal;
use crate::secret::Secret;

/// An access key known to the stand-in.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// `AccessKeyId`.
    pub id: String,
    /// What signs.
    pub secret: Secret,
    /// The token of a temporary key; requests must carry exactly this one.
    pub token: Option<SecurityToken>,
    /// What the key's role allows.
    pub grants: Grants,
}

impl AccessKey {
    /// A permanent key that may do everything.
    pub fn permanent(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { id: id.into(), secret: Secret::new(secret), token: None, grants: Grants::All }
    }

    /// The same key as a temporary one.
    #[must_use]
    pub fn with_token(self, token: impl Into<String>, expires: SystemTime) -> Self {
        Self { token: Some(SecurityToken { text: Secret::new(token), expires }), ..self }
    }

    /// The same key, allowed only this.
    #[must_use]
    pub fn allowed(self, grants: Vec<Grant>) -> Self {
        Self { grants: Grants::Only(grants), ..self }
    }
}

/// The token of a temporary key (STS).
#[derive(Clone, Debug)]
pub struct SecurityToken {
    /// The value of `x-acs-security-token`.
    pub text: Secret,
    /// From this time on it is refused.
    pub expires: SystemTime,
}

/// What a key may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grants {
    /// Everything.
    All,
    /// These and nothing else.
    Only(Vec<Grant>),
}

/// One permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What may be done.
    pub action: Action,
    /// To which Logstore, in any project.
    pub logstore: String,
}

/// The RAM actions of the calls (`reference/sls.md` §3, "RAM actions").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// `log:GetCursorOrData`: PullLogs, GetCursor, GetCursorTime.
    Read,
    /// `log:ListShards`.
    ListShards,
    /// `log:GetLogStore` (page "GetLogStore" of the API description).
    GetLogStore,
    /// `log:PostLogStoreLogs`.
    Write,
}

impl Action {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Read, Self::ListShards, Self::GetLogStore, Self::Write];

    /// The action a call needs.
    pub fn of(operation: Operation) -> Self {
        match operation {
            Operation::PullLogs | Operation::GetCursor | Operation::GetCursorTime => Self::Read,
            Operation::ListShards => Self::ListShards,
            Operation::GetLogStore => Self::GetLogStore,
            Operation::PutLogs => Self::Write,
        }
    }

    /// Its name in a policy.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "log:GetCursorOrData",
            Self::ListShards => "log:ListShards",
            Self::GetLogStore => "log:GetLogStore",
            Self::Write => "log:PostLogStoreLogs",
        }
    }
}

/// Refuses a token that is missing, foreign, superfluous or expired.
pub(super) fn check_token(key: &AccessKey, given: Option<&str>, now: SystemTime) -> Result<(), Refusal> {
    match (&key.token, given) {
        (None, None) => Ok(()),
        (Some(token), Some(given)) if token.text.expose() == given && now < token.expires => Ok(()),
        (Some(token), Some(given)) if token.text.expose() == given => {
            Err(Refusal::unauthorized("The security token you provided has expired."))
        }
        _ => Err(Refusal::unauthorized("The security token you provided is invalid.")),
    }
}

/// Refuses what the key's role does not allow. `owner` is `<region>:<account>:project/<project>`.
pub(super) fn check_grant(key: &AccessKey, route: &Route, owner: &str) -> Result<(), Refusal> {
    let action = Action::of(route.operation);
    let allows = |grant: &Grant| grant.action == action && grant.logstore == route.logstore;
    match &key.grants {
        Grants::Only(grants) if !grants.iter().any(allows) => Err(denial(action, owner, route.logstore)),
        _ => Ok(()),
    }
}

fn denial(action: Action, owner: &str, logstore: &str) -> Refusal {
    let action = action.name();
    let message = format!("denied by sts or ram, action: {action}, resource: acs:log:{owner}/logstore/{logstore}");
    Refusal { denied_action: Some(action), ..Refusal::unauthorized(message) }
}
