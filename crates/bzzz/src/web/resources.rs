//! Resources at addresses.
//!
//! A resource's home orders its writes, and another node's write is not a version before the home has said so. So a write waits a
//! little for that word, and its answer says how it stands: a version, a refusal, or recorded and waiting for the home. Whatever was
//! written is shown and can be read by its tag, whether it became a version or not.

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use bzzz_core::address::{Address, Temporal};
use bzzz_core::crypto::Hash;
use bzzz_core::node::{Command, CommandError, Project};
use bzzz_core::state::{Resource, Standing, WriteEntry};
use bzzz_node::NodeError;
use serde::Deserialize;
use serde_json::{Value, json};

use super::agents::{address, in_project};
use super::asked::{Asked, Params};
use super::messages::{INBOX, inbox};
use super::threads::opened;
use super::{Answer, App, Refusal, ids, ok, threads};

/// How long a write waits for its home's word.
const ORDER_PATIENCE: Duration = Duration::from_secs(5);
/// The same where the home has not said for a while that it is here.
const AWAY_PATIENCE: Duration = Duration::from_secs(1);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(20);
/// Writes without a version that an answer names, the newest; how many there are it says too.
const MAX_SIBLINGS: usize = 32;

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
                    "media_type": latest.as_ref().map_or("", |(_, m, _)| m),
                    "etag": latest.as_ref().map_or_else(String::new, |(_, _, h)| h.to_string()),
                    "siblings": r.siblings().len() + r.refused().len(),
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
    /// A write by its tag, or the first digits of one.
    #[serde(default)]
    tag: Option<String>,
}

struct Found {
    project: Hash,
    content: Hash,
    value: Value,
}

/// How a write stands, as the API names it.
const fn standing_word(standing: Standing) -> &'static str {
    match standing {
        Standing::Waiting => "waiting",
        Standing::Version(_) => "version",
        Standing::Refused => "refused",
    }
}

fn found(p: &Project, key: &str, resource: &Resource, write: &WriteEntry) -> Found {
    let etag = write.meta.hash();
    let standing = resource.standing(&etag).unwrap_or(Standing::Waiting);
    let version = match standing {
        Standing::Version(number) => Some(number),
        Standing::Waiting | Standing::Refused => None,
    };
    let mut without: Vec<&WriteEntry> = resource.siblings();
    without.extend(resource.refused());
    without.sort_by_key(|w| std::cmp::Reverse(w.meta.order()));
    let row = |w: &&WriteEntry| {
        let tag = w.meta.hash();
        json!({
            "etag": tag.to_string(),
            "state": resource.standing(&tag).map(standing_word),
            "by": w.meta.node().to_string(),
            "at_ms": w.meta.hlc.ms(),
            "media_type": w.body.mime,
            "bytes": w.body.content.len,
            "if_match": if_match_word(w.body.base),
        })
    };
    let value = json!({
        "address": key,
        "version": version,
        "state": standing_word(standing),
        "etag": etag.to_string(),
        "media_type": write.body.mime,
        "by": write.meta.node().to_string(),
        "at_ms": write.meta.hlc.ms(),
        "home": resource.home().map(|home| home.to_string()),
        "siblings": without.len(),
        "sibling_writes": without.iter().take(MAX_SIBLINGS).map(row).collect::<Vec<_>>(),
    });
    Found {
        project: p.id(),
        content: write.body.content.hash,
        value,
    }
}

fn if_match_word(base: Option<Hash>) -> Option<String> {
    base.map(|base| match base {
        Hash::ZERO => "none".to_owned(),
        tag => tag.to_string(),
    })
}

/// `GET resource`: a resource at a version or by the tag of a write, a folder's entries, or an address's messages.
pub async fn read(State(app): State<App>, Params(query): Params<Read>) -> Answer {
    let wanted = address(&app, &query.address).await?;
    let is_resource = is_resource(&wanted);
    if let Some(tag) = &query.tag {
        if !is_resource || wanted.temporal.is_some() {
            let why = "a tag names a write of one resource, so the address has a path and no version";
            return Err(Refusal::bad(why, "for example bzzz://*:*@project:task/notes/plan.md"));
        }
        let found = by_tag(&app, &wanted, tag).await?;
        return with_content(&app, &wanted, found).await;
    }
    if wanted.path.as_str().trim_end_matches('/') == INBOX {
        return inbox(&app, wanted).await;
    }
    if let Some(thread) = wanted.path.as_str().strip_prefix("thread/") {
        return threads::show(State(app.clone()), axum::extract::Path(thread.to_owned())).await;
    }
    if !is_resource {
        return folder(&app, &wanted).await;
    }
    let asked = wanted.clone();
    let answer: std::result::Result<Option<Found>, (String, Option<String>)> = app
        .handle
        .project(None, move |p, _| {
            let key = key(p, &asked);
            let Some(resource) = p.state.resources.get(&key) else {
                return Ok(None);
            };
            let versions = resource.versions();
            if let (true, Some(first)) = (versions.is_empty(), resource.writes().next()) {
                let why = format!("{key} has no version yet: its home has not ordered what was written");
                let tag = first.meta.hash().to_string();
                return Err((why, Some(format!("`bzzz get {key} --tag {}` reads it", &tag[..12]))));
            }
            let numbers: Vec<u64> = versions.iter().map(|v| v.number).collect();
            let number = match asked.temporal {
                None => Temporal::Latest.resolve(None, &numbers),
                Some(_) => asked.resolve_version(None, &numbers),
            };
            let number = number.map_err(|e| (e.to_string(), None))?;
            let version = versions.into_iter().find(|v| v.number == number);
            Ok(version.map(|v| found(p, &key, resource, v.write)))
        })
        .await?;
    let answer = answer.map_err(|(why, hint)| {
        let hint =
            hint.unwrap_or_else(|| "`bzzz get` shows the latest version, and `bzzz lookup` what there is".into());
        Refusal::bad(why, &hint)
    })?;
    let found = answer.ok_or_else(|| nothing_at(&wanted))?;
    with_content(&app, &wanted, found).await
}

/// Whether an address names one resource and no folder, inbox or thread.
fn is_resource(wanted: &Address) -> bool {
    let path = wanted.path.as_str();
    let kept = path.trim_end_matches('/') == INBOX || path.starts_with("thread/");
    !kept && !wanted.path.is_root() && !wanted.path.is_folder()
}

fn nothing_at(wanted: &Address) -> Refusal {
    Refusal::not_found("resource at", &wanted.to_string(), "`bzzz lookup` shows what there is")
}

/// A write of a resource by its tag, whether it became a version or not.
async fn by_tag(app: &App, wanted: &Address, tag: &str) -> Result<Found, Refusal> {
    let asked = wanted.clone();
    let known: Vec<Hash> = app
        .handle
        .project(None, move |p, _| {
            let resource = p.state.resources.get(&key(p, &asked));
            let writes = resource.into_iter().flat_map(Resource::writes);
            writes.map(|w| w.meta.hash()).collect()
        })
        .await?;
    if known.is_empty() {
        return Err(nothing_at(wanted));
    }
    let list = "`bzzz get ADDRESS --json` shows the tags of the latest version and of what is no version";
    let write = ids::resolve("write with the tag", list, tag, known.into_iter())?;
    let asked = wanted.clone();
    let found = app
        .handle
        .project(None, move |p, _| {
            let key = key(p, &asked);
            let resource = p.state.resources.get(&key)?;
            Some(found(p, &key, resource, resource.get(&write)?))
        })
        .await?;
    found.ok_or_else(|| nothing_at(wanted))
}

async fn with_content(app: &App, wanted: &Address, found: Found) -> Answer {
    let bytes = app.handle.blob(&found.project, found.content).await.ok_or_else(|| {
        Refusal::not_found(
            "content here for",
            &wanted.to_string(),
            "it has not arrived yet, or was erased; ask again",
        )
    })?;
    let mut value = found.value;
    value["text"] = json!(String::from_utf8_lossy(&bytes));
    ok(value)
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

/// `POST resource`: 200 with the version; 409 where the resource had changed; 202 while the home has not ordered the write.
pub async fn write(
    State(app): State<App>,
    Asked(body): Asked<WriteBody>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let wanted = address(&app, &body.address).await?;
    if wanted.path.is_root() || wanted.path.is_folder() || wanted.temporal.is_some() {
        let why = "a resource is written at an address with a path, without a version";
        return Err(Refusal::bad(why, "for example bzzz://*:*@project:task/notes/plan.md"));
    }
    if !is_resource(&wanted) {
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
                "`bzzz get --json` shows the tag",
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
    let word = wait_for_order(&app, &path, write).await?;
    let answer = |version: Option<u64>| {
        json!({
            "address": path,
            "version": version,
            "state": standing_word(word.standing),
            "etag": write.to_string(),
            "home": word.home,
            "home_live": word.home_live,
            "if_match": if_match_word(base),
        })
    };
    match word.standing {
        Standing::Version(number) => Ok((StatusCode::OK, Json(answer(Some(number))))),
        Standing::Waiting => Ok((StatusCode::ACCEPTED, Json(answer(None)))),
        Standing::Refused => Err(refused(&path, write, word.latest)),
    }
}

/// What is known of a write after a while.
struct Word {
    standing: Standing,
    home: Option<String>,
    home_live: bool,
    latest: Option<(u64, Hash)>,
}

/// Waits until the home has ordered a write, [`ORDER_PATIENCE`] at most.
async fn wait_for_order(app: &App, path: &str, write: Hash) -> Result<Word, Refusal> {
    let began = Instant::now();
    loop {
        let path = path.to_owned();
        let word = app
            .handle
            .project(None, move |p, now| {
                let resource = p.state.resources.get(&path);
                let home = resource.and_then(Resource::home);
                Word {
                    standing: resource.and_then(|r| r.standing(&write)).unwrap_or(Standing::Waiting),
                    home: home.map(|home| home.to_string()),
                    home_live: home.is_some_and(|home| p.is_live(&home, now)),
                    latest: resource.and_then(|r| r.versions().last().map(|v| (v.number, v.write.meta.hash()))),
                }
            })
            .await?;
        let patience = match word.home_live {
            true => ORDER_PATIENCE,
            false => AWAY_PATIENCE,
        };
        if word.standing != Standing::Waiting || began.elapsed() >= patience {
            return Ok(word);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The home has taken another write first. What was written is kept, so that its writer can look at both.
fn refused(path: &str, write: Hash, latest: Option<(u64, Hash)>) -> Refusal {
    let first = latest.map_or_else(
        || "another write came first".to_owned(),
        |(number, tag)| format!("version {number} came first: its latest write is {tag}"),
    );
    let tag = write.to_string();
    let why =
        format!("the resource has changed, and {first}; what was written here is no version, and is kept as {tag}");
    let hint = format!(
        "read it again, and write with the new tag; `bzzz get {path} --tag {}` shows what was written here",
        &tag[..12]
    );
    let mut refusal = Refusal::from(NodeError::Command(CommandError::Conflict(why)));
    refusal.fault.hint = Some(hint);
    refusal
}
