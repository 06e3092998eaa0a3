//! The state of a project: a fold over its events that does not depend on the order in which they arrived.
//!
//! Every part is a set, a map, a minimum or a maximum keyed by the total order of events ([`OrderKey`]), so applying an
//! event is a join in a semilattice and nothing is ever folded again for a late one. What depends on "now" is computed when
//! asked, never stored. An event may arrive before the thing that it is about: entries exist without
//! their opening event, and count only once it is there.

mod agents;
mod ballot;
mod budget;
mod escalation;
mod membership;
mod memo;
mod resource;
mod task;
mod thread;

pub use agents::{AgentRecord, Agents};
pub use ballot::{Ballot, FinalEntry, Finals};
pub use budget::{Account, DAY_MS, Shares, Spending};
pub use escalation::{Escalation, EscalationStatus, MAX_REMINDERS, Voice};
pub use membership::{Consent, MAX_CONSENTS, MAX_VOUCHED_SEATS, Membership, Place, Question, Wish};
pub(crate) use memo::Memo;
pub use resource::{Resource, Standing, Version, WriteEntry};
pub use task::{Lease, Task, TaskStatus};
pub use thread::{
    DecidedEntry, FindingsEntry, MessageEntry, Thread, ThreadStatus, latest_decision_ms, lift_weight, unheard_roles,
};

use std::collections::{BTreeMap, BTreeSet};

use crate::body::{
    Body, Endorsement, MembershipChange, Policy, RosterChanged, RosterSigned, RosterStatement, Signed, Statement,
};
use crate::crypto::{Context, Hash, PublicKey, Signature};
use crate::event::{Event, EventRef, FeedId, OrderKey};
use crate::hlc::Hlc;
use crate::plant;
use crate::roster::RosterChain;

/// What an event is, apart from what it says: computed once, handed to every fold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// Its name.
    pub reference: EventRef,
    /// Its time.
    pub hlc: Hlc,
    /// The roster epoch that it speaks under.
    pub epoch: u32,
}

impl Meta {
    /// Of an event.
    pub fn of(event: &Event) -> Self {
        Meta {
            reference: event.reference(),
            hlc: event.header().hlc,
            epoch: event.header().epoch,
        }
    }

    /// The event's hash.
    pub fn hash(&self) -> Hash {
        self.reference.hash
    }

    /// The author.
    pub fn node(&self) -> PublicKey {
        self.reference.feed.node
    }

    /// The feed.
    pub fn feed(&self) -> FeedId {
        self.reference.feed
    }

    /// The place in the order of folds.
    pub fn order(&self) -> OrderKey {
        OrderKey {
            hlc: self.hlc,
            node: self.node(),
            incarnation: self.feed().incarnation,
            seq: self.reference.seq,
        }
    }
}

/// Right signatures about rosters of one epoch, by round, roster and member.
pub type RosterRounds = BTreeMap<u32, BTreeMap<Hash, BTreeMap<PublicKey, Signature>>>;

/// The folded state of one project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Name and policy from the genesis.
    pub name: String,
    /// See [`Policy`].
    pub policy: Policy,
    /// Who belongs to it, epoch by epoch.
    pub rosters: RosterChain,
    /// Right signatures under rosters to come: by epoch, roster hash, then signer, who need not have a vote.
    pub roster_votes: BTreeMap<u32, RosterRounds>,
    /// Who was ready for which roster to come: by epoch, round and roster hash.
    pub roster_prepares: BTreeMap<u32, RosterRounds>,
    /// Rosters that are further ahead than the next: an event may come before the one that its epoch rests on.
    rosters_ahead: BTreeMap<OrderKey, (Meta, RosterChanged)>,
    /// Behind which event of a node each roster came into force, by node and epoch: see [`State::roster_place`].
    roster_places: BTreeMap<PublicKey, BTreeMap<u32, Place>>,
    /// In whose feeds the change that brought each epoch is.
    pub roster_holders: BTreeMap<u32, BTreeSet<PublicKey>>,
    /// Rosters that were proposed, by hash, and by whom.
    pub roster_proposals: BTreeMap<Hash, (crate::body::Roster, BTreeSet<PublicKey>)>,
    /// The same by epoch: those that may follow next are looked for again and again.
    roster_proposals_of: BTreeMap<u32, BTreeSet<Hash>>,
    /// Who wants whom in or out.
    pub membership: Membership,
    /// Agents as declared.
    pub agents: Agents,
    /// Threads by id.
    pub threads: BTreeMap<Hash, Thread>,
    /// Proposals by id.
    pub ballots: BTreeMap<Hash, Ballot>,
    /// Final votes.
    pub finals: Finals,
    /// Tasks by id.
    pub tasks: BTreeMap<Hash, Task>,
    /// Escalations by id.
    pub escalations: BTreeMap<Hash, Escalation>,
    /// Shares of the network's budget.
    pub shares: Shares,
    /// What was spent.
    pub spending: Spending,
    /// Resources by path.
    pub resources: BTreeMap<String, Resource>,
    /// Messages to addresses outside any thread.
    pub mail: BTreeMap<OrderKey, Box<MessageEntry>>,
}

impl State {
    /// The state after the genesis event; `None` when the event is not a genesis.
    pub fn new(genesis: &Event) -> Option<State> {
        let header = genesis.header();
        let Some(Body::Genesis(body)) = genesis.body() else {
            return None;
        };
        if header.project != Hash::ZERO || header.epoch != 0 || header.incarnation != 0 || header.seq != 0 {
            return None;
        }
        if !body.roster.is_member(&genesis.node()) {
            return None;
        }
        Some(State {
            name: body.name.clone(),
            shares: Shares::new(&body.policy),
            policy: body.policy.clone(),
            rosters: RosterChain::new(genesis.clone(), &body),
            roster_votes: BTreeMap::new(),
            roster_prepares: BTreeMap::new(),
            rosters_ahead: BTreeMap::new(),
            roster_places: BTreeMap::new(),
            roster_holders: BTreeMap::new(),
            roster_proposals: BTreeMap::new(),
            roster_proposals_of: BTreeMap::new(),
            membership: Membership::default(),
            agents: Agents::default(),
            threads: BTreeMap::new(),
            ballots: BTreeMap::new(),
            finals: Finals::default(),
            tasks: BTreeMap::new(),
            escalations: BTreeMap::new(),
            spending: Spending::default(),
            resources: BTreeMap::new(),
            mail: BTreeMap::new(),
        })
    }

    /// The project's id.
    pub fn project(&self) -> Hash {
        self.rosters.project()
    }

    /// Applies an accepted event.
    pub fn apply(&mut self, meta: &Meta, body: &Body) {
        match body {
            Body::Genesis(_) | Body::IncarnationStarted(_) | Body::AdminActed(_) => {}
            Body::RosterProposed(b) => {
                let hash = b.roster.hash();
                let of_epoch = self.roster_proposals_of.entry(b.roster.epoch).or_default();
                of_epoch.insert(hash);
                let proposal = self.roster_proposals.entry(hash);
                let (_, by) = proposal.or_insert_with(|| (b.roster.clone(), BTreeSet::new()));
                by.insert(meta.node());
            }
            Body::RosterPrepared(b) => {
                if b.is_signed_by(&meta.node(), self.project()) {
                    let rounds = self.roster_prepares.entry(b.epoch).or_default();
                    note_signature(rounds, b.round, b.roster, meta.node(), b.signature);
                }
            }
            Body::RosterSigned(b) => self.sign_roster(b, meta.node()),
            Body::RosterChanged(b) => self.extend_roster(meta, b),
            Body::MembershipConsented(b) => self.membership.consent(meta, b),
            Body::AgentEndorsed(b) => self.agents.endorse(meta, b),
            Body::AgentRetired(b) => self.agents.retire(meta, b),
            Body::ThreadOpened(b) => self.threads.entry(meta.hash()).or_default().open(meta, b),
            Body::MessagePosted(b) => {
                let entry = Box::new(MessageEntry {
                    reference: meta.reference,
                    message: b.message.clone(),
                });
                let thread = b.message.statement.thread;
                if thread == self.project() {
                    self.mail.insert(meta.order(), entry);
                } else {
                    self.threads
                        .entry(thread)
                        .or_default()
                        .messages
                        .insert(meta.order(), entry);
                }
            }
            Body::FindingsPosted(b) => {
                let thread = self.threads.entry(b.findings.statement.thread).or_default();
                let entry = Box::new(FindingsEntry {
                    reference: meta.reference,
                    findings: b.findings.clone(),
                });
                thread.findings.insert(meta.order(), entry);
            }
            Body::ThreadClosed(b) => self.threads.entry(b.thread).or_default().close(meta, b),
            Body::TaskAnnounced(b) => {
                self.tasks.entry(meta.hash()).or_default().announce(meta, b);
                if let Some(thread) = b.thread {
                    self.threads
                        .entry(thread)
                        .or_default()
                        .tasks
                        .insert(meta.order(), meta.hash());
                }
            }
            Body::TaskClaimed(b) => self.tasks.entry(b.task).or_default().claim(meta, b),
            Body::ClaimAcked(b) => self.tasks.entry(b.task).or_default().ack(meta, b),
            Body::LeaseExtended(b) => self.tasks.entry(b.task).or_default().extend(meta, b),
            Body::TaskReleased(b) => self.tasks.entry(b.task).or_default().release(meta, b),
            Body::TaskCompleted(b) => self.tasks.entry(b.task).or_default().complete(meta, b),
            Body::TaskCancelled(b) => self.tasks.entry(b.task).or_default().cancel(meta, b),
            Body::OutsideActed(b) => self.tasks.entry(b.task).or_default().act(meta, b),
            Body::Proposed(b) => {
                self.threads
                    .entry(b.thread)
                    .or_default()
                    .proposals
                    .insert(meta.order(), meta.hash());
                self.ballots.entry(meta.hash()).or_default().propose(meta, b);
            }
            Body::Committed(b) => self.ballots.entry(b.proposal).or_default().commit(meta, b),
            Body::Revealed(b) => self
                .ballots
                .entry(b.reveal.statement.proposal)
                .or_default()
                .reveal(meta, b),
            Body::FinalVoted(b) => self.finals.vote(meta, b),
            Body::Decided(b) => {
                let entry = Box::new(DecidedEntry {
                    reference: meta.reference,
                    decided: b.clone(),
                });
                self.threads
                    .entry(b.thread)
                    .or_default()
                    .decided
                    .insert(meta.order(), entry);
            }
            Body::Escalated(b) => {
                self.threads
                    .entry(b.thread)
                    .or_default()
                    .escalations
                    .insert(meta.order(), meta.hash());
                self.escalations.entry(meta.hash()).or_default().open(meta, b);
            }
            Body::EscalationAcked(b) => self.escalations.entry(b.escalation).or_default().acknowledge(meta, b),
            Body::EscalationReminded(b) => self.escalations.entry(b.escalation).or_default().remind(meta, b),
            // Whose answers count is judged when they are read.
            Body::EscalationAnswered(b) => self
                .escalations
                .entry(b.answer.statement.escalation)
                .or_default()
                .answer(meta, b),
            Body::EscalationTimedOut(b) => self.escalations.entry(b.escalation).or_default().time_out(meta),
            Body::ShareMoved(b) => self.shares.moved(meta, b),
            Body::ChunkDrawn(b) => self.shares.drawn(meta, b),
            Body::ChunkReturned(b) => self.shares.returned(meta, b),
            Body::ModelCalled(b) => {
                self.shares.charged(meta, b);
                self.spending.charged(meta, b);
            }
            Body::ResourceWritten(b) => self.resources.entry(b.path.clone()).or_default().write(meta, b),
            Body::WriteOrdered(b) => self.resources.entry(b.path.clone()).or_default().order(meta, b),
        }
    }

    /// The rosters of an epoch that were proposed, by hash.
    pub fn roster_proposals_of(&self, epoch: u32) -> impl Iterator<Item = (&Hash, &crate::body::Roster)> {
        let hashes = self.roster_proposals_of.get(&epoch).into_iter().flatten();
        hashes.filter_map(|hash| Some((hash, &self.roster_proposals.get(hash)?.0)))
    }

    /// Enters the next roster, if it follows. An event is accepted when the epoch that it names is known, so what this does is the
    /// same on every node as long as the change is at most one epoch on from there.
    fn extend_roster(&mut self, meta: &Meta, change: &RosterChanged) {
        // Said by a node that it removes, it would cut itself off.
        if change.roster.removes(&meta.node()) || change.roster.epoch > meta.epoch.saturating_add(1) {
            return;
        }
        let known = self.rosters.latest().epoch;
        if change.roster.epoch > known.saturating_add(1) {
            self.rosters_ahead.insert(meta.order(), (*meta, change.clone()));
            return;
        }
        // A roster that does not follow has no effect.
        if self.rosters.extend(change).is_ok() {
            let place = (meta.feed().incarnation, meta.reference.seq + 1);
            let of_node = self.roster_places.entry(meta.node()).or_default();
            let known = of_node.entry(change.roster.epoch).or_insert(place);
            *known = place.min(*known);
            let holders = self.roster_holders.entry(change.roster.epoch).or_default();
            holders.insert(meta.node());
        }
        if self.rosters.latest().epoch > known {
            for (meta, change) in std::mem::take(&mut self.rosters_ahead).into_values() {
                self.extend_roster(&meta, &change);
            }
        }
    }

    /// Behind which event of a node the last of the rosters came into force that it wrote down: its feed is never cut before that. Of
    /// each roster the first writing counts: a node that is to go could otherwise move its end on and on by repeating an old one. So
    /// there is one place for a node and an epoch at most, and each moves the end once.
    pub fn roster_place(&self, node: &PublicKey) -> Option<Place> {
        self.roster_places.get(node)?.values().copied().max()
    }

    /// Notes a member's signature under a roster to come, and whom it saw ready for it; a wrong one has no effect, so that whoever counts
    /// signatures counts right ones.
    fn sign_roster(&mut self, b: &RosterSigned, node: PublicKey) {
        if !b.is_signed_by(&node, self.project()) {
            return;
        }
        let statement = RosterStatement::new(self.project(), b.roster, b.round);
        let rounds = self.roster_prepares.entry(b.epoch).or_default();
        for ready in &b.prepares {
            // Most of the time it has come in its own event before.
            let known = rounds
                .get(&b.round)
                .and_then(|r| r.get(&b.roster))
                .and_then(|r| r.get(&ready.node));
            if known == Some(&ready.signature)
                || !statement.is_signed(Context::RosterPrepare, &ready.node, &ready.signature)
            {
                continue;
            }
            note_signature(rounds, b.round, b.roster, ready.node, ready.signature);
        }
        let rounds = self.roster_votes.entry(b.epoch).or_default();
        note_signature(rounds, b.round, b.roster, node, b.signature);
    }

    /// Whether a key speaks for the node: the node itself, or an agent that it has endorsed.
    pub fn speaks_for(&self, key: &PublicKey, node: &PublicKey) -> bool {
        key == node || self.agents.get(node, key).is_some()
    }
}

/// Notes one signature. Should a member give two, the lesser one is kept, in any order.
fn note_signature(rounds: &mut RosterRounds, round: u32, roster: Hash, node: PublicKey, signature: Signature) {
    let signers = rounds.entry(round).or_default().entry(roster).or_default();
    let kept = signers.entry(node).or_insert(signature);
    *kept = signature.min(*kept);
}

/// Checks the signatures inside a body that comes from outside. An event that fails is refused for good, on every node.
pub fn check_statements(event: &Event, body: &Body) -> Result<(), &'static str> {
    fn check<T: Statement>(signed: &Signed<T>) -> Result<(), &'static str> {
        if signed.verify() {
            Ok(())
        } else {
            Err("a statement in it is not signed by the key that it names")
        }
    }
    fn consented(seat: &Signed<Endorsement>) -> Result<(), &'static str> {
        match seat.statement.is_consented(&seat.by) || plant::active("unasked_agent") {
            true => Ok(()),
            false => Err("an endorsement of an agent whose key does not say so"),
        }
    }
    let project = event.project();
    let of_project = |p: &Hash| {
        if *p == project {
            Ok(())
        } else {
            Err("a statement in it is about another project")
        }
    };
    match body {
        Body::MembershipConsented(b) => match &b.change {
            MembershipChange::Admit(join) => of_project(&join.statement.project).and_then(|()| check(join)),
            _ => Ok(()),
        },
        Body::AgentEndorsed(b) => {
            of_project(&b.endorsement.statement.project)?;
            if b.endorsement.by != event.node() {
                return Err("an endorsement is signed by another node");
            }
            check(&b.endorsement).and_then(|()| consented(&b.endorsement))
        }
        Body::MessagePosted(b) => of_project(&b.message.statement.project).and_then(|()| check(&b.message)),
        Body::FindingsPosted(b) => of_project(&b.findings.statement.project).and_then(|()| check(&b.findings)),
        Body::Proposed(b) => {
            b.panel.iter().try_for_each(|seat| {
                of_project(&seat.statement.project)?;
                check(seat).and_then(|()| consented(seat))
            })?;
            b.vetoes.iter().try_for_each(|veto| {
                of_project(&veto.statement.project)?;
                check(veto)
            })
        }
        Body::Revealed(b) => check(&b.reveal),
        Body::FinalVoted(b) => of_project(&b.vote.statement.project).and_then(|()| check(&b.vote)),
        Body::EscalationAnswered(b) => of_project(&b.answer.statement.project).and_then(|()| check(&b.answer)),
        _ => Ok(()),
    }
}
