//! `bzzz rebuild`: drops the projections, which are then made again from the events: by the running node at once, or at
//! the next start.

use serde_json::{Value, json};

use super::context::Context;
use super::exit::Exit;
use super::failure::Result;
use crate::offline;
use crate::report::words;

const ATTEMPT: &str = "could not rebuild the projections";

/// Arguments of `bzzz rebuild`.
#[derive(Debug, clap::Args)]
pub struct RebuildArgs {}

/// Runs the command.
pub fn run(RebuildArgs {}: RebuildArgs, context: &mut Context) -> Result<Exit> {
    if context.global.node.is_empty()
        && let Some(store) = offline::open(&context.settings()?, ATTEMPT)?
    {
        let feeds = offline::rebuild(store, ATTEMPT)?;
        context.show(&json!({ "feeds": feeds }), |_| {
            let feeds = words::count(feeds as u64, "feed");
            format!("dropped the projections; the next start makes them again from {feeds}\n")
        })?;
        return Ok(Exit::Ok);
    }
    let answer = context.client()?.post_long("rebuild", &json!({}), ATTEMPT)?;
    context.show(&answer, |_| {
        let events = answer.get("events").and_then(Value::as_u64).unwrap_or(0);
        format!("rebuilt from {events} events\n")
    })?;
    Ok(Exit::Ok)
}
