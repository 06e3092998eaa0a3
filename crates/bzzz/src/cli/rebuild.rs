//! `bzzz rebuild`: drops the projections and makes them again from the events.

use serde_json::{Value, json};

use super::context::Context;
use super::exit::Exit;
use super::failure::Result;

/// Arguments of `bzzz rebuild`.
#[derive(Debug, clap::Args)]
pub struct RebuildArgs {}

/// Runs the command.
pub fn run(RebuildArgs {}: RebuildArgs, context: &mut Context) -> Result<Exit> {
    let answer = context
        .client()?
        .post_long("rebuild", &json!({}), "could not rebuild the projections")?;
    context.show(&answer, |_| {
        let events = answer.get("events").and_then(Value::as_u64).unwrap_or(0);
        format!("rebuilt from {events} events\n")
    })?;
    Ok(Exit::Ok)
}
