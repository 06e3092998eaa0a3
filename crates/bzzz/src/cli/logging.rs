//! The log of commands that run a node: on standard error, as text or one JSON object a line.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::settings::keys::LOG_LEVELS;
use crate::settings::typed::LogSettings;

/// What a log is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Of a node that serves: it is where people hear of questions.
    Node,
    /// Beside the output of one command, which says itself what there is to answer: questions are left out, but for `--verbose`.
    Command,
}

/// Starts the log. `verbose` raises the level by so many steps. A second call changes nothing.
pub fn init(log: &LogSettings, verbose: u8, purpose: Purpose) {
    let at = LOG_LEVELS.iter().position(|level| *level == log.level).unwrap_or(2);
    let level = LOG_LEVELS[(at + usize::from(verbose)).min(LOG_LEVELS.len() - 1)];
    // The transport's own crates are noisy one step earlier than ours.
    let mut filter = match level {
        "debug" => "info,bzzz=debug,bzzz_node=debug,bzzz_net=debug,bzzz_store=debug",
        other => other,
    }
    .to_owned();
    if purpose == Purpose::Command && verbose == 0 {
        filter.push_str(&format!(",{}=off", bzzz_node::QUESTIONS));
    }
    let filter = EnvFilter::new(filter);
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
