//! Where this process runs, by the variables that the platform sets.
//!
//! Read apart from the settings and before them: a function with bad settings must still listen, to say so where its operator looks
//! (`design.md` §2). Nothing here is a setting of ours.

use super::problem::{Place, Problem, Problems};
use super::variables::Variables;

/// The variable that only Function Compute sets: the directory of the code (`reference/function-compute.md` §2.2).
pub(super) const CODE_PATH: &str = "FC_FUNC_CODE_PATH";

/// Where the server listens when nothing else is said (`reference/function-compute.md` §1.1).
const DEFAULT_PORT: u16 = 9000;

/// In the order in which they count (`reference/function-compute.md` §1.1).
const PORTS: [&str; 2] = ["FC_SERVER_PORT", "FC_CUSTOM_LISTEN_PORT"];

/// What Lambda sets for every function, and its runtime library does not run without (`reference/function-compute.md` §9.1).
const LAMBDA: [(&str, &str); 3] =
    [("AWS_LAMBDA_FUNCTION_NAME", "sls-to-langfuse"), ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"), (LAMBDA_MEMORY, "256")];

const LAMBDA_MEMORY: &str = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE";

/// What the platform says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// `FC_SERVER_PORT`, else `FC_CUSTOM_LISTEN_PORT`, else 9000. 0 takes any free port.
    pub listen_port: u16,
    /// True if `FC_FUNC_CODE_PATH` is set.
    pub on_function_compute: bool,
    /// `FC_FUNC_CODE_PATH`.
    pub code_path: Option<String>,
    /// `AWS_LAMBDA_RUNTIME_API`, host and port: set means that this is Lambda.
    pub lambda_runtime_api: Option<String>,
    /// `AWS_LAMBDA_LOG_GROUP_NAME`, where the function's own log goes.
    pub lambda_log_group: Option<String>,
}

impl Platform {
    /// True on Function Compute: its code path is set, and no runtime API of Lambda, which decides where it is there (`design.md` §2).
    pub fn is_function_compute(&self) -> bool {
        self.on_function_compute && self.lambda_runtime_api.is_none()
    }
}

/// Reads what the platform says. An empty variable counts as not set.
///
/// # Errors
/// [`Problems`], if the port that counts is not a number from 0 to 65535, or Lambda's runtime API is there without the rest that Lambda sets.
pub fn platform(variables: &dyn Variables) -> Result<Platform, Problems> {
    let variable = |name: &str| variables.get(name).filter(|text| !text.trim().is_empty());
    let (code_path, lambda_runtime_api) = (variable(CODE_PATH), variable("AWS_LAMBDA_RUNTIME_API"));
    if lambda_runtime_api.is_some() {
        check_lambda(variable)?;
    }
    Ok(Platform {
        listen_port: listen_port(variable)?,
        on_function_compute: code_path.is_some(),
        code_path,
        lambda_runtime_api,
        lambda_log_group: variable("AWS_LAMBDA_LOG_GROUP_NAME"),
    })
}

fn listen_port(variable: impl Fn(&str) -> Option<String>) -> Result<u16, Problems> {
    let Some((name, text)) = PORTS.iter().find_map(|name| variable(name).map(|text| (*name, text))) else { return Ok(DEFAULT_PORT) };
    text.trim().parse().map_err(|_| {
        let mut problems = Problems::default();
        problems.push(problem(name, "must be a port number from 0 to 65535", &DEFAULT_PORT.to_string()));
        problems
    })
}

fn check_lambda(variable: impl Fn(&str) -> Option<String>) -> Result<(), Problems> {
    let mut problems = Problems::default();
    for (name, example) in LAMBDA {
        match variable(name) {
            Some(text) if name == LAMBDA_MEMORY && text.parse::<i32>().is_err() => {
                problems.push(problem(name, "must be a whole number of megabytes", example));
            }
            Some(_) => {}
            None => problems.push(problem(name, "must be set beside AWS_LAMBDA_RUNTIME_API, as Lambda does", example)),
        }
    }
    if problems.iter().next().is_none() { Ok(()) } else { Err(problems) }
}

fn problem(name: &str, rule: &'static str, example: &str) -> Problem {
    Problem { setting: name.into(), rule: rule.into(), example: format!("{name}={example}"), place: Place::Environment, order: 0 }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Platform, Problems> {
        let variables: BTreeMap<String, String> = pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        platform(&variables)
    }

    #[test]
    fn the_port_is_taken_in_the_order_of_the_contract() {
        assert_eq!(read(&[]).unwrap().listen_port, 9000);
        assert_eq!(read(&[("FC_CUSTOM_LISTEN_PORT", "8080")]).unwrap().listen_port, 8080);
        assert_eq!(read(&[("FC_CUSTOM_LISTEN_PORT", "8080"), ("FC_SERVER_PORT", "0")]).unwrap().listen_port, 0);
        assert_eq!(read(&[("FC_CUSTOM_LISTEN_PORT", "8080"), ("FC_SERVER_PORT", "")]).unwrap().listen_port, 8080);
    }

    #[test]
    fn a_port_that_is_no_port_is_a_problem_with_rule_and_example() {
        let problems = read(&[("FC_SERVER_PORT", "65536")]).unwrap_err();
        assert_eq!(
            problems.to_string(),
            "FC_SERVER_PORT (environment): must be a port number from 0 to 65535; example: FC_SERVER_PORT=9000"
        );
    }

    #[test]
    fn the_code_path_tells_function_compute_and_the_runtime_api_tells_lambda() {
        let compute = read(&[("FC_FUNC_CODE_PATH", "/code/")]).unwrap();
        let expected = Platform {
            listen_port: 9000,
            on_function_compute: true,
            code_path: Some("/code/".into()),
            lambda_runtime_api: None,
            lambda_log_group: None,
        };
        assert_eq!(compute, expected);
        let lambda = [
            ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
            ("FC_FUNC_CODE_PATH", ""),
            ("AWS_LAMBDA_FUNCTION_NAME", "f"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/f"),
        ];
        let lambda = read(&lambda).unwrap();
        assert_eq!((lambda.on_function_compute, lambda.lambda_runtime_api.as_deref()), (false, Some("127.0.0.1:9001")));
        assert_eq!(lambda.lambda_log_group.as_deref(), Some("/aws/lambda/f"));
    }

    #[test]
    fn half_a_lambda_is_a_problem_instead_of_a_crash() {
        let problems = read(&[("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"), (LAMBDA_MEMORY, "much")]).unwrap_err();
        let named: Vec<_> = problems.iter().map(|problem| problem.setting.as_str()).collect();
        assert_eq!(named, ["AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]);
    }
}
