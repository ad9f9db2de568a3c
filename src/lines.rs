//! Log lines as text → records as SLS would have stored them. Pure: where the lines come from is decided elsewhere.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::sls::{Field, LogRecord, LogTime};

/// The lines of one item of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// Index of the item in its event, from 0.
    pub item: u64,
    /// When the service received it, UNIX seconds, where it is known.
    pub received: Option<u32>,
    /// Its lines, in order; `None` stands for one that is damaged.
    pub lines: Vec<Option<Line>>,
    /// Unpacked bytes.
    pub size: u64,
}

/// One line, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it was written.
    pub time: LogTime,
    /// Keys and values, in order.
    pub fields: Vec<(String, String)>,
}

impl Line {
    /// The line as a record.
    pub fn record(&self) -> LogRecord<'_> {
        let fields = self.fields.iter().map(|(key, value)| Field { key: key.as_bytes(), value: value.as_bytes() });
        LogRecord { time: self.time, fields: fields.collect() }
    }
}

/// The members of a JSON object as SLS stores them, in the order of the text, a repeated key staying repeated: texts are taken as they
/// are, any other value becomes its JSON text.
///
/// # Errors
/// When the text is no JSON object. The message of the error may quote the text.
pub fn fields(text: &str) -> Result<Vec<(String, String)>, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(text);
    let fields = json.deserialize_map(Fields)?;
    json.end()?;
    Ok(fields)
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Vec<(String, String)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some((key, value)) = map.next_entry::<Cow<'de, str>, &'de RawValue>()? {
            let text = if value.get().starts_with('"') { serde_json::from_str(value.get()) } else { Ok(value.get().to_owned()) };
            fields.push((key.into_owned(), text.map_err(serde::de::Error::custom)?));
        }
        Ok(fields)
    }
}
