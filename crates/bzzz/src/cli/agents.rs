//! `bzzz agents`: who is there, and what a person may do with the agents of a node.

use serde_json::json;

use super::context::{Context, rows, short};
use super::exit::Exit;
use super::failure::Result;
use crate::client::http::segment;
use crate::client::wire::AgentRow;
use crate::offline::lists::{self, List};
use crate::term::Screen;
use crate::term::clean;
use crate::term::table::table;

const LISTING: &str = "could not list the agents";

/// Arguments of `bzzz agents`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct AgentsArgs {
    /// Only agents of this role
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    #[command(subcommand)]
    action: Option<Action>,
}

/// What is done with one agent of the node that is spoken to.
#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Let an agent finish what it does and take nothing new
    Pause {
        /// Agent id
        id: String,
    },
    /// Let a paused agent take tasks again
    Resume {
        /// Agent id
        id: String,
    },
    /// Host an agent no more, until the node starts again
    Retire {
        /// Agent id
        id: String,
    },
}

impl Action {
    /// As the API names it, whom it is about, and what has happened then.
    fn parts(&self) -> (&'static str, &str, &'static str) {
        match self {
            Self::Pause { id } => ("pause", id, "is paused: it takes nothing new"),
            Self::Resume { id } => ("resume", id, "takes tasks again"),
            Self::Retire { id } => ("retire", id, "is hosted no more"),
        }
    }
}

/// Runs the command.
pub fn run(args: AgentsArgs, context: &mut Context) -> Result<Exit> {
    if let Some(action) = args.action {
        let (verb, id, done) = action.parts();
        let path = format!("agents/{}/{verb}", segment(id));
        let attempt = format!("could not {verb} the agent");
        let answer = context.client()?.post(&path, &json!({}), &attempt)?;
        context.show(&answer, |_| format!("{} {done}\n", clean::line(id)))?;
        return Ok(Exit::Ok);
    }
    if let Some(answer) = lists::stopped(context, &List::Agents(args.role.clone()), LISTING)? {
        context.show(&answer, |screen| draw(screen, &rows(&answer, "agents")))?;
        return Ok(Exit::Ok);
    }
    let query: Vec<(&str, &str)> = args.role.as_deref().map(|role| ("role", role)).into_iter().collect();
    let answer = context.client()?.get("agents", &query, LISTING)?;
    context.show(&answer, |screen| draw(screen, &rows(&answer, "agents")))?;
    Ok(Exit::Ok)
}

/// The agents as a table.
pub fn draw(screen: Screen, agents: &[AgentRow]) -> String {
    let rows: Vec<Vec<String>> = agents
        .iter()
        .map(|agent| {
            vec![
                agent.id.clone(),
                agent.role.clone(),
                agent.status.clone(),
                format!("{}/{}", agent.tasks, agent.max_tasks),
                short(&agent.node),
                agent.capabilities.join(", "),
            ]
        })
        .collect();
    table(
        screen,
        &["agent", "role", "status", "tasks", "node", "capabilities"],
        &rows,
        "no agents",
    )
}
