//! Resources and messages at addresses.

use axum::extract::State;
use bzzz_core::address::{Address, Temporal};
use bzzz_core::body::MessageKind;
use bzzz_core::crypto::Hash;
use bzzz_core::node::{Command, Project};
use bzzz_core::report_build::message_word;
use serde::Deserialize;
use serde_json::{Value, json};

use super::agents::{address, address_of, in_project, reached};
use super::asked::{Asked, Params};
use super::threads::opened;
use super::{Answer, App, Refusal, ok, threads};

/// Under this path an address reads its messages.
const INBOX: &str = "inbox";

/// The name of a resource: its address without the temporal segment.
fn key(project: &Project, address: &Address) -> String {
    let mut plain = in_project(project, address.clone());
    plain.temporal = None;
    plain.to_string()
}

/// Resources that an address covers, as JSON.
pub async fn rows(app: &App, pattern: &Address) -> Result<Vec<Value>, Refusal> {
    let pattern = pattern.clone();
    let rows = app
        .handle
        .project(None, move |p, _| {
            let pattern = in_project(p, pattern);
            let mut plain = pattern;
            plain.temporal = None;
            let all = p
                .state
                .resources
                .iter()
                .filter_map(|(path, r)| Some((Address::parse(path).ok()?, path, r)));
            let meant = all.filter(|(a, _, _)| plain.matches(a) || plain.path.is_root());
            let rows = meant.map(|(_, path, r)| {
                let latest = r
                    .versions()
                    .last()
                    .map(|v| (v.number, v.write.body.mime.clone(), v.write.meta.hash()));
                json!({
                    "address": path,
                    "version": latest.as_ref().map_or(0, |(n, _, _)| *n),
                    "media_type": latest.as_ref().map(|(_, m, _)| m.clone()),
                    "etag": latest.as_ref().map(|(_, _, h)| h.to_string()),
                    "siblings": r.siblings().len(),
                })
            });
            rows.collect()
        })
        .await?;
    Ok(rows)
}

/// Query of `GET resource`.
#[derive(Debug, Deserialize)]
pub struct Read {
    address: String,
}

struct Found {
    project: Hash,
    number: u64,
    etag: Hash,
    mime: String,
    content: Hash,
    siblings: usize,
    key: String,
}

/// `GET resource`: a resource at a version, a folder's entries, or an address's messages.
pub async fn read(State(app): State<App>, Params(query): Params<Read>) -> Answer {
    let wanted = address(&app, &query.address).await?;
    if wanted.path.as_str().trim_end_matches('/') == INBOX {
        return inbox(&app, wanted).await;
    }
    if let Some(thread) = wanted.path.as_str().strip_prefix("thread/") {
        return threads::show(State(app.clone()), axum::extract::Path(thread.to_owned())).await;
    }
    if wanted.path.is_root() || wanted.path.is_folder() {
        return folder(&app, &wanted).await;
    }
    let asked = wanted.clone();
    let found: std::result::Result<Option<Found>, String> = app
        .handle
        .project(None, move |p, _| {
            let key = key(p, &asked);
            let Some(resource) = p.state.resources.get(&key) else {
                return Ok(None);
            };
            let versions = resource.versions();
            let numbers: Vec<u64> = versions.iter().map(|v| v.number).collect();
            let number = match asked.temporal {
                None => Temporal::Latest.resolve(None, &numbers),
                Some(_) => asked.resolve_version(None, &numbers),
            };
            let number = number.map_err(|e| e.to_string())?;
            Ok(versions.into_iter().find(|v| v.number == number).map(|v| Found {
                project: p.id(),
                number,
                etag: v.write.meta.hash(),
                mime: v.write.body.mime.clone(),
                content: v.write.body.content.hash,
                siblings: resource.siblings().len(),
                key,
            }))
        })
        .await?;
    let Some(found) = found.map_err(|why| {
        Refusal::bad(
            why,
            "`bzzz get` shows the latest version, and `bzzz lookup` what there is",
        )
    })?
    else {
        return Err(Refusal::not_found(
            "resource at",
            &wanted.to_string(),
            "`bzzz lookup` shows what there is",
        ));
    };
    let bytes = app.handle.blob(&found.project, found.content).await.ok_or_else(|| {
        Refusal::not_found(
            "content here for",
            &wanted.to_string(),
            "it has not arrived yet, or was erased; ask again",
        )
    })?;
    ok(json!({
        "address": found.key,
        "version": found.number,
        "etag": found.etag.to_string(),
        "media_type": found.mime,
        "text": String::from_utf8_lossy(&bytes),
        "siblings": found.siblings,
    }))
}

async fn folder(app: &App, wanted: &Address) -> Answer {
    let asked = wanted.clone();
    let entries = app
        .handle
        .project(None, move |p, _| {
            let asked = in_project(p, asked);
            let folder = asked.path.to_folder();
            let all = p.state.resources.keys().filter_map(|path| Address::parse(path).ok());
            let here = all
                .filter(|a| asked.task.covers(&a.task) && asked.agent.covers(&a.agent) && asked.role.covers(&a.role));
            let mut names: Vec<String> = here
                .filter_map(|a| {
                    let (name, deeper) = match asked.path.is_root() {
                        true => bzzz_core::address::Path::ROOT.child_towards(&a.path)?,
                        false => folder.child_towards(&a.path)?,
                    };
                    Some(if deeper { format!("{name}/") } else { name.to_owned() })
                })
                .collect();
            names.sort();
            names.dedup();
            names
        })
        .await?;
    if entries.is_empty() && !wanted.path.is_root() {
        return Err(Refusal::not_found(
            "folder at",
            &wanted.to_string(),
            "`bzzz lookup` shows what there is",
        ));
    }
    ok(json!({ "address": wanted.to_string(), "entries": entries }))
}

/// Messages outside any thread that an address reaches, oldest first.
async fn inbox(app: &App, wanted: Address) -> Answer {
    let asked = wanted.clone();
    let (project, mail) = app
        .handle
        .project(None, move |p, _| {
            let asked = in_project(p, asked.with_path(bzzz_core::address::Path::ROOT));
            // An agent known by its id is not of every role: what went to another role is not its mail.
            let known = asked.agent.as_exact().and_then(|id| p.state.agents.holder(id));
            let known = known.map(|(_, record)| &record.endorsement.statement);
            let me = known
                .and_then(|e| address_of(p, &e.id, &e.role))
                .filter(|a| asked.overlaps(a))
                .unwrap_or(asked);
            let meant = p.state.mail.iter().filter(|(_, m)| {
                let to = m.message.statement.to.as_deref().and_then(|t| Address::parse(t).ok());
                to.is_none_or(|to| in_project(p, to.with_path(bzzz_core::address::Path::ROOT)).overlaps(&me))
            });
            let rows = meant.map(|(order, m)| {
                let s = &m.message.statement;
                let value = json!({
                    "id": m.reference.hash.to_string(),
                    "from": threads::speaker(p, &m.reference.feed.node, &m.message.by),
                    "kind": message_word(s.kind),
                    "to": s.to,
                    "at_ms": order.hlc.ms(),
                });
                (value, s.text.hash)
            });
            (p.id(), rows.collect::<Vec<_>>())
        })
        .await?;
    let mut out = Vec::new();
    for (mut value, text) in mail {
        value["text"] = json!(app.handle.text(&project, text).await);
        out.push(value);
    }
    let lines: Vec<String> = out
        .iter()
        .map(|m| {
            format!(
                "{}: {}",
                m["from"].as_str().unwrap_or(""),
                m["text"].as_str().unwrap_or("")
            )
        })
        .collect();
    ok(json!({ "address": wanted.to_string(), "messages": out, "text": lines.join("\n"), "media_type": "text/plain" }))
}

/// Body of `POST resource`.
#[derive(Debug, Deserialize)]
pub struct WriteBody {
    address: String,
    text: String,
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    if_match: Option<String>,
    #[serde(default)]
    idempotency_key: Option<String>,
}

/// `POST resource`.
pub async fn write(State(app): State<App>, Asked(body): Asked<WriteBody>) -> Answer {
    let wanted = address(&app, &body.address).await?;
    if wanted.path.is_root() || wanted.path.is_folder() || wanted.temporal.is_some() {
        let why = "a resource is written at an address with a path, without a version";
        return Err(Refusal::bad(why, "for example bzzz://*:*@project:task/notes/plan.md"));
    }
    if wanted.path.as_str() == INBOX || wanted.path.as_str().starts_with("thread/") {
        return Err(Refusal::bad(
            "this path is kept for messages and threads",
            "choose another path",
        ));
    }
    let (project, path) = app.handle.project(None, move |p, _| (p.id(), key(p, &wanted))).await?;
    let base = match body.if_match.as_deref() {
        None => None,
        Some("none") => Some(Hash::ZERO),
        Some(text) => Some(Hash::from_hex(text).ok_or_else(|| {
            Refusal::bad(
                "if_match is neither a tag of a version (64 hex digits) nor none",
                "`bzzz get` shows the tag",
            )
        })?),
    };
    let command = Command::WriteResource {
        project,
        path: path.clone(),
        content: body.text.into_bytes(),
        mime: body.media_type.unwrap_or_else(|| "text/plain".into()),
        base,
        idempotency_key: body.idempotency_key,
    };
    let write = opened(app.handle.command(command).await?)?;
    let asked = path.clone();
    let version = app
        .handle
        .project(None, move |p, _| {
            p.state.resources.get(&asked).and_then(|r| r.decided(&write)).flatten()
        })
        .await?;
    ok(json!({ "address": path, "version": version, "etag": write.to_string() }))
}

/// Body of `POST message`.
#[derive(Debug, Deserialize)]
pub struct MessageBody {
    address: String,
    text: String,
    #[serde(default)]
    kind: Option<MessageKind>,
    #[serde(default)]
    idempotency_key: Option<String>,
}

/// `POST message`: to an agent, a role, a project, or into a thread.
pub async fn message(State(app): State<App>, Asked(body): Asked<MessageBody>) -> Answer {
    let to = address(&app, &body.address).await?;
    let thread = match to.path.as_str().strip_prefix("thread/") {
        Some(id) => Some(threads::find(&app, id).await?),
        None => None,
    };
    let asked = to.clone();
    let (project, delivered) = app
        .handle
        .project(None, move |p, _| (p.id(), reached(p, &asked)))
        .await?;
    if thread.is_none() && delivered.is_empty() {
        return Err(Refusal::not_found(
            "agent at",
            &to.to_string(),
            "`bzzz agents` shows who is here",
        ));
    }
    let command = Command::Post {
        project,
        thread,
        agent: None,
        kind: body.kind.unwrap_or(MessageKind::Note),
        text: body.text,
        parents: vec![],
        to: thread.is_none().then(|| to.to_string()),
        idempotency_key: body.idempotency_key,
    };
    let id = opened(app.handle.command(command).await?)?;
    ok(json!({ "id": id.to_string(), "delivered": delivered }))
}
