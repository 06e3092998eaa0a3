//! `bzzz leave`: this node leaves its project for good.

use serde_json::{Value, json};

use super::confirm::confirmed;
use super::context::Context;
use super::exit::Exit;
use super::failure::Result;
use super::members::told;
use crate::term::out::note;

/// Arguments of `bzzz leave`.
#[derive(Debug, clap::Args)]
pub struct LeaveArgs {
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// Runs the command.
pub fn run(args: LeaveArgs, context: &mut Context) -> Result<Exit> {
    let client = context.client()?;
    if !args.yes {
        let attempt = "could not leave the project";
        let question = || {
            let status = client.get("status", &[], attempt)?;
            let name = status.pointer("/project/name").and_then(Value::as_str).unwrap_or("");
            Ok(format!(
                "leave the project {name}? This node never comes back under its key"
            ))
        };
        if !confirmed(attempt, "leaving is for good; add --yes", question)? {
            note("nothing was changed\n");
            return Ok(Exit::No);
        }
    }
    let answer = client.post("leave", &json!({}), "could not leave the project")?;
    context.show(&answer, |_| told(&answer))?;
    Ok(Exit::Ok)
}
