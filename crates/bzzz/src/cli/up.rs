//! `bzzz up`: runs a node until it is told to stop. Its addresses are printed first, as one line with `--json`, so that
//! scripts can start meshes on free ports.

use super::context::Context;
use super::exit::Exit;
use super::failure::Result;
use crate::client::embedded::Embedded;
use crate::client::wire::Status;
use crate::settings::value::Value;
use crate::settings::{self, Flags};

/// Arguments of `bzzz up`.
#[derive(Debug, clap::Args)]
pub struct UpArgs {
    /// Address to listen on for peers; repeat for more
    #[arg(long = "p2p", value_name = "MULTIADDR")]
    listen: Vec<String>,
    /// Address of the local API
    #[arg(long, value_name = "ADDR")]
    http: Option<String>,
    /// Peer to dial; repeat for more
    #[arg(long = "peer", value_name = "MULTIADDR")]
    peers: Vec<String>,
    /// Built-in roles to host
    #[arg(long, value_name = "ROLE", value_delimiter = ',')]
    agents: Option<Vec<String>>,
}

impl UpArgs {
    fn into_flags(self, mut flags: Flags) -> Flags {
        if !self.listen.is_empty() {
            flags.others.push(("p2p.listen", "--p2p", Value::List(self.listen)));
        }
        if let Some(http) = self.http {
            flags.others.push(("http.listen", "--http", Value::Text(http)));
        }
        if !self.peers.is_empty() {
            flags.others.push(("p2p.peers", "--peer", Value::List(self.peers)));
        }
        if let Some(agents) = self.agents {
            let agents = agents
                .into_iter()
                .map(|role| role.trim().to_owned())
                .filter(|role| !role.is_empty())
                .collect();
            flags.others.push(("agents", "--agents", Value::List(agents)));
        }
        flags
    }
}

/// Runs the command.
pub fn run(args: UpArgs, context: &mut Context) -> Result<Exit> {
    let settings = settings::load(&args.into_flags(context.flags()))?;
    super::logging::init(&settings.log, context.global.verbose, super::logging::Purpose::Node);
    let node = Embedded::start(&settings, false)?;
    let signals = node.signals()?;
    // Before anything is waited for: whoever is to admit this node reads its peer id here.
    announce(&node.status, context)?;
    node.serve(signals)?;
    Ok(Exit::Ok)
}

/// Prints the addresses at once: a script waits for them.
fn announce(status: &Status, context: &mut Context) -> Result<()> {
    if context.global.json {
        context.out.json_line(status)?;
    } else {
        context.out.line(&format!("peer   {}", status.peer_id))?;
        for address in &status.p2p {
            context.out.line(&format!("p2p    {address}"))?;
        }
        context.out.line(&format!("http   {}", status.http))?;
        context.out.line(&format!("data   {}", status.data))?;
    }
    context.out.flush()
}
