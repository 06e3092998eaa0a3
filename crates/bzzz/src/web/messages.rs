//! Messages at addresses: what an address has got, and sending one to an agent, a role, a project or a thread.

use axum::extract::State;
use bzzz_core::address::Address;
use bzzz_core::body::MessageKind;
use bzzz_core::node::Command;
use bzzz_core::report_build::message_word;
use serde::Deserialize;
use serde_json::json;

use super::agents::{address, address_of, in_project, reached};
use super::asked::Asked;
use super::threads::opened;
use super::{Answer, App, Refusal, ok, threads};

/// Under this path an address reads its messages.
pub const INBOX: &str = "inbox";

/// Messages outside any thread that an address reaches, oldest first.
pub async fn inbox(app: &App, wanted: Address) -> Answer {
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
