//! Roster changes: proposed, prepared in rounds, signed, put into force.
//!
//! Two rosters of one epoch must never both gather more than two thirds by weight in whatever rounds, and members who went different
//! ways on two sides of a partition, or were led there by a liar, must meet again. This is the agreement of one value among members of
//! whom less than a third lie, with rounds and locks (as in Tendermint, arXiv 1807.04938, with events in feeds for messages):
//!
//! - Members *prepare* a roster, which binds for a round only. A round that leads nowhere is followed by the next, each longer.
//! - Who sees that more than two thirds are ready for a roster in a round *signs* it for that round, unless it has taken part in a later
//!   one, and shows in its event whom it saw. So what it is bound by stays on record, whosever feed is excluded later.
//! - In later rounds everybody is ready for the roster of the latest round in which more than two thirds were ready for one, whether it wants
//!   that or not: more than two thirds have. Without one everybody chooses among the changes that it wants: see [`super::membership`].
//!
//! If more than two thirds have signed a roster in a round, those of them who are honest are ready for no other in any later round, so no
//! other finds more than two thirds ready again.

use std::collections::{BTreeMap, BTreeSet};

use super::{Ctx, Project};
use crate::body::{Body, MemberSignature, Roster, RosterChanged, RosterPrepared, RosterProposed, RosterSigned};
use crate::codec;
use crate::crypto::{Hash, PublicKey, Signature};
use crate::event::MAX_EVENT_BYTES;
use crate::hlc::Hlc;
use crate::roster::{ENVELOPE_BYTES, is_quorum};

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
        let roster = self.state.rosters.latest_shared();
        let open = self.open_proposals(&roster);
        let mine = self.last_round(&roster);
        let ready = self.prepared_by_quorum(&roster, &open);
        let wake = match ready {
            Some((round, next)) if self.may_sign(&roster, round) => {
                self.sign_next(ctx, &roster, round, next);
                u64::MAX
            }
            Some((_, next)) => self.prepare(ctx, &roster, mine, &[next]),
            None => {
                let wanted: Vec<Hash> = open.into_iter().filter(|h| self.wants(&roster, h)).collect();
                match wanted.is_empty() {
                    true => self.propose_wanted(ctx, &roster),
                    false => self.prepare(ctx, &roster, mine, &wanted),
                }
            }
        };
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
        if holders.contains(&self.me.node) || roster.is_third(roster.weight_of_all(holders)) {
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
        let before = self.state.rosters.hash_of(roster.epoch);
        let follows = |r: &Roster| Some(r.prev) == before && roster.is_one_step_to(r);
        let next = self.state.roster_proposals_of(roster.epoch + 1);
        let open = next.filter(|(_, r)| follows(r));
        open.map(|(hash, _)| *hash).collect()
    }

    fn wants(&mut self, roster: &Roster, hash: &Hash) -> bool {
        let next = self.state.roster_proposals.get(hash).cloned();
        next.is_some_and(|(next, _)| self.is_wanted(roster, &next))
    }

    /// The proposed roster for which to be ready in a round: in even rounds what most were ready for in the round before, whatever later rounds
    /// somebody names. In odd rounds the choice goes by the hashes, another byte each time: where a member that says it
    /// consents is never ready, those who wait for it come to another change that is carried without it.
    fn furthest_along(&self, roster: &Roster, open: &[Hash], round: u32) -> Option<Hash> {
        let rounds = self.state.roster_prepares.get(&(roster.epoch + 1));
        let key = |hash: &&Hash| {
            let before = round.checked_sub(1);
            let last = before.and_then(|before| rounds?.get(&before)?.get(hash));
            let ready = match round % 2 {
                0 => last.map_or(0, |s| roster.weight_of_all(s.keys())),
                _ => u64::from(hash.0[(round / 2) as usize % hash.0.len()]),
            };
            (ready, std::cmp::Reverse(**hash))
        };
        open.iter().max_by_key(key).copied()
    }

    /// The latest round in which more than two thirds by weight were ready for one of these, and which. Each of them has wanted it, so it
    /// needs no consent of this seat any more.
    fn prepared_by_quorum(&self, roster: &Roster, open: &[Hash]) -> Option<(u32, Hash)> {
        let rounds = self.state.roster_prepares.get(&(roster.epoch + 1))?;
        let enough = |ready: &BTreeMap<PublicKey, Signature>| {
            is_quorum(roster.weight_of_all(ready.keys()), roster.total_weight())
        };
        rounds.iter().rev().find_map(|(round, prepared)| {
            let mut ready = prepared
                .iter()
                .filter(|(hash, ready)| open.contains(hash) && enough(ready));
            ready.next().map(|(hash, _)| (*round, *hash))
        })
    }

    /// The latest round in which this seat was ready for a roster, and in which it signed one.
    fn own_rounds(&self, roster: &Roster) -> [Option<u32>; 2] {
        let epoch = roster.epoch + 1;
        [&self.state.roster_prepares, &self.state.roster_votes].map(|said| {
            let mut rounds = said.get(&epoch)?.iter().rev();
            let took_part = |round: &BTreeMap<Hash, BTreeMap<PublicKey, Signature>>| {
                round.values().any(|s| s.contains_key(&self.me.node))
            };
            rounds.find(|(_, r)| took_part(r)).map(|(n, _)| *n)
        })
    }

    fn last_round(&self, roster: &Roster) -> Option<u32> {
        self.own_rounds(roster).into_iter().max().flatten()
    }

    /// Whether this seat may sign what enough are ready for in a round: it has signed nothing in this round or later, and been ready for nothing
    /// in a later one.
    fn may_sign(&self, roster: &Roster, round: u32) -> bool {
        let [prepared, signed] = self.own_rounds(roster);
        prepared.is_none_or(|last| last <= round) && signed.is_none_or(|last| last < round)
    }

    fn sign_next(&mut self, ctx: &mut Ctx<'_>, roster: &Roster, round: u32, next: Hash) {
        let Some((proposed, _)) = self.state.roster_proposals.get(&next) else {
            return;
        };
        let epoch = roster.epoch + 1;
        let ready = self
            .state
            .roster_prepares
            .get(&epoch)
            .and_then(|r| r.get(&round)?.get(&next));
        let seats = ready
            .into_iter()
            .flatten()
            .filter(|(node, _)| roster.owner(node).is_some());
        let prepares = seats.map(|(node, signature)| MemberSignature {
            node: *node,
            signature: *signature,
        });
        let body = RosterSigned {
            roster: next,
            epoch,
            round,
            signature: proposed.sign(&ctx.cfg.key, self.id, round),
            prepares: prepares.collect(),
        };
        self.repeat_proposal(ctx, roster, &next);
        self.append(ctx, Body::RosterSigned(body), vec![], vec![]);
    }

    /// Is ready for a roster: at once in the first round, and again when a round has led nowhere.
    fn prepare(&mut self, ctx: &mut Ctx<'_>, roster: &Roster, mine: Option<u32>, open: &[Hash]) -> u64 {
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
        let Some((proposed, _)) = self.state.roster_proposals.get(&next) else {
            return u64::MAX;
        };
        let body = RosterPrepared {
            roster: next,
            epoch: roster.epoch + 1,
            round,
            signature: proposed.prepare(&ctx.cfg.key, self.id, round),
        };
        self.append(ctx, Body::RosterPrepared(body), vec![], vec![]);
        ctx.now + ((2 * ctx.cfg.pace.backup_ms) << round.min(MAX_DOUBLINGS))
    }

    /// The round that seats with more than a third of the weight have come to: an honest one is among them, so that nobody alone sends
    /// the others to a round far away.
    fn reached_round(&self, roster: &Roster) -> u32 {
        let mut latest: BTreeMap<PublicKey, u32> = BTreeMap::new();
        let rounds = self.state.roster_prepares.get(&(roster.epoch + 1));
        for (round, prepared) in rounds.into_iter().flatten() {
            latest.extend(prepared.values().flatten().map(|(node, _)| (*node, *round)));
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
        let complete = votes.iter().find_map(|(round, rosters)| {
            rosters.iter().find_map(|(hash, signers)| {
                let (next, _) = self.state.roster_proposals.get(hash)?;
                change_to(roster, self.id, next, *round, signers)
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

/// The change that brings the next roster, where enough weight has signed it: with the signatures that count and no others, so that
/// its event has room for them ([`Roster::fits`]). Where it has none all the same, those of the greatest weight are taken, as many as it takes.
fn change_to(
    roster: &Roster,
    project: Hash,
    next: &Roster,
    round: u32,
    signers: &BTreeMap<PublicKey, Signature>,
) -> Option<RosterChanged> {
    let weights = roster.weights();
    let total = roster.total_weight();
    let weight =
        |signatures: &[MemberSignature]| -> u64 { signatures.iter().filter_map(|s| weights.get(&s.node)).sum() };
    let signatures: Vec<MemberSignature> = signers
        .iter()
        .filter(|(node, _)| weights.contains_key(node))
        .map(|(node, signature)| MemberSignature {
            node: *node,
            signature: *signature,
        })
        .collect();
    // Most of the time there are too few: then none of them is verified again.
    if !is_quorum(weight(&signatures), total) {
        return None;
    }
    let mut change = RosterChanged {
        roster: next.clone(),
        round,
        signatures,
    };
    change.signatures = roster.valid_signatures(project, &change);
    if codec::encode(&change).len() + ENVELOPE_BYTES > MAX_EVENT_BYTES {
        let heaviest = |s: &MemberSignature| std::cmp::Reverse(weights.get(&s.node).copied());
        change.signatures.sort_by_key(heaviest);
        let mut sum = 0;
        let needed = change.signatures.iter().take_while(|s| {
            let take = !is_quorum(sum, total);
            sum += weights.get(&s.node).copied().unwrap_or(0);
            take
        });
        let needed = needed.count();
        change.signatures.truncate(needed);
        change.signatures.sort_unstable_by_key(|s| s.node);
    }
    is_quorum(weight(&change.signatures), total).then_some(change)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::{Answers, Authority, Genesis, Policy, Pool, Seat};
    use crate::crypto::Keypair;
    use crate::event::{Draft, Event, FeedId};
    use crate::state::State;

    const PROJECT: Hash = Hash([9; 32]);

    fn key(n: u32) -> Keypair {
        let mut seed = [3; 32];
        seed[..4].copy_from_slice(&n.to_be_bytes());
        Keypair::from_seed(seed)
    }

    /// Seats `0..seats` with an owner each, whose names have so many bytes, and readers after them.
    fn roster(seats: u32, name_bytes: usize, readers: u32) -> Roster {
        let pool = |n: u32| {
            let node = key(n).public();
            Pool {
                owner: format!("{n:0>name_bytes$}"),
                weight: 1,
                seats: vec![Seat { node, operator: node }],
            }
        };
        let mut readers: Vec<PublicKey> = (seats..seats + readers).map(|n| key(n).public()).collect();
        readers.sort_unstable();
        Roster {
            epoch: 0,
            prev: Hash::ZERO,
            pools: (0..seats).map(pool).collect(),
            readers,
            cuts: vec![],
        }
    }

    fn follower(roster: &Roster) -> Roster {
        Roster {
            epoch: roster.epoch + 1,
            prev: roster.hash(),
            ..roster.clone()
        }
    }

    fn signed(next: &Roster, by: impl Iterator<Item = u32>) -> BTreeMap<PublicKey, Signature> {
        by.map(|n| (key(n).public(), next.sign(&key(n), PROJECT, 0))).collect()
    }

    #[test]
    fn a_change_carries_the_signatures_that_count_and_no_others() {
        let roster = roster(4, 5, 3);
        let next = follower(&roster);
        let mut signers = signed(&next, 0..7);
        let change = change_to(&roster, PROJECT, &next, 0, &signers).expect("all have signed");
        assert_eq!(change.signatures.len(), 4, "readers have no vote");
        assert_eq!(roster.check_next(PROJECT, &change), Ok(()));
        signers.insert(key(3).public(), Signature([7; 64]));
        let change = change_to(&roster, PROJECT, &next, 0, &signers).expect("three of four have");
        assert_eq!(change.signatures.len(), 3);
        signers.insert(key(2).public(), Signature([7; 64]));
        assert_eq!(change_to(&roster, PROJECT, &next, 0, &signers), None, "two of four");
    }

    #[test]
    fn a_change_fits_into_its_event_whoever_signs() {
        // As large as a roster may grow, and beyond, where only a part of the signatures has room.
        for (seats, name_bytes, readers, all) in [(600, 128, 250, true), (900, 128, 0, false)] {
            let roster = roster(seats, name_bytes, readers);
            let next = follower(&roster);
            assert_eq!(next.fits(), all, "{seats} seats");
            let signers = signed(&next, 0..seats + readers);
            let change = change_to(&roster, PROJECT, &next, 0, &signers).expect("all have signed");
            assert_eq!(change.signatures.len() == seats as usize, all);
            assert!(codec::encode(&change).len() + ENVELOPE_BYTES <= MAX_EVENT_BYTES);
            assert_eq!(roster.check_next(PROJECT, &change), Ok(()));
        }
    }

    fn project(roster: &Roster) -> Project {
        let body = Body::Genesis(Genesis {
            name: "atlas".into(),
            nonce: Hash::ZERO,
            roster: roster.clone(),
            policy: Policy {
                authority: Authority::Home,
                shares: vec![],
                answers: Answers::Majority,
            },
        });
        let draft = Draft {
            project: Hash::ZERO,
            incarnation: 0,
            seq: 0,
            prev: Hash::ZERO,
            hlc: Hlc::from_ms(1),
            epoch: 0,
            deps: vec![],
        };
        let genesis = Event::sign(&key(0), draft, &body);
        let state = State::new(&genesis).expect("a genesis event");
        let me = FeedId {
            node: key(0).public(),
            incarnation: 0,
        };
        Project::new(state, me, &genesis)
    }

    #[test]
    fn who_names_a_round_far_away_does_not_choose_for_the_others() {
        let roster = roster(4, 5, 0);
        let mut p = project(&roster);
        let open = [Hash([1; 32]), Hash([2; 32])];
        let prepare = |p: &mut Project, round, what: Hash, by: &[u32]| {
            let rounds = p.state.roster_prepares.entry(1).or_default();
            let ready = rounds.entry(round).or_default().entry(what).or_default();
            ready.extend(by.iter().map(|n| (key(*n).public(), Signature([7; 64]))));
        };
        prepare(&mut p, 1, open[1], &[0, 1]);
        prepare(&mut p, 1, open[0], &[2]);
        assert_eq!(
            p.furthest_along(&roster, &open, 2),
            Some(open[1]),
            "most were ready for it"
        );
        prepare(&mut p, u32::MAX, open[0], &[3]);
        assert_eq!(
            p.furthest_along(&roster, &open, 2),
            Some(open[1]),
            "one seat is elsewhere"
        );
        prepare(&mut p, 3, open[0], &[0, 1, 2]);
        assert_eq!(p.furthest_along(&roster, &open, 4), Some(open[0]), "they have moved on");
    }

    fn say(p: &mut Project, n: u32, body: &Body) {
        let draft = Draft {
            project: p.id,
            incarnation: 0,
            seq: 1,
            prev: Hash::ZERO,
            hlc: Hlc::from_ms(2),
            epoch: 0,
            deps: vec![],
        };
        let event = Event::sign(&key(n), draft, body);
        p.state.apply(&crate::state::Meta::of(&event), body);
    }

    fn prepares(p: &Project, next: &Roster, round: u32, by: impl Iterator<Item = u32>) -> Vec<MemberSignature> {
        let mut all: Vec<MemberSignature> = by
            .map(|n| MemberSignature {
                node: key(n).public(),
                signature: next.prepare(&key(n), p.id, round),
            })
            .collect();
        all.sort_by_key(|s| s.node);
        all
    }

    fn signs(p: &Project, n: u32, next: &Roster, round: u32, prepares: Vec<MemberSignature>) -> Body {
        Body::RosterSigned(RosterSigned {
            roster: next.hash(),
            epoch: next.epoch,
            round,
            signature: next.sign(&key(n), p.id, round),
            prepares,
        })
    }

    #[test]
    fn signatures_that_are_none_count_for_nothing() {
        let roster = roster(4, 5, 1);
        let mut p = project(&roster);
        let next = follower(&roster);
        for n in 1..5 {
            // Another's signature, another round's, and words about others that they never said.
            let others = signs(&p, 0, &next, 0, vec![]);
            say(&mut p, n, &others);
            let Body::RosterSigned(mut body) = signs(&p, n, &next, 1, vec![]) else {
                unreachable!()
            };
            body.round = 2;
            say(&mut p, n, &Body::RosterSigned(body));
            let mut invented = prepares(&p, &next, 1, 0..4);
            invented.iter_mut().for_each(|s| s.signature = Signature([7; 64]));
            let body = signs(&p, n, &next, 0, [invented, prepares(&p, &next, 1, 0..4)].concat());
            say(&mut p, n, &body);
        }
        let open = [next.hash()];
        assert_eq!(p.prepared_by_quorum(&roster, &open), None);
        let signers = &p.state.roster_votes[&1][&0][&next.hash()];
        assert_eq!(signers.len(), 4, "those who signed themselves, for that round");
        assert_eq!(p.state.roster_votes[&1].len(), 1);
    }

    #[test]
    fn what_a_signer_saw_stands_without_the_feeds_of_those_it_saw() {
        let roster = roster(4, 5, 0);
        let mut p = project(&roster);
        let (next, open) = (follower(&roster), [follower(&roster).hash()]);
        let body = signs(&p, 1, &next, 2, prepares(&p, &next, 2, 1..4));
        say(&mut p, 1, &body);
        assert_eq!(p.prepared_by_quorum(&roster, &open), Some((2, next.hash())));
        assert!(p.may_sign(&roster, 2), "it has taken part in nothing");
        // Once ready in a later round, it signs none of an earlier one.
        let later = Body::RosterPrepared(RosterPrepared {
            roster: next.hash(),
            epoch: 1,
            round: 3,
            signature: next.prepare(&key(0), p.id, 3),
        });
        say(&mut p, 0, &later);
        assert!(!p.may_sign(&roster, 2) && p.may_sign(&roster, 3));
        let body = signs(&p, 0, &next, 3, vec![]);
        say(&mut p, 0, &body);
        assert!(!p.may_sign(&roster, 3), "one in a round");
    }
}
