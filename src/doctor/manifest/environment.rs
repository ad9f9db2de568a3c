//! The environment that a manifest gives to a function, with what the shell of the deployer fills in. Pure; values are counted and handed on,
//! never shown.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::config::Variables;
use crate::doctor::check::Check;

/// What Function Compute takes of names and values together (`reference/function-compute.md` §1.4). Bytes.
const LIMIT: usize = 4096;

/// From here on one more key does not fit. Bytes.
const NARROW: usize = 3584;

/// Names that belong to the platform (`reference/function-compute.md` §2.2).
const RESERVED: &str = "FC_";

/// The variables of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// Those whose value is known.
    pub values: BTreeMap<String, String>,
    /// Names of variables of the deployer's shell that are missing: `${env('NAME')}`.
    pub missing: Vec<String>,
    /// Names of variables whose value is filled in by something that is not looked into.
    pub unknown: Vec<String>,
    /// Names of variables whose value is no text.
    pub not_text: Vec<String>,
}

/// The environment in `props`, `${env('NAME')}` filled in from the shell.
pub fn of_function(props: &Value, shell: &dyn Variables) -> Environment {
    let mut environment = Environment::default();
    for (name, value) in props["environmentVariables"].as_object().into_iter().flatten() {
        match value.as_str() {
            None => environment.not_text.push(name.clone()),
            Some(text) => environment.put(name, filled_in(text, shell)),
        }
    }
    environment
}

/// What became of a value.
enum Filled {
    Text(String),
    Missing(String),
    Unknown,
}

impl Environment {
    fn put(&mut self, name: &str, value: Filled) {
        match value {
            Filled::Text(text) => drop(self.values.insert(name.to_owned(), text)),
            Filled::Missing(variable) => self.missing.push(variable),
            Filled::Unknown => self.unknown.push(name.to_owned()),
        }
    }

    /// What counts against the limit, as far as it is known.
    fn size(&self) -> usize {
        self.values.iter().map(|(name, value)| name.len() + value.len()).sum()
    }
}

/// Fills in `${env('NAME')}` and `${env('NAME', 'default')}`, in either kind of quotation marks.
fn filled_in(text: &str, shell: &dyn Variables) -> Filled {
    let (mut whole, mut rest) = (String::new(), text);
    while let Some((before, behind)) = rest.split_once("${") {
        let Some((call, after)) = behind.split_once('}') else { return Filled::Unknown };
        let Some(arguments) = call.trim().strip_prefix("env(").and_then(|call| call.strip_suffix(')')) else { return Filled::Unknown };
        let mut arguments = arguments.split(',').map(|argument| argument.trim().trim_matches(['\'', '"']));
        let name = arguments.next().unwrap_or_default();
        let Some(value) = shell.get(name).or_else(|| arguments.next().map(str::to_owned)) else { return Filled::Missing(name.to_owned()) };
        whole.push_str(before);
        whole.push_str(&value);
        rest = after;
    }
    Filled::Text(whole + rest)
}

pub(super) fn judge(environment: &Environment) -> Check {
    let (id, size) = ("manifest.environment", environment.size());
    let reserved = environment.values.keys().filter(|name| name.starts_with(RESERVED)).cloned().collect::<Vec<_>>();
    let lists = [
        ("not set in this shell: ", &environment.missing),
        ("not a text (put it in quotation marks): ", &environment.not_text),
        ("reserved by Function Compute: ", &reserved),
    ];
    let mut problems: Vec<_> =
        lists.iter().filter(|(_, names)| !names.is_empty()).map(|(what, names)| format!("{what}{}", names.join(", "))).collect();
    if size > LIMIT {
        problems.push(format!("{size} bytes of names and values, of which Function Compute takes {LIMIT}"));
    }
    let fix = "export what is missing before `s deploy`; put what is long into a file that CONFIG_FILE names";
    let check = if !problems.is_empty() {
        Check::fail(id, problems.join("; "), fix)
    } else if size > NARROW {
        Check::warn(id, format!("{size} bytes of names and values, of {LIMIT} that Function Compute takes"), fix)
    } else {
        Check::ok(id, well(environment, size))
    };
    check.with("bytes", size)
}

fn well(environment: &Environment, size: usize) -> String {
    let well = format!("{} variables of {size} bytes, of {LIMIT} that Function Compute takes", environment.values.len());
    match environment.unknown.as_slice() {
        [] => well,
        unknown => format!("{well}; without {}, whose values are not looked into", unknown.join(", ")),
    }
}
