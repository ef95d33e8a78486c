//! The values that the keys of an object must hold, and what is said where they hold others.

use serde_json::{Map, Value};

use super::python;
use crate::lines::excerpt;

/// An object whose keys are taken one by one.
pub(super) struct Object {
    map: Map<String, Value>,
}

impl Object {
    /// The object that a line spells, as JSON or as a literal of Python.
    pub(super) fn parse(line: &str) -> Result<Self, String> {
        let value = match serde_json::from_str(line) {
            Ok(value) => value,
            Err(json) => python::parse(line).map_err(|python| {
                let after_brace = line.trim_start().strip_prefix('{').map(str::trim_start);
                if after_brace.is_some_and(|rest| rest.starts_with(['\'', 'u'])) {
                    python
                } else {
                    // The text is one line.
                    format!("this is not whole JSON: {}", json.to_string().replace(" at line 1", " at"))
                }
            })?,
        };
        match value {
            Value::Object(map) => Ok(Object { map }),
            other => Err(format!("the line is {}, not an object", kind(&other))),
        }
    }

    /// The value of a key; `None` if it is absent or null.
    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        self.map.get_mut(key).map(Value::take).filter(|value| !value.is_null())
    }

    /// The text of a key without the spaces around it; `None` if it is absent, null or blank.
    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>, String> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(trimmed(text)),
            Some(other) => Err(unexpected(key, &other, "text")),
        }
    }

    /// The text of a key that must be there.
    pub(super) fn required_text(&mut self, key: &str) -> Result<String, String> {
        self.text(key)?.ok_or_else(|| format!("{key} is absent or empty"))
    }

    /// The texts of a list; none if the key is absent or null. Blank texts are left out.
    pub(super) fn texts(&mut self, key: &str) -> Result<Vec<String>, String> {
        self.take(key).map_or(Ok(Vec::new()), |value| texts(key, value))
    }

    /// The object of a key; an empty one if it is absent or null.
    pub(super) fn object(&mut self, key: &str) -> Result<Object, String> {
        match self.take(key) {
            None => Ok(Object { map: Map::new() }),
            Some(Value::Object(map)) => Ok(Object { map }),
            // Older dumps write what is empty in either way.
            Some(Value::Array(list)) if list.is_empty() => Ok(Object { map: Map::new() }),
            Some(other) => Err(unexpected(key, &other, "an object")),
        }
    }

    /// The keys and values that are left.
    pub(super) fn into_entries(self) -> impl Iterator<Item = (String, Value)> {
        self.map.into_iter()
    }
}

/// The texts of a list.
pub(super) fn texts(key: &str, value: Value) -> Result<Vec<String>, String> {
    let Value::Array(list) = value else { return Err(unexpected(key, &value, "a list of text")) };
    let mut texts = Vec::with_capacity(list.len());
    for value in list {
        match value {
            Value::String(text) => texts.extend(trimmed(text)),
            other => return Err(format!("{key} holds {}, expected text", kind(&other))),
        }
    }
    Ok(texts)
}

/// What is said of a value that should be another.
pub(super) fn unexpected(key: &str, value: &Value, expected: &str) -> String {
    format!("{key} is {}, expected {expected}", kind(value))
}

fn trimmed(text: String) -> Option<String> {
    let trimmed = text.trim();
    match trimmed.len() {
        0 => None,
        length if length == text.len() => Some(text),
        _ => Some(trimmed.to_owned()),
    }
}

fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the text {}", excerpt(text)),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
    }
}
