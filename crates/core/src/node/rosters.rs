//! Roster changes: proposed, prepared in rounds, signed, put into force.
//!
//! Two rosters of one epoch must never both gather more than two thirds by weight, so everybody *signs* at most one for an
//! epoch, ever. If that were all, two stewards on two sides of a partition could split the signatures, and no roster
//! would ever follow. So members first *prepare*, which binds for a round only; who sees that more than two thirds are
//! ready for one roster in one round signs that one. A round that leads nowhere is followed by the next, each longer, and in it
//! everybody is ready for what is furthest along.

use std::collections::{BTreeMap, BTreeSet};

use super::{Ctx, Project};
use crate::body::{Body, MemberSignature, Roster, RosterChanged, RosterPrepared, RosterProposed, RosterSigned};
use crate::crypto::{Hash, PublicKey};
use crate::event::FeedId;
use crate::hlc::Hlc;
use crate::roster::is_quorum;

/// A round grows no longer than this many doublings of the first.
const MAX_DOUBLINGS: u32 = 6;

impl Project {
    /// Proposes, prepares, signs and completes roster changes. Returns when to look again.
    pub(super) fn drive_roster(&mut self, ctx: &mut Ctx<'_>) -> u64 {
        let roster = self.state.rosters.latest().clone();
        self.roster_queue.retain(|node, _| !roster.is_member(node));
        let mut wake = u64::MAX;
        let votes = self.state.roster_votes.get(&(roster.epoch + 1));
        let signed = votes.is_some_and(|v| v.values().any(|signers| signers.contains_key(&self.me.node)));
        if self.is_seat() && !signed {
            match self.furthest_along(&roster) {
                Some(next) if self.is_prepared_by_quorum(&roster, &next) => self.sign_next(ctx, &roster, next),
                Some(next) => wake = self.prepare(ctx, &roster, next),
                None => self.propose_from_queue(ctx, &roster),
            }
        }
        self.complete_roster(ctx, &roster);
        wake
    }

    fn propose_from_queue(&mut self, ctx: &mut Ctx<'_>, roster: &Roster) {
        let next = self
            .roster_queue
            .first_key_value()
            .and_then(|(node, join)| roster.with_member(*node, join));
        if let Some(roster) = next {
            self.append(ctx, Body::RosterProposed(RosterProposed { roster }), vec![], vec![]);
        }
    }

    /// The proposed roster for which most was done: signatures count first, then who was ready in the last round.
    fn furthest_along(&self, roster: &Roster) -> Option<Hash> {
        let next = roster.epoch + 1;
        let before = roster.hash();
        let weigh = |nodes: &mut dyn Iterator<Item = &PublicKey>| {
            let weights = roster.weights();
            nodes.filter_map(|n| weights.get(n)).sum::<u64>()
        };
        let votes = self.state.roster_votes.get(&next);
        let rounds = self.state.roster_prepares.get(&next);
        let key = |hash: &Hash| {
            let signed = votes.and_then(|v| v.get(hash)).map_or(0, |s| weigh(&mut s.keys()));
            let last = rounds.and_then(|r| r.values().next_back()).and_then(|r| r.get(hash));
            let ready = last.map_or(0, |s| weigh(&mut s.iter()));
            (signed, ready, std::cmp::Reverse(*hash))
        };
        let fits = |r: &Roster| r.epoch == next && r.prev == before && roster.is_one_step_to(r);
        let open = self.state.roster_proposals.iter().filter(|(_, r)| fits(r));
        open.map(|(hash, _)| *hash).max_by_key(key)
    }

    fn rounds(&self, roster: &Roster) -> Option<&BTreeMap<u32, BTreeMap<Hash, BTreeSet<PublicKey>>>> {
        self.state.roster_prepares.get(&(roster.epoch + 1))
    }

    /// Whether more than two thirds by weight were ready for a roster in some round. Who has signed it is ready for it in every
    /// round, for it signs no other.
    fn is_prepared_by_quorum(&self, roster: &Roster, next: &Hash) -> bool {
        let (weights, total) = (roster.weights(), roster.total_weight());
        let votes = self.state.roster_votes.get(&(roster.epoch + 1));
        let signers: BTreeSet<&PublicKey> = votes
            .and_then(|v| v.get(next))
            .into_iter()
            .flat_map(|s| s.keys())
            .collect();
        let none = BTreeSet::new();
        let mut rounds = self.rounds(roster).into_iter().flat_map(BTreeMap::values);
        rounds.any(|round| {
            let ready = round.get(next).unwrap_or(&none).iter();
            let all: BTreeSet<&PublicKey> = ready.chain(signers.iter().copied()).collect();
            is_quorum(all.into_iter().filter_map(|n| weights.get(n)).sum(), total)
        })
    }

    fn sign_next(&mut self, ctx: &mut Ctx<'_>, roster: &Roster, next: Hash) {
        let Some(proposed) = self.state.roster_proposals.get(&next) else {
            return;
        };
        let body = RosterSigned {
            roster: next,
            epoch: roster.epoch + 1,
            signature: proposed.sign(&ctx.cfg.key, self.id),
        };
        self.append(ctx, Body::RosterSigned(body), vec![], vec![]);
    }

    /// Is ready for a roster: at once in the first round, and again when a round has led nowhere.
    fn prepare(&mut self, ctx: &mut Ctx<'_>, roster: &Roster, next: Hash) -> u64 {
        let me = self.me.node;
        let rounds = self.rounds(roster);
        let mine = rounds.and_then(|rounds| {
            let took_part = |round: &BTreeMap<Hash, BTreeSet<PublicKey>>| round.values().any(|s| s.contains(&me));
            rounds.iter().rev().find(|(_, r)| took_part(r)).map(|(n, _)| *n)
        });
        let latest = rounds.and_then(|r| r.keys().next_back().copied()).unwrap_or(0);
        let round = match mine {
            None => latest,
            // Somebody is further on: join that round.
            Some(mine) if mine < latest => latest,
            Some(mine) => {
                let began = self.prepared_at.unwrap_or(Hlc::from_ms(ctx.now)).ms();
                let due = began.saturating_add((2 * ctx.cfg.pace.backup_ms) << mine.min(MAX_DOUBLINGS));
                if ctx.now < due {
                    return due;
                }
                mine.saturating_add(1)
            }
        };
        let body = RosterPrepared {
            roster: next,
            epoch: roster.epoch + 1,
            round,
        };
        self.append(ctx, Body::RosterPrepared(body), vec![], vec![]);
        ctx.now + ((2 * ctx.cfg.pace.backup_ms) << round.min(MAX_DOUBLINGS))
    }

    /// Puts a roster into force once enough weight has signed it. Any seat may; the proposer does.
    fn complete_roster(&mut self, ctx: &mut Ctx<'_>, roster: &Roster) {
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
    pub(super) fn removal(&self, node: &PublicKey) -> Option<Roster> {
        let roster = self.state.rosters.latest();
        if !roster.is_member(node) {
            return None;
        }
        let mut next = roster.without_member(node);
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
