//! `bzzz drain` and `bzzz kill`: a person slows a running node down, or stops what its agents do at once.

use serde_json::json;

use super::context::Context;
use super::exit::Exit;
use super::failure::Result;

/// Arguments of `bzzz drain` and `bzzz kill`: none of their own.
#[derive(Debug, clap::Args)]
pub struct StopArgs {}

/// Runs `bzzz drain`.
pub fn drain(_: StopArgs, context: &mut Context) -> Result<Exit> {
    let answer = context
        .client()?
        .post("node/drain", &json!({}), "could not drain the node")?;
    context.show(&answer, |_| {
        "draining: the agents finish what they do and take nothing new; the node stays in the network\n".to_owned()
    })?;
    Ok(Exit::Ok)
}

/// Runs `bzzz kill`.
pub fn kill(_: StopArgs, context: &mut Context) -> Result<Exit> {
    let answer = context
        .client()?
        .post("node/kill", &json!({}), "could not stop the node's agents")?;
    context.show(&answer, |_| {
        "stopped: the agents have dropped their work and take nothing new until the node is started anew; \
         it stays in the network\n"
            .to_owned()
    })?;
    Ok(Exit::Ok)
}
