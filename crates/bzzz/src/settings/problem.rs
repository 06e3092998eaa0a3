//! What is wrong with the settings: all of it at once, each with its place and what to do.

use serde::Serialize;

use super::source::Source;

/// Whether bzzz can start with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// It cannot.
    Error,
    /// It can, but look at it.
    Warning,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How bad.
    pub level: Level,
    /// Where the value came from.
    pub source: Source,
    /// Dotted key, or the variable's name.
    pub key: String,
    /// What is wrong with it.
    pub what: String,
    /// What to do.
    #[serde(rename = "try", skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Problem {
    /// An error.
    pub fn error(source: Source, key: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            level: Level::Error,
            source,
            key: key.into(),
            what: what.into(),
            hint: None,
        }
    }

    /// A warning.
    pub fn warning(source: Source, key: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            level: Level::Warning,
            ..Self::error(source, key, what)
        }
    }

    /// Adds what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.key.is_empty() {
            write!(f, "{}: {}", self.source, self.what)
        } else {
            write!(f, "{}: {}: {}", self.source, self.key, self.what)
        }
    }
}

/// The known name nearest to `name`, when one is near enough to be meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Below this two names have little in common (Jaro–Winkler, 0 to 1).
    const NEAR: f64 = 0.75;
    let mut best = None;
    for candidate in known {
        let score = strsim::jaro_winkler(&name.to_lowercase(), &candidate.to_lowercase());
        if score >= NEAR && best.is_none_or(|(_, least)| score > least) {
            best = Some((candidate, score));
        }
    }
    best.map(|(name, _)| name)
}
