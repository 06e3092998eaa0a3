//! `bzzz restore`: puts a backup into an empty data folder. The node comes back as a new incarnation and forfeits the
//! leases and shares that it held, so that nothing is done or spent twice.

use std::path::PathBuf;

use serde_json::json;

use super::context::Context;
use super::exit::Exit;
use super::failure::{Explain, Result, fail, fail_because};
use crate::offline;
use crate::report::words;

/// Arguments of `bzzz restore`.
#[derive(Debug, clap::Args)]
pub struct RestoreArgs {
    /// Backup file; its manifest lies beside it
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
    let attempt = "could not restore the backup";
    let settings = context.settings()?;
    let Some(folder) = offline::folder(&settings) else {
        let because = "the settings keep the data in memory";
        return Err(fail_because(
            Exit::Usage,
            attempt,
            because,
            Some("set store.url to \"sqlite:\""),
        ));
    };
    let manifest = bzzz_store::restore(&from, &folder).map_err(|error| offline::explain(&error, attempt))?;
    let answer = json!({ "from": from, "data": folder, "bytes": manifest.bytes, "feeds": manifest.heads.len() });
    context.show(&answer, |_| {
        let feeds = words::count(manifest.heads.len() as u64, "feed");
        // A backup never holds keys, so whoever finds one cannot sign as the node.
        let kept = ["identity", "operator"].iter().all(|key| settings.data.join(key).exists());
        let keys = match kept {
            true => "",
            false => "keys: a backup holds none; put the files `identity` and `operator` of the node here first, or it comes up as a stranger\n",
        };
        format!(
            "restored {feeds} to {}\n{keys}next: bzzz up --data {} (as a new incarnation)\n",
            folder.display(),
            settings.data.display()
        )
    })?;
    Ok(Exit::Ok)
}
