//! The task that owns the core: one loop, one input at a time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bzzz_core::body::{Answers, Authority};
use bzzz_core::crypto::{Hash, PublicKey};
use bzzz_core::node::{AgentSpec, Command, CommandError, Effect, Input, Node, NodeConfig, Notice, Outcome};
use bzzz_core::wire::Wire;
use bzzz_net::{Net, NetConfig, NetEvent, identity};
use bzzz_store::{Store, StoreError};
use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot};

use crate::boot::{self, unix_ms};
use crate::effects::{Disk, DiskDone};
use crate::error::NodeError;
use crate::handle::{Handle, Request, Shared, Telling};
use crate::heads::{self, Noter};
use crate::intake::Intake;
use crate::projections::{self, Rebuilt};
use crate::refusals::Refusals;
use crate::settings::Settings;

/// Requests that wait for the owner.
const REQUESTS: usize = 256;
/// Answers of finished work that wait for the owner.
const ANSWERS: usize = 1024;
/// Notices that a slow watcher may lag behind; what it misses it finds in the state.
const NOTICES: usize = 4096;
/// Directed messages under way.
const SENDS: usize = 256;
/// Directed messages under way or waiting for it.
const WAITING_SENDS: usize = 4096;
/// Ranges and texts that are read and sent for others at a time; who asks for more asks again.
const SERVES: usize = 16;
/// Time for an orderly end.
const GRACE: Duration = Duration::from_secs(3);

/// Everything that the owner holds.
pub(crate) struct Owner {
    pub(crate) node: Node,
    pub(crate) config: NodeConfig,
    pub(crate) store: Store,
    pub(crate) net: Net,
    pub(crate) answers: mpsc::Sender<Input>,
    pub(crate) notices: broadcast::Sender<Notice>,
    pub(crate) analyser: crate::analyse::Analyser,
    pub(crate) analyses: Arc<Semaphore>,
    pub(crate) sends: Arc<Semaphore>,
    pub(crate) waiting_sends: Arc<Semaphore>,
    pub(crate) serves: Arc<Semaphore>,
    pub(crate) intake: Intake,
    pub(crate) refusals: Refusals,
    pub(crate) noter: Option<Noter>,
    pub(crate) disk: FuturesUnordered<Disk>,
    pub(crate) replies: BTreeMap<u64, oneshot::Sender<Result<Outcome, CommandError>>>,
    pub(crate) peers: BTreeMap<PublicKey, bool>,
    pub(crate) topics: BTreeSet<Hash>,
    /// Projects that this node is out of, which was said.
    pub(crate) left: BTreeSet<Hash>,
    pub(crate) next_command: u64,
    pub(crate) wake_ms: u64,
    pub(crate) reload: bool,
    pub(crate) new_life: bool,
    /// The rows of the projections have to be compared with the state.
    pub(crate) recount: bool,
    pub(crate) inputs: VecDeque<Input>,
    pub(crate) tellings: VecDeque<(u64, Telling)>,
}

/// Starts everything and leaves the owner running.
pub(crate) async fn start(settings: Settings) -> Result<Handle, NodeError> {
    let store = boot::open(&settings).await?;
    let keys = boot::keys(settings.data.clone(), &store).await?;
    let noted = heads::known(&store).await;
    let incarnation = boot::incarnation(&store, keys.node.public_key(), noted.as_deref().unwrap_or_default()).await?;
    let mut config = NodeConfig {
        key: bzzz_core::crypto::Keypair::from_seed(*keys.node.seed()),
        operator: keys.operator,
        owner: settings.owner.clone(),
        incarnation,
        agents: named(&settings.agents, &keys.node.public_key()),
        admit: settings.project.admit,
        join: None,
        limits: settings.limits.clone(),
        pace: settings.pace,
    };
    let mut node = boot::load(&store, config.clone()).await?;
    let wanted = settings.project.id;
    let lonely = node
        .projects()
        .all(|(_, p)| p.state.rosters.latest().members().len() <= 1);
    config.join = match wanted {
        Some(id) => node.project(&id).is_none_or(|p| !p.is_member()).then_some(Some(id)),
        None => (lonely && !settings.peers.is_empty()).then_some(None),
    };
    if config.join.is_some() {
        node = boot::load(&store, config.clone()).await?;
    }
    projections::ensure(&store, &node).await?;
    let found = wanted.is_none() && settings.peers.is_empty() && node.projects().next().is_none();
    let (net, events) = Net::start(net_config(&settings, *keys.node.seed())).await?;
    let listeners = net.listeners().await;
    let (requests, inbox) = mpsc::channel(REQUESTS);
    let (answers, answered) = mpsc::channel(ANSWERS);
    let notices = broadcast::Sender::new(NOTICES);
    let (ended, end) = tokio::sync::watch::channel(None);
    let shared = Arc::new(Shared {
        peer_id: keys.node.peer_id(),
        node: PublicKey(keys.node.public_key()),
        listeners,
        project: wanted,
        data: settings.data.clone(),
    });
    let handle = Handle::new(requests, notices.clone(), store.clone(), net.clone(), end, shared);
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let mut owner = Owner {
        node,
        config,
        noter: None,
        store,
        net,
        answers,
        notices,
        analyser: settings.analyser,
        analyses: Arc::new(Semaphore::new(cores)),
        sends: Arc::new(Semaphore::new(SENDS)),
        waiting_sends: Arc::new(Semaphore::new(WAITING_SENDS)),
        serves: Arc::new(Semaphore::new(SERVES)),
        intake: Intake::new(cores),
        refusals: Refusals::default(),
        disk: FuturesUnordered::new(),
        replies: BTreeMap::new(),
        peers: BTreeMap::new(),
        topics: BTreeSet::new(),
        left: BTreeSet::new(),
        next_command: 0,
        wake_ms: 0,
        reload: false,
        new_life: false,
        recount: false,
        inputs: VecDeque::new(),
        tellings: VecDeque::new(),
    };
    let effects = owner.node.start(unix_ms());
    owner.carry_out(effects).await?;
    owner.tell_addresses().await?;
    if found {
        let mut nonce = [0; 32];
        getrandom::fill(&mut nonce).map_err(|e| NodeError::Random(e.to_string()))?;
        let name = settings.project.name.clone();
        let command = Command::CreateProject {
            name,
            nonce: Hash(nonce),
            authority: Authority::Home,
            answers: Answers::Majority,
            shares: vec![],
        };
        let id = owner.next_command();
        owner.step(Input::Command { id, command }).await?;
        owner.settle().await?;
    }
    owner.noter = noted.and_then(|noted| Noter::start(owner.store.clone(), noted));
    tokio::spawn(async move {
        let why = owner.run(inbox, answered, events).await.err().map(|e| e.to_string());
        if let Some(why) = &why {
            tracing::error!(%why, "the node stopped");
        }
        owner.close().await;
        // The last word: whoever waits on a handle learns why.
        ended.send_replace(Some(why));
    });
    Ok(handle)
}

/// Agents without an id are named after their role and this node.
fn named(agents: &[AgentSpec], node: &[u8; 32]) -> Vec<AgentSpec> {
    let short = PublicKey(*node).short();
    let name = |a: &AgentSpec| {
        if a.id.is_empty() {
            format!("{}-{short}", a.role)
        } else {
            a.id.clone()
        }
    };
    agents
        .iter()
        .map(|a| AgentSpec {
            id: name(a),
            ..a.clone()
        })
        .collect()
}

fn net_config(settings: &Settings, seed: [u8; 32]) -> NetConfig {
    let mut config = NetConfig::new(seed);
    config.listen.clone_from(&settings.listen);
    config.peers.clone_from(&settings.peers);
    config.mdns = settings.mdns;
    config.private_key = settings.private_key;
    config.allow.clone_from(&settings.allow);
    config.deny.clone_from(&settings.deny);
    config.limits.max_message_bytes = bzzz_core::wire::MAX_MESSAGE_BYTES;
    config.limits.max_inflight_bytes = config
        .limits
        .max_inflight_bytes
        .max(4 * bzzz_core::wire::MAX_MESSAGE_BYTES);
    config
}

impl Owner {
    async fn run(
        &mut self,
        mut inbox: mpsc::Receiver<Request>,
        mut answered: mpsc::Receiver<Input>,
        mut events: mpsc::Receiver<NetEvent>,
    ) -> Result<(), NodeError> {
        loop {
            let pause = Duration::from_millis(self.wake_ms.saturating_sub(unix_ms()).min(60_000));
            tokio::select! {
                Some(done) = self.disk.next(), if !self.disk.is_empty() => self.disk_done(done).await?,
                Some(input) = answered.recv() => self.step(input).await?,
                ready = self.intake.next(), if self.intake.is_busy() => self.checked(ready).await?,
                event = events.recv(), if self.intake.has_room() => match event {
                    Some(event) => self.net_event(event).await?,
                    None => return Err(NodeError::Net("the network ended".into())),
                },
                request = inbox.recv() => match request {
                    Some(Request::Stop) | None => return Ok(()),
                    Some(request) => self.request(request).await?,
                },
                () = tokio::time::sleep(pause) => self.step(Input::Wake).await?,
            }
        }
    }

    /// One step of the core, and everything that follows from it without waiting.
    pub(crate) async fn step(&mut self, input: Input) -> Result<(), NodeError> {
        self.inputs.push_back(input);
        while let Some(input) = self.inputs.pop_front() {
            let effects = self.node.handle(unix_ms(), input);
            self.carry_out(effects).await?;
            if self.new_life {
                self.begin_new_life().await?;
            }
            if self.reload {
                self.reload().await?;
            }
            if self.recount {
                self.recount().await?;
            }
        }
        // An append may have become durable on the way.
        self.tell();
        self.tell_of_removals();
        Ok(())
    }

    /// Says once for each project that this node is out of it. It goes on running, and would look like one that nobody
    /// answers.
    fn tell_of_removals(&mut self) {
        for (id, project) in self.node.projects() {
            if project.is_removed() && self.left.insert(*id) {
                tracing::error!(
                    project = %id,
                    "this node was removed from its project, or has left it: nobody there answers it any more, and it cannot \
                     come back under its key; `bzzz up` with a new --data asks for a seat again"
                );
            }
        }
    }

    /// A step changed more rows than could be written with it.
    async fn recount(&mut self) -> Result<(), NodeError> {
        self.recount = false;
        // What is compared has to be all there. What others wait for goes on after it.
        while let Some(done) = self.disk.next().await {
            match done {
                DiskDone::Appended(id, Ok(())) => self.inputs.push_back(Input::Appended { id }),
                DiskDone::Kept(Ok(())) => {}
                DiskDone::Appended(_, Err(e)) | DiskDone::Kept(Err(e)) => return Err(stopping(e)),
            }
        }
        projections::ensure(&self.store, &self.node).await
    }

    /// Tells the core where this node listens.
    async fn tell_addresses(&mut self) -> Result<(), NodeError> {
        let addresses = self.net.listeners().await.iter().map(ToString::to_string).collect();
        self.step(Input::Listening { addresses }).await
    }

    /// Waits until everything appended is durable.
    async fn settle(&mut self) -> Result<(), NodeError> {
        while let Some(done) = self.disk.next().await {
            self.disk_done(done).await?;
        }
        Ok(())
    }

    async fn disk_done(&mut self, done: DiskDone) -> Result<(), NodeError> {
        match done {
            DiskDone::Appended(id, Ok(())) => {
                self.step(Input::Appended { id }).await?;
                self.tell();
                Ok(())
            }
            DiskDone::Kept(Ok(())) => Ok(()),
            // What is on the disk is not known: this core ends, and the next start reads what is there.
            DiskDone::Appended(_, Err(e)) | DiskDone::Kept(Err(e)) => Err(stopping(e)),
        }
    }

    async fn net_event(&mut self, event: NetEvent) -> Result<(), NodeError> {
        match event {
            NetEvent::PeerConnected { peer, loopback, .. } => {
                let Some(key) = identity::public_key_of(&peer) else {
                    return Ok(());
                };
                self.peers.insert(PublicKey(key), loopback);
                self.step(Input::Connected {
                    peer: PublicKey(key),
                    loopback,
                })
                .await
            }
            NetEvent::PeerDisconnected { peer } => {
                let Some(key) = identity::public_key_of(&peer) else {
                    return Ok(());
                };
                self.peers.remove(&PublicKey(key));
                self.step(Input::Disconnected { peer: PublicKey(key) }).await
            }
            NetEvent::Gossip {
                source,
                propagated_from,
                data,
                id,
                ..
            } => self.gossip(&source, propagated_from, id, &data).await,
            NetEvent::Request { peer, data, reply, .. } => {
                let decoded = Wire::decode(&data);
                // The acknowledgement says that it arrived; what comes of it comes as a message of its own.
                tokio::spawn(reply.reply(vec![u8::from(decoded.is_err())]));
                self.request_received(&peer, decoded, data.len()).await
            }
            NetEvent::Listening { addr } => {
                tracing::info!(%addr, "listening");
                self.tell_addresses().await
            }
            NetEvent::Warning(warning) => {
                tracing::warn!("{warning}");
                Ok(())
            }
        }
    }

    /// Gives the answers out whose ground is durable by now.
    fn tell(&mut self) {
        let (_, durable) = self.node.gate();
        while self.tellings.front().is_some_and(|(seen, _)| *seen <= durable) {
            if let Some((_, telling)) = self.tellings.pop_front() {
                telling();
            }
        }
    }

    pub(crate) fn next_command(&mut self) -> u64 {
        self.next_command += 1;
        self.next_command
    }

    async fn request(&mut self, request: Request) -> Result<(), NodeError> {
        match request {
            Request::Command(command, reply) => {
                let id = self.next_command();
                self.replies.insert(id, reply);
                self.step(Input::Command { id, command: *command }).await
            }
            Request::Query(ask) => {
                let telling = ask(&self.node, unix_ms());
                let (seen, _) = self.node.gate();
                self.tellings.push_back((seen, telling));
                self.tell();
                Ok(())
            }
            Request::Rebuild(reply) => {
                let rebuilt = self.reload().await?;
                // Whoever asked may have gone.
                let _ = reply.send(rebuilt);
                self.step(Input::Wake).await
            }
            Request::Stop => Ok(()),
        }
    }

    /// This node's disk was set back, or its feed is forked: what it wrote stands as far as it is sound, what it held is
    /// forfeited, and it goes on under a new incarnation.
    async fn begin_new_life(&mut self) -> Result<(), NodeError> {
        self.new_life = false;
        self.config.incarnation = boot::begin_incarnation(&self.store, self.config.incarnation).await?;
        self.reload = true;
        Ok(())
    }

    /// A feed lost accepted events to a fork or a cut: fold anew from the disk.
    async fn reload(&mut self) -> Result<Rebuilt, NodeError> {
        self.reload = false;
        self.recount = false;
        while let Some(done) = self.disk.next().await {
            if let DiskDone::Appended(_, Err(e)) | DiskDone::Kept(Err(e)) = done {
                return Err(stopping(e));
            }
        }
        let mut node = boot::load(&self.store, self.config.clone()).await?;
        node.take_over(&self.node);
        self.node = node;
        let rebuilt = projections::compare(&self.store, &self.node).await?;
        self.inputs.clear();
        let effects = self.node.start(unix_ms());
        Box::pin(self.carry_out(effects)).await?;
        let addresses = self.net.listeners().await.iter().map(ToString::to_string).collect();
        self.inputs.push_back(Input::Listening { addresses });
        for (peer, loopback) in &self.peers {
            self.inputs.push_back(Input::Connected {
                peer: *peer,
                loopback: *loopback,
            });
        }
        // Who waited for an answer of the old core learns that it is gone. What was only looked at is durable by now.
        self.replies.clear();
        for (_, telling) in self.tellings.drain(..) {
            telling();
        }
        Ok(rebuilt)
    }

    /// An orderly end: agents drain, what is appended becomes durable, then everything closes.
    async fn close(&mut self) {
        let orderly = async {
            let effects = self.node.handle(
                unix_ms(),
                Input::Command {
                    id: 0,
                    command: Command::Drain,
                },
            );
            self.carry_out(effects).await?;
            self.settle().await
        };
        if let Ok(Err(e)) = tokio::time::timeout(GRACE, orderly).await {
            tracing::warn!(error = %e, "the last appends did not become durable");
        }
        self.net.shutdown().await;
        if let Some(noter) = self.noter.take() {
            noter.end().await;
        }
        if let Err(e) = self.store.close().await {
            tracing::warn!(error = %e, "the store did not close in order");
        }
    }

    /// Subscribes to the topics of new projects.
    pub(crate) async fn follow_projects(&mut self) {
        let known: Vec<Hash> = self
            .node
            .projects()
            .map(|(id, _)| *id)
            .filter(|id| !self.topics.contains(id))
            .collect();
        for id in known {
            match self.net.subscribe(bzzz_core::wire::topic(&id)).await {
                Ok(_) => {
                    self.topics.insert(id);
                }
                Err(e) => tracing::warn!(project = %id, error = %e, "could not follow the project's topic"),
            }
        }
    }

    /// Tells whoever watches.
    pub(crate) fn notice(&mut self, notice: Notice) {
        match &notice {
            Notice::Refused { from, why } => self.refusals.tell(unix_ms(), from, why),
            Notice::Forked { feed, from, .. } => {
                if feed.node == self.node.me() && feed.incarnation == self.config.incarnation {
                    tracing::warn!(
                        "others have more of this node's own feed than its disk: it was set back; a new life begins"
                    );
                    self.new_life = true;
                }
                tracing::warn!(node = %feed.node, from, "a feed is forked and excluded")
            }
            Notice::Money { what } => tracing::warn!("{what}"),
            Notice::Joined { project } => tracing::info!(%project, "joined the project"),
            Notice::SeatAsked { node, owner } => {
                tracing::info!(%node, owner, "a node asks for a seat: `bzzz admit` grants it");
            }
            Notice::Agent { agent, status, .. } => tracing::debug!(agent, ?status, "agent"),
            Notice::Applied { .. } => {}
        }
        // Nobody may be watching.
        let _ = self.notices.send(notice);
    }
}

/// A failed disk in words.
fn stopping(e: StoreError) -> NodeError {
    NodeError::from(e)
}

/// For [`Effect::Reload`], which the loop carries out between two steps.
pub(crate) fn is_reload(effect: &Effect) -> bool {
    matches!(effect, Effect::Reload)
}
