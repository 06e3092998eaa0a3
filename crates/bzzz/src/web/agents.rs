//! Agents: who is here, who can do what, and the switches of local ones.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use bzzz_core::address::{Address, Name};
use bzzz_core::node::{Command, CommandError, Project};
use bzzz_core::wire::AgentStatus;
use bzzz_node::NodeError;
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::Params;
use super::{Answer, App, Refusal, ok, resources, tasks, threads};

/// Query of `GET agents`.
#[derive(Debug, Deserialize)]
pub struct Filter {
    role: Option<String>,
}

/// One agent as JSON.
pub fn row(
    project: &Project,
    node: &bzzz_core::crypto::PublicKey,
    record: &bzzz_core::state::AgentRecord,
    now: u64,
) -> Value {
    let e = &record.endorsement.statement;
    let local = project
        .local_agents()
        .find(|a| a.key.public() == e.agent && *node == project.feed().node);
    let presence = project.presence(node, now);
    let remote = presence.and_then(|p| p.agents.iter().find(|a| a.agent == e.agent));
    let (status, tasks) = match (local, remote) {
        (Some(a), _) => (Some(a.status), a.load(project)),
        (None, Some(a)) => (Some(a.status), a.load),
        (None, None) => (None, 0),
    };
    json!({
        "id": e.id,
        "role": e.role,
        "address": format!("bzzz://{}:{}@{}:*", e.id, e.role, project.state.name),
        "status": status.map_or_else(|| json!("away"), |s| json!(s)),
        "tasks": tasks,
        "max_tasks": e.max_tasks,
        "node": node.to_string(),
        "owner": project.state.rosters.latest().owner(node),
        "capabilities": e.capabilities,
        "specialization": e.specialization,
        "model": e.model,
    })
}

/// `GET agents`.
pub async fn list(State(app): State<App>, Params(filter): Params<Filter>) -> Answer {
    let rows = app
        .handle
        .project(None, move |p, now| {
            let wanted = |role: &str| filter.role.as_deref().is_none_or(|r| r == role);
            let active = p
                .state
                .agents
                .active()
                .filter(|(_, r)| wanted(&r.endorsement.statement.role));
            active.map(|(node, r)| row(p, &node, r, now)).collect::<Vec<_>>()
        })
        .await?;
    ok(json!({ "agents": rows }))
}

/// Query of `GET lookup`.
#[derive(Debug, Deserialize)]
pub struct Lookup {
    address: String,
    kind: Option<String>,
    expertise: Option<String>,
    available: Option<String>,
    performance: Option<String>,
}

/// Reads an address and checks that it is about this project.
pub async fn address(app: &App, text: &str) -> Result<Address, Refusal> {
    let address = Address::parse(text).map_err(|e| Refusal::bad(e.to_string(), super::ADDRESS_HINT))?;
    let (name, id) = app
        .handle
        .project(None, |p, _| (p.state.name.clone(), p.id().to_string()))
        .await?;
    match address.project.as_exact() {
        Some(project) if project != name && project != id => Err(Refusal::not_found(
            "project",
            project,
            "this node takes part in another one: see `bzzz config show` and the status",
        )),
        _ => Ok(address),
    }
}

/// The address of an agent.
pub fn address_of(project: &Project, id: &str, role: &str) -> Option<Address> {
    let name = |text: &str| Name::parse(text).ok();
    Some(Address::new(
        name(id)?,
        name(role)?,
        name(&project.state.name)?,
        Name::Any,
    ))
}

/// With the project's name where its id or nothing stood.
pub fn in_project(project: &Project, mut address: Address) -> Address {
    if let Ok(name) = Name::parse(&project.state.name) {
        address.project = name;
    }
    address
}

/// Agents whose addresses an address reaches.
pub fn reached(project: &Project, address: &Address) -> Vec<String> {
    let address = in_project(project, address.clone());
    let all = project.state.agents.active().map(|(_, r)| &r.endorsement.statement);
    let meant = all.filter(|e| address_of(project, &e.id, &e.role).is_some_and(|a| address.overlaps(&a)));
    meant.map(|e| e.id.clone()).collect()
}

/// `GET lookup`.
pub async fn lookup(State(app): State<App>, Params(query): Params<Lookup>) -> Answer {
    let address = address(&app, &query.address).await?;
    let wanted: Vec<String> = query
        .expertise
        .iter()
        .flat_map(|e| e.split(','))
        .map(|e| e.trim().to_owned())
        .filter(|e| !e.is_empty())
        .collect();
    let threshold = match query.performance.as_deref().map(str::parse::<f64>) {
        None => 0.0,
        Some(Ok(share)) if (0.0..=1.0).contains(&share) => share,
        Some(_) => return Err(Refusal::bad("performance is no share", "give a number from 0 to 1")),
    };
    let only_free = query.available.as_deref() == Some("true");
    let pattern = address.clone();
    let agents: Vec<Value> = app
        .handle
        .project(None, move |p, now| {
            let meant = reached(p, &pattern);
            let shares = success_shares(p, now);
            let active = p
                .state
                .agents
                .active()
                .filter(|(_, r)| meant.contains(&r.endorsement.statement.id));
            let skilled = active.filter(|(_, r)| {
                let e = &r.endorsement.statement;
                wanted
                    .iter()
                    .all(|w| e.capabilities.contains(w) || e.specialization.contains(w.as_str()) || e.role == *w)
            });
            let good = skilled
                .filter(|(_, r)| shares.get(&r.endorsement.statement.agent).copied().unwrap_or(1.0) >= threshold);
            let rows = good.map(|(node, r)| row(p, &node, r, now));
            let free = |row: &Value| {
                let status = row["status"] == json!(AgentStatus::Idle) || row["status"] == json!(AgentStatus::Working);
                status && row["tasks"].as_u64() < row["max_tasks"].as_u64()
            };
            rows.filter(|row| !only_free || free(row)).collect()
        })
        .await?;
    let asked = |kind: &str| {
        query
            .kind
            .as_deref()
            .is_none_or(|k| k == kind || k == format!("{kind}s"))
    };
    let mut out = serde_json::Map::new();
    if asked("agent") {
        out.insert("agents".into(), agents.into());
    }
    if asked("thread") {
        out.insert(
            "threads".into(),
            threads::rows(&app, None, Some(address.clone())).await?.into(),
        );
    }
    if asked("task") {
        out.insert(
            "tasks".into(),
            tasks::rows(&app, None, Some(address.clone())).await?.into(),
        );
    }
    if asked("resource") {
        out.insert("resources".into(), resources::rows(&app, &address).await?.into());
    }
    ok(Value::Object(out))
}

/// The share of an agent's ended tasks that succeeded.
fn success_shares(p: &Project, now: u64) -> BTreeMap<bzzz_core::crypto::PublicKey, f64> {
    let mut counts: BTreeMap<_, (u32, u32)> = BTreeMap::new();
    for (id, task) in &p.state.tasks {
        let bzzz_core::state::TaskStatus::Completed { ok } = p.task_status(id, now) else {
            continue;
        };
        let roster = p.state.rosters.latest();
        let Some(lease) = task.current(p.state.policy.authority, roster) else {
            continue;
        };
        let entry = counts.entry(lease.agent).or_default();
        entry.1 += 1;
        entry.0 += u32::from(ok);
    }
    counts
        .into_iter()
        .map(|(agent, (ok, all))| (agent, f64::from(ok) / f64::from(all)))
        .collect()
}

/// `POST agents/{id}/pause`, `…/resume`, `…/retire`.
pub async fn act(State(app): State<App>, Path((agent, action)): Path<(String, String)>) -> Answer {
    let project = app.handle.default_project().await?;
    if action == "resume" && app.handle.query(|node, _| node.is_draining()).await? {
        // It would be idle and never get a task.
        return Err(NodeError::Command(CommandError::Draining).into());
    }
    let command = match action.as_str() {
        "pause" => Command::PauseAgent {
            project,
            agent,
            paused: true,
        },
        "resume" => Command::PauseAgent {
            project,
            agent,
            paused: false,
        },
        "retire" => Command::RetireAgent { project, agent },
        other => {
            return Err(Refusal::not_found(
                "action",
                other,
                "there are pause, resume and retire",
            ));
        }
    };
    app.handle.command(command).await?;
    ok(json!({}))
}
