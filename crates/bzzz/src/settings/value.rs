//! A value before it is typed: what TOML, an environment variable or a flag can carry.

use serde::Serialize;

/// A raw value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// Text.
    Text(String),
    /// Whole number.
    Integer(i64),
    /// Yes or no.
    Bool(bool),
    /// Several texts.
    List(Vec<String>),
}

impl Value {
    /// How the value is written in TOML.
    pub fn to_toml(&self) -> String {
        match self {
            Self::Text(text) => quoted(text),
            Self::Integer(number) => number.to_string(),
            Self::Bool(yes) => yes.to_string(),
            Self::List(list) => {
                format!(
                    "[{}]",
                    list.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", ")
                )
            }
        }
    }

    /// Its text; empty for the other kinds.
    pub fn text(&self) -> &str {
        if let Self::Text(text) = self { text } else { "" }
    }

    /// Its list; empty for the other kinds.
    pub fn list(&self) -> &[String] {
        if let Self::List(list) = self { list } else { &[] }
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
