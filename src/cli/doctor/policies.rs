//! What each identity of a deployment may do, and who may take it on: RAM policy documents. Pure.
//!
//! Actions are those of `reference/sls.md` ("RAM actions"), `reference/function-compute.md` §5 and the manual of the fc3 component; resources are
//! narrowed to the deployment. Where a source allows an action on `*` only, the comment at the statement says how far it was narrowed.

use serde::Serialize;

use super::deployment::{Deployment, Logstore};

/// A document, ready to be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Name of its file.
    pub file: &'static str,
    /// What it is for, in one line.
    pub purpose: &'static str,
    /// JSON with a line break at the end.
    pub json: String,
}

/// Every document that a deployment needs.
pub fn documents(deployment: &Deployment) -> Vec<Document> {
    let document = |file, purpose, policy: &Policy| Document { file, purpose, json: pretty(policy) };
    let mut documents = vec![
        document("function-role.trust.json", "who may take on the function's role: Function Compute", &trust("fc.aliyuncs.com")),
        document("function-role.policy.json", "what the function may do", &function_role(deployment)),
    ];
    if !deployment.shares_the_trigger_role() {
        documents.push(document("trigger-role.trust.json", "who may take on the trigger's role: Log Service", &trust("log.aliyuncs.com")));
        documents.push(document("trigger-role.policy.json", "what the trigger may do", &trigger_role(deployment)));
    }
    documents.push(document("deployer.policy.json", "what whoever runs `s deploy` may do", &deployer(deployment)));
    documents
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Policy {
    version: &'static str,
    statement: Vec<Statement>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    effect: &'static str,
    action: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resource: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<serde_json::Value>,
}

fn allow(action: impl Into<Vec<&'static str>>, resource: Vec<String>) -> Statement {
    Statement { effect: "Allow", action: action.into(), resource, principal: None, condition: None }
}

fn policy(statement: Vec<Statement>) -> Policy {
    Policy { version: "1", statement }
}

fn pretty(policy: &Policy) -> String {
    // Text and lists only: there is nothing that could fail.
    serde_json::to_string_pretty(policy).unwrap_or_default() + "\n"
}

fn trust(service: &str) -> Policy {
    let principal = Some(serde_json::json!({"Service": [service]}));
    policy(vec![Statement { principal, ..allow(["sts:AssumeRole"], vec![]) }])
}

/// Pulling, and writing to the Logstores that are the function's.
fn function_role(deployment: &Deployment) -> Policy {
    let mut statements = vec![allow(["log:GetCursorOrData"], vec![logstore(deployment, &deployment.source)])];
    let written: Vec<_> =
        [&deployment.function_log, &deployment.dead_letters].into_iter().flatten().map(|one| logstore(deployment, one)).collect();
    if !written.is_empty() {
        statements.push(allow(["log:PostLogStoreLogs"], written));
    }
    policy(statements)
}

/// The list of the component's manual, where every resource is `*`: narrowed to the function, the gateway's Logstore, the trigger's, and for
/// what belongs to no Logstore to the project.
fn trigger_role(deployment: &Deployment) -> Policy {
    let source = logstore(deployment, &deployment.source);
    let project = project(deployment, &deployment.source.project);
    let log = logstore(deployment, &deployment.trigger_log);
    policy(vec![
        allow(["fc:InvokeFunction"], function(deployment)),
        allow(["log:Get*", "log:List*"], vec![project.clone(), source.clone(), format!("{source}/*"), log.clone()]),
        allow(
            [
                "log:CreateConsumerGroup",
                "log:UpdateConsumerGroup",
                "log:DeleteConsumerGroup",
                "log:ListConsumerGroup",
                "log:ConsumerGroupUpdateCheckPoint",
                "log:ConsumerGroupHeartBeat",
                "log:GetConsumerGroupCheckPoint",
            ],
            vec![source.clone(), format!("{source}/*")],
        ),
        allow(
            ["log:PostProjectQuery", "log:PutProjectQuery", "log:GetProjectQuery", "log:DeleteProjectQuery"],
            vec![project.clone(), format!("{project}/*")],
        ),
        allow(["log:PostLogStoreLogs", "log:BatchPostLogStoreLogs"], vec![log]),
    ])
}

/// Creating, reading, changing, calling and removing this function and this trigger, and handing them their two roles.
fn deployer(deployment: &Deployment) -> Policy {
    let function = function(deployment);
    let trigger = function[0].clone() + "/triggers/" + &deployment.trigger;
    let project = project(deployment, &deployment.source.project);
    let role = |name: &str| format!("acs:ram::{}:role/{}", deployment.account, name.to_ascii_lowercase());
    policy(vec![
        allow(["fc:CreateFunction", "fc:UpdateFunction", "fc:DeleteFunction", "fc:InvokeFunction", "fc:Get*", "fc:List*"], function),
        allow(["fc:CreateTrigger", "fc:UpdateTrigger", "fc:DeleteTrigger"], vec![trigger]),
        // The package goes through a bucket of Function Compute's; the token for it belongs to no function.
        allow(["fc:GetTempBucketToken"], vec!["*".to_owned()]),
        // The manual: on `*`. The job that calls the function is part of the project.
        allow(["log:GetEtlJob", "log:CreateEtlJob", "log:UpdateEtlJob", "log:DeleteEtlJob"], vec![project.clone(), format!("{project}/*")]),
        Statement {
            condition: Some(serde_json::json!({"StringEquals": {"acs:Service": "fc.aliyuncs.com"}})),
            ..allow(["ram:PassRole"], vec![role(&deployment.function_role), role(&deployment.trigger_role)])
        },
    ])
}

/// A function, and its versions, aliases and triggers.
fn function(deployment: &Deployment) -> Vec<String> {
    let function = format!("acs:fc:{}:{}:functions/{}", deployment.region, deployment.account, deployment.function);
    vec![function.clone(), function + "/*"]
}

fn project(deployment: &Deployment, project: &str) -> String {
    format!("acs:log:{}:{}:project/{project}", deployment.region, deployment.account)
}

fn logstore(deployment: &Deployment, logstore: &Logstore) -> String {
    project(deployment, &logstore.project) + "/logstore/" + &logstore.name
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::deployment::Names;
    use super::*;

    const LOG: &str = "acs:log:cn-hangzhou:42:project";
    const FUNCTION: &str = "acs:fc:cn-hangzhou:42:functions/f";

    fn deployment(more: Names) -> Deployment {
        let text = |text: &str| Some(text.to_owned());
        let names = Names {
            region: text("cn-hangzhou"),
            account: text("42"),
            project: text("p"),
            logstore: text("l"),
            function: text("f"),
            trigger: text("t"),
            trigger_log_store: text("tl"),
            ..Names::default()
        };
        Deployment::of(more.or(names)).unwrap()
    }

    fn document(deployment: &Deployment, file: &str) -> Value {
        let documents = documents(deployment);
        let found = documents.iter().find(|document| document.file == file).unwrap();
        assert!(found.json.ends_with("}\n"));
        serde_json::from_str(&found.json).unwrap()
    }

    #[test]
    fn the_function_reads_one_logstore_and_writes_only_to_its_own() {
        let bare = document(&deployment(Names::default()), "function-role.policy.json");
        let read = json!({"Effect": "Allow", "Action": ["log:GetCursorOrData"], "Resource": [format!("{LOG}/p/logstore/l")]});
        assert_eq!(bare, json!({"Version": "1", "Statement": [read]}));
        let names = Names {
            log_store: Some("own".into()),
            log_project: Some("q".into()),
            dead_letter_logstore: Some("dead".into()),
            ..Names::default()
        };
        let write = json!({"Effect": "Allow", "Action": ["log:PostLogStoreLogs"], "Resource": [format!("{LOG}/q/logstore/own"), format!("{LOG}/p/logstore/dead")]});
        let full = document(&deployment(names), "function-role.policy.json");
        assert_eq!(full, json!({"Version": "1", "Statement": [read, write]}));
    }

    #[test]
    fn each_role_is_for_one_service() {
        for (file, service) in [("function-role.trust.json", "fc.aliyuncs.com"), ("trigger-role.trust.json", "log.aliyuncs.com")] {
            let expected = json!({"Version": "1", "Statement": [
                {"Effect": "Allow", "Action": ["sts:AssumeRole"], "Principal": {"Service": [service]}},
            ]});
            assert_eq!(document(&deployment(Names::default()), file), expected);
        }
    }

    #[test]
    fn the_trigger_may_do_what_the_manual_lists_but_on_this_deployment_alone() {
        let source = format!("{LOG}/p/logstore/l");
        let own = [source.clone(), format!("{source}/*")];
        let expected = json!({"Version": "1", "Statement": [
            {"Effect": "Allow", "Action": ["fc:InvokeFunction"], "Resource": [FUNCTION, format!("{FUNCTION}/*")]},
            {"Effect": "Allow", "Action": ["log:Get*", "log:List*"], "Resource": [format!("{LOG}/p"), own[0], own[1], format!("{LOG}/r/logstore/tl")]},
            {"Effect": "Allow", "Action": ["log:CreateConsumerGroup", "log:UpdateConsumerGroup", "log:DeleteConsumerGroup", "log:ListConsumerGroup",
                "log:ConsumerGroupUpdateCheckPoint", "log:ConsumerGroupHeartBeat", "log:GetConsumerGroupCheckPoint"], "Resource": own},
            {"Effect": "Allow", "Action": ["log:PostProjectQuery", "log:PutProjectQuery", "log:GetProjectQuery", "log:DeleteProjectQuery"],
                "Resource": [format!("{LOG}/p"), format!("{LOG}/p/*")]},
            {"Effect": "Allow", "Action": ["log:PostLogStoreLogs", "log:BatchPostLogStoreLogs"], "Resource": [format!("{LOG}/r/logstore/tl")]},
        ]});
        let names = Names { trigger_log_project: Some("r".into()), ..Names::default() };
        assert_eq!(document(&deployment(names), "trigger-role.policy.json"), expected);
    }

    #[test]
    fn who_deploys_reaches_this_function_this_trigger_and_these_roles() {
        let expected = json!({"Version": "1", "Statement": [
            {"Effect": "Allow", "Action": ["fc:CreateFunction", "fc:UpdateFunction", "fc:DeleteFunction", "fc:InvokeFunction", "fc:Get*", "fc:List*"],
                "Resource": [FUNCTION, format!("{FUNCTION}/*")]},
            {"Effect": "Allow", "Action": ["fc:CreateTrigger", "fc:UpdateTrigger", "fc:DeleteTrigger"], "Resource": [format!("{FUNCTION}/triggers/t")]},
            {"Effect": "Allow", "Action": ["fc:GetTempBucketToken"], "Resource": ["*"]},
            {"Effect": "Allow", "Action": ["log:GetEtlJob", "log:CreateEtlJob", "log:UpdateEtlJob", "log:DeleteEtlJob"],
                "Resource": [format!("{LOG}/p"), format!("{LOG}/p/*")]},
            {"Effect": "Allow", "Action": ["ram:PassRole"], "Resource": ["acs:ram::42:role/myrole", "acs:ram::42:role/f-trigger"],
                "Condition": {"StringEquals": {"acs:Service": "fc.aliyuncs.com"}}},
        ]});
        let names = Names { function_role: Some("MyRole".into()), ..Names::default() };
        assert_eq!(document(&deployment(names), "deployer.policy.json"), expected);
    }

    #[test]
    fn nobody_makes_a_policy_for_the_role_that_alibaba_cloud_keeps() {
        let files = |deployment: &Deployment| documents(deployment).iter().map(|document| document.file).collect::<Vec<_>>();
        let shared = deployment(Names { trigger_role: Some("AliyunLogETLRole".into()), ..Names::default() });
        assert_eq!(files(&shared), ["function-role.trust.json", "function-role.policy.json", "deployer.policy.json"]);
        assert_eq!(files(&deployment(Names::default())).len(), 5);
        let passed = &document(&shared, "deployer.policy.json")["Statement"][4]["Resource"];
        assert_eq!(passed, &json!(["acs:ram::42:role/f-function", "acs:ram::42:role/aliyunlogetlrole"]));
    }

    #[test]
    fn only_the_upload_token_is_allowed_on_everything() {
        let all = documents(&deployment(Names::default()));
        let wide: Vec<_> = all.iter().flat_map(|document| document.json.lines()).filter(|line| line.trim() == "\"*\"").collect();
        assert_eq!(wide.len(), 1);
    }
}
