//! What a command needs beyond settings that are right: a key to read SLS with, where SLS is, and the parameter of a trigger.

use serde_json::Value as Json;

use super::Surroundings;
use super::ending::Ending;
use crate::config::{self, Config, Problems, Value};
use crate::sls::endpoint::Endpoint;

/// The setting of the first half of a key pair.
pub const KEY_ID: &str = "ALIBABA_CLOUD_ACCESS_KEY_ID";
const KEY_SECRET: &str = "ALIBABA_CLOUD_ACCESS_KEY_SECRET";

/// The settings, or every problem: also that nothing says how to read SLS. `instead`: what else would do, if anything.
///
/// # Errors
/// [`Ending::Misused`], with all of them.
pub fn sls_key(loaded: Result<Config, Problems>, around: Surroundings<'_>, instead: &str) -> Result<Config, Ending> {
    let keyless = (!has_key(around)).then(|| keyless(instead));
    match (loaded, keyless) {
        (Ok(config), None) => Ok(config),
        (Ok(_), Some(keyless)) => Err(Ending::wrong_settings(keyless)),
        (Err(problems), None) => Err(Ending::wrong_settings(problems)),
        (Err(problems), Some(keyless)) => Err(Ending::wrong_settings(format!("{problems}\n{keyless}"))),
    }
}

/// The endpoint of the projects: `named` on the command line, else by the settings, else the public one of the region. One that is named must be
/// trusted like that of an event.
///
/// # Errors
/// [`Ending::Misused`], when nothing says where SLS is, or the endpoint is not trusted.
pub fn sls_endpoint(named: Option<&str>, config: &mut Config) -> Result<String, Ending> {
    if named.is_some() {
        config.endpoint.replacement = None;
    }
    let endpoint = match (named, &config.endpoint.replacement, &config.signature.region) {
        (Some(endpoint), ..) => endpoint.to_owned(),
        (None, Some(replacement), _) => replacement.clone(),
        (None, None, Some(region)) => format!("https://{region}.log.aliyuncs.com"),
        (None, None, None) => {
            return Err(Ending::misused("nothing says where SLS is: give --endpoint, or set SLS_ENDPOINT or SLS_REGION"));
        }
    };
    Endpoint::resolve(&endpoint, &config.endpoint).map_err(Ending::misused)?;
    Ok(endpoint)
}

/// A trigger's `functionParameter` as `--parameter` gives it; null without one.
///
/// # Errors
/// [`Ending::Misused`], when it is no JSON, or what no call may set.
pub fn parameter(text: Option<&str>, config: &Config) -> Result<Json, Ending> {
    let Some(text) = text else { return Ok(Json::Null) };
    let parameter = serde_json::from_str(text).map_err(|_| Ending::misused("--parameter is not JSON"))?;
    config::apply_parameter_member(&config.trace, &parameter).map_err(Ending::misused)?;
    Ok(parameter)
}

/// True if a key is set; whether it is a good one is known to SLS alone.
pub fn has_key(around: Surroundings<'_>) -> bool {
    config::effective(around.variables, around.files).iter().any(|one| one.setting.name == KEY_ID && one.value != Value::Nothing)
}

/// What to say where it is not.
pub fn keyless(instead: &str) -> String {
    format!("{KEY_ID} (not set): must be set, with {KEY_SECRET}, to read from SLS{instead}")
}
