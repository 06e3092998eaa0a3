//! The node inside this process: `bzzz up` serves with it, and `bzzz review` starts one when none runs.
//!
//! It serves the same local API on the address that the settings name, so that every command has one way to a node:
//! [`super::http::Http`].

use super::wire::Status;
use crate::cli::exit::Exit;
use crate::cli::failure::{Result, fail_because};
use crate::settings::Settings;

/// A node that lives as long as this value.
#[derive(Debug)]
pub struct Embedded {
    /// Its addresses.
    pub status: Status,
}

impl Embedded {
    /// Starts a node with `settings`.
    pub fn start(settings: &Settings) -> Result<Self> {
        Err(fail_because(
            Exit::Node,
            format!("could not start a node on {}", settings.data.display()),
            "this program was built without the node",
            Some("name a running node with --node ADDRESS"),
        ))
    }

    /// Serves until the process is told to stop (SIGINT, SIGTERM), then drains and closes.
    pub fn serve(self) -> Result<()> {
        Ok(())
    }
}
