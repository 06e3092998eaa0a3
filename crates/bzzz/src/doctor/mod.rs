//! Checks of this machine: would a node start here and keep its data safe? Nothing is changed, except that a file is made
//! and removed in the data folder to see whether that works.

pub mod checks;
pub mod clock;
pub mod ports;

use serde::Serialize;

use crate::settings::{Layers, Settings};

/// Outcome of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Good.
    Ok,
    /// It works, but look at it.
    Warn,
    /// It does not work.
    Fail,
}

/// One check's finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Short name.
    pub name: &'static str,
    /// Outcome.
    pub health: Health,
    /// What was found.
    pub found: String,
    /// What to do; none when all is well.
    #[serde(rename = "try", skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Check {
    /// All is well.
    pub fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self {
            name,
            health: Health::Ok,
            found: found.into(),
            hint: None,
        }
    }

    /// It works, but look at it.
    pub fn warn(name: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            name,
            health: Health::Warn,
            found: found.into(),
            hint: Some(hint.into()),
        }
    }

    /// It does not work.
    pub fn fail(name: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            health: Health::Fail,
            ..Self::warn(name, found, hint)
        }
    }
}

/// Runs all checks; those that need good settings are left out when the settings are not.
pub fn run(layers: &Layers) -> Vec<Check> {
    let mut out = vec![checks::settings(layers)];
    if let Some(settings) = Settings::from_layers(layers) {
        out.push(checks::data_folder(&settings.data));
        out.push(checks::identity(&settings.data));
        out.push(checks::disk(&settings.data));
        out.push(clock::check(&settings.data));
        out.extend(ports::check(&settings));
    }
    out.push(checks::git());
    out.push(checks::terminal());
    out
}
