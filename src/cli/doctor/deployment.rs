//! What a deployment is called: region, account, function, trigger, roles, Logstores. Pure.
//!
//! Names come from the command line and from a manifest; here they are joined, completed and judged. What may be done with them says
//! `policies`.

use std::fmt;

use clap::Args;

/// The role that Alibaba Cloud keeps for SLS triggers, with a policy of its own (`reference/function-compute.md` §5.2).
const SHARED_TRIGGER_ROLE: &str = "aliyunlogetlrole";

/// Names as far as somebody gave them.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Region, such as cn-hangzhou
    #[arg(long)]
    pub region: Option<String>,
    /// Account id; without one, * stands in its place
    #[arg(long)]
    pub account: Option<String>,
    /// SLS project of the gateway's log
    #[arg(long)]
    pub project: Option<String>,
    /// Logstore of the gateway's log
    #[arg(long)]
    pub logstore: Option<String>,
    /// Name of the function [default: sls-to-langfuse]
    #[arg(long)]
    pub function: Option<String>,
    /// Name of the trigger [default: gateway-log]
    #[arg(long)]
    pub trigger: Option<String>,
    /// RAM role of the function [default: FUNCTION-function]
    #[arg(long)]
    pub function_role: Option<String>,
    /// RAM role of the trigger [default: FUNCTION-trigger]
    #[arg(long)]
    pub trigger_role: Option<String>,
    /// Project of the function's own log [default: that of the gateway's log]
    #[arg(long)]
    pub log_project: Option<String>,
    /// Logstore of the function's own log; none: no permission to write one
    #[arg(long)]
    pub log_store: Option<String>,
    /// Project of the trigger's log [default: that of the gateway's log]
    #[arg(long)]
    pub trigger_log_project: Option<String>,
    /// Logstore of the trigger's log
    #[arg(long)]
    pub trigger_log_store: Option<String>,
    /// DEAD_LETTER_LOGSTORE of the function's settings, if it is set
    #[arg(long)]
    pub dead_letter_logstore: Option<String>,
}

impl Names {
    /// These names, and `others` where these say nothing.
    pub fn or(self, others: Self) -> Self {
        Self {
            region: self.region.or(others.region),
            account: self.account.or(others.account),
            project: self.project.or(others.project),
            logstore: self.logstore.or(others.logstore),
            function: self.function.or(others.function),
            trigger: self.trigger.or(others.trigger),
            function_role: self.function_role.or(others.function_role),
            trigger_role: self.trigger_role.or(others.trigger_role),
            log_project: self.log_project.or(others.log_project),
            log_store: self.log_store.or(others.log_store),
            trigger_log_project: self.trigger_log_project.or(others.trigger_log_project),
            trigger_log_store: self.trigger_log_store.or(others.trigger_log_store),
            dead_letter_logstore: self.dead_letter_logstore.or(others.dead_letter_logstore),
        }
    }
}

/// A Logstore, and the project it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logstore {
    /// Its project.
    pub project: String,
    /// Its name.
    pub name: String,
}

/// A deployment whose names are complete and hold no character that means something in a policy or to a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// Region of project and function, which must be one (`reference/function-compute.md` §4.2).
    pub region: String,
    /// Account id, or `*`: a policy counts only inside its account anyway.
    pub account: String,
    /// The gateway's log.
    pub source: Logstore,
    /// Name of the function.
    pub function: String,
    /// Name of the trigger.
    pub trigger: String,
    /// Role of the function.
    pub function_role: String,
    /// Role of the trigger.
    pub trigger_role: String,
    /// Where the function's own log goes, if anywhere.
    pub function_log: Option<Logstore>,
    /// Where the trigger's log goes.
    pub trigger_log: Logstore,
    /// Where dead letters go, if anywhere but the log; in the project of the gateway's log.
    pub dead_letters: Option<Logstore>,
}

impl Deployment {
    /// Completes names, or says everything that is wrong with them.
    pub fn of(names: Names) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let region = problems.needed("--region", names.region);
        let source = Logstore { project: problems.needed("--project", names.project), name: problems.needed("--logstore", names.logstore) };
        let function = names.function.unwrap_or_else(|| "sls-to-langfuse".to_owned());
        let in_project = |project: Option<String>, name| Logstore { project: project.unwrap_or_else(|| source.project.clone()), name };
        let deployment = Self {
            region,
            account: names.account.unwrap_or_else(|| "*".to_owned()),
            trigger: names.trigger.unwrap_or_else(|| "gateway-log".to_owned()),
            function_role: names.function_role.unwrap_or_else(|| format!("{function}-function")),
            trigger_role: names.trigger_role.unwrap_or_else(|| format!("{function}-trigger")),
            function_log: names.log_store.map(|name| in_project(names.log_project, name)),
            trigger_log: in_project(names.trigger_log_project, problems.needed("--trigger-log-store", names.trigger_log_store)),
            dead_letters: names.dead_letter_logstore.map(|name| in_project(None, name)),
            source,
            function,
        };
        problems.judge(&deployment);
        if problems.0.is_empty() { Ok(deployment) } else { Err(problems) }
    }

    /// Whether the trigger's role is Alibaba Cloud's own, which nobody has to make.
    pub fn shares_the_trigger_role(&self) -> bool {
        self.trigger_role.eq_ignore_ascii_case(SHARED_TRIGGER_ROLE)
    }
}

/// Everything that is wrong with names, one a line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0.join("\n"))
    }
}

impl Problems {
    fn needed(&mut self, option: &str, given: Option<String>) -> String {
        given.unwrap_or_else(|| {
            self.0.push(format!("{option} is missing: give it, or --manifest FILE that says it"));
            // Never seen: with a problem there is no deployment.
            "missing".to_owned()
        })
    }

    /// A `*` or a quotation mark in a name would widen a policy or end a word of a command.
    fn judge(&mut self, deployment: &Deployment) {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let logstores =
            [Some(&deployment.source), deployment.function_log.as_ref(), Some(&deployment.trigger_log), deployment.dead_letters.as_ref()];
        let names = [&deployment.region, &deployment.function, &deployment.trigger, &deployment.function_role, &deployment.trigger_role];
        for name in names.into_iter().chain(logstores.into_iter().flatten().flat_map(|logstore| [&logstore.project, &logstore.name])) {
            if name.is_empty() || !name.bytes().all(plain) {
                self.0.push(format!("{name:?} is no name: letters, digits, - _ . are allowed"));
            }
        }
        if deployment.account != "*" && (deployment.account.is_empty() || !deployment.account.bytes().all(|byte| byte.is_ascii_digit())) {
            self.0.push(format!("{:?} is no account id: digits only", deployment.account));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let text = |text: &str| Some(text.to_owned());
        Names { region: text("cn-hangzhou"), project: text("p"), logstore: text("l"), trigger_log_store: text("t"), ..Names::default() }
    }

    fn logstore(project: &str, name: &str) -> Logstore {
        Logstore { project: project.to_owned(), name: name.to_owned() }
    }

    #[test]
    fn what_nobody_named_is_completed() {
        let deployment = Deployment::of(names()).unwrap();
        let expected = Deployment {
            region: "cn-hangzhou".into(),
            account: "*".into(),
            source: logstore("p", "l"),
            function: "sls-to-langfuse".into(),
            trigger: "gateway-log".into(),
            function_role: "sls-to-langfuse-function".into(),
            trigger_role: "sls-to-langfuse-trigger".into(),
            function_log: None,
            trigger_log: logstore("p", "t"),
            dead_letters: None,
        };
        assert_eq!(deployment, expected);
        let elsewhere = Names { function: Some("f".into()), log_store: Some("own".into()), log_project: Some("q".into()), ..names() };
        let deployment = Deployment::of(elsewhere).unwrap();
        assert_eq!((deployment.function_role.as_str(), deployment.function_log), ("f-function", Some(logstore("q", "own"))));
    }

    #[test]
    fn everything_that_is_missing_is_said_at_once() {
        let said = Deployment::of(Names::default()).unwrap_err().to_string();
        let options: Vec<_> = said.lines().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(options, ["--region", "--project", "--logstore", "--trigger-log-store"]);
    }

    #[test]
    fn a_name_can_neither_widen_a_policy_nor_leave_its_word_in_a_command() {
        for bad in ["*", "", "a b", "a\"b", "a'b", "a/b", "${vars.x}", "名"] {
            let said = |names| Deployment::of(names).unwrap_err().to_string();
            assert_eq!(said(Names { logstore: Some(bad.into()), ..names() }).lines().count(), 1, "{bad}");
            assert_eq!(said(Names { dead_letter_logstore: Some(bad.into()), ..names() }).lines().count(), 1, "{bad}");
            assert_eq!(said(Names { trigger_role: Some(bad.into()), ..names() }).lines().count(), 1, "{bad}");
        }
        for bad in ["", "12x", "**"] {
            assert!(Deployment::of(Names { account: Some(bad.into()), ..names() }).is_err(), "{bad}");
        }
        assert!(Deployment::of(Names { account: Some("1000000000000001".into()), ..names() }).is_ok());
    }

    #[test]
    fn the_first_of_two_names_counts() {
        let first = Names { region: Some("a".into()), ..Names::default() };
        let joined = first.or(Names { region: Some("b".into()), account: Some("1".into()), ..Names::default() });
        assert_eq!(joined, Names { region: Some("a".into()), account: Some("1".into()), ..Names::default() });
    }
}
