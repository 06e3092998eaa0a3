//! Roster changes: proposed, prepared in rounds, signed, put into force.
//!
//! Two rosters of one epoch must never both gather more than two thirds by weight, so everybody *signs* at most one for an
//! epoch, ever. If that were all, two stewards on two sides of a partition could split the signatures, and no roster
//! would ever follow. So members first *prepare*, which binds for a round only; who sees that more than two thirds are
//! ready for one roster in one round signs that one. A round that leads nowhere is followed by the next, each longer, and in it
//! everybody is ready for what is furthest along. Nobody is ready for a change that it does not want: see
//! [`super::membership`].

use std::collections::{BTreeMap, BTreeSet};

use super::{Ctx, Project};
use crate::body::{Body, MemberSignature, Roster, RosterChanged, RosterPrepared, RosterProposed, RosterSigned};
use crate::crypto::{Hash, PublicKey};
use crate::hlc::Hlc;
use crate::roster::is_quorum;

/// A round grows no longer than this many doublings of the first.
const MAX_DOUBLINGS: u32 = 6;

/// The changes to so many of the latest rosters are kept in enough feeds.
const REPEATED_EPOCHS: u32 = 16;

impl Project {
    /// Proposes, prepares, signs and completes roster changes. Returns when to look again.
    pub(super) fn drive_roster(&mut self, ctx: &mut Ctx<'_>) -> u64 {
        if !self.is_seat() {
            return u64::MAX;
        }
        self.follow_policy(ctx);
        let roster = self.state.rosters.latest().clone();
        let mut wake = u64::MAX;
        let votes = self.state.roster_votes.get(&(roster.epoch + 1));
        let signed = votes.is_some_and(|v| v.values().any(|signers| signers.contains_key(&self.me.node)));
        if !signed {
            let open = self.open_proposals(&roster);
            if let Some(ready) = self.prepared_by_quorum(&roster, &open) {
                self.sign_next(ctx, &roster, ready);
            } else {
                let wanted: Vec<Hash> = open
                    .into_iter()
                    .filter(|h| self.is_bound_to(&roster, h) || self.wants(&roster, h))
                    .collect();
                wake = wake.min(match wanted.is_empty() {
                    true => self.propose_wanted(ctx, &roster),
                    false => self.prepare(ctx, &roster, &wanted),
                });
            }
        }
        wake.min(self.complete_roster(ctx, &roster))
            .min(self.repeat_changes(ctx, &roster))
    }

    /// Puts the changes that brought the latest rosters into this node's own feed, unless seats with more than a third of the weight
    /// have them in theirs: were one only in feeds that are excluded later, everybody would fall back to the roster before it.
    fn repeat_changes(&mut self, ctx: &mut Ctx<'_>, roster: &Roster) -> u64 {
        let first = roster.epoch.saturating_sub(REPEATED_EPOCHS - 1).max(1);
        let epochs = first..=roster.epoch;
        epochs
            .map(|epoch| self.repeat_change(ctx, roster, epoch))
            .min()
            .unwrap_or(u64::MAX)
    }

    fn repeat_change(&mut self, ctx: &mut Ctx<'_>, roster: &Roster, epoch: u32) -> u64 {
        let Some(change) = self.state.rosters.changes_to(epoch).last() else {
            return u64::MAX;
        };
        let none = BTreeSet::new();
        let holders = self.state.roster_holders.get(&epoch).unwrap_or(&none);
        if roster.is_third(roster.weight_of_all(holders)) || holders.contains(&self.me.node) {
            return u64::MAX;
        }
        let change = change.clone();
        let rank = self.rank_of(ctx.now, |node| !holders.contains(node));
        let due = self.epoch_began.ms() + (rank + 1) * 2 * ctx.cfg.pace.backup_ms;
        if ctx.now < due {
            return due;
        }
        self.append(ctx, Body::RosterChanged(change), vec![], vec![]);
        u64::MAX
    }

    /// Proposals that are one step from the latest roster, whoever made them.
    fn open_proposals(&self, roster: &Roster) -> Vec<Hash> {
        let (epoch, before) = (roster.epoch + 1, roster.hash());
        let follows = |r: &Roster| r.epoch == epoch && r.prev == before && roster.is_one_step_to(r);
        let open = self.state.roster_proposals.iter().filter(|(_, (r, _))| follows(r));
        open.map(|(hash, _)| *hash).collect()
    }

    /// Whether more than a third of the weight, and not one seat alone, has signed a roster: then no other can follow any more, so it
    /// is this one or none for ever. Among so many is an honest seat, which signs only what enough were ready for; that this
    /// seat does not see it may be for a feed that was excluded since.
    fn is_bound_to(&self, roster: &Roster, hash: &Hash) -> bool {
        let votes = self.state.roster_votes.get(&(roster.epoch + 1));
        let signers = votes.and_then(|v| v.get(hash)).into_iter().flat_map(BTreeMap::keys);
        let seats: Vec<&PublicKey> = signers.filter(|node| roster.owner(node).is_some()).collect();
        seats.len() > 1 && roster.is_third(roster.weight_of_all(seats))
    }

    fn wants(&mut self, roster: &Roster, hash: &Hash) -> bool {
        let next = self.state.roster_proposals.get(hash).cloned();
        next.is_some_and(|(next, _)| self.is_wanted(roster, &next))
    }

    /// The proposed roster for which to be ready in a round. Signatures count first; then, in even rounds, what most were ready for
    /// in the last round. In odd rounds the choice goes by the hashes, another byte each time: where a member that says it
    /// consents is never ready, those who wait for it come to another change that is carried without it.
    fn furthest_along(&self, roster: &Roster, open: &[Hash], round: u32) -> Option<Hash> {
        let next = roster.epoch + 1;
        let votes = self.state.roster_votes.get(&next);
        let rounds = self.state.roster_prepares.get(&next);
        let key = |hash: &&Hash| {
            let signed = votes
                .and_then(|v| v.get(hash))
                .map_or(0, |s| roster.weight_of_all(s.keys()));
            let last = rounds.and_then(|r| r.values().next_back()).and_then(|r| r.get(hash));
            let ready = match round % 2 {
                0 => last.map_or(0, |s| roster.weight_of_all(s)),
                _ => u64::from(hash.0[(round / 2) as usize % hash.0.len()]),
            };
            (signed, ready, std::cmp::Reverse(**hash))
        };
        open.iter().max_by_key(key).copied()
    }

    /// The proposal for which more than two thirds were ready, that with the most signatures first.
    ///
    /// Each of those who were ready has wanted it, so it needs no consent of this seat any more; and were this seat to keep
    /// back its signature, those who have signed could never come to another roster.
    fn prepared_by_quorum(&self, roster: &Roster, open: &[Hash]) -> Option<Hash> {
        let ready: Vec<Hash> = open
            .iter()
            .filter(|hash| self.is_prepared_by_quorum(roster, hash))
            .copied()
            .collect();
        self.furthest_along(roster, &ready, 0)
    }

    fn rounds(&self, roster: &Roster) -> Option<&BTreeMap<u32, BTreeMap<Hash, BTreeSet<PublicKey>>>> {
        self.state.roster_prepares.get(&(roster.epoch + 1))
    }

    /// Whether more than two thirds by weight were ready for a roster in some round. Who has signed it is ready for it in every
    /// round, for it signs no other.
    fn is_prepared_by_quorum(&self, roster: &Roster, next: &Hash) -> bool {
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
            is_quorum(roster.weight_of_all(all), roster.total_weight())
        })
    }

    fn sign_next(&mut self, ctx: &mut Ctx<'_>, roster: &Roster, next: Hash) {
        let Some((proposed, _)) = self.state.roster_proposals.get(&next) else {
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
    fn prepare(&mut self, ctx: &mut Ctx<'_>, roster: &Roster, open: &[Hash]) -> u64 {
        let me = self.me.node;
        let rounds = self.rounds(roster);
        let mine = rounds.and_then(|rounds| {
            let took_part = |round: &BTreeMap<Hash, BTreeSet<PublicKey>>| round.values().any(|s| s.contains(&me));
            rounds.iter().rev().find(|(_, r)| took_part(r)).map(|(n, _)| *n)
        });
        let latest = self.reached_round(roster);
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
        let Some(next) = self.furthest_along(roster, open, round) else {
            return u64::MAX;
        };
        self.repeat_proposal(ctx, roster, &next);
        let body = RosterPrepared {
            roster: next,
            epoch: roster.epoch + 1,
            round,
        };
        self.append(ctx, Body::RosterPrepared(body), vec![], vec![]);
        ctx.now + ((2 * ctx.cfg.pace.backup_ms) << round.min(MAX_DOUBLINGS))
    }

    /// The round that seats with more than a third of the weight have come to: an honest one is among them, so that nobody alone sends
    /// the others to a round far away.
    fn reached_round(&self, roster: &Roster) -> u32 {
        let mut latest: BTreeMap<PublicKey, u32> = BTreeMap::new();
        for (round, prepared) in self.rounds(roster).into_iter().flatten() {
            latest.extend(prepared.values().flatten().map(|node| (*node, *round)));
        }
        let weights = roster.weights();
        let mut rounds: Vec<(u32, u64)> = latest
            .iter()
            .filter_map(|(node, round)| Some((*round, *weights.get(node)?)))
            .collect();
        rounds.sort_unstable_by(|a, b| b.cmp(a));
        let mut weight = 0;
        let reached = rounds.into_iter().find(|(_, w)| {
            weight += w;
            roster.is_third(weight)
        });
        reached.map_or(0, |(round, _)| round)
    }

    /// Puts a proposal into this node's own feed, unless seats with more than a third of the weight have it in theirs: were it only in
    /// feeds that are excluded later, those who have signed it would be bound to a roster that nobody knows.
    fn repeat_proposal(&mut self, ctx: &mut Ctx<'_>, roster: &Roster, next: &Hash) {
        let Some((proposed, by)) = self.state.roster_proposals.get(next) else {
            return;
        };
        if roster.is_third(roster.weight_of_all(by)) || by.contains(&self.me.node) {
            return;
        }
        let again = RosterProposed {
            roster: proposed.clone(),
        };
        self.append(ctx, Body::RosterProposed(again), vec![], vec![]);
    }

    /// Puts a roster into force once enough weight has signed it. Any seat that stays may, for what a removed node says of its own
    /// removal would be cut off with it; each a little after the one before it, so that nobody can hold it up.
    fn complete_roster(&mut self, ctx: &mut Ctx<'_>, roster: &Roster) -> u64 {
        let Some(votes) = self.state.roster_votes.get(&(roster.epoch + 1)) else {
            return u64::MAX;
        };
        let complete = votes.iter().find_map(|(hash, signers)| {
            let (next, _) = self.state.roster_proposals.get(hash)?;
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
        let Some(change) = complete.filter(|c| c.roster.is_member(&self.me.node)) else {
            return u64::MAX;
        };
        let since = self.prepared_at.unwrap_or_default().max(self.epoch_began).ms();
        let rank = self.rank_of(ctx.now, |node| change.roster.is_member(node));
        let due = since + rank * 2 * ctx.cfg.pace.backup_ms;
        if ctx.now < due {
            return due;
        }
        let epoch = change.roster.epoch;
        self.append(ctx, Body::RosterChanged(change), vec![], vec![]);
        for event in self.feeds.epoch_known(epoch) {
            self.offer(ctx, event);
        }
        self.next_heartbeat_ms = ctx.now;
        u64::MAX
    }
}
