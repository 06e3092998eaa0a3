//! `bzzz admit`: a person lets a node into the project's roster. Without a name it lists those that ask.

use serde_json::{Value, json};

use super::context::Context;
use super::exit::Exit;
use super::failure::{Result, fail_because};
use crate::settings::check;
use crate::term::clean;
use crate::term::table::table;

/// Arguments of `bzzz admit`.
#[derive(Debug, clap::Args)]
pub struct AdmitArgs {
    /// Peer id of the node; without it, the nodes that ask are listed
    peer: Option<String>,
}

/// Runs the command.
pub fn run(args: AdmitArgs, context: &mut Context) -> Result<Exit> {
    let Some(peer) = args.peer else {
        let answer = context
            .client()?
            .get("admit", &[], "could not list the nodes that ask")?;
        context.show(&answer, |screen| {
            let pending = answer
                .get("pending")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default();
            let rows: Vec<Vec<String>> = pending
                .iter()
                .filter_map(|peer| peer.as_str().map(|peer| vec![peer.to_owned()]))
                .collect();
            table(screen, &["peer"], &rows, "no node asks to be admitted")
        })?;
        return Ok(Exit::Ok);
    };
    check::peer_id(&peer).map_err(|because| {
        fail_because(
            Exit::Usage,
            "could not admit the node",
            because,
            Some("`bzzz admit` lists the nodes that ask"),
        )
    })?;
    let answer = context
        .client()?
        .post("admit", &json!({ "peer": peer }), "could not admit the node")?;
    context.show(&answer, |_| format!("admitted {}\n", clean::line(&peer)))?;
    Ok(Exit::Ok)
}
