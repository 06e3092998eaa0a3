//! `bzzz restore`: puts a backup into an empty data folder. The node comes back as a new incarnation and forfeits the
//! leases and shares that it held, so that nothing is done or spent twice.

use std::path::PathBuf;

use serde_json::json;

use super::context::Context;
use super::exit::Exit;
use super::failure::{Explain, Result, fail};

/// Arguments of `bzzz restore`.
#[derive(Debug, clap::Args)]
pub struct RestoreArgs {
    /// Backup file
    from: PathBuf,
}

/// Runs the command.
pub fn run(args: RestoreArgs, context: &mut Context) -> Result<Exit> {
    let attempt = format!("could not use the backup {}", args.from.display());
    let from = args
        .from
        .canonicalize()
        .explain(Exit::Usage, attempt.clone(), Some("check the path"))?;
    if !from.is_file() {
        return Err(fail(
            Exit::Usage,
            format!("{attempt}: it is not a file"),
            Some("give the file that `bzzz backup` wrote"),
        ));
    }
    let answer = context
        .client()?
        .post_long("restore", &json!({ "from": from }), "could not restore the backup")?;
    context.show(&answer, |_| format!("restored {}\n", from.display()))?;
    Ok(Exit::Ok)
}
