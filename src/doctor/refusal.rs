//! What a refusal of SLS means for whoever set this up: what is wrong, and what to do. Pure.

use serde_json::json;

use super::check::Check;
use crate::sls::client::Logstore;
use crate::sls::error::{ErrorClass, Refusal, SlsError, TransportKind};

/// What a call needs to be allowed (`reference/sls.md` §3, "RAM actions").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Reading, which the function needs.
    Read,
    /// Listing shards, which the function does not need, but `doctor`, `backfill` and `invoke --dry-run` do.
    ListShards,
    /// Reading settings of the Logstore, which only `doctor` needs.
    GetLogStore,
    /// Writing dead letters, which the function needs where they go into a Logstore.
    Write,
}

impl Action {
    /// The id of its check.
    pub fn id(self) -> &'static str {
        match self {
            Self::Read => "sls.permission.read",
            Self::ListShards => "sls.permission.list_shards",
            Self::GetLogStore => "sls.permission.get_logstore",
            Self::Write => "sls.permission.write",
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

    /// True if the function itself cannot work without it.
    fn is_of_the_function(self) -> bool {
        matches!(self, Self::Read | Self::Write)
    }
}

/// What stands in the way of everything at a Logstore, whatever is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The check it belongs to.
    pub id: &'static str,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub fix: String,
}

/// What this error says about the key, the project or the connection; none where it says nothing about them.
pub fn obstacle(error: &SlsError, logstore: &Logstore) -> Option<Obstacle> {
    let found = |id, what: String, fix: &str| Some(Obstacle { id, what, fix: fix.to_owned() });
    let SlsError::Refused(refusal) = error else { return None };
    let code = refusal.code.to_ascii_lowercase();
    match code.as_str() {
        "projectnotexist" => found(
            "sls.logstore",
            format!("there is no project {} at {}", logstore.project, logstore.endpoint.host()),
            "check --project, and that the endpoint is that of its region",
        ),
        "logstorenotexist" => {
            found("sls.logstore", format!("project {} has no Logstore {}", logstore.project, logstore.name), "check --logstore")
        }
        "projectforbidden" => found(
            "sls.logstore",
            format!("project {} is disabled ({refusal})", logstore.project),
            "look at the bill of the account and at the project in the console",
        ),
        _ if refusal.class == ErrorClass::Credentials => found(
            "sls.key",
            format!("the temporary key has expired ({refusal})"),
            "take a new one: ALIBABA_CLOUD_SECURITY_TOKEN and both keys",
        ),
        _ if refusal.class == ErrorClass::Clock => {
            found("sls.key", format!("SLS finds the signature too old or too new ({refusal})"), "set the clock of this machine (NTP)")
        }
        "invalidaccesskeyid" | "signaturenotmatch" | "unauthorized" if !refusal.is_denial => found("sls.key", key(refusal), key_fix(&code)),
        _ => None,
    }
}

fn key(refusal: &Refusal) -> String {
    format!("SLS does not take the key in ALIBABA_CLOUD_ACCESS_KEY_ID ({refusal})")
}

fn key_fix(code: &str) -> &'static str {
    match code {
        "signaturenotmatch" => {
            "check ALIBABA_CLOUD_ACCESS_KEY_SECRET; for a temporary key set ALIBABA_CLOUD_SECURITY_TOKEN; with SLS_SIGNATURE_VERSION=v4 check SLS_REGION"
        }
        "invalidaccesskeyid" => "check ALIBABA_CLOUD_ACCESS_KEY_ID: it is unknown or deleted, or the account has not opened SLS",
        _ => "check that the key is enabled and of the account of the project",
    }
}

/// The finding over one permission, by what came of a call that needs it.
pub fn permission(action: Action, logstore: &Logstore, result: Result<(), &SlsError>) -> Check {
    let (id, name) = (action.id(), action.name());
    let at = format!("{}/{}", logstore.project, logstore.name);
    match result {
        Ok(()) => Check::ok(id, format!("{name} on {at} is allowed")),
        Err(SlsError::Refused(refusal)) if refusal.is_denial => {
            let fix = format!("add to the policies of the key: {}", statement(action, logstore));
            match action.is_of_the_function() {
                true => Check::fail(id, format!("{name} on {at} is forbidden; the function's role needs it too"), fix),
                false => Check::warn(id, format!("{name} on {at} is forbidden; the function does not need it"), fix),
            }
            .with("action", name)
        }
        Err(error) => {
            let what = format!("whether {name} on {at} is allowed cannot be told: {error}");
            let check = if action.is_of_the_function() { Check::fail } else { Check::warn };
            check(id, what, advice(error).to_owned())
        }
    }
}

/// What to do about an error that is no matter of keys and names.
pub fn advice(error: &SlsError) -> &'static str {
    match error {
        SlsError::Transport(TransportKind::Connect) => {
            "check the endpoint, and that this network reaches it: -intranet endpoints only from inside the region"
        }
        SlsError::Transport(TransportKind::TimedOut) => {
            "try again, with a longer --timeout if the way is slow; a firewall may swallow the connection"
        }
        SlsError::Transport(_) => "try again; something between here and SLS breaks connections",
        SlsError::Refused(refusal) if refusal.is_redirect() => "set the endpoint of SLS itself: redirects are never followed",
        SlsError::Refused(refusal) if refusal.class == ErrorClass::RetryQuota => "wait a minute: a quota of the project is used up",
        SlsError::Refused(refusal) if refusal.class == ErrorClass::Retry => "try again in a minute: SLS is busy",
        _ => "look the error code up in the documentation of SLS; its support asks for the request id",
    }
}

/// The RAM statement that allows an action.
pub fn statement(action: Action, logstore: &Logstore) -> String {
    let region = logstore.endpoint.region().unwrap_or("*");
    let resource = format!("acs:log:{region}:*:project/{}/logstore/{}", logstore.project, logstore.name);
    json!({"Effect": "Allow", "Action": [action.name()], "Resource": [resource]}).to_string()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::super::check::Status;
    use super::*;
    use crate::secret::{Credentials, Secret};
    use crate::sls::client::SlsClient;
    use crate::sls::endpoint::{Endpoint, EndpointSettings};
    use crate::sls::signing::Signing;
    use crate::tls;

    fn logstore() -> Logstore {
        Logstore {
            client: SlsClient::new(tls::client_config(&[]).unwrap(), SystemTime::now).unwrap(),
            endpoint: Endpoint::resolve("cn-hangzhou.log.aliyuncs.com", &EndpointSettings::default()).unwrap(),
            project: "p".into(),
            name: "l".into(),
            credentials: Credentials { access_key_id: "id".into(), access_key_secret: Secret::new("sentinel"), security_token: None },
            signing: Signing::V1,
        }
    }

    fn refused(status: u16, code: &str, message: &str) -> SlsError {
        let body = json!({"errorCode": code, "errorMessage": message}).to_string();
        SlsError::Refused(Refusal::read(status, body.as_bytes(), "5F"))
    }

    #[test]
    fn every_refusal_of_key_or_place_names_its_check() {
        for (error, id) in [
            (refused(404, "ProjectNotExist", ""), Some("sls.logstore")),
            (refused(404, "LogStoreNotExist", ""), Some("sls.logstore")),
            (refused(403, "ProjectForbidden", ""), Some("sls.logstore")),
            (refused(401, "InvalidAccessKeyId", ""), Some("sls.key")),
            (refused(401, "SignatureNotMatch", ""), Some("sls.key")),
            (refused(401, "Unauthorized", "AccessKeyId is disabled"), Some("sls.key")),
            (refused(401, "Unauthorized", "The security token you provided has expired."), Some("sls.key")),
            (refused(400, "RequestTimeExpired", ""), Some("sls.key")),
            (refused(401, "Unauthorized", "denied by sts or ram, action: log:ListShards, resource: r"), None),
            (refused(503, "ServerBusy", ""), None),
            (SlsError::Transport(TransportKind::TimedOut), None),
        ] {
            assert_eq!(obstacle(&error, &logstore()).map(|obstacle| obstacle.id), id, "{error}");
        }
    }

    #[test]
    fn a_missing_permission_is_named_with_the_statement_that_gives_it() {
        let denied = refused(401, "Unauthorized", "denied by sts or ram, action: x, resource: y");
        let read = permission(Action::Read, &logstore(), Err(&denied));
        let expected = r#"add to the policies of the key: {"Effect":"Allow","Action":["log:GetCursorOrData"],"Resource":["acs:log:cn-hangzhou:*:project/p/logstore/l"]}"#;
        let said = serde_json::from_str::<serde_json::Value>(read.fix.as_ref().unwrap().split_once(": ").unwrap().1).unwrap();
        assert_eq!(said, serde_json::from_str::<serde_json::Value>(expected.split_once(": ").unwrap().1).unwrap());
        let status = |action| permission(action, &logstore(), Err(&denied)).status;
        let statuses = [Action::Read, Action::ListShards, Action::GetLogStore, Action::Write].map(status);
        assert_eq!(statuses, [Status::Fail, Status::Warn, Status::Warn, Status::Fail]);
        assert_eq!(permission(Action::Write, &logstore(), Ok(())).status, Status::Ok);
        let busy = permission(Action::Read, &logstore(), Err(&refused(503, "ServerBusy", "")));
        assert_eq!((busy.status, busy.fix.as_deref()), (Status::Fail, Some("try again in a minute: SLS is busy")));
    }
}
