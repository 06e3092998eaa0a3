//! `bzzz get`: reads a resource, at a version where the address names one.

use std::path::PathBuf;

use super::context::{Context, short, view};
use super::exit::Exit;
use super::failure::Result;
use crate::client::wire::ResourceRow;
use crate::report::words;
use crate::term::clean;
use crate::term::out::note;

/// Writes without a version that are named one by one.
const SHOWN: usize = 3;

/// Arguments of `bzzz get`.
#[derive(Debug, clap::Args)]
pub struct GetArgs {
    /// Address, as in bzzz://*:*@default:*/docs/plan.md, with `*^` (latest) or `*~3` (version 3) before the path
    address: String,
    /// A write by its tag or the first digits of it, also one that is no version
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Write the content to a file as it is
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: GetArgs, context: &mut Context) -> Result<Exit> {
    super::address::parse(&args.address)?;
    let mut query = vec![("address", args.address.as_str())];
    if let Some(tag) = &args.tag {
        query.push(("tag", tag));
    }
    let answer = context
        .client()?
        .get("resource", &query, "could not read the resource")?;
    let resource: ResourceRow = view(&answer);
    if !context.global.json && args.tag.is_none() {
        tell_siblings(&resource);
    }
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

/// Says on standard error what was written and is no version, so that nobody takes the version for all there is.
fn tell_siblings(resource: &ResourceRow) {
    if resource.siblings == 0 {
        return;
    }
    let count = match resource.siblings {
        1 => "1 write of this resource is no version".to_owned(),
        many => format!("{many} writes of this resource are no versions"),
    };
    note(&format!("note: {count}:"));
    for sibling in resource.sibling_writes.iter().take(SHOWN) {
        let why = match sibling.state.as_str() {
            "waiting" => "waits for the resource's home",
            "refused" => "another was first",
            other => other,
        };
        let line = format!(
            "  {} of node {}: {why}; bzzz get {} --tag {}",
            words::clock(sibling.at_ms),
            short(&sibling.by),
            words::shell_word(&resource.address),
            short(&sibling.etag)
        );
        note(&clean::line(&line));
    }
    if resource.siblings > SHOWN as u64 {
        note("  … `--json` lists more");
    }
}
