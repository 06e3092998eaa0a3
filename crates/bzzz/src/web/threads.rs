//! Threads: what there is, what was said, and saying something.

use std::collections::BTreeSet;

use axum::extract::{Path, State};
use bzzz_core::address::{Address, Name};
use bzzz_core::body::{MessageKind, REVIEW_OPTIONS, Reason, ThreadKind, ThreadOpened, Timing};
use bzzz_core::crypto::Hash;
use bzzz_core::node::{Command, CommandError, Outcome, Project, Thing};
use bzzz_core::projection::thread_row;
use bzzz_core::report_build::message_word;
use bzzz_core::state::ThreadStatus;
use bzzz_node::NodeError;
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::{Asked, Params};
use super::settling::Settling;
use super::{Answer, App, Refusal, ids, ok};

/// Query of the lists.
#[derive(Debug, Deserialize)]
pub struct Filter {
    /// Only those in this state.
    pub state: Option<String>,
}

/// A thread's state as the API names it.
pub fn state_word(project: &Project, id: &Hash) -> &'static str {
    match project.thread_status(id) {
        Some(ThreadStatus::Open) if project.ballot_of(id).is_some() => "voting",
        Some(ThreadStatus::Open) => "open",
        Some(ThreadStatus::Decided { .. } | ThreadStatus::Answered { .. }) => "decided",
        Some(ThreadStatus::Escalated { .. }) => "escalated",
        Some(ThreadStatus::Closed { .. }) | None => "closed",
    }
}

struct Row {
    id: Hash,
    title: Hash,
    value: Value,
}

fn row(p: &Project, id: &Hash) -> Option<Row> {
    let t = p.state.threads.get(id)?;
    let (meta, opened) = t.opened.as_ref()?;
    let people = speakers(p, id);
    let settled = thread_row(&p.state, t);
    let value = json!({
        "id": id.to_string(),
        "address": format!("bzzz://*:*@{}:{}/thread/{id}", p.state.name, opened.task),
        "kind": opened.kind,
        "state": state_word(p, id),
        "verdict": settled.as_ref().and_then(|s| s.verdict_word()),
        "answer": settled.as_ref().and_then(|s| s.answer.clone()),
        "settled_ms": settled.as_ref().and_then(|s| s.settled_ms),
        "messages": t.messages.len(),
        "findings": t.findings.values().map(|f| f.findings.statement.count).sum::<u32>(),
        "participants": people,
        "opened_ms": meta.hlc.ms(),
        "home": meta.node().to_string(),
    });
    Some(Row {
        id: *id,
        title: opened.title.hash,
        value,
    })
}

/// Everybody who said or found something in a thread, sorted.
fn speakers(p: &Project, id: &Hash) -> Vec<String> {
    let Some(t) = p.state.threads.get(id) else {
        return vec![];
    };
    let talked = t.messages.values().map(|m| (m.reference.feed.node, m.message.by));
    let found = t.findings.values().map(|f| (f.reference.feed.node, f.findings.by));
    let all: BTreeSet<String> = talked.chain(found).map(|(node, by)| speaker(p, &node, &by)).collect();
    all.into_iter().collect()
}

/// Who said something: an agent's id, or the node.
pub fn speaker(p: &Project, node: &bzzz_core::crypto::PublicKey, by: &bzzz_core::crypto::PublicKey) -> String {
    match p.state.agents.get(node, by) {
        Some(record) => record.endorsement.statement.id.clone(),
        None => format!("node {}", by.short()),
    }
}

/// Threads as JSON, newest first.
pub async fn rows(app: &App, state: Option<String>, address: Option<Address>) -> Result<Vec<Value>, Refusal> {
    let (project, mut rows) = app
        .handle
        .project(None, move |p, _| {
            let overlaps = |wanted: &Name, text: &str| Name::parse(text).is_ok_and(|name| wanted.overlaps(&name));
            // By its task's name, and by the roles that are asked to it. An agent is meant when it has said something.
            let is_meant = |id: &Hash, opened: &ThreadOpened| {
                address.as_ref().is_none_or(|a| {
                    let asked = a.role.is_any() || opened.roles.iter().any(|r| overlaps(&a.role, r));
                    let spoke = || speakers(p, id).iter().any(|s| overlaps(&a.agent, s));
                    overlaps(&a.task, &opened.task) && asked && (a.agent.is_any() || spoke())
                })
            };
            let opened = p
                .state
                .threads
                .iter()
                .filter_map(|(id, t)| t.opened.as_ref().map(|(m, o)| (id, m, o)));
            let mut wanted: Vec<_> = opened
                .filter(|(id, _, o)| is_meant(id, o))
                .map(|(id, m, _)| (m.order(), *id))
                .collect();
            wanted.sort_unstable_by(|a, b| b.cmp(a));
            (
                p.id(),
                wanted.iter().filter_map(|(_, id)| row(p, id)).collect::<Vec<_>>(),
            )
        })
        .await?;
    if let Some(state) = state.filter(|s| s != "all") {
        rows.retain(|row| row.value["state"] == json!(state));
    }
    let mut out = Vec::new();
    for mut row in rows {
        row.value["title"] = json!(app.handle.text(&project, row.title).await);
        out.push(row.value);
    }
    Ok(out)
}

/// `GET threads`.
pub async fn list(State(app): State<App>, Params(filter): Params<Filter>) -> Answer {
    ok(json!({ "threads": rows(&app, filter.state, None).await? }))
}

/// The thread that an id or a beginning of one names.
pub async fn find(app: &App, given: &str) -> Result<Hash, Refusal> {
    let known = app
        .handle
        .project(None, |p, _| p.state.threads.keys().copied().collect::<Vec<_>>())
        .await?;
    ids::resolve(
        "thread",
        super::fault::where_to_look(Thing::Thread),
        given,
        known.into_iter(),
    )
}

/// `GET threads/{id}`.
pub async fn show(State(app): State<App>, Path(id): Path<String>) -> Answer {
    let id = find(&app, &id).await?;
    let (project, found, log, record) = app
        .handle
        .project(None, move |p, _| {
            let log: Vec<(Value, Hash)> = p
                .state
                .threads
                .get(&id)
                .into_iter()
                .flat_map(|t| &t.messages)
                .map(|(order, m)| {
                    let s = &m.message.statement;
                    let value = json!({
                        "id": m.reference.hash.to_string(),
                        "from": speaker(p, &m.reference.feed.node, &m.message.by),
                        "kind": message_word(s.kind),
                        "at_ms": order.hlc.ms(),
                        "parents": s.parents,
                        "to": s.to,
                    });
                    (value, s.text.hash)
                })
                .collect();
            (p.id(), row(p, &id), log, Settling::of(p, &id))
        })
        .await?;
    let Some(mut found) = found else {
        return Err(Refusal::not_found(
            "thread",
            &id.to_string(),
            "its opening has not arrived here yet",
        ));
    };
    found.value["title"] = json!(app.handle.text(&project, found.title).await);
    let mut lines = Vec::new();
    for (mut line, text) in log {
        line["text"] = json!(app.handle.text(&project, text).await);
        lines.push(line);
    }
    found.value["log"] = lines.into();
    record.tell(&app, &project, &mut found.value).await;
    debug_assert_eq!(found.id, id);
    ok(found.value)
}

/// Body of `POST threads`.
#[derive(Debug, Deserialize)]
pub struct Open {
    title: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    invite: Vec<String>,
}

/// `POST threads`.
pub async fn open(State(app): State<App>, Asked(body): Asked<Open>) -> Answer {
    let project = app.handle.default_project().await?;
    let timing = Timing {
        findings_ms: 0,
        commit_ms: 0,
        reveal_ms: 0,
        evidence_ms: 0,
        final_ms: 0,
    };
    let command = Command::OpenThread {
        project,
        kind: ThreadKind::Discussion,
        task: "discussion".into(),
        title: body.title,
        subject: None,
        roles: vec![],
        timing,
        budget_microusd: 0,
    };
    let id = opened(app.handle.command(command).await?)?;
    if let Some(text) = body.text.filter(|t| !t.is_empty()) {
        say(&app, id, MessageKind::Note, text, vec![], None).await?;
    }
    for address in body.invite {
        let to = Address::parse(&address)
            .map_err(|e| Refusal::bad(e.to_string(), super::ADDRESS_HINT))?
            .to_string();
        say(
            &app,
            id,
            MessageKind::Question,
            "please join this thread".into(),
            vec![],
            Some(to),
        )
        .await?;
    }
    let name = app.handle.project(None, |p, _| p.state.name.clone()).await?;
    ok(json!({ "id": id.to_string(), "address": format!("bzzz://*:*@{name}:discussion/thread/{id}") }))
}

/// The id of what a command opened.
pub fn opened(outcome: Outcome) -> Result<Hash, Refusal> {
    match outcome {
        Outcome::Event(reference) => Ok(reference.hash),
        other => Err(Refusal::bad(
            format!("the node answered {other:?}"),
            "this is a fault of the node: see its log",
        )),
    }
}

async fn say(
    app: &App,
    thread: Hash,
    kind: MessageKind,
    text: String,
    parents: Vec<Hash>,
    to: Option<String>,
) -> Result<Hash, Refusal> {
    let project = app.handle.default_project().await?;
    let thread = Some(thread);
    let command = Command::Post {
        project,
        thread,
        agent: None,
        kind,
        text,
        parents,
        to,
        idempotency_key: None,
    };
    opened(app.handle.command(command).await?)
}

/// Body of `POST threads/{id}/…`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Act {
    kind: Option<MessageKind>,
    text: Option<String>,
    parent: Option<String>,
    verdict: Option<String>,
    vote: Option<String>,
    reason: Option<String>,
    question: Option<String>,
    options: Vec<String>,
}

/// `POST threads/{id}/join`, `messages`, `propose`, `vote`, `escalate`, `resolve`, `close`.
pub async fn act(
    State(app): State<App>,
    Path((id, action)): Path<(String, String)>,
    Asked(body): Asked<Act>,
) -> Answer {
    let thread = find(&app, &id).await?;
    let project = app.handle.default_project().await?;
    let text = |text: Option<String>, what: &str| {
        text.ok_or_else(|| Refusal::bad(format!("{what} is missing"), "send it as a field of the request"))
    };
    let event = match action.as_str() {
        "join" => say(&app, thread, MessageKind::Note, "joined".into(), vec![], None).await?,
        "messages" => {
            let parents = match body.parent {
                Some(parent) => vec![message(&app, thread, &parent).await?],
                None => vec![],
            };
            say(
                &app,
                thread,
                body.kind.unwrap_or(MessageKind::Note),
                text(body.text, "the text")?,
                parents,
                None,
            )
            .await?
        }
        "propose" => {
            let words = with_reason(&text(body.verdict, "the verdict")?, body.reason);
            say(&app, thread, MessageKind::Proposal, words, vec![], None).await?
        }
        "vote" => {
            let words = with_reason(&text(body.vote, "the vote")?, body.reason);
            say(&app, thread, MessageKind::Vote, words, vec![], None).await?
        }
        "escalate" => {
            let question = text(body.question, "the question")?;
            let found = app.handle.project(None, move |p, _| {
                let opened = p.state.threads.get(&thread).and_then(|t| t.opened.as_ref());
                (opened.map(|(_, o)| o.kind), p.thread_status(&thread))
            });
            let (kind, status) = found.await?;
            if let Some(ThreadStatus::Decided { .. } | ThreadStatus::Answered { .. }) = status {
                let why = "the thread is decided, so a question about it would not count";
                return Err(NodeError::Command(CommandError::Conflict(why.into())).into());
            }
            let options = match body.options.is_empty() {
                true if kind == Some(ThreadKind::Review) => REVIEW_OPTIONS.map(Into::into).into(),
                true => vec!["yes".into(), "no".into()],
                false => body.options,
            };
            let command = Command::Escalate {
                project,
                thread,
                reason: Reason::Request,
                question,
                options,
            };
            opened(app.handle.command(command).await?)?
        }
        "resolve" | "close" => {
            // Before anything is said: a refusal must not leave the words behind.
            let can_close = app.handle.project(None, move |p, _| p.can_close(&thread)).await?;
            can_close.map_err(NodeError::Command)?;
            if let Some(text) = body.text.filter(|t| !t.is_empty()) {
                say(&app, thread, MessageKind::Decision, text, vec![], None).await?;
            }
            let command = Command::CloseThread {
                project,
                thread,
                resolved: action == "resolve",
            };
            opened(app.handle.command(command).await?)?
        }
        other => return Err(Refusal::not_found("action", other, "see `bzzz thread --help`")),
    };
    ok(json!({ "id": event.to_string(), "thread": thread.to_string() }))
}

fn with_reason(word: &str, reason: Option<String>) -> String {
    match reason.filter(|r| !r.is_empty()) {
        Some(reason) => format!("{word}: {reason}"),
        None => word.to_owned(),
    }
}

async fn message(app: &App, thread: Hash, given: &str) -> Result<Hash, Refusal> {
    let known = app
        .handle
        .project(None, move |p, _| {
            let messages = p
                .state
                .threads
                .get(&thread)
                .into_iter()
                .flat_map(|t| t.messages.values());
            messages.map(|m| m.reference.hash).collect::<Vec<_>>()
        })
        .await?;
    ids::resolve(
        "message",
        "`bzzz thread show ID --json` gives the ids of the messages",
        given,
        known.into_iter(),
    )
}
