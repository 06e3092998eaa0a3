//! `bzzz leave`: this node leaves its project for good.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use serde_json::{Value, json};

use super::context::Context;
use super::exit::Exit;
use super::failure::{Result, fail};
use super::members::told;
use crate::term::clean;
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
        if !std::io::stdin().is_terminal() {
            let what = "could not leave the project: nobody is there to confirm it";
            return Err(fail(Exit::Usage, what, Some("leaving is for good; add --yes")));
        }
        let status = client.get("status", &[], attempt)?;
        let name = status.pointer("/project/name").and_then(Value::as_str).unwrap_or("");
        if !confirmed(&clean::line(name)) {
            note("nothing was changed\n");
            return Ok(Exit::No);
        }
    }
    let answer = client.post("leave", &json!({}), "could not leave the project")?;
    context.show(&answer, |_| told(&answer))?;
    Ok(Exit::Ok)
}

/// Asks on the terminal. What cannot be read is no.
fn confirmed(name: &str) -> bool {
    let mut err = std::io::stderr();
    let asked = write!(
        err,
        "leave the project {name}? This node never comes back under its key [y/N] "
    );
    if asked.and_then(|()| err.flush()).is_err() {
        return false;
    }
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.is_ok() && matches!(line.trim(), "y" | "Y" | "yes")
}
