//! Reviews: opening one, following it line by line, and its report.

use std::time::{Duration, Instant};

use axum::body::{Body as HttpBody, Bytes};
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use bzzz_core::body::Body;
use bzzz_core::crypto::{Hash, PublicKey};
use bzzz_core::node::Notice;
use bzzz_core::report_build::{blobs_needed, choice_word, reason_word};
use bzzz_core::state::ThreadStatus;
use bzzz_node::{Handle, ReviewSpec};
use serde_json::json;
use tokio::sync::{broadcast, mpsc};

use super::asked::Asked;
use super::{Answer, App, Refusal, ok, threads};
use crate::client::wire::{ReviewLine, ReviewRequest};
use crate::progress::ProgressEvent;

/// How long the report waits for texts of other nodes that have not arrived yet.
const TEXT_PATIENCE: Duration = Duration::from_secs(2);
/// The state is looked at this often, whatever notices say.
const LOOK: Duration = Duration::from_millis(250);
/// Lines that wait for a slow reader.
const LINES: usize = 1024;

/// `POST reviews`.
pub async fn open(State(app): State<App>, Asked(request): Asked<ReviewRequest>) -> Result<Response, Refusal> {
    let change = request.change.change().map_err(|e| Refusal::bad(e.to_string()))?;
    let files = change.files.len() as u32;
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
    let (project, name, roles) = app
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
    let first = ProgressEvent::Opened {
        thread: format!("bzzz://*:*@{name}:review/thread/{thread}"),
        title,
        files,
        roles,
        deadline_s: request.deadline_s,
    };
    let (lines, reader) = mpsc::channel(LINES);
    let follower = Follower {
        handle: app.handle,
        project,
        thread,
        started,
        lines,
        proposals: vec![],
    };
    tokio::spawn(follower.run(first, notices));
    let stream = futures::stream::unfold(reader, |mut reader| async {
        let line: ReviewLine = reader.recv().await?;
        let mut text = serde_json::to_vec(&line).unwrap_or_default();
        text.push(b'\n');
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(text)), reader))
    });
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((kind, HttpBody::from_stream(stream)).into_response())
}

/// Turns what happens in one thread into lines, until its end.
struct Follower {
    handle: Handle,
    project: Hash,
    thread: Hash,
    started: Instant,
    lines: mpsc::Sender<ReviewLine>,
    proposals: Vec<Hash>,
}

impl Follower {
    async fn run(mut self, first: ProgressEvent, mut notices: broadcast::Receiver<Notice>) {
        let told = self.tell(first).await;
        if !told {
            return;
        }
        loop {
            let notice = tokio::time::timeout(LOOK, notices.recv()).await;
            match notice {
                Ok(Ok(notice)) => {
                    if let Some(event) = self.progress(&notice).await
                        && !self.tell(event).await
                    {
                        return;
                    }
                    // Most notices do not end a review: look only at those that can.
                    if !matches!(&notice, Notice::Applied { body, .. } if ends(body)) {
                        continue;
                    }
                }
                Ok(Err(broadcast::error::RecvError::Closed)) => return self.fail("the node stopped").await,
                // What a slow reader missed is in the state.
                Ok(Err(broadcast::error::RecvError::Lagged(_))) | Err(_) => {}
            }
            match self.handle.thread_status(Some(self.project), self.thread).await {
                Ok(Some(ThreadStatus::Open)) => {}
                Ok(Some(status)) => return self.finish(&status).await,
                Ok(None) => return self.fail("the thread is gone").await,
                Err(e) => return self.fail(&e.to_string()).await,
            }
        }
    }

    /// Whether somebody still listens. The review goes on in any case.
    async fn tell(&self, event: ProgressEvent) -> bool {
        self.lines.send(ReviewLine::Progress { event }).await.is_ok()
    }

    async fn fail(&self, why: &str) {
        let mut fault = Refusal::bad(why).fault;
        fault.kind = Some("node".into());
        fault.hint = Some("the thread is kept: `bzzz thread list` shows it when the node runs again".into());
        let _ = self.lines.send(ReviewLine::Error { fault }).await;
    }

    async fn finish(&self, status: &ThreadStatus) {
        let time_ms = self.started.elapsed().as_millis() as u64;
        if let ThreadStatus::Decided { choice, .. } = status {
            self.tell(ProgressEvent::Decided {
                verdict: choice_word(*choice).into(),
                time_ms,
            })
            .await;
        }
        self.wait_for_texts().await;
        let report = self.handle.report(Some(self.project), self.thread).await;
        let certificate = self.handle.certificate(Some(self.project), self.thread).await;
        match (report, certificate) {
            (Ok(Some(mut report)), Ok(certificate)) => {
                report.time_ms = time_ms;
                let certificate = certificate.map(|c| c.to_pem());
                let _ = self
                    .lines
                    .send(ReviewLine::Report {
                        report: Box::new(report),
                        certificate,
                    })
                    .await;
            }
            (Err(e), _) | (_, Err(e)) => self.fail(&e.to_string()).await,
            (Ok(None), _) => self.fail("the thread is gone").await,
        }
    }

    /// Texts of other nodes may still be on their way.
    async fn wait_for_texts(&self) {
        let until = Instant::now() + TEXT_PATIENCE;
        let thread = self.thread;
        while Instant::now() < until {
            let Ok(needed) = self
                .handle
                .project(Some(self.project), move |p, _| blobs_needed(p, &thread))
                .await
            else {
                return;
            };
            let mut missing = false;
            for hash in needed {
                missing |= self.handle.blob(&self.project, hash).await.is_none();
            }
            if !missing {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    async fn name(&self, node: PublicKey, agent: PublicKey) -> Option<(String, String)> {
        let found = self.handle.project(Some(self.project), move |p, _| {
            let e = &p.state.agents.get(&node, &agent)?.endorsement.statement;
            Some((e.id.clone(), e.role.clone()))
        });
        found.await.ok().flatten()
    }

    async fn progress(&mut self, notice: &Notice) -> Option<ProgressEvent> {
        let (meta, body) = match notice {
            Notice::Applied { project, meta, body } if *project == self.project => (meta, body),
            Notice::Agent {
                agent,
                status: bzzz_core::wire::AgentStatus::Failed,
                thread,
                ..
            } if *thread == Some(self.thread) => {
                let text = format!("{agent} broke down and is restarted");
                return Some(ProgressEvent::Warning { text });
            }
            _ => return None,
        };
        let node = meta.node();
        match &**body {
            Body::ClaimAcked(b) => {
                let task = b.task;
                let thread = self.handle.project(Some(self.project), move |p, _| {
                    p.state
                        .tasks
                        .get(&task)
                        .and_then(|t| t.announced.as_ref())
                        .and_then(|(_, a)| a.thread)
                });
                if thread.await.ok().flatten() != Some(self.thread) {
                    return None;
                }
                let (agent, role) = self.name(b.owner.node, b.agent).await?;
                Some(ProgressEvent::Joined {
                    agent,
                    role,
                    node: b.owner.node.to_string(),
                })
            }
            Body::FindingsPosted(b) if b.findings.statement.thread == self.thread => {
                let (agent, _) = self.name(node, b.findings.by).await?;
                Some(ProgressEvent::Findings {
                    agent,
                    count: b.findings.statement.count,
                })
            }
            Body::Proposed(b) if b.thread == self.thread => {
                self.proposals.push(meta.hash());
                let agent = format!("node {}", node.short());
                Some(ProgressEvent::Proposal {
                    agent,
                    verdict: "vote".into(),
                })
            }
            Body::Committed(b) if self.proposals.contains(&b.proposal) => {
                let (agent, _) = self.name(node, b.agent).await?;
                Some(ProgressEvent::Commit { agent })
            }
            Body::Revealed(b) if self.proposals.contains(&b.reveal.statement.proposal) => {
                let (agent, _) = self.name(node, b.reveal.by).await?;
                Some(ProgressEvent::Reveal {
                    agent,
                    vote: choice_word(b.reveal.statement.choice).into(),
                })
            }
            Body::MessagePosted(b)
                if b.message.statement.thread == self.thread
                    && b.message.statement.kind == bzzz_core::body::MessageKind::Objection =>
            {
                let (agent, _) = self.name(node, b.message.by).await?;
                Some(ProgressEvent::Evidence { agent })
            }
            // What agents want to have noted: that they could not review, or sit a vote out.
            Body::MessagePosted(b)
                if b.message.statement.thread == self.thread
                    && b.message.statement.kind == bzzz_core::body::MessageKind::Note =>
            {
                let (agent, _) = self.name(node, b.message.by).await?;
                let text = self.handle.text(&self.project, b.message.statement.text.hash).await;
                let text = format!("{agent}: {text}");
                Some(ProgressEvent::Warning { text })
            }
            Body::FinalVoted(b) if b.vote.statement.thread == self.thread => {
                let (agent, _) = self.name(node, b.vote.by).await?;
                Some(ProgressEvent::FinalVote {
                    agent,
                    vote: choice_word(b.vote.statement.choice).into(),
                })
            }
            Body::Escalated(b) if b.thread == self.thread => Some(ProgressEvent::Escalated {
                id: meta.hash().to_string(),
                reason: reason_word(b.reason).into(),
            }),
            _ => None,
        }
    }
}

fn ends(body: &Body) -> bool {
    matches!(
        body,
        Body::Decided(_) | Body::Escalated(_) | Body::EscalationAnswered(_) | Body::ThreadClosed(_)
    )
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
