//! Lists of a stopped node: threads, tasks, questions and agents, read from the projections in its store.
//!
//! The answers have the form of the local API's, with `"stopped": true` beside the list. Nothing is folded, so a long history is
//! listed at once; only rows of another version are made anew first. What only a running node knows (is an agent there, is a
//! proposal refused?) is not in them.

use std::time::{SystemTime, UNIX_EPOCH};

use bzzz_core::blob::Blob;
use bzzz_core::codec::{self, CodecError};
use bzzz_core::crypto::{Hash, PublicKey};
use bzzz_core::hlc::MAX_SKEW_MS;
use bzzz_core::projection::{
    self, AgentRow, EscalationRow, EscalationState, Key, ProjectRow, Table, TaskRow, TaskState, ThreadRow, ThreadState,
};
use bzzz_core::report_build::reason_word;
use bzzz_node::projections;
use bzzz_store::{BlobLookup, KeyValue, Store, StoreError};
use serde_json::{Value, json};

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::{Explain, Result};
use crate::client::find;
use crate::term::out::note;

/// Rows that are read at once.
const PAGE: usize = 1_024;

/// What is to be listed.
#[derive(Debug, Clone)]
pub enum List {
    /// Threads, newest first; those in a state, or all.
    Threads(Option<String>),
    /// Tasks, newest first; those in a state, or all.
    Tasks(Option<String>),
    /// Questions, newest first; with those that are answered or void, if `true`.
    Escalations(bool),
    /// Agents; those of a role, or all.
    Agents(Option<String>),
}

/// The list from the data folder; none when `--node` names a node, one runs on the folder, or no data is there.
pub fn stopped(context: &Context, list: &List, attempt: &'static str) -> Result<Option<Value>> {
    if !context.global.node.is_empty() {
        return Ok(None);
    }
    let settings = context.settings()?;
    let tell = |text: &str| match context.global.json {
        true => {}
        false => note(text),
    };
    let held = super::folder(&settings).is_some_and(|folder| folder.join(bzzz_store::DATABASE_FILE).is_file());
    if !held || find::answering(&settings.data)?.is_some() {
        return Ok(None);
    }
    let Some(store) = super::open(&settings, attempt)? else {
        return Ok(None);
    };
    let wanted: Option<Hash> = settings.project.id.as_deref().and_then(Hash::from_hex);
    let answer = super::with(store, attempt, |store| async move {
        if !projections::are_current(&store)
            .await
            .explain(Exit::Local, attempt, None)?
        {
            tell("the lists are made anew from the events");
            projections::rebuild(&store, |_| {})
                .await
                .explain(Exit::Local, attempt, None)?;
        }
        read(&store, wanted, list).await.map_err(|fault| match fault {
            Fault::Store(error) => super::explain(&error, attempt),
            Fault::Row(error) => crate::cli::failure::fail_because(
                Exit::Verify,
                attempt,
                error.to_string(),
                Some("`bzzz rebuild` makes the lists anew from the events"),
            ),
        })
    })?;
    tell(&format!(
        "no node runs on {}: read from its folder",
        settings.data.display()
    ));
    Ok(Some(answer))
}

enum Fault {
    Store(StoreError),
    Row(CodecError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Fault::Store(error)
    }
}

impl From<CodecError> for Fault {
    fn from(error: CodecError) -> Self {
        Fault::Row(error)
    }
}

type Read<T> = std::result::Result<T, Fault>;

/// A project in a store.
struct Place<'a> {
    store: &'a Store,
    id: Hash,
    name: String,
    now_ms: u64,
}

async fn read(store: &Store, wanted: Option<Hash>, list: &List) -> Read<Value> {
    let Some(place) = place(store, wanted).await? else {
        // It waits for a seat: nothing is there to be listed.
        return Ok(json!({ list_name(list): [], "stopped": true }));
    };
    let rows = match list {
        List::Threads(state) => place.threads(state.as_deref()).await?,
        List::Tasks(state) => place.tasks(state.as_deref()).await?,
        List::Escalations(all) => place.escalations(*all).await?,
        List::Agents(role) => place.agents(role.as_deref()).await?,
    };
    Ok(json!({ list_name(list): rows, "stopped": true }))
}

fn list_name(list: &List) -> &'static str {
    match list {
        List::Threads(_) => Table::Threads.name(),
        List::Tasks(_) => Table::Tasks.name(),
        List::Escalations(_) => Table::Escalations.name(),
        List::Agents(_) => Table::Agents.name(),
    }
}

/// The project that is asked for, else the one with the most members.
async fn place(store: &Store, wanted: Option<Hash>) -> Read<Option<Place<'_>>> {
    let mut best: Option<(u64, Hash, String)> = None;
    for (key, value) in store.projection_range(Table::Projects.name(), b"", PAGE).await? {
        let Ok(id) = <[u8; 32]>::try_from(key.as_slice()).map(Hash) else {
            continue;
        };
        let row: ProjectRow = projection::read(Table::Projects, &value)?;
        let larger = best.as_ref().is_none_or(|(members, ..)| row.members > *members);
        if wanted.map_or(larger, |wanted| wanted == id) {
            best = Some((row.members, id, row.name));
        }
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(best.map(|(_, id, name)| Place {
        store,
        id,
        name,
        now_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
    }))
}

impl Place<'_> {
    /// All rows of a table in this project.
    async fn rows(&self, table: Table) -> Read<Vec<KeyValue>> {
        let mut out: Vec<KeyValue> = Vec::new();
        loop {
            let after = out.last().map(|(key, _)| key.clone());
            let page = self
                .store
                .projection_page(table.name(), &self.id.0, after.as_deref(), PAGE)
                .await?;
            if page.is_empty() {
                return Ok(out);
            }
            out.extend(page);
        }
    }

    async fn threads(&self, state: Option<&str>) -> Read<Vec<Value>> {
        let mut found = Vec::new();
        for (key, value) in self.rows(Table::Threads).await? {
            let row: ThreadRow = projection::read(Table::Threads, &value)?;
            let word = match row.state {
                ThreadState::Open => "open",
                ThreadState::Voting => "voting",
                ThreadState::Escalated => "escalated",
                ThreadState::Decided | ThreadState::Answered => "decided",
                ThreadState::Closed => "closed",
            };
            if state.is_none_or(|wanted| wanted == word) {
                found.push((row.opened_ms, id_of(&key), word, row));
            }
        }
        found.sort_by(|a, b| (b.0, &b.1).cmp(&(a.0, &a.1)));
        let mut out = Vec::with_capacity(found.len());
        for (opened_ms, id, word, row) in found {
            out.push(json!({
                "id": id,
                "address": format!("bzzz://*:*@{}:{}/thread/{id}", self.name, row.task),
                "kind": row.kind,
                "state": word,
                "verdict": row.verdict_word(),
                "answer": row.answer,
                "messages": row.messages,
                "findings": row.findings,
                "opened_ms": opened_ms,
                "settled_ms": row.settled_ms,
                "home": row.home.to_string(),
                "title": self.text(row.title).await?,
            }));
        }
        Ok(out)
    }

    async fn tasks(&self, state: Option<&str>) -> Read<Vec<Value>> {
        let mut found = Vec::new();
        for (key, value) in self.rows(Table::Tasks).await? {
            let row: TaskRow = projection::read(Table::Tasks, &value)?;
            let held = row
                .lease
                .is_some_and(|l| self.now_ms <= l.until_ms.saturating_add(MAX_SKEW_MS));
            let word = match row.state {
                TaskState::Open if row.claims > 0 => "claimed",
                TaskState::Leased if held => "owned",
                TaskState::Open | TaskState::Leased => "announced",
                TaskState::Completed => "done",
                TaskState::Failed | TaskState::Cancelled => "failed",
            };
            if state.is_none_or(|wanted| wanted == word) {
                found.push((row.announced_ms, id_of(&key), word, row));
            }
        }
        found.sort_by(|a, b| (b.0, &b.1).cmp(&(a.0, &a.1)));
        let mut out = Vec::with_capacity(found.len());
        for (announced_ms, id, word, row) in found {
            let lease = row.lease.filter(|_| matches!(word, "owned" | "done"));
            let owner = match &lease {
                Some(lease) => Some(self.speaker(lease.node, lease.agent).await?),
                None => None,
            };
            out.push(json!({
                "id": id,
                "state": word,
                "role": row.role,
                "capabilities": row.capabilities,
                "owner": owner,
                "token": lease.map(|l| l.token),
                "until_ms": lease.map(|l| l.until_ms),
                "thread": row.thread.map(|t| t.to_string()),
                "home": row.home.to_string(),
                "announced_ms": announced_ms,
                "title": self.text(row.title).await?,
            }));
        }
        Ok(out)
    }

    async fn escalations(&self, all: bool) -> Read<Vec<Value>> {
        let mut found = Vec::new();
        for (key, value) in self.rows(Table::Escalations).await? {
            let row: EscalationRow = projection::read(Table::Escalations, &value)?;
            if all || !matches!(row.state, EscalationState::Answered | EscalationState::Void) {
                found.push((row.asked_ms, id_of(&key), row));
            }
        }
        found.sort_by(|a, b| (b.0, &b.1).cmp(&(a.0, &a.1)));
        let mut out = Vec::with_capacity(found.len());
        for (asked_ms, id, row) in found {
            let word = match row.state {
                EscalationState::Void => "void",
                EscalationState::Open => "open",
                EscalationState::Acknowledged => "acknowledged",
                EscalationState::TimedOut => "timed_out",
                EscalationState::Answered => "answered",
            };
            out.push(json!({
                "id": id,
                "state": word,
                "reason": reason_word(row.reason),
                "thread": row.thread.to_string(),
                "options": row.options,
                "answer": row.answer,
                "asked_ms": asked_ms,
                "asked_by": row.asked_by.to_string(),
                "reminders": row.reminders,
                "question": self.text(row.question).await?,
            }));
        }
        Ok(out)
    }

    async fn agents(&self, role: Option<&str>) -> Read<Vec<Value>> {
        let mut out = Vec::new();
        for (key, value) in self.rows(Table::Agents).await? {
            let row: AgentRow = projection::read(Table::Agents, &value)?;
            if role.is_none_or(|wanted| wanted == row.role) {
                out.push(json!({
                    "id": row.id,
                    "role": row.role,
                    "address": format!("bzzz://{}:{}@{}:*", row.id, row.role, self.name),
                    "status": "away",
                    "tasks": 0,
                    "max_tasks": row.max_tasks,
                    "node": id_of(&key),
                    "capabilities": row.capabilities,
                }));
            }
        }
        Ok(out)
    }

    /// An agent's id, or the node.
    async fn speaker(&self, node: PublicKey, agent: PublicKey) -> Read<String> {
        let key = Key::Agent(node, agent).bytes(&self.id);
        Ok(match self.store.projection(Table::Agents.name(), &key).await? {
            Some(row) => projection::read::<AgentRow>(Table::Agents, &row)?.id,
            None => format!("node {}", agent.short()),
        })
    }

    /// A text; empty when it was erased, has not come, or is not what its event names.
    async fn text(&self, hash: Hash) -> Read<String> {
        let BlobLookup::Present(row) = self.store.blob(hash.0).await? else {
            return Ok(String::new());
        };
        let blob: Option<Blob> = codec::decode("blob", &row.bytes).ok();
        let sound = blob.filter(|blob| blob.hash() == hash);
        Ok(sound.map_or_else(String::new, |blob| String::from_utf8_lossy(&blob.bytes).into_owned()))
    }
}

/// The id behind the project in a key; of an agent its node.
fn id_of(key: &[u8]) -> String {
    let id = key.get(32..64).and_then(|id| <[u8; 32]>::try_from(id).ok());
    id.map(|id| Hash(id).to_string()).unwrap_or_default()
}
