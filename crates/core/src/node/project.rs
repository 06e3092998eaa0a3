//! One project as this node takes part in it: its feeds, its state, and what is under way here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::agents::{Hosted, LocalAgent};
use super::turn::Turn;
use super::{Ctx, Effect, Notice};
use crate::blob::Blob;
use crate::body::{Body, Choice, ThreadKind};
use crate::change::ChangeSet;
use crate::crypto::{Hash, PublicKey};
use crate::diff::Change;
use crate::event::{Event, EventRef, FeedId};
use crate::feed::Feeds;
use crate::hlc::{Hlc, MAX_SKEW_MS};
use crate::ledger::Ledger;
use crate::plant;
use crate::roster::RosterChain;
use crate::state::{Memo, Meta, Question, State, ThreadStatus};
use crate::wire::{AgentStatus, Presence};

/// A project here.
#[derive(Debug)]
pub struct Project {
    pub(super) id: Hash,
    pub(super) me: FeedId,
    /// The folded state: the same on every node that has the same events.
    pub state: State,
    /// The longest chain of rosters that anybody has shown us: the state's, or beyond it.
    pub(super) rosters: RosterChain,
    /// Which events are accepted.
    pub feeds: Feeds,
    pub(super) clock: Hlc,
    /// When this life of the node began, unless it is the first.
    life_began: Option<Hlc>,
    /// When this node was last ready for a roster.
    pub(super) prepared_at: Option<Hlc>,
    pub(super) genesis: Event,
    /// Who said lately that it is here, and until when (by our clock).
    pub(super) presences: BTreeMap<PublicKey, (u64, Presence)>,
    /// When the first of them lapses.
    pub(super) lapse_ms: Memo<u64>,
    pub(super) agents: BTreeMap<String, LocalAgent>,
    pub(super) ledger: Ledger,
    pub(super) have: BTreeSet<Hash>,
    pub(super) blobs: super::blobs::Cache,
    /// At the start: what the loaded events name, and who named it.
    pub(super) named: Vec<(Hash, PublicKey)>,
    pub(super) turns: BTreeMap<u64, Turn>,
    /// What the machine before this one hosted, until this one starts.
    pub(super) hosted: Option<Vec<Hosted>>,
    /// Turns that broke down, by thread and agent, while the thread is open.
    pub(super) failed_turns: BTreeMap<(Hash, String), u32>,
    pub(super) opinions: BTreeMap<(Hash, PublicKey), Choice>,
    pub(super) subjects: BTreeMap<Hash, Option<Arc<(ChangeSet, Change)>>>,
    pub(super) insights: BTreeMap<Hash, super::proposals::Insight>,
    pub(super) open_threads: BTreeSet<Hash>,
    pub(super) open_tasks: BTreeSet<Hash>,
    /// Questions to people that may want a reminder or an end.
    pub(super) open_questions: BTreeSet<Hash>,
    pub(super) ready_since: BTreeMap<Hash, u64>,
    /// The open questions of membership, while they are as they were looked up last.
    pub(super) questions: Option<Arc<[Question]>>,
    /// When the latest roster was put into force.
    pub(super) epoch_began: Hlc,
    pub(super) sync: super::sync::Sync,
    pub(super) next_heartbeat_ms: u64,
    pub(super) dirty: bool,
    /// Accepted events were excluded: the state has to be folded anew.
    pub(super) reload_due: bool,
    pub(super) next_drive_ms: u64,
}

impl Project {
    /// A project whose genesis event is accepted.
    pub(super) fn new(state: State, me: FeedId, genesis: &Event) -> Self {
        let mut feeds = Feeds::default();
        feeds.accept(genesis);
        Project {
            id: state.project(),
            me,
            ledger: Ledger::default(),
            rosters: state.rosters.clone(),
            state,
            feeds,
            clock: genesis.header().hlc,
            life_began: None,
            prepared_at: None,
            genesis: genesis.clone(),
            presences: BTreeMap::new(),
            lapse_ms: Memo::default(),
            agents: BTreeMap::new(),
            have: BTreeSet::new(),
            blobs: super::blobs::Cache::default(),
            named: Vec::new(),
            turns: BTreeMap::new(),
            hosted: None,
            failed_turns: BTreeMap::new(),
            opinions: BTreeMap::new(),
            subjects: BTreeMap::new(),
            insights: BTreeMap::new(),
            open_threads: BTreeSet::new(),
            open_tasks: BTreeSet::new(),
            open_questions: BTreeSet::new(),
            ready_since: BTreeMap::new(),
            questions: None,
            epoch_began: genesis.header().hlc,
            sync: super::sync::Sync::default(),
            next_heartbeat_ms: 0,
            dirty: true,
            reload_due: false,
            next_drive_ms: 0,
        }
    }

    /// The project's id.
    pub fn id(&self) -> Hash {
        self.id
    }

    /// This node's own feed.
    pub fn feed(&self) -> FeedId {
        self.me
    }

    /// Takes a stored event: verified when it was stored, and stored in the order of acceptance.
    pub(super) fn load(&mut self, event: &Event, body: Option<&Body>) {
        if event.header().seq == 0 && event.feed().incarnation > 0 {
            self.feeds.note_life(event);
            // What follows from it is asked at the end: see `Node::cuts_bind`.
            let _ = self.feeds.take_broken();
        }
        if !self.feeds.continues(event) {
            return;
        }
        self.feeds.accept(event);
        if let Some(body) = body {
            // Nothing is held at the start.
            let _ = self.take(&Meta::of(event), body);
            let named = super::blobs_of(body).into_iter().map(|r| (r.hash, event.node()));
            self.named.extend(named);
            // Stored in the order of coming, so that the highest time so far says when.
            let thread = match body {
                Body::FindingsPosted(b) => Some(b.findings.statement.thread),
                Body::Proposed(b) => Some(b.thread),
                _ => None,
            };
            if let Some(thread) = thread.filter(|t| self.open_threads.contains(t)) {
                self.note_coming(thread, event.hash(), self.clock.ms());
            }
        }
    }

    /// Applies an accepted event to the state and to what is derived from it here.
    /// Returns held events to offer again.
    #[must_use]
    pub(super) fn take(&mut self, meta: &Meta, body: &Body) -> Vec<Event> {
        let mut released = Vec::new();
        self.clock = self.clock.max(meta.hlc);
        let before = self.state.rosters.latest().epoch;
        self.state.apply(meta, body);
        if self.state.rosters.latest().epoch > before {
            self.epoch_began = meta.hlc;
            // A question of an epoch that was not known yet may count now.
            let asked = self.state.escalations.iter();
            let asked = asked.filter(|(_, e)| e.opened.as_ref().is_some_and(|(m, _)| m.epoch > before));
            self.open_questions.extend(asked.map(|(id, _)| *id));
        }
        if self.state.rosters.latest().epoch > self.rosters.latest().epoch {
            self.rosters = self.state.rosters.clone();
        }
        match body {
            Body::MembershipConsented(_) | Body::RosterChanged(_) => self.questions = None,
            _ => {}
        }
        match body {
            // Nobody drives a discussion.
            Body::ThreadOpened(b) if b.kind == ThreadKind::Review => {
                self.open_threads.insert(meta.hash());
            }
            Body::Escalated(_) => {
                self.open_questions.insert(meta.hash());
            }
            // An earlier answer to one question may open another of its thread again.
            Body::EscalationAnswered(b) => {
                let question = self.state.escalations.get(&b.answer.statement.escalation);
                let asked = question.and_then(|e| e.opened.as_ref()).map(|(_, asked)| asked.thread);
                let thread = asked.and_then(|id| self.state.threads.get(&id));
                self.open_questions
                    .extend(thread.into_iter().flat_map(|t| t.escalations.values()));
            }
            Body::TaskAnnounced(_) => {
                self.open_tasks.insert(meta.hash());
            }
            Body::RosterPrepared(_) | Body::RosterSigned(_) if meta.feed() == self.me => {
                self.prepared_at = Some(meta.hlc)
            }
            Body::IncarnationStarted(_) if meta.feed() == self.me => self.life_began = Some(meta.hlc),
            // What is not signed by enough has no effect, and cuts nobody off.
            Body::RosterChanged(b)
                if self.state.rosters.epoch(b.roster.epoch) == Some(&b.roster) || plant::active("unsigned_cut") =>
            {
                // It may have brought rosters into force that came before it.
                let fresh = (before + 1).min(b.roster.epoch)..=self.state.rosters.latest().epoch;
                let mut cuts: Vec<_> = fresh
                    .filter_map(|e| self.state.rosters.epoch(e))
                    .flat_map(|r| r.cuts.clone())
                    .collect();
                cuts.extend(&b.roster.cuts);
                for cut in &cuts {
                    let later = self.feeds.heads().map(|(id, _, _)| id);
                    let later = later.filter(|id| id.node == cut.node && id.incarnation > cut.incarnation);
                    let mut ends: Vec<(FeedId, u64)> = later.map(|id| (id, 0)).collect();
                    let life = FeedId {
                        node: cut.node,
                        incarnation: cut.incarnation,
                    };
                    ends.push((life, cut.events));
                    for (feed, at) in ends {
                        released.extend(self.feeds.end(feed, at).ready);
                    }
                    released.extend(self.feeds.cut_known(life));
                }
            }
            _ => {}
        }
        self.dirty = true;
        released
    }

    /// Begins to work.
    pub(super) fn start(&mut self, ctx: &mut Ctx<'_>) {
        self.ledger = Ledger::new(ctx.cfg.limits.clone(), &self.state.shares.account(&self.me));
        match self.hosted.take() {
            Some(hosted) => hosted.into_iter().for_each(|before| self.host_again(ctx, before)),
            // A project that comes to a node whose agents people have stopped finds them stopped.
            None => {
                for spec in ctx.cfg.agents.clone() {
                    let before = Hosted {
                        spec,
                        held: ctx.draining.then_some(AgentStatus::Stopped),
                        killed: ctx.killed,
                    };
                    self.host_again(ctx, before);
                }
            }
        }
        self.expect_named(ctx.now);
        self.dirty = true;
    }

    /// Whether an earlier life of this node may have taken part in what `opening` began. A node that came back from a
    /// backup does not know what it signed in the time that it lost, so it keeps out of everything that was there before it;
    /// what this life itself began, no earlier one has seen.
    pub(super) fn is_forfeited(&self, opening: &Meta) -> bool {
        if plant::active("forgotten_life") || opening.feed() == self.me {
            return false;
        }
        let since = opening.hlc;
        let known_by = |began: Hlc| began.ms() + MAX_SKEW_MS;
        self.me.incarnation > 0 && self.life_began.is_none_or(|began| since.ms() <= known_by(began))
    }

    /// The newest roster that was shown to this node: it may be ahead of the state, which takes it in with its event.
    pub fn newest_roster(&self) -> &crate::body::Roster {
        self.rosters.latest()
    }

    /// Whether this node keeps out of a thread's votes, because it came back from a backup: see [`Project::is_forfeited`].
    pub fn sits_out(&self, thread: &Hash) -> bool {
        let opened = self.state.threads.get(thread).and_then(|t| t.opened.as_ref());
        opened.is_some_and(|(meta, _)| self.is_forfeited(meta))
    }

    /// Whether this node is a member now.
    pub fn is_member(&self) -> bool {
        self.state.rosters.has_member(&self.me.node) && !self.is_removed()
    }

    /// Whether a roster that this node was shown removes it. What others write after that does not reach it any more, so the event
    /// that brings the roster may not come.
    pub fn is_removed(&self) -> bool {
        self.rosters.was_removed(&self.me.node)
    }

    /// Whether this node may write: it is a member, and its feed has not ended.
    pub fn may_write(&self) -> bool {
        let ended = self.feeds.get(&self.me).is_some_and(|f| f.ended_at().is_some());
        self.is_member() && !ended && !self.feeds.is_excluded(&self.me)
    }

    /// Whether this node has a vote.
    pub fn is_seat(&self) -> bool {
        self.state.rosters.latest().owner(&self.me.node).is_some() && !self.is_removed()
    }

    /// Whether something with this home is no business of ours: we have no vote, no agent, and did not begin it.
    pub(super) fn is_onlooker(&self, home: Option<FeedId>) -> bool {
        self.agents.is_empty() && !self.is_seat() && home != Some(self.me)
    }

    /// Whether a node has said lately that it is here.
    pub fn is_live(&self, node: &PublicKey, now: u64) -> bool {
        *node == self.me.node || self.presences.get(node).is_some_and(|(until, _)| *until > now)
    }

    /// Whether this very life of a node is here.
    pub(super) fn is_present(&self, feed: &FeedId, now: u64) -> bool {
        let life = match self.presence(&feed.node, now) {
            _ if feed.node == self.me.node => Some(self.me.incarnation),
            presence => presence.map(|p| p.incarnation),
        };
        life == Some(feed.incarnation)
    }

    /// A node's last presence, while it holds.
    pub fn presence(&self, node: &PublicKey, now: u64) -> Option<&Presence> {
        self.presences
            .get(node)
            .filter(|(until, _)| *until > now)
            .map(|(_, p)| p)
    }

    /// The agents hosted here.
    pub fn local_agents(&self) -> impl Iterator<Item = &LocalAgent> {
        self.agents.values()
    }

    /// Money set aside for calls under way, and money in hand.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// How far a thread is.
    pub fn thread_status(&self, thread: &Hash) -> Option<ThreadStatus> {
        self.state.thread_status(thread)
    }

    /// The reference of an event that opened something, to rest on.
    pub(super) fn thread_ref(&self, thread: &Hash) -> Option<EventRef> {
        Some(self.state.threads.get(thread)?.opened.as_ref()?.0.reference)
    }

    /// Everything that is due. Returns when to call again.
    pub(super) fn run(&mut self, ctx: &mut Ctx<'_>) -> u64 {
        for event in self.feeds.time_passed(ctx.now) {
            self.offer(ctx, event);
        }
        let mut wake = self.sync(ctx).min(self.heartbeat(ctx)).min(self.blob_timers(ctx));
        // Each round appends or asks at least once, and what it appends makes the next round necessary.
        for _ in 0..64 {
            if !self.dirty && ctx.now < self.next_drive_ms {
                break;
            }
            self.dirty = false;
            self.next_drive_ms = self.drive(ctx);
        }
        if self.dirty {
            self.next_drive_ms = ctx.now;
        }
        wake = wake.min(self.next_drive_ms);
        wake
    }

    /// Looks at everything open and does what is missing. Returns when to look again.
    fn drive(&mut self, ctx: &mut Ctx<'_>) -> u64 {
        let mut wake = u64::MAX;
        if !self.may_write() {
            return wake;
        }
        if self.me.incarnation > 0 && self.life_began.is_none() {
            self.begin_life(ctx);
        }
        wake = wake.min(self.drive_roster(ctx));
        if self.has_left() {
            return wake;
        }
        self.drive_resources(ctx);
        wake = wake.min(self.drive_agents(ctx));
        for id in self.open_tasks.iter().copied().collect::<Vec<_>>() {
            wake = wake.min(self.drive_task(ctx, id));
        }
        for id in self.open_threads.iter().copied().collect::<Vec<_>>() {
            wake = wake.min(self.drive_thread(ctx, id));
        }
        wake.min(self.drive_escalations(ctx))
    }

    /// Gives a version to every write of the resources that have their home here.
    fn drive_resources(&mut self, ctx: &mut Ctx<'_>) {
        let me = self.me.node;
        let due: Vec<(String, Hash, Option<u64>)> = self
            .state
            .resources
            .iter()
            .filter(|(_, r)| r.home() == Some(me))
            .filter_map(|(path, r)| {
                let next = r.siblings().into_iter().next()?;
                let latest = r.versions().last().map(|v| (v.number, v.write.meta.hash()));
                let now = latest.map_or(Hash::ZERO, |(_, hash)| hash);
                let fits = next.body.base.is_none_or(|base| base == now);
                let version = fits.then(|| latest.map_or(1, |(number, _)| number + 1));
                Some((path.clone(), next.meta.hash(), version))
            })
            .collect();
        for (path, write, version) in due {
            let body = Body::WriteOrdered(crate::body::WriteOrdered { path, write, version });
            self.append(ctx, body, vec![], vec![]);
        }
    }

    /// Tells whoever watches.
    pub(super) fn notify(&self, ctx: &mut Ctx<'_>, notice: Notice) {
        ctx.out.speak(Effect::Notify(notice));
    }

    /// A blob that is in memory.
    pub fn blob(&self, hash: &Hash) -> Option<&Blob> {
        self.blobs.get(hash)
    }
}
