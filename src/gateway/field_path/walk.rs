//! From a JSON text along the steps of a path to the text of one value. Pure.
//!
//! One scan a level, and nothing is built on the way: what is not on the path is passed over, and what was found before a damage counts.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Step, Value, is_header};

/// How often JSON may be text inside JSON on one path.
const MAX_WRAPPINGS: usize = 3;

/// The value at the end of the steps.
pub(super) fn inside<'a>(value: &Value<'a>, steps: &[Step]) -> Option<Cow<'a, str>> {
    match value {
        _ if steps.is_empty() => shown(value),
        Value::Text(Cow::Borrowed(text)) | Value::Json(text) => match find(text, steps)? {
            Found::Value(json) => shown(&Value::Json(json)),
            Found::Wrapped { text, rest } => inside_text(text, rest).map(Cow::Owned),
        },
        Value::Text(Cow::Owned(text)) => inside_text(text.clone(), steps).map(Cow::Owned),
    }
}

/// As [`inside`], for JSON that was text inside JSON or had to be made UTF-8.
fn inside_text(mut text: String, mut steps: &[Step]) -> Option<String> {
    for _ in 0..MAX_WRAPPINGS {
        let (inner, rest) = match find(&text, steps)? {
            Found::Value(json) => return shown(&Value::Json(json)).map(Cow::into_owned),
            Found::Wrapped { text, rest } => (text, rest),
        };
        (text, steps) = (inner, rest);
    }
    None
}

/// A found value as text: structures without blanks.
fn shown<'a>(value: &Value<'a>) -> Option<Cow<'a, str>> {
    let text = value.text()?;
    let is_structure = matches!(value, Value::Json(json) if json.starts_with(['{', '[']));
    Some(if is_structure { compact(text) } else { text })
}

/// Valid JSON without the blanks between its parts; borrowed if there are none.
fn compact(json: Cow<'_, str>) -> Cow<'_, str> {
    let (mut in_text, mut escaped) = (false, false);
    let mut is_blank = |byte: u8| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_text,
            b'"' => in_text = !in_text,
            b' ' | b'\t' | b'\r' | b'\n' => return !in_text,
            _ => {}
        }
        false
    };
    let kept: Vec<u8> = json.bytes().filter(|byte| !is_blank(*byte)).collect();
    match String::from_utf8(kept) {
        Ok(kept) if kept.len() < json.len() => Cow::Owned(kept),
        _ => json,
    }
}

/// What stands at a place in JSON.
enum Found<'a, 's> {
    /// The value at the end of the path.
    Value(&'a str),
    /// A text on the way that may be JSON, and the steps that are left.
    Wrapped { text: String, rest: &'s [Step] },
}

fn find<'a, 's>(json: &'a str, steps: &'s [Step]) -> Option<Found<'a, 's>> {
    let mut found = None;
    let mut reader = serde_json::Deserializer::from_str(json);
    // An error behind the value does not unmake it.
    let _ = Search { steps, found: &mut found }.deserialize(&mut reader);
    found
}

/// Goes down one level for each step and puts what it finds into `found`.
struct Search<'f, 'a, 's> {
    steps: &'s [Step],
    found: &'f mut Option<Found<'a, 's>>,
}

impl<'a> DeserializeSeed<'a> for Search<'_, 'a, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.steps.is_empty() {
            let json: &'a RawValue = serde::Deserialize::deserialize(deserializer)?;
            *self.found = Some(Found::Value(json.get()));
            return Ok(());
        }
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Search<'_, 'a, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut members: M) -> Result<(), M::Error> {
        let (wanted, rest) = self.steps.split_first().map_or((None, self.steps), |(wanted, rest)| (Some(wanted), rest));
        while let Some(is_wanted) = members.next_key_seed(IsWanted(wanted))? {
            match is_wanted {
                true => members.next_value_seed(Search { steps: rest, found: &mut *self.found })?,
                false => _ = members.next_value::<IgnoredAny>()?,
            }
        }
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'a>>(self, mut elements: S) -> Result<(), S::Error> {
        let (wanted, rest) = match self.steps.split_first() {
            Some((Step::Index(wanted), rest)) => (Some(*wanted), rest),
            _ => (None, self.steps),
        };
        let mut at = 0;
        loop {
            let more = match wanted == Some(at) {
                true => elements.next_element_seed(Search { steps: rest, found: &mut *self.found })?.is_some(),
                false => elements.next_element::<IgnoredAny>()?.is_some(),
            };
            if !more {
                return Ok(());
            }
            at += 1;
        }
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if text.trim_start().starts_with(['{', '[', '"']) {
            *self.found = Some(Found::Wrapped { text: text.to_owned(), rest: self.steps });
        }
        Ok(())
    }
}

/// Reads a member's name and says whether it is the one that a step leads to.
struct IsWanted<'s>(Option<&'s Step>);

impl<'a> DeserializeSeed<'a> for IsWanted<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for IsWanted<'_> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a member name")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(match self.0 {
            Some(Step::Member(name)) => **name == *key,
            Some(Step::Header(name)) => is_header(key.as_bytes(), name),
            Some(Step::Index(_)) | None => false,
        })
    }
}
