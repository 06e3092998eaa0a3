//! Questions to people, and their answers.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use bzzz_core::crypto::Hash;
use bzzz_core::node::{Command, Project, Thing};
use bzzz_core::report_build::reason_word;
use bzzz_core::report_people;
use bzzz_core::state::{Escalation, EscalationStatus};
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::{Asked, Params};
use super::threads::Filter;
use super::{Answer, App, Refusal, ids, ok};
use crate::cli::exit::Exit;

struct Row {
    value: Value,
    question: Hash,
    thread: Hash,
}

fn row(p: &Project, id: &Hash) -> Option<Row> {
    let e = p.state.escalations.get(id)?;
    let (meta, body) = e.opened.as_ref()?;
    let option = p.state.chosen(e).and_then(|option| body.options.get(option as usize));
    let owners = report_people::owners(&p.state, e);
    let agree = owners
        .iter()
        .filter(|o| option.is_some() && o.answer.as_ref() == option);
    let people: Vec<&str> = agree.filter_map(|o| o.person.as_deref()).collect();
    let roster = p.state.rosters.epoch(meta.epoch);
    let value = json!({
        "id": id.to_string(),
        "state": p.state.escalation_status(id),
        "reason": reason_word(body.reason),
        "thread": body.thread.to_string(),
        "options": body.options,
        "answer": option,
        "person": option.map(|_| people.join(", ")),
        "rule": p.state.policy.answers,
        "owners": owners,
        "progress": report_people::progress(&p.state, e),
        "acknowledged": seen_by(p, e),
        "asked_ms": meta.hlc.ms(),
        "reminders": e.reminders(&p.state.rosters),
        "asked_by": meta.node().to_string(),
        "asked_by_owner": roster.and_then(|r| r.owner(&meta.node())),
    });
    Some(Row {
        value,
        question: body.question.hash,
        thread: body.thread,
    })
}

/// Who said that they look after it, each once, in the order in which they did.
fn seen_by(p: &Project, e: &Escalation) -> Vec<String> {
    let mut people: Vec<String> = Vec::new();
    for (_, person) in e.acknowledged(&p.state.rosters) {
        if !people.contains(person) {
            people.push(person.clone());
        }
    }
    people
}

async fn with_text(app: &App, project: &Hash, row: Row) -> Value {
    let mut value = row.value;
    value["question"] = json!(app.handle.text(project, row.question).await);
    value
}

/// `GET escalations`: the unanswered ones; all with `state=all`.
pub async fn list(State(app): State<App>, Params(filter): Params<Filter>) -> Answer {
    let all = filter.state.as_deref() == Some("all");
    let (project, rows) = app
        .handle
        .project(None, move |p, _| {
            let wanted = p.state.escalations.keys().filter(|id| {
                let closed = [EscalationStatus::Answered, EscalationStatus::Void];
                all || !closed.contains(&p.state.escalation_status(id))
            });
            (p.id(), wanted.filter_map(|id| row(p, id)).collect::<Vec<_>>())
        })
        .await?;
    let mut out = Vec::new();
    for row in rows {
        out.push(with_text(&app, &project, row).await);
    }
    ok(json!({ "escalations": out }))
}

async fn find(app: &App, given: &str) -> Result<Hash, Refusal> {
    let known = app
        .handle
        .project(None, |p, _| p.state.escalations.keys().copied().collect::<Vec<_>>())
        .await?;
    ids::resolve(
        "escalation",
        super::fault::where_to_look(Thing::Escalation),
        given,
        known.into_iter(),
    )
}

async fn one(app: &App, id: Hash) -> Answer {
    let (project, found) = app.handle.project(None, move |p, _| (p.id(), row(p, &id))).await?;
    match found {
        Some(row) => {
            let thread = row.thread;
            let mut value = with_text(app, &project, row).await;
            // Whoever opened the question chose its words: beside them stands what the record says.
            let report = app.handle.report(Some(project), thread).await?;
            value["record"] = json!(report.map(|r| report_people::record(&r)).unwrap_or_default());
            ok(value)
        }
        None => Err(Refusal::not_found(
            "escalation",
            &id.to_string(),
            "its question has not arrived here yet",
        )),
    }
}

/// `GET escalations/{id}`. Looking at a question says that somebody has seen it.
pub async fn show(State(app): State<App>, Path(id): Path<String>) -> Answer {
    let escalation = find(&app, &id).await?;
    let open = app
        .handle
        .project(None, move |p, _| {
            Some(p.state.escalation_status(&escalation) == EscalationStatus::Open)
        })
        .await?;
    if open == Some(true) {
        let project = app.handle.default_project().await?;
        let command = Command::AckEscalation {
            project,
            escalation,
            person: "the operator".into(),
        };
        app.handle.command(command).await?;
    }
    one(&app, escalation).await
}

/// Body of `POST escalations/{id}/answer`.
#[derive(Debug, Deserialize)]
pub struct Answering {
    #[serde(default)]
    answer: String,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    person: Option<String>,
}

/// `POST escalations/{id}/answer`, `…/ack`.
pub async fn act(
    State(app): State<App>,
    Path((id, action)): Path<(String, String)>,
    Asked(body): Asked<Answering>,
) -> Answer {
    let escalation = find(&app, &id).await?;
    let project = app.handle.default_project().await?;
    let person = body.person.unwrap_or_else(|| "the operator".into());
    let command = match action.as_str() {
        "ack" => {
            let me = app.handle.node();
            let (status, seen, seat) = app
                .handle
                .project(None, move |p, _| {
                    let question = p.state.escalations.get(&escalation);
                    let opened = question.and_then(|e| e.opened.as_ref());
                    let roster = opened.and_then(|(meta, _)| p.state.rosters.epoch(meta.epoch));
                    (
                        p.state.escalation_status(&escalation),
                        question.map(|e| seen_by(p, e)).unwrap_or_default(),
                        roster.is_some_and(|r| r.owner(&me).is_some()),
                    )
                })
                .await?;
            if !matches!(status, EscalationStatus::Open | EscalationStatus::Acknowledged) {
                return Err(Refusal::new(
                    StatusCode::CONFLICT,
                    Exit::No,
                    "the question is closed already, and waits for nobody",
                    "`bzzz escalations show` says how it ended",
                ));
            }
            if !seat {
                return Err(Refusal::new(
                    StatusCode::CONFLICT,
                    Exit::No,
                    "this node has no seat in the roster of the question, so its word would not count",
                    "acknowledge it at a member that had a vote when it was asked",
                ));
            }
            if seen.contains(&person) {
                return one(&app, escalation).await;
            }
            Command::AckEscalation {
                project,
                escalation,
                person,
            }
        }
        "answer" => {
            let options = app
                .handle
                .project(None, move |p, _| {
                    let opened = p.state.escalations.get(&escalation).and_then(|e| e.opened.as_ref());
                    opened.map(|(_, b)| b.options.clone()).unwrap_or_default()
                })
                .await?;
            let normal = |text: &str| text.trim().to_lowercase().replace(['_', '-'], " ");
            let number = body.answer.trim().parse::<usize>().ok().and_then(|n| n.checked_sub(1));
            let by_name = options.iter().position(|o| normal(o) == normal(&body.answer));
            let found = by_name.or(number.filter(|n| *n < options.len()));
            let Some(option) = found else {
                let why = format!(
                    "{:?} is none of the question's options: {}",
                    body.answer,
                    options.join(", ")
                );
                return Err(Refusal::bad(
                    why,
                    "`bzzz escalations show` lists the options; a number stands for one, too",
                ));
            };
            Command::AnswerEscalation {
                project,
                escalation,
                option: option as u32,
                text: body.reason,
                person,
            }
        }
        other => return Err(Refusal::not_found("action", other, "there are answer and ack")),
    };
    app.handle.command(command).await?;
    one(&app, escalation).await
}
