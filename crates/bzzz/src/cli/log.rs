//! `bzzz log verify`: do the signed feeds hold, event by event, and are they as long as they were? Done here when no node runs on
//! the data folder, by the running node otherwise.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use bzzz_store::ManifestHead;
use serde::Deserialize;
use serde_json::{Value, json};

use super::context::Context;
use super::exit::Exit;
use super::failure::{Explain, Result, fail_because};
use crate::offline::{self, log};
use crate::settings::Settings;

const ATTEMPT: &str = "could not check the log";
/// Largest file of heads: room for more than 100,000 feeds.
const MAX_AGAINST_BYTES: u64 = 64 << 20;

/// Arguments of `bzzz log`.
#[derive(Debug, clap::Args)]
pub struct LogArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Check signatures, hash chains, numbers and lengths of all feeds
    Verify {
        /// Only feeds of this node: its public key in hex or its peer id, or how it starts
        #[arg(long, value_name = "KEY")]
        feed: Option<String>,
        /// Also hold the feeds against an earlier `log verify --json`, of this node or another, or a backup's manifest
        #[arg(long, value_name = "FILE")]
        against: Option<PathBuf>,
    },
}

/// Runs the command.
pub fn run(args: LogArgs, context: &mut Context) -> Result<Exit> {
    let Action::Verify { feed, against } = args.action;
    let against = against.map(|file| written(&file)).transpose()?;
    if context.global.node.is_empty()
        && let Some(answer) = stopped(&context.settings()?, feed.as_deref(), against.as_ref())?
    {
        return super::check::show(&answer, context);
    }
    let against = against.map(|a| json!({ "by": a.by, "heads": a.heads }));
    let answer = context
        .client()?
        .post_long("log/verify", &json!({ "feed": feed, "against": against }), ATTEMPT)?;
    super::check::show(&answer, context)
}

/// Heads in a file.
struct Against {
    by: String,
    heads: Vec<ManifestHead>,
}

/// Reads the heads that a check or a backup wrote down.
fn written(file: &Path) -> Result<Against> {
    let attempt = format!("could not compare the log with {}", file.display());
    let hint = "give what `bzzz log verify --json` wrote, or the manifest of a backup";
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .and_then(|open| open.take(MAX_AGAINST_BYTES + 1).read_to_end(&mut bytes))
        .explain(Exit::Usage, attempt.clone(), Some(hint))?;
    if bytes.len() as u64 > MAX_AGAINST_BYTES {
        let because = format!("it is larger than {} MB", MAX_AGAINST_BYTES >> 20);
        return Err(fail_because(Exit::Usage, attempt, because, Some(hint)));
    }
    /// Both kinds of file have this field.
    #[derive(Deserialize)]
    struct Heads {
        heads: Vec<ManifestHead>,
    }
    let read: Heads = serde_json::from_slice(&bytes).explain(Exit::Usage, attempt.clone(), Some(hint))?;
    if let Err(because) = log::against(String::new(), &read.heads) {
        return Err(fail_because(Exit::Usage, attempt, because, Some(hint)));
    }
    let name = file.file_name().unwrap_or(file.as_os_str());
    Ok(Against {
        by: name.to_string_lossy().into_owned(),
        heads: read.heads,
    })
}

/// The answer, when no node has the folder open.
fn stopped(settings: &Settings, feed: Option<&str>, against: Option<&Against>) -> Result<Option<Value>> {
    let Some(store) = offline::open(settings, ATTEMPT)? else {
        return Ok(None);
    };
    let (report, noted) = offline::with(store, ATTEMPT, |store| async move {
        let failed = |error| offline::explain(&error, ATTEMPT);
        let mut noted = log::noted(bzzz_node::noted_heads(&store).await).map_err(failed)?;
        if let Some(against) = against {
            let known = log::against(against.by.clone(), &against.heads);
            noted
                .known
                .push(known.map_err(|why| fail_because(Exit::Usage, ATTEMPT, why, None))?);
        }
        let report = bzzz_node::audit::verify(&store, feed, &noted.known).await;
        Ok((report.map_err(failed)?, noted))
    })?;
    // A feed that is known and not here at all is a fault, and no typing error.
    if report.feeds == 0
        && report.fault_count == 0
        && let Some(feed) = feed
    {
        let because = format!("no feed here is of a node whose key starts with {feed:?}");
        return Err(fail_because(
            Exit::Usage,
            ATTEMPT,
            because,
            Some("leave --feed out to check all"),
        ));
    }
    let answer = log::answer(&report, &noted).explain(Exit::Local, ATTEMPT, None)?;
    Ok(Some(answer))
}
