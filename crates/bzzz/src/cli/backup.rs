//! `bzzz backup`: a consistent copy of a node's data, made by the node itself when it runs.

use std::path::PathBuf;

use serde_json::json;

use super::context::Context;
use super::exit::Exit;
use super::failure::{Explain, Result, fail};
use crate::offline;
use crate::report::words;

const ATTEMPT: &str = "could not make the backup";

/// Arguments of `bzzz backup`.
#[derive(Debug, clap::Args)]
pub struct BackupArgs {
    /// File to write; its manifest goes beside it
    to: PathBuf,
}

/// Runs the command.
pub fn run(args: BackupArgs, context: &mut Context) -> Result<Exit> {
    // The node has a working folder of its own, so it gets the whole path.
    let to =
        std::path::absolute(&args.to).explain(Exit::Usage, format!("could not use {}", args.to.display()), None)?;
    if to.exists() {
        return Err(fail(
            Exit::Usage,
            format!("could not write {}: it is there already", to.display()),
            Some("name another file; a backup never replaces one"),
        ));
    }
    if context.global.node.is_empty()
        && let Some(store) = offline::open(&context.settings()?, ATTEMPT)?
    {
        let manifest = offline::backup(store, to.clone(), ATTEMPT)?;
        let answer =
            json!({ "to": to, "bytes": manifest.bytes, "sha256": manifest.sha256, "feeds": manifest.heads.len() });
        context.show(&answer, |_| {
            let feeds = words::count(manifest.heads.len() as u64, "feed");
            format!("wrote {} ({} bytes, {feeds})\n", to.display(), manifest.bytes)
        })?;
        return Ok(Exit::Ok);
    }
    let answer = context.client()?.post_long("backup", &json!({ "to": to }), ATTEMPT)?;
    context.show(&answer, |_| format!("wrote {}\n", to.display()))?;
    Ok(Exit::Ok)
}
