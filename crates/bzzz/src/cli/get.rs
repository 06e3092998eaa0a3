//! `bzzz get`: reads a resource, at a version where the address names one.

use std::path::PathBuf;

use super::context::{Context, view};
use super::exit::Exit;
use super::failure::Result;
use crate::client::wire::ResourceRow;
use crate::term::clean;

/// Arguments of `bzzz get`.
#[derive(Debug, clap::Args)]
pub struct GetArgs {
    /// Address, as in bzzz://*:*@default:*/docs/plan.md, with `*^` (latest) or `*~3` (version 3) before the path
    address: String,
    /// Write the content to a file as it is
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: GetArgs, context: &mut Context) -> Result<Exit> {
    super::address::parse(&args.address)?;
    let answer = context
        .client()?
        .get("resource", &[("address", &args.address)], "could not read the resource")?;
    let resource: ResourceRow = view(&answer);
    if let Some(path) = &args.output {
        super::text::write_file(path, resource.text.as_bytes())?;
        return Ok(Exit::Ok);
    }
    context.show(&answer, |screen| {
        let mut text = if resource.entries.is_empty() {
            resource.text.clone()
        } else {
            resource.entries.join("\n")
        };
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        // A pipe gets the bytes; a person's terminal must not obey them.
        if screen.terminal { clean::block(&text) } else { text }
    })?;
    Ok(Exit::Ok)
}
