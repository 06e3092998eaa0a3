//! `bzzz admit`: a person lets a node into the project's roster. Without a name it lists those that ask.

use serde_json::json;

use super::context::{Context, rows};
use super::exit::Exit;
use super::failure::Result;
use super::members::{check_key, draw_pending, told};

/// Arguments of `bzzz admit`.
#[derive(Debug, clap::Args)]
pub struct AdmitArgs {
    /// Peer id or key of the node; without it, the nodes that ask are listed
    key: Option<String>,
    /// Owner under which it has asked, where it has asked under several
    #[arg(long, value_name = "OWNER", requires = "key")]
    owner: Option<String>,
}

/// Runs the command.
pub fn run(args: AdmitArgs, context: &mut Context) -> Result<Exit> {
    let Some(key) = args.key else {
        let answer = context
            .client()?
            .get("admit", &[], "could not list the nodes that ask")?;
        context.show(&answer, |screen| draw_pending(screen, &rows(&answer, "requests")))?;
        return Ok(Exit::Ok);
    };
    let attempt = "could not admit the node";
    check_key(&key, attempt)?;
    let answer = context
        .client()?
        .post("admit", &json!({ "peer": key, "owner": args.owner }), attempt)?;
    context.show(&answer, |_| told(&answer))?;
    Ok(Exit::Ok)
}
