//! Seats: asking for one, and granting one.
//!
//! One member at a time, the *steward*, proposes roster changes: the live seat that comes first in the roster's order of
//! nodes, by preference the founder. On two sides of a partition there may be two; see [`super::rosters`].

use super::{Admit, Ctx, Effect, MAX_SEAT_REQUESTS, Node, Notice, Project};
use crate::body::{JoinStatement, Signed};
use crate::crypto::{Hash, PublicKey};
use crate::event::{Event, FeedId};
use crate::state::State;
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
        let statement = JoinStatement {
            project: target.unwrap_or(Hash::ZERO),
            owner: self.cfg.owner.clone(),
            operator: self.cfg.operator.public(),
            voting: !self.cfg.agents.is_empty(),
        };
        let request = Signed::new(&self.cfg.key, statement);
        for to in self.peers.keys() {
            self.out.speak(Effect::Send {
                to: *to,
                message: Wire::Join(request.clone()),
            });
        }
    }

    /// Somebody asks for a seat, or a member passes such a request on.
    pub(super) fn join_requested(&mut self, now: u64, from: PublicKey, request: Signed<JoinStatement>) -> Vec<Effect> {
        let wanted = request.statement.project;
        let found = match wanted {
            Hash::ZERO => self.projects.iter().find(|(_, p)| p.is_member()).map(|(id, _)| *id),
            id => self.projects.contains_key(&id).then_some(id),
        };
        let (Some(id), true, true) = (found, request.statement.is_bounded(), request.verify()) else {
            return vec![];
        };
        let node = request.by;
        let member = self.projects[&id].state.rosters.latest().is_member(&node);
        // Only a voting member passes requests on, and has admitted whom it passes on.
        let vouched = from != node && self.projects[&id].state.rosters.latest().owner(&from).is_some();
        let local = from == node && self.peers.get(&node).is_some_and(|p| p.loopback);
        let admitted = member
            || vouched
            || match self.cfg.admit {
                Admit::Ask => false,
                // Under our own owner: it shares a weight that is there, and brings none of its own.
                Admit::Loopback => local && request.statement.owner == self.cfg.owner,
                Admit::Open => from == node,
            };
        if !admitted {
            let request = request.clone();
            let owner = request.statement.owner.clone();
            let known = self.seat_requests.len() < MAX_SEAT_REQUESTS || self.seat_requests.contains_key(&node);
            if known && self.seat_requests.insert(node, request).is_none() {
                self.out.speak(Effect::Notify(Notice::SeatAsked { node, owner }));
            }
        }
        self.step(now, |projects, ctx| {
            if let Some(project) = projects.get_mut(&id) {
                if admitted && !member {
                    project.seat(ctx, node, request.clone());
                }
                let message = Wire::Welcome {
                    project: id,
                    granted: admitted,
                };
                ctx.out.speak(Effect::Send { to: node, message });
                if member {
                    let events = vec![project.genesis.encode().into()];
                    let message = Wire::Events {
                        project: id,
                        events,
                        blobs: vec![],
                    };
                    ctx.out.speak(Effect::Send { to: node, message });
                }
            }
        })
    }

    /// The answer to our request: fetch what there is, as soon as we are a member.
    pub(super) fn welcomed(&mut self, now: u64, from: PublicKey, project: Hash, granted: bool) -> Vec<Effect> {
        // What follows is the genesis event, as soon as we are a member: see `first_events`.
        let expected = self.joining.is_some_and(|target| target.is_none_or(|id| id == project));
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
                message: Wire::WantRosters { project: id },
            });
            project.send_heads(ctx, from, true);
            projects.insert(id, project);
        })
    }

    /// A person admits a node that asked.
    pub(super) fn take_seat_request(&mut self, node: &PublicKey) -> Option<Signed<JoinStatement>> {
        self.seat_requests.remove(node)
    }
}

impl Project {
    /// Who proposes roster changes now.
    pub(super) fn steward(&self, now: u64) -> Option<PublicKey> {
        let founder = self.genesis.node();
        let roster = self.state.rosters.latest();
        if roster.owner(&founder).is_some() && self.is_live(&founder, now) {
            return Some(founder);
        }
        roster.weights().into_keys().find(|node| self.is_live(node, now))
    }

    /// A node is to get a seat: propose it, or pass the request to the steward.
    pub(super) fn seat(&mut self, ctx: &mut Ctx<'_>, node: PublicKey, request: Signed<JoinStatement>) {
        match self.steward(ctx.now) {
            Some(steward) if steward == self.me.node && self.roster_queue.len() < MAX_SEAT_REQUESTS => {
                self.roster_queue.insert(node, request.statement);
                self.dirty = true;
            }
            // Full: who asks asks again.
            Some(steward) if steward == self.me.node => {}
            Some(steward) => ctx.out.speak(Effect::Send {
                to: steward,
                message: Wire::Join(request),
            }),
            None => {}
        }
    }
}
