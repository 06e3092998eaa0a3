//! Tasks: announcing, claiming, finishing.

use axum::extract::{Path, State};
use bzzz_core::crypto::Hash;
use bzzz_core::node::{Command, Project};
use bzzz_core::state::TaskStatus;
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::{Asked, Params};
use super::threads::{Filter, opened};
use super::{Answer, App, Refusal, ids, ok};

/// Lease of a task that people or outside agents work on, milliseconds.
const LEASE_MS: u64 = 15 * 60_000;
const PRIORITY: u8 = 3;

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

/// Tasks as JSON.
pub async fn rows(app: &App, state: Option<String>) -> Result<Vec<Value>, Refusal> {
    let (project, rows) = app
        .handle
        .project(None, |p, now| {
            let rows: Vec<_> = p.state.tasks.keys().filter_map(|id| row(p, id, now)).collect();
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
    ok(json!({ "tasks": rows(&app, filter.state).await? }))
}

async fn find(app: &App, given: &str) -> Result<Hash, Refusal> {
    let known = app
        .handle
        .project(None, |p, _| p.state.tasks.keys().copied().collect::<Vec<_>>())
        .await?;
    ids::resolve("task", given, known.into_iter())
}

async fn one(app: &App, id: Hash) -> Answer {
    let (project, found) = app
        .handle
        .project(None, move |p, now| (p.id(), row(p, &id, now)))
        .await?;
    let Some((mut value, title)) = found else {
        return Err(Refusal::not_found(
            "task",
            &id.to_string(),
            "its announcement has not arrived here yet",
        ));
    };
    value["title"] = json!(app.handle.text(&project, title).await);
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
                return Err(Refusal::bad_try(why, "give the token that `bzzz task show` names"));
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
    app.handle.command(command).await?;
    one(&app, task).await
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
    found.ok_or_else(|| Refusal::bad_try("this node hosts no agent for the task's role", "name one with --agent"))
}
