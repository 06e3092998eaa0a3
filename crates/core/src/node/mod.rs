//! The node as a pure state machine: `handle(now, input) -> effects`.
//!
//! It owns no clock, no disk, no network and no random source. The shell carries effects out and brings answers back; the
//! simulator does the same with virtual ones. A step never waits and never fails: bad input from peers is refused and
//! noticed, bad commands are answered with an error, and a failing disk ends this machine (the shell starts a new one from
//! what is on the disk).
//!
//! Progress is *level-triggered*: each driver looks at the folded state and does what is missing. A crash therefore needs no
//! recovery code: the state says what to do next, whoever did the step before.

mod agents;
mod author;
mod blobs;
mod commands;
mod config;
mod escalations;
mod ingest;
mod io;
mod join;
mod membership;
mod outbox;
mod project;
mod proposals;
mod review;
mod rosters;
mod sync;
mod tasks;
mod turn;
mod votes;
mod wants;

pub use agents::LocalAgent;
pub use blobs::blobs_of;
pub use config::{Admit, AgentSpec, ModelSpec, NodeConfig, Pace};
pub use io::{Command, CommandError, Delivery, Effect, Input, Loaded, Notice, Outcome, Thing, Write};
pub use project::Project;
pub use proposals::{FINDINGS_GRACE_MS, MAX_PROPOSALS, is_veto};
pub use sync::MAX_TTL_MS;
pub use turn::{MAX_TURN_FAILURES, Turn};

use std::collections::BTreeMap;

use crate::body::{Body, JoinStatement, Signed};
use crate::crypto::{Hash, PublicKey};
use crate::event::{Event, FeedId};
use crate::feed::ALL_LIVES;
use crate::plant;
use crate::state::State;
use outbox::Outbox;

/// Projects that one node takes part in, at most.
pub const MAX_PROJECTS: usize = 256;
/// A node is loaded anew when accepted events were excluded, and not again for so long, milliseconds: until then it goes on as if it had
/// not heard of it, but takes nothing more of what is excluded.
pub const RELOAD_MS: u64 = 10_000;
/// Requests for a seat that wait for a person, at most.
pub const MAX_SEAT_REQUESTS: usize = 256;

/// What one step of the machine has at hand.
pub(crate) struct Ctx<'a> {
    /// Unix milliseconds.
    pub now: u64,
    /// The node's settings.
    pub cfg: &'a NodeConfig,
    /// Connected peers.
    pub peers: &'a BTreeMap<PublicKey, Peer>,
    /// Where this node listens.
    pub addresses: &'a [String],
    /// Where effects go.
    pub out: &'a mut Outbox,
    /// Ids for asks.
    pub next_ask: &'a mut u64,
    /// Whether nothing new is taken.
    pub draining: bool,
    /// Whether the kill switch was used: an agent that comes later does not vote before somebody lets it go on.
    pub killed: bool,
}

/// A connected peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Whether it is on this machine.
    pub loopback: bool,
}

/// The node.
#[derive(Debug)]
pub struct Node {
    cfg: NodeConfig,
    me: PublicKey,
    projects: BTreeMap<Hash, Project>,
    peers: BTreeMap<PublicKey, Peer>,
    addresses: Vec<String>,
    out: Outbox,
    next_ask: u64,
    draining: bool,
    killed: bool,
    joining: Option<Option<Hash>>,
    next_join_ms: u64,
    /// Requests that wait for a person, by project and node.
    seat_requests: BTreeMap<(Hash, PublicKey), Signed<JoinStatement>>,
    /// Which project a connected peer has offered.
    offers: BTreeMap<PublicKey, Hash>,
    /// Stored proofs of forks, by their numbers.
    proofs: BTreeMap<(Hash, FeedId), BTreeMap<u64, Proof>>,
    /// When it began to work: it is loaded anew once in [`RELOAD_MS`] at most.
    started_ms: u64,
}

/// Two events with one number, in wire form.
pub(crate) type Proof = (Vec<u8>, Vec<u8>);

impl Node {
    /// A node that has not been given its stored events yet.
    pub fn new(cfg: NodeConfig) -> Self {
        let me = cfg.key.public();
        let joining = cfg.join;
        Node {
            cfg,
            me,
            projects: BTreeMap::new(),
            peers: BTreeMap::new(),
            addresses: Vec::new(),
            out: Outbox::default(),
            next_ask: 0,
            draining: false,
            killed: false,
            joining,
            next_join_ms: 0,
            seat_requests: BTreeMap::new(),
            offers: BTreeMap::new(),
            proofs: BTreeMap::new(),
            started_ms: 0,
        }
    }

    /// At the start: the stored proof of a fork, to bind this node and to be shown to whoever still believes the feed. All proofs come
    /// before all events.
    pub fn load_fork(&mut self, project: Hash, a: &Event, b: &Event) {
        let proofs = self.proofs.entry((project, a.feed())).or_default();
        proofs.insert(a.header().seq, (a.encode(), b.encode()));
    }

    /// After all events are loaded: whether a removal, or a life too many, excludes events that were loaded before it. Then the ends have
    /// been extended, and a new machine has to be loaded with them.
    pub fn cuts_bind(&self, ends: &mut BTreeMap<(Hash, FeedId), u64>) -> bool {
        let mut bind = false;
        for (id, project) in &self.projects {
            for (feed, at) in project.feeds.ends() {
                if project.feeds.get(&feed).is_some_and(|f| f.len() > at) {
                    // The genesis stays whatever is said against its feed: asking for it again would never end.
                    bind |= ends.insert((*id, feed), at) != Some(at);
                }
            }
            for node in project.feeds.broken() {
                let lives = FeedId {
                    node: *node,
                    incarnation: ALL_LIVES,
                };
                bind |= ends.insert((*id, lives), 0) != Some(0);
            }
        }
        bind
    }

    /// At the start: a stored event, in the order in which it was stored. What no longer counts is passed over.
    pub fn load_event(&mut self, ends: &BTreeMap<(Hash, FeedId), u64>, event: &Event) {
        self.load_decoded(ends, event, event.body().as_ref());
    }

    /// [`Node::load_event`] with the event's own body ([`Event::body`]), for whoever decodes on several threads.
    pub fn load_decoded(&mut self, ends: &BTreeMap<(Hash, FeedId), u64>, event: &Event, body: Option<&Body>) {
        let id = event.project();
        if let Some(project) = self.projects.get_mut(&id) {
            project.load(event, body);
            return;
        }
        if self.projects.len() >= MAX_PROJECTS {
            return;
        }
        if let Some(state) = State::new(event) {
            let me = FeedId {
                node: self.me,
                incarnation: self.cfg.incarnation,
            };
            let mut project = Project::new(state, me, event);
            for ((_, feed), at) in ends.iter().filter(|((p, _), _)| *p == id) {
                // Nothing is held at the start.
                let _ = project.feeds.end(*feed, *at);
            }
            for ((_, feed), proofs) in self.proofs.iter().filter(|((p, _), _)| *p == id) {
                for (at, proof) in proofs {
                    project.remember_fork(*feed, *at, proof.clone());
                }
            }
            self.projects.insert(id, project);
        }
    }

    /// At the start: which blobs the store holds.
    pub fn load_blob_hash(&mut self, project: &Hash, hash: Hash) {
        if let Some(project) = self.projects.get_mut(project) {
            project.have.insert(hash);
        }
    }

    /// At the start, in place of a machine of the same process, which was told things that no event holds: what people stopped stays
    /// stopped, the agents are those that it hosted last, and answers to its questions, still under way, are not taken for answers to
    /// ours.
    pub fn take_over(&mut self, before: &Node) {
        self.next_ask = self.next_ask.max(before.next_ask);
        if plant::active("lifted_kill_switch") {
            return;
        }
        self.draining = before.draining;
        self.killed = before.killed;
        for (id, project) in &mut self.projects {
            project.hosted = before.projects.get(id).map(Project::hosted_now);
        }
    }

    /// Begins to work, after everything stored was loaded.
    pub fn start(&mut self, now: u64) -> Vec<Effect> {
        self.started_ms = now;
        self.step(now, |node, ctx| {
            for project in node.values_mut() {
                project.start(ctx);
            }
        })
    }

    /// One step.
    pub fn handle(&mut self, now: u64, input: Input) -> Vec<Effect> {
        match input {
            Input::Wake => self.step(now, |_, _| {}),
            Input::Connected { peer, loopback } => {
                self.peers.insert(peer, Peer { loopback });
                self.next_join_ms = 0;
                self.step(now, |projects, ctx| {
                    for project in projects.values_mut() {
                        project.peer_connected(ctx, peer);
                    }
                })
            }
            Input::Listening { addresses } => {
                self.addresses = addresses;
                self.addresses.retain(|a| a.len() <= crate::wire::MAX_ADDRESS_BYTES);
                self.addresses.truncate(crate::wire::MAX_ADDRESSES);
                self.step(now, |_, _| {})
            }
            Input::Disconnected { peer } => {
                self.peers.remove(&peer);
                self.offers.remove(&peer);
                self.step(now, |_, _| {})
            }
            Input::Appended { id } => {
                self.out.appended(id);
                self.step(now, |_, _| {})
            }
            Input::Received { from, message, gossip } => self.receive(now, from, message, gossip),
            Input::Events {
                from,
                project,
                events,
                blobs,
                gossip,
            } => self.with(now, &project, |p, ctx| {
                p.events_received(ctx, from, events.into_iter(), blobs, gossip)
            }),
            Input::BlobLoaded { project, hash, blob } => {
                self.with(now, &project, |p, ctx| p.blob_loaded(ctx, hash, blob))
            }
            Input::ForkFound { project, a, b } => self.with(now, &project, |p, ctx| p.fork_found(ctx, &a, &b)),
            Input::Analysed { ask, result, reading } => {
                self.each(now, |p, ctx| p.analysed(ctx, ask, &result, &reading))
            }
            Input::Answered {
                ask,
                charged_microusd,
                findings,
                opinion,
            } => self.each(now, |p, ctx| p.answered(ctx, ask, charged_microusd, &findings, opinion)),
            Input::ModelFailed { ask, charged_microusd } => {
                self.each(now, |p, ctx| p.model_failed(ctx, ask, charged_microusd))
            }
            Input::Command { id, command } => self.command(now, id, command),
        }
    }

    /// Runs one step and then everything that is due.
    fn step(&mut self, now: u64, work: impl FnOnce(&mut BTreeMap<Hash, Project>, &mut Ctx<'_>)) -> Vec<Effect> {
        let mut ctx = Ctx {
            now,
            cfg: &self.cfg,
            peers: &self.peers,
            addresses: &self.addresses,
            out: &mut self.out,
            next_ask: &mut self.next_ask,
            draining: self.draining,
            killed: self.killed,
        };
        work(&mut self.projects, &mut ctx);
        let mut wake = u64::MAX;
        for project in self.projects.values_mut() {
            wake = wake.min(project.run(&mut ctx));
        }
        self.ask_for_seat(now);
        if self.joining.is_some() {
            wake = wake.min(self.next_join_ms);
        }
        if self.projects.values().any(|p| p.reload_due) {
            let at_ms = self.started_ms.saturating_add(RELOAD_MS);
            if now >= at_ms || plant::active("hasty_reload") {
                self.started_ms = now;
                self.out.silent(Effect::Reload);
            }
            wake = wake.min(at_ms);
        }
        if wake != u64::MAX {
            self.out.silent(Effect::Wake {
                at_ms: wake.max(now + 1),
            });
        }
        let effects = self.out.finish();
        self.still_allowed(now, effects)
    }

    /// An act on the outside world has waited for its record to be durable: the lease must still hold.
    fn still_allowed(&mut self, now: u64, mut effects: Vec<Effect>) -> Vec<Effect> {
        let mut lapsed = Vec::new();
        effects.retain(|effect| {
            let Effect::Deliver(Delivery::Act {
                project, task, token, ..
            }) = effect
            else {
                return true;
            };
            let lease = self.projects.get(project).and_then(|p| p.my_lease(task, now));
            let unchecked = plant::active("late_act") || plant::active("act_without_lease");
            let holds = lease.is_some_and(|l| l.token == *token) || unchecked;
            if !holds {
                let why =
                    format!("the lease on task {task} ran out before the act under it was on record; it is not done");
                lapsed.push(Effect::Notify(Notice::Refused { from: self.me, why }));
            }
            holds
        });
        effects.extend(lapsed);
        effects
    }

    fn with(&mut self, now: u64, id: &Hash, work: impl FnOnce(&mut Project, &mut Ctx<'_>)) -> Vec<Effect> {
        let id = *id;
        self.step(now, |projects, ctx| {
            if let Some(project) = projects.get_mut(&id) {
                work(project, ctx);
            }
        })
    }

    fn each(&mut self, now: u64, work: impl Fn(&mut Project, &mut Ctx<'_>)) -> Vec<Effect> {
        self.step(now, |projects, ctx| projects.values_mut().for_each(|p| work(p, ctx)))
    }

    /// This node's key.
    pub fn me(&self) -> PublicKey {
        self.me
    }

    /// The settings it runs with.
    pub fn config(&self) -> &NodeConfig {
        &self.cfg
    }

    /// A project that it takes part in.
    pub fn project(&self, id: &Hash) -> Option<&Project> {
        self.projects.get(id)
    }

    /// Every project that it takes part in.
    pub fn projects(&self) -> impl Iterator<Item = (&Hash, &Project)> {
        self.projects.iter()
    }

    /// Connected peers.
    pub fn peers(&self) -> &BTreeMap<PublicKey, Peer> {
        &self.peers
    }

    /// Whether every append is durable.
    pub fn is_settled(&self) -> bool {
        self.out.is_settled()
    }

    /// The id of the last append, and of the last that is durable: what is seen of the state may be told when the second has
    /// reached what the first was.
    pub fn gate(&self) -> (u64, u64) {
        self.out.gate()
    }

    /// Requests for a seat in a project that wait for a person here.
    pub fn seat_requests(&self, project: &Hash) -> impl Iterator<Item = &Signed<JoinStatement>> {
        let project = *project;
        self.seat_requests
            .iter()
            .filter(move |((p, _), _)| *p == project)
            .map(|(_, r)| r)
    }

    /// Whether it was told to take nothing new, by drain or kill.
    pub fn is_draining(&self) -> bool {
        self.draining
    }

    /// Whether it still waits for a seat.
    pub fn is_joining(&self) -> bool {
        self.joining.is_some()
    }
}
