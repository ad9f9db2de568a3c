//! The function in a Serverless Devs manifest (`s.yaml`, edition 3.0.0, component fc3), and the names that it gives to a deployment. Pure.

use serde_json::Value;

use super::deployment::Names;
use super::yaml;

/// Why a manifest says nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It is no YAML.
    #[error("it is not YAML: line {0}")]
    NotYaml(usize),
    /// No resource is a function with an SLS trigger.
    #[error("it has no resource of component fc3 with a trigger of type log")]
    NoFunction,
}

/// The first function with an SLS trigger, its `${vars.…}` filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// `props` of the resource.
    pub props: Value,
    /// The trigger, which is among them.
    pub trigger: Value,
}

/// Finds the function.
pub fn function(manifest: &str) -> Result<Function, ManifestError> {
    let manifest = yaml::filled_in(manifest).map_err(ManifestError::NotYaml)?;
    let resources = manifest["resources"].as_object().into_iter().flatten();
    let mut functions = resources.filter(|(_, resource)| resource["component"] == "fc3").map(|(_, resource)| &resource["props"]);
    let found = functions.find_map(|props| Some(Function { props: props.clone(), trigger: log_trigger(props)?.clone() }));
    found.ok_or(ManifestError::NoFunction)
}

impl Function {
    /// What it calls things.
    pub fn names(&self) -> Names {
        of_function(&self.props, &self.trigger)
    }
}

fn log_trigger(props: &Value) -> Option<&Value> {
    props["triggers"].as_array()?.iter().find(|trigger| trigger["triggerType"] == "log")
}

fn of_function(props: &Value, trigger: &Value) -> Names {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let source = trigger["sourceArn"].as_str().unwrap_or_default();
    let config = &trigger["triggerConfig"];
    Names {
        region: text(&props["region"]),
        account: arn(source, 3),
        project: arn(source, 4).and_then(|named| Some(named.strip_prefix("project/")?.to_owned())),
        logstore: text(&config["sourceConfig"]["logstore"]),
        function: text(&props["functionName"]),
        trigger: text(&trigger["triggerName"]),
        function_role: role(&props["role"]),
        trigger_role: role(&trigger["invocationRole"]),
        log_project: text(&props["logConfig"]["project"]),
        log_store: text(&props["logConfig"]["logstore"]),
        trigger_log_project: text(&config["logConfig"]["project"]),
        trigger_log_store: text(&config["logConfig"]["logstore"]),
        dead_letter_logstore: text(&props["environmentVariables"]["DEAD_LETTER_LOGSTORE"]),
    }
}

/// A part of `acs:<service>:<region>:<account>:<resource>`.
fn arn(arn: &str, part: usize) -> Option<String> {
    arn.splitn(5, ':').nth(part).filter(|part| !part.is_empty()).map(str::to_owned)
}

/// The name of a role that is given by its name or its ARN.
fn role(role: &Value) -> Option<String> {
    let role = role.as_str()?;
    Some(role.rsplit_once(":role/").map_or(role, |(_, name)| name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "
vars: { region: cn-shanghai, account: 7, project: p }
resources:
  web: { component: fc3, props: { functionName: web, triggers: [{ triggerType: http }] } }
  forwarder:
    component: fc3
    props:
      region: ${vars.region}
      functionName: f
      role: acs:ram::${vars.account}:role/F
      environmentVariables: { DEAD_LETTER_LOGSTORE: dead }
      logConfig: { project: q, logstore: own }
      triggers:
        - triggerName: t
          triggerType: log
          sourceArn: acs:log:${vars.region}:${vars.account}:project/${vars.project}
          invocationRole: AliyunLogETLRole
          triggerConfig:
            sourceConfig: { logstore: l }
            logConfig: { project: r, logstore: \"${env('LOG')}\" }
";

    fn names(manifest: &str) -> Result<Names, ManifestError> {
        function(manifest).map(|function| function.names())
    }

    #[test]
    fn every_name_is_read_from_where_the_component_reads_it() {
        let text = |text: &str| Some(text.to_owned());
        let expected = Names {
            region: text("cn-shanghai"),
            account: text("7"),
            project: text("p"),
            logstore: text("l"),
            function: text("f"),
            trigger: text("t"),
            function_role: text("F"),
            trigger_role: text("AliyunLogETLRole"),
            log_project: text("q"),
            log_store: text("own"),
            trigger_log_project: text("r"),
            trigger_log_store: text("${env('LOG')}"),
            dead_letter_logstore: text("dead"),
        };
        assert_eq!(names(MANIFEST), Ok(expected));
    }

    #[test]
    fn a_manifest_without_such_a_function_is_refused() {
        assert_eq!(names("a: [1"), Err(ManifestError::NotYaml(2)));
        for other in ["", "resources: {}", "resources: { a: { component: fc3, props: {} } }", "- 1"] {
            assert_eq!(names(other), Err(ManifestError::NoFunction), "{other}");
        }
    }

    #[test]
    fn what_a_manifest_leaves_out_stays_open() {
        let little = "resources: { a: { component: fc3, props: { triggers: [{ triggerType: log, sourceArn: 'acs:log:r' }] } } }";
        assert_eq!(names(little), Ok(Names::default()));
    }
}
