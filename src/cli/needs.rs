//! What a command needs beyond settings that are right: a key to read SLS with.

use super::Surroundings;
use super::ending::Ending;
use crate::config::{self, Config, Problems, Value};

const KEY_ID: &str = "ALIBABA_CLOUD_ACCESS_KEY_ID";
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

/// True if a key is set; whether it is a good one is known to SLS alone.
pub fn has_key(around: Surroundings<'_>) -> bool {
    config::effective(around.variables, around.files).iter().any(|one| one.setting.name == KEY_ID && one.value != Value::Nothing)
}

/// What to say where it is not.
pub fn keyless(instead: &str) -> String {
    format!("{KEY_ID} (not set): must be set, with {KEY_SECRET}, to read from SLS{instead}")
}
