//! Settings: built-in defaults, then the file, then the environment, then flags.
//!
//! What always holds: an unknown key or variable is an error that names its place and the nearest key; every value
//! remembers where it came from; all problems are found in one reading. The table in [`keys`] is the only list of
//! settings.

pub mod agents;
pub mod check;
pub mod env;
pub mod example;
pub mod file;
pub mod keys;
pub mod layers;
pub mod money;
pub mod node;
pub mod problem;
pub mod show;
pub mod source;
pub mod typed;
pub mod value;

pub use agents::AgentSetting;
pub use layers::{Flags, Layers};
pub use typed::Settings;

use crate::cli::exit::Exit;
use crate::cli::failure::{Explained, Result};
use problem::Level;

/// Reads all sources, with this process's environment.
pub fn layers(flags: &Flags) -> Layers {
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())));
    Layers::read(flags, variables.collect())
}

/// Reads all sources; any error among them is one failure that tells the first and counts the rest.
pub fn load(flags: &Flags) -> Result<Settings> {
    let layers = layers(flags);
    Settings::from_layers(&layers).ok_or_else(|| refusal(&layers))
}

fn refusal(layers: &Layers) -> anyhow::Error {
    let errors: Vec<_> = layers
        .problems
        .iter()
        .filter(|problem| problem.level == Level::Error)
        .collect();
    let first = errors.first();
    let hint = first.and_then(|problem| problem.hint.clone());
    let more = match errors.len() {
        0 | 1 => String::new(),
        count => format!(" (and {} more: see `bzzz config check`)", count - 1),
    };
    let because = first.map_or_else(|| "a value is missing".to_owned(), ToString::to_string);
    anyhow::anyhow!("{because}{more}").context(Explained {
        what: "could not use the settings".to_owned(),
        hint: hint.or_else(|| Some("`bzzz config check` lists all problems".to_owned())),
        exit: Exit::Usage,
    })
}

#[cfg(test)]
mod tests;
