//! Values of arguments that several commands take. Pure; the rules are the library's.

use crate::sls::endpoint::{is_logstore_name, is_project_name};

/// A project of SLS.
///
/// # Errors
/// The rule, for a name that cannot be one.
pub fn project_name(text: &str) -> Result<String, &'static str> {
    is_project_name(text).then(|| text.to_owned()).ok_or("a project has 1 to 128 letters, digits and inner - or _")
}

/// A Logstore of SLS.
///
/// # Errors
/// The rule, for a name that cannot be one.
pub fn logstore_name(text: &str) -> Result<String, &'static str> {
    is_logstore_name(text).then(|| text.to_owned()).ok_or("a Logstore has 2 to 80 of a-z, 0-9 and inner - or _")
}
