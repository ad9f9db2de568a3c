//! An explanation as one JSON object: the same as the tree, for programs. Pure.
//!
//! | member | meaning |
//! |---|---|
//! | `v`, `line`, `outcome` | version of this form, line of the input, `delivered` or `skipped` |
//! | `attributes` | of the observation, metadata with `metadata.` in front: `name`, `value`, `from` (fields), `setting`, `how`; a text of more than [`VALUE_CHARS`] characters is cut and has `bytes`, its whole length |
//! | `absent` | attributes without a value: `name`, `why` |
//! | `notes` | what had to be done to read the record |
//! | `unused` | fields that became nothing: `field`, `reason` (a fixed word), `why` |
//! | `advice` | `gain` (a fixed word), `advice`, `because` |
//! | `reason`, `why`, `remedies` | of a skipped record |

use serde::Serialize;
use serde_json::value::RawValue;

use super::shown::{escaped_json, shortened};
use super::{Absent, Advice, Attribute, Delivered, Explanation, Skipped, Unused};

/// Version of the form: raised when a member goes or changes its meaning.
const VERSION: u32 = 1;

/// Characters of a text that are shown.
pub const VALUE_CHARS: usize = 2000;

#[derive(Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum Outcome<'e> {
    Delivered { attributes: Vec<Shown<'e>>, absent: Vec<Missing<'e>>, notes: &'e [String], unused: Vec<Dropped<'e>>, advice: Vec<Gain<'e>> },
    Skipped { reason: &'static str, why: &'e str, remedies: &'e [String] },
}

#[derive(Serialize)]
struct Line<'e> {
    v: u32,
    line: usize,
    #[serde(flatten)]
    outcome: Outcome<'e>,
}

#[derive(Serialize)]
struct Shown<'e> {
    name: &'e str,
    value: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<usize>,
    from: &'e [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    setting: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    how: Option<&'e str>,
}

#[derive(Serialize)]
struct Missing<'e> {
    name: &'e str,
    why: &'e str,
}

#[derive(Serialize)]
struct Dropped<'e> {
    field: &'e str,
    reason: &'static str,
    why: &'static str,
}

#[derive(Serialize)]
struct Gain<'e> {
    gain: &'static str,
    advice: &'e str,
    because: &'e str,
}

/// The JSON text of a record on line `number`, on one line.
///
/// # Errors
/// None in practice: every member can be written as JSON.
pub fn json(number: usize, explanation: &Explanation) -> serde_json::Result<String> {
    let outcome = match explanation {
        Explanation::Delivered(delivered) => of_delivered(delivered)?,
        Explanation::Skipped(skipped) => of_skipped(skipped),
    };
    let text = serde_json::to_string(&Line { v: VERSION, line: number, outcome })?;
    Ok(escaped_json(&text))
}

fn of_delivered(delivered: &Delivered) -> serde_json::Result<Outcome<'_>> {
    Ok(Outcome::Delivered {
        attributes: delivered.attributes.iter().map(shown).collect::<Result<_, _>>()?,
        absent: delivered.absent.iter().map(missing).collect(),
        notes: &delivered.notes,
        unused: delivered.unused.iter().map(dropped).collect(),
        advice: delivered.advice.iter().map(gain).collect(),
    })
}

fn of_skipped(skipped: &Skipped) -> Outcome<'_> {
    Outcome::Skipped { reason: skipped.reason.name(), why: &skipped.why, remedies: &skipped.remedies }
}

fn shown(attribute: &Attribute) -> serde_json::Result<Shown<'_>> {
    // What is sent as JSON of our own making stays JSON; texts, also such as hold JSON, are texts.
    let structured = matches!(attribute.name.as_str(), "usageDetails" | "costDetails" | "tags");
    let text = shortened(&attribute.text, VALUE_CHARS);
    let cut = !structured && text.len() != attribute.text.len();
    let value = if structured { attribute.text.clone() } else { serde_json::to_string(&text)? };
    Ok(Shown {
        name: &attribute.name,
        value: RawValue::from_string(value)?,
        bytes: cut.then_some(attribute.text.len()),
        from: &attribute.from,
        setting: attribute.setting,
        how: attribute.how.as_deref(),
    })
}

fn missing(absent: &Absent) -> Missing<'_> {
    Missing { name: absent.name, why: &absent.why }
}

fn dropped(unused: &Unused) -> Dropped<'_> {
    Dropped { field: &unused.field, reason: unused.reason.name(), why: unused.reason.words() }
}

fn gain(advice: &Advice) -> Gain<'_> {
    Gain { gain: advice.gain, advice: &advice.advice, because: &advice.because }
}
