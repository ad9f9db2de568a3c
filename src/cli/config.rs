//! `config`: the settings in force and where each comes from. Values are found and judged by `config`, never here.

use super::ending::Ending;
use super::{Surroundings, say};
use crate::config::{Effective, Value, effective, load};

/// Prints every setting, or every problem.
pub fn run(around: Surroundings<'_>) -> Result<(), Ending> {
    load(around.variables, around.files).map_err(Ending::wrong_settings)?;
    effective(around.variables, around.files).iter().try_for_each(|one| say(&line(one)))
}

fn line(one: &Effective) -> String {
    let name = one.setting.name;
    match &one.value {
        Value::Nothing => format!("{name} = (not set)"),
        Value::Default(text) => format!("{name} = {text} (default)"),
        Value::Text(text, place) => format!("{name} = {text} ({place})"),
        Value::Hidden(place) => format!("{name} = [hidden] ({place})"),
    }
}
