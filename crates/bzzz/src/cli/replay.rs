//! `bzzz replay`: steps through the input log that a failed simulation saved.

use std::path::PathBuf;

use serde_json::json;

use super::context::Context;
use super::exit::Exit;
use super::failure::{Explain, Result};

/// Largest input log.
const MAX_LOG_BYTES: u64 = 256 << 20;

/// Arguments of `bzzz replay`.
#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    /// Saved input log
    file: PathBuf,
    /// Stop after this many steps [default: all]
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
}

/// Runs the command.
pub fn run(args: ReplayArgs, context: &mut Context) -> Result<Exit> {
    let bytes = super::text::read_file(&args.file, MAX_LOG_BYTES, "input log")?;
    let text = String::from_utf8(bytes).explain(
        Exit::Usage,
        format!("could not read the input log {}", args.file.display()),
        Some("give the file that `bzzz sim` saved"),
    )?;
    let answer = context.client()?.post_long(
        "replay",
        &json!({ "log": text, "steps": args.steps }),
        "could not replay the log",
    )?;
    super::check::show(&answer, context)
}
