//! Seats: asking for one, granting one, and the roster changes that follow.
//!
//! One member at a time, the *steward*, proposes roster changes: the live seat that comes first in the roster's order of
//! nodes, by preference the founder. Everybody signs at most one change for an epoch, so two changes for one epoch
//! cannot both gather more than two thirds.

use super::{Admit, Ctx, Effect, MAX_SEAT_REQUESTS, Node, Notice, Project};
use crate::body::{Body, JoinStatement, MemberSignature, RosterChanged, RosterProposed, RosterSigned, Signed};
use crate::crypto::{Hash, PublicKey};
use crate::event::{Event, FeedId};
use crate::roster::is_quorum;
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
        let vouched = from != node && self.projects[&id].state.rosters.latest().is_member(&from);
        let local = from == node && self.peers.get(&node).is_some_and(|p| p.loopback);
        let admitted = member
            || vouched
            || match self.cfg.admit {
                Admit::Ask => false,
                Admit::Loopback => local,
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
    fn steward(&self, now: u64) -> Option<PublicKey> {
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
            Some(steward) if steward == self.me.node => {
                if self.roster_queue.len() < MAX_SEAT_REQUESTS {
                    self.roster_queue.insert(node, request.statement);
                    self.dirty = true;
                }
            }
            Some(steward) => ctx.out.speak(Effect::Send {
                to: steward,
                message: Wire::Join(request),
            }),
            None => {}
        }
    }

    /// Proposes, signs and completes roster changes.
    pub(super) fn drive_roster(&mut self, ctx: &mut Ctx<'_>) {
        let roster = self.state.rosters.latest().clone();
        self.roster_queue.retain(|node, _| !roster.is_member(node));
        let next = roster.epoch + 1;
        let me = self.me.node;
        let votes = self.state.roster_votes.get(&next);
        let signed = votes.is_some_and(|v| v.values().any(|signers| signers.contains_key(&me)));
        if self.is_seat() && !signed {
            let proposed = votes
                .into_iter()
                .flat_map(|v| v.keys())
                .filter_map(|h| self.state.roster_proposals.get(h));
            let acceptable = proposed
                .filter(|r| r.prev == roster.hash())
                .min_by_key(|r| r.hash())
                .cloned();
            if let Some(r) = acceptable {
                let signature = r.sign(&ctx.cfg.key, self.id);
                let body = Body::RosterSigned(RosterSigned {
                    roster: r.hash(),
                    epoch: next,
                    signature,
                });
                self.append(ctx, body, vec![], vec![]);
            } else if let Some((node, join)) = self.roster_queue.first_key_value()
                && let Some(r) = roster.with_member(*node, join)
            {
                let signature = r.sign(&ctx.cfg.key, self.id);
                self.append(
                    ctx,
                    Body::RosterProposed(RosterProposed { roster: r, signature }),
                    vec![],
                    vec![],
                );
            }
        }
        self.complete_roster(ctx, &roster);
    }

    /// Puts a roster into force once enough weight has signed it. Any seat may; the proposer does.
    fn complete_roster(&mut self, ctx: &mut Ctx<'_>, roster: &crate::body::Roster) {
        if !self.is_seat() {
            return;
        }
        let Some(votes) = self.state.roster_votes.get(&(roster.epoch + 1)) else {
            return;
        };
        let complete = votes.iter().find_map(|(hash, signers)| {
            let next = self.state.roster_proposals.get(hash)?;
            let signatures: Vec<MemberSignature> = signers
                .iter()
                .map(|(node, signature)| MemberSignature {
                    node: *node,
                    signature: *signature,
                })
                .collect();
            let weight = roster.signed_weight(self.id, next, &signatures);
            is_quorum(weight, roster.total_weight()).then(|| RosterChanged {
                roster: next.clone(),
                signatures,
            })
        });
        if let Some(change) = complete.filter(|c| self.completes(&c.roster, ctx.now)) {
            let epoch = change.roster.epoch;
            self.append(ctx, Body::RosterChanged(change), vec![], vec![]);
            for event in self.feeds.epoch_known(epoch) {
                self.offer(ctx, event);
            }
            self.next_heartbeat_ms = ctx.now;
        }
    }

    /// Whether it is up to this node to put a roster into force: the steward does, or, where that one is to go, the first live seat
    /// that stays, for what a removed node says of its own removal would be cut off with it.
    fn completes(&self, next: &crate::body::Roster, now: u64) -> bool {
        let steward = self.steward(now).filter(|s| next.is_member(s));
        let stays = || {
            let seats = self.state.rosters.latest().weights().into_keys();
            seats.into_iter().find(|n| next.is_member(n) && self.is_live(n, now))
        };
        steward.or_else(stays) == Some(self.me.node)
    }

    /// Proposes a roster without a node; its feeds end where they are.
    pub(super) fn removal(&self, node: &PublicKey) -> Option<crate::body::Roster> {
        let roster = self.state.rosters.latest();
        if !roster.is_member(node) {
            return None;
        }
        let mut next = roster.clone();
        next.epoch += 1;
        next.prev = roster.hash();
        for pool in &mut next.pools {
            pool.seats.retain(|s| s.node != *node);
        }
        next.pools.retain(|p| !p.seats.is_empty());
        next.readers.retain(|r| r != node);
        let incarnation = self.feeds.incarnation(node);
        let feed = FeedId {
            node: *node,
            incarnation,
        };
        let events = self.feeds.get(&feed).map_or(0, |f| f.len());
        next.cuts.push(crate::body::Cut {
            node: *node,
            incarnation,
            events,
        });
        next.cuts.sort_unstable();
        (!next.pools.is_empty()).then_some(next)
    }
}
