//! The node itself: its status, its log, backups and switches.

use std::path::PathBuf;

use axum::extract::{Path, State};
use bzzz_core::crypto::{Context, hash};
use bzzz_core::node::Command;
use bzzz_node::NodeError;
use bzzz_store::ManifestHead;
use serde::Deserialize;
use serde_json::json;

use super::asked::Asked;
use super::{Answer, App, Refusal, ids, ok};
use crate::offline::log;

/// `GET status`.
pub async fn status(State(app): State<App>) -> Answer {
    let peers = app.handle.peers().await.len();
    let project = app
        .handle
        .project(None, |p, now| {
            let roster = p.state.rosters.latest();
            let members = roster.members();
            json!({
                "id": p.id().to_string(),
                "name": p.state.name,
                "epoch": roster.epoch,
                "members": members.len(),
                "live": members.iter().filter(|m| p.is_live(m, now)).count(),
                "seats": roster.weights().len(),
                "events": p.feeds.total(),
                "waiting": p.feeds.held(),
                "digest": p.digest().to_string(),
                "state": hash(Context::Heads, format!("{:?}", p.state).as_bytes()).to_string(),
            })
        })
        .await;
    let joining = app.handle.query(|node, _| node.is_joining()).await?;
    let mut value = json!({ "joining": joining, "peers": peers, "node": app.handle.node().to_string() });
    value["peer_id"] = json!(app.status.peer_id);
    value["p2p"] = json!(app.status.p2p);
    value["http"] = json!(app.status.http);
    value["data"] = json!(app.status.data);
    value["project"] = project.unwrap_or(serde_json::Value::Null);
    value["version"] = json!(env!("CARGO_PKG_VERSION"));
    ok(value)
}

/// Body of `POST log/verify`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct VerifyLog {
    feed: Option<String>,
    against: Option<Against>,
}

/// Heads that somebody wrote down elsewhere.
#[derive(Debug, Deserialize)]
pub struct Against {
    by: String,
    heads: Vec<ManifestHead>,
}

/// `POST log/verify`: every stored event's signature, place and chain, every text, and how long the feeds are.
pub async fn verify_log(State(app): State<App>, Asked(body): Asked<VerifyLog>) -> Answer {
    let read = match app.handle.noted_heads().await {
        Err(NodeError::Store(error)) => Err(error.as_ref().clone()),
        read => Ok(read?),
    };
    let mut noted = log::noted(read).map_err(NodeError::from)?;
    if let Some(against) = body.against {
        let hint = "send heads as `bzzz log verify --json` writes them";
        noted
            .known
            .push(log::against(against.by, &against.heads).map_err(|why| Refusal::bad(why, hint))?);
    }
    let report = app.handle.verify_log(body.feed.as_deref(), noted.known.clone()).await?;
    if report.feeds == 0 && report.fault_count == 0 {
        return Err(Refusal::not_found(
            "feed",
            body.feed.as_deref().unwrap_or(""),
            "give a node's key or peer id",
        ));
    }
    let answer = log::answer(&report, &noted);
    ok(answer.map_err(|e| NodeError::Stored(format!("the report was not written: {e}")))?)
}

/// Body of `POST erase`: one of them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Erasing {
    thread: Option<String>,
    text: Option<String>,
}

/// `POST erase`: takes the texts of a thread, or one text, away from this node.
pub async fn erase(State(app): State<App>, Asked(body): Asked<Erasing>) -> Answer {
    let (what, given) = match (&body.thread, &body.text) {
        (Some(thread), None) => ("thread", thread),
        (None, Some(text)) => ("text", text),
        _ => {
            return Err(Refusal::bad(
                "it names not one thing to erase",
                "send either thread or text",
            ));
        }
    };
    let texts = app.handle.texts().await?;
    let chosen = ids::erasable(&texts, what, given)?;
    let done = app.handle.erase(&chosen.texts).await?;
    let answer = chosen.answer(done);
    ok(answer.map_err(|e| NodeError::Stored(format!("the answer was not written: {e}")))?)
}

/// Body of `POST backup`.
#[derive(Debug, Deserialize)]
pub struct Backup {
    to: PathBuf,
}

/// `POST backup`.
pub async fn backup(State(app): State<App>, Asked(body): Asked<Backup>) -> Answer {
    if !body.to.is_absolute() {
        return Err(Refusal::bad(
            "a running node needs an absolute path: its folder is not yours",
            "give the whole path, from / on",
        ));
    }
    let manifest = app.handle.backup(body.to.clone()).await?;
    ok(json!({ "to": body.to, "bytes": manifest.bytes, "sha256": manifest.sha256, "feeds": manifest.heads.len() }))
}

/// `POST rebuild`: folds everything anew from the stored events, and mends the projections.
pub async fn rebuild(State(app): State<App>) -> Answer {
    let rebuilt = app.handle.rebuild().await?;
    ok(json!({ "events": rebuilt.events, "rows": rebuilt.rows, "wrong": rebuilt.wrong() }))
}

/// `POST node/drain`, `…/kill`.
pub async fn node(State(app): State<App>, Path(action): Path<String>) -> Answer {
    let command = match action.as_str() {
        "drain" => Command::Drain,
        "kill" => Command::Kill,
        other => return Err(Refusal::not_found("action", other, "there are drain and kill")),
    };
    app.handle.command(command).await?;
    ok(json!({}))
}
