//! `bzzz backup`: a consistent copy of a running node's data.

use std::path::PathBuf;

use serde_json::json;

use super::context::Context;
use super::exit::Exit;
use super::failure::{Explain, Result, fail};

/// Arguments of `bzzz backup`.
#[derive(Debug, clap::Args)]
pub struct BackupArgs {
    /// File to write
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
    let answer = context
        .client()?
        .post_long("backup", &json!({ "to": to }), "could not make the backup")?;
    context.show(&answer, |_| format!("wrote {}\n", to.display()))?;
    Ok(Exit::Ok)
}
