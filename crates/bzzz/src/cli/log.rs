//! `bzzz log verify`: do the signed feeds hold, event by event?

use serde_json::json;

use super::context::Context;
use super::exit::Exit;
use super::failure::Result;

/// Arguments of `bzzz log`.
#[derive(Debug, clap::Args)]
pub struct LogArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Check signatures, hash chains and numbers of all feeds
    Verify {
        /// Only this feed
        #[arg(long, value_name = "ID")]
        feed: Option<String>,
    },
}

/// Runs the command.
pub fn run(args: LogArgs, context: &mut Context) -> Result<Exit> {
    let Action::Verify { feed } = args.action;
    let answer = context
        .client()?
        .post_long("log/verify", &json!({ "feed": feed }), "could not check the log")?;
    super::check::show(&answer, context)
}
