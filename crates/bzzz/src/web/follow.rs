//! Following a review: what happens in its thread as lines, until its end.
//!
//! Everything is derived from the state, so whoever comes late, or to another node than the one that opened the review, is
//! told what was before and then what comes.

use std::time::{Duration, Instant};

use axum::body::{Body as HttpBody, Bytes};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use bzzz_core::body::Body;
use bzzz_core::crypto::{Hash, PublicKey};
use bzzz_core::node::Notice;
use bzzz_core::report::Report;
use bzzz_core::report_build::{blobs_needed, choice_word, reason_word};
use bzzz_core::state::ThreadStatus;
use bzzz_node::{Handle, NodeError};
use tokio::sync::{broadcast, mpsc};

use super::Refusal;
use crate::client::wire::ReviewLine;
use crate::progress::ProgressEvent;

/// How long the report waits for texts of other nodes that have not arrived yet.
const TEXT_PATIENCE: Duration = Duration::from_secs(2);
/// The state is looked at this often, whatever notices say.
const LOOK: Duration = Duration::from_millis(250);
/// Lines that wait for a slow reader.
const LINES: usize = 1024;
/// After this time without a line an empty one says that the node is still there.
const SIGN_OF_LIFE: Duration = Duration::from_secs(3);

/// Where a review stands when somebody begins to follow it.
pub struct Beginning {
    /// Its project.
    pub project: Hash,
    /// Its thread.
    pub thread: Hash,
    /// When it was asked for; none when that was not here or not now, and the record says how long it took.
    pub started: Option<Instant>,
    /// What was before, in order.
    pub before: Vec<ProgressEvent>,
    /// Proposals so far.
    pub proposals: Vec<Hash>,
}

/// The answer that follows a review; `notices` were subscribed to before `beginning` was looked up, so nothing is missed.
pub fn answer(handle: Handle, beginning: Beginning, notices: broadcast::Receiver<Notice>) -> Response {
    let (lines, reader) = mpsc::channel(LINES);
    let follower = Follower {
        handle,
        project: beginning.project,
        thread: beginning.thread,
        started: beginning.started,
        lines,
        proposals: beginning.proposals,
    };
    tokio::spawn(follower.run(beginning.before, notices));
    let stream = futures::stream::unfold(reader, |mut reader| async {
        let text = match tokio::time::timeout(SIGN_OF_LIFE, reader.recv()).await {
            Err(_) => b"\n".to_vec(),
            Ok(line) => {
                let mut text = serde_json::to_vec(&line?).unwrap_or_default();
                text.push(b'\n');
                text
            }
        };
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(text)), reader))
    });
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    (kind, HttpBody::from_stream(stream)).into_response()
}

/// What was before, as far as a report tells it.
pub fn before(report: &Report, roles: Vec<String>, deadline_s: u64) -> Vec<ProgressEvent> {
    let mut out = vec![ProgressEvent::Opened {
        thread: report.thread.clone(),
        title: report.subject.title.clone(),
        files: report.subject.files,
        roles,
        deadline_s,
    }];
    for who in &report.participants {
        out.push(ProgressEvent::Joined {
            agent: who.agent.clone(),
            role: who.role.clone(),
            node: who.node.clone(),
        });
        if who.findings > 0 {
            out.push(ProgressEvent::Findings {
                agent: who.agent.clone(),
                count: who.findings,
            });
        }
    }
    for vote in &report.votes {
        if let Some(last) = &vote.last {
            out.push(ProgressEvent::FinalVote {
                agent: vote.agent.clone(),
                vote: last.clone(),
            });
        }
    }
    out
}

/// Turns what happens in one thread into lines, until its end.
struct Follower {
    handle: Handle,
    project: Hash,
    thread: Hash,
    started: Option<Instant>,
    lines: mpsc::Sender<ReviewLine>,
    proposals: Vec<Hash>,
}

impl Follower {
    async fn run(mut self, before: Vec<ProgressEvent>, mut notices: broadcast::Receiver<Notice>) {
        for event in before {
            if !self.tell(event).await {
                return;
            }
        }
        loop {
            match self.handle.thread_status(Some(self.project), self.thread).await {
                Ok(Some(ThreadStatus::Open)) => {}
                Ok(Some(status)) => return self.finish(&status).await,
                Ok(None) => return self.fail(NodeError::Stopped(Some("the thread is gone".into()))).await,
                Err(e) => return self.fail(e).await,
            }
            if !self.wait(&mut notices).await {
                return;
            }
        }
    }

    /// Tells what happens until something may have ended the review. Whether to go on.
    async fn wait(&mut self, notices: &mut broadcast::Receiver<Notice>) -> bool {
        loop {
            let notice = tokio::time::timeout(LOOK, notices.recv()).await;
            match notice {
                Ok(Ok(notice)) => {
                    if let Some(event) = self.progress(&notice).await
                        && !self.tell(event).await
                    {
                        return false;
                    }
                    // Most notices do not end a review: look only at those that can.
                    if matches!(&notice, Notice::Applied { body, .. } if ends(body)) {
                        return true;
                    }
                }
                Ok(Err(broadcast::error::RecvError::Closed)) => {
                    self.fail(NodeError::Stopped(None)).await;
                    return false;
                }
                // What a slow reader missed is in the state.
                Ok(Err(broadcast::error::RecvError::Lagged(_))) | Err(_) => return true,
            }
        }
    }

    /// Whether somebody still listens. The review goes on in any case.
    async fn tell(&self, event: ProgressEvent) -> bool {
        self.lines.send(ReviewLine::Progress { event }).await.is_ok()
    }

    async fn fail(&self, why: NodeError) {
        let mut fault = *Refusal::from(why).fault;
        fault.hint =
            Some("the thread is kept: `bzzz review --follow THREAD` goes on with it when the node runs again".into());
        let _ = self.lines.send(ReviewLine::Error { fault }).await;
    }

    async fn finish(&self, status: &ThreadStatus) {
        let time_ms = self.started.map(|started| started.elapsed().as_millis() as u64);
        if let (ThreadStatus::Decided { choice, .. }, Some(time_ms)) = (status, time_ms) {
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
                report.time_ms = time_ms.unwrap_or(report.time_ms);
                let certificate = certificate.map(|c| c.to_pem());
                let _ = self
                    .lines
                    .send(ReviewLine::Report {
                        report: Box::new(report),
                        certificate,
                    })
                    .await;
            }
            (Err(e), _) | (_, Err(e)) => self.fail(e).await,
            (Ok(None), _) => self.fail(NodeError::Stopped(Some("the thread is gone".into()))).await,
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
