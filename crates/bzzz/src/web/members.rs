//! Members: who belongs to the project, who wants in or out, and the word of the person at this node.

use axum::extract::{Path, State};
use bzzz_core::body::{JoinStatement, Signed};
use bzzz_core::crypto::{Hash, PublicKey};
use bzzz_core::node::{Command, Node, Project};
use bzzz_core::roster::RosterChain;
use bzzz_core::state::{Question, Wish};
use bzzz_node::PeerId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::Asked;
use super::{Answer, App, Refusal, ok};

/// A node's key as people know it.
pub fn peer_id(key: &PublicKey) -> String {
    bzzz_node::peer_id_of(&key.0).map_or_else(|| key.to_string(), |p| p.to_string())
}

/// The key that a person named: a peer id, or the key in hex.
fn key_of(text: &str) -> Result<PublicKey, Refusal> {
    let peer = text.parse::<PeerId>().ok();
    let key = peer.and_then(|p| bzzz_node::public_key_of(&p)).map(PublicKey);
    key.or_else(|| PublicKey::from_hex(text)).ok_or_else(|| {
        Refusal::bad(
            "that is neither a peer id nor a node's key",
            "`bzzz members` lists both",
        )
    })
}

/// Requests that wait here, and that no member has spoken about yet, as questions that nobody has answered.
fn unanswered(node: &Node, p: &Project, open: &[Question]) -> Vec<Question> {
    let (id, roster) = (p.id(), p.state.rosters.latest());
    let waits = |join: &&Signed<JoinStatement>| {
        let known = open
            .iter()
            .any(|q| q.node == join.by && matches!(&q.wish, Wish::Admit(j) if j == *join));
        !known && !roster.is_member(&join.by) && !p.state.rosters.was_removed(&join.by)
    };
    let asked: Vec<&Signed<JoinStatement>> = node.seat_requests(&id).filter(waits).collect();
    asked
        .into_iter()
        .map(|join| Question::asked(join.clone(), &p.state.rosters))
        .collect()
}

/// Every open question of a project.
fn questions(node: &Node, project: &Hash) -> Vec<Value> {
    let Some(p) = node.project(project) else { return vec![] };
    let mut open = p.state.membership.questions(&p.state.rosters);
    let more = unanswered(node, p, &open);
    open.extend(more);
    open.iter().map(|q| question(q, &p.state.rosters, &node.me())).collect()
}

fn question(q: &Question, rosters: &RosterChain, me: &PublicKey) -> Value {
    let roster = rosters.latest();
    let (wish, owner, voting) = match &q.wish {
        Wish::Admit(join) => ("admit", Some(join.statement.owner.as_str()), join.statement.voting),
        Wish::Remove => ("remove", roster.owner(&q.node), roster.owner(&q.node).is_some()),
        Wish::Leave => ("leave", roster.owner(&q.node), roster.owner(&q.node).is_some()),
    };
    json!({
        "peer": peer_id(&q.node),
        "node": q.node.to_string(),
        "wish": wish,
        "owner": owner,
        "voting": voting,
        "consented": q.seats.iter().map(peer_id).collect::<Vec<_>>(),
        "consented_here": q.seats.contains(me),
        "weight": q.weight,
        "needed": q.needed,
        "missing": q.needed.saturating_sub(q.weight),
        "total": roster.total_weight(),
        "carried": q.enough,
        "by_owner": q.pool(rosters).is_some(),
    })
}

fn members(p: &Project, now: u64) -> Vec<Value> {
    let roster = p.state.rosters.latest();
    let weights = roster.weights();
    let operator = |node: &PublicKey| {
        let mut seats = roster.pools.iter().flat_map(|pool| &pool.seats);
        seats.find(|s| s.node == *node).map(|s| s.operator.to_string())
    };
    let members = roster.members().into_iter();
    let row = |node: PublicKey| {
        json!({
            "peer": peer_id(&node),
            "node": node.to_string(),
            "owner": roster.owner(&node),
            "operator": operator(&node),
            "weight": weights.get(&node).copied().unwrap_or(0),
            "live": p.is_live(&node, now),
            "here": node == p.feed().node,
            "leaves": p.state.membership.left(&node).is_some(),
        })
    };
    members.map(row).collect()
}

/// `GET members`: who belongs to the project, and every open question about that. Weights are millionths of the weight 1.
pub async fn list(State(app): State<App>) -> Answer {
    let project = app.handle.default_project().await?;
    let found = app
        .handle
        .query(move |node, now| {
            let p = node.project(&project)?;
            let roster = p.state.rosters.latest();
            Some(json!({
                "project": project.to_string(),
                "name": p.state.name,
                "epoch": roster.epoch,
                "total": roster.total_weight(),
                "members": members(p, now),
                "pending": questions(node, &project),
            }))
        })
        .await?;
    ok(found.unwrap_or_default())
}

/// `GET admit`: nodes that ask for a seat.
pub async fn pending(State(app): State<App>) -> Answer {
    let project = app.handle.default_project().await?;
    let all = app.handle.query(move |node, _| questions(node, &project)).await?;
    let requests: Vec<Value> = all.into_iter().filter(|q| q["wish"] == "admit").collect();
    let mut pending: Vec<&Value> = requests.iter().map(|q| &q["peer"]).collect();
    pending.dedup();
    ok(json!({ "pending": pending, "requests": requests }))
}

/// Body of `POST admit`.
#[derive(Debug, Deserialize)]
pub struct Admit {
    peer: String,
    #[serde(default)]
    owner: Option<String>,
}

/// `POST admit`: the person at this node wants a node in.
pub async fn admit(State(app): State<App>, Asked(body): Asked<Admit>) -> Answer {
    let node = key_of(&body.peer)?;
    let project = app.handle.default_project().await?;
    let owner = body.owner;
    app.handle.command(Command::Admit { project, node, owner }).await?;
    said(&app, project, node).await
}

/// `POST members/{peer}/{action}`: remove, or withdraw what was said about it.
pub async fn act(State(app): State<App>, Path((peer, action)): Path<(String, String)>) -> Answer {
    let node = key_of(&peer)?;
    let project = app.handle.default_project().await?;
    let command = match action.as_str() {
        "remove" => Command::Remove { project, node },
        "withdraw" => Command::Withdraw { project, node },
        other => {
            return Err(Refusal::not_found("action", other, "there are remove and withdraw"));
        }
    };
    app.handle.command(command).await?;
    said(&app, project, node).await
}

/// `POST leave`: this node leaves the project for good.
pub async fn leave(State(app): State<App>) -> Answer {
    let project = app.handle.default_project().await?;
    app.handle.command(Command::Leave { project }).await?;
    let node = app.handle.node();
    said(&app, project, node).await
}

/// How the questions about a node stand after the person's word.
async fn said(app: &App, project: Hash, node: PublicKey) -> Answer {
    let peer = peer_id(&node);
    let found = app
        .handle
        .query(move |n, _| {
            let epoch = n.project(&project).map(|p| p.state.rosters.latest().epoch);
            let member = n.project(&project).map(|p| p.state.rosters.latest().is_member(&node));
            let about: Vec<Value> = questions(n, &project)
                .into_iter()
                .filter(|q| q["node"] == node.to_string())
                .collect();
            json!({ "epoch": epoch, "member": member, "pending": about })
        })
        .await?;
    let mut found = found;
    found["peer"] = json!(peer);
    ok(found)
}
