//! `bzzz agents`: who is there.

use super::context::{Context, rows, short};
use super::exit::Exit;
use super::failure::Result;
use crate::client::wire::AgentRow;
use crate::term::Screen;
use crate::term::table::table;

/// Arguments of `bzzz agents`.
#[derive(Debug, clap::Args)]
pub struct AgentsArgs {
    /// Only agents of this role
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
}

/// Runs the command.
pub fn run(args: AgentsArgs, context: &mut Context) -> Result<Exit> {
    let query: Vec<(&str, &str)> = args.role.as_deref().map(|role| ("role", role)).into_iter().collect();
    let answer = context.client()?.get("agents", &query, "could not list the agents")?;
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
