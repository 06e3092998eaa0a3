//! Reviews: opening one, following one that is open, and its report.

use std::time::Instant;

use axum::extract::{Path, State};
use axum::response::Response;
use bzzz_core::body::ThreadKind;
use bzzz_core::crypto::Hash;
use bzzz_node::ReviewSpec;
use serde_json::json;

use super::asked::Asked;
use super::follow::{self, Beginning};
use super::{Answer, App, Refusal, ok, roles, threads};
use crate::client::wire::ReviewRequest;
use crate::progress::ProgressEvent;

/// `POST reviews`.
pub async fn open(State(app): State<App>, Asked(request): Asked<ReviewRequest>) -> Result<Response, Refusal> {
    let change = request
        .change
        .change()
        .map_err(|e| Refusal::bad(e.to_string(), "send the output of `git diff` or `diff -u`"))?;
    let files = change.files.len() as u32;
    let mut warnings = roles::check(&app.handle, &request.roles).await?;
    let spec = ReviewSpec {
        change: request.change,
        roles: request.roles,
        deadline_ms: request.deadline_s.saturating_mul(1_000),
        budget_microusd: 0,
    };
    let started = Instant::now();
    // Watching begins before the thread is there: nothing of it is missed.
    let notices = app.handle.subscribe();
    let title = spec.change.title.clone();
    let thread = app.handle.review(None, spec).await?;
    let (project, name, asked) = app
        .handle
        .project(None, move |p, _| {
            let opened = p.state.threads.get(&thread).and_then(|t| t.opened.as_ref());
            (
                p.id(),
                p.state.name.clone(),
                opened.map(|(_, o)| o.roles.clone()).unwrap_or_default(),
            )
        })
        .await?;
    if asked.is_empty() {
        let text = "no agent is here: unless one comes, a person is asked when the time for findings is over";
        warnings.push(text.to_owned());
    }
    let first = ProgressEvent::Opened {
        thread: format!("bzzz://*:*@{name}:review/thread/{thread}"),
        title,
        files,
        roles: asked,
        deadline_s: request.deadline_s,
    };
    let mut before = vec![first];
    before.extend(warnings.into_iter().map(|text| ProgressEvent::Warning { text }));
    let beginning = Beginning {
        project,
        thread,
        started: Some(started),
        before,
        proposals: vec![],
    };
    Ok(follow::answer(app.handle, beginning, notices))
}

/// `GET threads/{id}/follow`: what was in a review, what happens in it, and its report at the end.
pub async fn follow(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Refusal> {
    let thread = threads::find(&app, &id).await?;
    let notices = app.handle.subscribe();
    let (project, seen) = app
        .handle
        .project(None, move |p, _| {
            let seen = p.state.threads.get(&thread).and_then(|t| {
                let (_, opened) = t.opened.as_ref()?;
                let proposals: Vec<Hash> = t.proposals.values().copied().collect();
                Some((opened.kind, opened.roles.clone(), opened.timing, proposals))
            });
            (p.id(), seen)
        })
        .await?;
    let not_here = || {
        Refusal::not_found(
            "review",
            &id,
            "its opening has not arrived here yet: ask again in a moment",
        )
    };
    let (kind, roles, timing, proposals) = seen.ok_or_else(not_here)?;
    if kind != ThreadKind::Review {
        return Err(Refusal::bad(
            format!("thread {thread} is a discussion, and no review"),
            "`bzzz thread show` shows what was said in it",
        ));
    }
    let report = app.handle.report(Some(project), thread).await?.ok_or_else(not_here)?;
    let deadline_ms = [
        timing.findings_ms,
        timing.commit_ms,
        timing.reveal_ms,
        timing.evidence_ms,
        timing.final_ms,
    ];
    let deadline_ms = deadline_ms.into_iter().fold(0, u64::saturating_add);
    let beginning = Beginning {
        project,
        thread,
        started: None,
        before: follow::before(&report, roles, deadline_ms / 1_000),
        proposals,
    };
    Ok(follow::answer(app.handle, beginning, notices))
}

/// `GET threads/{id}/report`: the report as it stands, with the certificate.
pub async fn report(State(app): State<App>, Path(id): Path<String>) -> Answer {
    let thread = threads::find(&app, &id).await?;
    let report = app.handle.report(None, thread).await?;
    let report =
        report.ok_or_else(|| Refusal::not_found("report on thread", &id, "its opening has not arrived here yet"))?;
    let certificate = app.handle.certificate(None, thread).await?.map(|c| c.to_pem());
    ok(json!({ "report": report, "certificate": certificate }))
}
