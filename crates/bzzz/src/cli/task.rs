//! `bzzz task`: announces, claims and completes tasks.

use serde_json::json;

use super::context::{Context, rows, short, view};
use super::exit::Exit;
use super::failure::Result;
use crate::client::http::segment;
use crate::client::wire::TaskRow;
use crate::offline::lists::{self, List};
use crate::term::table::{pair, table};
use crate::term::wrap::wrap;
use crate::term::{Ink, Screen, clean};

const LISTING: &str = "could not list the tasks";
/// Longest description, bytes.
const MAX_TEXT_BYTES: u64 = 256 << 10;

/// Arguments of `bzzz task`.
#[derive(Debug, clap::Args)]
pub struct TaskArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List tasks
    List {
        /// Only tasks in this state
        #[arg(long, value_name = "STATE", value_parser = ["announced", "claimed", "owned", "done", "failed"])]
        state: Option<String>,
    },
    /// Show a task
    Show {
        /// Task id
        id: String,
    },
    /// Announce a task to the network
    Announce {
        /// Title
        title: String,
        /// What is to be done; `-` reads standard input
        #[arg(long, value_name = "TEXT")]
        text: Option<String>,
        /// Role that is wanted
        #[arg(long, value_name = "ROLE")]
        role: Option<String>,
        /// Capabilities that are needed, by commas
        #[arg(long, value_name = "WORD", value_delimiter = ',')]
        needs: Vec<String>,
    },
    /// Claim a task for an agent of this node
    Claim {
        /// Task id
        id: String,
        /// Agent id
        #[arg(long, value_name = "AGENT")]
        agent: String,
    },
    /// Give a task back that an agent of this node owns
    Release {
        /// Task id
        id: String,
    },
    /// Take back for good a task that this node has announced
    Cancel {
        /// Task id
        id: String,
    },
    /// Complete a task that an agent of this node owns
    Complete {
        /// Task id
        id: String,
        /// Fencing token of the lease, as `task claim` printed it
        #[arg(long, value_name = "NUMBER")]
        token: u64,
        /// The result; `-` or nothing reads standard input
        text: Option<String>,
        /// The task failed
        #[arg(long)]
        failed: bool,
    },
}

/// Runs the command.
pub fn run(args: TaskArgs, context: &mut Context) -> Result<Exit> {
    if let Action::List { state } = &args.action
        && let Some(answer) = lists::stopped(context, &List::Tasks(state.clone()), LISTING)?
    {
        context.show(&answer, |screen| draw(screen, &rows(&answer, "tasks")))?;
        return Ok(Exit::Ok);
    }
    let client = context.client()?;
    let path = |id: &str, what: &str| format!("tasks/{}{what}", segment(id));
    let answer = match args.action {
        Action::List { state } => {
            let query: Vec<(&str, &str)> = state.as_deref().map(|state| ("state", state)).into_iter().collect();
            let answer = client.get("tasks", &query, LISTING)?;
            context.show(&answer, |screen| draw(screen, &rows(&answer, "tasks")))?;
            return Ok(Exit::Ok);
        }
        Action::Show { id } => client.get(&path(&id, ""), &[], "could not read the task")?,
        Action::Announce {
            title,
            text,
            role,
            needs,
        } => {
            let text = match text.as_deref() {
                None => String::new(),
                Some(text) => super::text::text_or_stdin(Some(text), MAX_TEXT_BYTES, "description")?,
            };
            client.post(
                "tasks",
                &json!({ "title": title, "text": text, "role": role, "needs": needs }),
                "could not announce the task",
            )?
        }
        Action::Claim { id, agent } => client.post(
            &path(&id, "/claim"),
            &json!({ "agent": agent }),
            "could not claim the task",
        )?,
        Action::Release { id } => client.post(&path(&id, "/release"), &json!({}), "could not give the task back")?,
        Action::Cancel { id } => client.post(&path(&id, "/cancel"), &json!({}), "could not cancel the task")?,
        Action::Complete {
            id,
            token,
            text,
            failed,
        } => {
            let text = super::text::text_or_stdin(text.as_deref(), MAX_TEXT_BYTES, "result")?;
            client.post(
                &path(&id, "/complete"),
                &json!({ "token": token, "text": text, "failed": failed }),
                "could not complete the task",
            )?
        }
    };
    context.show(&answer, |screen| draw_one(screen, &view(&answer)))?;
    Ok(Exit::Ok)
}

/// Tasks as a table.
pub fn draw(screen: Screen, tasks: &[TaskRow]) -> String {
    let rows: Vec<Vec<String>> = tasks
        .iter()
        .map(|task| {
            vec![
                short(&task.id),
                task.state.clone(),
                task.owner.clone().unwrap_or_default(),
                task.title.clone(),
            ]
        })
        .collect();
    table(screen, &["task", "state", "owner", "title"], &rows, "no tasks")
}

fn draw_one(screen: Screen, task: &TaskRow) -> String {
    let mut out = pair(screen, "task", &task.id);
    out.push_str(&pair(screen, "title", &task.title));
    out.push_str(&pair(screen, "state", &task.state));
    if let Some(owner) = &task.owner {
        out.push_str(&pair(screen, "owner", owner));
    }
    if let Some(token) = task.token {
        out.push_str(&pair(screen, "token", &token.to_string()));
    }
    if let Some(result) = &task.result {
        out.push_str(&format!("\n{}\n", screen.paint.ink(Ink::Strong, "result")));
        let text = match result.is_empty() {
            true => "(text empty, erased or not yet here)",
            false => result,
        };
        for line in wrap(&clean::block(text), screen.columns.saturating_sub(2)) {
            out.push_str(format!("  {line}").trim_end());
            out.push('\n');
        }
    }
    out
}
