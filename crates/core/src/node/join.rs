//! Seats: asking for one, and consenting to one.
//!
//! Who asks signs for the project by name, so that a request shown in one project proves nothing in another. A seat whose
//! own policy lets the node in consents at once; otherwise the request waits for a person. What is carried, and who proposes
//! the roster, is seen from the consents: see [`super::membership`].

use super::{Admit, Ctx, Effect, MAX_SEAT_REQUESTS, Node, NodeConfig, Notice, Project};
use crate::body::{JoinStatement, MembershipChange, Signed};
use crate::crypto::{Hash, PublicKey};
use crate::event::{Event, FeedId};
use crate::state::{Question, State, Wish};
use crate::wire::Wire;

/// A request for a seat is repeated after this long, milliseconds.
pub const JOIN_RETRY_MS: u64 = 1_000;

impl Node {
    /// Asks every connected peer for a seat, while we have none.
    pub(super) fn ask_for_seat(&mut self, now: u64) {
        let Some(target) = self.joining else { return };
        let done = match target {
            Some(id) => self.projects.get(&id).is_some_and(Project::is_member),
            // A project of our own alone is not what we came for.
            None => self
                .projects
                .values()
                .any(|p| p.is_member() && p.state.rosters.latest().members().len() > 1),
        };
        let gone = |id: &Hash| {
            let project = self.projects.get(id);
            project.is_some_and(|p| p.state.rosters.was_removed(&self.me))
        };
        if target.as_ref().is_some_and(gone) {
            // It never comes back under this key: asking on is of no use.
            self.joining = None;
            return;
        }
        if done {
            self.joining = None;
            for (id, project) in &mut self.projects {
                if project.is_member() {
                    project.dirty = true;
                    self.out.speak(Effect::Notify(Notice::Joined { project: *id }));
                }
            }
            return;
        }
        if now < self.next_join_ms {
            return;
        }
        self.next_join_ms = now + JOIN_RETRY_MS;
        for to in self.peers.keys() {
            // Until a peer has said which project it offers, that is asked: a request counts for the project that it names.
            let project = target.or(self.offers.get(to).copied()).unwrap_or(Hash::ZERO);
            let statement = JoinStatement {
                project,
                owner: self.cfg.owner.clone(),
                operator: self.cfg.operator.public(),
                voting: !self.cfg.agents.is_empty(),
            };
            self.out.speak(Effect::Send {
                to: *to,
                message: Wire::Join(Signed::new(&self.cfg.key, statement)),
            });
        }
    }

    /// Somebody asks for a seat. Also a member without a vote says what it wants: that weighs nothing, and shows the request to
    /// those who have one, where the newcomer reaches none of them.
    pub(super) fn join_requested(&mut self, now: u64, from: PublicKey, request: Signed<JoinStatement>) -> Vec<Effect> {
        let wanted = request.statement.project;
        let found = match wanted {
            Hash::ZERO => self.projects.iter().find(|(_, p)| p.is_member()).map(|(id, _)| *id),
            id => self.projects.contains_key(&id).then_some(id),
        };
        let (Some(id), true, true) = (found, request.statement.is_bounded(), request.verify()) else {
            return vec![];
        };
        let (node, project) = (request.by, &self.projects[&id]);
        let roster = project.state.rosters.latest();
        if from != node {
            return vec![];
        }
        let member = roster.is_member(&node);
        let local = self.peers.get(&node).is_some_and(|p| p.loopback);
        // Without a project in it, it is a question only: the answer names the project that we offer.
        let speaks = project.may_write() && !project.has_left();
        let asks = wanted == id && speaks && !member && !project.state.rosters.was_removed(&node);
        // The first request of a node gets this seat's word; should it ask otherwise later, or should its word have been taken back,
        // that is for a person.
        let said = project.state.membership.said(&self.me, &node).map(|c| &c.change);
        let admits = asks && said.is_none() && self.cfg.admits(&request.statement, local);
        let granted = match said {
            Some(MembershipChange::Admit(before)) => asks && *before == request,
            _ => admits,
        };
        if asks && !granted {
            self.keep_request(id, &request);
        }
        self.step(now, |projects, ctx| {
            let Some(project) = projects.get_mut(&id) else { return };
            if admits {
                project.consent(ctx, MembershipChange::Admit(request));
            }
            let to = node;
            let message = Wire::Welcome {
                project: id,
                granted: member || granted,
            };
            ctx.out.speak(Effect::Send { to, message });
            if member {
                let message = Wire::Events {
                    project: id,
                    events: vec![project.genesis.encode().into()],
                    blobs: vec![],
                };
                ctx.out.speak(Effect::Send { to, message });
            }
        })
    }

    /// Keeps a request for a person to look at. The first of a node counts, or it could change between the look and the word: a
    /// person who wants another one takes back what there is.
    fn keep_request(&mut self, id: Hash, request: &Signed<JoinStatement>) {
        if self.seat_requests.len() >= MAX_SEAT_REQUESTS {
            let projects = &self.projects;
            let waits = |(id, node): &(Hash, PublicKey)| {
                let rosters = projects.get(id).map(|p| &p.state.rosters);
                rosters.is_some_and(|r| !r.latest().is_member(node) && !r.was_removed(node))
            };
            self.seat_requests.retain(|key, _| waits(key));
        }
        let key = (id, request.by);
        if self.seat_requests.len() < MAX_SEAT_REQUESTS && !self.seat_requests.contains_key(&key) {
            self.seat_requests.insert(key, request.clone());
            let (node, owner) = (request.by, request.statement.owner.clone());
            self.out.speak(Effect::Notify(Notice::SeatAsked { node, owner }));
        }
    }

    /// The answer to our request: fetch what there is, as soon as we are a member.
    pub(super) fn welcomed(&mut self, now: u64, from: PublicKey, project: Hash, granted: bool) -> Vec<Effect> {
        // What follows is the genesis event, as soon as we are a member: see `first_events`.
        let expected = self.joining.is_some_and(|target| target.is_none_or(|id| id == project));
        if self.joining.is_some() && self.peers.contains_key(&from) && self.offers.insert(from, project).is_none() {
            // Asked again at once, now for this project.
            self.next_join_ms = now;
        }
        if expected && granted {
            self.joining = Some(Some(project));
        }
        if let Some(known) = self.projects.get_mut(&project).filter(|_| granted && expected) {
            // The project is here already: what is missing is the roster that has us in it.
            known.ask_heads(&mut self.out, from);
        }
        self.step(now, |_, _| {})
    }

    /// Events of a project that we do not know: only its genesis is of use, and only if we asked for the project.
    pub(super) fn first_events(
        &mut self,
        now: u64,
        from: PublicKey,
        id: Hash,
        events: &[minicbor::bytes::ByteVec],
    ) -> Vec<Effect> {
        if self.joining != Some(Some(id)) {
            return vec![];
        }
        let genesis = events
            .iter()
            .filter_map(|e| Event::decode(e).ok())
            .find(|e| e.hash() == id);
        let Some((event, state)) = genesis.and_then(|e| State::new(&e).map(|s| (e, s))) else {
            return vec![];
        };
        let me = FeedId {
            node: self.me,
            incarnation: self.cfg.incarnation,
        };
        let mut project = Project::new(state, me, &event);
        let rest: Vec<_> = events.to_vec();
        self.out.store(id, vec![event], vec![]);
        self.step(now, |projects, ctx| {
            project.start(ctx);
            for bytes in &rest {
                project.event_received(ctx, from, bytes);
            }
            // Who is a member comes first: until that is known, there is little room for what they say.
            ctx.out.speak(Effect::Send {
                to: from,
                message: Wire::WantRosters { project: id, from: 1 },
            });
            project.send_heads(ctx, from, true);
            projects.insert(id, project);
        })
    }

    /// The request of a node that waits for a person here.
    pub(super) fn seat_request(&self, project: &Hash, node: &PublicKey) -> Option<Signed<JoinStatement>> {
        self.seat_requests.get(&(*project, *node)).cloned()
    }

    /// Takes the request of a node from those that wait.
    pub(super) fn forget_seat_request(&mut self, project: &Hash, node: &PublicKey) -> Option<Signed<JoinStatement>> {
        self.seat_requests.remove(&(*project, *node))
    }
}

impl NodeConfig {
    /// Whether a node gets in without a person's word. `local`: it is on this machine.
    fn admits(&self, join: &JoinStatement, local: bool) -> bool {
        match self.admit {
            Admit::Ask => false,
            // Under our own owner: it shares a weight that is there, and brings none of its own.
            Admit::Loopback => local && join.owner == self.owner,
            Admit::Open => true,
        }
    }
}

impl Project {
    /// Consents by this node's own policy to what other seats want, where it asks for no person: whom others let in, an open
    /// node lets in; and a node trusts the others of its own owner with their newcomers.
    pub(super) fn follow_policy(&mut self, ctx: &mut Ctx<'_>) {
        if ctx.cfg.admit == Admit::Ask || self.has_left() {
            return;
        }
        let questions = self.questions();
        let (state, me) = (&self.state, self.me.node);
        let roster = state.rosters.latest();
        let mine = roster.owner(&me);
        let follows = |q: &Question, join: &JoinStatement| match ctx.cfg.admit {
            Admit::Open => true,
            Admit::Ask => false,
            Admit::Loopback => mine == Some(&*join.owner) && q.seats.iter().any(|s| roster.owner(s) == mine),
        };
        let wanted: Vec<Signed<JoinStatement>> = questions
            .iter()
            .filter(|q| q.needed > 0 && state.membership.said(&me, &q.node).is_none())
            .filter_map(|q| match &q.wish {
                Wish::Admit(join) if follows(q, &join.statement) => {
                    let fits = roster.admit(q.node, &join.statement).is_ok();
                    fits.then(|| join.clone())
                }
                _ => None,
            })
            .collect();
        for join in wanted {
            self.consent(ctx, MembershipChange::Admit(join));
        }
    }
}
