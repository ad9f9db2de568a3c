//! What the contract names and this version does not carry out.
//!
//! Such a value is refused at the start, since a setting that is accepted and ignored is found out weeks later. The day it is carried out,
//! its line here goes, and nothing else in `config` changes.

/// Keys of a trigger's `functionParameter`.
const PARAMETERS: &[&str] = &[];

/// True if the key is in the contract but refused by this version.
pub(super) fn refuses_parameter(key: &str) -> bool {
    PARAMETERS.contains(&key)
}
