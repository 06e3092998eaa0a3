//! The one handle through which people and programs come in. It holds no logic: it asks the owner, reads blobs, and puts
//! answers together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bzzz_core::blob::Blob;
use bzzz_core::body::{Body, ThreadKind, Timing};
use bzzz_core::certificate::{Certificate, GatherError};
use bzzz_core::change::ChangeSet;
use bzzz_core::crypto::{Hash, PublicKey};
use bzzz_core::event::{Event, EventRef};
use bzzz_core::node::{Command, CommandError, Node, Notice, Outcome, Project};
use bzzz_core::report::Report;
use bzzz_core::report_build;
use bzzz_core::state::ThreadStatus;
use bzzz_net::{Multiaddr, Net, PeerId};
use bzzz_store::{Head, Manifest, Store};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::analyse;
use crate::audit::{self, Known, LogReport};
use crate::boot::unix_ms;
use crate::effects::{feed_of, read_blob};
use crate::erase::{self, Erased, Texts};
use crate::error::NodeError;
use crate::heads;
use crate::projections::Rebuilt;

/// Tells an answer that was put together before: when all that it was put together from is durable.
pub(crate) type Telling = Box<dyn FnOnce() + Send>;

/// Looks at the core and puts an answer together.
pub(crate) type Asking = Box<dyn FnOnce(&Node, u64) -> Telling + Send>;

/// A question to the owner.
pub(crate) enum Request {
    Command(Box<Command>, oneshot::Sender<Result<Outcome, CommandError>>),
    Query(Asking),
    Rebuild(oneshot::Sender<Rebuilt>),
    Stop,
}

/// What never changes while a node runs.
#[derive(Debug)]
pub(crate) struct Shared {
    pub peer_id: PeerId,
    pub node: PublicKey,
    pub listeners: Vec<Multiaddr>,
    pub project: Option<Hash>,
    pub data: Option<PathBuf>,
}

/// How long a review waits for members that have not said yet that they are there.
const MEMBERS_PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);

/// A running node.
#[derive(Clone)]
pub struct Handle {
    requests: mpsc::Sender<Request>,
    notices: broadcast::Sender<Notice>,
    store: Store,
    net: Net,
    end: watch::Receiver<Option<Option<String>>>,
    shared: Arc<Shared>,
}

/// What is to be reviewed, by whom, and how long it may take.
#[derive(Debug, Clone)]
pub struct ReviewSpec {
    /// The change.
    pub change: ChangeSet,
    /// Roles to ask; empty: every role that an agent of the project has.
    pub roles: Vec<String>,
    /// From the request to the last moment for a vote, milliseconds.
    pub deadline_ms: u64,
    /// What may be spent, micro-dollars.
    pub budget_microusd: u64,
}

impl ReviewSpec {
    /// The phases of a review that may take `deadline_ms` in all: half of it for findings, the rest for the vote.
    pub fn timing(&self) -> Timing {
        let tenth = (self.deadline_ms / 10).max(1);
        Timing {
            findings_ms: tenth * 5,
            commit_ms: tenth,
            reveal_ms: tenth,
            evidence_ms: tenth,
            final_ms: tenth * 2,
        }
    }
}

impl Handle {
    pub(crate) fn new(
        requests: mpsc::Sender<Request>,
        notices: broadcast::Sender<Notice>,
        store: Store,
        net: Net,
        end: watch::Receiver<Option<Option<String>>>,
        shared: Arc<Shared>,
    ) -> Self {
        Handle {
            requests,
            notices,
            store,
            net,
            end,
            shared,
        }
    }

    /// The libp2p peer id.
    pub fn peer_id(&self) -> PeerId {
        self.shared.peer_id
    }

    /// The node's key.
    pub fn node(&self) -> PublicKey {
        self.shared.node
    }

    /// The data folder; none for a node in memory.
    pub fn data(&self) -> Option<&Path> {
        self.shared.data.as_deref()
    }

    /// Addresses that peers can dial, with the peer id.
    pub fn addresses(&self) -> Vec<Multiaddr> {
        let with_id = |a: &Multiaddr| a.clone().with_p2p(self.shared.peer_id).unwrap_or_else(|a| a);
        self.shared.listeners.iter().map(with_id).collect()
    }

    /// Connected peers.
    pub async fn peers(&self) -> Vec<PeerId> {
        self.net.peers().await.into_iter().map(|p| p.peer).collect()
    }

    fn stopped(&self) -> NodeError {
        NodeError::Stopped(self.end.borrow().clone().flatten())
    }

    /// Wants something of the node; the answer comes when what was done is durable.
    pub async fn command(&self, command: Command) -> Result<Outcome, NodeError> {
        let (reply, answer) = oneshot::channel();
        self.requests
            .send(Request::Command(Box::new(command), reply))
            .await
            .map_err(|_| self.stopped())?;
        match answer.await {
            Ok(result) => Ok(result?),
            Err(_) => {
                // The reason is told a moment after the channels fall.
                self.ended_soon().await;
                Err(self.stopped())
            }
        }
    }

    async fn ended_soon(&self) {
        let mut end = self.end.clone();
        let _ = tokio::time::timeout(std::time::Duration::from_secs(1), end.wait_for(Option::is_some)).await;
    }

    /// Looks at the node between two of its steps; the answer is told when all that was seen is durable. `ask` must be
    /// quick: the node waits.
    pub async fn query<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Node, u64) -> T + Send + 'static,
    ) -> Result<T, NodeError> {
        let (reply, answer) = oneshot::channel();
        let boxed: Asking = Box::new(move |node: &Node, now: u64| {
            let answer = ask(node, now);
            let telling: Telling = Box::new(move || {
                // Whoever asked may have gone.
                let _ = reply.send(answer);
            });
            telling
        });
        self.requests
            .send(Request::Query(boxed))
            .await
            .map_err(|_| self.stopped())?;
        answer.await.map_err(|_| self.stopped())
    }

    /// [`Handle::query`] on one project; the default one when `id` is none.
    pub async fn project<T: Send + 'static>(
        &self,
        id: Option<Hash>,
        ask: impl FnOnce(&Project, u64) -> T + Send + 'static,
    ) -> Result<T, NodeError> {
        let wanted = id.or(self.shared.project);
        let found = self
            .query(move |node, now| pick(node, wanted).map(|p| ask(p, now)))
            .await?;
        found.ok_or(NodeError::NoProject)
    }

    /// The project that commands are about unless they name one: as configured, else the one with the most members.
    pub async fn default_project(&self) -> Result<Hash, NodeError> {
        self.project(None, |p, _| p.id()).await
    }

    /// What happens from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    /// A blob of a project, without its salt; none when it was erased or has not arrived.
    pub async fn blob(&self, project: &Hash, hash: Hash) -> Option<Vec<u8>> {
        let fresh = self.project(Some(*project), move |p, _| p.blob(&hash).map(|b| b.bytes.clone()));
        if let Ok(Some(bytes)) = fresh.await {
            return Some(bytes);
        }
        read_blob(&self.store, project, hash).await.map(|b| b.bytes)
    }

    /// A blob as text; empty when it is not there.
    pub async fn text(&self, project: &Hash, hash: Hash) -> String {
        let bytes = self.blob(project, hash).await.unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Opens the review of a change. Returns its thread.
    pub async fn review(&self, project: Option<Hash>, spec: ReviewSpec) -> Result<Hash, NodeError> {
        let timing = spec.timing();
        self.wait_for_members(project).await?;
        let (id, known) = self
            .project(project, |p, now| {
                let live = p.state.agents.active().filter(|(node, _)| p.is_live(node, now));
                let mut roles: Vec<String> = live.map(|(_, r)| r.endorsement.statement.role.clone()).collect();
                roles.sort();
                roles.dedup();
                (p.id(), roles)
            })
            .await?;
        let roles = if spec.roles.is_empty() { known } else { spec.roles };
        let subject = spec
            .change
            .to_cbor()
            .map_err(|e| CommandError::Invalid(e.to_string()))?;
        let command = Command::OpenThread {
            project: id,
            kind: ThreadKind::Review,
            task: "review".to_owned(),
            title: spec.change.title.clone(),
            subject: Some(subject),
            roles,
            timing,
            budget_microusd: spec.budget_microusd,
        };
        match self.command(command).await? {
            Outcome::Event(reference) => Ok(reference.hash),
            other => Err(NodeError::Stopped(Some(format!("a thread was opened with {other:?}")))),
        }
    }

    /// A network that has just come together gets a moment to say that it is there.
    async fn wait_for_members(&self, project: Option<Hash>) -> Result<(), NodeError> {
        let until = std::time::Instant::now() + MEMBERS_PATIENCE;
        loop {
            let all = self
                .project(project, |p, now| {
                    let live = |node: &PublicKey| {
                        let hosts = p.state.agents.active().any(|(by, _)| by == *node);
                        p.is_live(node, now) && hosts
                    };
                    p.state.rosters.latest().weights().keys().all(live)
                })
                .await?;
            if all || std::time::Instant::now() >= until {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// How far a thread is.
    pub async fn thread_status(&self, project: Option<Hash>, thread: Hash) -> Result<Option<ThreadStatus>, NodeError> {
        self.project(project, move |p, _| p.thread_status(&thread)).await
    }

    /// The report of a thread as it stands.
    pub async fn report(&self, project: Option<Hash>, thread: Hash) -> Result<Option<Report>, NodeError> {
        let (id, needed) = self
            .project(project, move |p, _| (p.id(), report_build::blobs_needed(p, &thread)))
            .await?;
        let mut blobs = BTreeMap::new();
        for hash in needed {
            if let Some(bytes) = self.blob(&id, hash).await {
                blobs.insert(hash, bytes);
            }
        }
        let (report, subject) = self
            .project(Some(id), move |p, now| {
                let opened = p.state.threads.get(&thread).and_then(|t| t.opened.as_ref());
                let subject = opened
                    .and_then(|(_, o)| o.subject)
                    .and_then(|s| blobs.get(&s.hash).cloned());
                (report_build::build(p, &thread, &blobs, now), subject)
            })
            .await?;
        let (Some(report), Some(subject)) = (report.clone(), subject) else {
            return Ok(report);
        };
        // Away from the loop: it reads the whole change.
        let told = tokio::task::spawn_blocking(move || {
            let mut report = report;
            analyse::tell_unread(&mut report, &subject);
            report
        });
        Ok(Some(told.await.map_err(|e| {
            NodeError::Stored(format!("the report's change was not read: {e}"))
        })?))
    }

    /// The certificate of a decided thread. None can be made where its project's rosters have changed so often that no reader would take it;
    /// the log says so.
    pub async fn certificate(&self, project: Option<Hash>, thread: Hash) -> Result<Option<Certificate>, NodeError> {
        let (id, opening, proposal) = self
            .project(project, move |p, _| {
                let opened = p.state.threads.get(&thread).and_then(|t| t.opened.as_ref());
                let opening = opened.map(|(meta, _)| meta.reference);
                (p.id(), opening, report_build::decided_proposal(p, &thread))
            })
            .await?;
        let (Some(opening), Some(proposal)) = (opening, proposal) else {
            return Ok(None);
        };
        let (opening, proposal) = (self.event(&id, opening).await?, self.event(&id, proposal).await?);
        let (Some(opening), Some(proposal)) = (opening, proposal) else {
            return Ok(None);
        };
        let change = self.change_of(&id, &opening).await;
        let gathered = self
            .project(Some(id), move |p, _| {
                Some(Certificate::gather(&p.state, &opening, &proposal, change.as_ref()))
            })
            .await?;
        Ok(gathered.and_then(|gathered| {
            let too_long = gathered.as_ref().err().filter(|why| **why != GatherError::Undecided);
            if let Some(why) = too_long {
                tracing::warn!(thread = %thread.short(), "{why}");
            }
            gathered.ok()
        }))
    }

    /// The change that an event opens a review on, if its text is stored here.
    async fn change_of(&self, project: &Hash, opening: &Event) -> Option<Blob> {
        let Some(Body::ThreadOpened(opened)) = opening.body() else {
            return None;
        };
        read_blob(&self.store, project, opened.subject?.hash).await
    }

    /// One event, if it is stored here.
    async fn event(&self, project: &Hash, reference: EventRef) -> Result<Option<Event>, NodeError> {
        let feed = feed_of(project, &reference.feed);
        let rows = self.store.events(feed, reference.seq, 1).await?;
        let row = rows.into_iter().next();
        row.map(|row| Event::decode_trusted(&row.bytes).map_err(|e| NodeError::Stored(e.to_string())))
            .transpose()
    }

    /// Every event of a project in wire form, feed by feed in order, page by page: for export and verification.
    pub async fn events(
        &self,
        project: Hash,
        feed: bzzz_core::event::FeedId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, NodeError> {
        let rows = self.store.events(feed_of(&project, &feed), from, limit).await?;
        Ok(rows.into_iter().map(|r| r.bytes).collect())
    }

    /// Checks the stored feeds, all or those of the node whose key or peer id starts with `only`, from end to end: against what this node
    /// has in memory and what is `known` otherwise.
    pub async fn verify_log(&self, only: Option<&str>, mut known: Vec<Known>) -> Result<LogReport, NodeError> {
        let accepted = self
            .query(|node, _| {
                let mut heads = Vec::new();
                for (id, project) in node.projects() {
                    heads.extend(project.feeds.heads().map(|(feed, len, hash)| Head {
                        feed: feed_of(id, &feed),
                        seq: len.saturating_sub(1),
                        hash: hash.0,
                    }));
                }
                heads
            })
            .await?;
        // Others' events may still be on their way to the disk.
        self.store.flush().await?;
        known.push(Known {
            by: "the running node".to_owned(),
            elsewhere: false,
            heads: accepted,
        });
        Ok(audit::verify(&self.store, only, &known).await?)
    }

    /// The heads that were noted beside the store; none where nothing was noted yet.
    pub async fn noted_heads(&self) -> Result<Option<Vec<Head>>, NodeError> {
        Ok(heads::read(&self.store).await?)
    }

    /// The texts that stored events name, and their threads.
    pub async fn texts(&self) -> Result<Texts, NodeError> {
        Ok(erase::texts(&self.store).await?)
    }

    /// Erases texts here, from the store and from memory, and leaves tombstones.
    pub async fn erase(&self, texts: &[Hash]) -> Result<Erased, NodeError> {
        let done = erase::erase(&self.store, texts).await?;
        // The core keeps texts in memory, and would still answer with them: it begins anew from what the disk holds now.
        self.rebuild().await?;
        Ok(done)
    }

    /// Copies the store to a new file while the node runs.
    pub async fn backup(&self, to: PathBuf) -> Result<Manifest, NodeError> {
        Ok(self.store.backup(to).await?)
    }

    /// Folds everything anew from the stored events, and compares and mends the projections.
    pub async fn rebuild(&self) -> Result<Rebuilt, NodeError> {
        let (reply, answer) = oneshot::channel();
        self.requests
            .send(Request::Rebuild(reply))
            .await
            .map_err(|_| self.stopped())?;
        answer.await.map_err(|_| self.stopped())
    }

    /// Checks the store's file from end to end.
    pub async fn check_store(&self) -> Result<(), NodeError> {
        Ok(self.store.check().await?)
    }

    /// Figures of the store and the network.
    pub fn metrics(&self) -> (bzzz_store::Metrics, bzzz_net::Metrics) {
        (self.store.metrics(), self.net.metrics())
    }

    /// Stops the node in order and waits for it.
    pub async fn stop(&self) {
        // It may have stopped by itself.
        let _ = self.requests.send(Request::Stop).await;
        self.wait().await;
    }

    /// Waits until the node has stopped; returns why, if it was not asked to.
    pub async fn wait(&self) -> Option<String> {
        let mut end = self.end.clone();
        match end.wait_for(Option::is_some).await {
            Ok(why) => why.clone().flatten(),
            Err(_) => Some("its task ended without a word".to_owned()),
        }
    }

    /// The clock that the node goes by, Unix milliseconds.
    pub fn now_ms(&self) -> u64 {
        unix_ms()
    }
}

fn pick(node: &Node, wanted: Option<Hash>) -> Option<&Project> {
    match wanted {
        Some(id) => node.project(&id),
        None => {
            let members = |p: &Project| p.state.rosters.latest().members().len();
            let mine = node.projects().map(|(_, p)| p).filter(|p| p.is_member());
            mine.max_by_key(|p| (members(p), std::cmp::Reverse(p.id())))
        }
    }
}
