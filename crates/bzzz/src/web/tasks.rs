//! Tasks: announcing, claiming, finishing.

use axum::extract::{Path, State};
use bzzz_core::address::{Address, Name};
use bzzz_core::crypto::Hash;
use bzzz_core::node::{Command, Project, Thing};
use bzzz_core::state::TaskStatus;
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::{Asked, Params};
use super::threads::{Filter, opened};
use super::{Answer, App, Refusal, ids, ok};

/// Lease of a task that people or outside agents work on, milliseconds.
const LEASE_MS: u64 = 15 * 60_000;
const PRIORITY: u8 = 3;
/// How long a claim waits for its acknowledgement before it is shown as it stands.
const LEASE_PATIENCE: std::time::Duration = std::time::Duration::from_secs(3);

fn row(p: &Project, id: &Hash, now: u64) -> Option<(Value, Hash)> {
    let task = p.state.tasks.get(id)?;
    let (meta, announced) = task.announced.as_ref()?;
    let (state, lease) = match p.task_status(id, now) {
        TaskStatus::Unknown | TaskStatus::Open if task.claims.is_empty() => ("announced", None),
        TaskStatus::Unknown | TaskStatus::Open => ("claimed", None),
        TaskStatus::Leased(lease) => ("owned", Some(lease)),
        TaskStatus::Expired(_) => ("announced", None),
        TaskStatus::Completed { ok: true } => {
            ("done", task.current(p.state.policy.authority, p.state.rosters.latest()))
        }
        TaskStatus::Completed { ok: false } | TaskStatus::Cancelled => ("failed", None),
    };
    let owner = lease.map(|l| super::threads::speaker(p, &l.owner.node, &l.agent));
    let value = json!({
        "id": id.to_string(),
        "state": state,
        "role": announced.role,
        "capabilities": announced.capabilities,
        "owner": owner,
        "token": lease.map(|l| l.token),
        "until_ms": lease.map(|l| l.until_ms),
        "thread": announced.thread.map(|t| t.to_string()),
        "home": meta.node().to_string(),
        "announced_ms": meta.hlc.ms(),
    });
    Some((value, announced.title.hash))
}

/// Whether an address is about a task: its role, the name of its thread, and the agent that owns it.
fn is_meant(p: &Project, id: &Hash, owner: Option<&str>, address: &Address) -> bool {
    let Some((_, announced)) = p.state.tasks.get(id).and_then(|t| t.announced.as_ref()) else {
        return false;
    };
    let thread = announced.thread.and_then(|t| p.state.threads.get(&t)?.opened.as_ref());
    let overlaps = |wanted: &Name, text: &str| Name::parse(text).is_ok_and(|name| wanted.overlaps(&name));
    overlaps(&address.role, &announced.role)
        && thread.is_none_or(|(_, opened)| overlaps(&address.task, &opened.task))
        && (address.agent.is_any() || owner.is_some_and(|owner| overlaps(&address.agent, owner)))
}

/// Tasks as JSON: in a state, about an address.
pub async fn rows(app: &App, state: Option<String>, address: Option<Address>) -> Result<Vec<Value>, Refusal> {
    let (project, rows) = app
        .handle
        .project(None, move |p, now| {
            let rows: Vec<_> = p
                .state
                .tasks
                .keys()
                .filter_map(|id| Some((id, row(p, id, now)?)))
                .filter(|(id, (value, _))| {
                    let meant = |address| is_meant(p, id, value["owner"].as_str(), address);
                    address.as_ref().is_none_or(meant)
                })
                .map(|(_, row)| row)
                .collect();
            (p.id(), rows)
        })
        .await?;
    let mut out = Vec::new();
    for (mut value, title) in rows {
        if state
            .as_deref()
            .is_some_and(|s| s != "all" && value["state"] != json!(s))
        {
            continue;
        }
        value["title"] = json!(app.handle.text(&project, title).await);
        out.push(value);
    }
    Ok(out)
}

/// `GET tasks`.
pub async fn list(State(app): State<App>, Params(filter): Params<Filter>) -> Answer {
    ok(json!({ "tasks": rows(&app, filter.state, None).await? }))
}

async fn find(app: &App, given: &str) -> Result<Hash, Refusal> {
    let known = app
        .handle
        .project(None, |p, _| p.state.tasks.keys().copied().collect::<Vec<_>>())
        .await?;
    ids::resolve(
        "task",
        super::fault::where_to_look(Thing::Task),
        given,
        known.into_iter(),
    )
}

async fn one(app: &App, id: Hash) -> Answer {
    let (project, found, result) = app
        .handle
        .project(None, move |p, now| {
            let result = p.task_completion(&id).and_then(|done| done.result);
            (p.id(), row(p, &id, now), result)
        })
        .await?;
    let Some((mut value, title)) = found else {
        return Err(Refusal::not_found(
            "task",
            &id.to_string(),
            "its announcement has not arrived here yet",
        ));
    };
    value["title"] = json!(app.handle.text(&project, title).await);
    // Empty where the text was erased or is not here yet; none where nothing was said.
    value["result"] = match result {
        Some(text) => json!(app.handle.text(&project, text.hash).await),
        None => Value::Null,
    };
    ok(value)
}

/// `GET tasks/{id}`.
pub async fn show(State(app): State<App>, Path(id): Path<String>) -> Answer {
    let id = find(&app, &id).await?;
    one(&app, id).await
}

/// Body of `POST tasks`.
#[derive(Debug, Deserialize)]
pub struct Announce {
    title: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    needs: Vec<String>,
    #[serde(default)]
    lease_ms: Option<u64>,
    #[serde(default)]
    priority: Option<u8>,
}

/// `POST tasks`.
pub async fn announce(State(app): State<App>, Asked(body): Asked<Announce>) -> Answer {
    let project = app.handle.default_project().await?;
    let title = match body.text.filter(|t| !t.is_empty()) {
        Some(text) => format!("{}\n\n{text}", body.title),
        None => body.title,
    };
    let command = Command::AnnounceTask {
        project,
        title,
        role: body.role.unwrap_or_default(),
        capabilities: body.needs,
        lease_ms: body.lease_ms.unwrap_or(LEASE_MS),
        priority: body.priority.unwrap_or(PRIORITY),
    };
    let id = opened(app.handle.command(command).await?)?;
    one(&app, id).await
}

/// Body of `POST tasks/{id}/…`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Act {
    agent: Option<String>,
    token: Option<u64>,
    text: Option<String>,
    failed: bool,
}

/// `POST tasks/{id}/claim`, `complete`, `release`, `cancel`.
pub async fn act(
    State(app): State<App>,
    Path((id, action)): Path<(String, String)>,
    Asked(body): Asked<Act>,
) -> Answer {
    let task = find(&app, &id).await?;
    let project = app.handle.default_project().await?;
    let command = match action.as_str() {
        "claim" => {
            let agent = match body.agent {
                Some(agent) => agent,
                None => first_agent(&app, task).await?,
            };
            Command::ClaimTask { project, task, agent }
        }
        "complete" => {
            let held = app
                .handle
                .project(None, move |p, now| p.my_lease(&task, now).map(|l| l.token))
                .await?;
            if let (Some(given), Some(held)) = (body.token, held)
                && given != held
            {
                let why = format!("token {given} is stale: this node holds the task under token {held}");
                return Err(Refusal::bad(why, "give the token that `bzzz task show` names"));
            }
            Command::CompleteTask {
                project,
                task,
                ok: !body.failed,
                result: body.text,
            }
        }
        "release" => Command::ReleaseTask { project, task },
        "cancel" => Command::CancelTask { project, task },
        other => {
            return Err(Refusal::not_found(
                "action",
                other,
                "there are claim, complete, release and cancel",
            ));
        }
    };
    let claims = matches!(command, Command::ClaimTask { .. });
    app.handle.command(command).await?;
    if claims {
        wait_for_lease(&app, task).await?;
    }
    one(&app, task).await
}

/// A claim is answered by its authority a moment later: with a token for us, or for somebody else.
async fn wait_for_lease(app: &App, task: Hash) -> Result<(), Refusal> {
    let until = std::time::Instant::now() + LEASE_PATIENCE;
    while std::time::Instant::now() < until {
        let status = app
            .handle
            .project(None, move |p, now| p.task_status(&task, now))
            .await?;
        if !matches!(status, TaskStatus::Open | TaskStatus::Expired(_)) {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn first_agent(app: &App, task: Hash) -> Result<String, Refusal> {
    let found = app
        .handle
        .project(None, move |p, _| {
            let role = p
                .state
                .tasks
                .get(&task)
                .and_then(|t| t.announced.as_ref())
                .map(|(_, a)| a.role.clone());
            let fits =
                |a: &&bzzz_core::node::LocalAgent| role.as_deref().is_none_or(|r| r.is_empty() || a.spec.role == r);
            p.local_agents().find(fits).map(|a| a.spec.id.clone())
        })
        .await?;
    found.ok_or_else(|| Refusal::bad("this node hosts no agent for the task's role", "name one with --agent"))
}
