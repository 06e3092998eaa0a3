//! The log of commands that run a node: on standard error, as text or one JSON object a line.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::settings::keys::LOG_LEVELS;
use crate::settings::typed::LogSettings;

/// Starts the log. `verbose` raises the level by so many steps. A second call changes nothing.
pub fn init(log: &LogSettings, verbose: u8) {
    let at = LOG_LEVELS.iter().position(|level| *level == log.level).unwrap_or(2);
    let level = LOG_LEVELS[(at + usize::from(verbose)).min(LOG_LEVELS.len() - 1)];
    // The transport's own crates are noisy one step earlier than ours.
    let filter = EnvFilter::new(match level {
        "debug" => "info,bzzz=debug,bzzz_node=debug,bzzz_net=debug,bzzz_store=debug",
        other => other,
    });
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // An error means that a log runs already, which is what is wanted.
    let _ = if log.json {
        builder.json().try_init()
    } else {
        builder.try_init()
    };
}
