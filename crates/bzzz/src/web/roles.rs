//! Whether the roles that a review asks are there: nobody should wait for the answer of an agent that does not exist.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use bzzz_core::node::Project;
use bzzz_core::wire::AgentStatus;
use bzzz_node::Handle;

use super::Refusal;
use crate::cli::exit::Exit;
use crate::client::wire::code;
use crate::settings::problem::nearest;

/// How long members that have not said yet that they are there may make a role known.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);
/// Typing errors between a role and the one that was meant.
const SLIPS: usize = 2;

#[derive(Default)]
struct Seen {
    /// Roles of agents that members have announced.
    known: BTreeSet<String>,
    /// Those of agents that would take a task now.
    here: BTreeSet<String>,
    /// Whether every member with a vote is here and has said whom it hosts.
    complete: bool,
}

fn look(p: &Project, now: u64) -> Seen {
    let roster = p.state.rosters.latest();
    let members = roster.members();
    let mut seen = Seen::default();
    let mut hosts = BTreeSet::new();
    for (node, record) in p.state.agents.active().filter(|(node, _)| members.contains(node)) {
        let e = &record.endorsement.statement;
        hosts.insert(node);
        seen.known.insert(e.role.clone());
        let local = p
            .local_agents()
            .find(|a| a.key.public() == e.agent && node == p.feed().node);
        let away = || {
            p.presence(&node, now)?
                .agents
                .iter()
                .find(|a| a.agent == e.agent)
                .map(|a| a.status)
        };
        let status = local.map(|a| a.status).or_else(away);
        let takes = [
            AgentStatus::Starting,
            AgentStatus::Idle,
            AgentStatus::Working,
            AgentStatus::Failed,
        ];
        if p.is_live(&node, now) && status.is_some_and(|status| takes.contains(&status)) {
            seen.here.insert(e.role.clone());
        }
    }
    let mut voters = roster.weights().into_keys();
    seen.complete = voters.all(|node| p.is_live(&node, now) && hosts.contains(&node));
    seen
}

/// Refuses roles of which no agent is known; says which of the others nobody would answer for now.
pub async fn check(handle: &Handle, asked: &[String]) -> Result<Vec<String>, Refusal> {
    if asked.is_empty() {
        return Ok(vec![]);
    }
    let until = Instant::now() + PATIENCE;
    let seen = loop {
        let seen = handle.project(None, look).await?;
        let all_here = asked.iter().all(|role| seen.here.contains(role));
        if all_here || seen.complete || Instant::now() >= until {
            break seen;
        }
        tokio::time::sleep(LOOK).await;
    };
    match asked.iter().find(|role| !seen.known.contains(*role)) {
        Some(unknown) => Err(refuse(unknown, &seen.known)),
        None => Ok(asked
            .iter()
            .filter(|role| !seen.here.contains(*role))
            .map(|role| format!("no agent of the role {role} is here now: the review may end without its findings"))
            .collect()),
    }
}

fn refuse(unknown: &str, known: &BTreeSet<String>) -> Refusal {
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let meant = nearest(unknown, known.iter().copied())
        .filter(|near| strsim::damerau_levenshtein(unknown, near) <= SLIPS)
        .map(|near| format!("did you mean {near:?}? "))
        .unwrap_or_default();
    let hint = match known.is_empty() {
        true => "no agent is known at all: `bzzz agents` lists them".to_owned(),
        false => format!(
            "{meant}the known roles are {}; `bzzz agents` lists the agents",
            known.join(", ")
        ),
    };
    let because = format!("no agent of the role {unknown:?} is known in the network");
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, Exit::Usage, because, &hint).with_code(code::UNKNOWN_ROLE)
}
