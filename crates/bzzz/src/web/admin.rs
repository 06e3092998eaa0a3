//! The node itself: its status, its log, backups and switches.

use std::path::PathBuf;

use axum::extract::{Path, State};
use bzzz_core::crypto::{Context, Hash, hash};
use bzzz_core::event::{Event, FeedId};
use bzzz_core::node::Command;
use serde::Deserialize;
use serde_json::json;

use super::asked::Asked;
use super::members::peer_id;
use super::{Answer, App, Refusal, ok};
use crate::offline::log::MAX_FAULTS;

/// Events that are read at a time while a log is verified.
const PAGE: usize = 1024;

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
}

/// `POST log/verify`: every stored event's signature, place and chain.
pub async fn verify_log(State(app): State<App>, Asked(body): Asked<VerifyLog>) -> Answer {
    let (project, heads) = app
        .handle
        .project(None, |p, _| (p.id(), p.feeds.heads().collect::<Vec<_>>()))
        .await?;
    let wanted = |feed: &FeedId| {
        body.feed
            .as_deref()
            .is_none_or(|f| feed.node.to_string().starts_with(f) || peer_id(&feed.node) == f)
    };
    let mut details = Vec::new();
    let (mut events, mut faults, mut feeds) = (0u64, 0u64, 0u64);
    let mut fault = |feed: &FeedId, at: u64, why: &str| {
        faults += 1;
        if faults <= MAX_FAULTS {
            details.push(format!("node {}, event {at}: {why}", feed.node));
        }
    };
    for (feed, len, head) in heads.into_iter().filter(|(feed, _, _)| wanted(feed)) {
        feeds += 1;
        // None behind an event that cannot be read: what the next one should follow is not known.
        let mut prev = Some(Hash::ZERO);
        let mut at = 0;
        while at < len {
            let page = app.handle.events(project, feed, at, PAGE).await?;
            if page.is_empty() {
                fault(&feed, at, "it is missing");
                prev = None;
                break;
            }
            for bytes in page {
                let event = Event::decode_trusted(&bytes);
                match &event {
                    Err(e) => fault(&feed, at, &e.to_string()),
                    Ok(event) if event.header().seq != at || prev.is_some_and(|p| p != event.header().prev) => {
                        fault(&feed, at, "it does not continue the hash chain");
                    }
                    Ok(event) => {
                        if let Err(e) = event.verify() {
                            fault(&feed, at, &e.to_string());
                        }
                    }
                }
                prev = event.ok().map(|e| e.hash());
                at += 1;
                events += 1;
            }
        }
        if prev.is_some_and(|p| p != head) {
            fault(&feed, len, "the feed's head is not its last stored event");
        }
    }
    if feeds == 0 {
        return Err(Refusal::not_found(
            "feed",
            body.feed.as_deref().unwrap_or(""),
            "give a node's key or peer id",
        ));
    }
    let summary = match faults {
        0 => format!("valid: {events} events in {feeds} feeds"),
        n => format!("not valid: {n} faults in {events} events"),
    };
    ok(json!({ "valid": faults == 0, "summary": summary, "details": details }))
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
